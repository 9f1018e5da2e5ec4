/** An ONNX graph in memory: nodes and the tensors between them, before they have names. */
import type { Origin, Weight } from '../../compiler/ir.js';
import type { Shape } from '../../compiler/shape.js';
import type { Pattern } from './layout.js';

/** A tensor that flows between nodes. Which one it is, is its identity; it is named at the end. */
export interface OnnxValue {
  readonly type: 'float' | 'int64';
  /** In ONNX's axes, the batch included. */
  readonly shape: Shape;
}

export type OnnxAttribute =
  | { readonly kind: 'int'; readonly value: number }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'ints'; readonly value: readonly number[] }
  | { readonly kind: 'tensor'; readonly value: OnnxTensor };

/** A constant. */
export type OnnxTensor =
  | { readonly type: 'float'; readonly dims: readonly number[]; readonly data: Float32Array }
  | { readonly type: 'int64'; readonly dims: readonly number[]; readonly data: readonly number[] };

export type OnnxAttributes = Readonly<Record<string, OnnxAttribute>>;

export interface OnnxNode {
  readonly opType: string;
  /** Absent for ONNX's own operators. */
  readonly domain?: string;
  /** Undefined: an optional input that is left out. */
  readonly inputs: readonly (OnnxValue | undefined)[];
  readonly outputs: readonly OnnxValue[];
  readonly attributes: OnnxAttributes;
  /** Absent for nodes that no call in the source asks for: sizes, and layouts at the borders. */
  readonly origin: Origin | undefined;
  /** Whether it only serves another node of the same origin: a constant, a change of layout. */
  readonly auxiliary: boolean;
}

/** A weight under the pattern in which its first user wants it. */
export interface PlacedWeight {
  readonly weight: Weight;
  readonly pattern: Pattern;
  readonly value: OnnxValue;
}

export interface OnnxBorder {
  readonly name: string;
  readonly doc: string;
  readonly value: OnnxValue;
}

export interface OnnxGraph {
  readonly inputs: readonly OnnxBorder[];
  readonly outputs: readonly OnnxBorder[];
  readonly weights: readonly PlacedWeight[];
  /** Each after the nodes that it reads. */
  readonly nodes: readonly OnnxNode[];
}

export const int = (value: number): OnnxAttribute => ({ kind: 'int', value });
export const float = (value: number): OnnxAttribute => ({ kind: 'float', value });
export const text = (value: string): OnnxAttribute => ({ kind: 'string', value });
export const ints = (value: readonly number[]): OnnxAttribute => ({ kind: 'ints', value });
