/**
 * Small and large tumours, U-Net against SD-UNet, on tumours in four modalities that archc draws:
 * node scripts/run.mjs experiments/tumours.ts
 */
import { curveChart } from '../src/charts/curve-chart.js';
import type { Shown } from '../src/train/evaluate.js';
import { countedModels } from './counts.js';
import {
  evaluateOne,
  readOptions,
  trainAll,
  type JsonScores,
  type Trained,
  type Training,
} from './experiment.js';
import { isBetter, isAsGood, meanOf, score, scoreTable, table, writePage } from './page.js';
import { errorCell, imageCell, lossPanel, predictions, sheet, withMask } from './pictures.js';

/** Tumour pixels from which a slice counts as one of a large tumour: 4.3 % of 96 × 96. */
const LARGE = 400;
/** The worst slices that are shown of each size. */
const FAILURES = 3;

const options = readOptions('tumours');
const few = options.quick ? { set: ['patients=3'] } : {};
const TRAININGS: readonly Training[] = [
  { label: 'SD-UNet', name: 'tumours_sdunet', recipe: 'tumours', ...few },
  {
    label: 'SD-UNet without WS',
    name: 'tumours_sdunet_no_ws',
    recipe: 'tumours',
    set: ['ws=false', ...(few.set ?? [])],
  },
  { label: 'U-Net', name: 'tumours_unet', recipe: 'tumours_unet', ...few },
];

interface Judged {
  readonly trained: Trained;
  readonly command: string;
  readonly small: JsonScores;
  readonly large: JsonScores;
  readonly images: { readonly small: number; readonly large: number };
  /** By the Dice of the whole tumour, the worst first. */
  readonly failures: readonly Shown[];
}

const trained = await trainAll(TRAININGS, options);
const judged: Judged[] = [];
for (const each of trained) {
  const { command, output } = await evaluateOne(each, ['--large', String(LARGE)], options);
  const { small, large, images } = output;
  if (small === undefined || large === undefined)
    throw new Error('archc eval tells no sizes apart');
  judged.push({ trained: each, command, small, large, images, failures: await worst(each) });
}

const [sdunet, noWs, unet] = judged;
if (sdunet === undefined || noWs === undefined || unet === undefined)
  throw new Error('no training');
const classes = trained[0]?.classes ?? [];
/** The mean over the kinds of tissue, 0 where one is undefined. */
const dice = ({ dice: all }: JsonScores): number => meanOf(all.slice(1).map((each) => each ?? 0));
const said = (a: number, b: number, other = 'SD-UNet'): string =>
  `mean Dice ${score(a)} with ${other}, ${score(b)} with U-Net`;
const diceRow = (label: string, size: string, count: number, scores: JsonScores): string[] => [
  label,
  size,
  String(count),
  ...classes.map((_, i) => score(scores.dice[i])).slice(1),
  score(dice(scores)),
];

/** Of each network, its worst slices of each size. */
const failures = judged.map(({ failures: all }) => [
  ...all.filter((each) => tumourPixels(each) < LARGE).slice(0, FAILURES),
  ...all.filter((each) => tumourPixels(each) >= LARGE).slice(0, FAILURES),
]);
const cells = Array.from({ length: 2 * FAILURES }, (_, i) =>
  failures.flatMap((all) => {
    const each = all[i];
    if (each === undefined) return [];
    return [
      imageCell(each),
      withMask(each, each.truth),
      withMask(each, each.predicted),
      errorCell(each),
    ];
  }),
);
const losses = curveChart({
  title: 'Training loss on drawn tumours',
  x: 'steps',
  panels: [lossPanel('½ Dice + ½ cross-entropy', trained)],
});

writePage(
  {
    name: 'tumours',
    title: 'Small and large tumours, U-Net against SD-UNet',
    about: `On BRATS the paper finds SD-UNet comparable with U-Net on large tumours and better on small ones. Here both, of an eighth of the paper’s width, train on drawn tumours in the four modalities and the three kinds of tissue of BRATS (no anatomy is claimed of them); a third of the patients are held out. A slice counts for large tumours from ${LARGE} tumour pixels on, of 96 × 96, and for small ones below; slices without any count for neither. Loss: ½ Dice + ½ binary cross-entropy.`,
    trained,
    commands: judged.map(({ command }) => command),
    sections: [
      '## Dice by size',
      table(
        ['network', 'tumours', 'slices', ...classes.slice(1), 'mean'],
        judged.flatMap(({ trained: { label }, small, large, images }) => [
          diceRow(label, 'small', images.small, small),
          diceRow(label, 'large', images.large, large),
        ]),
      ),
      '## All that was held out',
      scoreTable(trained),
      countedModels(trained),
      '![Training loss](tumours-loss.svg)',
      '## Failures',
      `Rows: the ${FAILURES} slices with small tumours, then the ${FAILURES} with large ones, of which each network finds least, by the Dice of the whole tumour. Columns: ${judged.map(({ trained: { label } }) => label).join(', ')}; for each the first modality, the labels over it (orange: oedema, blue: non-enhancing, green: enhancing), the prediction, and the differences (green: found; orange: not there, or of another kind; blue: missed).`,
      '![The worst slices](tumours-failures.png)',
    ],
    against: [
      {
        claim: 'comparable with U-Net on large tumours',
        here: said(dice(sdunet.large), dice(unet.large)),
        verdict: isAsGood(dice(sdunet.large), dice(unet.large)),
      },
      {
        claim: 'better than U-Net on small tumours',
        here: said(dice(sdunet.small), dice(unet.small)),
        verdict: isBetter(dice(sdunet.small), dice(unet.small)),
      },
      {
        claim: 'on large tumours, were it not for WS',
        here: said(dice(noWs.large), dice(unet.large), noWs.trained.label),
        verdict: isAsGood(dice(noWs.large), dice(unet.large)),
      },
      {
        claim: 'on small tumours, were it not for WS',
        here: said(dice(noWs.small), dice(unet.small), noWs.trained.label),
        verdict: isBetter(dice(noWs.small), dice(unet.small)),
      },
    ],
    limits:
      'These tumours are drawn, and easier than real ones; networks are narrow, steps are few, and there is one seed and a handful of patients.',
  },
  { 'tumours-loss.svg': losses, 'tumours-failures.png': await sheet(cells) },
  options,
);

async function worst(each: Trained): Promise<readonly Shown[]> {
  const shown = await predictions(each, options.data);
  return shown
    .filter((one) => tumourPixels(one) > 0)
    .map((one) => ({ one, found: wholeDice(one) }))
    .sort((a, b) => a.found - b.found)
    .map(({ one }) => one);
}

function tumourPixels({ truth }: Shown): number {
  return truth.filter((label) => label > 0).length;
}

/** Of the tumour against all else. */
function wholeDice({ truth, predicted }: Shown): number {
  const both = truth.filter((label, i) => label > 0 && (predicted[i] ?? 0) > 0).length;
  return (2 * both) / (truth.filter(Boolean).length + predicted.filter(Boolean).length);
}
