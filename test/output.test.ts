/** Files in and out: what cannot be read or written is a diagnostic, and outputs are whole. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MAX_SOURCE_BYTES, readFile, readSource, readText } from '../src/files/read.js';
import { writeOutputFile, writeOutputFiles, writeOutputFolder } from '../src/cli/output.js';
import { startProgress, usesColor, widthOf, type OutputStream } from '../src/cli/terminal.js';
import type { Diagnostic } from '../src/compiler/diagnostic.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'archc-output-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const inFolder = (...parts: readonly string[]): string => join(folder, ...parts);
const text = (name: string): string => readFileSync(inFolder(name), 'utf8');

/** Code, message and hints, with the temporary folder's name left out. */
function said(diagnostics: readonly Diagnostic[]): string[] {
  return diagnostics.map(({ code, message, hints }) =>
    [`${code}: ${message}`, ...hints].join(' | ').replaceAll(`${folder}/`, ''),
  );
}

function readFailure(path: string): string {
  const read = readSource(path);
  if (read.ok) throw new Error(`${path} could be read`);
  return said(read.diagnostics).join('\n');
}

describe('reading a source', () => {
  it('gives its text under the path as named, without a byte order mark', () => {
    writeFileSync(inFolder('a.arch'), '\ufeffmodel A() {}\r\n# 日本語\n');
    expect(readSource(inFolder('a.arch'))).toEqual({
      ok: true,
      value: { path: inFolder('a.arch'), text: 'model A() {}\r\n# 日本語\n' },
    });
    writeFileSync(inFolder('empty.arch'), '');
    expect(readText(inFolder('empty.arch'))).toEqual({ ok: true, text: '' });
  });

  it('suggests a file where one is missing', () => {
    writeFileSync(inFolder('sdunet.arch'), '');
    expect(readFailure(inFolder('sdunt.arch'))).toBe(
      'missing-file: there is no file sdunt.arch | did you mean `sdunet.arch`?',
    );
    expect(readFailure(inFolder('sdunet'))).toBe(
      'missing-file: there is no file sdunet | did you mean `sdunet.arch`?',
    );
    expect(readFailure(inFolder('sdunet.ar'))).toContain('did you mean `sdunet.arch`?');
    expect(readFailure(inFolder('resnet.arch'))).toBe('missing-file: there is no file resnet.arch');
    expect(readFailure(inFolder('no/x.arch'))).toBe(
      'missing-file: there is no file no/x.arch: there is no folder no',
    );
    expect(readFailure(inFolder('sdunet.arch/x.arch'))).toBe(
      'missing-file: there is no file sdunet.arch/x.arch: sdunet.arch is not a folder',
    );
  });

  it('refuses folders, binary files, and text in another encoding', () => {
    mkdirSync(inFolder('d'));
    expect(readFailure(inFolder('d'))).toBe('not-a-file: d is a folder | name a file in it: `d/…`');
    writeFileSync(inFolder('b.arch'), 'ab\0c');
    expect(readFailure(inFolder('b.arch'))).toContain('binary-file: b.arch is not text: byte 2 is');
    writeFileSync(inFolder('l.arch'), Buffer.from('# a\n# caf\xe9 x\n', 'latin1'));
    expect(readFailure(inFolder('l.arch'))).toBe(
      'invalid-utf8: l.arch is not valid UTF-8: line 2, byte 9 of the file (0xe9) | save the file as UTF-8',
    );
    // A sequence that the end of the file cuts short is wrong where it starts.
    writeFileSync(inFolder('t.arch'), Buffer.from([0x61, 0xe2, 0x82]));
    expect(readFailure(inFolder('t.arch'))).toContain('line 1, byte 1 of the file (0xe2)');
  });

  it('names the first invalid byte of any text', () => {
    const valid = fc.string({ unit: 'grapheme', maxLength: 50 });
    const bad = fc.constantFrom([0xff], [0xc0, 0x80], [0xe2, 0x28], [0xed, 0xa0, 0x80], [0x80]);
    fc.assert(
      fc.property(valid, bad, valid, (before, bytes, after) => {
        const start = Buffer.from(before.replaceAll('\0', ''));
        writeFileSync(
          inFolder('x.arch'),
          Buffer.concat([start, Buffer.from(bytes), Buffer.from(after)]),
        );
        const failure = readFailure(inFolder('x.arch'));
        expect(failure).toMatch(after.includes('\0') ? /^binary-file/ : /^invalid-utf8/);
        if (!after.includes('\0')) expect(failure).toContain(`byte ${start.length} of the file`);
      }),
      { numRuns: 100 },
    );
  });

  it('refuses more than 16 MiB before it reads', () => {
    writeFileSync(inFolder('big.arch'), '');
    truncateSync(inFolder('big.arch'), 2 ** 40);
    expect(readFailure(inFolder('big.arch'))).toBe(
      'file-too-large: big.arch has 1048576 MiB; the limit is 16 MiB',
    );
    writeFileSync(inFolder('full.arch'), Buffer.alloc(MAX_SOURCE_BYTES, '#'));
    expect(readText(inFolder('full.arch')).ok).toBe(true);
    if (existsSync('/dev/zero')) expect(readFailure('/dev/zero')).toContain('more than 16 MiB');
  });

  it('reads bytes without a limit', () => {
    writeFileSync(inFolder('w'), Buffer.from([0, 255]));
    expect(readFile(inFolder('w'))).toEqual({ ok: true, value: Buffer.from([0, 255]) });
  });

  it.skipIf(process.getuid?.() === 0 || process.platform === 'win32')(
    'says when it may not',
    () => {
      writeFileSync(inFolder('x.arch'), '', { mode: 0 });
      expect(readFailure(inFolder('x.arch'))).toContain('unreadable-file: x.arch may not be read');
    },
  );
});

