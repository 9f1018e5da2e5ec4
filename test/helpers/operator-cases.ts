/**
 * Every operator under several settings, as graphs: what each backend is compared with the reference
 * interpreter on. The table is total by its type, so a new operator needs cases to compile.
 */
import type { Attributes, Graph, Tensor, Value, Weight } from '../../src/compiler/ir.js';
import { inputName, type WeightValues } from '../../src/compiler/ir.js';
import type { CompositeName, CoreName } from '../../src/compiler/ops/index.js';
import { elementCount } from '../../src/compiler/ops/tensor.js';
import { isStatic } from '../../src/compiler/shape.js';
import { differenceOf } from '../../src/verify/difference.js';
import { uniformStream } from '../../src/weights/random.js';
import { buildGraph, type TestGraph } from './graph.js';

/** What programs mean; what passes make of it for kernels is compared with it in their tests. */
export type CaseName = CoreName | CompositeName;

export interface OperatorCase {
  readonly op: CaseName;
  /** `conv: stride [2, 2], pad same` */
  readonly name: string;
  /** A graph whose only interesting node is the operator; its inputs are `x`, `x2`, … */
  readonly build: () => Graph;
}

type Shape = readonly number[];
type Spec =
  /** Input shapes and attributes; the rest are defaults. */
  | readonly [inputs: readonly Shape[], attributes?: Attributes]
  | { readonly note: string; readonly body: (g: TestGraph) => readonly Value[] };

const IMAGE: Shape = [6, 5, 4];
const ODD: Shape = [7, 9, 3];
const activation: readonly Spec[] = [[[IMAGE]], [[[11]]], [[[3, 7]]]];

/** An image of 8 channels, and weights that are not where they start. */
const norm = (more: Attributes): readonly Spec[] => [
  [[[5, 6, 8]], more],
  [[[5, 6, 8]], { ...more, affine: false }],
  [[[5, 6, 8]], { ...more, eps: 0.1 }],
  [[[9, 8]], more],
];

const arithmetic: readonly Spec[] = [
  [[IMAGE, IMAGE]],
  [[IMAGE, [1, 1, 4]]],
  [[IMAGE, [4]]],
  [[[4], IMAGE]],
  [[IMAGE, [5, 1]]],
  [
    [
      [6, 1, 4],
      [1, 5, 1],
      [6, 5, 4],
    ],
  ],
  [
    [
      [3, 7],
      [2, 3, 7],
    ],
  ],
  [
    [
      [2, 3, 1, 4],
      [5, 4],
    ],
  ],
  [[[6], [6], [6], [1]]],
  { note: 'image and a transposed one', body: (g) => transposedPair(g, 'add') },
];

/** Operands whose axes lie in another order in memory. */
function transposedPair(g: TestGraph, op: CaseName): readonly Value[] {
  const x = g.input([5, 6, 4]);
  const y = g.op('transpose', [g.input([4, 5, 6], 'x2')], { axes: [1, 2, 0] });
  return g.op(op, [x, ...y]);
}

