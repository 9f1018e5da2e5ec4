/**
 * An estimate of how long a graph takes on a device (Williams, Waterman & Patterson 2009): each
 * layer takes the longer of computing at the device's peak and of moving its bytes at its bandwidth.
 */
import { bodyOf, inRunningParts, runsInParts } from './body.js';
import type { Device } from './device.js';
import type { Graph, Node } from './ir.js';
import { activationMemory, BYTES, bytesOf } from './memory.js';
import { shapesOf } from './node-shapes.js';
import { operatorOf } from './ops/index.js';
import { totalElements } from './ops/tensor.js';
import { bestMemory } from './schedule.js';
import { staticShape } from './shape.js';
import { formatLocation } from './source.js';
import { inferenceGraph } from './stats.js';

export interface RooflineLayer {
  readonly path: string;
  readonly op: string;
  readonly output: readonly number[];
  readonly flops: number;
  /** Of its operands, results and weights, each moved once; of one that runs in parts, of each part. */
  readonly bytes: number;
  readonly seconds: number;
  /** What takes longer, in most of its time: computing or moving. */
  readonly bound: 'compute' | 'memory';
  /** Of the total, from 0 to 1. */
  readonly share: number;
  readonly source: string;
}

export interface Roofline {
  readonly device: Device;
  /** One image through all layers, one after another. */
  readonly seconds: number;
  /** Parts of `seconds`: in layers bound by compute, and by memory. */
  readonly computeSeconds: number;
  readonly memorySeconds: number;
  /** In the order of the graph. */
  readonly layers: readonly RooflineLayer[];
  /** Weights and the peak of activations, in the given order and in the best one. */
  readonly neededBytes: number;
  readonly neededBytesAtBest: number;
  /** Whether `neededBytes`, or at least `neededBytesAtBest`, are not more than the device has. */
  readonly fits: boolean;
  readonly fitsAtBest: boolean;
}

/**
 * The estimate for one image in float32 (batch 1), all sizes being numbers. A bound from below under
 * two assumptions that engines break in both directions: no layer is fused with another, and every
 * layer reaches the device's figures. What is computed from weights alone is computed beforehand.
 */
export function roofline(graph: Graph, device: Device): Roofline {
  const inference = inferenceGraph(graph);
  const timed = inference.nodes
    .filter(({ results }) => results.some(({ type }) => type.batched))
    .map((node) => timeOf(node, device));
  const total = (layers: readonly { readonly seconds: number }[]): number =>
    layers.reduce((sum, { seconds }) => sum + seconds, 0);
  const seconds = total(timed);
  const weights = BYTES * totalElements(inference.weights);
  const neededBytes = weights + activationMemory(inRunningParts(inference)).peak.bytes;
  const neededBytesAtBest = weights + bestMemory(inference).peak.bytes;
  return {
    device,
    seconds,
    computeSeconds: total(timed.filter(({ bound }) => bound === 'compute')),
    memorySeconds: total(timed.filter(({ bound }) => bound === 'memory')),
    layers: timed.map((layer) => ({ ...layer, share: layer.seconds / seconds })),
    neededBytes,
    neededBytesAtBest,
    fits: neededBytes <= device.memoryBytes,
    fitsAtBest: neededBytesAtBest <= device.memoryBytes,
  };
}

function timeOf(node: Node, device: Device): Omit<RooflineLayer, 'share'> {
  const parts = (runsInParts(node) ? bodyOf(node).nodes : [node]).map((part) =>
    costOf(part, device),
  );
  const sum = (of: (part: PartCost) => number): number =>
    parts.reduce((n, part) => n + of(part), 0);
  const seconds = sum((part) => part.seconds);
  const computing = sum((part) => (part.bound === 'compute' ? part.seconds : 0));
  return {
    path: node.origin.path,
    op: node.op,
    output: staticShape(node.results[0]?.type.shape ?? []),
    flops: sum((part) => part.flops),
    bytes: sum((part) => part.bytes),
    seconds,
    bound: 2 * computing > seconds ? 'compute' : 'memory',
    source: formatLocation(node.origin.span),
  };
}

type PartCost = Pick<RooflineLayer, 'flops' | 'bytes' | 'seconds' | 'bound'>;

function costOf(node: Node, { peakFlops, memoryBandwidth }: Device): PartCost {
  const { op, operands, results, attributes } = node;
  const { flops } = operatorOf(op).cost(shapesOf(node), attributes);
  const bytes = [...new Set([...operands, ...results])].reduce((n, v) => n + bytesOf(v), 0);
  const [computing, moving] = [flops / peakFlops, bytes / memoryBandwidth];
  return {
    flops,
    bytes,
    seconds: Math.max(computing, moving),
    bound: computing > moving ? 'compute' : 'memory',
  };
}
