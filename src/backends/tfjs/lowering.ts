/** What lowerings share: their type, and how they read a node. */
import type { Node, Value } from '../../compiler/ir.js';
import type { Dim } from '../../compiler/shape.js';
import { operand, resultType, type BatchAxis } from '../nodes.js';
import type { Emitter, Held } from './emitter.js';
import type { TfAttributes, TfValue } from './model.js';

export { operand, rankOf, result, resultType } from '../nodes.js';

/** How TensorFlow spells an operator: writes nodes, and says how each result is held. */
export type Lowering = (e: Emitter, node: Node) => Held | readonly Held[];

/** The first operand with a batch axis, as TensorFlow's image operators want it. */
export function image(e: Emitter, node: Node): Held {
  return e.take(operand(node, 0), { batched: true });
}

/** Weights from this operand on; none where the node has none. */
export function weightsFrom(e: Emitter, node: Node, first: number): readonly TfValue[] {
  return node.operands.slice(first).map((value) => e.take(value).value);
}

/** The shape of a tensor that holds a value with this batch. */
export function shapeOf(e: Emitter, { type }: Value, batch: BatchAxis): readonly Dim[] {
  if (batch === 'none') return type.shape;
  return [batch === 'one' ? 1 : e.batch, ...type.shape];
}

/** A node whose one result takes the place of the IR node's. */
export function resultNode(
  e: Emitter,
  node: Node,
  batch: BatchAxis,
  op: string,
  inputs: readonly TfValue[],
  attributes: TfAttributes = {},
): Held {
  const [y] = node.results;
  if (y === undefined) throw new Error(`${node.op}: it has no result`);
  return { value: e.node(op, inputs, shapeOf(e, y, batch), attributes), batch };
}

/** The TensorFlow axis that holds an axis of the value. */
export function tfAxis({ batch }: Pick<Held, 'batch'>, axis: number): number {
  return axis + leadOf(batch);
}

/** How many axes precede those of the value: one for the batch, or none. */
export function leadOf(batch: BatchAxis): number {
  return batch === 'none' ? 0 : 1;
}

/** An elementwise operator of two tensors that broadcast to the shape of `like`. */
export function binary(e: Emitter, op: string, a: TfValue, b: TfValue, like = a): TfValue {
  return e.node(op, [a, b], like.shape);
}

/** The result's rank, without a batch. */
export function resultRank(node: Node): number {
  return resultType(node).shape.length;
}
