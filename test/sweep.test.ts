/** `archc sweep`: which variants there are, what each costs, which are best, what goes wrong. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { modelsOf } from '../src/compiler/check.js';
import { METRIC_NAMES } from '../src/compiler/metrics.js';
import { loadProgram } from '../src/compiler/modules.js';
import { parseExpression } from '../src/compiler/parse.js';
import { resolve } from '../src/compiler/resolve.js';
import { choicesAt, placesOf, readAxes, type Axis } from '../src/sweep/axes.js';
import type { SweepJob, VariantResult } from '../src/sweep/count.js';
import { paretoFront } from '../src/sweep/pareto.js';
import { countVariants } from '../src/sweep/run.js';
import { figuresOf, modelOf } from './helpers/check.js';
import { archc, codesOf, json, put, ROOT, temporaryFolder } from './helpers/cli.js';

const NET = `block unit(n: int, act: block = relu) = conv(n) -> act
model Net(width: int = 8, groups: int = 2, stage: block = unit, budget: int = 10M) {
  input image: f32[H = 16, W = 16, 3]
  output y = image -> stage(width) -> groupnorm(groups) -> conv(1, k = 1)
  expect params < budget
}
model Plain = Net(groups = 1)
`;
const WORKER = pathToFileURL(join(ROOT, 'dist/sweep-worker.cjs'));

const folder = temporaryFolder();
// The root of a project: what lies beside the variants is no part of it otherwise.
put(folder, 'package.json', '{}');
const net = put(folder, 'net.arch', NET);

/** A sweep of `NET` over `name=value, value`. */
function jobOf(vary: Readonly<Record<string, readonly string[]>>, where?: string): SweepJob {
  const program = loadProgram(
    { path: 'net.arch', text: NET },
    {
      read: () => {
        throw new Error('no imports');
      },
    },
  );
  for (const module of program.modules) expect(resolve(module)).toEqual([]);
  const [declaration] = modelsOf(program.entry);
  if (declaration === undefined) throw new Error('no model');
  const expressionOf = (path: string, text: string) => {
    const { tree } = parseExpression({ path, text });
    if (tree === undefined) throw new Error(`${text} does not parse`);
    return tree;
  };
  const varied = Object.entries(vary).map(([name, values]) => {
    const source = { path: '--vary', text: name };
    return {
      name,
      nameSpan: { source, start: 0, end: name.length },
      values: values.map((text) => expressionOf('--vary', text)),
    };
  });
  const axes = readAxes(program, declaration, varied);
  if (!axes.ok) throw new Error(axes.diagnostics.map((d) => d.message).join('\n'));
  return {
    program,
    declaration,
    axes: axes.value,
    overrides: [],
    sizes: undefined,
    condition: where === undefined ? undefined : expressionOf('--where', where),
  };
}

function count(
  job: SweepJob,
  places: readonly number[],
  jobs = 1,
): Promise<readonly VariantResult[]> {
  return countVariants(job, places, { jobs, workerFile: WORKER });
}

const axesOf = (...lengths: readonly number[]): Axis[] =>
  lengths.map((length, axis) => {
    const source = { path: '--vary', text: '' };
    const span = { source, start: 0, end: 0 };
    const name = `p${axis}`;
    return {
      name,
      choices: Array.from({ length }, (_, value) => ({
        text: String(value),
        value,
        override: {
          name,
          nameSpan: span,
          value: { kind: 'number', value, integer: true, span } as const,
        },
      })),
    };
  });

describe('the variants', () => {
  it('are the product, its last axis turning fastest', () => {
    const axes = axesOf(2, 3);
    const places = placesOf(axes, undefined);
    if (!places.ok) throw new Error('refused');
    expect(
      places.value.map((p) =>
        choicesAt(axes, p)
          .map((c) => c.text)
          .join(''),
      ),
    ).toEqual(['00', '01', '02', '10', '11', '12']);
  });

  it('are refused beyond a million, with their number', () => {
    const found = placesOf(axesOf(1000, 1000, 1000), undefined);
    expect(found.ok ? [] : found.diagnostics.map((d) => d.message)).toEqual([
      'the product of all values has 1,000,000,000 variants, and at most 1,000,000 are counted',
    ]);
    expect(placesOf(axesOf(1000, 1000), undefined)).toMatchObject({ ok: true });
  });

  it('are sampled without repetition, in order, by the seed alone', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 200 }),
        fc.nat(),
        (lengths, wanted, seed) => {
          const axes = axesOf(...lengths);
          const size = lengths.reduce((p, n) => p * n, 1);
          const found = placesOf(axes, { count: wanted, seed });
          if (!found.ok) throw new Error('refused');
          const places = found.value;
          expect(places).toHaveLength(Math.min(size, wanted));
          expect(places).toEqual([...new Set(places)].sort((a, b) => a - b));
          expect(places.every((p) => Number.isInteger(p) && p >= 0 && p < size)).toBe(true);
          expect(placesOf(axes, { count: wanted, seed })).toEqual(found);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('are sampled from all of a product far beyond the limit', () => {
    const found = placesOf(axesOf(1000, 1000, 1000), { count: 400, seed: 1 });
    if (!found.ok) throw new Error('refused');
    // Each half of the product has about half of the sample: 5 standard deviations are 50.
    const low = found.value.filter((p) => p < 5e8).length;
    expect(Math.abs(low - 200)).toBeLessThan(50);
  });
});

