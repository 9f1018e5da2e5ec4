/** What users get wrong: each has a diagnostic and an exit code of its own, and leaves nothing half done. */
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { writeNpy } from '../src/data/npy.js';
import { archc, codesOf, json, put, ROOT, SMALL, temporaryFolder } from './helpers/cli.js';
import { png } from './helpers/image-files.js';

const folder = temporaryFolder();
const here = { cwd: folder };

beforeAll(() => {
  put(folder, 'package.json', '{}');
  put(folder, 'small.arch', SMALL);
  put(folder, 'grey.png', greyImage(16, 16));
  put(folder, 'grey8.png', greyImage(8, 8));
});

function greyImage(width: number, height: number): Uint8Array {
  const row = [0, ...Array.from({ length: width }, (_, x) => (x * 13) % 256)];
  const rows = Array.from({ length: height }, () => row).flat();
  return png({ width, height, depth: 8, colourType: 0, rows });
}

/** What one failing command says: exit code and codes of its diagnostics, alike with and without JSON. */
function failure(args: readonly string[]): { code: number | null; codes: readonly string[] } {
  const result = archc([...args, '--json'], here);
  const codes = codesOf(result);
  expect(result.stderr).toBe('');
  const text = archc(args, here);
  expect(text.code).toBe(result.code);
  for (const code of codes) expect(text.stderr).toContain(`[${code}]`);
  return { code: result.code, codes };
}

