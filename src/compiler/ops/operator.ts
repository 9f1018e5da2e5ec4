/**
 * The record of an operator: the one home of its meaning. Parameter counts, shapes, costs,
 * reference results, hovers and docs all derive from it.
 */
import type { Code } from '../codes.js';
import type { GraphBuilder } from '../builder.js';
import type {
  Attribute,
  Attributes,
  Initializer,
  TensorType,
  Tensor,
  Value,
  WeightRole,
} from '../ir.js';
import type { Kind } from './kinds.js';
import type { SavedRule } from './saved.js';

/** A tensor operand after the first, which is the one piped in. */
interface OperandSpec {
  readonly name: string;
  readonly doc: string;
  /** Takes any number of tensors, as `concat(a, b, c)`. Only the last operand may. */
  readonly variadic?: boolean;
}

export interface Parameter<T extends Attribute> {
  readonly kind: Kind<T>;
  /** Absent: required. A function sees the parameters before it (`stride = k`). */
  readonly default?: T | ((earlier: Attributes) => T);
  readonly doc: string;
}

export type Parameters = Readonly<Record<string, Parameter<Attribute>>>;

/** The attributes of a node whose operator has these parameters. */
export type AttributesOf<P extends Parameters> = {
  readonly [K in keyof P]: P[K] extends Parameter<infer T> ? T : never;
};

/** A tensor that the operator owns: learned, or a buffer. */
export interface WeightSpec {
  /** `weight`, `bias`: the last step of its name. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly role: WeightRole;
  readonly trainable: boolean;
  readonly init: Initializer;
  /** Standardised (Qiao et al. 2019) whenever it is used; see `standardize`. */
  readonly standardized?: boolean;
}

/** Why operands and attributes do not fit. The elaborator adds the places. */
export interface Problem {
  readonly code: Code;
  readonly message: string;
  readonly hints?: readonly string[];
  /** The argument to point at; the call otherwise. */
  readonly parameter?: string;
  /** Two axes that had to agree: the elaborator shows through which lines each got its size. */
  readonly mismatch?: readonly { readonly operand: number; readonly axis: number }[];
}

export type Inferred =
  | { readonly ok: true; readonly types: readonly TensorType[] }
  | { readonly ok: false; readonly problem: Problem };

/** Exact counts for one image. */
export interface Cost {
  /** Multiply-accumulates of convolutions, dense layers and matrix products; 0 elsewhere. */
  readonly macs: number;
  /** Arithmetic operations, two a MAC; a comparison, exponential or square root counts as one. */
  readonly flops: number;
}

export interface CostInput {
  /** Shapes of all operands, weights included, without batch. */
  readonly operands: readonly (readonly number[])[];
  readonly results: readonly (readonly number[])[];
}

type Trait =
  /** Every result element depends on one element (at the same place, after broadcasting) of each operand. */
  | 'elementwise'
  /** Elementwise, one operand, no weights. */
  | 'activation'
  /** The identity at inference: dropout. */
  | 'inference-identity'
  /** Moves or renames elements and computes nothing: reshape, concat. */
  | 'data-movement'
  /** Multiplies each channel of its operand by a weight and adds another, at inference: batch norm. */
  | 'channel-affine'
  /** A kernel of it can go on to elementwise nodes with each element that it has computed. */
  | 'takes-epilogue'
  /** Linear in its operand, its first weight a kernel whose last axis is the output channel. */
  | 'linear-kernel'
  /** No engine has it as one: what lies between its parts, as `decompose` gives them, takes memory. */
  | 'runs-in-parts'
  /** Not written in programs: made by the compiler. */
  | 'internal';

interface OperatorSpec<P extends Parameters> {
  readonly name: string;
  /** What it computes, with the formula and where it comes from. Markdown. */
  readonly doc: string;
  /** One line of .arch that compiles where `x` is `f32[32, 32, 16]`, or as `exampleInput` says. */
  readonly example: string;
  readonly exampleInput?: string;
  /** Tensors after the piped one. */
  readonly operands?: readonly OperandSpec[];
  readonly parameters: P;
  /** In the order in which they follow the activations among a node's operands. */
  readonly weights?: (
    operands: readonly TensorType[],
    attributes: AttributesOf<P>,
  ) => readonly WeightSpec[];
  /** The only shape rule there is. `operands` are the activations. Called before `weights`. */
  readonly infer: (operands: readonly TensorType[], attributes: AttributesOf<P>) => Inferred;
  /** Of what `infer` accepts, once all sizes are numbers: what was probably not meant; a warning. */
  readonly doubt?: (
    operands: readonly TensorType[],
    attributes: AttributesOf<P>,
  ) => Problem | undefined;
  readonly cost: (shapes: CostInput, attributes: AttributesOf<P>) => Cost;
  /** What is counted, in words, for the docs: `5 a pixel: …`. */
  readonly costDoc: string;
  /** What training keeps of it between its forward and its backward pass. */
  readonly saved: SavedRule<AttributesOf<P>>;
  /**
   * Plain, slow reference semantics on one image: the definition that every backend is judged
   * against. Sums in double precision. Operands as in the node, weights included; none is batched.
   * Absent for a composite, which is evaluated through `decompose`.
   */
  readonly evaluate?: (
    operands: readonly Tensor[],
    attributes: AttributesOf<P>,
    results: readonly (readonly number[])[],
  ) => readonly Tensor[];
  /** A composite's meaning in simpler operators. Operands as in the node, weights included. */
  readonly decompose?: (
    builder: GraphBuilder,
    operands: readonly Value[],
    attributes: AttributesOf<P>,
  ) => readonly Value[];
  readonly traits: readonly Trait[];
}

/** An operator whose parameters' types are no longer known statically. */
export type Operator = OperatorSpec<Parameters> & {
  readonly operands: readonly OperandSpec[];
  /** In their order. */
  readonly parameterNames: readonly string[];
};

/** Makes a record, with attributes typed by its parameters inside it. */
export function defineOperator<const P extends Parameters>(spec: OperatorSpec<P>): Operator {
  // Erases P. Sound because every node's attributes are read through `parameters` (`readArguments`
  // in the elaborator, `verify` after passes), so `infer` and the rest receive AttributesOf<P>.
  const { operands = [], parameters } = spec;
  return { ...spec, operands, parameterNames: Object.keys(parameters) } as unknown as Operator;
}

export function inferred(...types: readonly TensorType[]): Inferred {
  return { ok: true, types };
}

export function rejected(problem: Problem): Inferred {
  return { ok: false, problem };
}
