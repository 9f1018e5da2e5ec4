/** The grammar itself, and the files that derive from it. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ArchParser, createLexer } from '../grammar/parser.js';
import { BINARY_OPERATORS, BinaryOperator, allTokens, tightness } from '../grammar/tokens.js';
import { grammarFiles } from '../scripts/grammar-files.js';

describe('the grammar', () => {
  it('is valid and has no ambiguities', () => {
    expect(() => new ArchParser({ validate: true })).not.toThrow();
    expect(() => createLexer(true)).not.toThrow();
  });

  it('gives every binary operator one level', () => {
    const operators = allTokens.filter((t) => t.CATEGORIES?.includes(BinaryOperator) === true);
    expect(
      BINARY_OPERATORS.flat()
        .map((t) => t.name)
        .sort(),
    ).toEqual(operators.map((t) => t.name).sort());
    for (const operator of operators) expect(tightness(operator)).toBeGreaterThanOrEqual(0);
  });
});

describe('generated files', async () => {
  for (const [path, text] of await grammarFiles()) {
    it(`${path} is what \`npm run generate\` writes`, () => {
      expect(readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')).toBe(text);
    });
  }

  it('the diagrams need nothing from elsewhere and name no missing rule', async () => {
    const page = (await grammarFiles()).get('docs/grammar.html') ?? '';
    expect(page).not.toMatch(/<script|<link|https?:|\bsrc=|@import|url\(/);
    const sections = new Set([...page.matchAll(/<section id="(\w+)"/g)].map((m) => m[1]));
    expect(sections.size).toBeGreaterThan(30);
    const links = [...page.matchAll(/href="#(\w+)"/g)].map((m) => m[1]);
    expect(links.filter((link) => !sections.has(link) && link !== 'EOF')).toEqual([]);
  });
});
