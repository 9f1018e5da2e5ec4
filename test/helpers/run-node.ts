/** One operator on one image, through the builder and the interpreter. */
import { interpret } from '../../src/compiler/interpret.js';
import type { Attributes, Tensor } from '../../src/compiler/ir.js';
import type { OperatorName } from '../../src/compiler/ops/index.js';
import { buildGraph } from './graph.js';

/** The results without batch; `weights` in the operator's order. Throws on a problem. */
export function runNode(
  op: OperatorName,
  activations: readonly Tensor[],
  attributes: Attributes = {},
  weights: readonly Tensor[] = [],
): readonly Tensor[] {
  const graph = buildGraph((g) =>
    g.op(
      op,
      activations.map((x, i) => g.input(x.shape, `x${i}`)),
      attributes,
    ),
  );
  const values = new Map(
    graph.weights.map(({ name }, i) => [
      name,
      weights[i] ?? { shape: [], data: new Float32Array() },
    ]),
  );
  const inputs = new Map(
    activations.map(({ shape, data }, i) => [`x${i}`, { shape: [1, ...shape], data }]),
  );
  return [...interpret(graph, values, inputs).values()].map(({ shape, data }) => ({
    shape: shape.slice(1),
    data,
  }));
}

/** `runNode` for operators with one result. */
export function runNode1(
  op: OperatorName,
  activations: readonly Tensor[],
  attributes: Attributes = {},
  weights: readonly Tensor[] = [],
): Tensor {
  const [only, ...rest] = runNode(op, activations, attributes, weights);
  if (only === undefined || rest.length > 0) throw new Error(`${op}: not one result`);
  return only;
}

/** `tensor([2, 2], [1, 2, 3, 4])`; counts up from 0 where no data is given. */
export function tensor(shape: readonly number[], data?: readonly number[]): Tensor {
  const count = shape.reduce((n, d) => n * d, 1);
  if (data !== undefined && data.length !== count) throw new Error('data and shape differ');
  return { shape, data: Float32Array.from(data ?? Array.from({ length: count }, (_, i) => i)) };
}
