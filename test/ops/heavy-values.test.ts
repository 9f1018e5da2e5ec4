/** Values, weights, costs and problems of the operators with windows, statistics or products, by hand. */
import { describe, expect, test } from 'vitest';
import { completeAttributes } from '../../src/compiler/builder.js';
import type { Attributes, Tensor, TensorType } from '../../src/compiler/ir.js';
import { operatorOf, type OperatorName } from '../../src/compiler/ops/index.js';
import type { Cost, Problem, WeightSpec } from '../../src/compiler/ops/operator.js';
import { isStatic, symbolDim, type Shape } from '../../src/compiler/shape.js';
import { expectClose, runReference } from '../helpers/onnx-cases.js';

function tensor(shape: readonly number[], ...data: readonly number[]): Tensor {
  expect(data.length).toBe(shape.reduce((n, d) => n * d, 1));
  return { shape, data: Float32Array.from(data) };
}

function run(
  op: OperatorName,
  x: Tensor,
  attributes: Attributes = {},
  ...weights: readonly Tensor[]
): Tensor {
  const [y] = runReference(op, [x], attributes, weights);
  if (y === undefined) throw new Error('no result');
  return y;
}

const typeOf = (shape: Shape): TensorType => ({ dtype: 'f32', shape, batched: true });

function weightsOf(
  op: OperatorName,
  shapes: readonly Shape[],
  given: Attributes,
): readonly WeightSpec[] {
  const operator = operatorOf(op);
  return operator.weights?.(shapes.map(typeOf), completeAttributes(operator, given)) ?? [];
}

/** The cost with the shapes that `infer` and `weights` give. */
function costOf(op: OperatorName, shapes: readonly (readonly number[])[], given: Attributes): Cost {
  const operator = operatorOf(op);
  const attributes = completeAttributes(operator, given);
  const found = operator.infer(shapes.map(typeOf), attributes);
  if (!found.ok) throw new Error(found.problem.message);
  const results = found.types.map(({ shape }) => {
    if (!isStatic(shape)) throw new Error('a size is not known');
    return shape;
  });
  const weights = weightsOf(op, shapes, given).map((w) => w.shape);
  return operator.cost({ operands: [...shapes, ...weights], results }, attributes);
}

function problemOf(op: OperatorName, shapes: readonly Shape[], given: Attributes = {}): Problem {
  const operator = operatorOf(op);
  const found = operator.infer(shapes.map(typeOf), completeAttributes(operator, given));
  if (found.ok) throw new Error(`${op} accepts it`);
  return found.problem;
}

const H = symbolDim({ name: 'H', modulus: 1, remainder: 0, min: 1, max: 2 ** 31 - 1 });
const W = symbolDim({ name: 'W', modulus: 1, remainder: 0, min: 1, max: 2 ** 31 - 1 });

describe('convtranspose', () => {
  const row = tensor([1, 2, 1], 1, 10);
  const kernel = tensor([1, 3, 1, 1], 1, 2, 3);
  const settings = { filters: 1, k: [1, 3], stride: [1, 2] };

  // 1·(1 2 3) at 0, 10·(1 2 3) at 2: 1 2 (3 + 10) 20 30.
  test.each([
    ['valid', [1, 2, 13, 20, 30]],
    ['same', [1, 2, 13, 20]],
    [
      [0, 0, 1, 1],
      [2, 13, 20],
    ],
    [
      [0, 0, 2, 0],
      [13, 20, 30],
    ],
  ] as const)('pad = %j', (pad, expected) => {
    const y = run('convtranspose', row, { ...settings, pad }, kernel, tensor([1], 0));
    expect([...y.data]).toEqual(expected);
  });

  test('a kernel smaller than the stride leaves gaps, where the bias stands alone', () => {
    const y = run(
      'convtranspose',
      row,
      { filters: 1, k: [1, 2], stride: [1, 3] },
      tensor([1, 2, 1, 1], 1, 2),
      tensor([1], 0.5),
    );
    expect([...y.data]).toEqual([1.5, 2.5, 0.5, 10.5, 20.5, 0.5]);
  });

  test('the kernel is [kh, kw, in, out]', () => {
    const y = run(
      'convtranspose',
      tensor([1, 1, 2], 1, 10),
      { filters: 3, k: [1, 1], stride: [1, 1], bias: false },
      tensor([1, 1, 2, 3], 1, 2, 3, 4, 5, 6),
    );
    expect([...y.data]).toEqual([41, 52, 63]);
  });

  test('weights and cost', () => {
    const [weight, bias] = weightsOf('convtranspose', [[4, 5, 8]], { filters: 3 });
    expect(weight).toMatchObject({ name: 'weight', shape: [2, 2, 8, 3], role: 'kernel' });
    expect(weight?.init).toEqual({ kind: 'he_normal', fanIn: 32, fanOut: 12 });
    expect(bias).toMatchObject({ name: 'bias', shape: [3], init: { kind: 'zeros' } });
    // 4·5·8 input elements, each times a 2×2 kernel to 3 channels; 8·10·3 outputs with a bias.
    expect(costOf('convtranspose', [[4, 5, 8]], { filters: 3 })).toEqual({
      macs: 1920,
      flops: 2 * 1920 + 240,
    });
  });

  test('padding that leaves nothing', () => {
    const pad = [2, 2, 0, 0];
    const problem = problemOf('convtranspose', [[1, 9, 1]], { filters: 1, k: [3, 3], pad });
    expect(problem).toMatchObject({ code: 'size-too-small', parameter: 'pad' });
    expect(problem.message).toBe('convtranspose cuts off all that it makes of height 1');
  });
});

