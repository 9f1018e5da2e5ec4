import { describe, expect, it, vi } from 'vitest';
import {
  INITIALIZER_KINDS,
  type Initializer,
  type InitializerKind,
  type Weight,
} from '../src/compiler/ir.js';
import { initialize } from '../src/weights/initialize.js';
import { murmur3, naturalLog, normalQuantile, uniformStream } from '../src/weights/random.js';
import { testOrigin } from './helpers/graph.js';

function weight(name: string, shape: readonly number[], init: Initializer): Weight {
  return { name, shape, role: 'kernel', trainable: true, init, origin: testOrigin(name) };
}

function values(init: Initializer, count: number, seed = 0, name = 'w'): Float32Array {
  const data = initialize([weight(name, [count], init)], seed).get(name)?.data;
  if (data === undefined) throw new Error('no values');
  return data;
}

function moments(data: Float32Array): { mean: number; deviation: number; kurtosis: number } {
  let [sum, square, fourth] = [0, 0, 0];
  for (const x of data) sum += x;
  const mean = sum / data.length;
  for (const x of data) {
    square += (x - mean) ** 2;
    fourth += (x - mean) ** 4;
  }
  const variance = square / data.length;
  return { mean, deviation: Math.sqrt(variance), kurtosis: fourth / data.length / variance ** 2 };
}

/** Φ by its power series about 0, to 1e-15 for |x| < 6. */
function normalCdf(x: number): number {
  let [term, sum] = [x, x];
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum) && n < 400; n++) {
    term *= (x * x) / (2 * n + 1);
    sum += term;
  }
  return 0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
}

/** The Kolmogorov–Smirnov statistic of `data` against `cdf`. */
function largestGap(data: Float32Array, cdf: (x: number) => number): number {
  const sorted = Float32Array.from(data).sort();
  const n = sorted.length;
  return sorted.reduce((gap, x, i) => {
    const p = cdf(x);
    return Math.max(gap, p - i / n, (i + 1) / n - p);
  }, 0);
}

/** Above this, such a sample has a chance of 1 in 1,000 (Smirnov's limit law). */
const ksLimit = (n: number): number => 1.95 / Math.sqrt(n);

/** The bits of float32 numbers: what must never change. */
const bits = (data: Float32Array): string[] =>
  [...new Uint32Array(data.buffer, data.byteOffset, data.length)].map((b) =>
    b.toString(16).padStart(8, '0'),
  );

const N = 200_000;
const fans = { fanIn: 72, fanOut: 128 };

describe('random numbers', () => {
  it('hashes as MurmurHash3_x86_32 does', () => {
    const hash = (text: string, seed: number): number =>
      murmur3(new TextEncoder().encode(text), seed);
    // From the reference implementation.
    expect(hash('', 0)).toBe(0);
    expect(hash('', 1)).toBe(0x514e28b7);
    expect(hash('test', 0)).toBe(0xba6bd213);
    expect(hash('Hello, world!', 0x9747b28c)).toBe(0x24884cba);
    expect(hash('The quick brown fox jumps over the lazy dog', 0x9747b28c)).toBe(0x2fa826cd);
  });

  it('takes logarithms to the last place', () => {
    for (let i = 1; i < 20_000; i++) {
      const x = i / 20_000;
      expect(Math.abs(naturalLog(x) / Math.log(x) - 1)).toBeLessThan(4e-16);
    }
    expect(naturalLog(1)).toBe(0);
    expect(naturalLog(2 ** -33)).toBeCloseTo(-33 * Math.LN2, 13);
    expect(naturalLog(1e300)).toBeCloseTo(300 * Math.LN10, 11);
  });

  it('knows the quantiles of the normal distribution', () => {
    // From Python's statistics.NormalDist().inv_cdf and the tables of Abramowitz & Stegun.
    expect(normalQuantile(0.5)).toBe(0);
    expect(normalQuantile(0.975)).toBeCloseTo(1.959963984540054, 14);
    expect(normalQuantile(0.25)).toBeCloseTo(-0.6744897501960817, 14);
    expect(normalQuantile(0.001)).toBeCloseTo(-3.090232306167813, 14);
    expect(normalQuantile(1e-10)).toBeCloseTo(-6.361340902404056, 13);
    expect(normalQuantile(1e-20)).toBeCloseTo(-9.262340089798408, 13);
    for (let i = 1; i < 1000; i++) {
      expect(normalCdf(normalQuantile(i / 1000))).toBeCloseTo(i / 1000, 14);
    }
  });

  it('gives uniform draws without visible dependence', () => {
    const draw = uniformStream(1, 'a');
    const data = Float32Array.from({ length: N }, draw);
    expect(largestGap(data, (x) => x)).toBeLessThan(ksLimit(N));
    for (const lag of [1, 2, 3, 64]) {
      let sum = 0;
      for (let i = lag; i < N; i++) sum += ((data[i] ?? 0) - 0.5) * ((data[i - lag] ?? 0) - 0.5);
      expect(Math.abs((12 * sum) / N)).toBeLessThan(4 / Math.sqrt(N));
    }
  });
});

