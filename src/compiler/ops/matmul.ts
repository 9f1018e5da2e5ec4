/** matmul: the product of two tensors' matrices. */
import type { TensorType } from '../ir.js';
import { equal } from '../shape.js';
import { disagreement } from './agree.js';
import { broadcast, broadcastIndex } from './broadcast.js';
import { defineOperator, inferred, rejected, type Inferred } from './operator.js';
import { requireRank } from './require.js';
import { SAVES_FACTORS } from './saved.js';
import { at, elementCount, newTensor } from './tensor.js';

export const matmul = defineOperator({
  name: 'matmul',
  doc:
    'Matrix product over the last two axes, `[…, M, K] · […, K, N] → […, M, N]`, as NumPy’s `matmul`: ' +
    'the axes before them broadcast, and the batch is left alone. Both have two axes or more.',
  example: 'x -> matmul(x)',
  exampleInput: 'f32[16, 16]',
  operands: [{ name: 'other', doc: 'The factor on the right.' }],
  parameters: {},
  infer: ([a, b]) => inferProduct(a, b),
  cost: ({ operands: [a], results: [y] }) => {
    const macs = elementCount(y ?? []) * (a?.at(-1) ?? 0);
    return { macs, flops: 2 * macs };
  },
  costDoc: 'MACs = outputs · K; FLOPs = two a MAC.',
  saved: SAVES_FACTORS,
  evaluate: ([a, b], _, [shape]) => {
    if (a === undefined || b === undefined) throw new Error('matmul: operands missing');
    const y = newTensor(shape ?? []);
    const lead = y.shape.slice(0, -2);
    const [rows = 0, columns = 0] = y.shape.slice(-2);
    const inner = a.shape.at(-1) ?? 0;
    const matrixOfA = broadcastIndex(a.shape.slice(0, -2), lead);
    const matrixOfB = broadcastIndex(b.shape.slice(0, -2), lead);
    for (let i = 0; i < y.data.length; i++) {
      const column = i % columns;
      const row = Math.floor(i / columns) % rows;
      const matrix = Math.floor(i / (rows * columns));
      const startOfA = (matrixOfA(matrix) * rows + row) * inner;
      const startOfB = matrixOfB(matrix) * inner * columns + column;
      let total = 0;
      for (let k = 0; k < inner; k++) {
        total += at(a.data, startOfA + k) * at(b.data, startOfB + k * columns);
      }
      y.data[i] = total;
    }
    return [y];
  },
  traits: ['takes-epilogue'],
});

function inferProduct(a: TensorType | undefined, b: TensorType | undefined): Inferred {
  const rank = requireRank('matmul', a, 2) ?? requireRank('matmul', b, 2);
  if (rank !== undefined || a === undefined || b === undefined) {
    return rejected(rank ?? { code: 'wrong-rank', message: 'matmul takes two tensors' });
  }
  const [rows = 0, inner = 0] = a.shape.slice(-2);
  const [height = 0, columns = 0] = b.shape.slice(-2);
  if (!equal(inner, height)) {
    const columnsOfA = { operand: 0, axis: a.shape.length - 1 };
    const rowsOfB = { operand: 1, axis: b.shape.length - 2 };
    return rejected(disagreement('matmul', [a, b], [[columnsOfA, rowsOfB]]));
  }
  const lead = broadcast([a.shape.slice(0, -2), b.shape.slice(0, -2)]);
  if (!lead.ok) return rejected(disagreement('matmul', [a, b], [lead.mismatch]));
  const shape = [...lead.shape, rows, columns];
  return inferred({ dtype: 'f32', shape, batched: a.batched || b.batched });
}
