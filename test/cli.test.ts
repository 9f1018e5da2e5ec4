/** Each command as its contract says, on programs that are right. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CODES } from '../src/compiler/codes.js';
import { VERSION } from '../src/version.js';
import { archc, codesOf, json, put, ROOT, SMALL, temporaryFolder } from './helpers/cli.js';

const folder = temporaryFolder();
const small = put(folder, 'small.arch', SMALL);

const COMMANDS = [
  'check',
  'stats',
  'diff',
  'sweep',
  'graph',
  'compile',
  'run',
  'fmt',
  'explain',
  'ir',
  'init',
];

describe('archc', () => {
  it('says its version, which is that of the package', () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      version: string;
    };
    expect(VERSION).toBe(version);
    expect(archc(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  it('lists its commands, and each shows examples', () => {
    const { stdout, code } = archc(['--help']);
    expect(code).toBe(0);
    for (const command of COMMANDS) {
      expect(stdout).toMatch(new RegExp(`^  ${command} `, 'm'));
      const help = archc([command, '--help']);
      expect(help).toMatchObject({ code: 0, stderr: '' });
      expect(help.stdout).toContain('Examples:\n');
      expect(help.stdout).toContain(`$ archc ${command}`);
      expect(help.stdout).not.toContain('(default: [])');
      const examples = help.stdout.match(/^ {2}\$ .*$/gm) ?? [];
      for (const example of examples) expect(example).toMatch(new RegExp(`archc ${command}\\b`));
      expect(archc(['help', command])).toEqual(help);
    }
  });

  it('without a command shows the help as an error', () => {
    const result = archc([]);
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).toContain('Usage: archc');
  });

  it('has no colour outside a terminal', () => {
    const broken = put(folder, 'colour.arch', 'model M() {');
    const result = archc(['check', broken], { env: { FORCE_COLOR: '1' } });
    expect(result.code).toBe(1);
    expect(result.stderr).not.toContain('\u001b');
  });

  it('has no stack trace for a fault of its own, unless asked', () => {
    const preload = put(
      folder,
      'fault.cjs',
      "crypto.subtle.digest = () => Promise.reject(new TypeError('x is not a function'));",
    );
    const out = join(folder, 'fault.onnx');
    const compile = (args: readonly string[], env: Record<string, string> = {}) =>
      archc(['compile', small, '-o', out, ...args], {
        env: { NODE_OPTIONS: `--require=${preload}`, ...env },
      });
    const text = compile([]);
    expect(text).toMatchObject({ code: 3, stdout: '' });
    expect(text.stderr).toContain('error[internal-error]: internal error: x is not a function');
    expect(text.stderr).toContain('please report it');
    expect(codesOf(compile(['--json']))).toEqual(['internal-error']);
    expect(compile([], { ARCHC_DEBUG: '1' }).stderr).toMatch(/^ +at .*fault\.cjs:\d+:\d+/m);
    expect(existsSync(out)).toBe(false);
  });

  it('is silent where its reader has gone', async () => {
    const args = [join(ROOT, 'dist/cli.cjs'), 'ir', 'models/sdunet.arch'];
    const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.destroy();
    let stderr = '';
    child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
    await once(child, 'close');
    expect(stderr).toBe('');
  });
});

describe('archc check', () => {
  it('names the files that are right', () => {
    const result = archc(['check', 'models/sdunet.arch', 'models/unet.arch']);
    expect(result).toEqual({
      code: 0,
      stdout: [
        'models/sdunet.arch: ok, 4 models, 9 expectations hold, 4 recipes',
        'models/unet.arch: ok, 4 models, 8 expectations hold, 2 recipes',
        '',
      ].join('\n'),
      stderr: '',
    });
  });

  it('accepts a file without a model', () => {
    expect(archc(['check', 'models/blocks.arch'])).toEqual({
      code: 0,
      stdout: 'models/blocks.arch: ok, 0 models\n',
      stderr: '',
    });
  });

  it('reads standard input, whose imports are relative to where the command runs', () => {
    const input = readFileSync(join(ROOT, 'models/unet.arch'), 'utf8');
    expect(archc(['check', '-'], { cwd: join(ROOT, 'models'), input })).toMatchObject({
      code: 0,
      stdout: '<stdin>: ok, 4 models, 8 expectations hold, 2 recipes\n',
    });
  });

  it('shows an error where it is, in each format', () => {
    const source = 'model M() {\n  input x: f32[8, 8, 1]\n  output y = x -> konv(8)\n}\n';
    put(folder, 'bad.arch', source);
    const check = (...args: string[]): ReturnType<typeof archc> =>
      archc(['check', 'bad.arch', 'small.arch', ...args], { cwd: folder });

    const text = check();
    expect(text).toMatchObject({ code: 1, stdout: 'small.arch: ok, 1 model\n' });
    expect(text.stderr).toContain('error[unknown-name]');
    expect(text.stderr).toContain('--> bad.arch:3:19');
    expect(text.stderr).toContain('did you mean `conv`?');
    expect(text.stderr).toMatch(/\n1 error\n$/);

    const document = check('--json');
    expect(document).toMatchObject({ code: 1, stderr: '' });
    expect(json(document)).toEqual({
      formatVersion: 1,
      valid: false,
      errorCount: 1,
      warningCount: 0,
      diagnostics: [
        {
          code: 'unknown-name',
          severity: 'error',
          message: expect.stringContaining('konv') as string,
          file: 'bad.arch',
          range: { start: { line: 3, column: 19 }, end: { line: 3, column: 23 } },
          labels: [],
          hints: expect.arrayContaining(['did you mean `conv`?']) as string[],
        },
      ],
    });
    expect(check('--format', 'json').stdout).toBe(document.stdout);

    const sarif = check('--format', 'sarif');
    expect(sarif.code).toBe(1);
    expect(JSON.parse(sarif.stdout)).toMatchObject({
      version: '2.1.0',
      runs: [{ results: [{ ruleId: 'unknown-name' }] }],
    });

    const github = check('--format', 'github');
    expect(github.code).toBe(1);
    expect(github.stdout).toMatch(/^::error file=bad\.arch,line=3,col=19,/);
  });

  it('says once what several files import', () => {
    put(folder, 'shared/blocks.arch', 'block f() = konv(8)\n');
    const user = (name: string): string =>
      `import f from "./blocks.arch"\n\nmodel ${name}() {\n  input x: f32[8, 8, 1]\n  output y = x -> f\n}\n`;
    put(folder, 'shared/a.arch', user('A'));
    put(folder, 'shared/b.arch', user('B'));
    const result = archc(['check', 'shared/a.arch', 'shared/b.arch', '--json'], { cwd: folder });
    expect(codesOf(result)).toEqual(['unknown-name']);
  });

  it('leaves warnings valid', () => {
    const path = put(
      folder,
      'unused.arch',
      'model M() {\n  input x: f32[8, 8, 1]\n  skip = x -> relu\n  output y = x -> relu\n}\n',
    );
    const result = archc(['check', path, '--json']);
    expect(result.code).toBe(0);
    expect(json(result)).toMatchObject({ valid: true, errorCount: 0, warningCount: 1 });
  });

  it('takes parameters and sizes from the command line', () => {
    const broken = archc(['check', 'models/sdunet.arch', '--set', 'groups=7', '--json']);
    expect(broken.code).toBe(1);
    expect(codesOf(broken)).toContain('indivisible');
    const fine = archc([
      ...['check', 'models/sdunet.arch', '--set', 'width=8', '--set', 'groups = 2 * 2'],
      ...['--size', '512x256', '--model', 'SDUNet'],
    ]);
    expect(fine).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('archc stats', () => {
  interface StatsDocument {
    models: { name: string; file: string; params: number; macs: number; layers: object[] }[];
  }

  it('counts models side by side', () => {
    const table = archc(['stats', 'models/unet.arch', 'models/sdunet.arch']);
    expect(table).toMatchObject({ code: 0, stderr: '' });
    expect(table.stdout).toMatch(/parameters +31,031,685 +3,935,041 +7\.89× fewer/);
    const csv = archc(['stats', 'models/sdunet.arch', '--format', 'csv']).stdout;
    expect(csv.split('\n')[0]).toContain('params');
    expect(csv.split('\n')[1]).toContain('3935041');
    expect(archc(['stats', 'models/sdunet.arch', '--format', 'markdown']).stdout).toContain('| --');
  });

  it('has the JSON of its contract', () => {
    const result = archc(['stats', 'models/sdunet.arch', '--json', '--size', 'H=512,W=512']);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    const { models } = json(result) as unknown as StatsDocument;
    expect(models).toHaveLength(1);
    expect(models[0]).toMatchObject({
      name: 'SDUNet',
      file: 'models/sdunet.arch',
      inputs: [{ name: 'image', dtype: 'f32', shape: [512, 512, 1] }],
      outputs: [{ name: 'mask', dtype: 'f32', shape: [512, 512, 1] }],
      params: 3_935_041,
      buffers: 0,
      macs: 33_538_179_072,
      conventions: {},
    });
    expect(models[0]?.layers[0]).toMatchObject({
      path: 'e1.conv',
      op: 'conv',
      output: [512, 512, 64],
      params: 640,
      source: expect.stringMatching(/^models\/sdunet\.arch:\d+:\d+$/) as string,
    });
  });

  it('shows all models of a file, layers and blocks', () => {
    const all = json(archc(['stats', 'models/sdunet.arch', '--all', '--json']));
    const names = (all as unknown as StatsDocument).models.map((m) => m.name);
    expect(names).toEqual(['SDUNet', 'SDUNetNoWS', 'SDUNetNoGN', 'SDUNetBrats']);
    const layers = archc(['stats', 'models/sdunet.arch', '--per-layer']).stdout;
    expect(layers).toContain('e2.sdblock.sepconv_1.dwconv');
    const blocks = archc(['stats', 'models/sdunet.arch', '--depth', '1']).stdout;
    expect(blocks).not.toContain('sepconv_1.dwconv  ');
    expect(blocks).toMatch(/^e2 /m);
  });

  it('chooses the model of the command line', () => {
    const result = archc(['stats', 'models/sdunet.arch', '--model', 'SDUNetBrats', '--json']);
    expect((json(result) as unknown as StatsDocument).models[0]).toMatchObject({
      params: 3_936_899,
      macs: 7_476_134_400,
    });
  });
});

describe('archc compile', () => {
  it('writes a model named like the file into this folder', () => {
    const out = join(folder, 'compile');
    put(out, 'my-small.arch', SMALL);
    const result = archc(['compile', 'my-small.arch', '--target', 'onnx'], { cwd: out });
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.stdout).toMatch(
      /^wrote my-small\.onnx: model Small, [\d.]+ (kB|bytes), opset 17, 77 parameters \(untrained, seed 0\)\n$/,
    );
    const first = readFileSync(join(out, 'my-small.onnx'));
    // Over a model of its own it may write, and writes the same.
    expect(archc(['compile', 'my-small.arch'], { cwd: out }).code).toBe(0);
    expect(readFileSync(join(out, 'my-small.onnx')).equals(first)).toBe(true);
    expect(archc(['compile', 'my-small.arch', '--seed', '1'], { cwd: out }).code).toBe(0);
    expect(readFileSync(join(out, 'my-small.onnx')).equals(first)).toBe(false);
    expect(readdirSync(out).sort()).toEqual(['my-small.arch', 'my-small.onnx']);
  });

  it('reports as JSON what it wrote', () => {
    const path = join(folder, 'j.onnx');
    const args = ['compile', small, '-o', path, '--opset', '21', '--json', '--seed', '7'];
    const result = archc(args);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(json(result)).toEqual({
      formatVersion: 1,
      model: 'Small',
      file: small,
      target: 'onnx',
      opset: 21,
      params: 77,
      weights: { seed: 7 },
      files: [{ path, bytes: readFileSync(path).length }],
    });
  });

  it('takes every option of its help', () => {
    const path = join(folder, 'options.onnx');
    const variants = [
      ['--dynamic'],
      ['--layout', 'nhwc'],
      ['--keep-blocks', '--keep-ws'],
      ['-O0'],
      ['-O', '2'],
      ['--size', '32x32', '--set', 'width=2'],
    ];
    const files = variants.map((options) => {
      const result = archc(['compile', small, '-o', path, ...options]);
      expect(result, options.join(' ')).toMatchObject({ code: 0, stderr: '' });
      return readFileSync(path).toString('latin1');
    });
    expect(new Set(files).size).toBeGreaterThan(3);
  });

  it('puts the weights beside the model where asked to', () => {
    const out = join(folder, 'external');
    put(out, 'small.arch', SMALL);
    const args = ['compile', 'small.arch', '--external-data', '-o', 'net.onnx'];
    const result = archc(args, { cwd: out });
    expect(result.stdout).toMatch(/^wrote net\.onnx and net\.onnx\.data: /);
    expect(readFileSync(join(out, 'net.onnx')).toString('latin1')).toContain('net.onnx.data');
    expect(readFileSync(join(out, 'net.onnx.data'))).toHaveLength(4 * 77);
    expect(archc(args, { cwd: out }).code).toBe(0);
  });
});

describe('archc fmt', () => {
  const messy = 'model   M( ) {\n input x : f32[8,8,1]\n output y=x->relu # end\n}';
  const neat = 'model M() {\n  input x: f32[8, 8, 1]\n  output y = x -> relu # end\n}\n';

  it('formats in place, and lists what it would change', () => {
    const path = put(folder, 'messy.arch', messy);
    const check = archc(['fmt', '--check', path, small]);
    expect(check).toEqual({ code: 1, stdout: `${path}\n`, stderr: '' });
    expect(readFileSync(path, 'utf8')).toBe(messy);
    expect(json(archc(['fmt', '--check', '--json', path, small]))).toMatchObject({
      files: [
        { file: path, formatted: false },
        { file: small, formatted: true },
      ],
    });
    expect(archc(['fmt', path])).toMatchObject({ code: 0, stdout: '' });
    expect(readFileSync(path, 'utf8')).toBe(neat);
    expect(archc(['fmt', '--check', path])).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it('formats standard input to standard output', () => {
    expect(archc(['fmt', '-'], { input: messy })).toEqual({ code: 0, stdout: neat, stderr: '' });
    expect(archc(['fmt', '--check', '-'], { input: messy })).toMatchObject({ code: 1 });
  });

  it('leaves a file with syntax errors as it is, and formats the others', () => {
    const broken = put(folder, 'broken.arch', 'model M( {');
    const path = put(folder, 'messy2.arch', messy);
    const result = archc(['fmt', broken, path, '--json']);
    expect(result.code).toBe(1);
    expect(new Set(codesOf(result))).toEqual(new Set(['syntax']));
    expect(readFileSync(broken, 'utf8')).toBe('model M( {');
    expect(readFileSync(path, 'utf8')).toBe(neat);
  });
});

describe('archc explain', () => {
  it('explains every code', () => {
    const result = archc(['explain']);
    for (const code of Object.keys(CODES))
      expect(result.stdout).toMatch(new RegExp(`^${code} `, 'm'));
    expect(archc(['explain', 'shape-mismatch']).stdout).toMatch(/This fails:[^]*This passes:/);
    expect(json(archc(['explain', 'still-waiting', '--json']))).toMatchObject({
      code: 'still-waiting',
      severity: 'error',
      bad: CODES['still-waiting'].bad,
    });
    expect(json(archc(['explain', '--json']))['codes']).toHaveLength(Object.keys(CODES).length);
  });
});

describe('archc ir', () => {
  it('prints the graph, with symbols or sizes, before or after passes', () => {
    const plain = archc(['ir', small]).stdout;
    expect(plain).toContain('model Small');
    expect(plain).toContain('f32[H, W, 4]');
    expect(archc(['ir', small, '--size', '64x32']).stdout).toContain('f32[64, 32, 4]');
    expect(archc(['ir', 'models/sdunet.arch']).stdout).toContain('dropout');
    const after = archc(['ir', 'models/sdunet.arch', '--after', 'remove-dropout']).stdout;
    expect(after).not.toContain('= dropout(');
    expect(after).toContain('= standardize(');
    const kernels = archc(['ir', 'models/sdunet.arch', '--after', 'fuse-reads']).stdout;
    expect(kernels).toMatch(
      / = fused\(%\d+, .*\) {upsample; dwconv} {2}# d4\.rise\.sepconv\.dwconv {2}/,
    );
    expect(kernels).toMatch(
      /^ {4}%\d+\.1: .* = upsample\(%\d+\) {2}# d4\.rise\.upsample {2}models/m,
    );
    const folded = archc(['ir', 'models/sdunet.arch', '--after', 'fold-constants']).stdout;
    expect(folded).not.toContain('= standardize(');
    expect(json(archc(['ir', small, '--json']))).toMatchObject({ model: 'Small', text: plain });
  });
});

describe('archc init', () => {
  it('writes a starter that checks, is formatted, counts and compiles', () => {
    const result = archc(['init', 'my-variant'], { cwd: folder });
    const path = join('my-variant', 'model.arch');
    expect(result).toEqual({ code: 0, stdout: `wrote ${path}\n`, stderr: '' });
    expect(archc(['check', path], { cwd: folder })).toEqual({
      code: 0,
      stdout: `${path}: ok, 2 models, 4 expectations hold\n`,
      stderr: '',
    });
    expect(archc(['fmt', '--check', path], { cwd: folder }).code).toBe(0);
    expect(archc(['stats', path, '--all'], { cwd: folder }).code).toBe(0);
    expect(archc(['compile', path], { cwd: folder }).stdout).toMatch(
      /^wrote model\.onnx: model Model/,
    );

    writeFileSync(join(folder, path), '# mine\n');
    const again = archc(['init', 'my-variant', '--json'], { cwd: folder });
    expect(again.code).toBe(3);
    expect(codesOf(again)).toEqual(['output-exists']);
    expect(readFileSync(join(folder, path), 'utf8')).toBe('# mine\n');
  });

  it('makes the folders on the way, and writes here by default', () => {
    expect(archc(['init', 'deep/er/still'], { cwd: folder }).code).toBe(0);
    expect(existsSync(join(folder, 'deep/er/still/model.arch'))).toBe(true);
    const result = archc(['init', '--json'], { cwd: join(folder, 'deep') });
    expect(json(result)).toEqual({ formatVersion: 1, file: 'model.arch' });
  });
});
