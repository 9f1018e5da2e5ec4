/**
 * The layout of a U: the encoder goes down on the left, the bottleneck lies at the foot, the decoder
 * goes up on the right, and what has one resolution lies at one height.
 */
import { layoutGroup, type Direction, type Gate, type GroupLayout, type Side } from './elk.js';
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
import {
  boxesOf,
  shapeText,
  type Diagram,
  type DiagramEdge,
  type DiagramGroup,
  type DiagramItem,
} from './model.js';

type Column = 'down' | 'foot' | 'up';

interface Unit {
  readonly item: DiagramItem;
  readonly column: Column;
  /** 0 for the highest resolution. */
  readonly level: number;
}

/** How an edge between two units goes. */
interface Link {
  readonly edge: DiagramEdge;
  readonly from: Unit;
  readonly to: Unit;
  readonly way:
    /** To the next unit of the column. */
    | 'chain'
    /** Around units of the column, on its outer side. */
    | 'side'
    /** From the encoder to the decoder. */
    | 'across'
    /** From the end of the encoder to the foot, and from the foot to the start of the decoder. */
    | 'turn'
    /** To and from the foot from anywhere else, beside it. */
    | 'beside';
  readonly leaves: Side;
  readonly enters: Side;
}

interface Plan {
  readonly columns: Readonly<Record<Column, readonly Unit[]>>;
  readonly links: readonly Link[];
}

const GAP = {
  /** Between rows of a column; a label fits. */
  units: 34,
  tracks: 14,
  /** Between the ports of one side. */
  ports: 14,
  border: 14,
};
/** Between a line and a box that it passes. */
const CLEARANCE = 4;
/** Between a vertical line and what is written beside it. */
const BESIDE = 5;
const ORDER: readonly Column[] = ['down', 'foot', 'up'];

export interface ULayout extends Layout {
  /** The diagram that was laid out. */
  readonly diagram: Diagram;
  /** Groups that are not drawn, because what is inside them makes the U. */
  readonly unframed: readonly DiagramGroup[];
}

/** The layout, or undefined where the diagram is no U. */
export async function layoutU(
  diagram: Diagram,
  sizes: ReadonlyMap<string, Size>,
): Promise<ULayout | undefined> {
  const unframed: DiagramGroup[] = [];
  let current = diagram;
  let plan = planU(current);
  while (plan === undefined) {
    const group = mostOf(current);
    if (group === undefined) return undefined;
    unframed.push(group);
    const items = current.items.flatMap((item) => (item === group ? group.items : [item]));
    current = { ...current, items };
    plan = planU(current);
  }
  const { columns, links } = plan;
  const high = withPorts(sizes, links);
  const shapes = new Map<Unit, UnitShape>();
  for (const unit of ORDER.flatMap((column) => columns[column])) {
    shapes.set(unit, await shapeOf(unit, links, current, high));
  }
  return { ...place(plan, shapes), diagram: current, unframed };
}

/** The group that holds more than half of all boxes. */
function mostOf({ items }: Diagram): DiagramGroup | undefined {
  const half = boxesOf(items).length / 2;
  return items
    .filter((item) => item.kind === 'group')
    .find((group) => boxesOf([group]).length > half);
}

// --- What is where in the U -----------------------------------------------------------------------

/** How many places an image has: the product of all extents but the channels. */
function area(item: DiagramItem): number {
  const shape = boxesOf([item]).at(-1)?.shape ?? [];
  return shape.slice(0, -1).reduce<number>((n, d) => n * (typeof d === 'number' ? d : 1), 1);
}

/**
 * A U has units of at least three resolutions, which only fall and then only rise in the order of
 * execution; it flows through the foot, and nothing leads from the decoder back.
 */
function planU({ items, edges }: Diagram): Plan | undefined {
  const levelOf = levels(items);
  const inner = items.filter(({ kind }) => kind !== 'input' && kind !== 'output');
  const order = inner.map(levelOf);
  const deepest = Math.max(...order);
  const first = order.indexOf(deepest);
  const last = order.lastIndexOf(deepest);
  const isDown = order.every((level, i) => i === 0 || i > first || level >= (order[i - 1] ?? 0));
  const isUp = order.every((level, i) => i <= last || level <= (order[i - 1] ?? 0));
  const isFlat = order.slice(first, last).every((level) => level === deepest);
  if (new Set(order).size < 3 || !isDown || !isUp || !isFlat) return undefined;
  if (first === 0 || last === order.length - 1) return undefined;

  const unit = (item: DiagramItem): Unit => {
    const i = inner.indexOf(item);
    const isFoot = i >= first && i <= last;
    const column =
      item.kind === 'input' ? 'down' : item.kind === 'output' ? 'up' : isFoot ? 'foot' : undefined;
    return { item, column: column ?? (i < first ? 'down' : 'up'), level: levelOf(item) };
  };
  const units = items.map(unit);
  const inColumn = (column: Column): Unit[] => units.filter((u) => u.column === column);
  const columns = {
    down: inColumn('down').sort((a, b) => a.level - b.level),
    foot: inColumn('foot'),
    up: inColumn('up').sort((a, b) => b.level - a.level),
  };
  if (columns.up[0]?.item.kind === 'output') return undefined;
  const links = linksOf(columns, edges);
  const turns = links?.filter(({ way }) => way === 'turn').length;
  return links === undefined || turns !== 2 ? undefined : { columns, links };
}