/** Runs TypeScript in a process of its own. */
const runner = join(import.meta.dirname, '../scripts/run.mjs');
function scriptFile(body: string): string {
  const source = (name: string): string =>
    JSON.stringify(join(import.meta.dirname, `../src/${name}.ts`));
  const file = inFolder('script.ts');
  writeFileSync(
    file,
    `import { readSource } from ${source('files/read')};
     import { writeOutputFile } from ${source('cli/output')};
     ${body}`,
  );
  return file;
}

describe('standard input', () => {
  it('is the source `-`, also where it comes late', () => {
    const script = scriptFile(`console.log(JSON.stringify(readSource('-')));`);
    const run = (input: string | Buffer): unknown =>
      JSON.parse(execFileSync(process.execPath, [runner, script], { input, encoding: 'utf8' }));
    expect(run('model A() {}\n')).toEqual({
      ok: true,
      value: { path: '<stdin>', text: 'model A() {}\n' },
    });
    expect(run('')).toEqual({ ok: true, value: { path: '<stdin>', text: '' } });
    expect(run(Buffer.from([0xff]))).toMatchObject({
      ok: false,
      diagnostics: [{ code: 'invalid-utf8' }],
    });
    const late = spawnSync(
      'sh',
      ['-c', `(sleep 1; printf abc) | "${process.execPath}" "${runner}" "${script}"`],
      { encoding: 'utf8' },
    );
    expect(JSON.parse(late.stdout)).toMatchObject({ ok: true, value: { text: 'abc' } });
  });
});

