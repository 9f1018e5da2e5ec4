/** The order of a graph's nodes in which its activations need the least memory. */
import type { Graph, Node, Value } from './ir.js';
import { activationMemory, bytesOf, type ActivationMemory } from './memory.js';
import { inRunningParts } from './body.js';
import { lowestPeak, type Held, type Ordered, type Part, type Task } from './peak-search.js';

export interface BestOrder {
  /** The graph's, each after the nodes that it reads. */
  readonly nodes: readonly Node[];
  /** Whether no order has a lower peak; else it is the best that was found. */
  readonly isOptimal: boolean;
  /** Bytes that every order needs at some moment: the peak, where `isOptimal`. */
  readonly lowerBound: number;
}

export interface BestMemory extends ActivationMemory {
  readonly isOptimal: boolean;
  readonly lowerBound: number;
}

/** Steps for one graph, about a second together, beside those linear in its size. */
const SEARCH_STEPS = 4_000_000;
const BEAM_STEPS = 8_000_000;

/** The activations of a graph whose nodes, or their parts, run in the best order that `bestOrder` finds. */
export function bestMemory(graph: Graph): BestMemory {
  const running = inRunningParts(graph);
  const { nodes, isOptimal, lowerBound } = bestOrder(running);
  return { ...activationMemory({ ...running, nodes }), isOptimal, lowerBound };
}

/**
 * An order of the nodes whose peak of activations (as `activationMemory` counts them) is as low as
 * can be, or as a bounded search finds it: never above that of the given order. The graph is cut
 * where every order passes, before and after nodes that all others lead to or come from; what lies
 * between two cuts is searched by itself. The same graph gives the same order.
 */
export function bestOrder(graph: Graph): BestOrder {
  const problem = problemOf(graph);
  const parts = partsOf(problem);
  const budgets = { search: { steps: SEARCH_STEPS }, beam: { steps: BEAM_STEPS } };
  let floor = Math.max(problem.inputBytes, ...parts.map(({ floor: own }) => own));
  let peak = floor;
  let lowerBound = floor;
  const found = parts.map(({ part, first }): Ordered & { readonly first: number } => {
    const best = lowestPeak(part, floor, budgets);
    peak = Math.max(peak, best.peak);
    lowerBound = Math.max(lowerBound, best.lowerBound);
    // What one part needs in any case, another may use.
    floor = Math.max(floor, best.lowerBound);
    return { ...best, first };
  });
  const order = found.flatMap(({ order: own, first }) => own.map((task) => first + task));
  return {
    nodes: withWeightNodes(
      graph,
      order.map((task) => nodeAt(problem, task)),
    ),
    isOptimal: peak === lowerBound,
    lowerBound,
  };
}

/** Nodes that make activations, and the tensors between them. */
interface Problem {
  readonly nodes: readonly Node[];
  readonly tensors: readonly Tensor[];
  /** Per node, the tensors that it reads. */
  readonly reads: readonly (readonly number[])[];
  /** Per node, the nodes whose results it reads. */
  readonly before: readonly (readonly number[])[];
  readonly inputBytes: number;
}

interface Tensor {
  readonly bytes: number;
  /** The node that makes it; -1 for an input. */
  readonly maker: number;
  readonly readers: readonly number[];
  readonly isOutput: boolean;
}

function problemOf(graph: Graph): Problem {
  const nodes = graph.nodes.filter(makesActivations);
  const outputs = new Set(graph.outputs.map(({ value }) => value));
  const index = new Map<Value, number>();
  const tensors: (Tensor & { readonly readers: number[] })[] = [];
  const add = (value: Value, maker: number): void => {
    index.set(value, tensors.length);
    tensors.push({ bytes: bytesOf(value), maker, readers: [], isOutput: outputs.has(value) });
  };
  for (const value of graph.inputs) add(value, -1);
  const inputBytes = tensors.reduce((sum, { bytes }) => sum + bytes, 0);
  const reads = nodes.map(({ operands, results }, i) => {
    const own = [...new Set(operands.flatMap((value) => index.get(value) ?? []))];
    for (const tensor of own) tensors[tensor]?.readers.push(i);
    for (const value of results) if (value.type.batched) add(value, i);
    return own;
  });
  const before = reads.map((own) =>
    [...new Set(own.flatMap((tensor) => tensors[tensor]?.maker ?? []))].filter(
      (maker) => maker >= 0,
    ),
  );
  return { nodes, tensors, reads, before, inputBytes };
}

function makesActivations({ results }: Node): boolean {
  return results.some(({ type }) => type.batched);
}

function nodeAt({ nodes }: Problem, task: number): Node {
  const node = nodes[task];
  if (node === undefined) throw new Error('no such task');
  return node;
}

/** Neighbouring nodes that run between others in every order. */
interface PlacedPart {
  readonly part: Part;
  /** The place of its first node. */
  readonly first: number;
  /** Bytes that it needs in any order. */
  readonly floor: number;
}

