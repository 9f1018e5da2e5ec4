/**
 * How WGSL computes each operator. The table is total over the core operators: a new one without an
 * entry does not compile. Composites without an entry are decomposed.
 */
import type { Node } from '../../compiler/ir.js';
import type {
  CompositeName,
  CoreName,
  LoweredName,
  OperatorName,
} from '../../compiler/ops/index.js';
import { operatorOf } from '../../compiler/ops/index.js';
import { lowerConv, lowerDense } from './conv.js';
import { lowerConvtranspose } from './convtranspose.js';
import { lowerDepthwise } from './depthwise.js';
import { lowerElementwise } from './elementwise.js';
import type { Emitter } from './emitter.js';
import { lowerCrop, lowerSlice, lowerSplit, lowerTranspose } from './gather.js';
import { lowerMatmul } from './matmul.js';
import { lowerConcat } from './concat.js';
import { lowerNormstats } from './normstats.js';
import { lowerPad } from './pad.js';
import { lowerPool } from './pool.js';
import { lowerReduce } from './reduce.js';
import { lowerResize } from './resize.js';
import { lowerInstancenorm, lowerLayernorm, lowerSoftmax } from './rows.js';
import { operand, resultOf, viewOf, type KernelView } from './view.js';

/** Adds the kernels of a node whose main operator is `anchor`. */
export type Lowering = (e: Emitter, view: KernelView, anchor: Node) => void;

const elementwise: Lowering = (e, view) => lowerElementwise(e, view);

/** The same elements in the same order under another shape: nothing is copied. */
const rename: Lowering = (e, view, anchor) => {
  e.alias(resultOf(view), e.place(view.outer(operand(anchor, 0))));
};

/** What never comes here: operators on weights alone are folded, group norms split. */
const gone: Lowering = (_, { node }) => {
  throw new Error(`${node.op} is still in the graph`);
};

const LOWERINGS: Readonly<Record<CoreName, Lowering>> &
  Partial<Record<CompositeName | LoweredName, Lowering>> = {
  conv: lowerConv,
  dwconv: lowerDepthwise,
  convtranspose: lowerConvtranspose,
  dense: lowerDense,
  maxpool: lowerPool,
  avgpool: lowerPool,
  globalavgpool: lowerReduce,
  globalmaxpool: lowerReduce,
  upsample: lowerResize,
  resize: lowerResize,
  batchnorm: elementwise,
  groupnorm: gone,
  instancenorm: lowerInstancenorm,
  layernorm: lowerLayernorm,
  matmul: lowerMatmul,
  concat: lowerConcat,
  add: elementwise,
  sub: elementwise,
  mul: elementwise,
  div: elementwise,
  maximum: elementwise,
  minimum: elementwise,
  relu: elementwise,
  relu6: elementwise,
  leakyrelu: elementwise,
  prelu: elementwise,
  elu: elementwise,
  selu: elementwise,
  gelu: elementwise,
  silu: elementwise,
  hardswish: elementwise,
  hardsigmoid: elementwise,
  sigmoid: elementwise,
  tanh: elementwise,
  mish: elementwise,
  softplus: elementwise,
  softmax: lowerSoftmax,
  dropout: rename,
  spatialdropout: rename,
  pad: lowerPad,
  reshape: rename,
  transpose: lowerTranspose,
  split: lowerSplit,
  slice: lowerSlice,
  mean: lowerReduce,
  sum: lowerReduce,
  max: lowerReduce,
  identity: rename,
  standardize: gone,
  // Composites that are one kernel here, and operators that passes make.
  crop: lowerCrop,
  flatten: rename,
  normstats: lowerNormstats,
  scaleshift: elementwise,
};

export function loweringOf(op: OperatorName): Lowering | undefined {
  return LOWERINGS[op];
}

export function lowerNode(e: Emitter, node: Node): void {
  const view = viewOf(node);
  const { anchor } = view;
  if (anchor === undefined) {
    const [only, ...others] = view.epilogue;
    const isIdentity =
      only !== undefined && operatorOf(only.op).traits.includes('inference-identity');
    if (isIdentity && others.length === 0) rename(e, view, only);
    else lowerElementwise(e, view);
    return;
  }
  const lowering = loweringOf(anchor.op);
  if (lowering === undefined) throw new Error(`no WGSL for ${anchor.op}`);
  lowering(e, view, anchor);
}
