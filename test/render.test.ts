/** Diagnostics as text, JSON, SARIF and workflow commands. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EXIT, exitCodeOf, flagSource } from '../src/cli/exit.js';
import { githubCommands } from '../src/cli/github.js';
import { checkDocument, printJson } from '../src/tables/json.js';
import { renderDiagnostics, summarize } from '../src/cli/render.js';
import { sarifLog } from '../src/cli/sarif.js';
import { CODES, type Code } from '../src/compiler/codes.js';
import { diagnostic, type Diagnostic } from '../src/compiler/diagnostic.js';
import type { Source, Span } from '../src/compiler/source.js';

const model: Source = {
  path: 'models/x.arch',
  text: [
    'model X() {',
    '  input image: f32[H = 255, W = 256, 1]',
    '  e1 = image -> conv(8)',
    '',
    '',
    '  e2 = e1 -> maxpool(2)',
    '',
    '  output y = concat(e1, e2 -> upsample(2))',
    '}',
    '',
  ].join('\n'),
};
const blocks: Source = {
  path: 'std/blocks.arch',
  text: 'block f() =\n  conv(8)\n    -> relu\n\n    -> conv(9)\n    -> relu\n',
};

/** Where `text` stands in a source. */
function at(source: Source, text: string, from = 0): Span {
  const start = source.text.indexOf(text, from);
  if (start === -1) throw new Error(`no ${text} in ${source.path}`);
  return { source, start, end: start + text.length };
}

const call = at(model, 'concat(e1, e2 -> upsample(2))');
const mismatch = diagnostic('shape-mismatch', 'heights differ: H and 2 * (H // 2)', {
  span: call,
  labels: [
    { span: at(model, 'e1', call.start), message: 'height H' },
    { span: at(model, 'e2', call.start), message: 'height 2 * (H // 2)' },
    { span: at(model, 'maxpool(2)'), message: 'halves, rounding down' },
    { span: at(blocks, 'conv(8)'), message: 'as this does' },
  ],
  hints: ['add: `where H % 2 == 0`'],
});

/** The rendering, without the line end and with `| ` before each line, as an inline snapshot. */
function render(what: Diagnostic | readonly Diagnostic[], width?: number): string {
  const list = 'code' in what ? [what] : what;
  return renderDiagnostics(list, width === undefined ? {} : { width }).trimEnd();
}

function one(text: string, marked: string, message = 'wrong', label?: string): Diagnostic {
  const source: Source = { path: 'a.arch', text };
  return diagnostic('syntax', message, {
    span: at(source, marked),
    labels: label === undefined ? [] : [{ span: at(source, label), message: 'here' }],
  });
}

