/** What is said of several times of the same work. */

/**
 * On a shared machine the minimum is what the work costs and the rest is what others did. All in the
 * unit of what was measured.
 */
export interface Times {
  readonly min: number;
  readonly median: number;
  /** What 95 of 100 runs do not exceed (the nearest rank): the slowest of fewer than 20. */
  readonly p95: number;
}

/** Of no times at all, 0 each. */
export function timesOf(list: readonly number[]): Times {
  const sorted = [...list].sort((a, b) => a - b);
  const rank = (part: number): number => sorted[Math.ceil(part * sorted.length) - 1] ?? 0;
  return { min: sorted[0] ?? 0, median: medianOf(sorted), p95: rank(0.95) };
}

function medianOf(sorted: readonly number[]): number {
  const [low, high] = [sorted[(sorted.length - 1) >> 1] ?? 0, sorted[sorted.length >> 1] ?? 0];
  return (low + high) / 2;
}
