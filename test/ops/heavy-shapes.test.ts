/** Sizes of convolutions and pools, for any window: against counting, and symbolic against fixed. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { completeAttributes } from '../../src/compiler/builder.js';
import type { Attributes, Tensor } from '../../src/compiler/ir.js';
import { operatorOf, type OperatorName } from '../../src/compiler/ops/index.js';
import type { Inferred } from '../../src/compiler/ops/operator.js';
import {
  evaluate,
  evaluateShape,
  formatShape,
  symbolDim,
  type Dim,
  type Shape,
} from '../../src/compiler/shape.js';
import { runReference } from '../helpers/onnx-cases.js';

type Pair = readonly [number, number];
interface Setting {
  readonly size: Pair;
  readonly k: Pair;
  readonly stride: Pair;
  readonly dilation: Pair;
  readonly pad: 'same' | 'valid' | readonly [number, number, number, number];
}

const pairOf = (max: number): fc.Arbitrary<Pair> =>
  fc.tuple(fc.integer({ min: 1, max }), fc.integer({ min: 1, max }));
const amount = fc.nat(3);
const settings: fc.Arbitrary<Setting> = fc.record({
  size: pairOf(9),
  k: pairOf(4),
  stride: pairOf(4),
  dilation: pairOf(3),
  pad: fc.oneof(
    fc.constantFrom('same' as const, 'valid' as const),
    fc.tuple(amount, amount, amount, amount),
  ),
});

function infer(op: OperatorName, shape: Shape, attributes: Attributes): Inferred {
  const operator = operatorOf(op);
  const complete = completeAttributes(operator, attributes);
  return operator.infer([{ dtype: 'f32', shape, batched: true }], complete);
}

function inferredShape(found: Inferred): Shape | undefined {
  if (found.ok) return found.types[0]?.shape;
  expect(['size-too-small', 'only-padding']).toContain(found.problem.code);
  return undefined;
}

/** Attributes of each operator for a setting; those that it lacks are left out. */
const WINDOWED = {
  conv: ({ k, stride, dilation, pad }: Setting) => ({ filters: 2, k, stride, dilation, pad }),
  dwconv: ({ k, stride, dilation, pad }: Setting) => ({ k, stride, dilation, pad }),
  convtranspose: ({ k, stride, pad }: Setting) => ({ filters: 2, k, stride, pad }),
  maxpool: ({ k, stride, pad }: Setting) => ({ k, stride, pad }),
  avgpool: ({ k, stride, pad }: Setting) => ({ k, stride, pad }),
} as const satisfies Partial<Record<OperatorName, (setting: Setting) => Attributes>>;
type Windowed = keyof typeof WINDOWED;
const windowed = Object.keys(WINDOWED) as Windowed[];

function fill(shape: readonly number[], random: () => number): Tensor {
  const count = shape.reduce((n, d) => n * d, 1);
  return { shape, data: Float32Array.from({ length: count }, random) };
}

/** Whole numbers, so that sums are exact: -4 to 4 in a fixed order. */
function wholeNumbers(): () => number {
  let state = 1;
  return () => {
    state = (state * 48271) % 2147483647;
    return (state % 9) - 4;
  };
}

/** Windows along one axis, counted one by one. */
function countWindows(input: number, setting: Setting, axis: 0 | 1, dilation: number): number {
  const { k, stride, pad } = setting;
  if (pad === 'same') {
    let count = 0;
    for (let start = 0; start < input; start += stride[axis]) count++;
    return count;
  }
  const padding = pad === 'valid' ? 0 : (pad[2 * axis] ?? 0) + (pad[2 * axis + 1] ?? 0);
  let count = 0;
  for (let start = 0; ; start += stride[axis]) {
    const lastTap = start + (k[axis] - 1) * dilation;
    if (lastTap >= input + padding) return count;
    count++;
  }
}

describe('sizes of windows', () => {
  test.each(['conv', 'dwconv', 'maxpool', 'avgpool'] as const)('%s counts its windows', (op) => {
    fc.assert(
      fc.property(settings, (setting) => {
        const attributes = WINDOWED[op](setting);
        const found = infer(op, [...setting.size, 3], attributes);
        if (!found.ok && found.problem.code === 'only-padding') return;
        const shape = inferredShape(found);
        const counts = ([0, 1] as const).map((axis) => {
          const dilation = op === 'conv' || op === 'dwconv' ? setting.dilation[axis] : 1;
          return countWindows(setting.size[axis], setting, axis, dilation);
        });
        if (counts.includes(0)) expect(shape).toBeUndefined();
        else expect(shape?.slice(0, 2)).toEqual(counts);
      }),
    );
  });

  test('convtranspose reaches as far as its last tap, less the padding', () => {
    fc.assert(
      fc.property(settings, (setting) => {
        const { size, k, stride, pad } = setting;
        const shape = inferredShape(
          infer('convtranspose', [...size, 3], WINDOWED.convtranspose(setting)),
        );
        const sizes = ([0, 1] as const).map((axis) => {
          if (pad === 'same') return size[axis] * stride[axis];
          let reach = 0;
          for (let i = 0; i < size[axis]; i++) reach = i * stride[axis] + k[axis];
          if (pad === 'valid') return reach;
          return reach - (pad[2 * axis] ?? 0) - (pad[2 * axis + 1] ?? 0);
        });
        if (sizes.some((n) => n < 1)) expect(shape).toBeUndefined();
        else expect(shape).toEqual([...sizes, 2]);
      }),
    );
  });
});

