/** The placement of a plan's tensors in memory. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ALIGNMENT,
  alignedBytes,
  liveBytes,
  MAX_BUFFER_BYTES,
  placeTensors,
} from '../src/webgpu/arena.js';

interface Lifetime {
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
}

/** What is wrong with a placement; empty where nothing is. Compares every pair. */
function problems(tensors: readonly Lifetime[], maxBuffer = MAX_BUFFER_BYTES): string[] {
  const { places, buffers } = placeTensors(tensors, maxBuffer);
  const found: string[] = [];
  const say = (wrong: boolean, what: string): void => {
    if (wrong) found.push(what);
  };
  say(places.length !== tensors.length, 'not a place for each');
  buffers.forEach((bytes, i) => say(bytes > maxBuffer, `buffer ${i} has ${bytes} bytes`));
  // In the order of birth, so that what lives later ends the search.
  const placed = tensors
    .map(({ bytes, first, last }, i) => {
      const { buffer, offset } = places[i] ?? { buffer: -1, offset: -1 };
      return { i, bytes, first, last, buffer, offset };
    })
    .sort((a, b) => a.first - b.first);
  placed.forEach((a, rank) => {
    say(a.offset % ALIGNMENT !== 0, `${a.i} is not aligned`);
    const end = a.offset + a.bytes;
    say(a.offset < 0 || end > (buffers[a.buffer] ?? 0), `${a.i} is out of bounds`);
    for (let j = rank + 1; j < placed.length; j++) {
      const b = placed[j];
      if (b === undefined || b.first > a.last) break;
      const apart = a.buffer !== b.buffer || a.offset >= b.offset + b.bytes || b.offset >= end;
      say(!apart, `${a.i} lies over ${b.i}`);
    }
  });
  return found;
}

/** Bytes of the arena by the least that any arena can have. */
function ratio(tensors: readonly Lifetime[], maxBuffer = MAX_BUFFER_BYTES): number {
  const total = placeTensors(tensors, maxBuffer).buffers.reduce((sum, each) => sum + each, 0);
  return total / liveBytes(tensors);
}

const anyTensors = fc.array(
  fc
    .record({
      bytes: fc.integer({ min: 0, max: 5000 }),
      first: fc.integer({ min: -1, max: 30 }),
      length: fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 40 })),
    })
    .map(({ bytes, first, length }) => ({ bytes, first, last: first + length })),
  { maxLength: 60 },
);

interface UNet {
  readonly size: number;
  readonly width: number;
  readonly channels: number;
  readonly levels: number;
  /** Dispatches of a level's block, each with an output of its own. */
  readonly steps: number;
  /** Whether a dispatch copies skip and upsampled path together, or reads both where they are. */
  readonly concat: boolean;
  /** Whether each block has a small scratch, as of a norm's sums. */
  readonly scratch: boolean;
}

/** The lifetimes of a U-Net's activations, one dispatch after the other. */
function unetTensors({ size, width, channels, levels, steps, concat, scratch }: UNet): Lifetime[] {
  const tensors: { bytes: number; first: number; last: number }[] = [];
  let now = -1;
  const make = (level: number, c: number): number => {
    const side = Math.ceil(size / 2 ** level);
    return tensors.push({ bytes: 4 * side * side * c, first: now, last: now }) - 1;
  };
  const use = (...indices: readonly number[]): void => {
    for (const tensor of indices.map((i) => tensors[i]))
      if (tensor !== undefined) tensor.last = now;
  };
  const step = (level: number, c: number, ...from: readonly number[]): number => {
    now++;
    use(...from);
    return make(level, c);
  };
  const block = (level: number, ...from: readonly number[]): number => {
    const c = width * 2 ** level;
    let x = step(level, c, ...from);
    for (let i = 1; i < steps; i++) x = step(level, c, x);
    if (!scratch) return x;
    now++;
    use(x);
    const sums = tensors.push({ bytes: 8 * c, first: now, last: now + 1 }) - 1;
    return step(level, c, x, sums);
  };
  let x = make(0, channels);
  const skips: number[] = [];
  for (let level = 0; level < levels; level++) {
    x = block(level, x);
    skips.push(x);
    x = step(level + 1, width * 2 ** level, x);
  }
  x = block(levels, x);
  for (let level = levels - 1; level >= 0; level--) {
    const c = width * 2 ** level;
    const up = step(level, c, step(level, 2 * c, x));
    const skip = skips[level] ?? 0;
    x = concat ? block(level, step(level, 2 * c, skip, up)) : block(level, skip, up);
  }
  x = step(0, 1, x);
  now++;
  use(x);
  return tensors;
}

const anyUNet = fc.record({
  size: fc.integer({ min: 16, max: 512 }),
  width: fc.integer({ min: 4, max: 64 }),
  channels: fc.integer({ min: 1, max: 4 }),
  levels: fc.integer({ min: 1, max: 5 }),
  steps: fc.integer({ min: 1, max: 4 }),
  concat: fc.boolean(),
  scratch: fc.boolean(),
});

describe('placeTensors', () => {
  it('never lets two tensors that are alive together share memory', () => {
    fc.assert(
      fc.property(anyTensors, (tensors) => {
        expect(problems(tensors)).toEqual([]);
        expect(placeTensors(tensors)).toEqual(placeTensors(tensors));
      }),
      { numRuns: 150 },
    );
  });

  it('takes as many buffers as the limit of one asks for', () => {
    fc.assert(
      fc.property(anyTensors, (tensors) => {
        expect(problems(tensors, 5120)).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });

  it('is close to what is alive at once: random lifetimes', () => {
    fc.assert(
      fc.property(anyTensors, (tensors) => {
        fc.pre(tensors.length > 0);
        expect(ratio(tensors)).toBeLessThan(1.3);
      }),
      { numRuns: 150 },
    );
  });

  it('is within a twentieth of what is alive at once: U-Nets', () => {
    fc.assert(
      fc.property(anyUNet, (unet) => {
        const tensors = unetTensors(unet);
        expect(problems(tensors, 2 ** 40)).toEqual([]);
        expect(ratio(tensors, 2 ** 40)).toBeLessThanOrEqual(1.05);
      }),
      { numRuns: 150 },
    );
  });

  it('places by hand what can be placed by hand', () => {
    const one = { bytes: 1000, first: 0, last: 1 };
    expect(placeTensors([])).toEqual({ places: [], buffers: [] });
    expect(
      placeTensors([one, { ...one, first: 1, last: 2 }, { ...one, first: 2, last: 3 }]),
    ).toEqual({
      places: [
        { buffer: 0, offset: 0 },
        { buffer: 0, offset: 1024 },
        { buffer: 0, offset: 0 },
      ],
      buffers: [2048],
    });
    expect(placeTensors([one, one], 1024).buffers).toEqual([1024, 1024]);
    expect([0, 1, 256, 257].map(alignedBytes)).toEqual([256, 256, 256, 512]);
    expect(liveBytes([one, { ...one, first: 2, last: 2 }])).toBe(1024);
  });

  it('places ten thousand tensors', () => {
    let seed = 1;
    const random = (below: number): number =>
      (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) % below;
    const tensors = Array.from({ length: 10_000 }, (_, i) => ({
      bytes: 256 * (1 + random(1000)),
      first: i,
      last: i + random(random(10) === 0 ? 1000 : 4),
    }));
    expect(problems(tensors)).toEqual([]);
    expect(ratio(tensors)).toBeLessThan(1.2);
  });
});
