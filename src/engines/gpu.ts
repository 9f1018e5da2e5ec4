/// <reference types="@webgpu/types" />
/** A GPU to compute on: the host's own, or the one of package `webgpu`, which has to be installed. */
import { diagnostic, type Outcome } from '../compiler/diagnostic.js';
import { firstLine } from './engine.js';

/** The package ends the process when its object is collected, so it is kept. */
const kept = new Map<string, GPU>();

/**
 * WebGPU: `navigator.gpu` where the host has it, else Dawn as package `webgpu` brings it, with the
 * given toggles. `engine-missing` where there is neither.
 */
export async function openGpu(toggles: readonly string[] = []): Promise<Outcome<GPU>> {
  const { navigator } = globalThis as { navigator?: { gpu?: GPU } };
  if (navigator?.gpu !== undefined) return { ok: true, value: navigator.gpu };
  const key = toggles.join();
  try {
    const { create } = await import('webgpu');
    const gpu = kept.get(key) ?? create([...toggles]);
    kept.set(key, gpu);
    return { ok: true, value: gpu };
  } catch (error) {
    return missing(`package webgpu could not be loaded: ${firstLine(error)}`, [
      'npm install webgpu',
    ]);
  }
}

/** The adapter that the host prefers. `engine-missing` where there is none. */
export async function openAdapter(gpu: GPU): Promise<Outcome<GPUAdapter>> {
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  return adapter === null
    ? missing('there is no GPU adapter: WebGPU found no driver', [
        "install the GPU's driver (on Linux: Vulkan)",
        'or one that computes on the CPU: SwiftShader, or lavapipe of Mesa 25 or later (VK_ICD_FILENAMES names the JSON file of a driver)',
      ])
    : { ok: true, value: adapter };
}

function missing(message: string, hints: readonly string[]): Outcome<never> {
  return { ok: false, diagnostics: [diagnostic('engine-missing', message, { hints })] };
}
