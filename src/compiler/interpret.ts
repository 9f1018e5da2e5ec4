/**
 * The reference interpreter: what a graph means, by asking each operator's `evaluate` in turn.
 * Slow and plain; every backend is judged against it.
 */
import { bodyOf } from './body.js';
import {
  inputName,
  type Graph,
  type Node,
  type Tensor,
  type Value,
  type WeightValues,
} from './ir.js';
import { operatorOf } from './ops/index.js';
import { elementCount } from './ops/tensor.js';
import { equalShapes, formatShape, staticShape } from './shape.js';

/** Told, as work goes on, how much of it is done: nodes, over all images. */
export type OnProgress = (done: number, total: number) => void;

/** Tensors by the id of the value that they belong to. */
type Environment = Map<number, Tensor>;

/**
 * The outputs of a graph by name. Every size of the graph is a number (see `specialize`). Batched
 * inputs and outputs carry the batch as their first axis, `[N, …]`, the same N for all. Throws
 * where an input or a weight is missing or has another shape: callers have checked.
 */
export function interpret(
  graph: Graph,
  weights: WeightValues,
  inputs: ReadonlyMap<string, Tensor>,
  onProgress?: OnProgress,
): ReadonlyMap<string, Tensor> {
  const wanted = new Set(graph.outputs.map((output) => output.value));
  const found = run(graph, weights, inputs, wanted, onProgress);
  return new Map(graph.outputs.map(({ name, value }) => [name, known(found, value)]));
}

/** As `interpret`, every value of the graph by its id: inputs, weights, constants and results. */
export function interpretAll(
  graph: Graph,
  weights: WeightValues,
  inputs: ReadonlyMap<string, Tensor>,
): ReadonlyMap<number, Tensor> {
  const values = [
    ...graph.inputs,
    ...graph.nodes.flatMap((node) => [...node.operands, ...node.results]),
    ...graph.outputs.map((output) => output.value),
  ];
  return run(graph, weights, inputs, new Set(values));
}

/** The results of one node on one image: no operand has a batch axis. */
export function evaluateNode(node: Node, operands: readonly Tensor[]): readonly Tensor[] {
  const shapes = node.results.map((value) => staticShape(value.type.shape));
  const results =
    operatorOf(node.op).evaluate?.(operands, node.attributes, shapes) ?? runBody(node, operands);
  shapes.forEach((shape, i) => requireShape(`result ${i} of ${node.op}`, results[i], shape));
  return results;
}

/** A composite, by its parts. */
function runBody(node: Node, operands: readonly Tensor[]): readonly Tensor[] {
  const body = bodyOf(node);
  const env: Environment = new Map();
  body.inputs.forEach((input, i) => {
    const tensor = operands[i];
    if (tensor !== undefined) env.set(input.id, tensor);
  });
  const outputs = body.outputs.map((output) => output.value);
  runNodes(body.nodes, env, new Set(outputs), NO_WEIGHTS);
  return outputs.map((value) => read(value, env, NO_WEIGHTS));
}

