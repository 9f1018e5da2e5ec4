/** The figures of models as a table, CSV, Markdown or JSON. */
import {
  addFigures,
  blockPath,
  groupLayers,
  type Figures,
  type ModelStats,
  type TensorStats,
} from '../compiler/stats.js';
import type { ConventionCount, OperatorCalls } from '../compiler/conventions/count.js';
import { BYTES } from '../compiler/memory.js';
import type { Roofline } from '../compiler/roofline.js';
import { OPTIMIZERS } from '../compiler/training.js';
import { printJson } from './json.js';
import {
  memoryColumns,
  memoryJson,
  memorySections,
  type JsonMemory,
  type MemoryModel,
  type ShownMemory,
} from './memory-format.js';
import { rooflineCsv, rooflineSections, type TimedModel } from './roofline-format.js';
import {
  BINARY_UNITS,
  COUNT,
  DECIMAL_UNITS,
  SIZE,
  comparisonTable,
  left,
  markdownText,
  renderSection,
  right,
  toCsv,
  type Cell,
  type CsvTable,
  type Section,
  type Table,
} from './table.js';

export const STATS_FORMATS = ['table', 'json', 'csv', 'markdown'] as const;
export type StatsFormat = (typeof STATS_FORMATS)[number];

interface StatsFormatOptions {
  /** A row for every layer, after the summary. */
  readonly perLayer?: boolean;
  /** Rows for blocks: layers whose paths agree in so many first steps (1 or more), summed. */
  readonly depth?: number | undefined;
}

/** A model's figures, and what more was asked for: of all models the same. */
export interface CountedModel extends ModelStats {
  /** `--memory` */
  readonly memory?: ShownMemory;
  /** `--device` */
  readonly roofline?: Roofline;
  /** Figures that other tools would give. */
  /** The same conventions in the same order for all models. */
  readonly conventions?: readonly ConventionCount[];
}

/**
 * The figures of models side by side, with ratios to the first; the text ends with a newline. CSV is
 * one table: of layers where `perLayer` or `depth` asks for them or their times are estimated, else of
 * models. JSON has every layer
 * in any case.
 */
export function formatStats(
  models: readonly CountedModel[],
  format: StatsFormat,
  options: StatsFormatOptions = {},
): string {
  const hasLayers = options.perLayer === true || options.depth !== undefined;
  switch (format) {
    case 'json':
      return printJson(statsDocument(models));
    case 'csv':
      return toCsv(csvOf(models, options, hasLayers));
    case 'table':
    case 'markdown':
      return sections(models, options, hasLayers)
        .map(({ title, table, notes = [] }) =>
          [renderSection(title, table, format), ...renderNotes(notes, format)].join('\n'),
        )
        .join('\n');
  }
}

// --- JSON ---------------------------------------------------------------------------------------

export interface StatsDocument {
  readonly formatVersion: 1;
  readonly models: readonly JsonModel[];
}

/** How a figure of `conventions` came about. */
interface JsonConvention {
  readonly version: string;
  readonly unit: string;
  /** What the tool has no rule for. */
  readonly uncounted: readonly OperatorCalls[];
  /** What computes something and to which the tool gives 0. */
  readonly zero: readonly OperatorCalls[];
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
  /** By the same names; absent where no convention was asked for. */
  readonly conventionDetails?: Readonly<Record<string, JsonConvention>>;
  /** With `--memory`. */
  readonly memory?: JsonMemory;
  /** With `--device`: of time, by the roofline model. */
  readonly estimate?: Roofline;
  readonly layers: readonly {
    readonly path: string;
    readonly op: string;
    readonly output: readonly number[];
    readonly params: number;
    readonly macs: number;
    readonly flops: number;
    /** Absent where no convention was asked for; null where one has no rule for the layer. */
    readonly conventions?: Readonly<Record<string, number | null>>;
    readonly source: string;
  }[];
}

/** What `archc stats --json` prints. */
export function statsDocument(models: readonly CountedModel[]): StatsDocument {
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
      ...conventionsOf(m),
      ...(m.memory && { memory: memoryJson({ ...m, memory: m.memory }) }),
      ...(m.roofline && { estimate: m.roofline }),
      layers: m.layers.map(({ path, op, output, params, macs, flops, source }) => ({
        path,
        op,
        output,
        params,
        macs,
        flops,
        ...(m.conventions && {
          conventions: Object.fromEntries(
            m.conventions.map(({ name, layers }) => [name, layers.get(path) ?? null]),
          ),
        }),
        source,
      })),
    })),
  };
}

