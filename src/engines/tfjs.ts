/**
 * TensorFlow.js as an engine. It does not come with archc: its packages are loaded when an engine is
 * opened. It has one backend for the whole process, which opening an engine chooses.
 */
import type * as Tfjs from '@tensorflow/tfjs';
import { diagnostic, type Outcome } from '../compiler/diagnostic.js';
import type { Tensor } from '../compiler/ir.js';
import { engineFailed, firstLine, type Engine } from './engine.js';

/** The file of a graph model, as the backend writes it. */
export interface ModelFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** How the packages are loaded; each rejects where it is not installed. */
export interface TfjsPackages {
  readonly core: () => Promise<typeof Tfjs>;
  /** Registers the backend `wasm` with the core. */
  readonly wasm: () => Promise<unknown>;
}

export const TFJS_PACKAGES: TfjsPackages = {
  core: () => import('@tensorflow/tfjs'),
  wasm: () => import('@tensorflow/tfjs-backend-wasm'),
};

/**
 * Loads a graph model into TensorFlow.js, on WebAssembly where that package is installed and in plain
 * JavaScript where not, which is some 30 times slower. `engine-missing` where TensorFlow.js is not
 * installed, `engine-failed` where it does not accept the model.
 */
export async function openTfjsEngine(
  files: readonly ModelFile[],
  packages: TfjsPackages = TFJS_PACKAGES,
): Promise<Outcome<Engine>> {
  let tf: typeof Tfjs;
  try {
    tf = await packages.core();
  } catch (error) {
    const message = `TensorFlow.js could not be loaded: ${firstLine(error)}`;
    const hints = [
      'npm install @tensorflow/tfjs @tensorflow/tfjs-backend-wasm',
      'npm install @tensorflow/tfjs alone, some 30 times slower',
    ];
    return { ok: false, diagnostics: [diagnostic('engine-missing', message, { hints })] };
  }
  // Or it advises, on the console, to install a package that is native code.
  tf.env().set('PROD', true);
  const backend = await chooseBackend(tf, packages);
  const name = `tfjs-${backend}`;
  try {
    const model = await tf.loadGraphModel(tf.io.fromMemory(artifactsOf(files)));
    return {
      ok: true,
      value: {
        name,
        version: tf.version.tfjs,
        run(inputs) {
          try {
            return Promise.resolve({ ok: true, value: runModel(tf, model, inputs) });
          } catch (error) {
            return Promise.resolve(engineFailed(name, error));
          }
        },
        dispose() {
          model.dispose();
          return Promise.resolve();
        },
      },
    };
  } catch (error) {
    return engineFailed(name, error);
  }
}

async function chooseBackend(tf: typeof Tfjs, { wasm }: TfjsPackages): Promise<'wasm' | 'cpu'> {
  try {
    await wasm();
    if (await tf.setBackend('wasm')) return 'wasm';
  } catch {
    // Not installed, or no WebAssembly here.
  }
  await tf.setBackend('cpu');
  return 'cpu';
}

/** A model as `tf.io.fromMemory` takes it. */
export function artifactsOf(files: readonly ModelFile[]): Tfjs.io.ModelArtifacts {
  const main = files.find(({ name }) => name === 'model.json')?.bytes;
  // What this program has just written, as the format has it.
  const model = JSON.parse(new TextDecoder().decode(main)) as Tfjs.io.ModelJSON;
  const shards = files.filter(({ name }) => name !== 'model.json').map(({ bytes }) => bytes);
  return {
    ...model,
    weightSpecs: model.weightsManifest.flatMap(({ weights }) => weights),
    weightData: shards.map((bytes) => Uint8Array.from(bytes).buffer),
  };
}

function runModel(
  tf: typeof Tfjs,
  model: Tfjs.GraphModel,
  inputs: ReadonlyMap<string, Tensor>,
): ReadonlyMap<string, Tensor> {
  const feeds = Object.fromEntries(
    [...inputs].map(([name, { shape, data }]) => [name, tf.tensor(data, [...shape])]),
  );
  try {
    const names = model.outputs.map((output) => output.name);
    const results = [model.execute(feeds, names)].flat();
    const outputs = results.map((result, i): [string, Tensor] => [
      names[i] ?? '',
      { shape: result.shape, data: Float32Array.from(result.dataSync()) },
    ]);
    tf.dispose(results);
    return new Map(outputs);
  } finally {
    tf.dispose(feeds);
  }
}
