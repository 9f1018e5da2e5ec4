/** Passes for kernels: which nodes become one, that results stay, and what a backend finds in a node. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { interpret } from '../src/compiler/interpret.js';
import type { Attributes, Node, Tensor, Value } from '../src/compiler/ir.js';
import type { OperatorName } from '../src/compiler/ops/index.js';
import {
  inferencePasses,
  kernelPasses,
  runPasses,
  type Model,
  type PassName,
} from '../src/compiler/passes/index.js';
import { isElementwise, kernelOf, MAX_OPERANDS, nodesIn } from '../src/compiler/passes/kernel.js';
import { printIr } from '../src/compiler/print-ir.js';
import { equalShapes, symbolDim } from '../src/compiler/shape.js';
import { stats } from '../src/compiler/stats.js';
import { initialize } from '../src/weights/initialize.js';
import { ROOT } from './helpers/cli.js';
import { buildGraph, type TestGraph } from './helpers/graph.js';
import { modelOf, modelOfFile } from './helpers/onnx-programs.js';
import {
  OPERATOR_CASES,
  randomInputs,
  randomWeights,
  relativeError,
} from './helpers/operator-cases.js';
import { MODEL_FILES } from './helpers/zoo.js';

const TOLERANCE = 1e-5;
const fusions = kernelPasses.filter((name) => name !== 'split-norms');

function modelWith(body: (g: TestGraph) => readonly Value[]): Model {
  const graph = buildGraph(body);
  return { graph, weights: randomWeights(graph, 1) };
}

function outputsOf({ graph, weights }: Model): ReadonlyMap<string, Tensor> {
  return interpret(graph, weights ?? new Map(), randomInputs(graph, 1, 2));
}

function expectSame(
  before: ReadonlyMap<string, Tensor>,
  after: ReadonlyMap<string, Tensor>,
  tolerance = TOLERANCE,
): void {
  expect([...after.keys()]).toEqual([...before.keys()]);
  for (const [name, tensor] of before) {
    const found = after.get(name);
    expect(found && relativeError(found, tensor)).toBeLessThanOrEqual(tolerance);
  }
}

/** Runs passes; a second time changes nothing, results stay, and each node is a kernel. */
function check(model: Model, names: readonly PassName[] = kernelPasses): Model {
  const after = runPasses(model, names, { verify: true });
  const again = runPasses(after, names, { verify: true });
  expect(printIr(again.graph)).toBe(printIr(after.graph));
  expectSame(outputsOf(model), outputsOf(after));
  after.graph.nodes.forEach(expectKernel);
  return after;
}

/** What `Kernel` promises. */
function expectKernel(node: Node): void {
  const { reads, prologue, anchor, epilogue, operandOf } = kernelOf(node);
  const before = prologue === undefined ? [] : [prologue.anchor, ...prologue.epilogue];
  const parts = [...reads, ...before, ...(anchor === undefined ? [] : [anchor]), ...epilogue];
  expect(parts).toEqual(nodesIn(node));
  expect([...(prologue?.epilogue ?? []), ...epilogue].every(isElementwise)).toBe(true);
  if (parts.length === 1) return;
  expect(new Set(node.operands).size).toBe(node.operands.length);
  expect(node.operands.length).toBeLessThanOrEqual(MAX_OPERANDS);
  expect(reads.map(({ op }) => op).every((op) => op === 'concat' || op === 'upsample')).toBe(true);
  for (const { stage, result } of [
    { stage: prologue, result: prologue?.epilogue.at(-1)?.results[0] },
    { stage: { anchor, epilogue }, result: parts.at(-1)?.results[0] },
  ]) {
    for (const own of stage?.epilogue ?? []) {
      expect(own.results[0]?.type).toEqual(result?.type);
      if (stage?.anchor === undefined) continue;
      own.operands.forEach((value, i) => {
        const { shape } = value.type;
        if (operandOf(value) === undefined || (own.op === 'scaleshift' && i === 1)) return;
        const channels = result?.type.shape.at(-1);
        const isWhole = equalShapes(shape, result?.type.shape ?? []);
        const ones = shape.slice(0, -1).every((size) => size === 1);
        expect(isWhole || (ones && [1, channels, undefined].includes(shape.at(-1)))).toBe(true);
      });
    }
  }
}

