/** Datasets in files: what is recognised, what labels mean, and what is said of bad ones. */
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { DatasetOptions } from '../src/data/dataset.js';
import { byteCache } from '../src/data/cache.js';
import { naturalOrder } from '../src/data/disk.js';
import { membranes } from '../src/data/membranes.js';
import { writeNpy } from '../src/data/npy.js';
import { openDataset } from '../src/data/open.js';
import { groupOf, keyOf } from '../src/data/pairing.js';
import { TUMOUR_MODALITIES, tumours } from '../src/data/tumours.js';
import { sampleFiles } from '../src/data/write.js';
import { writeSafetensors } from '../src/weights/safetensors.js';
import {
  colourPng,
  folderOf,
  greyPng,
  greyTiff,
  nifti,
  problems,
  samplesOf,
  value,
} from './helpers/datasets.js';
import { png, pngChunk } from './helpers/image-files.js';

type Files = Parameters<typeof folderOf>[0];

const image = greyPng([
  [0, 51, 102],
  [153, 204, 255],
]);
const mask = greyPng([
  [0, 0, 255],
  [0, 0, 0],
]);
const open = (files: Files, path = '', options: DatasetOptions = {}) =>
  openDataset(join(folderOf(files), path), options);
const labelsOf = async (files: Files, path = '', options: DatasetOptions = {}) =>
  (await samplesOf(value(await open(files, path, options)))).map((s) => [...s.labels]);

describe('pairs of image and mask', () => {
  it.each<readonly [string, Files]>([
    ['two folders', { 'images/a.png': image, 'masks/a.png': mask }],
    ['other names', { 'image/a.png': image, 'label/a.png': mask }],
    ['suffixes', { 'imgs/a_image.png': image, 'gt/a-mask.png': mask }],
    ['images beside a folder of masks', { 'a.png': image, 'labels/a.png': mask }],
    ['one folder', { 'a.png': image, 'a_mask.png': mask }],
    ['other suffixes', { 'a_img.png': image, 'a_seg.PNG': mask, 'notes.txt': 'x', '.hidden': 'x' }],
    [
      'PNG and TIFF',
      {
        'a.png': image,
        'a.labels.tif': greyTiff([
          [
            [0, 0, 255],
            [0, 0, 0],
          ],
        ]),
      },
    ],
  ])('in %s', async (_what, files) => {
    const dataset = value(await open(files));
    expect([dataset.count, dataset.channels]).toEqual([1, 1]);
    const [sample] = await samplesOf(dataset);
    expect(sample?.image).toEqual(Float32Array.of(0, 0.2, 0.4, 0.6, 0.8, 1));
    expect([sample?.height, sample?.width]).toEqual([2, 3]);
    expect([...(sample?.labels ?? [])]).toEqual([0, 0, 1, 0, 0, 0]);
  });

  it('come in natural order, each from a file of its patient', async () => {
    const names = ['p2_z10', 'p2_z9', 'p10_z1'];
    const files = names.flatMap((n) => [
      [`images/${n}.png`, image] as const,
      [`masks/${n}.png`, mask] as const,
    ]);
    const dataset = value(await open(Object.fromEntries(files)));
    const samples = await samplesOf(dataset);
    expect(samples.map((s) => s.name)).toEqual(['p2_z9.png', 'p2_z10.png', 'p10_z1.png']);
    expect(dataset.groups).toEqual(['p2', 'p2', 'p10']);
    expect(['9', '10', '2a', '2', 'b', ''].sort(naturalOrder)).toEqual([
      '',
      '2',
      '2a',
      '9',
      '10',
      'b',
    ]);
    expect(['case-7.tif', 'a/img_001.png', '00.png', 'x'].map(groupOf)).toEqual([
      'case',
      'img',
      undefined,
      undefined,
    ]);
    expect(keyOf('train-volume.tif')).toBe(keyOf('train-labels.tif'));
  });

  it('have a channel for each modality, in the order asked for', async () => {
    const files = {
      'flair/a.png': greyPng([[255]]),
      't1/a.png': greyPng([[51]]),
      'label/a.png': greyPng([[1]]),
    };
    const [byName] = await samplesOf(value(await open(files)));
    expect(byName?.image).toEqual(Float32Array.of(1, 0.2));
    const [chosen] = await samplesOf(value(await open(files, '', { modalities: ['t1', 'flair'] })));
    expect(chosen?.image).toEqual(Float32Array.of(0.2, 1));
    expect(problems(await open(files, '', { modalities: ['t2'] }))[0]).toMatch(
      /^unknown-dataset: .* has no folder t2 \| its folders are flair, label, t1/,
    );
  });

  it('read back as they were drawn', async () => {
    const sets = [
      [membranes(2, 32, 1), undefined, {}],
      [
        tumours(1, 3, 32, 1),
        TUMOUR_MODALITIES,
        { modalities: TUMOUR_MODALITIES, classes: ['0', '1', '2', '3'] },
      ],
    ] as const;
    for (const [drawn, modalities, options] of sets) {
      const files: Record<string, Uint8Array> = {};
      for (let i = 0; i < drawn.count; i++) {
        for (const { path, bytes } of value(await sampleFiles(drawn, i, modalities))) {
          files[path] = bytes;
        }
      }
      const opened = value(await open(files, '', options));
      expect(opened.channels).toBe(drawn.channels);
      const [before, after] = [await samplesOf(drawn), await samplesOf(opened)];
      expect(after.map((s) => s.labels)).toEqual(before.map((s) => s.labels));
      const error = after.flatMap((s, n) =>
        [...s.image].map((v, i) => Math.abs(v - (before[n]?.image[i] ?? 9))),
      );
      expect(Math.max(...error)).toBeLessThan(0.5001 / 255);
    }
  });
});

