/** Each part of a U by itself: its size, what is inside it, and where edges leave and enter it. */
import { layoutGroup, type Direction, type Gate, type GroupLayout } from './elk.js';
import { moved, type Point, type Rect, type Route, type Size } from './layout.js';
import { shapeText, type Diagram } from './model.js';
import { ORDER, type Column, type Link, type Plan, type Unit } from './u-plan.js';

/** Between the ports of one side. */
const PORT_GAP = 14;
/** Between a line and a box that it passes. */
const CLEARANCE = 4;

export interface UnitShape extends Size {
  /** Of a group: what is inside, relative to it. */
  readonly rects: ReadonlyMap<string, Rect>;
  readonly routes: readonly Route[];
  /** From the border to the box inside or back, in the direction of the flow, by gate. */
  readonly ways: ReadonlyMap<string, readonly Point[]>;
  /** The middle of the column, from the left. */
  readonly axis: number;
}

/** The name of the end of a link at a unit, which is the same for the same edge. */
export function gateId({ edge }: Link, isEntry: boolean): string {
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

/** The shapes of all units, from the encoder to the decoder. */
export async function shapesOf(
  { columns, links }: Plan,
  diagram: Diagram,
  sizes: ReadonlyMap<string, Size>,
): Promise<ReadonlyMap<Unit, UnitShape>> {
  const high = withPorts(sizes, links);
  const shapes = new Map<Unit, UnitShape>();
  for (const unit of ORDER.flatMap((column) => columns[column])) {
    shapes.set(unit, await shapeOf(unit, links, diagram, high));
  }
  return shapes;
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
      return [id, { width, height: Math.max(height, PORT_GAP * (2 * ports - 1) + 8) }];
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
  const y = height / 2 + (column === 'up' ? -1 : 1) * index * PORT_GAP;
  // Alternately to the right and left of the middle.
  const x = width / 2 + (index % 2 === 0 ? -1 : 1) * Math.ceil(index / 2) * PORT_GAP;
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
