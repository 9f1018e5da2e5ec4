/** Gradients of every operator on WebAssembly, to inputs and weights, against the interpreter's slopes. */
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { interpret } from '../src/compiler/interpret.js';
import { inputName, type Graph, type Tensor, type WeightValues } from '../src/compiler/ir.js';
import { modelOfGraph } from '../src/tfjs/index.js';
import { uniformStream } from '../src/weights/random.js';
import { buildGraph } from './helpers/graph.js';
import { OPERATOR_CASES, randomInputs, randomWeights } from './helpers/operator-cases.js';
import { useBackend } from './helpers/tfjs-run.js';

/** Relative to the gradient, of its slope in a direction. */
const TOLERANCE = 1e-3;
/** Of the interpreter's differences, whose tensors are float32. */
const STEP = 2e-3;

type Values = ReadonlyMap<string, Tensor>;

/** Σ y · r over all outputs, each element with a factor of its own. */
function factorsOf(outputs: Values): Values {
  return new Map(
    [...outputs].map(([name, { shape, data }]) => {
      const uniform = uniformStream(5, name);
      return [name, { shape, data: data.map(() => 2 * uniform() - 1) }];
    }),
  );
}

function lossOf(graph: Graph, weights: WeightValues, inputs: Values, factors: Values): number {
  let sum = 0;
  for (const [name, { data }] of interpret(graph, weights, inputs)) {
    const r = factors.get(name)?.data;
    data.forEach((value, i) => (sum += value * (r?.[i] ?? Number.NaN)));
  }
  return sum;
}

/** Gradients by the name of the input (`input:x`) or weight, in archc's layout. */
async function gradientsOf(
  graph: Graph,
  weights: WeightValues,
  inputs: Values,
  factors: Values,
): Promise<ReadonlyMap<string, Float32Array>> {
  const made = await modelOfGraph(graph, weights);
  if (!made.ok) throw new Error(made.diagnostics[0]?.message);
  const { model, variables, weights: read } = made.value;
  const feeds = [...inputs].map(([name, { shape, data }]) =>
    tf.variable(tf.tensor(data, [...shape]), true, `input:${name}:${Math.random()}`),
  );
  const { grads } = tf.variableGrads(() => {
    const given = feeds.length === 1 && feeds[0] !== undefined ? feeds[0] : feeds;
    const ys = [model.apply(given, { training: false })].flat() as tf.Tensor[];
    const parts = ys.map((y, i) => {
      const r = [...factors.values()][i];
      if (r === undefined) throw new Error('no factors');
      return tf.sum<tf.Scalar>(tf.mul(y, tf.tensor(r.data, [...r.shape])));
    });
    return tf.addN(parts);
  });
  const found = new Map<string, Float32Array>();
  [...inputs.keys()].forEach((name, i) => {
    const gradient = grads[feeds[i]?.name ?? ''];
    if (gradient !== undefined) found.set(`input:${name}`, gradient.dataSync() as Float32Array);
  });
  for (const { weight, held } of variables) {
    const gradient = grads[held.name];
    if (gradient === undefined || !weight.trainable) continue;
    held.write(gradient);
    const data = read().get(weight.name)?.data;
    if (data !== undefined) found.set(weight.name, data);
  }
  tf.dispose([feeds, grads]);
  model.dispose();
  return found;
}

function shifted(values: Values, name: string, direction: Float32Array, by: number): Values {
  const tensor = values.get(name);
  if (tensor === undefined) return values;
  const data = tensor.data.map((value, i) => value + by * (direction[i] ?? 0));
  return new Map([...values, [name, { ...tensor, data }]]);
}

/** Refused by layers. */
const LACKING: ReadonlySet<string> = new Set(['batchnorm [2,3,2,4]']);
/** Steps, or constant between them. */
const FLAT: ReadonlySet<string> = new Set(['hardsigmoid']);

/** Paddings that differ by side, which the kernels of their own may mix up; 37 channels end in single ones. */
const PADDED = [
  { op: 'dwconv', attributes: { k: [1, 5] }, shape: [6, 7, 37] },
  { op: 'dwconv', attributes: { k: [5, 3], stride: [2, 1], pad: [1, 3, 0, 2] }, shape: [9, 7, 6] },
  { op: 'dwconv', attributes: { k: [3, 3], stride: [1, 2], pad: 'same' }, shape: [6, 9, 4] },
  { op: 'conv', attributes: { k: [1, 5], filters: 3 }, shape: [6, 7, 2] },
  {
    op: 'conv',
    attributes: { k: [4, 2], stride: [3, 1], filters: 3, pad: [2, 1, 0, 3] },
    shape: [9, 7, 2],
  },
  { op: 'conv', attributes: { k: [2, 2], filters: 3, pad: [3, 0, 0, 3] }, shape: [6, 5, 2] },
  { op: 'maxpool', attributes: { k: [3, 2], stride: [2, 1], pad: 'same' }, shape: [7, 6, 3] },
  { op: 'groupnorm', attributes: { groups: 2 }, shape: [19, 17, 6] },
] as const;

describe('gradients on wasm', () => {
  beforeAll(() => useBackend('wasm'));

  const cases = [
    ...OPERATOR_CASES.filter(({ name, op }) => !LACKING.has(name) && !FLAT.has(op)),
    ...PADDED.map(({ op, attributes, shape }, i) => ({
      name: `${op} ${i + 1}: ${JSON.stringify(attributes)}`,
      build: () => buildGraph((g) => g.op(op, [g.input([...shape])], attributes)),
    })),
  ];
  it.each(cases)('$name', async ({ build }) => {
    const graph = build();
    const weights = randomWeights(graph, 1);
    const inputs = randomInputs(graph, 2, 2);
    const factors = factorsOf(interpret(graph, weights, inputs));
    const gradients = await gradientsOf(graph, weights, inputs, factors);
    expect(gradients.size).toBeGreaterThan(0);
    expect(graph.inputs.map(inputName)).toEqual([...inputs.keys()]);
    const largest = Math.max(...[...gradients.values()].map((each) => Math.hypot(...each)));
    for (const [name, gradient] of gradients) {
      const length = Math.hypot(...gradient);
      // Such as that of a bias that a softmax takes out again.
      if (length < 1e-5 * largest) continue;
      const direction = gradient.map((value) => value / length);
      const at = (by: number): number => {
        const own = name.replace('input:', '');
        const isInput = name.startsWith('input:');
        return lossOf(
          graph,
          isInput ? weights : shifted(weights, own, direction, by),
          isInput ? shifted(inputs, own, direction, by) : inputs,
          factors,
        );
      };
      // By central differences at two steps, extrapolated.
      const central = (h: number): number => (at(h) - at(-h)) / (2 * h);
      const slope = (4 * central(STEP) - central(2 * STEP)) / 3;
      expect(Math.abs(slope / length - 1), name).toBeLessThanOrEqual(TOLERANCE);
    }
  });
});
