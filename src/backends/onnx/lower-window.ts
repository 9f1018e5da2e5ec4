/** Convolutions and pools: what slides a window over an image. */
import type { Node } from '../../compiler/ir.js';
import { transposedPadding, type Window } from '../../compiler/ops/window.js';
import { add, isSymbolic, type Shape } from '../../compiler/shape.js';
import {
  booleanAttribute,
  numberAttribute,
  paddingAttribute,
  pairAttribute,
  stringAttribute,
} from '../attributes.js';
import { paddingAlong } from '../padding.js';
import type { Emitter, Held } from './emitter.js';
import { channelsFirst, CONV_KERNEL, plain, TRANSPOSED_KERNEL } from './layout.js';
import { image, operand, resultNode, type Lowering, weightsUnder } from './lowering.js';
import { int, ints, type OnnxAttributes, type OnnxValue } from './model.js';

const IMAGE_RANK = 3;
/** In ONNX's order `[N, C, H, W]`. */
const HEIGHT = 2;

export const conv: Lowering = (e, node) => convolution(e, node, numberAttribute(node, 'groups'));

export const dwconv: Lowering = (e, node) =>
  convolution(e, node, Number(operand(node, 0).type.shape.at(-1)));

function convolution(e: Emitter, node: Node, groups: number): Held {
  const window = windowOf(node, pairAttribute(node, 'dilation'));
  const { x, pads } = padded(e, image(e, node), window, 0);
  const kernel = e.place(operand(node, 1), CONV_KERNEL).value;
  return resultNode(e, node, x, 'Conv', [x.value, kernel, ...weightsUnder(e, node, 2, [0])], {
    kernel_shape: ints(window.k),
    strides: ints(window.stride),
    dilations: ints(window.dilation),
    pads: ints(pads),
    group: int(groups),
  });
}

export const convtranspose: Lowering = (e, node) => {
  const x = image(e, node);
  const window = windowOf(node);
  const [top, bottom] = transposedPadding(window, 0);
  const [left, right] = transposedPadding(window, 1);
  const kernel = e.place(operand(node, 1), TRANSPOSED_KERNEL).value;
  const inputs = [x.value, kernel, ...weightsUnder(e, node, 2, [0])];
  return resultNode(e, node, x, 'ConvTranspose', inputs, {
    kernel_shape: ints(window.k),
    strides: ints(window.stride),
    pads: ints([top, left, Math.max(0, bottom), Math.max(0, right)]),
    output_padding: ints([Math.max(0, -bottom), Math.max(0, -right)]),
  });
};

export const maxpool: Lowering = (e, node) => {
  const window = windowOf(node);
  const { x, pads } = padded(e, apart(e, node, image(e, node)), window, -Infinity);
  return resultNode(e, node, x, 'MaxPool', [x.value], { ...poolAttributes(window, pads) });
};

/**
 * An image that is padded with zeros, behind a node that changes nothing: ONNX Runtime makes such
 * padding part of a MaxPool, where padding is no number at all (see docs/engine-faults.md).
 */
function apart(e: Emitter, node: Node, x: Held): Held {
  const { definition } = operand(node, 0);
  const before = definition.kind === 'result' ? definition.node : undefined;
  const isPadded = before?.op === 'pad' && stringAttribute(before, 'mode') === 'zero';
  return isPadded ? { ...x, value: e.node('Max', [x.value], x.value.shape) } : x;
}

export const avgpool: Lowering = (e, node) => {
  const window = windowOf(node);
  const whole = image(e, node);
  const { x, pads } = padded(e, whole, window, 0);
  const attributes = { ...poolAttributes(window, pads), count_include_pad: int(0) };
  if (x === whole) return resultNode(e, node, x, 'AveragePool', [x.value], attributes);
  // The padding is in the image: divide by the share of each window that is not.
  const means = resultNode(e, node, x, 'AveragePool', [x.value], attributes);
  const [, , height = 1, width = 1] = whole.value.shape;
  const ofOnes = [1, 1, height, width];
  const ones = e.node('Expand', [e.floats([1], [1]), e.sizes(ofOnes)], ofOnes);
  const inside = padded(e, { ...whole, value: ones }, window, 0).x;
  const shape = [1, 1, ...means.value.shape.slice(HEIGHT)];
  const shares = e.node('AveragePool', [inside.value], shape, attributes);
  return resultNode(e, node, x, 'Div', [means.value, shares]);
};

