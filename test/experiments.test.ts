/** The experiments: each runs from end to end on little, and what is committed names commands that exist. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { archc, ROOT } from './helpers/cli.js';

const NAMES = ['isbi', 'ablation', 'tumours', 'brats', 'sweep'] as const;
const RESULTS = join(ROOT, 'experiments/results');

const work = mkdtempSync(join(tmpdir(), 'archc-experiments-'));
afterAll(() => rmSync(work, { recursive: true, force: true }));

function run(name: string, output: string, args: readonly string[] = []) {
  const script = ['scripts/run.mjs', `experiments/${name}.ts`, '--output', output, ...args];
  return spawnSync(process.execPath, script, { cwd: ROOT, encoding: 'utf8' });
}

describe.each(NAMES)('%s', (name) => {
  it('runs on little, and writes a page with its pictures', { timeout: 300_000 }, () => {
    const output = join(work, `${name}-results`);
    const result = run(name, output, ['--quick', '--work', work]);
    expect(result.stderr).not.toMatch(/Error|error/);
    expect(result.status).toBe(0);
    const page = readFileSync(join(output, `${name}.md`), 'utf8');
    expect(page).toContain('A trial of the script');
    for (const [, file = ''] of page.matchAll(/!\[[^\]]*\]\(([^)]*)\)/g)) {
      const content = readFileSync(join(output, file));
      expect(content.subarray(0, 4).toString('latin1')).toMatch(/^(.PNG|<svg)/s);
    }
    expect(page.match(/^\| .* \| \*\*(agrees|does not agree|cannot be told)\*\* \|$/gm)).not.toBe(
      null,
    );
    expect(page).not.toContain(work);
    expect(page).not.toContain(ROOT);
  });
});

describe('what is committed', () => {
  const pages = existsSync(RESULTS)
    ? readdirSync(RESULTS).filter((file) => file.endsWith('.md'))
    : [];

  it('has a page of each experiment and no other', () => {
    expect(pages.sort()).toEqual(NAMES.map((name) => `${name}.md`).sort());
  });

  it.each(NAMES)('says in %s when, where and how it was made', (name) => {
    const page = readFileSync(join(RESULTS, `${name}.md`), 'utf8');
    expect(page).not.toContain('A trial of the script');
    expect(page).toMatch(/ on \d{4}-\d\d-\d\d; .+, Node v\d+.* with a load of [\d.]+/);
    expect(page).toMatch(/tfjs-\w+ \d/);
    expect(page).not.toMatch(/NaN|Infinity/);
    const [, script = ''] = /`node scripts\/run\.mjs (\S+\.ts)/.exec(page) ?? [];
    expect(existsSync(join(ROOT, script))).toBe(true);
    const commands = [...page.matchAll(/^archc (\w+) (.*)$/gm)];
    expect(commands.length).toBeGreaterThan(1);
    for (const [, command = '', rest = ''] of commands) {
      const help = archc([command, '--help']).stdout;
      for (const [option] of ` ${rest}`.matchAll(/ --?[a-z]+(?= |$)/g)) {
        expect(help).toMatch(new RegExp(`${option}[ ,]`));
      }
    }
    for (const [, file = ''] of page.matchAll(/!\[[^\]]*\]\(([^)]*)\)/g)) {
      expect(existsSync(join(RESULTS, file))).toBe(true);
    }
  });

  it('has the recipes as they are now', () => {
    const recipes = readFileSync(join(ROOT, 'experiments/recipes.arch'), 'utf8');
    for (const name of pages) {
      const page = readFileSync(join(RESULTS, name), 'utf8');
      for (const [, text = ''] of page.matchAll(/^```\n(train \w+[(\s][\s\S]*?^})\n```$/gm)) {
        expect(recipes).toContain(text);
      }
    }
  });
});

describe('wrong arguments', () => {
  it('are said with the usage', () => {
    const unknown = run('ablation', work, ['--quack']);
    expect(unknown.status).toBe(2);
    expect(unknown.stderr).toMatch(/--quack[\s\S]*usage: node scripts\/run\.mjs/);
    const missing = run('isbi', work);
    expect(missing.status).toBe(2);
    expect(missing.stderr).toContain('--data PATH');
  });
});
