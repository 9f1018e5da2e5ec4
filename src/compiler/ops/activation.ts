/** Activations: one number in, one number out, the same for every element. */
import { CHANNELS_FOLLOW } from '../habits.js';
import { float, bool, withHint } from './kinds.js';
import {
  defineOperator,
  inferred,
  rejected,
  type AttributesOf,
  type Operator,
  type Parameters,
} from './operator.js';
import { requireKnownChannels, requireRank } from './require.js';
import { SAVES_INPUT, SAVES_RESULT, type SavedRule } from './saved.js';
import { at, elementCount, newTensor } from './tensor.js';

interface Activation<P extends Parameters> {
  readonly name: string;
  readonly doc: string;
  readonly example: string;
  readonly parameters: P;
  /** Arithmetic operations an element; a comparison or an elementary function counts as one. */
  readonly flops: number | ((attributes: AttributesOf<P>) => number);
  readonly costDoc: string;
  readonly saved: SavedRule;
  /** The function, in double precision. */
  readonly formula: (attributes: AttributesOf<P>) => (x: number) => number;
}

function defineActivation<const P extends Parameters>(spec: Activation<P>): Operator {
  const { name, doc, example, parameters, flops, costDoc, saved, formula } = spec;
  return defineOperator({
    name,
    doc,
    example,
    parameters,
    infer: ([x]) => (x === undefined ? rejected(nothingToActivate(name)) : inferred(x)),
    cost: ({ results }, a) => ({
      macs: 0,
      flops: elementCount(results[0] ?? []) * (typeof flops === 'number' ? flops : flops(a)),
    }),
    costDoc,
    saved,
    evaluate: ([x], a) => {
      if (x === undefined) throw new Error(`${name}: operand missing`);
      return [{ shape: x.shape, data: x.data.map(formula(a)) }];
    },
    traits: ['elementwise', 'activation'],
  });
}

function nothingToActivate(name: string): { code: 'too-few-tensors'; message: string } {
  return { code: 'too-few-tensors', message: `${name} needs a tensor to act on` };
}

const clamp = (x: number, low: number, high: number): number => Math.min(Math.max(x, low), high);
const logistic = (x: number): number => 1 / (1 + Math.exp(-x));
/** log(1 + exp(x)), without overflow. */
const softPlus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const exponentialLinear = (x: number, alpha: number): number => (x > 0 ? x : alpha * Math.expm1(x));

/**
 * The error function to double precision: `2/√π · e^(−x²) · Σ 2ⁿ x^(2n+1) / (2n+1)!!`, whose terms
 * all have one sign (Abramowitz & Stegun 1964, 7.1.6). Beyond 6, 1 is the nearest double.
 */
export function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > Math.abs(sum) * 1e-17; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

export const relu = defineActivation({
  name: 'relu',
  doc: 'Rectified linear unit: `max(x, 0)`.',
  example: 'x -> relu',
  parameters: {},
  flops: 1,
  costDoc: '1 an element: a comparison.',
  saved: SAVES_RESULT,
  formula: () => (x) => Math.max(x, 0),
});

export const relu6 = defineActivation({
  name: 'relu6',
  doc: '`min(max(x, 0), 6)` (MobileNetV1, Howard et al. 2017).',
  example: 'x -> relu6',
  parameters: {},
  flops: 2,
  costDoc: '2 an element: two comparisons.',
  saved: SAVES_INPUT,
  formula: () => (x) => clamp(x, 0, 6),
});

export const leakyrelu = defineActivation({
  name: 'leakyrelu',
  doc: '`x` where x ≥ 0, `alpha · x` elsewhere (Maas et al. 2013). The default slope is PyTorch’s.',
  example: 'x -> leakyrelu(0.2)',
  parameters: {
    alpha: { kind: float(), default: 0.01, doc: 'Slope below 0.' },
  },
  flops: 2,
  costDoc: '2 an element: a comparison and a multiplication.',
  saved: SAVES_INPUT,
  formula: (a) => (x) => (x >= 0 ? x : a.alpha * x),
});

export const elu = defineActivation({
  name: 'elu',
  doc: '`x` where x > 0, `alpha · (exp(x) − 1)` elsewhere (Clevert et al. 2016).',
  example: 'x -> elu',
  parameters: {
    alpha: { kind: float(), default: 1, doc: 'The function tends to `−alpha` far below 0.' },
  },
  flops: 4,
  costDoc: '4 an element: a comparison, an exponential, a subtraction, a multiplication.',
  saved: SAVES_INPUT,
  formula: (a) => (x) => exponentialLinear(x, a.alpha),
});

/** Klambauer et al. 2017, appendix A.1: the fixed point with mean 0 and variance 1. */
const SELU_ALPHA = 1.6732632423543772;
const SELU_SCALE = 1.0507009873554805;

export const selu = defineActivation({
  name: 'selu',
  doc:
    '`scale · elu(x, alpha)` with scale = 1.0507009873554805 and alpha = 1.6732632423543772, which ' +
    'keep mean 0 and variance 1 (Klambauer et al. 2017).',
  example: 'x -> selu',
  parameters: {},
  flops: 5,
  costDoc: '5 an element: a comparison, an exponential, a subtraction, two multiplications.',
  saved: SAVES_INPUT,
  formula: () => (x) => SELU_SCALE * exponentialLinear(x, SELU_ALPHA),
});

