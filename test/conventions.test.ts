/**
 * What each tool counts of each operator, on shapes small enough to count by hand. The formulas are
 * those of the tools' sources; the expected numbers were worked out on paper, not by archc.
 */
import { describe, expect, test } from 'vitest';
import { check } from '../src/compiler/check.js';
import { callsOf } from '../src/compiler/conventions/calls.js';
import { countBy, type ConventionCount } from '../src/compiler/conventions/count.js';
import {
  CONVENTION_NAMES,
  CONVENTIONS,
  type ConventionName,
} from '../src/compiler/conventions/index.js';
import type { Attributes, Graph } from '../src/compiler/ir.js';
import { NO_FILES } from '../src/compiler/modules.js';
import type { CompositeName, CoreName, OperatorName } from '../src/compiler/ops/index.js';
import { buildGraph } from './helpers/graph.js';

function countOf(graph: Graph, name: ConventionName): ConventionCount {
  const counted = countBy(CONVENTIONS[name], callsOf(graph), graph.name);
  if (!counted.ok) throw new Error('too large');
  return counted.value;
}

/** The tool's figure, `none` where it has no rule for any operator, or both where for some. */
function figure(graph: Graph, name: ConventionName): Figure {
  const { total, uncounted } = countOf(graph, name);
  if (uncounted.length === 0) return total;
  return total === 0 ? 'none' : `${total} and none`;
}

type Shape = readonly number[];
type Figure = number | 'none' | `${number} and none`;
/** In the order of ORDER. */
type Figures = readonly [
  fvcore: Figure,
  ptflops: Figure,
  ptflopsModules: Figure,
  thop: Figure,
  torchinfo: Figure,
  calflops: Figure,
  onnxTool: Figure,
  torch: Figure,
  tf: Figure,
  paper: Figure,
];
type Case = readonly [inputs: readonly Shape[], attributes: Attributes, figures: Figures];

const ORDER = [
  'fvcore',
  'ptflops',
  'ptflops-modules',
  'thop',
  'torchinfo',
  'calflops',
  'onnx-tool',
  'torch',
  'tf',
  'paper',
] as const satisfies readonly ConventionName[];

const FREE: Figures = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
/** Where torchinfo, torch and paper have a word for everything and no other tool has a rule. */
const UNKNOWN: Figures = ['none', 'none', 'none', 'none', 0, 'none', 'none', 0, 'none', 0];
/** 24 elements. */
const X: Shape = [2, 3, 4];
/** 144 elements. */
const IMAGE: Shape = [6, 6, 4];

