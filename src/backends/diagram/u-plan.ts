/** What makes a diagram a U: which parts go down, lie at the foot and go up, and how edges run. */
import type { Side } from './elk.js';
import {
  boxesOf,
  type Diagram,
  type DiagramEdge,
  type DiagramGroup,
  type DiagramItem,
} from './model.js';

export type Column = 'down' | 'foot' | 'up';

export interface Unit {
  readonly item: DiagramItem;
  readonly column: Column;
  /** 0 for the highest resolution. */
  readonly level: number;
}

/** How an edge between two units goes. */
export interface Link {
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

export interface Plan {
  readonly columns: Readonly<Record<Column, readonly Unit[]>>;
  readonly links: readonly Link[];
}

export const ORDER: readonly Column[] = ['down', 'foot', 'up'];

export interface PlannedU {
  readonly plan: Plan;
  /** With the items of unframed groups among its own. */
  readonly diagram: Diagram;
  /** Groups that are not drawn, because what is inside them makes the U. */
  readonly unframed: readonly DiagramGroup[];
}

/** The plan, or undefined where the diagram is no U, nor the largest group in it. */
export function planU(diagram: Diagram): PlannedU | undefined {
  const unframed: DiagramGroup[] = [];
  let current = diagram;
  for (;;) {
    const plan = planItems(current);
    if (plan !== undefined) return { plan, diagram: current, unframed };
    const group = mostOf(current);
    if (group === undefined) return undefined;
    unframed.push(group);
    const items = current.items.flatMap((item) => (item === group ? group.items : [item]));
    current = { ...current, items };
  }
}

/** The group that holds more than half of all boxes. */
function mostOf({ items }: Diagram): DiagramGroup | undefined {
  const half = boxesOf(items).length / 2;
  return items
    .filter((item) => item.kind === 'group')
    .find((group) => boxesOf([group]).length > half);
}

/** How many places an image has: the product of all extents but the channels. */
function area(item: DiagramItem): number {
  const shape = boxesOf([item]).at(-1)?.shape ?? [];
  return shape.slice(0, -1).reduce<number>((n, d) => n * (typeof d === 'number' ? d : 1), 1);
}

/**
 * A U has units of at least three resolutions, which only fall and then only rise in the order of
 * execution; it flows through the foot, and nothing leads from the decoder back.
 */
function planItems({ items, edges }: Diagram): Plan | undefined {
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
