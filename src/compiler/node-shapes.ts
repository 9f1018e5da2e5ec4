/** The shapes of a node's tensors, all sizes being numbers. */
import type { Node } from './ir.js';
import type { CostInput } from './ops/operator.js';
import { staticShape } from './shape.js';

export function shapesOf({ operands, results }: Node): CostInput {
  return {
    operands: operands.map(({ type }) => staticShape(type.shape)),
    results: results.map(({ type }) => staticShape(type.shape)),
  };
}
