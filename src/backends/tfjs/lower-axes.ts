/** Operators along named axes, and what moves or renames axes. */
import type { Node } from '../../compiler/ir.js';
import { axisIndex } from '../../compiler/ops/axes.js';
import { broadcast } from '../../compiler/ops/broadcast.js';
import { transposeOrder } from '../../compiler/ops/reshape.js';
import {
  add as plus,
  equalShapes,
  isSymbolic,
  type Dim,
  type Shape,
} from '../../compiler/shape.js';
import {
  amountsAttribute,
  booleanAttribute,
  dimAttribute,
  numberAttribute,
  optionalDimAttribute,
  optionalNumbersAttribute,
  stringAttribute,
} from '../attributes.js';
import { commonBatch } from '../nodes.js';
import type { Emitter, Held } from './emitter.js';
import {
  image,
  leadOf,
  operand,
  rankOf,
  resultNode,
  resultRank,
  resultType,
  shapeOf,
  tfAxis,
  type Lowering,
} from './lowering.js';
import { bool, int, text, type TfValue } from './model.js';

/** TensorFlow.js's works along the last axis. */
export const softmax: Lowering = (e, node) => {
  const x = e.take(operand(node, 0));
  const rank = x.value.shape.length;
  const axis = tfAxis(x, axisIndex(numberAttribute(node, 'axis'), rankOf(operand(node, 0))));
  const swap = x.value.shape.map((_, i) => (i === axis ? rank - 1 : i === rank - 1 ? axis : i));
  const turned = e.transpose(x.value, swap);
  return { ...x, value: e.transpose(e.node('Softmax', [turned], turned.shape), swap) };
};

export const concat: Lowering = (e, node) => {
  const [only, ...others] = node.operands;
  if (only !== undefined && others.length === 0) return e.take(only);
  const { batched } = resultType(node);
  const parts = node.operands.map((value) => repeated(e, e.take(value, { batched }), batched));
  const batch = batched ? 'many' : 'none';
  const axis = tfAxis({ batch }, axisIndex(numberAttribute(node, 'axis'), resultRank(node)));
  const inputs = [...parts.map((part) => part.value), e.intScalar(axis)];
  return resultNode(e, node, batch, 'ConcatV2', inputs, { N: int(parts.length) });
};

/** One image, for each of the batch where there is one. */
function repeated(e: Emitter, x: Held, batched: boolean): Held {
  if (!batched || x.batch === 'many') return x;
  const shape = [e.batch, ...x.value.shape.slice(1)];
  return { value: broadcastTo(e, x.value, shape), batch: 'many' };
}

function broadcastTo(e: Emitter, x: TfValue, shape: Shape): TfValue {
  if (equalShapes(x.shape, shape)) return x;
  return e.node('BroadcastTo', [x, e.sizes(shape)], shape);
}

export const split: Lowering = (e, node) => {
  const x = e.take(operand(node, 0));
  const along = axisIndex(numberAttribute(node, 'axis'), rankOf(operand(node, 0)));
  const sizes = node.results.map((value) => value.type.shape[along] ?? 1);
  const shapes = node.results.map((value) => shapeOf(e, value, x.batch));
  const inputs = [x.value, e.sizes(sizes), e.intScalar(tfAxis(x, along))];
  const values = e.nodes('SplitV', inputs, shapes, { num_split: int(sizes.length) });
  return values.map((value) => ({ ...x, value }));
};

export const slice: Lowering = (e, node) => {
  const x = e.take(operand(node, 0));
  const along = axisIndex(numberAttribute(node, 'axis'), rankOf(operand(node, 0)));
  const part: Part = {
    axis: tfAxis(x, along),
    start: dimAttribute(node, 'start'),
    stop: optionalDimAttribute(node, 'stop') ?? undefined,
    step: numberAttribute(node, 'step'),
  };
  const [y] = node.results;
  return { ...x, value: cut(e, x.value, [part], y && shapeOf(e, y, x.batch)) };
};

