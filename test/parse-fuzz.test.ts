/** The parser on any text: it never throws, always ends, and points only into the text. */
import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Diagnostic } from '../src/compiler/diagnostic.js';
import { parse, parseConcrete, parseExpression } from '../src/compiler/parse.js';
import type { Span } from '../src/compiler/source.js';
import { format } from '../src/format/format.js';
import { fuzzCases, plainProgram, program, spelled } from './helpers/programs.js';

const CASES = fuzzCases(2_000);

/** Every span in a tree or in diagnostics. */
function spansIn(value: unknown, found: Span[] = []): Span[] {
  if (typeof value !== 'object' || value === null) return found;
  if ('start' in value && 'end' in value && 'source' in value) found.push(value as Span);
  for (const [key, part] of Object.entries(value)) if (key !== 'source') spansIn(part, found);
  return found;
}

function holds(text: string): readonly Diagnostic[] {
  const source = { path: 'fuzz.arch', text };
  const { tree, diagnostics } = parse(source);
  const spans = [...spansIn(tree), ...spansIn(diagnostics)];
  for (const { start, end } of spans) {
    expect(start).toBeGreaterThanOrEqual(0);
    expect(end).toBeGreaterThanOrEqual(start);
    expect(end).toBeLessThanOrEqual(text.length);
  }
  for (const d of diagnostics) expect(d.span?.source).toBe(source);
  // A tree is whole, or says that it is not.
  const parts = [...tree.declarations, ...tree.recipes];
  const isWhole = !tree.incomplete && parts.every((d) => !d.damaged);
  const isBroken = diagnostics.some((d) => /^(syntax|unexpected-character)$/.test(d.code));
  expect(isWhole && isBroken).toBe(false);
  if (diagnostics.length === 0) expect(isWhole).toBe(true);
  // Nothing is told twice.
  const places = diagnostics.map((d) => `${d.span?.start} ${d.span?.end} ${d.message}`);
  expect(new Set(places).size).toBe(places.length);
  return diagnostics;
}

const folders = ['../models/', '../std/'].map((path) => new URL(path, import.meta.url));
const examples = folders.flatMap((folder) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.arch'))
    .map((name) => readFileSync(new URL(name, folder), 'utf8')),
);

type Mutation = (pieces: readonly string[], at: number, other: number) => string[];
const MUTATIONS: readonly Mutation[] = [
  (p, at) => p.filter((_, i) => i !== at),
  (p, at) => p.flatMap((piece, i) => (i === at ? [piece, piece] : [piece])),
  (p, at, other) => p.map((piece, i) => p[i === at ? other : i === other ? at : i] ?? piece),
  (p, at, other) => p.flatMap((piece, i) => (i === at ? [p[other] ?? '', piece] : [piece])),
  (p, at) => p.slice(0, at),
];

/** Cuts a text into tokens, with what stands before each, or into characters; and changes some. */
function mutated(texts: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const change = fc.tuple(fc.constantFrom(...MUTATIONS), fc.nat(), fc.nat());
  return fc
    .tuple(texts, fc.boolean(), fc.array(change, { minLength: 1, maxLength: 4 }))
    .map(([text, byToken, changes]) => {
      const { tokens } = parseConcrete({ path: 'fuzz.arch', text });
      const ends = tokens.map((token) => token.startOffset + token.image.length);
      let pieces = byToken
        ? [...ends.map((end, i) => text.slice(ends[i - 1] ?? 0, end)), text.slice(ends.at(-1) ?? 0)]
        : Array.from(text);
      for (const [mutate, at, other] of changes) {
        if (pieces.length > 0) pieces = mutate(pieces, at % pieces.length, other % pieces.length);
      }
      return pieces.join('');
    });
}

describe('parse', () => {
  it('holds for arbitrary text', () => {
    const words = fc.constantFrom(
      ...'block model const import train for in if then else not true ( ) [ ] { } , = -> .. "x" x 3 # \n - + //'.split(
        ' ',
      ),
    );
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.string({ unit: 'grapheme', maxLength: 200 }),
      fc.array(words, { maxLength: 60 }).map((list) => list.join(' ')),
    );
    fc.assert(
      fc.property(text, (t) => {
        holds(t);
        parseExpression({ path: 'fuzz.arch', text: t });
      }),
      { numRuns: CASES },
    );
  });

  it('holds for changed programs', () => {
    const programs = fc.oneof(fc.constantFrom(...examples), plainProgram, spelled(program));
    fc.assert(
      fc.property(mutated(programs), (t) => {
        holds(t);
      }),
      { numRuns: CASES },
    );
  });

  it('finds nothing wrong with generated programs', () => {
    fc.assert(
      fc.property(spelled(program), (t) => {
        expect(holds(t)).toEqual([]);
      }),
      { numRuns: Math.ceil(CASES / 10) },
    );
  });

  it('leaves the other declarations of a file alone when one is broken', () => {
    const good = 'block before() = relu\n';
    fc.assert(
      fc.property(mutated(fc.constantFrom(...examples)), (t) => {
        const { tree } = parse({ path: 'fuzz.arch', text: `${good}${t}` });
        expect(tree.declarations[0]?.name.text).toBe('before');
      }),
      { numRuns: Math.ceil(CASES / 10) },
    );
  });

  it('is refused by the formatter exactly where there are errors', async () => {
    await fc.assert(
      fc.asyncProperty(mutated(fc.constantFrom(...examples)), async (t) => {
        const { diagnostics } = parse({ path: 'fuzz.arch', text: t });
        expect((await format(t)).ok).toBe(diagnostics.length === 0);
      }),
      { numRuns: Math.ceil(CASES / 20) },
    );
  });
});
