/** `stats --memory` and `--device`, and `check --device`, as a user runs them. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { archc, codesOf, json, put, temporaryFolder } from './helpers/cli.js';

const folder = temporaryFolder();
const NET = `model Net(width: int = 8) {
  input x: f32[H = 16, W = 16, 1] where H % 2 == 0, W % 2 == 0
  a = x -> conv(width) -> batchnorm -> relu
  output y = a -> maxpool(2) -> upsample(2) -> dwconv(ws) -> concat(a) -> conv(1)
  expect latency <= 1ms
}
`;
const net = put(folder, 'net.arch', NET);
const device = put(
  folder,
  'device.json',
  '{ "name": "D", "peakFlops": 1e9, "memoryBandwidth": 1e9, "memoryBytes": 1000000 }',
);

interface Model {
  readonly memory: {
    readonly given: { readonly peak: { readonly bytes: number }; readonly timeline: unknown[] };
    readonly best: { readonly isOptimal: boolean; readonly peak: { readonly bytes: number } };
    readonly training: {
      readonly savedBytesPerImage: number;
      readonly totals: readonly { readonly batch: number; readonly bytes: number }[];
    };
    readonly sizes: {
      readonly payload: { readonly f32: number };
      readonly files: Readonly<Record<string, number | undefined>>;
      readonly unwritable: readonly { readonly target: string; readonly reason: string }[];
    };
  };
  readonly estimate: { readonly seconds: number; readonly layers: readonly unknown[] };
  readonly peakActivationBytes: number;
  readonly weightBytes: number;
}

/** Of a file, or of all files in a folder. */
function bytesIn(path: string): number {
  const found = statSync(path);
  if (found.isFile()) return found.size;
  return readdirSync(path).reduce((sum, name) => sum + bytesIn(join(path, name)), 0);
}

function modelOf(args: readonly string[]): Model {
  const { models } = json(archc(args)) as unknown as { readonly models: readonly Model[] };
  const [model] = models;
  if (model === undefined) throw new Error('no model');
  return model;
}

describe('stats --memory', () => {
  test('says why 23× is not like for like', () => {
    const { stdout, code } = archc([
      ...['stats', 'models/unet.arch', 'models/sdunet.arch', '--memory', '--batch', '8'],
      ...['--size', '64x64'],
    ]);
    expect(code).toBe(0);
    expect(stdout).toContain(
      "UNet with Adam's moments (372.38 MB) against SDUNet without (15.74 MB) is 23.7×; " +
        'weights against weights is 7.9×',
    );
    expect(stdout).toMatch(/proven the lowest +yes +yes/);
    expect(stdout.match(/^UNet +8 /gm)).toHaveLength(1);
  });

  test('in JSON; the size of its files is that of what is written', () => {
    const { memory, ...model } = modelOf(['stats', net, '--memory', '--json', '--batch', '3']);
    for (const target of ['onnx', 'tfjs', 'wgsl']) {
      const output = join(folder, `net.${target}`);
      expect(archc(['compile', net, '--target', target, '-o', output]).code).toBe(0);
      expect(memory.sizes.files[target], target).toBe(bytesIn(output));
    }
    expect(memory.sizes.payload.f32).toBe(model.weightBytes);
    expect(memory.given.peak.bytes).toBe(model.peakActivationBytes);
    expect(memory.best).toMatchObject({ isOptimal: true });
    expect(memory.training.totals.map(({ batch }) => batch)).toEqual([3, 3, 3]);
  });

  test('names targets that a model cannot be written for, in place of a size', () => {
    const wide = put(
      folder,
      'wide.arch',
      'model Wide() {\n  input x: f32[128, 128, 16]\n' +
        '  output y = x -> reshape([-1, 16]) -> attention(4)\n}\n',
    );
    const { sizes } = modelOf(['stats', wide, '--memory', '--json']).memory;
    expect(sizes.files).not.toHaveProperty('wgsl');
    expect(sizes.files).toHaveProperty('onnx');
    expect(sizes.unwritable).toMatchObject([{ target: 'wgsl' }]);
    const { stdout } = archc(['stats', wide, '--memory']);
    expect(stdout).not.toContain('files for wgsl (');
    expect(stdout).toContain('Wide has no files for wgsl: `y.attention` takes');
  });

  test('in CSV and Markdown', () => {
    const [header = '', row = ''] = archc([
      'stats',
      net,
      '--memory',
      '--format',
      'csv',
    ]).stdout.split('\n');
    expect(header).toContain('best_peak_activation_bytes,best_is_optimal,saved_bytes_per_image');
    expect(row.split(',')).toHaveLength(header.split(',').length);
    const markdown = archc(['stats', net, '--memory', '--device', device, '--format', 'markdown']);
    expect(markdown.stdout).toContain('### Sizes of weights and files, exact');
    expect(markdown.stdout).toContain('### ESTIMATE for one image on D, by the roofline model');
    expect(markdown.stderr).toBe('');
  });

  test('takes batches that are whole and not absurd, and CSV of one table', () => {
    expect(codesOf(archc(['stats', net, '--json', '--batch', '0']))).toEqual(['wrong-option']);
    expect(codesOf(archc(['stats', net, '--json', '--batch', '9999999']))).toEqual([
      'wrong-option',
    ]);
    const both = archc(['stats', net, '--memory', '--per-layer', '--format', 'csv']);
    expect([both.code, both.stdout]).toEqual([2, '']);
    expect(both.stderr).toContain('CSV is one table');
  });
});

