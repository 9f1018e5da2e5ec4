/** NIfTI volumes: made on the spot, and real ones against a second reading of their bytes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { niftiSlice, readNifti, readNiftiHeader } from '../src/data/nifti.js';
import { nifti, problems, value, type NiftiParts } from './helpers/datasets.js';
import { sharedData } from './helpers/shared.js';

const small: NiftiParts = { shape: [2, 3, 2], type: 'int16', values: [...Array(12).keys()] };

describe('readNifti', () => {
  const kinds = [1, 2].flatMap((version) =>
    [true, false].map(
      (littleEndian) => ({ version: version === 1 ? 1 : 2, littleEndian }) as const,
    ),
  );
  it.each(kinds)('reads version $version, little-endian $littleEndian', async (kind) => {
    for (const pack of [(b: Uint8Array) => b, gzipSync]) {
      const volume = value(await readNifti(pack(nifti({ ...small, ...kind, gap: 68 }))));
      expect(volume.shape).toEqual([2, 3, 2, 1]);
      expect([...niftiSlice(volume, 1)]).toEqual([6, 7, 8, 9, 10, 11]);
    }
  });

  it('applies slope and intercept, unless the slope is 0 or no number', async () => {
    const read = async (parts: Partial<NiftiParts>): Promise<number[]> => [
      ...niftiSlice(value(await readNifti(nifti({ ...small, ...parts }))), 0),
    ];
    expect(await read({ slope: 0.5, intercept: -1 })).toEqual([-1, -0.5, 0, 0.5, 1, 1.5]);
    expect(await read({ slope: 0, intercept: 7 })).toEqual([0, 1, 2, 3, 4, 5]);
    expect(await read({ slope: NaN, intercept: 7 })).toEqual([0, 1, 2, 3, 4, 5]);
    expect(await read({ slope: 2, intercept: NaN })).toEqual([0, 2, 4, 6, 8, 10]);
  });

  it.each([
    ['uint8', [0, 255]],
    ['int8', [-128, 127]],
    ['int16', [-32768, 32767]],
    ['uint16', [0, 65535]],
    ['int32', [-(2 ** 31), 5]],
    ['uint32', [0, 2 ** 31]],
    ['float32', [-1.5, 1e30]],
    ['float64', [0.5, -2]],
  ] as const)('reads %s', async (type, values) => {
    for (const littleEndian of [true, false]) {
      const volume = value(
        await readNifti(nifti({ shape: [2, 1], type, values: [...values], littleEndian })),
      );
      expect([...niftiSlice(volume, 0)]).toEqual(values.map(Math.fround));
    }
  });

  it('makes channels of the fourth axis', async () => {
    const parts = { ...small, shape: [1, 2, 2, 3] };
    const volume = value(await readNifti(nifti(parts)));
    // Voxel (0, y, z) of volume t is y + 2 z + 4 t.
    expect([...niftiSlice(volume, 1)]).toEqual([2, 6, 10, 3, 7, 11]);
  });

  const whole = nifti(small);
  const patched = (at: number, bytes: readonly number[]): Uint8Array => {
    const copy = whole.slice();
    copy.set(bytes, at);
    return copy;
  };
  it.each([
    ['nothing', new Uint8Array(), /the file is empty/],
    ['text', new TextEncoder().encode('x'.repeat(600)), /another kind/],
    ['a header cut short', whole.subarray(0, 300), /cut short within its header/],
    ['data cut short', whole.subarray(0, -1), /2 × 3 × 2 × 1 voxels take 24 bytes from byte 352/],
    ['a gzip file cut short', gzipSync(whole).subarray(0, -12), /compressed data is damaged/],
    ['a gzip start alone', gzipSync(whole).subarray(0, 15), /compressed data is damaged/],
    ['no gzip', Uint8Array.of(0x1f, 0x8b, 1, 2, 3), /compressed data is damaged/],
    ['an axis of 0', patched(42, [0, 0]), /claims 3 axes of sizes 0, 3, 2/],
    ['nine axes', patched(40, [9, 0]), /claims 9 axes/],
    ['colours', nifti({ ...small, type: 'rgb' }), /voxels are RGB colours/],
    ['an unknown type', patched(70, [99, 0]), /voxels are of type 99/],
    ['a pair', patched(344, [0x6e, 0x69, 0x31]), /\.hdr and \.img/],
    ['a huge volume', patched(42, [0xff, 0x7f, 0xff, 0x7f, 0xff, 0x7f]), /above the limit/],
    ['data within the header', patched(108, [0, 0, 0, 0x42]), /starts at byte 32/],
    ['five axes', nifti({ ...small, shape: [1, 2, 1, 1, 6] }), /more than four axes/],
  ])('refuses %s', async (_what, bytes, message) => {
    const [problem] = problems(await readNifti(bytes));
    expect(problem).toMatch(/^bad-nifti: /);
    expect(problem).toMatch(message);
  });

  it('checks the checksum of a gzip file', async () => {
    const packed = gzipSync(whole);
    packed.writeUInt32LE(1, packed.length - 8);
    expect(problems(await readNifti(packed))[0]).toMatch(/damaged/);
  });

  it('reads a header out of the start of a large file', async () => {
    const noise = Array.from({ length: 40_000 }, (_, i) => ((i * 7919) % 65_521) - 30_000);
    const packed = gzipSync(nifti({ shape: [200, 200], type: 'int16', values: noise }));
    const header = value(await readNiftiHeader(packed.subarray(0, 4096)));
    expect(header.shape).toEqual([200, 200, 1, 1]);
  });

  it('never reads a file that is cut short, and never throws', async () => {
    for (let length = 0; length < whole.length; length += 5) {
      expect((await readNifti(whole.subarray(0, length))).ok).toBe(false);
    }
    for (let at = 0; at < 348; at++) {
      await readNifti(patched(at, [0xff]));
      await readNifti(patched(at, [0x80]));
    }
  });
});

const real = sharedData('nifti');
describe.skipIf(real === undefined)('real NIfTI volumes (skipped where they are absent)', () => {
  const patient = 'brats_2013_pat0006_1/';
  /** File, shape, bytes of a voxel, order, least and greatest value, as their documentation has them. */
  const files = [
    ['nibabel-example4d.nii.gz', [128, 96, 24, 2], 'i2', true, 0, 1162],
    ['nibabel-anatomical.nii', [33, 41, 25, 1], 'i2', false, -610, 30393],
    ['nibabel-functional.nii', [17, 21, 3, 20], 'i2', true, 629.83, 5571.62],
    ['nibabel-example_nifti2.nii.gz', [32, 20, 12, 2], 'i2', true, 46, 757],
    ['mni-someones_anatomy.nii.gz', [57, 67, 56, 1], 'u1', true, 6.68, 96.56],
    [`${patient}Flair_subtrMeanDivStd.nii.gz`, [240, 240, 155, 1], 'f4', true, -3.799, 4.891],
    [`${patient}T1c_subtrMeanDivStd.nii.gz`, [240, 240, 155, 1], 'f4', true, -5.614, 12.992],
    [`${patient}OTMultiClass.nii.gz`, [240, 240, 155, 1], 'f4', true, 0, 4],
    [`${patient}brainmask.nii.gz`, [240, 240, 155, 1], 'i4', true, 0, 1],
  ] as const;

  it.each(files)('%s', async (name, shape, type, littleEndian, least, greatest) => {
    const stored = readFileSync(join(real ?? '', name));
    const volume = value(await readNifti(stored));
    expect(volume.shape).toEqual(shape);
    expect(volume.littleEndian).toBe(littleEndian);

    // The same again from nothing but the published offsets of the header.
    const bytes = name.endsWith('.gz') ? gunzipSync(stored) : stored;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const isSecond = view.getInt32(0, littleEndian) === 540;
    const start = isSecond
      ? Number(view.getBigInt64(168, littleEndian))
      : view.getFloat32(108, littleEndian);
    const slope = isSecond
      ? view.getFloat64(176, littleEndian)
      : view.getFloat32(112, littleEndian);
    const intercept = isSecond
      ? view.getFloat64(184, littleEndian)
      : view.getFloat32(116, littleEndian);
    const isScaled = slope !== 0 && !Number.isNaN(slope);
    const read = {
      u1: (at: number) => view.getUint8(start + at),
      i2: (at: number) => view.getInt16(start + 2 * at, littleEndian),
      i4: (at: number) => view.getInt32(start + 4 * at, littleEndian),
      f4: (at: number) => view.getFloat32(start + 4 * at, littleEndian),
    }[type];

    const [nx, ny, nz, nt] = shape;
    let [low, high, wrong] = [Infinity, -Infinity, 0];
    for (let z = 0; z < nz; z++) {
      const slice = niftiSlice(volume, z);
      for (let at = 0; at < slice.length; at++) {
        const got = slice[at] ?? NaN;
        const voxel = (at % nt) * nx * ny * nz + z * nx * ny + Math.floor(at / nt);
        const raw = read(voxel);
        if (got !== Math.fround(isScaled ? raw * slope + intercept : raw)) wrong++;
        low = Math.min(low, got);
        high = Math.max(high, got);
      }
    }
    expect(wrong).toBe(0);
    expect(low).toBeCloseTo(least, 2);
    expect(high).toBeCloseTo(greatest, 2);
  });
});
