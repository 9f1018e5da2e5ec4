/// <reference types="@webgpu/types" />
/** Times of models on engines, and of the kernels of a plan. */
import { describe, expect, it } from 'vitest';
import { bench } from '../src/bench/bench.js';
import { noiseFor } from '../src/engines/noise.js';
import { departures, profile, totalOf, type Profile } from '../src/bench/profile.js';
import { timesOf } from '../src/bench/times.js';
import { openModel, sizedGraph, type OpenModel } from '../src/compile.js';
import type { Outcome } from '../src/compiler/diagnostic.js';
import { NO_FILES } from '../src/compiler/modules.js';
import { SMALL } from './helpers/cli.js';
import { testAdapter, testDevice } from './helpers/gpu.js';

function open(text: string): OpenModel {
  const { value, diagnostics } = openModel({ path: 'nets/a.arch', text }, NO_FILES);
  if (value === undefined) throw new Error(diagnostics.map((d) => d.message).join('\n'));
  return value;
}

function valueOf<T>(outcome: Outcome<T>): T {
  if (outcome.ok) return outcome.value;
  throw new Error(outcome.diagnostics.map(({ message }) => message).join('\n'));
}

const small = open(SMALL);

describe('timesOf', () => {
  it('takes the nearest rank, and the middle of an even number', () => {
    expect(timesOf([5, 1, 4, 2])).toEqual({ min: 1, median: 3, p95: 5 });
    const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);
    expect(timesOf(hundred)).toEqual({ min: 1, median: 50.5, p95: 95 });
    expect(timesOf([7])).toEqual({ min: 7, median: 7, p95: 7 });
  });
});

describe('bench', () => {
  it('runs all, and says of one that fails why', async () => {
    // More than a device need bind, and too little for anyone else to mind.
    const large = open(
      'model Large() {\n  input x: f32[H = 5800, W = 5800, 1]\n  output y = x -> relu -> maxpool(100)\n}\n',
    );
    const engines = ['wgsl', 'reference', 'onnx'] as const;
    const ofSmall = valueOf(await bench([small, small], { engines, runs: 2 }));
    expect(ofSmall.results.map(({ engine, model }) => [engine, model])).toEqual([
      ...engines.flatMap((engine) => [
        [engine, 0],
        [engine, 1],
      ]),
    ]);
    for (const result of ofSmall.results) {
      if (!result.ok) throw new Error(`${result.engine} failed`);
      const { min, median, p95 } = result.milliseconds;
      expect(min).toBeGreaterThan(0);
      expect(median).toBeGreaterThanOrEqual(min);
      expect(p95).toBeGreaterThanOrEqual(median);
    }
    // 16 · 16 · 9 · 4 for either convolution, at full size.
    expect(ofSmall.models[0]).toMatchObject({
      name: 'Small',
      macs: 2 * 9216,
      weights: { seed: 0 },
    });
    expect(ofSmall.engines[0]?.adapter?.vendor).toMatch(/./);

    const ofLarge = valueOf(await bench([large], { engines: ['wgsl', 'onnx'], runs: 1 }));
    const [failed, other] = ofLarge.results;
    expect(failed?.ok === false && failed.diagnostics[0]).toMatchObject({
      code: 'engine-failed',
      message: expect.stringMatching(/^wgsl: `x` takes 134,560,000 bytes/) as string,
    });
    expect(other).toMatchObject({ engine: 'onnx', ok: true });
  });

  it('gives what is wrong with weights back', async () => {
    const weights = { file: 'w.safetensors', bytes: new Uint8Array(3) };
    const failed = await bench([small], { runs: 1, weights });
    expect(failed.ok ? [] : failed.diagnostics.map(({ code }) => code)).toEqual([
      'bad-safetensors',
    ]);
  });
});

describe('noiseFor', () => {
  it('is one image an input, the same each time', () => {
    const graph = valueOf(sizedGraph(small));
    const [first, second] = [noiseFor(graph).get('image'), noiseFor(graph).get('image')];
    expect(first?.shape).toEqual([1, 16, 16, 1]);
    expect(first?.data).toEqual(second?.data);
    expect(new Set(first?.data).size).toBeGreaterThan(200);
  });
});

describe('profile', () => {
  it('has every dispatch of the plan with its work, and groups that add up', async () => {
    await testAdapter();
    const found = valueOf(await profile(small, { runs: 3 }));
    expect(found.macs).toBe(2 * 9216);
    expect(found.kernels.length).toBeGreaterThan(1);
    for (const { label, op, source, kernel, bytes } of found.kernels) {
      expect([label, op, kernel].every((text) => text !== '')).toBe(true);
      expect(source).toMatch(/^nets\/a\.arch:3:\d+$/);
      expect(bytes).toBeGreaterThan(0);
    }
    expect(found.kernels.some(({ milliseconds }) => milliseconds > 0)).toBe(true);
    const { milliseconds, macs, bytes } = totalOf(found.groups);
    expect({ macs, bytes }).toEqual({ macs: found.macs, bytes: found.bytes });
    expect(milliseconds).toBeCloseTo(found.milliseconds, 9);
    expect(found.groups.reduce((sum, { dispatches }) => sum + dispatches, 0)).toBe(
      found.kernels.length,
    );
  });

  it('says that a device has no clock', async () => {
    const device = await testDevice();
    const failed = await profile(small, { runs: 1, device });
    device.destroy();
    expect(failed.ok ? [] : failed.diagnostics).toMatchObject([
      { code: 'engine-failed', message: expect.stringContaining('timestamp-query') as string },
    ]);
  });
});

describe('departures', () => {
  const work = (kernel: string, milliseconds: number, macs: number) => ({
    kernel,
    milliseconds,
    macs,
    bytes: 0,
    dispatches: 1,
  });
  const profileOf = (...groups: readonly ReturnType<typeof work>[]): Profile => ({
    name: 'm',
    file: 'm.arch',
    adapter: { vendor: '', architecture: '', device: '', description: '' },
    runs: 1,
    kernels: [],
    groups,
    ...totalOf(groups),
  });

  it('adds up to what the second takes beyond its MACs', () => {
    const first = profileOf(work('conv', 100, 1000), work('norm', 10, 0));
    const second = profileOf(work('conv', 30, 500), work('dwconv', 60, 0));
    const found = departures(first, second) ?? [];
    // Half the MACs: 50 ms of convolutions expected, 5 of norms.
    expect(found.map(({ kernel, excess }) => [kernel, excess])).toEqual([
      ['dwconv', 60],
      ['conv', -20],
      ['norm', -5],
    ]);
    expect(found.reduce((sum, { excess }) => sum + excess, 0)).toBe(90 - 110 / 2);
    expect(departures(profileOf(work('norm', 1, 0)), second)).toBeUndefined();
  });
});
