/** Engines against the interpreter: figures, sizes, where one goes wrong, crashes. */
import * as tf from '@tensorflow/tfjs';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { openModel } from '../src/compile.js';
import { NO_FILES } from '../src/compiler/modules.js';
import { variantsNamed } from '../src/engines/variants.js';
import { differenceOf } from '../src/verify/difference.js';
import { HERE, type Job, type JobRunner } from '../src/verify/job.js';
import { processRunner } from '../src/verify/process.js';
import { atSmallSizes } from '../src/verify/sizes.js';
import {
  compareEngines,
  type CompareOptions,
  type EngineComparison,
} from '../src/verify/verify.js';
import { put, ROOT, temporaryFolder } from './helpers/cli.js';
import { tensor } from './helpers/run-node.js';

const WORKER = join(ROOT, 'dist', 'verify-worker.cjs');
const folder = temporaryFolder();

const TEXT = `model M {
  input x: f32[H = 64, W = 64, 1] where H % 2 == 0, W % 2 == 0
  a = x -> conv(4, k = 3) -> relu -> maxpool(2)
  b = a -> conv(4, k = 1)
    -> elu
    -> conv(4, k = 3) -> upsample(2)
  output y = b -> concat(x) -> conv(3, k = 1) -> sigmoid
  output z = a -> globalavgpool
}
`;

async function compared(names: string, options: CompareOptions = {}, text = TEXT) {
  const variants = names.split(' ').flatMap(variantsNamed);
  const source = { path: 'm.arch', text };
  const { value, diagnostics } = await compareEngines(source, NO_FILES, { variants, ...options });
  if (value === undefined) throw new Error(diagnostics.map(({ message }) => message).join('\n'));
  return value;
}

function statuses({ engines }: EngineComparison): string {
  return engines.map(({ variant, status }) => `${variant.name} ${status}`).join(', ');
}

describe('differenceOf', () => {
  const of = (actual: readonly number[], expected: readonly number[]) =>
    differenceOf(tensor([actual.length], actual), tensor([expected.length], expected));

  it('is relative to the largest expected number, wherever that is', () => {
    expect(of([1, 2.5, -8], [1, 2, -8])).toEqual({ maxAbs: 0.5, maxRel: 0.5 / 8 });
    expect(of([2e-4], [1e-4]).maxRel).toBeCloseTo(0.1, 5);
    expect(of([Infinity, NaN, 1], [Infinity, NaN, 2])).toEqual({ maxAbs: 1, maxRel: 0.5 });
  });

  it('knows what no number says', () => {
    expect(of([NaN, 1], [0, 1]).maxRel).toBeNaN();
    expect(of([1, 2], [1]).maxRel).toBeNaN();
    expect(of([Infinity], [1]).maxRel).toBe(Infinity);
  });
});

describe('atSmallSizes', () => {
  const sizesOf = (input: string, body = 'conv(2)'): string | undefined => {
    const text = `model M {\n  input x: f32[${input}\n  output y = x -> ${body}\n}\n`;
    const model = openModel({ path: 'm.arch', text }, NO_FILES).value;
    if (model === undefined) throw new Error('the model does not check');
    return atSmallSizes(model)?.inputs[0]?.type.shape.map(String).join('x');
  };
  it.each([
    ['H = 512, W = 512, 1] where H % 16 == 0, W % 16 == 0', 'conv(2)', '32x48x1'],
    ['H = 512, W = 512, 1]', 'conv(2)', '16x24x1'],
    ['H = 512, W = 512, 1] where H == W', 'conv(2)', '16x16x1'],
    ['H = 512, W = 515, 1] where H >= 100, W % 8 == 3', 'conv(2)', '100x27x1'],
    ['H, W, 1]', 'conv(2)', '16x24x1'],
    ['H = 12, W = 64, 1]', 'conv(2)', '12x24x1'],
    // Convolutions that take more than there is ask for more.
    ['H = 512, W = 512, 1]', 'conv(2, k = 51, pad = valid)', '64x96x1'],
    // Too much work for the interpreter, and nothing smaller than one step.
    ['H = 512, W = 512, 1] where H % 64 == 0, W % 64 == 0', 'conv(2048) -> conv(64)', '64x64x1'],
    ['512, 512, 1]', 'conv(2)', undefined],
  ])('%s', (input, body, expected) => {
    expect(sizesOf(input, body)).toBe(expected);
  });
});

