/** Composites by what they are made of. */
import { createBuilder } from './builder.js';
import type { Graph, Node } from './ir.js';
import { operatorOf, type OperatorName } from './ops/index.js';
import { rewriteGraph } from './rewrite.js';

const bodies = new WeakMap<Node, Graph>();

/** A composite's node as a graph of its own, whose inputs are the node's operands. */
export function bodyOf(node: Node): Graph {
  const cached = bodies.get(node);
  if (cached !== undefined) return cached;
  const builder = createBuilder().withOrigin(node.origin);
  const { span } = node.origin;
  const operands = node.operands.map((v, i) => builder.input(`operand${i}`, v.type, '', span));
  const { decompose } = operatorOf(node.op);
  if (decompose === undefined) throw new Error(`${node.op}: neither evaluate nor decompose`);
  const results = decompose(builder, operands, node.attributes);
  const body = builder.finish(
    { name: node.op, doc: '', source: span.source, symbols: [] },
    results.map((value, i) => ({ name: `result${i}`, doc: '', value, span })),
  );
  bodies.set(node, body);
  return body;
}

/** The graph made again, with composites in simpler operators, except those that may stay whole. */
export function inParts(graph: Graph, isWhole: (op: OperatorName) => boolean): Graph {
  return rewriteGraph(graph, (node, operands, builder) =>
    isWhole(node.op)
      ? undefined
      : operatorOf(node.op).decompose?.(builder, operands, node.attributes),
  );
}

/** Whether no engine has an operator as one: what lies between its parts is held and moved. */
export function runsInParts({ op }: Pick<Node, 'op'>): boolean {
  return operatorOf(op).traits.includes('runs-in-parts');
}

/** The graph as its nodes run: `attention` gives way to its parts, which have its path. */
export function inRunningParts(graph: Graph): Graph {
  if (!graph.nodes.some(runsInParts)) return graph;
  return inParts(graph, (op) => !runsInParts({ op }));
}
