/**
 * `archc/tfjs`: trainable TensorFlow.js models from .arch source, in a browser or in Node. Weights go
 * in and out as safetensors, under the names that they have everywhere. Takes `@tensorflow/tfjs`.
 */
import * as tf from '@tensorflow/tfjs';
import { emitLayers, type EmittedLayer, type LayerWeight } from '../backends/tfjs/layers.js';
import { formedData, type KernelForm } from '../backends/tfjs/layout.js';
import {
  openModel,
  sizedGraph,
  weightsOf,
  type ModelRequest,
  type Reported,
  type WeightRequest,
} from '../compile.js';
import type { Diagnostic, Outcome } from '../compiler/diagnostic.js';
import type { Graph, Tensor, WeightValues } from '../compiler/ir.js';
import { NO_FILES, type Host } from '../compiler/modules.js';
import type { Source } from '../compiler/source.js';
import { matchWeights } from '../weights/match.js';
import { readSafetensors, writeSafetensors } from '../weights/safetensors.js';
import { weightsAlone } from '../weights/trained.js';
import { VERSION } from '../version.js';
import { registerGradientKernels } from './kernels.js';
import { registerLayers } from './layers.js';

export { registerGradientKernels } from './kernels.js';
export {
  ArchcConv2D,
  ArchcConv2DTranspose,
  ArchcDepthwiseConv2D,
  ArchcOperator,
  GroupNormalization,
  registerLayers,
} from './layers.js';

export interface BuildOptions extends ModelRequest, WeightRequest {
  /** How imports are read; without it there are none. */
  readonly host?: Host | undefined;
}

export interface TrainableModel {
  /** Trains with `compile` and `fit`, and predicts. Dispose of it when done. */
  readonly model: tf.LayersModel;
  /** The model at its sizes, as the source has it. */
  readonly graph: Graph;
  /** Where each weight of the graph is held. */
  readonly variables: readonly WeightVariable[];
  /** The layers of the model that stand for nodes, in the order of the graph. */
  readonly layers: readonly EmittedLayer[];
  /** The weights as they are now, in archc's layout. */
  readonly weights: () => WeightValues;
  /** Replaces every weight; `weights-mismatch` where names or shapes are not the model's. */
  readonly setWeights: (values: ReadonlyMap<string, Tensor>) => readonly Diagnostic[];
  /** A safetensors file, for `archc compile --weights`. */
  readonly toSafetensors: () => Uint8Array;
  /** Reads such a file, or a checkpoint of a training; the model stays as it is where that fails. */
  readonly loadSafetensors: (bytes: Uint8Array) => readonly Diagnostic[];
}

/** A weight's variable, whose numbers may stand in another order (see `form`). */
export interface WeightVariable extends LayerWeight {
  readonly held: tf.LayerVariable;
}

/**
 * Builds a model of a program, at its sizes and for any batch, on the current backend. Weights are
 * drawn from `seed` unless `weights` has them. Diagnostics: those of `check`, of weights, and
 * `unsupported-operator`.
 */
export async function buildModel(
  source: Source | string,
  options: BuildOptions = {},
): Promise<Reported<TrainableModel>> {
  const entry = typeof source === 'string' ? { path: 'model.arch', text: source } : source;
  const { value: opened, diagnostics } = openModel(entry, options.host ?? NO_FILES, options);
  if (opened === undefined) return { value: undefined, diagnostics };
  const stop = (more: readonly Diagnostic[]): Reported<never> => ({
    value: undefined,
    diagnostics: [...diagnostics, ...more],
  });
  const graph = sizedGraph(opened);
  if (!graph.ok) return stop(graph.diagnostics);
  const weights = await weightsOf(graph.value, options);
  if (!weights.ok) return stop(weights.diagnostics);
  const built = await modelOfGraph(graph.value, weights.value.values);
  return built.ok ? { value: built.value, diagnostics } : stop(built.diagnostics);
}

/** As `buildModel`, of a graph whose every size is a number. */
export async function modelOfGraph(
  graph: Graph,
  values: WeightValues,
): Promise<Outcome<TrainableModel>> {
  registerLayers();
  registerGradientKernels();
  const emitted = emitLayers(graph, values, {
    version: VERSION,
    sourceSha256: '',
    weights: { seed: 0 },
  });
  if (!emitted.ok) return emitted;
  const [{ bytes }, ...shards] = emitted.files;
  // What `emitLayers` has just written.
  const json = JSON.parse(new TextDecoder().decode(bytes)) as tf.io.ModelJSON;
  const model = await tf.loadLayersModel(
    tf.io.fromMemory({
      modelTopology: json.modelTopology,
      weightSpecs: json.weightsManifest.flatMap((group) => group.weights),
      weightData: shards.map((shard) => Uint8Array.from(shard.bytes).buffer),
    }),
  );
  return { ok: true, value: trainable(model, graph, emitted.weights, emitted.layers) };
}

function trainable(
  model: tf.LayersModel,
  graph: Graph,
  placed: readonly LayerWeight[],
  layers: readonly EmittedLayer[],
): TrainableModel {
  const variables = new Map(model.weights.map((variable) => [variable.originalName, variable]));
  const places = placed.map((place): WeightVariable => {
    const held = variables.get(place.variable);
    if (held === undefined) throw new Error(`the model has no variable ${place.variable}`);
    return { ...place, held };
  });
  const read = (): WeightValues =>
    new Map(
      places.map(({ weight, held, form, shape }) => {
        const data = Float32Array.from(held.read().dataSync());
        return [weight.name, { shape: weight.shape, data: unformed({ shape, data }, form) }];
      }),
    );
  const write = (values: ReadonlyMap<string, Tensor>): readonly Diagnostic[] => {
    const own = places.map(({ weight }) => weight);
    const matched = matchWeights(own, values);
    if (!matched.ok) return matched.diagnostics;
    for (const { weight, held, form, shape } of places) {
      const tensor = matched.value.get(weight.name);
      if (tensor === undefined) throw new Error(`no values for weight ${weight.name}`);
      const value = tf.tensor(formedData(tensor, form), [...shape]);
      held.write(value);
      value.dispose();
    }
    return [];
  };
  return {
    model,
    graph,
    variables: places,
    layers,
    weights: read,
    setWeights: write,
    toSafetensors: () => writeSafetensors(read()),
    loadSafetensors(bytes) {
      const file = readSafetensors(bytes);
      return file.ok ? write(weightsAlone(file.value.tensors)) : file.diagnostics;
    },
  };
}

/** A kernel's numbers in archc's order: swapping the last two axes undoes itself. */
function unformed(tensor: Tensor, form: KernelForm): Float32Array {
  return form === 'transposed' ? formedData(tensor, form) : tensor.data;
}
