/** A scatter plot with its Pareto front, as SVG. */
import { extent, linearAxis, logAxis, type Axis } from './axis.js';
import {
  COLOR,
  document,
  element,
  escapeXml,
  shortNumber,
  text,
  textWidth,
  widestOf,
} from './svg.js';

interface ScatterAxis {
  /** What is along it: `parameters`. */
  readonly label: string;
  /** By default logarithmic where positive values span two powers of ten or more. */
  readonly scale?: 'linear' | 'log';
}

export interface ScatterPoint {
  readonly x: number;
  readonly y: number;
  /** Shown on pointing at it, and beside points of the front (all, without one) where there is room. */
  readonly label: string;
}

interface Scatter {
  readonly title: string;
  readonly x: ScatterAxis;
  readonly y: ScatterAxis;
  /** With finite coordinates. */
  readonly points: readonly ScatterPoint[];
  /**
   * Indices of the points that no other one beats in both directions, less being better, where that
   * is to be shown.
   */
  readonly front?: readonly number[];
}

const PLOT = { width: 560, height: 380 };
const MARGIN = 16;
const FONT = { size: 11 };
const SMALL = { size: 10 };
const TITLE = { size: 14, bold: true };
const LEGEND = { front: 'Pareto front', others: 'others' };

interface Rect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Throws where a coordinate is not finite, or not positive on an axis that must be logarithmic. */
export function scatter({ title, x, y, points, front }: Scatter): string {
  const xAxis = axisOf(
    x,
    points.map((p) => p.x),
  );
  const yAxis = axisOf(
    y,
    points.map((p) => p.y),
  );
  const labelWidth = widestOf(yAxis.labels, SMALL);
  const plot = {
    x: MARGIN + 22 + labelWidth,
    y: MARGIN + (front === undefined ? 32 : 48),
    ...PLOT,
  };
  const bottom = plot.y + plot.height;
  const inFront = new Set(front ?? points.keys());
  const placed = points.map((point, index) => ({
    ...point,
    isFront: inFront.has(index),
    cx: plot.x + xAxis.place(point.x) * plot.width,
    cy: bottom - yAxis.place(point.y) * plot.height,
  }));
  const best = placed.filter(({ isFront }) => isFront).sort((a, b) => a.x - b.x || a.y - b.y);
  const content = [
    text(title, { x: MARGIN, y: MARGIN + 12, ...TITLE }),
    ...(front === undefined ? [] : legend(plot.x, MARGIN + 34, placed.length > best.length)),
    ...grid(plot, xAxis, yAxis),
    text(axisTitle(x.label, xAxis), {
      x: plot.x + plot.width / 2,
      y: bottom + 36,
      anchor: 'middle',
      ...FONT,
    }),
    element(
      'g',
      { transform: `rotate(-90 ${MARGIN + 9} ${plot.y + plot.height / 2})` },
      text(axisTitle(y.label, yAxis), {
        x: MARGIN + 9,
        y: plot.y + plot.height / 2,
        anchor: 'middle',
        ...FONT,
      }),
    ),
    ...(front === undefined ? [] : stairs(best)),
    // The front lies on top.
    ...[...placed.filter(({ isFront }) => !isFront), ...best].map(({ cx, cy, isFront, ...point }) =>
      element(
        'circle',
        {
          class: isFront ? 'point front' : 'point',
          cx,
          cy,
          r: isFront ? 4.5 : 3,
          fill: isFront ? COLOR.accent : COLOR.paper,
          stroke: isFront ? COLOR.ink : COLOR.muted,
        },
        element(
          'title',
          {},
          escapeXml(`${point.label}: ${shortNumber(point.x)}, ${shortNumber(point.y)}`),
        ),
      ),
    ),
    ...frontLabels(best, placed, plot),
  ];
  if (points.length === 0) {
    content.push(
      text('nothing to show', { x: plot.x + 8, y: plot.y + 16, fill: COLOR.muted, ...FONT }),
    );
  }
  const width = Math.max(plot.x + plot.width + MARGIN + 20, 2 * MARGIN + textWidth(title, TITLE));
  return document({ width, height: bottom + 36 + MARGIN, title }, content);
}

function axisTitle(label: string, axis: Axis): string {
  return axis.isLog ? `${label} (log scale)` : label;
}

