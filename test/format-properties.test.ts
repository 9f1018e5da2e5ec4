/** What holds of the formatter for every program: generated ones, and every .arch text there is. */
import { readdirSync, readFileSync } from 'node:fs';
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

describe.each(['models', 'std'])('%s/', (folder) => {
  const path = new URL(`../${folder}/`, import.meta.url);
  const names = readdirSync(path).filter((name) => name.endsWith('.arch'));
  it.each(names)('%s keeps its tree and comments', async (name) => {
    await check(readFileSync(new URL(name, path), 'utf8'));
  });
});

/**
 * Lines of the language's examples that formatting changes, each with the reason. All other lines
 * are the style that the formatter follows.
 */
const CHANGED: readonly (readonly [line: string, reason: string])[] = [
  [
    '  skip = if project then in -> conv(4 * width, k = 1, stride = stride, bias = false) -> batchnorm else in',
    'wider than 100 characters',
  ],
  [
    '  gate = in -> globalavgpool -> conv(in.channels // ratio, k = 1) -> relu -> conv(in.channels, k = 1) -> sigmoid',
    'wider than 100 characters',
  ],
];

const page = sharedData('..', 'design', 'language.md');

describe.skipIf(page === undefined)('the examples of the language (skipped where absent)', () => {
  const text = page === undefined ? '' : readFileSync(page, 'utf8');
  const examples = [...text.matchAll(/^```arch\n([\s\S]*?)^```/gm)].map((m) => m[1] ?? '');

  it('are formatted already, but for the lines that are listed', async () => {
    const changed: string[] = [];
    for (const example of examples) {
      const lines = new Set((await check(example)).split('\n'));
      changed.push(...example.split('\n').filter((line) => !lines.has(line)));
    }
    expect(examples.length).toBeGreaterThan(2);
    expect(changed).toEqual(CHANGED.map(([line]) => line));
  });
});
