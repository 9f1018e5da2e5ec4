/**
 * The graph: typed values in SSA form, from inputs and weights through nodes to outputs.
 *
 * Layout is one: activations are channels last (`[H, W, C]`, batch implied and first), kernels are
 * `[height, width, in / groups, out]`. A backend that differs converts at its own edge.
 */
import type { OperatorName } from './ops/index.js';
import type { Shape, SizeSymbol } from './shape.js';
import type { Source, Span } from './source.js';

export interface TensorType {
  readonly dtype: 'f32';
  /** Without the batch axis. */
  readonly shape: Shape;
  /** Whether an implied batch axis precedes `shape`. Weights and constants have none. */
  readonly batched: boolean;
}

/** What an attribute may hold after elaboration: plain data, sizes that may be symbolic, a body. */
export type Attribute =
  number | boolean | string | null | Shape[number] | Body | readonly Attribute[];
export type Attributes = Readonly<Record<string, Attribute>>;

/**
 * What a node computes, as a graph: its inputs are the node's operands, one to one, weights among
 * them, and its outputs the node's results. It owns no weights and holds no constants.
 */
export interface Body {
  readonly kind: 'body';
  readonly graph: Graph;
}

/** One use of a block or operator, or one binding of the model: a step of an instance path. */
export interface Scope {
  readonly parent: Scope | undefined;
  /** `sepconv`; the final step in a path may carry a number, `sepconv_1`. */
  readonly name: string;
  /** The block that was expanded here, absent for bindings and operators. */
  readonly block: BlockInfo | undefined;
  /** What `##` says of a binding of the model. */
  readonly doc?: string;
  /** The call or binding. */
  readonly span: Span;
}

export interface BlockInfo {
  readonly name: string;
  readonly doc: string;
  /** The declaration. */
  readonly span: Span;
}

/** Where a node comes from: errors, weight names, stats rows and emitted names all read this. */
export interface Origin {
  /** The call in the source. */
  readonly span: Span;
  /** `e2.sdblock.sepconv_1.dwconv`, unique in the graph unless one call made several nodes. */
  readonly path: string;
  /** The enclosing scopes, innermost first through `parent`. */
  readonly scope: Scope;
}

export type WeightRole = 'kernel' | 'bias' | 'scale' | 'shift' | 'mean' | 'variance';

/** How a weight starts. Fans are those of Glorot & Bengio 2010 and He et al. 2015. */
export type Initializer = {
  readonly fanIn: number;
  readonly fanOut: number;
} & (
  | { readonly kind: InitializerKind }
  /** Every element is `value`; no program asks for it by name. */
  | { readonly kind: 'constant'; readonly value: number }
);

export const INITIALIZER_KINDS = [
  'he_normal',
  'he_uniform',
  'glorot_normal',
  'glorot_uniform',
  'lecun_normal',
  'normal',
  'uniform',
  'zeros',
  'ones',
] as const;
export type InitializerKind = (typeof INITIALIZER_KINDS)[number];

/** A learned tensor, or a buffer (a running statistic), by name. Its values live outside the graph. */
export interface Weight {
  /** `e2.sdblock.sepconv_1.dwconv.weight` */
  readonly name: string;
  readonly shape: readonly number[];
  readonly role: WeightRole;
  /** False for running statistics, which no optimiser changes and `params` does not count. */
  readonly trainable: boolean;
  readonly init: Initializer;
  readonly origin: Origin;
}

export type Definition =
  | { readonly kind: 'input'; readonly name: string; readonly doc: string; readonly span: Span }
  | { readonly kind: 'weight'; readonly weight: Weight }
  | { readonly kind: 'constant'; readonly data: Float32Array }
  | { readonly kind: 'result'; readonly node: Node; readonly index: number };

export interface Value {
  /** Unique in its graph, in order of creation. */
  readonly id: number;
  readonly type: TensorType;
  readonly definition: Definition;
}

export interface Node {
  readonly id: number;
  readonly op: OperatorName;
  /** Activations first, then the operator's own weights in the order that it declares. */
  readonly operands: readonly Value[];
  readonly attributes: Attributes;
  readonly results: readonly Value[];
  readonly origin: Origin;
}

export interface Output {
  readonly name: string;
  readonly doc: string;
  readonly value: Value;
  readonly span: Span;
}

export interface Graph {
  /** The model's name. */
  readonly name: string;
  readonly doc: string;
  readonly source: Source;
  readonly inputs: readonly Value[];
  /** Each after the nodes that it reads. */
  readonly nodes: readonly Node[];
  readonly outputs: readonly Output[];
  /** Every weight that the graph owns, in order of creation. */
  readonly weights: readonly Weight[];
  /** The symbols of the inputs, in order of appearance, each with its default size. */
  readonly symbols: readonly SymbolInfo[];
}

export interface SymbolInfo {
  /** As written; the symbol of `W` is `H` itself under the fact `H == W`. */
  readonly name: string;
  readonly symbol: SizeSymbol;
  readonly defaultSize: number | undefined;
}

/** A tensor's numbers, row-major over `shape`. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Values of weights, by name. */
export type WeightValues = ReadonlyMap<string, Tensor>;

/** The name an input goes by; throws on other values, which no graph has among its inputs. */
export function inputName(value: Value): string {
  if (value.definition.kind !== 'input') throw new Error('not an input');
  return value.definition.name;
}

export function isBody(attribute: Attribute | undefined): attribute is Body {
  if (typeof attribute !== 'object' || attribute === null) return false;
  return 'kind' in attribute && attribute.kind === 'body';
}
