/** Large images through a network of a fixed size: overlapping tiles whose results are blended. */
import { diagnostic, type Outcome } from '../compiler/diagnostic.js';
import type { Tensor } from '../compiler/ir.js';
import { reflected } from './reflect.js';

interface Tiling {
  /** Height and width of every tile; smaller images are padded to it by reflection. */
  readonly tile: readonly [number, number];
  /** The least overlap of neighbours, in pixels: below the tile's size. */
  readonly overlap: number;
}

/** Square tiles that overlap by a quarter of their side. */
export function tilingOf(side: number): Tiling {
  return { tile: [side, side], overlap: Math.floor(side / 4) };
}

/** The network: `[h, w, C]` to `[h, w, K]`, of one size for every call. */
export type TilePredict = (tile: Tensor) => Promise<Outcome<Tensor>>;

/** One tile along an axis: where it starts, and the weight of each of its pixels. */
interface Stretch {
  readonly start: number;
  readonly weights: Float64Array;
}

/**
 * Tiles of `size` that cover `[0, length)`, `length` ≥ `size`: as few as overlap by `overlap` or more,
 * evenly spaced, the first and last flush with the ends. Weights rise smoothly from the edges of a
 * tile to the end of the overlap, and those of one pixel sum to 1 over all tiles.
 */
export function stretches(length: number, size: number, overlap: number): Stretch[] {
  const count = Math.ceil(Math.max(0, length - size) / Math.max(1, size - overlap)) + 1;
  const starts = Array.from({ length: count }, (_, i) =>
    count === 1 ? 0 : Math.round((i * (length - size)) / (count - 1)),
  );
  const totals = new Float64Array(length);
  const raw = starts.map((start, i) => {
    const before = i === 0 ? 0 : (starts[i - 1] ?? 0) + size - start;
    const after = i === count - 1 ? 0 : start + size - (starts[i + 1] ?? 0);
    const weights = new Float64Array(size);
    for (let p = 0; p < size; p++) {
      weights[p] = ramp((p + 0.5) / before) * ramp((size - p - 0.5) / after);
      totals[start + p] = (totals[start + p] ?? 0) + (weights[p] ?? 0);
    }
    return { start, weights };
  });
  return raw.map(({ start, weights }) => ({
    start,
    weights: weights.map((w, p) => w / (totals[start + p] ?? 1)),
  }));
}

/** 0 at 0 and 1 from 1 on, with no slope at either: 3t² − 2t³. */
function ramp(t: number): number {
  return t >= 1 ? 1 : t * t * (3 - 2 * t);
}

/** `[h, w, C]` out of an image, from a place that may lie outside it: there it is reflected. */
export function cutTile(
  { shape, data }: Tensor,
  [top, left]: readonly [number, number],
  [high, wide]: readonly [number, number],
): Tensor {
  const [height = 0, width = 0, channels = 0] = shape;
  const cut = new Float32Array(high * wide * channels);
  for (let y = 0, to = 0; y < high; y++) {
    const row = reflected(top + y, height) * width;
    for (let x = 0; x < wide; x++, to += channels) {
      const from = (row + reflected(left + x, width)) * channels;
      for (let c = 0; c < channels; c++) cut[to + c] = data[from + c] ?? 0;
    }
  }
  return { shape: [high, wide, channels], data: cut };
}

/**
 * What `predict` says of `image`, `[H, W, C]` to `[H, W, K]`, tile by tile. Sums are in double
 * precision, so a network that returns its input returns the image exactly. Memory beyond the result
 * is one row of tiles. A result of another height or width than its tile gives `tile-mismatch`.
 */
export async function predictTiled(
  image: Tensor,
  { tile, overlap }: Tiling,
  predict: TilePredict,
): Promise<Outcome<Tensor>> {
  const [height = 0, width = 0] = image.shape;
  const [high, wide] = tile;
  if (!(overlap >= 0 && overlap < Math.min(high, wide))) {
    const message = `tiles of ${high} × ${wide} cannot overlap by ${overlap} pixels`;
    const hints = [`choose an overlap from 0 to ${Math.min(high, wide) - 1}`];
    return { ok: false, diagnostics: [diagnostic('tile-mismatch', message, { hints })] };
  }
  // Half of what is missing on either side.
  const padTop = Math.max(0, high - height) >> 1;
  const padLeft = Math.max(0, wide - width) >> 1;
  const rows = stretches(Math.max(height, high), high, overlap);
  const columns = stretches(Math.max(width, wide), wide, overlap);

  let result: Float32Array | undefined;
  let outputs = 0;
  // Sums of the rows that the current tiles reach, from the first of them on.
  let band = new Float64Array();
  for (const [r, row] of rows.entries()) {
    for (const column of columns) {
      const at = [row.start - padTop, column.start - padLeft] as const;
      const predicted = await predict(cutTile(image, at, tile));
      if (!predicted.ok) return predicted;
      const { shape, data } = predicted.value;
      const [h, w, k = 0] = shape;
      if (h !== high || w !== wide || shape.length !== 3 || (outputs !== 0 && k !== outputs)) {
        return { ok: false, diagnostics: [wrongResult(tile, shape, outputs)] };
      }
      if (result === undefined) {
        outputs = k;
        result = new Float32Array(height * width * k);
        band = new Float64Array(high * width * k);
      }
      for (let y = 0; y < high; y++) {
        for (let x = 0; x < wide; x++) {
          const to = at[1] + x;
          if (to < 0 || to >= width) continue;
          const weight = (row.weights[y] ?? 0) * (column.weights[x] ?? 0);
          for (let c = 0; c < k; c++) {
            const sum = (y * width + to) * k + c;
            band[sum] = (band[sum] ?? 0) + weight * (data[(y * wide + x) * k + c] ?? 0);
          }
        }
      }
    }
    // Rows above the next tiles are done: out with them, and the rest moves up.
    const done = (rows[r + 1]?.start ?? row.start + high) - row.start;
    for (let y = 0; y < done; y++) {
      const to = row.start - padTop + y;
      if (to < 0 || to >= height) continue;
      result?.set(
        band.subarray(y * width * outputs, (y + 1) * width * outputs),
        to * width * outputs,
      );
    }
    band.copyWithin(0, done * width * outputs);
    band.fill(0, (high - done) * width * outputs);
  }
  return {
    ok: true,
    value: { shape: [height, width, outputs], data: result ?? new Float32Array() },
  };
}

function wrongResult(
  [high, wide]: readonly [number, number],
  shape: readonly number[],
  outputs: number,
): ReturnType<typeof diagnostic> {
  const wanted = `[${high}, ${wide}, ${outputs === 0 ? 'channels' : outputs}]`;
  return diagnostic(
    'tile-mismatch',
    `the model makes [${shape.join(', ')}] of a tile of ${high} × ${wide}; tiles can be joined only where it makes ${wanted}`,
    { hints: ['run the image whole'] },
  );
}
