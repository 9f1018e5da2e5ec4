/** globalavgpool and globalmaxpool: an image reduced to one value a channel. */
import type { Tensor, TensorType } from '../ir.js';
import { bool } from './kinds.js';
import {
  defineOperator,
  inferred,
  rejected,
  type Cost,
  type CostInput,
  type Inferred,
} from './operator.js';
import { requireImage } from './require.js';
import { INDEX_BYTES, SAVES_NOTHING } from './saved.js';
import { at, elementCount, newTensor } from './tensor.js';

const globalParameters = {
  keepdims: {
    kind: bool(),
    default: true,
    doc: 'Result `[1, 1, C]`, which broadcasts against the image; else `[C]`.',
  },
} as const;

export const globalavgpool = defineOperator({
  name: 'globalavgpool',
  doc: 'The mean of each channel over the whole image (Lin et al. 2013).',
  example: 'x -> globalavgpool',
  parameters: globalParameters,
  infer: ([x], a) => inferGlobal('globalavgpool', x, a.keepdims),
  cost: globalCost,
  costDoc: 'FLOPs = one an input element: additions, and a division a channel.',
  saved: SAVES_NOTHING,
  evaluate: ([x], _, [shape]) => [
    reduce(
      x,
      shape ?? [],
      0,
      (sum, value) => sum + value,
      (sum, count) => sum / count,
    ),
  ],
  traits: [],
});

export const globalmaxpool = defineOperator({
  name: 'globalmaxpool',
  doc: 'The largest value of each channel over the whole image.',
  example: 'x -> globalmaxpool(keepdims = false)',
  parameters: globalParameters,
  infer: ([x], a) => inferGlobal('globalmaxpool', x, a.keepdims),
  cost: globalCost,
  costDoc: 'FLOPs = one an input element: a comparison.',
  saved: {
    doc: 'its input, and where each maximum lies (an int64)',
    operands: [0],
    bytes: ({ results: [y] }) => INDEX_BYTES * elementCount(y ?? []),
  },
  evaluate: ([x], _, [shape]) => [
    reduce(x, shape ?? [], -Infinity, Math.max, (largest) => largest),
  ],
  traits: [],
});

function inferGlobal(op: string, x: TensorType | undefined, keepdims: boolean): Inferred {
  const problem = requireImage(op, x);
  if (problem !== undefined) return rejected(problem);
  const channels = x?.shape[2] ?? 0;
  const shape = keepdims ? [1, 1, channels] : [channels];
  return inferred({ dtype: 'f32', shape, batched: x?.batched ?? true });
}

function globalCost({ operands: [x] }: CostInput): Cost {
  return { macs: 0, flops: elementCount(x ?? []) };
}

function reduce(
  x: Tensor | undefined,
  shape: readonly number[],
  start: number,
  step: (soFar: number, value: number) => number,
  finish: (total: number, count: number) => number,
): Tensor {
  if (x === undefined) throw new Error('global pool: operand missing');
  const [height = 0, width = 0, channels = 0] = x.shape;
  const y = newTensor(shape);
  for (let c = 0; c < channels; c++) {
    let total = start;
    for (let i = c; i < x.data.length; i += channels) total = step(total, at(x.data, i));
    y.data[c] = finish(total, height * width);
  }
  return y;
}