function levels(items: readonly DiagramItem[]): (item: DiagramItem) => number {
  const areas = [...new Set(items.map(area))].sort((a, b) => b - a);
  return (item) => areas.indexOf(area(item));
}

function linksOf(columns: Plan['columns'], edges: readonly DiagramEdge[]): Link[] | undefined {
  const owner = new Map<string, Unit>();
  for (const unit of ORDER.flatMap((column) => columns[column])) {
    for (const { id } of boxesOf([unit.item])) owner.set(id, unit);
  }
  const links: Link[] = [];
  const isUsed = new Set<string>();
  for (const edge of edges) {
    const from = owner.get(edge.from);
    const to = owner.get(edge.to);
    if (from === undefined || to === undefined) return undefined;
    if (from === to) continue;
    const key = `${from.item.id} ${to.item.id}`;
    const link = linkOf(columns, from, to, !isUsed.has(key));
    if (link === undefined) return undefined;
    isUsed.add(key);
    links.push({ edge, from, to, ...link });
  }
  return links;
}

function linkOf(
  columns: Plan['columns'],
  from: Unit,
  to: Unit,
  isFirst: boolean,
): Pick<Link, 'way' | 'leaves' | 'enters'> | undefined {
  const source = columns[from.column];
  const target = columns[to.column];
  if (from.column === to.column) {
    const steps = source.indexOf(to) - source.indexOf(from);
    if (steps < 1) return undefined;
    const isUp = from.column === 'up';
    if (steps === 1 && isFirst) {
      return isUp
        ? { way: 'chain', leaves: 'NORTH', enters: 'SOUTH' }
        : { way: 'chain', leaves: 'SOUTH', enters: 'NORTH' };
    }
    const side = from.column === 'down' ? 'WEST' : 'EAST';
    return { way: 'side', leaves: side, enters: side };
  }
  const isTurn = isFirst && from === source.at(-1) && to === target[0];
  if (from.column === 'down' && to.column === 'foot') {
    return isTurn
      ? { way: 'turn', leaves: 'SOUTH', enters: 'WEST' }
      : { way: 'beside', leaves: 'EAST', enters: 'WEST' };
  }
  if (from.column === 'foot' && to.column === 'up') {
    return isTurn
      ? { way: 'turn', leaves: 'EAST', enters: 'SOUTH' }
      : { way: 'beside', leaves: 'EAST', enters: 'WEST' };
  }
  return from.column === 'down' ? { way: 'across', leaves: 'EAST', enters: 'WEST' } : undefined;
}

// --- The shape of each unit -------------------------------------------------------------------------

interface UnitShape extends Size {
  /** Of a group: what is inside, relative to it. */
  readonly rects: ReadonlyMap<string, Rect>;
  readonly routes: readonly Route[];
  /** From the border to the box inside or back, in the direction of the flow, by gate. */
  readonly ways: ReadonlyMap<string, readonly Point[]>;
  /** The middle of the column, from the left. */
  readonly axis: number;
}

/** The name of the end of a link at a unit, which is the same for the same edge. */
function gateId({ edge }: Link, isEntry: boolean): string {
  return `${isEntry ? 'to' : 'from'} ${edge.from} ${edge.to} ${shapeText(edge.shape)}`;
}

/** The ends of links at a unit; those that go straight across come first at their side. */
function gatesOf(unit: Unit, links: readonly Link[]): (Gate & { readonly way: Link['way'] })[] {
  const distance = ({ from, to }: Link): number => Math.abs(from.level - to.level);
  return [...links]
    .sort((a, b) => distance(a) - distance(b))
    .flatMap((link) => {
      const { edge, from, to, way, leaves, enters } = link;
      const leaving = {
        id: gateId(link, false),
        box: edge.from,
        isEntry: false,
        side: leaves,
        way,
      };
      const entering = { id: gateId(link, true), box: edge.to, isEntry: true, side: enters, way };
      return [...(from === unit ? [leaving] : []), ...(to === unit ? [entering] : [])];
    });
}

