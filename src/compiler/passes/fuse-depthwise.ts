/** A depthwise convolution joins the pointwise one after it, where that has few filters. */
import type { Attribute, Node } from '../ir.js';
import { operatorOf } from '../ops/index.js';
import { fuseIn } from './fuse.js';
import { kernelOf, MAX_OPERANDS, nodesIn } from './kernel.js';
import { usersOf, type Pass, type Users } from './pass.js';

/** As many filters as one thread computes, so that no result of the first is computed twice. */
const MAX_FILTERS = 8;

/**
 * The depthwise convolution has one filter a channel; it may have elementwise nodes after it, and the
 * pointwise one as well: 1×1, of one group, without stride and padding. Nothing else reads what is
 * between.
 */
export const fuseDepthwise: Pass = (model) => {
  const users = usersOf(model.graph);
  const fusions = new Map<Node, readonly Node[]>();
  for (const node of model.graph.nodes) {
    const first = depthwiseBefore(node, users);
    if (first !== undefined) fusions.set(node, [first, node]);
  }
  return fuseIn(model, fusions);
};

function depthwiseBefore(node: Node, users: Users): Node | undefined {
  const { anchor, prologue, reads, operandOf } = kernelOf(node);
  const [between] = anchor?.operands ?? [];
  if (between === undefined || prologue !== undefined || reads.length > 0) return undefined;
  if (anchor === undefined || !isPointwise(anchor)) return undefined;
  const outer = node.operands[operandOf(between) ?? -1];
  if (outer?.definition.kind !== 'result') return undefined;
  const { node: first } = outer.definition;
  const before = kernelOf(first);
  if (before.anchor?.op !== 'dwconv' || before.anchor.attributes['multiplier'] !== 1)
    return undefined;
  if (before.prologue !== undefined || before.reads.length > 0) return undefined;
  // What is between is applied channel by channel, without operands of its own.
  const areActivations = before.epilogue.every(({ op }) =>
    operatorOf(op).traits.includes('activation'),
  );
  if (!areActivations) return undefined;
  if ((users.get(outer) ?? []).some((user) => user !== node)) return undefined;
  const uses = nodesIn(node).flatMap(({ operands }) => operands.filter((v) => v === between));
  if (uses.length !== 1) return undefined;
  const operands = new Set([...first.operands, ...node.operands]);
  return operands.size - 1 > MAX_OPERANDS ? undefined : first;
}

function isPointwise({ op, attributes }: Node): boolean {
  if (op !== 'conv') return false;
  const { filters, groups, k, stride, pad } = attributes;
  return (
    typeof filters === 'number' &&
    filters <= MAX_FILTERS &&
    groups === 1 &&
    isAll(k, 1) &&
    isAll(stride, 1) &&
    (pad === 'same' || pad === 'valid' || isAll(pad, 0))
  );
}

function isAll(attribute: Attribute | undefined, wanted: number): boolean {
  return Array.isArray(attribute) && attribute.every((item) => item === wanted);
}
