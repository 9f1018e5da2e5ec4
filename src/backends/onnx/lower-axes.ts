/** Operators along named axes, and what moves or renames axes. */
import type { Node } from '../../compiler/ir.js';
import { axisIndex } from '../../compiler/ops/axes.js';
import { transposeOrder } from '../../compiler/ops/reshape.js';
import { floorDiv, isSymbolic, type Dim, type Shape } from '../../compiler/shape.js';
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
import { isPlainInMemory, plain, type Order } from './layout.js';
import {
  image,
  onnxAxis,
  operand,
  rankOf,
  result,
  resultNode,
  resultType,
  type Lowering,
} from './lowering.js';
import { int, ints, text, type OnnxValue } from './model.js';

/** "To the end", where the size of an axis is not known (ONNX recommends INT_MAX). */
const TO_THE_END = 2 ** 31 - 1;

export const softmax: Lowering = (e, node) => {
  const x = e.held(operand(node, 0));
  const axis = onnxAxis(x, axisIndex(numberAttribute(node, 'axis'), x.order.length));
  return resultNode(e, node, x, 'Softmax', [x.value], { axis: int(axis) });
};

export const concat: Lowering = (e, node) => {
  const [only, ...others] = node.operands;
  if (only !== undefined && others.length === 0) return e.held(only);
  const rank = rankOf(result(node));
  const order = node.operands.map((v) => e.cheapOrder(v)).find((o) => o !== undefined);
  const batched = resultType(node).batched;
  const parts = node.operands.map((value) =>
    repeated(e, e.take(value, order ?? plain(rank), { batched }), batched),
  );
  const like = { order: order ?? plain(rank), batch: batched ? 'many' : 'none' } as const;
  const axis = onnxAxis(like, axisIndex(numberAttribute(node, 'axis'), rank));
  const values = parts.map((part) => part.value);
  return resultNode(e, node, like, 'Concat', values, { axis: int(axis) });
};

/** One image, for each of the batch where there is one. */
function repeated(e: Emitter, x: Held, batched: boolean): Held {
  if (!batched || x.batch === 'many') return x;
  const shape = [e.batch, ...x.value.shape.slice(1)];
  if (e.batch === 1) return { ...x, batch: 'many' };
  return { ...x, value: e.node('Expand', [x.value, e.sizes(shape)], shape), batch: 'many' };
}

export const split: Lowering = (e, node) => {
  const x = e.held(operand(node, 0));
  const along = axisIndex(numberAttribute(node, 'axis'), x.order.length);
  const sizes = node.results.map((value) => value.type.shape[along] ?? 1);
  const shapes = node.results.map((value) => e.shapeOf(value.type, x.order, x.batch));
  const attributes = { axis: int(onnxAxis(x, along)) };
  const values = e.nodes('Split', [x.value, e.sizes(sizes)], shapes, attributes);
  return values.map((value) => ({ ...x, value }));
};

export const slice: Lowering = (e, node) => {
  const x = e.held(operand(node, 0));
  const along = axisIndex(numberAttribute(node, 'axis'), x.order.length);
  const size = operand(node, 0).type.shape[along] ?? 1;
  const whole = isSymbolic(size) ? TO_THE_END : size;
  const bounds = {
    axis: onnxAxis(x, along),
    start: dimAttribute(node, 'start'),
    stop: optionalDimAttribute(node, 'stop') ?? whole,
    step: numberAttribute(node, 'step'),
  };
  return sliced(e, node, x, [bounds]);
};

interface Bounds {
  readonly axis: number;
  readonly start: Dim;
  readonly stop: Dim;
  readonly step: number;
}

/** ONNX's Slice clamps and counts from the end as NumPy does. */
function sliced(e: Emitter, node: Node, x: Held, bounds: readonly Bounds[]): Held {
  return resultNode(e, node, x, 'Slice', [
    x.value,
    e.sizes(bounds.map((b) => b.start)),
    e.sizes(bounds.map((b) => b.stop)),
    e.ints(bounds.map((b) => b.axis)),
    e.ints(bounds.map((b) => b.step)),
  ]);
}

export const crop: Lowering = (e, node) => {
  const x = e.held(operand(node, 0));
  const [top, bottom, left, right] = amountsAttribute(node, 'amounts');
  const [height = 1, width = 1] = operand(node, 0).type.shape;
  const sides = [
    { axis: 0, start: top, stop: bottom === 0 ? endOf(height) : -bottom },
    { axis: 1, start: left, stop: right === 0 ? endOf(width) : -right },
  ];
  const cut = sides.map((side) => ({ ...side, axis: onnxAxis(x, side.axis), step: 1 }));
  return sliced(e, node, x, cut);
};

function endOf(size: Dim): Dim {
  return isSymbolic(size) ? TO_THE_END : size;
}

const PAD_MODES: ReadonlyMap<string, string> = new Map([
  ['zero', 'constant'],
  ['reflect', 'reflect'],
  ['edge', 'edge'],
]);

