/** Everything in the docs that a program can check: examples, limits, lists, generated pages. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { docsFiles, exampleProgram } from '../scripts/docs-files.js';
import { MAX_SOURCE_BYTES } from '../src/files/read.js';
import {
  FUNCTION_NAMES,
  MAX_LIST,
  MAX_LIST_DEPTH,
  MAX_STRING,
} from '../src/compiler/arithmetic.js';
import { MAX_ELEMENTS } from '../src/compiler/limits.js';
import { METRIC_NAMES } from '../src/compiler/metrics.js';
import { operatorNames, operatorOf } from '../src/compiler/ops/index.js';
import { MAX_EXTENT } from '../src/compiler/ops/kinds.js';
import { MAX_NESTING, parse } from '../src/compiler/parse.js';
import {
  MAX_COPIES,
  MAX_DEPTH,
  MAX_ITERATIONS,
  MAX_NODES,
  MAX_USES,
} from '../src/compiler/session.js';
import { SETTING_NAMES } from '../src/compiler/recipe-settings.js';
import {
  AUGMENT,
  DATA,
  LOSSES,
  METRIC_WORDS,
  NORMALISE,
  OPTIMISERS,
  SCHEDULES,
  SPLIT,
  type Vocabulary,
  type Word,
} from '../src/compiler/recipe-words.js';
import { STD_SOURCES } from '../src/compiler/std-sources.js';
import { check } from '../src/compiler/check.js';
import type { Host } from '../src/compiler/modules.js';
import { checkText, explain } from './helpers/check.js';
import { RESERVED } from '../grammar/tokens.js';

const root = new URL('../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');

/** `adam(lr, beta1 = 0.9, …)` */
function describeWord(name: string, { parameters }: Word<unknown>): string {
  const shown = parameters.map((p) =>
    p.default === undefined ? p.name : `${p.name} = ${String(p.default ?? 'none')}`,
  );
  return shown.length === 0 ? name : `${name}(${shown.join(', ')})`;
}

interface Fence {
  readonly line: number;
  /** The file that it shows, where it says so: "```arch models/blocks.arch". */
  readonly path: string | undefined;
  readonly text: string;
}

function fencesOf(page: string): Fence[] {
  const fences: Fence[] = [];
  for (const match of page.matchAll(/^```arch(?: (.*))?\n([^]*?)^```$/gm)) {
    const line = page.slice(0, match.index).split('\n').length;
    fences.push({ line, path: match[1], text: match[2] ?? '' });
  }
  return fences;
}

/** The project's own files. */
const project: Host = { read: (path) => ({ ok: true, text: read(path) }) };

