/** pad and crop: images with more or fewer rows and columns at their edges. */
import type { GraphBuilder } from '../builder.js';
import type { TensorType, Value } from '../ir.js';
import { add, formatDim, range, sub, type Dim } from '../shape.js';
import { axisName } from './axes.js';
import { OUTSIDE, pick, stridesOf } from './elements.js';
import { amounts, choice } from './kinds.js';
import { defineOperator, inferred, rejected, type Inferred, type Operator } from './operator.js';
import { requireImage } from './require.js';
import { SAVES_NOTHING } from './saved.js';

type Amounts = readonly [top: number, bottom: number, left: number, right: number];
const amountsParameter = {
  amounts: { kind: amounts, doc: 'For all four sides, or `[top, bottom, left, right]`.' },
} as const;

export const pad = defineOperator({
  name: 'pad',
  doc:
    'An image with rows and columns added at its edges: zeros, the image mirrored about its edge ' +
    'pixels without repeating them (`reflect`), or its edge pixels repeated (`edge`). As NumPy’s.',
  example: 'x -> pad([0, 1, 0, 1], reflect)',
  parameters: {
    ...amountsParameter,
    mode: {
      kind: choice('zero', 'reflect', 'edge'),
      default: 'zero',
      doc: 'What the new pixels hold.',
    },
  },
  infer: ([x], a) => inferPad(x, a.amounts, a.mode),
  cost: () => ({ macs: 0, flops: 0 }),
  costDoc: '0: it moves data.',
  saved: {
    doc: 'nothing for zeros, and its input for the other modes',
    operands: ({ mode }) => (mode === 'zero' ? [] : [0]),
  },
  evaluate: ([x], a) => {
    if (x === undefined) throw new Error('pad: operand missing');
    const strides = stridesOf(x.shape);
    const offsets = x.shape.map((size, axis) => {
      const [before, after] = alongAxis(a.amounts, axis);
      const count = before + size + after;
      return Array.from({ length: count }, (_, i) => {
        const from = sourceIndex(i - before, size, a.mode);
        return from === undefined ? OUTSIDE : from * (strides[axis] ?? 0);
      });
    });
    return [pick(x, offsets)];
  },
  traits: ['data-movement'],
});

export const crop: Operator = defineOperator({
  name: 'crop',
  doc: 'An image without some rows and columns at its edges.',
  example: 'x -> crop([2, 2, 4, 4])',
  parameters: amountsParameter,
  infer: ([x], a) => inferCrop(x, a.amounts),
  cost: () => ({ macs: 0, flops: 0 }),
  costDoc: '0: it moves data.',
  saved: SAVES_NOTHING,
  decompose: (builder, operands, { amounts }) => cropBySlices(builder, operands, amounts),
  traits: ['data-movement'],
});

/** Before and after, along an axis of an image. */
function alongAxis(amounts: Amounts, axis: number): readonly [before: number, after: number] {
  if (axis === 0) return [amounts[0], amounts[1]];
  return axis === 1 ? [amounts[2], amounts[3]] : [0, 0];
}

/** Which index along an axis a position in or around it holds. */
function sourceIndex(
  at: number,
  size: number,
  mode: 'zero' | 'reflect' | 'edge',
): number | undefined {
  if (at >= 0 && at < size) return at;
  if (mode === 'zero') return undefined;
  if (mode === 'edge') return at < 0 ? 0 : size - 1;
  return at < 0 ? -at : 2 * (size - 1) - at;
}

function inferPad(
  x: TensorType | undefined,
  amounts: Amounts,
  mode: 'zero' | 'reflect' | 'edge',
): Inferred {
  const problem = requireImage('pad', x);
  if (problem !== undefined || x === undefined) return problem ? rejected(problem) : inferred();
  if (mode === 'reflect') {
    for (const [axis, size] of x.shape.entries()) {
      const name = axisName(axis, x.shape);
      const most = Math.max(...alongAxis(amounts, axis));
      if (range(size)[1] <= most) {
        return rejected({
          code: 'size-too-small',
          message: `pad cannot reflect ${most} pixels along ${name}, where the size is ${formatDim(size)}: the edge itself is not repeated`,
          parameter: 'amounts',
          hints: [`pad by less than the ${name}`, 'use `mode = edge`'],
        });
      }
    }
  }
  return inferred({ ...x, shape: resized(x, amounts, add) });
}

function cropBySlices(
  builder: GraphBuilder,
  operands: readonly Value[],
  amounts: Amounts,
): readonly Value[] {
  let image = operands;
  for (const axis of [0, 1]) {
    const [start, after] = alongAxis(amounts, axis);
    image = builder.apply('slice', image, { start, stop: after === 0 ? null : -after, axis });
  }
  return image;
}

function inferCrop(x: TensorType | undefined, amounts: Amounts): Inferred {
  const problem = requireImage('crop', x);
  if (problem !== undefined || x === undefined) return problem ? rejected(problem) : inferred();
  const shape = resized(x, amounts, sub);
  const gone = shape.findIndex((size) => range(size)[1] < 1);
  if (gone !== -1) {
    const [before, after] = alongAxis(amounts, gone);
    const name = axisName(gone, x.shape);
    return rejected({
      code: 'size-too-small',
      message: `crop takes ${before} + ${after} along ${name}, where the size is ${formatDim(x.shape[gone] ?? 0)}, and leaves nothing`,
      parameter: 'amounts',
      hints: [`take less than the ${name}`],
    });
  }
  return inferred({ ...x, shape });
}

function resized(x: TensorType, amounts: Amounts, by: (size: Dim, n: number) => Dim): Dim[] {
  return x.shape.map((size, axis) => {
    const [before, after] = alongAxis(amounts, axis);
    return by(size, before + after);
  });
}