function conventionsOf({
  conventions,
}: CountedModel): Pick<JsonModel, 'conventions' | 'conventionDetails'> {
  if (conventions === undefined) return { conventions: {} };
  return {
    conventions: Object.fromEntries(conventions.map(({ name, total }) => [name, total])),
    conventionDetails: Object.fromEntries(
      conventions.map(({ name, version, unit, uncounted, zero }) => [
        name,
        { version, unit, uncounted, zero },
      ]),
    ),
  };
}

// --- What the tables say ------------------------------------------------------------------------

function sections(
  models: readonly CountedModel[],
  options: StatsFormatOptions,
  hasLayers: boolean,
): Section[] {
  const names = labels(models);
  const summary = {
    title: 'Exact figures for one image',
    table: summaryTable(models, names),
    notes: conventionNotes(models, names),
  };
  const more = [
    ...(hasMemory(models) ? memorySections(models, names) : []),
    ...(hasRoofline(models) ? rooflineSections(models, names) : []),
  ];
  if (!hasLayers) return [summary, ...more];
  const layers = models.map((model, i) => ({
    title: `${names[i] ?? model.name}, ${options.depth === undefined ? 'layer by layer' : 'block by block'}`,
    table: layersTable(model, options),
  }));
  return [summary, ...layers, ...more];
}

function hasMemory<T extends CountedModel>(models: readonly T[]): models is (T & MemoryModel)[] {
  return models.length > 0 && models.every(({ memory }) => memory !== undefined);
}

function hasRoofline<T extends CountedModel>(models: readonly T[]): models is (T & TimedModel)[] {
  return models.length > 0 && models.every(({ roofline }) => roofline !== undefined);
}

/** A name for each model: with its file, and then a number, where names repeat. */
export function labels(models: readonly Pick<ModelStats, 'name' | 'file'>[]): string[] {
  const names = models.map((m) => m.name);
  const withFiles = models.map((m) =>
    isRepeated(m.name, names) ? `${m.name} (${m.file})` : m.name,
  );
  return withFiles.map((label, i) => {
    const before = withFiles.slice(0, i).filter((other) => other === label).length;
    return before === 0 ? label : `${label} #${before + 1}`;
  });
}

/** What the figures of conventions leave out, model by model. */
function conventionNotes(models: readonly CountedModel[], names: readonly string[]): string[] {
  return models.flatMap(({ name, conventions = [] }, i) => {
    const where = models.length === 1 ? '' : ` (${names[i] ?? name})`;
    return conventions.flatMap((convention) => [
      ...operatorNote(`uncounted by ${convention.name}`, convention.uncounted, where),
      ...operatorNote(`counted as 0 by ${convention.name}`, convention.zero, where),
    ]);
  });
}

/** `uncounted by tf: groupnorm ×10` */
function operatorNote(what: string, calls: readonly OperatorCalls[], where: string): string[] {
  if (calls.length === 0) return [];
  return [`${what}: ${formatCalls(calls)}${where}`];
}

export function formatCalls(calls: readonly OperatorCalls[]): string {
  return calls.map(({ operator, calls: count }) => `${operator} ×${count}`).join(', ');
}

function renderNotes(notes: readonly string[], format: 'table' | 'markdown'): string[] {
  if (notes.length === 0) return [];
  const lines = format === 'table' ? notes : notes.map((note) => `- ${markdownText(note)}`);
  return [`${lines.join('\n')}\n`];
}

function isRepeated(item: string, items: readonly string[]): boolean {
  return items.indexOf(item) !== items.lastIndexOf(item);
}

export function summaryTable(models: readonly CountedModel[], names: readonly string[]): Table {
  const [first] = models;
  const { figure, bytes, text, table } = comparisonTable(models, names);
  return table([
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
    ...(first?.conventions ?? []).map(({ name, unit }, i) =>
      figure(`  by ${name} (${unit})`, (m) => m.conventions?.[i]?.total ?? Number.NaN, COUNT),
    ),
    bytes('weights in float32', (m) => m.weightBytes, DECIMAL_UNITS, SIZE),
    bytes("  and Adam's moments", withAdam, DECIMAL_UNITS, SIZE),
    bytes('peak of activations', (m) => m.peakActivationBytes, BINARY_UNITS, SIZE),
    text('  reached in', (m) => m.peak.layer?.path ?? 'the inputs'),
  ]);
}

/** Of a checkpoint of training: two moments for each learned weight. */
function withAdam({ weightBytes, params }: ModelStats): number {
  return weightBytes + OPTIMIZERS.adam * BYTES * params;
}

export function formatTensor({ name, shape }: TensorStats): string {
  return `${name} ${formatSizes(shape)}`;
}

export function formatSizes(shape: readonly number[]): string {
  return shape.length === 0 ? 'scalar' : shape.join('×');
}

