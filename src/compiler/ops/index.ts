/** Every operator, by name. A new one is a file and a line here. */
import { conv, dwconv } from './conv.js';
import { convtranspose } from './convtranspose.js';
import { dense } from './dense.js';
import { fused } from './fused.js';
import { globalavgpool, globalmaxpool } from './globalpool.js';
import { matmul } from './matmul.js';
import { normstats, scaleshift } from './normstats.js';
import { batchnorm, groupnorm, instancenorm, layernorm } from './norm.js';
import { avgpool, maxpool } from './pool.js';
import { resize, upsample } from './resize.js';
import {
  elu,
  gelu,
  hardsigmoid,
  hardswish,
  leakyrelu,
  mish,
  prelu,
  relu,
  relu6,
  selu,
  sigmoid,
  silu,
  softplus,
  tanh,
} from './activation.js';
import { add, div, maximum, minimum, mul, sub } from './arithmetic.js';
import { attention } from './attention.js';
import { concat } from './concat.js';
import { dropout, identity, spatialdropout } from './dropout.js';
import { crop, pad } from './pad.js';
import { max, mean, sum } from './reduce.js';
import { flatten, reshape, transpose } from './reshape.js';
import { channelshuffle, pixelshuffle, spacetodepth } from './shuffle.js';
import { slice, split } from './slice.js';
import { softmax } from './softmax.js';
import { standardize } from './standardize.js';
import type { Operator } from './operator.js';

/** Operators that every backend must spell: their tables are total over these names. */
export const CORE = {
  conv,
  dwconv,
  convtranspose,
  dense,
  maxpool,
  avgpool,
  globalavgpool,
  globalmaxpool,
  upsample,
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
  dropout,
  spatialdropout,
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
} as const satisfies Record<string, Operator>;

/** Operators that have a meaning in simpler ones; a backend may spell them, or have them decomposed. */
export const COMPOSITE = {
  attention,
  crop,
  flatten,
  pixelshuffle,
  spacetodepth,
  channelshuffle,
} as const satisfies Record<string, Operator>;

/**
 * What `kernelPasses` make of the others, for backends that write kernels of their own: no other
 * backend meets them. All have the trait `internal`.
 */
export const LOWERED = { normstats, scaleshift, fused } as const satisfies Record<string, Operator>;

export type CoreName = keyof typeof CORE;
export type CompositeName = keyof typeof COMPOSITE;
export type LoweredName = keyof typeof LOWERED;
export type OperatorName = CoreName | CompositeName | LoweredName;

const ALL: ReadonlyMap<string, Operator> = new Map<string, Operator>(
  Object.entries({ ...CORE, ...COMPOSITE, ...LOWERED }),
);

/** The operator of that name, if there is one. */
export function findOperator(name: string): Operator | undefined {
  return ALL.get(name);
}

/** The operator of a node. */
export function operatorOf(name: OperatorName): Operator {
  const operator = ALL.get(name);
  if (operator === undefined) throw new Error(`no operator ${name}`);
  return operator;
}

/** Names that a program may use, in the order of the registry. */
export function operatorNames(): readonly OperatorName[] {
  return ([...ALL.keys()] as OperatorName[]).filter(
    (name) => !operatorOf(name).traits.includes('internal'),
  );
}
