/** What holds of the formatter for every program: generated ones, and every .arch text there is. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse, parseConcrete } from '../src/compiler/parse.js';
import { format } from '../src/format/format.js';
import { fuzzCases, plainProgram, program, spelled } from './helpers/programs.js';
import { sharedData } from './helpers/shared.js';
import { withoutPlaces } from './helpers/tree.js';

const WIDTH = 100;

async function formatted(text: string): Promise<string> {
  const result = await format(text);
  if (!result.ok) throw new Error(result.diagnostics.map((d) => d.message).join('\n'));
  return result.text;
}

function treeOf(text: string): unknown {
  const { tree, diagnostics } = parse({ path: 'test.arch', text });
  expect(diagnostics).toEqual([]);
  return withoutPlaces(tree);
}

function commentsOf(text: string): string[] {
  return parseConcrete({ path: 'test.arch', text }).comments.map((c) => c.image.trimEnd());
}

/** Formats, checks everything that must hold, and returns the text. */
async function check(text: string): Promise<string> {
  const once = await formatted(text);
  expect(treeOf(once)).toEqual(treeOf(text));
  expect(commentsOf(once)).toEqual(commentsOf(text));
  expect(await formatted(once)).toBe(once);
  expect(once).not.toMatch(/\r|[ \t]\n|\n\n\n|^\n|\n\n$/);
  if (once !== '') expect(once.endsWith('\n')).toBe(true);
  return once;
}

describe('generated programs', () => {
  it('keep their tree and comments, and formatting again changes nothing', async () => {
    await fc.assert(
      fc.asyncProperty(spelled(program), async (text) => {
        await check(text);
      }),
      { numRuns: fuzzCases(300) },
    );
  });

  it('stay within the line width', async () => {
    await fc.assert(
      fc.asyncProperty(plainProgram, async (text) => {
        const lines = (await check(text)).split('\n');
        expect(lines.filter((line) => line.length > WIDTH)).toEqual([]);
      }),
      { numRuns: fuzzCases(300) },
    );
  });
});
