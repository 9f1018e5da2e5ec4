/** Walks over the elements of tensors, for the reference semantics of what moves or broadcasts them. */
import type { Tensor } from '../ir.js';
import { at, newTensor } from './tensor.js';

/** Row-major: the distance in `data` between neighbours along each axis. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = shape.map(() => 1);
  for (let axis = shape.length - 2; axis >= 0; axis--) {
    strides[axis] = (strides[axis + 1] ?? 1) * (shape[axis + 1] ?? 1);
  }
  return strides;
}

/** Where an index is not in the tensor: an offset that makes every sum negative. */
export const OUTSIDE = -Infinity;

/** For each axis, what each index along it adds to an element's offset. */
type AxisOffsets = readonly (readonly number[])[];

/** Visits `offsets[0][i] + offsets[1][j] + …` for every (i, j, …), the last index fastest. */
export function forEachOffset(offsets: AxisOffsets, visit: (offset: number) => void): void {
  const walk = (axis: number, base: number): void => {
    const own = offsets[axis];
    if (own === undefined) {
      visit(base);
    } else if (axis === offsets.length - 1) {
      for (const offset of own) visit(base + offset);
    } else {
      for (const offset of own) walk(axis + 1, base + offset);
    }
  };
  walk(0, 0);
}

/** A new tensor of elements of `x`, found by their offsets; 0 where an index is `OUTSIDE`. */
export function pick(x: Tensor, offsets: AxisOffsets): Tensor {
  const result = newTensor(offsets.map((own) => own.length));
  const strides = stridesOf(result.shape);
  // Innermost stands the axis along which `x` is read in its order, so that kernels of millions of
  // weights take as long as their memory does.
  const inner = closestAxis(offsets);
  const along = offsets[inner] ?? [0];
  const step = strides[inner] ?? 1;
  const walk = (axis: number, from: number, to: number): void => {
    const own = offsets[axis];
    if (own === undefined) {
      for (let i = 0; i < along.length; i++) {
        const offset = from + (along[i] ?? OUTSIDE);
        result.data[to + i * step] = offset < 0 ? 0 : at(x.data, offset);
      }
    } else if (axis === inner) {
      walk(axis + 1, from, to);
    } else {
      const apart = strides[axis] ?? 1;
      for (let i = 0; i < own.length; i++) {
        walk(axis + 1, from + (own[i] ?? OUTSIDE), to + i * apart);
      }
    }
  };
  walk(0, 0, 0);
  return result;
}

/** The axis whose neighbours are nearest to each other, the last of several; -1 if there is none. */
function closestAxis(offsets: AxisOffsets): number {
  let closest = offsets.length - 1;
  let least = Infinity;
  for (let axis = closest; axis >= 0; axis--) {
    const [first, second] = offsets[axis] ?? [];
    const distance = Math.abs((second ?? Infinity) - (first ?? 0));
    if (distance < least) [closest, least] = [axis, distance];
  }
  return closest;
}

/** Offsets of `count` indices along one axis: `start`, `start + step`, … */
export function offsetsAlong(count: number, stride: number, start = 0, step = 1): number[] {
  return Array.from({ length: count }, (_, i) => (start + i * step) * stride);
}
