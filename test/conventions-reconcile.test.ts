/** Why two conventions differ: sums for every pair on every model, words, and the command. */
import { describe, expect, test } from 'vitest';
import { callsOf } from '../src/compiler/conventions/calls.js';
import type { Call } from '../src/compiler/conventions/convention.js';
import { countBy } from '../src/compiler/conventions/count.js';
import { CONVENTION_NAMES, CONVENTIONS } from '../src/compiler/conventions/index.js';
import type { Graph } from '../src/compiler/ir.js';
import {
  COUNTER_NAMES,
  reconcile,
  type CounterName,
  type Reconciliation,
} from '../src/compiler/reconcile.js';
import { stats } from '../src/compiler/stats.js';
import { archc, json } from './helpers/cli.js';
import { buildGraph } from './helpers/graph.js';
import { OPERATOR_CASES } from './helpers/operator-cases.js';
import { graphsOf, MODEL_FILES } from './helpers/zoo.js';

function reconciled(calls: readonly Call[], from: CounterName, to: CounterName): Reconciliation {
  const found = reconcile(calls, from, to, 'Test');
  if (!found.ok) throw new Error('too large');
  return found.value;
}

/** What a counter gives by itself. */
function totalOf(graph: Graph, calls: readonly Call[], name: CounterName): number {
  if (name !== 'archc' && name !== 'archc-macs') {
    const counted = countBy(CONVENTIONS[name], calls, 'Test');
    return counted.ok ? counted.value.total : Number.NaN;
  }
  const own = stats(graph);
  if (!own.ok) return Number.NaN;
  return name === 'archc' ? own.value.flops : own.value.macs;
}

function expectAllPairsToAddUp(graph: Graph): void {
  const calls = callsOf(graph);
  const totals = new Map(COUNTER_NAMES.map((name) => [name, totalOf(graph, calls, name)]));
  for (const from of COUNTER_NAMES) {
    for (const to of COUNTER_NAMES) {
      const found = reconciled(calls, from, to);
      const [a, b] = [totals.get(from) ?? Number.NaN, totals.get(to) ?? Number.NaN];
      expect([found.from.total, found.to.total], `${from} ${to}`).toEqual([a, b]);
      expect(found.difference).toBe(b - a);
      const sum = found.operators.reduce((n, { difference }) => n + difference, 0);
      expect(sum, `${from} ${to}`).toBe(found.difference);
      for (const o of found.operators) {
        expect(o.difference).toBe(o.to - o.from);
        expect(o.difference).not.toBe(0);
        expect(o.reason).toMatch(new RegExp(`^${from} counts \\S.*; ${to} counts \\S`));
      }
    }
  }
}

describe('differences add up for every pair of counts', () => {
  const models = MODEL_FILES.flatMap((file) =>
    [...graphsOf(file)].map(([name, graph]) => [file, name, graph] as const),
  );
  test('there are models', () => expect(models.length).toBeGreaterThanOrEqual(14));
  test.each(models)('%s %s', (_, __, graph) => expectAllPairsToAddUp(graph));

  test('every operator in all its settings', () => {
    for (const { build } of OPERATOR_CASES) expectAllPairsToAddUp(build());
  });
});

test('the reasons are those of the tables, the largest difference first', () => {
  // 4×4×2 outputs of 9 taps: 288 MACs; ReLU and pool of 32 elements.
  const graph = buildGraph((g) => {
    const [a] = g.op('conv', [g.input([4, 4, 1])], { filters: 2 });
    const [b] = a === undefined ? [] : g.op('relu', [a]);
    return b === undefined ? [] : g.op('maxpool', [b]);
  });
  const { from, to, difference, operators } = reconciled(callsOf(graph), 'fvcore', 'ptflops');
  expect(from).toEqual({ name: 'fvcore', version: '0.1.6', unit: 'MACs', total: 288 });
  expect(to).toEqual({ name: 'ptflops', version: '0.7.6', unit: 'MACs', total: 448 });
  expect(difference).toBe(160);
  expect(operators.map(({ reason: _, ...numbers }) => numbers)).toEqual([
    { operator: 'relu', isFunction: false, calls: 1, from: 0, to: 64, difference: 64 },
    { operator: 'maxpool', isFunction: false, calls: 1, from: 0, to: 64, difference: 64 },
    { operator: 'conv', isFunction: false, calls: 1, from: 288, to: 320, difference: 32 },
  ]);
  expect(operators[0]?.reason).toBe(
    'fvcore counts nothing: it leaves ReLU out on purpose; ptflops counts 2 an output element, ' +
      'because it counts the module and again the function that the module calls',
  );
  expect(operators[2]?.reason).toBe(
    'fvcore counts 1 a MAC, and nothing for a bias; ptflops counts 1 a MAC, and 1 an output ' +
      'element where there is a bias',
  );
});