describe('the Pareto front', () => {
  it('has what no other beats', () => {
    expect(
      paretoFront([
        [1, 5],
        [2, 2],
        [3, 3],
        [5, 1],
        [5, 1],
        [1, 6],
      ]),
    ).toEqual([0, 1, 3, 4]);
    expect(paretoFront([[2], [1], [1]])).toEqual([1, 2]);
    expect(paretoFront([])).toEqual([]);
  });

  it('is that of the definition', () => {
    const beats = (a: readonly number[], b: readonly number[]): boolean =>
      a.every((x, i) => x <= (b[i] ?? 0)) && a.some((x, i) => x < (b[i] ?? 0));
    const point = fc.tuple(fc.nat(5), fc.nat(5), fc.nat(5));
    fc.assert(
      fc.property(fc.array(point, { maxLength: 30 }), (points) => {
        const expected = points.flatMap((p, i) => (points.some((q) => beats(q, p)) ? [] : [i]));
        expect(paretoFront(points)).toEqual(expected);
      }),
    );
  });
});

describe('counting', () => {
  it('gives the figures that the model has with those values', async () => {
    const job = jobOf({ width: ['4', '8'], stage: ['unit', 'unit(act = identity)'] });
    const results = await count(job, [0, 1, 2, 3]);
    const texts = [
      'width = 4, stage = unit',
      'width = 4, stage = unit(act = identity)',
      'width = 8, stage = unit',
      'width = 8, stage = unit(act = identity)',
    ];
    results.forEach((result, i) => {
      const text = `${NET}model V = Net(${texts[i] ?? ''})`;
      const { params, macs, flops, peakActivationBytes } = figuresOf(
        modelOf(text, {}, { model: 'V' }),
      );
      if (result.kind !== 'counted') throw new Error(result.kind);
      const of = (name: string) => result.figures[METRIC_NAMES.indexOf(name)];
      expect(['params', 'macs', 'flops', 'peak_memory'].map(of)).toEqual([
        params,
        macs,
        flops,
        peakActivationBytes,
      ]);
    });
    expect(results).toHaveLength(4);
  });

  it('keeps the reason why a variant is not valid, or breaks a claim', async () => {
    const results = await count(jobOf({ groups: ['2', '3'], budget: ['10M', '10'] }), [0, 1, 2, 3]);
    expect(results.map((r) => (r.kind === 'failed' ? r.error.code : r.kind))).toEqual([
      'counted',
      'expectation-failed',
      'indivisible',
      'indivisible',
    ]);
  });

  it('depends on a variant alone, not on the order or the number of threads', async () => {
    const job = jobOf(
      { width: ['1..201'], groups: ['1', '2', '5'] },
      'params < 3k and width != 60',
    );
    const places = Array.from({ length: 600 }, (_, i) => i);
    const one = await count(job, places, 1);
    expect(await count(job, places, 3)).toEqual(one);
    const backwards = await count(job, places.toReversed(), 1);
    expect(backwards.toReversed()).toEqual(one);
    expect(new Set(one.map((r) => (r.kind === 'counted' ? r.passes : r.kind)))).toEqual(
      new Set([true, false, 'failed']),
    );
  });

  it('ends at the first variant for which the condition means nothing', async () => {
    const job = jobOf({ width: ['2..602'] }, 'if width == 500 then "no" else params > 0');
    const places = Array.from({ length: 600 }, (_, i) => i);
    const [one, three] = [await count(job, places, 1), await count(job, places, 3)];
    expect(three).toEqual(one);
    expect(one.at(-1)).toMatchObject({ kind: 'refused', diagnostics: [{ code: 'wrong-type' }] });
    // Odd widths fail before they meet the condition.
    expect(one).toHaveLength(499);
  });
});

