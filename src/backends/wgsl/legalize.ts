/** A graph as the kernels want it. */
import type { GraphBuilder } from '../../compiler/builder.js';
import type { Graph, Node, Value, WeightValues } from '../../compiler/ir.js';
import { operatorOf } from '../../compiler/ops/index.js';
import { MAX_OPERANDS } from '../../compiler/passes/kernel.js';
import { runPasses } from '../../compiler/passes/index.js';
import { rewriteGraph } from '../../compiler/rewrite.js';
import { loweringOf } from './lower.js';

/**
 * Norms in two steps; composites that WGSL has nothing better for in simpler operators; what
 * combines more tensors than a kernel can read, in several steps. Best run before nodes are fused,
 * and what is legal stays as it is.
 */
export function legalize(graph: Graph, weights: WeightValues): Graph {
  const simple = rewriteGraph(graph, (node, operands, builder) => {
    if (node.op === 'fused') return undefined;
    if (loweringOf(node.op) === undefined) {
      return operatorOf(node.op).decompose?.(builder, operands, node.attributes);
    }
    return isTooWide(node) ? inSteps(node, operands, builder) : undefined;
  });
  return runPasses({ graph: simple, weights }, ['split-norms']).graph;
}

function isTooWide({ op, operands }: Node): boolean {
  const isElementwise = operatorOf(op).traits.includes('elementwise');
  return isElementwise && new Set(operands).size > MAX_OPERANDS;
}

/** From the left, as such operators take any number of operands. */
function inSteps(node: Node, operands: readonly Value[], builder: GraphBuilder): readonly Value[] {
  const [first, ...rest] = operands;
  if (first === undefined) throw new Error(`${node.op}: no operands`);
  let value = first;
  for (let i = 0; i < rest.length; i += MAX_OPERANDS - 1) {
    const next = rest.slice(i, i + MAX_OPERANDS - 1);
    value = builder.apply1(node.op, [value, ...next], node.attributes);
  }
  return [value];
}
