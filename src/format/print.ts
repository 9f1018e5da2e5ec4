/**
 * Lays a file out again, token by token, as a Prettier document. Every token prints the comments
 * that `readTrivia` gave it, so no layout can lose one or change their order.
 */
import type { CstNode, IToken } from 'chevrotain';
import type { Doc } from 'prettier';
import { builders } from 'prettier/doc';
import type * as cst from '../../grammar/cst.js';
import { tightness } from '../../grammar/tokens.js';
import type { TriviaTable } from './trivia.js';

const {
  align,
  breakParent,
  group,
  hardline,
  ifBreak,
  indent,
  join,
  line,
  lineSuffix,
  lineSuffixBoundary,
  softline,
  trim,
} = builders;

interface Context {
  readonly trivia: TriviaTable;
  /** Offsets of the tokens whose leading comments stand in the separator before them. */
  readonly opened: Set<number>;
}

/** The document of a file without syntax errors. */
export function printFile(root: cst.FileCstNode, trivia: TriviaTable): Doc {
  const c: Context = { trivia, opened: new Set() };
  const declarations = root.children.declaration ?? [];
  const parts: Doc[] = [];
  declarations.forEach((node, i) => {
    const previous = declarations[i - 1];
    const first = firstOffset(node);
    if (previous !== undefined) {
      parts.push(hardline);
      const blank = startsWithBlank(c, first) || !mayTouch(previous, node);
      if (blank) parts.push(hardline);
    }
    parts.push(openAt(c, first), printDeclaration(c, node));
  });
  trivia.end.leading.forEach((comment, i) => {
    if (parts.length > 0) parts.push(hardline);
    if (comment.blankAbove && (i > 0 || declarations.length > 0)) parts.push(hardline);
    parts.push(comment.text);
  });
  return parts.length === 0 ? '' : [...parts, hardline];
}

/** Imports may stand line by line, and constants too; all else is set apart by an empty line. */
function mayTouch(a: cst.DeclarationCstNode, b: cst.DeclarationCstNode): boolean {
  return (
    (a.children.importDeclaration !== undefined && b.children.importDeclaration !== undefined) ||
    (a.children.constDeclaration !== undefined && b.children.constDeclaration !== undefined)
  );
}

// Tokens and what stands between them.

/** A token with its comments, where it follows another on a line. */
function tok(c: Context, token: IToken): Doc {
  const { leading, trailing } = c.trivia.at(token.startOffset);
  // `trim` takes away the space that was meant for what no longer follows on the line.
  const after: Doc = trailing === undefined ? '' : lineSuffix([trim, ' ', trailing]);
  if (c.opened.has(token.startOffset)) return [token.image, after];
  let before: Doc = '';
  if (leading.length > 0) {
    const lines = leading.map((comment) => [comment.text, hardline]);
    before = indent([hardline, ...lines]);
  } else if (c.trivia.before(token.startOffset)?.trailing !== undefined) {
    before = [indent(lineSuffixBoundary), breakParent];
  }
  return [before, token.image, after];
}

/** Own-line comments above the token at `offset`, which starts a line here. */
function openAt(c: Context, offset: number): Doc {
  const { leading, blankAbove } = c.trivia.at(offset);
  c.opened.add(offset);
  if (leading.length === 0) return '';
  return [
    ...leading.map(({ text, blankAbove: blank }, i) => [
      i > 0 && blank ? hardline : '',
      text,
      hardline,
    ]),
    blankAbove ? hardline : '',
  ];
}

function startsWithBlank(c: Context, offset: number): boolean {
  const { leading, blankAbove } = c.trivia.at(offset);
  return leading[0]?.blankAbove ?? blankAbove;
}

/**
 * A possible line break before the token at `offset`, with the comments above it. It belongs to the
 * group in which it is printed, and breaks that group where a comment is on either side.
 */
function breakBefore(c: Context, offset: number, kind: Doc, keepBlank = true): Doc {
  const blank = keepBlank && startsWithBlank(c, offset) ? softline : '';
  const forced = c.trivia.before(offset)?.trailing === undefined ? '' : breakParent;
  return [blank, kind, forced, openAt(c, offset)];
}

