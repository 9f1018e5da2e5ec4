/** What has changed from one graph to another: layers, costs, and weights that could be kept. */
import { formatAttribute } from './attributes.js';
import { activationCount } from './builder.js';
import type { Graph, Node, Value, Weight } from './ir.js';
import { operatorOf } from './ops/index.js';
import { formatShape, type Shape } from './shape.js';
import { formatLocation } from './source.js';
import type { ModelStats } from './stats.js';

/** One call of an operator, with all that its nodes say. */
export interface DiffLayer {
  /** `e2.sdblock.sepconv_1.dwconv` */
  readonly path: string;
  readonly op: string;
  /** As shown: `k` is `[3, 3]`. Weight standardisation is the attribute `ws`. */
  readonly attributes: Readonly<Record<string, string>>;
  /** Shapes of its operands, weights aside. */
  readonly input: string;
  /** Of its (first) result: `256×256×64`. */
  readonly output: string;
  readonly source: string;
  /** Where its tensors come from: paths of layers, names of inputs; none for a constant. */
  readonly inputs: readonly (string | undefined)[];
  /** Those that it is the first to use. */
  readonly weights: readonly DiffWeight[];
  readonly params: number;
  readonly macs: number;
}

export interface DiffWeight {
  readonly name: string;
  /** The last step of the name: `weight`, `bias`. */
  readonly slot: string;
  readonly shape: readonly number[];
  readonly trainable: boolean;
}

export interface Change {
  /** `operator`, `output`, `input` (shapes), `inputs` (where from), or an attribute's name. */
  readonly what: string;
  readonly before: string;
  readonly after: string;
}

export type LayerDiff =
  | { readonly kind: 'added'; readonly after: DiffLayer }
  | { readonly kind: 'removed'; readonly before: DiffLayer }
  | {
      /** Renamed: another path, and nothing else. */
      readonly kind: 'same' | 'renamed' | 'changed';
      readonly before: DiffLayer;
      readonly after: DiffLayer;
      readonly changes: readonly Change[];
    };

export interface WeightDiff {
  /** One name and one shape in both. */
  readonly kept: readonly WeightPair[];
  /** One shape, in layers that seem to be the same under another path. */
  readonly probable: readonly WeightPair[];
  /** One name, but another shape. */
  readonly reshaped: readonly WeightPair[];
  readonly added: readonly DiffWeight[];
  readonly removed: readonly DiffWeight[];
}

export interface WeightPair {
  readonly before: DiffWeight;
  readonly after: DiffWeight;
}

export interface ModelDiff {
  /** In the order of the second graph, what was removed where it stood. */
  readonly layers: readonly LayerDiff[];
  readonly weights: WeightDiff;
}

/** Compares two graphs whose sizes are numbers; `stats` are theirs. */
export function diffModels(
  before: { readonly graph: Graph; readonly stats: ModelStats },
  after: { readonly graph: Graph; readonly stats: ModelStats },
): ModelDiff {
  const a = layersOf(before.graph, before.stats);
  const b = layersOf(after.graph, after.stats);
  const pairs = new Map<DiffLayer, DiffLayer>();
  alignScopes(treeOf(a), treeOf(b), pairs);
  const entries = pairReplaced(inOrder(a, b, pairs));
  for (const { before: x, after: y } of entries) if (x && y) pairs.set(x, y);
  return { layers: describe(entries, pairs), weights: diffWeights(a, b, pairs) };
}

// --- Layers -------------------------------------------------------------------------------------

