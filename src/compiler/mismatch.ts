/** Why two sizes that had to agree do not: through which lines each got its size, and what is missing. */
import type { Diagnostic } from './diagnostic.js';
import type { Value } from './ir.js';
import { equal, formatDim, isSymbolic, missingFacts, type Dim } from './shape.js';
import { formatLocation, type Span } from './source.js';

interface Side {
  readonly operand: number;
  readonly axis: number;
}

/** Steps shown for each side: the last ones that changed the size. */
const MAX_STEPS = 4;

/** Labels and hints for a shape mismatch between axes of a node's operands. */
export function explainMismatch(
  sides: readonly Side[],
  operands: readonly Value[],
  use: Span,
): Pick<Diagnostic, 'labels' | 'hints'> {
  const labels: { span: Span; message: string }[] = [];
  const seen = new Set([formatLocation(use)]);
  for (const side of sides) {
    const value = operands[side.operand];
    if (value === undefined) continue;
    for (const step of traceAxis(value, side.axis).slice(0, MAX_STEPS)) {
      const key = `${formatLocation(step.span)} ${step.message}`;
      if (seen.has(key)) continue;
      seen.add(key);
      labels.push(step);
    }
  }
  return { labels, hints: factHints(sides, operands) };
}

function factHints(sides: readonly Side[], operands: readonly Value[]): string[] {
  const [first, second] = sides;
  const a = first === undefined ? undefined : operands[first.operand]?.type.shape;
  const b = second === undefined ? undefined : operands[second.operand]?.type.shape;
  if (a === undefined || b === undefined || first === undefined || second === undefined) return [];
  // One missing fact usually concerns height and width alike: ask for all axes that differ.
  const pairs: [Dim, Dim][] = [[a.at(first.axis) ?? 0, b.at(second.axis) ?? 0]];
  if (a.length === b.length && first.axis === second.axis) {
    a.forEach((dim, axis) => {
      const other = b[axis] ?? 0;
      // Of two numbers, no fact makes one.
      const isOpen = isSymbolic(dim) || isSymbolic(other);
      if (axis !== first.axis && isOpen && !equal(dim, other)) pairs.push([dim, other]);
    });
  }
  const facts = missingFacts(pairs) ?? missingFacts(pairs.slice(0, 1));
  return facts === undefined ? [] : [`add: where ${facts.join(', ')}`];
}

/** The uses at which an axis got its size, latest first. */
function traceAxis(start: Value, axis: number): { span: Span; message: string }[] {
  const steps: { span: Span; message: string }[] = [];
  let value = start;
  let fromEnd = axis < 0 ? axis : axis - value.type.shape.length;
  for (;;) {
    const { definition } = value;
    const size = value.type.shape.at(fromEnd);
    if (size === undefined) return steps;
    if (definition.kind !== 'result') {
      if (definition.kind === 'input') {
        steps.push({ span: definition.span, message: `${definition.name} has ${formatDim(size)}` });
      }
      return steps;
    }
    const { node } = definition;
    const [source] = node.operands;
    if (source === undefined) return steps;
    const before = source.type.shape.at(fromEnd);
    const sameRank = source.type.shape.length === value.type.shape.length;
    if (before === undefined || !sameRank) {
      steps.push({ span: node.origin.span, message: `${node.op} makes ${formatDim(size)}` });
      return steps;
    }
    if (!equal(before, size)) {
      steps.push({
        span: node.origin.span,
        message: `${node.op}: ${formatDim(before)} becomes ${formatDim(size)}`,
      });
    }
    value = source;
    fromEnd = Math.max(fromEnd, -value.type.shape.length);
  }
}
