/** stats: exact counts, by hand and against the literature's figures. */
import { describe, expect, test } from 'vitest';
import type { Graph, Origin, Value } from '../src/compiler/ir.js';
import { completeAttributes } from '../src/compiler/builder.js';
import { CORE, COMPOSITE, operatorOf, type OperatorName } from '../src/compiler/ops/index.js';
import { groupLayers, stats, type ModelStats } from '../src/compiler/stats.js';
import { buildGraph, testOrigin, type TestGraph } from './helpers/graph.js';
import { sdunet, unet } from './helpers/unets.js';

function statsOf(graph: Graph): ModelStats {
  const found = stats(graph);
  if (!found.ok) throw new Error(found.diagnostics.map((d) => d.message).join('\n'));
  return found.value;
}

function statsOfBody(body: (g: TestGraph) => readonly Value[]): ModelStats {
  return statsOf(buildGraph(body));
}

function one(values: readonly Value[]): Value {
  const [only] = values;
  if (only === undefined) throw new Error('no value');
  return only;
}

describe('U-Net and SD-UNet, figures computed from the literature', () => {
  test.each([
    ['U-Net at 512×512', unet({ size: 512 }), 31_031_685, 218_423_099_392],
    ['U-Net at 256×256', unet({ size: 256 }), 31_031_685, 54_605_774_848],
    ['U-Net on BRATS', unet({ size: 240, channels: 4, classes: 3 }), 31_033_419, 48_093_120_000],
    ['SD-UNet at 512×512', sdunet({ size: 512 }), 3_935_041, 33_538_179_072],
    ['SD-UNet at 256×256', sdunet({ size: 256 }), 3_935_041, 8_384_544_768],
    ['SD-UNet on BRATS', sdunet({ size: 240, channels: 4, classes: 3 }), 3_936_899, 7_476_134_400],
  ])('%s', (_, graph, params, macs) => {
    const found = statsOf(graph);
    expect(found).toMatchObject({ params, macs, buffers: 0, weightBytes: 4 * params });
    expect(found.kernels + found.biases + found.norm).toBe(params);
  });

  test('kernels, biases and norms of SD-UNet', () => {
    expect(statsOf(sdunet({ size: 512 }))).toMatchObject({
      kernels: 3_914_112,
      biases: 14_913,
      norm: 6_016,
    });
  });

  test('layers add up to the model, at every depth', () => {
    for (const graph of [unet({ size: 64 }), sdunet({ size: 64 })]) {
      const found = statsOf(graph);
      for (const rows of [found.layers, groupLayers(found.layers, 1)]) {
        for (const figure of ['params', 'buffers', 'macs', 'flops'] as const) {
          expect(rows.reduce((sum, row) => sum + row[figure], 0)).toBe(found[figure]);
        }
      }
    }
  });
});

