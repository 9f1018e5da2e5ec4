/** Sizes at which the interpreter is quick and a mistake still shows. */
import { chooseSizes, type CheckedModel } from '../compiler/check.js';
import type { Graph } from '../compiler/ir.js';
import { stats } from '../compiler/stats.js';

/** At fewer pixels, kernels would see little but padding. */
const LEAST = 16;
/** Height and width that are mixed up show where they differ. */
const LEAST_STEP = 8;
/** Multiply-accumulates of an image that the interpreter does in a few seconds. */
const ENOUGH = 2.5e8;
const DOUBLINGS = 6;

/**
 * How many times the number that it must be a multiple of each free size is, by its place: the first
 * that is no more work than `ENOUGH`. At one time, the deepest layers of a U-Net see one pixel.
 */
const STEPS: readonly ((place: number) => number)[] = [
  (place) => 2 + place,
  (place) => 1 + place,
  () => 1,
];

/**
 * A model at about the smallest sizes that its facts allow, none beyond its default. Larger ones where
 * an operator asks for more, undefined where none of those will do (or no size is free).
 */
export function atSmallSizes(model: CheckedModel & { readonly graph: Graph }): Graph | undefined {
  if (model.graph.symbols.length === 0) return undefined;
  for (let scale = 1; scale <= 2 ** DOUBLINGS; scale *= 2) {
    const graphs = STEPS.flatMap((steps) => atSize(model, steps, scale) ?? []);
    const small = graphs.find((graph) => macsOf(graph) <= ENOUGH) ?? graphs.at(-1);
    if (small !== undefined) return small;
  }
  return undefined;
}

function atSize(
  model: CheckedModel & { readonly graph: Graph },
  steps: (place: number) => number,
  scale: number,
): Graph | undefined {
  const { symbols } = model.graph;
  // Sizes that a fact makes equal are one.
  const free = [...new Set(symbols.map(({ symbol }) => symbol.name))];
  const named = symbols.map(({ name, symbol, defaultSize = Infinity }): [string, number] => {
    const { modulus, remainder, min, max } = symbol;
    const place = free.indexOf(symbol.name);
    const least = LEAST + LEAST_STEP * (steps(place) - steps(0));
    const wanted = scale * Math.max(modulus * steps(place), least);
    const size = Math.ceil((Math.max(min, wanted) - remainder) / modulus) * modulus + remainder;
    return [name, Math.min(size, max, defaultSize)];
  });
  return chooseSizes(model, { named: new Map(named) }).graph;
}

function macsOf(graph: Graph): number {
  const figures = stats(graph);
  return figures.ok ? figures.value.macs : Infinity;
}