describe('text', () => {
  it('shows the place, labels in order of lines and files, and hints', () => {
    expect(render(mismatch)).toBe(
      `
error[shape-mismatch]: heights differ: H and 2 * (H // 2)
  --> models/x.arch:8:14
   |
 6 |   e2 = e1 -> maxpool(2)
   |              ---------- halves, rounding down
 7 |
 8 |   output y = concat(e1, e2 -> upsample(2))
   |              ^^^^^^^--^^--^^^^^^^^^^^^^^^^
   |                     |   |
   |                     |   height 2 * (H // 2)
   |                     height H
  ::: std/blocks.arch:2:3
   |
 2 |   conv(8)
   |   ------- as this does
   |
   = help: add: \`where H % 2 == 0\`
`.trim(),
    );
  });

  it('puts `...` for lines left out, and a message behind the last mark', () => {
    const d = diagnostic('syntax', 'wrong', {
      span: at(model, 'upsample'),
      labels: [
        { span: at(model, 'image'), message: 'the input' },
        { span: at(model, '(2))'), message: 'twice' },
      ],
    });
    expect(render(d)).toBe(
      `
error[syntax]: wrong
  --> models/x.arch:8:31
   |
 2 |   input image: f32[H = 255, W = 256, 1]
   |         ----- the input
...
 8 |   output y = concat(e1, e2 -> upsample(2))
   |                               ^^^^^^^^---- twice
`.trim(),
    );
  });

  it('separates diagnostics by an empty line, and ends with a line end', () => {
    const d = diagnostic('cannot-write', 'cannot write x: the disk is full', {
      hints: ['make room', 'or:\ngo elsewhere'],
    });
    expect(renderDiagnostics([d, d])).toBe(
      `
error[cannot-write]: cannot write x: the disk is full
  = help: make room
  = help: or:
           go elsewhere

error[cannot-write]: cannot write x: the disk is full
  = help: make room
  = help: or:
           go elsewhere
`.trimStart(),
    );
    expect(renderDiagnostics([])).toBe('');
  });

  it('underlines each line of a span over several, without its blank ends', () => {
    expect(render(one(blocks.text, blocks.text.slice(14, 35)))).toBe(
      `
error[syntax]: wrong
  --> a.arch:2:3
   |
 2 |   conv(8)
   |   ^^^^^^^
 3 |     -> relu
   |     ^^^^^^^
`.trim(),
    );
    expect(render(one(blocks.text, blocks.text.slice(14)))).toBe(
      `
error[syntax]: wrong
  --> a.arch:2:3
   |
 2 |   conv(8)
   |   ^^^^^^^
 3 |     -> relu
   |     ^^^^^^^
...
 6 |     -> relu
   |     ^^^^^^^
`.trim(),
    );
  });

  it('points behind the text at the end of a file', () => {
    const end = (text: string): Diagnostic =>
      diagnostic('syntax', 'expected `}`', {
        span: { source: { path: 'a.arch', text }, start: text.length, end: text.length },
      });
    expect(render(end('model A() {'))).toBe(
      `
error[syntax]: expected \`}\`
  --> a.arch:1:12
   |
 1 | model A() {
   |            ^
`.trim(),
    );
    expect(render(end('a\n'))).toBe(
      'error[syntax]: expected `}`\n  --> a.arch:2:1\n   |\n 2 |\n   | ^',
    );
    expect(render(end(''))).toBe(
      'error[syntax]: expected `}`\n  --> a.arch:1:1\n   |\n 1 |\n   | ^',
    );
  });

  it('aligns marks behind tabs, wide, combining and joined characters', () => {
    expect(render(one('\tx =\ty', 'y'))).toContain(' 1 |     x = y\n   |         ^');
    expect(render(one('# 日本語 x', 'x'))).toContain(' 1 | # 日本語 x\n   |          ^');
    expect(render(one('# 日本語 x', '本'))).toContain(' 1 | # 日本語 x\n   |     ^^');
    expect(render(one('# e\u0301 x', 'x'))).toContain('\n   |     ^');
    expect(render(one('# 👩‍👩‍👧 x', 'x'))).toContain('\n   |      ^');
    // Half of a pair is shown at its character.
    expect(render(one('# 👍 x', '\udc4d x'))).toContain('\n   |   ^^^^');
  });

  it('lets no control character or change of direction through', () => {
    const d = one('x = \u001b[31m\u202e"y"\r\nz', '"y"', 'bad \u001b[2J \u0007 name');
    expect(render(d)).toBe(
      `
error[syntax]: bad \ufffd[2J \ufffd name
  --> a.arch:1:11
   |
 1 | x = \ufffd[31m\ufffd"y"
   |           ^^^
`.trim(),
    );
  });

  it('cuts a long line around what is marked', () => {
    const text = `x = ${'conv(64) -> '.repeat(40)}BAD${' -> relu'.repeat(40)}`;
    expect(render(one(text, 'BAD', 'wrong', 'x'), 60)).toBe(
      `
error[syntax]: wrong
  --> a.arch:1:485
   |
 1 | … conv(64) -> conv(64) -> BAD -> relu -> relu -> relu…
   | -                         ^^^
   | |
   | here
`.trim(),
    );
    // At the start and at the end of the line, nothing is cut on that side.
    expect(render(one(text, 'x'), 40)).toContain(' 1 | x = conv(64) -> conv(64) -> conv(…\n   | ^');
    const end = render(one(`${text} END`, 'END'), 40);
    expect(end).toContain(' 1 | …relu -> relu -> relu -> relu END\n');
    expect(end).toMatch(/\n {3}\| {31}\^\^\^$/);
  });

  it('fits lines into the width', () => {
    const text = `x = ${'日本'.repeat(100)} BAD ${'語'.repeat(100)}`;
    for (let width = 30; width < 60; width++) {
      const line = render(one(text, 'BAD'), width).split('\n')[3] ?? '';
      const columns = line.length + (line.match(/[日本語]/gu) ?? []).length;
      expect(columns).toBeLessThanOrEqual(width);
      expect(line).toContain(' BAD ');
    }
  });

  it('has colours only where asked for', () => {
    expect(renderDiagnostics([mismatch])).not.toContain('\u001b');
    const text = renderDiagnostics([one('x = y', 'y')], { color: true });
    expect(text).toBe(
      '\u001b[1;31merror[syntax]\u001b[0m\u001b[1m: wrong\u001b[0m\n' +
        ' \u001b[34m \u001b[0m\u001b[34m-->\u001b[0m a.arch:1:5\n' +
        ' \u001b[34m \u001b[0m \u001b[34m|\u001b[0m\n' +
        ' \u001b[34m1\u001b[0m \u001b[34m|\u001b[0m x = y\n' +
        ' \u001b[34m \u001b[0m \u001b[34m|\u001b[0m     \u001b[1;31m^\u001b[0m\n',
    );
    // eslint-disable-next-line no-control-regex -- colours are control characters
    const plain = renderDiagnostics([mismatch], { color: true }).replace(/\u001b\[[\d;]*m/g, '');
    expect(plain).toBe(renderDiagnostics([mismatch]));
  });

  it('counts', () => {
    const warning: Diagnostic = { ...mismatch, severity: 'warning' };
    expect(summarize([])).toBe('');
    expect(summarize([mismatch])).toBe('1 error');
    expect(summarize([warning, mismatch, mismatch])).toBe('2 errors, 1 warning');
  });
});

const anySource = fc.record({
  path: fc.string({ unit: 'binary' }),
  text: fc.oneof(
    fc.string({ unit: 'binary', maxLength: 300 }),
    fc.string({ unit: 'grapheme', maxLength: 300 }),
    fc.stringMatching(/^[a-z\t\r\n 日\ud83d]{0,200}$/),
  ),
});
const anyOffset = fc.oneof(
  fc.integer({ min: -10, max: 400 }),
  fc.constantFrom(NaN, Infinity, -Infinity, 0.5, 2 ** 40),
);
const anySpan = fc.record({ source: anySource, start: anyOffset, end: anyOffset });
const anyDiagnostic: fc.Arbitrary<Diagnostic> = fc
  .record({ source: anySource, others: fc.array(anySpan, { maxLength: 3 }) })
  .chain(({ source, others }) => {
    const inSource = fc.record({ source: fc.constant(source), start: anyOffset, end: anyOffset });
    const span = fc.oneof(inSource, fc.constantFrom(...others, { source, start: 0, end: 0 }));
    const code: fc.Arbitrary<Code> = fc.constantFrom('syntax', 'shape-mismatch');
    return fc
      .record({
        code,
        message: fc.string({ unit: 'binary' }),
        span: fc.option(span, { nil: undefined }),
        labels: fc.array(fc.record({ span, message: fc.string({ unit: 'grapheme' }) }), {
          maxLength: 5,
        }),
        hints: fc.array(fc.string({ unit: 'binary' }), { maxLength: 2 }),
      })
      .map(({ code, message, ...details }) => diagnostic(code, message, details));
  });

describe('any diagnostic', () => {
  it('renders, within the width and without control characters', () => {
    fc.assert(
      fc.property(anyDiagnostic, fc.integer({ min: 0, max: 200 }), (d, width) => {
        const text = renderDiagnostics([d], { width });
        // eslint-disable-next-line no-control-regex -- the very characters looked for
        expect(text).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f]/);
        expect(text.endsWith('\n')).toBe(true);
        for (const format of [checkDocument([d]), sarifLog([d], '0.1.0')]) {
          expect(JSON.parse(printJson(format))).toBeTypeOf('object');
        }
        expect(githubCommands([d]).split('\n')).toHaveLength(2);
      }),
      { numRuns: 1000 },
    );
  });

  it('marks exactly the text of a span on one ASCII line', () => {
    const line = fc.stringMatching(/^[ -~]{1,100}$/);
    fc.assert(
      fc.property(line, fc.nat(100), fc.nat(100), (text, a, b) => {
        const start = Math.min(a, b, text.length - 1);
        const end = Math.max(start + 1, Math.min(Math.max(a, b), text.length));
        const span = { source: { path: 'a.arch', text }, start, end };
        const [, , , shown = '', marks = ''] = renderDiagnostics([
          diagnostic('syntax', 'wrong', { span }),
        ]).split('\n');
        const marked = marks.replace(/./g, (c, i: number) => (c === '^' ? (shown[i] ?? ' ') : ''));
        expect(marked).toBe(text.slice(start, end));
      }),
    );
  });
});

