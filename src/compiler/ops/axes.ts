/** Axes as a program writes them: counted from 0 without the batch, or from the end when negative. */
import type { TensorType } from '../ir.js';
import { formatShape, type Shape } from '../shape.js';
import type { Problem } from './operator.js';

/** The axis as an index from 0, or why there is none. */
export function resolveAxis(
  op: string,
  x: TensorType | undefined,
  axis: number,
  parameter: string,
): number | Problem {
  const rank = x?.shape.length ?? 0;
  if (axis >= -rank && axis < rank) return axis < 0 ? axis + rank : axis;
  return {
    code: 'wrong-axis',
    message: `${op} has no axis ${axis} to work on: its input ${formatShape(x?.shape ?? [])} has ${countAxes(rank)}`,
    parameter,
    hints: rank === 0 ? [] : [`use an axis from ${-rank} to ${rank - 1}; the batch is not counted`],
  };
}

/** Several axes, each at most once, in the order given. */
export function resolveAxes(
  op: string,
  x: TensorType | undefined,
  axes: readonly number[],
  parameter: string,
): readonly number[] | Problem {
  const found: number[] = [];
  for (const axis of axes) {
    const index = resolveAxis(op, x, axis, parameter);
    if (typeof index !== 'number') return index;
    if (found.includes(index)) {
      return {
        code: 'wrong-axis',
        message: `${op} is given ${axisName(index, x?.shape ?? [])} twice`,
        parameter,
        hints: ['name each axis once'],
      };
    }
    found.push(index);
  }
  return found;
}

/** The index of an axis that `infer` has accepted. */
export function axisIndex(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}

/** `height`, `width` and `channels` in an image; `axis 1` elsewhere. */
export function axisName(axis: number, shape: Shape): string {
  return shape.length === 3 ? (['height', 'width', 'channels'][axis] ?? '') : `axis ${axis}`;
}

export function countAxes(rank: number): string {
  return rank === 1 ? '1 axis' : `${rank} axes`;
}