describe('archc sweep', () => {
  it('shows a table with the front, and why others fail', () => {
    const result = archc([
      'sweep',
      'models/sdunet.arch',
      ...['--vary', 'width=8,16,32,64', '--vary', 'groups=4,8,16'],
      ...['--where', 'params < 1M', '--pareto', 'params,macs'],
    ]);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.stdout).toContain(
      '12 variants of SDUNet: 5 satisfy `params < 1M`, 6 do not, 1 fails; in the Pareto front of params and macs: 2\n',
    );
    expect(result.stdout).toMatch(/^ +8 +4 +71,657 +196,624,384 .* \*$/m);
    expect(result.stdout).toMatch(/^ +1 +indivisible +groupnorm has 8 channels, which 16 groups/m);
  });

  it('prints JSON and CSV with every variant', () => {
    const args = [
      'sweep',
      net,
      '--vary',
      'width=2..5',
      '--vary',
      'groups=2',
      '--where',
      'width > 2',
    ];
    const document = json(archc([...args, '--json']));
    expect(document).toMatchObject({
      model: 'Net',
      vary: { width: [2, 3, 4], groups: [2] },
      counted: 3,
      kept: 1,
      excluded: 1,
      failed: 1,
      failures: [{ code: 'indivisible', count: 1, first: { width: 3, groups: 2 } }],
    });
    const csv = archc([...args, '--format', 'csv']).stdout.split('\n');
    expect(csv[0]).toBe(`width,groups,status,front,${METRIC_NAMES.join(',')},error_code,error`);
    expect(csv.slice(1).map((line) => line.split(',').slice(0, 5).join())).toEqual([
      '2,2,excluded,0,63',
      '3,2,failed,0,',
      '4,2,kept,0,125',
      '',
    ]);
  });

  it('keeps the front as a program that checks, with its figures', () => {
    const out = join(folder, 'out');
    const args = ['sweep', net, '--set', 'groups=1', '--pareto', 'params,macs', '-o', out];
    const stages = 'stage=unit, unit(act = gelu)';
    const run = () => archc([...args, '--vary', 'width=4,8', '--vary', stages, '--json']);
    const document = json(run());
    expect(readdirSync(out).sort()).toEqual(['pareto.svg', 'results.csv', 'variants.arch']);
    const text = readFileSync(join(out, 'variants.arch'), 'utf8');
    expect(text).toContain('\nimport Net, unit from "../net.arch"\n');
    expect(text).toContain(
      '\nmodel Net_width4_stage_unit = Net(groups = 1, width = 4, stage = unit)\n',
    );
    expect(text).not.toContain('--size');
    expect(archc(['check', join(out, 'variants.arch')])).toMatchObject({ code: 0, stderr: '' });
    const counted = json(archc(['stats', join(out, 'variants.arch'), '--all', '--json']));
    const front = (
      document['variants'] as { front: boolean; figures: { params: number } }[]
    ).filter((v) => v.front);
    expect((counted['models'] as { params: number }[]).map((m) => m.params)).toEqual(
      front.map((v) => v.figures.params),
    );
    expect(readFileSync(join(out, 'pareto.svg'), 'utf8')).toMatch(/^<svg /);
    // The lines compile as well.
    const [first = ''] = /(?<=^model )\w+/m.exec(text) ?? [];
    const model = join(folder, 'first.onnx');
    const compile = ['compile', join(out, 'variants.arch'), '--model', first, '--target', 'onnx'];
    expect(archc([...compile, '-o', model])).toMatchObject({ code: 0 });
    // The same again replaces it, and gives the same.
    expect(run().code).toBe(0);
    expect(readFileSync(join(out, 'variants.arch'), 'utf8')).toBe(text);
  });

  it('says in the kept lines at which size operations were counted', () => {
    const out = join(folder, 'sized');
    const args = ['sweep', net, '--set', 'groups=1', '--vary', 'width=4,8', '-o', out];
    expect(archc([...args, '--size', '16x24'])).toMatchObject({ code: 0 });
    expect(readFileSync(join(out, 'variants.arch'), 'utf8')).toContain(
      '\n# Operations are those for `--size 16x24`.\n',
    );
  });

  it('does not replace a folder with anything else in it', () => {
    put(folder, 'mine/notes.txt', 'kept');
    const result = archc(['sweep', net, '--vary', 'width=4', '-o', join(folder, 'mine'), '--json']);
    expect(result.code).toBe(3);
    expect(codesOf(result)).toEqual(['output-exists']);
    expect(existsSync(join(folder, 'mine/notes.txt'))).toBe(true);
  });

  it('varies the parameters of a variant’s base', () => {
    const result = json(archc(['sweep', net, '--model', 'Plain', '--vary', 'width=3,5', '--json']));
    expect(result).toMatchObject({ model: 'Plain', kept: 2 });
  });

  it('fails where every variant does, and says why', () => {
    const result = archc(['sweep', net, '--vary', 'groups=3,5']);
    expect(result.code).toBe(1);
    expect(result.stdout).toContain('2 variants of Net: 0 counted, 2 fail');
    expect(result.stderr).toContain('net.arch:4:');
    expect(result.stderr).toContain('no variant is valid, of 2 variants');
  });

  it('is done where no variant is left, and says so', () => {
    const result = archc([
      'sweep',
      net,
      ...['--vary', 'width=4', '--where', 'params < 1', '--pareto', 'params,macs'],
      ...['--plot', join(folder, 'none.svg')],
    ]);
    expect(result.code).toBe(0);
    expect(result.stderr).toContain('no variant satisfies `params < 1`');
    expect(existsSync(join(folder, 'none.svg'))).toBe(false);
  });

  const many = ['--vary', 'width=0..100000', '--vary', 'groups=0..10000'];
  it.each([
    [
      ['--vary', 'wdith=8'],
      'unknown-parameter',
      /^ *1 \| wdith=8\n +\| \^{5}/m,
      'did you mean `width`?',
    ],
    [['--vary', 'width=8,"a"'], 'wrong-type', /width=8,"a"\n +\| +\^{3}/, 'is an int'],
    [['--vary', 'width=8,foo'], 'unknown-name', /width=8,foo\n +\| {9}\^{3}/, 'no `foo`'],
    [['--vary', 'width=8,,16'], 'wrong-option', /\^/, 'is missing'],
    [['--vary', 'width='], 'wrong-option', /\^/, 'is missing'],
    [['--vary', '=3'], 'wrong-option', /\^/, 'as in `--vary width=8,16,32`'],
    [['--vary', 'width=[8, 9'], 'syntax', /\^/, 'not closed'],
    [['--vary', 'width=8, 9, 8'], 'wrong-option', /\^/, 'given twice'],
    [['--vary', 'width=8', '--vary', 'width=9'], 'wrong-option', /\^{5}/, 'varied twice'],
    [['--vary', 'width=8', '--set', 'width=9'], 'wrong-option', /\^{5}/, 'both varied and set'],
    [['--vary', 'width=9..8'], 'wrong-option', /\^{4}/, 'holds no value'],
    [['--vary', 'width=8', '--where', 'params'], 'wrong-type', /params\n +\| \^{6}/, 'is a bool'],
    [['--vary', 'width=8', '--where', 'params < "a"'], 'wrong-type', /\^{12}/, 'works on numbers'],
    [
      ['--vary', 'width=8', '--where', 'prams < 9'],
      'unknown-name',
      /\^{5}/,
      'did you mean `params`?',
    ],
    [['--vary', 'width=8', '--where', 'params <'], 'syntax', /\^/, 'expected an expression'],
    [['--vary', 'width=8', '--pareto', 'prams'], 'wrong-option', /\^/, 'did you mean `params`?'],
    [['--vary', 'width=8', '--pareto', 'macs,macs'], 'wrong-option', /\^/, 'given twice'],
    [['--vary', 'width=8', '--plot', 'x.svg'], 'wrong-option', /\^/, 'two figures'],
    [
      ['--vary', 'width=8', '--pareto', 'params,macs', '--plot', 'x.png'],
      'wrong-option',
      /\^/,
      'x.svg',
    ],
    [['--vary', 'width=8', '--seed', '1'], 'wrong-option', /\^/, '`--random`'],
    [['--vary', 'width=8', '--jobs', '0'], 'wrong-option', /\^/, 'from 1 to'],
    [['--vary', 'width=8', '--model', 'Nett'], 'unknown-model', /Nett/, 'did you mean `Net`?'],
    [many, 'wrong-option', /1,000,000,000 variants/, '`--random 1000`'],
    [[], 'usage', /--vary/, 'sweep --help'],
  ])('refuses %j', (args, code, place, hint) => {
    const command = [
      'sweep',
      net,
      ...(args.includes('--model') ? args : ['--model', 'Net', ...args]),
    ];
    const result = archc(command);
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).toContain(`error[${code}]`);
    expect(result.stderr).toMatch(place);
    expect(result.stderr).toContain(hint);
  });

  it('reports a file that is not valid', () => {
    const broken = put(folder, 'broken.arch', 'model M() { output y = nothing }');
    expect(archc(['sweep', broken, '--vary', 'width=1']).code).toBe(1);
  });
});
