/** How figures go over the steps of a training, as SVG: panels one under the other. */
import { extent, linearAxis, logAxis, type Axis } from './axis.js';
import { legend } from './legend.js';
import {
  COLOR,
  coordinate,
  document,
  element,
  escapeXml,
  shortNumber,
  text,
  widestOf,
} from './svg.js';

export interface Point {
  readonly x: number;
  /** Finite. */
  readonly y: number;
}

export interface Curve {
  readonly label: string;
  /** By ascending `x`. */
  readonly points: readonly Point[];
  /** Behind the others, without a legend: what another curve smooths. */
  readonly faint?: boolean;
  /** A dot for each point. */
  readonly dots?: boolean;
}

export interface CurvePanel {
  readonly title: string;
  /** What is up the side. */
  readonly y: string;
  readonly curves: readonly Curve[];
  /** Values up the side; by default from the data, in decades where they span more than one and a half. */
  readonly range?: readonly [number, number];
}

interface CurveChart {
  readonly title: string;
  /** What is along the bottom of all panels. */
  readonly x: string;
  readonly panels: readonly CurvePanel[];
}

const PLOT = { width: 640, height: 220 };
const MARGIN = 16;
const FONT = { size: 11 };
const SMALL = { size: 10 };
const TITLE = { size: 14, bold: true };
/** Colour and dashes together tell curves apart, in grey too. */
const STROKES = [
  { color: COLOR.blue, dash: undefined },
  { color: COLOR.accent, dash: '6 3' },
  { color: COLOR.muted, dash: '2 3' },
  { color: COLOR.orange, dash: '9 3 2 3' },
] as const;
/** More points than this are thinned to the least and the most of each place. */
const MOST_POINTS = 1280;
const LOG_FROM = 30;

export function curveChart({ title, x, panels }: CurveChart): string {
  const side = extent(panels.map((panel) => sideWidth(panel)))[1];
  const left = MARGIN + 22 + side;
  const [, most] = extent([1, ...panels.flatMap(({ curves }) => curves.flatMap(lastX))]);
  const across = linearAxis([0, most], 8, true);
  let top = MARGIN;
  const content = panels.flatMap((panel) => {
    const drawn = drawPanel(panel, { left, top, across });
    top += drawn.height;
    return drawn.content;
  });
  content.push(text(x, { x: left + PLOT.width / 2, y: top + 4, anchor: 'middle', ...FONT }));
  return document({ width: left + PLOT.width + MARGIN + 8, height: top + MARGIN, title }, content);
}

function lastX({ points }: Curve): number[] {
  const last = points.at(-1);
  return last === undefined ? [] : [last.x];
}

function axisOf({ curves, range }: CurvePanel): Axis {
  const values = curves.flatMap(({ points }) => points.map(({ y }) => y));
  if (range !== undefined) return linearAxis(range, 5, false);
  if (values.length === 0) return linearAxis([0, 1], 5, true);
  const [least, most] = extent(values);
  return least > 0 && most / least > LOG_FROM
    ? logAxis([least, most], 6)
    : linearAxis([least, most], 5, least >= 0);
}

function sideWidth(panel: CurvePanel): number {
  return widestOf(axisOf(panel).labels, SMALL);
}

interface Place {
  readonly left: number;
  readonly top: number;
  readonly across: Axis;
}

function drawPanel(panel: CurvePanel, { left, top, across }: Place) {
  const up = axisOf(panel);
  const { curves } = panel;
  const shown = curves.filter(({ faint }) => faint !== true);
  const start = top + 46;
  const bottom = start + PLOT.height;
  const muted = { fill: COLOR.muted, ...SMALL };
  const at = ({ x, y }: Point): readonly [number, number] => [
    left + across.place(x) * PLOT.width,
    bottom - Math.min(1, Math.max(0, up.place(y))) * PLOT.height,
  ];
  const styleOf = (curve: Curve): (typeof STROKES)[number] => {
    const index = curve.faint === true ? 0 : shown.indexOf(curve);
    return STROKES[index % STROKES.length] ?? STROKES[0];
  };
  const content = [
    text(panel.title, { x: MARGIN, y: top + 12, ...TITLE }),
    ...legend(
      shown.map((curve) => ({ label: curve.label, ...styleOf(curve) })),
      left,
      top + 34,
    ),
    ...up.ticks.flatMap((tick, i) => {
      const y = bottom - up.place(tick) * PLOT.height;
      return [
        element('line', { x1: left, y1: y, x2: left + PLOT.width, y2: y, stroke: COLOR.grid }),
        text(up.labels[i] ?? '', { x: left - 6, y: y + 3.5, anchor: 'end', ...muted }),
      ];
    }),
    ...across.ticks.map((tick, i) =>
      text(across.labels[i] ?? '', {
        x: left + across.place(tick) * PLOT.width,
        y: bottom + 15,
        anchor: 'middle',
        ...muted,
      }),
    ),
    ...[...curves]
      .sort((a, b) => Number(b.faint === true) - Number(a.faint === true))
      .map((curve) => drawCurve(curve, styleOf(curve), at)),
    element('path', {
      d: `M${coordinate(left)} ${start}V${bottom}H${coordinate(left + PLOT.width)}`,
      fill: 'none',
      stroke: COLOR.line,
    }),
    element(
      'g',
      { transform: `rotate(-90 ${MARGIN + 9} ${start + PLOT.height / 2})` },
      text(panel.y, { x: MARGIN + 9, y: start + PLOT.height / 2, anchor: 'middle', ...FONT }),
    ),
  ];
  if (curves.every(({ points }) => points.length === 0)) {
    content.push(text('nothing to show yet', { x: left + 8, y: start + 16, ...muted }));
  }
  return { content, height: 46 + PLOT.height + 32 };
}

function drawCurve(
  curve: Curve,
  { color, dash }: (typeof STROKES)[number],
  at: (point: Point) => readonly [number, number],
): string {
  const points = thinned(curve.points);
  const path = points
    .map((point, i) => `${i === 0 ? 'M' : 'L'}${at(point).map(coordinate).join(' ')}`)
    .join('');
  const isFaint = curve.faint === true;
  const dots = curve.dots === true ? points : [];
  return element('g', { class: 'curve' }, [
    element('path', {
      d: path === '' ? 'M0 0' : path,
      fill: 'none',
      stroke: color,
      'stroke-width': isFaint ? 1 : 1.75,
      'stroke-opacity': isFaint ? '0.35' : undefined,
      'stroke-dasharray': isFaint ? undefined : dash,
    }),
    ...dots.map((point) => {
      const [cx, cy] = at(point);
      const said = `${curve.label} at ${point.x}: ${shortNumber(point.y)}`;
      return element('circle', { cx, cy, r: 3.5, fill: color, stroke: COLOR.paper }, [
        element('title', {}, escapeXml(said)),
      ]);
    }),
  ]);
}

/** Of each place the least and the most, in their order. */
function thinned(points: readonly Point[]): readonly Point[] {
  if (points.length <= MOST_POINTS) return points;
  const size = Math.ceil((2 * points.length) / MOST_POINTS);
  const kept: Point[] = [];
  for (let first = 0; first < points.length; first += size) {
    const part = points.slice(first, first + size);
    const least = part.reduce((a, b) => (b.y < a.y ? b : a));
    const most = part.reduce((a, b) => (b.y > a.y ? b : a));
    kept.push(...(least.x < most.x ? [least, most] : least === most ? [least] : [most, least]));
  }
  return kept;
}
