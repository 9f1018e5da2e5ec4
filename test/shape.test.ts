/** Symbolic sizes: canonical forms, facts, printing. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  add,
  ceilDiv,
  equal,
  evaluate,
  exactDiv,
  floorDiv,
  formatDim,
  missingFacts,
  mod,
  mul,
  range,
  sub,
  substitute,
  symbolDim,
  type Dim,
  type SizeSymbol,
} from '../src/compiler/shape.js';

const symbol = (name: string, modulus = 1, remainder = 0): SizeSymbol => ({
  name,
  modulus,
  remainder,
  min: remainder === 0 ? modulus : remainder,
  max: Infinity,
});
const H = symbolDim(symbol('H'));
const W = symbolDim(symbol('W'));
const H16 = symbolDim(symbol('H', 16));

describe('canonical forms', () => {
  it('halving four times and doubling four times gives H only under H % 16 == 0', () => {
    const down = (d: Dim): Dim => floorDiv(d, 2);
    const up = (d: Dim): Dim => mul(d, 2);
    const there = (d: Dim): Dim => up(up(up(up(down(down(down(down(d))))))));
    expect(equal(there(H16), H16)).toBe(true);
    expect(equal(there(H), H)).toBe(false);
    expect(formatDim(there(H))).toBe('16*(H // 16)');
  });

  it('nested floors become one', () => {
    expect(equal(floorDiv(floorDiv(H, 2), 2), floorDiv(H, 4))).toBe(true);
    expect(equal(floorDiv(add(floorDiv(H, 2), 1), 2), floorDiv(add(H, 2), 4))).toBe(true);
  });

  it('products do not depend on the order', () => {
    expect(equal(mul(mul(H, W), 3), mul(W, mul(3, H)))).toBe(true);
    expect(equal(mul(add(H, 1), add(W, 2)), add(add(mul(H, W), mul(2, H)), add(W, 2)))).toBe(true);
  });

  it('divides products exactly', () => {
    expect(exactDiv(mul(mul(H, W), 64), mul(H, W))).toBe(64);
    expect(exactDiv(mul(H, 3), 2)).toBeUndefined();
    expect(formatDim(exactDiv(mul(add(H, 1), add(W, 2)), add(W, 2)) ?? 0)).toBe('H + 1');
  });
});

describe('printing', () => {
  it.each([
    [floorDiv(H16, 16), 'H/16'],
    [mul(floorDiv(H16, 16), 3), '3*H/16'],
    [add(floorDiv(H16, 2), 1), 'H/2 + 1'],
    [sub(H, 4), 'H - 4'],
    [sub(4, H), '-H + 4'],
    [ceilDiv(H, 2), '(H + 1) // 2'],
    [mul(H, W), 'H*W'],
    [floorDiv(symbolDim(symbol('H', 4, 1)), 2), 'H/2 - 1/2'],
  ])('%#: %o', (dim, text) => {
    expect(formatDim(dim)).toBe(text);
  });
});

describe('missing facts', () => {
  it('finds the weakest divisor that makes the decoder meet the encoder', () => {
    const pooled = floorDiv(H, 8);
    expect(missingFacts([[mul(pooled, 8), H]])).toEqual(['H % 8 == 0']);
    expect(
      missingFacts([
        [mul(floorDiv(H, 4), 4), H],
        [mul(floorDiv(W, 4), 4), W],
      ]),
    ).toEqual(['H % 4 == 0', 'W % 4 == 0']);
  });

  it('finds that two symbols should be equal, and nothing where nothing helps', () => {
    expect(missingFacts([[H, W]])).toEqual(['H == W']);
    const [h, w] = ['h', 'w'].map((name) =>
      symbolDim({ name, modulus: 1, remainder: 0, min: 1, max: Infinity }),
    );
    if (h === undefined || w === undefined) throw new Error('two symbols');
    expect(
      missingFacts([
        [H, h],
        [W, w],
      ]),
    ).toEqual(['H == h', 'W == w']);
    expect(
      missingFacts([
        [H, h],
        [W, w],
        [h, w],
      ]),
    ).toEqual(['H == h', 'H == W', 'H == w']);
    expect(
      missingFacts([
        [W, H],
        [H, h],
      ]),
    ).toEqual(['W == H', 'W == h']);
    expect(missingFacts([[H, add(H, 1)]])).toBeUndefined();
  });
});

/** A random dimension together with plain arithmetic that says what it must evaluate to. */
interface Pair {
  readonly dim: Dim;
  readonly plain: (h: number, w: number) => number;
}

const pairOf = (modulus: number): fc.Arbitrary<Pair> =>
  fc.letrec<{ pair: Pair }>((tie) => ({
    pair: fc.oneof(
      { maxDepth: 5, depthIdentifier: 'dim' },
      fc.constantFrom<Pair>(
        { dim: symbolDim(symbol('H', modulus)), plain: (h) => h },
        { dim: symbolDim(symbol('W')), plain: (_, w) => w },
      ),
      fc.integer({ min: -9, max: 9 }).map((n): Pair => ({ dim: n, plain: () => n })),
      fc.tuple(tie('pair'), tie('pair')).map(([a, b]): Pair => ({
        dim: add(a.dim, b.dim),
        plain: (h, w) => a.plain(h, w) + b.plain(h, w),
      })),
      fc
        .tuple(tie('pair'), fc.integer({ min: -4, max: 4 }))
        .map(([a, n]): Pair => ({ dim: mul(a.dim, n), plain: (h, w) => a.plain(h, w) * n })),
      fc.tuple(tie('pair'), fc.integer({ min: 1, max: 6 })).map(([a, n]): Pair => ({
        dim: floorDiv(a.dim, n),
        plain: (h, w) => Math.floor(a.plain(h, w) / n),
      })),
      fc.tuple(tie('pair'), fc.integer({ min: 1, max: 6 })).map(([a, n]): Pair => ({
        dim: mod(a.dim, n),
        plain: (h, w) => a.plain(h, w) - n * Math.floor(a.plain(h, w) / n),
      })),
    ),
  })).pair;

describe('properties', () => {
  const size = fc.integer({ min: 1, max: 60 });

  it('symbolic arithmetic evaluates as plain arithmetic does, within its bounds', () => {
    fc.assert(
      fc.property(fc.constantFrom(1, 2, 4, 12), size, size, (modulus, q, w) =>
        fc.assert(
          fc.property(pairOf(modulus), ({ dim, plain }) => {
            const h = q * modulus;
            const value = evaluate(
              dim,
              new Map([
                ['H', h],
                ['W', w],
              ]),
            );
            expect(value + 0).toBe(plain(h, w) + 0); // -0 is 0
            const [low, high] = range(dim);
            expect(value).toBeGreaterThanOrEqual(low);
            expect(value).toBeLessThanOrEqual(high);
          }),
          { numRuns: 20 },
        ),
      ),
    );
  });

  it('substituting a symbol by itself changes nothing', () => {
    fc.assert(
      fc.property(pairOf(4), ({ dim }) => {
        expect(equal(substitute(dim, symbolDim), dim)).toBe(true);
      }),
    );
  });
});
