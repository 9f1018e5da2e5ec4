/** Which line is which. */
import { COLOR, element, text, textWidth } from './svg.js';

export interface LegendEntry {
  readonly label: string;
  readonly color: string;
  readonly dash: string | undefined;
}

const FONT = { size: 10 };
const LINE = 24;

/** In one row from `x` on, on the baseline `y`. */
export function legend(entries: readonly LegendEntry[], x: number, y: number): string[] {
  let next = x;
  return entries.flatMap(({ label, color, dash }) => {
    const at = next;
    next += LINE + 6 + textWidth(label, FONT) + LINE;
    return [
      element('line', {
        x1: at,
        y1: y - 3.5,
        x2: at + LINE,
        y2: y - 3.5,
        stroke: color,
        'stroke-width': 2,
        'stroke-dasharray': dash,
      }),
      text(label, { x: at + LINE + 6, y, fill: COLOR.muted, ...FONT }),
    ];
  });
}