describe('sources', () => {
  it('that are missing, with the name that was meant', () => {
    expect(failure(['check', 'smal.arch'])).toEqual({ code: 3, codes: ['missing-file'] });
    expect(archc(['check', 'smal.arch'], here).stderr).toContain('did you mean `small.arch`?');
    expect(archc(['check', 'small'], here).stderr).toContain('did you mean `small.arch`?');
  });

  it('that are folders, binary, of another encoding or huge', () => {
    mkdirSync(join(folder, 'folder.arch'));
    expect(failure(['check', 'folder.arch'])).toEqual({ code: 3, codes: ['not-a-file'] });
    put(folder, 'binary.arch', Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 0, 0));
    expect(failure(['check', 'binary.arch'])).toEqual({ code: 1, codes: ['binary-file'] });
    put(folder, 'latin1.arch', Buffer.from('# caf\xe9\n', 'latin1'));
    expect(failure(['check', 'latin1.arch'])).toEqual({ code: 1, codes: ['invalid-utf8'] });
    put(folder, 'huge.arch', Buffer.alloc(50_000_000, '# a comment\n'));
    expect(failure(['check', 'huge.arch'])).toEqual({ code: 1, codes: ['file-too-large'] });
    // Each says which file, in every format.
    for (const file of ['folder.arch', 'binary.arch', 'latin1.arch', 'huge.arch', 'gone.arch']) {
      const check = (format: string): string =>
        archc(['check', file, '--format', format], here).stdout;
      const start = { line: 1, column: 1 };
      expect(JSON.parse(check('json'))).toMatchObject({
        diagnostics: [{ file, range: { start, end: start } }],
      });
      const physicalLocation = { artifactLocation: { uri: file } };
      expect(JSON.parse(check('sarif'))).toMatchObject({
        runs: [{ results: [{ locations: [{ physicalLocation }] }] }],
      });
      expect(check('github')).toMatch(new RegExp(`^::error file=${file},title=`));
    }
  });

  it('that import each other, what is missing, or what lies elsewhere', () => {
    put(folder, 'cycle/a.arch', 'import g from "./b.arch"\n\nblock f() = g\n');
    put(folder, 'cycle/b.arch', 'import f from "./a.arch"\n\nblock g() = f\n');
    expect(failure(['check', 'cycle/a.arch'])).toEqual({ code: 1, codes: ['import-cycle'] });
    put(folder, 'lost.arch', 'import f from "./smal.arch"\n');
    const lost = failure(['check', 'lost.arch']);
    expect(lost.code).toBe(1);
    expect(lost.codes).toContain('missing-file');
    put(folder, 'binary-import.arch', 'import f from "./binary.arch"\n\nblock g() = f\n');
    expect(failure(['check', 'binary-import.arch'])).toEqual({ code: 1, codes: ['binary-file'] });

    put(folder, 'outside.arch', 'block f() = relu\n');
    put(folder, 'project/package.json', '{}');
    put(folder, 'project/in/m.arch', 'import f from "../../outside.arch"\n\nblock g() = f\n');
    put(folder, 'project/in/n.arch', 'import g from "../in/m.arch"\n\nblock h() = g\n');
    const outside = archc(['check', 'project/in/m.arch', '--json'], here);
    expect(outside.code).toBe(0);
    expect(json(outside)).toMatchObject({
      valid: true,
      diagnostics: [{ code: 'import-outside', severity: 'warning' }],
    });
    // What a file outside imports is no import of the project.
    put(folder, 'beside.arch', 'import f from "./outside.arch"\n\nblock g() = f\n');
    put(folder, 'project/in/two.arch', 'import g from "../../beside.arch"\n\nblock h() = g\n');
    const once = json(archc(['check', 'project/in/two.arch', '--json'], here));
    expect(once).toMatchObject({
      diagnostics: [{ code: 'import-outside', file: 'project/in/two.arch' }],
    });
  });

  it('however the command line spells the path of the importer', () => {
    put(folder, 'spelled/sub/package.json', '{}');
    put(folder, 'spelled/x.arch', 'block f() = relu\n');
    put(folder, 'spelled/sub/x.arch', 'block other() = relu\n');
    const a = put(folder, 'spelled/sub/a.arch', 'import f from "../x.arch"\n\nblock g() = f\n');
    const inside = { cwd: dirname(a) };
    for (const path of ['a.arch', './a.arch', '././a.arch', '../sub/a.arch', '.././sub/./a.arch']) {
      const checked = archc(['check', path, '--json'], inside);
      expect(json(checked)).toMatchObject({
        valid: true,
        diagnostics: [{ code: 'import-outside', file: path }],
      });
    }
    put(folder, 'spelled/own.arch', 'import f from "./own.arch"\n\nblock f() = relu\n');
    const own = archc(['check', './own.arch'], { cwd: dirname(dirname(a)) });
    expect(own.stderr).toContain('these files import each other: own.arch → own.arch');
  });

  it('with several errors, all at once', () => {
    put(
      folder,
      'several.arch',
      'model A() {\n  input x: f32[8, 8, 1]\n  output y = x -> konv(8)\n}\n\n' +
        'model B() {\n  input x: f32[8, 8, 3]\n  output y = x -> conv(8) -> groupnorm(5)\n}\n',
    );
    expect(failure(['check', 'several.arch'])).toEqual({
      code: 1,
      codes: ['unknown-name', 'indivisible'],
    });
  });

  it('with an expectation that does not hold: no command goes on', () => {
    put(
      folder,
      'broken.arch',
      'model M() {\n  input x: f32[8, 8, 1]\n  output y = x -> conv(8)\n  expect params == 1\n}\n',
    );
    for (const args of [
      ['check', 'broken.arch'],
      ['stats', 'broken.arch'],
      ['compile', 'broken.arch'],
      ['ir', 'broken.arch'],
      ['run', 'broken.arch', '--input', 'grey8.png', '-o', 'never.npy'],
    ]) {
      expect(failure(args), args.join(' ')).toEqual({ code: 1, codes: ['expectation-failed'] });
    }
    expect(existsSync(join(folder, 'broken.onnx'))).toBe(false);
    expect(existsSync(join(folder, 'never.npy'))).toBe(false);
  });
});