export const globalavgpool: Lowering = (e, node) => globalPool(e, node, 'GlobalAveragePool');

export const globalmaxpool: Lowering = (e, node) => globalPool(e, node, 'GlobalMaxPool');

function globalPool(e: Emitter, node: Node, opType: string): Held {
  const x = image(e, node);
  const [count = 1, channels = 1] = x.value.shape;
  const pooled = e.node(opType, [x.value], [count, channels, 1, 1]);
  if (booleanAttribute(node, 'keepdims')) return { ...x, value: pooled };
  // Flatten needs no sizes, and makes a matrix of its input whatever they are.
  const flat = { order: [0], batch: x.batch };
  return resultNode(e, node, flat, 'Flatten', [pooled], { axis: int(1) });
}

export const dense: Lowering = (e, node) => {
  const x = operand(node, 0);
  const rank = x.type.shape.length;
  if (rank === 1) {
    const row = e.take(x, [0], { batched: true });
    const kernel = e.place(operand(node, 1), [0, 1]).value;
    const inputs = [row.value, kernel, ...weightsUnder(e, node, 2, [0])];
    return resultNode(e, node, row, 'Gemm', inputs);
  }
  const order = e.cheapOrder(x);
  if (rank === IMAGE_RANK && order?.at(-1) !== rank - 1) {
    // Channels are first already: the same as a 1×1 convolution.
    const pixels = e.take(x, channelsFirst(rank), { batched: true });
    const kernel = e.place(operand(node, 1), [1, 0, null, null]).value;
    const inputs = [pixels.value, kernel, ...weightsUnder(e, node, 2, [0])];
    return resultNode(e, node, pixels, 'Conv', inputs, { kernel_shape: ints([1, 1]) });
  }
  const rows = order?.at(-1) === rank - 1 ? e.held(x) : e.take(x, plain(rank));
  const kernel = e.place(operand(node, 1), [0, 1]).value;
  const product = resultNode(e, node, rows, 'MatMul', [rows.value, kernel]);
  const [bias] = weightsUnder(e, node, 2, [0]);
  return bias === undefined ? product : resultNode(e, node, rows, 'Add', [product.value, bias]);
};

function windowOf(node: Node, dilation: readonly [number, number] = [1, 1]): Window {
  return {
    k: pairAttribute(node, 'k'),
    stride: pairAttribute(node, 'stride'),
    dilation,
    pad: paddingAttribute(node, 'pad'),
  };
}

function poolAttributes(window: Window, pads: readonly number[]): OnnxAttributes {
  return { kernel_shape: ints(window.k), strides: ints(window.stride), pads: ints(pads) };
}

/**
 * ONNX's pads `[top, left, bottom, right]` for a window over an image. Where they depend on sizes
 * that are not known, the image is padded with `fill` by a node of its own, and none remain.
 */
function padded(
  e: Emitter,
  x: Held,
  window: Window,
  fill: number,
): { readonly x: Held; readonly pads: readonly number[] } {
  const [height, width] = x.value.shape.slice(HEIGHT);
  const [top, bottom] = paddingAlong(height ?? 1, window, 0);
  const [left, right] = paddingAlong(width ?? 1, window, 1);
  const pads = [top, left, bottom, right];
  if (!pads.some(isSymbolic)) return { x, pads: pads.map(Number) };
  const [count = 1, channels = 1] = x.value.shape;
  const shape: Shape = [
    count,
    channels,
    add(add(height ?? 1, top), bottom),
    add(add(width ?? 1, left), right),
  ];
  const amounts = e.sizes([0, 0, top, left, 0, 0, bottom, right]);
  const value: OnnxValue = e.node('Pad', [x.value, amounts, e.floats([fill], [])], shape);
  return { x: { ...x, value }, pads: [0, 0, 0, 0] };
}
