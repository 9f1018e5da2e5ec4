/** What a convention is: for each core operator, how a tool counts a call of it, in numbers and words. */
import { attributeConstant } from '../attributes.js';
import type { Attribute, Attributes, Origin } from '../ir.js';
import { broadcast } from '../ops/broadcast.js';
import { operatorOf, type CoreName } from '../ops/index.js';
import type { Kind } from '../ops/kinds.js';
import { elementCount } from '../ops/tensor.js';

/** One call of a core operator, as a tool sees it: one image, every size a number. */
export interface Call {
  readonly op: CoreName;
  /** Shapes without batch; activations first, then the operator's own weights. */
  readonly operands: readonly (readonly number[])[];
  readonly results: readonly (readonly number[])[];
  readonly attributes: Attributes;
  /** Learned elements of its weights, shared ones at every use. */
  readonly params: number;
  /** Elements of its kernels, shared ones at their first use alone. */
  readonly newKernels: number;
  /** Called as a function in PyTorch, not as a module; see `functional` in std/torch.arch. */
  readonly isFunction: boolean;
  readonly origin: Origin;
}

/** How a tool counts an operator. */
export interface Rule {
  /** Completes “the tool counts …”. */
  readonly words: string;
  /** What it adds for a call; `uncounted` where the tool has nothing for this operator. */
  readonly count: ((call: Call) => number) | 'uncounted';
}

/** `MACs`: one a multiply-accumulate. `FLOPs`: two. `operations`: one a MAC, others by instructions. */
export type Unit = 'MACs' | 'FLOPs' | 'operations';

export interface Convention {
  readonly name: string;
  /** The tool's version whose figures these are. */
  readonly version: string;
  readonly unit: Unit;
  /** Where the rules were read. */
  readonly source: string;
  readonly rules: Readonly<Record<CoreName, Rule>>;
  /** For calls of functions, where the tool counts them unlike modules. */
  readonly functions?: Readonly<Record<CoreName, Rule>>;
}

/** The rule by which a convention counts a call. */
export function ruleFor({ rules, functions }: Convention, { op, isFunction }: Call): Rule {
  return ((isFunction ? functions : undefined) ?? rules)[op];
}

// --- How tables are written -----------------------------------------------------------------------

export function counts(words: string, count: (call: Call) => number): Rule {
  return { words, count };
}

/** The tool knows the operator, or all of its kind, and gives it 0. */
export function nothing(why: string): Rule {
  return { words: `nothing: ${why}`, count: () => 0 };
}

/** The tool has no rule, which is not the same as a rule that says 0. */
export function uncounted(why: string): Rule {
  return { words: `nothing, for want of a rule: ${why}`, count: 'uncounted' };
}

/** One rule for several operators. */
export function each<const K extends CoreName>(
  names: readonly K[],
  rule: Rule,
): Readonly<Record<K, Rule>> {
  // `fromEntries` forgets which names there are.
  return Object.fromEntries(names.map((name) => [name, rule])) as Record<K, Rule>;
}

// --- Families of operators that most tools treat alike ----------------------------------------------

/** Elements are moved, or left alone at inference; `standardize` acts on weights alone. */
const MOVEMENT = [
  'concat',
  'pad',
  'reshape',
  'transpose',
  'split',
  'slice',
  'dropout',
  'spatialdropout',
  'identity',
] as const;

/** No tool counts these: they compute nothing from the image. */
export const FREE = {
  ...each(MOVEMENT, nothing('it moves data or does nothing at inference')),
  standardize: nothing('weights are standardised once, whatever the image'),
};

/** Operators without weights, other than matrix products and those of `FREE`. */
export const WEIGHTLESS = [
  'maxpool',
  'avgpool',
  'globalavgpool',
  'globalmaxpool',
  'upsample',
  'resize',
  'add',
  'sub',
  'mul',
  'div',
  'maximum',
  'minimum',
  'relu',
  'relu6',
  'leakyrelu',
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
  'mean',
  'sum',
  'max',
] as const;

/** Operators with weights, and matrix products. */
export const WEIGHTED = [
  'conv',
  'dwconv',
  'convtranspose',
  'dense',
  'matmul',
  'batchnorm',
  'groupnorm',
  'instancenorm',
  'layernorm',
  'prelu',
] as const;

// --- What tables count ------------------------------------------------------------------------------

/** Multiply-accumulates by their definition. */
export function macs(call: Call): number {
  return operatorOf(call.op).cost(call, call.attributes).macs;
}

/** Elements of the (first) result. */
export function outputs({ results }: Call): number {
  return elementCount(results[0] ?? []);
}

/** Elements of the first operand. */
export function inputs({ operands }: Call): number {
  return elementCount(operands[0] ?? []);
}

/** For operators of a kernel and, perhaps, a bias: an output element each for the bias. */
export function biasAdditions(call: Call): number {
  return call.operands.length > 2 ? outputs(call) : 0;
}

/** Whether a norm has a scale and a shift. */
export function isAffine({ operands }: Call): boolean {
  return operands.length > 1;
}

/**
 * Matrix product as most tools count it: elements of the left matrices times columns of the right.
 * Fewer than the MACs where the left operand is broadcast.
 */
export function leftTimesColumns({ operands: [left = [], right = []] }: Call): number {
  return elementCount(left) * (right.at(-1) ?? 1);
}

/** Pixels of an image `[H, W, C]`. */
export function pixels([height = 1, width = 1]: readonly number[] = []): number {
  return height * width;
}

/** An attribute as its kind reads it; throws where the operator has no such attribute. */
export function attribute<T extends Attribute>(call: Call, name: string, kind: Kind<T>): T {
  const value = call.attributes[name];
  const read = value === undefined ? undefined : kind.read(attributeConstant(value));
  if (read === undefined) throw new Error(`${call.op}: no attribute ${name}`);
  return read;
}

/** One rule for nearest and one for bilinear interpolation. */
export function byMode(nearest: Rule, bilinear: Rule): Rule {
  const { count: ofNearest } = nearest;
  const { count: ofBilinear } = bilinear;
  if (ofNearest === 'uncounted' || ofBilinear === 'uncounted') throw new Error('both are counted');
  return {
    words: `${nearest.words} (nearest), ${bilinear.words} (bilinear)`,
    count: (call) => (call.attributes['mode'] === 'nearest' ? ofNearest(call) : ofBilinear(call)),
  };
}

/** Elements computed by arithmetic of n tensors, two at a time from the left, with broadcasting. */
export function pairwise({ operands }: Call): number {
  const partial = operands.map((_, i) => broadcast(operands.slice(0, i + 1)));
  return partial
    .slice(1)
    .reduce((sum, found) => sum + (found.ok ? elementCount(found.shape.map(Number)) : 0), 0);
}