function partsOf(problem: Problem): PlacedPart[] {
  const starts = cutsOf(problem);
  const makes = problem.nodes.map(() => 0);
  const keeps = problem.nodes.map(() => 0);
  const made = problem.nodes.map((): number[] => []);
  for (const [i, { bytes, maker, readers, isOutput }] of problem.tensors.entries()) {
    if (maker < 0) continue;
    makes[maker] = (makes[maker] ?? 0) + bytes;
    if (isOutput || readers.length > 0) keeps[maker] = (keeps[maker] ?? 0) + bytes;
    made[maker]?.push(i);
  }
  let alive = problem.tensors
    .filter(({ maker, readers, isOutput }) => maker < 0 && (isOutput || readers.length > 0))
    .reduce((sum, { bytes }) => sum + bytes, 0);
  return starts.map((first, i) => {
    const end = starts[i + 1] ?? problem.nodes.length;
    // Tensors whose last reader is among these nodes, whichever of them it is.
    const held: Held[] = [];
    const local = new Map<number, number>();
    const tasks: Task[] = [];
    let passing = alive;
    for (let node = first; node < end; node++) {
      const reads: number[] = [];
      for (const tensor of problem.reads[node] ?? []) {
        const {
          bytes = 0,
          readers = [],
          isOutput = true,
          maker = -1,
        } = problem.tensors[tensor] ?? {};
        if (isOutput || (readers.at(-1) ?? 0) >= end) continue;
        let place = local.get(tensor);
        if (place === undefined) {
          place = held.length;
          local.set(tensor, place);
          held.push({ bytes, readers: readers.filter((r) => r >= first).length });
          if (maker < first) passing -= bytes;
        }
        reads.push(place);
      }
      tasks.push({
        after: (problem.before[node] ?? []).filter((n) => n >= first).map((n) => n - first),
        reads,
        makes: makes[node] ?? 0,
        keeps: keeps[node] ?? 0,
      });
    }
    const part = { tasks, held, alive };
    const needs = tasks.map(({ reads, makes: own }) =>
      reads.reduce((sum, tensor) => sum + (held[tensor]?.bytes ?? 0), passing + own),
    );
    const kept = tasks.reduce((sum, task) => sum + task.keeps, alive);
    alive = kept - held.reduce((sum, { bytes }) => sum + bytes, 0);
    return { part, first, floor: Math.max(part.alive, ...needs, atTheEnd(part, alive)) };
  });
}

/**
 * What is alive while the last task of any order runs: what is alive after all, and what that task
 * reads, which nothing has freed.
 */
function atTheEnd({ tasks, held }: Part, after: number): number {
  const others = new Set(tasks.flatMap((task) => task.after));
  return tasks.reduce((least, { reads, makes, keeps }, task) => {
    if (others.has(task)) return least;
    const read = reads.reduce((sum, tensor) => sum + (held[tensor]?.bytes ?? 0), 0);
    return Math.min(least, after - keeps + makes + read);
  }, Infinity);
}

/**
 * Places in the order at which a part starts: at each node that all before it lead to and all after
 * it come from, and just after it. All before a node lead to it where it is the only one of them
 * that none of them reads; likewise backwards.
 */
function cutsOf({ nodes, before }: Problem): number[] {
  const firstReader = nodes.map(() => Infinity);
  const lastMaker = before.map((makers) => Math.max(-1, ...makers));
  const isEnd = nodes.map(() => false);
  let ends = 0;
  for (const [node, makers] of before.entries()) {
    ends++;
    for (const maker of makers) {
      if (firstReader[maker] !== Infinity) continue;
      firstReader[maker] = node;
      ends--;
    }
    isEnd[node] = ends === 1;
  }
  const starts = new Set([0]);
  let beginnings = 0;
  // A node begins what follows a place where everything that it reads is before that place.
  const readersOfLast = nodes.map((): number[] => []);
  lastMaker.forEach((maker, node) => readersOfLast[maker]?.push(node));
  for (let node = nodes.length - 1; node >= 0; node--) {
    beginnings += 1 - (readersOfLast[node]?.length ?? 0);
    if (beginnings !== 1 || isEnd[node] !== true) continue;
    starts.add(node);
    if (node + 1 < nodes.length) starts.add(node + 1);
  }
  return nodes.length === 0 ? [] : [...starts].sort((a, b) => a - b);
}

/** All nodes: those on weights alone, which hold no activation, just before what first needs them. */
function withWeightNodes(graph: Graph, ordered: readonly Node[]): readonly Node[] {
  if (ordered.length === graph.nodes.length) return ordered;
  const ranks = new Map<Node, number>(ordered.map((node, rank) => [node, rank]));
  for (const node of graph.nodes.toReversed()) {
    const rank = ranks.get(node);
    if (rank === undefined) continue;
    for (const { definition } of node.operands) {
      if (definition.kind !== 'result' || makesActivations(definition.node)) continue;
      ranks.set(definition.node, Math.min(rank, ranks.get(definition.node) ?? Infinity));
    }
  }
  const rankOf = (node: Node): number => ranks.get(node) ?? Infinity;
  // Stable, so that weights stay in their order.
  return graph.nodes.toSorted(
    (a, b) => rankOf(a) - rankOf(b) || Number(makesActivations(a)) - Number(makesActivations(b)),
  );
}
