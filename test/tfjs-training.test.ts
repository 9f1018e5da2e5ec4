/** Trainable models: layers against the interpreter, and gradients against its finite differences. */
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { interpret } from '../src/compiler/interpret.js';
import type { Graph, Tensor, WeightValues } from '../src/compiler/ir.js';
import { buildModel, modelOfGraph, type TrainableModel } from '../src/tfjs/index.js';
import { rewriteGraph } from '../src/compiler/rewrite.js';
import { initialize } from '../src/weights/initialize.js';
import { uniformStream } from '../src/weights/random.js';
import { readSafetensors, writeSafetensors } from '../src/weights/safetensors.js';
import { modelOfFile } from './helpers/onnx-programs.js';
import {
  OPERATOR_CASES,
  randomInputs,
  randomWeights,
  relativeError,
} from './helpers/operator-cases.js';
import { useBackend } from './helpers/tfjs-run.js';

const TOLERANCE = 1e-4;

async function trainable(graph: Graph, weights: WeightValues): Promise<TrainableModel> {
  const made = await modelOfGraph(graph, weights);
  if (!made.ok) throw new Error(made.diagnostics.map((d) => d.message).join('\n'));
  return made.value;
}

function predict(model: tf.LayersModel, inputs: ReadonlyMap<string, Tensor>): readonly Tensor[] {
  const feeds = [...inputs.values()].map(({ shape, data }) => tf.tensor(data, [...shape]));
  const results = [model.predict(feeds)].flat();
  const outputs = results.map((y) => ({ shape: y.shape, data: Float32Array.from(y.dataSync()) }));
  tf.dispose([feeds, results]);
  return outputs;
}

/** Refused: see `refuses what no layer does`. */
const LACKING: ReadonlySet<string> = new Set(['batchnorm [2,3,2,4]']);

describe.each(['cpu', 'wasm'] as const)('layers on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  it.each(OPERATOR_CASES.filter(({ name }) => !LACKING.has(name)))('$name', async ({ build }) => {
    const graph = build();
    const weights = randomWeights(graph, 1);
    const { model, weights: read } = await trainable(graph, weights);
    const inputs = randomInputs(graph, 2, 2);
    const expected = [...interpret(graph, weights, inputs).values()];
    const actual = predict(model, inputs);
    expect(actual.map(({ shape }) => shape)).toEqual(expected.map(({ shape }) => shape));
    expected.forEach((tensor, i) => {
      const found = actual[i];
      expect(found && relativeError(found, tensor)).toBeLessThanOrEqual(TOLERANCE);
    });
    for (const [name, { data }] of read()) expect(data).toEqual(weights.get(name)?.data);
    model.dispose();
  });
});

/** Σ y · r: each output element with a factor of its own. */
function factors(y: Tensor): Float32Array {
  const uniform = uniformStream(9, 'loss');
  return Float32Array.from(y.data, () => 2 * uniform() - 1);
}

function lossOf(graph: Graph, weights: WeightValues, inputs: ReadonlyMap<string, Tensor>): number {
  const [y] = interpret(graph, weights, inputs).values();
  if (y === undefined) throw new Error('no output');
  const r = factors(y);
  return y.data.reduce((sum, value, i) => sum + value * (r[i] ?? 0), 0);
}

/** Gradients of that loss by weight, in archc's layout. */
function gradientsOf(
  { model, weights, setWeights }: TrainableModel,
  inputs: ReadonlyMap<string, Tensor>,
  expected: Tensor,
): ReadonlyMap<string, Float32Array> {
  const before = weights();
  const feeds = [...inputs.values()].map(({ shape, data }) => tf.tensor(data, [...shape]));
  const r = tf.tensor(factors(expected), [...expected.shape]);
  const { value, grads } = tf.variableGrads(() => {
    const y = model.apply(feeds, { training: false });
    if (!(y instanceof tf.Tensor)) throw new Error('a model of one output');
    return tf.sum<tf.Scalar>(tf.mul(y, r));
  });
  // Read through the model, so that the gradients have archc's names and layout.
  for (const weight of model.trainableWeights) {
    const gradient = grads[weight.name];
    if (gradient === undefined) throw new Error(`no gradient for ${weight.originalName}`);
    weight.write(gradient);
  }
  const found = new Map([...weights()].map(([name, { data }]) => [name, data]));
  expect(setWeights(before)).toEqual([]);
  tf.dispose([feeds, r, value, grads]);
  return found;
}

function moved(weights: WeightValues, name: string, by: (i: number) => number): WeightValues {
  const tensor = weights.get(name);
  if (tensor === undefined) throw new Error(`no ${name}`);
  const data = tensor.data.map((value, i) => value + by(i));
  return new Map([...weights, [name, { ...tensor, data }]]);
}

