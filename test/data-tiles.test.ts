/** Tiles: what a network returns comes back exactly where it returns what it got. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Tensor } from '../src/compiler/ir.js';
import { cutTile, predictTiled, stretches, type TilePredict } from '../src/data/tiles.js';
import { problems, value } from './helpers/datasets.js';

const returns =
  (change: (tile: Tensor) => Tensor): TilePredict =>
  (tile) =>
    Promise.resolve({ ok: true, value: change(tile) });

function anyImage(height: number, width: number, channels: number): Tensor {
  const data = Float32Array.from({ length: height * width * channels }, (_, i) =>
    Math.fround(((i * 7919) % 1013) / 1013 - 0.4),
  );
  return { shape: [height, width, channels], data };
}

describe('stretches', () => {
  it('cover an axis, overlap enough, and weigh one everywhere', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.nat(200),
        fc.nat(39),
        (size, extra, overlap) => {
          fc.pre(overlap < size);
          const length = size + extra;
          const tiles = stretches(length, size, overlap);
          const totals = new Float64Array(length);
          for (const { start, weights } of tiles) {
            expect(Math.min(...weights)).toBeGreaterThan(0);
            weights.forEach((w, p) => (totals[start + p] = (totals[start + p] ?? 0) + w));
          }
          expect(Math.max(...totals.map((sum) => Math.abs(sum - 1)))).toBeLessThan(1e-12);
          expect(tiles[0]?.start).toBe(0);
          expect((tiles.at(-1)?.start ?? 0) + size).toBe(length);
          tiles.slice(1).forEach(({ start }, i) => {
            expect((tiles[i]?.start ?? 0) + size - start).toBeGreaterThanOrEqual(overlap);
          });
        },
      ),
    );
  });

  it('blend without a step', () => {
    const [first] = stretches(100, 60, 20);
    const weights = [...(first?.weights ?? [])];
    // All but the overlap counts fully; there, no neighbour differs by more than the slope allows.
    expect(weights.slice(0, 40)).toEqual(Array(40).fill(1));
    expect(weights.at(-1)).toBeLessThan(0.01);
    weights.slice(1).forEach((w, i) => expect(Math.abs(w - (weights[i] ?? 0))).toBeLessThan(0.09));
  });
});

describe('predictTiled', () => {
  it('returns the image exactly from a network that returns its input', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.tuple(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 50 })),
        fc.tuple(fc.integer({ min: 2, max: 17 }), fc.integer({ min: 2, max: 17 })),
        fc.nat(16),
        fc.integer({ min: 1, max: 3 }),
        async ([h, w], tile, overlap, channels) => {
          fc.pre(overlap < Math.min(...tile));
          const image = anyImage(h, w, channels);
          const result = value(
            await predictTiled(
              image,
              { tile, overlap },
              returns((t) => t),
            ),
          );
          expect(result).toEqual(image);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('gives each call one tile, in as few calls as cover the image', async () => {
    const shapes: string[] = [];
    const count = returns((tile) => {
      shapes.push(tile.shape.join());
      return { shape: [16, 16, 2], data: new Float32Array(512).fill(0.1) };
    });
    const image = anyImage(40, 16, 1);
    const result = value(await predictTiled(image, { tile: [16, 16], overlap: 4 }, count));
    expect(shapes).toEqual(['16,16,1', '16,16,1', '16,16,1']);
    expect(result.shape).toEqual([40, 16, 2]);
    expect(new Set(result.data)).toEqual(new Set([Math.fround(0.1)]));
  });

  it('pads by reflection to what the network takes, and crops back', async () => {
    const image: Tensor = { shape: [1, 3, 1], data: Float32Array.of(1, 2, 3) };
    expect([...cutTile(image, [0, -2], [1, 8]).data]).toEqual([3, 2, 1, 2, 3, 2, 1, 2]);
    const doubled = returns(({ shape, data }) => ({ shape, data: data.map((x) => 2 * x) }));
    const result = value(await predictTiled(image, { tile: [2, 4], overlap: 0 }, doubled));
    expect(result).toEqual({ shape: [1, 3, 1], data: Float32Array.of(2, 4, 6) });
  });

  it('says why tiles cannot be joined, and what the network says', async () => {
    const image = anyImage(20, 20, 1);
    const half = returns(({ data }) => ({ shape: [8, 8, 1], data }));
    const tiling = { tile: [16, 16], overlap: 4 } as const;
    expect(problems(await predictTiled(image, tiling, half))[0]).toMatch(
      /^tile-mismatch: the model makes \[8, 8, 1\] of a tile of 16 × 16/,
    );
    expect(problems(await predictTiled(image, { tile: [16, 16], overlap: 16 }, half))[0]).toMatch(
      /cannot overlap by 16 pixels \| choose an overlap from 0 to 15/,
    );
    const failing: TilePredict = () => Promise.resolve({ ok: false, diagnostics: [] });
    expect(await predictTiled(image, tiling, failing)).toEqual({ ok: false, diagnostics: [] });
  });
});
