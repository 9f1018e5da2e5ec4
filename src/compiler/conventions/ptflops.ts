/** ptflops as it is by default: hooks of modules, and wrapped functions, which many modules call too. */
import {
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
  uncounted,
  WEIGHTED,
  WEIGHTLESS,
  type Call,
  type Convention,
} from './convention.js';

const TWICE = 'because it counts the module and again the function that the module calls';

const once = {
  input: counts('1 an input element', inputs),
  output: counts('1 an output element', outputs),
};
const twice = {
  input: counts(`2 an input element, ${TWICE}`, (call) => 2 * inputs(call)),
  output: counts(`2 an output element, ${TWICE}`, (call) => 2 * outputs(call)),
};
const WITH_BIAS = counts(
  '1 a MAC, and 1 an output element where there is a bias',
  (call) => macs(call) + biasAdditions(call),
);
const MATMUL = counts('1 a MAC', leftTimesColumns);
const NORM = counts(
  '2 an input element, 1 without scale and shift',
  (call: Call) => (isAffine(call) ? 2 : 1) * inputs(call),
);

const UNKNOWN = uncounted('it treats it as a zero-op');
/** What is the same whether functions are counted or not. */
const MODULES = {
  ...FREE,
  ...each(['conv', 'dwconv', 'convtranspose', 'dense'], WITH_BIAS),
  ...each(['batchnorm', 'groupnorm', 'instancenorm'], NORM),
  layernorm: once.input,
  ...each(['relu6', 'leakyrelu'], once.output),
  ...each(['sigmoid', 'tanh', 'hardswish', 'hardsigmoid'], UNKNOWN),
  ...each(['add', 'mul'], nothing('it does not see `+` and `*` between tensors')),
  ...each(['sub', 'div', 'maximum', 'minimum'], UNKNOWN),
  ...each(['selu', 'mish', 'softplus', 'mean', 'sum', 'max'], UNKNOWN),
} as const;

const UNWRAPPED = nothing('called as a function, which it does not wrap');

export const ptflops: Convention = {
  name: 'ptflops',
  version: '0.7.6',
  unit: 'MACs',
  source: 'ptflops/pytorch_ops.py and ptflops/pytorch_engine.py',
  rules: {
    ...MODULES,
    matmul: MATMUL,
    ...each(['relu', 'prelu', 'elu', 'gelu'], twice.output),
    ...each(['maxpool', 'avgpool', 'globalavgpool', 'globalmaxpool'], twice.input),
    ...each(['upsample', 'resize'], twice.output),
    ...each(['silu', 'softmax'], once.output),
  },
  functions: {
    ...FREE,
    ...each(WEIGHTED, UNWRAPPED),
    ...each(WEIGHTLESS, UNWRAPPED),
    matmul: MATMUL,
    ...each(['relu', 'relu6', 'prelu', 'elu', 'gelu', 'silu', 'softmax'], once.output),
    ...each(['maxpool', 'avgpool', 'globalavgpool', 'globalmaxpool'], once.input),
    ...each(['upsample', 'resize'], once.output),
  },
};

const UNSEEN = nothing('a function, and functions are not counted here');

/** ptflops without functions: hooks of modules alone. */
export const ptflopsModules: Convention = {
  name: 'ptflops-modules',
  version: '0.7.6',
  unit: 'MACs',
  source: 'MODULES_MAPPING of ptflops/pytorch_ops.py, without wrapped functions',
  rules: {
    ...MODULES,
    ...each(['matmul', 'silu', 'softmax'], UNSEEN),
    ...each(['relu', 'prelu', 'elu', 'gelu'], once.output),
    ...each(['maxpool', 'avgpool', 'globalavgpool', 'globalmaxpool'], once.input),
    ...each(['upsample', 'resize'], once.output),
  },
  functions: { ...FREE, ...each(WEIGHTED, UNSEEN), ...each(WEIGHTLESS, UNSEEN) },
};
