/** How far a tensor is from what it should be. */
import type { Tensor } from '../compiler/ir.js';

export interface Difference {
  /** The largest difference of two elements. NaN where the tensors cannot be compared. */
  readonly maxAbs: number;
  /** The same as a part of the largest expected number, or of `LEAST_SCALE` where that is larger. */
  readonly maxRel: number;
}

/** So that what is nearly zero everywhere is not judged by its rounding. */
const LEAST_SCALE = 1e-3;

/**
 * Equal infinities and equal NaNs are no difference. Both figures are NaN where the tensors differ in
 * shape, or one has NaN where the other has a number; infinite where one alone is infinite.
 */
export function differenceOf(actual: Tensor, expected: Tensor): Difference {
  if (actual.shape.join() !== expected.shape.join()) return { maxAbs: NaN, maxRel: NaN };
  let [maxAbs, largest] = [0, LEAST_SCALE];
  for (const [i, e] of expected.data.entries()) {
    if (Number.isFinite(e)) largest = Math.max(largest, Math.abs(e));
    const a = actual.data[i] ?? NaN;
    if (Object.is(a, e) || a === e) continue;
    maxAbs = Math.max(maxAbs, Math.abs(a - e));
  }
  return { maxAbs, maxRel: maxAbs / largest };
}

/** The larger of each figure; what cannot be compared is the largest. */
export function worstOf(differences: readonly Difference[]): Difference {
  return {
    maxAbs: Math.max(0, ...differences.map(({ maxAbs }) => maxAbs)),
    maxRel: Math.max(0, ...differences.map(({ maxRel }) => maxRel)),
  };
}

/** NaN is beyond every tolerance. */
export function isWithin({ maxRel }: Difference, tolerance: number): boolean {
  return maxRel <= tolerance;
}
