/** Convolutions and pools: what slides a window over an image. */
import type { Node } from '../../compiler/ir.js';
import {
  explicitPadding,
  extent,
  transposedPadding,
  windowOutput,
  type Window,
} from '../../compiler/ops/window.js';
import { add as plus, isSymbolic, type Dim, type Shape } from '../../compiler/shape.js';
import {
  booleanAttribute,
  numberAttribute,
  paddingAttribute,
  pairAttribute,
} from '../attributes.js';
import { paddingAlong } from '../padding.js';
import type { Emitter, Held } from './emitter.js';
import { cut, padded, reduced, type Amounts } from './lower-axes.js';
import {
  binary,
  image,
  operand,
  resultNode,
  resultType,
  shapeOf,
  weightsFrom,
  type Lowering,
} from './lowering.js';
import { int, ints, text, texts, type TfAttributes, type TfValue } from './model.js';

export const conv: Lowering = (e, node) => {
  const groups = numberAttribute(node, 'groups');
  const channels = Number(operand(node, 0).type.shape.at(-1));
  if (groups === 1) return convolution(e, node, 'Conv2D', e.kernel(operand(node, 1), 'plain'));
  if (groups === channels) return depthwise(e, node);
  return grouped(e, node, groups);
};

export const dwconv: Lowering = (e, node) => depthwise(e, node);

function depthwise(e: Emitter, node: Node): Held {
  const channels = Number(operand(node, 0).type.shape.at(-1));
  const kernel = e.kernel(operand(node, 1), { depthwise: channels });
  return convolution(e, node, 'DepthwiseConv2dNative', kernel);
}

/** What a convolution slides over. */
function convolved(e: Emitter, node: Node): { readonly x: Held; readonly window: Window } {
  const x = image(e, node);
  const window = windowOf(node, pairAttribute(node, 'dilation'));
  if (window.pad !== 'same' || reachesStride(window)) return { x, window };
  const amounts = amountsOf(x.value, window);
  if (isStaticPadding(amounts)) return { x, window: { ...window, pad: amounts } };
  const value = padded(e, x.value, amounts, 0);
  return { x: { ...x, value }, window: { ...window, pad: 'valid' } };
}

/**
 * Whether windows leave no gap along either axis. The WebAssembly engine pads wrongly for `SAME`
 * where they do.
 */
function reachesStride({ k, stride, dilation }: Window): boolean {
  return [0, 1].every(
    (axis) => extent(k[axis as 0 | 1], dilation[axis as 0 | 1]) >= (stride[axis] ?? 1),
  );
}

/** The padding of a window over an image `[N, H, W, C]`. */
function amountsOf(x: TfValue, window: Window): Amounts {
  const [, height = 1, width = 1] = x.shape;
  return [...paddingAlong(height, window, 0), ...paddingAlong(width, window, 1)];
}

function isStaticPadding(amounts: Amounts): amounts is readonly [number, number, number, number] {
  return !amounts.some(isSymbolic);
}

/** The same with a bias, which engines add as they go. */
const WITH_BIAS = {
  Conv2D: '_FusedConv2D',
  DepthwiseConv2dNative: 'FusedDepthwiseConv2dNative',
} as const;

function convolution(e: Emitter, node: Node, op: keyof typeof WITH_BIAS, kernel: TfValue): Held {
  const { x, window } = convolved(e, node);
  const attributes = windowAttributes(window);
  const weights = [tapsOf(e, kernel, window), ...weightsFrom(e, node, 2)];
  const isFused = weights.length > 1;
  return resultNode(e, node, x.batch, isFused ? WITH_BIAS[op] : op, [x.value, ...weights], {
    ...attributes,
    ...(isFused ? { fused_ops: texts(['BiasAdd']), num_args: int(1) } : {}),
  });
}

/** TensorFlow.js convolves one group: each on its own, and their channels side by side. */
function grouped(e: Emitter, node: Node, groups: number): Held {
  const { x, window } = convolved(e, node);
  const kernel = tapsOf(e, e.kernel(operand(node, 1), 'plain'), window);
  const [y] = node.results;
  const shape = y === undefined ? [] : shapeOf(e, y, x.batch);
  const filters = Number(shape.at(-1)) / groups;
  const images = parts(e, x.value, groups);
  const kernels = parts(e, kernel, groups);
  const results = images.map((part, i) =>
    e.node('Conv2D', [part, kernels[i] ?? kernel], [...shape.slice(0, -1), filters], {
      ...windowAttributes(window),
    }),
  );
  const axis = e.intScalar(shape.length - 1);
  const value = e.node('ConcatV2', [...results, axis], shape, { N: int(groups) });
  const [bias] = weightsFrom(e, node, 2);
  return { ...x, value: bias === undefined ? value : e.node('BiasAdd', [value, bias], shape) };
}

/** Equal parts of the last axis. */
function parts(e: Emitter, x: TfValue, count: number): readonly TfValue[] {
  const size = Number(x.shape.at(-1)) / count;
  const sizes = Array.from({ length: count }, () => size);
  const inputs = [x, e.ints(sizes), e.intScalar(x.shape.length - 1)];
  const shapes = sizes.map((each) => [...x.shape.slice(0, -1), each]);
  return e.nodes('SplitV', inputs, shapes, { num_split: int(count) });
}

