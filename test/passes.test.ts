/** Passes: each does what it says, changes no result, and has nothing left to do a second time. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { interpret } from '../src/compiler/interpret.js';
import type { Attributes, Graph, Tensor, Value, WeightValues } from '../src/compiler/ir.js';
import { inputName } from '../src/compiler/ir.js';
import type { OperatorName } from '../src/compiler/ops/index.js';
import { elementCount } from '../src/compiler/ops/tensor.js';
import {
  inferencePasses,
  kernelPasses,
  PASSES,
  runPasses,
  type Model,
  type PassName,
} from '../src/compiler/passes/index.js';
import type { PassOptions } from '../src/compiler/passes/pass.js';
import { printIr } from '../src/compiler/print-ir.js';
import { isStatic } from '../src/compiler/shape.js';
import { uniformStream } from '../src/weights/random.js';
import { buildGraph, testOrigin, type TestGraph } from './helpers/graph.js';
import { sdunet } from './helpers/unets.js';

/** Numbers in (−1, 1); where they have to be positive, as variances are, in (0.5, 1.5). */
function randomTensor(name: string, shape: readonly number[], positive = false): Tensor {
  const uniform = uniformStream(7, name);
  const data = Float32Array.from({ length: elementCount(shape) }, () =>
    positive ? 0.5 + uniform() : 2 * uniform() - 1,
  );
  return { shape, data };
}

function randomWeights(graph: Graph): WeightValues {
  return new Map(
    graph.weights.map(({ name, shape, role }) => [
      name,
      randomTensor(name, shape, role === 'variance'),
    ]),
  );
}

function modelWith(body: (g: TestGraph) => readonly Value[]): Model {
  const graph = buildGraph(body);
  return { graph, weights: randomWeights(graph) };
}

function outputsOf({ graph, weights }: Model): ReadonlyMap<string, Tensor> {
  const inputs = graph.inputs.map((value) => {
    if (!isStatic(value.type.shape)) throw new Error('a size is not known');
    const name = inputName(value);
    return [name, randomTensor(`input ${name}`, [2, ...value.type.shape])] as const;
  });
  return interpret(graph, weights ?? new Map(), new Map(inputs));
}

/** The largest difference, relative to the largest element. */
function difference(a: Model, b: Model): number {
  const other = outputsOf(b);
  return Math.max(
    ...[...outputsOf(a)].map(([name, { data, shape }]) => {
      const found = other.get(name);
      expect(found?.shape).toEqual(shape);
      const largest = data.reduce((m, x) => Math.max(m, Math.abs(x)), 1e-30);
      const worst = data.reduce((m, x, i) => Math.max(m, Math.abs(x - (found?.data[i] ?? NaN))), 0);
      return worst / largest;
    }),
  );
}

/** Runs passes; the results stay, verify accepts the graph, and a second time changes nothing. */
function check(model: Model, names: readonly PassName[], options: PassOptions = {}): Model {
  const after = runPasses(model, names, { ...options, verify: true });
  expect(difference(model, after)).toBeLessThan(1e-5);
  const again = runPasses(after, names, { ...options, verify: true });
  expect(printIr(again.graph)).toBe(printIr(after.graph));
  expect(again.weights).toEqual(after.weights);
  expect([...(after.weights?.keys() ?? [])]).toEqual(after.graph.weights.map(({ name }) => name));
  return after;
}

function ops({ graph }: Model): string[] {
  return graph.nodes.map((node) => node.op);
}

function one(values: readonly Value[]): Value {
  const [only] = values;
  if (only === undefined) throw new Error('no value');
  return only;
}

function through(
  g: TestGraph,
  start: Value,
  ...steps: readonly (readonly [OperatorName, Attributes?])[]
): Value {
  return steps.reduce((x, [op, attributes]) => one(g.op(op, [x], attributes)), start);
}

const filters = { filters: 4 };