export const pad: Lowering = (e, node) => {
  const x = e.held(operand(node, 0));
  const [top, bottom, left, right] = amountsAttribute(node, 'amounts');
  const before = x.value.shape.map(() => 0);
  const after = x.value.shape.map(() => 0);
  before[onnxAxis(x, 0)] = top;
  before[onnxAxis(x, 1)] = left;
  after[onnxAxis(x, 0)] = bottom;
  after[onnxAxis(x, 1)] = right;
  const mode = PAD_MODES.get(stringAttribute(node, 'mode'));
  if (mode === undefined) throw new Error('pad: an unknown mode');
  const amounts = e.ints([...before, ...after]);
  return resultNode(e, node, x, 'Pad', [x.value, amounts], { mode: text(mode) });
};

/** Only a new name for each axis: whoever needs them in order moves the elements. */
export const transpose: Lowering = (e, node) => {
  const x = e.held(operand(node, 0));
  const axes = transposeOrder(optionalNumbersAttribute(node, 'axes'), x.order.length);
  return { ...x, order: x.order.map((axis) => axes.indexOf(axis)) };
};

export const reshape: Lowering = (e, node) => {
  const x = operand(node, 0);
  const order = e.cheapOrder(x);
  const from =
    order !== undefined && isPlainInMemory(x.type.shape, order)
      ? e.held(x)
      : e.take(x, plain(rankOf(x)));
  const to = { order: plain(rankOf(result(node))), batch: from.batch };
  return { ...to, value: e.reshape(from.value, e.shapeOf(resultType(node), to.order, to.batch)) };
};

export const mean: Lowering = (e, node) => reduction(e, node, 'ReduceMean');
export const sum: Lowering = (e, node) => reduction(e, node, 'ReduceSum');
export const max: Lowering = (e, node) => reduction(e, node, 'ReduceMax');

function reduction(e: Emitter, node: Node, opType: string): Held {
  const x = e.held(operand(node, 0));
  const rank = x.order.length;
  const gone = (optionalNumbersAttribute(node, 'axes') ?? plain(rank)).map((a) =>
    axisIndex(a, rank),
  );
  // No axes would mean all of them to ONNX.
  if (gone.length === 0) return x;
  const keepdims = booleanAttribute(node, 'keepdims');
  const left = plain(rank).filter((axis) => !gone.includes(axis));
  const order: Order = keepdims
    ? x.order
    : x.order.filter((axis) => !gone.includes(axis)).map((axis) => left.indexOf(axis));
  const axes = gone.map((axis) => onnxAxis(x, axis)).sort((a, b) => a - b);
  const shape = e.shapeOf(resultType(node), order, x.batch);
  return { value: reduced(e, opType, x.value, axes, keepdims, shape), order, batch: x.batch };
}

/** The axes are an input since opset 18; of ReduceSum always. */
export function reduced(
  e: Emitter,
  opType: string,
  x: OnnxValue,
  axes: readonly number[],
  keepdims: boolean,
  shape: Shape,
): OnnxValue {
  const keep = { keepdims: int(keepdims ? 1 : 0) };
  if (e.opset >= 18 || opType === 'ReduceSum') {
    return e.node(opType, [x, e.ints(axes)], shape, keep);
  }
  return e.node(opType, [x], shape, { axes: ints(axes), ...keep });
}

export const matmul: Lowering = (e, node) => {
  const order = plain(rankOf(result(node)));
  const [a, b] = [e.align(operand(node, 0), order), e.align(operand(node, 1), order)];
  const batch = commonBatch([a, b]);
  return resultNode(e, node, { order, batch }, 'MatMul', [a.value, b.value]);
};

export const pixelshuffle: Lowering = (e, node) => {
  const x = image(e, node);
  return resultNode(e, node, x, 'DepthToSpace', [x.value], {
    blocksize: int(numberAttribute(node, 'factor')),
    // PyTorch's order of channels: the channel itself varies slowest.
    mode: text('CRD'),
  });
};

/** ONNX's SpaceToDepth orders channels otherwise. */
export const spacetodepth: Lowering = (e, node) => {
  const x = image(e, node);
  const factor = numberAttribute(node, 'factor');
  const [rows = 1, columns = 1] = resultType(node).shape;
  const [count = 1, channels = 1] = x.value.shape;
  const parted = [count, channels, rows, factor, columns, factor];
  return moved(e, node, x, parted, [0, 1, 3, 5, 2, 4]);
};

export const channelshuffle: Lowering = (e, node) => {
  const x = image(e, node);
  const groups = numberAttribute(node, 'groups');
  const [count = 1, channels = 1, ...sizes] = x.value.shape;
  const parted = [count, groups, floorDiv(channels, groups), ...sizes];
  return moved(e, node, x, parted, [0, 2, 1, 3, 4]);
};

/** Parts axes, moves the parts, and joins them again to the result's shape. */
function moved(e: Emitter, node: Node, x: Held, parted: Shape, perm: readonly number[]): Held {
  const apart = e.reshape(x.value, parted);
  const shape = perm.map((axis) => parted[axis] ?? 1);
  const shuffled = e.node('Transpose', [apart], shape, { perm: ints(perm) });
  return { ...x, value: e.reshape(shuffled, e.shapeOf(resultType(node), x.order, x.batch)) };
}
