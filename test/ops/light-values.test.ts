/** Values, costs and problems of the light operators, worked out by hand. */
import { describe, expect, test } from 'vitest';
import { completeAttributes } from '../../src/compiler/builder.js';
import type { Constant } from '../../src/compiler/constant.js';
import type { Attributes, Tensor } from '../../src/compiler/ir.js';
import { erf } from '../../src/compiler/ops/activation.js';
import { operatorOf, type OperatorName } from '../../src/compiler/ops/index.js';
import type { Problem } from '../../src/compiler/ops/operator.js';
import {
  add,
  evaluateShape,
  floorDiv,
  mul,
  product,
  sub,
  symbolDim,
  type Dim,
  type Shape,
} from '../../src/compiler/shape.js';
import { buildGraph } from '../helpers/graph.js';
import { expectClose } from '../helpers/onnx-cases.js';
import { runNode, runNode1, tensor } from '../helpers/run-node.js';

const values = (x: Tensor): number[] => [...x.data];

function infer(op: OperatorName, shapes: readonly Shape[], attributes: Attributes = {}) {
  const operator = operatorOf(op);
  return operator.infer(
    shapes.map((shape) => ({ dtype: 'f32', shape, batched: true })),
    completeAttributes(operator, attributes),
  );
}

function problem(
  op: OperatorName,
  shapes: readonly Shape[],
  attributes: Attributes = {},
): Problem | undefined {
  const found = infer(op, shapes, attributes);
  return found.ok ? undefined : found.problem;
}

function shapesOf(op: OperatorName, shapes: readonly Shape[], attributes: Attributes = {}) {
  const found = infer(op, shapes, attributes);
  if (!found.ok) throw new Error(found.problem.message);
  return found.types.map((t) => t.shape);
}

const H: Dim = symbolDim({ name: 'H', modulus: 1, remainder: 0, min: 1, max: 4096 });
const W: Dim = symbolDim({ name: 'W', modulus: 1, remainder: 0, min: 1, max: 4096 });
const H8: Dim = symbolDim({ name: 'H', modulus: 8, remainder: 0, min: 8, max: 4096 });