describe('the command line', () => {
  it('names commands and options as they are', () => {
    expect(failure(['chekc', 'small.arch'])).toEqual({ code: 2, codes: ['unknown-command'] });
    expect(archc(['chekc'], here).stderr).toContain('did you mean `check`?');
    expect(failure(['check', 'small.arch', '--modle', 'Small'])).toEqual({
      code: 2,
      codes: ['unknown-option'],
    });
    expect(archc(['check', '--modle'], here).stderr).toContain('did you mean `--model`?');
    expect(failure(['explain', 'shape-missmatch'])).toEqual({ code: 2, codes: ['unknown-code'] });
    expect(failure(['help', 'chekc'])).toEqual({ code: 2, codes: ['unknown-command'] });
    expect(archc(['help', 'chekc'], here).stderr).toContain('did you mean `check`?');
    // No option: `--format` is not there, and what would follow it is the command.
    const word = archc(['json'], here);
    expect([word.code, word.stdout]).toEqual([2, '']);
    const level = archc(['compile', 'small.arch', '-O3'], here);
    expect(level.code).toBe(2);
    expect(level.stderr).toContain('--> -O:1:1');
    expect(level.stderr).toContain('there are 0, 1, 2');
    expect(level.stderr).not.toContain('did you mean');
  });

  it('is neither short of arguments nor too long', () => {
    for (const args of [
      ['check'],
      ['compile'],
      ['compile', 'small.arch', 'small.arch'],
      ['run', 'small.arch'],
      ['run', 'small.arch', '--input', 'grey.png'],
    ]) {
      expect(failure(args), args.join(' ')).toEqual({ code: 2, codes: ['usage'] });
    }
    // An option at the end that lacks its value: `--json` would be taken for it.
    const result = archc(['check', 'small.arch', '--model'], here);
    expect(result.code).toBe(2);
    expect(result.stderr).toContain('error[usage]');
  });

  it.each([
    [['compile', 'small.arch', '--target', 'coreml'], 'there is no target `coreml`'],
    [['compile', 'small.arch', '--target', 'tflite'], 'there are onnx, tfjs'],
    [['compile', 'small.arch', '--target', 'onxn'], 'did you mean `onnx`?'],
    [['compile', 'small.arch', '--opset', '16'], 'from 17 to 21'],
    [['compile', 'small.arch', '--opset', '22'], 'from 17 to 21'],
    [['compile', 'small.arch', '--opset', 'latest'], 'from 17 to 21'],
    [['compile', 'small.arch', '--layout', 'chw'], 'did you mean `nchw`?'],
    [['compile', 'small.arch', '--target', 'tfjs', '--opset', '17'], 'is for `--target onnx`'],
    [['compile', 'small.arch', '--target', 'tfjs', '--keep-blocks'], 'is for `--target onnx`'],
    [['compile', 'small.arch', '--target', 'tfjs', '--format', 'keras'], 'there are graph, layers'],
    [['compile', 'small.arch', '--weight-type', 'f16'], 'is for `--target tfjs`'],
    [
      ['compile', 'small.arch', '--target', 'tfjs', '--weight-type', 'f8'],
      'there are f32, f16, u8',
    ],
    [['compile', 'small.arch', '-O3'], 'there is no level `3`'],
    [['compile', 'small.arch', '--seed', '-1'], 'of at least 0'],
    [['compile', 'small.arch', '--seed', '1.5'], 'of at least 0'],
    [['compile', 'small.arch', '-o', '-'], 'written to a file'],
    [['compile', 'small.arch', '--seed', '1', '--weights', 'w.safetensors'], 'exclude each other'],
    [['stats', 'small.arch', '--format', 'pdf'], 'there are table, json, csv, markdown'],
    [['stats', 'small.arch', '--format', 'jsn'], 'did you mean `json`?'],
    [['stats', 'small.arch', '--depth', '0'], 'from 1 to'],
    [['stats', 'small.arch', '--all', '--model', 'Small'], 'exclude each other'],
    [['check', 'small.arch', '--format', 'xml'], 'there are text, json, sarif, github'],
    [['ir', 'small.arch', '--after', 'dead-cod'], 'did you mean `dead-code`?'],
    [['run', 'small.arch', '--input', 'grey.png', '-o', 'mask.jpg'], 'ends in `.png` or `.npy`'],
    [
      ['run', 'small.arch', '--input', 'grey.png', '-o', 'm.png', '--engine', 'refrence'],
      'did you mean `reference`?',
    ],
  ])('takes only values that there are: %j', (args, message) => {
    const result = archc(args, here);
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).toContain('error[wrong-option]');
    expect(result.stderr).toContain(message);
    // Where `--format` says otherwise, asking for JSON as well is one more mistake.
    if (!args.includes('--format')) {
      expect(codesOf(archc([...args, '--json'], here))).toEqual(['wrong-option']);
    }
  });

  it('sets parameters that there are, to values that they take', () => {
    const set = (...values: string[]): ReturnType<typeof failure> =>
      failure(['check', 'small.arch', ...values.flatMap((value) => ['--set', value])]);
    expect(set('widht=8')).toEqual({ code: 2, codes: ['unknown-parameter'] });
    const unknown = archc(['check', 'small.arch', '--set', 'widht=8'], here).stderr;
    expect(unknown).toContain('--> --set:1:1');
    expect(unknown).toContain('| widht=8\n');
    expect(unknown).toContain('did you mean `width`?');
    expect(set('width=8', 'nope=1', 'neither=2').codes).toEqual([
      'unknown-parameter',
      'unknown-parameter',
    ]);
    expect(set('width="wide"')).toEqual({ code: 2, codes: ['wrong-type'] });
    expect(set('width=8 +')).toEqual({ code: 2, codes: ['syntax'] });
    expect(set('width=')).toEqual({ code: 2, codes: ['syntax'] });
    // As in a file: no part of what cannot be read is taken for all of it.
    for (const text of ['8x', '32K', '0x10', '1e', '9'.repeat(20), '[8, 16x]']) {
      expect(set(`width=${text}`), text).toEqual({ code: 2, codes: ['bad-number'] });
    }
    expect(set('width="near\\est"')).toEqual({ code: 2, codes: ['bad-escape'] });
    expect(set('width=nowhere')).toEqual({ code: 2, codes: ['unknown-name'] });
    expect(set('width=1 // 0')).toEqual({ code: 2, codes: ['division-by-zero'] });
    for (const text of ['width', '=8', 'width==8', '8=width', '']) {
      expect(set(text), text).toEqual({ code: 2, codes: ['wrong-option'] });
    }
    // A value that is fine in itself, and that the model cannot do with.
    expect(set('width=-8')).toEqual({ code: 1, codes: ['wrong-argument'] });
  });

  it('chooses sizes that the model has', () => {
    const size = (text: string): ReturnType<typeof failure> =>
      failure(['check', 'small.arch', '--size', text]);
    expect(size('15x16')).toEqual({ code: 2, codes: ['fact-broken'] });
    expect(archc(['check', 'small.arch', '--size', '15x16'], here).stderr).toContain('H = 16');
    expect(size('D=16')).toEqual({ code: 2, codes: ['unknown-size-name'] });
    for (const text of ['16', '16x', '0x16', 'H', 'H=0', 'H=16,H=18', '99999999999x16', '-1x16']) {
      expect(size(text), text).toEqual({ code: 2, codes: ['wrong-option'] });
    }
    put(folder, 'open.arch', 'model M() {\n  input x: f32[H, W, 1]\n  output y = x -> relu\n}\n');
    expect(archc(['check', 'open.arch'], here)).toMatchObject({ code: 0, stderr: '' });
    expect(failure(['stats', 'open.arch'])).toEqual({ code: 2, codes: ['size-needed'] });
    expect(failure(['compile', 'open.arch'])).toEqual({ code: 2, codes: ['size-needed'] });
    expect(archc(['stats', 'open.arch'], here).stderr).toContain('--size H=256,W=256');
    expect(archc(['stats', 'open.arch', '--size', '8x8'], here).code).toBe(0);
    expect(archc(['compile', 'open.arch', '--dynamic'], here).code).toBe(0);
  });

  it('chooses a model that there is', () => {
    put(folder, 'two.arch', `${SMALL}\nmodel Other = Small(width = 2)\n`);
    for (const command of ['check', 'stats', 'compile', 'ir']) {
      expect(failure([command, 'two.arch', '--model', 'Smal'])).toEqual({
        code: 2,
        codes: ['unknown-model'],
      });
    }
    expect(archc(['stats', 'two.arch', '--model', 'Smal'], here).stderr).toContain(
      'did you mean `Small`?',
    );
    expect(failure(['stats', 'two.arch'])).toEqual({ code: 2, codes: ['model-needed'] });
    expect(archc(['stats', 'two.arch'], here).stderr).toContain('its models are Small, Other');
    put(folder, 'none.arch', 'block f() = relu\n');
    for (const args of [
      ['stats', 'none.arch'],
      ['stats', 'none.arch', '--all'],
      ['compile', 'none.arch'],
      ['check', 'none.arch', '--model', 'M'],
    ]) {
      expect(failure(args), args.join(' ')).toEqual({ code: 1, codes: ['no-model'] });
    }
  });
});

