/** Arithmetic of sliding windows, shared by convolutions and pools. Exact for every size. */
import { add, ceilDiv, floorDiv, range, type Dim } from '../shape.js';
import type { Padding } from './kinds.js';

export interface Window {
  readonly k: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly pad: Padding;
}

/** The taps' extent: `(k − 1)·dilation + 1`. */
export function extent(k: number, dilation: number): number {
  return (k - 1) * dilation + 1;
}

/**
 * Output size along one axis (0 height, 1 width). `same` is TensorFlow's ceil(in / stride); else
 * floor((in + padding − extent) / stride) + 1.
 */
export function windowOutput(input: Dim, window: Window, axis: 0 | 1): Dim {
  const stride = window.stride[axis];
  if (window.pad === 'same') return ceilDiv(input, stride);
  const [before, after] = fixedPadding(window.pad, axis);
  const reach = extent(window.k[axis], window.dilation[axis]);
  return add(floorDiv(add(input, before + after - reach), stride), 1);
}

/** Whether every allowed input is smaller than the window, so that no output is left. */
export function windowNeverFits(output: Dim): boolean {
  return range(output)[1] < 1;
}

/**
 * Zeros before and after along one axis for a known input size. `same` puts the odd one after, as
 * TensorFlow does.
 */
export function explicitPadding(
  input: number,
  window: Window,
  axis: 0 | 1,
): readonly [before: number, after: number] {
  if (window.pad !== 'same') return fixedPadding(window.pad, axis);
  const stride = window.stride[axis];
  const reach = extent(window.k[axis], window.dilation[axis]);
  const total = Math.max(0, (Math.ceil(input / stride) - 1) * stride + reach - input);
  const before = Math.floor(total / 2);
  return [before, total - before];
}

function fixedPadding(pad: Exclude<Padding, 'same'>, axis: 0 | 1): readonly [number, number] {
  if (pad === 'valid') return [0, 0];
  return axis === 0 ? [pad[0], pad[1]] : [pad[2], pad[3]];
}
