/** The drawn sets: the same everywhere, and what they claim to be. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { membranes } from '../src/data/membranes.js';
import { classCounts, splitDataset } from '../src/data/split.js';
import { tumours } from '../src/data/tumours.js';
import { samplesOf, value } from './helpers/datasets.js';

const digest = (bytes: Uint8Array): string =>
  createHash('sha256').update(bytes).digest('hex').slice(0, 16);

describe('membranes', () => {
  it('are the same for the same seed, in any order, and differ for others', async () => {
    const set = membranes(3, 48, 7);
    const [first, second, third] = await samplesOf(set);
    expect(value(await membranes(3, 48, 7).load(2))).toEqual(third);
    expect(value(await set.load(0))).toEqual(first);
    expect(second?.labels).not.toEqual(first?.labels);
    expect(value(await membranes(3, 48, 8).load(0)).labels).not.toEqual(first?.labels);
    // Drawn on another machine, they must be these.
    expect(digest(first?.labels ?? new Uint8Array())).toBe('01f72e166619e746');
  });

  it('have dark membranes on about a fifth of the pixels, as real sections do', async () => {
    const [sample] = await samplesOf(membranes(1, 160, 0));
    const { image, labels } = sample ?? { image: new Float32Array(), labels: new Uint8Array() };
    const meanOf = (label: number): number => {
      const of = image.filter((_, i) => labels[i] === label);
      return of.reduce((sum, v) => sum + v, 0) / of.length;
    };
    const share = labels.reduce((n, l) => n + l, 0) / labels.length;
    expect(share).toBeGreaterThan(0.15);
    expect(share).toBeLessThan(0.33);
    expect(meanOf(0) - meanOf(1)).toBeGreaterThan(0.15);
    expect([...image].every((v) => v >= 0 && v <= 1)).toBe(true);
    // A threshold alone does not find them: organelles are dark and some membranes are not.
    const best = [0.3, 0.35, 0.4, 0.45, 0.5].map((t) => {
      const dark = [...image].map((v) => (v < t ? 1 : 0));
      const both = dark.filter((d, i) => d === 1 && labels[i] === 1).length;
      return (2 * both) / (dark.filter((d) => d === 1).length + labels.reduce((n, l) => n + l, 0));
    });
    expect(Math.max(...best)).toBeLessThan(0.9);
  });
});

describe('tumours', () => {
  const set = tumours(4, 6, 64, 3);
  it('are the same for the same seed, in any order', async () => {
    const late = value(await set.load(23));
    const early = value(await set.load(0));
    expect(value(await tumours(4, 6, 64, 3).load(23))).toEqual(late);
    expect(value(await set.load(0))).toEqual(early);
    expect(digest(value(await set.load(3)).labels)).toBe('83f0a3b2726afeb9');
  });

  it('have four modalities, nested classes and patients of both sizes', async () => {
    expect([set.count, set.channels, set.classes.length]).toEqual([24, 4, 4]);
    expect(new Set(set.groups).size).toBe(4);
    const parts = value(splitDataset(set, { by: 'patients', validation: 1 }));
    expect(parts.validation).toEqual([18, 19, 20, 21, 22, 23]);
    const sizes = [];
    for (let patient = 0; patient < 4; patient++) {
      const slices = [0, 1, 2, 3, 4, 5].map((s) => 6 * patient + s);
      const counts = value(await classCounts(set, slices));
      expect(counts.every((n) => n > 0)).toBe(true);
      sizes.push(counts.slice(1).reduce((n, c) => n + c, 0));
    }
    expect(Math.min(sizes[0] ?? 0, sizes[2] ?? 0)).toBeGreaterThan(
      3 * Math.max(sizes[1] ?? 0, sizes[3] ?? 0),
    );
  });

  it('go on from slice to slice', async () => {
    const samples = (await samplesOf(tumours(1, 12, 64, 3))).map((s) => s.labels);
    const dice = samples.slice(1).map((labels, i) => {
      const before = samples[i] ?? labels;
      const both = labels.filter((l, at) => l > 0 && (before[at] ?? 0) > 0).length;
      return (2 * both) / (labels.filter((l) => l > 0).length + before.filter((l) => l > 0).length);
    });
    const middle = dice.slice(4, 8);
    expect(Math.min(...middle)).toBeGreaterThan(0.8);
  });

  it('lie in a brain around which all is 0', async () => {
    const [sample] = await samplesOf(tumours(1, 1, 64, 0));
    const outside = [...(sample?.image ?? [])].filter((v) => v === 0).length / (64 * 64 * 4);
    expect(outside).toBeGreaterThan(0.5);
    expect(outside).toBeLessThan(0.75);
    expect(sample?.image[0]).toBe(0);
  });
});