describe('weights', () => {
  const compile = (file: string): ReturnType<typeof failure> =>
    failure(['compile', 'small.arch', '--weights', file, '-o', 'weighted.onnx']);

  it('that are missing, cut short, hostile or of another model', () => {
    expect(compile('none.safetensors')).toEqual({ code: 3, codes: ['missing-file'] });
    put(folder, 'short.safetensors', Uint8Array.of(9, 0, 0));
    expect(compile('short.safetensors')).toEqual({ code: 3, codes: ['bad-safetensors'] });
    put(folder, 'long.safetensors', Uint8Array.of(255, 255, 255, 255, 255, 255, 255, 127, 0));
    expect(compile('long.safetensors')).toEqual({ code: 3, codes: ['bad-safetensors'] });
    const entry = (begin: number, end: number): object => ({
      dtype: 'F32',
      shape: [1],
      data_offsets: [begin, end],
    });
    put(folder, 'overlap.safetensors', safetensors({ a: entry(0, 4), b: entry(2, 6) }, 6));
    expect(compile('overlap.safetensors')).toEqual({ code: 3, codes: ['bad-safetensors'] });
    put(folder, 'other.safetensors', safetensors({ a: entry(0, 4) }, 4));
    const other = compile('other.safetensors');
    expect(other.code).toBe(3);
    // Four weights that the file lacks, and one that it has too many.
    expect(other.codes).toEqual(Array.from({ length: 5 }, () => 'weights-mismatch'));
    const text = archc(['compile', 'small.arch', '--weights', 'other.safetensors'], here).stderr;
    expect(text).toContain('other.safetensors: ');
    expect(existsSync(join(folder, 'weighted.onnx'))).toBe(false);
  });

  function safetensors(header: object, dataBytes: number): Uint8Array {
    const text = Buffer.from(JSON.stringify(header));
    const length = Buffer.alloc(8);
    length.writeUInt32LE(text.length);
    return Buffer.concat([length, text, Buffer.alloc(dataBytes)]);
  }
});