describe('activations', () => {
  // Each at −7, −2, −0.5, 0, 0.5, 2, 7; to nine places from the formulas, by Python’s math module.
  const points = [-7, -2, -0.5, 0, 0.5, 2, 7];
  const expected: readonly (readonly [OperatorName, Attributes, readonly number[]])[] = [
    ['relu', {}, [0, 0, 0, 0, 0.5, 2, 7]],
    ['relu6', {}, [0, 0, 0, 0, 0.5, 2, 6]],
    ['leakyrelu', {}, [-0.07, -0.02, -0.005, 0, 0.5, 2, 7]],
    ['leakyrelu', { alpha: 0.5 }, [-3.5, -1, -0.25, 0, 0.5, 2, 7]],
    ['hardsigmoid', {}, [0, 1 / 6, 5 / 12, 0.5, 7 / 12, 5 / 6, 1]],
    ['hardswish', {}, [0, -1 / 3, -5 / 24, 0, 7 / 24, 5 / 3, 7]],
    ['elu', {}, [-0.999088118, -0.864664717, -0.39346934, 0, 0.5, 2, 7]],
    ['elu', { alpha: 0.5 }, [-0.499544059, -0.432332358, -0.19673467, 0, 0.5, 2, 7]],
    ['selu', {}, [-1.75649616, -1.52016647, -0.691758188, 0, 0.525350494, 2.10140197, 7.35490691]],
    ['gelu', {}, [-8.95868781e-12, -0.0455002639, -0.154268769, 0, 0.345731231, 1.95449974, 7]],
    [
      'gelu',
      { approximate: true },
      [-2.33146835e-15, -0.0454023059, -0.15428599, 0, 0.34571401, 1.95459769, 7],
    ],
    [
      'silu',
      {},
      [-0.00637735836, -0.238405844, -0.188770334, 0, 0.311229666, 1.76159416, 6.99362264],
    ],
    [
      'sigmoid',
      {},
      [0.000911051194, 0.119202922, 0.377540669, 0.5, 0.622459331, 0.880797078, 0.999088949],
    ],
    [
      'tanh',
      {},
      [-0.999998337, -0.96402758, -0.462117157, 0, 0.462117157, 0.96402758, 0.999998337],
    ],
    [
      'softplus',
      {},
      [0.000911466454, 0.126928011, 0.474076984, 0.693147181, 0.974076984, 2.12692801, 7.00091147],
    ],
    [
      'mish',
      {},
      [-0.00638026341, -0.252501483, -0.220743775, 0, 0.375245211, 1.94395896, 6.99998838],
    ],
  ];
  test.each(expected)('%s %o', (op, attributes, ys) => {
    expectClose(runNode1(op, [tensor([7], points)], attributes), tensor([7], ys), 1e-7);
  });

  test('erf is that of the tables', () => {
    expect(erf(0.1)).toBeCloseTo(0.1124629160182849, 14);
    expect(erf(0.5)).toBeCloseTo(0.5204998778130465, 14);
    expect(erf(1)).toBeCloseTo(0.8427007929497149, 14);
    expect(erf(2)).toBeCloseTo(0.9953222650189527, 14);
    expect(erf(3)).toBeCloseTo(0.9999779095030014, 14);
    expect(erf(5)).toBeCloseTo(0.9999999999984626, 14);
    expect(erf(0)).toBe(0);
    expect(erf(10)).toBe(1);
    expect(erf(-10)).toBe(-1);
    expect(erf(Number.NaN)).toBeNaN();
  });

  test('large inputs do not overflow', () => {
    const x = tensor([2], [-200, 200]);
    expect(values(runNode1('softplus', [x]))).toEqual([0, 200]);
    expect(values(runNode1('sigmoid', [x]))).toEqual([Math.fround(Math.exp(-200)), 1]);
    expect(values(runNode1('mish', [x]))[1]).toBe(200);
    expect(values(runNode1('gelu', [x]))).toEqual([-0, 200]);
    expect(values(runNode1('softmax', [x]))).toEqual([0, 1]);
  });

  test('prelu has a slope a channel, which starts at 0.25', () => {
    const x = tensor([2, 2], [-1, -1, 2, -4]);
    const y = runNode1('prelu', [x], {}, [tensor([2], [0.5, 2])]);
    expect(values(y)).toEqual([-0.5, -2, 2, -8]);
    const graph = buildGraph((g) => g.op('prelu', [g.input([4, 4, 3])]));
    expect(graph.weights).toMatchObject([
      { name: 'prelu_1.alpha', shape: [3], role: 'scale', trainable: true },
    ]);
    expect(graph.weights[0]?.init).toMatchObject({ kind: 'constant', value: 0.25 });
    expect(problem('prelu', [[4, W]])?.code).toBe('unknown-size');
  });

  test('softmax over an axis that is not the last', () => {
    const x = tensor([2, 2], [0, 0, Math.log(3), 0]);
    expectClose(runNode1('softmax', [x], { axis: 0 }), tensor([2, 2], [0.25, 0.5, 0.75, 0.5]));
  });
});