describe('remove-dropout', () => {
  test('removes dropout and identity wherever they are', () => {
    const after = check(
      modelWith((g) => [
        through(
          g,
          g.input([6, 6, 4]),
          ['identity'],
          ['relu'],
          ['dropout', { rate: 0.5 }],
          ['spatialdropout', { rate: 0.2 }],
          ['tanh'],
          ['identity'],
        ),
      ]),
      ['remove-dropout'],
    );
    expect(ops(after)).toEqual(['relu', 'tanh']);
  });

  test('an output that would be an input keeps an identity', () => {
    const after = check(
      modelWith((g) => [through(g, g.input([4]), ['identity'], ['dropout', { rate: 0.5 }])]),
      ['remove-dropout'],
    );
    expect(ops(after)).toEqual(['identity']);
  });

  test('outputs that would be the same value keep identities, all but one', () => {
    const after = check(
      modelWith((g) => {
        const y = through(g, g.input([4]), ['relu']);
        const dropped = through(g, y, ['dropout', { rate: 0.5 }]);
        return [through(g, dropped, ['identity']), dropped, through(g, y, ['identity'])];
      }),
      ['remove-dropout'],
    );
    expect(ops(after)).toEqual(['relu', 'identity', 'identity']);
    expect(new Set(after.graph.outputs.map((output) => output.value)).size).toBe(3);
  });

  test('an output keeps its own node where an earlier output lies behind a dropout', () => {
    const after = check(
      modelWith((g) => {
        const y = through(g, g.input([4]), ['relu']);
        return [through(g, y, ['dropout', { rate: 0.5 }]), y];
      }),
      ['remove-dropout'],
    );
    expect(ops(after)).toEqual(['relu', 'identity']);
    expect(after.graph.outputs[1]?.value).toBe(after.graph.nodes[0]?.results[0]);
  });
});

describe('dead-code', () => {
  test('removes what no output needs, weights and their values too', () => {
    const model = modelWith((g) => {
      const x = g.input([6, 6, 4]);
      through(g, x, ['conv', filters], ['relu']);
      return [through(g, x, ['conv', filters])];
    });
    expect(model.graph.weights).toHaveLength(4);
    const after = check(model, ['dead-code']);
    expect(ops(after)).toEqual(['conv']);
    expect([...(after.weights?.keys() ?? [])]).toEqual(['conv_3.weight', 'conv_3.bias']);
  });

  test('removes a weight that nothing reads where every node is needed', () => {
    const { graph, weights } = modelWith((g) => [through(g, g.input([4]), ['prelu'])]);
    const [weight] = graph.weights;
    if (weight === undefined) throw new Error('no weight');
    const unread = { ...weight, name: 'unread' };
    const after = check({ graph: { ...graph, weights: [unread, weight] }, weights }, ['dead-code']);
    expect(after.graph.weights).toEqual([weight]);
  });

  test('keeps a node of which one result is needed, and inputs that nobody reads', () => {
    const after = check(
      modelWith((g) => {
        g.input([3], 'unread');
        const [, second] = g.op('split', [g.input([6, 6, 4])], { parts: 2 });
        return second === undefined ? [] : g.op('relu', [second]);
      }),
      ['dead-code'],
    );
    expect(ops(after)).toEqual(['split', 'relu']);
    expect(after.graph.inputs.map(inputName)).toEqual(['unread', 'x']);
  });
});

