/**
 * How TensorFlow spells each operator. The table is total over the core operators: a new one without an
 * entry does not compile. Composites without an entry are decomposed.
 */
import type {
  CompositeName,
  CoreName,
  LoweredName,
  OperatorName,
} from '../../compiler/ops/index.js';
import {
  concat,
  crop,
  matmul,
  max,
  mean,
  pad,
  reshape,
  slice,
  softmax,
  split,
  sum,
  transpose,
} from './lower-axes.js';
import {
  add,
  div,
  elu,
  gelu,
  hardsigmoid,
  hardswish,
  identity,
  leakyrelu,
  maximum,
  minimum,
  mish,
  mul,
  prelu,
  relu,
  relu6,
  selu,
  sigmoid,
  silu,
  softplus,
  sub,
  tanh,
} from './lower-elementwise.js';
import { batchnorm, groupnorm, instancenorm, layernorm, standardize } from './lower-norm.js';
import { resize } from './lower-resize.js';
import {
  avgpool,
  conv,
  convtranspose,
  dense,
  dwconv,
  globalavgpool,
  globalmaxpool,
  maxpool,
} from './lower-window.js';
import type { Lowering } from './lowering.js';
const LOWERINGS: Readonly<Record<CoreName, Lowering>> &
  Partial<Record<CompositeName | LoweredName, Lowering>> = {
  conv,
  dwconv,
  convtranspose,
  dense,
  maxpool,
  avgpool,
  globalavgpool,
  globalmaxpool,
  upsample: resize,
  resize,
  batchnorm,
  groupnorm,
  instancenorm,
  layernorm,
  matmul,
  concat,
  add,
  sub,
  mul,
  div,
  maximum,
  minimum,
  relu,
  relu6,
  leakyrelu,
  prelu,
  elu,
  selu,
  gelu,
  silu,
  hardswish,
  hardsigmoid,
  sigmoid,
  tanh,
  mish,
  softplus,
  softmax,
  dropout: identity,
  spatialdropout: identity,
  pad,
  reshape,
  transpose,
  split,
  slice,
  mean,
  sum,
  max,
  identity,
  standardize,
  // A composite that TensorFlow spells better than its decomposition.
  crop,
};

/** Undefined for composites that are to be decomposed first. */
export function loweringOf(op: OperatorName): Lowering | undefined {
  return LOWERINGS[op];
}
