/**
 * The words that a recipe's settings are made of, each with its parameters. They are known only there,
 * and each only in its setting: `step(…)` is a schedule, whatever block or constant has the name.
 */
import { NORMALISATIONS, type Augmentation, type Normalisation } from '../data/dataset.js';
import {
  METRICS,
  type Border,
  type DataSource,
  type Loss,
  type Metric,
  type Optimiser,
  type Schedule,
  type Split,
} from '../train/recipe.js';

/** What a number may be. */
export interface Range {
  /** `above 0`: continues “`lr` is …”. */
  readonly says: string;
  readonly holds: (value: number) => boolean;
}

export const POSITIVE: Range = { says: 'above 0', holds: (x) => x > 0 };
export const FROM_ONE: Range = { says: 'at least 1', holds: (x) => x >= 1 };
export const FROM_ZERO: Range = { says: 'at least 0', holds: (x) => x >= 0 };
const SHARE: Range = { says: 'above 0 and below 1', holds: (x) => x > 0 && x < 1 };
const BELOW_ONE: Range = { says: 'at least 0 and below 1', holds: (x) => x >= 0 && x < 1 };
const TURN: Range = { says: 'above 0 and at most 180', holds: (x) => x > 0 && x <= 180 };
const SLANT: Range = { says: 'above 0 and below 90', holds: (x) => x > 0 && x < 90 };
const SIDE: Range = { says: 'from 16 to 4096', holds: (x) => x >= 16 && x <= 4096 };
const HELD_OUT: Range = {
  says: 'a count, or a share above 0 and below 1',
  holds: (x) => x > 0 && (x < 1 || Number.isInteger(x)),
};
const WEIGHTS: Range = { says: 'made of numbers that are at least 0', holds: (x) => x >= 0 };

export interface WordParameter {
  readonly name: string;
  /** `output`: the name of an output of the model. */
  readonly type: 'int' | 'float' | 'bool' | '[float]' | 'output';
  readonly range: Range;
  /** `null` is `none`. Undefined where it must be passed. */
  readonly default: number | boolean | null | undefined;
  /** What a message proposes for a parameter that must be passed. */
  readonly example: string;
}

/** What was passed, or stands by default. Reading a parameter as what it is not is a fault of archc. */
export interface WordArguments {
  readonly number: (name: string) => number;
  readonly flag: (name: string) => boolean;
  readonly numbers: (name: string) => readonly number[] | undefined;
}

export interface Word<T> {
  readonly parameters: readonly WordParameter[];
  readonly make: (args: WordArguments) => T;
}

export type Vocabulary<T> = ReadonlyMap<string, Word<T>>;

const ANY: Range = { says: 'a number', holds: () => true };

function int(name: string, range: Range, standard?: number): WordParameter {
  return { name, type: 'int', range, default: standard, example: '10' };
}

function float(name: string, range: Range, standard?: number, example = '0.1'): WordParameter {
  return { name, type: 'float', range, default: standard, example };
}

const output: WordParameter = {
  name: 'output',
  type: 'output',
  range: ANY,
  default: undefined,
  example: 'mask',
};

function word<T>(make: (args: WordArguments) => T, ...parameters: WordParameter[]): Word<T> {
  return { parameters, make };
}

export const DATA: Vocabulary<DataSource> = new Map<string, Word<DataSource>>([
  [
    'membranes',
    word(
      (a) => ({ kind: 'membranes', count: a.number('count'), size: a.number('size') }),
      int('count', FROM_ONE, 40),
      int('size', SIDE, 128),
    ),
  ],
  [
    'tumours',
    word(
      (a) => ({
        kind: 'tumours',
        patients: a.number('patients'),
        slices: a.number('slices'),
        size: a.number('size'),
      }),
      int('patients', FROM_ONE, 10),
      int('slices', FROM_ONE, 8),
      int('size', SIDE, 64),
    ),
  ],
  ['given', word(() => ({ kind: 'given' }))],
]);

export const SPLIT: Vocabulary<Split> = new Map(
  (['slices', 'patients'] as const).map((by) => [
    by,
    word(
      (a): Split => ({ by, validation: a.number('validation') }),
      float('validation', HELD_OUT, 0.2),
    ),
  ]),
);

export const NORMALISE: Vocabulary<Normalisation> = new Map(
  NORMALISATIONS.map((name) => [name, word((): Normalisation => name)]),
);

export const AUGMENT: Vocabulary<Augmentation> = new Map<string, Word<Augmentation>>([
  ['flip', word(() => ({ kind: 'flip' }))],
  ['quarterturn', word(() => ({ kind: 'quarterturn' }))],
  [
    'rotate',
    word(
      (a) => ({ kind: 'rotate', degrees: a.number('degrees') }),
      float('degrees', TURN, undefined, '15'),
    ),
  ],
  ['shift', word((a) => ({ kind: 'shift', share: a.number('share') }), float('share', SHARE))],
  [
    'shear',
    word(
      (a) => ({ kind: 'shear', degrees: a.number('degrees') }),
      float('degrees', SLANT, undefined, '8'),
    ),
  ],
  ['zoom', word((a) => ({ kind: 'zoom', share: a.number('share') }), float('share', SHARE))],
  [
    'elastic',
    word(
      (a) => ({ kind: 'elastic', alpha: a.number('alpha'), sigma: a.number('sigma') }),
      float('alpha', POSITIVE, undefined, '20'),
      float('sigma', POSITIVE, undefined, '4'),
    ),
  ],
  [
    'intensity',
    word((a) => ({ kind: 'intensity', share: a.number('share') }), float('share', POSITIVE)),
  ],
]);

