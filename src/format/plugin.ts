/** The Prettier plugin: `.arch` files in editors and in `prettier --write`. */
import type { Parser, Plugin, Printer } from 'prettier';
import type * as cst from '../../grammar/cst.js';
import { parseConcrete } from '../compiler/parse.js';
import { positionOf, type Source, type Span } from '../compiler/source.js';
import { printFile } from './print.js';
import { readTrivia, type TriviaTable } from './trivia.js';

/** What the parser hands to the printer. Prettier itself sees one node and no comments in it. */
interface ArchTree {
  readonly root: cst.FileCstNode;
  readonly trivia: TriviaTable;
  readonly end: number;
}

/** Throws a `SyntaxError` with a `loc`, as Prettier expects, for a text with syntax errors. */
function parseForPrettier(text: string, path: string): ArchTree {
  const source: Source = { path, text };
  const { root, tokens, comments, diagnostics } = parseConcrete(source);
  const [problem] = diagnostics;
  if (problem !== undefined || root === undefined) {
    const loc = rangeOf(problem?.span ?? { source, start: 0, end: 0 });
    throw Object.assign(new SyntaxError(problem?.message ?? 'not an .arch file'), { loc });
  }
  return { root, trivia: readTrivia(text, tokens, comments), end: text.length };
}

function rangeOf(span: Span): { start: object; end: object } {
  return { start: positionOf(span.source, span.start), end: positionOf(span.source, span.end) };
}

const parser: Parser<ArchTree> = {
  astFormat: 'arch',
  // Prettier's types say that there always is a path; where it formats a bare text there is none.
  parse: (text, options) => parseForPrettier(text, options.filepath || 'input.arch'),
  locStart: () => 0,
  locEnd: (tree) => tree.end,
};

const printer: Printer<ArchTree> = {
  print: ({ node }) => printFile(node.root, node.trivia),
  getVisitorKeys: () => [],
};

const plugin: Plugin<ArchTree> = {
  languages: [{ name: 'arch', parsers: ['arch'], extensions: ['.arch'] }],
  parsers: { arch: parser },
  printers: { arch: printer },
  options: {},
  defaultOptions: { printWidth: 100, tabWidth: 2 },
};

export default plugin;