function layersOf(graph: Graph, stats: ModelStats): DiffLayer[] {
  const costs = new Map(stats.layers.map((layer) => [layer.path, layer]));
  const owned = new Set<Weight>();
  const nodes = new Map<string, Node[]>();
  for (const node of graph.nodes) {
    nodes.set(node.origin.path, [...(nodes.get(node.origin.path) ?? []), node]);
  }
  return [...nodes].flatMap(([path, group]) => {
    // What the compiler has added to a call does not name it.
    const main = group.find(({ op }) => !operatorOf(op).traits.includes('internal')) ?? group[0];
    if (main === undefined) return [];
    const weights = group.flatMap(({ operands }) =>
      operands.flatMap(({ definition }) => {
        if (definition.kind !== 'weight' || owned.has(definition.weight)) return [];
        owned.add(definition.weight);
        return [weightOf(definition.weight)];
      }),
    );
    const operands = main.operands.slice(0, activationCount(main.op, main.operands.length));
    const { params = 0, macs = 0 } = costs.get(path) ?? {};
    return [
      {
        path,
        op: main.op,
        attributes: Object.fromEntries(
          Object.entries(main.attributes).map(([name, value]) => [name, formatAttribute(value)]),
        ),
        input: operands.map(({ type }) => showShape(type.shape)).join(', '),
        output: showShape(main.results[0]?.type.shape ?? []),
        source: formatLocation(main.origin.span),
        inputs: operands.map(nameOf),
        weights,
        params,
        macs,
      },
    ];
  });
}

function weightOf({ name, shape, trainable }: Weight): DiffWeight {
  return { name, slot: name.slice(name.lastIndexOf('.') + 1), shape, trainable };
}

function nameOf({ definition }: Value): string | undefined {
  if (definition.kind === 'result') return definition.node.origin.path;
  return definition.kind === 'input' ? definition.name : undefined;
}

function showShape(shape: Shape): string {
  return shape.length === 0 ? 'scalar' : formatShape(shape).slice(1, -1).replaceAll(', ', '×');
}

// --- Which layer has become which ---------------------------------------------------------------

type Pairs = Map<DiffLayer, DiffLayer>;

/** A step of the paths, with what stands under it. */
interface Tree {
  readonly label: string;
  /** The layer whose path ends here. */
  layer: DiffLayer | undefined;
  readonly children: Map<string, Tree>;
  /** All at and under it, in order. */
  readonly layers: DiffLayer[];
}

function treeOf(layers: readonly DiffLayer[]): Tree {
  const make = (label: string): Tree => ({
    label,
    layer: undefined,
    children: new Map(),
    layers: [],
  });
  const root = make('');
  for (const layer of layers) {
    let tree = root;
    tree.layers.push(layer);
    for (const step of layer.path.split('.')) {
      const child = tree.children.get(step) ?? make(step);
      tree.children.set(step, child);
      child.layers.push(layer);
      tree = child;
    }
    tree.layer = layer;
  }
  return root;
}

/** Pairs the layers of two scopes that stand for each other. */
function alignScopes(a: Tree, b: Tree, pairs: Pairs): void {
  if (a.layer?.op === b.layer?.op) pair(a.layer, b.layer, pairs);
  const restA = new Set(a.children.values());
  const restB = new Set(b.children.values());
  const settle = (x: Tree, y: Tree): void => {
    restA.delete(x);
    restB.delete(y);
    alignScopes(x, y, pairs);
  };
  // Numbers tell siblings apart as long as there are as many: with one more or fewer they shift.
  const namesakes = groupBy([...restB], baseName);
  for (const [base, group] of groupBy([...restA], baseName)) {
    const others = namesakes.get(base) ?? [];
    const isSame = group.length === others.length && group.every((x) => b.children.has(x.label));
    const found = isSame
      ? group.map((x) => [x, b.children.get(x.label)] as const)
      : align(group, others, likeness, contentOf);
    for (const [x, y] of found) if (y !== undefined) settle(x, y);
  }
  // A block or binding under another name, with nearly the same in it.
  for (const [x, y] of align([...restA], [...restB], renaming, contentOf)) settle(x, y);
  // What is left, layer by layer: at the top, where bindings differ, only what has the same weights.
  const left = (rest: Set<Tree>): DiffLayer[] => [...rest].flatMap((tree) => tree.layers);
  const score = a.label === '' ? sameWeights : sameOperator;
  for (const [x, y] of align(left(restA), left(restB), score, signatureOf)) pair(x, y, pairs);
}

