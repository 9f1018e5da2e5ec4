/** Removes nodes that no output depends on, and weights that nothing reads. */
import type { Graph, Node, Value } from '../ir.js';
import { rewriteGraph } from '../rewrite.js';
import { modelOf, outputValues, type Pass } from './pass.js';

/** The inputs stay, used or not: they are what callers pass. */
export const removeDeadCode: Pass = (model) => {
  const { graph, weights } = model;
  const live = liveNodes(graph);
  if (live.size === graph.nodes.length && readsAllWeights(graph)) return model;
  // Nothing asks what takes the place of a dead node's results.
  const rewritten = rewriteGraph(graph, (node) => (live.has(node) ? undefined : node.results));
  return modelOf(rewritten, weights);
};

function liveNodes(graph: Graph): ReadonlySet<Node> {
  const needed = new Set(outputValues(graph));
  const live = new Set<Node>();
  for (const node of [...graph.nodes].reverse()) {
    if (!node.results.some((value) => needed.has(value))) continue;
    live.add(node);
    for (const value of node.operands) needed.add(value);
  }
  return live;
}

function readsAllWeights({ nodes, outputs, weights }: Graph): boolean {
  const unread = new Set(weights);
  const mark = ({ definition }: Value): void => {
    if (definition.kind === 'weight') unread.delete(definition.weight);
  };
  for (const { operands } of nodes) operands.forEach(mark);
  for (const { value } of outputs) mark(value);
  return unread.size === 0;
}