describe('dense', () => {
  const kernel = tensor([2, 3], 1, 2, 3, 4, 5, 6);

  test('acts on the last axis at any rank', () => {
    const bias = tensor([3], 100, 200, 300);
    const expected = [141, 252, 363, 114, 225, 336];
    expect([...run('dense', tensor([2], 1, 10), { units: 3 }, kernel, bias).data]).toEqual(
      expected.slice(0, 3),
    );
    const y = run('dense', tensor([1, 2, 2], 1, 10, 10, 1), { units: 3 }, kernel, bias);
    expect(y.shape).toEqual([1, 2, 3]);
    expect([...y.data]).toEqual([141, 252, 363, 114, 225, 336]);
  });

  test('weights and cost', () => {
    const [weight, ...rest] = weightsOf('dense', [[7, 20]], { units: 5, bias: false });
    expect(rest).toEqual([]);
    expect(weight).toMatchObject({ shape: [20, 5], init: { fanIn: 20, fanOut: 5 } });
    expect(costOf('dense', [[7, 20]], { units: 5 })).toEqual({ macs: 700, flops: 1435 });
    expect(costOf('dense', [[7, 20]], { units: 5, bias: false })).toEqual({
      macs: 700,
      flops: 1400,
    });
  });

  test('features that depend on the image’s size have no weight', () => {
    const problem = problemOf('dense', [[multiply(H, 16)]], { units: 3 });
    expect(problem.code).toBe('unknown-size');
    expect(problem.message).toBe('dense needs a fixed number of input features, but they are 16*H');
    expect(problem.hints?.join()).toContain('globalavgpool');
    expect(problem.hints?.join()).toContain('256, 256, 1');
  });
});

function multiply(dim: typeof H, by: number): Shape[number] {
  const found = operatorOf('upsample').infer([typeOf([dim, 1, 1])], {
    factor: [by, 1],
    mode: 'nearest',
  });
  return (found.ok ? found.types[0]?.shape[0] : undefined) ?? 0;
}

