/** All that is said of a model's memory beside its counts. */
import type { Outcome } from './diagnostic.js';
import type { Graph } from './ir.js';
import { bestMemory, type BestMemory } from './schedule.js';
import { weightSizes, type WeightSizes } from './sizes.js';
import { inferenceGraph } from './stats.js';
import { trainingMemory, type TrainingMemory } from './training.js';

export interface ModelMemory {
  /** At inference, in the best order of nodes; `stats` has it in the given one. */
  readonly best: BestMemory;
  readonly training: TrainingMemory;
  readonly sizes: WeightSizes;
}

/** Of a graph as written, all sizes being numbers. */
export function modelMemory(graph: Graph): Outcome<ModelMemory> {
  const training = trainingMemory(graph);
  if (!training.ok) return training;
  const best = bestMemory(inferenceGraph(graph));
  return { ok: true, value: { best, training: training.value, sizes: weightSizes(graph) } };
}
