/** Preconditions that several operators share. */
import type { TensorType } from '../ir.js';
import {
  floorDiv,
  formatDim,
  formatShape,
  isSymbolic,
  missingFacts,
  mul,
  type Dim,
  type Shape,
} from '../shape.js';
import type { Problem } from './operator.js';

/** An image is `[H, W, C]`. */
export function requireImage(op: string, x: TensorType | undefined): Problem | undefined {
  if (x?.shape.length === 3) return undefined;
  return {
    code: 'wrong-rank',
    message: `${op} works on an image [H, W, C], but its input is ${formatShape(x?.shape ?? [])}`,
    hints: ['bring the tensor to three axes first, with `reshape`'],
  };
}

/** At least so many axes. */
export function requireRank(
  op: string,
  x: TensorType | undefined,
  least: number,
): Problem | undefined {
  if (x !== undefined && x.shape.length >= least) return undefined;
  const shape = formatShape(x?.shape ?? []);
  const axes = least === 1 ? 'axis' : 'axes';
  return {
    code: 'wrong-rank',
    message: `${op} needs a tensor of at least ${least} ${axes}, but its input is ${shape}`,
    hints: ['bring the tensor to more axes first, with `reshape`'],
  };
}

/** A last axis that is a number, since a weight has its size. */
export function requireKnownChannels(op: string, x: TensorType | undefined): Problem | undefined {
  const last = x?.shape.at(-1) ?? 0;
  if (typeof last === 'number') return undefined;
  if (x?.shape.length === 3) {
    return {
      code: 'unknown-size',
      message: `${op} needs a fixed number of input channels, but they are ${formatDim(last)}`,
      hints: ['give the channel axis of the input a number: `f32[H, W, 3]`'],
    };
  }
  return {
    code: 'unknown-size',
    message: `${op} needs a fixed number of input features, but they are ${formatDim(last)}`,
    hints: [
      'give the input of the model fixed sizes: `f32[256, 256, 1]`',
      'or use `globalavgpool(keepdims = false)` before it, whose result does not depend on the size',
    ],
  };
}

/** That `parts` do not divide `count`; the hint lists numbers near `parts` that divide `of`. */
export function indivisible(
  op: string,
  count: number,
  what: string,
  parts: number,
  parameter: string,
  of = count,
): Problem {
  const fitting = nearDivisors(of, parts);
  const last = fitting.pop();
  const list = fitting.length === 0 ? `${last}` : `${fitting.join(', ')} or ${last}`;
  return {
    code: 'indivisible',
    message: `${op} has ${count} ${what}, which ${parts} ${parameter} do not divide`,
    parameter,
    hints: [`use ${list} for \`${parameter}\``],
  };
}

/**
 * That the size along `what`, known or not, is not shown to be a multiple; with the facts that would
 * show it of `all` such sizes.
 */
export function notMultiple(
  op: string,
  what: string,
  size: Dim,
  divisor: number,
  parameter: string,
  all: Shape = [size],
): Problem {
  const message = `${op} needs a multiple of ${divisor} along ${what}, but the size is ${formatDim(size)}`;
  if (!isSymbolic(size)) {
    return { ...indivisible(op, size, what, divisor, parameter), message };
  }
  const facts = missingFacts(all.map((d) => [d, mul(floorDiv(d, divisor), divisor)]));
  return {
    code: 'indivisible',
    message,
    parameter,
    hints: facts === undefined ? [] : [`add: where ${facts.join(', ')}`],
  };
}

const MOST_DIVISORS_SHOWN = 12;

/** The divisors of n, in order; only those nearest to `wanted`, as a ratio, where there are many. */
function nearDivisors(n: number, wanted: number): number[] {
  const found: number[] = [];
  for (let d = 1; d * d <= n; d++) {
    if (n % d === 0) found.push(d, n / d);
  }
  const distance = (d: number): number => Math.abs(Math.log(d / wanted));
  return [...new Set(found)]
    .sort((a, b) => distance(a) - distance(b))
    .slice(0, MOST_DIVISORS_SHOWN)
    .sort((a, b) => a - b);
}
