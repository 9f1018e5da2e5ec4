/** Arithmetic of resizing, as all targets need it. */
import { exactDiv, isSymbolic, type Dim } from '../compiler/shape.js';

/** By how much an axis grows, where that is a whole number whatever the sizes are. */
export function wholeFactor(from: Dim, to: Dim): number | undefined {
  const factor = exactDiv(to, from);
  return typeof factor === 'number' ? factor : undefined;
}

/**
 * Whether no output pixel lies so near the border between two input pixels that float32, in which
 * runtimes compute (i + 0.5) · in / out, might take the wrong one. Where in / out is a power of 2,
 * all of that is exact.
 */
export function isUnambiguous(from: Dim, to: Dim): boolean {
  if (isSymbolic(from) || isSymbolic(to)) return false;
  if (Number.isInteger(Math.log2(from / to))) return true;
  const leastDistance = from * 2 ** -20;
  for (let i = 0; i < to; i++) {
    const beyond = (((2 * i + 1) * from) % (2 * to)) / (2 * to);
    if (Math.min(beyond, 1 - beyond) < leastDistance) return false;
  }
  return true;
}

/** The pixel that nearest resizing takes for each output pixel: ⌊(2i + 1) · from / (2 · to)⌋. */
export function nearestIndices(from: number, to: number): number[] {
  return Array.from({ length: to }, (_, i) => Math.floor(((2 * i + 1) * from) / (2 * to)));
}
