/** Splits and normalisation. */
import { describe, expect, it } from 'vitest';
import type { Dataset, Sample } from '../src/data/dataset.js';
import { normalise } from '../src/data/normalise.js';
import { classCounts, singleClass, splitDataset } from '../src/data/split.js';
import { problems, value } from './helpers/datasets.js';

/** One sample of one row a group's name, with these labels. */
function datasetOf(groups: readonly string[], labels: readonly number[][] = []): Dataset {
  return {
    description: 'made up',
    count: groups.length,
    channels: 1,
    classes: ['background', 'cell'],
    groups,
    load: (i) => {
      const classes = Uint8Array.from(labels[i] ?? [0]);
      const sample: Sample = {
        ...{ name: `${i}`, height: 1, width: classes.length, channels: 1 },
        image: new Float32Array(classes.length),
        labels: classes,
      };
      return Promise.resolve({ ok: true, value: sample });
    },
  };
}

describe('splitDataset', () => {
  const stack = datasetOf(Array<string>(10).fill('stack'));
  it('holds out the last slices, a count or a share', () => {
    const eight = [0, 1, 2, 3, 4, 5, 6, 7];
    expect(value(splitDataset(stack, { by: 'slices', validation: 2 }))).toEqual({
      train: eight,
      validation: [8, 9],
    });
    expect(value(splitDataset(stack, { by: 'slices', validation: 0.2 })).train).toEqual(eight);
    expect(value(splitDataset(stack, { by: 'slices', validation: 0.01 })).validation).toEqual([9]);
  });

  it('holds out the last patients whole, wherever their slices are', () => {
    const patients = datasetOf(['a', 'b', 'a', 'c', 'b', 'c']);
    expect(value(splitDataset(patients, { by: 'patients', validation: 1 }))).toEqual({
      train: [0, 1, 2, 4],
      validation: [3, 5],
    });
    expect(value(splitDataset(patients, { by: 'patients', validation: 0.6 }))).toEqual({
      train: [0, 2],
      validation: [1, 3, 4, 5],
    });
  });

  it.each([
    [{ by: 'slices', validation: 10 }, /holding out 10 of 10 slices leaves nothing to train on/],
    [{ by: 'slices', validation: 12 }, /hold out 1 to 9/],
    [{ by: 'slices', validation: 0 }, /leaves nothing to validate on/],
    [{ by: 'slices', validation: NaN }, /leaves nothing to validate on/],
    [{ by: 'patients', validation: 1 }, /1 of 1 patient leaves .* split by slices instead/],
  ] as const)('refuses %o', (split, message) => {
    const [problem] = problems(splitDataset(stack, split));
    expect(problem).toMatch(/^empty-split: /);
    expect(problem).toMatch(message);
  });
});

describe('a part with one class alone', () => {
  it('is said', async () => {
    const dataset = datasetOf(['a', 'a', 'b'], [[0, 1], [0], [0, 0, 0]]);
    expect(value(await classCounts(dataset, [0, 1]))).toEqual([2, 1]);
    expect(singleClass(dataset, 'train', [2, 1])).toEqual([]);
    const counts = value(await classCounts(dataset, [2]));
    const [warning] = singleClass(dataset, 'validation', counts);
    expect(warning?.code).toBe('single-class');
    expect(warning?.severity).toBe('warning');
    expect(warning?.message).toMatch(/every pixel of the validation data is background/);
  });
});

describe('normalise', () => {
  const image = Float32Array.of(1, 10, 3, 10, 5, 10, 7, 10);
  it('takes each channel by itself', () => {
    const z = normalise(image, 2, 'zscore');
    // Mean 4, deviation sqrt(5) (of the population); the second channel is constant.
    expect([0, 2, 4, 6].map((i) => z[i])).toEqual(
      [-3, -1, 1, 3].map((x) => Math.fround(x / Math.sqrt(5))),
    );
    expect([1, 3, 5, 7].map((i) => z[i])).toEqual([0, 0, 0, 0]);
    expect([...normalise(image, 2, 'unit')].filter((_, i) => i % 2 === 0)).toEqual(
      [0, 1 / 3, 2 / 3, 1].map(Math.fround),
    );
    expect(normalise(image, 2, 'none')).toEqual(image);
    expect(normalise(image, 2, 'none')).not.toBe(image);
  });

  it('makes of nearly constant large values no NaN', () => {
    const large = Float32Array.of(16777216, 16777218);
    expect([...normalise(large, 1, 'zscore')]).toEqual([-1, 1]);
  });
});
