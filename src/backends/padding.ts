/** The padding of windows, as all targets need it. */
import { explicitPadding, extent, type Window } from '../compiler/ops/window.js';
import { add, ceilDiv, floorDiv, isSymbolic, mul, sub, type Dim } from '../compiler/shape.js';

/** `explicitPadding` for a size that may be symbolic. */
export function paddingAlong(input: Dim, window: Window, axis: 0 | 1): readonly [Dim, Dim] {
  if (!isSymbolic(input)) return explicitPadding(input, window, axis);
  if (window.pad !== 'same') return explicitPadding(0, window, axis);
  const stride = window.stride[axis];
  const reach = extent(window.k[axis], window.dilation[axis]);
  const steps = ceilDiv(input, stride);
  let total: Dim = 0;
  if (reach >= stride) {
    total = sub(add(mul(add(steps, -1), stride), reach), input);
  } else {
    // max(0, reach − r), where the last window begins r pixels before the end: one for each t < reach
    // that r does not exceed.
    for (let t = 1; t < reach; t++) {
      total = add(total, sub(steps, ceilDiv(sub(input, t), stride)));
    }
  }
  const before = floorDiv(total, 2);
  return [before, sub(total, before)];
}
