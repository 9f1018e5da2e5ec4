import onnxProto from 'onnx-proto';
import { describe, expect, it } from 'vitest';
import type { Outcome } from '../src/compiler/diagnostic.js';
import type { Tensor } from '../src/compiler/ir.js';
import type { Engine } from '../src/engines/engine.js';
import {
  ONNX_RUNTIMES,
  openOnnxEngine,
  type OnnxRuntime,
  type OnnxSpec,
} from '../src/engines/onnx.js';
import { referenceEngine } from '../src/engines/reference.js';
import { initialize } from '../src/weights/initialize.js';
import { buildGraph } from './helpers/graph.js';

const { onnx } = onnxProto;
const FLOAT = onnx.TensorProto.DataType.FLOAT;

/** `y = conv(x, w)`, channels first, over any batch (or one fixed batch) of images of any size. */
function convModel(w: Tensor, fixedBatch?: number): Uint8Array {
  const [filters = 0, channels = 0] = w.shape;
  const dims = (c: number): object[] => [
    fixedBatch === undefined ? { dimParam: 'N' } : { dimValue: fixedBatch },
    { dimValue: c },
    { dimParam: 'H' },
    { dimParam: 'W' },
  ];
  const io = (name: string, c: number): object => ({
    name,
    type: { tensorType: { elemType: FLOAT, shape: { dim: dims(c) } } },
  });
  const model = onnx.ModelProto.fromObject({
    irVersion: 8,
    opsetImport: [{ domain: '', version: 17 }],
    graph: {
      name: 'conv',
      node: [{ opType: 'Conv', input: ['x', 'w'], output: ['y'] }],
      input: [io('x', channels)],
      output: [io('y', filters)],
      initializer: [{ name: 'w', dataType: FLOAT, dims: w.shape, floatData: [...w.data] }],
    },
  });
  return onnx.ModelProto.encode(model).finish();
}

/** 1×1: from 2 channels to 3, so that a mistake in the layout shows. */
const kernel: Tensor = { shape: [3, 2, 1, 1], data: Float32Array.of(1, 0, 0, 1, 10, 100) };
const spec: OnnxSpec = {
  inputs: [{ name: 'x', shape: [null, null, 2], layout: 'channels-first' }],
  outputs: [{ name: 'y', shape: [null, null, 3], layout: 'channels-first' }],
};
/** Two images of 2 × 3 pixels and 2 channels. */
const x: Tensor = { shape: [2, 2, 3, 2], data: Float32Array.from({ length: 24 }, (_, i) => i) };
/** Of each pixel (a, b): a, b and 10 a + 100 b. */
const expected: Tensor = {
  shape: [2, 2, 3, 3],
  data: Float32Array.from({ length: 12 }, (_, i) => i).reduce((out, i) => {
    const [a, b] = [2 * i, 2 * i + 1];
    out.set([a, b, 10 * a + 100 * b], 3 * i);
    return out;
  }, new Float32Array(36)),
};

function opened(result: Outcome<Engine>): Engine {
  if (!result.ok) throw new Error(result.diagnostics.map((d) => d.message).join('\n'));
  return result.value;
}

function failure(result: Outcome<unknown>): string {
  if (result.ok) throw new Error('it worked');
  expect(result.diagnostics).toHaveLength(1);
  const [first] = result.diagnostics;
  expect(first?.message).not.toMatch(/\n|\bat .*:\d+:\d+/);
  return `${first?.code}: ${first?.message}`;
}

