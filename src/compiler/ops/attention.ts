/** attention: multi-head self-attention over tokens, in simpler operators. */
import type { GraphBuilder } from '../builder.js';
import type { TensorType, Value } from '../ir.js';
import { formatShape } from '../shape.js';
import { mul } from './arithmetic.js';
import { dense } from './dense.js';
import { channels, kernelAndBias } from './kernel.js';
import { int } from './kinds.js';
import { matmul } from './matmul.js';
import {
  defineOperator,
  inferred,
  rejected,
  type Cost,
  type CostInput,
  type Operator,
  type Problem,
  type WeightSpec,
} from './operator.js';
import { indivisible, requireKnownChannels } from './require.js';
import { softmax } from './softmax.js';

// The type is written out, or it would depend on the registry's names and they on it.
export const attention: Operator = defineOperator({
  name: 'attention',
  doc:
    'Multi-head self-attention (Vaswani et al. 2017, §3.2.2) over tokens `[N, C]`: with q, k, v = ' +
    'dense(x), each parted into `heads` of d = C / heads features, every head is ' +
    '`softmax(q · kᵀ / √d) · v`, and the heads side by side go through a last dense layer. All four ' +
    'have a bias; no dropout, no mask.',
  example: 'x -> attention(4)',
  exampleInput: 'f32[64, 16]',
  parameters: {
    heads: { kind: int(1), doc: 'Heads; divides the features.' },
  },
  weights: ([x]) => PROJECTIONS.flatMap((name) => projection(name, channels(x))),
  infer: ([x], { heads }) => {
    const problem =
      requireTokens(x) ?? requireKnownChannels('attention', x) ?? requireHeads(x, heads);
    if (problem !== undefined) return rejected(problem);
    return x === undefined ? inferred() : inferred(x);
  },
  cost: attentionCost,
  costDoc:
    'The sum over its parts: four dense layers, two matrix products, a multiplication by 1 / √d a ' +
    'query element, a softmax a head and token.',
  saved: {
    doc: 'its input, the scaled queries, keys, values and mixed values, and the softmax of every head',
    operands: [0],
    bytes: ({ operands: [[tokens = 0, features = 0] = []] }, { heads }) =>
      4 * (4 * tokens * features + heads * tokens * tokens),
  },
  decompose: (builder, operands, { heads }) => [decompose(builder, operands, heads)],
  traits: ['runs-in-parts'],
});

const PROJECTIONS = ['q', 'k', 'v', 'out'] as const;

/** `q.weight`, `q.bias`: as Transformer libraries start them, Glorot-uniform. */
function projection(name: string, features: number): WeightSpec[] {
  const specs = kernelAndBias({ bias: true, init: 'glorot_uniform' }, [features, features]);
  return specs.map((spec) => ({ ...spec, name: `${name}.${spec.name}` }));
}

function requireTokens(x: TensorType | undefined): Problem | undefined {
  if (x?.shape.length === 2) return undefined;
  return {
    code: 'wrong-rank',
    message: `attention works on tokens [N, C], but its input is ${formatShape(x?.shape ?? [])}`,
    hints: ['make every pixel a token first: `reshape([-1, x.channels])`'],
  };
}

function requireHeads(x: TensorType | undefined, heads: number): Problem | undefined {
  const count = channels(x);
  if (count % heads === 0) return undefined;
  return indivisible('attention', count, 'features', heads, 'heads');
}

function decompose(builder: GraphBuilder, operands: readonly Value[], heads: number): Value {
  const [x, ...weights] = operands;
  const [tokens, features] = x?.type.shape ?? [];
  if (x === undefined || tokens === undefined || typeof features !== 'number') {
    throw new Error('attention: operands missing');
  }
  const each = features / heads;
  const project = (value: Value, which: (typeof PROJECTIONS)[number]): Value => {
    const first = 2 * PROJECTIONS.indexOf(which);
    return builder.apply1('dense', [value, ...weights.slice(first, first + 2)], {
      units: features,
    });
  };
  /** `[tokens, heads, each]`, with its axes in another order. */
  const part = (value: Value, axes: readonly number[]): Value => {
    const parted = builder.apply1('reshape', [value], { shape: [tokens, heads, each] });
    return builder.apply1('transpose', [parted], { axes });
  };
  const root = builder.constant(Float32Array.of(1 / Math.sqrt(each)), [1]);
  const q = part(builder.apply1('mul', [project(x, 'q'), root]), [1, 0, 2]);
  const k = part(project(x, 'k'), [1, 2, 0]);
  const v = part(project(x, 'v'), [1, 0, 2]);
  const scores = builder.apply1('softmax', [builder.apply1('matmul', [q, k])], { axis: -1 });
  const mixed = builder.apply1('transpose', [builder.apply1('matmul', [scores, v])], {
    axes: [1, 0, 2],
  });
  const joined = builder.apply1('reshape', [mixed], { shape: [tokens, features] });
  return project(joined, 'out');
}

function attentionCost(shapes: CostInput, { heads }: { readonly heads: number }): Cost {
  const [x = []] = shapes.operands;
  const [tokens = 0, features = 0] = x;
  const each = features / heads;
  const [q, kT, v] = [
    [heads, tokens, each],
    [heads, each, tokens],
    [heads, tokens, each],
  ];
  const scores = [heads, tokens, tokens];
  const weights = [[features, features], [features]];
  const projected = dense.cost({ operands: [x, ...weights], results: [x] }, { units: features });
  const parts = [
    ...PROJECTIONS.map(() => projected),
    mul.cost({ operands: [x, [1]], results: [x] }, {}),
    matmul.cost({ operands: [q, kT], results: [scores] }, {}),
    softmax.cost({ operands: [scores], results: [scores] }, { axis: -1 }),
    matmul.cost({ operands: [scores, v], results: [v] }, {}),
  ];
  return {
    macs: parts.reduce((n, part) => n + part.macs, 0),
    flops: parts.reduce((n, part) => n + part.flops, 0),
  };
}