describe('JSON', () => {
  it('is the document of `archc check --json`', () => {
    const { labels, ...rest } = mismatch;
    const document = checkDocument([
      { ...rest, labels: labels.slice(0, 1) },
      { ...diagnostic('cannot-write', 'no'), severity: 'warning' },
    ]);
    expect(printJson(document)).toBe(
      `${JSON.stringify(
        {
          formatVersion: 1,
          valid: false,
          errorCount: 1,
          warningCount: 1,
          diagnostics: [
            {
              code: 'shape-mismatch',
              severity: 'error',
              message: 'heights differ: H and 2 * (H // 2)',
              file: 'models/x.arch',
              range: { start: { line: 8, column: 14 }, end: { line: 8, column: 43 } },
              labels: [
                {
                  message: 'height H',
                  file: 'models/x.arch',
                  range: { start: { line: 8, column: 21 }, end: { line: 8, column: 23 } },
                },
              ],
              hints: ['add: `where H % 2 == 0`'],
            },
            { code: 'cannot-write', severity: 'warning', message: 'no', labels: [], hints: [] },
          ],
        },
        undefined,
        2,
      )}\n`,
    );
    expect(checkDocument([])).toEqual({
      formatVersion: 1,
      valid: true,
      errorCount: 0,
      warningCount: 0,
      diagnostics: [],
    });
  });
});

