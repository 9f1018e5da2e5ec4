/** convtranspose: the transposed 2-D convolution, which makes images larger. */
import type { Tensor } from '../ir.js';
import { biasParameter, channels, initParameter, kernelAndBias } from './kernel.js';
import { int, padding, pair } from './kinds.js';
import { defineOperator, rejected } from './operator.js';
import { requireImage, requireKnownChannels } from './require.js';
import { SAVES_INPUT } from './saved.js';
import { at, elementCount, newTensor } from './tensor.js';
import { inferTransposed, transposedPadding } from './window.js';

export const convtranspose = defineOperator({
  name: 'convtranspose',
  doc:
    'Transposed convolution (Zeiler et al. 2010; the “up-convolution” of U-Net): every input pixel ' +
    'adds its channels times the kernel `[k, k, in, filters]` to the output, `stride` apart. ' +
    '`pad` cuts off the borders of that sum: `same` keeps in · stride, `valid` keeps all of ' +
    '(in − 1) · stride + k, and amounts are taken off the sides, as in PyTorch and ONNX.',
  example: 'x -> convtranspose(8, k = 2, stride = 2)',
  parameters: {
    filters: { kind: int(1), doc: 'Output channels.' },
    k: { kind: pair(1), default: [2, 2], doc: 'Kernel size.' },
    stride: { kind: pair(1), default: [2, 2], doc: 'How much larger the image becomes.' },
    pad: {
      kind: padding,
      default: 'same',
      doc: '`same` (output = in · stride), `valid`, or amounts to cut off.',
    },
    ...biasParameter,
    ...initParameter,
  },
  weights: ([x], a) => kernelAndBias(a, [...a.k, channels(x), a.filters]),
  infer: ([x], a) => {
    const problem = requireImage('convtranspose', x) ?? requireKnownChannels('convtranspose', x);
    return problem === undefined
      ? inferTransposed('convtranspose', x, a, a.filters)
      : rejected(problem);
  },
  cost: ({ operands: [x, kernel, bias], results: [y] }) => {
    const [kh = 1, kw = 1, , filters = 1] = kernel ?? [];
    const macs = elementCount(x ?? []) * kh * kw * filters;
    return { macs, flops: 2 * macs + (bias === undefined ? 0 : elementCount(y ?? [])) };
  },
  costDoc:
    'MACs = input elements · k² · filters, those that `pad` cuts off included; FLOPs = two a MAC, ' +
    'one an output for the bias.',
  saved: SAVES_INPUT,
  evaluate: (operands, a, [shape]) => {
    const [top] = transposedPadding(a, 0);
    const [left] = transposedPadding(a, 1);
    return [scatter(operands, a.stride, [top, left], shape ?? [])];
  },
  traits: ['linear-kernel', 'takes-epilogue'],
});

function scatter(
  [x, kernel, bias]: readonly Tensor[],
  stride: readonly [number, number],
  [top, left]: readonly [number, number],
  shape: readonly number[],
): Tensor {
  if (x === undefined || kernel === undefined) throw new Error('convtranspose: operands missing');
  const [inHeight = 0, inWidth = 0, inChannels = 0] = x.shape;
  const [kh = 0, kw = 0, , filters = 0] = kernel.shape;
  const [outHeight = 0, outWidth = 0] = shape;
  const sums = new Float64Array(elementCount(shape));
  if (bias !== undefined) {
    for (let i = 0; i < sums.length; i++) sums[i] = at(bias.data, i % filters);
  }
  for (let iy = 0; iy < inHeight; iy++) {
    for (let ix = 0; ix < inWidth; ix++) {
      const pixel = (iy * inWidth + ix) * inChannels;
      for (let ky = 0; ky < kh; ky++) {
        const oy = iy * stride[0] + ky - top;
        if (oy < 0 || oy >= outHeight) continue;
        for (let kx = 0; kx < kw; kx++) {
          const ox = ix * stride[1] + kx - left;
          if (ox < 0 || ox >= outWidth) continue;
          const output = (oy * outWidth + ox) * filters;
          const tap = (ky * kw + kx) * inChannels * filters;
          for (let c = 0; c < inChannels; c++) {
            const value = at(x.data, pixel + c);
            const row = tap + c * filters;
            for (let f = 0; f < filters; f++) {
              sums[output + f] = at(sums, output + f) + value * at(kernel.data, row + f);
            }
          }
        }
      }
    }
  }
  const y = newTensor(shape);
  y.data.set(sums);
  return y;
}
