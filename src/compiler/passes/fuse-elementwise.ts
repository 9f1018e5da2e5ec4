/** Elementwise nodes join what computes their operands. */
import type { Graph, Node, TensorType, Value } from '../ir.js';
import { operatorOf } from '../ops/index.js';
import { equal, equalShapes, type Shape } from '../shape.js';
import { fuseIn } from './fuse.js';
import { isElementwise, MAX_OPERANDS } from './kernel.js';
import { usersOf, type Pass, type Users } from './pass.js';

/** Tensors that the elementwise nodes after an anchor may read besides the anchor's own. */
const MAX_EXTRA = 4;
/** Nodes of one kernel: beyond this many, a longer program saves nothing that one can measure. */
const MAX_NODES = 64;

/**
 * Elementwise nodes become one with each other and with the anchor that computes an operand, where
 * nothing else reads the results between them and these are of the last one's type. An anchor is an
 * operator with the trait `takes-epilogue`. Pools over the whole image and reductions are none:
 * their results are so small that nothing is saved, and a group of threads works on each element.
 *
 * After an anchor, other operands have the shape of the result, or one element a channel or in all,
 * as `Kernel` says; nodes alone may broadcast as they like. Of several anchors that could take the
 * same node, the last does.
 */
export const fuseElementwise: Pass = (model) => {
  const { graph } = model;
  const order = new Map(graph.nodes.map((node, i) => [node, i]));
  const indexOf = (node: Node): number => order.get(node) ?? -1;
  const fusions = new Map<Node, readonly Node[]>();
  for (const { root, nodes, anchor } of groupsOf(graph, indexOf)) {
    if (nodes.length === 1) continue;
    const others = nodes.filter((node) => node !== anchor);
    others.sort((a, b) => indexOf(a) - indexOf(b));
    fusions.set(root, anchor === undefined ? others : [anchor, ...others]);
  }
  return fuseIn(model, fusions);
};

/** Nodes that become one. Only the result of the root is read outside. */
interface Group {
  readonly root: Node;
  readonly result: Value;
  readonly nodes: readonly Node[];
  readonly anchor: Node | undefined;
  /** What they read from outside. */
  readonly operands: ReadonlySet<Value>;
  /** Whether all elementwise nodes read only what they may after an anchor. */
  readonly followsAnchor: boolean;
}

function groupsOf(graph: Graph, indexOf: (node: Node) => number): ReadonlySet<Group> {
  const users = usersOf(graph);
  const groups = new Set<Group>();
  const ownGroup = new Map<Node, Group>();
  const put = (group: Group, ...replaced: readonly Group[]): void => {
    for (const old of replaced) groups.delete(old);
    groups.add(group);
    for (const node of group.nodes) ownGroup.set(node, group);
  };
  /** The group whose result is an operand that nothing but `group` reads; the best to join. */
  const candidates = (group: Group): Group[] => {
    const found = [...group.operands].flatMap((value) => {
      const { definition } = value;
      const other = definition.kind === 'result' ? ownGroup.get(definition.node) : undefined;
      if (other === undefined) return [];
      return isReadBy(value, group, users, ownGroup) ? [other] : [];
    });
    const rank = ({ anchor }: Group): number => (anchor === undefined ? -1 : indexOf(anchor));
    return found.sort((a, b) => rank(b) - rank(a));
  };
  for (const node of graph.nodes) {
    const start = groupOf(node);
    if (start === undefined) continue;
    put(start);
    if (start.anchor !== undefined) continue;
    for (let group = start; ;) {
      const own = group;
      const joined = candidates(own)
        .map((other) => ({ other, both: join(own, other) }))
        .find(({ both }) => both !== undefined);
      if (joined?.both === undefined) break;
      put(joined.both, own, joined.other);
      group = joined.both;
    }
  }
  return groups;
}

function groupOf(node: Node): Group | undefined {
  const [result, ...others] = node.results;
  const isAnchor = operatorOf(node.op).traits.includes('takes-epilogue');
  if (result === undefined || others.length > 0) return undefined;
  if (!isAnchor && !isElementwise(node)) return undefined;
  return {
    root: node,
    result,
    nodes: [node],
    anchor: isAnchor ? node : undefined,
    operands: new Set(node.operands),
    followsAnchor: isAnchor || node.operands.every((_, i) => mayFollowAnchor(node, i, result.type)),
  };
}

/** Whether only elementwise nodes of a group read a value: what its anchor reads comes before it. */
function isReadBy(
  value: Value,
  group: Group,
  users: Users,
  ownGroup: ReadonlyMap<Node, Group>,
): boolean {
  const readers = users.get(value) ?? [];
  const isOwn = (user: Node | undefined): boolean =>
    user !== undefined && user !== group.anchor && ownGroup.get(user) === group;
  // The last one first: where there are many readers, it mostly is not there yet.
  return isOwn(readers.at(-1)) && readers.every(isOwn);
}

/** A group and one that computes an operand of it, where they may be one. */
function join(group: Group, before: Group): Group | undefined {
  const anchor = group.anchor ?? before.anchor;
  if (group.anchor !== undefined && before.anchor !== undefined) return undefined;
  if (!isSameType(group.result.type, before.result.type)) return undefined;
  const nodes = [...before.nodes, ...group.nodes];
  const operands = new Set([...before.operands, ...group.operands]);
  operands.delete(before.result);
  const followsAnchor = group.followsAnchor && before.followsAnchor;
  if (nodes.length > MAX_NODES || operands.size > MAX_OPERANDS) return undefined;
  if (anchor !== undefined) {
    const extra = [...operands].filter((value) => !anchor.operands.includes(value));
    if (!followsAnchor || extra.length > MAX_EXTRA) return undefined;
  }
  return { root: group.root, result: group.result, nodes, anchor, operands, followsAnchor };
}

function isSameType(a: TensorType, b: TensorType): boolean {
  return a.batched === b.batched && equalShapes(a.shape, b.shape);
}

/** Whether a kernel that is at an element of the result finds this operand's as `Kernel` says. */
function mayFollowAnchor({ op, operands }: Node, index: number, result: TensorType): boolean {
  const shape = operands[index]?.type.shape ?? [];
  if (equalShapes(shape, result.shape)) return true;
  const isStats = op === 'scaleshift' && index === 1;
  return isStats || isPerChannel(shape, result.shape);
}

/** `[C]`, `[1, 1, C]`, or one element. */
function isPerChannel(shape: Shape, result: Shape): boolean {
  const last = shape.at(-1) ?? 1;
  const channels = result.at(-1) ?? 1;
  return shape.slice(0, -1).every((size) => size === 1) && (last === 1 || equal(last, channels));
}
