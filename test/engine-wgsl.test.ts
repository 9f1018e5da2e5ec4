/// <reference types="@webgpu/types" />
/** Kernel plans as an engine. */
import { describe, expect, it } from 'vitest';
import type { Outcome } from '../src/compiler/diagnostic.js';
import { openDevice, openGpu } from '../src/engines/gpu.js';
import { openWgslEngine, type WgslEngine } from '../src/engines/wgsl.js';
import { testDevice } from './helpers/gpu.js';
import { expectedOf, filesOf, smallPlan, sourceOf } from './helpers/plans.js';

function valueOf<T>(outcome: Outcome<T>): T {
  if (outcome.ok) return outcome.value;
  throw new Error(outcome.diagnostics.map(({ message }) => message).join('\n'));
}

function failure(outcome: Outcome<unknown>): string {
  if (outcome.ok) throw new Error('it worked');
  return outcome.diagnostics.map(({ code, message }) => `${code}: ${message}`).join('\n');
}

/** On the driver of the tests, which the processes of the tests are told of. */
const open = (isDynamic: boolean): Promise<Outcome<WgslEngine>> =>
  openWgslEngine(sourceOf(filesOf(smallPlan(isDynamic))), '0.1.0');

const image = {
  shape: [3, 8, 8, 1],
  data: Float32Array.from({ length: 192 }, (_, i) => (i % 50) - 20),
};

describe('the engine wgsl', () => {
  it.each([false, true])('runs any number of images, sizes free: %s', async (isDynamic) => {
    const engine = valueOf(await open(isDynamic));
    expect(engine.name).toBe('wgsl');
    expect(engine.version).toMatch(/^0\.1\.0, \w/);
    const outputs = valueOf(await engine.run(new Map([['image', image]])));
    const expected = expectedOf(image.data);
    expect([...outputs.keys()]).toEqual(['mask', 'sum']);
    expect(outputs.get('mask')?.shape).toEqual([3, 8, 8, 1]);
    expect([...(outputs.get('mask')?.data ?? [])]).toEqual(expected.mask);
    expect([...(outputs.get('sum')?.data ?? [])]).toEqual(expected.sum);
    await engine.dispose();
  });

  it('leaves a device that is given to it alone', async () => {
    const device = await testDevice();
    const source = sourceOf(filesOf(smallPlan()));
    const engine = valueOf(await openWgslEngine(source, '0.1.0', device));
    await engine.dispose();
    valueOf(await openWgslEngine(source, '0.1.0', device));
    device.destroy();
  });

  it('says what is wrong', async () => {
    const engine = valueOf(await open(false));
    expect(failure(await engine.run(new Map()))).toMatch('engine-failed: wgsl: ');
    const small = { shape: [1, 4, 4, 1], data: new Float32Array(16) };
    expect(failure(await engine.run(new Map([['image', small]])))).toBe(
      "engine-failed: wgsl: input 'image' has shape [1, 4, 4, 1], and the model takes [1, 8, 8, 1]",
    );
    await engine.dispose();
    expect(failure(await openWgslEngine(sourceOf({}), '0.1.0'))).toMatch(
      'engine-failed: wgsl: plan.json could not be read',
    );
  });

  it('says how to get WebGPU where there is none, and an adapter', async () => {
    const absent = (): Promise<never> =>
      Promise.reject(new Error("Cannot find package 'webgpu'\nat x:1:2"));
    const without = await openGpu([], absent);
    expect(failure(without)).toBe(
      "engine-missing: WebGPU could not be loaded: webgpu (Cannot find package 'webgpu')",
    );
    expect(without.ok ? [] : without.diagnostics[0]?.hints).toEqual(['npm install webgpu']);
    const blind = { requestAdapter: () => Promise.resolve(null) } as unknown as GPU;
    expect(failure(await openDevice(blind))).toMatch('engine-missing: WebGPU found no GPU');
  });
});
