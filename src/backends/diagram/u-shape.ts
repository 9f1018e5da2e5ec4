/**
 * The layout of a U: the encoder goes down on the left, the bottleneck lies at the foot, the decoder
 * goes up on the right, and what has one resolution lies at one height.
 */
import {
  fromOrigin,
  LABEL_HEIGHT,
  labelSize,
  moved,
  straighten,
  type Layout,
  type Point,
  type Rect,
  type Route,
  type Size,
} from './layout.js';
import type { Diagram } from './model.js';
import { planU, type Column, type Link, type Plan, type PlannedU, type Unit } from './u-plan.js';
import { gateId, shapesOf, type UnitShape } from './u-units.js';

const GAP = {
  /** Between rows of a column; a label fits. */
  units: 34,
  tracks: 14,
  border: 14,
};
/** Between a vertical line and what is written beside it. */
const BESIDE = 5;

type ULayout = Layout & Pick<PlannedU, 'diagram' | 'unframed'>;

/** The layout, or undefined where the diagram is no U. */
export async function layoutU(
  diagram: Diagram,
  sizes: ReadonlyMap<string, Size>,
): Promise<ULayout | undefined> {
  const planned = planU(diagram);
  if (planned === undefined) return undefined;
  const { plan, diagram: drawn, unframed } = planned;
  return { ...place(plan, await shapesOf(plan, drawn, sizes)), diagram: drawn, unframed };
}

type Shapes = ReadonlyMap<Unit, UnitShape>;

function shapeIn(shapes: Shapes, unit: Unit): UnitShape {
  const shape = shapes.get(unit);
  if (shape === undefined) throw new Error(`no shape for ${unit.item.path}`);
  return shape;
}

/** Where a link begins or ends at the border of its unit, relative to it. */
function portAt(shapes: Shapes, link: Link, isEntry: boolean): Point {
  const way = shapeIn(shapes, isEntry ? link.to : link.from).ways.get(gateId(link, isEntry));
  return (isEntry ? way?.[0] : way?.at(-1)) ?? { x: 0, y: 0 };
}

function place(plan: Plan, shapes: Shapes): Layout {
  const tops = rowTops(plan, shapes);
  const extent = (column: Column): { readonly left: number; readonly right: number } => {
    const all = plan.columns[column].map((unit) => shapeIn(shapes, unit));
    return {
      left: Math.max(0, ...all.map(({ axis }) => axis)),
      right: Math.max(0, ...all.map(({ axis, width }) => width - axis)),
    };
  };
  const [down, up] = [extent('down'), extent('up')];
  const across = plan.links.filter(({ way }) => way === 'across');
  const bent = across.filter((link) => {
    const y = (isEntry: boolean): number =>
      (tops.get(isEntry ? link.to : link.from) ?? 0) + portAt(shapes, link, isEntry).y;
    return Math.abs(y(false) - y(true)) >= 0.5;
  });
  const beside = plan.links.filter(({ way }) => way === 'beside');
  const labelled = [...across, ...beside];
  const labels = Math.max(0, ...labelled.map(({ edge }) => labelSize(edge).width));
  const footWidth = Math.max(...plan.columns.foot.map((unit) => shapeIn(shapes, unit).width));
  const aroundFoot = plan.links
    .filter(({ way, from }) => way === 'beside' || (way === 'side' && from.column === 'foot'))
    .reduce((sum, link) => sum + laneWidth(link), 0);
  const footRoom = footWidth + 4 * GAP.border + 2 * aroundFoot;
  const channel = Math.max(
    labels * (beside.length > 0 ? 2 : 1) + 2 * GAP.border + GAP.tracks * (bent.length + 1),
    // Lines beside the foot go up between the columns, which otherwise may stand above it.
    beside.length > 0 ? footRoom : footRoom - down.right - up.left,
  );
  const downAxis = down.left;
  const upAxis = down.left + down.right + channel + up.left;
  const footAxis =
    beside.length > 0 ? downAxis + down.right + channel / 2 : (downAxis + upAxis) / 2;
  const axes = { down: downAxis, foot: footAxis, up: upAxis };
  const rects = new Map<string, Rect>();
  const routes: Route[] = [];
  const corner = new Map<Unit, Point>();
  for (const [unit, shape] of shapes) {
    const { width, height, axis } = shape;
    const middle = unit.column === 'foot' ? width / 2 : axis;
    const at = { x: axes[unit.column] - middle, y: tops.get(unit) ?? 0 };
    corner.set(unit, at);
    rects.set(unit.item.id, { ...at, width, height });
    for (const [id, rect] of shape.rects) rects.set(id, moved(rect, at));
    for (const { edge, points, label } of shape.routes) {
      routes.push({ edge, points: points.map((p) => moved(p, at)), label: moved(label, at) });
    }
  }
  const borders = {
    hasRoom: bent.length === 0 && beside.length === 0,
    west: downAxis - down.left,
    channel: downAxis + down.right,
    east: upAxis + up.right,
    foot: { left: footAxis - footWidth / 2, right: footAxis + footWidth / 2 },
  };
  const tracks = tracksOf(plan.links, bent, borders, labels, tops);
  /** Where lines leave or enter the sides of units, and so cross the tracks beside them. */
  const crossings = plan.links
    .filter(({ way }) => way === 'side')
    .flatMap((link) =>
      ([false, true] as const).map((isEntry) => {
        const at = corner.get(isEntry ? link.to : link.from);
        return (at?.y ?? 0) + portAt(shapes, link, isEntry).y;
      }),
    );
  for (const link of plan.links) {
    const ends = ([false, true] as const).map((isEntry) => {
      const unit = isEntry ? link.to : link.from;
      const at = corner.get(unit) ?? { x: 0, y: 0 };
      const way = shapeIn(shapes, unit).ways.get(gateId(link, isEntry)) ?? [];
      return way.map((point) => moved(point, at));
    });
    const [start = [], end = []] = ends;
    const outside = pathOf(link, start.at(-1) ?? { x: 0, y: 0 }, end[0] ?? { x: 0, y: 0 }, tracks);
    routes.push({
      edge: link.edge,
      points: straighten([...start, ...outside, ...end]),
      label: labelOf(link, outside, borders, crossings),
    });
  }
  return fromOrigin(rects, routes);
}