describe('compareEngines', () => {
  it('gives every engine that agrees its figures', async () => {
    const comparison = await compared('reference onnxruntime-node-opset21 tfjs-wasm', { seed: 3 });
    expect(statuses(comparison)).toBe(
      'reference agrees, onnxruntime-node-opset21 agrees, tfjs-wasm-f32 agrees, tfjs-wasm-f16 agrees, tfjs-wasm-u8 agrees',
    );
    expect(comparison).toMatchObject({
      ok: true,
      images: 2,
      isSmall: true,
      inputs: [{ name: 'x', shape: [16, 24, 1] }],
      weights: { seed: 3 },
      missing: [],
    });
    const [, onnx, , half, byte] = comparison.engines;
    expect(onnx?.outputs.map(({ name }) => name)).toEqual(['y', 'z']);
    expect(onnx?.difference?.maxRel).toBeGreaterThan(0);
    expect(onnx?.difference?.maxRel).toBeLessThan(1e-5);
    // Fewer bits cost more.
    expect(half?.difference?.maxRel).toBeGreaterThan(10 * (onnx?.difference?.maxRel ?? 1));
    expect(byte?.difference?.maxRel).toBeGreaterThan(2 * (half?.difference?.maxRel ?? 1));
  });

  it('compares unfolded weight standardisation where a model has it', async () => {
    const without = await compared('onnxruntime-node');
    expect(without.engines).toHaveLength(2);
    const text = TEXT.replace('conv(4, k = 3) -> relu', 'conv(4, k = 3, ws = true) -> relu');
    expect(statuses(await compared('onnxruntime-node', {}, text))).toMatch(
      /opset17 agrees, onnxruntime-node-opset17-unfolded agrees, .*opset21-unfolded agrees/,
    );
  });

  it('holds engines to what rounding explains, unless a tolerance is given', async () => {
    // What is left of two numbers that are nearly the same.
    const text =
      'model M {\n  input x: f32[8, 8, 1]\n  a = x -> conv(8) -> conv(8)\n' +
      '  output y = a * 10001 - a * 10000 -> conv(1)\n}\n';
    const usual = await compared('onnxruntime-node-opset17', {}, text);
    const [wide] = usual.engines;
    expect(wide).toMatchObject({ status: 'agrees' });
    expect(wide?.difference?.maxRel).toBeGreaterThan(1e-4);
    expect(wide?.tolerance).toBeGreaterThan(wide?.difference?.maxRel ?? 1);
    const fixed = await compared('onnxruntime-node-opset17', { tolerance: 1e-4 }, text);
    expect(fixed.engines[0]).toMatchObject({ status: 'differs', tolerance: 1e-4 });
    expect(fixed.ok).toBe(false);
  });

  it('tells nothing where rounding alone may change everything', async () => {
    // The sign of what float32 cannot tell from zero.
    const text =
      'model M {\n  input x: f32[8, 8, 1]\n  a = x -> conv(8) -> conv(8)\n' +
      '  output y = (a * 3000001 - a * 3000000 - a) * 100000000 -> sigmoid\n}\n';
    const comparison = await compared('tfjs-wasm-f16', {}, text);
    expect(statuses(comparison)).toBe('tfjs-wasm-f16 unclear');
    expect(comparison.engines[0]?.tolerance).toBe(1);
    expect(comparison.ok).toBe(true);
  });

  it('says which targets cannot hold the model', async () => {
    const text =
      'model M {\n  input x: f32[2, 2, 2]\n  output y = x -> reshape([2, 1, 2, 1, 2, 1])\n}\n';
    const comparison = await compared('tfjs-cpu-f32 onnxruntime-node-opset17', {}, text);
    expect(statuses(comparison)).toBe('onnxruntime-node-opset17 agrees');
    expect(comparison.unsupported).toMatchObject([
      { diagnostics: [{ code: 'unsupported-operator' }] },
    ]);
  });

  describe('finds the operator of a kernel that is wrong', () => {
    const kernels = tf.getKernelsForBackend('cpu');
    const right = new Map(kernels.map((kernel) => [kernel.kernelName, kernel]));
    const breakKernel = (kernelName: string): void => {
      const own = right.get(kernelName);
      if (own === undefined) throw new Error(`no kernel ${kernelName}`);
      tf.unregisterKernel(kernelName, 'cpu');
      tf.registerKernel({
        ...own,
        kernelFunc(args) {
          const info = own.kernelFunc(args);
          const [first] = [info].flat();
          const data: unknown = first && tf.backend().readSync(first.dataId);
          if (!(data instanceof Float32Array)) throw new Error('no numbers');
          data[0] = (data[0] ?? 0) + 0.5;
          return info;
        },
      });
    };
    afterEach(() => {
      for (const [name, kernel] of right) {
        tf.unregisterKernel(name, 'cpu');
        tf.registerKernel(kernel);
      }
    });

    it.each([
      ['Elu', 'elu', 5],
      ['MaxPool', 'maxpool', 3],
      ['Sigmoid', 'sigmoid', 7],
      ['Concat', 'concat', 7],
    ])('%s', async (kernel, op, line) => {
      breakKernel(kernel);
      const jobs: Job[] = [];
      const runner: JobRunner = {
        ...HERE,
        run: (job) => {
          jobs.push(job);
          return HERE.run(job);
        },
      };
      const comparison = await compared('onnxruntime-node-opset17 tfjs-cpu-f32', { runner });
      expect(statuses(comparison)).toBe('onnxruntime-node-opset17 agrees, tfjs-cpu-f32 differs');
      const [diagnostic] = comparison.engines[1]?.diagnostics ?? [];
      expect(diagnostic).toMatchObject({ code: 'engine-differs', severity: 'error' });
      expect(diagnostic?.message).toMatch(new RegExp(`^tfjs-cpu-f32 first differs at ${op}, \``));
      const { source, start = 0 } = diagnostic?.span ?? {};
      expect(source?.text.slice(0, start).split('\n')).toHaveLength(line);
      // Eleven nodes: one run of all and at most four of parts.
      const runs = jobs.filter(({ runtime }) => runtime === 'tfjs-cpu').length;
      expect(runs).toBeGreaterThan(2);
      expect(runs).toBeLessThanOrEqual(5);
    });
  });
});

