/** A graph for one size of its inputs: every symbol replaced by a number. */
import {
  isBody,
  type Attribute,
  type Attributes,
  type Graph,
  type Node,
  type TensorType,
  type Value,
} from './ir.js';
import { beyondLimits } from './limits.js';
import type { Problem } from './ops/operator.js';
import { rewriteGraph, type Visit } from './rewrite.js';
import { evaluate, evaluateShape, formatShape, symbolsOf, type Sizes } from './shape.js';

export type Specialized =
  | { readonly ok: true; readonly graph: Graph }
  | { readonly ok: false; readonly problems: readonly NodeProblem[] };

/** Why an operator cannot work at these sizes. */
export interface NodeProblem {
  readonly problem: Problem;
  readonly node: Node;
}

/**
 * The same graph with sizes for its symbols, in types and attributes; `infer` is asked again, so
 * that a size of which an operator leaves nothing is a problem here. A node that reads the result
 * of one with a problem has none of its own. Throws where a symbol has no size, or one outside its
 * facts: callers have checked.
 */
export function specialize(graph: Graph, sizes: Sizes): Specialized {
  requireFacts(graph, sizes);
  const problems: NodeProblem[] = [];
  const missing = new Set<Value>();
  const visit: Visit = (node, operands, builder) => {
    if (!operands.some((value) => missing.has(value))) {
      const inside: NodeProblem[] = [];
      const attributes = specializeAttributes(node.attributes, sizes, inside);
      if (inside.length > 0) problems.push(...inside);
      else {
        const made = builder.node(node.op, operands, attributes, node.origin);
        const problem = made.ok ? tooLarge(node, made.results) : made.problem;
        if (made.ok && problem === undefined) return made.results;
        if (problem !== undefined) problems.push({ problem, node });
      }
    }
    // The old values stand in for those that there cannot be: with a problem, no graph is given.
    for (const value of node.results) missing.add(value);
    return node.results;
  };
  const specialized = rewriteGraph(graph, visit, {
    inputType: (type): TensorType => ({ ...type, shape: evaluateShape(type.shape, sizes) }),
    symbols: [],
  });
  return problems.length === 0 ? { ok: true, graph: specialized } : { ok: false, problems };
}

function tooLarge({ op }: Node, results: readonly Value[]): Problem | undefined {
  for (const { type } of results) {
    const beyond = beyondLimits(type.shape);
    if (beyond === undefined) continue;
    const message = `\`${op}\` makes a tensor ${formatShape(type.shape)}, ${beyond}`;
    return { code: 'too-large', message };
  }
  return undefined;
}

function requireFacts(graph: Graph, sizes: Sizes): void {
  const dims = graph.inputs.flatMap((value) => value.type.shape);
  for (const { name, min, max, modulus, remainder } of dims.flatMap((d) => [
    ...symbolsOf(d).values(),
  ])) {
    const size = sizes.get(name);
    if (size === undefined) throw new Error(`no size for symbol ${name}`);
    if (size < min || size > max || (size - remainder) % modulus !== 0) {
      throw new Error(
        `${name} = ${size} is not ${remainder} + a multiple of ${modulus} from ${min} to ${max}`,
      );
    }
  }
}

/**
 * Attributes with numbers in place of symbols; the same object where there are none. What is wrong
 * with nodes of a body at these sizes is added to `problems`.
 */
export function specializeAttributes(
  attributes: Attributes,
  sizes: Sizes,
  problems: NodeProblem[] = [],
): Attributes {
  if (!hasSymbols(attributes)) return attributes;
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [
      name,
      specializeAttribute(value, sizes, problems),
    ]),
  );
}

function hasSymbols(attributes: Attributes): boolean {
  // Every node of every variant of a sweep comes by: no list of the values is made.
  for (const name in attributes) {
    const value = attributes[name];
    if (value !== undefined && hasSymbol(value)) return true;
  }
  return false;
}

function hasSymbol(value: Attribute): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return 'kind' in value || value.some(hasSymbol);
}

function specializeAttribute(value: Attribute, sizes: Sizes, problems: NodeProblem[]): Attribute {
  if (typeof value !== 'object' || value === null) return value;
  if (isBody(value)) {
    const made = specialize(value.graph, sizes);
    if (made.ok) return { kind: 'body', graph: made.graph };
    problems.push(...made.problems);
    return value;
  }
  return 'kind' in value
    ? evaluate(value, sizes)
    : value.map((item) => specializeAttribute(item, sizes, problems));
}