/** A space and what follows it; where comments stand between, they and it go below, indented. */
function follow(c: Context, offset: number, print: () => Doc): Doc {
  const isFree =
    c.trivia.at(offset).leading.length === 0 && c.trivia.before(offset)?.trailing === undefined;
  return isFree ? [' ', print()] : indent([hardline, openAt(c, offset), print()]);
}

function followedBy(c: Context, expression: cst.ExpressionCstNode | undefined): Doc {
  if (expression === undefined) return '';
  return follow(c, firstOffset(expression), () => printExpression(c, expression));
}

/** A closing bracket on a line of its own where its group breaks; comments above it stand inside. */
function close(c: Context, token: IToken, isEmpty = false): Doc {
  const { leading } = c.trivia.at(token.startOffset);
  const forced = c.trivia.before(token.startOffset)?.trailing === undefined ? '' : breakParent;
  c.opened.add(token.startOffset);
  const comments = leading.map(({ text, blankAbove }, i) => [
    blankAbove && !(isEmpty && i === 0) ? hardline : '',
    hardline,
    text,
  ]);
  return [indent(comments), leading.length > 0 ? hardline : softline, forced, tok(c, token)];
}

/** `[a, b]`, or an item a line. With `trailingComma`, the last item too gets one where it breaks. */
function bracketed(
  c: Context,
  open: IToken,
  items: readonly CstNode[],
  commas: readonly IToken[],
  closing: IToken,
  printItem: (index: number) => Doc,
  trailingComma: boolean,
): Doc {
  if (items.length === 0) {
    const empty =
      c.trivia.at(closing.startOffset).leading.length === 0 &&
      c.trivia.at(open.startOffset).trailing === undefined;
    if (empty) return [tok(c, open), tok(c, closing)];
    return group([tok(c, open), close(c, closing, true)]);
  }
  const parts = items.map((item, i) => {
    const comma = commas[i];
    const before = breakBefore(c, firstOffset(item), i === 0 ? softline : line, i > 0);
    const isLast = i === items.length - 1;
    const after =
      comma !== undefined && (!isLast || hasComments(c, comma))
        ? tok(c, comma)
        : isLast && trailingComma
          ? ifBreak(',')
          : '';
    return [before, printItem(i), after];
  });
  return group([tok(c, open), indent(parts), close(c, closing)]);
}

function hasComments(c: Context, token: IToken): boolean {
  const { leading, trailing } = c.trivia.at(token.startOffset);
  return leading.length > 0 || trailing !== undefined;
}

function hasCommentsAround(c: Context, token: IToken): boolean {
  return hasComments(c, token) || c.trivia.before(token.startOffset)?.trailing !== undefined;
}

/** Items with commas between them, a line each where the group around them breaks. */
function listed(
  c: Context,
  starts: readonly number[],
  commas: readonly IToken[],
  printItem: (index: number) => Doc,
): Doc {
  return starts.map((start, i) => {
    const comma = commas[i - 1];
    if (comma === undefined) return printItem(i);
    return [tok(c, comma), breakBefore(c, start, line), printItem(i)];
  });
}

function firstOffset(node: CstNode): number {
  return node.location?.startOffset ?? 0;
}

/** A part that a tree without syntax errors has. */
function nth<T>(items: readonly T[] | undefined, index: number): T {
  const item = items?.[index];
  if (item === undefined) throw new Error('a part is missing from a whole syntax tree');
  return item;
}

function must<T>(items: readonly T[] | undefined): T {
  return nth(items, 0);
}

function spaced(c: Context, tokens: readonly IToken[]): Doc {
  return join(
    ' ',
    tokens.map((token) => tok(c, token)),
  );
}

// Declarations.

