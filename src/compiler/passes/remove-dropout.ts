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
  const left = withoutIdentities(graph);
  return left === graph ? model : modelOf(rewriteGraph(left), weights);
};

/**
 * The nodes that the pass leaves, over the graph's own values: a node that is not as it was made
 * is not the one that its results name, which `rewriteGraph` puts right. The graph itself where
 * there is nothing to remove.
 */
export function withoutIdentities(graph: Graph): Graph {
  if (!graph.nodes.some(isIdentity)) return graph;
  /** By id: what is left of the result of an identity. */
  const rest: Value[] = [];
  const left = (value: Value): Value => rest[value.id] ?? value;
  for (const { op, operands, results } of graph.nodes) {
    const [x] = operands;
    const [y] = results;
    if (isIdentity({ op }) && x !== undefined && y !== undefined) rest[y.id] = left(x);
  }
  const needed = neededIdentities(graph, left);
  const kept = new Set([...needed].flatMap(({ results }) => results));
  const read = (value: Value): Value => (kept.has(value) ? value : left(value));
  const nodes: Node[] = [];
  for (const node of graph.nodes) {
    if (needed.has(node)) {
      nodes.push({ ...node, op: 'identity', operands: node.operands.map(left), attributes: {} });
    } else if (!isIdentity(node)) {
      const isChanged = node.operands.some((value) => read(value) !== value);
      nodes.push(isChanged ? { ...node, operands: node.operands.map(read) } : node);
    }
  }
  const outputs = graph.outputs.map((output) => ({ ...output, value: read(output.value) }));
  return { ...graph, nodes, outputs };
}

function isIdentity({ op }: Pick<Node, 'op'>): boolean {
  return operatorOf(op).traits.includes('inference-identity');
}

function neededIdentities(graph: Graph, left: (value: Value) => Value): ReadonlySet<Node> {
  const owned = new Set([...outputValues(graph)].filter((value) => left(value) === value));
  const needed = new Set<Node>();
  for (const value of outputValues(graph)) {
    const rest = left(value);
    if (rest === value || value.definition.kind !== 'result') continue;
    if (rest.definition.kind === 'result' && !owned.has(rest)) owned.add(rest);
    else needed.add(value.definition.node);
  }
  return needed;
}
