/** Which backend trains, and why; with packages that are there or not. */
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { curveChart } from '../src/charts/curve-chart.js';
import { diagnostic } from '../src/compiler/diagnostic.js';
import { maskOfErrors, maskOfLabels, overlay } from '../src/data/overlay.js';
import {
  openTrainingEngine,
  TRAINING_PACKAGES,
  type TrainingPackages,
} from '../src/train/engine.js';

const absent = (): Promise<never> => Promise.reject(new Error('not installed'));

function adapter(name: string, isFallbackAdapter = false): () => Promise<{ ok: true; value: GPU }> {
  const info = { vendor: 'x', architecture: '', device: '', description: name, isFallbackAdapter };
  const gpu = { requestAdapter: () => Promise.resolve({ info }) };
  return () => Promise.resolve({ ok: true, value: gpu as unknown as GPU });
}

async function opened(asked: 'wasm' | 'webgpu' | undefined, packages: Partial<TrainingPackages>) {
  const found = await openTrainingEngine(asked, {
    ...TRAINING_PACKAGES,
    webgpu: absent,
    hasGpu: () => true,
    gpu: () => Promise.resolve({ ok: false, diagnostics: [diagnostic('engine-missing', 'none')] }),
    ...packages,
  });
  return found.ok
    ? `${found.value.name}: ${found.value.why}`
    : found.diagnostics.map(({ code, message }) => `${code}: ${message}`).join();
}

describe('the training engine', () => {
  it('is WebAssembly where there is no GPU, or one in software alone', async () => {
    expect(await opened(undefined, {})).toBe('tfjs-wasm: there is no WebGPU');
    expect(await opened(undefined, { hasGpu: () => false })).toBe('tfjs-wasm: there is no GPU');
    expect(await opened(undefined, { gpu: adapter('llvmpipe') })).toBe(
      'tfjs-wasm: the only GPU is software (x llvmpipe)',
    );
    expect(await opened(undefined, { gpu: adapter('card') })).toBe(
      'tfjs-wasm: its WebGPU backend is not installed',
    );
    expect(tf.getBackend()).toBe('wasm');
  });

  it('is what is asked for, or is refused', async () => {
    expect(await opened('wasm', {})).toBe('tfjs-wasm: asked for');
    expect(await opened('webgpu', {})).toMatch(/^engine-missing: WebGPU cannot train here/);
    expect(await opened('wasm', { wasm: absent })).toMatch(/^engine-missing: .*not installed/);
    expect(await opened(undefined, { core: absent })).toMatch(/^engine-missing: .*not installed/);
    expect(await opened(undefined, { wasm: absent })).toMatch(/^tfjs-cpu: .*some 30 times faster/);
  });
});

describe('pictures of a training', () => {
  it('draw curves within their panels, and say where there are none', () => {
    const points = Array.from({ length: 5000 }, (_, i) => ({ x: i + 1, y: 100 / (i + 1) }));
    const svg = curveChart({
      title: 'T',
      x: 'steps',
      panels: [
        {
          title: 'Loss',
          y: 'loss',
          curves: [
            { label: 'each', points },
            { label: 'few', points: points.slice(0, 2), dots: true },
          ],
        },
        { title: 'Scores', y: 'score', curves: [{ label: 'none', points: [] }], range: [0, 1] },
      ],
    });
    expect(svg.match(/<circle/g)).toHaveLength(2);
    expect(svg).toMatch(/nothing to show yet/);
    // Two points in each place at most, and values by decades.
    const [, path = ''] = /class="curve">\n<path d="(M[^"]*)"/.exec(svg) ?? [];
    expect(path.split('L').length).toBeLessThanOrEqual(1280);
    expect(svg).toMatch(/>0\.1<|>0\.02</);
    expect(svg).not.toMatch(/NaN|Infinity/);
  });

  it('lay masks over images', () => {
    const image = { shape: [1, 3, 1], data: Float32Array.of(-2, 0, 2) };
    const labels = Uint8Array.of(0, 1, 2);
    const { shape, data } = overlay(image, maskOfLabels(labels, [1, 3], 3));
    expect(shape).toEqual([1, 3, 3]);
    // Where there is no mask, the image in grey, from 0 to 1.
    expect([...data.subarray(0, 3)]).toEqual([0, 0, 0]);
    const [r, g, b] = data.subarray(3, 6);
    expect(r).toBeCloseTo(0.5 * 0.45 + 0.9 * 0.55, 5);
    expect([g, b].every((value) => (value ?? 1) < (r ?? 0))).toBe(true);
    const errors = maskOfErrors(Uint8Array.of(0, 1, 1, 0), Uint8Array.of(0, 1, 0, 1), [2, 2]);
    expect([...errors.data]).toEqual([0, 0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 0]);
  });
});