describe('MobileNetV2’s pool', () => {
  // 7×7×1280 = 62,720 inputs, 1,280 outputs. What each tool would count of a module.
  const AS_MODULE = {
    fvcore: 62_720,
    ptflops: 125_440,
    'ptflops-modules': 62_720,
    thop: 64_000,
    torchinfo: 0,
    calflops: 62_720,
  } as const;
  const AS_FUNCTION = { ...AS_MODULE, ptflops: 62_720, 'ptflops-modules': 0, thop: 0 };

  const [graph] = [...graphsOf('models/zoo/mobilenet_v2.arch').values()];
  if (graph === undefined) throw new Error('no model');
  const calls = callsOf(graph);
  const pool = calls.filter(({ op }) => op === 'globalavgpool');

  test.each(Object.keys(AS_MODULE) as (keyof typeof AS_MODULE)[])('%s', (name) => {
    const count = (of: readonly Call[]): number => {
      const counted = countBy(CONVENTIONS[name], of, 'Test');
      return counted.ok ? counted.value.total : Number.NaN;
    };
    expect(pool.map(({ isFunction }) => isFunction)).toEqual([true]);
    expect(count(pool)).toBe(AS_FUNCTION[name]);
    expect(count(pool.map((call) => ({ ...call, isFunction: false })))).toBe(AS_MODULE[name]);
  });
});

describe('what the SD-UNet paper reports as FLOPs', () => {
  test.each([
    ['models/unet.arch', 'UNet', 62_049_668],
    ['models/sdunet.arch', 'SDUNet', 7_828_224],
  ])('%s, whatever the size', (file, model, figure) => {
    for (const size of [64, 256]) {
      const graph = graphsOf(file, size).get(model);
      if (graph === undefined) throw new Error('no model');
      const counted = countBy(CONVENTIONS.paper, callsOf(graph), model);
      expect(counted).toMatchObject({ ok: true, value: { total: figure } });
    }
  });
});