describe('arithmetic', () => {
  test('broadcasts as NumPy, and folds from the left', () => {
    const a = tensor([2, 1, 2], [1, 2, 3, 4]);
    const b = tensor([3, 1], [10, 20, 30]);
    const y = runNode1('add', [a, b]);
    expect(y.shape).toEqual([2, 3, 2]);
    expect(values(y)).toEqual([11, 12, 21, 22, 31, 32, 13, 14, 23, 24, 33, 34]);
    const [p, q, r] = [tensor([1], [12]), tensor([2], [2, 3]), tensor([1], [2])];
    expect(values(runNode1('sub', [p, q, r]))).toEqual([8, 7]);
    expect(values(runNode1('div', [p, q, r]))).toEqual([3, 2]);
    expect(values(runNode1('mul', [p, q, r]))).toEqual([48, 72]);
    expect(values(runNode1('maximum', [q, r]))).toEqual([2, 3]);
    expect(values(runNode1('minimum', [q, r]))).toEqual([2, 2]);
  });

  test('rounds once, at the end', () => {
    const parts = [2 ** 24, 1, 1].map((v) => tensor([1], [v]));
    expect(values(runNode1('add', parts))).toEqual([2 ** 24 + 2]);
  });

  test('a symbolic size meets itself and 1', () => {
    const gate = shapesOf('mul', [
      [H, W, 16],
      [1, 1, 16],
    ]);
    expect(gate).toEqual([[H, W, 16]]);
    expect(shapesOf('add', [[H, W, 16], [16]])).toEqual([[H, W, 16]]);
  });

  test('a mismatch names both shapes and every axis that differs', () => {
    const up = (d: Dim): Dim => add(floorDiv(d, 2), floorDiv(d, 2));
    expect(
      problem('add', [
        [H, W, 8],
        [up(H), up(W), 8],
      ]),
    ).toEqual({
      code: 'shape-mismatch',
      message:
        'add has tensors [H, W, 8] and [2*(H // 2), 2*(W // 2), 8] that do not agree: width is W ' +
        'and 2*(W // 2); height is H and 2*(H // 2)',
      mismatch: [
        { operand: 0, axis: 1 },
        { operand: 1, axis: 1 },
      ],
    });
  });

  test('a mismatch may be with any of the tensors', () => {
    expect(problem('mul', [[4, 4, 8], [4, 4, 8], [6]])).toEqual({
      code: 'shape-mismatch',
      message:
        'mul has tensors [4, 4, 8] and [6] that do not agree: channels and axis 0 are 8 and 6',
      mismatch: [
        { operand: 0, axis: 2 },
        { operand: 2, axis: 0 },
      ],
    });
  });

  test('one tensor is too few', () => {
    expect(problem('add', [[4]])?.code).toBe('too-few-tensors');
  });
});

describe('concat', () => {
  test('joins along the axis, in order', () => {
    const [a, b, c] = [tensor([2, 1], [1, 2]), tensor([2, 2]), tensor([2, 1], [8, 9])];
    expect(values(runNode1('concat', [a, b, c]))).toEqual([1, 0, 1, 8, 2, 2, 3, 9]);
    expect(values(runNode1('concat', [b, b], { axis: 0 }))).toEqual([0, 1, 2, 3, 0, 1, 2, 3]);
  });

  test('adds symbolic sizes', () => {
    const joined = [H, W, 3].map((d, i) => (i === 0 ? add(d, d) : d));
    const twice: Shape[] = [
      [H, W, 3],
      [H, W, 3],
    ];
    expect(shapesOf('concat', twice, { axis: -3 })).toEqual([joined]);
    expect(shapesOf('concat', twice)).toEqual([[H, W, 6]]);
  });

  test('the other axes must agree, and 1 does not stretch', () => {
    expect(
      problem('concat', [
        [4, 4, 8],
        [1, 4, 8],
      ]),
    ).toMatchObject({
      code: 'shape-mismatch',
      mismatch: [
        { operand: 0, axis: 0 },
        { operand: 1, axis: 0 },
      ],
    });
    expect(problem('concat', [[4, 4, 8], [8]])?.code).toBe('wrong-rank');
    expect(problem('concat', [[4, 8]], { axis: 2 })?.code).toBe('wrong-axis');
  });
});

describe('pad and crop', () => {
  // 1 2 3
  // 4 5 6
  const x = tensor([2, 3, 1], [1, 2, 3, 4, 5, 6]);

  test.each([
    ['zero', [0, 0, 0, 0, 0, 1, 2, 3, 0, 4, 5, 6, 0, 0, 0, 0]],
    ['edge', [1, 1, 2, 3, 1, 1, 2, 3, 4, 4, 5, 6, 4, 4, 5, 6]],
    ['reflect', [5, 4, 5, 6, 2, 1, 2, 3, 5, 4, 5, 6, 2, 1, 2, 3]],
  ] as const)('%s', (mode, expected) => {
    const y = runNode1('pad', [x], { amounts: [1, 1, 1, 0], mode });
    expect(y.shape).toEqual([4, 4, 1]);
    expect(values(y)).toEqual(expected);
  });

  test('crop takes rows and columns away', () => {
    expect(values(runNode1('crop', [x], { amounts: [1, 0, 0, 1] }))).toEqual([4, 5]);
    expect(shapesOf('crop', [[H, W, 3]], { amounts: [1, 2, 0, 0] })).toEqual([[add(H, -3), W, 3]]);
  });

  test('nothing must be left over', () => {
    expect(problem('crop', [[4, 4, 1]], { amounts: [2, 2, 0, 0] })?.code).toBe('size-too-small');
    const mirrored = { amounts: [0, 0, 3, 0], mode: 'reflect' };
    expect(problem('pad', [[4, 3, 1]], mirrored)?.code).toBe('size-too-small');
    expect(problem('pad', [[4, 4, 1]], mirrored)).toBeUndefined();
    expect(problem('pad', [[4, 4]], mirrored)?.code).toBe('wrong-rank');
  });
});

