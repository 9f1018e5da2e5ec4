/** Normalisations, and the standardisation of kernels, of means and elementwise steps. */
import type { Node } from '../../compiler/ir.js';
import { STANDARDIZE_EPSILON } from '../../compiler/ops/standardize.js';
import { numberAttribute } from '../attributes.js';
import type { Emitter, Held } from './emitter.js';
import { binary, image, operand, resultNode, weightsFrom, type Lowering } from './lowering.js';
import { reduced } from './lower-axes.js';
import { float, type TfValue } from './model.js';

/** TensorFlow's own takes four axes at most. */
const MAX_BATCHNORM_RANK = 4;

export const batchnorm: Lowering = (e, node) => {
  const x = image(e, node);
  const [scale, shift, mean, variance] = weightsFrom(e, node, 1);
  if (scale === undefined || shift === undefined || mean === undefined || variance === undefined) {
    throw new Error('batchnorm: weights missing');
  }
  const inputs = [scale, shift, mean, variance];
  const attributes = { epsilon: float(numberAttribute(node, 'eps')) };
  if (x.value.shape.length <= MAX_BATCHNORM_RANK) {
    return resultNode(e, node, x.batch, 'FusedBatchNormV3', [x.value, ...inputs], attributes);
  }
  const rows = e.reshape(x.value, [-1, x.value.shape.at(-1) ?? 1]);
  const normal = e.node('FusedBatchNormV3', [rows, ...inputs], rows.shape, attributes);
  return { ...x, value: e.reshape(normal, x.value.shape) };
};

/**
 * Means of equal parts have the mean of the whole as their mean. So each channel is reduced over the
 * image first, and only the few numbers a channel are parted into groups: an image is never reshaped.
 */
export const groupnorm: Lowering = (e, node) => {
  const channels = Number(operand(node, 0).type.shape.at(-1));
  return channelNorm(e, node, { groups: numberAttribute(node, 'groups'), channels });
};

export const instancenorm: Lowering = (e, node) => channelNorm(e, node);

interface Groups {
  readonly groups: number;
  readonly channels: number;
}

/** Mean 0 and variance 1 over all axes but the batch and the channels, or over groups of these. */
function channelNorm(e: Emitter, node: Node, groups?: Groups): Held {
  const x = image(e, node);
  const axes = x.value.shape.map((_, axis) => axis).slice(1, -1);
  return normalized(e, node, x, (value) => {
    const means = meanOver(e, value, axes);
    return groups === undefined ? means : overGroups(e, means, groups);
  });
}

/** The mean of each group of channels, at every channel of it. */
function overGroups(e: Emitter, means: TfValue, { groups, channels }: Groups): TfValue {
  if (groups === channels) return means;
  const [images = 1] = means.shape;
  const parted = e.reshape(means, [images, groups, channels / groups]);
  const ofGroup = meanOver(e, parted, [2]);
  const repeated = binary(e, 'Mul', ofGroup, e.floats(ones(channels / groups)), parted);
  return e.reshape(repeated, means.shape);
}

function ones(count: number): Float32Array {
  return new Float32Array(count).fill(1);
}

export const layernorm: Lowering = (e, node) => {
  const x = e.take(operand(node, 0));
  return normalized(e, node, x, (value) => meanOver(e, value, [value.shape.length - 1]));
};

/** `(x − mean) / √(variance + eps) · scale + shift` */
function normalized(e: Emitter, node: Node, x: Held, meanOf: (value: TfValue) => TfValue): Held {
  const centred = binary(e, 'Sub', x.value, meanOf(x.value));
  const variance = meanOf(binary(e, 'Mul', centred, centred));
  const shifted = binary(e, 'AddV2', variance, e.scalar(numberAttribute(node, 'eps')));
  let factor = e.node('Rsqrt', [shifted], shifted.shape);
  const [scale, shift] = weightsFrom(e, node, 1);
  if (scale === undefined || shift === undefined) {
    return { ...x, value: binary(e, 'Mul', centred, factor) };
  }
  const channels = scale.shape.at(-1) ?? 1;
  factor = e.node('Mul', [factor, scale], [...factor.shape.slice(0, -1), channels]);
  const scaled = binary(e, 'Mul', centred, factor);
  return { ...x, value: binary(e, 'AddV2', scaled, shift) };
}

/** The mean over these axes, which are kept with size 1. */
function meanOver(e: Emitter, x: TfValue, axes: readonly number[]): TfValue {
  const shape = x.shape.map((dim, i) => (axes.includes(i) ? 1 : dim));
  return reduced(e, 'Mean', x, axes, true, shape);
}

/** Qiao et al. 2019, as `--keep-ws` leaves it in the graph. */
export const standardize: Lowering = (e, node) => {
  const kernel = e.take(operand(node, 0));
  const fanIn = kernel.value.shape.map((_, axis) => axis).slice(0, -1);
  const centred = binary(e, 'Sub', kernel.value, meanOver(e, kernel.value, fanIn));
  const variance = meanOver(e, binary(e, 'Mul', centred, centred), fanIn);
  const deviation = e.node('Sqrt', [variance], variance.shape);
  const divisor = binary(e, 'AddV2', deviation, e.scalar(STANDARDIZE_EPSILON));
  return resultNode(e, node, kernel.batch, 'RealDiv', [centred, divisor]);
};