const SPECS: Readonly<Record<CaseName, readonly Spec[]>> = {
  conv: [
    [[IMAGE], { filters: 6 }],
    [[ODD], { filters: 4, k: [5, 3], stride: [2, 2] }],
    [[ODD], { filters: 4, k: [2, 2], stride: [3, 2], bias: false }],
    [[[8, 8, 6]], { filters: 4, groups: 2, pad: 'valid' }],
    [[[12, 11, 2]], { filters: 3, dilation: [2, 3] }],
    [[[12, 11, 2]], { filters: 3, dilation: [2, 3], stride: [2, 1] }],
    [[[12, 11, 4]], { filters: 6, groups: 2, dilation: [1, 2], stride: [2, 2] }],
    [[[12, 11, 2]], { filters: 3, dilation: [2, 2], stride: [2, 2], ws: true }],
    [[ODD], { filters: 2, pad: [0, 2, 1, 3], stride: [2, 1] }],
    [[IMAGE], { filters: 3, k: [1, 1], stride: [2, 2] }],
    [[IMAGE], { filters: 3, ws: true }],
    [[[3, 3, 2]], { filters: 2, k: [1, 1], pad: [1, 1, 1, 1] }],
  ],
  dwconv: [
    [[IMAGE]],
    [[ODD], { k: [3, 5], stride: [2, 2], multiplier: 2 }],
    [[IMAGE], { ws: true, bias: false }],
    [[[12, 12, 3]], { dilation: [2, 2], pad: 'valid' }],
    [[[12, 11, 3]], { dilation: [2, 2], stride: [2, 2], multiplier: 2 }],
    [[[1, 1, 4]], { k: [1, 1] }],
  ],
  convtranspose: [
    [[IMAGE], { filters: 3 }],
    [[ODD], { filters: 4, k: [3, 3], stride: [2, 2] }],
    [[ODD], { filters: 4, k: [3, 2], stride: [1, 3], bias: false }],
    [[IMAGE], { filters: 2, k: [4, 4], stride: [2, 2], pad: 'valid' }],
    [[IMAGE], { filters: 2, k: [3, 3], stride: [2, 2], pad: [1, 0, 2, 1] }],
    [[IMAGE], { filters: 2, k: [1, 1], stride: [2, 3] }],
  ],
  dense: [
    [[[7]], { units: 5 }],
    [[[7]], { units: 1, bias: false }],
    [[[3, 7]], { units: 4 }],
    [[IMAGE], { units: 3 }],
    [[IMAGE], { units: 3, bias: false }],
    [[[2, 3, 4, 5]], { units: 6 }],
    {
      note: 'between two image operators',
      body: (g) => {
        const before = g.op('conv', [g.input(IMAGE)], { filters: 3 });
        return g.op('conv', g.op('dense', before, { units: 5 }), { filters: 2 });
      },
    },
    {
      note: 'on an image that is in order',
      body: (g) => g.op('dense', g.op('layernorm', [g.input(IMAGE)]), { units: 5 }),
    },
  ],
  maxpool: [
    [[[6, 8, 3]]],
    [[ODD], { k: [3, 3], stride: [2, 2], pad: [1, 1, 1, 1] }],
    [[ODD], { k: [3, 2], stride: [2, 3], pad: 'same' }],
    [[ODD], { k: [2, 2], stride: [3, 3], pad: 'same' }],
    [[ODD], { k: [3, 3], stride: [1, 1], pad: [2, 0, 0, 1] }],
  ],
  avgpool: [
    [[[6, 8, 3]]],
    [[ODD], { k: [3, 3], stride: [2, 2], pad: [1, 1, 1, 1] }],
    [[ODD], { k: [3, 2], stride: [2, 3], pad: 'same' }],
    [[ODD], { k: [3, 3], stride: [1, 1], pad: [2, 0, 0, 1] }],
  ],
  globalavgpool: [[[IMAGE]], [[ODD], { keepdims: false }], [[[1, 1, 4]]]],
  globalmaxpool: [[[IMAGE]], [[ODD], { keepdims: false }]],
  upsample: [
    [[[4, 5, 3]]],
    [[[4, 5, 3]], { factor: [3, 1] }],
    [[[4, 5, 3]], { mode: 'bilinear' }],
    [[[3, 2, 2]], { factor: [2, 5], mode: 'bilinear' }],
    [[[7, 3, 2]], { factor: [7, 6] }],
  ],
  resize: [
    [[[4, 6, 3]], { height: 8, width: 6 }],
    [[[4, 6, 3]], { height: 7, width: 9, mode: 'bilinear' }],
    [[[9, 8, 3]], { height: 4, width: 5, mode: 'bilinear' }],
    [[[8, 6, 3]], { height: 4, width: 3 }],
    // Ties that float32 decides wrongly: (2i + 1) · 20 / 12 is 5 for i = 1.
    [[[20, 10, 2]], { height: 6, width: 6 }],
    [[[20, 14, 2]], { height: 12, width: 12 }],
    [[[5, 7, 2]], { height: 3, width: 11 }],
    [[[6, 6, 2]], { height: 1, width: 1, mode: 'bilinear' }],
  ],
  batchnorm: [
    [[IMAGE]],
    [[IMAGE], { eps: 0.01, momentum: 0.5 }],
    [[[6]]],
    [[[3, 6]]],
    [[[2, 3, 2, 4]]],
  ],
  groupnorm: [...norm({ groups: 4 }), [[IMAGE], { groups: 1 }], [[IMAGE], { groups: 4 }]],
  instancenorm: norm({}),
  layernorm: [...norm({}), [[[7]]]],
  matmul: [
    [
      [
        [3, 4],
        [4, 5],
      ],
    ],
    [
      [
        [2, 3, 4],
        [2, 4, 5],
      ],
    ],
    [
      [
        [2, 3, 4],
        [4, 5],
      ],
    ],
    [
      [
        [3, 4],
        [2, 4, 5],
      ],
    ],
    {
      note: 'by a transposed tensor',
      body: (g) => {
        const y = g.op('transpose', [g.input([5, 4], 'x2')]);
        return g.op('matmul', [g.input([3, 4]), ...y]);
      },
    },
  ],
  concat: [
    [[IMAGE, [6, 5, 2]]],
    [[IMAGE, [2, 5, 4], IMAGE], { axis: 0 }],
    [[IMAGE, IMAGE], { axis: 1 }],
    [[[3], [4]]],
    [[IMAGE]],
    {
      note: 'with a constant, for each of the batch',
      body: (g) => {
        const table = g.builder.constant(Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]);
        return g.op('concat', [g.input([4, 3]), table], { axis: 0 });
      },
    },
    {
      note: 'of an image and a transposed one',
      body: (g) => transposedPair(g, 'concat'),
    },
  ],
  add: arithmetic,
  sub: arithmetic,
  mul: arithmetic,
  div: arithmetic,
  maximum: arithmetic,
  minimum: arithmetic,
  relu: activation,
  relu6: activation,
  leakyrelu: [...activation, [[IMAGE], { alpha: 0.3 }]],
  prelu: [...activation, [[IMAGE], { alpha: 0.5 }]],
  elu: [...activation, [[IMAGE], { alpha: 0.5 }]],
  selu: activation,
  gelu: [...activation, [[IMAGE], { approximate: true }]],
  silu: activation,
  hardswish: activation,
  hardsigmoid: [...activation, [[IMAGE], { slope: 0.2, offset: 0.4 }]],
  sigmoid: activation,
  tanh: activation,
  mish: activation,
  softplus: activation,
  softmax: [
    [[IMAGE]],
    [[IMAGE], { axis: 0 }],
    [[IMAGE], { axis: -2 }],
    [[[5]]],
    [[[3, 4]], { axis: 0 }],
  ],
  dropout: [
    [[IMAGE], { rate: 0.5 }],
    [[[3]], { rate: 0 }],
  ],
  spatialdropout: [
    [[IMAGE], { rate: 0.5 }],
    [[ODD], { rate: 0.1 }],
  ],
  identity: [[[IMAGE]], [[[3]]]],
  pad: [
    [[IMAGE], { amounts: [1, 2, 3, 4] }],
    [[IMAGE], { amounts: [2, 1, 0, 3], mode: 'reflect' }],
    [[IMAGE], { amounts: [2, 7, 1, 3], mode: 'edge' }],
    {
      note: 'of an image that is in order',
      body: (g) =>
        g.op('pad', g.op('layernorm', [g.input(IMAGE)]), {
          amounts: [1, 0, 2, 0],
          mode: 'reflect',
        }),
    },
  ],
  crop: [
    [[ODD], { amounts: [1, 2, 3, 1] }],
    [[ODD], { amounts: [2, 0, 0, 3] }],
  ],
  reshape: [
    [[IMAGE], { shape: [30, 4] }],
    [[IMAGE], { shape: [-1] }],
    [[IMAGE], { shape: [5, 4, 6] }],
    [[[24]], { shape: [2, 3, 4] }],
    [[[1, 1, 6]], { shape: [6] }],
    [[[6, 1, 5]], { shape: [3, 10] }],
    {
      note: 'to an image for a convolution',
      body: (g) =>
        g.op('conv', g.op('reshape', [g.input([48])], { shape: [4, 4, 3] }), { filters: 2 }),
    },
  ],
  flatten: [[[IMAGE]], [[[5]]], [[[3, 4]]]],
  transpose: [
    [[IMAGE]],
    [[IMAGE], { axes: [1, 0, 2] }],
    [[IMAGE], { axes: [2, 0, 1] }],
    [[IMAGE], { axes: [-2, -1, 0] }],
    [[[3, 4]]],
    [[[2, 3, 4, 5]], { axes: [2, 0, 3, 1] }],
    {
      note: 'before a convolution and a reduction',
      body: (g) => {
        const x = g.op('transpose', [g.input([4, 6, 5])], { axes: [1, 2, 0] });
        return [...g.op('conv', x, { filters: 2 }), ...g.op('mean', x, { axes: [0] })];
      },
    },
  ],
  split: [
    [[IMAGE], { parts: 2 }],
    [[IMAGE], { parts: 3, axis: 0 }],
    [[IMAGE], { parts: [1, 3], axis: -1 }],
    [[[7]], { parts: [2, 4, 1] }],
    [[[7]], { parts: 1 }],
  ],
  slice: [
    [[IMAGE], { start: 1 }],
    [[IMAGE], { start: 1, stop: -1, axis: 0 }],
    [[IMAGE], { start: -4, stop: null, axis: 1, step: 2 }],
    [[[11]], { start: 2, stop: 100, step: 3 }],
    [[[5, 3]], { start: 0, stop: 4, axis: 0, step: 2 }],
  ],
  pixelshuffle: [
    [[[3, 2, 8]], { factor: 2 }],
    [[[2, 3, 18]], { factor: 3 }],
  ],
  spacetodepth: [
    [[[6, 4, 2]], { factor: 2 }],
    [[[6, 9, 3]], { factor: 3 }],
  ],
  channelshuffle: [
    [[[3, 2, 8]], { groups: 2 }],
    [[[3, 2, 6]], { groups: 3 }],
    [[[3, 2, 6]], { groups: 1 }],
  ],
  mean: reductions(),
  sum: reductions(),
  max: reductions(),
  attention: [
    [[[6, 8]], { heads: 2 }],
    [[[5, 4]], { heads: 1 }],
    [[[1, 6]], { heads: 3 }],
  ],
  standardize: [
    { note: 'of a kernel', body: (g) => g.op('conv', [g.input(IMAGE)], { filters: 5, ws: true }) },
    {
      note: 'of a depthwise kernel',
      body: (g) => g.op('dwconv', [g.input(IMAGE)], { k: [3, 2], multiplier: 2, ws: true }),
    },
  ],
};

