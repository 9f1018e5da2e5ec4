/** TensorFlow's profiler where the batch is known. */
import { pair } from '../ops/kinds.js';
import { elementCount } from '../ops/tensor.js';
import {
  attribute,
  biasAdditions,
  counts,
  each,
  FREE,
  inputs,
  macs,
  outputs,
  pairwise,
  pixels,
  uncounted,
  type Call,
  type Convention,
} from './convention.js';

const WITH_BIAS = counts(
  '2 a MAC, and 1 an output element where there is a bias',
  (call) => 2 * macs(call) + biasAdditions(call),
);
const POOL = counts(
  '1 a tap of the window of each output element',
  (call) => outputs(call) * pixels(attribute(call, 'k', pair(1))),
);
const ARITHMETIC = counts('1 an output element for each tensor after the first', pairwise);
const UNREGISTERED = uncounted('no statistics are registered for it');
const COMPOSED = uncounted(
  'Keras makes it of smaller operations, which are not the same in all of its versions',
);

/**
 * The profiler has the formula of a gradient: MACs from the size of the output, as if each of its
 * pixels met k² / stride² taps. That is exact where the output is stride times the input, and a
 * fraction is dropped.
 */
function transposed(call: Call): number {
  const [, kernel = []] = call.operands;
  const [height, width] = attribute(call, 'stride', pair(1));
  // The dividend may be beyond 2^53 where the quotient is not.
  const taps = 2n * BigInt(pixels(call.results[0])) * BigInt(elementCount(kernel));
  return Number(taps / BigInt(height * width));
}

export const tf: Convention = {
  name: 'tf',
  version: '2.21',
  unit: 'FLOPs',
  source: 'tensorflow/python/profiler/internal/flops_registry.py, known batch',
  rules: {
    ...FREE,
    ...each(['conv', 'dwconv', 'dense'], WITH_BIAS),
    convtranspose: counts(
      '2 a kernel weight at each output pixel, over stride², and 1 an output element for a bias',
      (call) => transposed(call) + biasAdditions(call),
    ),
    matmul: counts('2 a MAC', (call) => 2 * macs(call)),
    ...each(['relu', 'relu6', 'leakyrelu', 'elu', 'selu', 'softplus'], UNREGISTERED),
    ...each(['sigmoid', 'tanh', 'batchnorm', 'max', 'globalmaxpool'], UNREGISTERED),
    ...each(['prelu', 'gelu', 'silu', 'mish', 'hardswish', 'hardsigmoid'], COMPOSED),
    ...each(['groupnorm', 'instancenorm', 'layernorm'], COMPOSED),
    softmax: counts('5 an input element', (call) => 5 * inputs(call)),
    ...each(['maxpool', 'avgpool'], POOL),
    ...each(['globalavgpool', 'mean'], counts('1 an input element', inputs)),
    sum: counts('1 an input element less 1 an output element', (c) => inputs(c) - outputs(c)),
    ...each(['upsample', 'resize'], UNREGISTERED),
    ...each(['add', 'sub', 'mul', 'div', 'maximum', 'minimum'], ARITHMETIC),
  },
};