/** U-Net's σ is about 5 pixels. */
const BORDER = [float('border', FROM_ZERO, 0), float('sigma', POSITIVE, 5)] as const;

function borderOf(a: WordArguments): { readonly border?: Border } {
  const weight = a.number('border');
  return weight === 0 ? {} : { border: { weight, sigma: a.number('sigma') } };
}

export const LOSSES: Vocabulary<Loss> = new Map<string, Word<Loss>>([
  [
    'bce',
    word(
      (a) => ({ kind: 'bce', positive: a.number('positive'), ...borderOf(a) }),
      output,
      float('positive', POSITIVE, 1),
      ...BORDER,
    ),
  ],
  [
    'cross_entropy',
    word(
      (a) => ({ kind: 'cross_entropy', classes: a.numbers('classes'), ...borderOf(a) }),
      output,
      { name: 'classes', type: '[float]', range: WEIGHTS, default: null, example: '[1, 2]' },
      ...BORDER,
    ),
  ],
  [
    'dice',
    word(
      (a) => ({ kind: 'dice', smooth: a.number('smooth') }),
      output,
      float('smooth', FROM_ZERO, 1),
    ),
  ],
  [
    // Lin et al. 2017: γ = 2 with α = 0.25 is what they found best.
    'focal',
    word(
      (a) => ({
        kind: 'focal',
        gamma: a.number('gamma'),
        alpha: a.number('alpha'),
        ...borderOf(a),
      }),
      output,
      float('gamma', FROM_ZERO, 2),
      float('alpha', SHARE, 0.25),
      ...BORDER,
    ),
  ],
  [
    // Salehi et al. 2017: α = 0.3 for false positives and β = 0.7 for false negatives did best.
    'tversky',
    word(
      (a) => ({
        kind: 'tversky',
        alpha: a.number('alpha'),
        beta: a.number('beta'),
        smooth: a.number('smooth'),
      }),
      output,
      float('alpha', POSITIVE, 0.3),
      float('beta', POSITIVE, 0.7),
      float('smooth', FROM_ZERO, 1),
    ),
  ],
]);

const RATE = float('lr', POSITIVE, undefined, '1e-3');

function adam(kind: 'adam' | 'adamw', decay: number): Word<Optimiser> {
  return word(
    (a) => ({
      kind,
      lr: a.number('lr'),
      beta1: a.number('beta1'),
      beta2: a.number('beta2'),
      eps: a.number('eps'),
      decay: a.number('decay'),
    }),
    RATE,
    float('beta1', BELOW_ONE, 0.9),
    float('beta2', BELOW_ONE, 0.999),
    float('eps', POSITIVE, 1e-8),
    float('decay', FROM_ZERO, decay),
  );
}

/** The defaults are those of the papers, and of PyTorch where a paper has none. */
export const OPTIMISERS: Vocabulary<Optimiser> = new Map<string, Word<Optimiser>>([
  [
    'sgd',
    word(
      (a) => ({
        kind: 'sgd',
        lr: a.number('lr'),
        momentum: a.number('momentum'),
        nesterov: a.flag('nesterov'),
        decay: a.number('decay'),
      }),
      RATE,
      float('momentum', BELOW_ONE, 0),
      { name: 'nesterov', type: 'bool', range: ANY, default: false, example: 'true' },
      float('decay', FROM_ZERO, 0),
    ),
  ],
  ['adam', adam('adam', 0)],
  ['adamw', adam('adamw', 0.01)],
]);

const WARMUP = int('warmup', FROM_ZERO, 0);

export const SCHEDULES: Vocabulary<Schedule> = new Map<string, Word<Schedule>>([
  ['constant', word((a) => ({ kind: 'constant', warmup: a.number('warmup') }), WARMUP)],
  [
    'cosine',
    word(
      (a) => ({ kind: 'cosine', warmup: a.number('warmup'), floor: a.number('floor') }),
      WARMUP,
      float('floor', BELOW_ONE, 0),
    ),
  ],
  [
    'step',
    word(
      (a) => ({
        kind: 'step',
        every: a.number('every'),
        factor: a.number('factor'),
        warmup: a.number('warmup'),
      }),
      int('every', FROM_ONE),
      float('factor', SHARE, 0.1),
      WARMUP,
    ),
  ],
  [
    'plateau',
    word(
      (a) => ({
        kind: 'plateau',
        patience: a.number('patience'),
        factor: a.number('factor'),
        warmup: a.number('warmup'),
      }),
      int('patience', FROM_ONE, 3),
      float('factor', SHARE, 0.1),
      WARMUP,
    ),
  ],
]);

export const METRIC_WORDS: Vocabulary<Metric> = new Map(
  METRICS.map((name) => [name, word((): Metric => name)]),
);
