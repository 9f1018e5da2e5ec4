/** The figures of models as a table, CSV, Markdown or JSON. */
import {
  addFigures,
  groupLayers,
  type Figures,
  type ModelStats,
  type TensorStats,
} from '../compiler/stats.js';
import { printJson } from './json.js';

export const STATS_FORMATS = ['table', 'json', 'csv', 'markdown'] as const;
export type StatsFormat = (typeof STATS_FORMATS)[number];

export interface StatsFormatOptions {
  /** A row for every layer, after the summary. */
  readonly perLayer?: boolean;
  /** Rows for blocks: layers whose paths agree in so many first steps (1 or more), summed. */
  readonly depth?: number | undefined;
}

/**
 * The figures of models side by side, with ratios to the first; the text ends with a newline. CSV is
 * one table: of models, or of layers where `perLayer` or `depth` asks for them. JSON has every layer
 * in any case.
 */
export function formatStats(
  models: readonly ModelStats[],
  format: StatsFormat,
  options: StatsFormatOptions = {},
): string {
  const hasLayers = options.perLayer === true || options.depth !== undefined;
  switch (format) {
    case 'json':
      return printJson(statsDocument(models));
    case 'csv':
      return toCsv(hasLayers ? layersCsv(models, options) : modelsCsv(models));
    case 'table':
    case 'markdown':
      return sections(models, options, hasLayers)
        .map(({ title, table }) => renderSection(title, table, format))
        .join('\n');
  }
}

// --- JSON ---------------------------------------------------------------------------------------

export interface StatsDocument {
  readonly formatVersion: 1;
  readonly models: readonly JsonModel[];
}

interface JsonModel {
  readonly name: string;
  readonly file: string;
  readonly inputs: readonly TensorStats[];
  readonly outputs: readonly TensorStats[];
  readonly params: number;
  readonly buffers: number;
  readonly macs: number;
  readonly flops: number;
  readonly weightBytes: number;
  readonly peakActivationBytes: number;
  /** What other tools would count, by the name of the convention. */
  readonly conventions: Readonly<Record<string, number>>;
  readonly layers: readonly {
    readonly path: string;
    readonly op: string;
    readonly output: readonly number[];
    readonly params: number;
    readonly macs: number;
    readonly flops: number;
    readonly source: string;
  }[];
}

/** What `archc stats --json` prints. */
export function statsDocument(models: readonly ModelStats[]): StatsDocument {
  return {
    formatVersion: 1,
    models: models.map((m) => ({
      name: m.name,
      file: m.file,
      inputs: m.inputs,
      outputs: m.outputs,
      params: m.params,
      buffers: m.buffers,
      macs: m.macs,
      flops: m.flops,
      weightBytes: m.weightBytes,
      peakActivationBytes: m.peakActivationBytes,
      conventions: {},
      layers: m.layers.map(({ path, op, output, params, macs, flops, source }) => ({
        path,
        op,
        output,
        params,
        macs,
        flops,
        source,
      })),
    })),
  };
}

// --- What the tables say ------------------------------------------------------------------------

type Cell = string | number;

interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
}

interface Table {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Cell[])[];
}

interface Section {
  readonly title: string;
  readonly table: Table;
}

const left = (title: string): Column => ({ title, align: 'left' });
const right = (title: string): Column => ({ title, align: 'right' });

function sections(
  models: readonly ModelStats[],
  options: StatsFormatOptions,
  hasLayers: boolean,
): Section[] {
  const names = labels(models);
  const summary = { title: 'Exact figures for one image', table: summaryTable(models, names) };
  if (!hasLayers) return [summary];
  const layers = models.map((model, i) => ({
    title: `${names[i] ?? model.name}, ${options.depth === undefined ? 'layer by layer' : 'block by block'}`,
    table: layersTable(model, options),
  }));
  return [summary, ...layers];
}

/** A name for each model: with its file, and then a number, where names repeat. */
function labels(models: readonly ModelStats[]): string[] {
  const names = models.map((m) => m.name);
  const withFiles = models.map((m) =>
    isRepeated(m.name, names) ? `${m.name} (${m.file})` : m.name,
  );
  return withFiles.map((label, i) => {
    const before = withFiles.slice(0, i).filter((other) => other === label).length;
    return before === 0 ? label : `${label} #${before + 1}`;
  });
}

function isRepeated(item: string, items: readonly string[]): boolean {
  return items.indexOf(item) !== items.lastIndexOf(item);
}

interface Comparison {
  readonly less: string;
  readonly more: string;
}

const COUNT: Comparison = { less: 'fewer', more: 'more' };
const SIZE: Comparison = { less: 'smaller', more: 'larger' };

