/** The figures of a model that `expect` knows by name. */
import type { Graph } from './ir.js';
import { elementCount } from './ops/tensor.js';
import { BYTES } from './memory.js';
import { inferenceGraph, type ModelStats } from './stats.js';

const METRICS: Readonly<Record<string, (stats: ModelStats) => number>> = {
  params: (s) => s.params,
  buffers: (s) => s.buffers,
  macs: (s) => s.macs,
  flops: (s) => s.flops,
  size: (s) => s.weightBytes,
  peak_memory: (s) => s.peakActivationBytes,
};

export const METRIC_NAMES: readonly string[] = Object.keys(METRICS);

/**
 * A figure that the weights alone decide (`params`, `buffers`, `size`), whatever the size of the
 * input; undefined for the others, and where the count would not be exact.
 */
export function weightMetric(graph: Graph, name: string): number | undefined {
  const { weights } = inferenceGraph(graph);
  const count = (trainable: boolean): number =>
    weights
      .filter((weight) => weight.trainable === trainable)
      .reduce((total, { shape }) => total + elementCount(shape), 0);
  const [params, buffers] = [count(true), count(false)];
  const value = { params, buffers, size: BYTES * (params + buffers) }[name];
  return Number.isSafeInteger(value) ? value : undefined;
}

/** A figure by the name it has in `expect`: bytes for sizes, counts for one image otherwise. */
export function metricOf(stats: ModelStats, name: string): number | undefined {
  return METRICS[name]?.(stats);
}