describe('reshape, flatten, transpose', () => {
  test('-1 is what the others leave, also of symbols', () => {
    expect(shapesOf('reshape', [[H, W, 12]], { shape: [-1, 3] })).toEqual([
      [product([H, W, 4]), 3],
    ]);
    expect(shapesOf('flatten', [[H, W, 4]])).toEqual([[product([H, W, 4])]]);
    expect(shapesOf('reshape', [[H, W, 12]], { shape: [H, W, 3, -1] })).toEqual([[H, W, 3, 4]]);
    expect(shapesOf('reshape', [[1, 1]], { shape: [] })).toEqual([[]]);
  });

  test.each([
    [[64, 5], '64 elements'],
    [[-1, -1], 'only one'],
    [[0, 64], '0 is no size'],
    [[-2, -1], '-2 is no size'],
    [[-1, 5], 'multiple of 5'],
  ])('%o does not hold 8 × 8', (shape, words) => {
    const found = problem('reshape', [[8, 8]], { shape });
    expect(found?.code).toBe('reshape-mismatch');
    expect(found?.message).toContain(words);
  });

  test('transpose reverses, or follows the axes', () => {
    const x = tensor([2, 3], [0, 1, 2, 3, 4, 5]);
    expect(values(runNode1('transpose', [x]))).toEqual([0, 3, 1, 4, 2, 5]);
    expect(shapesOf('transpose', [[H, W, 3]], { axes: [-1, 0, 1] })).toEqual([[3, H, W]]);
    for (const axes of [[0], [0, 0], [0, 2]]) {
      expect(problem('transpose', [[2, 3]], { axes })?.code).toBe('wrong-axis');
    }
  });
});

