/** TensorFlow's profiler where the batch is known. */
import { pair } from '../ops/kinds.js';
import {
  attribute,
  biasAdditions,
  counts,
  each,
  FREE,
  inputs,
  macs,
  nothing,
  outputs,
  pairwise,
  pixels,
  uncounted,
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
const UNREGISTERED = uncounted('no statistics are registered for what it is made of');

export const tf: Convention = {
  name: 'tf',
  version: '2.21',
  unit: 'FLOPs',
  source: 'tensorflow/python/profiler/internal/flops_registry.py, known batch',
  rules: {
    ...FREE,
    ...each(['conv', 'dwconv', 'convtranspose', 'dense'], WITH_BIAS),
    matmul: counts('2 a MAC', (call) => 2 * macs(call)),
    batchnorm: nothing('no statistics are registered for a fused batch norm'),
    ...each(
      ['relu', 'relu6', 'leakyrelu', 'sigmoid', 'tanh'],
      nothing('no statistics are registered for these activations'),
    ),
    softmax: counts('5 an input element', (call) => 5 * inputs(call)),
    ...each(['maxpool', 'avgpool'], POOL),
    ...each(['globalavgpool', 'mean'], counts('1 an input element', inputs)),
    sum: counts('1 an input element less 1 an output element', (c) => inputs(c) - outputs(c)),
    ...each(['upsample', 'resize'], nothing('no statistics are registered for resizing')),
    ...each(['add', 'sub', 'mul', 'div', 'maximum', 'minimum'], ARITHMETIC),
    ...each(['groupnorm', 'instancenorm', 'layernorm'], UNREGISTERED),
    ...each(['prelu', 'elu', 'selu', 'gelu', 'silu', 'mish', 'softplus'], UNREGISTERED),
    ...each(['hardswish', 'hardsigmoid', 'globalmaxpool', 'max'], UNREGISTERED),
  },
};