/** `conv; relu` for each node of the graph. */
function kernels({ graph }: Model): string[] {
  return graph.nodes.map((node) =>
    nodesIn(node)
      .map(({ op }) => op)
      .join('; '),
  );
}

function one(values: readonly Value[]): Value {
  const [only] = values;
  if (only === undefined) throw new Error('no value');
  return only;
}

type Step = readonly [OperatorName, Attributes?];

function through(g: TestGraph, start: Value, ...steps: readonly Step[]): Value {
  return steps.reduce((x, [op, attributes]) => one(g.op(op, [x], attributes)), start);
}

const conv: Step = ['conv', { filters: 4 }];
const pointwise = (filters: number): Step => ['conv', { filters, k: [1, 1] }];
const image = (g: TestGraph, name?: string): Value => g.input([6, 6, 4], name);

/** Kernels after the passes, of a graph. */
type Case = readonly [
  what: string,
  body: (g: TestGraph) => readonly Value[],
  expected: readonly string[],
];

describe('split-norms', () => {
  it('makes group and instance norms statistics and what is elementwise', () => {
    const model = modelWith((g) => [
      through(
        g,
        g.input([5, 6, 8]),
        ['groupnorm', { groups: 4, eps: 0.1 }],
        ['instancenorm', { affine: false }],
        ['layernorm'],
      ),
    ]);
    const after = check(model, ['split-norms']);
    const pair = ['normstats', 'scaleshift'];
    expect(kernels(after)).toEqual([...pair, ...pair, 'layernorm']);
    expect(after.graph.weights).toEqual(model.graph.weights);
    const attributes = after.graph.nodes.map((node) => node.attributes);
    expect(attributes[0]).toEqual({ groups: 4, eps: 0.1, affine: true });
    expect(attributes[2]).toEqual({ groups: 8, eps: 1e-5, affine: false });
  });

  it('makes a batch norm whose weights are known a factor and a summand', () => {
    const model = modelWith((g) => [through(g, image(g), ['relu'], ['batchnorm', { eps: 0.1 }])]);
    const after = check(model, ['split-norms']);
    expect(kernels(after)).toEqual(['relu', 'scaleshift']);
    expect(after.graph.weights).toEqual([]);
    const unknown = runPasses({ ...model, weights: undefined }, kernelPasses, { verify: true });
    expect(kernels(unknown)).toEqual(['relu; batchnorm']);
  });

  it('leaves an instance norm whose channels are not known', () => {
    const channels = symbolDim({ name: 'C', modulus: 1, remainder: 0, min: 1, max: 64 });
    const graph = buildGraph((g) =>
      g.op('instancenorm', [g.input([4, 4, channels])], { affine: false }),
    );
    expect(kernels(runPasses({ graph, weights: undefined }, ['split-norms']))).toEqual([
      'instancenorm',
    ]);
  });
});