/** The upper border of each unit: rows by level, so aligned that skips are straight. */
function rowTops({ columns, links }: Plan, shapes: Shapes): ReadonlyMap<Unit, number> {
  const tops = new Map<Unit, number>();
  const stack = (units: readonly Unit[]): { tops: ReadonlyMap<Unit, number>; height: number } => {
    const placed = new Map<Unit, number>();
    let y = 0;
    for (const unit of units) {
      placed.set(unit, y);
      y += shapeIn(shapes, unit).height + GAP.units;
    }
    return { tops: placed, height: Math.max(0, y - GAP.units) };
  };
  const all = [...columns.down, ...columns.up];
  let [leftEnd, rightEnd] = [-GAP.units, -GAP.units];
  for (const level of [...new Set(all.map((unit) => unit.level))].sort((a, b) => a - b)) {
    const left = stack(columns.down.filter((unit) => unit.level === level));
    const right = stack(columns.up.filter((unit) => unit.level === level).reverse());
    const skip = links.find(
      ({ way, from, to }) => way === 'across' && from.level === level && to.level === level,
    );
    const portY = (link: Link, isEntry: boolean): number =>
      ((isEntry ? right.tops.get(link.to) : left.tops.get(link.from)) ?? 0) +
      portAt(shapes, link, isEntry).y;
    /** How much lower the right stack begins. */
    const shift =
      skip === undefined ? left.height - right.height : portY(skip, false) - portY(skip, true);
    const begin = Math.max(leftEnd + GAP.units, rightEnd + GAP.units - shift);
    for (const [unit, y] of left.tops) tops.set(unit, begin + y);
    for (const [unit, y] of right.tops) tops.set(unit, begin + shift + y);
    if (left.tops.size > 0) leftEnd = begin + left.height;
    if (right.tops.size > 0) rightEnd = begin + shift + right.height;
  }
  let top = Math.max(leftEnd, rightEnd) + GAP.units;
  for (const unit of columns.foot) {
    tops.set(unit, top);
    top += shapeIn(shapes, unit).height + GAP.units;
  }
  return tops;
}

interface Borders {
  /** Whether nothing but straight skips lies between encoder and decoder. */
  readonly hasRoom: boolean;
  /** The left border of the encoder. */
  readonly west: number;
  /** The right border of the encoder. */
  readonly channel: number;
  /** The right border of the decoder. */
  readonly east: number;
  readonly foot: { readonly left: number; readonly right: number };
}

/** How far from the vertical part of a link the next one may be: its label lies between them. */
function laneWidth({ edge, way }: Link): number {
  return way === 'side' ? labelSize(edge).width + 2 * BESIDE : GAP.tracks;
}

