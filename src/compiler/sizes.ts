/** How many bytes weights take in files, by the type that they are stored in. */
import type { Graph, Weight } from './ir.js';
import { BYTES } from './memory.js';
import { totalElements } from './ops/tensor.js';
import { inferenceGraph } from './stats.js';
import { OPTIMIZERS } from './training.js';

/** What a file can be asked to hold weights in. */
export const WEIGHT_TYPE_NAMES = ['f32', 'f16', 'u8'] as const;
export type WeightType = (typeof WEIGHT_TYPE_NAMES)[number];

const ELEMENT_BYTES: Readonly<Record<WeightType, number>> = { f32: BYTES, f16: 2, u8: 1 };

/**
 * What a weight is held in where a file is asked for in a type. Of `u8` that is kernels alone, which
 * are nearly all of a model's bytes and bear it best.
 */
export function storedType({ role }: Weight, asked: WeightType): WeightType {
  return asked === 'u8' && role !== 'kernel' ? 'f32' : asked;
}

export interface WeightSizes {
  /** Of weights and running statistics, by type: the payload of a file, without its description. */
  readonly payload: Readonly<Record<WeightType, number>>;
  /** In float32 with Adam's two moments for each learned weight, as a training checkpoint holds. */
  readonly withAdam: number;
}

/** The sizes of what outputs depend on, as the source has it: no pass has folded anything away. */
export function weightSizes(graph: Graph): WeightSizes {
  const { weights } = inferenceGraph(graph);
  const learned = totalElements(weights.filter(({ trainable }) => trainable));
  const of = (type: WeightType): number =>
    weights.reduce(
      (sum, weight) => sum + ELEMENT_BYTES[storedType(weight, type)] * totalElements([weight]),
      0,
    );
  return {
    payload: { f32: of('f32'), f16: of('f16'), u8: of('u8') },
    withAdam: of('f32') + OPTIMIZERS.adam * BYTES * learned,
  };
}