describe.each(ONNX_RUNTIMES)('$name', (runtime: OnnxRuntime) => {
  const open = (model: Uint8Array, s = spec): Promise<Outcome<Engine>> =>
    openOnnxEngine(model, s, [runtime]);

  it('runs a model, channels last outside', async () => {
    const engine = opened(await open(convModel(kernel)));
    expect(engine.name).toBe(runtime.name);
    expect(engine.version).toMatch(/^1\.\d+\.\d+/);
    for (let run = 0; run < 2; run++) {
      expect(await engine.run(new Map([['x', x]]))).toEqual({
        ok: true,
        value: new Map([['y', expected]]),
      });
    }
    await engine.dispose();
  });

  it('runs a model of a fixed batch as often as it takes', async () => {
    const engine = opened(await open(convModel(kernel, 1), { ...spec, batch: 1 }));
    const result = await engine.run(new Map([['x', x]]));
    expect(result.ok && result.value.get('y')).toEqual(expected);
    await engine.dispose();
  });

  it('leaves layouts alone where the model has channels last', async () => {
    // The same 1×1 kernel; the borders say that axis 1 is a plain size.
    const last = 'channels-last' as const;
    const engine = opened(
      await open(convModel(kernel), {
        inputs: [{ name: 'x', shape: [2, 2, 1], layout: last }],
        outputs: [{ name: 'y', shape: [3, 2, 1], layout: last }],
      }),
    );
    const image: Tensor = { shape: [1, 2, 2, 1], data: Float32Array.of(1, 2, 3, 4) };
    const result = await engine.run(new Map([['x', image]]));
    expect(result.ok && [...(result.value.get('y')?.data ?? [])]).toEqual([1, 2, 3, 4, 310, 420]);
    await engine.dispose();
  });

  it('reads a model from a view into a larger buffer', async () => {
    const model = convModel(kernel);
    const larger = new Uint8Array(model.length + 20);
    larger.set(model, 13);
    const engine = opened(await open(larger.subarray(13, 13 + model.length)));
    expect((await engine.run(new Map([['x', x]]))).ok).toBe(true);
    await engine.dispose();
  });

  it('says what is wrong with a model', async () => {
    expect(failure(await open(Uint8Array.of(1, 2, 3)))).toMatch(`engine-failed: ${runtime.name}: `);
    const bad = convModel({ ...kernel, shape: [3, 2, 1, 1, 1] });
    expect(failure(await open(bad))).toMatch(/engine-failed: .*Conv|ERROR_CODE/);
  });

  it('says what is wrong with inputs and outputs', async () => {
    const engine = opened(await open(convModel(kernel)));
    const run = async (...inputs: [string, Tensor][]): Promise<string> =>
      failure(await engine.run(new Map(inputs)));
    expect(await run()).toMatch('no tensor for input x');
    expect(await run(['x', { shape: [1, 2, 3], data: new Float32Array(6) }])).toMatch(
      'input x has shape [1, 2, 3], and the model takes [N, any, any, 2]',
    );
    expect(await run(['x', { shape: [1, 2, 2, 1], data: new Float32Array(4) }])).toMatch(
      'takes [N',
    );
    expect(await run(['x', { shape: [1, 2, 2, 2], data: new Float32Array(4) }])).toMatch(
      'takes [N',
    );
    expect(await run(['x', { shape: [0, 2, 2, 2], data: new Float32Array() }])).toMatch(
      'at least one',
    );
    await engine.dispose();

    const [output] = spec.outputs;
    if (output === undefined) throw new Error('no output');
    const other = opened(
      await open(convModel(kernel), { ...spec, outputs: [{ ...output, name: 'z' }] }),
    );
    expect(failure(await other.run(new Map([['x', x]])))).toMatch('engine-failed');
    await other.dispose();
    const wrong = opened(
      await open(convModel(kernel), { ...spec, outputs: [{ ...output, shape: [2, 3, 4] }] }),
    );
    expect(failure(await wrong.run(new Map([['x', x]])))).toMatch(
      'output y has shape [2, 2, 3, 3] instead of [N, 2, 3, 4]',
    );
    await wrong.dispose();
    const odd = opened(await open(convModel(kernel), { ...spec, batch: 4 }));
    expect(failure(await odd.run(new Map([['x', x]])))).toMatch('batches of 4');
    await odd.dispose();
  });
});

describe('openOnnxEngine', () => {
  const absent: OnnxRuntime = {
    name: 'onnxruntime-absent',
    executionProvider: 'cpu',
    load: () => Promise.reject(new Error("Cannot find package 'onnxruntime-absent'\nat x:1:2")),
  };

  it('says how to get an engine where there is none', async () => {
    const result = await openOnnxEngine(convModel(kernel), spec, [absent]);
    expect(failure(result)).toBe(
      "engine-missing: ONNX Runtime could not be loaded: onnxruntime-absent (Cannot find package 'onnxruntime-absent')",
    );
    const hints = result.ok ? [] : (result.diagnostics[0]?.hints ?? []);
    expect(hints[0]).toBe('npm install onnxruntime-node');
    expect(hints[1]).toMatch('--onnxruntime-node-install=skip');
  });

  it('takes the next where the first is missing, and the first of both', async () => {
    const engine = opened(
      await openOnnxEngine(convModel(kernel), spec, [absent, ...ONNX_RUNTIMES.slice(1)]),
    );
    expect(engine.name).toBe('onnxruntime-web');
    await engine.dispose();
    const first = opened(await openOnnxEngine(convModel(kernel), spec));
    expect(first.name).toBe('onnxruntime-node');
    await first.dispose();
  });
});

describe('referenceEngine', () => {
  const graph = buildGraph((g) => g.op('conv', [g.input([2, 3, 2])], { filters: 3, k: [1, 1] }));

  it('runs a graph', async () => {
    const weights = new Map(initialize(graph.weights, 0));
    // The kernel above, as [height, width, in, out].
    weights.set('conv_1.weight', {
      shape: [1, 1, 2, 3],
      data: Float32Array.of(1, 0, 10, 0, 1, 100),
    });
    const engine = referenceEngine(graph, weights, '0.1.0');
    expect(await engine.run(new Map([['x', x]]))).toEqual({
      ok: true,
      value: new Map([['y', expected]]),
    });
    await engine.dispose();
  });

  it('says what is wrong with inputs', async () => {
    const engine = referenceEngine(graph, initialize(graph.weights, 0), '0.1.0');
    expect(failure(await engine.run(new Map()))).toMatch(/^engine-failed: reference: .*input x/);
  });
});
