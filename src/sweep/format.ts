/** The findings of a sweep as a table, Markdown, CSV or JSON, and the front as a picture. */
import { scatter } from '../charts/scatter.js';
import { jsonDiagnostic, printJson } from '../tables/json.js';
import {
  BINARY_UNITS,
  DECIMAL_UNITS,
  formatNumber,
  inUnit,
  left,
  markdownText,
  renderSection,
  right,
  toCsv,
  unitFor,
  type Cell,
  type Table,
} from '../tables/table.js';
import { METRIC_NAMES } from '../compiler/metrics.js';
import { describeChoices, type SweepReport, type SweptVariant } from './report.js';

export const SWEEP_FORMATS = ['table', 'json', 'csv', 'markdown'] as const;
type SweepFormat = (typeof SWEEP_FORMATS)[number];

/** Rows that a table for people may have. */
const MAX_ROWS = 50;

export function formatSweep(report: SweepReport, format: SweepFormat): string {
  switch (format) {
    case 'json':
      return printJson(sweepDocument(report));
    case 'csv':
      return sweepCsv(report);
    case 'table':
    case 'markdown':
      return sections(report, format).join('\n');
  }
}

/** `12 variants of Net: 8 satisfy …, 1 does not, 3 fail; 2 are in the Pareto front of …`. */
function summarizeSweep(report: SweepReport): string {
  const { condition, model, objectives, product, variants } = report;
  const count = (n: number): string => formatNumber(n, 0);
  const numberOf = (status: SweptVariant['status']): number =>
    variants.filter((v) => v.status === status).length;
  const [kept, excluded, failed] = [numberOf('kept'), numberOf('excluded'), numberOf('failed')];
  const of = variants.length === product ? '' : ` (of ${count(product)})`;
  const parts = [
    ...(condition === undefined
      ? [`${count(kept)} counted`]
      : [
          `${count(kept)} satisf${kept === 1 ? 'ies' : 'y'} \`${condition}\``,
          `${count(excluded)} do${excluded === 1 ? 'es' : ''} not`,
        ]),
    ...(failed === 0 ? [] : [`${count(failed)} fail${failed === 1 ? 's' : ''}`]),
  ];
  const front = variants.filter((v) => v.isInFront).length;
  const tail =
    objectives.length === 0
      ? ''
      : `; in the Pareto front of ${objectives.join(' and ')}: ${count(front)}`;
  const noun = variants.length === 1 ? 'variant' : 'variants';
  return `${count(variants.length)} ${noun}${of} of ${model}: ${parts.join(', ')}${tail}`;
}

function sections(report: SweepReport, format: 'table' | 'markdown'): string[] {
  const { failures, objectives, variants } = report;
  const kept = variants.filter((v) => v.status === 'kept');
  const isFrontOnly = kept.length > MAX_ROWS && objectives.length > 0;
  const candidates = isFrontOnly ? kept.filter((v) => v.isInFront) : kept;
  const shown = candidates.slice(0, MAX_ROWS);
  const found: string[] = [];
  const summary = summarizeSweep(report);
  if (shown.length === 0)
    found.push(format === 'table' ? `${summary}\n` : `${markdownText(summary)}\n`);
  else found.push(renderSection(summary, variantsTable(report, shown), format));
  const hidden = kept.length - shown.length;
  if (hidden > 0) {
    found.push(`${formatNumber(hidden, 0)} more are not shown: \`--format csv\` lists all\n`);
  }
  if (failures.length > 0) {
    const title = failures.length === 1 ? 'Why variants fail' : 'Why variants fail, by first error';
    found.push(renderSection(title, failuresTable(report), format));
    if (failures.length > MAX_ROWS) {
      const more = formatNumber(failures.length - MAX_ROWS, 0);
      found.push(`${more} more reasons are not shown: \`--format json\` lists all\n`);
    }
  }
  return found;
}

