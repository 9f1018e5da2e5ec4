/** slice and split: parts of a tensor along an axis. */
import type { Constant } from '../constant.js';
import type { Tensor, TensorType } from '../ir.js';
import {
  add,
  ceilDiv,
  equal,
  exactDiv,
  formatDim,
  formatShape,
  isSymbolic,
  range,
  sub,
  sum,
  type Dim,
  type Shape,
} from '../shape.js';
import { axisIndex, axisName, resolveAxis } from './axes.js';
import { offsetsAlong, pick, stridesOf } from './elements.js';
import { axis, dims, int, optional, type Kind } from './kinds.js';
import { defineOperator, inferred, rejected, type Inferred } from './operator.js';
import { notMultiple } from './require.js';
import { SAVES_NOTHING } from './saved.js';

/** A place along an axis, counted from the end when negative. */
const index: Kind<Dim> = {
  describe: 'a whole number; negative counts from the end',
  type: 'int',
  choices: [],
  read: (c: Constant) => (c.type === 'int' && isSymbolic(c.value) ? c.value : int().read(c)),
};

/** A program that asks for more parts than this has made a mistake. */
const MAX_PARTS = 65_536;

/** `3`, or a list of sizes. */
const parts: Kind<number | Shape> = {
  describe: `a number of equal parts from 1 to ${MAX_PARTS}, or a list of their sizes`,
  type: 'int | [int]',
  choices: [],
  read: (c) => {
    if (c.type === 'list') return c.items.length > MAX_PARTS ? undefined : dims.read(c);
    const count = int(1).read(c);
    return count !== undefined && count <= MAX_PARTS ? count : undefined;
  },
};

interface SliceAttributes {
  readonly start: Dim;
  readonly stop: Dim | null;
  readonly axis: number;
  readonly step: number;
}

export const slice = defineOperator({
  name: 'slice',
  doc:
    'The elements at `start`, `start + step`, … before `stop` along `axis`, as NumPy’s ' +
    '`x[start:stop:step]`: negative places count from the end, and those beyond it stop there. A ' +
    'slice of nothing is an error.',
  example: 'x -> slice(1, -1, axis = height)',
  parameters: {
    start: { kind: index, doc: 'The first place.' },
    stop: {
      kind: optional(index),
      default: null,
      doc: 'The place after the last; the end if `none`.',
    },
    axis: { kind: axis, default: -1, doc: 'The axis to cut.' },
    step: { kind: int(1), default: 1, doc: 'The distance between places.' },
  },
  infer: ([x], a) => inferSlice(x, a),
  cost: () => ({ macs: 0, flops: 0 }),
  costDoc: '0: it moves data.',
  saved: SAVES_NOTHING,
  evaluate: ([x], a, [shape = []]) => {
    if (x === undefined) throw new Error('slice: operand missing');
    const along = axisIndex(a.axis, x.shape.length);
    const start = boundsOf(a, x.shape[along] ?? 0)?.start;
    if (typeof start !== 'number') throw new Error('slice: a bound is not known');
    return [cut(x, shape, along, start, a.step)];
  },
  traits: ['data-movement'],
});

export const split = defineOperator({
  name: 'split',
  doc:
    'Consecutive parts of a tensor along `axis`, as many results: `parts` of the same size, or of ' +
    'the sizes listed, which add up to the axis.',
  example: 'a, b = split(x, 2)',
  parameters: {
    parts: { kind: parts, doc: 'How many parts, or their sizes.' },
    axis: { kind: axis, default: -1, doc: 'The axis to part.' },
  },
  infer: ([x], a) => inferSplit(x, a.parts, a.axis),
  cost: () => ({ macs: 0, flops: 0 }),
  costDoc: '0: it moves data.',
  saved: SAVES_NOTHING,
  evaluate: ([x], a, shapes) => {
    if (x === undefined) throw new Error('split: operand missing');
    const along = axisIndex(a.axis, x.shape.length);
    let start = 0;
    return shapes.map((shape) => {
      const part = cut(x, shape, along, start, 1);
      start += shape[along] ?? 0;
      return part;
    });
  },
  traits: ['data-movement'],
});

/** The part of `x` that has this shape and begins at `start` along an axis. */
function cut(
  x: Tensor,
  shape: readonly number[],
  along: number,
  start: number,
  step: number,
): Tensor {
  const strides = stridesOf(x.shape);
  const offsets = shape.map((size, i) => {
    const stride = strides[i] ?? 0;
    return i === along ? offsetsAlong(size, stride, start, step) : offsetsAlong(size, stride);
  });
  return pick(x, offsets);
}

