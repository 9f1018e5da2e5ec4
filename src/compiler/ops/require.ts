/** Preconditions that several operators share. */
import type { TensorType } from '../ir.js';
import { formatShape } from '../shape.js';
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