function pair(x: DiffLayer | undefined, y: DiffLayer | undefined, pairs: Pairs): void {
  if (x !== undefined && y !== undefined) pairs.set(x, y);
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

/** A label without the number that tells siblings apart. */
function baseName({ label }: Tree): string {
  return label.replace(/_\d+$/, '');
}

const signatures = new WeakMap<DiffLayer, string>();

/** Equal for layers that differ in their place alone. */
function signatureOf(layer: DiffLayer): string {
  let signature = signatures.get(layer);
  if (signature === undefined) {
    const { op, attributes, output, weights } = layer;
    signature = JSON.stringify([op, attributes, output, weights.map((w) => [w.slot, w.shape])]);
    signatures.set(layer, signature);
  }
  return signature;
}

/** Equal for scopes with the same layers in them. */
function contentOf({ layers }: Tree): string {
  return layers.map(signatureOf).join();
}

/** How many layers two scopes have in common, in any order. */
function overlap(a: Tree, b: Tree, keyOf: (layer: DiffLayer) => string): number {
  const counts = new Map<string, number>();
  for (const layer of a.layers) counts.set(keyOf(layer), (counts.get(keyOf(layer)) ?? 0) + 1);
  let shared = 0;
  for (const layer of b.layers) {
    const key = keyOf(layer);
    const left = counts.get(key) ?? 0;
    if (left === 0) continue;
    counts.set(key, left - 1);
    shared++;
  }
  return shared;
}

/** For scopes of one name: layers that are the same count most, then those of one operator. */
function likeness(a: Tree, b: Tree): number {
  const shared = 3 * overlap(a, b, signatureOf) + overlap(a, b, (layer) => layer.op);
  return shared === 0 ? 0 : shared + (a.label === b.label ? 0.1 : 0);
}

/** Of the layers of scopes with different names, so many have to be the same. */
const RENAMED = 0.8;

function renaming(a: Tree, b: Tree): number {
  const shared = overlap(a, b, signatureOf);
  return shared >= RENAMED * Math.max(a.layers.length, b.layers.length) ? shared : 0;
}

function sameOperator(a: DiffLayer, b: DiffLayer): number {
  if (a.op !== b.op) return 0;
  if (signatureOf(a) === signatureOf(b)) return 4;
  return 1 + Number(a.output === b.output) + Number(weightShapes(a) === weightShapes(b));
}

function sameWeights(a: DiffLayer, b: DiffLayer): number {
  const fits = a.op === b.op && a.weights.length > 0 && weightShapes(a) === weightShapes(b);
  return fits ? 1 + Number(a.output === b.output) : 0;
}

function weightShapes({ weights }: DiffLayer): string {
  return JSON.stringify(weights.map((w) => [w.slot, w.shape]));
}

/** Cells of the table that an alignment may fill; longer sequences are aligned by their ends alone. */
const MAX_CELLS = 1_000_000;

type Score<T> = (a: T, b: T) => number;

/**
 * Pairs items in order so that the sum of the scores is largest (Needleman & Wunsch 1970, without a
 * price for gaps); a score of 0 forbids a pair. Of equal sums the one that pairs earlier items.
 * Items with one key at both ends of the sequences are paired in any case.
 */
function align<T>(
  as: readonly T[],
  bs: readonly T[],
  score: Score<T>,
  keyOf: (item: T) => string,
): (readonly [T, T])[] {
  const isSame: Score<T> = (a, b) => (keyOf(a) === keyOf(b) ? score(a, b) : 0);
  const { front, back } = endsOf(as, bs, isSame);
  const innerA = as.slice(front.length, as.length - back.length);
  const innerB = bs.slice(front.length, bs.length - back.length);
  if (innerA.length * innerB.length <= MAX_CELLS) {
    return [...front, ...alignAll(innerA, innerB, score), ...back];
  }
  const inner = endsOf(innerA, innerB, score);
  return [...front, ...inner.front, ...inner.back, ...back];
}

function alignAll<T>(as: readonly T[], bs: readonly T[], score: Score<T>): (readonly [T, T])[] {
  const [n, m] = [as.length, bs.length];
  const width = m + 1;
  // best[i·width + j] is the largest sum for the items from i and j on.
  const best = new Float64Array((n + 1) * width);
  const scores = new Float64Array(n * m);
  const at = (i: number, j: number): number => best[i * width + j] ?? 0;
  for (let i = n - 1; i >= 0; i--) {
    for (let j = m - 1; j >= 0; j--) {
      const [a, b] = [as[i], bs[j]];
      const own = a === undefined || b === undefined ? 0 : score(a, b);
      scores[i * m + j] = own;
      const paired = own > 0 ? own + at(i + 1, j + 1) : 0;
      best[i * width + j] = Math.max(paired, at(i + 1, j), at(i, j + 1));
    }
  }
  const found: (readonly [T, T])[] = [];
  for (let i = 0, j = 0; i < n && j < m;) {
    const own = scores[i * m + j] ?? 0;
    const [a, b] = [as[i], bs[j]];
    if (own > 0 && a !== undefined && b !== undefined && at(i, j) === own + at(i + 1, j + 1)) {
      found.push([a, b]);
      i++;
      j++;
    } else if (at(i, j) === at(i + 1, j)) i++;
    else j++;
  }
  return found;
}

/** Pairs from the front, and then from the back, as long as the score allows. */
function endsOf<T>(
  as: readonly T[],
  bs: readonly T[],
  score: Score<T>,
): { readonly front: (readonly [T, T])[]; readonly back: (readonly [T, T])[] } {
  const fits = (i: number, j: number): readonly [T, T] | undefined => {
    const [a, b] = [as[i], bs[j]];
    return a !== undefined && b !== undefined && score(a, b) > 0 ? [a, b] : undefined;
  };
  const shorter = Math.min(as.length, bs.length);
  const front: (readonly [T, T])[] = [];
  while (front.length < shorter) {
    const next = fits(front.length, front.length);
    if (next === undefined) break;
    front.push(next);
  }
  const back: (readonly [T, T])[] = [];
  while (front.length + back.length < shorter) {
    const next = fits(as.length - 1 - back.length, bs.length - 1 - back.length);
    if (next === undefined) break;
    back.push(next);
  }
  return { front, back: back.reverse() };
}

// --- What became of each layer ------------------------------------------------------------------

/** A layer of the first graph, of the second, or of both. */
interface Entry {
  readonly before: DiffLayer | undefined;
  readonly after: DiffLayer | undefined;
}

/** In the order of the second graph; what is gone stands where it was. */
function inOrder(a: readonly DiffLayer[], b: readonly DiffLayer[], pairs: Pairs): Entry[] {
  const origin = new Map([...pairs].map(([x, y]) => [y, x]));
  const places = new Map(a.map((layer, i) => [layer, i]));
  const entries: Entry[] = [];
  let next = 0;
  const removedUntil = (end: number): void => {
    for (; next < end; next++) {
      const before = a[next];
      if (before !== undefined && !pairs.has(before)) entries.push({ before, after: undefined });
    }
  };
  for (const after of b) {
    const before = origin.get(after);
    if (before !== undefined) removedUntil(places.get(before) ?? 0);
    entries.push({ before, after });
  }
  removedUntil(a.length);
  return entries;
}

/** Takes a layer for the successor of one that stood in its place, with another operator. */
function pairReplaced(entries: readonly Entry[]): Entry[] {
  const result: Entry[] = [];
  let run: Entry[] = [];
  const flush = (): void => {
    const removed = run.flatMap(({ before }) => before ?? []);
    const added = run.flatMap(({ after }) => after ?? []);
    const replaced = new Map(
      align(
        removed,
        added,
        (x, y) => Number(parentOf(x.path) === parentOf(y.path) && x.output === y.output),
        ({ path }) => path,
      ),
    );
    const successors = new Map([...replaced].map(([x, y]) => [y, x]));
    for (const { before, after } of run) {
      if (after !== undefined) result.push({ before: successors.get(after), after });
      else if (before !== undefined && !replaced.has(before)) result.push({ before, after });
    }
    run = [];
  };
  for (const entry of entries) {
    if (entry.before === undefined || entry.after === undefined) {
      run.push(entry);
      continue;
    }
    flush();
    result.push(entry);
  }
  flush();
  return result;
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('.')));
}