function summaryTable(models: readonly ModelStats[], names: readonly string[]): Table {
  const [first, ...others] = models;
  const figure = (title: string, value: (m: ModelStats) => number, words?: Comparison): Cell[] => [
    title,
    ...models.map(value),
    ...others.map((m) => (first && words ? compare(value(first), value(m), words) : '')),
  ];
  const bytes = (title: string, value: (m: ModelStats) => number, units: Units): Cell[] => {
    const unit = unitFor(models.map(value), units);
    return [
      `${title} (${unit.name})`,
      ...models.map((m) => inUnit(value(m), unit)),
      ...others.map((m) => (first ? compare(value(first), value(m), SIZE) : '')),
    ];
  };
  const text = (title: string, value: (m: ModelStats) => string): Cell[] => [
    title,
    ...models.map(value),
    ...others.map(() => ''),
  ];
  return {
    columns: [
      left(''),
      ...names.map(right),
      ...names.slice(1).map((name) => right(`${name} against ${names[0] ?? ''}`)),
    ],
    rows: [
      text('file', (m) => m.file),
      text('input', (m) => m.inputs.map(formatTensor).join(', ')),
      text('output', (m) => m.outputs.map(formatTensor).join(', ')),
      figure('parameters', (m) => m.params, COUNT),
      figure('  in kernels', (m) => m.kernels, COUNT),
      figure('  in biases', (m) => m.biases, COUNT),
      figure('  in scales and shifts', (m) => m.norm, COUNT),
      figure('buffers (running statistics)', (m) => m.buffers, COUNT),
      figure('MACs', (m) => m.macs, COUNT),
      figure('FLOPs', (m) => m.flops, COUNT),
      bytes('weights in float32', (m) => m.weightBytes, DECIMAL_UNITS),
      bytes('peak of activations', (m) => m.peakActivationBytes, BINARY_UNITS),
      text('  reached in', (m) => m.peak.layer?.path ?? 'the inputs'),
    ],
  };
}

function formatTensor({ name, shape }: TensorStats): string {
  return `${name} ${formatSizes(shape)}`;
}

function formatSizes(shape: readonly number[]): string {
  return shape.length === 0 ? 'scalar' : shape.join('×');
}

/** How a figure compares with the first model's: `7.89× fewer`. */
function compare(first: number, own: number, { less, more }: Comparison): string {
  if (own === first) return 'the same';
  if (own === 0 || first === 0) return own === 0 ? 'none' : `${more} than none`;
  const [ratio, word] = own < first ? [first / own, less] : [own / first, more];
  if (ratio >= 1.01) return `${formatNumber(ratio, 2)}× ${word}`;
  const percent = (Math.abs(own - first) / first) * 100;
  return `${percent < 0.001 ? '< 0.001' : percent.toPrecision(1)}% ${word}`;
}

interface Unit {
  readonly name: string;
  readonly bytes: number;
}
type Units = readonly Unit[];

// As in the language: `16MB` is 16·10^6 bytes, `16MiB` 16·2^20. Model files go by the first,
// memory by the second.
const DECIMAL_UNITS: Units = [
  { name: 'GB', bytes: 1e9 },
  { name: 'MB', bytes: 1e6 },
  { name: 'kB', bytes: 1e3 },
];
const BINARY_UNITS: Units = [
  { name: 'GiB', bytes: 2 ** 30 },
  { name: 'MiB', bytes: 2 ** 20 },
  { name: 'KiB', bytes: 2 ** 10 },
];
const BYTE: Unit = { name: 'bytes', bytes: 1 };

/** The largest unit of which even the least of the values has one. */
function unitFor(values: readonly number[], units: Units): Unit {
  const least = Math.min(...values.filter((value) => value > 0));
  if (!Number.isFinite(least)) return BYTE;
  return units.find((unit) => unit.bytes <= least) ?? BYTE;
}

function inUnit(bytes: number, unit: Unit): string {
  return formatNumber(bytes / unit.bytes, unit === BYTE ? 0 : 2);
}

function layersTable(model: ModelStats, { depth }: StatsFormatOptions): Table {
  const total = model.layers.reduce<Figures>(addFigures, NOTHING);
  const counts = (f: Figures): Cell[] => [f.params, f.buffers, f.macs, f.flops];
  const countColumns = [
    right('parameters'),
    right('buffers'),
    right('MACs'),
    right('FLOPs'),
  ] as const;
  if (depth !== undefined) {
    const groups = groupLayers(model.layers, depth);
    return {
      columns: [left('block'), right('layers'), right('output'), ...countColumns],
      rows: [
        ...groups.map((g) => [g.path, g.layers, formatSizes(g.output), ...counts(g)]),
        ['total', model.layers.length, '', ...counts(total)],
      ],
    };
  }
  return {
    columns: [left('layer'), left('operator'), right('output'), ...countColumns, left('source')],
    rows: [
      ...model.layers.map((l) => [l.path, l.op, formatSizes(l.output), ...counts(l), l.source]),
      ['total', '', '', ...counts(total), ''],
    ],
  };
}