/**
 * Where a slice starts and stops along an axis of this size, exact for every size of which the
 * slice leaves something. Undefined where that would take a minimum or maximum that the facts do
 * not decide. `stop` may lie below `start`.
 */
function boundsOf(a: SliceAttributes, size: Dim): { start: Dim; stop: Dim } | undefined {
  const start = sliceStart(a.start, size);
  const to = a.stop === null ? size : placeOf(a.stop, size);
  if (to === undefined) return undefined;
  // A stop before the beginning leaves nothing: that needs no clamp.
  const stop = atMost(to, size) ? to : atMost(size, to) ? size : undefined;
  return start === undefined || stop === undefined ? undefined : { start, stop };
}

/** Where a slice starts along an axis of this size, counted from 0; undefined as for its bounds. */
export function sliceStart(start: Dim, size: Dim): Dim | undefined {
  const from = placeOf(start, size);
  if (from === undefined) return undefined;
  // A start beyond the end leaves nothing: that needs no clamp.
  return atMost(0, from) ? from : atMost(from, 0) ? 0 : undefined;
}

/** A place counted from 0; undefined where its sign is not known. */
function placeOf(place: Dim, size: Dim): Dim | undefined {
  if (atMost(0, place)) return place;
  return atMost(place, -1) ? add(size, place) : undefined;
}

/** Whether a ≤ b is shown for every value of the symbols. */
function atMost(a: Dim, b: Dim): boolean {
  return range(sub(b, a))[0] >= 0;
}

function inferSlice(x: TensorType | undefined, a: SliceAttributes): Inferred {
  if (x === undefined) return inferred();
  const along = resolveAxis('slice', x, a.axis, 'axis');
  if (typeof along !== 'number') return rejected(along);
  const size = x.shape[along] ?? 0;
  const name = axisName(along, x.shape);
  const written = `${formatDim(a.start)} to ${a.stop === null ? 'the end' : formatDim(a.stop)}`;
  const bounds = boundsOf(a, size);
  if (bounds === undefined) {
    return rejected({
      code: 'unknown-size',
      message: `slice from ${written}: how much is left along ${name} is not known for every size ${formatDim(size)}`,
      hints: ['state the least size that the input may have, as in `where H >= 64`'],
    });
  }
  const length = ceilDiv(sub(bounds.stop, bounds.start), a.step);
  if (range(length)[1] < 1) {
    return rejected({
      code: 'size-too-small',
      message: `slice from ${written} leaves nothing along ${name}, where the size is ${formatDim(size)}`,
      hints: ['let `stop` lie after `start`, and both within the axis'],
    });
  }
  return inferred(withAxis(x, along, length));
}

function inferSplit(x: TensorType | undefined, wanted: number | Shape, over: number): Inferred {
  if (x === undefined) return inferred();
  const along = resolveAxis('split', x, over, 'axis');
  if (typeof along !== 'number') return rejected(along);
  const size = x.shape[along] ?? 0;
  const name = axisName(along, x.shape);
  if (typeof wanted === 'number') {
    const part = exactDiv(size, wanted);
    if (part === undefined) return rejected(notMultiple('split', name, size, wanted, 'parts'));
    return inferred(...Array.from({ length: wanted }, () => withAxis(x, along, part)));
  }
  if (!equal(sum(wanted), size)) {
    return rejected({
      code: 'reshape-mismatch',
      message: `split into ${formatShape(wanted)} takes ${formatDim(sum(wanted))} along ${name}, where the size is ${formatDim(size)}`,
      parameter: 'parts',
      hints: ['let the parts add up to the whole axis', 'use `slice` to take a part of it'],
    });
  }
  const empty = wanted.find((part) => range(part)[1] < 1);
  if (empty !== undefined) {
    return rejected({
      code: 'size-too-small',
      message: `split into ${formatShape(wanted)} has a part of ${formatDim(empty)}`,
      parameter: 'parts',
      hints: ['let every part be at least 1'],
    });
  }
  return inferred(...wanted.map((part) => withAxis(x, along, part)));
}

function withAxis(x: TensorType, along: number, size: Dim): TensorType {
  return { ...x, shape: x.shape.map((d, i) => (i === along ? size : d)) };
}
