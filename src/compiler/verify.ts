/** Whether a graph is one: what every pass and backend relies on, checked. */
import { attributeConstant, attributeKey, formatAttribute } from './attributes.js';
import { activationCount } from './builder.js';
import {
  isBody,
  type Body,
  type Graph,
  type Node,
  type TensorType,
  type Value,
  type Weight,
} from './ir.js';
import { findOperator } from './ops/index.js';
import { body } from './ops/kinds.js';
import type { Operator } from './ops/operator.js';
import { elementCount } from './ops/tensor.js';
import { equalShapes, formatShape, isStatic, symbolsOf, type Shape } from './shape.js';

/**
 * What is wrong with a graph, one sentence each; nothing for a graph that is right:
 *
 * - ids of values and of nodes, names of inputs, outputs and weights are unique;
 * - an operand is an input, a listed weight, a constant, or the result of an earlier node;
 * - attributes are complete, and each is as its parameter reads it;
 * - `infer` gives the types of the results, and a result says which node it belongs to;
 * - a node's weights are as many, of the shapes and (where they are weights) of the roles that its
 *   operator declares, and do not depend on the image. A weight to be standardised may have been
 *   already: both its `standardize` node and a folded weight are right;
 * - a body is a graph of which the same holds, without weights and constants of its own;
 * - each output is the result of a node, and no two are the same value, so that a backend can name
 *   each.
 */
export function verify(graph: Graph): string[] {
  return graphProblems(graph, new Set());
}

/** `around`: the sizes of the inputs of the graph around a body. */
function graphProblems(graph: Graph, around: ReadonlySet<string>): string[] {
  const problems: string[] = [];
  const known = new Set<Value>();
  const valueIds = new Map<number, Value>();
  /** Notes a value where it first appears. */
  const meet = (value: Value, where: string): void => {
    const other = valueIds.get(value.id);
    if (other === undefined) valueIds.set(value.id, value);
    else if (other !== value) problems.push(`${where}: another value has the id ${value.id}`);
  };

  problems.push(...weightProblems(graph.weights));
  const symbols = new Set(around);
  for (const value of graph.inputs) {
    const { definition, type } = value;
    if (definition.kind !== 'input') problems.push(`input ${value.id} is defined as no input`);
    meet(value, 'inputs');
    known.add(value);
    for (const name of symbolNames(type.shape)) symbols.add(name);
  }
  const inputNames = graph.inputs.flatMap(({ definition }) =>
    definition.kind === 'input' ? [definition.name] : [],
  );
  problems.push(...repeated(inputNames).map((name) => `two inputs are named ${name}`));

  const listed = new Set(graph.weights);
  const valueOfWeight = new Map<Weight, Value>();
  const leafProblem = (value: Value): string | undefined => {
    const { definition, type } = value;
    if (definition.kind === 'constant') return constantProblem(definition.data, type);
    if (definition.kind !== 'weight') return `value ${value.id} is not defined before it is used`;
    const { weight } = definition;
    const first = valueOfWeight.get(weight);
    if (first !== undefined) return `the weight ${weight.name} has two values`;
    valueOfWeight.set(weight, value);
    if (!listed.has(weight)) return `the weight ${weight.name} is not among the graph's`;
    if (type.batched) return `the weight ${weight.name} has a batch axis`;
    if (equalShapes(weight.shape, type.shape)) return undefined;
    return `the weight ${weight.name} is ${formatShape(weight.shape)}, its value ${formatShape(type.shape)}`;
  };
  /** Notes the use of a value. */
  const use = (value: Value, where: string): void => {
    if (known.has(value)) return;
    meet(value, where);
    const problem = leafProblem(value);
    if (problem !== undefined) problems.push(`${where}: ${problem}`);
    known.add(value);
  };

  const nodeIds = new Set<number>();
  for (const node of graph.nodes) {
    const where = nodeName(node);
    if (nodeIds.has(node.id)) problems.push(`${where}: another node has the id ${node.id}`);
    nodeIds.add(node.id);
    for (const value of node.operands) use(value, where);
    problems.push(...nodeProblems(node, symbols).map((problem) => `${where}: ${problem}`));
    for (const value of node.results) {
      meet(value, where);
      known.add(value);
    }
  }

  const names = graph.outputs.map((output) => output.name);
  problems.push(...repeated(names).map((name) => `two outputs are named ${name}`));
  const owners = new Map<Value, string>();
  for (const { name, value } of graph.outputs) {
    use(value, `output ${name}`);
    if (value.definition.kind !== 'result') {
      problems.push(`output ${name}: its value is the result of no node`);
    }
    const other = owners.get(value);
    if (other !== undefined) problems.push(`outputs ${other} and ${name} are the same value`);
    owners.set(value, name);
  }
  return problems;
}

function weightProblems(weights: readonly Weight[]): string[] {
  const problems = repeated(weights).map(({ name }) => `the weight ${name} is listed twice`);
  const names = repeated([...new Set(weights)].map(({ name }) => name));
  problems.push(...names.map((name) => `two weights are named ${name}`));
  for (const { name, shape } of weights) {
    if (shape.every((size) => Number.isSafeInteger(size) && size >= 1)) continue;
    problems.push(`the weight ${name} has the shape ${formatShape(shape)}`);
  }
  return problems;
}

