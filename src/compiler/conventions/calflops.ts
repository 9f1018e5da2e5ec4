/** calflops' FLOPs: it wraps functions, which modules call too, so each is counted once. */
import { padding, pair } from '../ops/kinds.js';
import { transposedPadding } from '../ops/window.js';
import {
  attribute,
  biasAdditions,
  counts,
  each,
  FREE,
  inputs,
  isAffine,
  leftTimesColumns,
  macs,
  nothing,
  outputs,
  pixels,
  uncounted,
  type Call,
  type Convention,
} from './convention.js';

const CONVOLUTION = counts(
  '2 a MAC, and 1 an output element where there is a bias',
  (call) => 2 * macs(call) + biasAdditions(call),
);
const NORM = counts(
  '5 an input element, 4 without scale and shift',
  (call) => (isAffine(call) ? 5 : 4) * inputs(call),
);
const UNWRAPPED = uncounted('it does not wrap this function');

/** The bias, at the size that the output would have if the convolution were not transposed. */
function transposedBias(call: Call): number {
  const [x = [], kernel = [], bias] = call.operands;
  if (bias === undefined) return 0;
  const window = {
    k: [kernel[0] ?? 1, kernel[1] ?? 1],
    stride: attribute(call, 'stride', pair(1)),
    pad: attribute(call, 'pad', padding),
  } as const;
  const size = (along: 0 | 1): number => {
    // PyTorch's padding is what is cut off before; what is left to cut after is another operator's.
    const [before] = transposedPadding(window, along);
    const reach = (x[along] ?? 1) + 2 * before - window.k[along];
    return Math.floor(reach / window.stride[along]) + 1;
  };
  return (bias[0] ?? 0) * size(0) * size(1);
}

const MODULES: Convention['rules'] = {
  ...FREE,
  ...each(['conv', 'dwconv'], CONVOLUTION),
  convtranspose: counts(
    '2 a MAC, and a bias at the size of a convolution that is not transposed',
    (call) => 2 * macs(call) + transposedBias(call),
  ),
  dense: counts('2 a MAC, and nothing for a bias', (call) => 2 * macs(call)),
  matmul: counts('2 a MAC', (call) => 2 * leftTimesColumns(call)),
  batchnorm: counts('2 an input element', (call) => 2 * inputs(call)),
  ...each(['groupnorm', 'instancenorm', 'layernorm'], NORM),
  ...each(
    ['relu', 'prelu', 'elu', 'gelu', 'leakyrelu', 'silu', 'softmax'],
    counts('1 an output element', outputs),
  ),
  relu6: uncounted('the module calls hardtanh, which it does not wrap'),
  ...each(['sigmoid', 'tanh', 'hardswish', 'hardsigmoid'], UNWRAPPED),
  ...each(
    ['maxpool', 'avgpool', 'globalavgpool', 'globalmaxpool'],
    counts('1 an input element', inputs),
  ),
  upsample: counts('1 an input element', inputs),
  resize: counts('1 an output pixel, whatever the channels', (call) => pixels(call.results[0])),
  ...each(['add', 'mul'], nothing('it does not see `+` and `*` between tensors')),
  ...each(['sub', 'div', 'maximum', 'minimum', 'mean', 'sum', 'max'], UNWRAPPED),
  ...each(['selu', 'mish', 'softplus'], UNWRAPPED),
};

export const calflops: Convention = {
  name: 'calflops',
  version: '0.3',
  unit: 'FLOPs',
  source: 'calflops/pytorch_ops.py',
  rules: MODULES,
  functions: { ...MODULES, relu6: counts('1 an output element', outputs) },
};
