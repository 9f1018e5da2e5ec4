/** The files that derive from the grammar: the types of its tree, its EBNF, its diagrams. */
import {
  Alternation,
  Alternative,
  generateCstDts,
  NonTerminal,
  Option,
  Repetition,
  RepetitionMandatory,
  RepetitionMandatoryWithSeparator,
  RepetitionWithSeparator,
  Terminal,
  type IProduction,
  type Rule,
  type TokenType,
} from 'chevrotain';
import prettier from 'prettier';
import railroad from 'railroad-diagrams';
import { ArchParser } from '../grammar/parser.js';
import {
  allTokens,
  Atom,
  BINARY_OPERATORS,
  BinaryOperator,
  Comment,
  Identifier,
  NumberLiteral,
  PrefixOperator,
  RESERVED,
  StringLiteral,
  WhiteSpace,
} from '../grammar/tokens.js';

/** The text of each file by its path from the root of the repository. */
export async function grammarFiles(): Promise<ReadonlyMap<string, string>> {
  const rules = Object.values(new ArchParser().getGAstProductions());
  const syntax = [...rules.map(readRule), ...CATEGORIES.map(readCategory)];
  return new Map([
    ['grammar/cst.ts', await cstTypes(rules)],
    ['grammar/arch.ebnf', ebnf(syntax)],
    ['docs/grammar.html', page(syntax)],
  ]);
}

async function cstTypes(rules: readonly Rule[]): Promise<string> {
  const generated = generateCstDts(Object.fromEntries(rules.map((rule) => [rule.name, rule])), {
    includeVisitorInterface: false,
  });
  const text = generated.replace('CstNode, ICstVisitor, IToken', 'CstNode, IToken');
  const comment =
    '/** The types of the concrete syntax tree. Generated from the grammar: do not edit. */\n';
  const options = { parser: 'typescript', singleQuote: true, printWidth: 100 } as const;
  return prettier.format(comment + text, options);
}

// The grammar as a tree that both forms are written from.

type Syntax =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'reference'; readonly name: string }
  | { readonly kind: 'sequence' | 'choice'; readonly items: readonly Syntax[] }
  | { readonly kind: 'optional'; readonly item: Syntax }
  | {
      readonly kind: 'repeat';
      readonly item: Syntax;
      readonly atLeastOnce: boolean;
      readonly separator: Syntax | undefined;
    };

interface NamedSyntax {
  readonly name: string;
  readonly syntax: Syntax;
}

/** Kinds of tokens that the rules name; each stands for a choice of tokens. */
const CATEGORIES = [Atom, BinaryOperator, PrefixOperator];
/** Tokens with many spellings, and what lies between tokens. */
const LEXICAL = [Identifier, NumberLiteral, StringLiteral, Comment, WhiteSpace];

function readRule(rule: Rule): NamedSyntax {
  return { name: rule.name, syntax: readSequence(rule.definition) };
}

function readCategory(category: TokenType): NamedSyntax {
  // `from` and `as` are names as well: listing them would only repeat `Identifier`.
  const members = allTokens.filter((token) => token.CATEGORIES?.includes(category) === true);
  return { name: category.name, syntax: oneOf('choice', members.map(readToken)) };
}

function readToken(token: TokenType): Syntax {
  return typeof token.PATTERN === 'string'
    ? { kind: 'literal', text: token.PATTERN }
    : { kind: 'reference', name: token.name };
}

function spellingOf(token: TokenType): string {
  return typeof token.PATTERN === 'string' ? token.PATTERN : token.name;
}

function oneOf(kind: 'sequence' | 'choice', items: readonly Syntax[]): Syntax {
  const [only] = items;
  return items.length === 1 && only !== undefined ? only : { kind, items };
}

function readSequence(productions: readonly IProduction[]): Syntax {
  return oneOf('sequence', productions.map(readProduction));
}