/** Engines take strides or dilations, not both: then zeros go between the taps. */
function needsSpreading({ stride, dilation }: Window): boolean {
  return stride.some((s) => s > 1) && dilation.some((d) => d > 1);
}

/** Along one axis after the other, since TensorFlow.js on WebGPU pads no more than four axes. */
function tapsOf(e: Emitter, kernel: TfValue, window: Window): TfValue {
  if (!needsSpreading(window)) return kernel;
  const [height = 1, width = 1, ...rest] = kernel.shape.map(Number);
  const channels = rest.reduce((n, size) => n * size, 1);
  const [down, across] = window.dilation;
  const tall = followedByZeros(e, e.reshape(kernel, [height, 1, width * channels]), down);
  const wide = followedByZeros(e, e.reshape(tall, [height * down * width, 1, channels]), across);
  return cut(
    e,
    e.reshape(wide, [height * down, width * across, ...rest]),
    [0, 1].map((axis) => ({
      axis,
      start: 0,
      stop: extent(window.k[axis as 0 | 1], window.dilation[axis as 0 | 1]),
    })),
  );
}

/** `[rows, 1, size]` with each row the first of `count`. */
function followedByZeros(e: Emitter, rows: TfValue, count: number): TfValue {
  if (count === 1) return rows;
  const [length = 1, , size = 1] = rows.shape;
  const amounts = e.ints([0, 0, 0, count - 1, 0, 0], [3, 2]);
  return e.node('PadV2', [rows, amounts, e.scalar(0)], [length, count, size]);
}

function windowAttributes(window: Window): TfAttributes {
  const [down, across] = needsSpreading(window) ? [1, 1] : window.dilation;
  return {
    ...strideAttributes(window),
    ...paddingAttributes(window.pad),
    dilations: ints([1, down, across, 1]),
  };
}

function strideAttributes({ stride: [down, across] }: Pick<Window, 'stride'>): TfAttributes {
  return { strides: ints([1, down, across, 1]), data_format: text('NHWC') };
}

/** TensorFlow's `SAME` is archc's. */
function paddingAttributes(pad: Window['pad']): TfAttributes {
  if (pad === 'same') return { padding: text('SAME') };
  if (pad === 'valid' || pad.every((amount) => amount === 0)) return { padding: text('VALID') };
  const [top, bottom, left, right] = pad;
  return {
    padding: text('EXPLICIT'),
    explicit_paddings: ints([0, 0, top, bottom, left, right, 0, 0]),
  };
}

/** The gradient of a convolution, whose input has the shape of the result. */
export const convtranspose: Lowering = (e, node) => {
  const x = image(e, node);
  const window = windowOf(node);
  const kernel = e.kernel(operand(node, 1), 'transposed');
  const [y] = node.results;
  const shape = y === undefined ? [] : shapeOf(e, y, x.batch);
  const [top, bottom] = transposedPadding(window, 0);
  const [left, right] = transposedPadding(window, 1);
  // Less than 0 is rows of zeros after the others, which is what a larger result has there.
  const amounts = [top, Math.max(0, bottom), left, Math.max(0, right)] as const;
  const value = amounts.every((amount, i) => amount < window.k[i < 2 ? 0 : 1])
    ? scattered(e, x.value, kernel, shape, { ...window, pad: amounts })
    : cropped(
        e,
        scattered(e, x.value, kernel, grown(shape, amounts), { ...window, pad: 'valid' }),
        amounts,
      );
  const [bias] = weightsFrom(e, node, 2);
  return { ...x, value: bias === undefined ? value : e.node('BiasAdd', [value, bias], shape) };
};

function scattered(e: Emitter, x: TfValue, kernel: TfValue, shape: Shape, window: Window): TfValue {
  return e.node('Conv2DBackpropInput', [e.sizes(shape), kernel, x], shape, {
    ...strideAttributes(window),
    ...paddingAttributes(window.pad),
  });
}

type FixedAmounts = readonly [top: number, bottom: number, left: number, right: number];

/** The shape before these amounts were cut off. */
function grown(shape: Shape, [top, bottom, left, right]: FixedAmounts): Shape {
  const [images = 1, height = 1, width = 1, channels = 1] = shape;
  return [images, plus(height, top + bottom), plus(width, left + right), channels];
}

function cropped(e: Emitter, x: TfValue, [top, bottom, left, right]: FixedAmounts): TfValue {
  return cut(e, x, [
    { axis: 1, start: top, stop: bottom === 0 ? undefined : -bottom },
    { axis: 2, start: left, stop: right === 0 ? undefined : -right },
  ]);
}

export const maxpool: Lowering = (e, node) => {
  const window = windowOf(node);
  const x = image(e, node);
  const { value, pad } = pooledImage(e, x.value, window, -Infinity);
  return resultNode(e, node, x.batch, 'MaxPool', [value], poolAttributes(window, pad));
};

