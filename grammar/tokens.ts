/** The words of the language. */
import { createToken, Lexer, type TokenType } from 'chevrotain';

/** A word that is an expression by itself. */
export const Atom = createToken({ name: 'Atom', pattern: Lexer.NA });
/** A word between two operands. */
export const BinaryOperator = createToken({ name: 'BinaryOperator', pattern: Lexer.NA });
/** A word before an operand. */
export const PrefixOperator = createToken({ name: 'PrefixOperator', pattern: Lexer.NA });

export const Identifier = createToken({
  name: 'Identifier',
  pattern: /[A-Za-z_][A-Za-z0-9_]*/,
  categories: [Atom],
});

const keywordTokens: TokenType[] = [];
/** Words that no name may be. */
export const RESERVED: string[] = [];

function keyword(word: string, ...categories: TokenType[]): TokenType {
  const name = word.charAt(0).toUpperCase() + word.slice(1);
  const token = createToken({ name, pattern: word, longer_alt: Identifier, categories });
  keywordTokens.push(token);
  RESERVED.push(word);
  return token;
}

export const Block = keyword('block');
export const Model = keyword('model');
export const Const = keyword('const');
export const Import = keyword('import');
export const Input = keyword('input');
export const Output = keyword('output');
export const Where = keyword('where');
export const Expect = keyword('expect');
export const Return = keyword('return');
export const For = keyword('for');
export const In = keyword('in', Atom);
export const If = keyword('if');
export const Then = keyword('then');
export const Else = keyword('else');
export const And = keyword('and', BinaryOperator);
export const Or = keyword('or', BinaryOperator);
export const Not = keyword('not', PrefixOperator);
export const True = keyword('true', Atom);
export const False = keyword('false', Atom);
export const None = keyword('none', Atom);
export const Shared = keyword('shared');

/** Words with a meaning only where they are expected; anywhere else they are names. */
export const From = contextual('from');
export const As = contextual('as');
export const Train = contextual('train');

function contextual(word: string): TokenType {
  const name = word.charAt(0).toUpperCase() + word.slice(1);
  return createToken({ name, pattern: word, longer_alt: Identifier, categories: [Identifier] });
}

/** Digits, and whatever letters follow: the suffix is read, or refused, when the number is. */
export const NumberLiteral = createToken({
  name: 'NumberLiteral',
  pattern: /[0-9][0-9_]*(?:\.[0-9][0-9_]*)?(?:[eE][+-]?[0-9]+)?(?:[A-Za-z_][A-Za-z0-9_]*)?/,
  categories: [Atom],
});

export const StringLiteral = createToken({
  name: 'StringLiteral',
  pattern: /"(?:[^"\\\r\n]|\\.)*"/,
  categories: [Atom],
});

function symbol(name: string, pattern: string, ...categories: TokenType[]): TokenType {
  return createToken({ name, pattern, categories });
}

export const Arrow = symbol('Arrow', '->');
export const EqualEqual = symbol('EqualEqual', '==', BinaryOperator);
export const NotEqual = symbol('NotEqual', '!=', BinaryOperator);
export const LessEqual = symbol('LessEqual', '<=', BinaryOperator);
export const GreaterEqual = symbol('GreaterEqual', '>=', BinaryOperator);
export const PlusEqual = symbol('PlusEqual', '+=');
export const StarStar = symbol('StarStar', '**', BinaryOperator);
export const SlashSlash = symbol('SlashSlash', '//', BinaryOperator);
export const DotDot = symbol('DotDot', '..');
export const Less = symbol('Less', '<', BinaryOperator);
export const Greater = symbol('Greater', '>', BinaryOperator);
export const Equal = symbol('Equal', '=');
export const Plus = symbol('Plus', '+', BinaryOperator);
export const Minus = symbol('Minus', '-', BinaryOperator, PrefixOperator);
export const Star = symbol('Star', '*', BinaryOperator);
export const Slash = symbol('Slash', '/', BinaryOperator);
export const Percent = symbol('Percent', '%', BinaryOperator);
export const Dot = symbol('Dot', '.');
export const Comma = symbol('Comma', ',');
export const Colon = symbol('Colon', ':');
export const Question = symbol('Question', '?');
export const LeftParen = symbol('LeftParen', '(');
export const RightParen = symbol('RightParen', ')');
export const LeftBracket = symbol('LeftBracket', '[');
export const RightBracket = symbol('RightBracket', ']');
export const LeftBrace = symbol('LeftBrace', '{');
export const RightBrace = symbol('RightBrace', '}');

/** What stands between tokens and is not kept. */
export const WhiteSpace = createToken({
  name: 'WhiteSpace',
  pattern: /[ \t\r\n\uFEFF]+/,
  group: Lexer.SKIPPED,
  line_breaks: true,
});

/** `# …` and `## …`. Kept apart from the tokens, for docs and for the formatter. */
export const Comment = createToken({ name: 'Comment', pattern: /#[^\r\n]*/, group: 'comments' });

/** Operators between two operands, loosest first; those of one line bind equally, to the left. */
export const BINARY_OPERATORS: readonly (readonly TokenType[])[] = [
  [Or],
  [And],
  // `not` stands here: looser than comparisons.
  [EqualEqual, NotEqual, Less, LessEqual, Greater, GreaterEqual],
  [Plus, Minus],
  [Star, Slash, SlashSlash, Percent],
  // Unary `-` stands here.
  [StarStar],
];

const tightnessByName = new Map(
  BINARY_OPERATORS.flatMap((tokens, level) => tokens.map((token) => [token.name, level] as const)),
);

/** How tightly a binary operator binds: its row in `BINARY_OPERATORS`; -1 for any other token. */
export function tightness(operator: TokenType): number {
  return tightnessByName.get(operator.name) ?? -1;
}

/** Longer spellings before their prefixes, keywords before names. */
export const allTokens: TokenType[] = [
  Atom,
  BinaryOperator,
  PrefixOperator,
  WhiteSpace,
  Comment,
  ...keywordTokens,
  From,
  As,
  Train,
  Identifier,
  NumberLiteral,
  StringLiteral,
  Arrow,
  EqualEqual,
  NotEqual,
  LessEqual,
  GreaterEqual,
  PlusEqual,
  StarStar,
  SlashSlash,
  DotDot,
  Less,
  Greater,
  Equal,
  Plus,
  Minus,
  Star,
  Slash,
  Percent,
  Dot,
  Comma,
  Colon,
  Question,
  LeftParen,
  RightParen,
  LeftBracket,
  RightBracket,
  LeftBrace,
  RightBrace,
];