describe.each(['docs/language.md', 'README.md'].filter((path) => existsSync(new URL(path, root))))(
  'examples of %s',
  (page) => {
    const fences = fencesOf(read(page));
    it('are all found', () => {
      expect(fences.length).toBeGreaterThan(0);
      expect(read(page).match(/```arch/g)).toHaveLength(fences.length);
    });
    it.each(fences)('line $line', ({ path, text }) => {
      const wanted = /^# error: ([a-z-]+)\n/.exec(text)?.[1];
      const checked = check({ path: path ?? 'example.arch', text }, project);
      if (wanted === undefined) expect(explain(checked)).toBe('');
      else expect(checked.diagnostics.map((d) => d.code)).toEqual([wanted]);
      if (path !== undefined) expect(read(path)).toContain(text);
    });
  },
);

describe('the example of', () => {
  it.each(operatorNames())('%s compiles', (name) => {
    const checked = checkText(exampleProgram(operatorOf(name)));
    const said = checked.diagnostics.filter((d) => d.code !== 'unused-name');
    expect(explain({ ...checked, diagnostics: said })).toBe('');
    expect(checked.models[0]?.graph?.nodes.some((node) => node.op === name)).toBe(true);
  });
});

describe('generated pages', () => {
  it.each([...docsFiles()])('%s is up to date: `npm run generate`', (path, text) => {
    expect(read(path)).toBe(text);
  });
  it('the embedded standard library is up to date: `npm run generate`', () => {
    const files = readdirSync(new URL('std/', root)).map((name) => `std/${name}`);
    expect([...STD_SOURCES.keys()]).toEqual(files.sort());
    for (const [path, text] of STD_SOURCES) expect(read(path)).toBe(text);
  });
});

describe('docs/language.md', () => {
  const page = read('docs/language.md');
  const section = (title: string): string => {
    const start = page.indexOf(`\n## ${title}\n`);
    expect(start).toBeGreaterThan(0);
    // In an example `## ` is a doc line, and no empty line follows.
    const length = page.slice(start + 1).search(/\n## .*\n\n/);
    return page.slice(start, length === -1 ? undefined : start + 1 + length);
  };

  it('lists the reserved words', () => {
    expect(page).toContain(`Reserved: \`${RESERVED.join(' ')}\``);
  });
  it('lists no block of the standard library twice', () => {
    const rows = [...page.matchAll(/^\| `std\/\w+\.arch` \| `.*?` \|/gm)].map(([row]) => row);
    expect(rows.length).toBeGreaterThan(10);
    expect(new Set(rows).size).toBe(rows.length);
  });
  it('has every function', () => {
    for (const name of FUNCTION_NAMES) expect(section('Functions')).toContain(`\`${name}(`);
  });
  it('has every figure', () => {
    for (const name of METRIC_NAMES) expect(section('Claims')).toContain(`| \`${name}\` |`);
  });
  it.each([
    ['a source', `${MAX_SOURCE_BYTES / 2 ** 20} MiB`],
    ['brackets in brackets', String(MAX_NESTING)],
    ['blocks in blocks', String(MAX_DEPTH)],
    ['uses of blocks and operators in a model', MAX_USES.toLocaleString('en')],
    ['operators in a model', MAX_NODES.toLocaleString('en')],
    ['rounds of all loops of a model together; a range', MAX_ITERATIONS.toLocaleString('en')],
    ['items of a list, those of lists in it included', MAX_LIST.toLocaleString('en')],
    ['lists in lists', String(MAX_LIST_DEPTH)],
    ['list items that all expressions of a model make together', MAX_COPIES.toLocaleString('en')],
    ['characters of a string that is put together', MAX_STRING.toLocaleString('en')],
    ['elements of a tensor or weight', `2^${Math.log2(MAX_ELEMENTS)}`],
    ['a size or count', `2^${Math.log2(MAX_EXTENT + 1)} − 1`],
  ])('states the limit of %s', (what, limit) => {
    expect(section('Limits')).toContain(`| ${what} | ${limit} |`);
  });
  it('has every setting of a recipe and every word, with its parameters', () => {
    const recipes = section('Recipes');
    for (const name of SETTING_NAMES)
      expect(recipes).toMatch(new RegExp(`^\\| .*\`${name}\``, 'm'));
    const vocabularies: readonly Vocabulary<unknown>[] = [
      ...[DATA, SPLIT, NORMALISE, AUGMENT, LOSSES, OPTIMISERS, SCHEDULES, METRIC_WORDS],
    ];
    const words = vocabularies.flatMap((words) =>
      [...words].map(([name, w]) => describeWord(name, w)),
    );
    expect(words.filter((word) => !recipes.includes(`| \`${word}\` |`))).toEqual([]);
    // And no more: a row for each.
    expect(recipes.match(/^\| (?:`\w+`)? ?\| `/gm)).toHaveLength(words.length);
  });
  it('lists every block of the standard library with its parameters', () => {
    for (const [path, text] of STD_SOURCES) {
      for (const declaration of parse({ path, text }).tree.declarations) {
        if (declaration.kind !== 'block') continue;
        const found = new RegExp(`\\| \`${path}\` \\| \`${declaration.name.text}\\((.*)\\)\` \\|`);
        const [, parameters = 'none'] = found.exec(section('The standard library')) ?? [];
        const listed = parameters.split(/, (?![^[(]*[\])])/).map((p) => p.split(' ')[0] ?? '');
        expect(listed.filter((name) => name !== '')).toEqual(
          declaration.parameters.map((p) => p.name.text),
        );
      }
    }
  });
  it('links to sections that exist', () => {
    for (const [, target = ''] of page.matchAll(/\]\(#([a-z-]+)\)/g)) {
      const titles = [...page.matchAll(/^## (.*)$/gm)].map(([, t = '']) =>
        t.toLowerCase().replaceAll(' ', '-'),
      );
      expect(titles).toContain(target);
    }
    const diagnostics = read('docs/diagnostics.md');
    for (const [, code = ''] of page.matchAll(/\(diagnostics\.md#([a-z-]+)\)/g)) {
      expect(diagnostics).toContain(`\n## ${code}\n`);
    }
  });
});