describe('symbolic sizes', () => {
  const modulus = fc.constantFrom(1, 2, 4, 12);
  const multiple = fc.integer({ min: 1, max: 6 });

  test.each(windowed)('%s: symbolic and then evaluated is fixed from the start', (op) => {
    fc.assert(
      fc.property(settings, modulus, multiple, multiple, (setting, m, qH, qW) => {
        const [height, width] = [m * qH, m * qW];
        const symbols = ['H', 'W'].map((name) =>
          symbolDim({ name, modulus: m, remainder: 0, min: m, max: 2 ** 31 - 1 }),
        );
        const sizes = new Map([
          ['H', height],
          ['W', width],
        ]);
        const attributes = WINDOWED[op](setting);
        const symbolic = inferredShape(infer(op, [...symbols, 3], attributes));
        const fixed = inferredShape(infer(op, [height, width, 3], attributes));
        // A window that fits some size is no mistake yet; with sizes given it may be.
        if (symbolic === undefined) expect(fixed).toBeUndefined();
        else if (fixed !== undefined) expect(evaluateShape(symbolic, sizes)).toEqual(fixed);
        else expect(evaluateShape(symbolic, sizes).some((n) => n < 1)).toBe(true);
      }),
    );
  });

  const symbol = (name: string, modulus = 1): Dim =>
    symbolDim({ name, modulus, remainder: 0, min: modulus, max: 2 ** 31 - 1 });

  test.each([
    ['maxpool', {}, '[H/2, W/2, 8]'],
    ['avgpool', { k: [3, 3], stride: [2, 2], pad: [1, 1, 1, 1] }, '[H/2, W/2, 8]'],
    ['conv', { filters: 5, stride: [2, 1] }, '[H/2, W, 5]'],
    ['conv', { filters: 5, pad: 'valid' }, '[H - 2, W - 2, 5]'],
    ['convtranspose', { filters: 5 }, '[2*H, 2*W, 5]'],
    ['convtranspose', { filters: 5, k: [3, 3], pad: 'valid' }, '[2*H + 1, 2*W + 1, 5]'],
    ['upsample', { factor: [2, 3] }, '[2*H, 3*W, 8]'],
    ['globalavgpool', {}, '[1, 1, 8]'],
    ['groupnorm', { groups: 4 }, '[H, W, 8]'],
    ['dense', { units: 7 }, '[H, W, 7]'],
  ] as const)('%s %j of [H, W, 8], where both are even, is %s', (op, attributes, expected) => {
    const found = infer(op, [symbol('H', 2), symbol('W', 2), 8], attributes);
    expect(formatShape(inferredShape(found) ?? [])).toBe(expected);
  });

  test('pooling and upsampling again meets the input only where the size divides', () => {
    const back = (size: Dim): Dim | undefined => {
      const pooled = inferredShape(infer('maxpool', [size, size, 1], {})) ?? [];
      return inferredShape(infer('upsample', pooled, {}))?.[0];
    };
    expect(back(symbol('H', 2))).toEqual(symbol('H', 2));
    const odd = back(symbol('H')) ?? 0;
    expect(odd).not.toEqual(symbol('H'));
    expect(evaluate(odd, new Map([['H', 7]]))).toBe(6);
  });

  test('resize takes the size of another tensor', () => {
    const found = infer('resize', [8, 8, 3], { height: symbol('H'), width: 40 });
    expect(formatShape(inferredShape(found) ?? [])).toBe('[H, 40, 3]');
  });

  test('resize to nothing is a problem', () => {
    const problemOf = (height: Dim, width: Dim) => {
      const found = infer('resize', [8, 8, 3], { height, width });
      return found.ok ? undefined : [found.problem.code, found.problem.parameter];
    };
    expect(problemOf(1, symbol('W'))).toBeUndefined();
    expect(problemOf(0, symbol('W'))).toEqual(['size-too-small', 'height']);
    expect(problemOf(8, -4)).toEqual(['size-too-small', 'width']);
  });
});