/** All operators but `standardize`, which `ws` makes in cases of `conv` and `dwconv`. */
// prettier-ignore
const CASES: Readonly<Record<Exclude<CoreName | CompositeName, 'standardize'>, readonly Case[]>> = {
  // 4×4×6 = 96 outputs of 9 taps in 2 channels: 1,728 MACs; kernel 108, bias 6.
  conv: [
    [[[8, 8, 4]], { filters: 6, stride: [2, 2], groups: 2 },
      [1728, 1824, 1824, 1728, 1824, 3552, 1824, 3456, 3552, 216]],
    [[[8, 8, 4]], { filters: 6, stride: [2, 2], groups: 2, bias: false },
      [1728, 1728, 1728, 1728, 1728, 3456, 1728, 3456, 3456, 216]],
    // Weight standardisation costs nothing.
    [[[8, 8, 4]], { filters: 6, stride: [2, 2], groups: 2, ws: true },
      [1728, 1824, 1824, 1728, 1824, 3552, 1824, 3456, 3552, 216]],
    // A kernel of 3×2 reaches over 5×4: 5×3×6 = 90 outputs of 6 taps in 2 channels; kernel 72.
    [[[9, 8, 4]],
      { filters: 6, k: [3, 2], dilation: [2, 3], stride: [1, 2], pad: 'valid', groups: 2 },
      [1080, 1170, 1170, 1080, 1170, 2250, 1170, 2160, 2250, 144]],
  ],
  // 6×5×8 = 240 outputs of 9 taps: 2,160 MACs; kernel 72, bias 8 at 30 pixels.
  dwconv: [
    [[[6, 5, 4]], { multiplier: 2 },
      [2160, 2400, 2400, 2160, 2400, 4560, 2400, 4320, 4560, 144]],
    [[[6, 5, 4]], { multiplier: 2, ws: true, bias: false },
      [2160, 2160, 2160, 2160, 2160, 4320, 2160, 4320, 4320, 144]],
  ],
  convtranspose: [
    // 60 inputs to 4 taps of 2 channels: 480 MACs; 8×10×2 = 160 outputs, 80 pixels; kernel 24.
    // calflops' bias: 2 · ((4−2)//2+1) · ((5−2)//2+1) = 8. onnx-tool: 160 · 2 · 4, and 160.
    [[[4, 5, 3]], { filters: 2 },
      [480, 640, 640, 1920, 2080, 968, 1440, 960, 1120, 48]],
    // 4 inputs to 9 taps: 36 MACs; 5×5 outputs; thop, torchinfo and onnx-tool have 9 · 25, and TF
    // 2 · 9 · 25 / 4 = 112.5, without the fraction.
    [[[2, 2, 1]], { filters: 1, k: [3, 3], pad: 'valid', bias: false },
      [36, 36, 36, 225, 225, 72, 225, 72, 112, 18]],
    // 16 inputs to 9 taps: 144 MACs; 7×7 outputs; calflops' bias at ((4+2−3)//2+1)² = 4;
    // TF 2 · 9 · 49 / 4 = 220.5 and 49.
    [[[4, 4, 1]], { filters: 1, k: [3, 3], pad: [1, 1, 1, 1] },
      [144, 193, 193, 441, 490, 292, 490, 288, 269, 18]],
    // `same` of a 3×3 kernel cuts nothing off before: calflops' bias at ((4−3)//2+1)² = 1.
    [[[4, 4, 1]], { filters: 1, k: [3, 3] },
      [144, 208, 208, 576, 640, 289, 640, 288, 352, 18]],
    // 12 inputs to 6 taps of 3 channels: 216 MACs; 7×3×3 = 63 outputs, 21 pixels; kernel 36.
    // calflops' bias: 3 · ((3−3)//2+1) · ((2−2)//1+1) = 3. onnx-tool: 63 · 3 · 6, and 63.
    // TF: 2 · 36 · 21 / 2, and 63.
    [[[3, 2, 2]], { filters: 3, k: [3, 2], stride: [2, 1], pad: 'valid' },
      [216, 279, 279, 756, 819, 435, 1197, 432, 819, 72]],
  ],
  dense: [
    [[[10]], { units: 4 }, [40, 44, 44, 40, 44, 80, 44, 80, 84, 80]],
    // 3 tokens; torchinfo counts the parameters once.
    [[[3, 10]], { units: 4 }, [120, 132, 132, 120, 44, 240, 132, 240, 252, 80]],
    [[[3, 10]], { units: 4, bias: false }, [120, 120, 120, 120, 40, 240, 120, 240, 240, 80]],
  ],
  matmul: [
    [[[2, 3, 4], [4, 5]], {}, [120, 120, 0, 0, 0, 240, 120, 240, 240, 0]],
    // The left matrix is used twice, and fvcore, ptflops and calflops count it once.
    [[[3, 4], [2, 4, 5]], {}, [60, 60, 0, 0, 0, 120, 120, 240, 240, 0]],
  ],
  batchnorm: [[[X], {}, [48, 48, 48, 96, 8, 48, 744, 0, 'none', 0]]],
  groupnorm: [
    [[X], { groups: 2 }, [120, 48, 48, 'none', 8, 120, 'none', 0, 'none', 0]],
    [[X], { groups: 2, affine: false }, [96, 24, 24, 'none', 0, 96, 'none', 0, 'none', 0]],
  ],
  instancenorm: [
    [[X], {}, [120, 48, 48, 96, 8, 120, 336, 0, 'none', 0]],
    [[X], { affine: false }, [96, 24, 24, 48, 0, 96, 336, 0, 'none', 0]],
  ],
  // 6 rows of 4: 7 · 24 + 29 · 6.
  layernorm: [
    [[X], {}, [120, 24, 24, 96, 8, 120, 342, 0, 'none', 0]],
    [[X], { affine: false }, [96, 24, 24, 48, 0, 96, 342, 0, 'none', 0]],
  ],
  relu: [[[X], {}, [0, 48, 24, 0, 0, 24, 24, 0, 'none', 0]]],
  prelu: [[[X], {}, ['none', 48, 24, 24, 4, 24, 48, 0, 'none', 0]]],
  elu: [[[X], {}, ['none', 48, 24, 'none', 0, 24, 840, 0, 'none', 0]]],
  gelu: [[[X], {}, ['none', 48, 24, 'none', 0, 24, 816, 0, 'none', 0]]],
  relu6: [[[X], {}, ['none', 24, 24, 0, 0, 'none', 48, 0, 'none', 0]]],
  leakyrelu: [[[X], {}, ['none', 24, 24, 0, 0, 24, 48, 0, 'none', 0]]],
  silu: [[[X], {}, ['none', 24, 0, 'none', 0, 24, 792, 0, 'none', 0]]],
  sigmoid: [[[X], {}, ['none', 'none', 'none', 'none', 0, 'none', 768, 0, 'none', 0]]],
  tanh: [[[X], {}, ['none', 'none', 'none', 'none', 0, 'none', 1824, 0, 'none', 0]]],
  hardswish: [[[X], {}, ['none', 'none', 'none', 'none', 0, 'none', 120, 0, 'none', 0]]],
  hardsigmoid: [[[X], {}, ['none', 'none', 'none', 'none', 0, 'none', 96, 0, 'none', 0]]],
  selu: [[[X], {}, UNKNOWN]],
  mish: [[[X], {}, UNKNOWN]],
  softplus: [[[X], {}, UNKNOWN]],
  // thop: 6 rows of 4 · 3 − 1, or 12 of 2 · 3 − 1.
  softmax: [
    [[X], {}, ['none', 24, 0, 66, 0, 24, 864, 0, 120, 0]],
    [[X], { axis: 0 }, ['none', 24, 0, 60, 0, 24, 864, 0, 120, 0]],
  ],
  // 3×3×4 = 36 outputs of 9 taps.
  maxpool: [
    [[IMAGE], { k: [3, 3], stride: [2, 2], pad: [1, 1, 1, 1] },
      ['none', 288, 144, 0, 0, 144, 324, 0, 324, 0]],
  ],
  avgpool: [
    [[IMAGE], { k: [3, 3], stride: [2, 2], pad: [1, 1, 1, 1] },
      ['none', 288, 144, 36, 0, 144, 324, 0, 324, 0]],
  ],
  // thop: (36 + 1) · 4.
  globalavgpool: [
    [[IMAGE], {}, [144, 288, 144, 148, 0, 144, 160, 0, 144, 0]],
    [[IMAGE], { keepdims: false }, [144, 288, 144, 148, 0, 144, 160, 0, 144, 0]],
  ],
  globalmaxpool: [[[IMAGE], {}, ['none', 288, 144, 0, 0, 144, 'none', 0, 'none', 0]]],
  // 4×6×4 = 96 outputs.
  upsample: [
    [[X], {}, [96, 192, 96, 96, 0, 24, 0, 0, 'none', 0]],
    [[X], { mode: 'bilinear' }, [384, 192, 96, 1056, 0, 24, 384, 0, 'none', 0]],
  ],
  // 5×7×4 = 140 outputs; calflops multiplies the size alone.
  resize: [
    [[X], { height: 5, width: 7 }, [140, 280, 140, 140, 0, 35, 0, 0, 'none', 0]],
    [[X], { height: 5, width: 7, mode: 'bilinear' },
      [560, 280, 140, 1540, 0, 35, 560, 0, 'none', 0]],
    // Smaller: 4×3×4 = 48 outputs.
    [[IMAGE], { height: 4, width: 3 }, [48, 96, 48, 48, 0, 12, 0, 0, 'none', 0]],
  ],
  add: [
    [[X, X], {}, ['none', 0, 0, 0, 0, 0, 24, 0, 24, 0]],
    // 12 elements and then 24.
    [[[4], [3, 4], X], {}, ['none', 0, 0, 0, 0, 0, 36, 0, 36, 0]],
  ],
  mul: [[[X, [1, 1, 4]], {}, ['none', 0, 0, 0, 0, 0, 24, 0, 24, 0]]],
  sub: [[[X, X], {}, ['none', 'none', 'none', 'none', 0, 'none', 24, 0, 24, 0]]],
  div: [[[X, X], {}, ['none', 'none', 'none', 'none', 0, 'none', 96, 0, 24, 0]]],
  maximum: [[[X, X, X], {}, ['none', 'none', 'none', 'none', 0, 'none', 48, 0, 48, 0]]],
  minimum: [[[X, X], {}, ['none', 'none', 'none', 'none', 0, 'none', 24, 0, 24, 0]]],
  mean: [[[X], { axes: [0, 1] }, ['none', 'none', 'none', 'none', 0, 'none', 24, 0, 24, 0]]],
  sum: [[[X], { axes: [0, 1] }, ['none', 'none', 'none', 'none', 0, 'none', 24, 0, 20, 0]]],
  max: [[[X], { axes: [0, 1] }, ['none', 'none', 'none', 'none', 0, 'none', 24, 0, 'none', 0]]],
  // 3 tokens of 8, 2 heads: four projections of 192 MACs and 24 outputs, 24 products with 1 / √4,
  // two matrix products of 72 MACs, a softmax of 6 rows of 3.
  attention: [
    [[[3, 8]], { heads: 2 }, [
      `${4 * 192 + 144} and none`,
      4 * 216 + 144 + 18,
      4 * 216,
      4 * 192 + 6 * 8,
      4 * 72,
      4 * 384 + 288 + 18,
      4 * 216 + 144 + 24 + 18 * 36,
      4 * 384 + 288,
      4 * (384 + 24) + 288 + 24 + 18 * 5,
      4 * 128,
    ]],
  ],
  concat: [[[X, X], {}, FREE]],
  pad: [[[X], { amounts: [1, 1, 1, 1] }, FREE]],
  crop: [[[IMAGE], { amounts: [1, 1, 1, 1] }, FREE]],
  reshape: [[[X], { shape: [24] }, FREE]],
  flatten: [[[X], {}, FREE]],
  transpose: [[[X], { axes: [1, 0, 2] }, FREE]],
  split: [[[X], { parts: 2 }, FREE]],
  slice: [[[X], { axis: 0, start: 0, end: 1 }, FREE]],
  pixelshuffle: [[[X], { factor: 2 }, FREE]],
  spacetodepth: [[[IMAGE], { factor: 2 }, FREE]],
  channelshuffle: [[[X], { groups: 2 }, FREE]],
  dropout: [[[X], { rate: 0.5 }, FREE]],
  spatialdropout: [[[X], { rate: 0.5 }, FREE]],
  identity: [[[X], {}, FREE]],
};

