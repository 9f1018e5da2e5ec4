/** What a picture of a graph shows, as plain data: boxes, their nesting, and what flows between. */
import { formatAttribute, writtenAttributes } from '../../compiler/attributes.js';
import {
  inputName,
  type Attribute,
  type BlockInfo,
  type Graph,
  type Node,
  type Scope,
  type Value,
} from '../../compiler/ir.js';
import { operatorOf } from '../../compiler/ops/index.js';
import { runPasses } from '../../compiler/passes/index.js';
import { formatShape, isStatic, type Shape } from '../../compiler/shape.js';
import { addFigures, type Figures, type ModelStats } from '../../compiler/stats.js';

/** An input, an output, one call of an operator, or a block or binding whose inside is not shown. */
export interface DiagramBox {
  readonly kind: 'input' | 'output' | 'operator' | 'block';
  /** Unique in its diagram, of letters and digits. */
  readonly id: string;
  /** `e2.sdblock`; of an input or output its name. */
  readonly path: string;
  /** The steps of the path below the group around the box. */
  readonly label: string;
  /** What is inside, `maxpool · sdblock`, or the attributes of an operator; may be empty. */
  readonly detail: string;
  /** What the source says of it; may be empty. */
  readonly doc: string;
  readonly figures: Figures;
  /** Of its (last) result. */
  readonly shape: Shape;
}

/** A block or binding whose inside is shown. */
export interface DiagramGroup {
  readonly kind: 'group';
  readonly id: string;
  readonly path: string;
  readonly label: string;
  readonly doc: string;
  readonly figures: Figures;
  /** In order of execution. */
  readonly items: readonly DiagramItem[];
}

export type DiagramItem = DiagramBox | DiagramGroup;

/** Values that go from one box to another. */
export interface DiagramEdge {
  readonly from: string;
  readonly to: string;
  readonly shape: Shape;
  /** Whether there is a longer way from `from` to `to`, which this one passes by. */
  readonly isSkip: boolean;
}

export interface Diagram {
  /** The model's name. */
  readonly name: string;
  readonly doc: string;
  readonly figures: Figures;
  /** To how many steps of their paths blocks are opened. */
  readonly depth: number;
  /** Inputs, then what computes in order of execution, then outputs. */
  readonly items: readonly DiagramItem[];
  readonly edges: readonly DiagramEdge[];
}

/** A picture of fewer boxes says too little, one of more too much, where the depth is free. */
const USUAL_BOXES = { min: 6, max: 60 };
/** Nor does a picture say enough in which one block hides more than this part of the MACs. */
const HIDDEN_SHARE = 0.9;

/**
 * The picture of a graph whose sizes are numbers, with its figures (`stats` of the same graph).
 * Blocks are opened to `depth` steps of their paths (1 or more), as rows are by `archc stats
 * --depth`: 1 shows a box for each binding of the model. Without a depth it is the least that makes
 * six boxes, none with nearly all MACs inside, unless that makes more than sixty. A block with one
 * part only is merged with it.
 *
 * `identity` is not shown, nor is what no output depends on; dropout is, without a cost.
 */
export function buildDiagram(graph: Graph, stats: ModelStats, depth?: number): Diagram {
  const live = runPasses({ graph, weights: undefined }, ['dead-code']).graph;
  const shown = live.nodes.filter((node) => node.op !== 'identity');
  const root = scopeTree(shown, stats);
  const opened = depth ?? usualDepth(root, stats);
  const numbering = { boxes: 0, groups: 0 };
  const boxOfValue = new Map<Value, string>();
  const boxId = (): string => `n${numbering.boxes++}`;

  const inputs = live.inputs.map((value): DiagramBox => {
    const id = boxId();
    boxOfValue.set(value, id);
    const doc = value.definition.kind === 'input' ? value.definition.doc : '';
    return endpoint('input', id, inputName(value), doc, value.type.shape);
  });
  const inner = itemsOf(root, opened, {
    boxId,
    groupId: () => `g${numbering.groups++}`,
    onBox: (id, nodes) => {
      for (const node of nodes) for (const value of node.results) boxOfValue.set(value, id);
    },
  });
  const outputs = live.outputs.map(({ name, doc, value }) => ({
    box: endpoint('output', boxId(), name, doc, value.type.shape),
    value,
  }));
  const source = sourceOf(live);
  const flows: Flow[] = [
    ...shown.flatMap(({ operands, results: [result] }) =>
      operands.map((value) => ({ value: source(value), to: result && boxOfValue.get(result) })),
    ),
    ...outputs.map(({ box, value }) => ({ value: source(value), to: box.id })),
  ];
  return {
    name: graph.name,
    doc: graph.doc,
    figures: figuresOnly(stats),
    depth: opened,
    items: [...inputs, ...inner, ...outputs.map(({ box }) => box)],
    edges: edgesOf(flows, boxOfValue),
  };
}