export const crop: Lowering = (e, node) => {
  const x = image(e, node);
  const [top, bottom, left, right] = amountsAttribute(node, 'amounts');
  const parts: readonly Part[] = [
    { axis: 1, start: top, stop: bottom === 0 ? undefined : -bottom },
    { axis: 2, start: left, stop: right === 0 ? undefined : -right },
  ];
  const [y] = node.results;
  return { ...x, value: cut(e, x.value, parts, y && shapeOf(e, y, x.batch)) };
};

/** A part of an axis, as Python's slices have it. */
export interface Part {
  readonly axis: number;
  readonly start: Dim;
  /** Undefined: to the end. */
  readonly stop: Dim | undefined;
  readonly step?: number;
}

/** Parts of some axes. The shape may be left out where every bound and size is a number. */
export function cut(e: Emitter, x: TfValue, parts: readonly Part[], shape?: Shape): TfValue {
  const partOf = (axis: number): Part | undefined => parts.find((p) => p.axis === axis);
  const axes = x.shape.map((_, axis) => axis);
  const vectors = [
    e.sizes(axes.map((axis) => partOf(axis)?.start ?? 0)),
    e.sizes(axes.map((axis) => partOf(axis)?.stop ?? 0)),
    e.ints(axes.map((axis) => partOf(axis)?.step ?? 1)),
  ];
  const mask = (isOpen: (axis: number) => boolean): number =>
    axes.reduce((bits, axis) => bits + (isOpen(axis) ? 2 ** axis : 0), 0);
  return e.node('StridedSlice', [x, ...vectors], shape ?? cutShape(x.shape, parts), {
    begin_mask: int(mask((axis) => partOf(axis) === undefined)),
    end_mask: int(mask((axis) => partOf(axis)?.stop === undefined)),
  });
}

function cutShape(shape: Shape, parts: readonly Part[]): Shape {
  return shape.map((size, axis) => {
    const part = parts.find((p) => p.axis === axis);
    if (part === undefined) return size;
    const { start, stop = size } = part;
    return plus(isNegative(stop) ? plus(size, stop) : stop, -Number(start));
  });
}

function isNegative(dim: Dim): dim is number {
  return !isSymbolic(dim) && dim < 0;
}

export const pad: Lowering = (e, node) => {
  const x = image(e, node);
  const amounts = amountsAttribute(node, 'amounts');
  switch (stringAttribute(node, 'mode')) {
    case 'zero':
      return { ...x, value: padded(e, x.value, amounts, 0) };
    case 'reflect':
      return resultNode(e, node, x.batch, 'MirrorPad', [x.value, paddings(e, amounts)], {
        mode: text('REFLECT'),
      });
    case 'edge':
      return { ...x, value: edged(e, x.value, amounts) };
    default:
      throw new Error('pad: an unknown mode');
  }
};

export type Amounts = readonly [top: Dim, bottom: Dim, left: Dim, right: Dim];

function paddings(e: Emitter, [top, bottom, left, right]: Amounts): TfValue {
  return e.reshape(e.sizes([0, 0, top, bottom, left, right, 0, 0]), [4, 2]);
}

/** An image with a number around it. */
export function padded(e: Emitter, x: TfValue, amounts: Amounts, fill: number): TfValue {
  const [images = 1, height = 1, width = 1, channels = 1] = x.shape;
  const [top, bottom, left, right] = amounts;
  const tall = plus(plus(height, top), bottom);
  const wide = plus(plus(width, left), right);
  const shape = [images, tall, wide, channels];
  return e.node('PadV2', [x, paddings(e, amounts), e.scalar(fill)], shape);
}

/** TensorFlow has no such mode: the first and last row or column, repeated. */
function edged(
  e: Emitter,
  x: TfValue,
  [top, bottom, left, right]: readonly [number, number, number, number],
): TfValue {
  const sides = [
    { axis: 1, before: top, after: bottom },
    { axis: 2, before: left, after: right },
  ];
  return sides.reduce((value, { axis, before, after }) => {
    const size = value.shape[axis] ?? 1;
    const first = copies(e, value, { axis, start: 0, stop: 1 }, before);
    const last = copies(e, value, { axis, start: -1, stop: undefined }, after);
    const parts = [...first, value, ...last];
    if (parts.length === 1) return value;
    const shape = value.shape.map((dim, i) => (i === axis ? plus(size, before + after) : dim));
    return e.node('ConcatV2', [...parts, e.intScalar(axis)], shape, { N: int(parts.length) });
  }, x);
}

