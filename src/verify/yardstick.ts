/**
 * What the interpreter gives, and how far from that an engine may be.
 *
 * Some models enlarge rounding so much that no float32 engine is within a fixed tolerance: SD-UNet with
 * untrained weights moves by 2e-4 when every weight moves by its last bit. So the tolerance is what
 * rounding explains, where that is more: each step of a float32 computation gives the exact result for
 * weights and inputs that differ by some last bits (backward stability; Higham, Accuracy and Stability
 * of Numerical Algorithms, 2002, chapter 1), and the interpreter says what such a difference comes to.
 */
import { interpret, interpretAll } from '../compiler/interpret.js';
import type { Graph, Tensor, WeightValues } from '../compiler/ir.js';
import type { WeightType } from '../compiler/sizes.js';
import { uniformStream } from '../weights/random.js';
import { differenceOf, isWithin, type Difference } from './difference.js';

interface Tolerance {
  /** Below it nothing is asked. */
  readonly least: number;
  /** By how much weights and inputs are moved, as a part of `of`. */
  readonly step: number;
  /** The number itself, or the largest of its tensor. */
  readonly of: 'itself' | 'largest';
  /** How many times what that comes to is within the tolerance. */
  readonly times: number;
}

/** What rounding in float32 may cost, relative to the largest value of an output. */
export const TOLERANCE = 1e-4;

/**
 * Of float32: sums of thousands of terms round more than once, up to 26 times a last bit in the models of
 * `models/`. Half precision rounds at 2^-11, a byte at half of 1/255 of a range of at most twice the
 * largest number; those roundings are in the weights alone, but a device may multiply in half precision.
 */
export const TOLERANCES: Readonly<Record<WeightType, Tolerance>> = {
  f32: { least: TOLERANCE, step: 2 ** -23, of: 'itself', times: 64 },
  f16: { least: 0.02, step: 2 ** -11, of: 'itself', times: 16 },
  u8: { least: 0.1, step: 1 / 255, of: 'largest', times: 4 },
};

/** A tolerance as large as the output: rounding alone may change everything, and little can be told. */
export const MOST = 1;

export interface Verdict extends Difference {
  /** What it was held to. */
  readonly tolerance: number;
  readonly isWithin: boolean;
}

export interface Yardstick {
  /** The interpreter's outputs by name. */
  readonly outputs: ReadonlyMap<string, Tensor>;
  /** Judges an output of the graph. */
  readonly judge: (name: string, actual: Tensor | undefined, kind: WeightType) => Verdict;
  /** The same of any value of the graph, by its id. */
  readonly judgeValue: (id: number, actual: Tensor | undefined, kind: WeightType) => Verdict;
}

/**
 * `fixed`: the tolerance of float32 whatever rounding explains. The interpreter runs again for what is
 * beyond the least tolerance, once for each kind of weights, and once more for values inside the graph.
 */
export function createYardstick(
  graph: Graph,
  weights: WeightValues,
  inputs: ReadonlyMap<string, Tensor>,
  fixed: number | undefined,
  onProgress?: (done: number, total: number) => void,
): Yardstick {
  const outputs = interpret(graph, weights, inputs, onProgress);
  const moved = (kind: WeightType): readonly [WeightValues, ReadonlyMap<string, Tensor>] => [
    movedBy(TOLERANCES[kind], weights),
    movedBy(TOLERANCES[kind], inputs),
  ];
  const movedOutputs = once((kind) => interpret(graph, ...moved(kind)));
  const values = once(() => interpretAll(graph, weights, inputs));
  const movedValues = once((kind) => interpretAll(graph, ...moved(kind)));

  const verdict = (
    actual: Tensor | undefined,
    expected: Tensor | undefined,
    kind: WeightType,
    moving: () => Tensor | undefined,
  ): Verdict => {
    const { least, times } = TOLERANCES[kind];
    const isFixed = kind === 'f32' && fixed !== undefined;
    const tolerance = isFixed ? fixed : least;
    if (actual === undefined || expected === undefined) {
      return { maxAbs: NaN, maxRel: NaN, tolerance, isWithin: false };
    }
    const difference = differenceOf(actual, expected);
    if (isFixed || isWithin(difference, least) || Number.isNaN(difference.maxRel)) {
      return { ...difference, tolerance, isWithin: isWithin(difference, tolerance) };
    }
    const other = moving();
    const explained = other === undefined ? 0 : times * differenceOf(other, expected).maxRel;
    const wider = Number.isFinite(explained) ? Math.max(least, Math.min(explained, MOST)) : least;
    return { ...difference, tolerance: wider, isWithin: isWithin(difference, wider) };
  };
  return {
    outputs,
    judge: (name, actual, kind) =>
      verdict(actual, outputs.get(name), kind, () => movedOutputs(kind).get(name)),
    judgeValue: (id, actual, kind) =>
      verdict(actual, values('f32').get(id), kind, () => movedValues(kind).get(id)),
  };
}

function once<T>(make: (kind: WeightType) => T): (kind: WeightType) => T {
  const made = new Map<WeightType, T>();
  return (kind) => {
    const known = made.get(kind) ?? make(kind);
    made.set(kind, known);
    return known;
  };
}

/** Every number a step up or down, at random. */
function movedBy(
  { step, of }: Tolerance,
  tensors: ReadonlyMap<string, Tensor>,
): ReadonlyMap<string, Tensor> {
  return new Map(
    [...tensors].map(([name, { shape, data }]) => {
      const uniform = uniformStream(0, name);
      const largest = data.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      const moved = data.map((x) => {
        const far = step * (of === 'itself' ? x : largest);
        return uniform() < 0.5 ? x - far : x + far;
      });
      return [name, { shape, data: moved }];
    }),
  );
}
