/**
 * What training needs: weights, their gradients, the optimiser's state, and the activations that
 * backward passes read again. A model of what frameworks allocate, in exact integers: what is left
 * out (gradients of activations in flight, workspaces, the allocator's waste) comes on top.
 */
import { diagnostic, type Outcome } from './diagnostic.js';
import type { Graph, Node, Value } from './ir.js';
import { BYTES, describeValue } from './memory.js';
import { shapesOf } from './node-shapes.js';
import { operatorOf } from './ops/index.js';
import type { Needed } from './ops/saved.js';
import { totalElements } from './ops/tensor.js';
import { runPasses } from './passes/index.js';
import { formatLocation } from './source.js';

/** How many float32 each optimiser keeps for every learned weight, beside weight and gradient. */
export const OPTIMIZERS = {
  sgd: 0,
  momentum: 1,
  /** Adam, or AdamW: two moments. */
  adam: 2,
} as const;

export type Optimizer = keyof typeof OPTIMIZERS;
export const OPTIMIZER_NAMES = Object.keys(OPTIMIZERS) as readonly Optimizer[];

/** A tensor that is kept from the forward to the backward pass. */
export interface SavedTensor {
  /** An input by its name, a result by its node's path; for what is no value, the path of the node. */
  readonly name: string;
  /** `input`, `result`, or what the node keeps beside values: masks, indices, statistics. */
  readonly kind: 'input' | 'result' | 'extra';
  readonly bytes: number;
  /** Whether `bytes` are for each image of a batch; else for all of them together. */
  readonly isPerImage: boolean;
  /** The first node that reads it again, or makes it for that; undefined for the loss. */
  readonly keptBy: { readonly path: string; readonly op: string } | undefined;
  readonly source: string;
}

export interface TrainingMemory {
  /** Of learned weights and running statistics. */
  readonly weightBytes: number;
  readonly gradientBytes: number;
  readonly optimizerBytes: Readonly<Record<Optimizer, number>>;
  /** Of saved activations, for each image of a batch. */
  readonly savedBytesPerImage: number;
  /** Of what is saved once for a batch, as batch norm's statistics. */
  readonly savedBytesPerBatch: number;
  /** In the order in which they are made. */
  readonly saved: readonly SavedTensor[];
}

/**
 * What training a graph needs, all sizes being numbers, or `too-large` beyond 2^53 − 1 bytes. The
 * graph is the one as written, with its dropout; what no output depends on is not there.
 *
 * Each operator's record says what it keeps (`saved`). A tensor that several keep counts once; a
 * view counts as what it views; nothing is kept where no learned weight is involved. Outputs are
 * kept, since the loss reads them.
 */
export function trainingMemory(graph: Graph): Outcome<TrainingMemory> {
  const live = runPasses({ graph, weights: undefined }, ['dead-code']).graph;
  const { weights } = live;
  const saved = savedTensors(live);
  const sum = (tensors: readonly SavedTensor[]): number =>
    tensors.reduce((total, { bytes }) => total + bytes, 0);
  const learned = BYTES * totalElements(weights.filter(({ trainable }) => trainable));
  const memory: TrainingMemory = {
    weightBytes: BYTES * totalElements(weights),
    gradientBytes: learned,
    optimizerBytes: { sgd: 0, momentum: learned, adam: OPTIMIZERS.adam * learned },
    savedBytesPerImage: sum(saved.filter(({ isPerImage }) => isPerImage)),
    savedBytesPerBatch: sum(saved.filter(({ isPerImage }) => !isPerImage)),
    saved,
  };
  return checked(trainingBytes(memory, { batch: 1, optimizer: 'adam' }), memory, graph);
}

export interface TrainingChoice {
  readonly batch: number;
  readonly optimizer: Optimizer;
}

/** Bytes of one way of training. */
export function trainingBytes(
  memory: TrainingMemory,
  { batch, optimizer }: TrainingChoice,
): number {
  return (
    memory.weightBytes +
    memory.gradientBytes +
    memory.optimizerBytes[optimizer] +
    memory.savedBytesPerBatch +
    batch * memory.savedBytesPerImage
  );
}

function checked<T>(bytes: number, value: T, { name }: Graph): Outcome<T> {
  if (Number.isSafeInteger(bytes)) return { ok: true, value };
  const message = `training \`${name}\` takes more than 2^53 - 1 bytes, which cannot be counted exactly`;
  return { ok: false, diagnostics: [diagnostic('too-large', message)] };
}

function savedTensors(graph: Graph): SavedTensor[] {
  const isLearned = learnedIn(graph);
  const kept = new Map<Value, Node | undefined>();
  const extras = new Map<Node, SavedTensor[]>();
  const keep = (value: Value, by: Node | undefined): void => {
    const viewed = viewedBy(value);
    const { kind } = viewed.definition;
    if ((kind === 'result' || kind === 'input') && !kept.has(viewed)) kept.set(viewed, by);
  };
  for (const node of graph.nodes) {
    if (!node.results.some(isLearned)) continue;
    const { operands = [], results } = operatorOf(node.op).saved;
    const needed = node.operands.map(isLearned);
    const read = typeof operands === 'function' ? operands(node.attributes, needed) : operands;
    for (const value of read.flatMap((i) => node.operands[i] ?? [])) keep(value, node);
    if (results === true) for (const value of node.results) keep(value, node);
    extras.set(node, extraTensors(node, needed));
  }
  for (const { value } of graph.outputs) keep(value, undefined);
  const describe = (value: Value): SavedTensor[] => {
    if (!kept.has(value)) return [];
    const by = kept.get(value);
    const { name, bytes, source } = describeValue(value);
    const kind = value.definition.kind === 'input' ? 'input' : 'result';
    const keptBy = by && { path: by.origin.path, op: by.op };
    return [{ name, kind, bytes, isPerImage: value.type.batched, keptBy, source }];
  };
  return [
    ...graph.inputs.flatMap(describe),
    ...graph.nodes.flatMap((node) => [
      ...node.results.flatMap(describe),
      ...(extras.get(node) ?? []),
    ]),
  ];
}

/** Tells values for which a gradient is computed: learned weights, and what depends on one. */
function learnedIn({ nodes }: Graph): (value: Value) => boolean {
  const learned = new Set<Value>();
  const isLearned = (value: Value): boolean =>
    value.definition.kind === 'weight' ? value.definition.weight.trainable : learned.has(value);
  for (const { operands, results } of nodes) {
    if (operands.some(isLearned)) for (const value of results) learned.add(value);
  }
  return isLearned;
}

function viewedBy(value: Value): Value {
  let viewed = value;
  for (;;) {
    const { definition } = viewed;
    if (definition.kind !== 'result' || operatorOf(definition.node.op).saved.isView !== true) break;
    const [operand] = definition.node.operands;
    if (operand === undefined) break;
    viewed = operand;
  }
  return viewed;
}

function extraTensors(node: Node, needed: Needed): SavedTensor[] {
  const { saved } = operatorOf(node.op);
  const { path, span } = node.origin;
  const shapes = shapesOf(node);
  const extra = (bytes: number, isPerImage: boolean): SavedTensor => ({
    name: path,
    kind: 'extra',
    bytes,
    isPerImage,
    keptBy: { path, op: node.op },
    source: formatLocation(span),
  });
  return [
    extra(saved.bytes?.(shapes, node.attributes, needed) ?? 0, true),
    extra(saved.bytesOfBatch?.(shapes, node.attributes) ?? 0, false),
  ].filter(({ bytes }) => bytes > 0);
}
