/**
 * What archc says of wrong programs. Each file of test/errors/ holds mistakes, and at the end of the
 * line of each a comment `# error: CODE words` (or `# warning: …`), several with `;;` between them.
 * Exactly those diagnostics must come, at those lines, with those words in the message or a hint.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { check } from '../src/compiler/check.js';
import { CODES, type CodeInfo } from '../src/compiler/codes.js';
import { NO_FILES } from '../src/compiler/modules.js';
import { positionOf } from '../src/compiler/source.js';

const folder = new URL('errors/', import.meta.url);

interface Expected {
  readonly line: number;
  readonly severity: string;
  readonly code: string;
  readonly words: string;
}

function expectedIn(text: string): Expected[] {
  return text.split('\n').flatMap((line, i) => {
    const comment = /# ((?:error|warning): .*)$/.exec(line)?.[1];
    if (comment === undefined) return [];
    return comment.split(';;').map((part) => {
      const found = /^\s*(error|warning): ([a-z-]+) ?(.*)$/.exec(part);
      if (found === null) throw new Error(`line ${i + 1}: ${part}`);
      const [, severity = '', code = '', words = ''] = found;
      return { line: i + 1, severity, code, words: words.trim() };
    });
  });
}

describe.each(readdirSync(folder).filter((name) => name.endsWith('.arch')))('%s', (name) => {
  const text = readFileSync(new URL(name, folder), 'utf8');
  const expected = expectedIn(text);
  const { diagnostics } = check({ path: name, text }, NO_FILES);
  const found = diagnostics.map((d) => ({
    line: d.span === undefined ? 0 : positionOf(d.span.source, d.span.start).line,
    severity: d.severity,
    code: d.code,
    said: [d.message, ...d.hints].join('\n'),
  }));

  it('says what is expected, where it is expected, and nothing else', () => {
    const key = (d: { line: number; severity: string; code: string }): string =>
      `${String(d.line).padStart(3)} ${d.severity} ${d.code}`;
    expect(found.map(key).sort()).toEqual(expected.map(key).sort());
  });

  it.each(expected)('line $line: $code says "$words"', ({ line, code, words }) => {
    const said = found.filter((d) => d.line === line && d.code === code).map((d) => d.said);
    expect(
      said.some((s) => s.includes(words)),
      said.join('\n---\n'),
    ).toBe(true);
  });
});

const catalogue = Object.entries<CodeInfo>(CODES);

describe.each(catalogue)('explain %s', (code, info) => {
  const codesOf = (text: string): string[] =>
    check({ path: 'example.arch', text }, NO_FILES).diagnostics.map((d) => d.code);
  it.runIf(info.bad !== undefined)('the failing example gives it', () => {
    expect(codesOf(info.bad ?? '')).toContain(code);
  });
  it.runIf(info.good !== undefined)('the passing example gives nothing', () => {
    expect(codesOf(info.good ?? '')).toEqual([]);
  });
});
