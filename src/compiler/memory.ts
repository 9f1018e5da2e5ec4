/** What is alive while a graph runs: bytes of activations around each node, for one image. */
import { inputName, type Graph, type Node, type Value } from './ir.js';
import { at, elementCount } from './ops/tensor.js';
import { staticShape } from './shape.js';
import { formatLocation } from './source.js';

/** Of every element: float32. */
export const BYTES = 4;

/** Bytes of activations around one node. */
export interface ActivationMoment {
  readonly path: string;
  /** While it runs: what is alive, its operands and all its results. */
  readonly during: number;
  /** Once it has run: what later nodes read, and outputs. */
  readonly after: number;
}

/** A tensor that is alive at some moment. */
export interface AliveValue {
  /** An input by its name, a result by its node's path. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly bytes: number;
  /** Where it is made, or the input declared: `models/sdunet.arch:12:8`. */
  readonly source: string;
}

export interface ActivationPeak {
  readonly bytes: number;
  /** The node that runs then, the first where there are several; undefined for a graph of inputs. */
  readonly layer:
    { readonly path: string; readonly op: string; readonly source: string } | undefined;
  /** What is alive then: inputs, then results in the order in which they are made. */
  readonly values: readonly AliveValue[];
}

export interface ActivationMemory {
  readonly peak: ActivationPeak;
  /** A moment for each node, in the order in which they run. */
  readonly timeline: readonly ActivationMoment[];
}

/**
 * The activations of a graph whose nodes run in their order, one after another, each value held once
 * in float32. A value is alive from the node that makes it through its last reader; an input from
 * the start, an output to the end. A node's operands and results are alive together while it runs:
 * nothing is computed in place, and a reshape copies. Weights, constants and what is computed from
 * them alone are not activations; nor are an engine's own scratch buffers, which differ. Throws where
 * a size is not a number.
 */
export function activationMemory(graph: Graph): ActivationMemory {
  const activations = lifetimes(graph);
  const moments = graph.nodes.length + 1;
  // What begins to be alive at each moment, and what has been needed for the last time.
  const begun = new Float64Array(moments + 1);
  const ended = new Float64Array(moments + 1);
  for (const { bytes, first, last } of activations) {
    begun[first] = at(begun, first) + bytes;
    ended[last] = at(ended, last) + bytes;
  }
  const timeline: ActivationMoment[] = [];
  let peak = { moment: 0, bytes: at(begun, 0) };
  let alive = at(begun, 0) - at(ended, 0);
  graph.nodes.forEach(({ origin }, i) => {
    const during = alive + at(begun, i + 1);
    alive = during - at(ended, i + 1);
    timeline.push({ path: origin.path, during, after: alive });
    if (during > peak.bytes) peak = { moment: i + 1, bytes: during };
  });
  const node = graph.nodes[peak.moment - 1];
  const values = activations
    .filter(({ first, last }) => first <= peak.moment && peak.moment <= last)
    .map(({ value }) => describeValue(value));
  return { peak: { bytes: peak.bytes, layer: node && describeNode(node), values }, timeline };
}

/** Bytes of a value of one image. */
export function bytesOf(value: Value): number {
  return BYTES * elementCount(staticShape(value.type.shape));
}

/** A value for people: its name, size, and place in the source. */
export function describeValue(value: Value): AliveValue {
  const { definition } = value;
  const span = definition.kind === 'result' ? definition.node.origin.span : inputSpan(value);
  return {
    name: valueName(value),
    shape: staticShape(value.type.shape),
    bytes: bytesOf(value),
    source: span === undefined ? '' : formatLocation(span),
  };
}

function inputSpan({ definition }: Value): Node['origin']['span'] | undefined {
  return definition.kind === 'input' ? definition.span : undefined;
}

function describeNode({ origin, op }: Node): NonNullable<ActivationPeak['layer']> {
  return { path: origin.path, op, source: formatLocation(origin.span) };
}

function valueName(value: Value): string {
  const { definition } = value;
  if (definition.kind !== 'result') return inputName(value);
  const { node, index } = definition;
  return node.results.length === 1 ? node.origin.path : `${node.origin.path}[${index}]`;
}

/** An activation from the moment that it is there to the last at which it is read. */
interface Lifetime {
  readonly value: Value;
  readonly bytes: number;
  /** Moment 0 is before the first node, with the inputs alone; moment i + 1 is that of node i. */
  readonly first: number;
  /** The last moment at which it is needed; one after that of the last node for an output. */
  readonly last: number;
}

function lifetimes({ inputs, nodes, outputs }: Graph): Lifetime[] {
  // By id: the last moment at which a value is read.
  const last: number[] = [];
  nodes.forEach(({ operands }, i) => {
    for (const { id } of operands) last[id] = i + 1;
  });
  for (const { value } of outputs) last[value.id] = nodes.length + 1;
  const found: Lifetime[] = [];
  const begin = (value: Value, first: number): void => {
    found.push({ value, bytes: bytesOf(value), first, last: last[value.id] ?? first });
  };
  for (const value of inputs) begin(value, 0);
  nodes.forEach(({ results }, i) => {
    for (const value of results) if (value.type.batched) begin(value, i + 1);
  });
  return found;
}