describe('--device', () => {
  test('estimates, in JSON and CSV', () => {
    const { estimate } = modelOf(['stats', net, '--device', device, '--json']);
    expect(estimate.seconds).toBeGreaterThan(0);
    const csv = archc(['stats', net, '--device', device, '--format', 'csv'])
      .stdout.trim()
      .split('\n');
    expect(csv[0]).toContain('estimated_seconds');
    expect(csv).toHaveLength(1 + estimate.layers.length);
  });

  test('lets check hold claims on latency, which are not checked without it', () => {
    expect(archc(['check', net, '--device', device])).toMatchObject({
      code: 0,
      stdout: `${net}: ok, 1 model, 1 expectation holds\n`,
    });
    const slow = put(
      folder,
      'slow.json',
      '{ "name": "S", "peakFlops": 1e6, "memoryBandwidth": 1e6, "memoryBytes": 1 }',
    );
    expect(codesOf(archc(['check', net, '--device', slow, '--json']))).toEqual([
      'expectation-failed',
    ]);
    expect(archc(['stats', net, '--device', slow])).toMatchObject({ code: 1, stdout: '' });
    const without = archc(['check', net]);
    expect(without).toMatchObject({ code: 0, stdout: `${net}: ok, 1 model, 1 not checked\n` });
    expect(without.stderr).toContain('warning[device-needed]');
  });

  test('a file that is none, is missing or describes no device ends the command with nothing printed', () => {
    const wrong = put(
      folder,
      'wrong.json',
      '{ "name": "W", "peakFlops": -1, "memoryBandwith": 1, "memoryBytes": 1 }',
    );
    const result = archc(['stats', net, '--device', wrong]);
    expect([result.code, result.stdout]).toEqual([3, '']);
    for (const part of [
      wrong,
      '`peakFlops` is -1',
      'did you mean `memoryBandwidth`?',
      '`memoryBandwidth` is missing',
    ]) {
      expect(result.stderr).toContain(part);
    }
    expect(
      codesOf(archc(['stats', net, '--device', join(folder, 'devise.json'), '--json'])),
    ).toEqual(['missing-file']);
    expect(codesOf(archc(['check', net, '--device', net, '--json']))).toEqual(['bad-device']);
    expect(codesOf(archc(['check', net, '--device', folder, '--json']))).toEqual(['not-a-file']);
    const binary = archc(['check', net, '--device', put(folder, 'b.json', '\0'), '--json']);
    expect(binary.code).toBe(3);
    expect(codesOf(binary)).toEqual(['bad-device']);
  });
});
