/**
 * Arbitrary text and mutated programs through the whole compiler: it never throws, always ends, and
 * every place that it names lies in its source. `FUZZ_CASES` sets the number of cases.
 */
import { readFileSync, readdirSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { check } from '../src/compiler/check.js';
import { NO_FILES, type Host } from '../src/compiler/modules.js';
import type { Span } from '../src/compiler/source.js';
import { fuzzCases, plainProgram } from './helpers/programs.js';

const models = new URL('../models/', import.meta.url);
const errors = new URL('errors/', import.meta.url);
/** Loops to the limits take a second each, and would be most of the time: a mutation makes fewer rounds. */
const shortened = (text: string): string => text.replaceAll('0..2000', '0..200');
const texts = [models, errors].flatMap((folder) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.arch'))
    .map((name) => shortened(readFileSync(new URL(name, folder), 'utf8'))),
);
const host: Host = {
  read: (path) => {
    try {
      return { ok: true, text: readFileSync(new URL(path.replace(/^.*\//, ''), models), 'utf8') };
    } catch {
      return NO_FILES.read(path);
    }
  },
};

function expectSound(text: string): void {
  const { diagnostics } = check({ path: 'fuzz.arch', text }, host);
  const inBounds = ({ source, start, end }: Span): boolean =>
    start >= 0 && start <= end && end <= source.text.length;
  for (const d of diagnostics) {
    expect(d.message).not.toMatch(/undefined|\[object|NaN/);
    for (const span of [d.span, ...d.labels.map((l) => l.span)]) {
      if (span !== undefined) expect(inBounds(span), `${d.code}: ${d.message}`).toBe(true);
    }
  }
}

/** Pieces that a mutation drops, repeats, swaps or inserts. */
function pieces(text: string): string[] {
  return text.match(/\s+|[A-Za-z_]\w*|\d[\w.]*|->|\.\.|\S/g) ?? [];
}

const inserted = fc.constantFrom(
  '->', '(', ')', '[', ']', '{', '}', '=', ',', '..', ':', '-', '*', '**', '//', '%', '0', '-1',
  '1e9', '9999999999', 'in', 'if', 'for', 'conv', 'x', 'true', 'none', '"s"', 'shared', 'where',
); // prettier-ignore

const mutated = fc
  .tuple(
    fc.constantFrom(...texts),
    fc.array(
      fc.record({
        at: fc.double({ min: 0, max: 1, noNaN: true }),
        kind: fc.constantFrom('drop', 'repeat', 'swap', 'insert', 'replace'),
        word: inserted,
      }),
      { minLength: 1, maxLength: 5 },
    ),
  )
  .map(([text, changes]) => {
    const list = pieces(text);
    for (const { at, kind, word } of changes) {
      const i = Math.floor(at * list.length);
      const piece = list[i] ?? '';
      if (kind === 'drop') list.splice(i, 1);
      else if (kind === 'repeat') list.splice(i, 0, piece);
      else if (kind === 'swap') list.splice(i, 2, list[i + 1] ?? '', piece);
      else if (kind === 'insert') list.splice(i, 0, ` ${word} `);
      else list.splice(i, 1, ` ${word} `);
    }
    return list.join('');
  });

describe('the compiler is sound for', () => {
  const numRuns = fuzzCases(2000) / 2;

  it('mutated programs', () => {
    fc.assert(fc.property(mutated, expectSound), { numRuns });
  });

  it('arbitrary text and arbitrary programs', () => {
    const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 200 }), plainProgram);
    fc.assert(fc.property(text, expectSound), { numRuns });
  });
}, 3_600_000);
