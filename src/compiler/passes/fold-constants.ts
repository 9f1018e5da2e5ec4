/** Computes at compile time what does not depend on the image. */
import { attributeKey } from '../attributes.js';
import { evaluateNode } from '../interpret.js';
import type { Graph, Node, Tensor, Value, Weight } from '../ir.js';
import { rewriteGraph } from '../rewrite.js';
import { equalShapes, isStatic } from '../shape.js';
import { modelOf, outputValues, type Pass } from './pass.js';

/**
 * A node that reads only constants and weights whose values are known becomes a constant. Where it
 * is the only thing that happens to one weight and keeps its shape, the weight itself takes the new
 * values, under its name: so weight standardisation folds. A result that is an output stays.
 */
export const foldConstants: Pass = ({ graph, weights }, options = {}) => {
  const values = new Map(weights);
  const absorbing = absorbingWeights(graph);
  const absorbed = new Set<Weight>();
  const outputs = outputValues(graph);

  const tensorOf = ({ definition, type }: Value): Tensor | undefined => {
    if (definition.kind === 'weight') return values.get(definition.weight.name);
    if (definition.kind !== 'constant' || !isStatic(type.shape)) return undefined;
    return { shape: type.shape, data: definition.data };
  };
  const rewritten = rewriteGraph(graph, (node, operands, builder) => {
    if (node.op === 'standardize' && options.keepWs === true) return undefined;
    if (node.results.some((value) => outputs.has(value) || !isFixed(value))) return undefined;
    const tensors = operands.map(tensorOf).filter((tensor) => tensor !== undefined);
    if (tensors.length < operands.length) return undefined;
    const weight = ownedWeight(node);
    if (weight === undefined || !absorbing.has(weight)) {
      return evaluateNode(node, tensors).map(({ data, shape }) => builder.constant(data, shape));
    }
    const [result] = absorbed.has(weight) ? [] : evaluateNode(node, tensors);
    if (result !== undefined) values.set(weight.name, result);
    absorbed.add(weight);
    return operands;
  });
  return modelOf(rewritten, weights === undefined ? undefined : values);
};

/** Whether a value has the same, known size whatever the image. */
function isFixed({ type }: Value): boolean {
  return !type.batched && isStatic(type.shape);
}

/** The weight that is a node's only operand. */
function ownedWeight({ operands: [only, ...others] }: Node): Weight | undefined {
  return only?.definition.kind === 'weight' && others.length === 0
    ? only.definition.weight
    : undefined;
}

/** Weights that are read only by nodes that do the same to them and keep their shape. */
function absorbingWeights(graph: Graph): ReadonlySet<Weight> {
  const uses = new Map<Weight, Set<string>>();
  const use = (weight: Weight, how: string): void => {
    const known = uses.get(weight);
    if (known === undefined) uses.set(weight, new Set([how]));
    else known.add(how);
  };
  for (const node of graph.nodes) {
    for (const { definition, type } of node.operands) {
      if (definition.kind !== 'weight') continue;
      const [result, ...others] = node.results;
      const isAlone = ownedWeight(node) !== undefined && others.length === 0;
      const keepsShape = result !== undefined && equalShapes(result.type.shape, type.shape);
      use(definition.weight, isAlone && keepsShape ? howOf(node) : OTHERWISE);
    }
  }
  for (const { definition } of outputValues(graph)) {
    if (definition.kind === 'weight') use(definition.weight, OTHERWISE);
    // What is an output is not folded.
    if (definition.kind !== 'result') continue;
    for (const value of definition.node.operands) {
      if (value.definition.kind === 'weight') use(value.definition.weight, OTHERWISE);
    }
  }
  return new Set(
    [...uses].filter(([, how]) => how.size === 1 && !how.has(OTHERWISE)).map(([w]) => w),
  );
}

const OTHERWISE = '';

function howOf({ op, attributes }: Node): string {
  const parts = Object.entries(attributes).map(([name, a]) => `${name}=${attributeKey(a)}`);
  return `${op} ${parts.join(';')}`;
}
