/** `archc train` and `archc eval` as a user runs them, with what may go wrong on the way. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { resumeLine } from '../src/cli/training-words.js';
import { readImage } from '../src/data/image.js';
import { readSafetensors } from '../src/weights/safetensors.js';
import { archc, codesOf, json, put, ROOT, temporaryFolder, type CliResult } from './helpers/cli.js';
import { png } from './helpers/image-files.js';

const folder = temporaryFolder();
const here = { cwd: folder };

put(
  folder,
  'tiny.arch',
  `model Tiny(width: int = 2) {
  input image: f32[H = 16, W = 16, 1] where H % 4 == 0, W % 4 == 0
  output mask = image -> conv(width) -> groupnorm(1) -> relu -> dropout(0.1) -> conv(1) -> sigmoid
}

train tiny for Tiny(width = 4) {
  data = membranes(count = 6, size = 32)
  split = slices(validation = 2)
  normalise = zscore
  crop = [16, 16]
  augment = [flip]
  loss = bce(mask)
  optimiser = adam(lr = 1e-2)
  schedule = cosine(warmup = 2)
  batch = 2
  steps = 40
  metrics = [accuracy, mean_iou, dice]
  seed = 0
}

train given for Tiny(width = 4) {
  data = given
  split = slices(validation = 1)
  normalise = unit
  crop = [16, 16]
  loss = bce(mask)
  optimiser = adam(lr = 1e-2)
  schedule = constant
  batch = 1
  steps = 3
  metrics = [accuracy]
  seed = 0
}
`,
);

const bytes = (name: string): Buffer => readFileSync(join(folder, name));
const exists = (name: string): boolean => existsSync(join(folder, name));
const TRAIN = ['train', 'tiny.arch', '--recipe', 'tiny', '--engine', 'wasm'];

/** Starts a training and does something to it once it has validated twice. */
function interrupted(args: readonly string[], signal: NodeJS.Signals): Promise<CliResult> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(ROOT, 'dist', 'cli.cjs'), ...args], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stderr = '';
    let stdout = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    let isSent = false;
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
      if (isSent || (stderr.match(/validation loss/g) ?? []).length < 2) return;
      isSent = true;
      child.kill(signal);
    });
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

