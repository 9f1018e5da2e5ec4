/** A graph as a TensorFlow.js graph model: the backend's one entry. */
import { inParts } from '../../compiler/body.js';
import { diagnostic, type Diagnostic } from '../../compiler/diagnostic.js';
import {
  inputName,
  type Graph,
  type Origin,
  type TensorType,
  type Value,
  type WeightValues,
} from '../../compiler/ir.js';
import type { WeightType } from '../../compiler/sizes.js';
import { littleEndian } from '../bytes.js';
import { metadataEntries, type ModelMetadata } from '../metadata.js';
import { batchDim, missingSize } from '../sizes.js';
import { createEmitter, type Emitter, type Held } from './emitter.js';
import { encodeModel, type StoredTensor, type TfjsFile } from './encode.js';
import { formedData } from './layout.js';
import { loweringOf } from './lower.js';
import { ints, type PlacedWeight, type TfBorder, type TfGraph, type TfValue } from './model.js';
import { quantize } from './quantize.js';

export interface TfjsOptions {
  /** `f32` unless given. */
  readonly weightType?: WeightType;
  readonly metadata: ModelMetadata;
}

type EmittedTfjs =
  | { readonly ok: true; readonly files: readonly [TfjsFile, ...TfjsFile[]] }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/** TensorFlow.js's GPU backends have shaders for as many. */
const MAX_RANK = 6;

/**
 * The graph as a graph model of TensorFlow's own operators: `model.json`, then shards with the
 * weights of `weights`, every one of which is in there under its own name. The batch is always free,
 * and so are the sizes of a graph that has symbols. The bytes depend on the arguments alone.
 * Diagnostics: `unsupported-operator` for tensors of more axes than TensorFlow.js has;
 * `dynamic-size` where a size does not follow from the inputs. Throws where a weight is missing or
 * has another shape: callers have checked.
 */
export function emitTfjs(graph: Graph, weights: WeightValues, options: TfjsOptions): EmittedTfjs {
  const lowered = lowerGraph(graph);
  if (!lowered.ok) return lowered;
  const { weightType = 'f32', metadata } = options;
  const stored = [
    ...lowered.graph.weights.map((placed) => storedWeight(placed, weights, weightType)),
    ...lowered.graph.constants.map(({ value, data }): StoredTensor => ({
      value,
      shape: value.shape.map(Number),
      bytes: littleEndian(data),
    })),
  ];
  const header = {
    generatedBy: `archc ${metadata.version}`,
    metadata: metadataEntries(graph.name, metadata),
  };
  return { ok: true, files: encodeModel(lowered.graph, stored, header) };
}

function storedWeight(
  { weight, form, value }: PlacedWeight,
  weights: WeightValues,
  weightType: WeightType,
): StoredTensor {
  const tensor = weights.get(weight.name);
  if (tensor === undefined) throw new Error(`no values for weight ${weight.name}`);
  if (tensor.shape.join() !== weight.shape.join()) {
    throw new Error(`weight ${weight.name} has another shape`);
  }
  const data = formedData(tensor, form);
  const head = { value, shape: value.shape.map(Number) };
  const quantized = quantize(weight, data, weightType);
  return quantized === undefined
    ? { ...head, bytes: littleEndian(data) }
    : { ...head, ...quantized };
}

type Lowered =
  | { readonly ok: true; readonly graph: TfGraph }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

function lowerGraph(given: Graph): Lowered {
  const graph = inParts(given, (op) => loweringOf(op) !== undefined);
  const diagnostics = graph.nodes.flatMap((node) =>
    node.results.flatMap(({ type }) => tooManyAxes(type, node.op, node.origin)),
  );
  if (diagnostics.length > 0) return { ok: false, diagnostics };
  const batch = batchDim(graph);
  let origin: Origin | undefined;
  const inputs = graph.inputs.map((value): TfBorder => {
    const { batched, shape } = value.type;
    const type = 'float32';
    return {
      name: inputName(value),
      value: { type, shape: batched ? [batch, ...shape] : shape },
    };
  });
  const state = createEmitter(batch, {
    inputs: inputs.map(({ value }) => value),
    missing: (symbol) => diagnostics.push(missingSize(symbol, origin)),
  });
  graph.inputs.forEach((value, i) => {
    const own = inputs[i]?.value;
    if (own !== undefined) {
      state.hold(value, { value: own, batch: value.type.batched ? 'many' : 'none' });
    }
  });
  for (const node of graph.nodes) {
    const lowering = loweringOf(node.op);
    if (lowering === undefined) throw new Error(`${node.op}: neither lowered nor decomposed`);
    origin = node.origin;
    state.setOrigin(origin);
    const results = [lowering(state.emitter, node)].flat();
    node.results.forEach((value, i) => {
      const own = results[i];
      if (own === undefined) throw new Error(`${node.op}: result ${i} is missing`);
      state.hold(value, own);
    });
  }
  state.setOrigin(undefined);
  const outputs = graph.outputs.map(({ name, value }): TfBorder => {
    const tensor = atBorder(state.emitter, state.emitter.take(value), value);
    // A node by the output's name, whatever makes its value.
    return { name, value: state.emitter.node('Identity', [tensor], tensor.shape) };
  });
  // A weight that nothing uses is in the file all the same.
  for (const weight of given.weights) state.ensureWeight(weight);
  if (diagnostics.length > 0) return { ok: false, diagnostics };
  const { weights, constants, nodes } = state;
  return { ok: true, graph: { inputs, outputs, weights, constants, nodes } };
}

function tooManyAxes(type: TensorType, op: string, { span, path }: Origin): readonly Diagnostic[] {
  const rank = type.shape.length + (type.batched ? 1 : 0);
  if (rank <= MAX_RANK) return [];
  const axes = type.batched ? `${rank} axes with the batch` : `${rank} axes`;
  const message = `${path} (${op}) gives a tensor of ${axes}, and TensorFlow.js has at most ${MAX_RANK}`;
  const hints = ['join axes with `reshape`', 'compile for another target'];
  return [diagnostic('unsupported-operator', message, { span, hints })];
}

/** Without the axis of 1 that stood for a batch. */
function atBorder(e: Emitter, held: Held, { type }: Value): TfValue {
  if (type.batched || held.batch === 'none') return held.value;
  return e.node('Squeeze', [held.value], held.value.shape.slice(1), { axis: ints([0]) });
}
