/** Why two counts of a model differ, as a table, CSV, Markdown or JSON. */
import type { OperatorDifference, Reconciliation } from '../compiler/reconcile.js';
import { printJson } from '../tables/json.js';
import { labels, type StatsFormat } from '../tables/stats-format.js';
import {
  formatNumber,
  left,
  renderSection,
  right,
  toCsv,
  type Cell,
  type Table,
} from '../tables/table.js';

export interface ReconciledModel {
  readonly name: string;
  readonly file: string;
  readonly reconciliation: Reconciliation;
}

/** A section a model; the text ends with a newline. */
export function formatReconciliations(
  models: readonly ReconciledModel[],
  format: StatsFormat,
): string {
  switch (format) {
    case 'json':
      return printJson(document(models));
    case 'csv':
      return toCsv({ header: CSV_HEADER, rows: models.flatMap(csvRows) });
    case 'table':
    case 'markdown': {
      const names = labels(models);
      return models
        .map(({ reconciliation }, i) => section(names[i] ?? '', reconciliation, format))
        .join('\n');
    }
  }
}

function section(
  name: string,
  reconciliation: Reconciliation,
  format: 'table' | 'markdown',
): string {
  const { from, to, operators } = reconciliation;
  const title =
    `${name}: ${formatNumber(from.total, 0)} ${from.unit} by ${from.name}, ` +
    `${formatNumber(to.total, 0)} ${to.unit} by ${to.name}`;
  const table = differences(reconciliation);
  if (format === 'markdown') {
    const rows = table.rows.map((row, i) => [...row, operators[i]?.reason ?? '']);
    return renderSection(title, { columns: [...table.columns, left('why')], rows }, format);
  }
  const why = operators.map((o) => `${operatorName(o)}: ${o.reason}\n`);
  return [renderSection(title, table, format), ...(why.length === 0 ? [] : [why.join('')])].join(
    '\n',
  );
}

function differences({ from, to, difference, operators }: Reconciliation): Table {
  const listed = operators.reduce((sum, o) => sum + o.from, 0);
  const agreed = from.total - listed;
  const rows = operators.map((o): Cell[] => [
    operatorName(o),
    o.calls,
    o.from,
    o.to,
    signed(o.difference),
  ]);
  return {
    columns: [
      left('operator'),
      right('calls'),
      right(`${from.name} (${from.unit})`),
      right(`${to.name} (${to.unit})`),
      right('difference'),
    ],
    rows: [
      ...rows,
      ['where both agree', '', agreed, agreed, 0],
      ['total', '', from.total, to.total, signed(difference)],
    ],
  };
}

function signed(difference: number): string {
  const digits = formatNumber(Math.abs(difference), 0);
  if (difference === 0) return digits;
  return `${difference < 0 ? '−' : '+'}${digits}`;
}

function operatorName({ operator, isFunction }: OperatorDifference): string {
  return isFunction ? `${operator} (as a function)` : operator;
}

const CSV_HEADER = [
  'model',
  'operator',
  'called_as',
  'calls',
  'from',
  'to',
  'from_count',
  'to_count',
  'difference',
  'reason',
];

function csvRows({ name, reconciliation }: ReconciledModel): Cell[][] {
  const { from, to, difference, operators } = reconciliation;
  return [
    ...operators.map((o): Cell[] => [
      name,
      o.operator,
      o.isFunction ? 'function' : 'module',
      o.calls,
      from.name,
      to.name,
      o.from,
      o.to,
      o.difference,
      o.reason,
    ]),
    [name, 'total', '', '', from.name, to.name, from.total, to.total, difference, ''],
  ];
}

/** What `archc stats --reconcile … --json` prints. */
function document(models: readonly ReconciledModel[]): object {
  return {
    formatVersion: 1,
    models: models.map(({ name, file, reconciliation }) => ({ name, file, ...reconciliation })),
  };
}
