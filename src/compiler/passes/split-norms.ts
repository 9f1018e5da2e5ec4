/** Norms in two steps: the statistics, and what is done with them element by element. */
import type { Node, WeightValues } from '../ir.js';
import { at } from '../ops/tensor.js';
import { rewriteGraph } from '../rewrite.js';
import { affineOf } from './fold-batchnorm.js';
import { modelOf, type Pass } from './pass.js';

/**
 * Group and instance norm become `normstats`, a reduction, and `scaleshift`, which can join other
 * elementwise nodes. So does a batch norm that nothing could take in, with its factor and summand
 * as a constant, where its weights are known; in a graph without values it stays. An instance norm
 * whose channels are no number stays as well.
 */
export const splitNorms: Pass = ({ graph, weights }) => {
  const rewritten = rewriteGraph(graph, (node, operands, builder) => {
    const [x] = operands;
    if (x === undefined) return undefined;
    const groups = groupsOf(node);
    if (groups !== undefined) {
      const { eps = null, affine = null } = node.attributes;
      const stats = builder.apply1('normstats', operands, { groups, eps, affine });
      return [builder.apply1('scaleshift', [x, stats])];
    }
    const stats = node.op === 'batchnorm' && weights && runningStats(node, weights);
    if (!stats) return undefined;
    const constant = builder.constant(stats, [2, stats.length / 2]);
    return [builder.apply1('scaleshift', [x, constant])];
  });
  return modelOf(rewritten, weights);
};

function groupsOf({ op, attributes, operands: [x] }: Node): number | undefined {
  const groups = op === 'groupnorm' ? attributes['groups'] : undefined;
  const channels = op === 'instancenorm' ? x?.type.shape.at(-1) : undefined;
  const found = groups ?? channels;
  return typeof found === 'number' ? found : undefined;
}

/** The factors of all channels, then their summands. */
function runningStats(norm: Node, weights: WeightValues): Float32Array | undefined {
  const affine = affineOf(norm, weights);
  if (affine === undefined) return undefined;
  const { factor, summand } = affine;
  const count = factor.length;
  return Float32Array.from({ length: 2 * count }, (_, i) =>
    i < count ? at(factor, i) : at(summand, i - count),
  );
}
