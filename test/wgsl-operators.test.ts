/// <reference types="@webgpu/types" />
/** Every operator as WGSL kernels, run on a software GPU and compared with the interpreter. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pack } from '../src/backends/wgsl/layout.js';
import { interpret } from '../src/compiler/interpret.js';
import type { Graph, Tensor, Value } from '../src/compiler/ir.js';
import type { Plan } from '../src/webgpu/plan.js';
import { buildGraph, type TestGraph } from './helpers/graph.js';
import {
  OPERATOR_CASES,
  randomInputs,
  randomWeights,
  relativeError,
} from './helpers/operator-cases.js';
import {
  joinGraphs,
  planOf,
  prefixed,
  racesIn,
  runPlan,
  shaderProblems,
  sharingDevice,
  type EmittedPlan,
} from './helpers/wgsl-run.js';

const TOLERANCE = 1e-4;

/** Through operators one after another. */
function through(g: TestGraph, x: Value, ...steps: readonly Parameters<TestGraph['op']>[]): Value {
  return steps.reduce((value, [op, , attributes]) => g.op(op, [value], attributes)[0] ?? value, x);
}

/** What the cases of the operators are too small or too simple for. */
const MORE: Readonly<Record<string, (g: TestGraph) => readonly Value[]>> = {
  'long reductions': (g) => {
    const x = g.input([20, 30, 8]);
    return [
      ...g.op('mean', [x], { axes: [0, 1] }),
      ...g.op('max', [x], { axes: [1, 0], keepdims: true }),
      ...g.op('sum', [x]),
      ...g.op('globalavgpool', [x]),
      ...g.op('globalmaxpool', g.op('slice', [x], { start: 0, stop: 5 })),
    ];
  },
  'a mean of many means': (g) => g.op('mean', [g.input([300, 9, 500])], { axes: [0] }),
  'long softmax': (g) => [
    ...g.op('softmax', [g.input([3, 300])]),
    ...g.op('softmax', [g.input([2, 301], 'x2')]),
    ...g.op('softmax', [g.input([290, 3], 'x3')], { axis: 0 }),
  ],
  'long layernorm': (g) => [
    ...g.op('layernorm', [g.input([2, 300])]),
    ...g.op('layernorm', [g.input([2, 301], 'x2')], { affine: false }),
  ],
  'groups in blocks': (g) => {
    const x = g.input([9, 7, 16]);
    const y = g.op('conv', [x], { filters: 24, groups: 2, stride: [2, 1] });
    return g.op('relu', g.op('conv', y, { filters: 8, groups: 2, k: [3, 2], dilation: [1, 2] }));
  },
  'many filters': (g) => {
    const x = g.input([5, 9, 12]);
    const y = g.op('conv', [x], { filters: 40 });
    return g.op('relu', g.op('convtranspose', y, { filters: 20, k: [5, 5], stride: [2, 3] }));
  },
  'transposed kernels of many taps': (g) => [
    ...g.op('convtranspose', [g.input([4, 5, 5])], { filters: 5, k: [2, 7], stride: [1, 1] }),
    ...g.op('convtranspose', [g.input([4, 5, 4], 'x2')], { filters: 4, k: [1, 2], stride: [3, 4] }),
  ],
  'a convolution and what it read': (g) => {
    const x = g.input([6, 6, 8]);
    const y = g.op('conv', [x], { filters: 8 });
    return [...g.op('add', [...y, x]), ...g.op('mul', [x, ...g.op('dwconv', [x])])];
  },
  'a tensor read as two types': (g) => {
    const x = g.input([4, 4, 3]);
    const y = g.op('conv', [x], { filters: 4, k: [1, 1], stride: [1, 1], pad: 'valid' });
    const [z = x] = g.op('slice', y, { start: 0, stop: 3 });
    const [w = x] = g.op('reshape', [z], { shape: [4, 3, 4] });
    return g.op('add', [
      ...g.op('resize', [z], { height: 4, width: 3 }),
      ...g.op('mean', [w], { axes: [-1], keepdims: true }),
    ]);
  },
  'a matrix by itself, larger than a block': (g) => {
    const x = g.input([19, 19]);
    const y = g.input([3, 12, 12], 'x2');
    return [...g.op('matmul', [x, x]), ...g.op('relu', g.op('matmul', [y, y]))];
  },
  'a product with what is added to it': (g) => {
    const [x, y] = [g.input([2, 9, 8]), g.input([8, 12], 'x2')];
    return g.op('add', [...g.op('matmul', [x, y]), g.input([12], 'x3')]);
  },
  'enlarged, then activated': (g) => [
    ...g.op('relu', g.op('upsample', [g.input([3, 4, 8])], { mode: 'bilinear' })),
    ...g.op('sigmoid', g.op('upsample', [g.input([3, 4, 3], 'x2')])),
  ],
  'pooled, then normalised': (g) => {
    const x = g.op('maxpool', [g.input([8, 8, 6])], { k: [2, 2] });
    const y = g.op('avgpool', [g.input([8, 8, 8], 'x2')], { k: [2, 2] });
    return [...g.op('batchnorm', x), ...g.op('relu', g.op('batchnorm', y))];
  },
  'a tensor that a chain reads twice, with one that broadcasts': (g) => {
    const x = g.input([5, 6, 8]);
    return g.op('add', [...g.op('mul', [x, g.input([1, 1, 8], 'x2')]), x]);
  },
  'an image that is scaled by channel': (g) => {
    const x = g.input([6, 5, 6]);
    const gate = through(g, x, ['globalavgpool', []], ['conv', [], { filters: 6, k: [1, 1] }]);
    return g.op('mul', [
      ...g.op('resize', [x], { height: 4, width: 4 }),
      ...g.op('sigmoid', [gate]),
    ]);
  },
  'ten summands': (g) => {
    const terms = Array.from({ length: 10 }, (_, i) => g.input([3, 4], `x${i + 1}`));
    return [...g.op('add', terms), ...g.op('sub', terms), ...g.op('concat', terms, { axis: 0 })];
  },
  'outputs that are one value, an input and a constant': (g) => {
    const x = g.input([2, 3]);
    const [y = x] = g.op('relu', [x]);
    const table = g.builder.constant(Float32Array.of(1, 2, 3), [3]);
    return [
      y,
      ...g.op('identity', [y]),
      ...g.op('identity', [y]),
      ...g.op('identity', [x]),
      ...g.op('reshape', [x], { shape: [6] }),
      ...g.op('relu', [table]),
    ];
  },
  'data that is moved': (g) => {
    const x = g.input([6, 4, 8]);
    const [a = x, b = x] = g.op('split', [x], { parts: 2 });
    return [
      ...g.op('concat', [b, a]),
      ...g.op('crop', [x], { amounts: [1, 1, 0, 2] }),
      ...g.op('transpose', [x], { axes: [1, 0, 2] }),
      ...g.op('pixelshuffle', [x], { factor: 2 }),
      ...g.op('pad', [x], { amounts: [2, 1, 3, 0], mode: 'reflect' }),
      ...g.op('slice', [x], { start: 1, axis: 0, step: 2 }),
    ];
  },
};

