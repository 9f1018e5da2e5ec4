/** Arithmetic between tensors, element by element, with NumPy's broadcasting. */
import type { TensorType } from '../ir.js';
import { equal } from '../shape.js';
import { disagreement } from './agree.js';
import { broadcast, broadcastIndex, type AxisOfOperand } from './broadcast.js';
import { defineOperator, inferred, rejected, type Inferred, type Operator } from './operator.js';
import { SAVES_NOTHING, type Needed, type SavedRule } from './saved.js';
import { at, elementCount, newTensor } from './tensor.js';

interface Arithmetic {
  readonly name: string;
  /** What it computes, without the sentence on broadcasting that all share. */
  readonly doc: string;
  readonly formula: (left: number, right: number) => number;
  readonly saved: SavedRule;
}

/** Which of two terms the backward pass reads, by those to which a gradient flows. */
type Reads = (left: boolean, right: boolean) => readonly [left: boolean, right: boolean];

/**
 * One after the other: of more than two tensors, the left term of each but the first step is what
 * the step before has made.
 */
function savesTerms(doc: string, reads: Reads): SavedRule {
  const steps = (needed: Needed): (readonly [left: boolean, right: boolean])[] => {
    let left = needed[0] === true;
    return needed.slice(1).map((right) => {
      const read = reads(left, right);
      left ||= right;
      return read;
    });
  };
  return {
    doc: `${doc}; of more than two tensors also what lies between them, by the same rule`,
    operands: (_, needed) => {
      const read = steps(needed);
      const isRead = [read[0]?.[0] === true, ...read.map(([, right]) => right)];
      return [...isRead.keys()].filter((i) => isRead[i]);
    },
    bytes: ({ results: [y] }, _, needed) => {
      const between = steps(needed).filter(([left], i) => i > 0 && left);
      return 4 * between.length * elementCount(y ?? []);
    },
  };
}

/** Where the terms are compared again, whichever of them the gradient flows to. */
const SAVES_BOTH = savesTerms('both terms', (left, right) => [left || right, left || right]);

function defineArithmetic({ name, doc, formula, saved }: Arithmetic): Operator {
  return defineOperator({
    name,
    doc:
      `${doc} Shapes are aligned at their last axes and an axis of 1 is repeated, as in NumPy; the ` +
      'batch is left alone.',
    example: `x -> ${name}(x)`,
    operands: [{ name: 'tensors', doc: 'The tensors that follow, in order.', variadic: true }],
    parameters: {},
    infer: (operands) => inferBroadcast(name, operands),
    cost: ({ operands, results }) => ({
      macs: 0,
      flops: (operands.length - 1) * elementCount(results[0] ?? []),
    }),
    costDoc: '1 a result element for each tensor after the first.',
    saved,
    evaluate: (operands, _, [shape = []]) => {
      const y = newTensor(shape);
      const indices = operands.map((t) => broadcastIndex(t.shape, shape));
      for (let i = 0; i < y.data.length; i++) {
        const values = operands.map((t, k) => at(t.data, indices[k]?.(i) ?? -1));
        y.data[i] = values.reduce(formula);
      }
      return [y];
    },
    traits: ['elementwise'],
  });
}

export const add = defineArithmetic({
  name: 'add',
  doc: '`a + b + …`.',
  formula: (a, b) => a + b,
  saved: SAVES_NOTHING,
});

export const sub = defineArithmetic({
  name: 'sub',
  doc: '`a − b − …`.',
  formula: (a, b) => a - b,
  saved: SAVES_NOTHING,
});

export const mul = defineArithmetic({
  name: 'mul',
  doc: '`a · b · …`.',
  formula: (a, b) => a * b,
  saved: savesTerms(
    'each factor where a gradient flows to the other, so nothing for one that is a number',
    (left, right) => [right, left],
  ),
});

export const div = defineArithmetic({
  name: 'div',
  doc: '`a / b / …`, with the infinities and NaN of IEEE 754 where `b` is 0.',
  formula: (a, b) => a / b,
  saved: savesTerms(
    'the divisor, unless it is a number, and the dividend where a gradient flows to the divisor',
    (left, right) => [right, left || right],
  ),
});

export const maximum = defineArithmetic({
  name: 'maximum',
  doc: 'The largest of the tensors, element by element; NaN where one is.',
  formula: (a, b) => Math.max(a, b),
  saved: SAVES_BOTH,
});

export const minimum = defineArithmetic({
  name: 'minimum',
  doc: 'The smallest of the tensors, element by element; NaN where one is.',
  formula: (a, b) => Math.min(a, b),
  saved: SAVES_BOTH,
});

function inferBroadcast(op: string, operands: readonly TensorType[]): Inferred {
  if (operands.length < 2) {
    return rejected({
      code: 'too-few-tensors',
      message: `${op} works on two tensors or more, but has ${operands.length}`,
      hints: [`give it another: \`${op}(a, b)\``],
    });
  }
  const found = broadcast(operands.map((t) => t.shape));
  if (!found.ok)
    return rejected(disagreement(op, operands, allMismatches(operands, found.mismatch)));
  return inferred({
    dtype: 'f32',
    shape: found.shape,
    batched: operands.some((t) => t.batched),
  });
}

/** Every axis along which the two operands of a mismatch differ, the given one first. */
function allMismatches(
  operands: readonly TensorType[],
  [left, right]: readonly [AxisOfOperand, AxisOfOperand],
): (readonly [AxisOfOperand, AxisOfOperand])[] {
  const [a = [], b = []] = [operands[left.operand]?.shape, operands[right.operand]?.shape];
  const found: (readonly [AxisOfOperand, AxisOfOperand])[] = [];
  for (let fromEnd = 1; fromEnd <= Math.min(a.length, b.length); fromEnd++) {
    const [own = 1, other = 1] = [a.at(-fromEnd), b.at(-fromEnd)];
    if (own === 1 || other === 1 || equal(own, other)) continue;
    found.push([
      { operand: left.operand, axis: a.length - fromEnd },
      { operand: right.operand, axis: b.length - fromEnd },
    ]);
  }
  return found;
}
