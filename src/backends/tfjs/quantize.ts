/**
 * Weights in fewer bits, as TensorFlow.js's format defines them: half-precision numbers, or bytes
 * `b` that stand for `b · scale + min`. What is loaded is float32 again.
 */
import type { Weight } from '../../compiler/ir.js';
import { storedType, type WeightType } from '../../compiler/sizes.js';

/** As `model.json` has it. */
export type Quantization =
  | { readonly dtype: 'float16'; readonly original_dtype: 'float32' }
  | {
      readonly dtype: 'uint8';
      readonly min: number;
      readonly scale: number;
      readonly original_dtype: 'float32';
    };

interface Quantized {
  readonly bytes: Uint8Array;
  readonly quantization: Quantization;
}

/** The largest number that half precision rounds to a finite one is just below 65520. */
const HALF_LIMIT = 65520;
const LEVELS = 255;

/** Undefined where a weight stays as it is: in float32, or with a number that the type cannot hold. */
export function quantize(
  weight: Weight,
  data: Float32Array,
  weightType: WeightType,
): Quantized | undefined {
  switch (storedType(weight, weightType)) {
    case 'f16':
      return data.every((value) => Math.abs(value) < HALF_LIMIT) ? halves(data) : undefined;
    case 'u8':
      return data.every((value) => Number.isFinite(value)) ? bytesOf(data) : undefined;
    case 'f32':
      return undefined;
  }
}

function halves(data: Float32Array): Quantized {
  const bytes = new Uint8Array(2 * data.length);
  const view = new DataView(bytes.buffer);
  const bits = new Uint32Array(data.buffer, data.byteOffset, data.length);
  for (let i = 0; i < bits.length; i++) view.setUint16(2 * i, toHalf(bits[i] ?? 0), true);
  return { bytes, quantization: { dtype: 'float16', original_dtype: 'float32' } };
}

/**
 * IEEE 754 half precision of a single-precision number that it can hold, both as their bits; rounded
 * to the nearest, ties to even.
 */
function toHalf(single: number): number {
  const sign = (single >>> 16) & 0x8000;
  const exponent = ((single >>> 23) & 0xff) - 112;
  const fraction = single & 0x7fffff;
  if (exponent >= 1) return sign + rounded((exponent << 23) | fraction, 13);
  // Below the least normal one, the leading 1 is written and everything moves to the right.
  const shift = 14 - exponent;
  return shift > 25 ? sign : sign + rounded(fraction | 0x800000, shift);
}

/** `value / 2^shift` to the nearest whole number, ties to even. */
function rounded(value: number, shift: number): number {
  const quotient = value / 2 ** shift;
  const whole = Math.floor(quotient);
  const rest = quotient - whole;
  return rest > 0.5 || (rest === 0.5 && whole % 2 === 1) ? whole + 1 : whole;
}

/** From the least to the largest in 255 steps, moved so that 0 is one of them. */
function bytesOf(data: Float32Array): Quantized {
  let [low, high] = [0, 0];
  for (const value of data) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const scale = high === low ? 1 : (high - low) / LEVELS;
  const zero = Math.round(-low / scale);
  const bytes = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const step = Math.round((data[i] ?? 0) / scale) + zero;
    bytes[i] = Math.min(LEVELS, Math.max(0, step));
  }
  return {
    bytes,
    quantization: {
      dtype: 'uint8',
      min: zero === 0 ? 0 : -zero * scale,
      scale,
      original_dtype: 'float32',
    },
  };
}
