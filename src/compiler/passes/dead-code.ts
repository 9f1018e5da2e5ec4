/** Removes nodes that no output depends on, and weights that nothing reads. */
import type { Graph, Node } from '../ir.js';
import { rewriteGraph, unreadWeights } from '../rewrite.js';
import { modelOf, type Pass } from './pass.js';

/** The inputs stay, used or not: they are what callers pass. */
export const removeDeadCode: Pass = (model) => {
  const { graph, weights } = model;
  const live = liveNodes(graph);
  if (live.size === graph.nodes.length && unreadWeights(graph).size === 0) return model;
  // Nothing asks what takes the place of a dead node's results.
  const rewritten = rewriteGraph(graph, (node) => (live.has(node) ? undefined : node.results));
  return modelOf(rewritten, weights);
};

function liveNodes(graph: Graph): ReadonlySet<Node> {
  // By the id of a value.
  const needed: boolean[] = [];
  for (const { value } of graph.outputs) needed[value.id] = true;
  const live = new Set<Node>();
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    const node = graph.nodes[i];
    if (node?.results.some(({ id }) => needed[id] === true) !== true) continue;
    live.add(node);
    for (const { id } of node.operands) needed[id] = true;
  }
  return live;
}
