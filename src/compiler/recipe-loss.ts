/** `0.5 * dice(mask) + 0.5 * bce(mask)`: what a recipe minimises, as terms with a weight each. */
import type { Loss } from '../train/recipe.js';
import { isFunctionName } from './arithmetic.js';
import type { Expression } from './ast.js';
import { decide } from './evaluate.js';
import { isBoundHere } from './lookup.js';
import { LOSSES, type Range } from './recipe-words.js';
import { readNumber, readWord, wordOf, type Reader, type Said } from './recipe-values.js';
import { report, type Frame } from './session.js';

/** One term, and where its loss stands. */
export interface SaidTerm extends Said<Loss> {
  readonly weight: number;
}

const FACTOR: Range = { says: 'a number', holds: () => true };

/** Terms of weight 0 are left out. Undefined once something has been reported. */
export function readLoss(expression: Expression, reader: Reader): readonly SaidTerm[] | undefined {
  const all = readTerms(expression, 1, reader);
  if (all === undefined) return undefined;
  const negative = all.find(({ weight }) => weight < 0);
  if (negative !== undefined) {
    const message = `the weight of a loss is at least 0, not ${negative.weight}`;
    report(reader.frame, 'wrong-argument', message, negative.span);
    return undefined;
  }
  const terms = all.filter(({ weight }) => weight > 0);
  if (terms.length > 0) return terms;
  report(reader.frame, 'wrong-argument', 'every term of this loss has weight 0', expression.span);
  return undefined;
}

function readTerms(
  expression: Expression,
  weight: number,
  reader: Reader,
): readonly SaidTerm[] | undefined {
  const { frame } = reader;
  const refuse = (message: string, hint: string): readonly SaidTerm[] | undefined => {
    report(frame, 'wrong-type', message, expression.span, { hints: [hint] });
    return undefined;
  };
  if (expression.kind === 'if') {
    const chosen = decide(expression.condition, frame, 'the condition of `if`');
    if (chosen === undefined) return undefined;
    return readTerms(chosen ? expression.then : expression.else, weight, reader);
  }
  if (expression.kind === 'unary' && holdsLoss(expression.operand, frame)) {
    return refuse(
      'a loss has no sign: what is summed here is minimised',
      '`dice` is 1 − Dice already: write it without `-`',
    );
  }
  if (expression.kind === 'binary' && holdsLoss(expression, frame)) {
    const { operator, left, right } = expression;
    switch (operator) {
      case '+': {
        // Both sides, so that mistakes in each are told of.
        const [first, second] = [left, right].map((side) => readTerms(side, weight, reader));
        return first === undefined || second === undefined ? undefined : [...first, ...second];
      }
      case '*':
      case '/': {
        const [factor, loss] = holdsLoss(right, frame) ? [left, right] : [right, left];
        if (holdsLoss(factor, frame) || (operator === '/' && loss === right)) {
          return refuse('losses are only added up', 'write `0.5 * dice(mask) + 0.5 * bce(mask)`');
        }
        const by = readNumber(factor, 'float', FACTOR, 'the weight of a loss', frame);
        const scaled = operator === '*' ? weight * (by ?? 1) : weight / (by ?? 1);
        if (!Number.isFinite(scaled)) {
          report(frame, 'wrong-argument', `the weight of a loss is no ${scaled}`, factor.span);
          return undefined;
        }
        const terms = readTerms(loss, scaled, reader);
        return by === undefined ? undefined : terms;
      }
      case '-':
        return refuse(
          'a loss is not taken away: what is summed here is minimised',
          '`dice` is 1 − Dice already: write `+`',
        );
      default:
        return refuse(
          `\`${operator}\` does not work on losses`,
          'write `0.5 * dice(mask) + 0.5 * bce(mask)`',
        );
    }
  }
  const said = readWord(expression, LOSSES, reader);
  return said === undefined ? undefined : [{ ...said, weight }];
}

/**
 * Whether an expression has a loss among its terms and factors, or a call of what the program does not
 * know, which was meant as one.
 */
function holdsLoss(expression: Expression, frame: Frame): boolean {
  switch (expression.kind) {
    case 'binary':
      return holdsLoss(expression.left, frame) || holdsLoss(expression.right, frame);
    case 'unary':
      return holdsLoss(expression.operand, frame);
    case 'if':
      return holdsLoss(expression.then, frame) || holdsLoss(expression.else, frame);
    case 'call': {
      const { callee } = expression;
      if (callee.kind !== 'name') return false;
      if (LOSSES.has(callee.name)) return true;
      return !isFunctionName(callee.name) && !isBoundHere(callee.name, frame);
    }
    default:
      return wordOf(expression, LOSSES, frame) !== undefined;
  }
}
