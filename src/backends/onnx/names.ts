/** Names for what a graph holds, unique and from the source. */
import { nodeNames, uniqueNames } from '../names.js';
import type { OnnxNode, OnnxValue } from './model.js';

export { uniqueNames } from '../names.js';

export interface NamedNode extends OnnxNode {
  readonly name: string;
}

export type NameOf = (value: OnnxValue) => string;

/** A node goes by its instance path, and several of one origin by their ONNX operators too. */
export function nameNodes(nodes: readonly OnnxNode[]): readonly NamedNode[] {
  const names = nodeNames(
    nodes.map(({ origin, auxiliary, opType }) => ({ origin, auxiliary, label: opType })),
    uniqueNames(),
  );
  return nodes.map((node, i) => ({ ...node, name: names[i] ?? node.opType }));
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
