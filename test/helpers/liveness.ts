/** Memory of activations by brute force: what is alive is asked anew at every moment. */
import type { Graph, Node, Value } from '../../src/compiler/ir.js';
import { elementCount } from '../../src/compiler/ops/tensor.js';
import { staticShape } from '../../src/compiler/shape.js';

const sizeOf = (values: Iterable<Value>): number =>
  [...values]
    .filter(({ type }) => type.batched)
    .reduce((sum, { type }) => sum + 4 * elementCount(staticShape(type.shape)), 0);

function isNeededBy(value: Value, { outputs }: Graph, later: readonly Node[]): boolean {
  return (
    outputs.some((output) => output.value === value) ||
    later.some(({ operands }) => operands.includes(value))
  );
}

/** Bytes while each node runs and after it, and the most of them or of the inputs. */
export function simulate(
  graph: Graph,
  order: readonly Node[],
): { readonly peak: number; readonly moments: readonly (readonly [number, number])[] } {
  const moments: (readonly [number, number])[] = [];
  let peak = sizeOf(graph.inputs);
  let there = new Set(graph.inputs.filter((value) => isNeededBy(value, graph, order)));
  order.forEach((node, i) => {
    const later = order.slice(i + 1);
    const during = sizeOf(new Set([...there, ...node.results]));
    there = new Set([...there, ...node.results].filter((v) => isNeededBy(v, graph, later)));
    moments.push([during, sizeOf(there)]);
    peak = Math.max(peak, during);
  });
  return { peak, moments };
}

/** The lowest peak over every order of a small graph. */
export function lowestOfAllOrders(graph: Graph): number {
  let lowest = Infinity;
  const extend = (order: readonly Node[], rest: readonly Node[]): void => {
    if (rest.length === 0) lowest = Math.min(lowest, simulate(graph, order).peak);
    for (const node of rest) {
      if (!node.operands.some((value) => rest.some(({ results }) => results.includes(value)))) {
        extend(
          [...order, node],
          rest.filter((other) => other !== node),
        );
      }
    }
  };
  extend([], graph.nodes);
  return lowest;
}

/** Whether these are the graph's nodes, each after those that it reads. */
export function isTopological(graph: Graph, order: readonly Node[]): boolean {
  const places = new Map(order.map((node, place) => [node, place]));
  return (
    order.length === graph.nodes.length &&
    graph.nodes.every((node) => places.has(node)) &&
    order.every(({ operands }, place) =>
      operands.every(
        ({ definition }) =>
          definition.kind !== 'result' || (places.get(definition.node) ?? Infinity) < place,
      ),
    )
  );
}
