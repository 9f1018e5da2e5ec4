/** concat: tensors one after another along an axis. */
import type { TensorType } from '../ir.js';
import { equal, formatShape, sum, type Dim } from '../shape.js';
import { disagreement } from './agree.js';
import { axisIndex, resolveAxis } from './axes.js';
import { axis } from './kinds.js';
import { defineOperator, inferred, rejected, type Inferred } from './operator.js';
import { SAVES_NOTHING } from './saved.js';
import { elementCount, newTensor } from './tensor.js';

export const concat = defineOperator({
  name: 'concat',
  doc: 'Tensors one after another along `axis`; along the other axes their sizes agree.',
  example: 'x -> concat(x, axis = channels)',
  operands: [{ name: 'tensors', doc: 'The tensors that follow, in order.', variadic: true }],
  parameters: {
    axis: { kind: axis, default: -1, doc: 'The axis along which they are joined.' },
  },
  infer: (operands, a) => inferConcat(operands, a.axis),
  cost: () => ({ macs: 0, flops: 0 }),
  costDoc: '0: it moves data.',
  saved: SAVES_NOTHING,
  evaluate: (operands, a, [shape = []]) => {
    const y = newTensor(shape);
    const rows = elementCount(shape.slice(0, axisIndex(a.axis, shape.length)));
    const rowSize = y.data.length / rows;
    let start = 0;
    for (const { data } of operands) {
      const own = data.length / rows;
      for (let row = 0; row < rows; row++) {
        y.data.set(data.subarray(row * own, (row + 1) * own), row * rowSize + start);
      }
      start += own;
    }
    return [y];
  },
  traits: ['data-movement'],
});

function inferConcat(operands: readonly TensorType[], along: number): Inferred {
  const [first] = operands;
  if (first === undefined) {
    return rejected({ code: 'too-few-tensors', message: 'concat needs a tensor to join' });
  }
  const joined = resolveAxis('concat', first, along, 'axis');
  if (typeof joined !== 'number') return rejected(joined);
  for (const [operand, { shape }] of operands.entries()) {
    if (shape.length !== first.shape.length) {
      return rejected({
        code: 'wrong-rank',
        message: `concat joins tensors with as many axes, but has ${formatShape(first.shape)} and ${formatShape(shape)}`,
        hints: ['bring them to the same number of axes first, with `reshape`'],
      });
    }
    const pairs = shape.flatMap((size, i) =>
      i === joined || equal(size, first.shape[i] ?? 0)
        ? []
        : [
            [
              { operand: 0, axis: i },
              { operand, axis: i },
            ] as const,
          ],
    );
    if (pairs.length > 0) return rejected(disagreement('concat', operands, pairs));
  }
  const shape = first.shape.map<Dim>((size, i) =>
    i === joined ? sum(operands.map((t) => t.shape[i] ?? 0)) : size,
  );
  return inferred({ dtype: 'f32', shape, batched: operands.some((t) => t.batched) });
}
