/**
 * Blocks as local functions, so that a viewer shows each use of `sdblock` as one box. Only
 * consecutive nodes are put together, so that the order of nodes stays what it was.
 */
import type { BlockInfo, Origin, Scope } from '../../compiler/ir.js';
import type { OnnxValue } from './model.js';
import { lookUp, nameResults, uniqueNames, type NamedNode, type NameOf } from './names.js';

/** The domain of the functions. */
export const BLOCK_DOMAIN = 'archc.blocks';

export interface BlockFunction {
  readonly block: BlockInfo;
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  /** Nodes, and calls of inner functions; named from the block on. */
  readonly nodes: readonly NamedNode[];
  readonly nameOf: NameOf;
}

interface Surroundings {
  /** Values that are read outside of all nodes: the model's outputs. */
  readonly outputs: ReadonlySet<OnnxValue>;
  /** The name of a value that is a weight. */
  readonly weightName: (value: OnnxValue) => string | undefined;
  /** Keeps a function, inner ones first, and says by what name it goes. */
  readonly define: (made: BlockFunction) => string;
}

/** The model's own nodes, with a call in place of the nodes of each use of a block. */
export function outlineBlocks(
  nodes: readonly NamedNode[],
  { outputs: wanted, weightName, define }: Surroundings,
): readonly NamedNode[] {
  const unique = uniqueNames();
  for (const node of nodes) unique(node.name);
  const lastUse = new Map<OnnxValue, number>();
  const placed = nodes.map((node, place): Placed => {
    for (const value of node.inputs) if (value !== undefined) lastUse.set(value, place);
    return { node, place, blocks: blockScopes(node.origin) };
  });

  function outline(run: readonly Placed[], depth: number): readonly NamedNode[] {
    return runsOfScope(run, depth).flatMap(({ scope, members }) =>
      scope === undefined ? members.map(({ node }) => node) : [call(scope, members, depth)],
    );
  }

  function call(scope: BlockScope, members: readonly Placed[], depth: number): NamedNode {
    const inner = outline(members, depth + 1);
    const end = members.at(-1)?.place ?? 0;
    const made = inner.flatMap((node) => node.outputs);
    const used = made.filter((v) => wanted.has(v) || (lastUse.get(v) ?? -1) > end);
    // A function has a result, even if nobody reads it.
    const outputs = used.length > 0 ? used : (inner.at(-1)?.outputs ?? []);
    const own = new Set(made);
    const read = new Set<OnnxValue>();
    for (const value of inner.flatMap((node) => node.inputs)) {
      if (value !== undefined && !own.has(value)) read.add(value);
    }
    const isWeight = (value: OnnxValue): boolean => weightName(value) !== undefined;
    const inputs = [...read].filter((v) => !isWeight(v)).concat([...read].filter(isWeight));
    const path = pathOf(scope, members[0]?.node.origin?.path ?? '');
    const opType = define(functionOf(scope, path, inner, inputs, outputs));
    const origin: Origin = { span: scope.span, path, scope };
    return {
      name: unique(path),
      opType,
      domain: BLOCK_DOMAIN,
      inputs,
      outputs,
      attributes: {},
      origin,
      auxiliary: false,
    };
  }

  function functionOf(
    { block }: BlockScope,
    path: string,
    inner: readonly NamedNode[],
    inputs: readonly OnnxValue[],
    outputs: readonly OnnxValue[],
  ): BlockFunction {
    const uniqueNode = uniqueNames();
    const local = inner.map((node) => ({ ...node, name: uniqueNode(within(path, node.name)) }));
    const names = new Map<OnnxValue, string>();
    const uniqueValue = uniqueNames();
    for (const value of inputs) {
      const weight = weightName(value);
      const wanted = weight === undefined ? inputWord(value) : weightWithin(path, weight);
      names.set(value, uniqueValue(wanted));
    }
    nameResults(local, names, uniqueValue);
    return { block, inputs, outputs, nodes: local, nameOf: lookUp(names) };
  }

  return outline(placed, 0);
}

type BlockScope = Scope & { readonly block: BlockInfo };

interface Placed {
  readonly node: NamedNode;
  /** In the list of all nodes. */
  readonly place: number;
  /** The blocks around it, outermost first. */
  readonly blocks: readonly BlockScope[];
}

function isBlock(scope: Scope): scope is BlockScope {
  return scope.block !== undefined;
}

function blockScopes(origin: Origin | undefined): readonly BlockScope[] {
  const scopes: BlockScope[] = [];
  for (let scope = origin?.scope; scope !== undefined; scope = scope.parent) {
    if (isBlock(scope)) scopes.push(scope);
  }
  return scopes.reverse();
}

interface Run {
  readonly scope: BlockScope | undefined;
  readonly members: Placed[];
}

/** Consecutive nodes that stand in the same use of a block at this depth, or in none. */
function runsOfScope(nodes: readonly Placed[], depth: number): readonly Run[] {
  const runs: Run[] = [];
  for (const member of nodes) {
    const scope = member.blocks[depth];
    const last = runs.at(-1);
    if (last?.scope === scope && last !== undefined) last.members.push(member);
    else runs.push({ scope, members: [member] });
  }
  return runs;
}

/** The path of a scope: the steps of a node's path that stand for it and what is around it. */
function pathOf(scope: Scope, nodePath: string): string {
  let depth = 0;
  for (let s = scope.parent; s !== undefined; s = s.parent) depth++;
  return nodePath.split('.').slice(0, Math.max(1, depth)).join('.');
}

/** A name without the path that it starts with. */
function within(path: string, name: string): string {
  return name.startsWith(`${path}.`) || name.startsWith(`${path}/`)
    ? name.slice(path.length + 1)
    : name;
}

/** As `within`; of a weight that is shared with another block, only the last step. */
function weightWithin(path: string, name: string): string {
  const local = within(path, name);
  return local === name ? (name.split('.').at(-1) ?? name) : local;
}

function inputWord(value: OnnxValue): string {
  return value.type === 'float' ? 'in' : 'size';
}
