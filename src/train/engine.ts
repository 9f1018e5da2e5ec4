/// <reference types="@webgpu/types" />
/** What trains: a backend of TensorFlow.js, chosen and said why. */
import { existsSync } from 'node:fs';
import type * as Tfjs from '@tensorflow/tfjs';
import { diagnostic, type Outcome } from '../compiler/diagnostic.js';
import { firstLine } from '../engines/engine.js';
import { exposeGpu, openGpu } from '../engines/gpu.js';
import { isHardware } from '../webgpu/device.js';

export const TRAINING_ENGINES = ['wasm', 'webgpu', 'cpu'] as const;
type TrainingEngine = (typeof TRAINING_ENGINES)[number];

export interface OpenedEngine {
  /** `tfjs-wasm` */
  readonly name: string;
  readonly version: string;
  /** Why this one, in words. */
  readonly why: string;
}

/** How packages are loaded; each rejects where it is not installed. */
export interface TrainingPackages {
  readonly core: () => Promise<typeof Tfjs>;
  readonly wasm: () => Promise<unknown>;
  readonly webgpu: () => Promise<unknown>;
  /** Whether there may be one; where not, it is only asked for when WebGPU is. */
  readonly hasGpu: () => boolean;
  readonly gpu: () => Promise<Outcome<GPU>>;
}

export const TRAINING_PACKAGES: TrainingPackages = {
  core: () => import('@tensorflow/tfjs'),
  wasm: () => import('@tensorflow/tfjs-backend-wasm'),
  webgpu: () => import('@tensorflow/tfjs-backend-webgpu'),
  // Asking Dawn takes a moment, and where there is no GPU it says so on standard error.
  hasGpu: () => process.platform !== 'linux' || GPU_FILES.some((file) => existsSync(file)),
  gpu: () => openGpu(),
};

/** Where Linux has GPUs: of any vendor, of NVIDIA, and of Windows around it. */
const GPU_FILES = ['/dev/dri/renderD128', '/dev/nvidia0', '/dev/dxg'];

/**
 * Makes a backend the current one. Without `asked`: WebGPU where there is a GPU that is no software,
 * else WebAssembly, else plain JavaScript. `engine-missing` where what is asked for is not there.
 */
export async function openTrainingEngine(
  asked: TrainingEngine | undefined,
  packages: TrainingPackages = TRAINING_PACKAGES,
): Promise<Outcome<OpenedEngine>> {
  let tf: typeof Tfjs;
  try {
    tf = await packages.core();
  } catch (error) {
    return missing(`TensorFlow.js could not be loaded: ${firstLine(error)}`, [
      'npm install @tensorflow/tfjs @tensorflow/tfjs-backend-wasm',
    ]);
  }
  // Or it advises, on the console, to install a package that is native code.
  tf.env().set('PROD', true);
  const opened = (engine: TrainingEngine, why: string): Outcome<OpenedEngine> => ({
    ok: true,
    value: { name: `tfjs-${engine}`, version: tf.version.tfjs, why },
  });
  const attempt = async (engine: TrainingEngine, load: () => Promise<unknown>) => {
    try {
      await load();
      return (await tf.setBackend(engine)) ? undefined : 'it did not start';
    } catch (error) {
      return firstLine(error);
    }
  };
  if (asked === 'cpu') {
    await tf.setBackend('cpu');
    return opened('cpu', 'asked for');
  }
  if (asked === 'wasm') {
    const problem = await attempt('wasm', packages.wasm);
    if (problem === undefined) return opened('wasm', 'asked for');
    return missing(`TensorFlow.js's WebAssembly backend could not be loaded: ${problem}`, [
      'npm install @tensorflow/tfjs-backend-wasm',
    ]);
  }
  const gpu = await realGpu(packages, asked === 'webgpu');
  if (typeof gpu !== 'string') {
    const problem = await attempt('webgpu', async () => {
      await exposeGpu(gpu.gpu);
      await packages.webgpu();
    });
    if (problem === undefined) {
      return opened('webgpu', asked === 'webgpu' ? 'asked for' : `a GPU is there: ${gpu.adapter}`);
    }
    if (asked === 'webgpu') {
      return missing(`TensorFlow.js's WebGPU backend could not be loaded: ${problem}`, [
        'npm install @tensorflow/tfjs-backend-webgpu',
      ]);
    }
  } else if (asked === 'webgpu') {
    return missing(`WebGPU cannot train here: ${gpu}`, ['leave out `--engine` for WebAssembly']);
  }
  const why = typeof gpu === 'string' ? gpu : 'its WebGPU backend is not installed';
  if ((await attempt('wasm', packages.wasm)) === undefined) return opened('wasm', why);
  await tf.setBackend('cpu');
  return opened(
    'cpu',
    `${why}; @tensorflow/tfjs-backend-wasm, some 30 times faster, is not installed`,
  );
}

interface FoundGpu {
  readonly gpu: GPU;
  readonly adapter: string;
}

/** A GPU, one in software too where `anyway`, or why there is none. */
async function realGpu(packages: TrainingPackages, anyway: boolean): Promise<FoundGpu | string> {
  if (!anyway && !packages.hasGpu()) return 'there is no GPU';
  const gpu = await packages.gpu();
  if (!gpu.ok) return 'there is no WebGPU';
  const adapter = await gpu.value.requestAdapter().catch(() => null);
  if (adapter === null) return 'there is no GPU';
  const { vendor, architecture, device, description } = adapter.info;
  const name = [vendor, architecture, device, description].filter((part) => part !== '').join(' ');
  if (!isHardware({ adapterInfo: adapter.info }) && !anyway)
    return `the only GPU is software (${name})`;
  return { gpu: gpu.value, adapter: name };
}

function missing(message: string, hints: readonly string[]): Outcome<never> {
  return { ok: false, diagnostics: [diagnostic('engine-missing', message, { hints })] };
}
