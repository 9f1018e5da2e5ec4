/** Warps and augmentation: image and labels move together, exactly where no interpolation is needed. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { augment, type DrawKey } from '../src/data/augment.js';
import type { Augmentation } from '../src/data/dataset.js';
import { displacements, gaussian } from '../src/data/elastic.js';
import { exponential, sineAndCosine } from '../src/data/exact.js';
import { reflected } from '../src/data/reflect.js';
import { compose, IDENTITY, warp, type Affine, type Picture } from '../src/data/warp.js';
import { uniformStream } from '../src/weights/random.js';
import { problems, value } from './helpers/datasets.js';

/** Image and labels that are a pixel's number: 0, 1, 2, … (labels modulo 256). */
function numbered(height: number, width: number, channels = 1): Picture {
  const image = Float32Array.from({ length: height * width * channels }, (_, i) => i);
  const labels = Uint8Array.from({ length: height * width }, (_, i) => i);
  return { height, width, channels, image, labels };
}

const aboutMiddle = (picture: Picture, affine: Affine): Picture =>
  warp(picture, {
    height: picture.height,
    width: picture.width,
    affine,
    centre: [(picture.height - 1) / 2, (picture.width - 1) / 2],
    displacements: undefined,
  });

const sides = fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }));
const keys = fc.record({ seed: fc.nat(99), step: fc.nat(99), sample: fc.nat(99) });
const EVERY: readonly Augmentation[] = [
  { kind: 'flip' },
  { kind: 'quarterturn' },
  { kind: 'rotate', degrees: 15 },
  { kind: 'shift', share: 0.1 },
  { kind: 'shear', degrees: 8 },
  { kind: 'zoom', share: 0.1 },
  { kind: 'elastic', alpha: 20, sigma: 4 },
  { kind: 'intensity', share: 0.1 },
];

describe('exact functions', () => {
  it('agree with Math', () => {
    for (let degrees = -400; degrees <= 400; degrees += 0.37) {
      const { sin, cos } = sineAndCosine(degrees);
      expect(sin).toBeCloseTo(Math.sin((degrees * Math.PI) / 180), 13);
      expect(cos).toBeCloseTo(Math.cos((degrees * Math.PI) / 180), 13);
    }
    for (let x = -30; x < 30; x += 0.31) expect(exponential(x) / Math.exp(x)).toBeCloseTo(1, 12);
  });

  it('turn by right angles without error', () => {
    expect([0, 90, 180, 270].map(sineAndCosine)).toEqual([
      { sin: 0, cos: 1 },
      { sin: 1, cos: 0 },
      { sin: 0, cos: -1 },
      { sin: -1, cos: 0 },
    ]);
  });
});

describe('reflection', () => {
  it('does not repeat the edge', () => {
    const places = Array.from({ length: 15 }, (_, i) => reflected(i - 6, 4));
    // numpy.pad(numpy.arange(4), (6, 5), mode='reflect')
    expect(places).toEqual([0, 1, 2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1, 2]);
    expect([-3, 0, 5].map((i) => reflected(i, 1))).toEqual([0, 0, 0]);
  });
});

describe('warp', () => {
  it('by the identity gives the picture', () => {
    fc.assert(
      fc.property(sides, fc.integer({ min: 1, max: 4 }), ([h, w], channels) => {
        const picture = numbered(h, w, channels);
        expect(aboutMiddle(picture, IDENTITY)).toEqual(picture);
      }),
    );
  });

  it('twice by a flip gives the picture, once its mirror', () => {
    fc.assert(
      fc.property(sides, ([h, w]) => {
        const picture = numbered(h, w);
        const flip = { ...IDENTITY, xx: -1 };
        const once = aboutMiddle(picture, flip);
        expect(once.image[0]).toBe(w - 1);
        expect(aboutMiddle(once, flip)).toEqual(picture);
      }),
    );
  });

  it('by a quarter-turn is exact', () => {
    const turned = warp(numbered(2, 3), {
      height: 3,
      width: 2,
      affine: { ...IDENTITY, yy: 0, yx: 1, xy: -1, xx: 0 },
      centre: [0.5, 1],
      displacements: undefined,
    });
    // numpy.rot90(numpy.arange(6).reshape(2, 3))
    expect([...turned.image]).toEqual([2, 5, 1, 4, 0, 3]);
    expect([...turned.labels]).toEqual([2, 5, 1, 4, 0, 3]);
  });

  it('between pixels is bilinear for the image and nearest for the labels', () => {
    const shifted = aboutMiddle(numbered(1, 4), { ...IDENTITY, x0: 0.25 });
    expect([...shifted.image]).toEqual([0.25, 1.25, 2.25, 2.75]);
    expect([...shifted.labels]).toEqual([0, 1, 2, 3]);
    const more = aboutMiddle(numbered(1, 4), { ...IDENTITY, x0: 0.75 });
    expect([...more.labels]).toEqual([1, 2, 3, 2]);
  });

  it('composes', () => {
    const a: Affine = { yy: 1, yx: 2, y0: 3, xy: 4, xx: 5, x0: 6 };
    const b: Affine = { yy: 7, yx: 8, y0: 9, xy: 10, xx: 11, x0: 12 };
    const apply = (m: Affine, [y, x]: readonly [number, number]): [number, number] => [
      m.yy * y + m.yx * x + m.y0,
      m.xy * y + m.xx * x + m.x0,
    ];
    expect(apply(compose(a, b), [2, 3])).toEqual(apply(a, apply(b, [2, 3])));
  });
});

