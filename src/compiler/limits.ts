/** What no tensor and no weight may pass: beyond it, counts would not be exact. */
import { MAX_EXTENT } from './ops/kinds.js';
import { isSymbolic, type Shape } from './shape.js';

export const MAX_ELEMENTS = 2 ** 40;

/**
 * Which limit a shape passes, as the end of `a tensor [H, W, C], …`; undefined where it passes none.
 * Sizes that depend on the input count once they are chosen.
 */
export function beyondLimits(shape: Shape): string | undefined {
  // The least that a tensor of this shape has.
  let elements = 1;
  for (const size of shape) {
    if (isSymbolic(size)) continue;
    if (size > MAX_EXTENT) return 'with a size of more than 2^31 - 1';
    elements *= size;
  }
  return elements > MAX_ELEMENTS ? 'of more than 2^40 elements' : undefined;
}
