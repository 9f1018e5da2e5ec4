/** The commands and listings of README.md and CONTRIBUTING.md, run and compared. */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writePng } from '../src/data/image.js';

const root = fileURLToPath(new URL('../', import.meta.url));
const read = (name: string): string => readFileSync(join(root, name), 'utf8');
const readme = read('README.md');

interface Fence {
  readonly language: string;
  readonly about: string;
  readonly text: string;
}

const fences: readonly Fence[] = [...readme.matchAll(/^```(\S+)(?: (.*))?\n([\s\S]*?)^```$/gm)].map(
  ([, language = '', about = '', text = '']) => ({ language, about, text }),
);

let folder = '';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'archc-readme-'));
  for (const name of ['models', 'docs', 'devices'])
    cpSync(join(root, name), join(folder, name), { recursive: true });
  const data = new Float32Array(32 * 32).map((_, i) => (i % 32) / 31);
  writeFileSync(join(folder, 'slice.png'), await writePng({ shape: [32, 32, 1], data }));
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

it('lists no command twice', () => {
  const commands = [...readme.matchAll(/^\| (`npx archc .*?`) +\|/gm)].map(
    ([, command]) => command,
  );
  expect(commands.length).toBeGreaterThan(10);
  expect(new Set(commands).size).toBe(commands.length);
});

/** The files that a shell puts in the place of `models/*.arch`. */
function expand(argument: string): string[] {
  const [, directory, ending] = /^(.+)\/\*(\.\w+)$/.exec(argument) ?? [];
  if (directory === undefined || ending === undefined) return [argument];
  return readdirSync(join(folder, directory))
    .filter((name) => name.endsWith(ending))
    .map((name) => `${directory}/${name}`);
}

/** Runs `npx archc …` as the built command, in a copy of the project's models. */
function archc(command: string): { status: number | null; output: string } {
  const args = command
    .replace(/^npx archc /, '')
    .split(' ')
    .flatMap(expand);
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, 'dist/cli.cjs'), ...args],
    { cwd: folder, encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } },
  );
  return { status, output: stdout + stderr };
}

describe('README.md', () => {
  it.each(fences.filter((f) => f.language === 'arch'))(
    'shows $about as it is',
    ({ about, text }) => {
      expect(read(about)).toContain(text);
    },
  );

  it.each(fences.filter((f) => f.language === 'console'))(
    'shows what is printed: $text',
    ({ text }) => {
      const [command = '', ...lines] = text.split('\n');
      expect(archc(command.replace(/^\$ /, '')).output).toBe(lines.join('\n'));
    },
  );

  const inTable = [...readme.matchAll(/^\| `(npx archc [^`]*)`/gm)].map((m) => m[1] ?? '');
  const first = [...readme.matchAll(/&& (npx archc .*?) +#/g)].map((m) => m[1] ?? '');

  it('has the commands that are run here', () => {
    expect(inTable.length).toBeGreaterThanOrEqual(8);
    expect(first).toHaveLength(1);
  });

  it.each([...first, ...inTable])('%s', (command) => {
    const { status, output } = archc(command);
    expect(status, output).toBe(0);
  });

  it.each(fences.filter((f) => f.language === 'ts'))('runs its library example', ({ text }) => {
    const file = join(folder, 'example.mjs');
    const library = JSON.stringify(new URL('../dist/index.js', import.meta.url).href);
    writeFileSync(file, text.replace("'archc'", library));
    const { status, stdout, stderr } = spawnSync(process.execPath, [file], { encoding: 'utf8' });
    expect(status, stderr).toBe(0);
    expect(stdout).toContain('params: 224');
  });
});

describe('CONTRIBUTING.md', () => {
  it('names scripts that there are', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = [...read('CONTRIBUTING.md').matchAll(/npm run ([a-z:]+)/g)].map(
      (m) => m[1] ?? '',
    );
    expect(named.length).toBeGreaterThan(2);
    for (const name of named) expect(Object.keys(scripts)).toContain(name);
  });

  it('names files that there are', () => {
    const named = [...read('CONTRIBUTING.md').matchAll(/`((?:src|test|docs)\/[\w./-]+)`/g)];
    for (const [, name = ''] of named.filter(([, n]) => !/NAME/.test(n ?? ''))) {
      expect(existsSync(join(root, name)), name).toBe(true);
    }
  });
});