describe('elastic deformation', () => {
  it('smooths by a Gaussian of this deviation, whose weights sum to one', () => {
    const kernel = gaussian(3);
    const total = kernel.reduce((sum, w, i) => sum + (i === 0 ? w : 2 * w), 0);
    const variance = kernel.reduce((sum, w, i) => sum + 2 * w * i * i, 0);
    expect(total).toBeCloseTo(1, 12);
    expect(Math.sqrt(variance)).toBeCloseTo(3, 1);
    expect((kernel[3] ?? 0) / (kernel[0] ?? 1)).toBeCloseTo(Math.exp(-0.5), 10);
  });

  it('has the deviation that the theory gives: alpha / sqrt(3) / (2 sigma sqrt(pi))', () => {
    const field = displacements(96, 64, { alpha: 20, sigma: 3 }, uniformStream(1, 'field'));
    const mean = field.reduce((sum, d) => sum + d, 0) / field.length;
    const deviation = Math.sqrt(field.reduce((sum, d) => sum + (d - mean) ** 2, 0) / field.length);
    expect(deviation / (20 / Math.sqrt(3) / (6 * Math.sqrt(Math.PI)))).toBeCloseTo(1, 0);
    expect(Math.abs(mean)).toBeLessThan(0.2);
  });
});

describe('augment', () => {
  const key: DrawKey = { seed: 3, step: 5, sample: 1 };
  const run = (
    picture: Picture,
    list: readonly Augmentation[],
    k: DrawKey,
    crop?: [number, number],
  ) => value(augment(picture, list, crop, k));

  it('moves image and labels by the same pixels', () => {
    fc.assert(
      fc.property(sides, keys, ([h, w], k) => {
        const moved = run(numbered(h, w), [{ kind: 'flip' }, { kind: 'quarterturn' }], k);
        expect([...moved.image]).toEqual([...moved.labels]);
        expect([...moved.image].sort((a, b) => a - b)).toEqual([...numbered(h, w).image]);
      }),
    );
  });

  it('keeps labels over their pixels under every change together', () => {
    // A disc whose labels are exactly the pixels of value 1: they may part only at its edge.
    const size = 64;
    const inDisc = (i: number): number =>
      ((i % size) - 24) ** 2 + (Math.floor(i / size) - 36) ** 2 < 15 ** 2 ? 1 : 0;
    const labels = Uint8Array.from({ length: size * size }, (_, i) => inDisc(i));
    const disc: Picture = {
      ...{ height: size, width: size, channels: 1, labels },
      image: Float32Array.from(labels),
    };
    const geometric = EVERY.filter((a) => a.kind !== 'intensity');
    for (let step = 0; step < 20; step++) {
      const { image, labels: moved } = run(disc, geometric, { ...key, step });
      expect(moved.reduce((n, l) => n + l, 0)).toBeGreaterThan(350);
      // The nearest pixel's weight is a quarter or more.
      const apart = [...image].filter((v, i) => (moved[i] === 1 ? v < 0.25 : v > 0.75));
      expect(apart).toEqual([]);
    }
  });

  it('depends on seed, step and sample, and on nothing else', () => {
    const picture = numbered(24, 24);
    const once = run(picture, EVERY, key, [16, 16]);
    expect(run(picture, EVERY, key, [16, 16])).toEqual(once);
    for (const other of [{ seed: 4 }, { step: 6 }, { sample: 2 }]) {
      expect(run(picture, EVERY, { ...key, ...other }, [16, 16]).image).not.toEqual(once.image);
    }
  });

  it('draws each kind from a stream of its own', () => {
    const picture = numbered(9, 9);
    const flips: Augmentation[] = [{ kind: 'flip' }];
    // Intensities that change nothing, before and after.
    const still: Augmentation = { kind: 'intensity', share: 0 };
    const still2 = run(picture, [still, ...flips, still], key);
    expect(still2.labels).toEqual(run(picture, flips, key).labels);
  });

  it('takes every flip and turn sooner or later, and crops from everywhere', () => {
    const seen = new Set<string>();
    const corners = new Set<number>();
    for (let step = 0; step < 200; step++) {
      const k = { ...key, step };
      seen.add(run(numbered(2, 2), [{ kind: 'flip' }, { kind: 'quarterturn' }], k).image.join());
      corners.add(run(numbered(4, 4), [], k, [3, 3]).image[0] ?? -1);
    }
    expect(seen.size).toBe(8);
    expect([...corners].sort((a, b) => a - b)).toEqual([0, 1, 4, 5]);
  });

  it('turns a crop that does not fit lying down by half-turns alone', () => {
    for (let step = 0; step < 30; step++) {
      const turned = run(numbered(2, 5), [{ kind: 'quarterturn' }], { ...key, step });
      expect([turned.height, turned.width]).toEqual([2, 5]);
      expect([0, 9]).toContain(turned.image[0]);
      const cropped = run(numbered(5, 6), [{ kind: 'quarterturn' }], { ...key, step }, [2, 5]);
      // Every pixel comes from the picture once: neighbours differ by 1 or 6.
      expect(new Set(cropped.image).size).toBe(10);
      expect([1, 6]).toContain(Math.abs((cropped.image[1] ?? 0) - (cropped.image[0] ?? 0)));
    }
  });

  it('keeps within its limits', () => {
    const at = (i: number, picture: Picture): number => picture.image[i] ?? NaN;
    // Values are column numbers, so a shift shows as a difference.
    const size = 41;
    const ramp: Picture = {
      ...numbered(size, size),
      image: Float32Array.from({ length: size * size }, (_, i) => i % size),
    };
    const middle = 20 * size + 20;
    const shifts = Array.from({ length: 100 }, (_, step) =>
      Math.abs(at(middle, run(ramp, [{ kind: 'shift', share: 0.1 }], { ...key, step })) - 20),
    );
    expect(Math.max(...shifts)).toBeLessThanOrEqual(4.1001);
    expect(Math.max(...shifts)).toBeGreaterThan(3.5);
    const slopes = Array.from({ length: 100 }, (_, step) => {
      const zoomed = run(ramp, [{ kind: 'zoom', share: 0.2 }], { ...key, step });
      return 1 / (at(middle + 1, zoomed) - at(middle, zoomed));
    });
    expect(Math.max(...slopes)).toBeLessThan(1.2001);
    expect(Math.min(...slopes)).toBeGreaterThan(0.7999);
    expect(Math.max(...slopes) - Math.min(...slopes)).toBeGreaterThan(0.3);
    const turns = Array.from({ length: 100 }, (_, step) => {
      const turned = run(ramp, [{ kind: 'rotate', degrees: 15 }], { ...key, step });
      return Math.abs(at(middle + size, turned) - at(middle, turned));
    });
    expect(Math.max(...turns)).toBeLessThanOrEqual(Math.sin((15 * Math.PI) / 180) + 1e-5);
    expect(Math.max(...turns)).toBeGreaterThan(0.2);
  });

  it('changes intensities by channel, and no labels', () => {
    const picture = numbered(8, 8, 2);
    const changed = run(picture, [{ kind: 'intensity', share: 0.5 }], key);
    expect(changed.labels).toEqual(picture.labels);
    const slope = (c: number): number =>
      ((changed.image[100 + c] ?? 0) - (changed.image[c] ?? 0)) / 100;
    expect(slope(0)).toBeGreaterThan(0.5);
    expect(slope(0)).toBeLessThan(1.5);
    expect(slope(0)).not.toBeCloseTo(slope(1), 3);
    const flat: Picture = { ...picture, image: picture.image.map(() => 2) };
    expect(run(flat, [{ kind: 'intensity', share: 0.5 }], key).image).toEqual(flat.image);
  });

  it('refuses a crop that is larger than the picture, naming one that fits', () => {
    const large = augment(numbered(48, 80), [], [64, 64], key);
    expect(problems(large)[0]).toMatch(
      /^crop-too-large: the crop of 64 × 64 is larger than an image of 48 × 80 \| .*crop = \[48, 64\]/,
    );
  });
});