describe('fuse-elementwise', () => {
  const cases: readonly Case[] = [
    [
      'a chain joins its convolution',
      (g) => [through(g, image(g), conv, ['relu'], ['prelu'], ['tanh'])],
      ['conv; relu; prelu; tanh'],
    ],
    [
      'every anchor',
      (g) => [
        through(g, image(g), ['dwconv'], ['relu']),
        through(g, image(g, 'x2'), ['convtranspose', { filters: 2 }], ['relu']),
        through(g, image(g, 'x3'), ['dense', { units: 3 }], ['relu']),
        through(g, image(g, 'x4'), ['maxpool'], ['relu'], ['avgpool'], ['relu']),
        through(g, image(g, 'x5'), ['upsample', { mode: 'bilinear' }], ['relu']),
        through(g, image(g, 'x6'), ['resize', { height: 7, width: 5 }], ['relu']),
        one(g.op('tanh', g.op('matmul', [g.input([3, 4], 'a'), g.input([4, 5], 'b')]))),
      ],
      [
        'dwconv; relu',
        'convtranspose; relu',
        'dense; relu',
        'maxpool; relu',
        'avgpool; relu',
        'upsample; relu',
        'resize; relu',
        'matmul; tanh',
      ],
    ],
    [
      'what computes few results, or moves them, is no anchor',
      (g) => [
        through(g, image(g), ['globalavgpool'], ['relu'], ['softmax'], ['relu']),
        through(g, image(g, 'x2'), ['transpose'], ['relu'], ['mean'], ['relu']),
      ],
      ['globalavgpool', 'relu', 'softmax', 'relu', 'transpose', 'relu', 'mean', 'relu'],
    ],
    [
      'a result that something else reads, or that is an output, stays',
      (g) => {
        const y = through(g, image(g), conv);
        const z = through(g, y, ['relu']);
        return [one(g.op('maxpool', [y])), z, through(g, z, ['tanh'])];
      },
      ['conv', 'relu', 'maxpool', 'tanh'],
    ],
    [
      'a residual and a gate a channel',
      (g) => {
        const x = image(g);
        const sum = one(g.op('add', [through(g, x, conv), x]));
        const gate = g.input([1, 1, 4], 'gate');
        return [one(g.op('mul', [through(g, sum, ['relu']), gate]))];
      },
      ['conv; add; relu; mul'],
    ],
    [
      'a branch that comes before the anchor is computed after it',
      (g) => {
        const branch = through(g, image(g, 'x2'), ['tanh'], ['relu']);
        return [one(g.op('add', [branch, through(g, image(g), conv)]))];
      },
      ['conv; tanh; relu; add'],
    ],
    [
      'of two anchors the last takes what joins them',
      (g) => {
        const first = through(g, image(g), ['dwconv']);
        return g.op('add', [through(g, image(g, 'x2'), conv), first]);
      },
      ['dwconv', 'conv; add'],
    ],
    [
      'silu by hand: all that read a result are in one kernel',
      (g) => {
        const y = through(g, image(g), conv);
        return g.op('mul', [y, through(g, y, ['sigmoid'])]);
      },
      ['conv; sigmoid; mul'],
    ],
    [
      'what an anchor reads does not come after it',
      (g) => [through(g, image(g), ['tanh'], conv, ['relu'])],
      ['tanh', 'conv; relu'],
    ],
    [
      'the same operand twice',
      (g) => {
        const y = through(g, image(g), conv);
        return [through(g, one(g.op('mul', [y, y])), ['relu'])];
      },
      ['conv; mul; relu'],
    ],
    [
      'another operand of one row ends an epilogue',
      (g) => {
        const y = one(g.op('mul', [through(g, image(g), conv), g.input([6, 1, 4], 'row')]));
        return [through(g, y, ['relu'])];
      },
      ['conv', 'mul; relu'],
    ],
    [
      'elementwise nodes alone broadcast what they read as they like',
      (g) => {
        const outer = one(g.op('mul', [g.input([6, 1, 4]), g.input([1, 5, 1], 'x2')]));
        return g.op('sub', [through(g, outer, ['relu']), g.input([6, 1, 1], 'x3')]);
      },
      ['mul; relu; sub'],
    ],
    [
      'what would be computed again for each pixel stays',
      (g) => g.op('mul', [image(g), through(g, g.input([4], 'x2'), ['tanh'])]),
      ['tanh', 'mul'],
    ],
    [
      'after an anchor at most 4 tensors from outside',
      (g) => {
        const others = [1, 2, 3, 4, 5].map((n) => image(g, `other${n}`));
        const first = through(g, image(g), ['maxpool', { k: [1, 1] }]);
        return [others.reduce((y, other) => one(g.op('add', [y, other])), first)];
      },
      ['maxpool; add; add; add; add', 'add'],
    ],
    [
      'at most 7 operands',
      (g) => {
        const others = [1, 2, 3, 4, 5, 6, 7].map((n) => image(g, `other${n}`));
        return [others.reduce((y, other) => one(g.op('add', [y, other])), image(g))];
      },
      ['add; add; add; add; add; add', 'add'],
    ],
  ];
  test.each(cases)('%s', (_, body, expected) => {
    expect(kernels(check(modelWith(body), ['fuse-elementwise']))).toEqual(expected);
  });

  it('splits a chain without end', () => {
    const steps = Array.from({ length: 150 }, (): Step => ['relu']);
    const after = check(
      modelWith((g) => [through(g, image(g), ...steps)]),
      ['fuse-elementwise'],
    );
    expect(after.graph.nodes.map((node) => nodesIn(node).length)).toEqual([64, 64, 22]);
  });

  it('gives a kernel the place of its anchor in the source', () => {
    const after = check(modelWith((g) => [through(g, image(g), conv, ['relu'])]));
    expect(after.graph.nodes.map(({ origin }) => origin.path)).toEqual(['conv_1']);
  });
});

