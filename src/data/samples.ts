/** What all image readers share: their limit, their errors, and samples to tensors. */
import type { Code } from '../compiler/codes.js';
import { diagnostic, type Outcome } from '../compiler/diagnostic.js';
import type { Tensor } from '../compiler/ir.js';

/** Samples in one file, over all pages: a gigabyte as float32. */
export const MAX_SAMPLES = 2 ** 28;

/** Why an image cannot be read. Thrown within the readers, caught by `attempt`, never seen outside. */
class Unreadable extends Error {
  constructor(
    readonly code: Code,
    message: string,
  ) {
    super(message);
  }
}

export function damaged(what: string): never {
  throw new Unreadable('bad-image', what);
}

export function unsupported(what: string): never {
  throw new Unreadable('unsupported-image', what);
}

/** The value of `read`, or a diagnostic: `damaged` and `unsupported` say which, all else is damage. */
export async function attempt<T>(format: string, read: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { ok: true, value: await read() };
  } catch (error) {
    const code = error instanceof Unreadable ? error.code : 'bad-image';
    const why = error instanceof Error ? error.message : String(error);
    return { ok: false, diagnostics: [diagnostic(code, `the ${format} image: ${why}`)] };
  }
}

export function requireSamples(count: number): void {
  if (count > MAX_SAMPLES) {
    unsupported(`${count} samples are above the limit of ${MAX_SAMPLES}`);
  }
}

/**
 * What becomes of samples: `unit` divides integers by the greatest of their depth and looks palettes
 * up; `stored` leaves the numbers of the file, those of a palette's colours as well.
 */
export type SampleScale = 'unit' | 'stored';

/**
 * `[height, width, kept.length]` out of interleaved samples: of each pixel's `perPixel` samples
 * those at `kept`, divided by `maximum`.
 */
export function samplesToTensor(
  samples: ArrayLike<number>,
  size: { readonly width: number; readonly height: number },
  perPixel: number,
  kept: readonly number[],
  maximum: number,
): Tensor {
  const pixels = size.width * size.height;
  const data = new Float32Array(pixels * kept.length);
  let to = 0;
  for (let pixel = 0; pixel < pixels; pixel++) {
    for (const channel of kept) {
      data[to++] = (samples[pixel * perPixel + channel] ?? 0) / maximum;
    }
  }
  return { shape: [size.height, size.width, kept.length], data };
}

/** `[height, width, 3]` out of a palette's indices; each colour's parts are divided by `maximum`. */
export function paletteToTensor(
  indices: ArrayLike<number>,
  size: { readonly width: number; readonly height: number },
  palette: readonly (readonly number[])[],
  maximum: number,
): Tensor {
  const pixels = size.width * size.height;
  const data = new Float32Array(pixels * 3);
  for (let pixel = 0; pixel < pixels; pixel++) {
    const colour = palette[indices[pixel] ?? 0];
    if (colour === undefined)
      damaged(`a pixel names colour ${indices[pixel]} of a palette of ${palette.length}`);
    for (let part = 0; part < 3; part++) data[3 * pixel + part] = (colour[part] ?? 0) / maximum;
  }
  return { shape: [size.height, size.width, 3], data };
}
