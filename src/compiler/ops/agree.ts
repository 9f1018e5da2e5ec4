/** What to say where the sizes of two operands should agree and are not shown to. */
import type { TensorType } from '../ir.js';
import { formatDim, formatShape, type Dim } from '../shape.js';
import { axisName } from './axes.js';
import type { AxisOfOperand } from './broadcast.js';
import type { Problem } from './operator.js';

/**
 * `pairs`: every two axes that differ, the one to show first. All are of the same two operands. The
 * facts that would make them equal are for the elaborator to find.
 */
export function disagreement(
  op: string,
  operands: readonly TensorType[],
  pairs: readonly (readonly [AxisOfOperand, AxisOfOperand])[],
): Problem {
  const shapeOf = (at: AxisOfOperand) => operands[at.operand]?.shape ?? [];
  const sizeOf = (at: AxisOfOperand): Dim => shapeOf(at)[at.axis] ?? 1;
  const [first] = pairs;
  if (first === undefined) throw new Error(`${op}: nothing disagrees`);
  const [left, right] = first;
  const differ = pairs.map(([a, b]) => {
    const [name, other] = [axisName(a.axis, shapeOf(a)), axisName(b.axis, shapeOf(b))];
    const axes = name === other ? `${name} is` : `${name} and ${other} are`;
    return `${axes} ${formatDim(sizeOf(a))} and ${formatDim(sizeOf(b))}`;
  });
  return {
    code: 'shape-mismatch',
    message:
      `${op} has tensors ${formatShape(shapeOf(left))} and ${formatShape(shapeOf(right))} that do ` +
      `not agree: ${differ.join('; ')}`,
    mismatch: first,
  };
}
