/** What each line of the source costs: figures of layers, put down to the calls that made them. */
import type { Graph, Node, Scope } from '../compiler/ir.js';
import { bytesOf } from '../compiler/memory.js';
import { positionOf, type Source, type Span } from '../compiler/source.js';
import { addFigures, inferenceGraph, type Figures, type ModelStats } from '../compiler/stats.js';

export interface LineCost extends Figures {
  /** Of all results of nodes, whether or not they are alive at the same time. */
  readonly activationBytes: number;
}

interface CostOfLine {
  /** Of the operators that are called on the line itself: over all lines the model's totals. */
  readonly own: LineCost;
  /** Of all that the calls of the line expand to, once each. */
  readonly all: LineCost;
}

export interface FileCosts {
  readonly source: Source;
  /** By line, from 1; only lines that call something. */
  readonly lines: ReadonlyMap<number, CostOfLine>;
  /** Of the operators that are called in the file: over all files the model's totals. */
  readonly own: LineCost;
}

const NOTHING: LineCost = { params: 0, buffers: 0, macs: 0, flops: 0, activationBytes: 0 };

function add(a: LineCost, b: LineCost): LineCost {
  return { ...addFigures(a, b), activationBytes: a.activationBytes + b.activationBytes };
}

type Draft<T> = { -readonly [K in keyof T]: T[K] };
interface FileDraft {
  readonly lines: Map<number, Draft<CostOfLine>>;
  own: LineCost;
}

/** The costs of a graph whose figures are known, by file; files that call nothing are left out. */
export function lineCosts(graph: Graph, { layers }: ModelStats): ReadonlyMap<Source, FileCosts> {
  const files = new Map<Source, FileDraft>();
  const fileOf = (source: Source): FileDraft => {
    const file = files.get(source) ?? { lines: new Map(), own: NOTHING };
    files.set(source, file);
    return file;
  };
  const lineOf = ({ source, start }: Span): Draft<CostOfLine> => {
    const { lines } = fileOf(source);
    const { line } = positionOf(source, start);
    const costs = lines.get(line) ?? { own: NOTHING, all: NOTHING };
    lines.set(line, costs);
    return costs;
  };
  const nodes = new Map<string, Node[]>();
  for (const node of inferenceGraph(graph).nodes) {
    const known = nodes.get(node.origin.path);
    if (known === undefined) nodes.set(node.origin.path, [node]);
    else known.push(node);
  }
  for (const layer of layers) {
    const made = nodes.get(layer.path) ?? [];
    const [first] = made;
    if (first === undefined) throw new Error(`${layer.path} has no node`);
    const cost = { ...figuresOf(layer), activationBytes: resultBytes(made) };
    const { span } = first.origin;
    const [file, line] = [fileOf(span.source), lineOf(span)];
    file.own = add(file.own, cost);
    line.own = add(line.own, cost);
    // Once for a line on which several of the calls stand.
    for (const each of new Set(callsOf(first).map(lineOf))) each.all = add(each.all, cost);
  }
  return new Map(Array.from(files, ([source, costs]) => [source, { source, ...costs }]));
}

function figuresOf({ params, buffers, macs, flops }: Figures): Figures {
  return { params, buffers, macs, flops };
}

/** The call of the operator, and those of the blocks around it, innermost first. */
function callsOf({ origin }: Node): Span[] {
  const calls = [origin.span];
  for (let scope: Scope | undefined = origin.scope; scope !== undefined; scope = scope.parent) {
    // Bindings are no calls, and the operator's own is there already.
    if (scope.block !== undefined) calls.push(scope.span);
  }
  return calls;
}

function resultBytes(nodes: readonly Node[]): number {
  return nodes
    .flatMap(({ results }) => results.filter(({ type }) => type.batched))
    .reduce((sum, value) => sum + bytesOf(value), 0);
}
