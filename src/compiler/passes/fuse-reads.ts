/** Convolutions read what is upsampled or concatenated in place, so that neither is ever stored. */
import type { Graph, Node, Value } from '../ir.js';
import { axisIndex } from '../ops/axes.js';
import { fuseIn } from './fuse.js';
import { isRead, kernelOf, MAX_OPERANDS, nodesIn } from './kernel.js';
import { usersOf, type Pass, type Users } from './pass.js';

/** Tensors that one convolution reads as its image. */
export const MAX_SOURCES = 4;
/** Kernels read as many channels at once. */
export const VECTOR = 4;

/**
 * Nearest upsampling, and concatenation of channels in multiples of 4, move into the convolutions
 * (`conv` of one group, `dwconv`) whose image they are, if nothing else reads them; each gets its
 * copy. A concatenation of images that are upsampled may move, and so may an upsampling of a
 * concatenation, but no second of either behind it.
 */
export const fuseReads: Pass = (model) => fuseIn(model, planReads(model.graph));

/** A convolution and what it reads in place. */
interface Reader {
  readonly node: Node;
  /** The last first. */
  readonly reads: readonly Node[];
  /** What its image is made of. */
  readonly sources: ReadonlySet<Value>;
  readonly operands: ReadonlySet<Value>;
}

/** Where a node has moved: into the kernels of which nodes, and which operators it passes through. */
interface Moved {
  readonly into: ReadonlySet<Node>;
  readonly through: ReadonlySet<string>;
}

function planReads(graph: Graph): ReadonlyMap<Node, readonly Node[]> {
  const users = usersOf(graph);
  const readers = new Map<Node, Reader>();
  const moved = new Map<Node, Moved>();
  // From the last, so that what reads a node is decided before it.
  for (const node of [...graph.nodes].reverse()) {
    const [result] = node.results;
    if (result === undefined || !isReadable(node)) continue;
    const target = targetOf(result, users, moved);
    if (target === undefined || target.through.has(node.op)) continue;
    const extended = [...target.into].map((kernel) =>
      withRead(readers.get(kernel) ?? readerOf(kernel, result), node, result),
    );
    if (extended.some((reader) => reader === undefined)) continue;
    for (const reader of extended) if (reader !== undefined) readers.set(reader.node, reader);
    moved.set(node, target);
  }
  return new Map(
    [...readers].map(([node, { reads }]) => [node, [...[...reads].reverse(), node]] as const),
  );
}

function isReadable(node: Node): boolean {
  if (!isRead(node) || node.operands.some(({ type }) => !type.batched)) return false;
  if (node.op !== 'concat') return true;
  const { axis } = node.attributes;
  return node.operands.every(({ type: { shape } }) => {
    const channels = shape.at(-1);
    const isLast = typeof axis === 'number' && axisIndex(axis, shape.length) === shape.length - 1;
    return isLast && typeof channels === 'number' && channels % VECTOR === 0;
  });
}

/** Where a node with this result can move, as far as those that read it go. */
function targetOf(result: Value, users: Users, moved: ReadonlyMap<Node, Moved>): Moved | undefined {
  const into = new Set<Node>();
  const through = new Set<string>();
  for (const user of new Set(users.get(result))) {
    if (user === undefined) return undefined;
    const next = moved.get(user);
    if (next !== undefined) {
      for (const kernel of next.into) into.add(kernel);
      for (const op of [...next.through, user.op]) through.add(op);
    } else if (hasAsImage(user, result)) {
      into.add(user);
    } else {
      return undefined;
    }
  }
  return into.size === 0 ? undefined : { into, through };
}

/** Whether a node is a convolution that reads the value as its image and nowhere else. */
function hasAsImage(node: Node, value: Value): boolean {
  const { reads, prologue, anchor, operandOf } = kernelOf(node);
  const first = prologue?.anchor ?? anchor;
  const [image] = first?.operands ?? [];
  if (first === undefined || image === undefined || reads.length > 0) return false;
  const isConvolution =
    first.op === 'dwconv' || (first.op === 'conv' && first.attributes['groups'] === 1);
  if (!isConvolution || node.operands[operandOf(image) ?? -1] !== value) return false;
  const uses = nodesIn(node).flatMap(({ operands }) => operands.filter((v) => v === image));
  return uses.length === 1;
}

function readerOf(node: Node, image: Value): Reader {
  return { node, reads: [], sources: new Set([image]), operands: new Set(node.operands) };
}

function withRead(reader: Reader, read: Node, result: Value): Reader | undefined {
  const replaced = (values: ReadonlySet<Value>): Set<Value> =>
    new Set([...values, ...read.operands].filter((value) => value !== result));
  const sources = replaced(reader.sources);
  const operands = replaced(reader.operands);
  if (sources.size > MAX_SOURCES || operands.size > MAX_OPERANDS) return undefined;
  return { node: reader.node, reads: [...reader.reads, read], sources, operands };
}
