/** Normalisations, and the standardisation of kernels. */
import type { Node } from '../../compiler/ir.js';
import { STANDARDIZE_EPSILON } from '../../compiler/ops/standardize.js';
import { isSymbolic, mul, product, type Dim } from '../../compiler/shape.js';
import { numberAttribute } from '../attributes.js';
import type { Emitter, Held } from './emitter.js';
import { channelsFirst, CONV_KERNEL, plain } from './layout.js';
import {
  image,
  operand,
  rankOf,
  resultNode,
  weightsUnder,
  withAxesOfOne,
  type Lowering,
} from './lowering.js';
import { reduced } from './lower-axes.js';
import { float, int, type OnnxValue } from './model.js';

const epsilonOf = (node: Node) => float(numberAttribute(node, 'eps'));

export const batchnorm: Lowering = (e, node) => {
  const x = image(e, node);
  const inputs = [x.value, ...weightsUnder(e, node, 1, [0])];
  return resultNode(e, node, x, 'BatchNormalization', inputs, {
    epsilon: epsilonOf(node),
    momentum: float(numberAttribute(node, 'momentum')),
  });
};

export const instancenorm: Lowering = (e, node) => {
  const x = image(e, node);
  const inputs = [x.value, ...scaleAndShift(e, node, x.value.shape[1] ?? 1)];
  return resultNode(e, node, x, 'InstanceNormalization', inputs, { epsilon: epsilonOf(node) });
};

export const layernorm: Lowering = (e, node) => {
  const value = operand(node, 0);
  const rank = rankOf(value);
  const order = e.cheapOrder(value);
  const x = order?.at(-1) === rank - 1 ? e.held(value) : e.take(value, plain(rank));
  const inputs = [x.value, ...scaleAndShift(e, node, value.type.shape.at(-1) ?? 1)];
  return resultNode(e, node, x, 'LayerNormalization', inputs, {
    axis: int(-1),
    epsilon: epsilonOf(node),
  });
};

/**
 * Since opset 21, GroupNormalization scales each channel, as archc does. The one of opsets 18 to 20
 * scales each group. Below 21 every group is an instance of its own: the same sums, and on CPU as
 * fast.
 */
export const groupnorm: Lowering = (e, node) => {
  const x = image(e, node);
  const groups = numberAttribute(node, 'groups');
  const epsilon = epsilonOf(node);
  const [count = 1, channels = 1, ...sizes] = x.value.shape;
  if (e.opset >= 21) {
    const inputs = [x.value, ...scaleAndShift(e, node, channels)];
    const attributes = { num_groups: int(groups), epsilon };
    return resultNode(e, node, x, 'GroupNormalization', inputs, attributes);
  }
  const each = mul(Number(channels) / groups, product(sizes));
  const parted = e.reshape(x.value, [count, groups, each]);
  const inputs = [parted, filled(e, 1, groups), filled(e, 0, groups)];
  const normal = e.node('InstanceNormalization', inputs, parted.shape, { epsilon });
  const whole: Held = { ...x, value: e.reshape(normal, x.value.shape) };
  const pattern = [0, ...sizes.map(() => null)];
  const [scale, shift] = weightsUnder(e, node, 1, pattern);
  if (scale === undefined || shift === undefined) return whole;
  const scaled = resultNode(e, node, whole, 'Mul', [whole.value, scale]);
  return resultNode(e, node, whole, 'Add', [scaled.value, shift]);
};

/** The node's own, or ones and zeros. */
function scaleAndShift(e: Emitter, node: Node, channels: Dim): readonly OnnxValue[] {
  const own = weightsUnder(e, node, 1, [0]);
  return own.length > 0 ? own : [filled(e, 1, channels), filled(e, 0, channels)];
}

/** A vector of one number. */
function filled(e: Emitter, value: number, size: Dim): OnnxValue {
  if (isSymbolic(size)) return e.node('Expand', [e.floats([value]), e.sizes([size])], [size]);
  return e.floats(new Float32Array(size).fill(value));
}

/** Qiao et al. 2019, as `--keep-ws` leaves it in the graph. */
export const standardize: Lowering = (e, node) => {
  const value = operand(node, 0);
  const rank = rankOf(value);
  // Output channels first, as Conv will take the kernel.
  const kernel = e.take(value, rank === CONV_KERNEL.length ? CONV_KERNEL : channelsFirst(rank));
  const fanIn = plain(rank).slice(1);
  const ofFilter = withAxesOfOne(kernel.value, fanIn);
  const mean = reduced(e, 'ReduceMean', kernel.value, fanIn, true, ofFilter);
  const centred = resultNode(e, node, kernel, 'Sub', [kernel.value, mean]).value;
  const squares = resultNode(e, node, kernel, 'Mul', [centred, centred]).value;
  const variance = reduced(e, 'ReduceMean', squares, fanIn, true, ofFilter);
  const deviation = e.node('Sqrt', [variance], ofFilter);
  const divisor = e.node('Add', [deviation, e.floats([STANDARDIZE_EPSILON], [])], ofFilter);
  return resultNode(e, node, kernel, 'Div', [centred, divisor]);
};
