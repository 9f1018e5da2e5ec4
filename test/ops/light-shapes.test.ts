/** Inferred shapes for random sizes: symbolic against fixed, and fixed against evaluated. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { completeAttributes } from '../../src/compiler/builder.js';
import type { Attributes } from '../../src/compiler/ir.js';
import { operatorOf, type OperatorName } from '../../src/compiler/ops/index.js';
import type { Inferred } from '../../src/compiler/ops/operator.js';
import {
  add,
  evaluateShape,
  floorDiv,
  mul,
  range,
  sub,
  symbolDim,
  type Dim,
  type Shape,
  type Sizes,
} from '../../src/compiler/shape.js';
import { specializeAttributes } from '../../src/compiler/specialize.js';
import { runNode, runNode1, tensor } from '../helpers/run-node.js';

/** A use of an operator at symbolic sizes. */
interface Case {
  readonly op: OperatorName;
  readonly operands: readonly Shape[];
  readonly attributes: Attributes;
}

const MAX_SIZE = 12;

/** Symbols H and W with facts, and sizes that satisfy them. */
const symbols = fc
  .tuple(fc.constantFrom(1, 2, 4), fc.constantFrom(1, 3), fc.nat(2), fc.nat(3))
  .map(([modulus, other, q, r]) => {
    const [height, width] = [modulus * (q + 1), other * (r + 1)];
    const symbol = (name: string, m: number): Dim =>
      symbolDim({ name, modulus: m, remainder: 0, min: m, max: MAX_SIZE });
    const sizes: Sizes = new Map([
      ['H', height],
      ['W', width],
    ]);
    return { H: symbol('H', modulus), W: symbol('W', other), sizes };
  });

/** A size made from symbols as a network makes them. */
const dimOf = (H: Dim, W: Dim): fc.Arbitrary<Dim> =>
  fc.oneof(
    fc.constantFrom<Dim>(H, W, floorDiv(H, 2), add(H, 1), mul(W, 2)),
    fc.integer({ min: 1, max: 6 }),
  );

const channels = fc.constantFrom(1, 2, 4, 6, 8);
const axis = fc.integer({ min: -4, max: 3 });
const place = fc.integer({ min: -8, max: 8 });
const amount = fc.nat(3);
const UNARY = [
  'relu',
  'relu6',
  'leakyrelu',
  'elu',
  'selu',
  'gelu',
  'silu',
  'hardswish',
  'hardsigmoid',
  'sigmoid',
  'tanh',
  'mish',
  'softplus',
  'identity',
  'flatten',
  'transpose',
  'prelu',
] as const satisfies readonly OperatorName[];

function cases(H: Dim, W: Dim): fc.Arbitrary<Case> {
  const dim = dimOf(H, W);
  const anyShape = fc.array(dim, { minLength: 1, maxLength: 4 });
  const image = fc.tuple(dim, dim, channels);
  const one =
    <T>(op: OperatorName, shape: fc.Arbitrary<Shape>, of: fc.Arbitrary<T>) =>
    (attributes: (t: T, shape: Shape) => Attributes): fc.Arbitrary<Case> =>
      fc.tuple(shape, of).map(([x, t]) => ({ op, operands: [x], attributes: attributes(t, x) }));
  const amounts = fc.tuple(amount, amount, amount, amount);
  return fc.oneof(
    fc
      .tuple(fc.constantFrom(...UNARY), image)
      .map(([op, x]): Case => ({ op, operands: [x], attributes: {} })),
    // Broadcasting: each axis as it is or 1, leading axes left out.
    fc
      .tuple(
        fc.constantFrom<OperatorName>('add', 'sub', 'mul', 'div', 'maximum', 'minimum'),
        anyShape,
        fc.array(fc.tuple(fc.nat(2), fc.array(fc.boolean(), { minLength: 4, maxLength: 4 })), {
          minLength: 1,
          maxLength: 2,
        }),
      )
      .map(([op, x, others]): Case => {
        const smaller = others.map(([drop, ones]) =>
          x.map((d, i) => (ones[i] === true ? 1 : d)).slice(Math.min(drop, x.length - 1)),
        );
        return { op, operands: [x, ...smaller], attributes: {} };
      }),
    fc.tuple(anyShape, axis, dim).map(([x, along, size]): Case => {
      const other = x.map((d, i) => (i === along || i === along + x.length ? size : d));
      return { op: 'concat', operands: [x, other, x], attributes: { axis: along } };
    }),
    one('softmax', anyShape, axis)((a) => ({ axis: a })),
    one(
      'pad',
      image,
      fc.tuple(amounts, fc.constantFrom('zero', 'edge', 'reflect')),
    )(([sides, mode]) => ({ amounts: sides, mode })),
    one('crop', image, amounts)((sides) => ({ amounts: sides })),
    one(
      'reshape',
      image,
      fc.nat(5),
    )((which, [h = 1, w = 1, c = 1]) => ({
      shape: [[-1], [h, -1], [mul(h, w), c], [c, w, h], [-1, 2], [h, w, 2, -1]][which] ?? [],
    })),
    one('transpose', image, fc.shuffledSubarray([0, 1, 2], { minLength: 3 }))((axes) => ({ axes })),
    one(
      'slice',
      anyShape,
      fc.tuple(place, fc.option(place), axis, fc.integer({ min: 1, max: 3 })),
    )(([start, stop, along, step]) => ({ start, stop, axis: along, step })),
    // Halves, as a program with `x.height // 2` takes them.
    one(
      'slice',
      fc.tuple(dim, dim),
      fc.boolean(),
    )((upper, [h = 1]) => {
      const half = floorDiv(h, 2);
      return upper ? { start: half, axis: 0 } : { start: 0, stop: half, axis: 0 };
    }),
    one(
      'split',
      anyShape,
      fc.tuple(fc.integer({ min: 1, max: 4 }), axis),
    )(([parts, along]) => ({
      parts,
      axis: along,
    })),
    one(
      'split',
      fc.tuple(dim),
      fc.integer({ min: 1, max: 3 }),
    )((n, [h = 1]) => ({
      parts: [n, sub(h, n)],
    })),
    one('pixelshuffle', image, fc.constantFrom(1, 2))((factor) => ({ factor })),
    one('spacetodepth', image, fc.constantFrom(1, 2, 3))((factor) => ({ factor })),
    one('channelshuffle', image, fc.constantFrom(1, 2, 3))((groups) => ({ groups })),
    fc
      .tuple(
        fc.constantFrom<OperatorName>('mean', 'sum', 'max'),
        anyShape,
        fc.option(fc.uniqueArray(axis, { maxLength: 3 })),
        fc.boolean(),
      )
      .map(([op, x, axes, keepdims]): Case => ({
        op,
        operands: [x],
        attributes: { axes, keepdims },
      })),
  );
}

