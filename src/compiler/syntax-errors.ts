/** Turns what the parser stumbles over into diagnostics: one a mistake, where it was made. */
import type { ILexingError, IRecognitionException, IToken } from 'chevrotain';
import {
  closerOf,
  isClosing,
  isName,
  isOpening,
  indentation,
  readTokens,
  spoilt,
  statementAround,
  startsLine,
  type Tokens,
} from '../../grammar/recovery.js';
import { RESERVED } from '../../grammar/tokens.js';
import { diagnostic, type Diagnostic, type Label } from './diagnostic.js';
import { didYouMean } from './names.js';
import { positionOf, type Source, type Span } from './source.js';

/** The first error of the grammar in a row of tokens, if any. */
export type FirstError = (
  tokens: readonly IToken[],
  rule: 'declaration' | 'body',
) => IRecognitionException | undefined;

/** More mistakes than this in one declaration say no more. */
const MAX_MISTAKES = 20;

/** One place where the tokens do not follow the grammar. */
interface Mistake {
  /** Index of the token that does not fit; the number of tokens where they end too early. */
  readonly at: number;
  /** `a name`, `` `)` ``: what would have fitted. */
  readonly expected: string;
  /** The innermost rule at the mistake. */
  readonly rule: string;
  /** The declaration was complete before. */
  readonly isLeftOver: boolean;
}

interface Finding {
  readonly diagnostic: Diagnostic;
  /** Where the mistake began, if that was before the token that does not fit. */
  readonly from?: number;
  /** The next statement is looked for from here on; from right behind `from` where it is absent. */
  readonly to?: number;
}

/**
 * Every mistake in the tokens of one declaration, each once. `after` is the token behind them, and
 * `isSilent` tells whether a character between two offsets has been complained of already.
 */
