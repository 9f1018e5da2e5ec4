/** Padding of windows as sizes of a plan. */
import { extent, type Window } from '../../compiler/ops/window.js';
import type { Size } from '../../webgpu/plan.js';
import { ceilDiv, floorDiv, max, minus, plus, times } from './size.js';

/** Zeros before an axis, as `explicitPadding` of the compiler gives them for a known size. */
export function paddingBefore(input: Size, window: Window, axis: 0 | 1): Size {
  const { pad } = window;
  if (pad === 'valid') return 0;
  if (pad !== 'same') return pad[axis === 0 ? 0 : 2];
  const stride = window.stride[axis];
  const reach = extent(window.k[axis], window.dilation[axis]);
  const total = minus(plus(times(minus(ceilDiv(input, stride), 1), stride), reach), input);
  return floorDiv(max(0, total), 2);
}