describe('archc train', () => {
  it('writes weights, a log, a report and curves, and says how it went', () => {
    const result = archc(
      [
        ...TRAIN,
        '-o',
        'a.safetensors',
        '--log',
        'a.jsonl',
        '--report',
        'a.html',
        '--curves',
        'a.svg',
        '--json',
      ],
      here,
    );
    expect(result.code, result.stderr).toBe(0);
    expect(result.stderr).toMatch(/training Tiny, width=4 by tiny on tfjs-wasm \(asked for\)/);
    expect(result.stderr).toMatch(/4 to train on, 2 held out; 40 steps of 2 × 16 × 16/);
    expect(json(result)).toMatchObject({
      model: 'Tiny',
      arguments: ['width=4'],
      recipe: 'tiny',
      steps: 40,
      validation: { step: 40, classes: ['cell', 'membrane'], scores: { pixels: 2048 } },
    });
    const saved = readSafetensors(bytes('a.safetensors'));
    if (!saved.ok) throw new Error('no weights');
    expect(saved.value.metadata.get('arguments')).toBe('["width=4"]');
    expect(exists('a.checkpoint.safetensors')).toBe(false);
    const lines = bytes('a.jsonl')
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string; step?: number });
    expect(lines[0]).toMatchObject({ archc: 'train', type: 'start', steps: 40 });
    expect(lines.filter(({ type }) => type === 'step').map(({ step }) => step)).toEqual(
      Array.from({ length: 40 }, (_, i) => i + 1),
    );
    expect(lines.filter(({ type }) => type === 'validation')).toHaveLength(10);
    const page = bytes('a.html').toString();
    expect(page).toMatch(/<h1>Tiny by tiny<\/h1>/);
    expect(page.match(/data:image\/png;base64,/g)).toHaveLength(8);
    expect(page.replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:|src="(?!data:)/);
    expect(bytes('a.svg').toString()).toMatch(/^<svg[^]*Mean IoU|^<svg[^]*mean IoU/);
  });

  it('is killed, and goes on from its last checkpoint to the same weights', async () => {
    const more = ['--steps', '400', '--log', 'b.jsonl'];
    const killed = await interrupted([...TRAIN, ...more, '-o', 'b.safetensors'], 'SIGKILL');
    expect(killed.code).toBeNull();
    expect(exists('b.safetensors')).toBe(false);
    expect(exists('b.checkpoint.safetensors')).toBe(true);
    const again = archc([...TRAIN, ...more, '-o', 'b.safetensors', '--json'], here);
    expect(codesOf(again)).toEqual(['output-exists']);
    const resume = ['--resume', 'b.checkpoint.safetensors'];
    const resumed = archc([...TRAIN, ...more, '-o', 'b.safetensors', ...resume], here);
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(resumed.stderr).toMatch(/, \d+ of them done/);
    const whole = archc([...TRAIN, ...more.slice(0, 2), '-o', 'c.safetensors'], here);
    expect(whole.code).toBe(0);
    expect(bytes('b.safetensors').equals(bytes('c.safetensors'))).toBe(true);
    // Steps after the checkpoint are in the log once.
    const steps = bytes('b.jsonl')
      .toString()
      .match(/"type":"step"/g);
    expect(steps).toHaveLength(400);
  });

  it('stops at Ctrl-C with a checkpoint, and says how to go on', async () => {
    const args = [...TRAIN, '--steps', '4000', '-o', 'd.safetensors'];
    const result = await interrupted([...args, '--json'], 'SIGINT');
    const { code, stderr } = result;
    expect(code).toBe(130);
    expect(stderr).toMatch(/stopping after this step/);
    const [, step] =
      /stopped after (\d+) of 4000 steps; go on with `archc train tiny\.arch --recipe tiny --steps 4000 --engine wasm -o d\.safetensors --resume d\.checkpoint\.safetensors`/.exec(
        stderr,
      ) ?? [];
    const saved = readSafetensors(bytes('d.checkpoint.safetensors'));
    const state = saved.ok ? saved.value.metadata.get('state') : undefined;
    expect(JSON.parse(state ?? '{}')).toMatchObject({ step: Number(step) });
    expect(json(result)).toMatchObject({
      finished: false,
      checkpoint: 'd.checkpoint.safetensors',
      steps: Number(step),
    });
  });

  it('keeps its checkpoint where the disk is full', () => {
    symlinkSync('/dev/full', join(folder, 'full.safetensors'));
    const result = archc(
      [...TRAIN, '-o', 'full.safetensors', '--checkpoint', 'kept.safetensors', '--json'],
      here,
    );
    expect(codesOf(result)).toEqual(['cannot-write']);
    expect(result.code).toBe(3);
    expect(result.stdout).toMatch(/the disk is full/);
    expect(result.stdout).toMatch(/the last checkpoint is whole: kept\.safetensors/);
    expect(readSafetensors(bytes('kept.safetensors')).ok).toBe(true);
    symlinkSync('/dev/full', join(folder, 'full.jsonl'));
    const log = archc([...TRAIN, '-o', 'e.safetensors', '--log', 'full.jsonl', '--json'], here);
    expect(codesOf(log)).toEqual(['cannot-write']);
  });

  it('says before it trains where one file would be lost to another', () => {
    put(folder, 'page.html', '');
    symlinkSync('page.html', join(folder, 'page.svg'));
    put(folder, 'start.safetensors', '');
    const clashes: readonly (readonly [string, RegExp])[] = [
      ['-o x.safetensors --checkpoint ./x.safetensors', /`-o` and `--checkpoint` are the same/],
      ['-o x.safetensors --log sub/../x.safetensors', /`-o` and `--log` are/],
      ['-o x.safetensors --log x.checkpoint.safetensors', /the checkpoint and `--log` are/],
      ['-o x.safetensors --report page.html --curves page.svg', /`--report` and `--curves` are/],
      ['-o x.safetensors --log tiny.arch --force', /the source and `--log` are/],
      [
        '-o x.safetensors --weights start.safetensors --checkpoint start.safetensors --force',
        /`--weights` and `--checkpoint` are the same file, start.safetensors/,
      ],
    ];
    for (const [args, message] of clashes) {
      const result = archc([...TRAIN, ...args.split(' '), '--json'], here);
      expect(result.code).toBe(2);
      expect(codesOf(result)).toEqual(['wrong-option']);
      expect(result.stdout).toMatch(message);
    }
    expect(exists('x.safetensors')).toBe(false);
  });

  it('reports the metrics of its recipe, and no others', () => {
    const text = bytes('tiny.arch').toString().replace('[accuracy, mean_iou, dice]', '[dice]');
    put(folder, 'dice.arch', text);
    const args = ['train', 'dice.arch', '--recipe', 'tiny', '--engine', 'wasm', '--steps', '2'];
    const files = ['-o', 'dice.safetensors', '--curves', 'dice.svg', '--report', 'dice.html'];
    const result = archc([...args, ...files, '--json'], here);
    expect(result.stderr).toMatch(/validation loss [\d.]+, Dice of membrane [\d.]+\n/);
    const { validation } = json(result) as unknown as { validation: { scores: object } };
    expect(Object.keys(validation.scores)).toEqual(['pixels', 'dice']);
    for (const name of ['dice.svg', 'dice.html']) {
      const made = bytes(name).toString();
      expect(made).toContain('Dice of membrane');
      expect(made).not.toMatch(/mean IoU|accuracy/);
    }
  });

  it('names in the command that goes on all that it was asked for', () => {
    const flags = { output: 'w.safetensors', checkpoint: 'c d.safetensors', set: ["a='b c'"] };
    expect(resumeLine("it's.arch", flags, 'c d.safetensors', 3, 9)).toBe(
      "stopped after 3 of 9 steps; go on with `archc train 'it'\\''s.arch' " +
        "--checkpoint 'c d.safetensors' --set 'a='\\''b c'\\''' -o w.safetensors " +
        "--resume 'c d.safetensors'`",
    );
  });

  it('says before it trains what it could not write, and which checkpoint is of another', () => {
    const nowhere = archc([...TRAIN, '-o', 'no/where.safetensors', '--json'], here);
    expect(codesOf(nowhere)).toEqual(['cannot-write']);
    put(folder, 'note.html', 'a note');
    const note = archc([...TRAIN, '-o', 'f.safetensors', '--report', 'note.html', '--json'], here);
    expect(codesOf(note)).toEqual(['output-exists']);
    const resume = ['--resume', 'kept.safetensors', '--seed', '5', '--set', 'width=6'];
    const other = archc([...TRAIN, '-o', 'f.safetensors', ...resume, '--json'], here);
    expect(new Set(codesOf(other))).toEqual(new Set(['checkpoint-mismatch']));
    expect(other.stdout).toMatch(/its arguments: width=4 in the checkpoint, here width=6/);
    expect(other.stdout).toMatch(/the recipe's seed: 0 in the checkpoint, here 5/);
    // The same file, spelt otherwise, is the one to go on from.
    put(folder, 'on.checkpoint.safetensors', bytes('kept.safetensors'));
    const on = ['-o', 'on.safetensors', '--resume', './on.checkpoint.safetensors', '--json'];
    expect(json(archc([...TRAIN, ...on], here))).toMatchObject({ finished: true });
    const wrong = archc(
      ['train', 'tiny.arch', '--recipe', 'tinny', '-o', 'x.safetensors', '--json'],
      here,
    );
    expect(codesOf(wrong)).toEqual(['unknown-recipe']);
    expect(codesOf(archc([...TRAIN, '-o', 'x.bin', '--json'], here))).toEqual(['wrong-option']);
    const odd = ['-o', 'x.safetensors', '--report', 'r.txt', '--curves', 'c.png'];
    expect(codesOf(archc([...TRAIN, ...odd, '--json'], here))).toEqual([
      'wrong-option',
      'wrong-option',
    ]);
    expect(
      codesOf(
        archc(['train', 'tiny.arch', '--recipe', 'given', '-o', 'x.safetensors', '--json'], here),
      ),
    ).toEqual(['wrong-option']);
  });
});

