/** The package as it is installed, built and tested. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const inRoot = (...parts: readonly string[]): string => join(root, ...parts);
const read = (...parts: readonly string[]): string => readFileSync(inRoot(...parts), 'utf8');

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'archc-build-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function node(...args: readonly string[]): {
  status: number | null;
  stdout: string;
  stderr: string;
} {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    cwd: folder,
  });
  return { status, stdout, stderr };
}

describe('installation', () => {
  const lock = JSON.parse(read('package-lock.json')) as {
    packages: Record<string, { resolved?: string; hasInstallScript?: boolean }>;
  };

  it('takes packages from whatever registry is configured', () => {
    const pinned = Object.entries(lock.packages).filter(([, each]) => each.resolved !== undefined);
    expect(pinned).toEqual([]);
    expect(read('.npmrc')).toContain('omit-lockfile-registry-resolved=true');
  });

  it('does not run the script of onnxruntime-node, which downloads GPU libraries', () => {
    // npm runs the scripts that the lockfile announces: after an update of the package, delete its
    // line `"hasInstallScript": true` again. `allowScripts` says the same to npm 11.16 and later.
    expect(lock.packages['node_modules/onnxruntime-node']).not.toHaveProperty('hasInstallScript');
    expect(JSON.parse(read('package.json'))).toMatchObject({
      allowScripts: { 'onnxruntime-node': false },
    });
  });

  it('comes with the Apache licence, version 2.0', () => {
    const digest = createHash('sha256').update(read('LICENSE')).digest('hex');
    expect(digest).toBe('cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30');
  });
});

describe('dist/', () => {
  const bin = 'dist/cli.cjs';

  it('holds all that package.json names', () => {
    const { bin, exports } = JSON.parse(read('package.json')) as {
      bin: Record<string, string>;
      exports: Record<string, string | Record<string, string>>;
    };
    const files = [bin, ...Object.values(exports)].flatMap((each) =>
      typeof each === 'string' ? [each] : Object.values(each),
    );
    expect(files.length).toBeGreaterThanOrEqual(6);
    for (const file of files) expect(() => accessSync(inRoot(file)), file).not.toThrow();
    if (process.platform !== 'win32') accessSync(inRoot('dist/cli.cjs'), constants.X_OK);
  });

  it('starts from code that is compiled ahead for this Node', () => {
    const probe = `
      const cli = ${JSON.stringify(inRoot(bin))};
      process.on('exit', () => console.error('rejected:', require(cli).script.cachedDataRejected));
      require(cli);`;
    writeFileSync(join(folder, 'probe.cjs'), probe);
    expect(node(join(folder, 'probe.cjs'), '--version').stderr).toBe('rejected: false\n');
  });

  it('runs alike without it, from any folder', () => {
    const copy = join(folder, 'copy/dist');
    mkdirSync(copy, { recursive: true });
    copyFileSync(inRoot('package.json'), join(copy, '../package.json'));
    for (const name of ['cli.cjs', 'main.cjs']) {
      copyFileSync(inRoot('dist', name), join(copy, name));
    }
    const { version } = JSON.parse(read('package.json')) as { version: string };
    expect(node(inRoot(bin), '--version')).toMatchObject({ status: 0, stdout: `${version}\n` });
    expect(node(join(copy, 'cli.cjs'), '--version')).toEqual(node(inRoot(bin), '--version'));
  });

  it('names the licences of what it bundles', () => {
    const notices = read('dist/THIRD-PARTY-LICENSES.txt');
    for (const name of ['chevrotain', 'commander']) {
      expect(notices).toMatch(new RegExp(`^${name} \\d+\\.\\d+\\.\\d+ \\([\\w-.]+\\)$`, 'm'));
    }
  });

  it('is not built again while nothing changes', () => {
    expect(node(inRoot('scripts/build.mjs'), '--if-stale')).toEqual({
      status: 0,
      stdout: '',
      stderr: '',
    });
  });
});

describe('the launcher', () => {
  it('compiles the source where the compiled form is missing, damaged or of another Node', () => {
    const copyTo = (name: string): string => {
      const target = join(folder, name);
      mkdirSync(target);
      copyFileSync(inRoot('scripts/launcher.cjs'), join(target, 'cli.cjs'));
      const main =
        "console.log('main', require('node:path').basename(__filename), process.argv[2])";
      writeFileSync(join(target, 'main.cjs'), main);
      return target;
    };
    const expected = { status: 0, stdout: 'main main.cjs x\n', stderr: '' };
    const target = copyTo('launched');
    expect(node(join(target, 'cli.cjs'), 'x')).toMatchObject(expected);

    expect(node(inRoot('scripts/code-cache.cjs'), join(target, 'cli.cjs'), 'm.arch')).toMatchObject(
      {
        status: 0,
        stdout: 'main main.cjs check\n',
      },
    );
    const cache = readdirSync(target).find((name) => name.endsWith('.cache')) ?? '';
    expect(cache).toBe(`main-${process.version}-${process.arch}.cache`);
    expect(node(join(target, 'cli.cjs'), 'x')).toMatchObject(expected);
    // Other flags make another compiler, whose cache this is not.
    expect(node('--no-opt', join(target, 'cli.cjs'), 'x')).toMatchObject(expected);
    writeFileSync(join(target, cache), 'no cache');
    expect(node(join(target, 'cli.cjs'), 'x')).toMatchObject(expected);
  });
});

describe('the test runner', () => {
  it('ends with the counts, and with the exit code of the tests', () => {
    const tests = join(folder, 'tests');
    mkdirSync(tests);
    const file = (name: string, body: string): void => {
      writeFileSync(join(tests, `${name}.test.js`), body);
    };
    const run = (): { status: number | null; last: string | undefined } => {
      const args = ['--root', tests, '--globals', '--no-color'];
      const { status, stdout } = node(inRoot('scripts/test.mjs'), ...args);
      return { status, last: stdout.trimEnd().split('\n').at(-1) };
    };
    file('good', "it('a', () => {}); it('b', () => expect(1).toBe(1));");
    expect(run()).toEqual({ status: 0, last: '2 passed, 0 failed' });
    file('skips', "it.skip('c', () => {}); it.todo('d');");
    expect(run()).toEqual({ status: 0, last: '2 passed, 0 failed, 2 skipped' });
    file('bad', "it('e', () => expect(1).toBe(2));");
    file('broken', "import './no-such-file.js';");
    expect(run()).toEqual({ status: 1, last: '2 passed, 2 failed, 2 skipped' });
  });
});
