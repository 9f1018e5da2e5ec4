/**
 * Error recovery: which part of a text a mistake spoils, so that all around it is still parsed.
 * Line ends mean nothing in the language, yet people break lines where statements end; that is what
 * these functions go by, and only where the grammar has already been broken.
 */
import type { IToken } from 'chevrotain';
import * as t from './tokens.js';

/** Tokens from `start` up to `end` (exclusive). */
export interface Range {
  readonly start: number;
  readonly end: number;
}

export interface Tokens {
  readonly text: string;
  readonly list: readonly IToken[];
  /** Of each bracket, the index of its partner; -1 for brackets without one and for all else. */
  readonly partners: readonly number[];
  /** Tokens at which a statement seems to begin. */
  readonly statements: readonly number[];
}

export function readTokens(text: string, list: readonly IToken[]): Tokens {
  const partners = matchBrackets(list);
  return { text, list, partners, statements: findStatements(text, list, partners) };
}

const CLOSERS: ReadonlyMap<string, string> = new Map([
  ['(', ')'],
  ['[', ']'],
  ['{', '}'],
]);

export function isOpening(token: IToken | undefined): boolean {
  return token !== undefined && CLOSERS.has(token.image);
}

export function isClosing(token: IToken | undefined): boolean {
  return /^[)\]}]$/.test(token?.image ?? '');
}

export function closerOf(opening: IToken): string {
  return CLOSERS.get(opening.image) ?? '';
}

function matchBrackets(tokens: readonly IToken[]): number[] {
  const partners = tokens.map(() => -1);
  const open: number[] = [];
  const imageAt = (i: number): string => tokens[i]?.image ?? '';
  tokens.forEach((token, i) => {
    if (isOpening(token)) open.push(i);
    if (!isClosing(token)) return;
    // A closer takes the nearest opener of its kind; what was opened within that stays open. Only
    // `}` reaches beyond a `{`: a `)` there belongs to nothing.
    let depth = open.length - 1;
    while (depth >= 0 && CLOSERS.get(imageAt(open[depth] ?? -1)) !== token.image) {
      if (imageAt(open[depth] ?? -1) === '{') return;
      depth--;
    }
    const partner = open[depth];
    if (partner === undefined) return;
    open.length = depth;
    partners[partner] = i;
    partners[i] = partner;
  });
  return partners;
}

/** The token is the first on its line. */
export function startsLine(text: string, tokens: readonly IToken[], index: number): boolean {
  const token = tokens[index];
  const previous = tokens[index - 1];
  if (token === undefined || previous === undefined) return true;
  return /[\r\n]/.test(text.slice(previous.startOffset + previous.image.length, token.startOffset));
}

/** How many characters stand before the first word of the token's line. */
export function indentation(text: string, token: IToken): number {
  const lineStart =
    Math.max(
      text.lastIndexOf('\n', token.startOffset - 1),
      text.lastIndexOf('\r', token.startOffset - 1),
    ) + 1;
  // `lastIndexOf` takes -1 for 0, where the text itself may begin with a line end.
  const from = token.startOffset === 0 ? 0 : lineStart;
  return /^[ \t\uFEFF]*/.exec(text.slice(from, token.startOffset))?.[0].length ?? 0;
}

const STATEMENT_WORDS = new Set([t.Shared, t.Input, t.Output, t.Expect, t.Return, t.For]);
const RESERVED_WORDS = new Set(t.RESERVED);
const DECLARATION_WORDS = new Set([t.Import, t.Const, t.Block, t.Model, t.Train]);

function findStatements(
  text: string,
  tokens: readonly IToken[],
  partners: readonly number[],
): number[] {
  const found: number[] = [];
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i];
    if (token === undefined) break;
    const previous = tokens[i - 1]?.image ?? '';
    const beginsLine = startsLine(text, tokens, i) || previous === '{' || previous === '}';
    if (beginsLine && looksLikeStatement(tokens, i)) found.push(i);
    // Brackets that close are one thing: `k = 3` within them is an argument.
    const partner = partners[i] ?? -1;
    if (partner > i && token.image !== '{') i = partner;
  }
  return found;
}

function looksLikeStatement(tokens: readonly IToken[], start: number): boolean {
  const token = tokens[start];
  if (token === undefined) return false;
  if (STATEMENT_WORDS.has(token.tokenType)) return tokens[start + 1]?.tokenType !== t.Equal;
  if (token.tokenType === t.If) {
    // After an operator it would be a value.
    const previous = tokens[start - 1];
    return previous === undefined || isOperandEnd(previous) || /^[{}]$/.test(previous.image);
  }
  let i = start;
  while (isName(tokens[i]) && tokens[i + 1]?.tokenType === t.Comma) i += 2;
  const after = tokens[i + 1]?.tokenType;
  return isName(tokens[i]) && (after === t.Equal || after === t.PlusEqual);
}

