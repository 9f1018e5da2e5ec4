/**
 * Operators without weights as functions of TensorFlow.js, for training: only such of its operators
 * are used whose gradients are right on every backend. Resizing, mirrored padding and slices with
 * steps are products with matrices of what is taken from where; nearest resizing and mirroring have
 * wrong gradients in 4.22 or, as slices with steps, none.
 */
import * as tf from '@tensorflow/tfjs';
import { axisIndex } from '../compiler/ops/axes.js';
import type { Attribute } from '../compiler/ir.js';
import { elementCount } from '../compiler/ops/tensor.js';
import type { Padding } from '../compiler/ops/kinds.js';
import { explicitPadding, windowOutput, type Window } from '../compiler/ops/window.js';
import { bilinearMatrix, pickMatrix } from './matrices.js';
import { nearestIndices } from '../backends/resampling.js';

/** Activations with their batch first, constants without one. */
type Operator = (call: Call) => tf.Tensor | tf.Tensor[];

export interface Call {
  readonly inputs: readonly tf.Tensor[];
  readonly attributes: Readonly<Record<string, Attribute>>;
  /** Of the results, without the batch. */
  readonly shapes: readonly (readonly number[])[];
  readonly training: boolean;
}

const first = ({ inputs }: Call): tf.Tensor => inputs[0] ?? fail('an operand is missing');

function fail(message: string): never {
  throw new Error(`archc: ${message}`);
}

function numberOf({ attributes }: Call, name: string): number {
  const value = attributes[name];
  return typeof value === 'number' ? value : fail(`attribute ${name} is no number`);
}

function flagOf({ attributes }: Call, name: string): boolean {
  return attributes[name] === true;
}

function numbersOf({ attributes }: Call, name: string): number[] | undefined {
  const value = attributes[name];
  return Array.isArray(value) ? value.map(Number) : undefined;
}

/** The tensor's axis, the batch counted. */
const axisOf = (call: Call, x: tf.Tensor): number =>
  1 + axisIndex(numberOf(call, 'axis'), x.rank - 1);

const unary =
  (compute: (x: tf.Tensor, call: Call) => tf.Tensor): Operator =>
  (call) =>
    compute(first(call), call);

/** Operands of the result's shape, whose gradients therefore need no sums of their own. */
const arithmetic =
  (compute: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor): Operator =>
  (call) => {
    const shape = [...(call.shapes[0] ?? [])];
    const images = imagesOf(call);
    const wide = call.inputs.map((x) => {
      const own = isBatched(x) ? x.shape.slice(1) : x.shape;
      const lead = isBatched(x) ? x.shape[0] : 1;
      const missing = shape.map(() => 1).slice(own.length);
      return widened(tf.reshape(x, [lead, ...missing, ...own]), [images, ...shape]);
    });
    return wide.reduce(compute);
  };

/** `tf.broadcastTo`, whose gradient in 4.22 is a slice for each repetition, and none above four axes. */
function widened(x: tf.Tensor, shape: number[]): tf.Tensor {
  const axes = shape.flatMap((size, axis) => (x.shape[axis] === size ? [] : [axis]));
  if (axes.length === 0) return tf.clone(x);
  return tf.customGrad((narrow) => ({
    value: tf.broadcastTo(narrow as tf.Tensor, shape),
    gradFunc: (dy: tf.Tensor) => tf.sum(dy, axes, true),
  }))(x);
}

/** Constants are marked by the layer that holds them. */
const CONSTANTS = new WeakSet<tf.Tensor>();

export function constantTensor(data: readonly number[], shape: readonly number[]): tf.Tensor {
  const tensor = tf.tensor([...data], [...shape], 'float32');
  CONSTANTS.add(tensor);
  return tensor;
}

function isBatched(x: tf.Tensor): boolean {
  return !CONSTANTS.has(x);
}

/** The batch of a call. */
function imagesOf({ inputs }: Call): number {
  return Math.max(...inputs.map((x) => (isBatched(x) ? x.shape[0] : 1)));
}

