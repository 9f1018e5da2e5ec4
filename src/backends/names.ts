/** Names for what a model holds. */
import type { Origin } from '../compiler/ir.js';

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

/** A node that is to be named. */
interface Unnamed {
  /** Its operator, as the target calls it. */
  readonly label: string;
  readonly origin: Origin | undefined;
  /** Whether it only serves another node of the same origin: a constant, a change of layout. */
  readonly auxiliary: boolean;
}

/**
 * A node is called by its instance path. Where an operator takes several nodes, and for those that
 * serve another, the target's operator follows: `e1.groupnorm/Reshape`.
 */
export function nodeNames(
  nodes: readonly Unnamed[],
  unique: (wanted: string) => string,
): readonly string[] {
  const counts = new Map<string, number>();
  for (const { origin, auxiliary } of nodes) {
    if (origin === undefined || auxiliary) continue;
    counts.set(origin.path, (counts.get(origin.path) ?? 0) + 1);
  }
  return nodes.map(({ origin, auxiliary, label }) => {
    if (origin === undefined) return unique(label);
    const isOnly = !auxiliary && counts.get(origin.path) === 1;
    return unique(isOnly ? origin.path : `${origin.path}/${label}`);
  });
}