function readProduction(production: IProduction): Syntax {
  if (production instanceof Terminal) return readToken(production.terminalType);
  if (production instanceof NonTerminal) {
    return { kind: 'reference', name: production.nonTerminalName };
  }
  if (production instanceof Alternation) {
    return oneOf('choice', production.definition.map(readProduction));
  }
  if (production instanceof Alternative) return readSequence(production.definition);
  if (production instanceof Option) {
    return { kind: 'optional', item: readSequence(production.definition) };
  }
  const repeats =
    production instanceof Repetition ||
    production instanceof RepetitionMandatory ||
    production instanceof RepetitionWithSeparator ||
    production instanceof RepetitionMandatoryWithSeparator;
  if (!repeats) throw new Error('the grammar uses a production that this script does not know');
  return {
    kind: 'repeat',
    item: readSequence(production.definition),
    atLeastOnce:
      production instanceof RepetitionMandatory ||
      production instanceof RepetitionMandatoryWithSeparator,
    separator:
      production instanceof RepetitionWithSeparator ||
      production instanceof RepetitionMandatoryWithSeparator
        ? readToken(production.separator)
        : undefined,
  };
}

// EBNF.

const WIDTH = 100;

function ebnf(rules: readonly NamedSyntax[]): string {
  const levels = BINARY_OPERATORS.map((tokens) => tokens.map(spellingOf).join(' '));
  // Prefixes stand in the table where the parser puts them: see BINARY_OPERATORS.
  const table = levels.map((level, i) => {
    if (i === 2) return `not (prefix)\n ${level}`;
    return i === levels.length - 1 ? `- (prefix)\n ${level}, to the right` : level;
  });
  return `/*
 The grammar of .arch files, in the EBNF of the XML specification (section 6).
 Generated from grammar/parser.ts and grammar/tokens.ts: do not edit.

 A file is parsed by \`file\`; the value of a --set option by \`soleExpression\`.
*/

${rules.map(ebnfRule).join('\n\n')}

/*
 How operators nest in \`operation\`, loosest first; those of one row bind equally, to the left.
 (\`->\`, then \`if\` and \`..\`, bind looser than all of them; calls, indices and members tighter.)

 ${table.join('\n ')}
*/

/* Words and marks. The longest match is taken; Comment and WhiteSpace may stand between any two. */

${LEXICAL.map((token) => `${token.name} ::= ${ebnfPattern(token.PATTERN)}`).join('\n\n')}

/*
 No Identifier is one of the reserved words:
 ${wrap(RESERVED, 90).join('\n ')}
*/
`;
}

function wrap(words: readonly string[], width: number): string[] {
  return words.reduce<string[]>((lines, word) => {
    const last = lines.at(-1);
    if (last === undefined || last.length + word.length + 1 > width) return [...lines, word];
    return [...lines.slice(0, -1), `${last} ${word}`];
  }, []);
}

function ebnfRule({ name, syntax }: NamedSyntax): string {
  const whole = `${name} ::= ${ebnfOf(syntax)}`;
  if (whole.length <= WIDTH) return whole;
  if (syntax.kind !== 'choice') return `${name}\n  ::= ${ebnfOf(syntax)}`;
  return `${name}\n  ::= ${syntax.items.map((item) => ebnfOf(item)).join('\n    | ')}`;
}

/** `tight`: what stands right of it applies to all of it, so more than one part needs brackets. */
function ebnfOf(syntax: Syntax, tight = false): string {
  const wrapped = (text: string): string => (tight ? `(${text})` : text);
  switch (syntax.kind) {
    case 'literal':
      return `'${syntax.text}'`;
    case 'reference':
      return syntax.name;
    case 'sequence':
      return wrapped(syntax.items.map((x) => ebnfOf(x, x.kind === 'choice')).join(' '));
    case 'choice':
      return wrapped(syntax.items.map((x) => ebnfOf(x)).join(' | '));
    case 'optional':
      return `${ebnfOf(syntax.item, true)}?`;
    case 'repeat': {
      const { item, atLeastOnce, separator } = syntax;
      if (separator === undefined) return `${ebnfOf(item, true)}${atLeastOnce ? '+' : '*'}`;
      const one = `${ebnfOf(item, item.kind === 'choice')} (${ebnfOf(separator)} ${ebnfOf(item, item.kind === 'choice')})*`;
      return atLeastOnce ? wrapped(one) : `(${one})?`;
    }
  }
}

