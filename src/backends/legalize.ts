/** What every backend does first: composites that its target does not spell, in simpler operators. */
import type { Graph } from '../compiler/ir.js';
import { operatorOf, type OperatorName } from '../compiler/ops/index.js';
import { rewriteGraph } from '../compiler/rewrite.js';

export function legalize(graph: Graph, isSpelled: (op: OperatorName) => boolean): Graph {
  return rewriteGraph(graph, (node, operands, builder) =>
    isSpelled(node.op)
      ? undefined
      : operatorOf(node.op).decompose?.(builder, operands, node.attributes),
  );
}
