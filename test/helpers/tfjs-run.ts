/** Runs graph models in TensorFlow.js, as `tf.loadGraphModel` loads them. */
import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import { emitTfjs, type TfjsOptions } from '../../src/backends/tfjs/emit.js';
import type { TfjsFile } from '../../src/backends/tfjs/encode.js';
import type { Graph, Tensor, WeightValues } from '../../src/compiler/ir.js';
import { offerGpu } from '../../src/engines/gpu.js';
import { loadVulkan } from './swiftshader.js';

export const metadata = {
  version: '0.0.0-test',
  sourceSha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  weights: { seed: 0 },
} as const;

/** The files of a model; fails on diagnostics. */
export function emitted(
  graph: Graph,
  weights: WeightValues,
  options: Partial<TfjsOptions> = {},
): readonly TfjsFile[] {
  const made = emitTfjs(graph, weights, { metadata, ...options });
  if (!made.ok) throw new Error(made.diagnostics.map((d) => d.message).join('\n'));
  return made.files;
}

export function fileOf(files: readonly TfjsFile[], name: string): Uint8Array {
  const file = files.find((each) => each.name === name);
  if (file === undefined) throw new Error(`there is no ${name}`);
  return file.bytes;
}

/** What this backend is asked for from now on; without the notice that Node has a package of its own. */
export async function useBackend(name: 'cpu' | 'wasm' | 'webgpu'): Promise<void> {
  tf.env().set('PROD', true);
  if (name === 'webgpu') {
    loadVulkan();
    const offered = await offerGpu();
    if (!offered.ok) throw new Error(offered.diagnostics.map(({ message }) => message).join('\n'));
    await import('@tensorflow/tfjs-backend-webgpu');
  }
  await tf.setBackend(name);
}

/** From files in memory, over the requests that a page would make. */
export function loadModel(files: readonly TfjsFile[]): Promise<tf.GraphModel> {
  const fetchFunc = (url: string | URL | Request): Promise<Response> => {
    const name = (url instanceof Request ? url.url : url.toString()).split('/').at(-1) ?? '';
    return Promise.resolve(new Response(Uint8Array.from(fileOf(files, name))));
  };
  return tf.loadGraphModel('http://localhost/m.tfjs/model.json', { fetchFunc });
}

/** The outputs by name. Inputs and outputs carry the batch. Leaves no tensor behind. */
export async function runTfjs(
  files: readonly TfjsFile[],
  inputs: ReadonlyMap<string, Tensor>,
): Promise<ReadonlyMap<string, Tensor>> {
  const model = await loadModel(files);
  const results = runLoaded(model, inputs);
  model.dispose();
  return results;
}

export function runLoaded(
  model: tf.GraphModel,
  inputs: ReadonlyMap<string, Tensor>,
): ReadonlyMap<string, Tensor> {
  const names = outputNames(model);
  const feeds = Object.fromEntries(
    [...inputs].map(([name, { shape, data }]) => [name, tf.tensor(data, [...shape])]),
  );
  const results = [model.execute(feeds, [...names])].flat();
  const outputs = results.map((result, i): [string, Tensor] => [
    names[i] ?? '',
    { shape: result.shape, data: Float32Array.from(result.dataSync()) },
  ]);
  tf.dispose([feeds, results]);
  return new Map(outputs);
}

/** As the signature has them, in order. */
export function outputNames(model: tf.GraphModel): readonly string[] {
  return model.outputs.map(({ name }) => name);
}
