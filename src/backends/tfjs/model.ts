/** A TensorFlow graph in memory: nodes and the tensors between them, before they have names. */
import type { Origin, Weight } from '../../compiler/ir.js';
import type { Shape } from '../../compiler/shape.js';
import type { KernelForm } from './layout.js';

/** A tensor that flows between nodes. Which one it is, is its identity; it is named at the end. */
export interface TfValue {
  readonly type: 'float32' | 'int32';
  /** In TensorFlow's axes, the batch included. */
  readonly shape: Shape;
}

export type TfAttribute =
  | { readonly kind: 'int'; readonly value: number }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'ints'; readonly value: readonly number[] }
  | { readonly kind: 'texts'; readonly value: readonly string[] }
  | { readonly kind: 'type'; readonly value: TfValue['type'] };

export type TfAttributes = Readonly<Record<string, TfAttribute>>;

export interface TfNode {
  readonly op: string;
  readonly inputs: readonly TfValue[];
  readonly outputs: readonly TfValue[];
  readonly attributes: TfAttributes;
  /** Absent for nodes that no call in the source asks for: sizes, and the outputs' names. */
  readonly origin: Origin | undefined;
}

/** A tensor that is known when the model is written. */
export interface TfConstant {
  readonly value: TfValue;
  readonly data: Float32Array | Int32Array;
}

/** A weight in the form in which its first user wants it. */
export interface PlacedWeight {
  readonly weight: Weight;
  readonly form: KernelForm;
  readonly value: TfValue;
}

export interface TfBorder {
  readonly name: string;
  readonly value: TfValue;
}

export interface TfGraph {
  readonly inputs: readonly TfBorder[];
  readonly outputs: readonly TfBorder[];
  readonly weights: readonly PlacedWeight[];
  readonly constants: readonly TfConstant[];
  /** Each after the nodes that it reads. */
  readonly nodes: readonly TfNode[];
}

export const int = (value: number): TfAttribute => ({ kind: 'int', value });
export const float = (value: number): TfAttribute => ({ kind: 'float', value });
export const bool = (value: boolean): TfAttribute => ({ kind: 'bool', value });
export const text = (value: string): TfAttribute => ({ kind: 'text', value });
export const ints = (value: readonly number[]): TfAttribute => ({ kind: 'ints', value });
export const texts = (value: readonly string[]): TfAttribute => ({ kind: 'texts', value });
export const type = (value: TfValue['type']): TfAttribute => ({ kind: 'type', value });