describe.each(Object.entries(CASES))('%s', (name, cases) => {
  test.each(cases)('%j %j', (inputs, attributes, figures) => {
    const graph = buildGraph((g) =>
      g.op(
        name as OperatorName,
        inputs.map((shape, i) => g.input(shape, `x${i}`)),
        attributes,
      ),
    );
    const found = ORDER.map((convention) => [convention, figure(graph, convention)]);
    expect(found).toEqual(ORDER.map((convention, i) => [convention, figures[i]]));
  });
});

test('every convention has a column here, and a unit, a version and a source of its own', () => {
  expect([...ORDER].sort()).toEqual([...CONVENTION_NAMES].sort());
  for (const [name, convention] of Object.entries(CONVENTIONS)) {
    expect(convention.name).toBe(name);
    expect(convention.version).toMatch(/\d/);
    expect(convention.source).not.toBe('');
  }
});

test('units: a MAC is one for some and two for others', () => {
  // 16 MACs and nothing else.
  const graph = buildGraph((g) => g.op('dense', [g.input([4])], { units: 4, bias: false }));
  const expected = { MACs: 16, FLOPs: 32, operations: 16 } as const;
  for (const name of CONVENTION_NAMES) {
    expect([name, figure(graph, name)]).toEqual([name, expected[CONVENTIONS[name].unit]]);
  }
});

