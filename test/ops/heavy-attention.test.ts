/** attention: its decomposition against the formula of Vaswani et al. 2017, written out. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createBuilder } from '../../src/compiler/builder.js';
import type { Node, Tensor, TensorType, Value } from '../../src/compiler/ir.js';
import { operatorOf } from '../../src/compiler/ops/index.js';
import type { Cost } from '../../src/compiler/ops/operator.js';
import { isStatic, symbolDim, type Shape } from '../../src/compiler/shape.js';
import { testOrigin, testSpan } from '../helpers/graph.js';
import { expectClose } from '../helpers/onnx-cases.js';

const operator = operatorOf('attention');
const typeOf = (shape: Shape): TensorType => ({ dtype: 'f32', shape, batched: true });

/** Numbers from -1 to 1, the same on every run. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48271) % 2147483647;
    return (2 * state) / 2147483647 - 1;
  };
}

function random(shape: readonly number[], next: () => number): Tensor {
  const count = shape.reduce((n, d) => n * d, 1);
  return { shape, data: Float32Array.from({ length: count }, next) };
}

/** The decomposition of attention over these tensors, and all that it computes. */
function decompose(operands: readonly Tensor[], heads: number): { y: Value; nodes: Set<Node> } {
  const builder = createBuilder().withOrigin(testOrigin('attention'));
  const values = operands.map((t) => builder.constant(t.data, t.shape));
  const [y] = operator.decompose?.(builder, values, { heads }) ?? [];
  if (y === undefined) throw new Error('nothing');
  const nodes = new Set<Node>();
  const visit = ({ definition }: Value): void => {
    if (definition.kind !== 'result' || nodes.has(definition.node)) return;
    nodes.add(definition.node);
    definition.node.operands.forEach(visit);
  };
  visit(y);
  return { y, nodes };
}

function shapeOf({ type }: Value): readonly number[] {
  if (!isStatic(type.shape)) throw new Error('a size is not known');
  return type.shape;
}

function evaluate(value: Value): Tensor {
  const { definition } = value;
  if (definition.kind === 'constant') return { shape: shapeOf(value), data: definition.data };
  if (definition.kind !== 'result') throw new Error(definition.kind);
  const { node, index } = definition;
  const results = operatorOf(node.op).evaluate?.(
    node.operands.map(evaluate),
    node.attributes,
    node.results.map(shapeOf),
  );
  const tensor = results?.[index];
  if (tensor === undefined) throw new Error(`${node.op} gave nothing`);
  return tensor;
}

/** x · W + b, as rows of numbers. */
function project(x: readonly number[][], weight: Tensor, bias: Tensor): number[][] {
  const [features = 0, units = 0] = weight.shape;
  return x.map((row) =>
    Array.from({ length: units }, (_, j) => {
      let total = bias.data[j] ?? NaN;
      for (let i = 0; i < features; i++) {
        total += (row[i] ?? NaN) * (weight.data[i * units + j] ?? NaN);
      }
      return total;
    }),
  );
}

function attend([x, ...w]: readonly Tensor[], heads: number): number[] {
  const weight = (i: number): Tensor => w[i] ?? { shape: [], data: new Float32Array() };
  const [tokens = 0, features = 0] = x?.shape ?? [];
  const rows = Array.from({ length: tokens }, (_, t) => [
    ...(x?.data.slice(t * features, (t + 1) * features) ?? []),
  ]);
  const q = project(rows, weight(0), weight(1));
  const k = project(rows, weight(2), weight(3));
  const v = project(rows, weight(4), weight(5));
  const size = features / heads;
  const mixed = q.map((query) => {
    const out: number[] = [];
    for (let head = 0; head < heads; head++) {
      const own = (row: number[]): number[] => row.slice(head * size, (head + 1) * size);
      const scores = k.map((key) => {
        const ownKey = own(key);
        return own(query).reduce((s, a, i) => s + a * (ownKey[i] ?? NaN), 0) / Math.sqrt(size);
      });
      const powers = scores.map(Math.exp);
      const total = powers.reduce((a, b) => a + b, 0);
      for (let i = 0; i < size; i++) {
        out.push(
          v.reduce((s, row, t) => s + ((powers[t] ?? NaN) / total) * (own(row)[i] ?? NaN), 0),
        );
      }
    }
    return out;
  });
  return project(mixed, weight(6), weight(7)).flat();
}

