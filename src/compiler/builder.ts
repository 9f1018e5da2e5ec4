/** Makes graphs. A value is born typed: `infer` is asked when its node is made. */
import type {
  Attribute,
  Attributes,
  Graph,
  Node,
  Origin,
  Output,
  SymbolInfo,
  TensorType,
  Value,
  Weight,
} from './ir.js';
import { operatorOf, type OperatorName } from './ops/index.js';
import type { Operator, Problem, WeightSpec } from './ops/operator.js';
import type { Span } from './source.js';

export type Applied =
  | { readonly ok: true; readonly results: readonly Value[] }
  | { readonly ok: false; readonly problem: Problem };

export interface GraphBuilder {
  input(name: string, type: TensorType, doc: string, span: Span): Value;
  weight(weight: Weight): Value;
  constant(data: Float32Array, shape: readonly number[]): Value;
  /**
   * A node; its results or why there cannot be one. `operands` are the activations and then the
   * operator's weights; `attributes` are complete.
   */
  node(
    op: OperatorName,
    operands: readonly Value[],
    attributes: Attributes,
    origin: Origin,
  ): Applied;
  /** A node whose `infer` has given these types. */
  typed(
    op: OperatorName,
    operands: readonly Value[],
    attributes: Attributes,
    types: readonly TensorType[],
    origin: Origin,
  ): readonly Value[];
  /** A node of another graph over operands of the same types, which is right where that one is. */
  copy(node: Node, operands: readonly Value[]): readonly Value[];
  /**
   * A node that is known to be right, made by a pass or a decomposition: missing attributes take
   * their defaults. Throws where `infer` objects, which is a bug of the caller.
   */
  apply(
    op: OperatorName,
    operands: readonly Value[],
    attributes?: Attributes,
    origin?: Origin,
  ): readonly Value[];
  /** `apply` for operators with one result. */
  apply1(
    op: OperatorName,
    operands: readonly Value[],
    attributes?: Attributes,
    origin?: Origin,
  ): Value;
  /**
   * The same builder with an origin for nodes that `apply` is given none for, or with what is the
   * origin when such a node is made.
   */
  withOrigin(origin: Origin | (() => Origin | undefined)): GraphBuilder;
  finish(header: GraphHeader, outputs: readonly Output[]): Graph;
}

interface GraphHeader extends Pick<Graph, 'name' | 'doc' | 'source'> {
  readonly symbols: readonly SymbolInfo[];
}

/** Fills in defaults, in the order of the parameters. */
export function completeAttributes(operator: Operator, given: Attributes): Attributes {
  const complete: Record<string, Attribute> = {};
  for (const name of operator.parameterNames) {
    const value = given[name] ?? operator.parameters[name]?.default;
    if (value === undefined) throw new Error(`${operator.name}: no value for ${name}`);
    complete[name] = typeof value === 'function' ? value(complete) : value;
  }
  return complete;
}

/** How many of a node's operands are activations; those after them are the operator's weights. */
export function activationCount(op: OperatorName, operandCount: number): number {
  const { operands, weights } = operatorOf(op);
  // No operator with weights is variadic.
  return weights === undefined ? operandCount : 1 + operands.length;
}

/**
 * A node together with the weights that its operator owns: `own` makes (or finds) the value of
 * each. A kernel to be standardised passes through a `standardize` node first.
 */
export function applyWithWeights(
  builder: GraphBuilder,
  op: OperatorName,
  activations: readonly Value[],
  attributes: Attributes,
  origin: Origin,
  own: (spec: WeightSpec, index: number) => Value,
): Applied {
  const operator = operatorOf(op);
  if (operator.weights === undefined) return builder.node(op, activations, attributes, origin);
  const types = activations.map((v) => v.type);
  const found = operator.infer(types, attributes);
  if (!found.ok) return found;
  const weights = operator.weights(types, attributes).map((spec, index) => {
    const value = own(spec, index);
    return spec.standardized === true ? builder.apply1('standardize', [value], {}, origin) : value;
  });
  return {
    ok: true,
    results: builder.typed(op, [...activations, ...weights], attributes, found.types, origin),
  };
}

export function createBuilder(): GraphBuilder {
  const inputs: Value[] = [];
  const nodes: Node[] = [];
  const weights: Weight[] = [];
  let nextValue = 0;

  const value = (type: TensorType, definition: Value['definition']): Value => ({
    id: nextValue++,
    type,
    definition,
  });

  const typed: GraphBuilder['typed'] = (op, operands, attributes, types, origin) => {
    const results: Value[] = [];
    const node: Node = { id: nodes.length, op, operands, attributes, results, origin };
    types.forEach((type, index) => {
      results.push(value(type, { kind: 'result', node, index }));
    });
    nodes.push(node);
    return results;
  };

  // What does not depend on the origin is made once: passes ask for a builder at every node.
  const common: Omit<GraphBuilder, 'withOrigin' | 'apply' | 'apply1'> = {
    typed,
    input(name, type, doc, span) {
      const made = value(type, { kind: 'input', name, doc, span });
      inputs.push(made);
      return made;
    },
    weight(weight) {
      weights.push(weight);
      const type: TensorType = { dtype: 'f32', shape: weight.shape, batched: false };
      return value(type, { kind: 'weight', weight });
    },
    constant(data, shape) {
      return value({ dtype: 'f32', shape, batched: false }, { kind: 'constant', data });
    },
    node(op, operands, attributes, origin) {
      const types = operands.slice(0, activationCount(op, operands.length)).map((v) => v.type);
      const found = operatorOf(op).infer(types, attributes);
      if (!found.ok) return found;
      return { ok: true, results: typed(op, operands, attributes, found.types, origin) };
    },
    copy({ op, attributes, results, origin }, operands) {
      const types = results.map((v) => v.type);
      return typed(op, operands, attributes, types, origin);
    },
    finish(header, outputs) {
      // Copies: what is made later, such as by a claim, is not part of this graph.
      return {
        ...header,
        inputs: [...inputs],
        nodes: [...nodes],
        outputs,
        weights: [...weights],
      };
    },
  };

  const make = (originOf: () => Origin | undefined): GraphBuilder => {
    const apply: GraphBuilder['apply'] = (op, operands, attributes = {}, origin = originOf()) => {
      if (origin === undefined) throw new Error(`${op}: a node needs an origin`);
      const complete = completeAttributes(operatorOf(op), attributes);
      const made = common.node(op, operands, complete, origin);
      if (!made.ok) throw new Error(`${op}: ${made.problem.message}`);
      return made.results;
    };
    const apply1: GraphBuilder['apply1'] = (op, operands, attributes, nodeOrigin) => {
      const [only, ...rest] = apply(op, operands, attributes, nodeOrigin);
      if (only === undefined || rest.length > 0) throw new Error(`${op}: not one result`);
      return only;
    };
    return {
      ...common,
      withOrigin: (origin) => make(typeof origin === 'function' ? origin : () => origin),
      apply,
      apply1,
    };
  };
  return make(() => undefined);
}
