/**
 * Elastic deformation (P. Simard, D. Steinkraus, J. Platt, "Best practices for convolutional neural
 * networks applied to visual document analysis", ICDAR 2003).
 */
import type { Uniform } from '../weights/random.js';
import { exponential } from './exact.js';
import { reflected } from './reflect.js';

/** Beyond so many deviations a Gaussian is nothing. */
const REACH = 4;

/**
 * Displacements of one axis, in pixels: draws from (−1, 1) for each pixel, smoothed by a Gaussian of
 * deviation `sigma` pixels whose weights sum to one (reflected at the border), times `alpha`. Their
 * deviation is about 0.16 · alpha / sigma.
 */
export function displacements(
  height: number,
  width: number,
  { alpha, sigma }: { readonly alpha: number; readonly sigma: number },
  uniform: Uniform,
): Float64Array {
  const noise = new Float64Array(height * width);
  for (let i = 0; i < noise.length; i++) noise[i] = alpha * (2 * uniform() - 1);
  const kernel = gaussian(sigma);
  return smoothed(smoothed(noise, height, width, kernel), width, height, kernel);
}

/** Weights at 0, 1, 2, … pixels from the middle; all of them, on both sides, sum to one. */
export function gaussian(sigma: number): Float64Array {
  const reach = Math.ceil(REACH * sigma);
  const weights = new Float64Array(reach + 1);
  for (let i = 0; i <= reach; i++)
    weights[i] = i === 0 ? 1 : exponential((-i * i) / (2 * sigma * sigma));
  const sum = weights.reduce((total, w, i) => total + (i === 0 ? w : 2 * w), 0);
  return weights.map((w) => w / sum);
}

/** Each row smoothed, and the whole transposed: twice gives both axes. */
export function smoothed(
  data: Float64Array,
  height: number,
  width: number,
  kernel: Float64Array,
): Float64Array {
  const result = new Float64Array(data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let sum = (kernel[0] ?? 0) * (data[y * width + x] ?? 0);
      for (let i = 1; i < kernel.length; i++) {
        const before = data[y * width + reflected(x - i, width)] ?? 0;
        const after = data[y * width + reflected(x + i, width)] ?? 0;
        sum += (kernel[i] ?? 0) * (before + after);
      }
      result[x * height + y] = sum;
    }
  }
  return result;
}