function operandsFor(tokens: number, features: number, seed: number): Tensor[] {
  const next = numbers(seed);
  const specs = operator.weights?.([typeOf([tokens, features])], { heads: 1 }) ?? [];
  return [
    random([tokens, features], () => 2 * next()),
    ...specs.map((spec) => random(spec.shape, next)),
  ];
}

describe('attention', () => {
  test('is softmax(q · kᵀ / √d) · v in each head', () => {
    for (const [tokens, heads, size] of [
      [1, 1, 1],
      [5, 1, 4],
      [4, 2, 3],
      [3, 4, 2],
      [7, 3, 1],
    ] as const) {
      const features = heads * size;
      const operands = operandsFor(tokens, features, 17 * tokens + heads);
      const { y } = decompose(operands, heads);
      const expected = {
        shape: [tokens, features],
        data: Float32Array.from(attend(operands, heads)),
      };
      expectClose(evaluate(y), expected, 1e-5);
    }
  });

  test('two tokens by hand: identity projections, one head of one feature', () => {
    const one: Tensor = { shape: [1, 1], data: Float32Array.of(1) };
    const zero: Tensor = { shape: [1], data: Float32Array.of(0) };
    const x: Tensor = { shape: [2, 1], data: Float32Array.of(0, Math.log(3)) };
    const { y } = decompose([x, one, zero, one, zero, one, zero, one, zero], 1);
    // Token 0 has equal scores; token 1 scores 0 and log(3)², so its weights are 1 and 3^log(3).
    const power = 3 ** Math.log(3);
    const data = Float32Array.of(Math.log(3) / 2, (Math.log(3) * power) / (1 + power));
    expectClose(evaluate(y), { shape: [2, 1], data }, 1e-6);
  });

  test('its cost is the sum over its decomposition', () => {
    const size = fc.integer({ min: 1, max: 4 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), size, size, (tokens, heads, each) => {
        const operands = operandsFor(tokens, heads * each, 1);
        const { nodes } = decompose(operands, heads);
        const costs = [...nodes].map((node) => {
          const shapes = {
            operands: node.operands.map(shapeOf),
            results: node.results.map(shapeOf),
          };
          return operatorOf(node.op).cost(shapes, node.attributes);
        });
        const total = costs.reduce<Cost>(
          (a, b) => ({ macs: a.macs + b.macs, flops: a.flops + b.flops }),
          { macs: 0, flops: 0 },
        );
        const own = { operands: operands.map((t) => t.shape), results: [[tokens, heads * each]] };
        expect(operator.cost(own, { heads })).toEqual(total);
        const features = heads * each;
        expect(total.macs).toBe(4 * tokens * features ** 2 + 2 * tokens ** 2 * features);
      }),
      { numRuns: 30 },
    );
  });

  test('weights, in the order of the operands', () => {
    const specs = operator.weights?.([typeOf([9, 8])], { heads: 2 }) ?? [];
    expect(specs.map((w) => [w.name, ...w.shape, w.role, w.init.kind])).toEqual(
      ['q', 'k', 'v', 'out'].flatMap((name) => [
        [`${name}.weight`, 8, 8, 'kernel', 'glorot_uniform'],
        [`${name}.bias`, 8, 'bias', 'zeros'],
      ]),
    );
  });

  test('the number of tokens may be symbolic', () => {
    const symbol = symbolDim({ name: 'N', modulus: 1, remainder: 0, min: 1, max: 2 ** 31 - 1 });
    const builder = createBuilder().withOrigin(testOrigin('attention'));
    const x = builder.input('x', typeOf([symbol, 8]), '', testSpan);
    const specs = operator.weights?.([x.type], { heads: 2 }) ?? [];
    const weights = specs.map(({ shape }) =>
      builder.constant(random(shape, numbers(1)).data, shape),
    );
    const [y] = operator.decompose?.(builder, [x, ...weights], { heads: 2 }) ?? [];
    expect(y?.type).toEqual(x.type);
    expect(operator.infer([x.type], { heads: 2 })).toEqual({ ok: true, types: [x.type] });
  });

  test('heads that do not divide, and an image', () => {
    const heads = operator.infer([typeOf([9, 12])], { heads: 5 });
    expect(heads).toMatchObject({
      ok: false,
      problem: {
        code: 'indivisible',
        parameter: 'heads',
        message: 'attention has 12 features, which 5 heads do not divide',
        hints: ['use 1, 2, 3, 4, 6 or 12 for `heads`'],
      },
    });
    const image = operator.infer([typeOf([4, 4, 12])], { heads: 4 });
    expect(image).toMatchObject({ ok: false, problem: { code: 'wrong-rank' } });
  });
});
