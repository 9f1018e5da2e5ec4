/** The walk that passes share: a graph made again through the builder, node by node. */
import { createBuilder, type GraphBuilder } from './builder.js';
import {
  inputName,
  type Graph,
  type Node,
  type Origin,
  type TensorType,
  type Value,
  type Weight,
} from './ir.js';
import { equalShapes } from './shape.js';

/**
 * What takes a node's place: values for each of its results, made with `builder` (whose origin is
 * the node's) or found among `operands`, the node's operands in the new graph. Undefined copies it.
 */
export type Visit = (
  node: Node,
  operands: readonly Value[],
  builder: GraphBuilder,
) => readonly Value[] | undefined;

interface RewriteOptions {
  /** The types of the inputs, where they change. */
  readonly inputType?: (type: TensorType) => TensorType;
  /** The symbols of the new graph, where they change. */
  readonly symbols?: Graph['symbols'];
}

/**
 * The graph with each node as `visit` wants it, all of them copied without one. Inputs, outputs, names, origins and the order of
 * nodes and weights stay; weights that nothing uses any more are dropped; ids are given anew.
 */
export function rewriteGraph(
  graph: Graph,
  visit: Visit = () => undefined,
  options: RewriteOptions = {},
): Graph {
  const builder = createBuilder();
  /** By the id of a value of the graph. */
  const mapped: Value[] = [];
  for (const value of graph.inputs) {
    const { definition, type } = value;
    if (definition.kind !== 'input') throw new Error('not an input');
    const made = builder.input(
      inputName(value),
      options.inputType?.(type) ?? type,
      definition.doc,
      definition.span,
    );
    mapped[value.id] = made;
  }
  // All of them first, in their order; those that remain unused are left out at the end.
  const weights = new Map<Weight, Value>(graph.weights.map((w) => [w, builder.weight(w)]));

  const map = (value: Value): Value => {
    const known = mapped[value.id];
    if (known !== undefined) return known;
    const made = mapLeaf(value, builder, weights);
    mapped[value.id] = made;
    return made;
  };
  let origin: Origin | undefined;
  const at = builder.withOrigin(() => origin);
  for (const node of graph.nodes) {
    const operands = node.operands.map(map);
    origin = node.origin;
    const results =
      visit(node, operands, at) ??
      // What operands of the same types give has been inferred when the node was made.
      (haveSameTypes(node.operands, operands)
        ? builder.copy(node, operands)
        : at.apply(node.op, operands, node.attributes, node.origin));
    if (results.length !== node.results.length) {
      throw new Error(`${node.op}: ${results.length} values in place of ${node.results.length}`);
    }
    node.results.forEach((value, i) => {
      mapped[value.id] = results[i] ?? value;
    });
  }
  const made = builder.finish(
    { ...headerOf(graph), symbols: options.symbols ?? graph.symbols },
    graph.outputs.map((output) => ({ ...output, value: map(output.value) })),
  );
  const unread = unreadWeights(made);
  if (unread.size === 0) return made;
  return { ...made, weights: made.weights.filter((weight) => !unread.has(weight)) };
}

function haveSameTypes(before: readonly Value[], after: readonly Value[]): boolean {
  return before.every(({ type }, i) => {
    const other = after[i]?.type;
    return (
      other === type || (other?.batched === type.batched && equalShapes(other.shape, type.shape))
    );
  });
}

function mapLeaf(value: Value, builder: GraphBuilder, weights: ReadonlyMap<Weight, Value>): Value {
  const { definition, type } = value;
  const weight = definition.kind === 'weight' ? weights.get(definition.weight) : undefined;
  if (weight !== undefined) return weight;
  if (definition.kind !== 'constant') throw new Error(`value ${value.id} is not in the graph yet`);
  return builder.constant(
    definition.data,
    type.shape.map((size) => Number(size)),
  );
}

function headerOf({ name, doc, source }: Graph): Pick<Graph, 'name' | 'doc' | 'source'> {
  return { name, doc, source };
}

/** The weights that neither a node nor an output reads. */
export function unreadWeights({ weights, nodes, outputs }: Graph): ReadonlySet<Weight> {
  const unread = new Set(weights);
  const mark = ({ definition }: Value): void => {
    if (definition.kind === 'weight') unread.delete(definition.weight);
  };
  for (const { operands } of nodes) operands.forEach(mark);
  for (const { value } of outputs) mark(value);
  return unread;
}
