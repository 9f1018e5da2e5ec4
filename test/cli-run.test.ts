/** `archc run`, from an image to an image, through the engines. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Tensor } from '../src/compiler/ir.js';
import { readImage } from '../src/data/image.js';
import { readNpy, writeNpy } from '../src/data/npy.js';
import { archc, json, put, SMALL, temporaryFolder } from './helpers/cli.js';
import { png, tiff } from './helpers/image-files.js';
import { sharedData } from './helpers/shared.js';

const folder = temporaryFolder();
const here = { cwd: folder };
put(folder, 'small.arch', SMALL);

/** A grey image with a gradient and some texture. */
function picture(width: number, height: number): Uint8Array {
  const rows = Array.from({ length: height }, (_, y) => [
    0,
    ...Array.from({ length: width }, (_, x) => (3 * x + 5 * y + ((x * y) % 7)) % 256),
  ]);
  return png({ width, height, depth: 8, colourType: 0, rows: rows.flat() });
}

async function image(path: string): Promise<Tensor> {
  const read = await readImage(readFileSync(path));
  const page = read.ok ? read.value[0] : undefined;
  if (page === undefined) throw new Error(`${path} is no image`);
  return page;
}

function array(path: string): Tensor {
  const read = readNpy(readFileSync(path));
  if (!read.ok) throw new Error(`${path} is no array`);
  return read.value;
}

interface RunDocument {
  engine: { name: string; version: string };
  weights: object;
  inputs: { shape: number[] }[];
  outputs: { name: string; shape: number[]; min: number; max: number; mean: number }[];
}

describe('archc run', () => {
  it('writes an image of the size of the input, and says how it came about', async () => {
    put(folder, 'slice.png', picture(32, 48));
    const result = archc(['run', 'small.arch', '--input', 'slice.png', '-o', 'mask.png'], here);
    expect(result).toMatchObject({ code: 0, stdout: '' });
    expect(result.stderr).toMatch(
      /^ran Small on onnxruntime-node [\d.]+ in [\d.]+ s, weights \(untrained, seed 0\)\nwrote mask\.png: mask \[48, 32, 1\], minimum [\d.]+, maximum [\d.]+, mean [\d.]+\n$/,
    );
    const mask = await image(join(folder, 'mask.png'));
    expect(mask.shape).toEqual([48, 32, 1]);
    expect(new Set(mask.data).size).toBeGreaterThan(3);
  });

  it('gives the same on every engine', () => {
    put(folder, 'slice.png', picture(32, 48));
    const documents = ['onnx', 'wgsl', 'reference'].map((engine) => {
      const args = ['run', 'small.arch', '--input', 'slice.png', '-o', `${engine}.npy`];
      const result = archc([...args, '--engine', engine, '--json'], here);
      expect(result).toMatchObject({ code: 0, stderr: '' });
      return json(result) as unknown as RunDocument;
    });
    expect(documents.map((d) => d.engine.name)).toEqual(['onnxruntime-node', 'wgsl', 'reference']);
    const a = array(join(folder, 'onnx.npy'));
    expect(a.shape).toEqual([48, 32, 1]);
    for (const other of ['wgsl', 'reference']) {
      const b = array(join(folder, `${other}.npy`));
      expect(b.shape).toEqual(a.shape);
      a.data.forEach((value, i) => expect(value).toBeCloseTo(b.data[i] ?? Number.NaN, 5));
    }
    const [output] = documents[0]?.outputs ?? [];
    expect(output?.min).toBe(Math.min(...a.data));
    expect(output?.max).toBe(Math.max(...a.data));
    expect(output?.mean).toBeCloseTo(a.data.reduce((s, v) => s + v, 0) / a.data.length, 6);
    expect(documents[0]).toMatchObject({ weights: { seed: 0 }, inputs: [{ shape: [48, 32, 1] }] });
  });

  it('takes arrays, several inputs and outputs by name, and colour', async () => {
    put(
      folder,
      'two.arch',
      'model Two() {\n  input left: f32[H = 4, W = 4, 1]\n  input right: f32[H, W, 1]\n' +
        '  output sum = left + right\n  output all = concat(left, right, left)\n}\n',
    );
    const values = Float32Array.from({ length: 6 }, (_, i) => i / 10);
    put(folder, 'left.npy', writeNpy({ shape: [2, 3], data: values }));
    put(folder, 'right.npy', writeNpy({ shape: [1, 2, 3, 1], data: values }));
    const args = [
      ...['run', 'two.arch', '--input', 'left=left.npy', '--input', 'right=right.npy'],
      ...['-o', 'sum=sum.npy', '-o', 'all=all.png'],
    ];
    expect(archc(args, here).code).toBe(0);
    const sum = array(join(folder, 'sum.npy'));
    expect(sum.shape).toEqual([2, 3, 1]);
    values.forEach((value, i) => expect(sum.data[i]).toBeCloseTo(2 * value, 6));
    expect((await image(join(folder, 'all.png'))).shape).toEqual([2, 3, 3]);
    // Again: what is there is of the same kind.
    expect(archc(args, here).code).toBe(0);
  });

  it('lays a mask over the first input, in whatever order they are named', () => {
    const values = (value: number) => new Float32Array(16).fill(value);
    put(folder, 'dark.npy', writeNpy({ shape: [4, 4], data: values(0.1) }));
    put(folder, 'light.npy', writeNpy({ shape: [4, 4], data: values(0.9) }));
    const [left, right] = [
      ['--input', 'left=dark.npy'],
      ['--input', 'right=light.npy'],
    ] as const;
    const made = [
      [...left, ...right],
      [...right, ...left],
    ].map((inputs, i) => {
      const args = ['run', 'two.arch', ...inputs, '--engine', 'reference', '--overlay'];
      const result = archc([...args, '-o', `sum=over${i}.png`], here);
      expect(result.code, result.stderr).toBe(0);
      return readFileSync(join(folder, `over${i}.png`));
    });
    expect(made[1]).toEqual(made[0]);
  });

  it('says where an image cannot show the values', () => {
    put(
      folder,
      'wide.arch',
      'model Wide() {\n  input x: f32[H = 2, W = 2, 1]\n  output y = x * 4 - 1\n}\n',
    );
    put(folder, 'x.npy', writeNpy({ shape: [1, 2, 1], data: Float32Array.of(0, 1) }));
    const result = archc(['run', 'wide.arch', '--input', 'x.npy', '-o', 'y.png'], here);
    expect(result.code).toBe(0);
    expect(result.stderr).toContain('warning[output-range]: `y` runs from -1 to 3');
    const array = archc(['run', 'wide.arch', '--input', 'x.npy', '-o', 'y.npy'], here);
    expect(array.stderr).not.toContain('warning');
  });

  it('takes the pages of a TIFF as a batch, or one of them', async () => {
    const page = (value: number): Parameters<typeof tiff>[0][number] => ({
      tags: { 256: [2], 257: [2], 258: [8], 259: [1], 262: [1], 277: [1], 278: [2] },
      parts: [Uint8Array.of(value, value, value, value)],
    });
    put(folder, 'stack.tif', tiff([page(0), page(255)]));
    const run = (...args: string[]): ReturnType<typeof archc> =>
      archc(['run', 'small.arch', '--input', 'stack.tif', ...args], here);
    expect(run('-o', 'stack.npy').code).toBe(0);
    expect(array(join(folder, 'stack.npy')).shape).toEqual([2, 2, 2, 1]);
    expect(run('-o', 'stack.png')).toMatchObject({ code: 2 });
    expect(run('-o', 'stack.png').stderr).toContain('there are 2 images, and a PNG holds one');
    expect(run('-o', 'page.npy', '--page', '2').code).toBe(0);
    const [both, second] = ['stack.npy', 'page.npy'].map((name) => array(join(folder, name)));
    expect(second?.shape).toEqual([2, 2, 1]);
    expect([...(second?.data ?? [])]).toEqual([...(both?.data.subarray(4) ?? [])]);
    expect((await image(put(folder, 'still.tif', tiff([page(0)])))).shape).toEqual([2, 2, 1]);
  });

  it('uses weights from a file', () => {
    put(folder, 'one.arch', 'model One() {\n  input x: f32[1]\n  output y = x -> dense(1)\n}\n');
    const header = Buffer.from(
      JSON.stringify({
        'y.dense.weight': { dtype: 'F32', shape: [1, 1], data_offsets: [0, 4] },
        'y.dense.bias': { dtype: 'F32', shape: [1], data_offsets: [4, 8] },
      }),
    );
    const file = Buffer.alloc(8 + header.length + 8);
    file.writeUInt32LE(header.length, 0);
    header.copy(file, 8);
    file.writeFloatLE(3, 8 + header.length);
    file.writeFloatLE(0.5, 12 + header.length);
    put(folder, 'one.safetensors', file);
    put(folder, 'one.npy', writeNpy({ shape: [1], data: Float32Array.of(2) }));
    const args = ['run', 'one.arch', '--input', 'one.npy', '-o', 'out.npy', '--json'];
    const result = archc([...args, '--weights', 'one.safetensors'], here);
    expect(json(result)).toMatchObject({ weights: { file: 'one.safetensors' } });
    expect([...array(join(folder, 'out.npy')).data]).toEqual([6.5]);
  });

  it('leaves nothing else behind', () => {
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    expect(existsSync(join(folder, 'small.onnx'))).toBe(false);
  });
});