describe('writing a file', () => {
  it('writes text, bytes and chunks, and leaves nothing else', async () => {
    async function* chunks(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('ab');
      await Promise.resolve();
      yield Buffer.from('c');
    }
    expect(await writeOutputFile(inFolder('a'), 'text')).toEqual([]);
    expect(await writeOutputFile(inFolder('b'), new Uint8Array([1, 2]))).toEqual([]);
    expect(await writeOutputFile(inFolder('c'), chunks())).toEqual([]);
    expect(text('a')).toBe('text');
    expect(readFileSync(inFolder('b'))).toEqual(Buffer.from([1, 2]));
    expect(text('c')).toBe('abc');
    expect(readdirSync(folder).sort()).toEqual(['a', 'b', 'c']);
  });

  it('replaces only what is of the same kind, empty, or forced', async () => {
    const isSameKind = (path: string): boolean => readFileSync(path, 'utf8').startsWith('ONNX');
    const refused = [
      'output-exists: m.onnx exists and holds something else | name another output, or replace it with `--force`',
    ];
    writeFileSync(inFolder('m.onnx'), 'notes');
    expect(said(await writeOutputFile(inFolder('m.onnx'), 'new', { isSameKind }))).toEqual(refused);
    expect(said(await writeOutputFile(inFolder('m.onnx'), 'new'))).toEqual(refused);
    expect(text('m.onnx')).toBe('notes');
    expect(await writeOutputFile(inFolder('m.onnx'), 'ONNX 1', { force: true })).toEqual([]);
    expect(await writeOutputFile(inFolder('m.onnx'), 'ONNX 2', { isSameKind })).toEqual([]);
    expect(text('m.onnx')).toBe('ONNX 2');
    writeFileSync(inFolder('m.onnx'), '');
    expect(await writeOutputFile(inFolder('m.onnx'), 'ONNX 3', { isSameKind })).toEqual([]);
    expect(readdirSync(folder)).toEqual(['m.onnx']);
  });

  it('says what keeps it from looking at what is there', async () => {
    writeFileSync(inFolder('a'), 'something');
    const failing = (code: string) => () => {
      throw Object.assign(new Error(`${code}: no such thing, open 'b'`), { code });
    };
    const wrote = async (code: string) =>
      said(await writeOutputFile(inFolder('a'), 'other', { isSameKind: failing(code) }));
    expect(await wrote('ENOENT')).toEqual([
      'output-exists: a exists and holds something else | name another output, or replace it with `--force`',
    ]);
    expect((await wrote('EACCES'))[0]).toMatch(/^cannot-write: cannot write a: permission denied/);
    expect(text('a')).toBe('something');
    expect(said(await writeOutputFile(inFolder('new/'), 'text'))[0]).toMatch(
      /^cannot-write: cannot write new\/: a file is written/,
    );
  });

  it('keeps the permissions of what it replaces, and follows links', async () => {
    writeFileSync(inFolder('real'), 'old', { mode: 0o640 });
    chmodSync(inFolder('real'), 0o640);
    symlinkSync('real', inFolder('link'));
    expect(await writeOutputFile(inFolder('link'), 'new', { force: true })).toEqual([]);
    expect(text('real')).toBe('new');
    expect(statSync(inFolder('real')).mode & 0o777).toBe(0o640);
    expect(readdirSync(folder).sort()).toEqual(['link', 'real']);
  });

  it('says why it cannot, and changes nothing', async () => {
    mkdirSync(inFolder('d'));
    writeFileSync(inFolder('f'), 'x');
    writeFileSync(inFolder('read-only'), 'x', { mode: 0o444 });
    const write = async (path: string): Promise<string[]> =>
      said(await writeOutputFile(inFolder(path), 'new', { isSameKind: () => true }));
    expect(await write('d')).toEqual([
      'cannot-write: cannot write d: it is a folder | name a file, in that folder or elsewhere',
    ]);
    expect(await write('no/x')).toEqual([
      'cannot-write: cannot write no/x: there is no folder no | make it first: `mkdir -p no`',
    ]);
    expect(await write('f/x')).toEqual(['cannot-write: cannot write f/x: f is not a folder']);
    expect(await write('read-only')).toEqual([
      'cannot-write: cannot write read-only: it is read-only | name another output, or replace it with `--force`',
    ]);
    expect(await write('n'.repeat(300))).toEqual([
      `cannot-write: cannot write ${'n'.repeat(300)}: the name is too long`,
    ]);
    expect(readdirSync(folder).sort()).toEqual(['d', 'f', 'read-only']);
    expect(text('read-only')).toBe('x');
  });

  it('takes names as long as the file system does', async () => {
    const name = '語'.repeat(85);
    expect(await writeOutputFile(inFolder(name), 'x')).toEqual([]);
    expect(readdirSync(folder)).toEqual([name]);
  });

  it.skipIf(!existsSync('/dev/full'))('survives a full disk', async () => {
    expect(said(await writeOutputFile('/dev/full', 'x'))).toEqual([
      'cannot-write: cannot write /dev/full: the disk is full | make room, or name an output on another disk',
    ]);
  });

  it.skipIf(!existsSync('/dev/stdout'))('writes to devices and pipes in place', () => {
    const script = scriptFile(`console.error(await writeOutputFile('/dev/stdout', 'piped'));`);
    const command = `"${process.execPath}" "${runner}" "${script}" | cat`;
    const { stdout } = spawnSync('sh', ['-c', command], { encoding: 'utf8' });
    expect(stdout).toBe('piped');
  });

  it('leaves the old file and no other when the content fails', async () => {
    writeFileSync(inFolder('a'), 'old');
    function* broken(): Generator<Uint8Array> {
      yield Buffer.from('half');
      throw new Error('a fault in the emitter');
    }
    await expect(writeOutputFile(inFolder('a'), broken(), { force: true })).rejects.toThrow(
      'fault',
    );
    expect(text('a')).toBe('old');
    expect(readdirSync(folder)).toEqual(['a']);
  });

  it('writes files that belong together only if all can be written', async () => {
    mkdirSync(inFolder('model.onnx'));
    const files = ['weights.bin', 'model.onnx'].map((name) => ({
      path: inFolder(name),
      content: name,
    }));
    expect(said(await writeOutputFiles(files))).toHaveLength(1);
    expect(readdirSync(folder)).toEqual(['model.onnx']);
    rmSync(inFolder('model.onnx'), { recursive: true });
    expect(await writeOutputFiles(files)).toEqual([]);
    expect([text('weights.bin'), text('model.onnx')]).toEqual(['weights.bin', 'model.onnx']);
  });

  it('removes what it began when interrupted', async () => {
    const script = scriptFile(`
      async function* slow() {
        yield Buffer.from('half');
        console.log('begun');
        await new Promise((resolve) => setTimeout(resolve, 60_000));
      }
      await writeOutputFile(${JSON.stringify(inFolder('out'))}, slow());`);
    const child = spawn(process.execPath, [runner, script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    expect(readdirSync(folder)).toHaveLength(2);
    child.kill('SIGINT');
    const [, signal] = (await once(child, 'exit')) as [number | null, string | null];
    expect(signal).toBe('SIGINT');
    expect(readdirSync(folder)).toEqual(['script.ts']);
  });
});

describe('writing a folder', () => {
  const files = new Map([
    ['model.json', '{}'],
    ['shaders/conv.wgsl', '// conv'],
  ]);
  const isSameKind = (path: string): boolean => existsSync(join(path, 'model.json'));

  it('makes it, and replaces one of the same kind whole', async () => {
    expect(await writeOutputFolder(inFolder('net'), files)).toEqual([]);
    expect(text('net/shaders/conv.wgsl')).toBe('// conv');
    writeFileSync(inFolder('net/stale'), '');
    expect(await writeOutputFolder(inFolder('net'), files, { isSameKind })).toEqual([]);
    expect(readdirSync(inFolder('net')).sort()).toEqual(['model.json', 'shaders']);
    expect(readdirSync(folder)).toEqual(['net']);
  });

  it('fills an empty one, and leaves others alone', async () => {
    mkdirSync(inFolder('empty'));
    expect(await writeOutputFolder(inFolder('empty'), files, { isSameKind })).toEqual([]);
    mkdirSync(inFolder('docs'));
    writeFileSync(inFolder('docs/thesis'), 'x');
    expect(said(await writeOutputFolder(inFolder('docs'), files, { isSameKind }))).toEqual([
      'output-exists: docs exists and holds something else | name another output, or replace it with `--force`',
    ]);
    writeFileSync(inFolder('f'), 'x');
    expect(said(await writeOutputFolder(inFolder('f'), files, { force: true }))).toEqual([
      'cannot-write: cannot write the folder f: it is a file | name another folder, or delete the file',
    ]);
    expect(readdirSync(folder).sort()).toEqual(['docs', 'empty', 'f']);
    expect(readdirSync(inFolder('docs'))).toEqual(['thesis']);
  });

  // Root may delete anything.
  it.skipIf(process.getuid?.() === 0)(
    'replaces one of which a part cannot be deleted',
    async () => {
      mkdirSync(inFolder('out', 'kept'), { recursive: true });
      writeFileSync(inFolder('out', 'kept', 'a'), 'a');
      chmodSync(inFolder('out', 'kept'), 0o555);
      const files = new Map([['b', 'b']]);
      expect(await writeOutputFolder(inFolder('out'), files, { force: true })).toEqual([]);
      expect(readdirSync(inFolder('out'))).toEqual(['b']);
      const [left = ''] = readdirSync(folder).filter((name) => name.endsWith('.tmp'));
      chmodSync(inFolder(left, 'kept'), 0o755);
    },
  );

  it('leaves the old one when a file in it cannot be written', async () => {
    mkdirSync(inFolder('net'));
    writeFileSync(inFolder('net/model.json'), 'old');
    const long = new Map([...files, ['n'.repeat(300), '']]);
    expect(said(await writeOutputFolder(inFolder('net'), long, { isSameKind }))).toEqual([
      'cannot-write: cannot write net: the name is too long',
    ]);
    expect(text('net/model.json')).toBe('old');
    expect(readdirSync(folder)).toEqual(['net']);
  });
});

/** A stream that keeps what is written, as a terminal or not. */
function recorder(isTTY: boolean, columns?: number): { stream: OutputStream; text: () => string } {
  const stream = new PassThrough();
  const extra = columns === undefined ? { isTTY } : { isTTY, columns };
  return {
    stream: Object.assign(stream, extra),
    text: () => String(stream.read() ?? ''),
  };
}

describe('terminal', () => {
  it('uses colour only there, and never with NO_COLOR', () => {
    const { stream } = recorder(true);
    expect(usesColor(stream, {})).toBe(true);
    expect(usesColor(stream, { NO_COLOR: '' })).toBe(true);
    expect(usesColor(stream, { NO_COLOR: '1' })).toBe(false);
    expect(usesColor(stream, { TERM: 'dumb' })).toBe(false);
    expect(usesColor(recorder(false).stream, { FORCE_COLOR: '1' })).toBe(false);
    expect(widthOf(recorder(true, 72).stream)).toBe(72);
    expect(widthOf(recorder(true, 0).stream)).toBeUndefined();
    expect(widthOf(stream)).toBeUndefined();
  });

  it('draws a bar there, not too often, and removes it', () => {
    let time = 0;
    const { stream, text } = recorder(true, 80);
    const progress = startProgress(stream, 'verify', 4, () => time);
    progress.update(1);
    expect(text()).toBe('');
    time = 150;
    progress.update(2);
    expect(text()).toBe(`\r\u001b[Kverify ${'█'.repeat(12)}${'░'.repeat(12)} 2/4`);
    progress.end();
    expect(text()).toBe('\r\u001b[K');
    const piped = recorder(false);
    const silent = startProgress(piped.stream, 'verify', 4, () => (time += 1000));
    silent.update(1);
    silent.end();
    expect(piped.text()).toBe('');
  });
});
