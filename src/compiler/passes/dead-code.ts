/** Removes nodes that no output depends on, and weights that nothing reads. */
import type { Graph, Node } from '../ir.js';
import { rewriteGraph, unreadWeights } from '../rewrite.js';
import { modelOf, type Pass } from './pass.js';

/** The inputs stay, used or not: they are what callers pass. */
export const removeDeadCode: Pass = (model) => {
  const { graph, weights } = model;
  const live = withoutDeadCode(graph);
  return live === graph ? model : modelOf(rewriteGraph(live), weights);
};

/** The nodes and weights that the pass leaves; the graph itself where there is nothing to remove. */
export function withoutDeadCode(graph: Graph): Graph {
  const needed = neededValues(graph);
  const isLive = ({ results }: Node): boolean => results.some(({ id }) => needed[id] === true);
  const nodes = graph.nodes.every(isLive) ? graph.nodes : graph.nodes.filter(isLive);
  const unread = unreadWeights({ ...graph, nodes });
  if (nodes === graph.nodes && unread.size === 0) return graph;
  return { ...graph, nodes, weights: graph.weights.filter((weight) => !unread.has(weight)) };
}

/** By the id of a value: whether an output depends on it. */
function neededValues(graph: Graph): readonly boolean[] {
  const needed: boolean[] = [];
  for (const { value } of graph.outputs) needed[value.id] = true;
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    const node = graph.nodes[i];
    if (node?.results.some(({ id }) => needed[id] === true) !== true) continue;
    for (const { id } of node.operands) needed[id] = true;
  }
  return needed;
}