describe('pools', () => {
  const nine = tensor([3, 3, 1], 1, 2, 3, 4, 5, 6, 7, 8, 9);

  test('the stride is the window unless it is given', () => {
    expect(completeAttributes(operatorOf('maxpool'), { k: [3, 2] })['stride']).toEqual([3, 2]);
    expect(run('maxpool', nine).shape).toEqual([1, 1, 1]);
    expect(run('maxpool', nine, { k: [2, 2], stride: [1, 1] }).shape).toEqual([2, 2, 1]);
  });

  test('padding enters no mean', () => {
    // Windows 1 2 4 5, 3 6, 7 8, 9.
    expect([...run('avgpool', nine, { pad: 'same' }).data]).toEqual([3, 4.5, 7.5, 9]);
    // Windows 1, 2 3, 4 7, 5 6 8 9.
    expect([...run('avgpool', nine, { pad: [1, 0, 1, 0] }).data]).toEqual([1, 2.5, 5.5, 7]);
  });

  test('padding is no maximum, even of negative values', () => {
    const negative = tensor([2, 2, 1], -1, -2, -3, -4);
    const y = run('maxpool', negative, { k: [3, 3], stride: [2, 2], pad: [1, 1, 1, 1] });
    expect([...y.data]).toEqual([-1]);
    expect([...run('maxpool', nine, { pad: 'same' }).data]).toEqual([5, 6, 8, 9]);
  });

  test('channels do not mix', () => {
    const x = tensor([2, 1, 2], 1, -8, 3, -4);
    expect([...run('maxpool', x, { k: [2, 1] }).data]).toEqual([3, -4]);
    expect([...run('avgpool', x, { k: [2, 1] }).data]).toEqual([2, -6]);
    expect([...run('globalmaxpool', x).data]).toEqual([3, -4]);
    expect(run('globalavgpool', x)).toEqual(tensor([1, 1, 2], 2, -6));
    expect(run('globalavgpool', x, { keepdims: false })).toEqual(tensor([2], 2, -6));
  });

  test('a window of padding alone is refused', () => {
    const problem = problemOf('avgpool', [[9, 9, 1]], { k: [3, 2], pad: [2, 2, 2, 0] });
    expect(problem).toMatchObject({ code: 'only-padding', parameter: 'pad' });
    expect(problem.message).toBe(
      'avgpool pads by 2, so that a window of 2 would hold padding alone',
    );
  });

  test('a window that never fits', () => {
    const problem = problemOf('maxpool', [[H, 4, 1]], { k: [2, 5] });
    expect(problem.code).toBe('size-too-small');
    expect(problem.message).toBe('maxpool with a window of 5 leaves nothing of width 4');
  });

  test('an image is needed', () => {
    expect(problemOf('maxpool', [[4, 4]]).code).toBe('wrong-rank');
    expect(problemOf('globalavgpool', [[4]]).code).toBe('wrong-rank');
  });

  test('cost', () => {
    expect(costOf('maxpool', [[8, 8, 3]], {})).toEqual({ macs: 0, flops: 4 * 4 * 3 * 4 });
    expect(costOf('avgpool', [[8, 8, 3]], { k: [3, 2] })).toEqual({
      macs: 0,
      flops: 2 * 4 * 3 * 6,
    });
    expect(costOf('globalavgpool', [[8, 8, 3]], {})).toEqual({ macs: 0, flops: 192 });
  });
});

describe('resizing', () => {
  const four = tensor([2, 2, 1], 1, 2, 3, 4);

  test('bilinear by 2, as PyTorch documents it (align_corners = false)', () => {
    const expected = [
      1, 1.25, 1.75, 2, 1.5, 1.75, 2.25, 2.5, 2.5, 2.75, 3.25, 3.5, 3, 3.25, 3.75, 4,
    ];
    const upsampled = run('upsample', four, { mode: 'bilinear' });
    expectClose(upsampled, tensor([4, 4, 1], ...expected), 1e-7);
    expect(run('resize', four, { height: 4, width: 4, mode: 'bilinear' })).toEqual(upsampled);
  });

  test('bilinear to fewer pixels: centres at 0.5 and 2.5, then 1/6, 1.5 and 17/6 of the input', () => {
    const row = tensor([1, 4, 1], 1, 2, 3, 5);
    const half = run('resize', row, { height: 1, width: 2, mode: 'bilinear' });
    expectClose(half, tensor([1, 2, 1], 1.5, 4));
    const three = run('resize', row, { height: 1, width: 3, mode: 'bilinear' });
    expectClose(three, tensor([1, 3, 1], 7 / 6, 2.5, 3 + 2 * (5 / 6)));
  });

  test('nearest takes the upper of two that are equally near, as TensorFlow and nearest-exact', () => {
    const row = tensor([1, 4, 1], 1, 2, 3, 4);
    const resized = (width: number): number[] => [
      ...run('resize', row, { height: 1, width, mode: 'nearest' }).data,
    ];
    expect(resized(2)).toEqual([2, 4]);
    expect(resized(3)).toEqual([1, 3, 4]);
    expect(resized(6)).toEqual([1, 2, 2, 3, 4, 4]);
    expect(resized(1)).toEqual([3]);
  });

  test('upsample repeats pixels with all their channels', () => {
    const y = run('upsample', tensor([1, 2, 2], 1, 2, 3, 4), { factor: [2, 1] });
    expect(y).toEqual(tensor([2, 2, 2], 1, 2, 3, 4, 1, 2, 3, 4));
  });

  test('an infinity stays where it is', () => {
    const y = run('upsample', tensor([1, 2, 1], Infinity, 1), { factor: [1, 2] });
    expect([...y.data]).toEqual([Infinity, Infinity, 1, 1]);
  });

  test('cost: nearest computes nothing', () => {
    expect(costOf('upsample', [[4, 4, 2]], {})).toEqual({ macs: 0, flops: 0 });
    expect(costOf('upsample', [[4, 4, 2]], { mode: 'bilinear' })).toEqual({
      macs: 0,
      flops: 9 * 128,
    });
    const attributes = { height: 5, width: 3, mode: 'bilinear' };
    expect(costOf('resize', [[4, 4, 2]], attributes).flops).toBe(9 * 30);
  });
});

