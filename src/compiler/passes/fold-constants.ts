/** Computes at compile time what does not depend on the image. */
import { attributesKey } from '../attributes.js';
import { evaluateNode } from '../interpret.js';
import type { Graph, Node, Value, Weight } from '../ir.js';
import { rewriteGraph } from '../rewrite.js';
import { equalShapes, isStatic } from '../shape.js';
import { modelOf, outputValues, tensorOf, type Pass } from './pass.js';

/**
 * A node that reads only constants and weights whose values are known becomes a constant. Where it
 * is the only thing that happens to one weight and keeps its shape, the weight itself takes the new
 * values, under its name: so weight standardisation folds. A result that is an output stays.
 */
export const foldConstants: Pass = ({ graph, weights }, options = {}) => {
  const values = new Map(weights);
  const outputs = outputValues(graph);
  const absorbing = absorbingWeights(graph, outputs);
  const absorbed = new Set<Weight>();

  const rewritten = rewriteGraph(graph, (node, operands, builder) => {
    if (node.op === 'standardize' && options.keepWs === true) return undefined;
    if (node.results.some((value) => outputs.has(value) || !isFixed(value))) return undefined;
    const tensors = operands
      .map((value) => tensorOf(value, values))
      .filter((tensor) => tensor !== undefined);
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

/** Weights that are read only by nodes that do the same to them, keep their shape, and are folded. */
function absorbingWeights(graph: Graph, outputs: ReadonlySet<Value>): ReadonlySet<Weight> {
  /** The one thing that happens to a weight; undefined where it is something else, or several. */
  const uses = new Map<Weight, string | undefined>();
  for (const node of graph.nodes) {
    const [result, ...others] = node.results;
    for (const { definition, type } of node.operands) {
      if (definition.kind !== 'weight') continue;
      const { weight } = definition;
      const isPlain =
        ownedWeight(node) === weight &&
        others.length === 0 &&
        result !== undefined &&
        !outputs.has(result) &&
        equalShapes(result.type.shape, type.shape);
      const how = isPlain ? `${node.op} ${attributesKey(node.attributes)}` : undefined;
      uses.set(weight, !uses.has(weight) || uses.get(weight) === how ? how : undefined);
    }
  }
  for (const { definition } of outputs) {
    if (definition.kind === 'weight') uses.delete(definition.weight);
  }
  return new Set([...uses].filter(([, how]) => how !== undefined).map(([weight]) => weight));
}
