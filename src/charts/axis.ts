/** Axes of charts: which values get a mark, and where a value lies. */
import { shortNumber } from './svg.js';

export interface Axis {
  /** Values with a mark, ascending. */
  readonly ticks: readonly number[];
  /** What is written at a mark. */
  readonly labels: readonly string[];
  /** Where a value lies: from 0 at the start of the axis to 1 at its end. */
  readonly place: (value: number) => number;
  readonly isLog: boolean;
}

/** The least and the most of any number of values: more than a call can take as arguments. */
export function extent(values: readonly number[]): readonly [number, number] {
  let [least, most] = [Infinity, -Infinity];
  for (const value of values) {
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  return [least, most];
}

/** Steps of 1, 2 or 5 times a power of ten, about `count` of them in a range. */
function niceStep(range: number, count: number): number {
  const rough = range / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5, 10].find((f) => f * power >= rough * (1 - 1e-9)) ?? 10;
  return factor * power;
}

/** A linear axis that begins and ends on a mark and holds all values; from 0 where asked. */
export function linearAxis(values: readonly number[], count: number, fromZero: boolean): Axis {
  const [least, most] = extent(fromZero ? [...values, 0] : values);
  // One value alone has no range: give it room.
  const range = most - least || Math.abs(most) || 1;
  const step = niceStep(range, count);
  const first = Math.floor(least / step + 1e-9);
  const last = Math.max(first + 1, Math.ceil(most / step - 1e-9));
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => round((first + i) * step));
  return {
    ticks,
    labels: ticks.map(tickLabel),
    place: (value) => (value - first * step) / ((last - first) * step),
    isLog: false,
  };
}

/** A logarithmic axis over whole steps of 1, 2, 5, or of powers of ten where those are too many. */
export function logAxis(values: readonly number[], count: number): Axis {
  const [least, most] = extent(values);
  const decades = Math.log10(most / least);
  const factors = decades * 3 <= count ? [1, 2, 5] : [1];
  const every = Math.max(1, Math.ceil(decades / count));
  const marks: number[] = [];
  for (let power = Math.floor(Math.log10(least)); power <= Math.log10(most) + 1; power++) {
    if (factors.length > 1 || power % every === 0) {
      marks.push(...factors.map((factor) => round(factor * 10 ** power)));
    }
  }
  const start = marks.findLast((mark) => mark <= least) ?? 10 ** Math.floor(Math.log10(least));
  const end = marks.find((mark) => mark >= most && mark > start) ?? start * 10;
  const ticks = marks.filter((mark) => mark >= start && mark <= end);
  return {
    ticks,
    labels: ticks.map(tickLabel),
    place: (value) => Math.log(value / start) / Math.log(end / start),
    isLog: true,
  };
}

/** Multiples of a step without the dust of binary fractions. */
function round(value: number): number {
  return Number(value.toPrecision(12));
}

function tickLabel(value: number): string {
  // `2 M` rather than `2.00 M`.
  return shortNumber(value)
    .replace(/(\.\d*?)0+(?=\D|$)/, '$1')
    .replace(/\.(?=\D|$)/, '');
}