function describe(entries: readonly Entry[], pairs: Pairs): LayerDiff[] {
  const became = new Map([...pairs].map(([x, y]) => [x.path, y.path]));
  const known = new Set(became.values());
  return entries.flatMap(({ before, after }): LayerDiff[] => {
    if (before === undefined || after === undefined) {
      if (after !== undefined) return [{ kind: 'added', after }];
      return before === undefined ? [] : [{ kind: 'removed', before }];
    }
    const changes = changesOf(before, after, became, known);
    const kind = changes.length > 0 ? 'changed' : before.path === after.path ? 'same' : 'renamed';
    return [{ kind, before, after, changes }];
  });
}

function changesOf(
  before: DiffLayer,
  after: DiffLayer,
  became: ReadonlyMap<string, string>,
  known: ReadonlySet<string>,
): Change[] {
  const changes: Change[] = [];
  const note = (what: string, x: string, y: string): void => {
    if (x !== y) changes.push({ what, before: x, after: y });
  };
  note('operator', before.op, after.op);
  if (before.op === after.op) {
    for (const [name, value] of Object.entries(after.attributes)) {
      note(name, before.attributes[name] ?? 'none', value);
    }
  }
  note('output', before.output, after.output);
  // What an operator hands through says nothing new.
  if (before.output === after.output) note('input', before.input, after.input);
  if (isRewired(before, after, became, known)) {
    const show = ({ inputs }: DiffLayer): string => inputs.map((x) => x ?? 'a constant').join(', ');
    note('inputs', show(before), show(after));
  }
  return changes;
}

