/** Exact figures of a graph for one image: parameters, operations, memory. */
import { diagnostic, type Outcome } from './diagnostic.js';
import {
  inputName,
  type Graph,
  type Node,
  type Value,
  type Weight,
  type WeightRole,
} from './ir.js';
import { operatorOf } from './ops/index.js';
import { activationMemory, BYTES, type ActivationMoment, type ActivationPeak } from './memory.js';
import { elementCount, totalElements } from './ops/tensor.js';
import { withoutDeadCode } from './passes/dead-code.js';
import { withoutIdentities } from './passes/remove-dropout.js';
import { rewriteGraph } from './rewrite.js';
import { inRunningParts } from './body.js';
import { shapesOf } from './node-shapes.js';
import { staticShape } from './shape.js';
import { formatLocation } from './source.js';

/** What a row of a table counts. */
export interface Figures {
  /** Elements that training changes. */
  readonly params: number;
  /** Elements of running statistics (PyTorch's convention; Keras counts them in its total). */
  readonly buffers: number;
  readonly macs: number;
  readonly flops: number;
}

/** One call of an operator. */
export interface LayerStats extends Figures {
  /** `e2.sdblock.sepconv_1.dwconv` */
  readonly path: string;
  readonly op: string;
  /** The shape of its (first) result. */
  readonly output: readonly number[];
  /** `models/sdunet.arch:12:8` */
  readonly source: string;
}

export interface TensorStats {
  readonly name: string;
  readonly dtype: 'f32';
  readonly shape: readonly number[];
}

export interface ModelStats extends Figures {
  /** The model's. */
  readonly name: string;
  readonly file: string;
  readonly inputs: readonly TensorStats[];
  readonly outputs: readonly TensorStats[];
  /** Parts of `params`, by role. */
  readonly kernels: number;
  readonly biases: number;
  /** Scales and shifts of channels: those of norms, and the slopes of PReLU. */
  readonly norm: number;
  /** Of parameters and buffers. */
  readonly weightBytes: number;
  readonly peakActivationBytes: number;
  readonly peak: ActivationPeak;
  /** In the order of the graph. */
  readonly activationTimeline: readonly ActivationMoment[];
  /** In the order of the graph; their figures add up to the model's. */
  readonly layers: readonly LayerStats[];
}

/**
 * The figures of the inference graph, for one image (batch 1), every size being a number (see
 * `specialize`; throws where one is not). Dropout, identities, and nodes and weights that no output
 * depends on are not in that graph: they have no row and count nowhere. Or `too-large`, where a
 * count is beyond 2^53 − 1.
 *
 * - A shared weight is counted once, at its first use. Nodes of one path make one row, so weight
 *   standardisation is part of the convolution that it belongs to.
 * - Peak activation memory is for the nodes in their order, those that run in parts by their parts:
 *   see `activationMemory` and `inRunningParts`.
 */
export function stats(graph: Graph): Outcome<ModelStats> {
  const inference = atInference(graph);
  const rows = new Map<string, LayerStats>();
  const counted = new Set<Weight>();
  let totals: Figures = { params: 0, buffers: 0, macs: 0, flops: 0 };
  for (const node of inference.nodes) {
    const own = figuresOf(node, counted);
    totals = addFigures(totals, own);
    const excess = excessOf(totals);
    if (excess !== undefined) return tooLarge(graph, excess, node);
    rows.set(node.origin.path, addToRow(rows.get(node.origin.path), node, own));
  }
  const memory = activationMemory(inRunningParts(inference));
  const excessive = memory.timeline.find(({ during }) => !Number.isSafeInteger(during));
  const largest = inference.nodes.find(({ origin }) => origin.path === excessive?.path);
  if (largest !== undefined) return tooLarge(graph, 'bytes of activations at once', largest);
  return {
    ok: true,
    value: {
      name: graph.name,
      file: graph.source.path,
      inputs: inference.inputs.map((value) => tensorStats(inputName(value), value)),
      outputs: inference.outputs.map(({ name, value }) => tensorStats(name, value)),
      ...totals,
      kernels: trainable(inference, ['kernel']),
      biases: trainable(inference, ['bias']),
      norm: trainable(inference, ['scale', 'shift']),
      weightBytes: weightBytes(totals),
      peakActivationBytes: memory.peak.bytes,
      peak: memory.peak,
      activationTimeline: memory.timeline,
      layers: [...rows.values()],
    },
  };
}

