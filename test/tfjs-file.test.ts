/** The files of a TensorFlow.js model: what is in them, read by archc's own means and by TensorFlow.js. */
import { createServer, type Server } from 'node:http';
import { readdirSync, readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { emitTfjs } from '../src/backends/tfjs/emit.js';
import type { TfjsFile } from '../src/backends/tfjs/encode.js';
import { interpret } from '../src/compiler/interpret.js';
import type { Tensor } from '../src/compiler/ir.js';
import { elementCount } from '../src/compiler/ops/tensor.js';
import { weightSizes } from '../src/compiler/sizes.js';
import { registerLayers } from '../src/tfjs/index.js';
import { archc, json, put, temporaryFolder } from './helpers/cli.js';
import { permute } from './helpers/onnx-cases.js';
import { modelOf, modelOfFile } from './helpers/onnx-programs.js';
import {
  OPERATOR_CASES,
  randomInputs,
  randomWeights,
  relativeError,
} from './helpers/operator-cases.js';
import { emitted, fileOf, loadModel, metadata, runLoaded, useBackend } from './helpers/tfjs-run.js';

beforeAll(() => useBackend('wasm'));

interface ManifestWeight {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int32';
  readonly quantization?: {
    readonly dtype: string;
    readonly scale?: number;
    readonly min?: number;
  };
}

interface ModelJson {
  readonly modelTopology: {
    readonly node: readonly { name: string; op: string; input: string[] }[];
  };
  readonly weightsManifest: readonly [
    { readonly paths: readonly string[]; readonly weights: readonly ManifestWeight[] },
  ];
  readonly userDefinedMetadata: Readonly<Record<string, string>>;
  readonly signature: object;
}

function modelJson(files: readonly TfjsFile[]): ModelJson {
  return JSON.parse(new TextDecoder().decode(fileOf(files, 'model.json'))) as ModelJson;
}

const BYTES: Readonly<Record<string, number>> = { float32: 4, int32: 4, float16: 2, uint8: 1 };

/** Every tensor with its bytes, by the definition of the format. */
function storedTensors(
  files: readonly TfjsFile[],
): ReadonlyMap<string, ManifestWeight & { bytes: Uint8Array }> {
  const [{ paths, weights }] = modelJson(files).weightsManifest;
  const all = Buffer.concat(paths.map((path) => fileOf(files, path)));
  let at = 0;
  const tensors = new Map(
    weights.map((weight) => {
      const size = BYTES[weight.quantization?.dtype ?? weight.dtype] ?? Number.NaN;
      const length = size * elementCount(weight.shape);
      at += length;
      return [weight.name, { ...weight, bytes: Uint8Array.from(all.subarray(at - length, at)) }];
    }),
  );
  expect(at).toBe(all.length);
  expect(tensors.size).toBe(weights.length);
  return tensors;
}

describe('weights', () => {
  const sources = [
    ...OPERATOR_CASES.map(({ name, build }) => ({ name, build })),
    ...(['sdunet.arch', 'unet.arch'] as const).map((file) => ({
      name: file,
      build: () =>
        modelOfFile(`models/${file}`, {
          model: file === 'unet.arch' ? 'UNet' : 'SDUNet',
          set: { width: '8' },
        }).at(),
    })),
  ];

  it.each(sources)('are all there by name, count and value: $name', ({ build }) => {
    const graph = build();
    const weights = randomWeights(graph, 5);
    const files = emitted(graph, weights);
    const stored = storedTensors(files);
    const { node: nodes } = modelJson(files).modelTopology;
    // What a kernel is for, be there zeros put between its taps before.
    const userOf = (name: string): string => {
      const user = nodes.find((node) => node.input.includes(name));
      const isOnTheWay = ['Reshape', 'PadV2', 'StridedSlice'].includes(user?.op ?? '');
      return isOnTheWay ? userOf(user?.name ?? '') : (user?.op ?? '');
    };
    let count = 0;
    for (const [name, tensor] of weights) {
      const found = stored.get(name);
      if (found === undefined) throw new Error(`there is no ${name}`);
      const user = userOf(name);
      // As TensorFlow documents the two kernels whose axes are not archc's.
      const [expected, shape] =
        user === 'Conv2DBackpropInput'
          ? [permute(tensor, [0, 1, 3, 2]), permute(tensor, [0, 1, 3, 2]).shape]
          : user.includes('Depthwise')
            ? [
                tensor,
                [
                  ...tensor.shape.slice(0, 2),
                  found.shape[2],
                  (tensor.shape[3] ?? 0) / (found.shape[2] ?? 1),
                ],
              ]
            : [tensor, tensor.shape];
      if (!name.endsWith('bias')) expect(found.shape).toEqual(shape);
      expect(Buffer.from(expected.data.buffer).equals(found.bytes)).toBe(true);
      count += elementCount(found.shape);
    }
    expect(count).toBe(graph.weights.reduce((sum, { shape }) => sum + elementCount(shape), 0));
    // What else is stored are constants, which say so.
    const others = [...stored.keys()].filter((name) => !weights.has(name));
    expect(others.filter((name) => !/^const(_\d+)?$/.test(name))).toEqual([]);
  });
});

describe('fewer bits', () => {
  const graph = modelOfFile('models/sdunet.arch', { model: 'SDUNet', set: { width: '8' } }).at({
    H: 16,
    W: 16,
  });
  const weights = randomWeights(graph, 5);
  const kernels = new Set(
    graph.weights.filter(({ role }) => role === 'kernel').map(({ name }) => name),
  );

  async function loaded(weightType: 'f16' | 'u8'): Promise<ReadonlyMap<string, Float32Array>> {
    const model = await loadModel(emitted(graph, weights, { weightType }));
    const values = new Map(
      Object.entries(model.weights).map(([name, [tensor]]) => [
        name,
        Float32Array.from(tensor?.dataSync() ?? []),
      ]),
    );
    model.dispose();
    return values;
  }

  function worst(
    values: ReadonlyMap<string, Float32Array>,
    of: (x: number, y: number, name: string) => number,
  ): number {
    let most = 0;
    for (const [name, { data }] of weights) {
      data.forEach(
        (x, i) => (most = Math.max(most, of(x, values.get(name)?.[i] ?? Number.NaN, name))),
      );
    }
    return most;
  }

  it('f16 rounds every weight to the nearest half', async () => {
    const values = await loaded('f16');
    // Half a unit in the last of 11 places; below 2^-14, of 2^-24.
    const error = worst(
      values,
      (x, y) => Math.abs(x - y) / Math.max(Math.abs(x) * 2 ** -11, 2 ** -25),
    );
    expect(error).toBeLessThanOrEqual(1);
    expect(error).toBeGreaterThan(0.5);
  });

  it('u8 takes the nearest of 256 steps for kernels, 0 among them, and leaves the others', async () => {
    const values = await loaded('u8');
    const stored = storedTensors(emitted(graph, weights, { weightType: 'u8' }));
    const payload = [...weights.keys()].map((name) => stored.get(name)?.bytes.length ?? NaN);
    expect(payload.reduce((sum, bytes) => sum + bytes, 0)).toBe(weightSizes(graph).payload.u8);
    for (const [name, { quantization }] of stored)
      expect(quantization !== undefined).toBe(kernels.has(name));
    const error = worst(values, (x, y, name) => {
      const { scale } = stored.get(name)?.quantization ?? {};
      return scale === undefined ? Number(x !== y) * 9 : Math.abs(x - y) / scale;
    });
    // Half a step, and up to another half at the ends, which moved to put 0 on a step.
    expect(error).toBeLessThanOrEqual(1.001);
    for (const { quantization } of stored.values()) {
      const { scale = 1, min = 0 } = quantization ?? {};
      expect(Math.abs(min / scale - Math.round(min / scale))).toBeLessThan(1e-9);
    }
  });

  it('keeps what they cannot hold', () => {
    const { at } = modelOf(
      'model M {\n  input x: f32[2]\n  output y = x -> dense(2, bias = false)\n}',
    );
    const odd = at();
    const store = (data: readonly number[], weightType: 'f16' | 'u8') => {
      const values = new Map([
        [odd.weights[0]?.name ?? '', { shape: [2, 2], data: Float32Array.from(data) }],
      ]);
      return storedTensors(emitted(odd, values, { weightType })).get(odd.weights[0]?.name ?? '');
    };
    expect(store([1, 2, 3, 65536], 'f16')?.quantization).toBeUndefined();
    expect(store([1, 2, 3, Number.NaN], 'u8')?.quantization).toBeUndefined();
    // 65504 is the largest half; 2^-24 the least; 2049 lies between two, and the even one is taken.
    const halves = store([65504, 2 ** -24, 2049, -0.1], 'f16')?.bytes.buffer;
    expect([...new Uint16Array(halves ?? new ArrayBuffer(0))]).toEqual([
      0x7bff, 0x0001, 0x6800, 0xae66,
    ]);
    // All alike and above 0: from 0 to them.
    expect(store([3, 3, 3, 3], 'u8')).toMatchObject({
      quantization: { min: 0 },
      bytes: Uint8Array.of(255, 255, 255, 255),
    });
    expect(store([0, 0, 0, 0], 'u8')?.bytes).toEqual(new Uint8Array(4));
  });

  it.each([
    ['f16', 0.02],
    ['u8', 0.5],
  ] as const)('in %s the model gives nearly the same', async (weightType, tolerance) => {
    const inputs = randomInputs(graph, 1, 4);
    const model = await loadModel(emitted(graph, weights, { weightType }));
    const actual = runLoaded(model, inputs).get('mask');
    const expected = interpret(graph, weights, inputs).get('mask');
    const error = actual && expected && relativeError(actual, expected);
    expect(error).toBeGreaterThan(0);
    expect(error).toBeLessThanOrEqual(tolerance);
    model.dispose();
  });
});

describe('model.json', () => {
  const graph = modelOfFile('models/sdunet.arch', { model: 'SDUNet', set: { width: '8' } });

  it('says where it comes from, and names its borders', () => {
    const files = emitted(graph.graph, randomWeights(graph.graph, 0));
    const model = modelJson(files);
    expect(model).toMatchObject({ format: 'graph-model', generatedBy: 'archc 0.0.0-test' });
    expect(model.userDefinedMetadata).toEqual({
      'archc.version': metadata.version,
      'archc.model': 'SDUNet',
      'archc.source_sha256': metadata.sourceSha256,
      'archc.seed': '0',
    });
    const open = { dim: [{ size: '-1' }, { size: '-1' }, { size: '-1' }, { size: '1' }] };
    const border = (name: string) => ({
      [name]: { name: `${name}:0`, dtype: 'DT_FLOAT', tensorShape: open },
    });
    expect(model.signature).toEqual({ inputs: border('image'), outputs: border('mask') });
    const names = model.modelTopology.node.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toContain('e2.sdblock.sepconv_1.dwconv/FusedDepthwiseConv2dNative');
    expect(names.filter((name) => name.includes(':'))).toEqual([]);
  });

  it('is the same for the same arguments', () => {
    const at = graph.at({ H: 16, W: 16 });
    const bytes = (): string[] =>
      emitted(at, randomWeights(at, 0), { weightType: 'u8' }).map(
        (file) => `${file.name} ${Buffer.from(file.bytes).toString('base64')}`,
      );
    expect(bytes()).toEqual(bytes());
  });

  it('parts weights into files of 4 MiB', () => {
    const large = modelOf(
      'model M {\n  input x: f32[1500]\n  output y = x -> dense(1500, bias = false)\n}',
    ).at();
    const files = emitted(large, randomWeights(large, 0));
    expect(files.slice(1).map(({ name, bytes }) => [name, bytes.length])).toEqual([
      ['group1-shard1of3.bin', 2 ** 22],
      ['group1-shard2of3.bin', 2 ** 22],
      ['group1-shard3of3.bin', 4 * 1500 * 1500 - 2 ** 23],
    ]);
  });

  it('is refused at the line of what TensorFlow.js cannot hold', () => {
    const at = modelOf(
      'model M {\n  input x: f32[64]\n  y = x -> reshape([2, 2, 2, 2, 2, 2])\n  output z = y -> flatten\n}',
    ).at();
    const made = emitTfjs(at, new Map(), { metadata });
    const [problem, ...others] = made.ok ? [] : made.diagnostics;
    expect(others).toEqual([]);
    expect(problem).toMatchObject({ code: 'unsupported-operator', severity: 'error' });
    expect(problem?.message).toContain('7 axes with the batch');
    expect(problem?.span?.source.text.slice(problem.span.start, problem.span.end)).toContain(
      'reshape',
    );
  });
});

describe('archc compile --target tfjs', () => {
  const folder = temporaryFolder();
  let server: Server;
  beforeAll(
    () =>
      new Promise<void>((resolve) => {
        server = createServer((request, response) =>
          response.end(readFileSync(join(folder, request.url ?? ''))),
        ).listen(0, '127.0.0.1', resolve);
      }),
  );
  afterAll(() => server.close());

  const SMALL = `model Small {
  input image: f32[H = 8, W = 8, 1] where H % 2 == 0, W % 2 == 0
  output mask = image -> conv(4) -> groupnorm(2) -> relu -> maxpool -> upsample -> conv(1) -> sigmoid
}
`;

  it('writes a folder that a page loads over HTTP', async () => {
    put(folder, 'small.arch', SMALL);
    const result = archc(['compile', 'small.arch', '--target', 'tfjs', '--dynamic'], {
      cwd: folder,
    });
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.stdout).toMatch(
      /^wrote small\.tfjs: model Small, .*format graph, weight type f32, 85 parameters/,
    );
    expect(readdirSync(join(folder, 'small.tfjs'))).toEqual(['group1-shard1of1.bin', 'model.json']);
    const { port } = server.address() as AddressInfo;
    const model = await tf.loadGraphModel(`http://127.0.0.1:${port}/small.tfjs/model.json`);
    const { graph, at } = modelOf(SMALL);
    const weights = new Map(
      graph.weights.map(({ name, shape }): [string, Tensor] => [
        name,
        { shape, data: Float32Array.from(model.weights[name]?.[0]?.dataSync() ?? []) },
      ]),
    );
    const inputs = randomInputs(at({ H: 6, W: 10 }), 2, 1);
    const expected = interpret(at({ H: 6, W: 10 }), weights, inputs).get('mask');
    const actual = runLoaded(model, inputs).get('mask');
    expect(expected && actual && relativeError(actual, expected)).toBeLessThanOrEqual(1e-4);
    model.dispose();
  });

  it('writes layers, which load with the classes of archc/tfjs', async () => {
    const args = ['compile', 'small.arch', '--target', 'tfjs', '--format', 'layers'];
    expect(archc([...args, '-o', 'l.tfjs'], { cwd: folder })).toMatchObject({
      code: 0,
      stderr: '',
    });
    expect(archc([...args, '--dynamic'], { cwd: folder })).toMatchObject({ code: 2 });
    registerLayers();
    const { port } = server.address() as AddressInfo;
    const model = await tf.loadLayersModel(`http://127.0.0.1:${port}/l.tfjs/model.json`);
    expect(model.layers.map((layer) => layer.getClassName())).toContain('GroupNormalization');
    expect(model.countParams()).toBe(85);
    model.dispose();
  });

  it('replaces a model of its own, and nothing else', () => {
    const compile = (...more: string[]) =>
      archc(['compile', 'small.arch', '--target', 'tfjs', '--json', ...more], { cwd: folder });
    const first = compile('-o', 'm.tfjs');
    expect(json(first)).toMatchObject({
      target: 'tfjs',
      format: 'graph',
      weightType: 'f32',
      params: 85,
    });
    const bytes = (): Buffer => readFileSync(join(folder, 'm.tfjs/group1-shard1of1.bin'));
    const before = bytes();
    expect(compile('-o', 'm.tfjs').code).toBe(0);
    expect(bytes().equals(before)).toBe(true);
    expect(compile('-o', 'm.tfjs', '--weight-type', 'u8').code).toBe(0);
    expect(bytes().length).toBeLessThan(before.length);
    // With something of the user's in it, it stays.
    put(join(folder, 'm.tfjs'), 'notes.txt', 'mine');
    expect(compile('-o', 'm.tfjs')).toMatchObject({ code: 3 });
    expect(readdirSync(join(folder, 'm.tfjs'))).toContain('notes.txt');
    expect(compile('-o', 'm.tfjs', '--force').code).toBe(0);
    expect(readdirSync(join(folder, 'm.tfjs'))).not.toContain('notes.txt');
    put(join(folder, 'other'), 'model.json', '{"format":"graph-model","generatedBy":"2.0"}');
    expect(compile('-o', 'other')).toMatchObject({ code: 3 });
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });
});