function variantsTable(report: SweepReport, shown: readonly SweptVariant[]): Table {
  const { axes, objectives } = report;
  const figures = METRIC_NAMES.map((name, i) => {
    const values = shown.map((variant) => variant.figures[i] ?? 0);
    const units = { size: DECIMAL_UNITS, peak_memory: BINARY_UNITS }[name];
    if (units === undefined) return { name, title: name, values, cells: values };
    const unit = unitFor(values, units);
    return {
      name,
      title: `${name} (${unit.name})`,
      values,
      cells: values.map((value) => inUnit(value, unit)),
    };
    // Few models have running statistics.
  }).filter(({ name, values }) => name !== 'buffers' || values.some((value) => value > 0));
  const isMarked = objectives.length > 0;
  return {
    columns: [
      ...axes.map(({ name, choices }) =>
        choices.every(({ value }) => typeof value === 'number') ? right(name) : left(name),
      ),
      ...figures.map(({ title }) => right(title)),
      ...(isMarked ? [left('front')] : []),
    ],
    rows: shown.map((variant, row) => [
      ...variant.choices.map(({ text }) => text),
      ...figures.map(({ cells }): Cell => cells[row] ?? ''),
      ...(isMarked ? [variant.isInFront ? '*' : ''] : []),
    ]),
  };
}

function failuresTable({ failures }: SweepReport): Table {
  return {
    columns: [right('variants'), left('code'), left('reason'), left('first with')],
    rows: failures
      .slice(0, MAX_ROWS)
      .map(({ count, code, message, choices }) => [count, code, message, describeChoices(choices)]),
  };
}

/** Every variant that was looked at, a row each; figures as plain numbers, sizes in bytes. */
export function sweepCsv({ axes, variants }: SweepReport): string {
  const others = ['status', 'front', ...METRIC_NAMES, 'error_code', 'error'];
  return toCsv({
    header: [
      // A parameter may be called as a figure is.
      ...axes.map(({ name }) => (others.includes(name) ? `set_${name}` : name)),
      ...others,
    ],
    rows: variants.map(({ choices, status, isInFront, figures, error }) => [
      ...choices.map(({ value }) => (typeof value === 'boolean' ? String(value) : value)),
      status,
      isInFront ? 1 : 0,
      ...METRIC_NAMES.map((_, i) => figures[i] ?? ''),
      error?.code ?? '',
      error?.message ?? '',
    ]),
  });
}

/** What `archc sweep --json` prints. */
function sweepDocument(report: SweepReport): object {
  const { file, model, axes, product, condition, objectives, variants, failures } = report;
  const count = (status: SweptVariant['status']): number =>
    variants.filter((v) => v.status === status).length;
  return {
    formatVersion: 1,
    file,
    model,
    vary: Object.fromEntries(axes.map(({ name, choices }) => [name, choices.map((c) => c.value)])),
    where: condition ?? null,
    pareto: objectives,
    product,
    counted: variants.length,
    kept: count('kept'),
    excluded: count('excluded'),
    failed: count('failed'),
    variants: variants.map(({ choices, status, figures, isInFront, error }) => ({
      values: Object.fromEntries(choices.map((c) => [c.override.name, c.value])),
      status,
      front: isInFront,
      ...(error === undefined
        ? { figures: Object.fromEntries(METRIC_NAMES.map((name, i) => [name, figures[i] ?? 0])) }
        : { error: { code: error.code, message: error.message } }),
    })),
    failures: failures.map(({ code, message, count: times, diagnostic, choices }) => ({
      code,
      message,
      count: times,
      first: Object.fromEntries(choices.map((c) => [c.override.name, c.value])),
      diagnostic: jsonDiagnostic(diagnostic),
    })),
  };
}

/** The kept variants by the two figures of `--pareto`, as SVG. */
export function plotSweep(report: SweepReport, [x, y]: readonly [string, string]): string {
  const kept = report.variants.filter((v) => v.status === 'kept');
  const [column, row] = [METRIC_NAMES.indexOf(x), METRIC_NAMES.indexOf(y)];
  return scatter({
    title: `${report.model}: ${formatNumber(kept.length, 0)} variants by ${x} and ${y}`,
    x: { label: axisLabel(x) },
    y: { label: axisLabel(y) },
    points: kept.map(({ choices, figures }) => ({
      x: figures[column] ?? 0,
      y: figures[row] ?? 0,
      label: describeChoices(choices),
    })),
    front: kept.flatMap(({ isInFront }, i) => (isInFront ? [i] : [])),
  });
}

/** Sizes are bytes, all else are counts. */
function axisLabel(figure: string): string {
  return ['size', 'peak_memory'].includes(figure) ? `${figure} (bytes)` : figure;
}
