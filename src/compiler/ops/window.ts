/** Arithmetic of sliding windows, shared by convolutions and pools. Exact for every size. */
import type { TensorType } from '../ir.js';
import { add, ceilDiv, equal, floorDiv, formatDim, mul, range, type Dim } from '../shape.js';
import type { Padding } from './kinds.js';
import { inferred, rejected, type Inferred } from './operator.js';

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

/** `[H, W, filters]` after sliding the window over an image, or `size-too-small`. */
export function inferWindow(
  op: string,
  x: TensorType | undefined,
  window: Window,
  filters: Dim,
): Inferred {
  const sizes = [x?.shape[0] ?? 0, x?.shape[1] ?? 0] as const;
  const shape: Dim[] = [];
  for (const axis of [0, 1] as const) {
    const output = windowOutput(sizes[axis], window, axis);
    if (equal(output, sizes[axis])) {
      // The form that the input has, where the size is kept.
      shape.push(sizes[axis]);
      continue;
    }
    if (windowNeverFits(output)) {
      const reach = extent(window.k[axis], window.dilation[axis]);
      return rejected({
        code: 'size-too-small',
        message: `${op} with a window of ${reach} leaves nothing of ${AXIS_NAMES[axis]} ${formatDim(sizes[axis])}`,
        parameter: 'k',
        hints: ['use a smaller kernel, or `pad = same`'],
      });
    }
    shape.push(output);
  }
  return inferred({ dtype: 'f32', shape: [...shape, filters], batched: x?.batched ?? true });
}

const AXIS_NAMES = ['height', 'width'] as const;

type TransposedWindow = Omit<Window, 'dilation'>;

/**
 * Output size of a transposed convolution: `same` is in · stride; else
 * (in − 1) · stride + k − padding.
 */
function transposedOutput(input: Dim, window: TransposedWindow, axis: 0 | 1): Dim {
  const [before, after] = transposedPadding(window, axis);
  const full = add(mul(add(input, -1), window.stride[axis]), window.k[axis]);
  return add(full, -before - after);
}

/**
 * What a transposed convolution cuts off the full result, before and after, along one axis; a
 * negative amount after is rows of zeros added there (ONNX's output_padding). `same` cuts the odd
 * one after, as the gradient of TensorFlow's `same` convolution does.
 */
export function transposedPadding(
  window: TransposedWindow,
  axis: 0 | 1,
): readonly [before: number, after: number] {
  if (window.pad !== 'same') return fixedPadding(window.pad, axis);
  const total = window.k[axis] - window.stride[axis];
  const before = Math.floor(Math.max(0, total) / 2);
  return [before, total - before];
}

/** `[H, W, filters]` of a transposed convolution, or `size-too-small`. */
export function inferTransposed(
  op: string,
  x: TensorType | undefined,
  window: TransposedWindow,
  filters: number,
): Inferred {
  const shape: Dim[] = [];
  for (const axis of [0, 1] as const) {
    const size = x?.shape[axis] ?? 0;
    const output = transposedOutput(size, window, axis);
    if (windowNeverFits(output)) {
      return rejected({
        code: 'size-too-small',
        message: `${op} cuts off all that it makes of ${AXIS_NAMES[axis]} ${formatDim(size)}`,
        parameter: 'pad',
        hints: ['use less padding, or `pad = same`'],
      });
    }
    shape.push(output);
  }
  return inferred({ dtype: 'f32', shape: [...shape, filters], batched: x?.batched ?? true });
}

/** Whether every allowed input is smaller than the window, so that no output is left. */
function windowNeverFits(output: Dim): boolean {
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