/** The graph of `output y = …` for an image `x` of 24 elements. */
function program(expression: string, before = ''): Graph {
  const text = `import functional from "std/torch.arch"\nmodel M() {\n  input x: f32[2, 3, 4]\n${before}\n  output y = ${expression}\n}\n`;
  const checked = check({ path: 'test.arch', text }, NO_FILES);
  const graph = checked.models[0]?.staticGraph;
  if (graph === undefined) throw new Error(checked.diagnostics.map((d) => d.message).join('\n'));
  return graph;
}

describe('a call of a function', () => {
  // By fvcore, ptflops, ptflops-modules, thop, torchinfo, calflops.
  test.each([
    ['relu', [0, 24, 0, 0, 0, 24]],
    ['relu6', ['none', 24, 0, 0, 0, 24]],
    ['leakyrelu', ['none', 0, 0, 0, 0, 24]],
    ['silu', ['none', 24, 0, 0, 0, 24]],
    ['softmax', ['none', 24, 0, 0, 0, 24]],
    ['globalavgpool', [24, 24, 0, 0, 0, 24]],
    ['upsample(2)', [96, 96, 0, 0, 0, 24]],
    // 24 inputs to 2 filters.
    ['conv(2, k = 1, bias = false)', [48, 0, 0, 0, 0, 96]],
    ['layernorm', [120, 0, 0, 0, 0, 120]],
    // All of a chain.
    ['relu -> relu', [0, 48, 0, 0, 0, 48]],
  ])('%s', (block, figures) => {
    const graph = program(`x -> functional(${block})`);
    const found = ORDER.slice(0, figures.length).map((name) => figure(graph, name));
    expect(found).toEqual(figures);
  });

  test('is no call of a block of the same name', () => {
    const text =
      'block functional(body: block) = in -> body\nmodel M() { input x: f32[2, 3, 4] output y = x -> functional(relu) }\n';
    const graph = check({ path: 'std/torch.arch', text }, NO_FILES).models[0]?.staticGraph;
    expect(graph && figure(graph, 'ptflops')).toBe(48);
  });
});

