/** maxpool and avgpool: windows of an image, each reduced to one pixel. */
import type { Attribute, Attributes, Tensor, TensorType } from '../ir.js';
import { padding, pair, type Padding } from './kinds.js';
import {
  defineOperator,
  rejected,
  type Cost,
  type CostInput,
  type Inferred,
  type Problem,
} from './operator.js';
import { requireImage } from './require.js';
import { INDEX_BYTES, SAVES_INPUT } from './saved.js';
import { at, elementCount, newTensor } from './tensor.js';
import { explicitPadding, inferWindow, type Window } from './window.js';

const poolParameters = {
  k: { kind: pair(1), default: [2, 2], doc: 'Window size.' },
  stride: {
    kind: pair(1),
    default: (earlier: Attributes) => asPair(earlier['k']),
    doc: 'Step between windows; the window size unless it is given.',
  },
  pad: {
    kind: padding,
    default: 'valid',
    doc: '`valid`, `same` (output = ceil(in / stride)), or amounts, each less than `k`.',
  },
} as const;

export const maxpool = defineOperator({
  name: 'maxpool',
  doc: 'The largest value of each window, channel by channel. Padding never is the maximum.',
  example: 'x -> maxpool(3, stride = 2, pad = 1)',
  parameters: poolParameters,
  infer: ([x], a) => inferPool('maxpool', x, a),
  cost: poolCost,
  costDoc: 'FLOPs = k² an output: a comparison a tap.',
  saved: {
    doc: 'its input, and where each maximum lies (an int64)',
    operands: [0],
    bytes: ({ results: [y] }) => INDEX_BYTES * elementCount(y ?? []),
  },
  evaluate: ([x], a, [shape]) => [
    slide(x, a, shape ?? [], -Infinity, Math.max, (largest) => largest),
  ],
  traits: ['takes-epilogue'],
});

export const avgpool = defineOperator({
  name: 'avgpool',
  doc:
    'The mean of each window, channel by channel, over the pixels that lie in the image: padding is ' +
    'not counted (TensorFlow; `count_include_pad = false` in PyTorch).',
  example: 'x -> avgpool(2)',
  parameters: poolParameters,
  infer: ([x], a) => inferPool('avgpool', x, a),
  cost: poolCost,
  costDoc: 'FLOPs = k² an output: k² − 1 additions and a division.',
  saved: SAVES_INPUT,
  evaluate: ([x], a, [shape]) => [
    slide(
      x,
      a,
      shape ?? [],
      0,
      (sum, value) => sum + value,
      (sum, count) => sum / count,
    ),
  ],
  traits: ['takes-epilogue'],
});

function asPair(k: Attribute | undefined): readonly [number, number] {
  const [height, width] = Array.isArray(k) ? (k as readonly Attribute[]) : [];
  if (typeof height !== 'number' || typeof width !== 'number') throw new Error('k is no pair');
  return [height, width];
}

interface PoolAttributes {
  readonly k: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly pad: Padding;
}

function asWindow(a: PoolAttributes): Window {
  return { ...a, dilation: [1, 1] };
}

function inferPool(op: string, x: TensorType | undefined, a: PoolAttributes): Inferred {
  const problem = requireImage(op, x) ?? requirePadBelowWindow(op, a);
  if (problem !== undefined) return rejected(problem);
  return inferWindow(op, x, asWindow(a), x?.shape[2] ?? 0);
}

/** With as much padding as the window is large, some window would hold padding alone. */
function requirePadBelowWindow(op: string, { k, pad }: PoolAttributes): Problem | undefined {
  if (typeof pad === 'string') return undefined;
  const side = pad.findIndex((amount, i) => amount >= (i < 2 ? k[0] : k[1]));
  const amount = pad[side];
  if (amount === undefined) return undefined;
  return {
    code: 'only-padding',
    message: `${op} pads by ${amount}, so that a window of ${side < 2 ? k[0] : k[1]} would hold padding alone`,
    parameter: 'pad',
    hints: ['pad each side by less than the window: `pad = k // 2`'],
  };
}

function poolCost({ results: [y] }: CostInput, { k }: PoolAttributes): Cost {
  return { macs: 0, flops: elementCount(y ?? []) * k[0] * k[1] };
}

function slide(
  x: Tensor | undefined,
  a: PoolAttributes,
  shape: readonly number[],
  start: number,
  step: (soFar: number, value: number) => number,
  finish: (total: number, count: number) => number,
): Tensor {
  if (x === undefined) throw new Error('pool: operand missing');
  const [inHeight = 0, inWidth = 0, channels = 0] = x.shape;
  const [outHeight = 0, outWidth = 0] = shape;
  const [top] = explicitPadding(inHeight, asWindow(a), 0);
  const [left] = explicitPadding(inWidth, asWindow(a), 1);
  const y = newTensor(shape);
  for (let oy = 0; oy < outHeight; oy++) {
    const fromY = oy * a.stride[0] - top;
    for (let ox = 0; ox < outWidth; ox++) {
      const fromX = ox * a.stride[1] - left;
      for (let c = 0; c < channels; c++) {
        let total = start;
        let count = 0;
        for (let iy = Math.max(0, fromY); iy < Math.min(inHeight, fromY + a.k[0]); iy++) {
          for (let ix = Math.max(0, fromX); ix < Math.min(inWidth, fromX + a.k[1]); ix++) {
            total = step(total, at(x.data, (iy * inWidth + ix) * channels + c));
            count++;
          }
        }
        y.data[(oy * outWidth + ox) * channels + c] = finish(total, count);
      }
    }
  }
  return y;
}