const norm = (data: Float32Array): number => Math.hypot(...data);

const dot = (a: Float32Array, b: Float32Array): number =>
  a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);

interface Slope {
  readonly name: string;
  readonly direction: Float32Array;
  /** Of the loss in that direction. */
  readonly slope: number;
}

/**
 * Slopes of the interpreter's loss along the gradient and a random direction together, by central
 * differences at two steps, extrapolated (Richardson): exact to the fifth power of the step.
 */
function slopesOf(
  graph: Graph,
  weights: WeightValues,
  inputs: ReadonlyMap<string, Tensor>,
  gradients: ReadonlyMap<string, Float32Array>,
): readonly Slope[] {
  const trained = graph.weights.filter((weight, i) => weight.trainable && i % 6 === 0);
  return trained.map(({ name }) => {
    const gradient = gradients.get(name) ?? new Float32Array();
    const uniform = uniformStream(3, name);
    const random = gradient.map(() => 2 * uniform() - 1);
    const length = norm(gradient) + 1e-12;
    const mixed = gradient.map((g, i) => g / length + (random[i] ?? 0) / norm(random));
    const direction = mixed.map((value) => value / norm(mixed));
    const step = 1.5e-4 * Math.max(norm(weights.get(name)?.data ?? direction), 0.5);
    const central = (h: number): number => {
      const at = (sign: number): number =>
        lossOf(
          graph,
          moved(weights, name, (i) => sign * h * (direction[i] ?? 0)),
          inputs,
        );
      return (at(1) - at(-1)) / (2 * h);
    };
    return { name, direction, slope: (4 * central(step) - central(2 * step)) / 3 };
  });
}

describe('gradients of a small SD-UNet', () => {
  const set = { width: '4' };
  const whole = modelOfFile('models/sdunet.arch', { model: 'SDUNet', set }).at({ H: 16, W: 16 });
  /** Without kinks, at which differences and slopes have nothing to do with each other. */
  const smooth = rewriteGraph(whole, (node, operands, builder) => {
    if (node.op === 'relu') return builder.apply('silu', operands, {});
    return node.op === 'maxpool' ? builder.apply('avgpool', operands, node.attributes) : undefined;
  });

  async function gradients(
    graph: Graph,
    backend: 'cpu' | 'wasm',
  ): Promise<ReadonlyMap<string, Float32Array>> {
    await useBackend(backend);
    const weights = initialize(graph.weights, 1);
    const inputs = randomInputs(graph, 2, 2);
    const made = await trainable(graph, weights);
    const [y] = interpret(graph, weights, inputs).values();
    if (y === undefined) throw new Error('no output');
    const found = gradientsOf(made, inputs, y);
    made.model.dispose();
    return found;
  }

  /** The largest difference by weight, relative to its gradient; of those that matter. */
  function difference(
    a: ReadonlyMap<string, Float32Array>,
    b: ReadonlyMap<string, Float32Array>,
  ): number {
    const largest = Math.max(...[...a.values()].map(norm));
    return Math.max(
      ...[...a].map(([name, x]) => {
        const y = b.get(name);
        return (
          norm(x.map((value, i) => value - (y?.[i] ?? Number.NaN))) /
          Math.max(norm(x), 1e-3 * largest)
        );
      }),
    );
  }

  it('are the slopes of the interpreter, weight standardisation and group norm included', async () => {
    const weights = initialize(smooth.weights, 1);
    const inputs = randomInputs(smooth, 2, 2);
    const onCpu = await gradients(smooth, 'cpu');
    const onWasm = await gradients(smooth, 'wasm');
    const slopes = slopesOf(smooth, weights, inputs, onCpu);
    expect(slopes.length).toBeGreaterThan(15);
    const largest = Math.max(...[...onCpu.values()].map(norm));
    for (const found of [onCpu, onWasm]) {
      const errors = slopes.map(({ name, direction, slope }) => {
        const gradient = found.get(name) ?? new Float32Array();
        return (
          Math.abs(dot(gradient, direction) - slope) / Math.max(norm(gradient), 1e-2 * largest)
        );
      });
      expect(Math.max(...errors)).toBeLessThanOrEqual(1e-3);
    }
  });

  it('with its kinks are the same on both backends', async () => {
    const error = difference(await gradients(whole, 'cpu'), await gradients(whole, 'wasm'));
    expect(error).toBeLessThanOrEqual(1e-3);
  });
});

