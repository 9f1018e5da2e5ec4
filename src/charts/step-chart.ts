/** How a figure goes up and down from step to step, such as memory in use, as SVG. */
import { linearAxis } from './axis.js';
import { legend, type LegendEntry } from './legend.js';
import {
  COLOR,
  coordinate,
  document,
  element,
  escapeXml,
  shortNumber,
  text,
  textWidth,
  widestOf,
} from './svg.js';

export interface Step {
  /** Shown on pointing at it. */
  readonly label: string;
  /** Finite and not negative. */
  readonly value: number;
}

export interface StepSeries {
  /** In the legend, where there are several series. */
  readonly label: string;
  readonly steps: readonly Step[];
}

interface StepChart {
  readonly title: string;
  /** What is along the axes: `operators in order`, `MiB`. */
  readonly x: string;
  readonly y: string;
  /** One to three, the first of which is drawn as an area. */
  readonly series: readonly StepSeries[];
}

const PLOT = { width: 640, height: 240 };
const MARGIN = 16;
const FONT = { size: 11 };
const SMALL = { size: 10 };
const TITLE = { size: 14, bold: true };
const STROKES = [COLOR.blue, COLOR.accent, COLOR.muted] as const;
/** More would be narrower than a pixel: each of so many places shows the largest of its steps. */
const MOST_STEPS = 1280;

/** The first of the largest steps of each series is marked; throws where a value is negative or not finite. */
export function stepChart({ title, x, y, series }: StepChart): string {
  const wrong = series
    .flatMap(({ steps }) => steps)
    .find(({ value }) => !Number.isFinite(value) || value < 0);
  if (wrong !== undefined) throw new RangeError(`${wrong.label} has the value ${wrong.value}`);
  const values = series.flatMap(({ steps }) => steps.map(({ value }) => value));
  const yAxis = linearAxis(values.length === 0 ? [0, 1] : values, 5, true);
  const count = series.reduce((most, { steps }) => Math.max(most, steps.length), 1);
  const labelWidth = widestOf(yAxis.labels, SMALL);
  const hasLegend = series.length > 1;
  const plot = { x: MARGIN + 22 + labelWidth, y: MARGIN + (hasLegend ? 56 : 40), ...PLOT };
  const bottom = plot.y + plot.height;
  const place = (value: number): number => bottom - yAxis.place(value) * plot.height;
  const muted = { fill: COLOR.muted, ...SMALL };
  const content = [
    text(title, { x: MARGIN, y: MARGIN + 12, ...TITLE }),
    ...(hasLegend ? legend(series.map(entryOf), plot.x, MARGIN + 36) : []),
    ...yAxis.ticks.flatMap((tick, i) => [
      element('line', {
        x1: plot.x,
        y1: place(tick),
        x2: plot.x + plot.width,
        y2: place(tick),
        stroke: COLOR.grid,
      }),
      text(yAxis.labels[i] ?? '', {
        x: plot.x - 6,
        y: place(tick) + 3.5,
        anchor: 'end',
        ...muted,
      }),
    ]),
    ...stepTicks(count).map((step) =>
      text(String(step), {
        x: plot.x + ((step - 0.5) / count) * plot.width,
        y: bottom + 15,
        anchor: 'middle',
        ...muted,
      }),
    ),
    ...series.map(({ steps }, i) => line(thinned(steps), i, plot, bottom, place)),
    element('path', {
      d: `M${coordinate(plot.x)} ${plot.y}V${bottom}H${coordinate(plot.x + plot.width)}`,
      fill: 'none',
      stroke: COLOR.line,
    }),
    ...series.flatMap(({ steps }, i) => peak(steps, i, plot, place, y)),
    text(x, { x: plot.x + plot.width / 2, y: bottom + 32, anchor: 'middle', ...FONT }),
    element(
      'g',
      { transform: `rotate(-90 ${MARGIN + 9} ${plot.y + plot.height / 2})` },
      text(y, { x: MARGIN + 9, y: plot.y + plot.height / 2, anchor: 'middle', ...FONT }),
    ),
    // On top of all else, so that the whole height can be pointed at.
    ...(series[0] === undefined ? [] : targets(thinned(series[0].steps), plot, y)),
  ];
  if (values.length === 0) {
    content.push(text('nothing to show', { x: plot.x + 8, y: plot.y + 16, ...muted }));
  }
  const width = Math.max(plot.x + plot.width + MARGIN, 2 * MARGIN + textWidth(title, TITLE));
  return document({ width, height: bottom + 32 + MARGIN, title }, content);
}