describe('initialize', () => {
  it('has the standard deviation that each kind promises', () => {
    const promised = {
      he_normal: Math.sqrt(2 / 72),
      he_uniform: Math.sqrt(2 / 72),
      glorot_normal: Math.sqrt(2 / 200),
      glorot_uniform: Math.sqrt(2 / 200),
      lecun_normal: Math.sqrt(1 / 72),
      normal: 0.05,
      uniform: 0.05 / Math.sqrt(3),
      zeros: 0,
      ones: 0,
    };
    for (const kind of INITIALIZER_KINDS) {
      const { mean, deviation } = moments(values({ kind, ...fans }, N));
      expect(Math.abs(mean - (kind === 'ones' ? 1 : 0)), kind).toBeLessThan(
        (5 * promised[kind]) / Math.sqrt(N) + 1e-12,
      );
      expect(Math.abs(deviation - promised[kind]), kind).toBeLessThan(
        0.01 * promised[kind] + 1e-12,
      );
    }
    expect([...values({ kind: 'constant', value: 0.25, ...fans }, 2)]).toEqual([0.25, 0.25]);
  });

  it('follows the normal distribution, tails included', () => {
    const data = values({ kind: 'normal', ...fans }, N).map((x) => x / 0.05);
    expect(largestGap(data, normalCdf)).toBeLessThan(ksLimit(N));
    expect(moments(data).kurtosis).toBeCloseTo(3, 1);
    for (const sigmas of [2, 3, 4]) {
      const expected = 2 * N * (1 - normalCdf(sigmas));
      const found = data.filter((x) => Math.abs(x) > sigmas).length;
      expect(Math.abs(found - expected)).toBeLessThan(4 * Math.sqrt(expected) + 1);
    }
  });

  it('follows the normal distribution truncated at two deviations', () => {
    const scale = Math.sqrt(2 / 72) / 0.87962566103423978;
    const data = values({ kind: 'he_normal', ...fans }, N).map((x) => x / scale);
    const inside = normalCdf(2) - normalCdf(-2);
    expect(largestGap(data, (x) => (normalCdf(x) - normalCdf(-2)) / inside)).toBeLessThan(
      ksLimit(N),
    );
    const extreme = data.reduce((m, x) => Math.max(m, Math.abs(x)), 0);
    expect(extreme).toBeLessThanOrEqual(2 + 1e-6);
    expect(extreme).toBeGreaterThan(1.99);
  });

  it('stays within its limit when uniform', () => {
    const limit = Math.fround(Math.sqrt(6 / 72));
    const data = values({ kind: 'he_uniform', ...fans }, N);
    expect(largestGap(data, (x) => (x / limit + 1) / 2)).toBeLessThan(ksLimit(N));
    expect(data.every((x) => Math.abs(x) <= limit)).toBe(true);
  });

  it('gives these bits, on every platform and version', () => {
    // As a separate program in Python computes them, with statistics.NormalDist for the quantiles.
    const golden = (kind: InitializerKind, seed: number): string[] =>
      bits(values({ kind, fanIn: 9, fanOut: 64 }, 5, seed, 'e1.conv.weight'));
    expect(golden('he_normal', 0)).toEqual([
      '3f315a21',
      '3f860a5b',
      '3f515426',
      '3f58b0a5',
      'be44d061',
    ]);
    expect(golden('normal', 0)).toEqual([
      '3d90a4dc',
      '3e0e4e42',
      '3db01e04',
      '3db838e6',
      'bc9a3be7',
    ]);
    expect(golden('glorot_uniform', 0)).toEqual([
      '3e773fa5',
      '3e91fc89',
      '3e863e26',
      '3e883730',
      'bdac5227',
    ]);
    expect(golden('he_normal', 2 ** 53 - 1)).toEqual([
      '3ed4f6bd',
      '3eee63a9',
      '3e5f5c32',
      'be5e0ade',
      'bf0972ca',
    ]);
  });

  it('draws for each weight from its seed and name alone', () => {
    const init: Initializer = { kind: 'he_normal', ...fans };
    const [a, b, c] = ['a', 'b', 'c'].map((name) => weight(name, [3, 3, 2, 4], init));
    if (a === undefined || b === undefined || c === undefined) throw new Error('three weights');
    const all = initialize([a, b, c], 7);
    const other = initialize([c, a], 7);
    expect(other.get('a')).toEqual(all.get('a'));
    expect(other.get('c')).toEqual(all.get('c'));
    expect(all.get('a')?.data).not.toEqual(all.get('b')?.data);
    expect(initialize([a], 8).get('a')?.data).not.toEqual(all.get('a')?.data);
    expect(initialize([a], 7 + 2 ** 32).get('a')?.data).not.toEqual(all.get('a')?.data);
    expect(all.get('a')?.shape).toEqual([3, 3, 2, 4]);
  });

  it('does without the functions that differ between engines', () => {
    const names = ['log', 'log2', 'log1p', 'exp', 'expm1', 'sin', 'cos', 'tan', 'pow'] as const;
    const watched = [...names, 'random', 'cbrt', 'tanh', 'atan', 'hypot'] as const;
    const spies = watched.map((name) => vi.spyOn(Math, name));
    for (const kind of INITIALIZER_KINDS) values({ kind, ...fans }, 2000);
    const calls = spies.map((spy) => spy.mock.calls.length);
    vi.restoreAllMocks();
    expect(calls.every((n) => n === 0)).toBe(true);
  });

  it('refuses seeds that are no whole numbers', () => {
    for (const seed of [-1, 0.5, Number.NaN, 2 ** 53]) {
      expect(() => initialize([], seed)).toThrow(RangeError);
    }
  });
});