describe('SARIF', () => {
  it('has a rule for each code, results with regions and related locations', () => {
    const { title, explanation } = CODES['shape-mismatch'];
    const [first, second] = mismatch.labels;
    if (first === undefined || second === undefined) throw new Error('labels expected');
    const odd = { ...first.span, source: { ...model, path: 'my models/ü.arch' } };
    const d = { ...mismatch, labels: [{ ...second, span: odd }] };
    expect(sarifLog([d, diagnostic('cannot-write', 'no'), mismatch], '0.1.0')).toMatchObject({
      version: '2.1.0',
      runs: [
        {
          tool: {
            driver: {
              name: 'archc',
              version: '0.1.0',
              rules: [
                {
                  id: 'shape-mismatch',
                  shortDescription: { text: title },
                  help: { text: explanation },
                  defaultConfiguration: { level: 'error' },
                },
                { id: 'cannot-write' },
              ],
            },
          },
          columnKind: 'utf16CodeUnits',
          results: [
            {
              ruleId: 'shape-mismatch',
              ruleIndex: 0,
              level: 'error',
              message: {
                text: 'heights differ: H and 2 * (H // 2)\nhelp: add: `where H % 2 == 0`',
              },
              locations: [
                {
                  physicalLocation: {
                    artifactLocation: { uri: 'models/x.arch' },
                    region: { startLine: 8, startColumn: 14, endLine: 8, endColumn: 43 },
                  },
                },
              ],
              relatedLocations: [
                {
                  id: 1,
                  physicalLocation: {
                    artifactLocation: { uri: 'my%20models/%C3%BC.arch' },
                    region: { startLine: 8, startColumn: 21, endLine: 8, endColumn: 23 },
                  },
                  message: { text: 'height 2 * (H // 2)' },
                },
              ],
            },
            { ruleId: 'cannot-write', ruleIndex: 1, message: { text: 'no' } },
            { ruleIndex: 0 },
          ],
        },
      ],
    });
    expect(JSON.stringify(sarifLog([diagnostic('cannot-write', 'no')], '1'))).not.toContain(
      'ocations',
    );
  });

  it('writes absolute paths as file URIs', () => {
    const uri = (path: string): string | undefined =>
      /"uri":"([^"]*)"/.exec(
        JSON.stringify(sarifLog([{ ...mismatch, span: at({ ...model, path }, 'X') }], '1')),
      )?.[1];
    expect(uri('/tmp/a b.arch')).toBe('file:///tmp/a%20b.arch');
    expect(uri('C:\\nets\\a.arch')).toBe('file:///C:/nets/a.arch');
    expect(uri('../x.arch')).toBe('../x.arch');
  });
});