describe('what windows compute', () => {
  test('convtranspose is the adjoint of conv: ⟨convT(x), y⟩ = ⟨x, conv(y)⟩', () => {
    fc.assert(
      fc.property(settings, (setting) => {
        const { size, k, stride, pad } = setting;
        const shape = inferredShape(
          infer('convtranspose', [...size, 3], WINDOWED.convtranspose(setting)),
        );
        if (shape === undefined) return;
        const next = wholeNumbers();
        const x = fill([...size, 3], next);
        const kernel = fill([...k, 3, 2], next);
        const swapped: Tensor = {
          shape: [...k, 2, 3],
          data: kernel.data.map((_, i) => {
            const [tap, out, input] = [Math.floor(i / 6), Math.floor(i / 3) % 2, i % 3];
            return kernel.data[tap * 6 + input * 2 + out] ?? Number.NaN;
          }),
        };
        const attributes = { k, stride, pad, bias: false };
        const [up] = runReference('convtranspose', [x], { ...attributes, filters: 2 }, [kernel]);
        if (up === undefined) throw new Error('nothing');
        const y = fill(up.shape, next);
        const [down] = runReference('conv', [y], { ...attributes, filters: 3 }, [swapped]);
        expect(down?.shape).toEqual(x.shape);
        expect(dot(up, y)).toBe(dot(x, down));
      }),
    );
  });

  test('avgpool is a depthwise convolution with ones, over how many pixels it saw', () => {
    fc.assert(
      fc.property(settings, (setting) => {
        const { size, k, stride, pad } = setting;
        const attributes = { k, stride, pad };
        if (inferredShape(infer('avgpool', [...size, 2], attributes)) === undefined) return;
        const x = fill([...size, 2], wholeNumbers());
        const taps = { shape: [...k, 1, 2], data: new Float32Array(2 * k[0] * k[1]).fill(1) };
        const ones = { shape: x.shape, data: x.data.map(() => 1) };
        const sums = (of: Tensor): Tensor | undefined =>
          runReference('dwconv', [of], { ...attributes, bias: false }, [taps])[0];
        const [counts, totals] = [sums(ones), sums(x)];
        const [means] = runReference('avgpool', [x], attributes);
        expect(means?.data).toEqual(totals?.data.map((v, i) => v / (counts?.data[i] ?? 0)));
      }),
    );
  });

  test('maxpool is avgpool where a window is one value, and never less', () => {
    fc.assert(
      fc.property(settings, (setting) => {
        const attributes = WINDOWED.maxpool(setting);
        if (inferredShape(infer('maxpool', [...setting.size, 2], attributes)) === undefined) return;
        const x = fill([...setting.size, 2], wholeNumbers());
        const [largest] = runReference('maxpool', [x], attributes);
        const [mean] = runReference('avgpool', [x], attributes);
        const negated = { shape: x.shape, data: x.data.map((v) => -v) };
        const [least] = runReference('maxpool', [negated], attributes);
        largest?.data.forEach((v, i) => {
          const average = mean?.data[i] ?? Number.NaN;
          expect(v).toBeGreaterThanOrEqual(average);
          expect(-(least?.data[i] ?? Number.NaN)).toBeLessThanOrEqual(average);
          expect(x.data).toContain(v);
        });
      }),
    );
  });

  test('conv with groups is one conv a group, and dwconv is as many groups as channels', () => {
    const next = wholeNumbers();
    const x = fill([5, 4, 4], next);
    const kernel = fill([3, 3, 1, 8], next);
    const bias = fill([8], next);
    const attributes = { k: [3, 3], stride: [2, 1], pad: 'same' };
    const [grouped] = runReference('conv', [x], { ...attributes, filters: 8, groups: 4 }, [
      kernel,
      bias,
    ]);
    const [depthwise] = runReference('dwconv', [x], { ...attributes, multiplier: 2 }, [
      kernel,
      bias,
    ]);
    expect(depthwise).toEqual(grouped);
    for (let group = 0; group < 4; group++) {
      const own: Tensor = { shape: [5, 4, 1], data: x.data.filter((_, i) => i % 4 === group) };
      const picks = (_: number, i: number): boolean => Math.floor((i % 8) / 2) === group;
      const [y] = runReference('conv', [own], { ...attributes, filters: 2 }, [
        { shape: [3, 3, 1, 2], data: kernel.data.filter(picks) },
        { shape: [2], data: bias.data.filter(picks) },
      ]);
      expect(grouped?.data.filter(picks)).toEqual(y?.data);
    }
  });
});

function dot(a: Tensor | undefined, b: Tensor | undefined): number {
  if (a === undefined || b === undefined) throw new Error('nothing');
  return a.data.reduce((sum, v, i) => sum + v * (b.data[i] ?? Number.NaN), 0);
}
