/** The reference interpreter: batches, what is computed once, composites, and its errors. */
import { expect, test } from 'vitest';
import { evaluateNode, interpret, interpretAll } from '../src/compiler/interpret.js';
import type { Graph, Tensor, WeightValues } from '../src/compiler/ir.js';
import { symbolDim } from '../src/compiler/shape.js';
import { buildGraph, testSpan } from './helpers/graph.js';
import { expectClose } from './helpers/onnx-cases.js';
import { tensor } from './helpers/run-node.js';

/** Distinct values for every weight: sines. */
function anyWeights(graph: Graph): WeightValues {
  return new Map(
    graph.weights.map(({ name, shape }, w) => {
      const count = shape.reduce((n, d) => n * d, 1);
      const data = Float32Array.from({ length: count }, (_, i) => Math.sin(i + 10 * w + 1));
      return [name, { shape, data }];
    }),
  );
}

function only(results: ReadonlyMap<string, Tensor>): Tensor {
  const [found, ...rest] = [...results.values()];
  if (found === undefined || rest.length > 0) throw new Error('not one output');
  return found;
}

test('a batch is its images, one after the other', () => {
  const graph = buildGraph((g) => {
    const [a] = g.op('conv', [g.input([3, 3, 1])], { filters: 2, k: [3, 3] });
    return g.op('relu', a === undefined ? [] : [a]);
  });
  const weights = anyWeights(graph);
  const both = tensor(
    [2, 3, 3, 1],
    Array.from({ length: 18 }, (_, i) => Math.cos(i * i)),
  );
  const images = [0, 1].map((i) => ({
    shape: [1, 3, 3, 1],
    data: both.data.slice(9 * i, 9 * (i + 1)),
  }));
  const together = only(interpret(graph, weights, new Map([['x', both]])));
  const apart = images.map((x) => only(interpret(graph, weights, new Map([['x', x]]))));
  expect(together.shape).toEqual([2, 3, 3, 2]);
  expect([...together.data]).toEqual(apart.flatMap((y) => [...y.data]));
  // At the middle of the first image: the sum over the kernel, whose values are sin(i + 1) and
  // whose taps for output 0 are the even ones, plus the bias sin(11).
  const middle = [...(images[0]?.data ?? [])].reduce(
    (sum, value, i) => sum + value * Math.sin(2 * i + 1),
    Math.sin(11),
  );
  expect(together.data[8]).toBeCloseTo(Math.max(0, middle), 5);
});

test('a kernel to be standardised has mean 0, and is no matter of the batch', () => {
  const graph = buildGraph((g) =>
    g.op('conv', [g.input([1, 1, 2])], { filters: 1, k: [1, 1], ws: true, bias: false }),
  );
  const weights: WeightValues = new Map([['conv_1.weight', tensor([1, 1, 2, 1], [3, 7])]]);
  const x = tensor([2, 1, 1, 2], [1, 0, 0, 1]);
  // (3 − 5) / 2 and (7 − 5) / 2, but for the 1e-5 beside the deviation.
  const y = only(interpret(graph, weights, new Map([['x', x]])));
  expectClose(y, tensor([2, 1, 1, 1], [-2 / 2.00001, 2 / 2.00001]), 1e-7);
  const all = interpretAll(graph, weights, new Map([['x', x]]));
  const standardized = graph.nodes.find((node) => node.op === 'standardize')?.results[0];
  expect(all.get(standardized?.id ?? -1)?.shape).toEqual([1, 1, 2, 1]);
});

test('inputs, outputs and results may be several', () => {
  const graph = buildGraph((g) => {
    const [a, b] = [g.input([2], 'a'), g.input([2], 'b')];
    const [left, right] = g.op('split', [a], { parts: 2 });
    if (left === undefined || right === undefined) throw new Error('split');
    return [...g.op('sub', [right, left]), ...g.op('mul', [b, left]), a];
  });
  const found = interpret(
    graph,
    new Map(),
    new Map([
      ['a', tensor([2, 2], [1, 5, 2, 4])],
      ['b', tensor([2, 2], [1, 2, 3, 4])],
    ]),
  );
  expect(found).toEqual(
    new Map([
      ['y', tensor([2, 1], [4, 2])],
      ['y2', tensor([2, 2], [1, 2, 6, 8])],
      ['y3', tensor([2, 2], [1, 5, 2, 4])],
    ]),
  );
});

