/** What `archc bench` measured, as a table, JSON or a chart. */
import { cpus, loadavg, type as systemName } from 'node:os';
import type { Bench, BenchResult } from '../bench/bench.js';
import { barChart } from '../charts/bar-chart.js';
import type { Adapter } from '../engines/engine.js';
import { checkDocument } from '../tables/json.js';
import { compare, formatNumber, left, renderSection, right, type Column } from '../tables/table.js';
import { counted } from './words.js';

const SPEED = { less: 'faster', more: 'slower' };

type Timed = BenchResult & { readonly ok: true };

function isTimed(result: BenchResult): result is Timed {
  return result.ok;
}

/** Billions of multiply-accumulates a second, at the median. */
function throughput({ models }: Bench, { model, milliseconds }: Timed): number {
  return (models[model]?.macs ?? 0) / (milliseconds.median * 1e6);
}

/** What the row is compared with: the same engine's first model, the same model's first engine. */
function firstModel({ results }: Bench, { engine }: Timed): Timed | undefined {
  return results.find(
    (each): each is Timed => each.engine === engine && each.model === 0 && each.ok,
  );
}

function firstEngine({ results, engines }: Bench, { model }: Timed): Timed | undefined {
  return results.find(
    (each): each is Timed => each.engine === engines[0]?.engine && each.model === model && each.ok,
  );
}

/** The names of models, with their files where two have one name. */
export function namesOf(models: readonly { readonly name: string; readonly file: string }[]) {
  return models.map(({ name, file }) =>
    models.filter((other) => other.name === name).length > 1 ? `${name} (${file})` : name,
  );
}

export function benchTable(bench: Bench): string {
  const { models, engines, runs } = bench;
  const names = namesOf(models);
  const timed = bench.results.filter(isTimed);
  const ratio = (own: Timed, first: Timed | undefined): string =>
    first === undefined || first === own
      ? ''
      : compare(first.milliseconds.median, own.milliseconds.median, SPEED);
  const columns: readonly (Column & { readonly cell: (own: Timed) => string })[] = [
    { ...left('model'), cell: ({ model }) => names[model] ?? '' },
    { ...left('engine'), cell: ({ engine }) => engine },
    { ...right('min'), cell: ({ milliseconds }) => formatTime(milliseconds.min) },
    { ...right('median'), cell: ({ milliseconds }) => formatTime(milliseconds.median) },
    { ...right('p95'), cell: ({ milliseconds }) => formatTime(milliseconds.p95) },
    { ...right('GMAC/s'), cell: (own) => formatNumber(throughput(bench, own), 2) },
    ...(models.length < 2
      ? []
      : [
          { ...left(`than ${names[0] ?? ''}`), cell: (o: Timed) => ratio(o, firstModel(bench, o)) },
        ]),
    ...(engines.length < 2
      ? []
      : [
          {
            ...left(`than ${engines[0]?.engine ?? ''}`),
            cell: (o: Timed) => ratio(o, firstEngine(bench, o)),
          },
        ]),
  ];
  const rows = timed.map((own) => columns.map(({ cell }) => cell(own)));
  const title = `Latency of one image in ms: ${counted(runs, 'run')} each in turns, after one to warm up`;
  const notes = [
    ...models.map(
      ({ inputs, macs }, i) =>
        `${names[i] ?? ''}: ${inputs.map(({ name, shape }) => `${name} [${shape.join(', ')}]`).join(', ')}, ${formatNumber(macs, 0)} MACs`,
    ),
    ...engines.map(
      ({ engine, name, version, adapter }) =>
        `${engine}: ${name === engine ? version : `${name} ${version}`}${adapter === undefined ? '' : `; ${describeAdapter(adapter)}`}`,
    ),
    machineLine(),
  ];
  return `${renderSection(title, { columns, rows }, 'table')}\n${notes.join('\n')}\n`;
}

/** Three digits that matter, and no more than the clock gives. */
export function formatTime(milliseconds: number): string {
  return formatNumber(milliseconds, milliseconds < 10 ? 3 : milliseconds < 100 ? 2 : 1);
}

/** `vendor google, architecture swiftshader, SwiftShader Device (…)` */
export function describeAdapter({ vendor, architecture, device, description }: Adapter): string {
  const parts = [
    ['vendor', vendor],
    ['architecture', architecture],
    ['device', device],
    ['description', description],
  ].flatMap(([what = '', text = '']) => (text === '' ? [] : [`${what} ${text}`]));
  return parts.length === 0 ? 'an adapter that does not name itself' : parts.join(', ');
}

interface Machine {
  readonly processor: string;
  readonly processors: number;
  readonly system: string;
  readonly node: string;
  /** Processes that wanted to run, on average over 1, 5 and 15 minutes; zeros on Windows. */
  readonly load: readonly number[];
}

export function machineOf(): Machine {
  const all = cpus();
  return {
    processor: all[0]?.model.trim() ?? 'unknown',
    processors: all.length,
    system: systemName(),
    node: process.version,
    load: loadavg(),
  };
}

export function machineLine(): string {
  const { processor, processors, system, node, load } = machineOf();
  const loads = load.map((each) => formatNumber(each, 2)).join(', ');
  return `machine: ${processor} (${processors}), ${system}, Node ${node}; load ${loads}`;
}

export function benchDocument(bench: Bench): object {
  const { models, engines, missing, results, runs } = bench;
  const ratio = (own: Timed, first: Timed | undefined): number | null =>
    first === undefined || first.milliseconds.median === 0
      ? null
      : own.milliseconds.median / first.milliseconds.median;
  return {
    formatVersion: 1,
    runs,
    machine: machineOf(),
    models,
    engines,
    missing: missing.map(({ engine, diagnostic }) => ({
      engine,
      ...checkDocument([diagnostic]).diagnostics[0],
    })),
    results: results.map((own) => {
      const pair = {
        model: models[own.model]?.name,
        file: models[own.model]?.file,
        engine: own.engine,
        ok: own.ok,
      };
      if (!own.ok) return { ...pair, diagnostics: checkDocument(own.diagnostics).diagnostics };
      return {
        ...pair,
        milliseconds: own.milliseconds,
        gmacPerSecond: throughput(bench, own),
        ratioToFirstModel: ratio(own, firstModel(bench, own)),
        ratioToFirstEngine: ratio(own, firstEngine(bench, own)),
      };
    }),
  };
}

/** A bar for each model on each engine: the median. */
export function benchChart(bench: Bench): string {
  const names = namesOf(bench.models);
  return barChart({
    title: 'Latency of one image, median',
    unit: 'ms',
    rows: bench.results
      .filter(isTimed)
      .sort((a, b) => a.model - b.model)
      .map(({ model, engine, milliseconds }) => ({
        label: `${names[model] ?? ''} · ${engine}`,
        value: milliseconds.median,
      })),
  });
}