describe('archc stats', () => {
  const small = ['stats', 'models/sdunet.arch', '--size', '64x64'];

  test('--convention adds figures, with what they leave out', () => {
    const args = ['--convention', 'tf', '--convention', 'paper', '--convention', 'tf'];
    const table = archc([...small, ...args]);
    expect(table.code).toBe(0);
    expect(table.stdout).toMatch(/^ {2}by tf \(FLOPs\) +[\d,]+$/m);
    expect(table.stdout).toMatch(/^ {2}by paper \(FLOPs\) +7,828,224$/m);
    expect(table.stdout.match(/by tf \(/g)).toHaveLength(1);
    const uncounted = 'relu ×19, groupnorm ×10, upsample ×4, sigmoid ×1';
    expect(table.stdout).toContain(`\nuncounted by tf: ${uncounted}\n`);
    expect(table.stdout).toContain(
      '\ncounted as 0 by paper: relu ×19, groupnorm ×10, maxpool ×4, sigmoid ×1\n',
    );

    const markdown = archc([...small, ...args, '--format', 'markdown']).stdout;
    expect(markdown).toMatch(/^\| &nbsp;&nbsp;by paper \(FLOPs\) \| 7,828,224 \|$/m);
    expect(markdown).toContain(`\n- uncounted by tf: ${uncounted}\n`);

    const [header = '', row = ''] = archc([...small, ...args, '--format', 'csv']).stdout.split(
      '\n',
    );
    // A comma in quotes parts no cells.
    const values = row.replace(/"([^"]*)"/g, (_, cell: string) => cell.replaceAll(',', ';'));
    const cells = Object.fromEntries(header.split(',').map((h, i) => [h, values.split(',')[i]]));
    expect(cells).toMatchObject({
      paper: '7828224',
      paper_uncounted: '',
      tf_uncounted: uncounted.replaceAll(',', ';'),
    });
  });

  test('--convention --json', () => {
    const document = json(
      archc([...small, '--convention', 'tf', '--convention', 'paper', '--json']),
    );
    const [model] = document['models'] as {
      conventions: Record<string, number>;
      conventionDetails: Record<string, unknown>;
      layers: { op: string; conventions: Record<string, number | null> }[];
    }[];
    expect(model?.conventions['paper']).toBe(7_828_224);
    expect(model?.conventionDetails['tf']).toEqual({
      version: '2.21',
      unit: 'FLOPs',
      uncounted: [
        { operator: 'relu', calls: 19 },
        { operator: 'groupnorm', calls: 10 },
        { operator: 'upsample', calls: 4 },
        { operator: 'sigmoid', calls: 1 },
      ],
      zero: [],
    });
    const sum = model?.layers.reduce((n, { conventions }) => n + (conventions['tf'] ?? 0), 0);
    expect(sum).toBe(model?.conventions['tf']);
    const norms = model?.layers.filter(({ op }) => op === 'groupnorm') ?? [];
    expect(norms.map(({ conventions }) => conventions)).toEqual(
      Array.from({ length: 10 }, () => ({ tf: null, paper: 0 })),
    );
  });

  test('--convention with --per-layer and --depth', () => {
    const layers = archc([...small, '--convention', 'tf', '--per-layer', '--format', 'csv']).stdout;
    const lines = layers
      .trim()
      .split('\n')
      .map((line) => line.split(','));
    expect(lines[0]?.slice(-2)).toEqual(['tf', 'source']);
    const norm = lines.find((cells) => cells[2] === 'groupnorm');
    expect(norm?.at(-2)).toBe('uncounted');
    const blocks = archc([...small, '--convention', 'tf', '--depth', '1']).stdout.split('\n');
    const total = blocks
      .find((line) => line.startsWith('total'))
      ?.split(/ +/)
      .at(-1);
    const summary = blocks
      .find((line) => line.includes('by tf'))
      ?.split(/ +/)
      .at(-1);
    expect(total).toBe(summary);
  });

  test('--reconcile, before and after the files', () => {
    const after = archc([...small, '--reconcile', 'paper', 'archc']);
    const before = archc([
      'stats',
      '--size',
      '64x64',
      '--reconcile',
      'paper',
      'archc',
      'models/sdunet.arch',
    ]);
    expect(after.code).toBe(0);
    expect(before.stdout).toBe(after.stdout);
    expect(after.stdout).toMatch(/^SDUNet: 7,828,224 FLOPs by paper, [\d,]+ FLOPs by archc$/m);
    expect(after.stdout).toContain('\nrelu: paper counts nothing: ');
    const csv = archc([...small, '--reconcile', 'paper', 'archc', '--format', 'csv']).stdout;
    const differences = csv
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => Number(line.split(',')[8]));
    expect(differences.slice(0, -1).reduce((a, b) => a + b)).toBe(differences.at(-1));
    const markdown = archc([
      ...small,
      '--reconcile',
      'paper',
      'archc',
      '--format',
      'markdown',
    ]).stdout;
    expect(markdown).toContain('| why |');
    const document = json(archc([...small, '--reconcile', 'paper', 'archc', '--json']));
    expect(document['models']).toMatchObject([
      { name: 'SDUNet', from: { name: 'paper', total: 7_828_224 }, to: { name: 'archc' } },
    ]);
  });

  test('two models, each with its own differences', () => {
    const { stdout } = archc([
      'stats',
      'models/zoo/unet.arch',
      '--all',
      '--reconcile',
      'thop',
      'fvcore',
    ]);
    expect(stdout.match(/^UNet\w*: /gm)).toHaveLength(5);
  });

  test.each([
    [['--convention', 'fvcor'], 'did you mean `fvcore`?'],
    [['--convention', 'archc'], 'there is no convention `archc`'],
    [['--reconcile', 'papr', 'archc'], 'did you mean `paper`?'],
    [['--reconcile', 'paper'], '`--reconcile` takes two conventions'],
    [['--reconcile', 'paper', 'archc', '--per-layer'], '`--reconcile` and `--per-layer` exclude'],
    [['--reconcile', 'paper', 'archc', '--convention', 'tf'], '`--reconcile` and `--convention`'],
  ])('%j is refused', (args, message) => {
    const result = archc([...small, ...args]);
    expect(result.code).toBe(2);
    expect(result.stdout).toBe('');
    expect(result.stderr).toContain(message);
  });

  test('a missing file is said, and a missing convention beside it', () => {
    expect(archc(['stats']).stderr).toContain('missing required argument `file`');
    const { code, stderr } = archc(['stats', '--reconcile', 'paper', 'models/sdunet.arch']);
    expect(code).toBe(2);
    expect(stderr).toContain('there is no convention `models/sdunet.arch`');
  });
});

test('conventions are named as the command names them', () => {
  expect(archc(['stats', '--help']).stdout.replace(/\s+/g, ' ')).toContain(
    CONVENTION_NAMES.slice(0, 3).join(', '),
  );
});
