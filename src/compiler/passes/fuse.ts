/** The walk that fusions share: some nodes of a graph become one. */
import type { Node, Value } from '../ir.js';
import { rewriteGraph } from '../rewrite.js';
import { fuseNodes, isElementwise } from './kernel.js';
import { modelOf, type Model } from './pass.js';

/**
 * The model with a fused node in place of each key of `fusions`, of the nodes under it: the key is
 * the last of them, and theirs are the only results that are read outside. They are in the order
 * of a kernel (see `Kernel`). What several fusions hold is computed by each.
 */
export function fuseIn(model: Model, fusions: ReadonlyMap<Node, readonly Node[]>): Model {
  if (fusions.size === 0) return model;
  const gone = new Set([...fusions.values()].flat());
  const mapped = new Map<Value, Value>();
  const find = (value: Value): Value => {
    const found = mapped.get(value);
    if (found === undefined) throw new Error(`value ${value.id} is fused and read elsewhere`);
    return found;
  };
  const rewritten = rewriteGraph(model.graph, (node, operands, builder) => {
    node.operands.forEach((value, i) => mapped.set(value, operands[i] ?? value));
    const parts = fusions.get(node);
    // Nothing asks what takes the place of results that are read inside alone.
    if (parts === undefined) return gone.has(node) ? node.results : undefined;
    const [result] = node.results;
    if (result === undefined) throw new Error(`${node.op}: no result`);
    const { operands: outer, body } = fuseNodes(parts, result);
    const { origin } = parts.findLast((part) => !isElementwise(part)) ?? node;
    return builder.apply('fused', outer.map(find), { body }, origin);
  });
  return modelOf(rewritten, model.weights);
}
