/** What one kernel computes: how nodes become one, and how a backend takes that one apart again. */
import { createBuilder } from '../builder.js';
import { isBody, type Body, type Node, type Value } from '../ir.js';
import { operatorOf } from '../ops/index.js';

/** Buffers that a kernel may read: WebGPU grants 8 storage buffers a stage, and one is written. */
export const MAX_OPERANDS = 7;

/**
 * A node of the graph as one kernel computes it, in this order. Each node reads operands of the
 * kernel and results of nodes before it; the last one's result is the kernel's.
 */
export interface Kernel {
  /**
   * Upsamplings and concatenations that are not computed: what reads their results reads their
   * operands in place.
   */
  readonly reads: readonly Node[];
  /** A depthwise convolution, and elementwise nodes after it, for a pointwise one as the anchor. */
  readonly prologue: Stage | undefined;
  /** What needs a kernel of its kind; absent where all nodes are elementwise. */
  readonly anchor: Node | undefined;
  /**
   * Elementwise nodes, each result of the type of the kernel's. With an anchor, operands from
   * outside have that shape, or one element a channel (`scaleshift`: two) or in all.
   */
  readonly epilogue: readonly Node[];
  /** Which operand of the node a value is; undefined for what is computed inside. */
  readonly operandOf: (value: Value) => number | undefined;
}

interface Stage {
  readonly anchor: Node;
  readonly epilogue: readonly Node[];
}

/** Takes a node apart, fused or not. */
export function kernelOf(node: Node): Kernel {
  const body = bodyOf(node);
  const nodes = body?.graph.nodes ?? [node];
  const values = body?.graph.inputs ?? node.operands;
  // From the last, so that a value that is passed twice is found where it comes first.
  const indices = new Map([...values.entries()].reverse().map(([i, value]) => [value, i]));
  const last = nodes.findLastIndex((own) => !isElementwise(own));
  const before = nodes.slice(0, Math.max(last, 0));
  const first = before.findIndex((own) => !isRead(own));
  const [anchor, ...epilogue] = first < 0 ? [] : before.slice(first);
  return {
    reads: first < 0 ? before : before.slice(0, first),
    prologue: anchor && { anchor, epilogue },
    anchor: nodes[last],
    epilogue: nodes.slice(last + 1),
    operandOf: (value) => indices.get(value),
  };
}

/** Several nodes as one: what it reads, and its body. */
interface Fusion {
  readonly operands: readonly Value[];
  readonly body: Body;
}

/**
 * Nodes, fused or not, as one: each after those that it reads among them, `result` being of one of
 * them. The operands are in the order in which the nodes read them.
 */
export function fuseNodes(parts: readonly Node[], result: Value): Fusion {
  const builder = createBuilder();
  const operands: Value[] = [];
  const inner = new Map<Value, Value>();
  const span = parts[0]?.origin.span;
  if (span === undefined) throw new Error('nothing to fuse');
  const find = (value: Value): Value => {
    const known = inner.get(value);
    if (known !== undefined) return known;
    const input = builder.input(`operand${operands.length}`, value.type, '', span);
    operands.push(value);
    inner.set(value, input);
    return input;
  };
  const copy = (node: Node, mapped: readonly Value[]): void => {
    const results = builder.copy(node, mapped);
    node.results.forEach((value, i) => inner.set(value, results[i] ?? value));
  };
  for (const part of parts) {
    const graph = bodyOf(part)?.graph;
    if (graph === undefined) {
      copy(part, part.operands.map(find));
      continue;
    }
    graph.inputs.forEach((input, i) => {
      const operand = part.operands[i];
      if (operand !== undefined) inner.set(input, find(operand));
    });
    for (const node of graph.nodes) copy(node, node.operands.map(find));
    graph.outputs.forEach(({ value }, i) => inner.set(part.results[i] ?? value, find(value)));
  }
  const graph = builder.finish({ name: 'fused', doc: '', source: span.source, symbols: [] }, [
    { name: 'result', doc: '', value: find(result), span },
  ]);
  return { operands, body: { kind: 'body', graph } };
}

/** The nodes that a node stands for: those of its body, or itself. */
export function nodesIn(node: Node): readonly Node[] {
  return bodyOf(node)?.graph.nodes ?? [node];
}

function bodyOf({ attributes: { body } }: Node): Body | undefined {
  return isBody(body) ? body : undefined;
}

/** Whether a kernel can compute the node element by element, after another or alone. */
export function isElementwise({ op }: Node): boolean {
  const { traits } = operatorOf(op);
  return traits.includes('elementwise') || traits.includes('channel-affine');
}

/** Whether a kernel can read the operands of a node in place of its result, given the right types. */
export function isRead({ op, attributes }: Node): boolean {
  return op === 'concat' || (op === 'upsample' && attributes['mode'] === 'nearest');
}