export const gelu = defineActivation({
  name: 'gelu',
  doc:
    'Gaussian error linear unit: `x · Φ(x) = x/2 · (1 + erf(x / √2))` (Hendrycks & Gimpel 2016), ' +
    'exact; with `approximate`, their `x/2 · (1 + tanh(√(2/π) · (x + 0.044715·x³)))`.',
  example: 'x -> gelu',
  parameters: {
    approximate: { kind: bool(), default: false, doc: 'Use the approximation by tanh.' },
  },
  flops: (a) => (a.approximate ? 9 : 5),
  costDoc:
    '5 an element: erf, an addition and three multiplications; 9 with `approximate`: tanh, two ' +
    'additions and six multiplications.',
  saved: SAVES_INPUT,
  formula: (a) => (a.approximate ? geluByTanh : (x) => (x / 2) * (1 + erf(x * Math.SQRT1_2))),
});

function geluByTanh(x: number): number {
  return (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
}

export const silu = defineActivation({
  name: 'silu',
  doc: 'Sigmoid linear unit, or swish: `x · sigmoid(x)` (Ramachandran et al. 2017).',
  example: 'x -> silu',
  parameters: {},
  flops: 5,
  costDoc: '5 an element: a sigmoid (4) and a multiplication.',
  saved: SAVES_INPUT,
  formula: () => (x) => x * logistic(x),
});

const HARD_SLOPE = 1 / 6;
const HARD_OFFSET = 0.5;

export const hardsigmoid = defineActivation({
  name: 'hardsigmoid',
  doc:
    '`min(max(slope · x + offset, 0), 1)`. The defaults are PyTorch’s and MobileNetV3’s ' +
    '(Howard et al. 2019); Keras 2 and ONNX default to a slope of 0.2.',
  example: 'x -> hardsigmoid',
  parameters: {
    slope: { kind: float(), default: HARD_SLOPE, doc: 'Slope between the two flat parts.' },
    offset: { kind: float(), default: HARD_OFFSET, doc: 'Value at 0.' },
  },
  flops: 4,
  costDoc: '4 an element: a multiplication, an addition, two comparisons.',
  saved: SAVES_INPUT,
  formula: (a) => (x) => clamp(a.slope * x + a.offset, 0, 1),
});

export const hardswish = defineActivation({
  name: 'hardswish',
  doc: '`x · hardsigmoid(x)`, with slope 1/6 and offset 0.5 (MobileNetV3, Howard et al. 2019).',
  example: 'x -> hardswish',
  parameters: {},
  flops: 5,
  costDoc: '5 an element: a hard sigmoid (4) and a multiplication.',
  saved: SAVES_INPUT,
  formula: () => (x) => x * clamp(HARD_SLOPE * x + HARD_OFFSET, 0, 1),
});

export const sigmoid = defineActivation({
  name: 'sigmoid',
  doc: 'Logistic function: `1 / (1 + exp(−x))`.',
  example: 'x -> sigmoid',
  parameters: {},
  flops: 4,
  costDoc: '4 an element: a negation, an exponential, an addition, a division.',
  saved: SAVES_RESULT,
  formula: () => logistic,
});

export const tanh = defineActivation({
  name: 'tanh',
  doc: 'Hyperbolic tangent.',
  example: 'x -> tanh',
  parameters: {},
  flops: 1,
  costDoc: '1 an element.',
  saved: SAVES_RESULT,
  formula: () => Math.tanh,
});

export const softplus = defineActivation({
  name: 'softplus',
  doc: '`log(1 + exp(x))`.',
  example: 'x -> softplus',
  parameters: {},
  flops: 3,
  costDoc: '3 an element: an exponential, an addition, a logarithm.',
  saved: SAVES_INPUT,
  formula: () => softPlus,
});

export const mish = defineActivation({
  name: 'mish',
  doc: '`x · tanh(softplus(x))` (Misra 2020).',
  example: 'x -> mish',
  parameters: {},
  flops: 5,
  costDoc: '5 an element: a softplus (3), tanh, a multiplication.',
  saved: SAVES_INPUT,
  formula: () => (x) => x * Math.tanh(softPlus(x)),
});

export const prelu = defineOperator({
  name: 'prelu',
  doc:
    'Parametric ReLU: `x` where x ≥ 0, `alpha · x` elsewhere, with an `alpha` learned for each ' +
    'channel (He et al. 2015, arXiv:1502.01852).',
  example: 'x -> prelu',
  parameters: {
    // One for each channel, whose number PyTorch has here.
    alpha: {
      kind: withHint(float(-1, 1), CHANNELS_FOLLOW),
      default: 0.25,
      doc: 'Where every slope starts.',
    },
  },
  weights: ([x], a) => [
    {
      name: 'alpha',
      // `infer` has shown that the channels are a number.
      shape: [Number(x?.shape.at(-1))],
      role: 'scale',
      trainable: true,
      init: { kind: 'constant', value: a.alpha, fanIn: 1, fanOut: 1 },
    },
  ],
  infer: ([x]) => {
    const problem = requireRank('prelu', x, 1) ?? requireKnownChannels('prelu', x);
    if (problem !== undefined) return rejected(problem);
    return x === undefined ? rejected(nothingToActivate('prelu')) : inferred(x);
  },
  cost: ({ results }) => ({ macs: 0, flops: 2 * elementCount(results[0] ?? []) }),
  costDoc: '2 an element: a comparison and a multiplication.',
  saved: SAVES_INPUT,
  evaluate: ([x, alpha]) => {
    if (x === undefined || alpha === undefined) throw new Error('prelu: operands missing');
    const y = newTensor(x.shape);
    const channels = alpha.data.length;
    x.data.forEach((value, i) => {
      y.data[i] = value >= 0 ? value : value * at(alpha.data, i % channels);
    });
    return [y];
  },
  traits: ['elementwise'],
});