describe('norms', () => {
  test('batchnorm uses its running statistics, channel by channel', () => {
    const weights = [
      tensor([2], 2, 1),
      tensor([2], 10, 0),
      tensor([2], 1, -1),
      tensor([2], 4, 0.25),
    ];
    const y = run('batchnorm', tensor([1, 2, 2], 3, 0, 1, -1), { eps: 0 }, ...weights);
    expect([...y.data]).toEqual([12, 2, 10, 0]);
  });

  test('batchnorm’s statistics are buffers, of variance 1 at first', () => {
    const specs = weightsOf('batchnorm', [[4, 4, 6]], {});
    expect(specs.map((w) => [w.name, w.role, w.trainable, w.init.kind, w.shape])).toEqual([
      ['scale', 'scale', true, 'ones', [6]],
      ['shift', 'shift', true, 'zeros', [6]],
      ['mean', 'mean', false, 'zeros', [6]],
      ['variance', 'variance', false, 'ones', [6]],
    ]);
  });

  const image = tensor([1, 2, 4], 1, 3, 10, 20, 5, 7, 30, 40);

  test('groupnorm: neighbours share their statistics', () => {
    // 1 3 5 7: mean 4, variance 5; 10 20 30 40: mean 25, variance 125.
    const [a, b] = [Math.sqrt(5), Math.sqrt(125)];
    const scale = tensor([4], 1, 2, 1, 1);
    const shift = tensor([4], 0, 0, 0, 1);
    const y = run('groupnorm', image, { groups: 2, eps: 0 }, scale, shift);
    const expected = [
      [-3 / a, -2 / a, -15 / b, 1 - 5 / b],
      [1 / a, 6 / a, 5 / b, 1 + 15 / b],
    ].flat();
    expectClose(y, tensor([1, 2, 4], ...expected), 1e-6);
  });

  test('instancenorm: each channel on its own', () => {
    const y = run('instancenorm', image, { eps: 0, affine: false });
    expectClose(y, tensor([1, 2, 4], -1, -1, -1, -1, 1, 1, 1, 1), 1e-6);
    const groups = run('groupnorm', image, { groups: 4, eps: 0, affine: false });
    expectClose(groups, y);
  });

  test('layernorm: each pixel on its own, over its channels', () => {
    const pixels = tensor([1, 2, 3], 1, 2, 3, 10, 10, 40);
    const scale = tensor([3], 1, 1, 2);
    const shift = tensor([3], 0, 0, 1);
    // Variances 2/3 and 200; eps 1/3 makes the first 1.
    const y = run('layernorm', pixels, { eps: 1 / 3 }, scale, shift);
    const d = Math.sqrt(200 + 1 / 3);
    expectClose(y, tensor([1, 2, 3], -1, 0, 3, -10 / d, -10 / d, 40 / d + 1), 1e-6);
    const token = run('layernorm', tensor([3], 1, 2, 3), { eps: 1 / 3, affine: false });
    expectClose(token, tensor([3], -1, 0, 1), 1e-6);
  });

  test('equal values give zeros, not NaN', () => {
    const y = run('layernorm', tensor([2], 5, 5), { affine: false });
    expect([...y.data]).toEqual([0, 0]);
  });

  test('cost: 2 an element, or 7, or 5 without affine', () => {
    expect(costOf('batchnorm', [[4, 4, 8]], {})).toEqual({ macs: 0, flops: 256 });
    expect(costOf('groupnorm', [[4, 4, 8]], { groups: 2 })).toEqual({ macs: 0, flops: 896 });
    expect(costOf('layernorm', [[4, 4, 8]], { affine: false })).toEqual({ macs: 0, flops: 640 });
    expect(weightsOf('layernorm', [[4, 4, 8]], { affine: false })).toEqual([]);
    expect(weightsOf('instancenorm', [[4, 4, 8]], {}).map((w) => w.shape)).toEqual([[8], [8]]);
  });

  test('groups that do not divide: the hint lists those that do', () => {
    const problem = problemOf('groupnorm', [[H, W, 48]], { groups: 32 });
    expect(problem).toMatchObject({ code: 'indivisible', parameter: 'groups' });
    expect(problem.message).toBe('groupnorm has 48 channels, which 32 groups do not divide');
    expect(problem.hints).toEqual(['use 1, 2, 3, 4, 6, 8, 12, 16, 24 or 48 for `groups`']);
    const many = problemOf('groupnorm', [[H, W, 5040]], { groups: 32 });
    expect(many.hints).toEqual([
      'use 20, 21, 24, 28, 30, 35, 36, 40, 42, 45, 48 or 56 for `groups`',
    ]);
    const convProblem = problemOf('conv', [[H, W, 6]], { filters: 8, groups: 3 });
    expect(convProblem.message).toBe('conv has 8 filters, which 3 groups do not divide');
    expect(convProblem.hints).toEqual(['use 1 or 2 for `groups`']);
  });

  test('unknown channels matter only to weights and groups', () => {
    expect(problemOf('groupnorm', [[4, 4, H]], { groups: 1 }).code).toBe('unknown-size');
    expect(problemOf('layernorm', [[4, 4, H]]).code).toBe('unknown-size');
    const layernorm = operatorOf('layernorm');
    const found = layernorm.infer([typeOf([4, 4, H])], { eps: 1e-5, affine: false });
    expect(found.ok).toBe(true);
    expect(problemOf('instancenorm', [[4]]).code).toBe('wrong-rank');
  });
});