describe('images', () => {
  const run = (...args: string[]): ReturnType<typeof failure> =>
    failure(['run', 'small.arch', '-o', 'result.png', ...args]);

  it('that are missing, no images, or damaged', () => {
    expect(run('--input', 'gray.png')).toEqual({ code: 3, codes: ['missing-file'] });
    put(folder, 'photo.png', Uint8Array.of(0xff, 0xd8, 0xff, 0xe0));
    expect(run('--input', 'photo.png')).toEqual({ code: 3, codes: ['unsupported-image'] });
    put(folder, 'cut.png', greyImage(16, 16).subarray(0, 40));
    expect(run('--input', 'cut.png')).toEqual({ code: 3, codes: ['bad-image'] });
    expect(
      archc(['run', 'small.arch', '-o', 'x.png', '--input', 'cut.png'], here).stderr,
    ).toContain('cut.png: ');
    put(folder, 'cut.npy', Buffer.from('\x93NUMPY\x01', 'latin1'));
    expect(run('--input', 'cut.npy')).toEqual({ code: 3, codes: ['bad-npy'] });
    expect(run('--input', '.')).toEqual({ code: 3, codes: ['not-a-file'] });
  });

  it('of a size that breaks a fact, with a size near it', () => {
    put(folder, 'odd.png', greyImage(15, 17));
    expect(run('--input', 'odd.png')).toEqual({ code: 3, codes: ['fact-broken', 'fact-broken'] });
    const text = archc(['run', 'small.arch', '--input', 'odd.png', '-o', 'x.png'], here).stderr;
    expect(text).toContain('H = 17, W = 15');
    expect(text).toContain('| odd.png\n');
    expect(text).toMatch(/near it: H = 1[68], W = 1[46]/);
    const tile = ['--input', 'odd.png', '--tile', '15'];
    expect(run(...tile)).toEqual({ code: 2, codes: ['fact-broken', 'fact-broken'] });
    const said = archc(['run', 'small.arch', ...tile, '-o', 'x.png'], here).stderr;
    expect(said).toContain('--> --tile:1:1');
    expect(said).toContain('a tile that fits: `--tile 16`');
  });

  it('in tiles, of a model that takes none', () => {
    const input = 'input a: f32[H = 16, W = 16, 1] where H % 2 == 0, W % 2 == 0\n';
    put(
      folder,
      'both.arch',
      `model Both() {\n  ${input}  input b: f32[H, W, 1]\n  output y = a + b\n}\n`,
    );
    const both = [
      'run',
      'both.arch',
      '--input',
      'a=odd.png',
      '--input',
      'b=odd.png',
      '-o',
      'y.npy',
    ];
    expect(failure([...both, '--tile', '15'])).toEqual({ code: 2, codes: ['tile-mismatch'] });
    put(folder, 'half.arch', `model Half() {\n  ${input}  output y = a -> maxpool(2)\n}\n`);
    for (const args of [both, ['run', 'half.arch', '--input', 'odd.png', '-o', 'y.npy']]) {
      const { stderr } = archc(args, here);
      expect(stderr).toContain('crop or pad the image');
      expect(stderr).not.toContain('--tile');
    }
  });

  it('of other channels, other axes, or for other inputs', () => {
    const rows = [0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6];
    put(folder, 'rgb.png', png({ width: 2, height: 2, depth: 8, colourType: 2, rows }));
    expect(run('--input', 'rgb.png')).toEqual({ code: 3, codes: ['input-mismatch'] });
    const text = archc(['run', 'small.arch', '--input', 'rgb.png', '-o', 'x.png'], here).stderr;
    expect(text).toContain('rgb.png has 3 channels, and input `image` takes 1');
    expect(text).toContain('convert the image to grey');
    expect(run('--input', 'imge=grey.png')).toEqual({ code: 2, codes: ['unknown-input'] });
    expect(run('--input', 'grey.png', '--input', 'grey.png')).toEqual({
      code: 2,
      codes: ['unknown-input'],
    });
    expect(run('--input', 'grey.png', '--size', '32x32')).toEqual({
      code: 3,
      codes: ['input-mismatch'],
    });
    expect(run('--input', 'grey.png', '--page', '2')).toEqual({ code: 2, codes: ['wrong-option'] });
    put(folder, 'vector.arch', 'model V() {\n  input x: f32[4]\n  output y = x -> dense(2)\n}\n');
    expect(failure(['run', 'vector.arch', '--input', 'grey.png', '-o', 'v.npy'])).toEqual({
      code: 3,
      codes: ['input-mismatch'],
    });
    expect(existsSync(join(folder, 'result.png'))).toBe(false);
  });

  it('without anything in them', () => {
    for (const shape of [
      [0, 16, 16, 1],
      [0, 16, 1],
    ]) {
      put(folder, 'none.npy', writeNpy({ shape, data: new Float32Array() }));
      expect(run('--input', 'none.npy')).toEqual({ code: 3, codes: ['input-mismatch'] });
      expect(run('--input', 'none.npy', '--tile', '8')).toEqual({
        code: 3,
        codes: ['input-mismatch'],
      });
    }
  });

  it('that an output cannot be', () => {
    put(
      folder,
      'pair.arch',
      'model Pair() {\n  input x: f32[16, 16, 1]\n  output a = x -> conv(2)\n  output b = x -> relu\n}\n',
    );
    const pair = (...args: string[]): ReturnType<typeof failure> =>
      failure(['run', 'pair.arch', '--input', 'grey.png', ...args]);
    const refused = { code: 2, codes: ['output-mismatch'] };
    expect(pair('-o', 'a=a.png')).toEqual(refused);
    expect(pair('-o', 'a.npy')).toEqual(refused);
    expect(pair('-o', 'c=a.npy')).toEqual(refused);
    expect(pair('-o', 'a=same.npy', '-o', 'b=same.npy')).toEqual(refused);
    expect(pair('-o', 'a=same.npy', '-o', 'b=./same.npy')).toEqual(refused);
    expect(readdirSync(folder).filter((name) => /^(a|same)\./.test(name))).toEqual([]);
  });
});