export function findMistakes(
  source: Source,
  all: readonly IToken[],
  after: IToken | undefined,
  firstError: FirstError,
  isSilent: (start: number, end: number) => boolean,
): { mistakes: Diagnostic[]; hasStrayWords: boolean } {
  const mistakes: Diagnostic[] = [];
  let hasStrayWords = false;
  let list = all;
  let rule: 'declaration' | 'body' = 'declaration';
  for (let n = 0; n < MAX_MISTAKES; n++) {
    const tokens = readTokens(source.text, list);
    const mistake = firstMistake(tokens, rule, firstError);
    if (mistake === undefined) break;
    const { at, isLeftOver } = mistake;
    const finding = explain(source, tokens, mistake, after);
    const hasBody = /^(block|model|train|\{)$/.test(list[0]?.image ?? '');
    const body = hasBody ? list.findIndex(({ image }) => image === '{') : -1;
    const isInBody = body !== -1 && at > body;
    const from = finding.from ?? at;
    const whole = mistake.rule === 'body' && from === at && startsLine(source.text, list, at);
    const to = finding.to ?? (from < at ? from + 1 : at);
    const range = isInBody ? spoilt(tokens, { at, from, to, whole }) : { start: 0, end: at + 1 };
    const first = isInBody ? list[statementAround(tokens, Math.min(from, at - 1))] : list[0];
    const last = list[at] ?? after;
    const echoes = isSilent(first?.startOffset ?? 0, last?.startOffset ?? source.text.length);
    if (!echoes) mistakes.push(finding.diagnostic);
    if (isLeftOver) hasStrayWords = true;
    // Behind the end there is nothing to go on with, nor where braces do not pair.
    if (isLeftOver || at >= list.length || range === undefined || !hasBody) break;
    if (mistake.expected === '`{`' && hasLooseBrace(tokens)) break;
    if (isInBody) list = [...list.slice(0, range.start), ...list.slice(range.end)];
    else {
      const next = list.findIndex(({ image }, i) => i >= at && image === '{');
      if (next === -1 || tokens.partners[next] === -1) break;
      list = list.slice(next);
      rule = 'body';
    }
  }
  return { mistakes, hasStrayWords };
}

function hasLooseBrace({ list, partners }: Tokens): boolean {
  return list.some(({ image }, i) => /^[{}]$/.test(image) && partners[i] === -1);
}

/** The mistake in an expression that stands alone. */
export function soleMistake(
  source: Source,
  list: readonly IToken[],
  error: IRecognitionException,
): Diagnostic {
  const tokens = readTokens(source.text, list);
  return explain(source, tokens, readMistake(tokens, error), undefined).diagnostic;
}

function readMistake({ list }: Tokens, error: IRecognitionException): Mistake {
  const { startOffset } = error.token;
  const index = list.findIndex((token) => token.startOffset >= startOffset);
  return {
    at: Number.isNaN(startOffset) || index === -1 ? list.length : index,
    expected: error.message,
    // Who misses the `{` of a body is the rule around the body.
    rule: error.context.ruleStack.at(error.message === '`{`' ? -2 : -1) ?? '',
    isLeftOver: error.name === 'NotAllInputParsedException',
  };
}

function firstMistake(
  tokens: Tokens,
  rule: 'declaration' | 'body',
  firstError: FirstError,
): Mistake | undefined {
  const error = firstError(tokens.list, rule);
  if (error === undefined) return undefined;
  const mistake = readMistake(tokens, error);
  // `x =` and on the next line `y = relu`: the parser reads `x = y` and stumbles over the second
  // `=`. Where the text before that line is no whole statement, the mistake was made there.
  const start = tokens.statements.findLast((s) => s < mistake.at);
  if (start === undefined || start === 0) return mistake;
  const cut = tokens.list.slice(0, start);
  const earlier = firstError(cut, rule);
  const stack = earlier?.context.ruleStack;
  if (earlier === undefined || stack?.at(-1) === 'body') return mistake;
  return { ...readMistake({ ...tokens, list: cut }, earlier) };
}

function explain(
  source: Source,
  tokens: Tokens,
  mistake: Mistake,
  after: IToken | undefined,
): Finding {
  const { at } = mistake;
  const { list, partners } = tokens;
  const token = list[at];
  const bracket = explainBracket(source, tokens, mistake, after);
  if (bracket !== undefined) return bracket;
  const words = explainWords(source, tokens, mistake);
  if (words !== undefined) return words;
  const previous = list[at - 1];
  const found = token ?? after;
  const message = `expected ${expectation(mistake, previous)}, found ${describe(found)}`;
  const hints = hintsFor(tokens, mistake).slice(0, 1);
  const labels: Label[] = [];
  if (mistake.isLeftOver && previous?.image === '}') {
    const opening = list[partners[at - 1] ?? -1];
    if (opening !== undefined) {
      labels.push({ span: spanOf(source, previous), message: 'the declaration ends here' });
    }
  }
  // What is missing at the end of a line is missing there, not on a later line.
  const isLate =
    previous !== undefined &&
    !mistake.isLeftOver &&
    mistake.rule !== 'body' &&
    (token === undefined || startsLine(source.text, list, at));
  const span = isLate ? spanOf(source, previous) : placeOf(source, found ?? previous);
  if (isLate && found !== undefined) {
    labels.push({ span: spanOf(source, found), message: 'this follows instead' });
  }
  return { diagnostic: diagnostic('syntax', message, { span, labels, hints }) };
}

/** Items that may go on in rules whose brackets the parser expects to close. */
const ITEMS: ReadonlyMap<string, string> = new Map([
  ['parameters', 'a parameter'],
  ['postfix', 'an argument'],
  ['list', 'an item'],
]);

/** What the parser expected, with what else would have done. */
function expectation({ expected, rule }: Mistake, previous: IToken | undefined): string {
  const item = ITEMS.get(rule);
  const isIndex = rule === 'postfix' && expected === '`]`';
  if (item === undefined || isIndex || !/^`[)\]]`$/.test(expected)) return expected;
  const isStart = previous?.image === ',' || isOpening(previous);
  return `${isStart ? item : '`,`'} or ${expected}`;
}

function describe(token: IToken | undefined): string {
  return token === undefined ? 'the end of the file' : `\`${token.image}\``;
}

function spanOf(source: Source, token: IToken): Span {
  return { source, start: token.startOffset, end: token.startOffset + token.image.length };
}

/** The token, or the last character of the text. */
function placeOf(source: Source, token: IToken | undefined): Span {
  if (token !== undefined) return spanOf(source, token);
  const end = source.text.trimEnd().length;
  return { source, start: Math.max(0, end - 1), end };
}

/** A bracket that is not closed, or that closes nothing. */
function explainBracket(
  source: Source,
  tokens: Tokens,
  { at, rule }: Mistake,
  after: IToken | undefined,
): Finding | undefined {
  const { list, partners } = tokens;
  const token = list[at];
  const isLoose = (i: number): boolean => partners[i] === -1;
  const open = list.findLastIndex(
    (x, i) => i < at && isOpening(x) && (isLoose(i) || (partners[i] ?? -1) >= at),
  );
  const opening = list[open];
  if (token !== undefined && isClosing(token) && isLoose(at)) {
    const pairs = opening !== undefined && isLoose(open) && opening.image !== '{';
    const message = pairs
      ? `expected \`${closerOf(opening)}\`, found \`${token.image}\``
      : `this \`${token.image}\` closes nothing`;
    const labels = pairs ? [{ span: spanOf(source, opening), message: 'opened here' }] : [];
    return { diagnostic: diagnostic('syntax', message, { span: spanOf(source, token), labels }) };
  }
  const loose = list.findIndex((x, i) => i < at && isOpening(x) && isLoose(i) && x.image !== '{');
  const found = token ?? after;
  const looseToken = list[loose];
  if (looseToken !== undefined) {
    const closer = closerOf(looseToken);
    const labels =
      found === undefined
        ? []
        : [{ span: spanOf(source, found), message: `expected \`${closer}\` before this` }];
    const message = `this \`${looseToken.image}\` is not closed`;
    const details = { span: spanOf(source, looseToken), labels };
    return { diagnostic: diagnostic('syntax', message, details), from: loose };
  }
  if (token !== undefined || rule !== 'body') return undefined;
  const brace = unclosedBrace(tokens);
  if (brace === undefined) return undefined;
  const labels =
    after === undefined
      ? []
      : [{ span: spanOf(source, after), message: 'expected `}` before this' }];
  const details = { span: spanOf(source, brace), labels };
  return { diagnostic: diagnostic('syntax', 'this `{` is not closed', details) };
}

/** The `{` that most likely lacks its `}`: the innermost whose partner stands further left than it. */
function unclosedBrace({ text, list, partners }: Tokens): IToken | undefined {
  const braces = list.flatMap((token, i) => (token.image === '{' ? [{ token, i }] : []));
  const misplaced = braces.findLast(({ token, i }) => {
    const closer = list[partners[i] ?? -1];
    return closer !== undefined && indentation(text, closer) < indentation(text, token);
  });
  return misplaced?.token ?? braces.findLast(({ i }) => partners[i] === -1)?.token;
}

// Words of other languages.

const OTHER_WORDS: ReadonlyMap<string, string> = new Map([
  ...['let', 'var', 'val', 'mut'].map((w) => [w, 'a binding needs no word: `name = …`'] as const),
  ...['def', 'fn', 'fun', 'func', 'function', 'class', 'layer'].map(
    (w) => [w, 'a block is `block name(…) = …`, a model `model Name { … }`'] as const,
  ),
  ...['elif', 'elseif', 'elsif'].map((w) => [w, 'write `else if`'] as const),
  ['while', 'loops are `for x in list { … }`: every program ends'],
  ['assert', 'write `expect`'],
]);

/** Mistakes that one word gives away, wherever the parser came to stumble over them. */
function explainWords(source: Source, tokens: Tokens, mistake: Mistake): Finding | undefined {
  const { list } = tokens;
  const { at } = mistake;
  const prose = findProse(tokens, at);
  const mark = list[prose ?? -1];
  if (prose !== undefined && mark !== undefined) {
    const span = { ...spanOf(source, mark), end: mark.startOffset + 2 };
    const message = `\`${source.text.slice(span.start, span.end)}\` starts no comment`;
    const hints = ['a comment starts with `#`'];
    return { diagnostic: diagnostic('syntax', message, { span, hints }), from: prose, to: at };
  }
  for (const i of [at - 1, at]) {
    const token = list[i];
    const hint = OTHER_WORDS.get(token?.image ?? '');
    const isFirst = mistake.rule === 'assignment' || mistake.isLeftOver || i === 0;
    if (token === undefined || hint === undefined || !isFirst) continue;
    const message = `\`${token.image}\` is no word of the language`;
    return {
      diagnostic: diagnostic('syntax', message, { span: spanOf(source, token), hints: [hint] }),
    };
  }
  return undefined;
}

/** A `//` or `/*` with words after it that can only be prose, on the mistake's line or just above. */
function findProse({ text, list }: Tokens, at: number): number | undefined {
  let i = Math.min(at, list.length - 1);
  for (let lines = 0; i >= 0 && lines < 2; i--) {
    const token = list[i];
    const isMark = token?.image === '//' || (token?.image === '/' && list[i + 1]?.image === '*');
    const isFirst = startsLine(text, list, i);
    const [second, third] = [list[i + 1], list[i + 2]];
    const isProse = isName(second) && isName(third) && !startsLine(text, list, i + 2);
    if (isMark && i <= at && (isFirst || isProse || i >= at - 1)) return i;
    // A brace before the mistake parts it from what stands above.
    if (i < at && /^[{}]$/.test(token?.image ?? '')) break;
    if (isFirst) lines++;
  }
  return undefined;
}

// Hints.

interface Place {
  readonly mistake: Mistake;
  readonly found: string;
  readonly next: string;
  readonly previous: string;
  readonly beforePrevious: string;
  /** The first word of the statement or declaration around. */
  readonly head: string;
  /** The word before stands on one line behind what could be the end of a value. */
  readonly isAfterValue: boolean;
  readonly previousIsName: boolean;
  readonly foundIsName: boolean;
}

/** The first that fits is shown. */
const HINTS: readonly ((place: Place) => string | undefined)[] = [
  // Words of the language used as names.
  ({ mistake, found }) =>
    mistake.expected === 'a name' && RESERVED.includes(found) ? wordHint(found) : undefined,
  ({ found, next }) =>
    RESERVED.includes(found) && /^(=|\+=)$/.test(next) ? wordHint(found) : undefined,
  ({ found, previous }) =>
    RESERVED.includes(previous) && !isDeclarationWord(previous) && found === '='
      ? wordHint(previous)
      : undefined,
  // Operators of other languages.
  ({ found, next }) =>
    found === '=' && next === '=' ? '`==` is written without a space' : undefined,
  ({ found, next }) => (found === '=' && next === '>' ? '`>=` compares' : undefined),
  ({ previous, found }) =>
    previous === '=' && found === '>' ? 'write `=` before a body, `->` between blocks' : undefined,
  ({ found, next }) => (found === ':' && next === '=' ? 'write `=`' : undefined),
  ({ mistake, found, next }) =>
    mistake.rule === 'assignment' && /^[-*/%]$|^\*\*$|^\/\/$/.test(found) && next === '='
      ? `only \`+=\` is short for something: write \`x = x ${found} …\``
      : undefined,
  ({ mistake, found }) =>
    /`=`/.test(mistake.expected) && found === '==' ? '`=` binds a name, `==` compares' : undefined,
  ({ found, head }) =>
    found === '=' && /^(expect|if|return|where)$/.test(head) ? '`==` compares' : undefined,
  ({ mistake, found }) =>
    found === '?' && mistake.rule !== 'parameters' ? 'a choice is `if c then a else b`' : undefined,
  ({ found, previous }) => (found === '.' && previous === '..' ? 'a range is `0..4`' : undefined),
  ({ mistake, found }) =>
    mistake.expected === 'an expression' && found === '+'
      ? 'a number needs no `+` before it'
      : undefined,
  // Statements.
  ({ mistake, found }) =>
    /^(assignment|outputStatement|sharedStatement)$/.test(mistake.rule) && found === ':'
      ? 'only parameters and inputs state a type: write `name = …`'
      : undefined,
  ({ mistake, found }) =>
    mistake.rule === 'assignment' && (found === '.' || found === '[')
      ? 'only a name can be bound: items and members never change'
      : undefined,
  ({ mistake, found }) =>
    mistake.rule === 'assignment' && (found === '(' || found === '->')
      ? 'a value is bound, `x = …`, or returned, `return …`'
      : undefined,
  ({ mistake, previous, foundIsName }) =>
    mistake.rule === 'assignment' && foundIsName && previous === 'train'
      ? '`train` stands outside of blocks and models'
      : undefined,
  ({ mistake, previous, foundIsName }) =>
    mistake.rule === 'assignment' && foundIsName
      ? didYouMean(previous, ['return', 'input', 'output', 'expect', 'shared', 'block', 'model'])[0]
      : undefined,
  ({ mistake, found }) =>
    mistake.rule === 'body' && /^(in$|[\d"([-])/.test(found)
      ? 'a value is bound, `x = …`, or returned, `return …`'
      : undefined,
  ({ mistake, found }) =>
    mistake.rule === 'body' && found === ',' ? 'several values are a list: `[a, b]`' : undefined,
  ({ mistake, found, previous, beforePrevious }) =>
    mistake.rule === 'body' && found === '=' && beforePrevious === '..'
      ? `the range takes \`${previous}\` for its end: write both ends`
      : undefined,
  ({ mistake, previous, isAfterValue }) =>
    mistake.rule === 'assignment' && isAfterValue
      ? `is \`->\` or an operator missing before \`${previous}\`?`
      : undefined,
  ({ found }) => (found === 'else' ? '`else` stands right after the `}` of an `if`' : undefined),
  ({ mistake, found }) =>
    mistake.rule === 'body' && isDeclarationWord(found)
      ? `\`${found}\` stands outside of blocks and models`
      : undefined,
  ({ mistake, found }) =>
    mistake.expected === '`{`' && found === 'then'
      ? 'a statement is `if c { … } else { … }`; `then` belongs to values'
      : undefined,
  ({ mistake }) =>
    mistake.expected === '`then`' ? 'a value is chosen with `if c then a else b`' : undefined,
  ({ mistake }) =>
    mistake.rule === 'pipeStage' && mistake.expected === '`else`'
      ? 'a value needs both branches: `if c then a else b`'
      : undefined,
  ({ mistake, found }) =>
    mistake.expected === '`{`' && found === ':' ? 'a body stands in braces: `{ … }`' : undefined,
  ({ mistake }) =>
    mistake.rule === 'forStatement' ? 'a loop is `for x in list { … }`' : undefined,
  ({ mistake, found }) =>
    mistake.expected === '`]`' && mistake.rule === 'inputStatement' && found === ':'
      ? 'an axis with a size is `H = 256`'
      : undefined,
  ({ mistake, found }) =>
    mistake.rule === 'inputStatement' && (found === '(' || found === '[' || found === '{')
      ? 'an input is `input image: f32[H = 256, W = 256, 1]`'
      : undefined,
  ({ mistake }) =>
    mistake.rule === 'inputStatement' && mistake.expected !== '`]`'
      ? 'an input is `input image: f32[H = 256, W = 256, 1]`'
      : undefined,
  // Calls, lists, indices.
  ({ mistake, found }) =>
    mistake.rule === 'postfix' && found === ':' && mistake.expected === '`)`'
      ? 'a named argument is `k = 3`'
      : undefined,
  ({ mistake, found }) =>
    mistake.rule === 'postfix' && found === ':' ? 'a slice is `xs[1..2]`' : undefined,
  ({ mistake, found }) =>
    mistake.rule === 'group' && found === ','
      ? 'a list stands in square brackets: `[a, b]`'
      : undefined,
  ({ mistake, found }) =>
    mistake.expected === 'an expression' && found === '{'
      ? 'braces hold statements only'
      : undefined,
  ({ mistake, found }) =>
    mistake.expected === 'an expression' && isDeclarationWord(found) ? wordHint(found) : undefined,
  // Parameters.
  ({ mistake, found }) =>
    mistake.rule === 'parameters' && RESERVED.includes(found) && found !== 'block'
      ? wordHint(found)
      : undefined,
  ({ mistake, previous, beforePrevious, foundIsName }) =>
    mistake.rule === 'parameters' &&
    foundIsName &&
    TYPE_WORDS.has(previous) &&
    beforePrevious !== ':'
      ? 'the name comes first: `width: int`'
      : undefined,
  ({ mistake, found, previousIsName }) =>
    mistake.rule === 'parameters' && previousIsName && TYPE_WORDS.has(found)
      ? 'a type follows a `:`, as in `width: int`'
      : undefined,
  ({ mistake, found }) =>
    mistake.rule === 'parameters' && (found === '<' || found === '[')
      ? 'types are names, lists such as `[int]`, and optionals such as `int?`'
      : undefined,
  ({ mistake, found }) =>
    mistake.rule === 'parameters' && mistake.expected === '`(`' && found !== '('
      ? 'a block has parameters, or none: `block name() = …`'
      : undefined,
  ({ mistake, found }) =>
    /^(block|model)Declaration$/.test(mistake.rule) && found === ':'
      ? 'no result type is stated: it follows from the body'
      : undefined,
  ({ mistake, found, foundIsName }) =>
    /^`[)\]]`$/.test(mistake.expected) && (foundIsName || /^[\w"([]/.test(found))
      ? 'items have a `,` between them'
      : undefined,
  // Declarations.
  ({ mistake }) =>
    mistake.rule === 'importDeclaration' || mistake.rule === 'importedName'
      ? 'write `import a, b from "./file.arch"` or `import "./file.arch" as file`'
      : undefined,
  ({ mistake }) =>
    mistake.rule === 'trainDeclaration' ? 'a recipe is `train name for Model { … }`' : undefined,
  ({ mistake, found }) =>
    mistake.rule === 'constDeclaration' && found === ':'
      ? 'a constant states no type: `const N = 4`'
      : undefined,
  ({ mistake, found }) =>
    isOutside(mistake) && found === 'from' ? 'write `import a, b from "./file.arch"`' : undefined,
  ({ mistake, found, foundIsName }) =>
    isOutside(mistake) && foundIsName
      ? didYouMean(found, ['block', 'model', 'const', 'import', 'train'])[0]
      : undefined,
  ({ mistake, foundIsName, next }) =>
    isOutside(mistake) && foundIsName && next === '='
      ? 'a value outside of blocks and models is `const name = …`'
      : undefined,
];

const TYPE_WORDS = new Set(['int', 'float', 'bool', 'string', 'tensor', 'block']);

function isDeclarationWord(word: string): boolean {
  return /^(import|const|block|model)$/.test(word);
}

function wordHint(word: string): string {
  return `\`${word}\` is a word of the language: choose another name`;
}

function isOutside({ isLeftOver, rule }: Mistake): boolean {
  return isLeftOver || rule === 'declaration';
}

function hintsFor({ text, list, statements }: Tokens, mistake: Mistake): string[] {
  const { at } = mistake;
  const head = statements.findLast((s) => s < at) ?? 0;
  const place: Place = {
    mistake,
    found: list[at]?.image ?? '',
    next: list[at + 1]?.image ?? '',
    previous: list[at - 1]?.image ?? '',
    beforePrevious: list[at - 2]?.image ?? '',
    head: list[head]?.image ?? '',
    isAfterValue:
      isName(list[at - 1]) &&
      /^(?:\w+|["\])].*)$/.test(list[at - 2]?.image ?? '') &&
      !startsLine(text, list, at - 1),
    previousIsName: isName(list[at - 1]),
    foundIsName: isName(list[at]),
  };
  return HINTS.flatMap((hint) => hint(place) ?? []);
}

// Characters.

const CHARACTER_HINTS: readonly (readonly [pattern: RegExp, hint: string])[] = [
  [/^;/, 'statements need no semicolons: remove it'],
  [/^&/, 'write `and`'],
  [/^\|>/, 'write `->` to send a tensor into a block'],
  [/^\|/, 'write `or`'],
  [/^!/, 'write `not`'],
  [/^["]/, 'close the string with `"` on the same line'],
  [/^[']/, 'write strings in double quotes: `"nearest"`'],
  [/^[\u{201C}\u{201D}\u{2018}\u{2019}]/u, 'write strings in straight double quotes: `"nearest"`'],
  [/^[×·]/, 'write `*`'],
  [/^[→⟶]/, 'write `->`'],
  [/^[≤]/, 'write `<=`'],
  [/^[≥]/, 'write `>=`'],
  [/^[−–]/, 'write `-`'],
  [/^\^/, 'a power is `a ** b`'],
];

/** A file with more of them is no text. */
const MAX_CHARACTERS = 100;

/** What the lexer could not read. The second of a pair of quotes on a line is not told of again. */
export function characterMistakes(source: Source, errors: readonly ILexingError[]): Diagnostic[] {
  const told = new Set<number>();
  return errors.slice(0, MAX_CHARACTERS).flatMap((error) => {
    const text = source.text.slice(error.offset, error.offset + error.length);
    const first = String.fromCodePoint(text.codePointAt(0) ?? 32);
    if (/["'\u2018-\u201D]/.test(first)) {
      const { line } = positionOf(source, error.offset);
      if (told.has(line)) return [];
      told.add(line);
    }
    return [characterMistake(source, error, first)];
  });
}

function characterMistake(source: Source, error: ILexingError, first: string): Diagnostic {
  const ahead = source.text.slice(error.offset, error.offset + 2);
  const hint = CHARACTER_HINTS.find(([pattern]) => pattern.test(ahead))?.[1];
  const isUnclosed = first === '"';
  const code = (first.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  const shown = /\p{C}/u.test(first) ? `U+${code}` : `\`${first}\``;
  return diagnostic(
    'unexpected-character',
    isUnclosed ? 'this string is not closed' : `the character ${shown} means nothing here`,
    {
      span: { source, start: error.offset, end: error.offset + (isUnclosed ? 1 : error.length) },
      hints: hint === undefined ? [] : [hint],
    },
  );
}
