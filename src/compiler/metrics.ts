/** The figures of a model that `expect` knows by name. */
import type { Device } from './device.js';
import type { Outcome } from './diagnostic.js';
import type { Graph } from './ir.js';
import { BYTES } from './memory.js';
import { totalElements } from './ops/tensor.js';
import { roofline } from './roofline.js';
import { bestMemory } from './schedule.js';
import { inferenceGraph, type ModelStats } from './stats.js';
import { trainingBytes, trainingMemory } from './training.js';

const METRICS: Readonly<Record<string, (stats: ModelStats) => number>> = {
  params: (s) => s.params,
  buffers: (s) => s.buffers,
  macs: (s) => s.macs,
  flops: (s) => s.flops,
  size: (s) => s.weightBytes,
  peak_memory: (s) => s.peakActivationBytes,
};

/** Figures that `stats` has counted. */
export const METRIC_NAMES: readonly string[] = Object.keys(METRICS);

/** Figures for which the graph is examined anew, in bytes. */
const GRAPH_METRICS: Readonly<Record<string, (graph: Graph) => Outcome<number>>> = {
  best_memory: (graph) => found(bestMemory(inferenceGraph(graph)).peak.bytes),
  saved_memory: (graph) => {
    const memory = trainingMemory(graph);
    return memory.ok ? found(memory.value.savedBytesPerImage) : memory;
  },
  training_memory: (graph) => {
    const memory = trainingMemory(graph);
    return memory.ok ? found(trainingBytes(memory.value, { batch: 1, optimizer: 'adam' })) : memory;
  },
};

/** Estimates for a device. */
const DEVICE_METRICS: Readonly<Record<string, (graph: Graph, device: Device) => number>> = {
  /** Seconds for one image. */
  latency: (graph, device) => roofline(graph, device).seconds,
};

/** All names that `expect` knows. */
export const CLAIM_NAMES: readonly string[] = [
  ...METRIC_NAMES,
  ...Object.keys(GRAPH_METRICS),
  ...Object.keys(DEVICE_METRICS),
];

export function needsDevice(name: string): boolean {
  return Object.hasOwn(DEVICE_METRICS, name);
}

/**
 * A figure that the weights alone decide (`params`, `buffers`, `size`), whatever the size of the
 * input; undefined for the others, and where the count would not be exact.
 */
export function weightMetric(graph: Graph, name: string): number | undefined {
  const { weights } = inferenceGraph(graph);
  const count = (trainable: boolean): number =>
    totalElements(weights.filter((weight) => weight.trainable === trainable));
  const [params, buffers] = [count(true), count(false)];
  const value = { params, buffers, size: BYTES * (params + buffers) }[name];
  return Number.isSafeInteger(value) ? value : undefined;
}

/** A figure by the name it has in `expect`: bytes for sizes, counts for one image otherwise. */
export function metricOf(stats: ModelStats, name: string): number | undefined {
  return METRICS[name]?.(stats);
}

/** A figure that `stats` has not counted; undefined for a name that is none, or without its device. */
export function examine(
  graph: Graph,
  name: string,
  device: Device | undefined,
): Outcome<number> | undefined {
  const timed = DEVICE_METRICS[name];
  if (timed === undefined) return GRAPH_METRICS[name]?.(graph);
  return device === undefined ? undefined : found(timed(graph, device));
}

function found(value: number): Outcome<number> {
  return { ok: true, value };
}
