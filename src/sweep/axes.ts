/** What a sweep varies: the parameters, their values, and which variants of their product it takes. */
import type { Expression, ModelDeclaration } from '../compiler/ast.js';
import { groupDigits } from '../compiler/constant.js';
import { diagnostic, type Outcome } from '../compiler/diagnostic.js';
import { examineOverrides, fileFrame, type Override } from '../compiler/elaborate.js';
import { evaluate } from '../compiler/evaluate.js';
import type { Program } from '../compiler/modules.js';
import type { Span } from '../compiler/source.js';
import { uniformStream } from '../weights/random.js';

/** A parameter with the expressions that `--vary` lists for it, as they are written. */
export interface Varied {
  readonly name: string;
  readonly nameSpan: Span;
  /** One or more. */
  readonly values: readonly Expression[];
}

/** A parameter with its values: ranges stand for their items. */
export interface Axis {
  readonly name: string;
  readonly choices: readonly Choice[];
}

export interface Choice {
  /** As written: `sdblock(ws)`. Unique on its axis. */
  readonly text: string;
  /** The value where it is plain data, else its text. */
  readonly value: number | boolean | string;
  readonly override: Override;
}

/** Variants that one sweep may count. */
export const MAX_VARIANTS = 1_000_000;

/**
 * The axes of a sweep, every value examined against the model: unknown names, values that are no
 * constants or of another type, values given twice.
 */
export function readAxes(
  program: Program,
  declaration: ModelDeclaration,
  varied: readonly Varied[],
): Outcome<readonly Axis[]> {
  const axes: Axis[] = [];
  for (const { name, nameSpan, values } of varied) {
    const choices = new Map<string, Choice>();
    for (const written of values) {
      const expanded = expand(written, program);
      if (!expanded.ok) return expanded;
      // The items of a range are of one type: the first stands for all.
      const first = expanded.value.slice(0, 1).map((value) => ({ name, nameSpan, value }));
      const problems = examineOverrides(program, declaration, first);
      if (problems.length > 0) return { ok: false, diagnostics: problems };
      for (const value of expanded.value) {
        const text = textOf(value);
        if (choices.has(text)) {
          return refuse(`\`${text}\` is given twice for \`${name}\``, written.span);
        }
        const override = { name, nameSpan, value };
        choices.set(text, { text, value: plainValue(value) ?? text, override });
      }
    }
    axes.push({ name, choices: [...choices.values()] });
  }
  return { ok: true, value: axes };
}

function refuse(message: string, span: Span, hints: readonly string[] = []): Outcome<never> {
  return { ok: false, diagnostics: [diagnostic('wrong-option', message, { span, hints })] };
}

/** The items of a range, half open as everywhere: `2..5` is 2, 3, 4. Else the expression itself. */
function expand(written: Expression, program: Program): Outcome<readonly Expression[]> {
  if (written.kind !== 'range') return { ok: true, value: [written] };
  const { span } = written;
  const frame = fileFrame(program.entry, span);
  const range = evaluate(written, frame);
  if (range.type !== 'range') return { ok: false, diagnostics: frame.session.diagnostics };
  const { start, end } = range;
  if (end <= start) {
    return refuse(`\`${textOf(written)}\` holds no value`, span, [
      'a range leaves out its end: `2..5` is 2, 3, 4',
    ]);
  }
  const items = Array.from({ length: end - start }, (_, i) => integer(start + i, span));
  return { ok: true, value: items };
}

function integer(value: number, span: Span): Expression {
  const number = (n: number): Expression => ({ kind: 'number', value: n, integer: true, span });
  return value < 0
    ? { kind: 'unary', operator: '-', operand: number(-value), span }
    : number(value);
}

/** The expression as it is written; the items of a range are not, and stand for themselves. */
function textOf(expression: Expression): string {
  const { source, start, end } = expression.span;
  const text = source.text.slice(start, end);
  return text.includes('..') ? String(plainValue(expression) ?? text) : text;
}

function plainValue(expression: Expression): number | boolean | string | undefined {
  switch (expression.kind) {
    case 'number':
    case 'bool':
    case 'string':
      return expression.value;
    case 'unary': {
      const inner = expression.operator === '-' ? plainValue(expression.operand) : undefined;
      return typeof inner === 'number' ? -inner : undefined;
    }
    default:
      return undefined;
  }
}

/** How many variants the product of the axes has. */
export function productSize(axes: readonly Axis[]): bigint {
  return axes.reduce((product, { choices }) => product * BigInt(choices.length), 1n);
}

/** The choices of a variant by its place in the product, whose last axis turns fastest. */
export function choicesAt(axes: readonly Axis[], place: number): Choice[] {
  let rest = place;
  const found: Choice[] = [];
  for (const { choices } of axes.toReversed()) {
    const choice = choices[rest % choices.length];
    if (choice !== undefined) found.push(choice);
    rest = Math.floor(rest / choices.length);
  }
  return found.reverse();
}

export interface Sample {
  /** How many variants, all of them different. */
  readonly count: number;
  readonly seed: number;
}

/**
 * The places of the variants to count, in order: all of the product, or a sample of it. Refuses more
 * than `MAX_VARIANTS`, and a product of more than 2^53 - 1.
 */
export function placesOf(
  axes: readonly Axis[],
  sample: Sample | undefined,
): Outcome<readonly number[]> {
  const size = productSize(axes);
  const tooMany = (limit: string, hint: string): Outcome<never> => ({
    ok: false,
    diagnostics: [
      diagnostic(
        'wrong-option',
        `the product of all values has ${groupDigits(size)} variants, and ${limit}`,
        { hints: [hint] },
      ),
    ],
  });
  if (sample === undefined) {
    if (size > BigInt(MAX_VARIANTS)) {
      return tooMany(
        `at most ${groupDigits(MAX_VARIANTS)} are counted`,
        '`--random 1000` counts so many of them, picked at random',
      );
    }
    return { ok: true, value: Array.from({ length: Number(size) }, (_, i) => i) };
  }
  if (size > BigInt(Number.MAX_SAFE_INTEGER)) {
    return tooMany('a sample is taken of at most 2^53 - 1', 'leave out some values');
  }
  return { ok: true, value: pick(Number(size), sample) };
}

/** `count` of the numbers below `size`, each set of them as likely as any other, in order. */
function pick(size: number, { count, seed }: Sample): number[] {
  const draw = uniformStream(seed, 'sweep');
  const below = (limit: number): number => {
    // 53 bits of two draws of 32.
    const high = Math.floor(draw() * 2 ** 21);
    const low = Math.floor(draw() * 2 ** 32);
    return Math.floor(((high * 2 ** 32 + low) / 2 ** 53) * limit);
  };
  const wanted = Math.min(count, size);
  // Where most are taken, it is faster to draw those that are not.
  const drawn = new Set<number>();
  const isMost = wanted > size / 2;
  while (drawn.size < (isMost ? size - wanted : wanted)) drawn.add(below(size));
  if (!isMost) return [...drawn].sort((a, b) => a - b);
  return Array.from({ length: size }, (_, i) => i).filter((i) => !drawn.has(i));
}