const NOTHING: Figures = { params: 0, buffers: 0, macs: 0, flops: 0 };

// --- CSV, for other programs: plain numbers, one header line, bytes in bytes ----------------------

interface CsvTable {
  readonly header: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
}

const CSV_FIGURES = {
  params: (m) => m.params,
  kernels: (m) => m.kernels,
  biases: (m) => m.biases,
  norm: (m) => m.norm,
  buffers: (m) => m.buffers,
  macs: (m) => m.macs,
  flops: (m) => m.flops,
  weight_bytes: (m) => m.weightBytes,
  peak_activation_bytes: (m) => m.peakActivationBytes,
} as const satisfies Record<string, (m: ModelStats) => number>;

const CSV_RATIOS = ['params', 'macs', 'flops', 'weight_bytes', 'peak_activation_bytes'] as const;

function modelsCsv(models: readonly ModelStats[]): CsvTable {
  const [first] = models;
  const ratios = models.length > 1 ? CSV_RATIOS : [];
  return {
    header: [
      'model',
      'file',
      'inputs',
      'outputs',
      ...Object.keys(CSV_FIGURES),
      ...ratios.map((name) => `${name}_first_over_this`),
    ],
    rows: models.map((m) => [
      m.name,
      m.file,
      m.inputs.map(formatTensor).join(' '),
      m.outputs.map(formatTensor).join(' '),
      ...Object.values(CSV_FIGURES).map((value) => value(m)),
      ...ratios.map((name) => {
        const ratio =
          first === undefined ? Number.NaN : CSV_FIGURES[name](first) / CSV_FIGURES[name](m);
        return Number.isFinite(ratio) ? Number(ratio.toPrecision(6)) : '';
      }),
    ]),
  };
}

function layersCsv(models: readonly ModelStats[], { depth }: StatsFormatOptions): CsvTable {
  const counts = (f: Figures): Cell[] => [f.params, f.buffers, f.macs, f.flops];
  const countNames = ['params', 'buffers', 'macs', 'flops'];
  if (depth !== undefined) {
    return {
      header: ['model', 'block', 'layers', 'output', ...countNames],
      rows: models.flatMap((m) =>
        groupLayers(m.layers, depth).map((g) => [
          m.name,
          g.path,
          g.layers,
          formatSizes(g.output),
          ...counts(g),
        ]),
      ),
    };
  }
  return {
    header: ['model', 'layer', 'operator', 'output', ...countNames, 'source'],
    rows: models.flatMap((m) =>
      m.layers.map((l) => [m.name, l.path, l.op, formatSizes(l.output), ...counts(l), l.source]),
    ),
  };
}

/** RFC 4180, with the newlines of this system's other output. */
function toCsv({ header, rows }: CsvTable): string {
  return [header, ...rows].map((row) => `${row.map(csvField).join(',')}\n`).join('');
}

function csvField(cell: Cell): string {
  const text = String(cell);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

// --- Text and Markdown --------------------------------------------------------------------------

function formatNumber(value: number, decimals: number): string {
  return value.toLocaleString('en-US', {
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
  });
}

function renderSection(title: string, table: Table, format: 'table' | 'markdown'): string {
  const cells = [
    table.columns.map((column) => column.title),
    ...table.rows.map((row) =>
      row.map((cell) => (typeof cell === 'number' ? formatNumber(cell, 0) : cell)),
    ),
  ];
  const aligns = table.columns.map((column) => column.align);
  return format === 'table'
    ? `${title}\n\n${textTable(cells, aligns)}`
    : `### ${markdownText(title)}\n\n${markdownTable(cells, aligns)}`;
}

function textTable(
  cells: readonly (readonly string[])[],
  aligns: readonly Column['align'][],
): string {
  const widths = aligns.map((_, i) => Math.max(...cells.map((row) => row[i]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) =>
        aligns[i] === 'right' ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0),
      )
      .join('  ')
      .trimEnd();
  const [header = [], ...rows] = cells;
  const rule = widths.map((width) => '─'.repeat(width)).join('  ');
  return [line(header), rule, ...rows.map(line), ''].join('\n');
}

function markdownTable(
  cells: readonly (readonly string[])[],
  aligns: readonly Column['align'][],
): string {
  const line = (row: readonly string[]): string => `| ${row.map(markdownText).join(' | ')} |`;
  const [header = [], ...rows] = cells;
  const rule = `| ${aligns.map((align) => (align === 'right' ? '---:' : '---')).join(' | ')} |`;
  return [line(header), rule, ...rows.map(line), ''].join('\n');
}

/** Spaces that indent a row's title stay; what Markdown would take for its own does not. */
function markdownText(text: string): string {
  const indent = text.length - text.trimStart().length;
  return '&nbsp;'.repeat(indent) + text.trimStart().replace(/[\\|`*<>[\]#]|\b_|_\b/g, '\\$&');
}