describe('fuse-depthwise', () => {
  const cases: readonly Case[] = [
    [
      'a pointwise convolution of few filters',
      (g) => [through(g, image(g), ['dwconv'], pointwise(8), ['sigmoid'])],
      ['dwconv; conv; sigmoid'],
    ],
    [
      'with activations between',
      (g) => [through(g, image(g), ['dwconv'], ['relu'], pointwise(2))],
      ['dwconv; relu; conv'],
    ],
    [
      'with a residual between they stay two',
      (g) => {
        const x = image(g);
        const y = one(g.op('add', [through(g, x, ['dwconv'], ['relu']), x]));
        return [through(g, y, pointwise(2))];
      },
      ['dwconv; relu; add', 'conv'],
    ],
    [
      'of more filters they stay two',
      (g) => [through(g, image(g), ['dwconv'], pointwise(9))],
      ['dwconv', 'conv'],
    ],
    [
      'with a stride, padding, groups or taps they stay two',
      (g) =>
        [{ stride: [2, 2] }, { pad: [1, 0, 0, 0] }, { groups: 2 }, { k: [1, 3] }].map((more, i) =>
          through(
            g,
            image(g, `x${i + 1}`),
            ['dwconv'],
            ['conv', { filters: 4, k: [1, 1], ...more }],
          ),
        ),
      Array<string[]>(4).fill(['dwconv', 'conv']).flat(),
    ],
    [
      'where something else reads what is between they stay two',
      (g) => {
        const y = through(g, image(g), ['dwconv']);
        return [one(g.op('add', [through(g, y, pointwise(4)), y]))];
      },
      ['dwconv', 'conv; add'],
    ],
    [
      'more than 7 operands are too many',
      (g) => {
        const others = [1, 2, 3].map((n) => image(g, `other${n}`));
        const first = through(g, image(g), ['dwconv']);
        const sum = others.reduce((y, other) => one(g.op('add', [y, other])), first);
        return [through(g, sum, pointwise(4))];
      },
      ['dwconv; add; add; add', 'conv'],
    ],
  ];
  test.each(cases)('%s', (_, body, expected) => {
    expect(kernels(check(modelWith(body)))).toEqual(expected);
  });
});

describe('fuse-reads', () => {
  const up = (g: TestGraph, x: Value): Value => through(g, x, ['upsample']);
  const join = (g: TestGraph, ...parts: Value[]): Value => one(g.op('concat', parts));
  const small = (g: TestGraph, name: string): Value => g.input([3, 3, 4], name);
  const cases: readonly Case[] = [
    [
      'an upsampling, for a convolution and a depthwise one',
      (g) => {
        const y = up(g, image(g));
        return [through(g, y, conv), through(g, y, ['dwconv'], ['relu'])];
      },
      ['upsample; conv', 'upsample; dwconv; relu'],
    ],
    [
      'a concatenation of what is upsampled and what is not',
      (g) => [through(g, join(g, image(g), up(g, small(g, 'x2'))), conv, ['relu'])],
      ['upsample; concat; conv; relu'],
    ],
    [
      'an upsampling of a concatenation, before both convolutions of a pair',
      (g) => [
        through(g, up(g, join(g, image(g), image(g, 'x2'))), ['dwconv'], ['relu'], pointwise(3)),
      ],
      ['concat; upsample; dwconv; relu; conv'],
    ],
    [
      'the same tensor twice',
      (g) => {
        const y = up(g, image(g));
        return [through(g, join(g, y, y), conv)];
      },
      ['upsample; concat; conv'],
    ],
    [
      'four tensors, and no fifth',
      (g) => {
        const images = [1, 2, 3, 4, 5].map((n) => image(g, `x${n}`));
        return [4, 5].map((n) => through(g, join(g, ...images.slice(0, n)), conv));
      },
      ['concat; conv', 'concat', 'conv'],
    ],
    [
      'no second concatenation or upsampling behind the first',
      (g) => {
        const twice = up(g, join(g, up(g, g.input([2, 2, 4], 'x2')), up(g, g.input([2, 2, 4]))));
        const inner = join(g, image(g, 'x3'), image(g, 'x4'));
        return [through(g, twice, conv), through(g, join(g, inner, image(g, 'x5')), conv)];
      },
      ['upsample', 'upsample', 'concat; upsample; conv', 'concat', 'concat; conv'],
    ],
    [
      'not where anything else reads it',
      (g) => {
        const [y, z, v] = [1, 2, 3].map((n) => up(g, image(g, `x${n}`)));
        if (y === undefined || z === undefined || v === undefined) return [];
        const sum = one(g.op('add', [through(g, z, conv), z]));
        return [y, through(g, y, conv), sum, through(g, v, conv), through(g, v, ['maxpool'])];
      },
      ['upsample', 'upsample', 'upsample', 'conv', 'conv; add', 'conv', 'maxpool'],
    ],
    [
      'not by one of the kernels alone',
      (g) => {
        // The second has no room for another operand.
        const y = join(g, image(g), image(g, 'x2'));
        const others = [1, 2, 3, 4].map((n) => image(g, `other${n}`));
        const sum = others.reduce((z, other) => one(g.op('add', [z, other])), through(g, y, conv));
        return [through(g, y, conv), sum];
      },
      ['concat', 'conv', 'conv; add; add; add; add'],
    ],
    [
      'not as weights, bilinear, along other axes, in other channels, or in groups',
      (g) => [
        through(g, image(g), ['upsample', { mode: 'bilinear' }], conv),
        through(g, one(g.op('concat', [image(g, 'x2'), image(g, 'x3')], { axis: 0 })), conv),
        through(g, join(g, image(g, 'x4'), g.input([6, 6, 3], 'x5')), conv),
        through(g, up(g, image(g, 'x6')), ['conv', { filters: 4, groups: 2 }]),
        through(g, up(g, image(g, 'x7')), ['convtranspose', { filters: 2 }]),
      ],
      [
        ...['upsample', 'conv', 'concat', 'conv', 'concat', 'conv'],
        ...['upsample', 'conv', 'upsample', 'convtranspose'],
      ],
    ],
  ];
  test.each(cases)('%s', (_, body, expected) => {
    const found = kernels(check(modelWith(body)));
    expect([...found].sort()).toEqual([...expected].sort());
  });
});

