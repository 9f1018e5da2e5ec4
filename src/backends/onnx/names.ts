/** Names for what a graph holds, unique and from the source. */
import type { OnnxNode, OnnxValue } from './model.js';

export interface NamedNode extends OnnxNode {
  readonly name: string;
}

export type NameOf = (value: OnnxValue) => string;

/** Gives each wanted name once: `x`, then `x_2`, `x_3`. */
export function uniqueNames(): (wanted: string) => string {
  const taken = new Set<string>();
  const next = new Map<string, number>();
  return (wanted) => {
    let name = wanted;
    for (let n = next.get(wanted) ?? 2; taken.has(name); n++) {
      name = `${wanted}_${n}`;
      next.set(wanted, n + 1);
    }
    taken.add(name);
    return name;
  };
}

/**
 * A node is called by its instance path. Where an operator takes several nodes, and for those that
 * serve another, the ONNX operator follows: `e1.groupnorm/Reshape`.
 */
export function nameNodes(nodes: readonly OnnxNode[]): readonly NamedNode[] {
  const counts = new Map<string, number>();
  for (const { origin, auxiliary } of nodes) {
    if (origin === undefined || auxiliary) continue;
    counts.set(origin.path, (counts.get(origin.path) ?? 0) + 1);
  }
  const unique = uniqueNames();
  return nodes.map((node) => {
    const { origin, auxiliary, opType } = node;
    if (origin === undefined) return { ...node, name: unique(opType) };
    const isOnly = !auxiliary && counts.get(origin.path) === 1;
    return { ...node, name: unique(isOnly ? origin.path : `${origin.path}/${opType}`) };
  });
}

/** Names for the results of nodes: `e1.conv:0`. */
export function nameResults(
  nodes: readonly NamedNode[],
  names: Map<OnnxValue, string>,
  unique: (wanted: string) => string,
): void {
  for (const node of nodes) {
    node.outputs.forEach((value, i) => {
      if (!names.has(value)) names.set(value, unique(`${node.name}:${i}`));
    });
  }
}

/** Looks names up; every value that is asked for has one. */
export function lookUp(names: ReadonlyMap<OnnxValue, string>): NameOf {
  return (value) => {
    const name = names.get(value);
    if (name === undefined) throw new Error('a tensor without a name');
    return name;
  };
}
