/** Real datasets beside the repository; each part is skipped where it is absent. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { decode } from 'fast-png';
import { describe, expect, it } from 'vitest';
import { openDataset } from '../src/data/open.js';
import { classCounts, splitDataset } from '../src/data/split.js';
import { value } from './helpers/datasets.js';
import { sharedData } from './helpers/shared.js';

/** Bytes and not elements, which would take minutes to compare one by one. */
function isSame(a: Float32Array | Uint8Array, b: Float32Array | Uint8Array): boolean {
  const [left, right] = [a, b].map((x) => Buffer.from(x.buffer, x.byteOffset, x.byteLength));
  return left !== undefined && right !== undefined && left.equals(right);
}

const isbi = sharedData('isbi-em');
describe.skipIf(isbi === undefined)('ISBI 2012 (skipped where it is absent)', () => {
  const folder = isbi ?? '';
  it('as a folder: class 1 is membrane, which is 0 in the files', async () => {
    const dataset = value(await openDataset(folder));
    expect([dataset.count, dataset.channels, dataset.classes.length]).toEqual([30, 1, 2]);
    const counts = value(await classCounts(dataset, [...Array(30).keys()]));
    // 21.96 % by the description of the data.
    expect((100 * (counts[1] ?? 0)) / (30 * 512 * 512)).toBeCloseTo(21.96, 2);
    const split = value(splitDataset(dataset, { by: 'slices', validation: 6 }));
    expect(split.validation).toEqual([24, 25, 26, 27, 28, 29]);
    const sample = value(await dataset.load(7));
    const { data } = decode(readFileSync(join(folder, 'image/07.png')));
    expect(
      isSame(
        sample.image,
        Float32Array.from(data, (x) => x / 255),
      ),
    ).toBe(true);
    const { data: stored } = decode(readFileSync(join(folder, 'label/07.png')));
    const membrane = Uint8Array.from(stored, (x) => (x === 0 ? 1 : 0));
    expect(isSame(sample.labels, membrane)).toBe(true);
  });

  it('as stacks: the same slices', async () => {
    const pairs = value(await openDataset(folder));
    const stack = value(await openDataset(join(folder, 'train-volume-00-03.tif')));
    expect(stack.count).toBe(4);
    for (let i = 0; i < 4; i++) {
      const [a, b] = [value(await pairs.load(i)), value(await stack.load(i))];
      expect(isSame(b.image, a.image)).toBe(true);
      expect(isSame(b.labels, a.labels)).toBe(true);
    }
  });
});

const task = sharedData('brain-tumour', 'msd-task01');
describe.skipIf(task === undefined)('Decathlon Task01 (skipped where it is absent)', () => {
  it('has the slices, modalities and labels of its two cases', async () => {
    const dataset = value(await openDataset(task ?? ''));
    expect([dataset.count, dataset.channels]).toEqual([27 + 31, 4]);
    expect(dataset.classes).toEqual([
      'background',
      'edema',
      'non-enhancing tumor',
      'enhancing tumour',
    ]);
    const split = value(splitDataset(dataset, { by: 'patients', validation: 1 }));
    // Voxels of each label by the description of the data.
    expect(value(await classCounts(dataset, split.train))).toEqual([1446663, 58082, 18476, 31979]);
    expect(value(await classCounts(dataset, split.validation))).toEqual([
      1700303, 62778, 16837, 5682,
    ]);
    const merged = value(await openDataset(task ?? '', { merge: true }));
    expect(value(await classCounts(merged, split.train))).toEqual([1446663, 108537]);

    // Slice 10 of the second case, voxel (x, y) = (130, 90), out of the bytes: int16 from byte 352 on.
    const bytes = gunzipSync(readFileSync(join(task ?? '', 'imagesTr/BRATS_119.nii.gz')));
    const sample = value(await dataset.load(27 + 10));
    const start = bytes.readFloatLE(108);
    for (let c = 0; c < 4; c++) {
      const voxel = ((c * 31 + 10) * 240 + 90) * 240 + 130;
      expect(sample.image[(90 * 240 + 130) * 4 + c]).toBe(bytes.readInt16LE(start + 2 * voxel));
    }
  });
});

const brats = sharedData('brain-tumour', 'brats2015');
describe.skipIf(brats === undefined)('BraTS 2015 slices (skipped where they are absent)', () => {
  it('have two modalities, five classes and six patients', async () => {
    const dataset = value(await openDataset(brats ?? ''));
    expect([dataset.count, dataset.channels, dataset.classes.length]).toEqual([145, 2, 5]);
    const counts = [...new Set(dataset.groups)].map(
      (g) => dataset.groups.filter((x) => x === g).length,
    );
    expect(counts).toEqual([24, 20, 27, 23, 24, 27]);
  });
});