describe('all together', () => {
  it.each(OPERATOR_CASES)('$name', ({ build }) => {
    const graph = build();
    check({ graph, weights: randomWeights(graph, 1) }, [...inferencePasses, ...kernelPasses]);
  });

  /** Models with few filters; of GN's 32 groups in unet.arch come 32. */
  const widthOf = (file: string): number => (file === 'models/unet.arch' ? 32 : 8);
  /** Height and width: the smallest that the facts of the models allow. */
  const sizeOf = (file: string): number => (/resnet|mobilenet/.test(file) ? 32 : 16);
  const models = MODEL_FILES.flatMap((file) => {
    const text = readFileSync(join(ROOT, file), 'utf8');
    const small = text.replace('width: int = 64', `width: int = ${widthOf(file)}`);
    const names = [...text.matchAll(/^model (\w+)/gm)].map(([, name = '']) => name);
    return names.map((name) => [file, name, small] as const);
  });
  it.each(models)('%s: %s', (file, name, text) => {
    const model = modelOf(text, { model: name, path: file });
    const size = sizeOf(file);
    const graph = model.at({ H: size, W: size });
    const start = { graph, weights: initialize(graph.weights, 0) };
    const ready = runPasses(start, inferencePasses);
    const split = runPasses(ready, ['split-norms'], { verify: true });
    const after = runPasses(split, fusions, { verify: true });
    after.graph.nodes.forEach(expectKernel);
    expect(after.graph.nodes.length).toBeLessThan(ready.graph.nodes.length);
    const [expected, found] = [outputsOf(split), outputsOf(after)];
    expect(found).toEqual(expected);
    // A factor and a summand in float32 round otherwise than a norm in one step.
    expectSame(outputsOf(ready), expected, 1e-4);
    const [before, now] = [ready, after].map((each) => stats(each.graph));
    if (before?.ok !== true || now?.ok !== true) throw new Error('no stats');
    expect(now.value.macs).toBe(before.value.macs);
  });

  it.each([
    ['sdunet', 'SDUNet', 91, 66],
    ['unet', 'UNet', 60, 28],
  ])('what becomes of %s', async (file, model, before, kernelCount) => {
    // Symbols stay; few filters, since the golden shows no weights.
    const { graph } = modelOfFile(`models/${file}.arch`, { model, set: { width: '8' } });
    const ready = runPasses({ graph, weights: initialize(graph.weights, 0) }, inferencePasses);
    const after = runPasses(ready, kernelPasses, { verify: true });
    expect([ready, after].map((each) => each.graph.nodes.length)).toEqual([before, kernelCount]);
    const [, nodes = ''] = printIr(after.graph).split('\nnodes:\n');
    const text = `# ${before} nodes for inference, ${kernelCount} kernels\n${nodes}`;
    await expect(text).toMatchFileSnapshot(`goldens/${file}-kernels.txt`);
  });

  /** Random steps from values of images 4 or 8 wide with 4 or 8 channels; none where one does not fit. */
  type RandomStep = (g: TestGraph, x: Value, others: readonly Value[]) => Value[];
  const unary: readonly Step[] = [
    conv,
    ['conv', { filters: 8, k: [1, 1] }],
    ['conv', { filters: 4, groups: 2 }],
    ['dwconv'],
    ['relu'],
    ['sigmoid'],
    ['prelu'],
    ['batchnorm'],
    ['groupnorm', { groups: 2 }],
    ['layernorm'],
    ['identity'],
  ];
  const channelsOf = (x: Value): Value['type']['shape'][number] => x.type.shape.at(-1) ?? 0;
  const sameSize = (x: Value, others: readonly Value[]): Value | undefined =>
    others.find((y) => equalShapes(y.type.shape.slice(0, 2), x.type.shape.slice(0, 2)));
  const steps: readonly RandomStep[] = [
    ...unary.map(
      ([op, attributes]): RandomStep =>
        (g, x) =>
          g.op(op, [x], attributes),
    ),
    (g, x) => g.op(x.type.shape[0] === 4 ? 'upsample' : 'maxpool', [x]),
    (g, x) =>
      x.type.shape[0] === 4 ? g.op('upsample', [x], { mode: 'bilinear' }) : g.op('avgpool', [x]),
    (g, x, others) => {
      const y = others.find((other) => equalShapes(other.type.shape, x.type.shape));
      return y === undefined ? [] : g.op('add', [x, y]);
    },
    (g, x, others) => {
      const y = sameSize(x, others);
      return y === undefined || channelsOf(y) === 8 || channelsOf(x) === 8
        ? []
        : g.op('concat', [x, y]);
    },
    (g, x) => g.op('mul', [x, ...g.op('globalmaxpool', [x])]),
    (g, x) => g.op('sub', [x, ...g.op('mean', [x], { axes: [1], keepdims: true })]),
    (g, x) => g.op('maximum', [x, g.builder.constant(Float32Array.of(0.5), [1])]),
    (g, x) => g.op('mul', [x, ...g.op('sigmoid', [x])]),
  ];
  const program = fc.record({
    steps: fc.array(fc.record({ which: fc.nat(steps.length - 1), from: fc.nat(7) }), {
      minLength: 1,
      maxLength: 14,
    }),
    output: fc.nat(),
  });

  it('random graphs give exactly what they gave before their nodes were joined', () => {
    let joined = 0;
    fc.assert(
      fc.property(program, ({ steps: chosen, output }) => {
        const model = modelWith((g) => {
          const values = [through(g, g.input([8, 8, 4]), ['tanh'])];
          for (const { which, from } of chosen) {
            // The latest most often, so that chains arise as well as branches.
            const latest = [...values].reverse();
            const x = one(latest.slice(from < 5 ? 0 : Math.min(from - 4, latest.length - 1)));
            const others = latest.filter((value) => value !== x);
            const [made] = steps[which]?.(g, x, others) ?? [];
            if (made !== undefined) values.push(made);
          }
          return [...new Set([one(values.slice(-1)), one(values.slice(output % values.length))])];
        });
        const split = runPasses(model, [...inferencePasses, 'split-norms'], { verify: true });
        let after = split;
        for (const name of fusions) {
          after = runPasses(after, [name], { verify: true });
          expect(outputsOf(after)).toEqual(outputsOf(split));
        }
        after.graph.nodes.forEach(expectKernel);
        expect(printIr(runPasses(after, kernelPasses).graph)).toBe(printIr(after.graph));
        joined += split.graph.nodes.length - after.graph.nodes.length;
      }),
      { numRuns: 100, seed: 110 },
    );
    expect(joined).toBeGreaterThan(100);
  });
});
