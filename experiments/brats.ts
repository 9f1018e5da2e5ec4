/**
 * Small and large tumours of real patients: slices in two modalities (FLAIR and T1 with contrast), all
 * tissue as one class: node scripts/run.mjs experiments/brats.ts --data PATH
 */
import { join } from 'node:path';
import { TUMOUR_MODALITIES, tumours } from '../src/data/tumours.js';
import { writeDrawn } from './drawn.js';
import { quit, readOptions, trainAll, type Options, type Training } from './experiment.js';
import { scoreTable, writePage } from './page.js';
import { lossChart } from './pictures.js';
import { judge, sizeClaims, sizeTable } from './sizes.js';

/** Tumour pixels from which a slice counts for large tumours: 2.6 % of 240 × 240. */
const LARGE = 1500;

const TRAININGS: readonly Training[] = [
  { label: 'SD-UNet', name: 'brats_sdunet', recipe: 'brats' },
  { label: 'SD-UNet without WS', name: 'brats_sdunet_no_ws', recipe: 'brats', set: ['ws=false'] },
  { label: 'U-Net', name: 'brats_unet', recipe: 'brats_unet' },
].map((each) => ({ ...each, flags: ['--merge'] }));

const given = readOptions('brats');
if (given.data === undefined && !given.quick) quit('--data PATH: a folder for each modality');
const options: Options = { ...given, data: given.data ?? (await drawnSet(given.work)) };
const trained = await trainAll(TRAININGS, options);
const judged = await judge(trained, LARGE, options);
const losses = lossChart(
  'Training loss on slices of BraTS 2015',
  '½ Dice + ½ cross-entropy',
  trained,
);

writePage(
  {
    name: 'brats',
    title: 'Small and large tumours of real patients',
    about: `The question of [the drawn tumours](tumours.md), asked of 145 axial slices of six patients of BraTS 2015, of which the last two patients are held out. There are two modalities, FLAIR and T1 with contrast, where the paper has four, and all tissue is one class: foreground. A slice counts for large tumours from ${LARGE} tumour pixels on, of 240 × 240, and for small ones below. The images may not be used commercially, and so none is shown.`,
    trained,
    commands: judged.map(({ command }) => command),
    sections: [
      '## Dice by size',
      sizeTable(judged),
      '## All that was held out',
      scoreTable(trained),
      '![Training loss](brats-loss.svg)',
    ],
    against: sizeClaims(judged),
    limits:
      'Two patients held out say little of any others; networks are an eighth as wide as the paper’s, trained on crops for few steps from one seed, and the set is not the paper’s.',
  },
  { 'brats-loss.svg': losses },
  options,
);

/** Three drawn patients in the two modalities, as files. */
function drawnSet(work: string): Promise<string> {
  const folder = join(work, 'drawn-tumours');
  return writeDrawn(folder, tumours(3, 2, 96, 0), TUMOUR_MODALITIES, ['flair', 't1gd']);
}