function axisOf({ label, scale }: ScatterAxis, values: readonly number[]): Axis {
  if (!values.every(Number.isFinite))
    throw new RangeError(`${label} has a value that is no number`);
  const isPositive = values.every((value) => value > 0);
  if (scale === 'log' && !isPositive) throw new RangeError(`${label} has no logarithm everywhere`);
  const [least, most] = extent(values);
  const isWide = values.length > 0 && most >= 100 * least;
  if (isPositive && values.length > 0 && (scale === 'log' || (scale === undefined && isWide))) {
    return logAxis(values, 8);
  }
  return linearAxis(values.length === 0 ? [0, 1] : values, 6, false);
}

function grid(plot: Rect, xAxis: Axis, yAxis: Axis): string[] {
  const bottom = plot.y + plot.height;
  const right = plot.x + plot.width;
  const muted = { fill: COLOR.muted, ...SMALL };
  return [
    ...xAxis.ticks.flatMap((tick, i) => {
      const x = plot.x + xAxis.place(tick) * plot.width;
      return [
        element('line', { x1: x, y1: plot.y, x2: x, y2: bottom, stroke: COLOR.grid }),
        text(xAxis.labels[i] ?? '', { x, y: bottom + 16, anchor: 'middle', ...muted }),
      ];
    }),
    ...yAxis.ticks.flatMap((tick, i) => {
      const y = bottom - yAxis.place(tick) * plot.height;
      return [
        element('line', { x1: plot.x, y1: y, x2: right, y2: y, stroke: COLOR.grid }),
        text(yAxis.labels[i] ?? '', { x: plot.x - 6, y: y + 3.5, anchor: 'end', ...muted }),
      ];
    }),
    element('path', {
      d: `M${plot.x} ${plot.y}V${bottom}H${right}`,
      fill: 'none',
      stroke: COLOR.line,
    }),
  ];
}

/** The border of what the front beats: nothing lies below and to the left of it. */
function stairs(front: readonly { readonly cx: number; readonly cy: number }[]): string[] {
  const [first, ...rest] = front;
  if (first === undefined || rest.length === 0) return [];
  const steps = rest.map(({ cx, cy }) => `H${cx.toFixed(2)}V${cy.toFixed(2)}`).join('');
  return [
    element('path', {
      class: 'stairs',
      d: `M${first.cx.toFixed(2)} ${first.cy.toFixed(2)}${steps}`,
      fill: 'none',
      stroke: COLOR.accent,
      'stroke-width': 1.5,
      'stroke-dasharray': '5 3',
    }),
  ];
}

function legend(x: number, y: number, hasOthers: boolean): string[] {
  const muted = { fill: COLOR.muted, ...SMALL };
  const next = x + 12 + textWidth(LEGEND.front, SMALL) + 24;
  return [
    element('circle', { cx: x + 4, cy: y - 4, r: 4.5, fill: COLOR.accent, stroke: COLOR.ink }),
    text(LEGEND.front, { x: x + 14, y, ...muted }),
    ...(hasOthers
      ? [
          element('circle', { cx: next, cy: y - 4, r: 3, fill: COLOR.paper, stroke: COLOR.muted }),
          text(LEGEND.others, { x: next + 9, y, ...muted }),
        ]
      : []),
  ];
}

interface PlacedPoint extends ScatterPoint {
  readonly cx: number;
  readonly cy: number;
}

/** Labels of the front that find room beside their point without covering a point or a label. */
function frontLabels(
  front: readonly PlacedPoint[],
  all: readonly PlacedPoint[],
  plot: Rect,
): string[] {
  const taken: Rect[] = all.map(({ cx, cy }) => ({ x: cx - 4, y: cy - 4, width: 8, height: 8 }));
  const labels: string[] = [];
  for (const { cx, cy, label } of front) {
    const width = textWidth(label, SMALL);
    const places = [
      [cx + 7, cy - 5],
      [cx + 7, cy + 13],
      [cx - 7 - width, cy + 13],
      [cx - 7 - width, cy - 5],
      [cx - width / 2, cy - 9],
      [cx - width / 2, cy + 18],
    ] as const;
    for (const [x, y] of places) {
      const rect = { x, y: y - 9, width, height: 11 };
      if (!isInside(rect, plot) || taken.some((other) => overlaps(rect, other))) continue;
      taken.push(rect);
      labels.push(text(label, { x, y, halo: true, ...SMALL }));
      break;
    }
  }
  return labels;
}

function isInside(inner: Rect, outer: Rect): boolean {
  return (
    inner.x >= outer.x &&
    inner.y >= outer.y &&
    inner.x + inner.width <= outer.x + outer.width &&
    inner.y + inner.height <= outer.y + outer.height
  );
}

function overlaps(a: Rect, b: Rect): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}
