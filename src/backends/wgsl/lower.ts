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
import { lowerConv } from './conv.js';
import { lowerDepthwise } from './depthwise.js';
import { lowerElementwise } from './elementwise.js';
import type { Emitter } from './emitter.js';
import { lowerConcat, lowerUpsample } from './move.js';
import { lowerNormstats } from './normstats.js';
import { lowerPool } from './pool.js';
import { operand, resultOf, viewOf, type KernelView } from './view.js';

/** Adds the kernels of a node whose main operator is `anchor`. */
export type Lowering = (e: Emitter, view: KernelView, anchor: Node) => void;

const elementwise: Lowering = (e, view) => lowerElementwise(e, view);

/** The same elements in the same order under another shape: nothing is copied. */
const rename: Lowering = (e, view, anchor) => {
  e.alias(resultOf(view), e.place(view.outer(operand(anchor, 0))));
};

const LOWERINGS = {
  conv: lowerConv,
  dwconv: lowerDepthwise,
  maxpool: lowerPool,
  avgpool: lowerPool,
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
  dropout: rename,
  spatialdropout: rename,
  scaleshift: elementwise,
  batchnorm: elementwise,
  concat: lowerConcat,
  upsample: lowerUpsample,
  normstats: lowerNormstats,
  identity: rename,
  reshape: rename,
} as const satisfies Partial<Record<CoreName | CompositeName | LoweredName, Lowering>>;

const TABLE: Readonly<Partial<Record<OperatorName, Lowering>>> = LOWERINGS;

export function loweringOf(op: OperatorName): Lowering | undefined {
  return TABLE[op];
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
