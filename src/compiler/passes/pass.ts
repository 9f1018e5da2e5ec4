/** What a pass is: from a model to one with the same results. */
import type { Graph, Node, Tensor, Value, WeightValues } from '../ir.js';
import { isStatic } from '../shape.js';

/** A graph with the values of its weights, where they are known. */
export interface Model {
  readonly graph: Graph;
  readonly weights: WeightValues | undefined;
}

export interface PassOptions {
  /** Leave weight standardisation in the graph instead of folding it into the weights. */
  readonly keepWs?: boolean;
  /** Bytes of a tensor that a kernel binds at most; what every device grants by default. */
  readonly largest?: number;
}

/**
 * Gives a model with the same inputs, outputs and inference results up to rounding. Each output
 * stays the result of a node of its own.
 */
export type Pass = (model: Model, options?: PassOptions) => Model;

/** A model with values for the weights that its graph has, and no others. */
export function modelOf(graph: Graph, values: WeightValues | undefined): Model {
  if (values === undefined) return { graph, weights: undefined };
  const weights = graph.weights.flatMap(({ name }) => {
    const tensor = values.get(name);
    return tensor === undefined ? [] : [[name, tensor] as const];
  });
  return { graph, weights: new Map(weights) };
}

export function outputValues(graph: Graph): ReadonlySet<Value> {
  return new Set(graph.outputs.map((output) => output.value));
}

/** The nodes that read each value; for an output also undefined, last. */
export type Users = ReadonlyMap<Value, readonly (Node | undefined)[]>;

export function usersOf(graph: Graph): Users {
  const users = new Map<Value, (Node | undefined)[]>();
  const note = (value: Value, user: Node | undefined): void => {
    const known = users.get(value);
    if (known === undefined) users.set(value, [user]);
    else known.push(user);
  };
  for (const node of graph.nodes) for (const value of node.operands) note(value, node);
  for (const value of outputValues(graph)) note(value, undefined);
  return users;
}

/** What a constant or a weight holds, where that is known; undefined for every other value. */
export function tensorOf({ definition, type }: Value, values: WeightValues): Tensor | undefined {
  if (definition.kind === 'weight') return values.get(definition.weight.name);
  if (definition.kind !== 'constant' || !isStatic(type.shape)) return undefined;
  return { shape: type.shape, data: definition.data };
}
