/**
 * Half precision: kernels (weights, that is) kept as float16, and variants of shaders that multiply
 * in it. Sums are always of float32.
 */
import type { Emitter, KernelVariant } from './emitter.js';

/** Of the kernels of convolutions and dense layers. */
export type Precision = 'f32' | 'f16';

/** The largest float16. */
export const MAX_HALF = 65_504;

/**
 * The shaders of a kernel that has one for every device, which `make` gives for either precision:
 * where kernels are kept in f16, one that multiplies in it comes first.
 */
export function inPrecisions(
  { precision }: Emitter,
  make: (half: boolean) => KernelVariant,
): readonly KernelVariant[] {
  return precision === 'f16' ? [asHalf(make(true), 'f16'), make(false)] : [make(false)];
}

/** A variant whose code multiplies in f16, for devices that have it. */
export function asHalf(
  variant: KernelVariant,
  profile: NonNullable<KernelVariant['profile']>,
): KernelVariant {
  const { name, about, elements } = variant;
  return {
    ...variant,
    profile,
    name: `${name}_f16`,
    about: [...about, 'Products are in f16, sums in f32.'],
    elements: { kernel: elements?.['kernel'] === 'vec4f' ? 'vec4h' : 'mat4x4h' },
  };
}

const single = new Float32Array(1);
const singleBits = new Uint32Array(single.buffer);

/** The bits of the float16 next to a float32 of at most `MAX_HALF`; of two, the even one. */
export function halfBits(value: number): number {
  single[0] = value;
  const bits = singleBits[0] ?? 0;
  const sign = (bits >>> 16) & 0x8000;
  // Below 2^-14 the steps become no smaller.
  const exponent = Math.max(((bits >>> 23) & 0xff) - 127, -14);
  const steps = Math.abs(value) / 2 ** (exponent - 10);
  const below = Math.floor(steps);
  const rest = steps - below;
  const isUp = rest > 0.5 || (rest === 0.5 && below % 2 === 1);
  // A carry goes from the fraction to the exponent.
  return sign | (((exponent + 14) << 10) + below + (isUp ? 1 : 0));
}