test('every value can be asked for, and is as the outputs say', () => {
  const graph = buildGraph((g) => {
    const x = g.input([2, 2, 4]);
    const [shuffled] = g.op('channelshuffle', [x], { groups: 2 });
    const factor = g.builder.constant(Float32Array.of(10), [1]);
    return g.op('mul', shuffled === undefined ? [] : [shuffled, factor]);
  });
  const inputs = new Map([['x', tensor([1, 2, 2, 4])]]);
  const all = interpretAll(graph, new Map(), inputs);
  const values = graph.nodes.flatMap((node) => [...node.operands, ...node.results]);
  expect([...all.keys()].sort()).toEqual([...new Set(values.map((v) => v.id))].sort());
  const [shuffled] = graph.nodes[0]?.results ?? [];
  expect([...(all.get(shuffled?.id ?? -1)?.data ?? [])].slice(0, 4)).toEqual([0, 2, 1, 3]);
  const output = graph.outputs[0]?.value.id ?? -1;
  expect(all.get(output)).toEqual(only(interpret(graph, new Map(), inputs)));
  expect(all.get(output)?.data[1]).toBe(20);
});

test('what does not depend on an image has no batch', () => {
  const graph = buildGraph((g) => {
    const [two, three] = [2, 3].map((v) => g.builder.constant(Float32Array.of(v), [1]));
    if (two === undefined || three === undefined) throw new Error('constants');
    const [six] = g.op('mul', [two, three]);
    return [...g.op('add', six === undefined ? [] : [g.input([1]), six]), ...(six ? [six] : [])];
  });
  const found = interpret(graph, new Map(), new Map([['x', tensor([3, 1], [0, 1, 2])]]));
  expect(found.get('y')).toEqual(tensor([3, 1], [6, 7, 8]));
  expect(found.get('y2')).toEqual(tensor([1], [6]));
});

test('one node can be evaluated by itself', () => {
  const graph = buildGraph((g) => {
    const x = g.input([4, 4, 1]);
    return [...g.op('crop', [x], { amounts: [1, 1, 1, 2] }), ...g.op('flatten', [x])];
  });
  const [crop, flatten] = graph.nodes;
  if (crop === undefined || flatten === undefined) throw new Error('nodes');
  const x = tensor([4, 4, 1]);
  expect(evaluateNode(crop, [x])).toEqual([tensor([2, 1, 1], [5, 9])]);
  expect(evaluateNode(flatten, [x])).toEqual([{ shape: [16], data: x.data }]);
  // Twice: its parts are made once and hold nothing of the first time.
  expect(evaluateNode(crop, [x])).toEqual([tensor([2, 1, 1], [5, 9])]);
});

test('what callers have not checked throws', () => {
  const graph = buildGraph((g) => g.op('prelu', [g.input([2])]));
  const weights: WeightValues = new Map([['prelu_1.alpha', tensor([2])]]);
  const x = tensor([1, 2]);
  const run = (w: WeightValues, inputs: [string, Tensor][]) => (): unknown =>
    interpret(graph, w, new Map(inputs));
  expect(run(weights, [['x', x]])).not.toThrow();
  expect(run(weights, [])).toThrow('input x is missing');
  expect(run(weights, [['x', tensor([1, 3])]])).toThrow('input x has shape [1, 3]');
  expect(run(weights, [['x', tensor([2])]])).toThrow('input x has shape [2]');
  expect(run(new Map(), [['x', x]])).toThrow('weight prelu_1.alpha is missing');
  expect(run(new Map([['prelu_1.alpha', tensor([3])]]), [['x', x]])).toThrow(
    'weight prelu_1.alpha has shape [3]',
  );

  const two = buildGraph((g) => g.op('add', [g.input([1], 'a'), g.input([1], 'b')]));
  const uneven = new Map([
    ['a', tensor([1, 1])],
    ['b', tensor([2, 1])],
  ]);
  expect(() => interpret(two, new Map(), uneven)).toThrow('batches of 1 and 2');

  const H = symbolDim({ name: 'H', modulus: 1, remainder: 0, min: 1, max: 64 });
  const open = buildGraph((g) => g.op('relu', [g.input([H])]));
  expect(() => interpret(open, new Map(), new Map([['x', x]]))).toThrow('not known in [H]');
});

test('an input without a batch axis is read as it is', () => {
  const graph = buildGraph((g) => {
    const type = { dtype: 'f32', shape: [2], batched: false } as const;
    const scale = g.builder.input('scale', type, '', testSpan);
    return g.op('mul', [g.input([2]), scale]);
  });
  const found = interpret(
    graph,
    new Map(),
    new Map([
      ['x', tensor([2, 2], [1, 2, 3, 4])],
      ['scale', tensor([2], [10, 100])],
    ]),
  );
  expect(only(found)).toEqual(tensor([2, 2], [10, 200, 30, 400]));
});