const reduction =
  (reduce: (x: tf.Tensor, axes: number[], keepdims: boolean) => tf.Tensor): Operator =>
  (call) => {
    const x = first(call);
    const rank = x.rank - 1;
    const axes = numbersOf(call, 'axes') ?? Array.from({ length: rank }, (_, i) => i);
    if (axes.length === 0) return tf.clone(x);
    const own = axes.map((axis) => 1 + axisIndex(axis, rank));
    return reduce(x, own, flagOf(call, 'keepdims'));
  };

/** An axis of `x` taken through a matrix `[to, from]`. */
function along(x: tf.Tensor, axis: number, matrix: tf.Tensor2D): tf.Tensor {
  const before = elementCount(x.shape.slice(0, axis));
  const after = elementCount(x.shape.slice(axis + 1));
  const [to, from] = matrix.shape;
  const flat = tf.reshape(x, [before, from, after]);
  const taken = tf.matMul(tf.expandDims(matrix, 0), flat);
  return tf.reshape(taken, [...x.shape.slice(0, axis), to, ...x.shape.slice(axis + 1)]);
}

const resize: Operator = (call) => {
  const { mode } = call.attributes;
  const [height = 1, width = 1] = call.shapes[0] ?? [];
  const image = first(call) as tf.Tensor4D;
  const [down, across] = [height / image.shape[1], width / image.shape[2]];
  if (mode !== 'bilinear' && Number.isInteger(down) && Number.isInteger(across)) {
    return repeated(image, down, across);
  }
  return [height, width].reduce<tf.Tensor>((x, to, i) => {
    const from = x.shape[i + 1] ?? 1;
    if (from === to) return x;
    const matrix =
      mode === 'bilinear' ? bilinearMatrix(from, to) : pickMatrix(from, nearestIndices(from, to));
    return along(x, i + 1, matrix);
  }, image);
};

/** Each pixel `down` by `across` times. Its gradient is a sum, and that of the library is wrong. */
function repeated(image: tf.Tensor4D, down: number, across: number): tf.Tensor {
  const [, height, width] = image.shape;
  return tf.customGrad((x) => {
    const value = tf.image.resizeNearestNeighbor(x as tf.Tensor4D, [height * down, width * across]);
    const gradFunc = (dy: tf.Tensor): tf.Tensor => {
      const window: [number, number] = [down, across];
      return tf.mul(tf.avgPool(dy as tf.Tensor4D, window, window, 'valid'), down * across);
    };
    return { value, gradFunc };
  })(image);
}

const pad: Operator = (call) => {
  const x = first(call);
  const [top = 0, bottom = 0, left = 0, right = 0] = numbersOf(call, 'amounts') ?? [];
  const { mode } = call.attributes;
  const sides = [
    [top, bottom],
    [left, right],
  ] as const;
  if (mode === 'zero') return tf.pad(x, [[0, 0], [...sides[0]], [...sides[1]], [0, 0]]);
  return sides.reduce((image, [before, after], i) => {
    const size = image.shape[i + 1] ?? 1;
    const taken = Array.from({ length: before + size + after }, (_, at) => {
      const place = at - before;
      if (mode === 'edge') return Math.min(Math.max(place, 0), size - 1);
      return place < 0 ? -place : place < size ? place : 2 * (size - 1) - place;
    });
    return along(image, i + 1, pickMatrix(size, taken));
  }, x);
};

const slice: Operator = (call) => {
  const x = first(call);
  const axis = axisOf(call, x);
  const size = x.shape[axis] ?? 1;
  const count = call.shapes[0]?.[axis - 1] ?? 1;
  const start = numberOf(call, 'start');
  const begin = Math.max(0, start < 0 ? size + start : start);
  const step = numberOf(call, 'step');
  if (step > 1) {
    const taken = Array.from({ length: count }, (_, i) => begin + i * step);
    return along(x, axis, pickMatrix(size, taken));
  }
  const from = x.shape.map((_, i) => (i === axis ? begin : 0));
  return tf.slice(
    x,
    from,
    x.shape.map((dim, i) => (i === axis ? count : dim)),
  );
};

