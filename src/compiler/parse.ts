/** Text to syntax tree. Cannot fail: what is wrong comes back as diagnostics beside the tree. */
import type * as cst from '../../grammar/cst.js';
import { ArchParser, createLexer } from '../../grammar/parser.js';
import { declaredName, splitDeclarations } from '../../grammar/recovery.js';
import type { Declaration, Expression, File, TrainDeclaration } from './ast.js';
import {
  buildDeclaration,
  buildExpression,
  type Context,
  createContext,
  type FileParts,
  nameOf,
} from './build-ast.js';
import { diagnostic, type Diagnostic } from './diagnostic.js';
import type { Source, Span } from './source.js';
import { characterMistakes, findMistakes, type FirstError, soleMistake } from './syntax-errors.js';
import type { ILexingError, IToken } from 'chevrotain';

export interface Parsed<T> {
  readonly tree: T;
  readonly diagnostics: readonly Diagnostic[];
}

/** Brackets, and choices within choices, may nest this deep. */
export const MAX_NESTING = 200;
/** Operators in a row in one expression. */
export const MAX_OPERATORS = 1000;

let shared: { tokenize: ReturnType<typeof createLexer>; parser: ArchParser } | undefined;

/** Building the parser analyses the grammar, which costs more than parsing most files: done once. */
function tools(): NonNullable<typeof shared> {
  shared ??= { tokenize: createLexer(), parser: new ArchParser() };
  return shared;
}

/** Every token and comment in its place, for tools that care how the text is spelt. */
interface ConcreteFile {
  /** Undefined where there are mistakes. */
  readonly root: cst.FileCstNode | undefined;
  readonly tokens: readonly IToken[];
  readonly comments: readonly IToken[];
  readonly diagnostics: readonly Diagnostic[];
}

/** The concrete syntax tree; its diagnostics are those of the grammar only, not those of literals. */
export function parseConcrete(source: Source): ConcreteFile {
  const { root, parts, tokens, comments, diagnostics } = parseTokens(source);
  return {
    root,
    tokens,
    comments,
    diagnostics: sorted([...diagnostics, ...parts.flatMap((part) => part.diagnostics)]),
  };
}

export function parse(source: Source): Parsed<File> {
  const { root, parts, comments, ...found } = parseTokens(source);
  const diagnostics = [...found.diagnostics];
  const context = createContext(source, comments, diagnostics);
  const filled: FileParts = { imports: [], declarations: [], recipes: [] };
  let incomplete = root === undefined && parts.length === 0;
  for (const node of root?.children.declaration ?? []) {
    buildDeclaration(context, node, filled);
  }
  for (const part of parts) {
    diagnostics.push(...part.diagnostics);
    if (part.node !== undefined) buildDeclaration(context, part.node, filled);
    else {
      const damaged = damagedDeclaration(context, part.tokens);
      if (damaged?.kind === 'train') filled.recipes.push(damaged);
      else if (damaged !== undefined) filled.declarations.push(damaged);
      if (damaged === undefined || part.hasStrayWords) incomplete = true;
    }
  }
  return {
    tree: { source, ...filled, incomplete },
    diagnostics: sorted(diagnostics),
  };
}

function sorted(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  return diagnostics.toSorted((a, b) => (a.span?.start ?? 0) - (b.span?.start ?? 0));
}

/**
 * Parses a text that is one expression between two offsets: the right side of `width=2 * 16`. There is
 * no tree where anything is wrong, be it a number that cannot be read: no one goes on with a part.
 */
export function parseExpression(
  source: Source,
  from = 0,
  to = source.text.length,
): Parsed<Expression | undefined> {
  const { tokens, comments, lexingErrors } = readTokens(source, from, to);
  const diagnostics = characterMistakes(source, lexingErrors);
  const tooDeep = nestingDiagnostic(source, tokens);
  if (tooDeep !== undefined) diagnostics.push(tooDeep);
  if (diagnostics.length > 0) return { tree: undefined, diagnostics };
  const { parser } = tools();
  parser.input = [...tokens];
  const root = parser.soleExpression() as cst.SoleExpressionCstNode | undefined;
  const [error] = parser.errors;
  if (error !== undefined) diagnostics.push(soleMistake(source, tokens, error));
  const node = root?.children.expression[0];
  if (node === undefined || diagnostics.length > 0) return { tree: undefined, diagnostics };
  const context = createContext(source, comments, diagnostics);
  const tree = buildExpression(context, node);
  return { tree: diagnostics.length > 0 ? undefined : tree, diagnostics };
}

function readTokens(
  source: Source,
  from = 0,
  to = source.text.length,
): {
  tokens: readonly IToken[];
  comments: readonly IToken[];
  lexingErrors: readonly ILexingError[];
} {
  const lexed = tools().tokenize(source.text);
  const isInside = (offset: number): boolean => from <= offset && offset < to;
  const isAll = from === 0 && to === source.text.length;
  const tokens = isAll ? lexed.tokens : lexed.tokens.filter((t) => isInside(t.startOffset));
  return {
    tokens,
    comments: (lexed.groups['comments'] ?? []).filter((c) => isInside(c.startOffset)),
    lexingErrors: lexed.errors.filter((error) => isInside(error.offset)),
  };
}