/** Whether it reads other layers than before; one that was put in between or taken out is no other. */
function isRewired(
  before: DiffLayer,
  after: DiffLayer,
  became: ReadonlyMap<string, string>,
  known: ReadonlySet<string>,
): boolean {
  if (before.inputs.length !== after.inputs.length) return true;
  return before.inputs.some((from, i) => {
    const expected = from === undefined ? undefined : became.get(from);
    const found = after.inputs[i];
    return expected !== undefined && found !== undefined && known.has(found) && expected !== found;
  });
}

// --- Weights ------------------------------------------------------------------------------------

function diffWeights(a: readonly DiffLayer[], b: readonly DiffLayer[], pairs: Pairs): WeightDiff {
  const before = new Map(a.flatMap(({ weights }) => weights.map((w) => [w.name, w] as const)));
  const kept: WeightPair[] = [];
  const reshaped: WeightPair[] = [];
  const added = new Map<string, DiffWeight>();
  for (const after of b.flatMap(({ weights }) => weights)) {
    const own = before.get(after.name);
    if (own === undefined) {
      added.set(after.name, after);
      continue;
    }
    before.delete(after.name);
    (isSameShape(own, after) ? kept : reshaped).push({ before: own, after });
  }
  const probable: WeightPair[] = [];
  for (const [x, y] of pairs) {
    for (const after of y.weights) {
      const own = x.weights.find((w) => w.slot === after.slot);
      if (own === undefined || !before.has(own.name) || !added.has(after.name)) continue;
      if (!isSameShape(own, after)) continue;
      before.delete(own.name);
      added.delete(after.name);
      probable.push({ before: own, after });
    }
  }
  return { kept, probable, reshaped, added: [...added.values()], removed: [...before.values()] };
}

function isSameShape(a: DiffWeight, b: DiffWeight): boolean {
  return a.shape.join() === b.shape.join();
}