describe('slice and split', () => {
  const half = floorDiv(H, 2);
  test.each<readonly [string, Attributes, Dim, Dim]>([
    ['[2:] of H', { start: 2 }, H, add(H, -2)],
    ['[-3:] of 8q', { start: -3 }, H8, 3],
    ['[1:-1] of H', { start: 1, stop: -1 }, H, add(H, -2)],
    ['[-6:-2:3] of 8q', { start: -6, stop: -2, step: 3 }, H8, 2],
    ['[-6:8] of 10', { start: -6, stop: 8 }, 10, 4],
    ['[0:8] of 8q', { start: 0, stop: 8 }, H8, 8],
    ['[0:5000] of at most 4096', { start: 0, stop: 5000 }, H, H],
    ['[-5000:] of at most 4096', { start: -5000 }, H, H],
    ['[0::2] of H', { start: 0, step: 2 }, H, floorDiv(add(H, 1), 2)],
    ['[0 : H // 2] of H', { start: 0, stop: half }, H, half],
    ['[H // 2 :] of H', { start: half }, H, sub(H, half)],
    ['[q : 4q] of 4q', { start: floorDiv(H8, 4), stop: H8 }, H8, floorDiv(mul(H8, 3), 4)],
  ])('%s', (_, attributes, size, expected) => {
    const found = shapesOf('slice', [[size, 2]], { ...attributes, axis: 0 });
    expect(found).toEqual([[expected, 2]]);
  });

  test.each<readonly [string, Attributes, Dim, string]>([
    ['[4:] of 4', { start: 4 }, 4, 'size-too-small'],
    ['[2:2] of 4', { start: 2, stop: 2 }, 4, 'size-too-small'],
    ['[-1:-2] of H', { start: -1, stop: -2 }, H, 'size-too-small'],
    ['[5000:] of at most 4096', { start: 5000 }, H, 'size-too-small'],
    // min(H, 8) and max(H − 3, 0) are no polynomials.
    ['[0:8] of H', { start: 0, stop: 8 }, H, 'unknown-size'],
    ['[-3:] of H', { start: -3 }, H, 'unknown-size'],
  ])('%s has no answer', (_, attributes, size, code) => {
    expect(problem('slice', [[size]], attributes)?.code).toBe(code);
  });

  test('split in equal parts, or by sizes', () => {
    const x = tensor([2, 3], [0, 1, 2, 3, 4, 5]);
    expect(runNode('split', [x], { parts: 3 }).map(values)).toEqual([
      [0, 3],
      [1, 4],
      [2, 5],
    ]);
    expect(runNode('split', [x], { parts: [1, 2] }).map(values)).toEqual([
      [0, 3],
      [1, 2, 4, 5],
    ]);
    expect(runNode('split', [x], { parts: 2, axis: 0 }).map(values)).toEqual([
      [0, 1, 2],
      [3, 4, 5],
    ]);
    expect(shapesOf('split', [[H8, W, 6]], { parts: 4, axis: 0 })).toEqual(
      Array.from({ length: 4 }, () => [floorDiv(H8, 4), W, 6]),
    );
  });

  test('split says which parts there may be, or which fact is missing', () => {
    expect(problem('split', [[4, 4, 10]], { parts: 4 })).toEqual({
      code: 'indivisible',
      message: 'split needs a multiple of 4 along channels, but the size is 10',
      parameter: 'parts',
      hints: ['use 1, 2, 5 or 10 for `parts`'],
    });
    expect(problem('split', [[H, W, 10]], { parts: 4, axis: 1 })).toEqual({
      code: 'indivisible',
      message: 'split needs a multiple of 4 along width, but the size is W',
      parameter: 'parts',
      hints: ['add: where W % 4 == 0'],
    });
    expect(problem('split', [[5]], { parts: [2, 2] })?.code).toBe('reshape-mismatch');
    expect(problem('split', [[5]], { parts: [5, 0] })?.code).toBe('size-too-small');
    expect(problem('split', [[5]], { parts: 5, axis: 1 })?.code).toBe('wrong-axis');
  });

  test('arguments are read as written', () => {
    const read = (op: OperatorName, name: string, c: Constant) =>
      operatorOf(op).parameters[name]?.kind.read(c);
    const int = (value: Dim): Constant => ({ type: 'int', value });
    expect(read('slice', 'start', int(-3))).toBe(-3);
    expect(read('slice', 'start', int(H))).toBe(H);
    expect(read('slice', 'stop', { type: 'none' })).toBe(null);
    expect(read('slice', 'start', { type: 'float', value: 1 })).toBeUndefined();
    expect(read('split', 'parts', int(2))).toBe(2);
    expect(read('split', 'parts', int(0))).toBeUndefined();
    expect(read('split', 'parts', int(2 ** 30))).toBeUndefined();
    expect(read('split', 'parts', { type: 'list', items: [int(1), int(H)] })).toEqual([1, H]);
  });
});

describe('shuffles', () => {
  test('pixelshuffle and spacetodepth are inverse, in PyTorch’s order', () => {
    // Channel 0 holds 0..3, channel 1 holds 10..13, row-major.
    const image = tensor([2, 2, 2], [0, 10, 1, 11, 2, 12, 3, 13]);
    const deep = tensor([1, 1, 8], [0, 1, 2, 3, 10, 11, 12, 13]);
    expect(runNode1('spacetodepth', [image], { factor: 2 })).toEqual(deep);
    expect(runNode1('pixelshuffle', [deep], { factor: 2 })).toEqual(image);
  });

  test('channelshuffle deals the groups out', () => {
    const x = tensor([1, 1, 6]);
    expect(values(runNode1('channelshuffle', [x], { groups: 2 }))).toEqual([0, 3, 1, 4, 2, 5]);
    expect(values(runNode1('channelshuffle', [x], { groups: 3 }))).toEqual([0, 2, 4, 1, 3, 5]);
  });

  test('sizes may be symbols', () => {
    expect(shapesOf('spacetodepth', [[H8, H8, 3]], { factor: 4 })).toEqual([
      [floorDiv(H8, 4), floorDiv(H8, 4), 48],
    ]);
    expect(shapesOf('pixelshuffle', [[H, W, 12]], { factor: 2 })).toEqual([
      [mul(H, 2), mul(W, 2), 3],
    ]);
  });

  test('counts that do not divide', () => {
    expect(problem('channelshuffle', [[4, 4, 10]], { groups: 4 })).toMatchObject({
      code: 'indivisible',
      hints: ['use 1, 2, 5 or 10 for `groups`'],
    });
    expect(problem('pixelshuffle', [[4, 4, 10]], { factor: 2 })).toMatchObject({
      code: 'indivisible',
      message: 'pixelshuffle has 10 channels, which 2² = 4 does not divide',
    });
    expect(problem('spacetodepth', [[H, W, 10]], { factor: 2 })?.hints).toEqual([
      'add: where H % 2 == 0, W % 2 == 0',
    ]);
    expect(problem('spacetodepth', [[8, 9, 10]], { factor: 2 })).toMatchObject({
      message: 'spacetodepth needs a multiple of 2 along width, but the size is 9',
      hints: ['use 1, 3 or 9 for `factor`'],
    });
  });
});