describe('cse', () => {
  test('computes once what is computed twice, and what follows from it', () => {
    const after = check(
      modelWith((g) => {
        const x = g.input([6, 6, 4]);
        const [a, b] = [0, 1].map(() =>
          through(g, x, ['maxpool', { k: [2, 2] }], ['elu', { alpha: 0.5 }]),
        );
        return a === undefined || b === undefined ? [] : g.op('add', [a, b]);
      }),
      ['cse', 'dead-code'],
    );
    expect(ops(after)).toEqual(['maxpool', 'elu', 'add']);
  });

  test('other attributes, operands, order of operands and weights make other nodes', () => {
    const model = modelWith((g) => {
      const [x, z] = [g.input([6, 6, 4]), g.input([6, 6, 4], 'z')];
      return [
        through(g, x, ['elu', { alpha: 0.5 }]),
        through(g, x, ['elu', { alpha: 1 }]),
        through(g, z, ['elu', { alpha: 1 }]),
        one(g.op('sub', [x, z])),
        one(g.op('sub', [z, x])),
        through(g, x, ['conv', filters]),
        through(g, x, ['conv', filters]),
      ];
    });
    expect(ops(check(model, ['cse']))).toEqual(ops(model));
  });

  test('constants with the same elements are the same', () => {
    const shapes: readonly (readonly number[])[] = [[2], [2], [1, 2]];
    const after = check(
      modelWith((g) => {
        const x = g.input([6, 2]);
        const scaled = shapes.map((shape) =>
          one(g.op('mul', [x, g.builder.constant(Float32Array.of(2, 3), shape)])),
        );
        return g.op('concat', [
          ...scaled,
          one(g.op('mul', [x, g.builder.constant(Float32Array.of(2, 4), [2])])),
        ]);
      }),
      ['cse'],
    );
    expect(ops(after)).toEqual(['mul', 'mul', 'mul', 'concat']);
  });

  test('two dropouts stay two, which drop different elements in training', () => {
    const model = modelWith((g) => {
      const x = g.input([6, 6, 4]);
      const dropped = [0, 1].map(() => through(g, x, ['dropout', { rate: 0.5 }]));
      return g.op('add', dropped);
    });
    expect(ops(check(model, ['cse']))).toEqual(['dropout', 'dropout', 'add']);
  });

  test('each output keeps a node of its own', () => {
    const after = check(
      modelWith((g) => {
        const x = g.input([6, 6, 4]);
        const [a, b, c] = [0, 1, 2].map(() => through(g, x, ['relu']));
        if (a === undefined || b === undefined || c === undefined) return [];
        return [b, c, through(g, a, ['tanh'])];
      }),
      ['cse'],
    );
    expect(ops(after)).toEqual(['relu', 'relu', 'tanh']);
  });
});

