/**
 * Operators that take elements of a tensor at regular distances and compute nothing: one kernel for
 * all of them, in which a thread copies one element, or four that lie together.
 */
import type { Node, Value } from '../../compiler/ir.js';
import { axisIndex } from '../../compiler/ops/axes.js';
import { transposeOrder } from '../../compiler/ops/reshape.js';
import { sliceStart } from '../../compiler/ops/slice.js';
import { add, equal, mul, product, type Dim } from '../../compiler/shape.js';
import {
  amountsAttribute,
  dimAttribute,
  numberAttribute,
  optionalNumbersAttribute,
} from '../attributes.js';
import { linearGroups, type Activation, type Emitter, type Place } from './emitter.js';
import { lines, linearMain, THREADS } from './shader.js';
import { floorDiv, product as productOf, sizeOfDim } from './size.js';
import {
  axesInFours,
  axisOf,
  axisParams,
  batchAxis,
  denseSteps,
  mergeAxes,
  offsetCode,
  positionCode,
} from './strided.js';
import { operand, resultOf, type KernelView } from './view.js';

export function lowerTranspose(e: Emitter, view: KernelView, anchor: Node): void {
  const x = view.outer(operand(anchor, 0));
  const rank = x.type.shape.length;
  const axes = optionalNumbersAttribute(anchor, 'axes');
  const order = transposeOrder(axes, rank);
  const steps = denseSteps(x.type.shape);
  gather(e, view.node, x, resultOf(view), {
    steps: order.map((axis) => steps[axis] ?? 1),
    offset: 0,
  });
}

export function lowerSlice(e: Emitter, view: KernelView, anchor: Node): void {
  const x = view.outer(operand(anchor, 0));
  const along = axisIndex(numberAttribute(anchor, 'axis'), x.type.shape.length);
  const step = numberAttribute(anchor, 'step');
  const first = sliceStart(dimAttribute(anchor, 'start'), x.type.shape[along] ?? 1);
  if (first === undefined) throw new Error('slice: where it starts is not known');
  const steps = denseSteps(x.type.shape);
  gather(e, view.node, x, resultOf(view), {
    steps: steps.map((own, axis) => (axis === along ? mul(own, step) : own)),
    offset: mul(first, steps[along] ?? 1),
  });
}

/** A kernel a part. */
export function lowerSplit(e: Emitter, view: KernelView, anchor: Node): void {
  const x = view.outer(operand(anchor, 0));
  const along = axisIndex(numberAttribute(anchor, 'axis'), x.type.shape.length);
  const steps = denseSteps(x.type.shape);
  let first: Dim = 0;
  for (const part of view.node.results) {
    gather(e, view.node, x, part, { steps, offset: mul(first, steps[along] ?? 1) });
    first = add(first, part.type.shape[along] ?? 1);
  }
}

/** In one kernel what its decomposition makes two slices of. */
export function lowerCrop(e: Emitter, view: KernelView, anchor: Node): void {
  const x = view.outer(operand(anchor, 0));
  const [top, , left] = amountsAttribute(anchor, 'amounts');
  const steps = denseSteps(x.type.shape);
  const [rows = 1, columns = 1] = steps;
  gather(e, view.node, x, resultOf(view), {
    steps,
    offset: add(mul(top, rows), mul(left, columns)),
  });
}

/** A copy of what is somewhere already, for an output that needs a place of its own. */
export function copyTo(e: Emitter, node: Node, value: Value, from: Place): Activation {
  const { type } = value;
  return emitGather(e, node, { type, place: from }, value, {
    steps: denseSteps(type.shape),
    offset: 0,
  });
}

interface Lie {
  /** Elements of the operand from one position to the next along each axis of the result. */
  readonly steps: readonly Dim[];
  /** Where the first element of the result is. */
  readonly offset: Dim;
}

/** The result's elements from the operand's; without a kernel where they lie there as they should. */
function gather(e: Emitter, node: Node, from: Value, to: Value, lie: Lie): void {
  const { shape } = to.type;
  const inOrder = mergeAxes(shape.map((dim, axis) => axisOf(dim, lie.steps[axis] ?? 0)));
  const isAll = equal(product(shape), product(from.type.shape));
  const isWhole = inOrder.length === 0 || (inOrder.length === 1 && inOrder[0]?.steps[0] === 1);
  if (isAll && isWhole && equal(lie.offset, 0)) e.alias(to, e.place(from));
  else emitGather(e, node, { type: from.type, place: e.place(from) }, to, lie);
}

function emitGather(
  e: Emitter,
  node: Node,
  from: { readonly type: Value['type']; readonly place: Place },
  to: Value,
  { steps, offset }: Lie,
): Activation {
  const scalars = mergeAxes([
    batchAxis(e.batch, from.type),
    ...to.type.shape.map((dim, axis) => axisOf(dim, steps[axis] ?? 0)),
  ]);
  const fours = axesInFours(scalars, offset);
  const axes = fours ?? scalars;
  const type = fours === undefined ? 'f32' : 'vec4f';
  const count = productOf(axes.map(({ size }) => size));
  const isOffset = !equal(offset, 0);
  const first = sizeOfDim(offset);
  const place = e.make(to, node);
  e.kernel({
    node,
    name: `gather_${axes.length}d${isOffset ? '_from' : ''}${fours === undefined ? '_scalar' : ''}`,
    op: node.op,
    about: [
      `Copies elements at regular distances: ${fours === undefined ? 'one' : 'four that lie together'} a thread.`,
    ],
    inputs: [{ name: 'tensor', element: type, place: from.place }],
    outputs: [{ name: 'result', element: type, place }],
    params: {
      count,
      ...axisParams(axes),
      ...(isOffset ? { offset: fours === undefined ? first : floorDiv(first, 4) } : {}),
    },
    code: linearMain(
      lines(
        positionCode(axes.length),
        `result[i] = tensor[${isOffset ? 'params.offset + ' : ''}${offsetCode(axes)}];`,
      ),
    ),
    workgroups: linearGroups(count, THREADS),
  });
  return place;
}