describe('matmul', () => {
  test('a matrix at the left multiplies each at the right', () => {
    const a = tensor([1, 2, 2], 1, 2, 3, 4);
    const b = tensor([2, 2, 1], 5, 6, 7, 8);
    expect(runReference('matmul', [a, b])).toEqual([tensor([2, 2, 1], 17, 39, 23, 53)]);
    const matrix = tensor([2, 2], 1, 2, 3, 4);
    expect(runReference('matmul', [matrix, b])).toEqual([tensor([2, 2, 1], 17, 39, 23, 53)]);
  });

  test('batched when either operand is', () => {
    const constant: TensorType = { ...typeOf([4, 2]), batched: false };
    const found = operatorOf('matmul').infer([constant, typeOf([2, H])], {});
    expect(found).toMatchObject({ ok: true, types: [{ shape: [4, H], batched: true }] });
  });

  test('cost', () => {
    const shapes = [
      [5, 3, 4],
      [1, 4, 2],
    ];
    expect(costOf('matmul', shapes, {})).toEqual({ macs: 120, flops: 240 });
  });

  test('inner sizes, or leading axes, that differ', () => {
    const inner = problemOf('matmul', [
      [2, 3],
      [4, 5],
    ]);
    expect(inner).toMatchObject({
      code: 'shape-mismatch',
      mismatch: [
        { operand: 0, axis: 1 },
        { operand: 1, axis: 0 },
      ],
    });
    const lead = problemOf('matmul', [
      [7, 2, 2, 3],
      [3, 3, 5],
    ]);
    expect(lead).toMatchObject({
      code: 'shape-mismatch',
      mismatch: [
        { operand: 0, axis: 1 },
        { operand: 1, axis: 0 },
      ],
    });
    expect(problemOf('matmul', [[3], [3, 1]]).code).toBe('wrong-rank');
  });
});