function printDeclaration(c: Context, node: cst.DeclarationCstNode): Doc {
  const { importDeclaration, constDeclaration, blockDeclaration, modelDeclaration } = node.children;
  if (importDeclaration?.[0] !== undefined) return printImport(c, importDeclaration[0]);
  if (constDeclaration?.[0] !== undefined) {
    const { Const, Identifier, Equal, expression } = constDeclaration[0].children;
    const left = spaced(c, [must(Const), must(Identifier), must(Equal)]);
    return [left, followedBy(c, expression[0])];
  }
  if (node.children.trainDeclaration?.[0] !== undefined) {
    return printTrain(c, node.children.trainDeclaration[0]);
  }
  const block = blockDeclaration?.[0];
  const declaration = block ?? must(modelDeclaration);
  const word =
    block === undefined ? must(must(modelDeclaration).children.Model) : must(block.children.Block);
  const { Identifier, parameters, Equal, expression, body } = declaration.children;
  const left = [
    spaced(c, [word, must(Identifier)]),
    parameters?.[0] === undefined ? '' : printParameters(c, parameters[0]),
    ' ',
  ];
  if (body?.[0] !== undefined) return [left, printBody(c, body[0])];
  const value = must(expression);
  return [left, tok(c, must(Equal)), printRightSide(c, value)];
}

function printTrain(c: Context, node: cst.TrainDeclarationCstNode): Doc {
  const { Train, Identifier, parameters, For, expression, body } = node.children;
  return [
    spaced(c, [must(Train), must(Identifier)]),
    parameters?.[0] === undefined ? '' : printParameters(c, parameters[0]),
    ' ',
    tok(c, must(For)),
    followedBy(c, must(expression)),
    ' ',
    printBody(c, must(body)),
  ];
}

/** After the `=` of a declaration: there where it fits or holds its own brackets, else below. */
function printRightSide(c: Context, value: cst.ExpressionCstNode): Doc {
  const first = firstOffset(value);
  // A break that the author chose is kept: a short body often reads better below its signature.
  if (c.trivia.at(first).newline) {
    return indent([hardline, openAt(c, first), printExpression(c, value)]);
  }
  if (endsInBrackets(value)) return [' ', printExpression(c, value)];
  return group(indent([breakBefore(c, first, line), printExpression(c, value)]));
}

/** One call or one list, whose brackets may break on the line where it starts. */
function endsInBrackets(value: cst.ExpressionCstNode): boolean {
  const operand = soleOperand(value);
  if (operand === undefined) return false;
  const last = operand.children.postfix?.at(-1);
  return last === undefined
    ? operand.children.list !== undefined
    : last.children.argument !== undefined;
}

/** The operand that is the whole expression, but for its prefixes. */
function soleOperand(value: cst.ExpressionCstNode): cst.OperandCstNode | undefined {
  const { pipeStage: stages } = value.children;
  const { start, DotDot } = must(stages).children;
  if (stages.length > 1 || DotDot !== undefined || start?.[0] === undefined) return undefined;
  const operands = start[0].children.operand;
  return operands.length === 1 ? operands[0] : undefined;
}

function printImport(c: Context, node: cst.ImportDeclarationCstNode): Doc {
  const { Import, importedName, Comma = [], From, StringLiteral, As, Identifier } = node.children;
  if (importedName === undefined) {
    return spaced(c, [must(Import), must(StringLiteral), must(As), must(Identifier)]);
  }
  const starts = importedName.map(firstOffset);
  const first = breakBefore(c, starts[0] ?? 0, line, false);
  const names = listed(c, starts, Comma, (i) => {
    const { name, As: as, alias } = nth(importedName, i).children;
    return spaced(c, [must(name), ...(as ?? []), ...(alias ?? [])]);
  });
  const from = must(From);
  return group([
    tok(c, must(Import)),
    indent([first, names]),
    breakBefore(c, from.startOffset, line, false),
    spaced(c, [from, must(StringLiteral)]),
  ]);
}

function printParameters(c: Context, node: cst.ParametersCstNode): Doc {
  const { LeftParen, parameter = [], Comma = [], RightParen } = node.children;
  const print = (i: number): Doc => printParameter(c, nth(parameter, i));
  return bracketed(c, must(LeftParen), parameter, Comma, must(RightParen), print, true);
}

