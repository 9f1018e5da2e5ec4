/**
 * TensorFlow.js as an engine. It does not come with archc: its packages are loaded when an engine is
 * opened. It has one backend for the whole process, which opening an engine chooses.
 */
import type * as Tfjs from '@tensorflow/tfjs';
import { diagnostic, type Outcome } from '../compiler/diagnostic.js';
import type { Tensor } from '../compiler/ir.js';
import type { ModelFile } from './artifact.js';
import { engineFailed, firstLine, type Adapter, type Engine } from './engine.js';
import { offerGpu } from './gpu.js';

/** Ways of TensorFlow.js to compute. */
export type TfjsBackend = 'wasm' | 'cpu' | 'webgpu';

/** How the packages are loaded; each rejects where it is not installed. */
interface TfjsPackages {
  readonly core: () => Promise<typeof Tfjs>;
  /** Registers the backend `wasm` with the core. */
  readonly wasm: () => Promise<unknown>;
  /** The same of `webgpu`, which finds a GPU as a page does: `offerGpu` comes first. */
  readonly webgpu: () => Promise<unknown>;
}

export const TFJS_PACKAGES: TfjsPackages = {
  core: () => import('@tensorflow/tfjs'),
  wasm: () => import('@tensorflow/tfjs-backend-wasm'),
  webgpu: () => import('@tensorflow/tfjs-backend-webgpu'),
};

/**
 * Loads a graph model into TensorFlow.js, on the first of `backends` that is there: unless given,
 * WebAssembly where that package is installed and plain JavaScript where not, which is some 30 times
 * slower. `engine-missing` where TensorFlow.js or all of the backends are not installed or find no
 * device, `engine-failed` where it does not accept the model.
 */
export async function openTfjsEngine(
  files: readonly ModelFile[],
  packages: TfjsPackages = TFJS_PACKAGES,
  backends: readonly TfjsBackend[] = ['wasm', 'cpu'],
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
  const chosen = await chooseBackend(tf, packages, backends);
  if (!chosen.ok) return chosen;
  const { backend, adapter } = chosen.value;
  const name = `tfjs-${backend}`;
  try {
    const model = await tf.loadGraphModel(tf.io.fromMemory(artifactsOf(files)));
    return {
      ok: true,
      value: {
        name,
        version: tf.version.tfjs,
        ...(adapter === undefined ? {} : { adapter }),
        async run(inputs) {
          try {
            return { ok: true, value: await runModel(tf, model, inputs) };
          } catch (error) {
            return engineFailed(name, error);
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

interface Chosen {
  readonly backend: TfjsBackend;
  readonly adapter?: Adapter;
}

/** The first that is there, or why the last is not. */
async function chooseBackend(
  tf: typeof Tfjs,
  packages: TfjsPackages,
  backends: readonly TfjsBackend[],
): Promise<Outcome<Chosen>> {
  let problem: Outcome<never> = { ok: false, diagnostics: [] };
  for (const backend of backends) {
    try {
      if (backend === 'webgpu') {
        const offered = await offerGpu();
        if (!offered.ok) return offered;
        await packages.webgpu();
        if (await tf.setBackend(backend)) {
          return { ok: true, value: { backend, adapter: offered.value } };
        }
      } else {
        if (backend === 'wasm') await packages.wasm();
        if (await tf.setBackend(backend)) return { ok: true, value: { backend } };
      }
      problem = engineFailed(`tfjs-${backend}`, new Error('the backend does not start here'));
    } catch (error) {
      const message = `the backend ${backend} of TensorFlow.js could not be loaded: ${firstLine(error)}`;
      const hints = [`npm install @tensorflow/tfjs-backend-${backend}`];
      problem = { ok: false, diagnostics: [diagnostic('engine-missing', message, { hints })] };
    }
  }
  return problem;
}

/** A model as `tf.io.fromMemory` takes it. */
function artifactsOf(files: readonly ModelFile[]): Tfjs.io.ModelArtifacts {
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

async function runModel(
  tf: typeof Tfjs,
  model: Tfjs.GraphModel,
  inputs: ReadonlyMap<string, Tensor>,
): Promise<ReadonlyMap<string, Tensor>> {
  const feeds = Object.fromEntries(
    [...inputs].map(([name, { shape, data }]) => [name, tf.tensor(data, [...shape])]),
  );
  try {
    const names = model.outputs.map((output) => output.name);
    const results = [model.execute(feeds, names)].flat();
    // Waits, because a GPU's results cannot be read at once.
    const outputs = await Promise.all(
      results.map(async (result, i): Promise<[string, Tensor]> => [
        names[i] ?? '',
        { shape: result.shape, data: Float32Array.from(await result.data()) },
      ]),
    );
    tf.dispose(results);
    return new Map(outputs);
  } finally {
    tf.dispose(feeds);
  }
}