describe('stacks', () => {
  const volume = greyTiff([[[0, 255]], [[51, 102]]]);
  const labels = greyTiff([[[0, 255]], [[255, 255]]]);
  const files = { 'train-volume.tif': volume, 'train-labels.tif': labels };
  it.each(['', 'train-volume.tif', 'train-labels.tif'])(
    'by their folder or a file: "%s"',
    async (path) => {
      const dataset = value(await open(files, path));
      expect(dataset.description).toMatch(
        /^2 slices of 1 × 2 \(train-volume\.tif; foreground is 0/,
      );
      expect(dataset.groups).toEqual(['train-volume', 'train-volume']);
      const samples = await samplesOf(dataset);
      expect(samples.map((s) => s.name)).toEqual(['train-volume.tif#1', 'train-volume.tif#2']);
      expect(samples[1]?.image).toEqual(Float32Array.of(0.2, 0.4));
      // Membranes are dark in ISBI's labels, and the rarer value: class 1.
      expect(samples.map((s) => [...s.labels])).toEqual([
        [1, 0],
        [0, 0],
      ]);
    },
  );

  it('must have as many pages as labels', async () => {
    const short = { ...files, 'train-labels.tif': greyTiff([[[0, 255]]]) };
    expect(problems(await open(short))[0]).toMatch(
      /^data-mismatch: .*volume\.tif has 2 pages and .* has 1/,
    );
  });
});

describe('what labels mean', () => {
  const pair = (rows: number[][]): Files => ({
    'a.png': greyPng(rows),
    'a_mask.png': greyPng(rows),
  });
  it.each<readonly [string, number[], DatasetOptions, number[]]>([
    ['the rarer of 0 and 255 is class 1', [0, 255, 255], {}, [1, 0, 0]],
    ['whichever it is', [0, 0, 255], {}, [0, 0, 1]],
    ['bright, if asked for', [0, 255, 255], { foreground: 'bright' }, [0, 1, 1]],
    ['dark, if asked for', [0, 0, 255], { foreground: 'dark' }, [1, 1, 0]],
    ['1 of 0 and 1', [0, 1, 1], {}, [0, 1, 1]],
    ['unless dark is asked for', [0, 1, 1], { foreground: 'dark' }, [1, 0, 0]],
    ['255 alone is class 1', [255, 255, 255], {}, [1, 1, 1]],
    ['numbers of classes', [0, 4, 2], {}, [0, 4, 2]],
    ['numbers below the names', [0, 2, 2], { classes: ['a', 'b', 'c'] }, [0, 2, 2]],
    [
      'many classes, if they have names',
      [0, 40, 1],
      { classes: Array<string>(41).fill('x') },
      [0, 40, 1],
    ],
    ['merged', [0, 2, 1], { merge: true }, [0, 1, 1]],
  ])('%s', async (_what, row, options, expected) => {
    expect(await labelsOf(pair([row]), '', options)).toEqual([expected]);
  });

  it('is said in names and description', async () => {
    const dataset = value(await open(pair([[0, 255, 255, 255]])));
    expect(dataset.classes).toEqual(['background', 'foreground']);
    expect(dataset.description).toMatch(
      /foreground is 0 in the masks: 25\.0 % of the pixels, the rarer value/,
    );
    const named = value(
      await open(pair([[0, 2]]), '', { classes: ['out', 'rim', 'core'], merge: true }),
    );
    expect(named.classes).toEqual(['out', 'foreground']);
    expect(named.description).toMatch(/rim, core as one class/);
  });

  it('is the same in grey saved as RGB, in 16 bits and in a palette', async () => {
    const a = greyPng([[9, 9, 9]]);
    const rgb = { 'a.png': a, 'a_mask.png': colourPng([[0, 0, 0, 255, 255, 255, 0, 0, 0]]) };
    expect(await labelsOf(rgb)).toEqual([[0, 1, 0]]);
    const deep = png({
      width: 3,
      height: 1,
      depth: 16,
      colourType: 0,
      rows: [0, 0, 0, 255, 255, 0, 0],
    });
    expect(await labelsOf({ 'a.png': a, 'a_mask.png': deep })).toEqual([[0, 1, 0]]);
    const palette = png({
      ...{ width: 3, height: 1, depth: 8, colourType: 3, rows: [0, 0, 2, 1] },
      before: [pngChunk('PLTE', Uint8Array.of(0, 0, 0, 128, 0, 0, 0, 128, 0))],
    });
    expect(await labelsOf({ 'a.png': a, 'a_mask.png': palette })).toEqual([[0, 2, 1]]);
  });
});

describe('bad folders', () => {
  const wide = greyPng([[0, 0, 0, 0]]);
  it.each<readonly [string, Files, string, DatasetOptions, readonly RegExp[]]>([
    ['that are missing', {}, 'isbi', {}, [/^missing-file: there is no file .*isbi/]],
    ['that are empty', {}, '', {}, [/^unknown-dataset: .* is empty/]],
    ['of something else', { 'a.txt': 'x' }, '', {}, [/^unknown-dataset: there are no images in/]],
    [
      'named by a file of something else',
      { 'a.txt': 'x' },
      'a.txt',
      {},
      [/^unknown-dataset: .*a\.txt is no dataset/],
    ],
    [
      'of images alone',
      { 'a.png': image, 'b.png': image },
      '',
      {},
      [/^unknown-dataset: .* has 2 images and no labels for them \| put/],
    ],
    [
      'of a folder of images alone',
      { 'images/a.png': image, 'other/b.png': image },
      '',
      {},
      [/^unknown-dataset: .* has images in images\/, and no folder of labels for them \| put/],
    ],
    [
      'with two folders of masks',
      { 'images/a.png': image, 'masks/a.png': mask, 'labels/a.png': mask },
      '',
      {},
      [/several folders for one thing: labels, masks/],
    ],
    [
      'with images without masks',
      { 'images/a.png': image, 'images/b.png': image, 'images/c.png': image, 'masks/a.png': mask },
      '',
      {},
      [/^unpaired-image: .*b\.png has no labels in .*masks/, /c\.png has no labels/],
    ],
    [
      'with masks without images',
      { 'images/a.png': image, 'masks/a.png': mask, 'masks/b.png': mask },
      '',
      {},
      [/^unpaired-image: .*b\.png have no image in .*images/],
    ],
    [
      'with two images of one name',
      { 'images/a.png': image, 'images/a.tif': image, 'masks/a.png': mask },
      '',
      {},
      [/^unpaired-image: .*a\.tif and a\.png have the same name/],
    ],
    [
      'that lack a modality of an image',
      { 't1/a.png': image, 't2/b.png': image, 't2/a.png': image, 'label/a.png': mask },
      '',
      {},
      [/^unpaired-image: .*b\.png has no labels/],
    ],
    [
      'with sizes that differ',
      { 'a.png': image, 'a_mask.png': wide },
      '',
      {},
      [/^data-mismatch: .*a\.png is 2 × 3 and its labels, .*a_mask\.png, are 1 × 4/],
    ],
    [
      'with mixed channels',
      {
        'images/a.png': image,
        'images/b.png': colourPng([[1, 2, 3]]),
        'masks/a.png': mask,
        'masks/b.png': greyPng([[0]]),
      },
      '',
      {},
      [/^data-mismatch: b\.png has 3 channels; the first image has 1/],
    ],
    [
      'with a PNG cut short',
      { 'a.png': image.subarray(0, -20), 'a_mask.png': mask },
      '',
      {},
      [/^bad-image: .*a\.png: the PNG image: /],
    ],
    [
      'with a TIFF cut short',
      { 'a.tif': greyTiff([[[1, 2]]]).subarray(0, 30), 'a_mask.png': mask },
      '',
      {},
      [/^bad-image: .*a\.tif: the TIFF image: .*cut short/],
    ],
    [
      'of JPEG images',
      { 'a.jpg': Uint8Array.of(0xff, 0xd8, 0xff, 0xe0), 'a_mask.png': mask },
      '',
      {},
      [/^unsupported-image: .*a\.jpg: this is a JPEG image/],
    ],
    [
      'with labels outside the classes',
      {
        'a.png': image,
        'a_mask.png': greyPng([
          [0, 1, 2],
          [3, 7, 7],
        ]),
      },
      '',
      { classes: ['a', 'b', 'c'] },
      [
        /^bad-label: a\.png: the label 3 at row 1, column 0 is none of the 3 classes \(1 pixel in all\) \| the classes are 0 a, 1 b, 2 c/,
        /the label 7 at row 1, column 1 is none of the 3 classes \(2 pixels in all\)/,
      ],
    ],
    [
      'with smoothed masks',
      {
        'a.png': image,
        'a_mask.png': greyPng([
          [0, 255, 255],
          [40, 90, 127],
        ]),
      },
      '',
      {},
      [/the label 40 at row 1, column 0 is no class/, /90/, /127/, /255 at row 0, column 1/],
    ],
    [
      'with colours for labels',
      { 'a.png': greyPng([[1]]), 'a_mask.png': colourPng([[255, 0, 0]]) },
      '',
      {},
      [/^bad-label: .*a_mask\.png: its labels are colours/],
    ],
  ])('%s', async (_what, files, path, options, messages) => {
    const found = problems(await open(files, path, options));
    expect(found).toHaveLength(messages.length);
    for (const [i, message] of messages.entries()) expect(found[i]).toMatch(message);
  });

  it('list twenty faults and count the rest', async () => {
    const names = Array.from({ length: 30 }, (_, i) => [`images/${i}.png`, image] as const);
    const found = problems(await open({ ...Object.fromEntries(names), 'masks/99.png': mask }));
    expect(found).toHaveLength(21);
    expect(found.at(-1)).toMatch(/^unpaired-image: 11 more files are wrong/);
  });
});

describe('arrays', () => {
  const images = { shape: [2, 1, 2, 3], data: Float32Array.from({ length: 12 }, (_, i) => i) };
  const labels = { shape: [2, 1, 2], data: Float32Array.of(0, 1, 2, 0) };
  it('in a safetensors file', async () => {
    const file = writeSafetensors(
      new Map([
        ['images', images],
        ['labels', labels],
      ]),
    );
    const dataset = value(await open({ 'd.safetensors': file }, 'd.safetensors'));
    expect([dataset.count, dataset.channels, dataset.classes.length]).toEqual([2, 3, 3]);
    const [, second] = await samplesOf(dataset);
    expect(second?.name).toBe('d.safetensors#2');
    expect(second?.image).toEqual(Float32Array.of(6, 7, 8, 9, 10, 11));
    expect([...(second?.labels ?? [])]).toEqual([2, 0]);
  });

  it('of bytes in a safetensors file', async () => {
    const header = JSON.stringify({
      images: { dtype: 'U16', shape: [1, 1, 2], data_offsets: [0, 4] },
      labels: { dtype: 'U8', shape: [1, 1, 2], data_offsets: [4, 6] },
    });
    const file = Buffer.alloc(8 + header.length + 6);
    file.writeBigUInt64LE(BigInt(header.length), 0);
    file.write(header, 8);
    file.set([1, 2, 3, 0, 1, 0], 8 + header.length);
    const [sample] = await samplesOf(value(await open({ 'd.safetensors': file }, 'd.safetensors')));
    expect(sample?.image).toEqual(Float32Array.of(513, 3));
    expect([...(sample?.labels ?? [])]).toEqual([1, 0]);
  });

  it('in a pair of .npy files, by folder or by file', async () => {
    const files = { 'images.npy': writeNpy(images), 'labels.npy': writeNpy(labels) };
    for (const path of ['', 'images.npy']) {
      expect(await labelsOf(files, path)).toEqual([
        [0, 1],
        [2, 0],
      ]);
    }
  });

  it.each<readonly [string, Files, string, RegExp]>([
    [
      'without labels',
      { 'd.safetensors': writeSafetensors(new Map([['images', images]])) },
      'd.safetensors',
      /^unknown-dataset: .* no tensors `images` and `labels`: its tensors are images/,
    ],
    [
      'of different counts',
      {
        'images.npy': writeNpy(images),
        'labels.npy': writeNpy({ shape: [1, 1, 2], data: Float32Array.of(0, 1) }),
      },
      '',
      /^data-mismatch: .*images of \[2, 1, 2, 3\] and labels of \[1, 1, 2\] do not fit/,
    ],
    [
      'that are cut short',
      { 'images.npy': writeNpy(images).subarray(0, 140), 'labels.npy': writeNpy(labels) },
      '',
      /^bad-npy: .*images\.npy: shape/,
    ],
    [
      'with NaN',
      {
        'images.npy': writeNpy({ ...images, data: images.data.with(7, NaN) }),
        'labels.npy': writeNpy(labels),
      },
      '',
      /^data-mismatch: images\.npy#2: the value at row 0, column 0 is NaN/,
    ],
    [
      'with halves for labels',
      {
        'images.npy': writeNpy(images),
        'labels.npy': writeNpy({ ...labels, data: labels.data.with(3, 0.5) }),
      },
      '',
      /^bad-label: images\.npy#2: the label 0\.5 at row 0, column 1/,
    ],
  ])('%s are refused', async (_what, files, path, message) => {
    expect(problems(await open(files, path))[0]).toMatch(message);
  });
});

describe('the Decathlon', () => {
  // Two slices of 3 × 2 (x fastest), two modalities.
  const volume = nifti({
    shape: [3, 2, 2, 2],
    type: 'int16',
    values: [...Array(24).keys()],
    slope: 2,
    intercept: 1,
    littleEndian: false,
  });
  const labels = nifti({
    shape: [3, 2, 2],
    type: 'uint8',
    values: [0, 0, 1, 2, 0, 0, 3, 3, 0, 0, 0, 0],
  });
  const json = (
    training: unknown = [{ image: './imagesTr/A.nii.gz', label: './labelsTr/A.nii.gz' }],
  ) =>
    JSON.stringify({
      name: 'Task',
      labels: { 0: 'background', 1: 'edema', 2: 'core', 3: 'rim' },
      training,
    });
  const files = {
    'dataset.json': json(),
    'imagesTr/A.nii.gz': gzipSync(volume),
    'labelsTr/A.nii.gz': gzipSync(labels),
  };

  it('has axial slices with a channel for each modality', async () => {
    const dataset = value(await open(files));
    expect(dataset.description).toBe('2 slices of 2 × 3 (1 case of Task)');
    expect(dataset.classes).toEqual(['background', 'edema', 'core', 'rim']);
    expect(dataset.groups).toEqual(['A', 'A']);
    const [first, second] = await samplesOf(dataset);
    expect([first?.height, first?.width, first?.channels]).toEqual([2, 3, 2]);
    // Stored: 6 to 11 and 18 to 23; then twice that and one.
    expect(second?.image).toEqual(
      Float32Array.from([6, 18, 7, 19, 8, 20, 9, 21, 10, 22, 11, 23], (x) => 2 * x + 1),
    );
    expect([first, second].map((s) => [...(s?.labels ?? [])])).toEqual([
      [0, 0, 1, 2, 0, 0],
      [3, 3, 0, 0, 0, 0],
    ]);
    expect(await labelsOf(files, 'dataset.json', { merge: true })).toEqual([
      [0, 0, 1, 1, 0, 0],
      [1, 1, 0, 0, 0, 0],
    ]);
  });

  const wrongLabel = labels.slice();
  wrongLabel[wrongLabel.length - 1] = 9;
  it.each<readonly [string, Files, RegExp]>([
    ['JSON that is none', { ...files, 'dataset.json': '{' }, /^unknown-dataset: .*not valid JSON/],
    ['no training cases', { ...files, 'dataset.json': json([]) }, /`training` is empty/],
    [
      'paths that are missing',
      { ...files, 'dataset.json': json(['a']) },
      /lack `image` or `label`/,
    ],
    [
      'files that are missing',
      { 'dataset.json': json(), 'labelsTr/A.nii.gz': labels },
      /^missing-file: there is no file .*A\.nii\.gz/,
    ],
    [
      'a damaged header',
      { ...files, 'imagesTr/A.nii.gz': 'x'.repeat(400) },
      /^bad-nifti: .*imagesTr.*A\.nii\.gz: .*another kind/,
    ],
    [
      'labels of another size',
      {
        ...files,
        'labelsTr/A.nii.gz': nifti({ shape: [3, 2], type: 'uint8', values: [0, 0, 0, 0, 0, 0] }),
      },
      /^data-mismatch: .* is 3 × 2 × 2 × 2 and its labels, .*, are 3 × 2 × 1 × 1/,
    ],
    [
      'a gzip file cut short',
      { ...files, 'labelsTr/A.nii.gz': gzipSync(labels).subarray(0, -4) },
      /^bad-nifti: .*damaged or cut short/,
    ],
  ])('with %s is refused', async (_what, bad, message) => {
    expect(problems(await open(bad))[0]).toMatch(message);
  });

  it.each<readonly [string, Files, RegExp]>([
    [
      'labels outside the classes',
      { ...files, 'labelsTr/A.nii.gz': wrongLabel },
      /^bad-label: A\.nii\.gz#2: the label 9 at row 1, column 2 is none of the 4 classes/,
    ],
    [
      'a volume cut short',
      { ...files, 'imagesTr/A.nii.gz': volume.subarray(0, -1) },
      /^bad-nifti: .*A\.nii\.gz: .* cut short/,
    ],
  ])('says of %s when the slice is read', async (_what, bad, message) => {
    const dataset = value(await open(bad));
    expect(problems(await dataset.load(1))[0]).toMatch(message);
  });
});

it('refuses more names than a byte can tell apart', async () => {
  const files = { 'a.png': image, 'a_mask.png': mask };
  const names = (count: number) => Array.from({ length: count }, (_, i) => `class ${i}`);
  expect(problems(await open(files, '', { classes: names(257) }))).toEqual([
    'data-mismatch: 257 classes are named, and a dataset has 256 at most',
  ]);
  expect(value(await open(files, '', { classes: names(256) })).classes).toHaveLength(256);
});

it('says of a link to itself that it cannot be read, and passes by one in a folder', async () => {
  const folder = folderOf({ 'a.png': image, 'a_mask.png': mask });
  symlinkSync('loop', join(folder, 'loop'));
  expect(problems(await openDataset(join(folder, 'loop')))[0]).toMatch(
    /^unreadable-file: .*loop cannot be read: too many symbolic links/,
  );
  expect(value(await openDataset(folder)).count).toBe(1);
});

describe('the cache', () => {
  it('reads again what it had no room for, and nothing else', async () => {
    const read: string[] = [];
    const cache = byteCache<string>(10, (text) => text.length);
    const get = (key: string) =>
      cache(key, () => {
        read.push(key);
        return Promise.resolve({ ok: true, value: key });
      });
    for (const key of ['aaaa', 'bbbb', 'aaaa', 'cccc', 'aaaa', 'bbbb', 'x'.repeat(20), 'bbbb']) {
      expect(await get(key)).toEqual({ ok: true, value: key });
    }
    expect(read).toEqual(['aaaa', 'bbbb', 'cccc', 'bbbb', 'x'.repeat(20), 'bbbb']);
  });
});