function printParameter(c: Context, node: cst.ParameterCstNode): Doc {
  const { Identifier, Colon, type, Equal, expression } = node.children;
  return [
    tok(c, must(Identifier)),
    Colon?.[0] === undefined ? '' : [tok(c, Colon[0]), ' ', printType(c, must(type))],
    Equal?.[0] === undefined ? '' : [' ', tok(c, Equal[0]), followedBy(c, expression?.[0])],
  ];
}

function printType(c: Context, node: cst.TypeCstNode): Doc {
  const { Identifier, Block, LeftBracket, type, RightBracket, Question } = node.children;
  const named = Identifier?.[0] ?? Block?.[0];
  const inner =
    named === undefined
      ? [tok(c, must(LeftBracket)), printType(c, must(type)), tok(c, must(RightBracket))]
      : tok(c, named);
  return [inner, Question?.[0] === undefined ? '' : tok(c, Question[0])];
}

// Statements.

function printBody(c: Context, node: cst.BodyCstNode): Doc {
  const { LeftBrace, statement = [], RightBrace } = node.children;
  const open = must(LeftBrace);
  if (statement.length === 0) {
    return bracketed(c, open, [], [], must(RightBrace), () => '', false);
  }
  const lines = statement.map((s, i) => [
    breakBefore(c, firstOffset(s), hardline, i > 0),
    printStatement(c, s),
  ]);
  return group([tok(c, open), indent(lines), close(c, must(RightBrace))]);
}

function printStatement(c: Context, node: cst.StatementCstNode): Doc {
  const [inner] = Object.values(node.children).flat();
  if (inner === undefined) throw new Error('an empty statement in a whole syntax tree');
  switch (inner.name) {
    case 'assignment': {
      const { Identifier, Comma = [], Equal, PlusEqual, expression } = inner.children;
      return [
        printTargets(c, Identifier, Comma),
        ' ',
        tok(c, Equal?.[0] ?? must(PlusEqual)),
        followedBy(c, expression[0]),
      ];
    }
    case 'sharedStatement': {
      const { Shared, Identifier, Equal, expression } = inner.children;
      const left = spaced(c, [must(Shared), must(Identifier), must(Equal)]);
      return [left, followedBy(c, expression[0])];
    }
    case 'outputStatement': {
      const { Output, Identifier, Equal, expression } = inner.children;
      const left = spaced(c, [must(Output), must(Identifier), must(Equal)]);
      return [left, followedBy(c, expression[0])];
    }
    case 'inputStatement':
      return printInput(c, inner);
    case 'expectStatement':
      return [tok(c, must(inner.children.Expect)), followedBy(c, inner.children.expression[0])];
    case 'returnStatement':
      return [tok(c, must(inner.children.Return)), followedBy(c, inner.children.expression[0])];
    case 'forStatement': {
      const { For, Identifier, Comma = [], In, expression, body } = inner.children;
      return [
        tok(c, must(For)),
        ' ',
        printTargets(c, Identifier, Comma),
        ' ',
        tok(c, must(In)),
        followedBy(c, expression[0]),
        ' ',
        printBody(c, must(body)),
      ];
    }
    case 'ifStatement':
      return printIf(c, inner);
  }
}

function printTargets(c: Context, names: readonly IToken[], commas: readonly IToken[]): Doc {
  const printName = (i: number): Doc => tok(c, nth(names, i));
  const starts = names.map((name) => name.startOffset);
  return group(indent(listed(c, starts, commas, printName)));
}