describe('workflow commands', () => {
  it('are one escaped line each', () => {
    const source: Source = { path: 'a,b:c%.arch', text: 'model X' };
    const d: Diagnostic = {
      ...diagnostic('syntax', '50% wrong\r\nreally', {
        span: { source, start: 6, end: 7 },
        labels: [{ span: at(model, 'e1'), message: 'this' }],
        hints: ['do: x, y'],
      }),
      severity: 'warning',
    };
    const title = CODES.syntax.title.replaceAll(',', '%2C').replaceAll(':', '%3A');
    expect(githubCommands([d])).toBe(
      `::warning file=a%2Cb%3Ac%25.arch,line=1,col=7,endLine=1,endColumn=8,title=${title} (syntax)` +
        '::50%25 wrong%0D%0Areally%0Amodels/x.arch:3:3: this%0Ahelp: do: x, y\n',
    );
  });

  it('have no columns over several lines, and no place without a source', () => {
    const span = { source: blocks, start: 0, end: 20 };
    expect(githubCommands([diagnostic('syntax', 'a', { span }), diagnostic('syntax', 'b')])).toBe(
      `::error file=std/blocks.arch,line=1,endLine=2,title=${CODES.syntax.title} (syntax)::a\n` +
        `::error title=${CODES.syntax.title} (syntax)::b\n`,
    );
  });
});

describe('exit codes', () => {
  it('tell an invalid specification from a failure outside', () => {
    const outside = diagnostic('missing-file', 'no');
    const inSource = diagnostic('missing-file', 'no', { span: at(model, 'e1') });
    expect(exitCodeOf([])).toBe(EXIT.done);
    expect(exitCodeOf([{ ...mismatch, severity: 'warning' }])).toBe(EXIT.done);
    expect(exitCodeOf([mismatch])).toBe(EXIT.invalid);
    expect(exitCodeOf([outside])).toBe(EXIT.outside);
    expect(exitCodeOf([inSource])).toBe(EXIT.invalid);
    expect(exitCodeOf([outside, mismatch])).toBe(EXIT.invalid);
  });

  it('blame the specification for nothing that is asked for, read or run', () => {
    const codeOf = (code: Code, ...where: Span[]): number =>
      exitCodeOf([diagnostic(code, 'no', { span: where[0] })]);
    for (const code of [
      'unknown-recipe',
      'recipe-needed',
      'unknown-model',
      'tile-mismatch',
    ] as const)
      expect(codeOf(code)).toBe(EXIT.usage);
    for (const code of ['input-mismatch', 'weight-range', 'bad-device', 'engine-failed'] as const)
      expect(codeOf(code)).toBe(EXIT.outside);
    expect(codeOf('training-diverged', at(model, 'e1'))).toBe(EXIT.outside);
    const source = flagSource('O', '3');
    expect(source.path).toBe('-O');
    expect(codeOf('fact-broken', { source, start: 0, end: 1 })).toBe(EXIT.usage);
  });
});