/** Every box of a picture, in order, those in groups included. */
export function boxesOf(items: readonly DiagramItem[]): DiagramBox[] {
  return items.flatMap((item) => (item.kind === 'group' ? boxesOf(item.items) : [item]));
}

/** `256×256×64` */
export function shapeText(shape: Shape): string {
  return isStatic(shape) ? shape.join('×') || 'scalar' : formatShape(shape);
}

function endpoint(
  kind: 'input' | 'output',
  id: string,
  name: string,
  doc: string,
  shape: Shape,
): DiagramBox {
  return { kind, id, path: name, label: name, detail: '', doc, figures: NOTHING, shape };
}

const NOTHING: Figures = { params: 0, buffers: 0, macs: 0, flops: 0 };

function figuresOnly({ params, buffers, macs, flops }: Figures): Figures {
  return { params, buffers, macs, flops };
}

// --- The tree of instance paths -----------------------------------------------------------------

interface ScopeNode {
  readonly path: string;
  /** The last step of the path, with its number. */
  readonly label: string;
  /** What is called there, without a number; empty for an operator, which has no scope of its own. */
  readonly name: string;
  readonly block: BlockInfo | undefined;
  readonly doc: string;
  /** At this very path. */
  readonly own: Node[];
  readonly children: Map<string, ScopeNode>;
  figures: Figures;
}

function scopeNode(path: string, label: string, scope: Scope | undefined): ScopeNode {
  return {
    path,
    label,
    name: scope?.name ?? '',
    block: scope?.block,
    doc: scope?.doc ?? scope?.block?.doc ?? '',
    own: [],
    children: new Map(),
    figures: NOTHING,
  };
}

function scopeTree(nodes: readonly Node[], { layers }: ModelStats): ScopeNode {
  const root = scopeNode('', '', undefined);
  const leaves = new Map<string, readonly ScopeNode[]>();
  for (const node of nodes) {
    const { path, scope } = node.origin;
    const way = leaves.get(path) ?? wayTo(root, path, scope);
    leaves.set(path, way);
    way.at(-1)?.own.push(node);
  }
  for (const layer of layers) {
    for (const step of leaves.get(layer.path) ?? []) {
      step.figures = addFigures(step.figures, layer);
    }
  }
  return root;
}

/** The nodes of the tree from below the root to a path, made where they are missing. */
function wayTo(root: ScopeNode, path: string, innermost: Scope): ScopeNode[] {
  const scopes: Scope[] = [];
  // The outermost stands for the model.
  for (let s = innermost; s.parent !== undefined; s = s.parent) scopes.unshift(s);
  const way: ScopeNode[] = [];
  let at = root;
  for (const [i, label] of path.split('.').entries()) {
    const next =
      at.children.get(label) ??
      scopeNode(at.path === '' ? label : `${at.path}.${label}`, label, scopes[i]);
    at.children.set(label, next);
    way.push(next);
    at = next;
  }
  return way;
}

function nodesBelow({ own, children }: ScopeNode): Node[] {
  return [...own, ...[...children.values()].flatMap(nodesBelow)];
}

/** Whether a scope is a box where so many steps are opened, its own included. */
function isBox({ own, children }: ScopeNode, depth: number): boolean {
  return depth <= 1 || own.length > 0 || children.size === 0;
}

function boxesAt(scope: ScopeNode, depth: number): ScopeNode[] {
  return [...scope.children.values()].flatMap((child) =>
    isBox(child, depth) ? [child] : boxesAt(child, depth - 1),
  );
}

function heightOf({ children }: ScopeNode): number {
  return Math.max(0, ...[...children.values()].map((child) => 1 + heightOf(child)));
}

function usualDepth(root: ScopeNode, { macs }: Figures): number {
  const height = heightOf(root);
  const hidesMost = ({ children, figures }: ScopeNode): boolean =>
    children.size > 0 && figures.macs > HIDDEN_SHARE * macs;
  let depth = 1;
  let boxes = boxesAt(root, depth);
  while (depth < height && (boxes.length < USUAL_BOXES.min || boxes.some(hidesMost))) {
    const next = boxesAt(root, depth + 1);
    if (next.length > USUAL_BOXES.max && boxes.length > 1) break;
    depth++;
    boxes = next;
  }
  return depth;
}

interface ItemMaker {
  readonly boxId: () => string;
  readonly groupId: () => string;
  readonly onBox: (id: string, nodes: readonly Node[]) => void;
}

