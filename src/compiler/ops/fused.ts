/** fused: several operators as one kernel computes them, without their results between in memory. */
import type { Body, TensorType, Value } from '../ir.js';
import { equalShapes, formatShape, isStatic } from '../shape.js';
import { operatorOf } from './index.js';
import { body } from './kinds.js';
import {
  defineOperator,
  inferred,
  rejected,
  type Cost,
  type Inferred,
  type Operator,
} from './operator.js';
import { NEVER_TRAINED } from './saved.js';

// The type is written out, or it would depend on the registry's names and they on it.
export const fused: Operator = defineOperator({
  name: 'fused',
  doc:
    'What the nodes of its body compute, one after the other. The body’s inputs are the operands, ' +
    'activations and weights alike.',
  example: '',
  operands: [{ name: 'tensors', doc: 'What the body reads.', variadic: true }],
  parameters: { body: { kind: body, doc: 'The nodes.' } },
  infer: (operands, a) => inferBody(operands, a.body),
  cost: (_, a) => sumOfCosts(a.body),
  costDoc: 'The sum over its body.',
  saved: NEVER_TRAINED,
  decompose: (builder, operands, { body: { graph } }) => {
    const values = new Map<Value, Value>();
    graph.inputs.forEach((input, i) => {
      const operand = operands[i];
      if (operand !== undefined) values.set(input, operand);
    });
    const find = (value: Value): Value => {
      const found = values.get(value);
      if (found === undefined)
        throw new Error(`fused: its body reads an unknown value ${value.id}`);
      return found;
    };
    for (const node of graph.nodes) {
      const results = builder.copy(node, node.operands.map(find));
      node.results.forEach((value, i) => values.set(value, results[i] ?? value));
    }
    return graph.outputs.map(({ value }) => find(value));
  },
  traits: ['internal'],
});

function inferBody(operands: readonly TensorType[], { graph }: Body): Inferred {
  if (operands.length !== graph.inputs.length) {
    return rejected({
      code: 'shape-mismatch',
      message: `fused has ${operands.length} operands, and its body ${graph.inputs.length} inputs`,
    });
  }
  for (const [i, { type }] of graph.inputs.entries()) {
    const own = operands[i];
    if (own?.batched === type.batched && equalShapes(own.shape, type.shape)) continue;
    const shapes = [own?.shape ?? [], type.shape].map(formatShape);
    const batched = [own?.batched, type.batched].map((is) => (is === true ? '' : 'unbatched '));
    return rejected({
      code: 'shape-mismatch',
      message:
        `operand ${i} of fused is ${batched[0]}${shapes[0]}, and that input of its body ` +
        `${batched[1]}${shapes[1]}`,
    });
  }
  return inferred(...graph.outputs.map(({ value }) => value.type));
}

function sumOfCosts({ graph }: Body): Cost {
  const costs = graph.nodes.map(({ op, operands, results, attributes }) =>
    operatorOf(op).cost(
      { operands: operands.map(shapeOf), results: results.map(shapeOf) },
      attributes,
    ),
  );
  return {
    macs: costs.reduce((sum, { macs }) => sum + macs, 0),
    flops: costs.reduce((sum, { flops }) => sum + flops, 0),
  };
}

function shapeOf({ type: { shape } }: Value): readonly number[] {
  if (!isStatic(shape)) throw new Error(`a size is not known in ${formatShape(shape)}`);
  return shape;
}