function reductions(): readonly Spec[] {
  return [
    [[IMAGE]],
    [[IMAGE], { keepdims: true }],
    [[IMAGE], { axes: [0, 1] }],
    [[IMAGE], { axes: [-1], keepdims: true }],
    [[IMAGE], { axes: [1] }],
    [[IMAGE], { axes: [2, 0] }],
    [[IMAGE], { axes: [] }],
    [[[7]]],
    [[[3, 4]], { axes: [0] }],
  ];
}

/** All cases, in the order of the table. */
export const OPERATOR_CASES: readonly OperatorCase[] = Object.entries(SPECS).flatMap(
  ([op, specs]) => specs.map((spec) => caseOf(op as CaseName, spec)),
);

export function casesOf(op: CaseName): readonly OperatorCase[] {
  return OPERATOR_CASES.filter((c) => c.op === op);
}

function caseOf(op: CaseName, spec: Spec): OperatorCase {
  if ('body' in spec) {
    return { op, name: `${op} ${spec.note}`, build: () => buildGraph((g) => spec.body(g)) };
  }
  const [shapes, attributes = {}] = spec;
  const written = Object.entries(attributes).map(([name, value]) => `${name} ${show(value)}`);
  return {
    op,
    name: `${op} ${[shapes.map((s) => show(s)).join(' '), ...written].join(', ')}`,
    build: () =>
      buildGraph((g) =>
        g.op(
          op,
          shapes.map((shape, i) => g.input(shape, i === 0 ? 'x' : `x${i + 1}`)),
          attributes,
        ),
      ),
  };
}

