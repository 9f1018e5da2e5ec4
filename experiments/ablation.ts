/**
 * SD-UNet with and without weight standardisation (WS) and group norm (GN), on membranes that archc
 * draws: node scripts/run.mjs experiments/ablation.ts
 */
import { curveChart } from '../src/charts/curve-chart.js';
import { smoothedLoss } from '../src/train/report.js';
import { readOptions, trainAll, type Trained } from './experiment.js';
import { isBetter, meanOf, score, scoreTable, table, writePage, type Verdict } from './page.js';
import { imageCell, maskCell, predictions, sheet } from './pictures.js';
import { ABLATION, drawnArguments } from './variants.js';

const SHOWN = 2;
/** Of the last steps: what the loss has come to. */
const TAIL = 50;

const options = readOptions('ablation');
const trained = await trainAll(drawnArguments(ABLATION, options), options);
const [plain, ws, gn, both] = trained;
if (plain === undefined || ws === undefined || gn === undefined || both === undefined) {
  throw new Error('no training');
}

const tail = ({ steps }: Trained): number => meanOf(steps.slice(-TAIL).map(({ loss }) => loss));
/** Mean change of the loss from one step to the next, over the mean loss. */
const roughness = ({ steps }: Trained): number => {
  const late = steps.slice(Math.floor(steps.length / 3));
  const changes = late.slice(1).map(({ loss }, i) => Math.abs(loss - (late[i]?.loss ?? loss)));
  return meanOf(changes) / meanOf(late.map(({ loss }) => loss));
};
/** Whether the loss of the first has come lower. */
const isLower = (a: Trained, b: Trained): Verdict => isBetter(tail(b), tail(a));
const isSmoother = (a: Trained, b: Trained): Verdict => isBetter(roughness(b), roughness(a));
const said = (of: (t: Trained) => number, a: Trained, b: Trained): string =>
  `${of(a).toFixed(3)} with ${a.label}, ${of(b).toFixed(3)} with ${b.label}`;

const losses = curveChart({
  title: 'Training loss with and without WS and GN',
  x: 'steps',
  panels: [
    {
      title: 'Training loss, smoothed',
      y: 'binary cross-entropy',
      curves: trained.map(({ label, steps }) => ({ label, points: smoothedLoss(steps) })),
    },
  ],
});
const cells = [];
for (const each of trained) {
  const own = (await predictions(each, options.data))[SHOWN];
  if (own === undefined) throw new Error('too few images are held out');
  if (cells.length === 0) cells.push(imageCell(own), maskCell(own, own.truth));
  cells.push(maskCell(own, own.predicted));
}

writePage(
  {
    name: 'ablation',
    title: 'What weight standardisation and group norm do to training',
    about:
      'The paper says that weight standardisation (WS) and group norm (GN) improve and smooth the training loss. Here SD-UNet of an eighth of the paper’s width trains on crops of drawn membranes with neither, with each, and with both, by one recipe, with one seed: the same batches in the same order.',
    trained,
    sections: [
      '## Loss',
      '![Training loss of four variants](ablation-loss.svg)',
      table(
        [
          'variant',
          `mean loss of the last ${TAIL} steps`,
          'roughness',
          'first loss',
          'greatest gradient',
        ],
        trained.map((each) => [
          each.label,
          tail(each).toFixed(3),
          roughness(each).toFixed(3),
          (each.steps[0]?.loss ?? Number.NaN).toFixed(3),
          Math.max(...each.steps.map(({ gradientNorm }) => gradientNorm)).toFixed(2),
        ]),
      ),
      'Roughness is the mean change of the loss from one step to the next over its mean, from a third of the steps on; most of it comes from the batches.',
      '## Images that were held out',
      scoreTable(trained),
      `An image, its labels, and what each variant makes of it: ${trained.map(({ label }) => label).join(', ')}.`,
      '![Image, labels and predictions](ablation-masks.png)',
    ],
    against: [
      { claim: 'GN improves the loss', here: said(tail, gn, plain), verdict: isLower(gn, plain) },
      { claim: 'WS improves the loss', here: said(tail, ws, plain), verdict: isLower(ws, plain) },
      {
        claim: 'WS improves the loss on top of GN',
        here: said(tail, both, gn),
        verdict: isLower(both, gn),
      },
      {
        claim: 'GN smooths the loss',
        here: said(roughness, gn, plain),
        verdict: isSmoother(gn, plain),
      },
      {
        claim: 'WS + GN smooth the loss',
        here: said(roughness, both, plain),
        verdict: isSmoother(both, plain),
      },
    ],
    limits: `Of the images held out, accuracies are ${trained.map(({ label, scores }) => `${score(scores.accuracy)} with ${label}`).join(', ')}. One learning rate serves all four, and another might order them differently. A standardised depthwise kernel sums to zero: it passes differences between neighbours and no level, and has three times the gain of a 3 × 3 kernel of unit norm. Where it stands before the prediction, as here, the network starts with large outputs and has to unlearn them, which so few steps show more than many would.`,
  },
  { 'ablation-loss.svg': losses, 'ablation-masks.png': await sheet([cells]) },
  options,
);
