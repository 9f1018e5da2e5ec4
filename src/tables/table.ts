/** Tables as text, Markdown and CSV, and how figures are shown in them. */

export type Cell = string | number;

export interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
}

export interface Table {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Cell[])[];
}

/** A table with what surrounds it. */
export interface Section {
  readonly title: string;
  readonly table: Table;
  /** Lines below the table. */
  readonly notes?: readonly string[];
}

export const left = (title: string): Column => ({ title, align: 'left' });
export const right = (title: string): Column => ({ title, align: 'right' });

export function formatNumber(value: number, decimals: number): string {
  return value.toLocaleString('en-US', {
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
  });
}

export function renderSection(title: string, table: Table, format: 'table' | 'markdown'): string {
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
export function markdownText(text: string): string {
  const indent = text.length - text.trimStart().length;
  return '&nbsp;'.repeat(indent) + text.trimStart().replace(/[\\|`*<>[\]#]|\b_|_\b/g, '\\$&');
}

export interface CsvTable {
  readonly header: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
}

/** RFC 4180, with the newlines of this system's other output. */
export function toCsv({ header, rows }: CsvTable): string {
  return [header, ...rows].map((row) => `${row.map(csvField).join(',')}\n`).join('');
}

function csvField(cell: Cell): string {
  const text = String(cell);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export interface Comparison {
  readonly less: string;
  readonly more: string;
}

export const COUNT: Comparison = { less: 'fewer', more: 'more' };
export const SIZE: Comparison = { less: 'smaller', more: 'larger' };

/** How a figure compares with the first model's: `7.89× fewer`. */
export function compare(first: number, own: number, { less, more }: Comparison): string {
  if (own === first) return 'the same';
  if (own === 0 || first === 0) return own === 0 ? 'none' : `${more} than none`;
  const [ratio, word] = own < first ? [first / own, less] : [own / first, more];
  if (ratio >= 1.01) return `${formatNumber(ratio, 2)}× ${word}`;
  const percent = (Math.abs(own - first) / first) * 100;
  return `${percent < 0.001 ? '< 0.001' : percent.toPrecision(1)}% ${word}`;
}

export interface Unit {
  readonly name: string;
  readonly bytes: number;
}
type Units = readonly Unit[];

// As in the language: `16MB` is 16·10^6 bytes, `16MiB` 16·2^20. Model files go by the first,
// memory by the second.
export const DECIMAL_UNITS: Units = [
  { name: 'GB', bytes: 1e9 },
  { name: 'MB', bytes: 1e6 },
  { name: 'kB', bytes: 1e3 },
];
export const BINARY_UNITS: Units = [
  { name: 'GiB', bytes: 2 ** 30 },
  { name: 'MiB', bytes: 2 ** 20 },
  { name: 'KiB', bytes: 2 ** 10 },
];
const BYTE: Unit = { name: 'bytes', bytes: 1 };

/** The largest unit of which even the least of the values has one. */
export function unitFor(values: readonly number[], units: Units): Unit {
  const least = Math.min(...values.filter((value) => value > 0));
  if (!Number.isFinite(least)) return BYTE;
  return units.find((unit) => unit.bytes <= least) ?? BYTE;
}

export function inUnit(bytes: number, unit: Unit): string {
  return formatNumber(bytes / unit.bytes, unit === BYTE ? 0 : 2);
}

/** A table with a column for each item, and for each but the first how it compares with that. */
interface ComparisonTable<T> {
  readonly figure: (
    title: string,
    value: (item: T) => number,
    words?: Comparison,
    decimals?: number,
  ) => Cell[];
  /** In the largest unit that suits all items. */
  readonly bytes: (
    title: string,
    value: (item: T) => number,
    units: Units,
    words: Comparison,
  ) => Cell[];
  readonly text: (title: string, value: (item: T) => string) => Cell[];
  readonly table: (rows: readonly (readonly Cell[])[]) => Table;
}

/** `names` are those of the items. */
export function comparisonTable<T>(
  items: readonly T[],
  names: readonly string[],
): ComparisonTable<T> {
  const [first, ...others] = items;
  const compared = (value: (item: T) => number, words: Comparison | undefined): Cell[] =>
    others.map((item) =>
      first !== undefined && words !== undefined ? compare(value(first), value(item), words) : '',
    );
  return {
    figure: (title, value, words, decimals = 0) => [
      title,
      ...items.map((item) => formatNumber(value(item), decimals)),
      ...compared(value, words),
    ],
    bytes(title, value, units, words) {
      const unit = unitFor(items.map(value), units);
      return [
        `${title} (${unit.name})`,
        ...items.map((item) => inUnit(value(item), unit)),
        ...compared(value, words),
      ];
    },
    text: (title, value) => [title, ...items.map(value), ...others.map(() => '')],
    table: (rows) => ({
      columns: [
        left(''),
        ...names.map(right),
        ...names.slice(1).map((name) => right(`${name} against ${names[0] ?? ''}`)),
      ],
      rows,
    }),
  };
}
