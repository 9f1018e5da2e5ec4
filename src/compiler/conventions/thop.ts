/** thop (pytorch-OpCounter): hooks of modules, so functions cost nothing. */
import { axisIndex } from '../ops/axes.js';
import { axis } from '../ops/kinds.js';
import { elementCount } from '../ops/tensor.js';
import {
  attribute,
  byMode,
  counts,
  each,
  FREE,
  inputs,
  isAffine,
  macs,
  nothing,
  outputs,
  pixels,
  uncounted,
  WEIGHTED,
  WEIGHTLESS,
  type Call,
  type Convention,
} from './convention.js';

const NORM = counts(
  '4 an input element, 2 without scale and shift',
  (call) => (isAffine(call) ? 4 : 2) * inputs(call),
);
const RESAMPLING = byMode(
  counts('1 an output element', outputs),
  counts('11 an output element', (call) => 11 * outputs(call)),
);
const FUNCTION = nothing('an operator between tensors, which its hooks of modules do not see');
const UNKNOWN = uncounted('it cannot find a rule');
const UNSEEN = nothing('called as a function, which its hooks of modules do not see');

/** The rule of a convolution, which for a transposed one multiplies too much: by output pixels. */
function transposed({ operands: [, kernel = []], results }: Call): number {
  return elementCount(kernel) * pixels(results[0]);
}

/** n exponentials, n − 1 additions and n divisions for the n elements of a row. */
function softmaxOperations(call: Call): number {
  const [shape = []] = call.operands;
  const n = shape[axisIndex(attribute(call, 'axis', axis), shape.length)] ?? 1;
  return (elementCount(shape) / n) * (3 * n - 1);
}

export const thop: Convention = {
  name: 'thop',
  version: '0.1.1',
  unit: 'MACs',
  source: 'thop/profile.py, thop/vision/basic_hooks.py and thop/vision/calc_func.py',
  rules: {
    ...FREE,
    ...each(['conv', 'dwconv', 'dense'], counts('1 a MAC, and nothing for a bias', macs)),
    convtranspose: counts(
      'each kernel weight at each output pixel, stride² times the MACs, and nothing for a bias',
      transposed,
    ),
    matmul: FUNCTION,
    ...each(['batchnorm', 'instancenorm', 'layernorm'], NORM),
    groupnorm: uncounted('it cannot find a rule, and skips its parameters too'),
    prelu: counts('1 an input element', inputs),
    ...each(['relu', 'relu6', 'leakyrelu'], nothing('it gives ReLU and its like 0')),
    ...each(['elu', 'gelu', 'silu', 'sigmoid', 'tanh', 'hardswish', 'hardsigmoid'], UNKNOWN),
    softmax: counts('3n − 1 a row of n elements', softmaxOperations),
    ...each(['maxpool', 'globalmaxpool'], nothing('a maximum multiplies nothing')),
    avgpool: counts('1 an output element', outputs),
    globalavgpool: counts(
      '1 an input element and 1 an output element',
      (call) => (pixels(call.operands[0]) + 1) * outputs(call),
    ),
    ...each(['upsample', 'resize'], RESAMPLING),
    ...each(['add', 'mul'], FUNCTION),
    ...each(['sub', 'div', 'maximum', 'minimum', 'mean', 'sum', 'max'], UNKNOWN),
    ...each(['selu', 'mish', 'softplus'], UNKNOWN),
  },
  functions: { ...FREE, ...each(WEIGHTED, UNSEEN), ...each(WEIGHTLESS, UNSEEN) },
};