describe('counts', () => {
  test('a convolution, by hand', () => {
    const found = statsOfBody((g) => g.op('conv', [g.input([5, 4, 3])], { filters: 2 }));
    const macs = 5 * 4 * 2 * 9 * 3;
    expect(found).toMatchObject({
      name: 'Test',
      file: 'test.arch',
      inputs: [{ name: 'x', dtype: 'f32', shape: [5, 4, 3] }],
      outputs: [{ name: 'y', dtype: 'f32', shape: [5, 4, 2] }],
      params: 9 * 3 * 2 + 2,
      kernels: 54,
      biases: 2,
      macs,
      flops: 2 * macs + 40,
      weightBytes: 4 * 56,
    });
    expect(found.layers).toEqual([
      {
        path: 'conv_1',
        op: 'conv',
        output: [5, 4, 2],
        params: 56,
        buffers: 0,
        macs,
        flops: 2 * macs + 40,
        source: 'test.arch:1:1',
      },
    ]);
  });

  test('running statistics are buffers, in the weights and not among the parameters', () => {
    expect(statsOfBody((g) => g.op('batchnorm', [g.input([2, 2, 8])]))).toMatchObject({
      params: 16,
      norm: 16,
      buffers: 16,
      weightBytes: 4 * 32,
      layers: [{ params: 16, buffers: 16 }],
    });
  });

  test('standardisation is part of the row of its convolution', () => {
    const found = statsOfBody((g) => g.op('dwconv', [g.input([4, 4, 8])], { ws: true }));
    expect(found.layers).toMatchObject([
      { path: 'dwconv_1', op: 'dwconv', output: [4, 4, 8], params: 80, macs: 4 * 4 * 8 * 9 },
    ]);
  });

  test('a shared weight counts once, at its first use', () => {
    const found = statsOfBody((g) => {
      const first = one(g.op('conv', [g.input([4, 4, 8])], { filters: 8 }));
      const node = first.definition.kind === 'result' ? first.definition.node : undefined;
      const own = node?.operands.slice(1) ?? [];
      const attributes = completeAttributes(operatorOf('conv'), { filters: 8 });
      return g.builder.apply('conv', [first, ...own], attributes, testOrigin('again'));
    });
    expect(found.params).toBe(9 * 64 + 8);
    expect(found.layers.map((layer) => layer.params)).toEqual([584, 0]);
    expect(found.layers[1]?.macs).toBe(found.layers[0]?.macs);
  });

  test('dropout, identities and what no output needs are not counted', () => {
    const found = statsOfBody((g) => {
      const x = g.input([4, 4, 8]);
      g.op('conv', [x], { filters: 100 });
      const dropped = one(g.op('dropout', [one(g.op('relu', [x]))], { rate: 0.5 }));
      return g.op('tanh', [one(g.op('identity', [dropped]))]);
    });
    expect(found.layers.map((layer) => layer.op)).toEqual(['relu', 'tanh']);
    expect(found).toMatchObject({ params: 0, weightBytes: 0, macs: 0 });
  });

  test('costs are whole numbers that are not negative, for every operator', () => {
    const attributes: Partial<Record<OperatorName, Record<string, number | readonly number[]>>> = {
      conv: { filters: 6, stride: [2, 3] },
      convtranspose: { filters: 6 },
      dense: { units: 5 },
      maxpool: { k: [2, 2] },
      avgpool: { k: [3, 3] },
      resize: { height: 7, width: 9 },
      groupnorm: { groups: 2 },
      dropout: { rate: 0.5 },
      spatialdropout: { rate: 0.5 },
      pad: { amounts: [1, 1, 1, 1] },
      crop: { amounts: [1, 1, 1, 1] },
      reshape: { shape: [-1] },
      split: { parts: 2 },
      slice: { start: 1 },
      attention: { heads: 2 },
      pixelshuffle: { factor: 2 },
      spacetodepth: { factor: 2 },
      channelshuffle: { groups: 2 },
    };
    const several = new Set<OperatorName>(['add', 'sub', 'mul', 'div', 'maximum', 'minimum']);
    for (const name of Object.keys({ ...CORE, ...COMPOSITE }) as OperatorName[]) {
      if (operatorOf(name).traits.includes('internal')) continue;
      const found = statsOfBody((g) => {
        const shape = name === 'attention' || name === 'matmul' ? [8, 8] : [8, 8, 4];
        const x = g.input(shape);
        const operands = several.has(name) || name === 'matmul' ? [x, x] : [x];
        return g.op(name, operands, attributes[name]);
      });
      for (const count of [found.macs, found.flops, found.peakActivationBytes]) {
        expect(Number.isSafeInteger(count) && count >= 0, `${name}: ${count}`).toBe(true);
      }
    }
  });

  test('a count beyond 2^53 − 1 is a diagnostic that points at the layer', () => {
    const big = 2 ** 31 - 1;
    const too = (body: (g: TestGraph) => readonly Value[]): string[] => {
      const found = stats(buildGraph(body));
      expect(found.ok).toBe(false);
      if (found.ok) return [];
      for (const d of found.diagnostics) expect(d).toMatchObject({ code: 'too-large' });
      return found.diagnostics.map((d) => `${d.message} at ${d.span?.start}`);
    };
    const what = (count: string): string =>
      `\`Test\` has more than 2^53 - 1 ${count}, which cannot be counted exactly at 0`;
    expect(too((g) => g.op('conv', [g.input([big, big, 4])], { filters: 4 }))).toEqual([
      what('multiply-accumulates'),
    ]);
    expect(too((g) => g.op('gelu', [g.input([big, big, 1])]))).toEqual([what('operations')]);
    expect(too((g) => g.op('upsample', [g.input([big, big, 1])]))).toEqual([
      what('bytes of activations at once'),
    ]);
    expect(too((g) => g.op('dense', [g.input([big])], { units: big }))).toEqual([
      what('bytes of weights'),
    ]);
  });

  test('a size that is still a symbol is a mistake of the caller', () => {
    const h = { kind: 'symbolic', key: 'h', terms: [], constant: 0 } as const;
    const graph = buildGraph((g) => g.op('relu', [g.input([h])]));
    expect(() => stats(graph)).toThrow('a size is not known');
  });
});

