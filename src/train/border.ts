/** Weights of pixels by how near another class is, as U-Net's authors trained with. */
import type { Tensor } from '../compiler/ir.js';
import type { Border } from './recipe.js';

/** Beyond so many deviations a Gaussian is below 0.0004, and a pixel weighs 1. */
const REACH = 4;

/**
 * `[…, H, W, 1]` for a target `[…, H, W, C]`, of which one channel at most is 1: 1 + w·exp(−d² / 2σ²), where d is the distance in pixels
 * to the nearest pixel of the image whose target differs (Ronneberger et al. 2015, equation 2, with the
 * distance to one border in place of two cells).
 */
export function borderWeights({ shape, data }: Tensor, { weight, sigma }: Border): Tensor {
  const [height = 1, width = 1, channels = 1] = shape.slice(-3);
  const pixels = height * width;
  const images = data.length / (pixels * channels);
  const weights = new Float32Array(images * pixels).fill(1);
  const reach = Math.ceil(REACH * sigma);
  for (let image = 0; image < images; image++) {
    const kinds = kindsOf(data.subarray(image * pixels * channels), pixels, channels);
    for (const kind of new Set(kinds)) {
      const down = distancesDown(kinds, kind, height, width);
      for (let pixel = 0; pixel < pixels; pixel++) {
        if (kinds[pixel] !== kind) continue;
        const squared = nearest(down, pixel, width, reach);
        weights[image * pixels + pixel] =
          1 + (Number.isFinite(squared) ? weight * Math.exp(-squared / (2 * sigma * sigma)) : 0);
      }
    }
  }
  return { shape: [...shape.slice(0, -1), 1], data: weights };
}

/** Of each pixel, the channel that is 1; −1 where none is. */
function kindsOf(data: Float32Array, pixels: number, channels: number): Int32Array {
  return Int32Array.from({ length: pixels }, (_, pixel) =>
    data.subarray(pixel * channels, (pixel + 1) * channels).indexOf(1),
  );
}

/** In its column, how far each pixel is from the nearest of another kind; 0 for those themselves. */
function distancesDown(
  kinds: Int32Array,
  kind: number,
  height: number,
  width: number,
): Float64Array {
  const distances = new Float64Array(height * width).fill(Infinity);
  for (let x = 0; x < width; x++) {
    let [down, up] = [Infinity, Infinity];
    for (let y = 0; y < height; y++) {
      const [upper, lower] = [y * width + x, (height - 1 - y) * width + x];
      down = kinds[upper] === kind ? down + 1 : 0;
      up = kinds[lower] === kind ? up + 1 : 0;
      distances[upper] = Math.min(distances[upper] ?? 0, down);
      distances[lower] = Math.min(distances[lower] ?? 0, up);
    }
  }
  return distances;
}

/** The squared distance from a pixel to the nearest of another kind, if it is within reach. */
function nearest(down: Float64Array, pixel: number, width: number, reach: number): number {
  const x = pixel % width;
  let best = (down[pixel] ?? 0) ** 2;
  for (let dx = 1; dx <= reach && dx * dx < best; dx++) {
    if (x >= dx) best = Math.min(best, (down[pixel - dx] ?? 0) ** 2 + dx * dx);
    if (x + dx < width) best = Math.min(best, (down[pixel + dx] ?? 0) ** 2 + dx * dx);
  }
  return best;
}