/** TensorFlow's `SAME` leaves padding out of the mean, as archc does. */
export const avgpool: Lowering = (e, node) => {
  const window = windowOf(node);
  const x = image(e, node);
  const { value, pad } = pooledImage(e, x.value, window, 0);
  const means = resultNode(e, node, x.batch, 'AvgPool', [value], poolAttributes(window, pad));
  if (value === x.value) return means;
  // The padding is in the image: divide by the share of each window that is not.
  const shares = sharesInside(e, x.value, resultType(node).shape, window);
  return { ...means, value: binary(e, 'RealDiv', means.value, shares) };
};

/** Pools know `SAME` and `VALID` alone: an image whose padding is neither is padded first. */
function pooledImage(
  e: Emitter,
  x: TfValue,
  window: Window,
  fill: number,
): { readonly value: TfValue; readonly pad: 'same' | 'valid' } {
  const amounts = amountsOf(x, window);
  if (amounts.every((amount) => amount === 0)) return { value: x, pad: 'valid' };
  const [, height = 1, width = 1] = x.shape;
  const isEqual = isSame(height, window, 0) && isSame(width, window, 1);
  if (isEqual && reachesStride(window)) return { value: x, pad: 'same' };
  return { value: padded(e, x, amounts, fill), pad: 'valid' };
}

/** Whether the padding along an axis gives the windows of `same`. */
function isSame(input: Dim, window: Window, axis: 0 | 1): boolean {
  if (window.pad === 'same') return true;
  const same: Window = { ...window, pad: 'same' };
  // With a stride of 1 the amounts are the same for every size.
  if (isSymbolic(input) && window.stride[axis] !== 1) return false;
  const size = isSymbolic(input) ? window.k[axis] : input;
  const [before] = explicitPadding(size, window, axis);
  const [sameBefore] = explicitPadding(size, same, axis);
  return (
    before === sameBefore && windowOutput(size, window, axis) === windowOutput(size, same, axis)
  );
}

/** Of each window, how much lies in the image: `[1, H, W, 1]`. */
function sharesInside(e: Emitter, x: TfValue, result: Shape, window: Window): TfValue {
  const [, height = 1, width = 1] = x.shape;
  const [rows = 1, columns = 1] = result;
  if (isSymbolic(height) || isSymbolic(width)) {
    const ofOnes = [1, height, width, 1];
    const ones = e.node('Fill', [e.sizes(ofOnes), e.scalar(1)], ofOnes);
    const inside = padded(e, ones, amountsOf(x, window), 0);
    return e.node('AvgPool', [inside], [1, rows, columns, 1], poolAttributes(window, 'valid'));
  }
  const down = sharesAlong(height, Number(rows), window, 0);
  const across = sharesAlong(width, Number(columns), window, 1);
  const shares = down.flatMap((a) => across.map((b) => a * b));
  return e.floats(shares, [1, down.length, across.length, 1]);
}

function sharesAlong(input: number, output: number, window: Window, axis: 0 | 1): number[] {
  const [before] = explicitPadding(input, window, axis);
  const k = window.k[axis];
  return Array.from({ length: output }, (_, i) => {
    const start = i * window.stride[axis] - before;
    return (Math.min(input, start + k) - Math.max(0, start)) / k;
  });
}

function poolAttributes(window: Window, pad: 'same' | 'valid'): TfAttributes {
  const [height, width] = window.k;
  return {
    ksize: ints([1, height, width, 1]),
    ...strideAttributes(window),
    ...paddingAttributes(pad),
  };
}

export const globalavgpool: Lowering = (e, node) => globalPool(e, node, 'Mean');

export const globalmaxpool: Lowering = (e, node) => globalPool(e, node, 'Max');

function globalPool(e: Emitter, node: Node, op: string): Held {
  const x = image(e, node);
  const keepdims = booleanAttribute(node, 'keepdims');
  const [images = 1, , , channels = 1] = x.value.shape;
  const shape = keepdims ? [images, 1, 1, channels] : [images, channels];
  return { ...x, value: reduced(e, op, x.value, [1, 2], keepdims, shape) };
}

/** Every position is a row of one matrix. */
export const dense: Lowering = (e, node) => {
  const x = image(e, node);
  const [kernel, bias] = weightsFrom(e, node, 1);
  if (kernel === undefined) throw new Error('dense: kernel missing');
  const [features = 1, units = 1] = kernel.shape;
  const rows = x.value.shape.length === 2 ? x.value : e.reshape(x.value, [-1, features]);
  const ofRows = [rows.shape[0] ?? 1, units];
  let value = e.node('MatMul', [rows, kernel], ofRows);
  if (bias !== undefined) value = e.node('BiasAdd', [value, bias], ofRows);
  return { ...x, value: e.reshape(value, [...x.value.shape.slice(0, -1), units]) };
};

function windowOf(node: Node, dilation: readonly [number, number] = [1, 1]): Window {
  return {
    k: pairAttribute(node, 'k'),
    stride: pairAttribute(node, 'stride'),
    dilation,
    pad: paddingAttribute(node, 'pad'),
  };
}
