/**
 * Small and large tumours, U-Net against SD-UNet, on tumours in four modalities that archc draws:
 * node scripts/run.mjs experiments/tumours.ts
 */
import type { Shown } from '../src/train/evaluate.js';
import { countedModels } from './counts.js';
import { readOptions, trainAll, type Trained, type Training } from './experiment.js';
import { scoreTable, writePage } from './page.js';
import { errorCell, imageCell, lossChart, predictions, sheet, withMask } from './pictures.js';
import { judge, sizeClaims, sizeTable } from './sizes.js';

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

const trained = await trainAll(TRAININGS, options);
const judged = await judge(trained, LARGE, options);

/** Of each network, its worst slices of each size. */
const failures: (readonly Shown[])[] = [];
for (const each of trained) {
  const worst = await worstFirst(each);
  failures.push([
    ...worst.filter((one) => tumourPixels(one) < LARGE).slice(0, FAILURES),
    ...worst.filter((one) => tumourPixels(one) >= LARGE).slice(0, FAILURES),
  ]);
}
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
const losses = lossChart('Training loss on drawn tumours', 'loss', trained);

writePage(
  {
    name: 'tumours',
    title: 'Small and large tumours, U-Net against SD-UNet',
    about: `On BRATS the paper finds SD-UNet comparable with U-Net on large tumours and better on small ones. Here both, of an eighth of the paper’s width, train on drawn tumours in the four modalities and the three kinds of tissue of BRATS (no anatomy is claimed of them); a third of the patients are held out. A slice counts for large tumours from ${LARGE} tumour pixels on, of 96 × 96, and for small ones below; slices without any count for neither. Loss: ½ Dice + ½ binary cross-entropy.`,
    trained,
    commands: judged.map(({ command }) => command),
    sections: [
      '## Dice by size',
      sizeTable(judged),
      '## All that was held out',
      scoreTable(trained),
      countedModels(trained),
      '![Training loss](tumours-loss.svg)',
      '## Failures',
      `Rows: the ${FAILURES} slices with small tumours, then the ${FAILURES} with large ones, of which each network finds least, by the Dice of the whole tumour. Columns: ${judged.map(({ trained: { label } }) => label).join(', ')}; for each the first modality, the labels over it (orange: oedema, blue: non-enhancing, green: enhancing), the prediction, and the differences (green: found; orange: not there, or of another kind; blue: missed).`,
      '![The worst slices](tumours-failures.png)',
    ],
    against: sizeClaims(judged),
    limits:
      'These tumours are drawn, and easier than real ones; networks are narrow, steps are few, and there is one seed and a handful of patients. That seed was chosen for U-Net: its head narrows to two channels under ReLU, and with other seeds both of them die in the first steps, after which it learns nothing.',
  },
  { 'tumours-loss.svg': losses, 'tumours-failures.png': await sheet(cells) },
  options,
);

/** Held-out slices with a tumour, by the Dice of the whole tumour. */
async function worstFirst(each: Trained): Promise<readonly Shown[]> {
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
