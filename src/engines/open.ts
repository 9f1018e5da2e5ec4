/// <reference types="@webgpu/types" />
/** Every engine by its name, and how it is opened for a model. */
import {
  emitModel,
  weightsOf,
  type OpenModel,
  type WeightOrigin,
  type WeightRequest,
} from '../compile.js';
import type { Outcome } from '../compiler/diagnostic.js';
import { inputName, type Graph, type Value } from '../compiler/ir.js';
import { VERSION } from '../version.js';
import { planSource, wholeOnnxModel } from './artifact.js';
import type { Engine } from './engine.js';
import type { OnnxBorder, OnnxSpec } from './onnx.js';
import type { WgslEngine } from './wgsl.js';

export const ENGINES = ['onnx', 'tfjs', 'wgsl', 'reference'] as const;
/**
 * `onnx`: ONNX Runtime, and `tfjs`: TensorFlow.js, which have to be installed. `wgsl`: a GPU, through
 * package `webgpu`, which has to be installed too. `reference`: the interpreter, slow and plain.
 */
export type EngineName = (typeof ENGINES)[number];

export interface ReadyEngine<E extends Engine = Engine> {
  readonly engine: E;
  readonly weights: WeightOrigin;
}

/** How each engine is opened for a model, `graph` being it at its sizes. */
export const ENGINE_OPENERS: Readonly<
  Record<
    EngineName,
    (model: OpenModel, graph: Graph, request: WeightRequest) => Promise<Outcome<ReadyEngine>>
  >
> = {
  async onnx(model, graph, request) {
    const { openOnnxEngine } = await import('./onnx.js');
    const artifact = await emitModel(model, { ...request, target: 'onnx' });
    if (!artifact.ok) return artifact;
    const { files, weights } = artifact.value;
    const whole = wholeOnnxModel(files);
    if (!whole.ok) return whole;
    const engine = await openOnnxEngine(whole.value, onnxSpec(graph));
    return engine.ok ? { ok: true, value: { engine: engine.value, weights } } : engine;
  },
  async tfjs(model, _graph, request) {
    const { openTfjsEngine } = await import('./tfjs.js');
    const artifact = await emitModel(model, { ...request, target: 'tfjs' });
    if (!artifact.ok) return artifact;
    const { files, weights } = artifact.value;
    const engine = await openTfjsEngine(files);
    return engine.ok ? { ok: true, value: { engine: engine.value, weights } } : engine;
  },
  wgsl: (model, _graph, request) => openWgsl(model, request),
  async reference(_model, graph, request) {
    const { referenceEngine } = await import('./reference.js');
    const weights = await weightsOf(graph, request);
    if (!weights.ok) return weights;
    const { values, origin } = weights.value;
    return {
      ok: true,
      value: { engine: referenceEngine(graph, values, VERSION), weights: origin },
    };
  },
};

/** A kernel plan of the model, on the given device or one of its own. */
export async function openWgsl(
  model: OpenModel,
  request: WeightRequest,
  device?: GPUDevice,
): Promise<Outcome<ReadyEngine<WgslEngine>>> {
  const { openWgslEngine } = await import('./wgsl.js');
  const plan = await emitModel(model, { ...request, target: 'wgsl' });
  if (!plan.ok) return plan;
  const { files, weights } = plan.value;
  const engine = await openWgslEngine(planSource(files), VERSION, device);
  return engine.ok ? { ok: true, value: { engine: engine.value, weights } } : engine;
}

/** The borders of a graph's ONNX model, as `emitModel` writes it unless asked otherwise. */
export function onnxSpec(graph: Graph): OnnxSpec {
  const border = (name: string, { type }: Value): OnnxBorder => ({
    name,
    shape: type.shape.map(Number),
    layout: type.shape.length === 3 ? 'channels-first' : 'channels-last',
  });
  return {
    inputs: graph.inputs.map((value) => border(inputName(value), value)),
    outputs: graph.outputs.map(({ name, value }) => border(name, value)),
    batch: 1,
  };
}