describe('peak activation memory', () => {
  /** Bytes of an image of so many elements. */
  const bytes = (elements: number): number => 4 * elements;

  test('operands and results are alive together', () => {
    const found = statsOfBody((g) => g.op('relu', [g.input([10])]));
    expect(found.peak).toEqual({
      bytes: bytes(20),
      layer: { path: 'relu_1', op: 'relu', source: 'test.arch:1:1' },
      values: [
        { name: 'x', shape: [10], bytes: 40, source: 'test.arch:1:1' },
        { name: 'relu_1', shape: [10], bytes: 40, source: 'test.arch:1:1' },
      ],
    });
    expect(found.activationTimeline).toEqual([{ path: 'relu_1', during: 80, after: 40 }]);
  });

  test('a chain needs two values at a time, and frees what it has read', () => {
    const found = statsOfBody((g) => {
      const a = one(g.op('dense', [g.input([10])], { units: 100 }));
      const b = one(g.op('dense', [a], { units: 50 }));
      return g.op('dense', [b], { units: 1 });
    });
    expect(found.activationTimeline).toEqual([
      { path: 'dense_1', during: bytes(110), after: bytes(100) },
      { path: 'dense_2', during: bytes(150), after: bytes(50) },
      { path: 'dense_3', during: bytes(51), after: bytes(1) },
    ]);
    expect(found.peakActivationBytes).toBe(bytes(150));
    expect(found.peak.layer?.path).toBe('dense_2');
  });

  test('a skip connection is held until it is read', () => {
    const found = statsOfBody((g) => {
      const skip = one(g.op('dense', [g.input([1])], { units: 100 }));
      const small = one(g.op('dense', [skip], { units: 10 }));
      const wide = one(g.op('dense', [small], { units: 100 }));
      return g.op('add', [skip, wide]);
    });
    expect(found.activationTimeline.map(({ during, after }) => [during, after])).toEqual([
      [bytes(101), bytes(100)],
      [bytes(110), bytes(110)],
      [bytes(210), bytes(200)],
      [bytes(300), bytes(100)],
    ]);
  });

  test('outputs stay to the end, inputs from the start to their last reader', () => {
    const found = statsOfBody((g) => {
      const [x, late] = [g.input([10], 'x'), g.input([20], 'late')];
      const y = one(g.op('dense', [x], { units: 5 }));
      const z = one(g.op('dense', [y], { units: 7 }));
      return [y, ...g.op('concat', [z, late])];
    });
    expect(found.activationTimeline.map(({ during, after }) => [during, after])).toEqual([
      [bytes(35), bytes(25)],
      [bytes(32), bytes(32)],
      [bytes(59), bytes(32)],
    ]);
  });

  test('an input that nobody reads is there before the first node', () => {
    const found = statsOfBody((g) => {
      g.input([100], 'unread');
      return g.op('relu', [g.input([10])]);
    });
    expect(found.peak).toMatchObject({ bytes: bytes(110), layer: undefined });
    expect(found.peak.values.map(({ name }) => name)).toEqual(['unread', 'x']);
    expect(found.activationTimeline[0]?.during).toBe(bytes(20));
  });

  test('all results of a node are there while it runs, also those that nobody reads', () => {
    const found = statsOfBody((g) => {
      const [first] = g.op('split', [g.input([10])], { parts: [4, 6] });
      return first === undefined ? [] : g.op('relu', [first]);
    });
    expect(found.activationTimeline.map(({ during, after }) => [during, after])).toEqual([
      [bytes(20), bytes(4)],
      [bytes(8), bytes(4)],
    ]);
    expect(found.peak.values.map(({ name }) => name)).toEqual(['x', 'split_1[0]', 'split_1[1]']);
  });

  test('a value read twice by one node is held once; a dropout holds nothing', () => {
    const found = statsOfBody((g) => {
      const x = g.input([10]);
      return g.op('add', [x, one(g.op('dropout', [x], { rate: 0.5 }))]);
    });
    expect(found.peakActivationBytes).toBe(bytes(20));
  });

  test('weights, constants and standardised kernels are no activations', () => {
    const found = statsOfBody((g) => {
      const y = one(g.op('dwconv', [g.input([2, 2, 8])], { ws: true }));
      return g.op('mul', [y, g.builder.constant(new Float32Array(32), [2, 2, 8])]);
    });
    expect(found.peakActivationBytes).toBe(bytes(64));
  });

  test('agrees with a plain count over random graphs', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const graph = randomGraph(seed);
      const { activationTimeline, peakActivationBytes } = statsOf(graph);
      const alive = plainLiveness(graph);
      expect(activationTimeline.map(({ during }) => during)).toEqual(alive);
      expect(peakActivationBytes).toBe(Math.max(...alive));
    }
  });

  /** Adds and dense layers over vectors; every result that nobody reads is an output. */
  function randomGraph(seed: number): Graph {
    let state = seed;
    // Park & Miller 1988.
    const next = (n: number): number => (state = (state * 48271) % 2147483647) % n;
    return buildGraph((g) => {
      const values = [g.input([1 + next(50)])];
      for (let i = 0; i < 12; i++) {
        const from = values[next(values.length)];
        if (from === undefined) continue;
        values.push(...g.op('dense', [from], { units: 1 + next(50) }));
        if (next(3) === 0)
          values.push(
            ...g.op(
              'mul',
              values.slice(-1).flatMap((v) => [v, v]),
            ),
          );
      }
      return values.slice(1).filter((value) => next(4) === 0 || value === values.at(-1));
    });
  }

  /** Bytes while each live node runs: what it or a later node reads and what is an output. */
  function plainLiveness(graph: Graph): number[] {
    const outputs = graph.outputs.map((output) => output.value);
    const live: Graph['nodes'][number][] = [];
    for (const node of [...graph.nodes].reverse()) {
      const needed = [...outputs, ...live.flatMap((later) => later.operands)];
      if (node.results.some((value) => needed.includes(value))) live.unshift(node);
    }
    return live.map((_, i) => {
      const made = [...graph.inputs, ...live.slice(0, i + 1).flatMap((node) => node.results)];
      const read = new Set([...live.slice(i).flatMap((node) => node.operands), ...outputs]);
      return made
        .filter((value) => read.has(value))
        .reduce((sum, { type }) => sum + 4 * Number(type.shape[0]), 0);
    });
  }
});