describe('processRunner', () => {
  expect(existsSync(WORKER)).toBe(true);
  /** A worker that does something else for some runtimes. */
  const broken = put(
    folder,
    'broken.cjs',
    `const own = {
      'tfjs-cpu': () => process.abort(),
      'onnxruntime-web': () => { for (;;); },
      'tfjs-wasm': () => { throw new Error('out of luck'); },
      'wgsl': () => process.exit(0),
    };
    process.on('message', (job) => own[job.runtime]?.());
    require(${JSON.stringify(WORKER)});\n`,
  );

  it('goes on after an engine that crashes or hangs', async () => {
    const runner = processRunner({ workerFile: broken, timeout: 3 });
    const names = 'onnxruntime-web-opset17 tfjs-cpu-f32 tfjs-wasm-f32 wgsl-f32 onnxruntime-node';
    const comparison = await compared(names, { runner });
    runner.stop();
    expect(statuses(comparison)).toBe(
      'onnxruntime-web-opset17 timed-out, tfjs-cpu-f32 crashed, tfjs-wasm-f32 crashed, ' +
        'wgsl-f32 crashed, onnxruntime-node-opset17 agrees, onnxruntime-node-opset21 agrees',
    );
    expect(comparison.ok).toBe(false);
    const messages = comparison.engines.flatMap(({ diagnostics }) =>
      diagnostics.map(({ code, message }) => `${code}: ${message}`),
    );
    expect(messages).toEqual([
      'engine-timed-out: onnxruntime-web-opset17: onnxruntime-web gave no result in 3 s, and was stopped',
      'engine-crashed: tfjs-cpu-f32: the process of tfjs-cpu ended with SIGABRT',
      'engine-crashed: tfjs-wasm-f32: the process of tfjs-wasm ended with code 1: Error: out of luck',
      'engine-crashed: wgsl-f32: the process of wgsl ended with code 0',
    ]);
  });

  it('takes an engine that hangs with it when it is stopped by a signal', async () => {
    const before = process.listeners('SIGTERM');
    const runner = processRunner({ workerFile: broken, timeout: 60 });
    const [onSignal, ...others] = process.listeners('SIGTERM').filter((l) => !before.includes(l));
    expect(others).toEqual([]);
    const kill = vi.spyOn(process, 'kill').mockReturnValue(true);
    const running = runner.run({
      runtime: 'onnxruntime-web',
      files: [],
      inputs: new Map(),
    } as unknown as Parameters<typeof runner.run>[0]);
    onSignal?.('SIGTERM');
    expect(await running).toMatchObject({ ok: false, diagnostics: [{ code: 'engine-crashed' }] });
    expect(kill.mock.calls).toEqual([[process.pid, 'SIGTERM']]);
    kill.mockRestore();
    expect(process.listeners('SIGTERM')).toEqual(before);
  });

  it('gives the results of a process as they are here', async () => {
    const runner = processRunner({ workerFile: WORKER, timeout: 60 });
    const [here, there] = [
      await compared('tfjs-wasm-f32'),
      await compared('tfjs-wasm-f32', { runner }),
    ];
    runner.stop();
    expect(there.engines.map(({ outputs }) => outputs)).toEqual(
      here.engines.map(({ outputs }) => outputs),
    );
    expect(there.engines[0]?.version).toBe('4.22.0');
  });
});