describe('trained weights', () => {
  it('are measured, and need no --set where the recipe is named', () => {
    const result = archc(
      ['eval', 'tiny.arch', '--recipe', 'tiny', '--weights', 'a.safetensors', '--json'],
      here,
    );
    expect(result.code, result.stderr).toBe(0);
    const trained = archc([...TRAIN, '-o', 'a.safetensors', '--json'], here);
    const { validation } = json(trained) as unknown as {
      validation: { loss: number; scores: object };
    };
    expect(json(result)).toMatchObject({
      images: 2,
      loss: validation.loss,
      outputs: [{ output: 'mask', classes: ['cell', 'membrane'], all: validation.scores }],
    });
    const table = archc(
      ['eval', 'tiny.arch', '--recipe', 'tiny', '--weights', 'a.safetensors', '--large', '250'],
      here,
    );
    expect(table.stdout).toMatch(/mask, over 2 images/);
    expect(table.stdout).toMatch(/fewer than 250 +\d/);
    const both = ['eval', 'tiny.arch', '--recipe', 'tiny', '--weights', 'a.safetensors', '--json'];
    for (const foreign of [
      ['--model', 'Tiny'],
      ['--size', '32x32'],
    ]) {
      const wrong = archc([...both, ...foreign], here);
      expect(wrong.code).toBe(2);
      expect(codesOf(wrong)).toEqual(['wrong-option']);
    }
  });

  it('say what they were trained for', () => {
    const result = archc(
      ['compile', 'tiny.arch', '--weights', 'a.safetensors', '--target', 'onnx', '--json'],
      here,
    );
    expect(new Set(codesOf(result))).toEqual(new Set(['weights-mismatch']));
    expect(result.stdout.match(/they were trained for `--model Tiny --set width=4`/g)).toHaveLength(
      1,
    );
    // Of the model in use, with nothing set, the cause is what is set here.
    const plain = ['train', 'tiny.arch', '--recipe', 'tiny', '--engine', 'wasm', '--steps', '1'];
    put(
      folder,
      'plain.arch',
      bytes('tiny.arch').toString().replaceAll('for Tiny(width = 4)', 'for Tiny'),
    );
    plain[1] = 'plain.arch';
    expect(archc([...plain, '-o', 'plain.safetensors'], here).code).toBe(0);
    const wide = ['compile', 'plain.arch', '--weights', 'plain.safetensors', '--set', 'width=8'];
    expect(archc(wide, here).stderr).toContain(
      'they were trained for `Tiny` as it stands, without `--set`',
    );
    // Below all the differences, where it is read.
    const shown = archc(
      ['compile', 'tiny.arch', '--weights', 'a.safetensors', '--target', 'onnx'],
      here,
    );
    expect(shown.stderr).toMatch(
      /they were trained for `--model Tiny --set width=4`\n\n\d+ errors/,
    );
    const compiled = archc(
      [
        'compile',
        'tiny.arch',
        '--weights',
        'a.safetensors',
        '--set',
        'width=4',
        '--target',
        'onnx',
      ],
      here,
    );
    expect(compiled.code, compiled.stderr).toBe(0);
    // A checkpoint will do as well.
    const checkpoint = archc(
      [
        'compile',
        'tiny.arch',
        '--weights',
        'd.checkpoint.safetensors',
        '--set',
        'width=4',
        '--target',
        'onnx',
        '-o',
        'd.onnx',
      ],
      here,
    );
    expect(checkpoint.code, checkpoint.stderr).toBe(0);
  });

  /** A grey picture of a size that 4 does not divide. */
  const odd = (): void => {
    const rows = Array.from({ length: 30 }, (_, y) => [
      0,
      ...Array.from({ length: 21 }, (_, x) => (7 * x + 5 * y) % 256),
    ]);
    put(
      folder,
      'odd.png',
      png({ width: 21, height: 30, depth: 8, colourType: 0, rows: rows.flat() }),
    );
  };

  it('run on an image of any size in tiles, and lay the mask over it', async () => {
    odd();
    const run = [
      'run',
      'tiny.arch',
      '--weights',
      'a.safetensors',
      '--set',
      'width=4',
      '--input',
      'odd.png',
    ];
    const refused = archc([...run, '-o', 'odd-mask.png', '--json'], here);
    expect(codesOf(refused)).toContain('fact-broken');
    expect(refused.stdout).toMatch(/crop or pad the image to 32 × 20/);
    expect(refused.stdout).toMatch(/--tile 20/);
    const result = archc([...run, '-o', 'odd-mask.png', '--tile', '16', '--overlay'], here);
    expect(result.code, result.stderr).toBe(0);
    expect(result.stderr).toMatch(/images normalised: zscore/);
    const read = await readImage(bytes('odd-mask.png'));
    expect(read.ok && read.value[0]?.shape).toEqual([30, 21, 3]);
    // The same on another engine.
    const engines = ['onnx', 'tfjs', 'wgsl'].map((engine) => {
      const made = archc([...run, '-o', `${engine}.npy`, '--tile', '16', '--engine', engine], here);
      expect(made.code, made.stderr).toBe(0);
      return bytes(`${engine}.npy`);
    });
    const [first, ...others] = engines.map(
      (npy) => new Float32Array(Uint8Array.from(npy.subarray(-4 * 630)).buffer),
    );
    for (const other of others) {
      const apart = [...other].map((value, k) => Math.abs(value - (first?.[k] ?? Number.NaN)));
      expect(Math.max(...apart)).toBeLessThan(1e-4);
    }
  });

  it('train on images of a folder, with what is wrong with them said', () => {
    const grey = (value: number): Uint8Array =>
      png({
        width: 24,
        height: 24,
        depth: 8,
        colourType: 0,
        rows: Array.from({ length: 24 }, (_, y) => [
          0,
          ...Array.from({ length: 24 }, (_, x) => (x > 8 && y > value ? 255 : 0)),
        ]).flat(),
      });
    for (const name of ['a', 'b', 'c']) {
      put(folder, `set/images/${name}.png`, grey(4));
      put(folder, `set/masks/${name}.png`, grey(4));
    }
    const given = [
      'train',
      'tiny.arch',
      '--recipe',
      'given',
      '--engine',
      'wasm',
      '-o',
      'g.safetensors',
    ];
    const result = archc([...given, '--data', 'set'], here);
    expect(result.code, result.stderr).toBe(0);
    expect(result.stderr).toMatch(/2 to train on, 1 held out/);
    put(folder, 'set/images/d.png', grey(2));
    expect(codesOf(archc([...given, '--data', 'set', '--json'], here))).toEqual(['unpaired-image']);
    expect(codesOf(archc([...given, '--data', 'nowhere', '--json'], here))).toHaveLength(1);
    const classes = Array.from({ length: 257 }, (_, i) => `c${i}`).join();
    const many = archc([...given, '--data', 'set', '--classes', classes, '--json'], here);
    expect(codesOf(many)).toEqual(['wrong-option']);
    expect(many.stdout).toContain('`--classes` takes 256 names at most, and these are 257');
  });
});

it('refuses an engine that it does not have', () => {
  const none = archc([...TRAIN.slice(0, -1), 'gpu', '-o', 'x.safetensors', '--json'], here);
  expect(codesOf(none)).toEqual(['wrong-option']);
});
