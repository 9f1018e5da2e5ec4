/** What a pass is: from a model to one with the same results. */
import type { Graph, Tensor, Value, WeightValues } from '../ir.js';
import { isStatic } from '../shape.js';

/** A graph with the values of its weights, where they are known. */
export interface Model {
  readonly graph: Graph;
  readonly weights: WeightValues | undefined;
}

export interface PassOptions {
  /** Leave weight standardisation in the graph instead of folding it into the weights. */
  readonly keepWs?: boolean;
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

/** What a constant or a weight holds, where that is known; undefined for every other value. */
export function tensorOf({ definition, type }: Value, values: WeightValues): Tensor | undefined {
  if (definition.kind === 'weight') return values.get(definition.weight.name);
  if (definition.kind !== 'constant' || !isStatic(type.shape)) return undefined;
  return { shape: type.shape, data: definition.data };
}
