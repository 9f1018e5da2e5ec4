/** What lowerings share: their type, and how they read a node. */
import type { Node } from '../../compiler/ir.js';
import { operand, rankOf, resultType } from '../nodes.js';
import type { Emitter, Held } from './emitter.js';
import { channelsFirst, type Pattern } from './layout.js';
import type { OnnxAttributes, OnnxValue } from './model.js';

export { operand, rankOf, result, resultType } from '../nodes.js';

/** How ONNX spells an operator: writes nodes, and says how each result is held. */
export type Lowering = (e: Emitter, node: Node) => Held | readonly Held[];

/** The first operand with its channels first and a batch axis, as ONNX's image operators want it. */
export function image(e: Emitter, node: Node): Held {
  const x = operand(node, 0);
  return e.take(x, channelsFirst(rankOf(x)), { batched: true });
}

/** Weights, each under the same pattern; those that the node does not have are left out. */
export function weightsUnder(
  e: Emitter,
  node: Node,
  first: number,
  pattern: Pattern,
): readonly OnnxValue[] {
  return node.operands.slice(first).map((value) => e.place(value, pattern).value);
}

/** A node whose one result takes the place of the IR node's, under the order of `like`. */
export function resultNode(
  e: Emitter,
  node: Node,
  like: Pick<Held, 'order' | 'batch'>,
  opType: string,
  inputs: readonly (OnnxValue | undefined)[],
  attributes: OnnxAttributes = {},
): Held {
  const { order, batch } = like;
  const shape = e.shapeOf(resultType(node), order, batch);
  return { value: e.node(opType, inputs, shape, attributes), order, batch };
}

/** The ONNX axis that holds an axis of the value. */
export function onnxAxis(held: Pick<Held, 'order' | 'batch'>, axis: number): number {
  return held.order.indexOf(axis) + leadOf(held);
}

/** How many axes precede those of the value: one for the batch, or none. */
export function leadOf({ batch }: Pick<Held, 'batch'>): number {
  return batch === 'none' ? 0 : 1;
}

/** A tensor's shape with some ONNX axes reduced to 1. */
export function withAxesOfOne(x: OnnxValue, axes: readonly number[]): OnnxValue['shape'] {
  return x.shape.map((dim, i) => (axes.includes(i) ? 1 : dim));
}