function printInput(c: Context, node: cst.InputStatementCstNode): Doc {
  const { Input, name, Colon, dtype, LeftBracket, axis, RightBracket, Where } = node.children;
  const { Comma = [], expression: facts = [] } = node.children;
  // The commas of the axes and of the facts come in one row.
  const axisCommas = Comma.slice(0, axis.length - 1);
  const factCommas = Comma.slice(axis.length - 1);
  const printAxis = (i: number): Doc => {
    const { size, Equal, defaultSize } = nth(axis, i).children;
    const left = printExpression(c, must(size));
    if (Equal?.[0] === undefined) return left;
    return [left, ' ', tok(c, Equal[0]), followedBy(c, defaultSize?.[0])];
  };
  const head = [
    spaced(c, [must(Input), must(name)]),
    tok(c, must(Colon)),
    ' ',
    tok(c, must(dtype)),
    bracketed(c, must(LeftBracket), axis, axisCommas, must(RightBracket), printAxis, false),
  ];
  const where = Where?.[0];
  if (where === undefined) return head;
  const rows = listed(c, facts.map(firstOffset), factCommas, (i) =>
    printExpression(c, nth(facts, i)),
  );
  const aligned = align(where.image.length + 1, group(rows));
  const tail = [breakBefore(c, where.startOffset, line, false), tok(c, where), ' ', aligned];
  return group([head, indent(tail)]);
}

function printIf(c: Context, node: cst.IfStatementCstNode): Doc {
  const { If, expression, then, Else, elseIf, else: otherwise } = node.children;
  const head = [tok(c, must(If)), followedBy(c, expression[0]), ' ', printBody(c, must(then))];
  if (Else?.[0] === undefined) return head;
  const tail = elseIf?.[0] === undefined ? printBody(c, must(otherwise)) : printIf(c, elseIf[0]);
  return [head, ' ', tok(c, Else[0]), ' ', tail];
}

// Expressions.

function printExpression(c: Context, node: cst.ExpressionCstNode): Doc {
  const { pipeStage: stages, Arrow: arrows = [] } = node.children;
  const first = printStage(c, must(stages));
  if (arrows.length === 0) return first;
  // Where the author broke the line before some of the arrows, those are the rows of a pipe that
  // does not fit on one line; where before none, each stage is a row.
  const chosen = arrows.some((arrow) => c.trivia.at(arrow.startOffset).newline);
  const rows: Doc[][] = [];
  const firstRow: Doc[] = [];
  arrows.forEach((arrow, i) => {
    const startsRow = !chosen || c.trivia.at(arrow.startOffset).newline;
    const separator = breakBefore(c, arrow.startOffset, line);
    const next = nth(stages, i + 1);
    const stage = [tok(c, arrow), follow(c, firstOffset(next), () => printStage(c, next))];
    if (startsRow) rows.push([separator, stage]);
    else (rows.at(-1) ?? firstRow).push(separator, stage);
  });
  return group([
    group([first, indent(firstRow)]),
    indent(rows.map(([separator = '', ...row]) => [separator, group(row)])),
  ]);
}

function printStage(c: Context, node: cst.PipeStageCstNode): Doc {
  if (node.children.If !== undefined) return printChoice(c, node);
  const { start, DotDot, end } = node.children;
  return [
    start?.[0] === undefined ? '' : printOperation(c, start[0]),
    DotDot?.[0] === undefined ? '' : tok(c, DotDot[0]),
    end?.[0] === undefined ? '' : printOperation(c, end[0]),
  ];
}

/** `if a then x else y` on one line, or `then` and `else` below; `else if` gives a row a branch. */
function printChoice(c: Context, node: cst.PipeStageCstNode): Doc {
  const rows: Doc[] = [];
  const isChain = must(node.children.else).children.If !== undefined;
  let rest = node;
  for (;;) {
    const { If, condition, Then, then, Else, else: otherwise } = rest.children;
    const word = must(Then);
    const head = [tok(c, must(If)), followedBy(c, condition?.[0])];
    const before = breakBefore(c, word.startOffset, line, false);
    const branch = [head, indent([before, tok(c, word), followedBy(c, then?.[0])])];
    rows.push(isChain ? group(branch) : branch);
    const elseWord = must(Else);
    rows.push([breakBefore(c, elseWord.startOffset, line, false), tok(c, elseWord)]);
    rest = must(otherwise);
    const last = rest;
    if (last.children.If === undefined) {
      rows.push(follow(c, firstOffset(last), () => printStage(c, last)));
      break;
    }
    rows.push(' ');
  }
  const [first = '', ...others] = rows;
  return group([first, indent(others)]);
}