describe('reductions', () => {
  const x = tensor([2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 10]);

  test.each<readonly [OperatorName, Attributes, readonly number[], readonly number[]]>([
    ['mean', {}, [], [4.75]],
    ['mean', { axes: [0, 1] }, [2], [4, 5.5]],
    ['mean', { axes: [-1], keepdims: true }, [2, 2, 1], [1.5, 3.5, 5.5, 8.5]],
    ['sum', { axes: [1] }, [2, 2], [4, 6, 12, 16]],
    ['sum', { axes: [] }, [2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 10]],
    ['max', { axes: [0, 2] }, [2], [6, 10]],
    ['max', { keepdims: true }, [1, 1, 1], [10]],
  ])('%s %o', (op, attributes, shape, ys) => {
    expect(runNode1(op, [x], attributes)).toEqual(tensor(shape, ys));
  });

  test('each axis once, and one that is there', () => {
    expect(problem('mean', [[4, 4, 3]], { axes: [0, -3] })).toEqual({
      code: 'wrong-axis',
      message: 'mean is given height twice',
      parameter: 'axes',
      hints: ['name each axis once'],
    });
    expect(problem('sum', [[4, 4]], { axes: [2] })?.hints).toEqual([
      'use an axis from -2 to 1; the batch is not counted',
    ]);
  });
});

describe('identity and dropout', () => {
  test.each<readonly [OperatorName, Attributes]>([
    ['identity', {}],
    ['dropout', { rate: 0.5 }],
    ['spatialdropout', { rate: 0.2 }],
  ])('%s changes nothing', (op, attributes) => {
    const x = tensor([2, 2, 1]);
    expect(runNode1(op, [x], attributes)).toEqual(x);
    expect(operatorOf(op).traits).toContain('inference-identity');
  });

  test('a rate is a probability', () => {
    const rate = operatorOf('dropout').parameters['rate'];
    expect(rate?.kind.read({ type: 'float', value: 1.5 })).toBeUndefined();
    expect(rate?.kind.read({ type: 'float', value: 0.5 })).toBe(0.5);
  });
});

describe('costs', () => {
  const shape = [4, 4, 8];
  test.each<readonly [OperatorName, Attributes, readonly (readonly number[])[], number]>([
    ['relu', {}, [shape], 128],
    ['sigmoid', {}, [shape], 4 * 128],
    ['gelu', {}, [shape], 5 * 128],
    ['gelu', { approximate: true }, [shape], 9 * 128],
    ['prelu', {}, [shape], 2 * 128],
    ['add', {}, [shape, shape, [8]], 2 * 128],
    ['softmax', {}, [shape], 16 * (5 * 8 - 2)],
    ['softmax', { axis: 0 }, [shape], 32 * (5 * 4 - 2)],
    ['mean', { axes: [0, 1] }, [shape], 128],
    ['sum', { axes: [0, 1] }, [shape], 128 - 8],
    ['max', {}, [shape], 127],
    ['concat', {}, [shape, shape], 0],
    ['pad', { amounts: [1, 1, 1, 1] }, [shape], 0],
    ['flatten', {}, [shape], 0],
    ['dropout', { rate: 0.5 }, [shape], 0],
  ])('%s %o', (op, attributes, operands, flops) => {
    const operator = operatorOf(op);
    const complete = completeAttributes(operator, attributes);
    const [result = []] = shapesOf(op, operands, attributes);
    const results = [evaluateShape(result, new Map())];
    expect(operator.cost({ operands, results }, complete)).toEqual({ macs: 0, flops });
  });
});
