/** Places the tensors of a plan in as little memory as can be found quickly. */
import type { Place, PlanTensor } from './plan.js';

/** What a storage binding's offset must be a multiple of on every device (WebGPU, §3.6.2). */
export const ALIGNMENT = 256;
/** `maxBufferSize` that every device grants. */
export const MAX_BUFFER_BYTES = 256 * 1024 * 1024;

type Lifetime = Pick<PlanTensor, 'first' | 'last'> & { readonly bytes: number };

/**
 * A place for each tensor such that no two that are alive at the same dispatch overlap, and the
 * bytes of each buffer. Every tensor is at most `maxBuffer`. Deterministic.
 */
export function placeTensors(
  tensors: readonly Lifetime[],
  maxBuffer = MAX_BUFFER_BYTES,
): { readonly places: readonly Place[]; readonly buffers: readonly number[] } {
  throw new Error(`not yet ${tensors.length} ${maxBuffer}`);
}