function show(value: unknown): string {
  return JSON.stringify(value);
}

/** Values for every weight, none where it starts; variances are positive. */
export function randomWeights(graph: Graph, seed: number): WeightValues {
  return new Map(graph.weights.map((weight) => [weight.name, randomWeight(weight, seed)]));
}

function randomWeight({ name, shape, role }: Weight, seed: number): Tensor {
  const uniform = uniformStream(seed, name);
  const data = new Float32Array(elementCount(shape));
  const [low, high] = role === 'variance' ? [0.5, 1.5] : [-1, 1];
  for (let i = 0; i < data.length; i++) data[i] = low + (high - low) * uniform();
  return { shape, data };
}

/** A batch of inputs by name, of numbers between -4 and 4, all different from 0. */
export function randomInputs(
  graph: Graph,
  batch: number,
  seed: number,
): ReadonlyMap<string, Tensor> {
  return new Map(
    graph.inputs.map((value) => {
      if (!isStatic(value.type.shape)) throw new Error('a graph of symbols');
      const shape = [batch, ...value.type.shape];
      const uniform = uniformStream(seed, inputName(value));
      const data = Float32Array.from({ length: elementCount(shape) }, () => {
        const x = 8 * uniform() - 4;
        return Math.abs(x) < 0.05 ? 0.05 : x;
      });
      return [inputName(value), { shape, data }];
    }),
  );
}

/** The largest difference relative to the largest expected number; NaN where they are no match. */
export function relativeError(actual: Tensor, expected: Tensor): number {
  return differenceOf(actual, expected).maxRel;
}