function infer(op: OperatorName, operands: readonly Shape[], attributes: Attributes): Inferred {
  const operator = operatorOf(op);
  return operator.infer(
    operands.map((shape) => ({ dtype: 'f32', shape, batched: true })),
    completeAttributes(operator, attributes),
  );
}

const world = symbols.chain(({ H, W, sizes }) => cases(H, W).map((use) => ({ ...use, sizes })));

test('what holds for symbols holds for every size, and evaluates to it', () => {
  let compared = 0;
  fc.assert(
    fc.property(world, ({ op, operands, attributes, sizes }) => {
      const fixed = operands.map((shape) => evaluateShape(shape, sizes));
      fc.pre(fixed.every((shape) => shape.every((d) => d >= 1)));
      const fixedAttributes = specializeAttributes(attributes, sizes);
      const symbolic = infer(op, operands, attributes);
      const static_ = infer(op, fixed, fixedAttributes);
      if (!symbolic.ok) {
        // What no size can satisfy, none does.
        if (['size-too-small', 'wrong-axis'].includes(symbolic.problem.code)) {
          expect(static_.ok).toBe(false);
        }
        return;
      }
      if (!static_.ok) {
        // Of some sizes nothing is left: then the symbolic size says so too, or there is too little
        // to mirror.
        const least = symbolic.types.flatMap((t) => evaluateShape(t.shape, sizes));
        expect(static_.problem.code).toBe('size-too-small');
        if (op !== 'pad') expect(Math.min(...least)).toBeLessThan(1);
        return;
      }
      const shapes = static_.types.map((t) => t.shape);
      expect(symbolic.types.map((t) => evaluateShape(t.shape, sizes))).toEqual(shapes);
      // Weights: prelu's slopes.
      const weights = op === 'prelu' ? [tensor([fixed[0]?.at(-1) ?? 0])] : [];
      const inputs = fixed.map((shape) => tensor(shape));
      const results = runNode(op, inputs, fixedAttributes, weights);
      expect(results.map((r) => r.shape)).toEqual(shapes);
      compared++;
    }),
    { numRuns: 1500 },
  );
  expect(compared).toBeGreaterThan(500);
});

test('bounds hold', () => {
  fc.assert(
    fc.property(
      symbols,
      fc.array(fc.tuple(fc.nat(4), fc.integer({ min: -3, max: 3 }))),
      (s, terms) => {
        const parts = [s.H, s.W, floorDiv(s.H, 3), floorDiv(add(s.H, s.W), 2), mul(s.H, s.W)];
        const dim = terms.reduce<Dim>((d, [i, k]) => add(d, mul(parts[i] ?? 0, k)), 0);
        const [value = 0] = evaluateShape([dim], s.sizes);
        const [low, high] = range(dim);
        expect(low).toBeLessThanOrEqual(value);
        expect(high).toBeGreaterThanOrEqual(value);
      },
    ),
  );
});

// JavaScript's own slice counts negatives from the end and stops at the ends, as NumPy's does.
test('slice is NumPy’s', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: -12, max: 12 }),
      fc.option(fc.integer({ min: -12, max: 12 })),
      fc.integer({ min: 1, max: 4 }),
      (size, start, stop, step) => {
        const x = tensor([size]);
        const expected = [...x.data]
          .slice(start, stop ?? undefined)
          .filter((_, i) => i % step === 0);
        const attributes = { start, stop, step };
        if (expected.length === 0) {
          expect(infer('slice', [[size]], attributes)).toMatchObject({
            ok: false,
            problem: { code: 'size-too-small' },
          });
        } else {
          expect([...runNode1('slice', [x], attributes).data]).toEqual(expected);
        }
      },
    ),
  );
});

test('what takes apart and what joins are inverse', () => {
  const sizes = fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 }), channels);
  fc.assert(
    fc.property(sizes, fc.integer({ min: 0, max: 2 }), fc.nat(3), (shape, along, n) => {
      const x = tensor(shape);
      const parts = runNode('split', [x], { parts: shape[along] ?? 1, axis: along });
      expect(runNode1('concat', parts, { axis: along })).toEqual(x);
      const padded = runNode1('pad', [x], { amounts: [n, 0, 1, n], mode: 'edge' });
      expect(runNode1('crop', [padded], { amounts: [n, 0, 1, n] })).toEqual(x);
      const turned = runNode1('transpose', [x], { axes: [2, 0, 1] });
      expect(runNode1('transpose', [turned], { axes: [1, 2, 0] })).toEqual(x);
      const wide = runNode1('reshape', [turned], { shape: [shape[2], -1] });
      expect(runNode1('reshape', [wide], { shape: turned.shape })).toEqual(turned);
    }),
  );
});
