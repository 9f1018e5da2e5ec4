/**
 * Where archc's axes stand in ONNX. Inside archc, images are `[H, W, C]` and kernels
 * `[height, width, in / groups, out]`; ONNX's operators want `[N, C, H, W]` and
 * `[out, in / groups, height, width]`. An order says which axis of a value each axis of an ONNX
 * tensor holds, the batch aside; everything else in this backend is written in terms of orders.
 */
import type { Tensor } from '../../compiler/ir.js';
import { offsetsAlong, pick, stridesOf } from '../../compiler/ops/elements.js';
import type { Dim, Shape } from '../../compiler/shape.js';

/** ONNX axis `i` (after the batch, where there is one) holds axis `order[i]` of the value. */
export type Order = readonly number[];

/** An order in which some ONNX axes are new, of size 1. */
export type Pattern = readonly (number | null)[];

export type BorderLayout = 'nchw' | 'nhwc';

/** `[out, in / groups, height, width]`, as Conv takes kernels. */
export const CONV_KERNEL: Order = [3, 2, 0, 1];
/** `[in, out, height, width]`, as ConvTranspose takes them. */
export const TRANSPOSED_KERNEL: Order = [2, 3, 0, 1];

/** archc's own order. */
export function plain(rank: number): Order {
  return Array.from({ length: rank }, (_, i) => i);
}

/** The last axis first: `[C, H, W]` for an image. */
export function channelsFirst(rank: number): Order {
  return rank === 0 ? [] : [rank - 1, ...plain(rank - 1)];
}

/** How a model's inputs and outputs are laid out: `nchw` has the channels of images first. */
export function borderOrder(rank: number, layout: BorderLayout): Order {
  return rank === 3 && layout === 'nchw' ? channelsFirst(rank) : plain(rank);
}

export function sameOrder(a: Pattern, b: Pattern): boolean {
  return a.length === b.length && a.every((axis, i) => axis === b[i]);
}

/** The `perm` of a Transpose that takes a tensor of one order to another, without the batch. */
export function permutation(from: Order, to: Order): number[] {
  return to.map((axis) => from.indexOf(axis));
}

/** A shape in archc's axes, as ONNX sees it. */
export function arrange(shape: Shape, pattern: Pattern): Dim[] {
  return pattern.map((axis) => (axis === null ? 1 : (shape[axis] ?? 1)));
}

/** The axes of a pattern that are not new. */
export function axesOf(pattern: Pattern): Order {
  return pattern.filter((axis) => axis !== null);
}

/**
 * How an operand of `rank` axes stands under a result in `order`: broadcasting aligns archc's last
 * axes, so the axes that the operand lacks are new.
 */
export function alignedPattern(rank: number, order: Order): Pattern {
  const missing = order.length - rank;
  return order.map((axis) => (axis < missing ? null : axis - missing));
}

/** The numbers of a tensor in another order. */
export function permuteData(tensor: Tensor, order: Order): Float32Array {
  if (sameOrder(order, plain(order.length))) return tensor.data;
  const strides = stridesOf(tensor.shape);
  return pick(
    tensor,
    order.map((axis) => offsetsAlong(tensor.shape[axis] ?? 1, strides[axis] ?? 1)),
  ).data;
}

/** Whether the elements of a tensor stand in archc's order as they are: only axes of 1 are moved. */
export function isPlainInMemory(shape: Shape, order: Order): boolean {
  const large = order.filter((axis) => shape[axis] !== 1);
  return large.every((axis, i) => i === 0 || (large[i - 1] ?? 0) < axis);
}