/** The graph as written without what is not there at inference: dropout, and what is never read. */
export function inferenceGraph(graph: Graph): Graph {
  const inference = atInference(graph);
  return inference === graph ? graph : rewriteGraph(inference);
}

/** What `inferenceGraph` makes again, to be counted alone: see `withoutIdentities`. */
function atInference(graph: Graph): Graph {
  return withoutDeadCode(withoutIdentities(graph));
}

function weightBytes({ params, buffers }: Figures): number {
  return BYTES * (params + buffers);
}

/**
 * What is no longer exact. No figure is negative, so sums only grow and a part of one that is exact
 * is exact as well.
 */
function excessOf(totals: Figures): string | undefined {
  if (!Number.isSafeInteger(weightBytes(totals))) return 'bytes of weights';
  if (!Number.isSafeInteger(totals.macs)) return 'multiply-accumulates';
  return Number.isSafeInteger(totals.flops) ? undefined : 'operations';
}

function tooLarge(graph: Graph, what: string, { origin }: Node): Outcome<never> {
  const message = `\`${graph.name}\` has more than 2^53 - 1 ${what}, which cannot be counted exactly`;
  return { ok: false, diagnostics: [diagnostic('too-large', message, { span: origin.span })] };
}

export function addFigures(a: Figures, b: Figures): Figures {
  return {
    params: a.params + b.params,
    buffers: a.buffers + b.buffers,
    macs: a.macs + b.macs,
    flops: a.flops + b.flops,
  };
}

/** A node's figures; its weights unless they are among those `counted`, to which they are added. */
function figuresOf(node: Node, counted: Set<Weight>): Figures {
  const cost = operatorOf(node.op).cost(shapesOf(node), node.attributes);
  let [params, buffers] = [0, 0];
  for (const { definition } of node.operands) {
    if (definition.kind !== 'weight' || counted.has(definition.weight)) continue;
    const { weight } = definition;
    counted.add(weight);
    if (weight.trainable) params += elementCount(weight.shape);
    else buffers += elementCount(weight.shape);
  }
  return { params, buffers, macs: cost.macs, flops: cost.flops };
}

/** The row of a path with one more of its nodes. */
function addToRow(row: LayerStats | undefined, node: Node, own: Figures): LayerStats {
  const { params, buffers, macs, flops } = row === undefined ? own : addFigures(row, own);
  // What the compiler has added to a call does not name it.
  const isNamed = row === undefined || !operatorOf(node.op).traits.includes('internal');
  return {
    path: node.origin.path,
    op: isNamed ? node.op : row.op,
    output: isNamed ? shapeOf(node.results[0]) : row.output,
    params,
    buffers,
    macs,
    flops,
    source: isNamed ? formatLocation(node.origin.span) : row.source,
  };
}

function trainable(graph: Graph, roles: readonly WeightRole[]): number {
  return totalElements(
    graph.weights.filter((weight) => weight.trainable && roles.includes(weight.role)),
  );
}

function shapeOf(value: Value | undefined): readonly number[] {
  return staticShape(value?.type.shape ?? []);
}

function tensorStats(name: string, value: Value): TensorStats {
  return { name, dtype: value.type.dtype, shape: shapeOf(value) };
}

/** The layers of one block, or of one binding of the model, together. */
interface GroupStats extends Figures {
  /** The first steps of the layers' paths. */
  readonly path: string;
  /** How many layers. */
  readonly layers: number;
  /** The output of the last. */
  readonly output: readonly number[];
}

/** Layers whose paths agree in their first `depth` steps (1 or more), summed, in order. */
export function groupLayers(layers: readonly LayerStats[], depth: number): GroupStats[] {
  const groups = new Map<string, GroupStats>();
  for (const layer of layers) {
    const path = blockPath(layer.path, depth);
    const before = groups.get(path);
    groups.set(path, {
      path,
      layers: (before?.layers ?? 0) + 1,
      output: layer.output,
      ...(before === undefined ? figuresOnly(layer) : addFigures(before, layer)),
    });
  }
  return [...groups.values()];
}

/** The first `depth` steps of a layer's path. */
export function blockPath(path: string, depth: number): string {
  return path.split('.').slice(0, depth).join('.');
}

function figuresOnly({ params, buffers, macs, flops }: Figures): Figures {
  return { params, buffers, macs, flops };
}
