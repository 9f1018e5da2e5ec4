/**
 * What computes, more finely than `ENGINES`: each package and each of its ways to compute. A runtime
 * loads files and knows nothing of the compiler, so that a small process can hold it.
 */
import type { Outcome } from '../compiler/diagnostic.js';
import { VERSION } from '../version.js';
import { planSource, wholeOnnxModel, type ModelFile } from './artifact.js';
import type { Engine } from './engine.js';
import type { OnnxSpec } from './onnx.js';
import type { TfjsBackend } from './tfjs.js';

export const RUNTIMES = [
  'onnxruntime-node',
  'onnxruntime-web',
  'tfjs-cpu',
  'tfjs-wasm',
  'tfjs-webgpu',
  'wgsl',
] as const;
export type RuntimeName = (typeof RUNTIMES)[number];

/** The artifact of a model and what its files do not say of it. */
export interface Artifact {
  readonly files: readonly ModelFile[];
  /** The model's borders, for ONNX Runtime. */
  readonly spec: OnnxSpec;
}

/**
 * How each loads an artifact of its target. `engine-missing` where it is not installed or finds no
 * device; it never gives way to another.
 */
export const RUNTIME_LOADERS: Readonly<
  Record<RuntimeName, (artifact: Artifact) => Promise<Outcome<Engine>>>
> = {
  'onnxruntime-node': (artifact) => loadOnnx('onnxruntime-node', artifact),
  'onnxruntime-web': (artifact) => loadOnnx('onnxruntime-web', artifact),
  'tfjs-cpu': (artifact) => loadTfjs('cpu', artifact),
  'tfjs-wasm': (artifact) => loadTfjs('wasm', artifact),
  'tfjs-webgpu': (artifact) => loadTfjs('webgpu', artifact),
  async wgsl({ files }) {
    const { openWgslEngine } = await import('./wgsl.js');
    return openWgslEngine(planSource(files), VERSION);
  },
};

async function loadOnnx(name: string, { files, spec }: Artifact): Promise<Outcome<Engine>> {
  const { ONNX_RUNTIMES, openOnnxEngine } = await import('./onnx.js');
  const model = wholeOnnxModel(files);
  if (!model.ok) return model;
  return openOnnxEngine(
    model.value,
    spec,
    ONNX_RUNTIMES.filter((runtime) => runtime.name === name),
  );
}

async function loadTfjs(backend: TfjsBackend, { files }: Artifact): Promise<Outcome<Engine>> {
  const { openTfjsEngine, TFJS_PACKAGES } = await import('./tfjs.js');
  return openTfjsEngine(files, TFJS_PACKAGES, [backend]);
}