/** One row or column, so many times; nothing where that is 0. */
function copies(e: Emitter, x: TfValue, part: Part, count: number): readonly TfValue[] {
  if (count === 0) return [];
  const withSize = (size: number): Shape =>
    x.shape.map((dim, axis) => (axis === part.axis ? size : dim));
  const line = cut(e, x, [part], withSize(1));
  if (count === 1) return [line];
  const times = e.ints(x.shape.map((_, axis) => (axis === part.axis ? count : 1)));
  return [e.node('Tile', [line, times], withSize(count))];
}

export const transpose: Lowering = (e, node) => {
  const x = e.take(operand(node, 0));
  const axes = transposeOrder(optionalNumbersAttribute(node, 'axes'), rankOf(operand(node, 0)));
  const lead = leadOf(x.batch);
  const batch = lead === 1 ? [0] : [];
  return { ...x, value: e.transpose(x.value, [...batch, ...axes.map((axis) => axis + lead)]) };
};

export const reshape: Lowering = (e, node) => {
  const x = e.take(operand(node, 0));
  const [y] = node.results;
  if (y === undefined) throw new Error('reshape: it has no result');
  return { ...x, value: e.reshape(x.value, shapeOf(e, y, x.batch)) };
};

export const mean: Lowering = (e, node) => reduction(e, node, 'Mean');
export const sum: Lowering = (e, node) => reduction(e, node, 'Sum');
export const max: Lowering = (e, node) => reduction(e, node, 'Max');

function reduction(e: Emitter, node: Node, op: string): Held {
  const x = e.take(operand(node, 0));
  const rank = rankOf(operand(node, 0));
  const all = Array.from({ length: rank }, (_, axis) => axis);
  const gone = (optionalNumbersAttribute(node, 'axes') ?? all).map((a) => axisIndex(a, rank));
  // No axes would mean all of them to TensorFlow.js.
  if (gone.length === 0) return x;
  const axes = gone.map((axis) => tfAxis(x, axis)).sort((a, b) => a - b);
  const [y] = node.results;
  const shape = y === undefined ? [] : shapeOf(e, y, x.batch);
  const value = reduced(e, op, x.value, axes, booleanAttribute(node, 'keepdims'), shape);
  return { ...x, value };
}

/**
 * Sums and means take one axis at a time, the last first: the WebAssembly engine adds in float32, one
 * number after the other, and over a whole image that would lose digits.
 */
export function reduced(
  e: Emitter,
  op: string,
  x: TfValue,
  axes: readonly number[],
  keepdims: boolean,
  shape: Shape,
): TfValue {
  const [last, ...others] = op === 'Max' ? [] : [...axes].reverse();
  const keep = { keep_dims: bool(keepdims) };
  if (last === undefined || others.length === 0) return e.node(op, [x, e.ints(axes)], shape, keep);
  const without = keepdims
    ? x.shape.map((size, axis) => (axis === last ? 1 : size))
    : x.shape.filter((_, axis) => axis !== last);
  const first = e.node(op, [x, e.ints([last])], without, keep);
  return reduced(e, op, first, others.reverse(), keepdims, shape);
}

/** Matrices in step: where both have axes before, engines want the same ones. */
export const matmul: Lowering = (e, node) => {
  const rank = resultRank(node);
  const operands = [operand(node, 0), operand(node, 1)].map((value) => e.align(value, rank));
  const leads = operands.map(({ value }) => value.shape.slice(0, -2));
  const common = broadcast(leads);
  if (!common.ok) throw new Error('matmul: shapes do not broadcast');
  const inputs = operands.map(({ value }, i) => {
    const isSingle = leads[i]?.every((size) => size === 1) ?? true;
    return isSingle ? value : broadcastTo(e, value, [...common.shape, ...value.shape.slice(-2)]);
  });
  return resultNode(e, node, commonBatch(operands), 'BatchMatMulV2', inputs);
};