/** Dashes tell lines apart in grey, too. */
function dashOf(index: number): string | undefined {
  return index === 0 ? undefined : '5 3';
}

function entryOf({ label }: StepSeries, index: number): LegendEntry {
  return { label, color: STROKES[index] ?? COLOR.muted, dash: dashOf(index) };
}

type Plot = { readonly x: number; readonly y: number } & typeof PLOT;

function thinned(steps: readonly Step[]): readonly Step[] {
  if (steps.length <= MOST_STEPS) return steps;
  const places: Step[] = [];
  steps.forEach((step, i) => {
    const at = Math.floor((i * MOST_STEPS) / steps.length);
    const before = places[at];
    if (before === undefined || step.value > before.value) places[at] = step;
  });
  return places;
}

/** Numbers of steps that get a mark: the first, and whole multiples of 1, 2 or 5 times a power of ten. */
function stepTicks(count: number): number[] {
  const { ticks } = linearAxis([0, count], 8, true);
  const whole = ticks.filter((tick) => Number.isInteger(tick) && tick > 1 && tick <= count);
  return [1, ...whole];
}

function line(
  steps: readonly Step[],
  index: number,
  plot: Plot,
  bottom: number,
  place: (value: number) => number,
): string {
  const width = plot.width / Math.max(1, steps.length);
  const corners = steps.map(
    ({ value }, i) =>
      `${i === 0 ? 'M' : 'H'}${coordinate(plot.x + i * width)}${i === 0 ? ' ' : 'V'}${coordinate(place(value))}`,
  );
  const top = `${corners.join('')}H${coordinate(plot.x + plot.width)}`;
  const stroke = STROKES[index] ?? COLOR.muted;
  const area = element('path', {
    class: 'area',
    d: `${top}V${bottom}H${coordinate(plot.x)}Z`,
    fill: stroke,
    'fill-opacity': '0.14',
  });
  return element('g', { class: 'series' }, [
    ...(index === 0 && steps.length > 0 ? [area] : []),
    element('path', {
      class: 'steps',
      d: steps.length === 0 ? 'M0 0' : top,
      fill: 'none',
      stroke,
      'stroke-width': 1.5,
      'stroke-dasharray': dashOf(index),
    }),
  ]);
}

/** Each step as tall as the plot, to point at. */
function targets(steps: readonly Step[], plot: Plot, unit: string): string[] {
  const width = plot.width / Math.max(1, steps.length);
  return steps.map(({ label, value }, i) =>
    element(
      'rect',
      {
        class: 'target',
        x: plot.x + i * width,
        y: plot.y,
        width,
        height: plot.height,
        fill: COLOR.blue,
        'fill-opacity': '0',
      },
      [element('title', {}, escapeXml(`${label}: ${shortNumber(value)} ${unit}`))],
    ),
  );
}

function peak(
  steps: readonly Step[],
  index: number,
  plot: Plot,
  place: (value: number) => number,
  unit: string,
): string[] {
  let at = 0;
  steps.forEach(({ value }, i) => {
    if (value > (steps[at]?.value ?? 0)) at = i;
  });
  const step = steps[at];
  if (step === undefined) return [];
  const cx = plot.x + ((at + 0.5) / steps.length) * plot.width;
  const cy = place(step.value);
  const said = `${shortNumber(step.value)} ${unit} at ${step.label}`;
  const room = textWidth(said, SMALL) / 2;
  const x = Math.min(Math.max(cx, plot.x + room), plot.x + plot.width - room);
  const color = STROKES[index] ?? COLOR.muted;
  return [
    element('circle', { class: 'peak', cx, cy, r: 4, fill: color, stroke: COLOR.paper }),
    // The second peak is written below its point, so that two of one height do not clash.
    text(said, {
      x,
      y: index === 0 ? cy - 9 : cy + 17,
      anchor: 'middle',
      halo: true,
      fill: color,
      ...SMALL,
    }),
  ];
}
