/** Layered layout (Sugiyama et al. 1981) of boxes in boxes, by the Eclipse Layout Kernel. */
import type { ElkExtendedEdge, ElkNode, ElkPort } from 'elkjs/lib/elk.bundled.js';
import {
  fromOrigin,
  GROUP_HEADER,
  groupWidth,
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

export type Direction = 'DOWN' | 'UP';
export type Side = 'NORTH' | 'SOUTH' | 'EAST' | 'WEST';

const GAP = { boxes: 22, layers: 8, edges: 10 };

/** Groups need them too: each is laid out as a graph of its own. */
function options(direction: Direction): Record<string, string> {
  return {
    'elk.algorithm': 'layered',
    'elk.direction': direction,
    'elk.hierarchyHandling': 'INCLUDE_CHILDREN',
    'elk.edgeRouting': 'ORTHOGONAL',
    'elk.json.edgeCoords': 'ROOT',
    'elk.json.shapeCoords': 'ROOT',
    'elk.spacing.nodeNode': String(GAP.boxes),
    'elk.spacing.edgeNode': String(GAP.edges),
    'elk.spacing.edgeEdge': String(GAP.edges),
    'elk.spacing.edgeLabel': '4',
    // The right one, whichever way it goes.
    'elk.layered.edgeLabels.sideSelection': 'ALWAYS_UP',
    'elk.layered.spacing.nodeNodeBetweenLayers': String(GAP.layers),
    'elk.layered.spacing.edgeNodeBetweenLayers': String(GAP.edges),
    'elk.layered.spacing.edgeEdgeBetweenLayers': String(GAP.edges),
    'elk.layered.nodePlacement.strategy': 'BRANDES_KOEPF',
    'elk.layered.nodePlacement.bk.edgeStraightening': 'IMPROVE_STRAIGHTNESS',
    'elk.layered.nodePlacement.bk.fixedAlignment': 'BALANCED',
    'elk.randomSeed': '1',
  };
}

/** The whole diagram, from top to bottom. */
export async function layoutLayered(
  diagram: Diagram,
  sizes: ReadonlyMap<string, Size>,
): Promise<Layout> {
  const edges = diagram.edges.map((edge, i) => labelledEdge(`e${i}`, edge));
  const root = await run({
    id: 'root',
    children: diagram.items.map((item) => nodeOf(item, sizes, 'DOWN')),
    edges,
    layoutOptions: options('DOWN'),
  });
  const rects = rectsOf(root.children ?? []);
  return fromOrigin(rects, routesOf(diagram.edges, root));
}

/** Where a value enters or leaves a group. */
export interface Gate {
  /** Unique among the gates of a group. */
  readonly id: string;
  /** The box inside. */
  readonly box: string;
  readonly isEntry: boolean;
  readonly side: Side;
}

export interface GroupLayout extends Size {
  /** The boxes inside, by id. */
  readonly boxes: readonly string[];
  /** Of the groups and boxes inside, relative to the group. */
  readonly rects: ReadonlyMap<string, Rect>;
  readonly routes: readonly Route[];
  /** The way of each gate between the border and the box inside, in the direction of the flow. */
  readonly ways: ReadonlyMap<string, readonly Point[]>;
}

/** The inside of one group, with gates in its border. */
export async function layoutGroup(
  group: DiagramGroup,
  edges: readonly DiagramEdge[],
  gates: readonly Gate[],
  sizes: ReadonlyMap<string, Size>,
  direction: Direction,
): Promise<GroupLayout> {
  const inside = new Set(boxesOf(group.items).map(({ id }) => id));
  const own = edges.filter(({ from, to }) => inside.has(from) && inside.has(to));
  const node = nodeOf(group, sizes, direction);
  const ports = gates.map(({ id, side }): ElkPort => ({
    id,
    width: 0,
    height: 0,
    layoutOptions: { 'elk.port.side': side },
  }));
  const root = await run({
    id: 'root',
    children: [
      {
        ...node,
        ports,
        layoutOptions: { ...node.layoutOptions, 'elk.portConstraints': 'FIXED_SIDE' },
      },
    ],
    edges: [
      ...own.map((edge, i) => labelledEdge(`e${i}`, edge)),
      ...gates.map(({ id, box, isEntry }) => ({
        id: `way ${id}`,
        sources: [isEntry ? id : box],
        targets: [isEntry ? box : id],
      })),
    ],
    layoutOptions: options(direction),
  });
  const rects = new Map(rectsOf(root.children ?? []));
  const border = rects.get(group.id);
  if (border === undefined) throw new Error(`no layout for ${group.path}`);
  rects.delete(group.id);
  const back = { x: -border.x, y: -border.y };
  const ways = gates.map(({ id }) => {
    const found = root.edges?.find((edge) => edge.id === `way ${id}`);
    const points = found === undefined ? [] : pointsOf(found);
    return [id, points.map((point) => moved(point, back))] as const;
  });
  return {
    width: border.width,
    height: border.height,
    boxes: [...inside],
    rects: new Map([...rects].map(([id, rect]) => [id, moved(rect, back)])),
    routes: routesOf(own, root, back),
    ways: new Map(ways),
  };
}

/** Loaded here, because it is large and only pictures need it. */
async function run(graph: ElkNode): Promise<ElkNode> {
  // A CommonJS module, whose `default` is what it exports.
  const { default: elk } = await import('elkjs/lib/elk.bundled.js');
  return new elk.default().layout(graph);
}

function nodeOf(
  item: DiagramItem,
  sizes: ReadonlyMap<string, Size>,
  direction: Direction,
): ElkNode {
  if (item.kind !== 'group') return { id: item.id, ...sizes.get(item.id) };
  return {
    id: item.id,
    children: item.items.map((inner) => nodeOf(inner, sizes, direction)),
    layoutOptions: {
      ...options(direction),
      'elk.padding': `[top=${GROUP_HEADER + 4},left=12,bottom=12,right=12]`,
      'elk.nodeSize.constraints': 'MINIMUM_SIZE',
      // Inside, the layout goes to the right and is turned at the end: height first, and centring
      // across what is the flow then.
      'elk.nodeSize.minimum': `(${GROUP_HEADER},${groupWidth(item.label)})`,
      'elk.contentAlignment': '[V_CENTER, H_LEFT]',
    },
  };
}

function labelledEdge(id: string, edge: DiagramEdge): ElkExtendedEdge {
  return {
    id,
    sources: [edge.from],
    targets: [edge.to],
    labels: [
      {
        id: `${id} label`,
        text: shapeText(edge.shape),
        ...labelSize(edge),
        layoutOptions: { 'elk.edgeLabels.placement': 'CENTER' },
      },
    ],
  };
}

function rectsOf(nodes: readonly ElkNode[]): ReadonlyMap<string, Rect> {
  return new Map(
    nodes.flatMap(({ id, x = 0, y = 0, width = 0, height = 0, children = [] }) => [
      [id, { x, y, width, height }] as const,
      ...rectsOf(children),
    ]),
  );
}

/** The routes of edges that were given to the layout by `labelledEdge` with the id `e` and their index. */
function routesOf(
  edges: readonly DiagramEdge[],
  root: ElkNode,
  by: Point = { x: 0, y: 0 },
): Route[] {
  const placed = new Map((root.edges ?? []).map((edge) => [edge.id, edge]));
  return edges.map((edge, i) => {
    const found = placed.get(`e${i}`);
    if (found === undefined) throw new Error(`no layout for the edge to ${edge.to}`);
    const [{ x = 0, y = 0 } = {}] = found.labels ?? [];
    return {
      edge,
      points: pointsOf(found).map((point) => moved(point, by)),
      label: moved({ ...labelSize(edge), x, y }, by),
    };
  });
}

function pointsOf({ sections = [] }: ElkExtendedEdge): Point[] {
  return straighten(
    sections.flatMap(({ startPoint, bendPoints = [], endPoint }) =>
      [startPoint, ...bendPoints, endPoint].map(({ x, y }) => ({ x, y })),
    ),
  );
}
