/** A horizontal bar chart, such as of a figure for each layer, as SVG. */
import { linearAxis } from './axis.js';
import {
  COLOR,
  document,
  element,
  escapeXml,
  shorten,
  shortNumber,
  text,
  textWidth,
  widestOf,
} from './svg.js';

export interface BarRow {
  readonly label: string;
  /** Finite and not negative. */
  readonly value: number;
}

interface BarChart {
  readonly title: string;
  /** What the values count, as at the axis: `MACs`. */
  readonly unit: string;
  /** From top to bottom. */
  readonly rows: readonly BarRow[];
  /** Pixels between the ends of the axis; 420 by default. */
  readonly width?: number;
}

const ROW = 18;
const BAR = 12;
const WIDTH = 420;
const MARGIN = 16;
const MAX_LABEL = 260;
const FONT = { size: 11 };
const SMALL = { size: 10 };

/** A bar for each row, with its label and value; throws where a value is negative or not finite. */
export function barChart({ title, unit, rows, width: plot = WIDTH }: BarChart): string {
  const wrong = rows.find(({ value }) => !Number.isFinite(value) || value < 0);
  if (wrong !== undefined) throw new RangeError(`${wrong.label} has the value ${wrong.value}`);
  const names = rows.map(({ label }) => shorten(label, MAX_LABEL, FONT));
  const values = rows.map(({ value }) => shortNumber(value));
  const axis = linearAxis(
    rows.map(({ value }) => value),
    plot / 84,
    true,
  );
  const left = MARGIN + widestOf(names, FONT) + 8;
  const valueWidth = widestOf(values, SMALL);
  const [heading, top] = [MARGIN + 12, MARGIN + 32];
  const bottom = top + Math.max(1, rows.length) * ROW;
  const heading_ = { size: 14, bold: true };
  const content = [text(title, { x: MARGIN, y: heading, ...heading_ })];
  axis.ticks.forEach((tick, i) => {
    const x = left + axis.place(tick) * plot;
    content.push(
      element('line', { x1: x, y1: top, x2: x, y2: bottom, stroke: COLOR.grid }),
      text(axis.labels[i] ?? '', {
        x,
        y: bottom + 15,
        anchor: 'middle',
        fill: COLOR.muted,
        ...SMALL,
      }),
    );
  });
  rows.forEach(({ label, value }, i) => {
    const y = top + i * ROW;
    const width = axis.place(value) * plot;
    content.push(
      element('g', { class: 'row' }, [
        element('title', {}, escapeXml(`${label}: ${value} ${unit}`)),
        text(names[i] ?? '', { x: left - 8, y: y + 13, anchor: 'end', ...FONT }),
        element('rect', {
          class: 'bar',
          x: left,
          y: y + (ROW - BAR) / 2,
          width,
          height: BAR,
          fill: COLOR.blue,
        }),
        text(values[i] ?? '', {
          x: left + width + 5,
          y: y + 13,
          fill: COLOR.muted,
          halo: true,
          ...SMALL,
        }),
      ]),
    );
  });
  content.push(
    element('line', { x1: left, y1: top, x2: left, y2: bottom, stroke: COLOR.line }),
    text(unit, { x: left + plot / 2, y: bottom + 32, anchor: 'middle', ...FONT }),
  );
  if (rows.length === 0) {
    content.push(text('nothing to show', { x: left + 8, y: top + 13, fill: COLOR.muted, ...FONT }));
  }
  const width = Math.max(
    left + plot + valueWidth + 5 + MARGIN,
    2 * MARGIN + textWidth(title, heading_),
  );
  return document({ width, height: bottom + 32 + MARGIN, title }, content);
}
