/** Graphs for tests, built by hand rather than from source. */
import {
  applyWithWeights,
  completeAttributes,
  createBuilder,
  type GraphBuilder,
} from '../../src/compiler/builder.js';
import type { Attributes, Graph, Origin, Value } from '../../src/compiler/ir.js';
import { operatorOf, type OperatorName } from '../../src/compiler/ops/index.js';
import type { Shape } from '../../src/compiler/shape.js';
import type { Source, Span } from '../../src/compiler/source.js';

const source: Source = { path: 'test.arch', text: 'model Test() {}\n' };
export const testSpan: Span = { source, start: 0, end: 5 };

export function testOrigin(path: string): Origin {
  const scope = { parent: undefined, name: path, block: undefined, span: testSpan };
  return { span: testSpan, path, scope };
}

export interface TestGraph {
  readonly builder: GraphBuilder;
  input(shape: Shape, name?: string): Value;
  /** Applies an operator with weights of its own, named `op_N.weight`; fails on a problem. */
  op(name: OperatorName, operands: readonly Value[], attributes?: Attributes): Value[];
}

/** `buildGraph((g) => g.op('conv', [g.input([8, 8, 3])], { filters: 4 }))` */
export function buildGraph(body: (g: TestGraph) => readonly Value[]): Graph {
  const builder = createBuilder();
  let count = 0;
  const g: TestGraph = {
    builder,
    input: (shape, name = 'x') =>
      builder.input(name, { dtype: 'f32', shape, batched: true }, '', testSpan),
    op(name, operands, attributes = {}) {
      const origin = testOrigin(`${name}_${++count}`);
      const complete = completeAttributes(operatorOf(name), attributes);
      const made = applyWithWeights(builder, name, operands, complete, origin, (spec) =>
        builder.weight({ ...spec, name: `${origin.path}.${spec.name}`, origin }),
      );
      if (!made.ok) throw new Error(made.problem.message);
      return [...made.results];
    },
  };
  const outputs = body(g).map((value, i) => ({
    name: i === 0 ? 'y' : `y${i + 1}`,
    doc: '',
    value,
    span: testSpan,
  }));
  return builder.finish({ name: 'Test', doc: '', source, symbols: [] }, outputs);
}
