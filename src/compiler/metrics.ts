/** The figures of a model that `expect` knows by name. */
import type { ModelStats } from './stats.js';

const METRICS: Readonly<Record<string, (stats: ModelStats) => number>> = {
  params: (s) => s.params,
  buffers: (s) => s.buffers,
  macs: (s) => s.macs,
  flops: (s) => s.flops,
  size: (s) => s.weightBytes,
  peak_memory: (s) => s.peakActivationBytes,
};

export const METRIC_NAMES: readonly string[] = Object.keys(METRICS);

/** A figure by the name it has in `expect`: bytes for sizes, counts for one image otherwise. */
export function metricOf(stats: ModelStats, name: string): number | undefined {
  return METRICS[name]?.(stats);
}
