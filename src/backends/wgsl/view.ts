/** A node as one kernel computes it: what it reads, its main operator, what follows that. */
import type { Node, Value } from '../../compiler/ir.js';
import { kernelOf, type Kernel } from '../../compiler/passes/kernel.js';

export interface KernelView extends Kernel {
  /** The node of the graph: its operands and results are what the kernel reads and writes. */
  readonly node: Node;
  /** The value of the graph that a value read by one of the kernel's nodes is. */
  readonly outer: (value: Value) => Value;
}

export function viewOf(node: Node): KernelView {
  const kernel = kernelOf(node);
  return {
    ...kernel,
    node,
    outer(value) {
      const found = node.operands[kernel.operandOf(value) ?? -1];
      if (found === undefined)
        throw new Error(`${node.op}: value ${value.id} is none of its operands`);
      return found;
    },
  };
}

/** `conv + relu` */
export function operatorsOf({ reads, prologue, anchor, epilogue }: KernelView): string {
  const before = prologue === undefined ? [] : [prologue.anchor, ...prologue.epilogue];
  const nodes = [...reads, ...before, ...(anchor === undefined ? [] : [anchor]), ...epilogue];
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
