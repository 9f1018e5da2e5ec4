/** Reads a node's operands and results, and says how a target holds their batch. */
import type { Node, TensorType, Value } from '../compiler/ir.js';

/** Whether an axis for the batch precedes the others: none, one of size 1, or the batch itself. */
export type BatchAxis = 'none' | 'one' | 'many';

/** How operands with these batches are held together. */
export function commonBatch(operands: readonly { readonly batch: BatchAxis }[]): BatchAxis {
  const found = (['many', 'one'] as const).find((b) => operands.some((p) => p.batch === b));
  return found ?? 'none';
}

export function operand(node: Node, index: number): Value {
  const value = node.operands[index];
  if (value === undefined) throw new Error(`${node.op}: operand ${index} is missing`);
  return value;
}

export function result(node: Node, index = 0): Value {
  const value = node.results[index];
  if (value === undefined) throw new Error(`${node.op}: result ${index} is missing`);
  return value;
}

export function resultType(node: Node, index = 0): TensorType {
  return result(node, index).type;
}

export function rankOf(value: Value): number {
  return value.type.shape.length;
}