describe('what is counted', () => {
  test('dropout, and what no output reads, cost nothing', () => {
    const bare = program('x -> conv(4)');
    const more = program('x -> conv(4) -> dropout(0.5)', '  unused = x -> conv(8)');
    for (const name of CONVENTION_NAMES) expect(figure(more, name)).toBe(figure(bare, name));
  });

  test('a shared layer at every use, its kernel once', () => {
    // 3×3×4×4 = 144 weights at 6 pixels, twice; 864 MACs each.
    const graph = program('x -> f -> f', '  shared f = conv(4, bias = false)');
    expect(figure(graph, 'fvcore')).toBe(2 * 864);
    expect(figure(graph, 'torchinfo')).toBe(2 * 864);
    expect(figure(graph, 'paper')).toBe(2 * 144);
  });

  test('batch norm is not folded into the convolution before it', () => {
    const graph = program('x -> conv(4, bias = false) -> batchnorm');
    expect(figure(graph, 'fvcore')).toBe(864 + 48);
  });

  test('each layer by its path, and what has no rule by its operator', () => {
    const graph = program('a -> selu', '  a = x -> conv(4, ws) -> relu');
    const fvcore = countOf(graph, 'fvcore');
    expect([...fvcore.layers]).toEqual([
      ['a.conv', 864],
      ['a.relu', 0],
      ['y.selu', undefined],
    ]);
    expect(fvcore.uncounted).toEqual([{ operator: 'selu', calls: 1 }]);
    expect(fvcore.zero).toEqual([{ operator: 'relu', calls: 1 }]);
    expect(fvcore.total).toBe(864);
  });

  test('a figure beyond 2^53 is refused, where archc’s own are within', () => {
    // 2^40 inputs to 2^8 taps, and thop has stride² = 2^8 times as many.
    const graph = buildGraph((g) =>
      g.op('convtranspose', [g.input([2 ** 20, 2 ** 20, 1])], {
        filters: 1,
        k: [16, 16],
        stride: [16, 16],
        bias: false,
      }),
    );
    const counted = countBy(CONVENTIONS.thop, callsOf(graph), 'Test');
    expect(counted).toMatchObject({ ok: false, diagnostics: [{ code: 'too-large' }] });
    expect(countBy(CONVENTIONS.fvcore, callsOf(graph), 'Test')).toMatchObject({
      ok: true,
      value: { total: 2 ** 48 },
    });
  });
});
