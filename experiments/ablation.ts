/**
 * SD-UNet with and without weight standardisation (WS) and group norm (GN), on membranes that archc
 * draws: node scripts/run.mjs experiments/ablation.ts
 */
import { curveChart } from '../src/charts/curve-chart.js';
import { smoothedLoss } from '../src/train/report.js';
import { onDrawn, readOptions, trainAll, type Trained, type Training } from './experiment.js';
import {
  diceOf,
  isEnough,
  isLower,
  meanOf,
  score,
  scoreTable,
  table,
  writePage,
  type Verdict,
} from './page.js';
import { imageCell, lossPanel, maskCell, predictions, sheet } from './pictures.js';

const SHOWN = 2;
/** Of the last steps: what the loss has come to. */
const TAIL = 50;
/** A loss that says that a network has begun to find membranes. */
const REACHED = 0.3;

const VARIANTS: readonly Training[] = [
  { label: 'plain', name: 'ablation_plain', recipe: 'membranes', set: ['ws=false', 'groups=0'] },
  { label: 'WS', name: 'ablation_ws', recipe: 'membranes', set: ['groups=0'] },
  { label: 'GN', name: 'ablation_gn', recipe: 'membranes', set: ['ws=false'] },
  { label: 'WS + GN', name: 'ablation_ws_gn', recipe: 'membranes' },
];

const options = readOptions('ablation');
const trained = await trainAll(onDrawn(VARIANTS, options), options);
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
/** How many steps the smoothed loss takes to come below `REACHED`. */
const stepsTo = ({ steps }: Trained): number =>
  smoothedLoss(steps).find(({ y }) => y < REACHED)?.x ?? Infinity;
/** Of a network that has not learnt, a smooth loss is no merit. */
const isSmoother = (a: Trained, b: Trained): Verdict =>
  isEnough(diceOf(a.scores, 1)) && isEnough(diceOf(b.scores, 1))
    ? isLower(roughness(a), roughness(b))
    : 'cannot be told';
const said = (of: (t: Trained) => number, a: Trained, b: Trained): string =>
  `${figure(of(a))} with ${a.label}, ${figure(of(b))} with ${b.label}`;
const stepWords = (each: Trained): string =>
  Number.isFinite(stepsTo(each))
    ? `${stepsTo(each)} steps`
    : `more than ${each.steps.length} steps`;
/** Losses may be beyond all measure. */
const figure = (value: number): string =>
  value < 1e4 ? value.toFixed(3) : value.toExponential(1).replace('e+', ' · 10^');

const all = lossPanel('binary cross-entropy', trained);
const losses = curveChart({
  title: 'Training loss with and without WS and GN',
  x: 'steps',
  panels: [
    all,
    {
      ...all,
      title: 'The same, what lies below 1',
      curves: all.curves.map(({ label, points }) => ({
        label,
        points: points.filter(({ y }) => y < 1),
      })),
      range: [0, 1],
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
          `steps to a loss of ${REACHED}`,
          'roughness',
          'first loss',
          'greatest gradient',
        ],
        trained.map((each) => [
          each.label,
          figure(tail(each)),
          stepWords(each),
          roughness(each).toFixed(3),
          figure(each.steps[0]?.loss ?? Number.NaN),
          figure(Math.max(...each.steps.map(({ gradientNorm }) => gradientNorm))),
        ]),
      ),
      'Roughness is the mean change of the loss from one step to the next over its mean, from a third of the steps on; most of it comes from the batches. A loss that rests is smooth as well, so it is compared only of networks that have learnt.',
      '## Images that were held out',
      scoreTable(trained),
      `An image, its labels, and what each variant makes of it: ${trained.map(({ label }) => label).join(', ')}.`,
      '![Image, labels and predictions](ablation-masks.png)',
    ],
    against: [
      {
        claim: 'GN improves the loss',
        here: said(tail, gn, plain),
        verdict: isLower(tail(gn), tail(plain)),
      },
      {
        claim: 'GN lets the loss fall earlier',
        here: `below ${REACHED} after ${stepWords(gn)} with GN, ${stepWords(plain)} with plain`,
        verdict: isLower(stepsTo(gn), stepsTo(plain)),
      },
      {
        claim: 'WS improves the loss',
        here: said(tail, ws, plain),
        verdict: isLower(tail(ws), tail(plain)),
      },
      {
        claim: 'WS improves the loss on top of GN',
        here: said(tail, both, gn),
        verdict: isLower(tail(both), tail(gn)),
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
    limits: `Of the images held out, accuracies are ${trained.map(({ label, scores }) => `${score(scores.accuracy)} with ${label}`).join(', ')}. One learning rate serves all four, and another might order them differently. A standardised depthwise kernel sums to zero, so it passes differences between neighbours and no level, and its norm is 3, by which each layer multiplies where no norm undoes it: hence the first losses. With GN the gain is left to the last two layers alone, which no norm follows. The first steps do away with what those two make of it, by cancelling it in the last convolution, and from then on little of the gradient reaches the layers before: there the standardised network rests, calling everything background (docs/training.md has measurements of that). A few other rates, losses and SGD did not change it; initial weights were not tuned, nor is it known what the paper did.`,
  },
  { 'ablation-loss.svg': losses, 'ablation-masks.png': await sheet([cells]) },
  options,
);
