/** A node as one kernel computes it: what it reads, its main operator, what follows that. */
import type { Node, Value } from '../../compiler/ir.js';

export interface KernelView {
  /** The node of the graph: its operands and results are what the kernel reads and writes. */
  readonly node: Node;
  /** Nodes before the anchor that only say where to read: upsample, concat. */
  readonly reads: readonly Node[];
  /** A depthwise convolution, and what is elementwise after it, that the anchor alone reads. */
  readonly prologue: readonly Node[];
  /** Absent where all is elementwise. */
  readonly anchor: Node | undefined;
  /** Elementwise nodes, each after those that it reads; the last gives the result. */
  readonly epilogue: readonly Node[];
  /** The value of the graph that a value read by one of these nodes is, where it is from outside. */
  readonly outer: (value: Value) => Value;
}

/** `conv + relu` */
export function operatorsOf({ reads, prologue, anchor, epilogue }: KernelView): string {
  const nodes = [...reads, ...prologue, ...(anchor === undefined ? [] : [anchor]), ...epilogue];
  return nodes.map(({ op }) => op).join(' + ');
}

export function resultOf({ node }: KernelView): Value {
  const [value] = node.results;
  if (value === undefined) throw new Error(`${node.op}: no result`);
  return value;
}

export function operand(node: Node, index: number): Value {
  const value = node.operands[index];
  if (value === undefined) throw new Error(`${node.op}: operand ${index} is missing`);
  return value;
}
