/** fvcore's FlopCountAnalysis: one “flop” is one MAC; it reads a traced graph, so functions count as modules do. */
import {
  byMode,
  counts,
  each,
  FREE,
  inputs,
  isAffine,
  leftTimesColumns,
  macs,
  nothing,
  outputs,
  uncounted,
  type Convention,
} from './convention.js';

const MACS = counts('1 a MAC, and nothing for a bias', macs);
const NORM = counts(
  '5 an input element, 4 without scale and shift',
  (call) => (isAffine(call) ? 5 : 4) * inputs(call),
);
const RESAMPLING = byMode(
  counts('1 an output element', outputs),
  counts('4 an output element', (call) => 4 * outputs(call)),
);

/** `unsupported_ops()` has these, with a warning; it ignores what moves data, and ReLU. */
const UNSUPPORTED = uncounted('it lists it as unsupported');

export const fvcore: Convention = {
  name: 'fvcore',
  version: '0.1.6',
  unit: 'MACs',
  source: 'fvcore/nn/flop_count.py, jit_handles.py and jit_analysis.py',
  rules: {
    ...FREE,
    ...each(['conv', 'dwconv', 'convtranspose', 'dense'], MACS),
    matmul: counts('1 a MAC', leftTimesColumns),
    batchnorm: counts('2 an input element', (call) => 2 * inputs(call)),
    ...each(['groupnorm', 'instancenorm', 'layernorm'], NORM),
    globalavgpool: counts('1 an input element', inputs),
    ...each(['upsample', 'resize'], RESAMPLING),
    relu: nothing('it leaves ReLU out on purpose'),
    ...each(
      [
        'relu6',
        'leakyrelu',
        'prelu',
        'elu',
        'selu',
        'gelu',
        'silu',
        'hardswish',
        'hardsigmoid',
        'sigmoid',
        'tanh',
        'mish',
        'softplus',
        'softmax',
      ],
      UNSUPPORTED,
    ),
    ...each(['maxpool', 'avgpool', 'globalmaxpool'], UNSUPPORTED),
    ...each(['add', 'sub', 'mul', 'div', 'maximum', 'minimum'], UNSUPPORTED),
    ...each(['mean', 'sum', 'max'], UNSUPPORTED),
  },
};