function itemsOf(parent: ScopeNode, depth: number, maker: ItemMaker): DiagramItem[] {
  return [...parent.children.values()].map((scope): DiagramItem => {
    if (isBox(scope, depth)) return boxOf(scope, maker);
    const items = itemsOf(scope, depth - 1, maker);
    const [only] = items;
    if (only !== undefined && items.length === 1) {
      return { ...only, label: `${scope.label}.${only.label}`, doc: scope.doc || only.doc };
    }
    const { path, label, doc, figures } = scope;
    return { kind: 'group', id: maker.groupId(), path, label, doc, figures, items };
  });
}

function boxOf(scope: ScopeNode, { boxId, onBox }: ItemMaker): DiagramBox {
  const { path, label, doc, figures, children } = scope;
  const id = boxId();
  const nodes = nodesBelow(scope);
  onBox(id, nodes);
  const shape = nodes.findLast(isCall)?.results[0]?.type.shape ?? [];
  const isOperator = children.size === 0;
  const detail = isOperator ? attributesText(scope.own) : contents(scope);
  return { kind: isOperator ? 'operator' : 'block', id, path, label, detail, doc, figures, shape };
}

/** Not something that the compiler has added to a call. */
function isCall(node: Node): boolean {
  return !operatorOf(node.op).traits.includes('internal');
}

/** `filters = 64, k = 1`: what is not as by default; one number where all of a list are the same. */
function attributesText(nodes: readonly Node[]): string {
  const node = nodes.find(isCall);
  if (node === undefined) return '';
  return writtenAttributes(operatorOf(node.op), node.attributes)
    .map(([name, attribute]) => `${name} = ${shortAttribute(attribute)}`)
    .join(', ');
}

function shortAttribute(attribute: Attribute): string {
  const items = Array.isArray(attribute) ? attribute.map(formatAttribute) : [];
  const [first] = items;
  const isUniform = first !== undefined && items.every((item) => item === first);
  return isUniform ? first : formatAttribute(attribute);
}

/** Of a long list the begin says enough. */
const MAX_PARTS = { all: 8, shown: 6 };

/** `maxpool · sdblock ×2 · dropout`; of a block with one part only, that part's too. */
function contents({ children }: ScopeNode): string {
  const parts = [...children.values()].map(({ name, own }) => own.find(isCall)?.op ?? name);
  const runs: { name: string; count: number }[] = [];
  for (const name of parts) {
    const last = runs.at(-1);
    if (last?.name === name) last.count++;
    else runs.push({ name, count: 1 });
  }
  const listed = runs.length > MAX_PARTS.all ? runs.slice(0, MAX_PARTS.shown) : runs;
  const names = listed.map(({ name, count }) => (count === 1 ? name : `${name} ×${count}`));
  const list = [...names, ...(listed === runs ? [] : [`… ${parts.length} in all`])].join(' · ');
  const [only] = children.values();
  if (only === undefined || children.size > 1 || only.children.size === 0) return list;
  return `${list}: ${contents(only)}`;
}

// --- What flows -----------------------------------------------------------------------------------

/** The value that an `identity` passes on. */
function sourceOf({ nodes }: Graph): (value: Value) => Value {
  const passedOn = new Map<Value, Value>();
  const source = (value: Value): Value => passedOn.get(value) ?? value;
  for (const { op, operands, results } of nodes) {
    const [operand] = operands;
    const [result] = results;
    if (op === 'identity' && operand !== undefined && result !== undefined) {
      passedOn.set(result, source(operand));
    }
  }
  return source;
}

interface Flow {
  readonly value: Value;
  readonly to: string | undefined;
}

/** One edge for all values of one shape between two boxes. */
function edgesOf(flows: readonly Flow[], boxOf: ReadonlyMap<Value, string>): DiagramEdge[] {
  const edges = new Map<string, Omit<DiagramEdge, 'isSkip'>>();
  for (const { value, to } of flows) {
    const from = boxOf.get(value);
    if (from === undefined || to === undefined || from === to) continue;
    const { shape } = value.type;
    const key = `${from} ${to} ${shapeText(shape)}`;
    if (!edges.has(key)) edges.set(key, { from, to, shape });
  }
  const after = new Map<string, Set<string>>();
  for (const { from, to } of edges.values()) {
    const next = after.get(from) ?? new Set<string>();
    after.set(from, next.add(to));
  }
  return [...edges.values()].map((edge) => ({ ...edge, isSkip: hasLongerWay(edge, after) }));
}

function hasLongerWay(
  { from, to }: { readonly from: string; readonly to: string },
  after: ReadonlyMap<string, ReadonlySet<string>>,
): boolean {
  const open = [...(after.get(from) ?? [])].filter((next) => next !== to);
  const seen = new Set([from, ...open]);
  for (let box = open.pop(); box !== undefined; box = open.pop()) {
    for (const next of after.get(box) ?? []) {
      if (next === to) return true;
      if (!seen.has(next)) open.push(next);
      seen.add(next);
    }
  }
  return false;
}
