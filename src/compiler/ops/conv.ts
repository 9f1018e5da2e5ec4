/** conv and dwconv: 2-D convolutions over `[H, W, C]`. */
import { CHANNELS_FOLLOW } from '../habits.js';
import type { Tensor, TensorType } from '../ir.js';
import { formatDim, gcd } from '../shape.js';
import { biasParameter, channels, initParameter, kernelAndBias } from './kernel.js';
import { bool, int, padding, pair, type Padding } from './kinds.js';
import { defineOperator, rejected, type Cost, type CostInput, type Problem } from './operator.js';
import { indivisible, requireImage, requireKnownChannels } from './require.js';
import { SAVES_INPUT_AND_KERNEL } from './saved.js';
import { at, elementCount, newTensor } from './tensor.js';
import { explicitPadding, inferWindow, type Window } from './window.js';

const windowParameters = {
  stride: { kind: pair(1), default: [1, 1], doc: 'Step between outputs.' },
  pad: {
    kind: padding,
    default: 'same',
    doc: '`same` (output = ceil(in / stride), as TensorFlow), `valid`, or amounts.',
  },
  dilation: { kind: pair(1), default: [1, 1], doc: 'Step between the taps of the kernel.' },
} as const;
const wsParameter = {
  ws: {
    kind: bool(),
    default: false,
    doc: 'Standardise the kernel (Qiao et al. 2019): mean 0, divided by (standard deviation + 1e-5).',
  },
} as const;

export const conv = defineOperator({
  name: 'conv',
  doc:
    'Convolution: each output channel is the sum over a window of `k[0] × k[1]` taps and the input ' +
    'channels of its group, times a learned kernel, plus a bias.',
  example: 'x -> conv(64, k = 3, stride = 2)',
  parameters: {
    filters: { kind: int(1), doc: 'Output channels.' },
    k: { kind: pair(1), default: [3, 3], doc: 'Kernel size.' },
    ...windowParameters,
    groups: {
      kind: int(1),
      default: 1,
      doc: 'Independent groups of channels; divides both the input channels and `filters`.',
    },
    ...biasParameter,
    ...wsParameter,
    ...initParameter,
  },
  weights: ([x], a) => kernelAndBias(a, [...a.k, channels(x) / a.groups, a.filters]),
  infer: ([x], a) => {
    const problem = requireImage('conv', x) ?? requireGroups(x, a.filters, a.groups);
    return problem === undefined ? inferWindow('conv', x, a, a.filters) : rejected(problem);
  },
  doubt: ([x], a) => largeKernel('conv', x, a),
  cost: convolutionCost,
  costDoc: 'MACs = outputs · k² · (in / groups); FLOPs = two a MAC, one an output for the bias.',
  saved: SAVES_INPUT_AND_KERNEL,
  evaluate: (operands, a, [shape]) => [convolve(operands, a, shape ?? [], a.groups)],
  traits: ['linear-kernel', 'takes-epilogue'],
});

export const dwconv = defineOperator({
  name: 'dwconv',
  doc:
    'Depthwise convolution: every input channel is filtered on its own, giving `multiplier` output ' +
    'channels (MobileNetV1, Howard et al. 2017).',
  example: 'x -> dwconv(3, ws)',
  parameters: {
    k: { kind: pair(1), default: [3, 3], doc: 'Kernel size.' },
    ...wsParameter,
    ...windowParameters,
    multiplier: { kind: int(1), default: 1, doc: 'Output channels for each input channel.' },
    ...biasParameter,
    ...initParameter,
  },
  weights: ([x], a) => kernelAndBias(a, [...a.k, 1, channels(x) * a.multiplier]),
  infer: ([x], a) => {
    const problem = requireImage('dwconv', x) ?? requireKnownChannels('dwconv', x);
    return problem === undefined
      ? inferWindow('dwconv', x, a, channels(x) * a.multiplier)
      : rejected(problem);
  },
  doubt: ([x], a) => largeKernel('dwconv', x, a),
  cost: convolutionCost,
  costDoc: 'MACs = outputs · k²; FLOPs = two a MAC, one an output for the bias.',
  saved: SAVES_INPUT_AND_KERNEL,
  evaluate: (operands, a, [shape]) => [
    convolve(operands, a, shape ?? [], operands[0]?.shape[2] ?? 1),
  ],
  traits: ['linear-kernel', 'takes-epilogue'],
});

