/** `archc bench`, from files to a table, a document and a chart. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { archc, codesOf, json, put, SMALL, temporaryFolder } from './helpers/cli.js';
import { pictureOf } from './helpers/svg.js';

const folder = temporaryFolder();
const here = { cwd: folder };
put(folder, 'small.arch', SMALL);
put(
  folder,
  'wide.arch',
  SMALL.replace('model Small(width: int = 4)', 'model Wide(width: int = 8)'),
);
put(folder, 'wrong.arch', 'model Wrong() {');

interface BenchDocument {
  models: { name: string; macs: number }[];
  engines: { engine: string; adapter?: Record<string, string> }[];
  missing: { engine: string; code: string }[];
  results: {
    model: string;
    engine: string;
    ok: boolean;
    milliseconds: { min: number; median: number };
    gmacPerSecond: number;
    ratioToFirstModel: number;
    ratioToFirstEngine: number;
  }[];
}

/** Vulkan without a driver. */
const blind = { ...here, env: { VK_ICD_FILENAMES: join(folder, 'none.json') } };

describe('archc bench', () => {
  it('compares models and engines, and draws them', () => {
    const args = ['bench', 'small.arch', 'wide.arch', '--runs', '3', '-o', 'times.svg'];
    const result = archc(args, here);
    expect(result.code).toBe(0);
    expect(result.stdout).toMatch(/^Latency of one image in ms: 3 runs each in turns/);
    for (const row of [
      /^Small +onnx .* [\d.]+\n/m,
      /^Wide +wgsl .*(faster|slower|same).*(faster|slower|same)/m,
    ]) {
      expect(result.stdout).toMatch(row);
    }
    expect(result.stdout).toMatch(/^wgsl: .*vendor \w+, architecture \w+,.*description \w+/m);
    expect(result.stdout).not.toContain('reference');
    const { rects, texts } = pictureOf(readFileSync(join(folder, 'times.svg'), 'utf8'));
    expect(rects.filter(({ classes }) => classes.includes('bar'))).toHaveLength(6);
    expect(texts.map(({ element }) => element.text)).toContain('Wide · wgsl');
  });

  it('prints a document whose ratios are those of the medians', () => {
    const args = ['bench', 'small.arch', 'wide.arch', '--runs', '2', '--json'];
    const result = archc([...args, '--engine', 'reference', '--engine', 'onnx'], here);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    const document = json(result) as unknown as BenchDocument;
    expect(document.models.map(({ name, macs }) => [name, macs])).toEqual([
      ['Small', 18_432],
      ['Wide', 36_864],
    ]);
    const medians = document.results.map(({ milliseconds }) => milliseconds.median);
    const [a = 0, b = 0, c = 0, d = 0] = medians;
    expect(document.results.map((r) => r.ratioToFirstModel)).toEqual([1, b / a, 1, d / c]);
    expect(document.results.map((r) => r.ratioToFirstEngine)).toEqual([1, 1, c / a, d / b]);
    expect(document.results[1]?.gmacPerSecond).toBeCloseTo(36_864 / (b * 1e6), 12);
  });

  it('leaves out what is not there, unless it is asked for', () => {
    const usual = archc(['bench', 'small.arch', '--runs', '1'], blind);
    expect(usual.code).toBe(0);
    expect(usual.stderr).toMatch(/^without wgsl: WebGPU found no GPU.*install the GPU's driver/m);
    expect(usual.stdout).toMatch(/^Small +onnx/m);
    const asked = ['bench', 'small.arch', '--runs', '1', '--engine', 'wgsl', '--engine', 'onnx'];
    const partly = archc(asked, blind);
    expect(partly.code).toBe(3);
    expect(partly.stdout).toMatch(/^Small +onnx/m);
    expect(partly.stderr).toContain('[engine-missing]');
    const document = archc([...asked, '--json'], blind);
    expect(document.code).toBe(3);
    expect(json(document)).toMatchObject({
      missing: [{ engine: 'wgsl', code: 'engine-missing' }],
      results: [{ engine: 'onnx', ok: true }],
    });
    const none = archc(['bench', 'small.arch', '--engine', 'wgsl', '--json'], blind);
    expect([none.code, codesOf(none)]).toEqual([3, ['engine-missing']]);
  });

  it('times kernels, and says where two models depart from their MACs', () => {
    const args = ['bench', 'small.arch', 'wide.arch', '--profile', '--runs', '2', '-o', 'k.svg'];
    const result = archc(args, here);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.stdout).toMatch(/^ *ms +share +GFLOP\/s +GB\/s +label +operator +source$/m);
    expect(result.stdout).toMatch(/%.* conv \+ relu +small\.arch:3:\d+$/m);
    expect(result.stdout).toContain('Wide beside Small: 2.00 of the MACs');
    expect(result.stdout).toMatch(/^adapter: vendor \w+/m);
    expect(readFileSync(join(folder, 'k.svg'), 'utf8')).toContain('Small: mask.conv_1');
    const one = json(archc(['bench', 'small.arch', '--profile', '--runs', '1', '--json'], here));
    expect(one).toMatchObject({
      profiles: [{ name: 'Small', macs: 18_432 }],
      departures: [],
    });
  });

  it.each([
    [['small.arch', '--engine', 'cuda'], 2, 'wrong-option'],
    [['small.arch', '--runs', '0'], 2, 'wrong-option'],
    [['small.arch', '--profile', '--engine', 'onnx'], 2, 'wrong-option'],
    [['small.arch', '-o', 'times.png'], 2, 'wrong-option'],
    [['small.arch', '--weights', 'none.safetensors'], 3, 'missing-file'],
    [['small.arch', '--size', '15x16'], 2, 'fact-broken'],
    [['none.arch'], 3, 'missing-file'],
    [['wrong.arch'], 1, 'syntax'],
    [[], 2, 'usage'],
  ])('refuses %s', (args, code, name) => {
    const result = archc(['bench', ...args, '--json'], here);
    expect([result.code, codesOf(result)[0]]).toEqual([code, name]);
    expect(existsSync(join(folder, 'times.png'))).toBe(false);
  });

  it('replaces only a picture', () => {
    put(folder, 'notes.svg', 'not a picture');
    const args = ['bench', 'small.arch', '--engine', 'onnx', '--runs', '1', '-o', 'notes.svg'];
    expect(codesOf(archc([...args, '--json'], here))).toEqual(['output-exists']);
    expect(archc([...args, '--force'], here).code).toBe(0);
  });
});