export function isName(token: IToken | undefined): boolean {
  const type = token?.tokenType;
  return type === t.Identifier || type === t.From || type === t.As || type === t.Train;
}

function isOperandEnd(token: IToken): boolean {
  return token.tokenType.CATEGORIES?.includes(t.Atom) === true || isName(token) || isClosing(token);
}

/**
 * Parts the tokens of a file into declarations. The first range may begin with no declaration's
 * word: stray tokens. A declaration's word within open braces counts only where it stands no further
 * right than the declaration that it would end.
 */
export function splitDeclarations(text: string, tokens: readonly IToken[]): Range[] {
  const ranges: Range[] = [];
  let start = 0;
  let depth = 0;
  tokens.forEach((token, i) => {
    if (token.image === '{') depth++;
    if (token.image === '}') depth = Math.max(0, depth - 1);
    if (i === 0 || !DECLARATION_WORDS.has(token.tokenType)) return;
    const first = tokens[start];
    const beginsLine = startsLine(text, tokens, i);
    const begins =
      depth === 0
        ? beginsLine || beginsDeclaration(tokens, i)
        : beginsLine && first !== undefined && indentation(text, token) <= indentation(text, first);
    if (!begins || isType(tokens, i) || isOrdinaryName(text, tokens, i)) return;
    ranges.push({ start, end: i });
    start = i;
    depth = 0;
  });
  if (tokens.length > 0) ranges.push({ start, end: tokens.length });
  return ranges;
}

/** Not at the start of a line, so only what is hard to take for anything else. */
function beginsDeclaration(tokens: readonly IToken[], index: number): boolean {
  const previous = tokens[index - 1];
  const isAfterValue = previous !== undefined && (isOperandEnd(previous) || previous.image === '}');
  return isAfterValue && tokens[index]?.tokenType !== t.Import && isName(tokens[index + 1]);
}

/** `block` is also a type: `stage: block`, `[block]`. */
function isType(tokens: readonly IToken[], index: number): boolean {
  return tokens[index]?.tokenType === t.Block && /^[:[]$/.test(tokens[index - 1]?.image ?? '');
}

/** `train` begins a recipe where a word stands after it: a name, or one that is none, by mistake. */
function isOrdinaryName(text: string, tokens: readonly IToken[], index: number): boolean {
  const next = tokens[index + 1];
  if (tokens[index]?.tokenType !== t.Train || isName(next)) return false;
  return !RESERVED_WORDS.has(next?.image ?? '') || startsLine(text, tokens, index + 1);
}

/** The name that a declaration's first two tokens give. */
export function declaredName(tokens: readonly IToken[]): IToken | undefined {
  const [word, name] = tokens;
  if (word === undefined || word.tokenType === t.Import) return undefined;
  return DECLARATION_WORDS.has(word.tokenType) && isName(name) ? name : undefined;
}

/** Where the statement that holds the token at `index` seems to begin. */
export function statementAround({ list, statements }: Tokens, index: number): number {
  const start = statements.findLast((s) => s <= index) ?? 0;
  const brace = list.findLastIndex(({ image }, i) => i <= index && /^[{}]$/.test(image));
  return Math.max(start, brace + 1);
}

/** Where a mistake in a body is, by index of token. */
export interface Damage {
  /** The token that does not fit. */
  readonly at: number;
  /** Where the mistake began, at or before `at`. */
  readonly from: number;
  /** The next sound statement begins here or later. */
  readonly to: number;
  /** The statement before `at` is complete, and the mistake is `at` itself. */
  readonly whole: boolean;
}

/**
 * The tokens that a mistake within a body spoils: the statement that holds it, or undefined where
 * there is nothing to leave out.
 */
export function spoilt(tokens: Tokens, { at, from, to, whole }: Damage): Range | undefined {
  const { list, partners, statements } = tokens;
  const begins = new Set(statements);
  // A statement that begins at the mistake is sound: the one before it is not.
  const start = whole ? at : statementAround(tokens, from < at ? from : at - 1);
  let end = whole && list[at]?.image !== '{' ? to + 1 : to;
  while (end < list.length && !begins.has(end) && list[end]?.image !== '}') {
    const partner = partners[end] ?? -1;
    if (list[end]?.image !== '{') end++;
    else if (partner === -1) return undefined;
    else end = partner + 1;
  }
  return end > start ? { start, end } : undefined;
}