describe('fold-constants', () => {
  const standardized = (g: TestGraph): Value[] => [
    through(g, g.input([6, 6, 4]), ['dwconv', { ws: true }], ['conv', { ...filters, ws: true }]),
  ];

  test('standardises weights, which keep their names, roles and order', () => {
    const model = modelWith(standardized);
    const after = check(model, ['fold-constants']);
    expect(ops(after)).toEqual(['dwconv', 'conv']);
    expect(after.graph.weights).toEqual(model.graph.weights);
    const kernel = after.weights?.get('dwconv_1.weight')?.data ?? [];
    for (let channel = 0; channel < 4; channel++) {
      const taps = [...kernel].filter((_, i) => i % 4 === channel);
      const mean = taps.reduce((sum, w) => sum + w, 0) / 9;
      const variance = taps.reduce((sum, w) => sum + (w - mean) ** 2, 0) / 9;
      expect(mean).toBeCloseTo(0, 5);
      expect(variance).toBeCloseTo(1, 3);
    }
    expect(after.weights?.get('dwconv_1.bias')).toEqual(model.weights?.get('dwconv_1.bias'));
  });

  test('leaves the values that it was given alone', () => {
    const model = modelWith(standardized);
    const before = new Map([...(model.weights ?? [])].map(([k, v]) => [k, [...v.data]]));
    runPasses(model, inferencePasses);
    for (const [name, { data }] of model.weights ?? []) expect([...data]).toEqual(before.get(name));
  });

  test('keepWs leaves standardisation in the graph', () => {
    const after = check(modelWith(standardized), inferencePasses, { keepWs: true });
    expect(ops(after)).toEqual(['standardize', 'dwconv', 'standardize', 'conv']);
  });

  test('without values of weights, only what reads none is folded', () => {
    const { graph } = modelWith((g) => {
      const [a, b] = [2, 3].map((x) => g.builder.constant(Float32Array.of(x), [1]));
      const [x] = standardized(g);
      if (a === undefined || b === undefined || x === undefined) return [];
      return g.op('mul', [x, one(g.op('add', [a, b]))]);
    });
    const after = runPasses({ graph, weights: undefined }, ['fold-constants'], { verify: true });
    expect(ops(after)).toEqual(['standardize', 'dwconv', 'standardize', 'conv', 'mul']);
    expect(after.weights).toBeUndefined();
    const [constant] = after.graph.nodes.at(-1)?.operands.slice(1) ?? [];
    expect(constant?.definition).toEqual({ kind: 'constant', data: Float32Array.of(5) });
  });

  test('a kernel standardised in two places is standardised once', () => {
    const model = modelWith((g) => {
      const x = g.input([6, 6, 4]);
      const y = through(g, x, ['dwconv', { ws: true }]);
      const node = y.definition.kind === 'result' ? y.definition.node : undefined;
      const kernel = node?.operands[1];
      const source = kernel?.definition.kind === 'result' ? kernel.definition.node : undefined;
      const weight = source?.operands[0];
      const bias = node?.operands[2];
      if (node === undefined || weight === undefined || bias === undefined) return [];
      const origin = testOrigin('again');
      const again = g.builder.apply1('standardize', [weight], {}, origin);
      return g.builder.apply('dwconv', [y, again, bias], node.attributes, origin);
    });
    expect(ops(model)).toEqual(['standardize', 'dwconv', 'standardize', 'dwconv']);
    const after = check(model, ['fold-constants']);
    expect(ops(after)).toEqual(['dwconv', 'dwconv']);
    expect(after.graph.weights.map(({ name }) => name)).toEqual([
      'dwconv_1.weight',
      'dwconv_1.bias',
    ]);
  });

  test('a weight that is also read as it is keeps its values', () => {
    const model = modelWith((g) => {
      const x = g.input([6, 6, 4]);
      const y = through(g, x, ['dwconv']);
      const node = y.definition.kind === 'result' ? y.definition.node : undefined;
      const [, weight, bias] = node?.operands ?? [];
      if (node === undefined || weight === undefined || bias === undefined) return [];
      const origin = testOrigin('standardized');
      const other = g.builder.apply1('standardize', [weight], {}, origin);
      return g.builder.apply('dwconv', [y, other, bias], node.attributes, origin);
    });
    const after = check(model, ['fold-constants']);
    expect(after.weights).toEqual(model.weights);
    expect(after.graph.nodes.map((node) => node.operands[1]?.definition.kind)).toEqual([
      'weight',
      'constant',
    ]);
  });

  test('composites and several results fold too', () => {
    const model = modelWith((g) => {
      const numbers = g.builder.constant(
        Float32Array.from({ length: 12 }, (_, i) => i),
        [2, 6],
      );
      const parts = g.op('split', [one(g.op('flatten', [numbers]))], { parts: 2 });
      return g.op('add', [g.input([6]), ...parts]);
    });
    expect(ops(check(model, ['fold-constants']))).toEqual(['add']);
  });

  test('what depends on an input does not fold', () => {
    const model = modelWith((g) => [through(g, g.input([6, 6, 4]), ['conv', filters], ['relu'])]);
    expect(ops(check(model, ['fold-constants']))).toEqual(['conv', 'relu']);
  });
});