/** Kernels up to this are usual on images of any size, such as the few pixels at the bottom of a U. */
const LARGEST_USUAL_KERNEL = 7;

/** `conv(3, 64)`, as PyTorch has it, is a kernel of 64 pixels here, which `same` pads for. */
function largeKernel(
  op: string,
  x: TensorType | undefined,
  { k, pad }: Pick<Window, 'k' | 'pad'>,
): Problem | undefined {
  const [height = 0, width = 0] = x?.shape ?? [];
  if (pad !== 'same' || Math.max(...k) <= LARGEST_USUAL_KERNEL) return undefined;
  if (k[0] <= Number(height) && k[1] <= Number(width)) return undefined;
  const image = `${formatDim(height)}×${formatDim(width)}`;
  return {
    code: 'large-kernel',
    message: `${op} has a kernel of ${k.join('×')} on an image of ${image}`,
    hints: [CHANNELS_FOLLOW, '`k` is the size of the kernel, 3 by default'],
  };
}

function requireGroups(
  x: TensorType | undefined,
  filters: number,
  groups: number,
): Problem | undefined {
  const unknown = requireKnownChannels('conv', x);
  if (unknown !== undefined) return unknown;
  for (const [count, what] of [
    [channels(x), 'input channels'],
    [filters, 'filters'],
  ] as const) {
    if (count % groups !== 0) {
      return indivisible('conv', count, what, groups, 'groups', gcd(channels(x), filters));
    }
  }
  return undefined;
}

function convolutionCost({ operands, results }: CostInput): Cost {
  const [kh = 1, kw = 1, perGroup = 1] = operands[1] ?? [];
  const outputs = elementCount(results[0] ?? []);
  const macs = outputs * kh * kw * perGroup;
  return { macs, flops: 2 * macs + (operands.length > 2 ? outputs : 0) };
}

function convolve(
  [x, kernel, bias]: readonly Tensor[],
  a: {
    readonly stride: readonly [number, number];
    readonly dilation: readonly [number, number];
    readonly pad: Padding;
  },
  shape: readonly number[],
  groups: number,
): Tensor {
  if (x === undefined || kernel === undefined) throw new Error('conv: operands missing');
  const [inHeight = 0, inWidth = 0, inChannels = 0] = x.shape;
  const [kh = 0, kw = 0, perGroup = 0, filters = 0] = kernel.shape;
  const [outHeight = 0, outWidth = 0] = shape;
  const window: Window = { ...a, k: [kh, kw] };
  const [top] = explicitPadding(inHeight, window, 0);
  const [left] = explicitPadding(inWidth, window, 1);
  const perOutputGroup = filters / groups;
  const y = newTensor(shape);
  const sums = new Float64Array(filters);
  for (let oy = 0; oy < outHeight; oy++) {
    for (let ox = 0; ox < outWidth; ox++) {
      for (let f = 0; f < filters; f++) sums[f] = bias === undefined ? 0 : at(bias.data, f);
      for (let ky = 0; ky < kh; ky++) {
        const iy = oy * a.stride[0] - top + ky * a.dilation[0];
        if (iy < 0 || iy >= inHeight) continue;
        for (let kx = 0; kx < kw; kx++) {
          const ix = ox * a.stride[1] - left + kx * a.dilation[1];
          if (ix < 0 || ix >= inWidth) continue;
          const pixel = (iy * inWidth + ix) * inChannels;
          const tap = (ky * kw + kx) * perGroup * filters;
          // The filters innermost: the kernel is read in its order, each sum is added up in that of c.
          for (let group = 0; group < groups; group++) {
            const end = (group + 1) * perOutputGroup;
            for (let c = 0; c < perGroup; c++) {
              const value = at(x.data, pixel + group * perGroup + c);
              const row = tap + c * filters;
              for (let f = group * perOutputGroup; f < end; f++) {
                sums[f] = at(sums, f) + value * at(kernel.data, row + f);
              }
            }
          }
        }
      }
      y.data.set(sums, (oy * outWidth + ox) * filters);
    }
  }
  return y;
}
