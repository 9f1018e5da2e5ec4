/** batchnorm, groupnorm, instancenorm and layernorm: values shifted to mean 0 and scaled to variance 1. */
import type { Tensor, TensorType } from '../ir.js';
import { channels } from './kernel.js';
import { bool, epsilon, float, int } from './kinds.js';
import {
  defineOperator,
  inferred,
  rejected,
  type Cost,
  type CostInput,
  type Inferred,
  type Problem,
  type WeightSpec,
} from './operator.js';
import { indivisible, requireKnownChannels, requireRank } from './require.js';
import { STATISTICS_BYTES } from './saved.js';
import { at, elementCount, newTensor } from './tensor.js';

const epsParameter = {
  eps: { kind: epsilon, default: 1e-5, doc: 'Added to the variance, against division by 0.' },
} as const;
const affineParameter = {
  affine: {
    kind: bool(),
    default: true,
    doc: 'Multiply each channel by a learned scale and add a learned shift.',
  },
} as const;
const NORM_COST =
  'FLOPs = 5 an element (mean 1; variance 3: subtract, square, add; multiply by 1 / √(variance + eps)), ' +
  '7 with `affine`; the few a group of statistics are not counted.';

export const batchnorm = defineOperator({
  name: 'batchnorm',
  doc:
    'Batch normalisation (Ioffe & Szegedy 2015), at inference: each channel (the last axis) is ' +
    '`(x − mean) / √(variance + eps) · scale + shift` with the running statistics `mean` and ' +
    '`variance`, which are buffers and not parameters. In training the statistics are those of the ' +
    'batch, and the running ones become `momentum · running + (1 − momentum) · batch`.',
  example: 'x -> batchnorm',
  parameters: {
    ...epsParameter,
    momentum: {
      kind: float(0, 1),
      default: 0.9,
      doc: 'Share of the running statistics that a training step keeps (Keras’s sense; PyTorch’s is 1 − this).',
    },
  },
  weights: ([x]) => [
    ...scaleAndShift(channels(x)),
    channelWeight('mean', 'zeros', channels(x), false),
    channelWeight('variance', 'ones', channels(x), false),
  ],
  infer: ([x]) =>
    unchanged(x, requireRank('batchnorm', x, 1), requireKnownChannels('batchnorm', x)),
  cost: ({ results: [y] }) => ({ macs: 0, flops: 2 * elementCount(y ?? []) }),
  costDoc:
    'FLOPs = 2 an element: at inference the four weights of a channel are one factor and one summand.',
  saved: {
    doc: 'its input, and a mean and a deviation a channel for the batch',
    operands: [0],
    bytesOfBatch: ({ results: [y] }) => STATISTICS_BYTES * (y?.at(-1) ?? 0),
  },
  evaluate: ([x, scale, shift, mean, variance], { eps }) => {
    if (scale === undefined || shift === undefined) throw new Error('batchnorm: weights missing');
    if (x === undefined || mean === undefined || variance === undefined) {
      throw new Error('batchnorm: operands missing');
    }
    const count = x.shape.at(-1) ?? 1;
    const y = newTensor(x.shape);
    for (let i = 0; i < x.data.length; i++) {
      const c = i % count;
      const normal = (at(x.data, i) - at(mean.data, c)) / Math.sqrt(at(variance.data, c) + eps);
      y.data[i] = normal * at(scale.data, c) + at(shift.data, c);
    }
    return [y];
  },
  traits: ['channel-affine'],
});

export const groupnorm = defineOperator({
  name: 'groupnorm',
  doc:
    'Group normalisation (Wu & He 2018): the channels (the last axis) are parted into `groups` of ' +
    'neighbours, and each group is shifted and scaled to mean 0 and variance 1 over its channels and ' +
    'all other axes; then a scale and a shift a channel.',
  example: 'x -> groupnorm(8)',
  parameters: {
    groups: { kind: int(1), doc: 'Groups; divides the channels.' },
    ...epsParameter,
    ...affineParameter,
  },
  weights: ([x], { affine }) => (affine ? scaleAndShift(channels(x)) : []),
  infer: ([x], { groups }) =>
    unchanged(
      x,
      requireRank('groupnorm', x, 2),
      requireKnownChannels('groupnorm', x),
      requireGroups(x, groups),
    ),
  cost: normCost,
  costDoc: NORM_COST,
  saved: {
    doc: 'its input, and a mean and a deviation a group',
    operands: [0],
    bytes: (_, { groups }) => STATISTICS_BYTES * groups,
  },
  evaluate: (operands, { groups, eps }) => {
    const count = operands[0]?.shape.at(-1) ?? 1;
    const each = count / groups;
    return [normalise(operands, eps, groups, (i) => Math.floor((i % count) / each))];
  },
  traits: [],
});