describe('fold-batchnorm', () => {
  const linear: readonly (readonly [OperatorName, Attributes])[] = [
    ['conv', { filters: 6, stride: [2, 2] }],
    ['conv', { filters: 6, groups: 2, dilation: [2, 2] }],
    ['conv', { filters: 6, bias: false }],
    ['conv', { filters: 6, ws: true }],
    ['dwconv', { multiplier: 3 }],
    ['dwconv', { bias: false, ws: true }],
    ['convtranspose', { filters: 6, k: [3, 3] }],
    ['convtranspose', { filters: 6, bias: false }],
    ['dense', { units: 6 }],
    ['dense', { units: 6, bias: false }],
  ];

  test.each(linear)('%s %j', (op, attributes) => {
    const model = modelWith((g) => [
      through(g, g.input([6, 6, 4]), [op, attributes], ['batchnorm', { eps: 1e-3 }], ['relu']),
    ]);
    const after = check(model, ['fold-constants', 'fold-batchnorm']);
    expect(ops(after)).toEqual([op, 'relu']);
    expect(after.graph.weights.map(({ name, role }) => [name, role])).toEqual([
      [`${op}_1.weight`, 'kernel'],
      [`${op}_1.bias`, 'bias'],
    ]);
  });

  test('one after the other, in one go', () => {
    const model = modelWith((g) => [
      through(g, g.input([6, 6, 4]), ['conv', filters], ['batchnorm'], ['batchnorm']),
    ]);
    expect(ops(check(model, ['fold-batchnorm']))).toEqual(['conv']);
  });

  test('the kernel is multiplied by scale / √(variance + eps), by hand', () => {
    const graph = buildGraph((g) => [
      through(g, g.input([1]), ['dense', { units: 1 }], ['batchnorm', { eps: 1 }]),
    ]);
    const values: Record<string, number> = {
      'dense_1.weight': 10,
      'dense_1.bias': 7,
      'batchnorm_2.scale': 3,
      'batchnorm_2.shift': 5,
      'batchnorm_2.mean': 1,
      'batchnorm_2.variance': 3,
    };
    const weights = new Map(
      graph.weights.map(({ name, shape }) => [
        name,
        { shape, data: Float32Array.of(values[name] ?? NaN) },
      ]),
    );
    const after = runPasses({ graph, weights }, ['fold-batchnorm'], { verify: true });
    // 3 / √(3 + 1) = 1.5: 10 · 1.5, and (7 − 1) · 1.5 + 5.
    expect([...(after.weights ?? [])].map(([name, { data }]) => [name, ...data])).toEqual([
      ['dense_1.weight', 15],
      ['dense_1.bias', 14],
    ]);
  });

  const untouched: readonly (readonly [string, (g: TestGraph) => readonly Value[]])[] = [
    [
      'something else reads what lies between',
      (g) => {
        const y = through(g, g.input([6, 6, 4]), ['conv', filters]);
        return g.op('add', [y, through(g, y, ['batchnorm'])]);
      },
    ],
    [
      'what lies between is an output',
      (g) => {
        const y = through(g, g.input([6, 6, 4]), ['conv', filters]);
        return [y, through(g, y, ['batchnorm'])];
      },
    ],
    [
      'an activation lies between',
      (g) => [through(g, g.input([6, 6, 4]), ['conv', filters], ['relu'], ['batchnorm'])],
    ],
    ['it comes first', (g) => [through(g, g.input([6, 6, 4]), ['batchnorm'], ['conv', filters])]],
    [
      'the kernel is shared',
      (g) => {
        const first = through(g, g.input([6, 6, 4]), ['conv', filters]);
        const node = first.definition.kind === 'result' ? first.definition.node : undefined;
        if (node === undefined) return [];
        const own = node.operands.slice(1);
        const second = g.builder.apply(
          'conv',
          [through(g, first, ['batchnorm']), ...own],
          node.attributes,
          testOrigin('second'),
        );
        return [through(g, one(second), ['batchnorm'])];
      },
    ],
  ];

  test.each(untouched)('does nothing where %s', (_, body) => {
    const model = modelWith(body);
    expect(printIr(check(model, ['fold-batchnorm']).graph)).toBe(printIr(model.graph));
  });

  test('does nothing without values', () => {
    const { graph } = modelWith((g) => [
      through(g, g.input([6, 6, 4]), ['conv', filters], ['batchnorm']),
    ]);
    const model = { graph, weights: undefined };
    expect(runPasses(model, ['fold-batchnorm'])).toBe(model);
  });

  test('does nothing to a kernel whose standardisation is kept', () => {
    const model = modelWith((g) => [
      through(g, g.input([6, 6, 4]), ['conv', { ...filters, ws: true }], ['batchnorm']),
    ]);
    const after = check(model, inferencePasses, { keepWs: true });
    expect(ops(after)).toEqual(['standardize', 'conv', 'batchnorm']);
  });
});

