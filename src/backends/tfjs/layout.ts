/**
 * Where archc's axes stand in TensorFlow. Activations and kernels are laid out alike, but for two
 * kinds of kernel. A depthwise one is `[height, width, 1, in · multiplier]` in archc and
 * `[height, width, in, multiplier]` in TensorFlow: the same numbers in the same order. One of a
 * transposed convolution is `[height, width, in, out]` in archc; TensorFlow, to whom it is the
 * gradient of a convolution, has `[height, width, out, in]`.
 */
import type { Tensor } from '../../compiler/ir.js';
import { offsetsAlong, pick, stridesOf } from '../../compiler/ops/elements.js';

/** How a weight stands in the file. `depthwise` says how many channels come in. */
export type KernelForm = 'plain' | 'transposed' | { readonly depthwise: number };

const SWAPPED = [0, 1, 3, 2] as const;

/** The `perm` between `plain` and `transposed`, which is its own inverse. */
export const TRANSPOSED_KERNEL: readonly number[] = SWAPPED;

export function sameForm(a: KernelForm, b: KernelForm): boolean {
  return typeof a === 'string' || typeof b === 'string' ? a === b : a.depthwise === b.depthwise;
}

/** A kernel's shape in this form. */
export function formedShape(shape: readonly number[], form: KernelForm): readonly number[] {
  if (form === 'plain') return shape;
  if (form === 'transposed') return SWAPPED.map((axis) => shape[axis] ?? 1);
  const [height = 1, width = 1, , filters = 1] = shape;
  return [height, width, form.depthwise, filters / form.depthwise];
}

/** A kernel's numbers in this form. */
export function formedData(tensor: Tensor, form: KernelForm): Float32Array {
  if (form !== 'transposed') return tensor.data;
  const strides = stridesOf(tensor.shape);
  return pick(
    tensor,
    SWAPPED.map((axis) => offsetsAlong(tensor.shape[axis] ?? 1, strides[axis] ?? 1)),
  ).data;
}
