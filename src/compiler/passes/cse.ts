/** Common subexpressions: computes once what is computed twice. */
import { attributesKey } from '../attributes.js';
import type { Value } from '../ir.js';
import { operatorOf } from '../ops/index.js';
import { rewriteGraph } from '../rewrite.js';
import { formatShape } from '../shape.js';
import { modelOf, outputValues, type Pass } from './pass.js';

/**
 * A node with the operator, operands and attributes of an earlier one gives way to it; constants
 * are equal when their elements are. Values of weights play no part. Two outputs stay two nodes,
 * and so do two dropouts, which in training drop different elements.
 */
export const mergeCommonSubexpressions: Pass = ({ graph, weights }) => {
  const seen = new Map<string, readonly Value[]>();
  const outputs = outputValues(graph);
  /** Results in the new graph that outputs have. */
  const taken = new Set<Value>();
  const idOf = constantInterner();

  const rewritten = rewriteGraph(graph, (node, operands, builder) => {
    const published = node.results.flatMap((value, i) => (outputs.has(value) ? [i] : []));
    const key = `${node.op}(${operands.map(idOf).join(',')})${attributesKey(node.attributes)}`;
    let results = operatorOf(node.op).traits.includes('inference-identity')
      ? undefined
      : seen.get(key);
    const isTaken = (i: number): boolean => {
      const value = results?.[i];
      return value !== undefined && taken.has(value);
    };
    if (results === undefined || published.some(isTaken)) {
      results = builder.apply(node.op, operands, node.attributes);
      if (!seen.has(key)) seen.set(key, results);
    }
    for (const i of published) {
      const value = results[i];
      if (value !== undefined) taken.add(value);
    }
    return results;
  });
  return modelOf(rewritten, weights);
};

/** The id of a value, the same for constants with the same shape and elements. */
function constantInterner(): (value: Value) => number {
  const byStart = new Map<string, { readonly id: number; readonly data: Float32Array }[]>();
  const ids = new Map<Value, number>();
  const find = (value: Value, data: Float32Array): number => {
    const start = `${formatShape(value.type.shape)} ${data.slice(0, 8).join(' ')}`;
    const alike = byStart.get(start) ?? [];
    const same = alike.find((other) => equalData(other.data, data));
    if (same !== undefined) return same.id;
    byStart.set(start, [...alike, { id: value.id, data }]);
    return value.id;
  };
  return (value) => {
    if (value.definition.kind !== 'constant') return value.id;
    const id = ids.get(value) ?? find(value, value.definition.data);
    ids.set(value, id);
    return id;
  };
}

function equalData(a: Float32Array, b: Float32Array): boolean {
  return a.length === b.length && a.every((x, i) => Object.is(x, b[i]));
}
