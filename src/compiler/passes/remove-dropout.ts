/** Removes what is the identity at inference: dropout, and identity itself. */
import type { Graph, Node, Value } from '../ir.js';
import { operatorOf } from '../ops/index.js';
import { rewriteGraph } from '../rewrite.js';
import { modelOf, outputValues, type Pass } from './pass.js';

/**
 * Nodes with the trait `inference-identity` give way to their operand. Where that would leave an
 * output without a node of its own (its value is an input, or another output), an `identity`
 * remains.
 */
export const removeDropout: Pass = (model) => {
  const { graph, weights } = model;
  if (!graph.nodes.some(isIdentity)) return model;
  const kept = neededIdentities(graph);
  /** In the new graph, what is left of the result of an identity. */
  const rest = new Map<Value, Value>();
  const rewritten = rewriteGraph(graph, (node, operands, builder) => {
    const [old] = node.operands;
    const [operand] = operands;
    if (!isIdentity(node) || old === undefined || operand === undefined) return undefined;
    // Not an identity that was kept for an output of its own.
    const left = rest.get(old) ?? operand;
    for (const value of node.results) rest.set(value, left);
    return kept.has(node) ? builder.apply('identity', [left]) : [left];
  });
  return modelOf(rewritten, weights);
};

function isIdentity(node: Node): boolean {
  return operatorOf(node.op).traits.includes('inference-identity');
}

function neededIdentities(graph: Graph): ReadonlySet<Node> {
  /** What is left of the result of an identity. */
  const rest = new Map<Value, Value>();
  for (const node of graph.nodes) {
    const [x] = node.operands;
    const [y] = node.results;
    if (isIdentity(node) && x !== undefined && y !== undefined) rest.set(y, rest.get(x) ?? x);
  }
  const owned = new Set([...outputValues(graph)].filter((value) => !rest.has(value)));
  const needed = new Set<Node>();
  for (const value of outputValues(graph)) {
    const left = rest.get(value);
    if (left === undefined || value.definition.kind !== 'result') continue;
    if (left.definition.kind === 'result' && !owned.has(left)) owned.add(left);
    else needed.add(value.definition.node);
  }
  return needed;
}