/** Where the vertical part of a link lies that needs one. */
function tracksOf(
  links: readonly Link[],
  bent: readonly Link[],
  borders: Borders,
  labels: number,
  tops: ReadonlyMap<Unit, number>,
): ReadonlyMap<Link, number> {
  const tracks = new Map<Link, number>();
  const span = ({ from, to }: Link): number =>
    Math.abs((tops.get(from) ?? 0) - (tops.get(to) ?? 0));
  const aside = (column: Column): Link[] =>
    links
      .filter(({ way, from }) => way === 'side' && from.column === column)
      .sort((a, b) => span(a) - span(b));
  const away = (i: number): number => GAP.border + i * GAP.tracks;
  /** Each with its label between it and the next. */
  const outwards = (side: readonly Link[], border: number, direction: 1 | -1): void => {
    let distance = GAP.border;
    for (const link of side) {
      tracks.set(link, border + direction * distance);
      distance += laneWidth(link);
    }
  };
  outwards(aside('down'), borders.west, -1);
  outwards(aside('up'), borders.east, 1);
  const { left, right } = borders.foot;
  const isBeside = ({ way }: Link): boolean => way === 'beside';
  links
    .filter((link) => isBeside(link) && link.to.column === 'foot')
    .forEach((link, i) => tracks.set(link, left - away(i)));
  const fromFoot = links.filter((link) => isBeside(link) && link.from.column === 'foot');
  outwards([...aside('foot'), ...fromFoot], right, 1);
  bent.forEach((link, i) => tracks.set(link, borders.channel + labels + GAP.border + away(i)));
  return tracks;
}

/** The corners of a link between two ports, both included. */
function pathOf(link: Link, a: Point, b: Point, tracks: ReadonlyMap<Link, number>): Point[] {
  const { way, leaves } = link;
  switch (way) {
    case 'chain': {
      const middle = (a.y + b.y) / 2;
      return straighten([a, { x: a.x, y: middle }, { x: b.x, y: middle }, b]);
    }
    case 'turn':
      return straighten([a, leaves === 'SOUTH' ? { x: a.x, y: b.y } : { x: b.x, y: a.y }, b]);
    case 'side':
    case 'beside':
    case 'across': {
      const x = tracks.get(link);
      // What has no track is straight.
      return x === undefined
        ? [a, { x: b.x, y: a.y }]
        : straighten([a, { x, y: a.y }, { x, y: b.y }, b]);
    }
  }
}

/** Above a horizontal part, or right of a vertical one. */
function labelOf(
  { edge, way, from }: Link,
  path: readonly Point[],
  borders: Borders,
  crossings: readonly number[],
): Rect {
  const { width, height } = labelSize(edge);
  const [a = { x: 0, y: 0 }, b = a] = path;
  const end = path.at(-1) ?? b;
  const above = LABEL_HEIGHT + 1;
  const besideOf = (p: Point, q: Point): Rect => ({
    x: p.x + BESIDE,
    y: (p.y + q.y - height) / 2,
    width,
    height,
  });
  switch (way) {
    case 'chain':
      // Where the line has a bend, that is in the middle: clear of it.
      return besideOf({ x: Math.max(a.x, end.x), y: a.y }, end);
    case 'turn':
      // Between the rows, clear of the foot.
      return from.column === 'down'
        ? besideOf(a, { x: a.x, y: a.y + GAP.units })
        : besideOf(end, { x: end.x, y: end.y + GAP.units });
    case 'across':
      return borders.hasRoom
        ? { x: (borders.channel + end.x - width) / 2, y: a.y - above, width, height }
        : { x: borders.channel + GAP.border, y: a.y - above, width, height };
    case 'beside':
      return from.column === 'down'
        ? { x: borders.channel + GAP.border, y: a.y - above, width, height }
        : { x: end.x - GAP.border - width, y: end.y - above, width, height };
    case 'side': {
      const c = path[2] ?? end;
      const rect = besideOf(b, c);
      const x = from.column === 'down' ? b.x - BESIDE - width : rect.x;
      return { ...rect, x, y: clearOf(crossings, rect, Math.abs(c.y - b.y)) };
    }
  }
}

/** The upper border nearest to that of a label beside a line of a length, at which no line crosses it. */
function clearOf(crossings: readonly number[], { y, height }: Rect, length: number): number {
  const isFree = (top: number): boolean =>
    crossings.every((at) => at < top - 1 || at > top + height + 1);
  for (let off = 0; off <= (length - height) / 2; off += 2) {
    if (isFree(y - off)) return y - off;
    if (isFree(y + off)) return y + off;
  }
  return y;
}
