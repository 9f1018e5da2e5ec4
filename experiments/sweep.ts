/**
 * Time and size against quality for several variants, on membranes that archc draws:
 * node scripts/run.mjs experiments/sweep.ts
 */
import { measureLatency } from '../bench/latency.js';
import { scatter } from '../src/charts/scatter.js';
import { sizedGraph } from '../src/compile.js';
import { chooseSizes } from '../src/compiler/check.js';
import { groupDigits } from '../src/compiler/constant.js';
import { countsOf } from './counts.js';
import { onDrawn, readOptions, trainAll, type Training } from './experiment.js';
import { diceOf, isAsGood, score, table, writePage, type Verdict } from './page.js';
import { recipeOf } from './pictures.js';

const ROUNDS = 15;
/** Height and width of the images that are timed. */
const SIZE = 256;

const NOT_RUN = { here: 'not run', verdict: 'cannot be told' } as const;

/** Of each training: enough for an order, not for the best that a network reaches. */
const STEPS = 150;

/** SD-UNet, without WS where `others` says so, and U-Net, by ascending width. */
const SWEEP: readonly Training[] = [
  ofWidth('SD-UNet', 'membranes', 8),
  ...[4, 8, 16].map((width) => ofWidth('SD-UNet without WS', 'membranes', width, ['ws=false'])),
  ...[4, 8].map((width) => ofWidth('U-Net', 'membranes_unet', width)),
];

const options = readOptions('sweep');
const trained = await trainAll(onDrawn(options.quick ? SWEEP.slice(-2) : SWEEP, options), options);
const models = trained.map((each) => {
  const { model } = recipeOf(each);
  const sized = chooseSizes(model, { image: [SIZE, SIZE] });
  return { ...model, sizes: sized.sizes, staticGraph: sized.graph };
});
if (!models.every((model) => sizedGraph(model).ok)) throw new Error('a model has no such size');
const latencies = await measureLatency(models, options.quick ? 2 : ROUNDS);

const rows = trained.map((each, i) => ({
  each,
  dice: diceOf(each.scores, 1),
  counts: countsOf(each),
  image: latencies.times[i]?.median ?? Number.NaN,
  /** Milliseconds of one step of training, data and validations included. */
  step: (1000 * each.seconds) / each.steps.length,
}));
type Row = (typeof rows)[number];
const find = (label: string): Row | undefined => rows.find(({ each }) => each.label === label);
const [small, large] = [find('SD-UNet without WS, width 8'), find('U-Net, width 8')];
const full = find('SD-UNet, width 8');
const wide = find('SD-UNet without WS, width 16');

const chart = (title: string, label: string, of: (row: Row) => number): string =>
  scatter({
    title,
    x: { label, scale: 'log' },
    y: { label: '1 − Dice of membranes', scale: 'linear' },
    points: rows.map((row) => ({ x: of(row), y: 1 - row.dice, label: row.each.label })),
    front: frontOf(rows, of),
  });

writePage(
  {
    name: 'sweep',
    title: 'Time and size against quality',
    about:
      'What does a network of a given size and speed reach? SD-UNet and U-Net of several widths, and SD-UNet without weight standardisation (WS), train on crops of drawn membranes by one recipe, with one seed, for few steps.',
    trained,
    sections: [
      '## Figures',
      table(
        [
          'network',
          'parameters',
          'weights',
          `MACs at ${SIZE} × ${SIZE}`,
          'ms an image',
          'ms a step',
          'accuracy',
          'mean IoU',
          'Dice',
        ],
        rows.map(({ each, counts, dice, image, step }) => [
          each.label,
          groupDigits(counts.params),
          `${(counts.weightBytes / 1e3).toFixed(0)} kB`,
          `${(counts.macs / 1e6).toFixed(0)} M`,
          image.toFixed(1),
          step.toFixed(0),
          score(each.scores.accuracy),
          score(each.scores.meanIou),
          score(dice),
        ]),
      ),
      `An image is one of ${SIZE} × ${SIZE} in ${latencies.engine.name} ${latencies.engine.version} on the processor, the median of ${ROUNDS} rounds in turns; a step is one of training, validations included, while other work ran.`,
      '![Parameters against what is missed](sweep-size.svg)',
      '![Time an image against what is missed](sweep-time.svg)',
    ],
    against: [
      {
        claim: 'SD-UNet is 8 times smaller than U-Net at no loss of quality',
        ...compared(full, large),
      },
      { claim: 'the same, were it not for WS', ...compared(small, large) },
      {
        claim: 'without WS and of twice U-Net’s width it is smaller at no loss of quality',
        ...compared(wide, large),
      },
      {
        claim: 'SD-UNet is faster than U-Net of its width',
        ...(full === undefined || large === undefined
          ? NOT_RUN
          : {
              here: `${full.image.toFixed(1)} ms an image against ${large.image.toFixed(1)} ms`,
              verdict: isFaster(full.image, large.image),
            }),
      },
    ],
    limits:
      'At these widths a network is bound by memory and overhead rather than arithmetic, so ratios of time are not those of full width ([docs/sdunet-paper.md](../../docs/sdunet-paper.md) times those). Times are of a machine that did other work as well, so differences below a fifth are held for nothing.',
  },
  {
    'sweep-size.svg': chart('Size against quality', 'parameters', ({ counts }) => counts.params),
    'sweep-time.svg': chart('Time against quality', 'milliseconds an image', ({ image }) => image),
  },
  options,
);

/** Times that differ by less than a fifth say nothing on a machine that does other work. */
function isFaster(a: number, b: number): Verdict {
  if (Math.max(a, b) < 1.2 * Math.min(a, b)) return 'cannot be told';
  return a < b ? 'agrees' : 'does not agree';
}

/** Those that no other beats in both. */
function frontOf(all: readonly Row[], of: (row: Row) => number): readonly number[] {
  return [...all.keys()].filter((i) => {
    const own = all[i];
    return (
      own !== undefined &&
      !all.some(
        (other) =>
          of(other) <= of(own) &&
          other.dice >= own.dice &&
          (of(other) < of(own) || other.dice > own.dice),
      )
    );
  });
}

function compared(
  a: Row | undefined,
  b: Row | undefined,
): { readonly here: string; readonly verdict: Verdict } {
  if (a === undefined || b === undefined) return NOT_RUN;
  const ratio = (b.counts.params / a.counts.params).toFixed(1);
  return {
    here: `${ratio}× fewer parameters, Dice ${score(a.dice)} against ${score(b.dice)}`,
    verdict: isAsGood(a.dice, b.dice),
  };
}

function ofWidth(
  family: string,
  recipe: string,
  width: number,
  others: readonly string[] = [],
): Training {
  const label = `${family}, width ${width}`;
  return {
    label,
    name: `sweep_${label.toLowerCase().replace(/\W+/g, '_')}`,
    recipe,
    set: [`width=${width}`, ...others],
    flags: ['--steps', String(STEPS)],
  };
}
