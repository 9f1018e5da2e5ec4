/** mean, sum and max over axes, as NumPy's. */
import type { TensorType } from '../ir.js';
import { axisIndex, resolveAxes } from './axes.js';
import { forEachOffset, offsetsAlong, stridesOf } from './elements.js';
import { axes, bool, optional } from './kinds.js';
import {
  defineOperator,
  inferred,
  rejected,
  type CostInput,
  type Inferred,
  type Operator,
} from './operator.js';
import { SAVES_NOTHING, type SavedRule } from './saved.js';
import { at, elementCount, newTensor } from './tensor.js';

interface Reduction {
  readonly name: string;
  readonly doc: string;
  readonly example: string;
  /** What an empty set would give. */
  readonly start: number;
  readonly step: (soFar: number, value: number) => number;
  readonly finish: (total: number, count: number) => number;
  readonly flops: (inputs: number, outputs: number) => number;
  readonly costDoc: string;
  readonly saved: SavedRule;
}

function defineReduction({ name, doc, example, flops, costDoc, saved, ...r }: Reduction): Operator {
  return defineOperator({
    name,
    doc: `${doc} As in NumPy, all axes (but the batch) are taken where none are named.`,
    example,
    parameters: {
      axes: { kind: optional(axes), default: null, doc: 'The axes that go; all if `none`.' },
      keepdims: { kind: bool(), default: false, doc: 'Keep those axes, with a size of 1.' },
    },
    infer: ([x], a) => inferReduction(name, x, a.axes, a.keepdims),
    cost: ({ operands: [x = []], results: [y = []] }: CostInput) => ({
      macs: 0,
      flops: flops(elementCount(x), elementCount(y)),
    }),
    costDoc,
    saved,
    evaluate: ([x], a, [shape = []]) => {
      if (x === undefined) throw new Error(`${name}: operand missing`);
      const rank = x.shape.length;
      const gone = new Set((a.axes ?? [...x.shape.keys()]).map((i) => axisIndex(i, rank)));
      const kept = stridesOf(x.shape.map((size, i) => (gone.has(i) ? 1 : size)));
      const y = newTensor(shape);
      const totals = new Float64Array(y.data.length).fill(r.start);
      let next = 0;
      forEachOffset(
        x.shape.map((size, i) => offsetsAlong(size, gone.has(i) ? 0 : (kept[i] ?? 0))),
        (to) => (totals[to] = r.step(at(totals, to), at(x.data, next++))),
      );
      const count = x.data.length / y.data.length;
      y.data.set(totals.map((total) => r.finish(total, count)));
      return [y];
    },
    traits: [],
  });
}

export const mean = defineReduction({
  name: 'mean',
  doc: 'The mean over `axes`.',
  example: 'x -> mean([height, width])',
  start: 0,
  step: (total, value) => total + value,
  finish: (total, count) => total / count,
  flops: (inputs) => inputs,
  costDoc: '1 an input element: n − 1 additions and a division for n elements.',
  saved: SAVES_NOTHING,
});

export const sum = defineReduction({
  name: 'sum',
  doc: 'The sum over `axes`.',
  example: 'x -> sum(channels, keepdims)',
  start: 0,
  step: (total, value) => total + value,
  finish: (total) => total,
  flops: (inputs, outputs) => inputs - outputs,
  costDoc: 'n − 1 additions for n elements.',
  saved: SAVES_NOTHING,
});

export const max = defineReduction({
  name: 'max',
  doc: 'The largest value over `axes`; NaN where one is.',
  example: 'x -> max(channels, keepdims)',
  start: -Infinity,
  step: Math.max,
  finish: (largest) => largest,
  flops: (inputs, outputs) => inputs - outputs,
  costDoc: 'n − 1 comparisons for n elements.',
  saved: { doc: 'its input and its result', operands: [0], results: true },
});

function inferReduction(
  op: string,
  x: TensorType | undefined,
  over: readonly number[] | null,
  keepdims: boolean,
): Inferred {
  if (x === undefined) return inferred();
  const gone = resolveAxes(op, x, over ?? [...x.shape.keys()], 'axes');
  if ('code' in gone) return rejected(gone);
  const shape = keepdims
    ? x.shape.map((size, i) => (gone.includes(i) ? 1 : size))
    : x.shape.filter((_, i) => !gone.includes(i));
  return inferred({ ...x, shape });
}
