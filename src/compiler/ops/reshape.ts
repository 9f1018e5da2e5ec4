/** reshape, flatten and transpose: the same elements under other axes. */
import type { TensorType } from '../ir.js';
import {
  equal,
  exactDiv,
  formatDim,
  formatShape,
  product,
  type Dim,
  type Shape,
} from '../shape.js';
import { axisIndex, countAxes, resolveAxes } from './axes.js';
import { pick, offsetsAlong, stridesOf } from './elements.js';
import { axes, dims, optional } from './kinds.js';
import {
  defineOperator,
  inferred,
  rejected,
  type Inferred,
  type Operator,
  type Problem,
} from './operator.js';
import { IS_VIEW } from './saved.js';

export const reshape = defineOperator({
  name: 'reshape',
  doc:
    'The same elements in the same (row-major) order under other axes. One size may be -1: it is ' +
    'what the others leave. The batch is left alone.',
  example: 'x -> reshape([x.height * x.width, -1])',
  parameters: {
    shape: { kind: dims, doc: 'The new sizes, without the batch.' },
  },
  infer: ([x], a) => inferReshape(x, a.shape),
  cost: () => ({ macs: 0, flops: 0 }),
  costDoc: '0: it moves data.',
  saved: IS_VIEW,
  evaluate: ([x], _, [shape]) => {
    if (x === undefined || shape === undefined) throw new Error('reshape: operand missing');
    return [{ shape, data: x.data }];
  },
  traits: ['data-movement'],
});

export const flatten: Operator = defineOperator({
  name: 'flatten',
  doc: 'All axes (but the batch) as one, in row-major order: channels vary fastest.',
  example: 'x -> flatten',
  parameters: {},
  infer: ([x]) => (x === undefined ? inferred() : inferred({ ...x, shape: [product(x.shape)] })),
  cost: () => ({ macs: 0, flops: 0 }),
  costDoc: '0: it moves data.',
  saved: IS_VIEW,
  decompose: (builder, operands) => builder.apply('reshape', operands, { shape: [-1] }),
  traits: ['data-movement'],
});

export const transpose = defineOperator({
  name: 'transpose',
  doc: 'Axes in another order: axis `i` of the result is axis `axes[i]` of the input. As NumPy’s.',
  example: 'x -> transpose([channels, height, width])',
  parameters: {
    axes: {
      kind: optional(axes),
      default: null,
      doc: 'Every axis once, without the batch; in reverse order if `none`.',
    },
  },
  infer: ([x], a) => inferTranspose(x, a.axes),
  cost: () => ({ macs: 0, flops: 0 }),
  costDoc: '0: it moves data.',
  saved: IS_VIEW,
  evaluate: ([x], a) => {
    if (x === undefined) throw new Error('transpose: operand missing');
    const strides = stridesOf(x.shape);
    const order = transposeOrder(a.axes, x.shape.length);
    return [
      pick(
        x,
        order.map((i) => offsetsAlong(x.shape[i] ?? 0, strides[i] ?? 0)),
      ),
    ];
  },
  traits: ['data-movement'],
});

/** The axes of the input, from 0, in the order of the result's. */
export function transposeOrder(axes: readonly number[] | null, rank: number): number[] {
  if (axes !== null) return axes.map((i) => axisIndex(i, rank));
  return Array.from({ length: rank }, (_, i) => rank - 1 - i);
}

function inferTranspose(x: TensorType | undefined, axes: readonly number[] | null): Inferred {
  if (x === undefined) return inferred();
  const rank = x.shape.length;
  if (axes !== null) {
    const found = resolveAxes('transpose', x, axes, 'axes');
    if ('code' in found) return rejected(found);
    if (found.length !== rank) {
      return rejected({
        code: 'wrong-axis',
        message: `transpose orders ${countAxes(found.length)}, but its input ${formatShape(x.shape)} has ${rank}`,
        parameter: 'axes',
        hints: ['name every axis once; the batch is not counted'],
      });
    }
  }
  const shape = transposeOrder(axes, rank).map((i) => x.shape[i] ?? 1);
  return inferred({ ...x, shape });
}

function inferReshape(x: TensorType | undefined, wanted: Shape): Inferred {
  if (x === undefined) return inferred();
  const refuse = (why: string, hints: readonly string[]): Inferred => {
    const problem: Problem = {
      code: 'reshape-mismatch',
      message: `${formatShape(x.shape)} cannot take the shape ${formatShape(wanted)}: ${why}`,
      parameter: 'shape',
      hints,
    };
    return rejected(problem);
  };
  if (wanted.filter((d) => d === -1).length > 1) {
    return refuse('only one size may be -1', ['write the other sizes as numbers']);
  }
  const bad = wanted.find((d) => typeof d === 'number' && d < 1 && d !== -1);
  if (bad !== undefined) {
    return refuse(`${formatDim(bad)} is no size`, [
      'sizes are at least 1, or -1 for what the others leave',
    ]);
  }
  const total = product(x.shape);
  const given = product(wanted.filter((d) => d !== -1));
  const left = exactDiv(total, given);
  if (!wanted.includes(-1)) {
    if (equal(total, given)) return inferred({ ...x, shape: wanted });
    return refuse(`it has ${formatDim(total)} elements, and the shape ${formatDim(given)}`, [
      'write -1 for the size that follows from the others',
    ]);
  }
  if (left === undefined) {
    return refuse(
      `its ${formatDim(total)} elements are not shown to be a multiple of ${formatDim(given)}`,
      ['use sizes that divide the number of elements'],
    );
  }
  return inferred({ ...x, shape: wanted.map<Dim>((d) => (d === -1 ? left : d)) });
}