export const instancenorm = defineOperator({
  name: 'instancenorm',
  doc:
    'Instance normalisation (Ulyanov et al. 2016): each channel (the last axis) is shifted and scaled ' +
    'to mean 0 and variance 1 over all other axes; then a scale and a shift a channel.',
  example: 'x -> instancenorm',
  parameters: { ...epsParameter, ...affineParameter },
  weights: ([x], { affine }) => (affine ? scaleAndShift(channels(x)) : []),
  infer: ([x], { affine }) =>
    unchanged(
      x,
      requireRank('instancenorm', x, 2),
      affine ? requireKnownChannels('instancenorm', x) : undefined,
    ),
  cost: normCost,
  costDoc: NORM_COST,
  saved: {
    doc: 'its input, and a mean and a deviation a channel',
    operands: [0],
    bytes: ({ results: [y] }) => STATISTICS_BYTES * (y?.at(-1) ?? 0),
  },
  evaluate: (operands, { eps }) => {
    const count = operands[0]?.shape.at(-1) ?? 1;
    return [normalise(operands, eps, count, (i) => i % count)];
  },
  traits: [],
});

export const layernorm = defineOperator({
  name: 'layernorm',
  doc:
    'Layer normalisation (Ba et al. 2016) over the last axis: each pixel, or token, is shifted and ' +
    'scaled to mean 0 and variance 1 over its channels; then a scale and a shift a channel. As in ' +
    'transformers, ConvNeXt and Keras’s `LayerNormalization(axis = -1)`; over a whole image it would ' +
    'be `groupnorm(1)`.',
  example: 'x -> layernorm',
  parameters: { ...epsParameter, ...affineParameter },
  weights: ([x], { affine }) => (affine ? scaleAndShift(channels(x)) : []),
  infer: ([x], { affine }) =>
    unchanged(
      x,
      requireRank('layernorm', x, 1),
      affine ? requireKnownChannels('layernorm', x) : undefined,
    ),
  cost: normCost,
  costDoc: NORM_COST,
  saved: {
    doc: 'its input, and a mean and a deviation a position',
    operands: [0],
    bytes: ({ results: [y = []] }) => STATISTICS_BYTES * elementCount(y.slice(0, -1)),
  },
  evaluate: (operands, { eps }) => {
    const [x] = operands;
    const count = x?.shape.at(-1) ?? 1;
    const positions = (x?.data.length ?? 0) / count;
    return [normalise(operands, eps, positions, (i) => Math.floor(i / count))];
  },
  traits: [],
});

/** The operand's own type, unless something is wrong with it. */
function unchanged(
  x: TensorType | undefined,
  ...problems: readonly (Problem | undefined)[]
): Inferred {
  const problem = problems.find((p) => p !== undefined);
  if (problem !== undefined) return rejected(problem);
  return x === undefined ? inferred() : inferred(x);
}

function requireGroups(x: TensorType | undefined, groups: number): Problem | undefined {
  const count = x?.shape.at(-1);
  // Unknown channels have a problem of their own.
  if (typeof count !== 'number' || count % groups === 0) return undefined;
  return indivisible('groupnorm', count, 'channels', groups, 'groups');
}

function channelWeight(
  role: 'scale' | 'shift' | 'mean' | 'variance',
  kind: 'zeros' | 'ones',
  count: number,
  trainable: boolean,
): WeightSpec {
  return { name: role, shape: [count], role, trainable, init: { kind, fanIn: 1, fanOut: 1 } };
}

/** The weights of a norm with `affine`. */
export function scaleAndShift(count: number): WeightSpec[] {
  return [
    channelWeight('scale', 'ones', count, true),
    channelWeight('shift', 'zeros', count, true),
  ];
}

function normCost({ results: [y] }: CostInput, { affine }: { readonly affine: boolean }): Cost {
  return { macs: 0, flops: (affine ? 7 : 5) * elementCount(y ?? []) };
}

/** Mean 0 and variance 1 within each of `count` sets of elements; then scale and shift by channel. */
function normalise(
  [x, scale, shift]: readonly Tensor[],
  eps: number,
  count: number,
  setOf: (index: number) => number,
): Tensor {
  if (x === undefined) throw new Error('norm: operand missing');
  const { means, variances } = groupStatistics(x, count, setOf);
  const channelCount = x.shape.at(-1) ?? 1;
  const y = newTensor(x.shape);
  for (let i = 0; i < x.data.length; i++) {
    const set = setOf(i);
    const normal = (at(x.data, i) - at(means, set)) / Math.sqrt(at(variances, set) + eps);
    const c = i % channelCount;
    const factor = scale === undefined ? 1 : at(scale.data, c);
    y.data[i] = normal * factor + (shift === undefined ? 0 : at(shift.data, c));
  }
  return y;
}

/** The mean and the population variance of each of `count` sets of as many elements. */
export function groupStatistics(
  x: Tensor,
  count: number,
  setOf: (index: number) => number,
): { readonly means: Float64Array; readonly variances: Float64Array } {
  const size = x.data.length / count;
  const means = new Float64Array(count);
  for (let i = 0; i < x.data.length; i++) {
    const set = setOf(i);
    means[set] = at(means, set) + at(x.data, i) / size;
  }
  const variances = new Float64Array(count);
  for (let i = 0; i < x.data.length; i++) {
    const set = setOf(i);
    variances[set] = at(variances, set) + (at(x.data, i) - at(means, set)) ** 2 / size;
  }
  return { means, variances };
}