const split: Operator = (call) => {
  const x = first(call);
  // The gradient of one part alone is an error.
  if (call.shapes.length === 1) return [tf.clone(x)];
  const axis = axisOf(call, x);
  return tf.split(
    x,
    call.shapes.map((shape) => shape[axis - 1] ?? 1),
    axis,
  );
};

const transpose: Operator = (call) => {
  const x = first(call);
  const rank = x.rank - 1;
  const axes = numbersOf(call, 'axes') ?? Array.from({ length: rank }, (_, i) => rank - 1 - i);
  return tf.transpose(x, [0, ...axes.map((axis) => 1 + axisIndex(axis, rank))]);
};

const matmul: Operator = (call) => {
  const shape = call.shapes[0] ?? [];
  const images = imagesOf(call);
  const lead = [images, ...shape.slice(0, -2)];
  const [a, b] = call.inputs.map((x) => {
    const batched = isBatched(x);
    const own = batched ? x.shape.slice(1) : x.shape;
    const missing = Array.from({ length: shape.length - own.length }, () => 1);
    const whole = tf.reshape(x, [batched ? x.shape[0] : 1, ...missing, ...own]);
    return widened(whole, [...lead, ...own.slice(-2)]);
  });
  return a === undefined || b === undefined ? fail('an operand is missing') : tf.matMul(a, b);
};

const softmax: Operator = (call) => {
  const x = first(call);
  const axis = axisOf(call, x);
  const last = x.rank - 1;
  const swap = x.shape.map((_, i) => (i === axis ? last : i === last ? axis : i));
  return axis === last ? tf.softmax(x) : tf.transpose(tf.softmax(tf.transpose(x, swap)), swap);
};

const concat: Operator = (call) => {
  const images = imagesOf(call);
  const parts = call.inputs.map((x) =>
    isBatched(x) ? x : tf.broadcastTo(tf.expandDims(x, 0), [images, ...x.shape]),
  );
  const rank = call.shapes[0]?.length ?? 0;
  return tf.concat(parts, 1 + axisIndex(numberOf(call, 'axis'), rank));
};

/** Explicit padding; what Keras's pools do alone goes to them. */
function pooled(call: Call, fill: number): { readonly x: tf.Tensor4D; readonly window: Window } {
  const pair = (name: string): readonly [number, number] => {
    const [height = 1, width = 1] = numbersOf(call, name) ?? [];
    return [height, width];
  };
  const window: Window = {
    k: pair('k'),
    stride: pair('stride'),
    dilation: [1, 1],
    // As `layerOf` writes it, of a node whose attributes have been checked.
    pad: call.attributes['pad'] as Padding,
  };
  return { x: paddedFor(first(call) as tf.Tensor4D, window, fill), window };
}

/** An image with the padding of a window, which then needs none. */
export function paddedFor(x: tf.Tensor4D, window: Window, fill = 0): tf.Tensor4D {
  const around = ([0, 1] as const).map((axis): [number, number] => [
    ...explicitPadding(x.shape[axis + 1] ?? 1, window, axis),
  ]);
  return tf.pad<tf.Tensor4D>(x, [[0, 0], ...around, [0, 0]], fill);
}

/** The padding of a window in the words of `tf.conv2d`. */
export function paddingFor(x: tf.Tensor4D, window: Window): [...tf.backend_util.ExplicitPadding] {
  const [top, bottom] = explicitPadding(x.shape[1], window, 0);
  const [left, right] = explicitPadding(x.shape[2], window, 1);
  return [
    [0, 0],
    [top, bottom],
    [left, right],
    [0, 0],
  ];
}

const maxpool: Operator = (call) => {
  // Not an infinity: gradients multiply what is not chosen by 0.
  const { x, window } = pooled(call, -3e38);
  return tf.maxPool(x, [...window.k], [...window.stride], 'valid');
};