function layersTable(model: CountedModel, { depth }: StatsFormatOptions): Table {
  const { conventions = [] } = model;
  const total = model.layers.reduce<Figures>(addFigures, NOTHING);
  const counts = (f: Figures): Cell[] => [f.params, f.buffers, f.macs, f.flops];
  const totals = [...counts(total), ...conventions.map((c) => c.total)];
  const countColumns = [
    right('parameters'),
    right('buffers'),
    right('MACs'),
    right('FLOPs'),
    ...conventions.map(({ name }) => right(name)),
  ];
  if (depth !== undefined) {
    return {
      columns: [left('block'), right('layers'), right('output'), ...countColumns],
      rows: [
        ...groupLayers(model.layers, depth).map((g) => [
          g.path,
          g.layers,
          formatSizes(g.output),
          ...counts(g),
          ...blockCounts(model, g.path, depth),
        ]),
        ['total', model.layers.length, '', ...totals],
      ],
    };
  }
  return {
    columns: [left('layer'), left('operator'), right('output'), ...countColumns, left('source')],
    rows: [
      ...model.layers.map((l) => [
        l.path,
        l.op,
        formatSizes(l.output),
        ...counts(l),
        ...layerCounts(model, [l.path]),
        l.source,
      ]),
      ['total', '', '', ...totals, ''],
    ],
  };
}

/** What each convention counts for layers together: `uncounted` where it has a rule for none. */
function layerCounts({ conventions = [] }: CountedModel, paths: readonly string[]): Cell[] {
  return conventions.map(({ layers }) => {
    const told = paths.flatMap((path) => layers.get(path) ?? []);
    return told.length === 0 ? 'uncounted' : told.reduce((sum, count) => sum + count, 0);
  });
}

function blockCounts(model: CountedModel, path: string, depth: number): Cell[] {
  if (model.conventions === undefined) return [];
  const layers = model.layers.filter((layer) => blockPath(layer.path, depth) === path);
  return layerCounts(
    model,
    layers.map((layer) => layer.path),
  );
}

const NOTHING: Figures = { params: 0, buffers: 0, macs: 0, flops: 0 };

// --- CSV, for other programs: plain numbers, one header line, bytes in bytes ----------------------

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

function csvOf(
  models: readonly CountedModel[],
  options: StatsFormatOptions,
  hasLayers: boolean,
): CsvTable {
  if (hasRoofline(models)) return rooflineCsv(models);
  return hasLayers ? layersCsv(models, options) : modelsCsv(models);
}

function modelsCsv(models: readonly CountedModel[]): CsvTable {
  const [first] = models;
  const ratios = models.length > 1 ? CSV_RATIOS : [];
  const memory = hasMemory(models) ? models.map(memoryColumns) : [];
  return {
    header: [
      'model',
      'file',
      'inputs',
      'outputs',
      ...Object.keys(CSV_FIGURES),
      ...(first?.conventions ?? []).flatMap(({ name }) => [name, `${name}_uncounted`]),
      ...Object.keys(memory[0] ?? {}),
      ...ratios.map((name) => `${name}_first_over_this`),
    ],
    rows: models.map((m, i) => [
      m.name,
      m.file,
      m.inputs.map(formatTensor).join(' '),
      m.outputs.map(formatTensor).join(' '),
      ...Object.values(CSV_FIGURES).map((value) => value(m)),
      ...(m.conventions ?? []).flatMap((c) => [c.total, formatCalls(c.uncounted)]),
      ...Object.values(memory[i] ?? {}),
      ...ratios.map((name) => {
        const ratio =
          first === undefined ? Number.NaN : CSV_FIGURES[name](first) / CSV_FIGURES[name](m);
        return Number.isFinite(ratio) ? Number(ratio.toPrecision(6)) : '';
      }),
    ]),
  };
}

function layersCsv(models: readonly CountedModel[], { depth }: StatsFormatOptions): CsvTable {
  const counts = (f: Figures): Cell[] => [f.params, f.buffers, f.macs, f.flops];
  const countNames = [
    'params',
    'buffers',
    'macs',
    'flops',
    ...(models[0]?.conventions ?? []).map(({ name }) => name),
  ];
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
          ...blockCounts(m, g.path, depth),
        ]),
      ),
    };
  }
  return {
    header: ['model', 'layer', 'operator', 'output', ...countNames, 'source'],
    rows: models.flatMap((m) =>
      m.layers.map((l) => [
        m.name,
        l.path,
        l.op,
        formatSizes(l.output),
        ...counts(l),
        ...layerCounts(m, [l.path]),
        l.source,
      ]),
    ),
  };
}
