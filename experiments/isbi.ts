/**
 * U-Net and SD-UNet on the 30 training slices of ISBI 2012, the last six held out:
 * node scripts/run.mjs experiments/isbi.ts --data PATH
 */
import { join } from 'node:path';
import { membranes } from '../src/data/membranes.js';
import { quit, readOptions, trainAll, type Options, type Training } from './experiment.js';
import { countedModels } from './counts.js';
import { writeDrawn } from './drawn.js';
import { diceOf, isAsGood, meanOf, score, scoreTable, writePage } from './page.js';
import { imageCell, lossChart, maskCell, predictions, sheet } from './pictures.js';

const TRAININGS: readonly Training[] = [
  { label: 'SD-UNet', name: 'isbi_sdunet', recipe: 'isbi' },
  { label: 'SD-UNet without WS', name: 'isbi_sdunet_no_ws', recipe: 'isbi', set: ['ws=false'] },
  { label: 'U-Net', name: 'isbi_unet', recipe: 'isbi_unet' },
];

/** Which held-out slice is shown, of ISBI and of the drawn ones. */
const SHOWN = 2;

const given = readOptions('isbi');
if (given.data === undefined && !given.quick) quit('--data PATH: the folder of the slices');
const side = given.quick ? 96 : 256;
const drawn = await writeDrawn(join(given.work, `drawn-${side}`), membranes(10, side, 0));
const options: Options = { ...given, data: given.data ?? drawn };

const trained = await trainAll(TRAININGS, options);
const real = [];
const made = [];
let background = Number.NaN;
for (const each of trained) {
  const all = await predictions(each, options.data);
  background = meanOf(all.map(({ truth: labels }) => meanOf(labels.map((l) => Number(l === 0)))));
  const own = all[SHOWN];
  const other = (await predictions(each, drawn))[SHOWN];
  if (own === undefined || other === undefined) throw new Error('too few slices are held out');
  real.push(maskCell(own, own.predicted));
  made.push(other);
}
const [first] = made;
const truth = first === undefined ? [] : [imageCell(first), maskCell(first, first.truth)];
const masks = made.map((each) => maskCell(each, each.predicted));

const [sdunet, noWs, unet] = trained;
if (sdunet === undefined || noWs === undefined || unet === undefined)
  throw new Error('no training');
const names = trained.map(({ label }) => label).join(', ');
const dice = ({ scores }: typeof unet): number => diceOf(scores, 1);
const reached = trained.filter((t) => (t.scores.accuracy ?? 0) >= 0.9 && dice(t) >= 0.75);
const stuck = trained.filter((each) => dice(each) < 0.01);
const losses = lossChart(
  'Training loss on the slices of ISBI 2012',
  'binary cross-entropy',
  trained,
);
const compared = (a: typeof unet, b: typeof unet): string =>
  `Dice of membranes ${score(dice(a))} against ${score(dice(b))}, accuracy ${score(a.scores.accuracy)} against ${score(b.scores.accuracy)}`;

writePage(
  {
    name: 'isbi',
    title: 'U-Net and SD-UNet on the membranes of ISBI 2012',
    about:
      'Does SD-UNet find membranes as well as U-Net, with a fraction of its weights? Both have an eighth of the paper’s width, and so the same widths at each level, as the paper compares them; they train on crops, for few steps, from one seed. The first 24 slices are for training, the last six are held out and run whole, at 512 × 512. Class 1 is the membrane.',
    trained,
    sections: [
      '## Figures',
      scoreTable(trained),
      `An accuracy of 0.90 with a Dice of 0.75 is what this project asks of a reduced network on these slices. Reached by: ${reached.map(({ label }) => label).join(', ') || 'none'}. A network that calls everything background has the accuracy ${score(background)}.`,
      ...stuck.map(
        ({ label }) =>
          `**${label} has not learnt yet**: it still calls everything background, where its loss has come to rest for now. [The ablation](ablation.md) looks into that.`,
      ),
      countedModels(trained),
      '![Training loss](isbi-loss.svg)',
      '## Masks',
      `What each makes of one held-out slice (white is membrane): ${names}. The slice itself and its labels are for non-commercial use, and so are not shown.`,
      '![Predicted masks of a held-out slice](isbi-masks.png)',
      `The same networks on a membrane image that archc draws, of a kind they have never seen: image, labels, ${names}.`,
      '![Image, labels and predicted masks of a drawn image](isbi-drawn.png)',
    ],
    against: [
      {
        claim: 'SD-UNet segments EM stacks comparably to U-Net',
        here: compared(sdunet, unet),
        verdict: isAsGood(dice(sdunet), dice(unet)),
      },
      {
        claim: 'the same, were it not for weight standardisation',
        here: compared(noWs, unet),
        verdict: isAsGood(dice(noWs), dice(unet)),
      },
    ],
    limits:
      'The paper trains at full width, on whole images and for far longer, and its settings are not known; what a network reaches after so few steps says how fast it learns more than how good it becomes.',
  },
  {
    'isbi-loss.svg': losses,
    'isbi-masks.png': await sheet([real]),
    'isbi-drawn.png': await sheet([[...truth, ...masks]]),
  },
  options,
);