/** A regular expression in the notation of EBNF. Knows what the tokens use and refuses the rest. */
function ebnfPattern(pattern: unknown): string {
  if (!(pattern instanceof RegExp)) throw new Error('not a regular expression');
  const parts = pattern.source.match(/\(\?:|\\.|\[(?:\\.|[^\]\\])*\]|[\s\S]/g) ?? [];
  return parts
    .map((part) => {
      if (part === '(?:') return ' (';
      if (part === ')') return ')';
      if (part === '|') return ' | ';
      if (/^[?*+]$/.test(part)) return part;
      if (part.startsWith('[')) return ` ${part.replace(/\\(u[0-9A-F]{4}|.)/g, spellEscape)}`;
      if (part === '.') return ' [^#xA#xD#x2028#x2029]';
      const character = part.startsWith('\\') ? part.slice(1) : part;
      if (/[\^${}[\]]|^[A-Za-z]$/.test(character)) {
        throw new Error(`the pattern ${pattern.source} uses ${part}, which this does not know`);
      }
      return character === "'" ? ` "'"` : ` '${character}'`;
    })
    .join('')
    .replaceAll('( ', '(')
    .replaceAll('  ', ' ')
    .trim();
}

function spellEscape(_whole: string, escaped: string): string {
  const control: Readonly<Record<string, string>> = { r: '#xD', n: '#xA', t: '#x9' };
  if (escaped.startsWith('u')) return `#x${escaped.slice(1)}`;
  return control[escaped] ?? escaped;
}

// Diagrams.

function diagramOf(syntax: Syntax): ReturnType<typeof railroad.Skip> {
  switch (syntax.kind) {
    case 'literal':
      return railroad.Terminal(syntax.text);
    case 'reference': {
      const box = railroad.NonTerminal(syntax.name);
      const plain = box.toString.bind(box);
      return Object.assign(box, {
        toString: () => `<a href="#${syntax.name}">${plain()}</a>`,
      });
    }
    case 'sequence':
      return railroad.Sequence(...syntax.items.map(diagramOf));
    case 'choice':
      return railroad.Choice(0, ...syntax.items.map(diagramOf));
    case 'optional':
      return railroad.Optional(diagramOf(syntax.item));
    case 'repeat': {
      const { item, atLeastOnce, separator } = syntax;
      const loop = railroad.OneOrMore(
        diagramOf(item),
        ...(separator === undefined ? [] : [diagramOf(separator)]),
      );
      return atLeastOnce ? loop : railroad.Optional(loop);
    }
  }
}

function page(rules: readonly NamedSyntax[]): string {
  const section = ({ name, syntax }: NamedSyntax): string =>
    `<section id="${name}">\n<h2>${name}</h2>\n${railroad.Diagram(diagramOf(syntax)).toString()}` +
    `<pre>${escapeHtml(ebnfRule({ name, syntax }))}</pre>\n</section>`;
  const lexical = LEXICAL.map(
    (token) =>
      `<section id="${token.name}">\n<h2>${token.name}</h2>\n` +
      `<pre>${escapeHtml(`${token.name} ::= ${ebnfPattern(token.PATTERN)}`)}</pre>\n</section>`,
  );
  const names = [...rules.map((rule) => rule.name), ...LEXICAL.map((token) => token.name)];
  return `<!doctype html>
<!-- Generated from the grammar by \`npm run generate\`: do not edit. -->
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The grammar of .arch files</title>
<style>
${STYLE}
</style>
</head>
<body>
<h1>The grammar of .arch files</h1>
<p>Rounded boxes are written as they stand; square ones name another rule and lead to it.
Line ends mean nothing, and a comment may stand between any two words.</p>
<nav>${names.map((name) => `<a href="#${name}">${name}</a>`).join('\n')}</nav>
${[...rules.map(section), ...lexical].join('\n')}
</body>
</html>
`;
}

const STYLE = `body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; color: #222; background: #fff; }
h2 { font: bold 1.1rem monospace; margin: 2rem 0 0; }
nav { display: flex; flex-wrap: wrap; gap: 0.25rem 1rem; font-family: monospace; }
section { overflow-x: auto; }
section:target h2 { background: #fe9; }
pre { margin: 0; white-space: pre-wrap; color: #555; }
svg path { stroke: #222; stroke-width: 2; fill: none; }
svg rect { stroke: #222; stroke-width: 2; fill: #dff0d8; }
svg a rect { fill: #d9e8fb; }
svg text { font: bold 14px monospace; text-anchor: middle; fill: #222; }
@media (prefers-color-scheme: dark) {
  body { color: #ddd; background: #1b1b1b; }
  a { color: #8bf; }
  pre { color: #aaa; }
  section:target h2 { background: #540; }
  svg path, svg rect { stroke: #ccc; }
  svg rect { fill: #2c4426; }
  svg a rect { fill: #24405f; }
  svg text { fill: #eee; }
}`;

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