describe('SD-UNet', () => {
  it('runs at full width', async () => {
    put(folder, 'tile.png', picture(64, 64));
    const args = ['run', 'models/sdunet.arch', '--input', join(folder, 'tile.png')];
    const result = archc([...args, '-o', join(folder, 'tile-mask.png'), '--json']);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    const [output] = (json(result) as unknown as RunDocument).outputs;
    expect(output).toMatchObject({ name: 'mask', shape: [64, 64, 1] });
    expect(output?.min).toBeGreaterThanOrEqual(0);
    expect(output?.max).toBeLessThanOrEqual(1.000_001);
    expect((await image(join(folder, 'tile-mask.png'))).shape).toEqual([64, 64, 1]);
  });

  const slice = sharedData('isbi-em', 'image', '00.png');
  it.skipIf(slice === undefined)('runs on a slice of the ISBI stack', async () => {
    const args = ['run', 'models/sdunet.arch', '--set', 'width=4', '--input', slice ?? ''];
    const result = archc([...args, '-o', join(folder, 'em-mask.png')]);
    expect(result.code).toBe(0);
    expect(result.stderr).toContain('wrote');
    expect(result.stderr).toContain('[512, 512, 1]');
    expect((await image(join(folder, 'em-mask.png'))).shape).toEqual([512, 512, 1]);
  });

  const stack = sharedData('isbi-em', 'train-volume-00-03.tif');
  it.skipIf(stack === undefined)('runs on pages of the ISBI stack', () => {
    const args = ['run', 'models/sdunet.arch', '--set', 'width=4', '--input', stack ?? ''];
    const out = join(folder, 'em.npy');
    expect(archc([...args, '-o', out, '--page', '4']).code).toBe(0);
    expect(array(out).shape).toEqual([512, 512, 1]);
  });
});