describe('outputs', () => {
  const compile = (output: string, ...args: string[]): ReturnType<typeof failure> =>
    failure(['compile', 'small.arch', '-o', output, ...args]);

  it('that are folders, lie in none, or hold something else', () => {
    mkdirSync(join(folder, 'out.onnx'));
    expect(compile('out.onnx')).toEqual({ code: 3, codes: ['cannot-write'] });
    expect(compile('out.onnx', '--force')).toEqual({ code: 3, codes: ['cannot-write'] });
    expect(compile('nowhere/x.onnx')).toEqual({ code: 3, codes: ['cannot-write'] });
    expect(compile('small.arch/x.onnx')).toEqual({ code: 3, codes: ['cannot-write'] });
    put(folder, 'thesis.onnx', 'my thesis');
    put(folder, 'thesis.txt', 'my thesis');
    for (const name of ['thesis.onnx', 'thesis.txt', 'small.arch']) {
      const before = readFileSync(join(folder, name), 'utf8');
      expect(compile(name)).toEqual({ code: 3, codes: ['output-exists'] });
      expect(readFileSync(join(folder, name), 'utf8')).toBe(before);
    }
    expect(archc(['compile', 'small.arch', '-o', 'thesis.txt', '--force'], here).code).toBe(0);
  });

  it('that are folders of archc, unless something else is in them', () => {
    for (const target of ['wgsl', 'tfjs']) {
      const output = `own.${target}`;
      const again = (): ReturnType<typeof failure> => compile(output, '--target', target);
      expect(archc(['compile', 'small.arch', '-o', output, '--target', target], here).code).toBe(0);
      expect(archc(['compile', 'small.arch', '-o', output, '--target', target], here).code).toBe(0);
      for (const name of ['patient.png', 'results/a.txt', 'kernels/notes.md']) {
        mkdirSync(dirname(join(folder, output, name)), { recursive: true });
        put(join(folder, output), name, 'mine');
        expect(again(), name).toEqual({ code: 3, codes: ['output-exists'] });
        expect(readFileSync(join(folder, output, name), 'utf8')).toBe('mine');
        rmSync(join(folder, output, name));
      }
      // A folder of someone else's, empty as it is.
      expect(again()).toEqual({ code: 3, codes: ['output-exists'] });
    }
  });

  it('of ONNX under any name, which archc knows again', () => {
    const args = ['compile', 'small.arch', '-o', 'model.bin'];
    expect(archc(args, here).code).toBe(0);
    expect(archc(args, here).code).toBe(0);
  });

  it('that are named like folders', () => {
    for (const args of [[], ['--force']]) {
      expect(compile('made/', ...args)).toEqual({ code: 3, codes: ['cannot-write'] });
    }
    expect(existsSync(join(folder, 'made'))).toBe(false);
  });

  it('of weights beside a model that is not there', () => {
    put(folder, 'alone.onnx.data', 'not of archc');
    const refused = { code: 3, codes: ['output-exists'] };
    expect(compile('alone.onnx', '--external-data')).toEqual(refused);
    expect(existsSync(join(folder, 'alone.onnx'))).toBe(false);
  });

  it('of a run, where its input is', () => {
    const before = readFileSync(join(folder, 'grey.png'));
    const args = ['run', 'small.arch', '--input', 'grey.png', '-o', './grey.png'];
    expect(failure(args)).toEqual({ code: 2, codes: ['wrong-option'] });
    expect(readFileSync(join(folder, 'grey.png')).equals(before)).toBe(true);
  });

  it('of a run, where something else is', () => {
    put(folder, 'notes.png', 'notes');
    const args = ['run', 'small.arch', '--input', 'grey.png', '-o', 'notes.png'];
    expect(failure(args)).toEqual({ code: 3, codes: ['output-exists'] });
    expect(readFileSync(join(folder, 'notes.png'), 'utf8')).toBe('notes');
  });

  it('on a full disk, or where nothing can be made', () => {
    if (existsSync('/dev/full')) {
      expect(compile('/dev/full')).toEqual({ code: 3, codes: ['cannot-write'] });
    }
    if (existsSync('/proc/self')) {
      expect(compile('/proc/x.onnx')).toEqual({ code: 3, codes: ['cannot-write'] });
      expect(failure(['init', '/proc/x'])).toEqual({ code: 3, codes: ['cannot-write'] });
    }
    expect(failure(['init', 'small.arch'])).toEqual({ code: 3, codes: ['cannot-write'] });
    expect(failure(['init', 'small.arch/x'])).toEqual({ code: 3, codes: ['cannot-write'] });
  });

  // Root may write into any folder.
  it.skipIf(process.getuid?.() === 0 || process.platform === 'win32')(
    'in a read-only folder',
    () => {
      mkdirSync(join(folder, 'sealed'));
      chmodSync(join(folder, 'sealed'), 0o555);
      expect(compile('sealed/x.onnx')).toEqual({ code: 3, codes: ['cannot-write'] });
      expect(readdirSync(join(folder, 'sealed'))).toEqual([]);
    },
  );

  it('that is a read-only file', () => {
    put(folder, 'kept.arch', 'block   f() = relu\n');
    chmodSync(join(folder, 'kept.arch'), 0o444);
    expect(failure(['fmt', 'kept.arch'])).toEqual({ code: 3, codes: ['cannot-write'] });
    expect(readFileSync(join(folder, 'kept.arch'), 'utf8')).toBe('block   f() = relu\n');
    const { stderr } = archc(['fmt', 'kept.arch'], here);
    expect(stderr).toContain('make it writable, or print it: `archc fmt - < kept.arch`');
    expect(stderr).not.toContain('--force');
  });

  it('leave no temporary files', () => {
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it.skipIf(!existsSync('/dev/full'))('that standard output cannot take', () => {
    const full = openSync('/dev/full', 'w');
    const result = spawnSync(
      process.execPath,
      [join(ROOT, 'dist/cli.cjs'), 'stats', join(folder, 'small.arch')],
      { stdio: ['ignore', full, 'pipe'], encoding: 'utf8' },
    );
    closeSync(full);
    expect(result.status).toBe(3);
    expect(result.stderr).toContain('error[cannot-write]: cannot write to standard output');
    expect(result.stderr).not.toMatch(/^\s+at /m);
  });
});