const CASES = new Map<string, Graph>([
  ...OPERATOR_CASES.map(({ build }, i) => [`case${i}`, build()] as const),
  ...Object.entries(MORE).map(([, body], i) => [`more${i}`, buildGraph(body)] as const),
]);
const NAMES = [...OPERATOR_CASES.map(({ name }) => name), ...Object.keys(MORE)];

/** All of them as one model: kernels that cases have in common are compiled once. */
const joined = joinGraphs(CASES);
const weights = randomWeights(joined, 3);

/** What the interpreter makes of one case. */
function expectedOf(
  key: string,
  graph: Graph,
  inputs: ReadonlyMap<string, Tensor>,
): ReadonlyMap<string, Tensor> {
  const own = <T>(values: ReadonlyMap<string, T>): Map<string, T> =>
    new Map(
      [...values].flatMap(([name, value]) =>
        name.startsWith(`${key}.`) ? [[name.slice(key.length + 1), value] as const] : [],
      ),
    );
  return new Map(prefixed(key, interpret(graph, own(weights), own(inputs))));
}

let device: GPUDevice;
beforeAll(async () => {
  device = await sharingDevice();
});
afterAll(() => {
  device.destroy();
});

describe.each([
  { how: 'a kernel a node, sizes free', fused: false, dynamic: true },
  { how: 'nodes fused, sizes free', fused: true, dynamic: true },
  { how: 'nodes fused, sizes known', fused: true, dynamic: false },
])('$how', ({ fused, dynamic }) => {
  const batch = dynamic ? 2 : 1;
  const inputs = randomInputs(joined, batch, 7);
  let emitted: EmittedPlan;
  let actual: ReadonlyMap<string, Tensor>;
  beforeAll(async () => {
    emitted = await planOf(joined, weights, { dynamic, fused });
    actual = await runPlan(device, emitted, inputs, dynamic ? { batch } : {});
  });

  it.each([...CASES].map(([key, graph], i) => [NAMES[i], key, graph] as const))(
    '%s',
    (_name, key, graph) => {
      const expected = expectedOf(key, graph, inputs);
      expect(expected.size).toBeGreaterThan(0);
      for (const [name, tensor] of expected) {
        const found = actual.get(name);
        expect(found?.shape).toEqual(tensor.shape);
        expect(found && relativeError(found, tensor), name).toBeLessThanOrEqual(TOLERANCE);
      }
    },
  );

  it('shaders that both front ends accept, and that say what they are for', async () => {
    expect(await shaderProblems(emitted)).toEqual([]);
  });

  it('no races in workgroup memory', () => {
    const { races, shaders } = racesIn(emitted, { batch: 1 });
    expect(races).toEqual([]);
    expect(shaders).toBeGreaterThan(4);
  });

  it('buffers within what every device grants', () => {
    const counts = emitted.plan.pipelines.map(({ bindings }) => bindings.length);
    expect(Math.max(...counts)).toBeLessThanOrEqual(8);
  });
});

