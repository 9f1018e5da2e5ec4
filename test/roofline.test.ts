/** The roofline estimate by hand, devices as files, and claims on time and memory. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readDevice, type Device } from '../src/compiler/device.js';
import { roofline } from '../src/compiler/roofline.js';
import { checkText, explain, modelOf } from './helpers/check.js';
import { ROOT } from './helpers/cli.js';

const device: Device = {
  name: 'test',
  peakFlops: 1e6,
  memoryBandwidth: 1e5,
  memoryBytes: 3000,
};

const NET = `model Net() {
  input x: f32[4, 4, 8]
  output y = x -> dwconv(1, ws) -> relu -> conv(16, k = 1) -> dropout(0.5)
}
`;

const graph = modelOf(NET).staticGraph;
if (graph === undefined) throw new Error('no graph');

describe('the roofline estimate', () => {
  test('of a small net, by hand', () => {
    const found = roofline(graph, device);
    // 16 pixels of 8 channels are 512 bytes; kernels of 8 and 128 elements, biases of 8 and 16.
    const dwconv = { flops: 2 * 128 + 128, bytes: 512 + 512 + 4 * (8 + 8) };
    const relu = { flops: 128, bytes: 1024 };
    const conv = { flops: 2 * 2048 + 256, bytes: 512 + 1024 + 4 * (128 + 16) };
    const seconds = [dwconv.bytes / 1e5, relu.bytes / 1e5, conv.bytes / 1e5];
    const total = seconds.reduce((sum, s) => sum + s, 0);
    expect(found.layers).toMatchObject([
      { path: 'y.dwconv', ...dwconv, seconds: seconds[0], bound: 'memory', output: [4, 4, 8] },
      { path: 'y.relu', ...relu, seconds: seconds[1], bound: 'memory' },
      { path: 'y.conv', ...conv, seconds: seconds[2], bound: 'memory', source: 'test.arch:3:44' },
    ]);
    expect(found.seconds).toBeCloseTo(total, 15);
    expect(found.layers.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 12);
    // Of the source, weights are 8 + 8 + 128 + 16 elements; conv's operand and result are alive.
    expect(found).toMatchObject({ neededBytes: 4 * 160 + 1536, fits: true, fitsAtBest: true });
  });

  test('of attention, whose parts move what lies between them', () => {
    const found = modelOf('model T() {\n  input x: f32[8, 4]\n  output y = x -> attention(2)\n}\n');
    if (found.staticGraph === undefined) throw new Error('no graph');
    const { layers, neededBytes } = roofline(found.staticGraph, device);
    // 32 elements of an image, 128 of the scores of two heads, 20 of the weights of a dense layer.
    const dense = 32 + 32 + 20;
    const heads = 3 * (64 + 64);
    const scores = 32 + 32 + 128 + (128 + 128) + (128 + 32 + 32);
    const bytes = 4 * (4 * dense + (32 + 1 + 32) + heads + scores + 2 * 64);
    expect(layers).toMatchObject([{ path: 'y.attention', op: 'attention', bytes, output: [8, 4] }]);
    // Scores before and after the softmax, and the values that they are to weigh.
    expect(neededBytes).toBe(4 * (4 * 20 + 128 + 128 + 32));
  });

  test('is bound by compute where that takes longer', () => {
    const found = roofline(graph, { ...device, peakFlops: 1e4, memoryBytes: 2000 });
    expect(found.layers.map(({ bound }) => bound)).toEqual(['compute', 'compute', 'compute']);
    expect(found.seconds).toBeCloseTo((384 + 128 + 4352) / 1e4, 12);
    expect(found.computeSeconds).toBe(found.seconds);
    expect(found.memorySeconds).toBe(0);
    expect(found.fits).toBe(false);
  });
});

describe('a device as a file', () => {
  const read = (fields: unknown): string | Device => {
    const text = typeof fields === 'string' ? fields : JSON.stringify(fields);
    const found = readDevice({ path: 'd.json', text });
    if (found.ok) return found.value;
    return found.diagnostics
      .map(({ code, message, hints }) => [code, message, ...hints].join(' | '))
      .join('\n');
  };

  test('each example of devices/ is one, and says where its figures come from', () => {
    const names = readdirSync(join(ROOT, 'devices'));
    expect(names.length).toBeGreaterThanOrEqual(3);
    for (const name of names) {
      const found = readDevice({
        path: name,
        text: readFileSync(join(ROOT, 'devices', name), 'utf8'),
      });
      expect(found, name).toMatchObject({ ok: true });
      expect(found.ok && found.value.source).toMatch(/measured|specifications/);
    }
  });

  test('is read whole, or not at all', () => {
    expect(read({ ...device, notes: 'n' })).toEqual({ ...device, notes: 'n' });
  });

  test.each<readonly [unknown, string]>([
    ['{', 'bad-device | d.json: it is not JSON'],
    ['[]', 'bad-device | d.json: it is not a JSON object but a list'],
    ['null', 'bad-device | d.json: it is not a JSON object but null'],
    [{ ...device, name: undefined }, '`name` is missing'],
    [{ ...device, name: 3 }, '`name` is 3 | it is a text'],
    [
      { ...device, peakFlops: undefined },
      '`peakFlops` is missing | it is a number of operations a second',
    ],
    [{ ...device, peakFlops: -1 }, '`peakFlops` is -1'],
    [{ ...device, memoryBandwidth: 0 }, '`memoryBandwidth` is 0'],
    [{ ...device, memoryBytes: '2GB' }, '`memoryBytes` is "2GB"'],
    [{ ...device, memoryBytes: 1e30 }, '`memoryBytes` is 1e+30'],
    ['{"name": "n", "peakFlops": 1e999, "memoryBandwidth": 1, "memoryBytes": 1}', '`peakFlops` is'],
    [
      { ...device, memoryBandwith: 1 },
      'there is no field `memoryBandwith` | did you mean `memoryBandwidth`?',
    ],
    [{ ...device, notes: {} }, '`notes` is an object'],
  ])('%j', (fields, expected) => {
    expect(read(fields)).toContain(expected);
  });

  test('says all that is wrong at once', () => {
    const found = readDevice({ path: 'd.json', text: '{}' });
    expect(found.ok || found.diagnostics.length).toBe(4);
  });

  test('never throws', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => typeof read(text) === 'string'),
    );
  });
});

describe('claims', () => {
  const claiming = (claim: string): string => NET.replace('}\n', `  expect ${claim}\n}\n`);
  const said = (claim: string, options = {}): string =>
    explain(checkText(claiming(claim), {}, options));

  test('on memory need no device', () => {
    expect(said('best_memory == 1536 and peak_memory == 1536')).toBe('');
    // Weights, gradients, two moments; x, what relu and conv keep, the mask, and the output; the
    // standardised kernel, what is shifted, and 8 deviations.
    const saved = 512 + 512 + 256 + 1024;
    expect(said(`saved_memory == ${saved}`)).toBe('');
    expect(said(`training_memory == 16 * params + saved_memory + ${32 + 32 + 32}`)).toBe('');
    expect(said('best_memory < 1000')).toContain(
      'expectation-failed expected best_memory < 1000, but best_memory is 1,536',
    );
  });

  test('on latency are held against the device, in seconds', () => {
    const options = { device };
    const { seconds } = roofline(graph, device);
    expect(said('latency <= 50ms', options)).toBe('');
    expect(said(`latency > ${Math.floor(seconds * 1e6) - 1}us`, options)).toBe('');
    expect(said('latency <= 1ms', options)).toMatch(
      /expected latency <= 1ms, but latency is 0\.04/,
    );
    expect(said('1000ms == 1 and 50ms == 0.05 and 7us == 7e-6')).toBe('');
  });

  test('on latency are not checked without a device, and a warning says so', () => {
    const checked = checkText(claiming('latency <= 1ms'));
    expect(explain(checked)).toMatch(
      /^4: device-needed this claim is not checked: `latency` needs a device/,
    );
    expect(checked.valid).toBe(true);
    expect(checked.models[0]?.claimResults).toMatchObject([{ holds: undefined }]);
  });

  test('know the figures of another model', () => {
    const two = `${NET}model Half = Net()\nmodel Other() {\n  input x: f32[4, 4, 8]\n  output y = x -> relu\n  expect latency < Net.latency and best_memory <= Net.best_memory\n}\n`;
    expect(explain(checkText(two, {}, { device }))).toBe('');
  });
});