/** One declaration of a file that holds mistakes, in itself or elsewhere. */
interface Part {
  readonly tokens: readonly IToken[];
  /** Undefined where a mistake is in this part. */
  readonly node: cst.DeclarationCstNode | undefined;
  /** Words behind the declaration that may have been meant as another. */
  readonly hasStrayWords: boolean;
  readonly diagnostics: readonly Diagnostic[];
}

interface TokenParse {
  /** The whole file where it has no mistakes; its parts otherwise. */
  readonly root: cst.FileCstNode | undefined;
  readonly parts: readonly Part[];
  readonly tokens: readonly IToken[];
  readonly comments: readonly IToken[];
  /** What concerns no part. */
  readonly diagnostics: readonly Diagnostic[];
}

function parseTokens(source: Source): TokenParse {
  const { tokens, comments, lexingErrors } = readTokens(source, 0);
  const diagnostics = characterMistakes(source, lexingErrors);
  const ranges = splitDeclarations(source.text, tokens);
  const pieces = ranges.map(({ start, end }) => {
    const part = tokens.slice(start, end);
    return { start, end, part, tooDeep: nestingDiagnostic(source, part) };
  });
  const isReadable = lexingErrors.length === 0 && pieces.every((p) => p.tooDeep === undefined);
  const root = isReadable ? parseWhole(tokens) : undefined;
  if (root !== undefined) return { root, parts: [], tokens, comments, diagnostics };
  const hasBadCharacter = (start: number, end: number): boolean =>
    lexingErrors.some(({ offset }) => offset >= start && offset <= end);
  const parts = pieces.map(({ start, end, part, tooDeep }): Part => {
    if (tooDeep !== undefined) return damagedPart(part, tooDeep);
    // What stands before the first declaration is told of with it.
    const from = start === 0 ? 0 : (part[0]?.startOffset ?? 0);
    return parsePart(source, part, from, tokens[end], hasBadCharacter);
  });
  return { root: undefined, parts, tokens, comments, diagnostics };
}

function damagedPart(tokens: readonly IToken[], found: Diagnostic): Part {
  return { tokens, node: undefined, hasStrayWords: false, diagnostics: [found] };
}

/** Undefined where there is a mistake. */
function parseWhole(tokens: readonly IToken[]): cst.FileCstNode | undefined {
  const { parser } = tools();
  parser.input = [...tokens];
  try {
    const root = parser.file();
    return parser.errors.length === 0 ? (root as cst.FileCstNode) : undefined;
  } catch (error) {
    if (isStackOverflow(error)) return undefined;
    throw error;
  }
}

/** The recursive descent ran out of stack: `if` in `if` in `if`, which no bracket counts. */
function isStackOverflow(error: unknown): boolean {
  return error instanceof RangeError;
}

function parsePart(
  source: Source,
  tokens: readonly IToken[],
  from: number,
  after: IToken | undefined,
  hasBadCharacter: (start: number, end: number) => boolean,
): Part {
  const { parser } = tools();
  const firstError: FirstError = (list, rule) => {
    parser.input = [...list];
    parser[rule]();
    return parser.errors[0];
  };
  try {
    const { mistakes, hasStrayWords } = findMistakes(
      source,
      tokens,
      after,
      firstError,
      hasBadCharacter,
    );
    const end = after?.startOffset ?? source.text.length;
    const isSound = mistakes.length === 0 && !hasStrayWords && !hasBadCharacter(from, end);
    parser.input = [...tokens];
    const node = isSound ? (parser.declaration() as cst.DeclarationCstNode) : undefined;
    return { tokens, node, hasStrayWords, diagnostics: mistakes };
  } catch (error) {
    if (!isStackOverflow(error)) throw error;
    const [first] = tokens;
    const span = first === undefined ? { source, start: 0, end: 0 } : spanOf(source, first);
    return damagedPart(tokens, tooDeepAt(span));
  }
}

/** All that is known of a declaration with a mistake in it: its kind and its name, if that. */
function damagedDeclaration(
  context: Context,
  tokens: readonly IToken[],
): Declaration | TrainDeclaration | undefined {
  const [word] = tokens;
  const token = declaredName(tokens);
  const last = tokens.at(-1);
  if (word === undefined || token === undefined || last === undefined) return undefined;
  const { source } = context;
  const span = { source, start: word.startOffset, end: spanOf(source, last).end };
  const doc = context.docAbove(span.start);
  const base = { name: nameOf(context, token), span, doc, damaged: true };
  if (word.image === 'const') return { ...base, kind: 'const', value: { kind: 'none', span } };
  if (word.image === 'train') {
    return { ...base, kind: 'train', parameters: [], model: { kind: 'none', span }, body: [] };
  }
  return { ...base, kind: word.image === 'block' ? 'block' : 'model', parameters: [], body: [] };
}

function nestingDiagnostic(source: Source, tokens: readonly IToken[]): Diagnostic | undefined {
  let depth = 0;
  for (const token of tokens) {
    if (token.image === '(' || token.image === '[' || token.image === '{') depth++;
    else if (token.image === ')' || token.image === ']' || token.image === '}') depth--;
    if (depth > MAX_NESTING) return tooDeepAt(spanOf(source, token));
  }
  return undefined;
}

export function tooDeepAt(span: Span): Diagnostic {
  return diagnostic('too-deep', `this nests more than ${MAX_NESTING} levels deep`, {
    span,
    hints: ['name the inner parts and use their names'],
  });
}

export function spanOf(source: Source, token: IToken): Span {
  return { source, start: token.startOffset, end: token.startOffset + token.image.length };
}