it('every weight is in the plan, under its name, with its values', async () => {
  const graph = buildGraph((g) => {
    const x = g.op('conv', [g.input([6, 6, 5])], { filters: 7 });
    const y = g.op('dwconv', g.op('dwconv', x, { multiplier: 2 }), { ws: true });
    return g.op('dense', g.op('layernorm', y), { units: 3 });
  });
  const values = randomWeights(graph, 1);
  const { plan, files } = await planOf(graph, values, { fused: false });
  const bytes = files.find(({ name }) => name === plan.weights.file)?.bytes ?? new Uint8Array();
  const standardized = graph.nodes.find(({ op }) => op === 'standardize')?.operands[0]?.definition;
  const folded = standardized?.kind === 'weight' ? standardized.weight.name : '';
  expect(folded).not.toBe('');
  const expected = graph.weights.map(({ name }) => name).filter((name) => name !== folded);
  expect(plan.weights.tensors.map(({ name }) => name).sort()).toEqual(expected.sort());
  for (const { name, constant, layout } of plan.weights.tensors) {
    const place = plan.constants[constant] ?? { offset: 0, bytes: 0 };
    const held = new Float32Array(bytes.slice(place.offset, place.offset + place.bytes).buffer);
    const tensor = values.get(name);
    expect(tensor && unpacked(held, tensor.shape, layout)).toEqual([...(tensor?.data ?? [])]);
    expect(tensor && pack(tensor, layout)).toEqual(held);
  }
});

/** The elements in their order, found as `docs/wgsl-plan.md` says where they lie. */
function unpacked(
  held: Float32Array,
  shape: readonly number[],
  layout: Plan['weights']['tensors'][number]['layout'],
): number[] {
  const count = shape.reduce((n, size) => n * size, 1);
  const [inputs = 1, outputs = 1] = shape.slice(-2);
  return Array.from({ length: count }, (_, index) => {
    const [o, i] = [index % outputs, Math.floor(index / outputs) % inputs];
    const tap = Math.floor(index / outputs / inputs);
    const [rows, columns] = [Math.ceil(inputs / 4), Math.ceil(outputs / 4)];
    const at = {
      rows: index,
      blocks:
        ((tap * rows + Math.floor(i / 4)) * columns + Math.floor(o / 4)) * 16 +
        (i % 4) * 4 +
        (o % 4),
      taps: (tap * inputs + i) * columns * 4 + o,
    }[layout];
    return held[at] ?? Number.NaN;
  });
}

it('more workgroups than one dimension has', async () => {
  const graph = buildGraph((g) => g.op('relu', [g.input([4_200_001])]));
  const emitted = await planOf(graph, new Map());
  const [x = 0, y = 0] = emitted.plan.dispatches[0]?.variants[0].workgroups ?? [];
  expect([x, y]).toEqual([65_535, 2]);
  const data = Float32Array.from({ length: 4_200_001 }, (_, i) => (i % 7) - 3);
  const actual = await runPlan(
    device,
    emitted,
    new Map([['x', { shape: [1, data.length], data }]]),
  );
  device.destroy();
  const wrong = actual.get('y')?.data.findIndex((value, i) => value !== Math.max(0, (i % 7) - 3));
  expect(wrong).toBe(-1);
});
