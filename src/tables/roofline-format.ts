/** `--device` as sections of tables, as CSV and as a part of JSON: an estimate, and called one. */
import type { Roofline } from '../compiler/roofline.js';
import type { ModelStats } from '../compiler/stats.js';
import {
  BINARY_UNITS,
  comparisonTable,
  formatNumber,
  inUnit,
  left,
  right,
  SIZE,
  unitFor,
  type Comparison,
  type CsvTable,
  type Section,
} from './table.js';

export interface TimedModel extends ModelStats {
  readonly roofline: Roofline;
}

const SPEED: Comparison = { less: 'faster', more: 'slower' };

export function rooflineSections(
  models: readonly TimedModel[],
  names: readonly string[],
): Section[] {
  const [first] = models;
  if (first === undefined) return [];
  const { device } = first.roofline;
  const { figure, bytes, text, table } = comparisonTable(models, names);
  const milliseconds = (value: (r: Roofline) => number) => (m: TimedModel) =>
    1000 * value(m.roofline);
  const summary: Section = {
    title: `ESTIMATE for one image on ${device.name}, by the roofline model`,
    table: table([
      figure(
        'latency (ms)',
        milliseconds((r) => r.seconds),
        SPEED,
        2,
      ),
      figure(
        '  bound by compute',
        milliseconds((r) => r.computeSeconds),
        undefined,
        2,
      ),
      figure(
        '  bound by memory',
        milliseconds((r) => r.memorySeconds),
        undefined,
        2,
      ),
      bytes('weights and peak of activations', (m) => m.roofline.neededBytes, BINARY_UNITS, SIZE),
      text('  fits in memory', ({ roofline }) => verdictOf(roofline)),
    ]),
    notes: [
      `${formatNumber(device.peakFlops / 1e9, 1)} GFLOP/s, ` +
        `${formatNumber(device.memoryBandwidth / 1e9, 1)} GB/s, ` +
        `${formatNumber(device.memoryBytes / 2 ** 30, 2)} GiB` +
        (device.source === undefined ? '' : ` (${device.source})`),
      'a layer takes the longer of computing at the peak and moving its bytes; real engines differ',
    ],
  };
  return [summary, ...models.map((model, i) => layersSection(model, names[i] ?? model.name))];
}

function verdictOf({ fits, fitsAtBest }: Roofline): string {
  if (fits) return 'yes';
  return fitsAtBest ? 'only in the best order' : 'no';
}

function layersSection({ roofline }: TimedModel, name: string): Section {
  const { layers, seconds, device } = roofline;
  const unit = unitFor(
    layers.map(({ bytes }) => bytes),
    BINARY_UNITS,
  );
  const milliseconds = (value: number): string => formatNumber(1000 * value, 3);
  const percent = (share: number): string => `${formatNumber(100 * share, 1)}%`;
  return {
    title: `${name}, ESTIMATE layer by layer on ${device.name}`,
    table: {
      columns: [
        left('layer'),
        left('operator'),
        right('FLOPs'),
        right(`moved (${unit.name})`),
        right('ms'),
        right('share'),
        left('bound by'),
        left('source'),
      ],
      rows: [
        ...layers.map(({ path, op, flops, bytes, bound, source, ...layer }) => [
          path,
          op,
          flops,
          inUnit(bytes, unit),
          milliseconds(layer.seconds),
          percent(layer.share),
          bound,
          source,
        ]),
        ['total', '', '', '', milliseconds(seconds), percent(1), '', ''],
      ],
    },
  };
}

/** A row for each layer of each model. */
export function rooflineCsv(models: readonly TimedModel[]): CsvTable {
  return {
    header: [
      'model',
      'device',
      'layer',
      'operator',
      'output',
      'flops',
      'bytes',
      'estimated_seconds',
      'share',
      'bound',
      'source',
    ],
    rows: models.flatMap(({ name, roofline: { device, layers } }) =>
      layers.map((l) => [
        name,
        device.name,
        l.path,
        l.op,
        l.output.join('×'),
        l.flops,
        l.bytes,
        l.seconds,
        l.share,
        l.bound,
        l.source,
      ]),
    ),
  };
}
