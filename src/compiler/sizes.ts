/** How many bytes weights take in files, by the type that they are stored in. */
import type { Graph } from './ir.js';
import { BYTES } from './memory.js';
import { totalElements } from './ops/tensor.js';
import { inferenceGraph } from './stats.js';
import { OPTIMIZERS } from './training.js';

/**
 * Bytes of an element, and of what a tensor needs beside its elements. u8 is TensorFlow.js's affine
 * quantisation: a byte an element, and for each tensor a float32 scale and a float32 minimum.
 */
export const WEIGHT_TYPES = {
  f32: { element: BYTES, tensor: 0 },
  f16: { element: 2, tensor: 0 },
  u8: { element: 1, tensor: 8 },
} as const;

export type WeightType = keyof typeof WEIGHT_TYPES;
export const WEIGHT_TYPE_NAMES = Object.keys(WEIGHT_TYPES) as readonly WeightType[];

export interface WeightSizes {
  /** Of weights and running statistics, by type: the payload of a file, without its description. */
  readonly payload: Readonly<Record<WeightType, number>>;
  /** In float32 with Adam's two moments for each learned weight, as a training checkpoint holds. */
  readonly withAdam: number;
}

/** The sizes of what outputs depend on, as the source has it: no pass has folded anything away. */
export function weightSizes(graph: Graph): WeightSizes {
  const { weights } = inferenceGraph(graph);
  const elements = totalElements(weights);
  const learned = totalElements(weights.filter(({ trainable }) => trainable));
  const of = (type: WeightType): number =>
    WEIGHT_TYPES[type].element * elements + WEIGHT_TYPES[type].tensor * weights.length;
  return {
    payload: { f32: of('f32'), f16: of('f16'), u8: of('u8') },
    withAdam: of('f32') + OPTIMIZERS.adam * BYTES * learned,
  };
}