/** Operands and operators; where they do not fit, the loosest operators start lines. */
function printOperation(c: Context, node: cst.OperationCstNode): Doc {
  const { operand: operands, BinaryOperator: operators = [] } = node.children;
  // Prints operands from..to, and the operators between them.
  const range = (from: number, to: number): Doc => {
    if (from === to) return printOperand(c, nth(operands, from));
    const between = operators.slice(from, to);
    const loosest = between.reduce((least, x) => Math.min(least, tightness(x.tokenType)), Infinity);
    const splits = between.flatMap((operator, i) =>
      tightness(operator.tokenType) === loosest ? [from + i] : [],
    );
    const rest = splits.map((at, i) => {
      const operator = nth(operators, at);
      const right = nth(operands, at + 1);
      const before = breakBefore(c, operator.startOffset, line, false);
      const end = splits[i + 1] ?? to;
      return [before, tok(c, operator), follow(c, firstOffset(right), () => range(at + 1, end))];
    });
    return group([range(from, splits[0] ?? to), indent(rest)]);
  };
  return range(0, operands.length - 1);
}

function printOperand(c: Context, node: cst.OperandCstNode): Doc {
  const { PrefixOperator = [], Atom, group: parens, list, postfix = [] } = node.children;
  const prefixes = PrefixOperator.map((p) => [tok(c, p), p.image === 'not' ? ' ' : '']);
  let inner: Doc;
  if (Atom?.[0] !== undefined) inner = tok(c, Atom[0]);
  else if (parens?.[0] !== undefined) inner = printGroup(c, parens[0]);
  else {
    const { LeftBracket, expression = [], Comma = [], RightBracket } = must(list).children;
    const print = (i: number): Doc => printExpression(c, nth(expression, i));
    inner = bracketed(c, must(LeftBracket), expression, Comma, must(RightBracket), print, true);
  }
  return [prefixes, inner, postfix.map((p) => printPostfix(c, p))];
}

/** `(a)`; of `((a))` only the outer pair is kept, unless a comment stands between the two. */
function printGroup(c: Context, node: cst.GroupCstNode): Doc {
  const { LeftParen, expression, RightParen } = node.children;
  let inner = must(expression);
  for (;;) {
    const operand = soleOperand(inner);
    const { group: nestedGroup, postfix, PrefixOperator } = operand?.children ?? {};
    const nested = nestedGroup?.[0];
    if (nested === undefined || postfix !== undefined || PrefixOperator !== undefined) break;
    const { LeftParen: left, RightParen: right } = nested.children;
    if ([must(left), must(right)].some((paren) => hasCommentsAround(c, paren))) break;
    if (c.trivia.at(must(RightParen).startOffset).leading.length > 0) break;
    inner = must(nested.children.expression);
  }
  const print = (): Doc => printExpression(c, inner);
  return bracketed(c, must(LeftParen), [inner], [], must(RightParen), print, false);
}

function printPostfix(c: Context, node: cst.PostfixCstNode): Doc {
  const { Dot, Identifier, LeftParen, argument = [], Comma = [], RightParen } = node.children;
  if (Dot?.[0] !== undefined) return [tok(c, Dot[0]), tok(c, must(Identifier))];
  if (LeftParen?.[0] !== undefined) {
    const print = (i: number): Doc => printArgument(c, nth(argument, i));
    return bracketed(c, LeftParen[0], argument, Comma, must(RightParen), print, true);
  }
  const { LeftBracket, expression, RightBracket } = node.children;
  const index = must(expression);
  const print = (): Doc => printExpression(c, index);
  return bracketed(c, must(LeftBracket), [index], [], must(RightBracket), print, false);
}

function printArgument(c: Context, node: cst.ArgumentCstNode): Doc {
  const { Identifier, Equal, expression } = node.children;
  if (Identifier?.[0] === undefined) return printExpression(c, must(expression));
  return [spaced(c, [Identifier[0], must(Equal)]), followedBy(c, expression[0])];
}
