/** Concrete syntax to the abstract tree, of declarations in which the parser found no error. */
import type * as cst from '../../grammar/cst.js';
import { BINARY_OPERATORS, tightness } from '../../grammar/tokens.js';
import type {
  Argument,
  Axis,
  BinaryOperator,
  Declaration,
  Expression,
  Import,
  Name,
  Parameter,
  Statement,
  TrainDeclaration,
  TypeExpression,
} from './ast.js';
import { diagnostic, type Diagnostic } from './diagnostic.js';
import { MAX_NESTING, MAX_OPERATORS, spanOf, tooDeepAt } from './parse.js';
import type { Source, Span } from './source.js';
import type { CstNode, IToken } from 'chevrotain';

/** What the functions below need to know of the file. */
export interface Context {
  readonly source: Source;
  readonly diagnostics: Diagnostic[];
  /** The text of the `##` lines just above what starts its line at `offset`. */
  readonly docAbove: (offset: number) => string;
}

/** A comment's line break and what blanks stand around it: what follows is on the next line. */
const NEXT_LINE = /[ \t\uFEFF]*(?:\r\n|\r|\n)[ \t\uFEFF]*/y;

export function createContext(
  source: Source,
  comments: readonly IToken[],
  diagnostics: Diagnostic[],
): Context {
  // A doc line stands alone on its line, and belongs to what starts the line below it: another doc
  // line, or the thing that they document.
  const docByTarget = new Map<number, { text: string; start: number }>();
  for (const comment of comments) {
    if (!comment.image.startsWith('##') || !startsItsLine(source, comment)) continue;
    NEXT_LINE.lastIndex = comment.startOffset + comment.image.length;
    if (!NEXT_LINE.test(source.text)) continue;
    const text = comment.image.replace(/^#+ ?/, '').trimEnd();
    docByTarget.set(NEXT_LINE.lastIndex, { text, start: comment.startOffset });
  }
  return {
    source,
    diagnostics,
    docAbove(offset) {
      const lines: string[] = [];
      for (let doc = docByTarget.get(offset); doc !== undefined; doc = docByTarget.get(doc.start)) {
        lines.unshift(doc.text);
      }
      return lines.join('\n');
    },
  };
}

function startsItsLine(source: Source, token: IToken): boolean {
  for (let i = token.startOffset - 1; i >= 0; i--) {
    const character = source.text.charAt(i);
    if (character === '\n' || character === '\r') return true;
    if (!/[ \t\uFEFF]/.test(character)) return false;
  }
  return true;
}

function nodeSpan(context: Context, node: CstNode): Span {
  const { startOffset = 0, endOffset = startOffset } = node.location ?? {};
  return { source: context.source, start: startOffset, end: endOffset + 1 };
}

export function nameOf(context: Context, token: IToken | undefined): Name {
  if (token === undefined) throw new Error('a name is missing from a whole syntax tree');
  return { text: token.image, span: spanOf(context.source, token) };
}

function only<T>(items: readonly T[] | undefined): T {
  const item = items?.[0];
  if (item === undefined) throw new Error('a part is missing from a whole syntax tree');
  return item;
}

/** What a file holds, in the order of its text. */
export interface FileParts {
  readonly imports: Import[];
  readonly declarations: Declaration[];
  readonly recipes: TrainDeclaration[];
}

export function buildDeclaration(
  context: Context,
  node: cst.DeclarationCstNode,
  { imports, declarations, recipes }: FileParts,
): void {
  const { importDeclaration, constDeclaration, blockDeclaration, modelDeclaration } = node.children;
  if (importDeclaration?.[0] !== undefined) {
    imports.push(buildImport(context, importDeclaration[0]));
    return;
  }
  const inner =
    node.children.trainDeclaration?.[0] ??
    constDeclaration?.[0] ??
    blockDeclaration?.[0] ??
    only(modelDeclaration);
  const span = nodeSpan(context, inner);
  const name = nameOf(context, inner.children.Identifier[0]);
  const base = { name, span, doc: context.docAbove(span.start), damaged: false };
  if (inner.name === 'constDeclaration') {
    const value = buildExpression(context, only(inner.children.expression));
    declarations.push({ ...base, kind: 'const', value });
    return;
  }
  const written = inner.children.parameters?.[0]?.children.parameter ?? [];
  const parameters = written.map((p) => buildParameter(context, p));
  if (inner.name === 'trainDeclaration') {
    const model = buildExpression(context, only(inner.children.expression));
    const settings = buildBody(context, only(inner.children.body));
    recipes.push({ ...base, kind: 'train', parameters, model, body: settings });
    return;
  }
  const { expression, body } = inner.children;
  declarations.push({
    ...base,
    kind: inner.name === 'blockDeclaration' ? 'block' : 'model',
    parameters,
    body:
      expression?.[0] === undefined
        ? buildBody(context, only(body))
        : buildExpression(context, expression[0]),
  });
}

function buildImport(context: Context, node: cst.ImportDeclarationCstNode): Import {
  const { importedName = [], StringLiteral, Identifier } = node.children;
  const pathToken = only(StringLiteral);
  return {
    span: nodeSpan(context, node),
    path: readString(context, pathToken),
    pathSpan: spanOf(context.source, pathToken),
    names: importedName.map(({ children }) => ({
      name: nameOf(context, children.name[0]),
      local: nameOf(context, children.alias?.[0] ?? children.name[0]),
    })),
    module: Identifier?.[0] === undefined ? undefined : nameOf(context, Identifier[0]),
  };
}

function buildParameter(context: Context, node: cst.ParameterCstNode): Parameter {
  const { Identifier, type, expression } = node.children;
  const span = nodeSpan(context, node);
  return {
    name: nameOf(context, Identifier[0]),
    type: type?.[0] === undefined ? undefined : buildType(context, type[0]),
    default: expression?.[0] === undefined ? undefined : buildExpression(context, expression[0]),
    doc: context.docAbove(span.start),
    span,
  };
}

function buildType(context: Context, node: cst.TypeCstNode): TypeExpression {
  const { Identifier, type, Question } = node.children;
  const span = nodeSpan(context, node);
  const optional = Question !== undefined;
  if (type?.[0] !== undefined) {
    return { kind: 'list', item: buildType(context, type[0]), optional, span };
  }
  return { kind: 'named', name: Identifier?.[0]?.image ?? 'block', optional, span };
}

function buildBody(context: Context, node: cst.BodyCstNode): Statement[] {
  return (node.children.statement ?? []).map((s) => buildStatement(context, s));
}

function buildStatement(context: Context, node: cst.StatementCstNode): Statement {
  const [inner] = Object.values(node.children).flat();
  if (inner === undefined) throw new Error('an empty statement in a whole syntax tree');
  const span = nodeSpan(context, inner);
  const doc = context.docAbove(span.start);
  switch (inner.name) {
    case 'assignment': {
      const { Identifier, PlusEqual, expression } = inner.children;
      return {
        kind: 'assign',
        targets: Identifier.map((token) => nameOf(context, token)),
        operator: PlusEqual === undefined ? '=' : '+=',
        value: buildExpression(context, only(expression)),
        doc,
        span,
      };
    }
    case 'sharedStatement':
    case 'outputStatement': {
      const { Identifier, expression } = inner.children;
      return {
        kind: inner.name === 'sharedStatement' ? 'shared' : 'output',
        name: nameOf(context, Identifier[0]),
        value: buildExpression(context, only(expression)),
        doc,
        span,
      };
    }
    case 'inputStatement': {
      const { name, dtype, axis, expression = [] } = inner.children;
      return {
        kind: 'input',
        name: nameOf(context, name[0]),
        dtype: nameOf(context, dtype[0]),
        axes: axis.map((a) => buildAxis(context, a)),
        facts: expression.map((e) => buildExpression(context, e)),
        doc,
        span,
      };
    }
    case 'expectStatement':
      return {
        kind: 'expect',
        condition: buildExpression(context, only(inner.children.expression)),
        span,
      };
    case 'returnStatement':
      return {
        kind: 'return',
        value: buildExpression(context, only(inner.children.expression)),
        span,
      };
    case 'forStatement': {
      const { Identifier, expression, body } = inner.children;
      return {
        kind: 'for',
        targets: Identifier.map((token) => nameOf(context, token)),
        items: buildExpression(context, only(expression)),
        body: buildBody(context, only(body)),
        span,
      };
    }
    case 'ifStatement':
      return buildIf(context, inner, span);
  }
}

function buildIf(context: Context, node: cst.IfStatementCstNode, span: Span): Statement {
  const { expression, then, elseIf, else: otherwise } = node.children;
  const nested = elseIf?.[0];
  return {
    kind: 'if',
    condition: buildExpression(context, only(expression)),
    then: buildBody(context, only(then)),
    else:
      nested !== undefined
        ? [buildIf(context, nested, nodeSpan(context, nested))]
        : otherwise?.[0] === undefined
          ? []
          : buildBody(context, otherwise[0]),
    span,
  };
}

function buildAxis(context: Context, node: cst.AxisCstNode): Axis {
  const { size, defaultSize } = node.children;
  return {
    size: buildExpression(context, only(size)),
    defaultSize:
      defaultSize?.[0] === undefined ? undefined : buildExpression(context, defaultSize[0]),
    span: nodeSpan(context, node),
  };
}

export function buildExpression(context: Context, node: cst.ExpressionCstNode): Expression {
  const stages = node.children.pipeStage.map((s) => buildStage(context, s));
  if (stages.length === 1) return only(stages);
  return { kind: 'pipe', stages, span: nodeSpan(context, node) };
}

function buildStage(context: Context, node: cst.PipeStageCstNode): Expression {
  const { condition, then, else: otherwise, start, end, DotDot } = node.children;
  if (condition?.[0] !== undefined) {
    return {
      kind: 'if',
      condition: buildExpression(context, condition[0]),
      then: buildExpression(context, only(then)),
      else: buildStage(context, only(otherwise)),
      span: nodeSpan(context, node),
    };
  }
  const first = start?.[0] === undefined ? undefined : buildOperation(context, start[0]);
  if (DotDot === undefined && first !== undefined) return first;
  return {
    kind: 'range',
    start: first,
    end: end?.[0] === undefined ? undefined : buildOperation(context, end[0]),
    span: nodeSpan(context, node),
  };
}

const NOT_LEVEL = 2;
const POWER_LEVEL = BINARY_OPERATORS.length - 1;

/** Precedence climbing over operands and operators in a row. */
function buildOperation(context: Context, node: cst.OperationCstNode): Expression {
  const { operand: operands, BinaryOperator: operators = [] } = node.children;
  if (operators.length > MAX_OPERATORS) {
    const span = nodeSpan(context, node);
    context.diagnostics.push(
      diagnostic('too-deep', `more than ${MAX_OPERATORS} operators in one expression`, {
        span,
        hints: ['name the parts and use their names'],
      }),
    );
    return { kind: 'none', span };
  }
  // The operator between operands i and i + 1 is operators[i]; `next` operands are consumed.
  let next = 0;

  const climb = (level: number): Expression => extend(prefixed(), level);

  /** Continues an expression with the operators of at least `level` that follow it. */
  const extend = (first: Expression, level: number): Expression => {
    let left = first;
    for (;;) {
      const token = operators[next - 1];
      if (token === undefined) return left;
      const tokenLevel = tightness(token.tokenType);
      if (tokenLevel < level) return left;
      // `**` nests to the right, the others to the left.
      const right = climb(tokenLevel === POWER_LEVEL ? tokenLevel : tokenLevel + 1);
      left = {
        kind: 'binary',
        operator: token.image as BinaryOperator, // the category holds these spellings and no others
        left,
        right,
        span: { source: context.source, start: left.span.start, end: right.span.end },
      };
    }
  };

  const prefixed = (): Expression => {
    const operand = only(operands.slice(next, next + 1));
    next++;
    const prefixes = operand.children.PrefixOperator ?? [];
    if (prefixes.length > MAX_NESTING) {
      const span = nodeSpan(context, operand);
      context.diagnostics.push(tooDeepAt(span));
      return { kind: 'none', span };
    }
    // The innermost prefix is built first, and each takes in the operators that bind tighter.
    return prefixes.reduceRight(
      (inner, token) => {
        const operator = token.image === 'not' ? 'not' : '-';
        const whole = extend(inner, operator === 'not' ? NOT_LEVEL : POWER_LEVEL);
        const span = { source: context.source, start: token.startOffset, end: whole.span.end };
        return { kind: 'unary', operator, operand: whole, span };
      },
      buildOperand(context, operand),
    );
  };

  return climb(0);
}

function buildOperand(context: Context, node: cst.OperandCstNode): Expression {
  const { Atom, group, list, postfix = [] } = node.children;
  if (postfix.length > MAX_NESTING) {
    const span = nodeSpan(context, node);
    context.diagnostics.push(tooDeepAt(span));
    return { kind: 'none', span };
  }
  let object: Expression;
  if (Atom?.[0] !== undefined) object = buildAtom(context, Atom[0]);
  else if (group?.[0] !== undefined) {
    const inner = buildExpression(context, only(group[0].children.expression));
    object = { ...inner, span: nodeSpan(context, group[0]) };
  } else {
    const listNode = only(list);
    const items = (listNode.children.expression ?? []).map((e) => buildExpression(context, e));
    object = { kind: 'list', items, span: nodeSpan(context, listNode) };
  }
  for (const part of postfix) {
    const { LeftParen, argument = [], expression, Identifier } = part.children;
    const end = nodeSpan(context, part).end;
    const span = { source: context.source, start: object.span.start, end };
    if (LeftParen !== undefined) {
      object = {
        kind: 'call',
        callee: object,
        args: argument.map((a) => buildArgument(context, a)),
        span,
      };
    } else if (expression?.[0] !== undefined) {
      object = { kind: 'index', object, index: buildExpression(context, expression[0]), span };
    } else {
      object = { kind: 'member', object, name: nameOf(context, Identifier?.[0]), span };
    }
  }
  return object;
}

function buildArgument(context: Context, node: cst.ArgumentCstNode): Argument {
  const { Identifier, expression } = node.children;
  return {
    name: Identifier?.[0] === undefined ? undefined : nameOf(context, Identifier[0]),
    value: buildExpression(context, only(expression)),
    span: nodeSpan(context, node),
  };
}

function buildAtom(context: Context, token: IToken): Expression {
  const span = spanOf(context.source, token);
  switch (token.tokenType.name) {
    case 'NumberLiteral':
      return readNumber(context, token.image, span);
    case 'StringLiteral':
      return { kind: 'string', value: readString(context, token), span };
    case 'True':
    case 'False':
      return { kind: 'bool', value: token.image === 'true', span };
    case 'None':
      return { kind: 'none', span };
    case 'In':
      return { kind: 'in', span };
    default:
      return { kind: 'name', name: token.image, span };
  }
}

/** What a suffix multiplies by, as a power of ten or of two. */
const SUFFIXES: ReadonlyMap<string, { readonly tens?: number; readonly twos?: number }> = new Map([
  ['', {}],
  ['k', { tens: 3 }],
  ['M', { tens: 6 }],
  ['G', { tens: 9 }],
  ['T', { tens: 12 }],
  ['B', {}],
  ['kB', { tens: 3 }],
  ['MB', { tens: 6 }],
  ['GB', { tens: 9 }],
  ['TB', { tens: 12 }],
  ['KiB', { twos: 10 }],
  ['MiB', { twos: 20 }],
  ['GiB', { twos: 30 }],
  ['TiB', { twos: 40 }],
  ['ms', { tens: -3 }],
  ['us', { tens: -6 }],
]);

function readNumber(context: Context, image: string, span: Span): Expression {
  const parts = /^([0-9_]+(?:\.[0-9_]+)?(?:[eE][+-]?[0-9]+)?)(.*)$/.exec(image);
  const digits = (parts?.[1] ?? '').replaceAll('_', '');
  const suffix = parts?.[2] ?? '';
  const scale = SUFFIXES.get(suffix);
  if (scale === undefined) {
    context.diagnostics.push(
      diagnostic('bad-number', `\`${suffix}\` is no suffix of a number`, {
        span,
        hints: [
          'suffixes are `k` `M` `G` `T` (powers of 1000), `kB` `MB` `GB`, `KiB` `MiB` `GiB`, and `ms` `us`',
        ],
      }),
    );
    return { kind: 'number', value: 1, integer: true, span };
  }
  const { value, whole } = scaled(digits, scale);
  const integer = suffix === '' ? /^[0-9]+$/.test(digits) : whole;
  if (!Number.isFinite(value) || (integer && !Number.isSafeInteger(value))) {
    context.diagnostics.push(
      diagnostic('bad-number', `${image} is too large to be exact (the limit is 2^53 - 1)`, {
        span,
      }),
    );
    return { kind: 'number', value: 1, integer, span };
  }
  return { kind: 'number', value, integer, span };
}

/** Beyond it a number is infinite, or too near to 0 to be whole. */
const MAX_DIGITS = 400;

/** From the digits themselves, so that `32.8G` is exactly 32,800,000,000 whatever binary makes of 32.8. */
function scaled(
  digits: string,
  { tens = 0, twos = 0 }: { readonly tens?: number; readonly twos?: number },
): { readonly value: number; readonly whole: boolean } {
  const [mantissa = '', exponent = '0'] = digits.toLowerCase().split('e');
  // Far beyond what a double holds; larger ones would be written with an exponent themselves.
  const shift = Math.max(-1e9, Math.min(1e9, Number(exponent))) + tens;
  // The nearest double to the decimal number; a power of two does not round it.
  const value = Number(`${mantissa}e${shift}`) * 2 ** twos;
  const [before = '', after = ''] = mantissa.split('.');
  const places = after.length - shift;
  if (places <= 0) return { value, whole: true };
  if (places > MAX_DIGITS || mantissa.length > MAX_DIGITS) return { value, whole: false };
  const whole = (BigInt(before + after) << BigInt(twos)) % 10n ** BigInt(places) === 0n;
  return { value, whole };
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  '"': '"',
  '\\': '\\',
};

function readString(context: Context, token: IToken): string {
  return token.image.slice(1, -1).replace(/\\(.)/gs, (whole, character: string) => {
    const meant = ESCAPES[character];
    if (meant === undefined) {
      context.diagnostics.push(
        diagnostic('bad-escape', `\`${whole}\` is no escape`, {
          span: spanOf(context.source, token),
          hints: ['escapes are `\\n`, `\\t`, `\\r`, `\\"` and `\\\\`; write `/` in paths'],
        }),
      );
    }
    return meant ?? character;
  });
}