function constantProblem(data: Float32Array, { shape, batched }: TensorType): string | undefined {
  if (batched) return 'a constant has a batch axis';
  if (!isStatic(shape)) return `a constant has the shape ${formatShape(shape)}`;
  const count = elementCount(shape);
  if (count === data.length) return undefined;
  return `a constant ${formatShape(shape)} has ${data.length} elements`;
}

/** What is wrong with a node alone, its operands being as they say. */
function nodeProblems(node: Node, symbols: ReadonlySet<string>): string[] {
  const operator = findOperator(node.op);
  if (operator === undefined) return ['there is no such operator'];
  const attributes = attributeProblems(node, operator, symbols);
  const links = node.results.flatMap((value, index) => {
    const { definition } = value;
    const links = definition.kind === 'result' && definition.node === node;
    return links && definition.index === index ? [] : [`result ${index} says that it is another`];
  });
  // With attributes that are not what they should be, an operator's functions may do anything.
  if (attributes.length > 0) return [...attributes, ...links];
  const activations = node.operands
    .slice(0, activationCount(node.op, node.operands.length))
    .map((value) => value.type);
  const found = operator.infer(activations, node.attributes);
  if (!found.ok) return [...links, `its operands do not fit: ${found.problem.message}`];
  return [
    ...links,
    ...resultProblems(node, found.types, symbols),
    ...ownWeightProblems(node, operator, activations),
  ];
}

function attributeProblems(
  { attributes }: Node,
  operator: Operator,
  symbols: ReadonlySet<string>,
): string[] {
  const problems: string[] = [];
  for (const [name, { kind }] of Object.entries(operator.parameters)) {
    const attribute = attributes[name];
    if (attribute === undefined) {
      problems.push(`it has no attribute ${name}`);
      continue;
    }
    if (isBody(attribute) && kind === body) {
      problems.push(
        ...bodyProblems(attribute, symbols).map((problem) => `in its body: ${problem}`),
      );
      continue;
    }
    const read = kind.read(attributeConstant(attribute));
    if (read !== undefined && attributeKey(read) === attributeKey(attribute)) continue;
    problems.push(`its attribute ${name} = ${formatAttribute(attribute)} is not ${kind.describe}`);
  }
  for (const name of Object.keys(attributes)) {
    if (!Object.hasOwn(operator.parameters, name)) {
      problems.push(`it has an attribute ${name}, which ${operator.name} does not take`);
    }
  }
  return problems;
}

function bodyProblems({ graph }: Body, symbols: ReadonlySet<string>): string[] {
  const held = graph.nodes.flatMap(({ operands }) =>
    operands.filter(({ definition: { kind } }) => kind === 'weight' || kind === 'constant'),
  );
  const own = held.length === 0 ? [] : ['it has weights or constants of its own'];
  return [...own, ...graphProblems(graph, symbols)];
}

function resultProblems(
  { results }: Node,
  types: readonly TensorType[],
  symbols: ReadonlySet<string>,
): string[] {
  if (results.length !== types.length) {
    return [`it has ${results.length} results where there should be ${types.length}`];
  }
  return types.flatMap((type, i) => {
    const own = results[i]?.type;
    if (own === undefined) return [];
    const problems = [...symbolNames(own.shape)]
      .filter((name) => !symbols.has(name))
      .map((name) => `result ${i} depends on ${name}, which is no size of an input`);
    if (own.batched === type.batched && equalShapes(own.shape, type.shape)) return problems;
    return [...problems, `result ${i} is ${formatType(own)}, but should be ${formatType(type)}`];
  });
}

function ownWeightProblems(
  node: Node,
  operator: Operator,
  activations: readonly TensorType[],
): string[] {
  const specs = operator.weights?.(activations, node.attributes) ?? [];
  const operands = node.operands.slice(activations.length);
  if (specs.length !== operands.length) {
    return [`it has ${operands.length} weights where there should be ${specs.length}`];
  }
  return specs.flatMap((spec, i) => {
    const value = operands[i];
    if (value === undefined) return [];
    const problems: string[] = [];
    if (value.type.batched) problems.push(`its weight ${spec.name} depends on the image`);
    if (!equalShapes(value.type.shape, spec.shape)) {
      const shapes = [value.type.shape, spec.shape].map(formatShape);
      problems.push(`its weight ${spec.name} is ${shapes.join(', but should be ')}`);
    }
    const { definition } = value;
    if (definition.kind === 'weight' && definition.weight.role !== spec.role) {
      problems.push(
        `its weight ${spec.name} is a ${definition.weight.role}, but should be a ${spec.role}`,
      );
    }
    return problems;
  });
}

function nodeName({ op, origin }: Node): string {
  return `${op} ${origin.path}`;
}

/** `f32[H, W, 3]`, and `unbatched f32[3]` for what is the same for every image. */
export function formatType({ dtype, shape, batched }: TensorType): string {
  return `${batched ? '' : 'unbatched '}${dtype}${formatShape(shape)}`;
}

function symbolNames(shape: Shape): Set<string> {
  return new Set(shape.flatMap((d) => [...symbolsOf(d).keys()]));
}

/** Those that appear more than once. */
function repeated<T>(items: readonly T[]): T[] {
  const seen = new Set<T>();
  const again = new Set<T>();
  for (const item of items) {
    if (seen.has(item)) again.add(item);
    seen.add(item);
  }
  return [...again];
}
