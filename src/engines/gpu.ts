/// <reference types="@webgpu/types" />
/** A GPU to compute on: the host's own, or the one of package `webgpu`, which has to be installed. */
import { diagnostic, type Outcome } from '../compiler/diagnostic.js';
import { PlanError, requestDevice } from '../webgpu/index.js';
import { engineFailed, firstLine, type Adapter } from './engine.js';

/** The package ends the process when its object is collected, so it is kept. */
const kept = new Map<string, GPU>();

type Create = (toggles: string[]) => GPU;

/**
 * WebGPU: `navigator.gpu` where the host has it, else Dawn as package `webgpu` brings it, with the
 * given toggles. `engine-missing` where there is neither.
 */
export async function openGpu(
  toggles: readonly string[] = [],
  load: () => Promise<{ readonly create: Create }> = () => import('webgpu'),
): Promise<Outcome<GPU>> {
  const { navigator } = globalThis as { navigator?: { gpu?: GPU } };
  if (navigator?.gpu !== undefined) return { ok: true, value: navigator.gpu };
  const key = toggles.join();
  try {
    const { create } = await load();
    const gpu = kept.get(key) ?? create([...toggles]);
    kept.set(key, gpu);
    return { ok: true, value: gpu };
  } catch (error) {
    return missing(`WebGPU could not be loaded: webgpu (${firstLine(error)})`, [
      'npm install webgpu',
    ]);
  }
}

/**
 * Makes the GPU of `openGpu` one that a library for browsers finds, under `navigator.gpu` with the
 * constants of WebGPU beside it; gives the adapter that such a library asks for.
 */
export async function offerGpu(toggles: readonly string[] = []): Promise<Outcome<Adapter>> {
  const gpu = await openGpu(toggles);
  if (!gpu.ok) return gpu;
  const adapter = await gpu.value.requestAdapter({ powerPreference: 'high-performance' });
  if (adapter === null) return noAdapter();
  await exposeGpu(gpu.value);
  return { ok: true, value: adapterOf(adapter.info) };
}

/** Puts a GPU where libraries for browsers look for it, unless one is there. */
export async function exposeGpu(gpu: GPU): Promise<void> {
  const { navigator } = globalThis as { navigator?: { gpu?: GPU } };
  if (navigator?.gpu !== undefined) return;
  const { globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  // Later versions of Node have a `navigator` of their own.
  const value = { gpu, userAgent: 'node' };
  Object.defineProperty(globalThis, 'navigator', { value, configurable: true });
}

/** Plain data out of what WebGPU says of an adapter. */
export function adapterOf({ vendor, architecture, device, description }: GPUAdapterInfo): Adapter {
  return { vendor, architecture, device, description };
}

/** A device of the adapter that the host prefers. `engine-missing` where there is no adapter. */
export async function openDevice(gpu: GPU): Promise<Outcome<GPUDevice>> {
  try {
    return { ok: true, value: await requestDevice(gpu) };
  } catch (error) {
    if (!(error instanceof PlanError) || error.code !== 'no-adapter') {
      return engineFailed('webgpu', error);
    }
    return noAdapter();
  }
}

function noAdapter(): Outcome<never> {
  return missing('WebGPU found no GPU, nor a driver that computes on the CPU', [
    "install the GPU's driver (on Linux: Vulkan)",
    'or one that computes on the CPU, SwiftShader or lavapipe of Mesa 25 or later: `VK_ICD_FILENAMES` names the JSON file of a driver',
  ]);
}

function missing(message: string, hints: readonly string[]): Outcome<never> {
  return { ok: false, diagnostics: [diagnostic('engine-missing', message, { hints })] };
}
