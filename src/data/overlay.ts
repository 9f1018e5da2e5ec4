/** Masks over images, in colours that are told apart without red and green (Okabe & Ito 2008). */
import type { Tensor } from '../compiler/ir.js';

type Colour = readonly [red: number, green: number, blue: number];

const COLOURS: readonly Colour[] = [
  [0.9, 0.62, 0],
  [0.34, 0.71, 0.91],
  [0, 0.62, 0.45],
  [0.8, 0.47, 0.65],
  [0.94, 0.89, 0.26],
  [0, 0.45, 0.7],
  [0.84, 0.37, 0],
];

/** How much a mask of 1 covers what is below. */
const OPACITY = 0.55;

/**
 * `image` `[H, W, C]` with `mask` `[H, W, K]`, numbers in [0, 1], laid over it: `[H, W, 3]`. An image
 * of three channels is shown in colour, any other by its first channel in grey, brightened to the
 * whole range. Where several channels of a mask overlap, they mix.
 */
export function overlay(image: Tensor, mask: Tensor): Tensor {
  const [height = 0, width = 0, channels = 1] = image.shape;
  const classes = mask.shape.at(-1) ?? 1;
  const below = shownImage(image);
  const data = new Float32Array(height * width * 3);
  for (let pixel = 0; pixel < height * width; pixel++) {
    let total = 0;
    const mixed = [0, 0, 0];
    for (let k = 0; k < classes; k++) {
      const share = Math.min(1, Math.max(0, mask.data[pixel * classes + k] ?? 0));
      const colour = COLOURS[k % COLOURS.length] ?? [1, 1, 1];
      total += share;
      for (let c = 0; c < 3; c++) mixed[c] = (mixed[c] ?? 0) + share * (colour[c] ?? 0);
    }
    const cover = OPACITY * Math.min(1, total);
    for (let c = 0; c < 3; c++) {
      const own = below[pixel * channels + (channels === 3 ? c : 0)] ?? 0;
      const colour = total === 0 ? 0 : (mixed[c] ?? 0) / total;
      data[3 * pixel + c] = own * (1 - cover) + colour * cover;
    }
  }
  return { shape: [height, width, 3], data };
}

/** Values from 0 to 1: the least and the greatest become these. */
function shownImage({ data }: Tensor): Float32Array {
  let [least, greatest] = [Infinity, -Infinity];
  for (const value of data) {
    if (value < least) least = value;
    if (value > greatest) greatest = value;
  }
  const isShown = least >= 0 && greatest <= 1;
  if (isShown || !(greatest > least)) return data;
  return data.map((value) => (value - least) / (greatest - least));
}

/** Labels as a mask: a channel for each class but the background. */
export function maskOfLabels(
  labels: Uint8Array,
  [height, width]: readonly [number, number],
  classes: number,
): Tensor {
  const channels = Math.max(1, classes - 1);
  const data = new Float32Array(labels.length * channels);
  labels.forEach((label, i) => {
    if (label > 0) data[i * channels + label - 1] = 1;
  });
  return { shape: [height, width, channels], data };
}

/** Where labels agree and where not: hits, what is falsely there, what is missed. */
export function maskOfErrors(
  truth: Uint8Array,
  predicted: Uint8Array,
  [height, width]: readonly [number, number],
): Tensor {
  const data = new Float32Array(3 * truth.length);
  truth.forEach((label, i) => {
    const found = predicted[i] ?? 0;
    if (label === found) data[3 * i + 2] = Number(label > 0);
    else data[3 * i + (found > 0 ? 0 : 1)] = 1;
  });
  return { shape: [height, width, 3], data };
}