describe('groups', () => {
  /** A graph of dense layers with these paths. */
  function graphOf(...paths: readonly string[]): Graph {
    return buildGraph((g) => {
      let value = g.input([2]);
      for (const path of paths) {
        const origin: Origin = testOrigin(path);
        const kernel = g.builder.weight({
          name: `${path}.weight`,
          shape: [2, 2],
          role: 'kernel',
          trainable: true,
          init: { kind: 'he_normal', fanIn: 2, fanOut: 2 },
          origin,
        });
        const attributes = { units: 2, bias: false };
        value = g.builder.apply1('dense', [value, kernel], attributes, origin);
      }
      return [value];
    });
  }

  const { layers } = statsOf(
    graphOf('e1.conv', 'e2.sep_1.dw', 'e2.sep_1.pw', 'e2.sep_2.dw', 'out'),
  );
  const summary = (depth: number): (string | number)[][] =>
    groupLayers(layers, depth).map((g) => [g.path, g.layers, g.params, g.macs]);

  test('depth 1', () => {
    expect(summary(1)).toEqual([
      ['e1', 1, 4, 4],
      ['e2', 3, 12, 12],
      ['out', 1, 4, 4],
    ]);
  });

  test('depth 2', () => {
    expect(summary(2)).toEqual([
      ['e1.conv', 1, 4, 4],
      ['e2.sep_1', 2, 8, 8],
      ['e2.sep_2', 1, 4, 4],
      ['out', 1, 4, 4],
    ]);
  });

  test('deeper than every path: the layers', () => {
    expect(groupLayers(layers, 9).map(({ path }) => path)).toEqual(layers.map(({ path }) => path));
  });
});