const avgpool: Operator = (call) => {
  const { x, window } = pooled(call, 0);
  const [, height, width] = first(call).shape;
  const share = ([0, 1] as const).map((axis) => {
    const size = (axis === 0 ? height : width) ?? 1;
    const [before] = explicitPadding(size, window, axis);
    return Array.from({ length: Number(windowOutput(size, window, axis)) }, (_, i) => {
      const start = i * window.stride[axis] - before;
      return (Math.min(size, start + window.k[axis]) - Math.max(0, start)) / window.k[axis];
    });
  });
  const [down = [], across = []] = share;
  const shares = tf.tensor(
    down.flatMap((a) => across.map((b) => a * b)),
    [1, down.length, across.length, 1],
  );
  return tf.div(tf.avgPool(x, [...window.k], [...window.stride], 'valid'), shares);
};

export const OPERATORS: Readonly<Record<string, Operator>> = {
  maxpool,
  avgpool,
  globalavgpool: (call) => tf.mean(first(call), [1, 2], flagOf(call, 'keepdims')),
  globalmaxpool: (call) => tf.max(first(call), [1, 2], flagOf(call, 'keepdims')),
  upsample: resize,
  resize,
  matmul,
  concat,
  add: arithmetic((a, b) => tf.add(a, b)),
  sub: arithmetic((a, b) => tf.sub(a, b)),
  mul: arithmetic((a, b) => tf.mul(a, b)),
  div: arithmetic((a, b) => tf.div(a, b)),
  maximum: arithmetic((a, b) => tf.maximum(a, b)),
  minimum: arithmetic((a, b) => tf.minimum(a, b)),
  relu6: unary((x) => tf.relu6(x)),
  leakyrelu: unary((x, call) => tf.leakyRelu(x, numberOf(call, 'alpha'))),
  elu: unary((x, call) => {
    const below = tf.mul(tf.elu(tf.minimum(x, 0)), numberOf(call, 'alpha'));
    return tf.add(tf.relu(x), below);
  }),
  selu: unary((x) => tf.selu(x)),
  gelu: unary((x, call) => {
    const curve = flagOf(call, 'approximate')
      ? tf.tanh(
          tf.mul(tf.add(x, tf.mul(tf.mul(tf.square(x), x), 0.044715)), Math.sqrt(2 / Math.PI)),
        )
      : tf.erf(tf.mul(x, Math.SQRT1_2));
    return tf.mul(tf.mul(x, 0.5), tf.add(curve, 1));
  }),
  silu: unary((x) => tf.mul(x, tf.sigmoid(x))),
  hardswish: unary((x) => tf.mul(x, tf.div(tf.relu6(tf.add(x, 3)), 6))),
  hardsigmoid: unary((x, call) =>
    tf.clipByValue(tf.add(tf.mul(x, numberOf(call, 'slope')), numberOf(call, 'offset')), 0, 1),
  ),
  mish: unary((x) => tf.mul(x, tf.tanh(tf.softplus(x)))),
  softplus: unary((x) => tf.softplus(x)),
  softmax,
  /** Without scale and shift. */
  layernorm: unary((x, call) => {
    const centred = tf.sub(x, tf.mean(x, -1, true));
    const variance = tf.mean(tf.square(centred), -1, true);
    return tf.mul(centred, tf.rsqrt(tf.add(variance, numberOf(call, 'eps'))));
  }),
  spatialdropout: unary((x, call) => {
    if (!call.training) return x;
    const shape = x.shape.map((size, axis) => (axis === 0 || axis === x.rank - 1 ? size : 1));
    const rate = numberOf(call, 'rate');
    return tf.mul(x, tf.dropout(tf.ones(shape), rate));
  }),
  pad,
  reshape: (call) => tf.reshape(first(call), [-1, ...(call.shapes[0] ?? [])]),
  transpose,
  split,
  slice,
  mean: reduction((x, axes, keepdims) => tf.mean(x, axes, keepdims)),
  sum: reduction((x, axes, keepdims) => tf.sum(x, axes, keepdims)),
  max: reduction((x, axes, keepdims) => tf.max(x, axes, keepdims)),
  identity: unary((x) => tf.clone(x)),
};