describe('buildModel', () => {
  beforeAll(() => useBackend('wasm'));

  it('trains, saves, and reads what it saved', async () => {
    const text = `model M {
  input x: f32[8, 8, 1]
  output y = x -> conv(4, ws) -> groupnorm(2) -> relu -> maxpool -> dropout(0.1)
    -> dwconv(3, ws) -> convtranspose(4) -> conv(1) -> sigmoid
}
`;
    const { value, diagnostics } = await buildModel(text, { seed: 1 });
    expect(diagnostics).toEqual([]);
    if (value === undefined) throw new Error('no model');
    const { model } = value;
    model.compile({ optimizer: tf.train.adam(0.02), loss: 'binaryCrossentropy' });
    const x = tf.randomUniform([4, 8, 8, 1], 0, 1, 'float32', 1);
    const y = tf.cast(tf.greater(x, 0.5), 'float32');
    const history = await model.fit(x, y, {
      epochs: 30,
      batchSize: 4,
      shuffle: false,
      yieldEvery: 'never',
    });
    const losses = (history.history['loss'] ?? []).map(Number);
    expect(losses.at(-1)).toBeLessThan(0.75 * (losses[0] ?? 0));

    const bytes = value.toSafetensors();
    const other = await buildModel(text, { weights: { file: 'trained.safetensors', bytes } });
    const saved = readSafetensors(bytes);
    expect([...(saved.ok ? saved.value.tensors.keys() : [])].sort()).toEqual(
      value.graph.weights.map(({ name }) => name).sort(),
    );
    const image = tf.reshape(tf.slice(x, [0, 0, 0, 0], [1, 8, 8, 1]), [1, 8, 8, 1]);
    const [a, b] = [model, other.value?.model].map((each) => each?.predict(image) as tf.Tensor);
    expect(a?.dataSync()).toEqual(b?.dataSync());
    // And what archc makes of them is the same.
    const input = new Map([
      ['x', { shape: [1, 8, 8, 1], data: Float32Array.from(image.dataSync()) }],
    ]);
    const expected = interpret(value.graph, value.weights(), input).get('y');
    const actual: Tensor = { shape: [1, 8, 8, 1], data: Float32Array.from(a?.dataSync() ?? []) };
    expect(expected && relativeError(actual, expected)).toBeLessThanOrEqual(TOLERANCE);
    // Its classes serialise.
    const reloaded = await tf.models.modelFromJSON({
      modelTopology: model.toJSON(null, false),
    });
    expect(reloaded.layers.map((layer) => layer.getClassName())).toEqual(
      model.layers.map((layer) => layer.getClassName()),
    );
  });

  it('refuses what no layer does', async () => {
    const graph = OPERATOR_CASES.find(({ name }) => LACKING.has(name))?.build();
    if (graph === undefined) throw new Error('no such case');
    const made = await modelOfGraph(graph, randomWeights(graph, 1));
    const codes = made.ok ? [] : made.diagnostics.map(({ code }) => code);
    expect(codes).toEqual(['unsupported-operator']);
  });

  it('says what is wrong with a program and with a file of weights', async () => {
    const bad = await buildModel('model M {\n  input x: f32[8]\n  output y = x -> conv(2)\n}\n');
    expect(bad.value).toBeUndefined();
    expect(bad.diagnostics.map(({ code }) => code)).toEqual(['wrong-rank']);
    const { value } = await buildModel(
      'model M {\n  input x: f32[8]\n  output y = x -> dense(2)\n}\n',
    );
    const before = value?.toSafetensors();
    const other = writeSafetensors(new Map([['z', { shape: [1], data: Float32Array.of(1) }]]));
    const problems = value?.loadSafetensors(other) ?? [];
    expect(new Set(problems.map(({ code }) => code))).toEqual(new Set(['weights-mismatch']));
    expect(value?.loadSafetensors(new Uint8Array(3)).map(({ code }) => code)).toEqual([
      'bad-safetensors',
    ]);
    expect(value?.toSafetensors()).toEqual(before);
  });

  it('takes the weights of a checkpoint', async () => {
    const text = 'model M {\n  input x: f32[8]\n  output y = x -> dense(2)\n}\n';
    const { value } = await buildModel(text, { seed: 1 });
    const slot = { shape: [2], data: Float32Array.of(1, 2) };
    const weights = value?.weights() ?? new Map<string, never>();
    const checkpoint = writeSafetensors(new Map([...weights, ['optimiser:m:y.dense.bias', slot]]));
    const other = (await buildModel(text, { seed: 2 })).value;
    expect(other?.loadSafetensors(checkpoint)).toEqual([]);
    expect(other?.toSafetensors()).toEqual(value?.toSafetensors());
  });
});