const NO_WEIGHTS: WeightValues = new Map();
/** The `wanted` values by id, batched ones with their batch axis. */
function run(
  graph: Graph,
  weights: WeightValues,
  inputs: ReadonlyMap<string, Tensor>,
  wanted: ReadonlySet<Value>,
  onProgress?: OnProgress,
): Environment {
  const given = graph.inputs.map((value) => ({ value, tensor: checkedInput(value, inputs) }));
  // What does not depend on the image: standardised kernels, folded constants, …
  const fixed: Environment = new Map();
  for (const { value, tensor } of given) if (!value.type.batched) fixed.set(value.id, tensor);
  const once = graph.nodes.filter((node) => !isBatched(node));
  const perImage = graph.nodes.filter(isBatched);
  const needed = new Set([...wanted, ...perImage.flatMap((node) => node.operands)]);
  runNodes(once, fixed, needed, weights);

  const batched = given.filter(({ value }) => value.type.batched);
  const count = batchSize(batched.map(({ tensor }) => tensor));
  const stacks = new Map<Value, Float32Array>();
  const found: Environment = new Map();
  for (const value of wanted) {
    const shape = staticShape(value.type.shape);
    if (value.type.batched) {
      const data = new Float32Array(count * elementCount(shape));
      stacks.set(value, data);
      found.set(value.id, { shape: [count, ...shape], data });
    } else {
      found.set(value.id, read(value, fixed, weights));
    }
  }
  for (let image = 0; image < count; image++) {
    const env: Environment = new Map(fixed);
    for (const { value, tensor } of batched) {
      const shape = staticShape(value.type.shape);
      const size = elementCount(shape);
      env.set(value.id, { shape, data: tensor.data.subarray(image * size, (image + 1) * size) });
    }
    runNodes(perImage, env, wanted, weights, (done) =>
      onProgress?.(image * perImage.length + done, count * perImage.length),
    );
    for (const [value, data] of stacks) {
      const own = known(env, value).data;
      data.set(own, image * own.length);
    }
  }
  return found;
}

/** Evaluates nodes in order, and lets go of each value after its last use unless it is kept. */
function runNodes(
  nodes: readonly Node[],
  env: Environment,
  kept: ReadonlySet<Value>,
  weights: WeightValues,
  onNode?: (done: number) => void,
): void {
  const uses = new Map<Value, number>();
  for (const node of nodes) {
    for (const value of node.operands) uses.set(value, (uses.get(value) ?? 0) + 1);
  }
  for (const [i, node] of nodes.entries()) {
    onNode?.(i);
    const results = evaluateNode(
      node,
      node.operands.map((value) => read(value, env, weights)),
    );
    node.results.forEach((value, i) => {
      const tensor = results[i];
      if (tensor === undefined) throw new Error(`${node.op}: result ${i} is missing`);
      if (uses.has(value) || kept.has(value)) env.set(value.id, tensor);
    });
    for (const value of node.operands) {
      const left = (uses.get(value) ?? 0) - 1;
      uses.set(value, left);
      if (left === 0 && !kept.has(value)) env.delete(value.id);
    }
  }
}

function isBatched(node: Node): boolean {
  return node.results.some((value) => value.type.batched);
}

function read(value: Value, env: Environment, weights: WeightValues): Tensor {
  const { definition } = value;
  if (definition.kind === 'constant') {
    return { shape: staticShape(value.type.shape), data: definition.data };
  }
  if (definition.kind !== 'weight') return known(env, value);
  const { name } = definition.weight;
  const tensor = weights.get(name);
  requireShape(`weight ${name}`, tensor, staticShape(value.type.shape));
  return tensor;
}

function known(env: Environment, value: Value): Tensor {
  const tensor = env.get(value.id);
  if (tensor === undefined) throw new Error(`value ${value.id} is used before it is computed`);
  return tensor;
}

function checkedInput(value: Value, inputs: ReadonlyMap<string, Tensor>): Tensor {
  const name = inputName(value);
  const tensor = inputs.get(name);
  const shape = staticShape(value.type.shape);
  const [count = 0] = tensor?.shape ?? [];
  requireShape(`input ${name}`, tensor, value.type.batched ? [count, ...shape] : shape);
  return tensor;
}

function batchSize(tensors: readonly Tensor[]): number {
  const counts = new Set(tensors.map((tensor) => tensor.shape[0] ?? 0));
  if (counts.size > 1) throw new Error(`inputs have batches of ${[...counts].join(' and ')}`);
  return [...counts][0] ?? 0;
}

function requireShape(
  what: string,
  tensor: Tensor | undefined,
  shape: readonly number[],
): asserts tensor is Tensor {
  if (tensor === undefined) throw new Error(`${what} is missing`);
  if (!equalShapes(tensor.shape, shape) || tensor.data.length !== elementCount(shape)) {
    throw new Error(
      `${what} has shape ${formatShape(tensor.shape)} and ${tensor.data.length} elements, not shape ${formatShape(shape)}`,
    );
  }
}
