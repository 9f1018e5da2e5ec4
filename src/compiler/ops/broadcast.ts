/** NumPy's broadcasting: shapes aligned at their last axes, an axis of 1 repeated. */
import { equal, type Dim, type Shape } from '../shape.js';
import { stridesOf } from './elements.js';

type Broadcast =
  | { readonly ok: true; readonly shape: Shape }
  /** The first two axes, from the last, that neither are equal nor 1. */
  | {
      readonly ok: false;
      readonly mismatch: readonly [AxisOfOperand, AxisOfOperand];
    };

export interface AxisOfOperand {
  readonly operand: number;
  readonly axis: number;
}

/** The common shape of tensors without their batch. A symbolic size broadcasts with itself and 1. */
export function broadcast(shapes: readonly Shape[]): Broadcast {
  const rank = Math.max(0, ...shapes.map((s) => s.length));
  const result: Dim[] = [];
  for (let fromEnd = 1; fromEnd <= rank; fromEnd++) {
    let size: Dim = 1;
    let owner: AxisOfOperand | undefined;
    for (const [operand, shape] of shapes.entries()) {
      const axis = shape.length - fromEnd;
      const own = shape[axis] ?? 1;
      if (own === 1) continue;
      if (owner === undefined) {
        size = own;
        owner = { operand, axis };
      } else if (!equal(size, own)) {
        return { ok: false, mismatch: [owner, { operand, axis }] };
      }
    }
    result.unshift(size);
  }
  return { ok: true, shape: result };
}

/** Which element of a tensor of shape `from` stands at each element of a broadcast to `to`. */
export function broadcastIndex(
  from: readonly number[],
  to: readonly number[],
): (index: number) => number {
  const lead = to.length - from.length;
  const ownStrides = stridesOf(from);
  const strides = to.map((_, axis) => {
    const own = axis - lead;
    return own < 0 || from[own] === 1 ? 0 : (ownStrides[own] ?? 0);
  });
  return (index) => {
    let [rest, source] = [index, 0];
    for (let axis = to.length - 1; axis >= 0; axis--) {
      const size = to[axis] ?? 1;
      source += (rest % size) * (strides[axis] ?? 0);
      rest = Math.floor(rest / size);
    }
    return source;
  };
}