async function shapeOf(
  unit: Unit,
  links: readonly Link[],
  diagram: Diagram,
  sizes: ReadonlyMap<string, Size>,
): Promise<UnitShape> {
  const gates = gatesOf(unit, links);
  const { item, column } = unit;
  if (item.kind !== 'group') {
    const size = sizeIn(sizes, item.id);
    const ways = gates.map((gate) => [gate.id, [portOf(size, gate, gates, column)]] as const);
    return { ...size, rects: new Map(), routes: [], ways: new Map(ways), axis: size.width / 2 };
  }
  const direction: Direction = column === 'up' ? 'UP' : 'DOWN';
  const layout = (routed: readonly Gate[]): Promise<GroupLayout> =>
    layoutGroup(item, diagram.edges, routed, sizes, direction);
  const isAside = ({ side }: Gate): boolean => side === 'EAST' || side === 'WEST';
  const aside = gates.filter(isAside);
  // A straight way out is best, but something may be in it.
  let inside = await layout(gates.filter((gate) => !isAside(gate)));
  let straight = straightWays(inside, aside, column);
  if (straight === undefined) [inside, straight] = [await layout(gates), new Map()];
  const ways = new Map([...inside.ways, ...straight]);
  const onAxis = gates.find((gate) => !isAside(gate));
  const way = onAxis && ways.get(onAxis.id);
  const axis = (onAxis?.isEntry === true ? way?.[0] : way?.at(-1))?.x ?? inside.width / 2;
  return { ...inside, ways, axis };
}

function sizeIn(sizes: ReadonlyMap<string, Size>, id: string): Size {
  return sizes.get(id) ?? { width: 0, height: 0 };
}

/** Ways from boxes of a group straight to its border, unless a box is in one. */
function straightWays(
  { rects, boxes, width }: GroupLayout,
  gates: readonly Gate[],
  column: Column,
): ReadonlyMap<string, readonly Point[]> | undefined {
  const ways = new Map<string, readonly Point[]>();
  for (const gate of gates) {
    const rect = rects.get(gate.box);
    if (rect === undefined) return undefined;
    const port = moved(portOf(rect, gate, gates, column), rect);
    const border = { x: gate.side === 'EAST' ? width : 0, y: port.y };
    const [left, right] = gate.side === 'EAST' ? [port.x, border.x] : [border.x, port.x];
    const isInTheWay = boxes.some((id) => {
      const other = rects.get(id);
      if (other === undefined || id === gate.box) return false;
      const isBeside = other.y - CLEARANCE < port.y && port.y < other.y + other.height + CLEARANCE;
      return isBeside && other.x < right && left < other.x + other.width;
    });
    if (isInTheWay) return undefined;
    ways.set(gate.id, gate.isEntry ? [border, port] : [port, border]);
  }
  return ways;
}

/** Sizes in which every box is high enough for the ports at its sides. */
function withPorts(
  sizes: ReadonlyMap<string, Size>,
  links: readonly Link[],
): ReadonlyMap<string, Size> {
  const counts = new Map<string, number>();
  for (const { edge, leaves, enters } of links) {
    for (const end of [`${edge.from} ${leaves}`, `${edge.to} ${enters}`]) {
      counts.set(end, (counts.get(end) ?? 0) + 1);
    }
  }
  return new Map(
    [...sizes].map(([id, { width, height }]) => {
      const ports = Math.max(counts.get(`${id} EAST`) ?? 0, counts.get(`${id} WEST`) ?? 0);
      return [id, { width, height: Math.max(height, GAP.ports * (2 * ports - 1) + 8) }];
    }),
  );
}

/**
 * Where a gate is at the border of its box, relative to it. The first at a side is in the middle;
 * more go down on the left of the U and up on its right.
 */
function portOf(
  { width, height }: Size,
  gate: Gate,
  gates: readonly Gate[],
  column: Column,
): Point {
  const { box, side } = gate;
  const index = gates.filter((g) => g.box === box && g.side === side).indexOf(gate);
  const y = height / 2 + (column === 'up' ? -1 : 1) * index * GAP.ports;
  // Alternately to the right and left of the middle.
  const x = width / 2 + (index % 2 === 0 ? -1 : 1) * Math.ceil(index / 2) * GAP.ports;
  switch (side) {
    case 'NORTH':
      return { x, y: 0 };
    case 'SOUTH':
      return { x, y: height };
    case 'WEST':
      return { x: 0, y };
    case 'EAST':
      return { x: width, y };
  }
}

// --- Where everything lies --------------------------------------------------------------------------

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