describe('all together', () => {
  test('a small SD-UNet keeps its results and its weights', () => {
    const graph = sdunet({ size: 32, widths: [2, 4, 4, 8, 8], groups: 2 });
    const model = { graph, weights: randomWeights(graph) };
    const after = check(model, inferencePasses);
    expect(ops(after)).not.toContain('standardize');
    expect(ops(after)).not.toContain('dropout');
    expect(after.graph.weights).toEqual(graph.weights);
  });

  test('names of passes', () => {
    expect([...inferencePasses, ...kernelPasses]).toEqual(Object.keys(PASSES));
  });

  test('a pass that breaks a graph is found out', () => {
    const { graph } = modelWith((g) => [through(g, g.input([6, 6, 4]), ['relu'])]);
    const broken = { ...graph, outputs: [...graph.outputs, ...graph.outputs] };
    expect(() =>
      runPasses({ graph: broken, weights: undefined }, ['cse'], { verify: true }),
    ).toThrow('after cse: two outputs are named y; outputs y and y are the same value');
  });

  /** Operators that keep the shape `[4, 4, 4]`, so that they go in any order. */
  const steps: readonly (readonly [OperatorName, Attributes?])[] = [
    ['conv', { filters: 4 }],
    ['conv', { filters: 4, k: [1, 1], bias: false }],
    ['conv', { filters: 4, groups: 2, ws: true }],
    ['dwconv', { ws: true }],
    ['dwconv', { bias: false }],
    ['convtranspose', { filters: 4, k: [3, 3], stride: [1, 1] }],
    ['dense', { units: 4 }],
    ['batchnorm'],
    ['batchnorm', { eps: 0.1 }],
    ['groupnorm', { groups: 2 }],
    ['layernorm'],
    ['relu'],
    ['tanh'],
    ['prelu'],
    ['dropout', { rate: 0.5 }],
    ['spatialdropout', { rate: 0.5 }],
    ['identity'],
    ['maxpool', { k: [3, 3], stride: [1, 1], pad: 'same' }],
    ['channelshuffle', { groups: 2 }],
  ];
  const arithmetic = ['add', 'sub', 'maximum', 'minimum'] as const;
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ which: fc.nat(steps.length - 1), from: fc.nat() }) },
    {
      weight: 1,
      arbitrary: fc.record({ with: fc.constantFrom(...arithmetic), from: fc.nat(), and: fc.nat() }),
    },
  );
  const program = fc.record({
    steps: fc.array(step, { minLength: 1, maxLength: 10 }),
    outputs: fc.array(fc.nat(), { minLength: 1, maxLength: 3 }),
  });

  type Program = typeof program extends fc.Arbitrary<infer P> ? P : never;

  /** Each step reads the latest values most often, so that chains arise as well as branches. */
  function build(g: TestGraph, { steps: chosen, outputs }: Program): Value[] {
    const values = [g.input([4, 4, 4])];
    const pick = (n: number): Value =>
      one([...values].reverse().slice(n % Math.min(3, values.length)));
    for (const each of chosen) {
      if ('with' in each) values.push(...g.op(each.with, [pick(each.from), pick(each.and)]));
      else {
        const [op, attributes] = steps[each.which] ?? ['relu'];
        values.push(...g.op(op, [pick(each.from % 4 === 0 ? each.from : 0)], attributes));
      }
    }
    const results = values.slice(1);
    const wanted = outputs.map((n) => one(results.slice(n % results.length)));
    return [...new Set([...wanted, one(results.slice(-1))])];
  }

  test('random graphs keep their results under every pass, alone and together', () => {
    fc.assert(
      fc.property(program, (chosen) => {
        const model = modelWith((g) => build(g, chosen));
        for (const name of inferencePasses) check(model, [name]);
        const after = check(model, inferencePasses);
        expect(ops(after)).not.toContain('standardize');
        check(model, inferencePasses, { keepWs: true });
      }),
      { numRuns: 80, seed: 20200210 },
    );
  });
});
