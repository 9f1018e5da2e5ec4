/** Folds batch normalisation into the convolution or dense layer before it. */
import { activationCount, type GraphBuilder } from '../builder.js';
import type { Attributes, Node, Tensor, Value, Weight, WeightValues } from '../ir.js';
import { operatorOf } from '../ops/index.js';
import { at } from '../ops/tensor.js';
import { rewriteGraph } from '../rewrite.js';
import { modelOf, tensorOf, usersOf, type Pass, type Users } from './pass.js';

/**
 * With factor = scale / √(variance + eps) a channel, batch norm after a linear operator is the
 * operator with kernel · factor and (bias − mean) · factor + shift (Jacob et al. 2018,
 * arXiv:1712.05877, §3.2), computed in double precision. An operator without a bias gets one,
 * `<path>.bias`. Folds where nothing else reads the result between the two, and where the kernel
 * and bias have known values and are read by this operator alone: a shared kernel would have to be
 * copied. Leaves a graph without values alone.
 */
export const foldBatchnorm: Pass = (model) => {
  const { graph, weights } = model;
  if (weights === undefined) return model;
  const values = new Map(weights);
  const users = usersOf(graph);
  const names = new Set(graph.weights.map((weight) => weight.name));
  const folded = new Set<Node>();

  const rewritten = rewriteGraph(graph, (node, operands, builder) => {
    if (folded.has(node)) return operands.slice(0, 1);
    const following = batchnormsAfter(node, users);
    const plan = following.length === 0 ? undefined : planFold(node, users, values);
    const affines = following.map((norm) => affineOf(norm, values));
    if (plan === undefined || affines.some((affine) => affine === undefined)) return undefined;
    const affine = affines.reduce((before, after) => before && after && compose(before, after));
    if (affine === undefined) return undefined;
    for (const norm of following) folded.add(norm);
    return fold(node, operands, plan, affine, { builder, values, names });
  });
  return modelOf(rewritten, values);
};

/** `factor · x + summand`, channel by channel. */
export interface Affine {
  readonly factor: Float64Array;
  readonly summand: Float64Array;
}

/** The kernel and bias of a linear operator. */
interface Plan {
  readonly kernel: Tensor;
  /** Undefined where it has none yet. */
  readonly bias: Tensor | undefined;
  /** With a bias. */
  readonly attributes: Attributes;
}

interface Target {
  readonly builder: GraphBuilder;
  readonly values: Map<string, Tensor>;
  readonly names: Set<string>;
}

/** The batch norms, one after the other, that alone read what comes before them. */
function batchnormsAfter(node: Node, users: Users): Node[] {
  if (!operatorOf(node.op).traits.includes('linear-kernel')) return [];
  const found: Node[] = [];
  for (let last = node; ;) {
    const [result] = last.results;
    const [next, ...others] = result === undefined ? [] : (users.get(result) ?? []);
    if (next?.op !== 'batchnorm' || next.operands[0] !== result || others.length > 0) return found;
    found.push(next);
    last = next;
  }
}

function planFold(node: Node, users: Users, values: WeightValues): Plan | undefined {
  const [kernel, bias] = weightOperands(node);
  const tensors = [kernel, bias].map((value) =>
    value !== undefined && users.get(value)?.length === 1 ? tensorOf(value, values) : undefined,
  );
  if (tensors[0] === undefined || (bias !== undefined && tensors[1] === undefined))
    return undefined;
  const takesBias = operatorOf(node.op).parameters['bias'] !== undefined;
  if (bias === undefined && !takesBias) return undefined;
  const attributes = takesBias ? { ...node.attributes, bias: true } : node.attributes;
  return { kernel: tensors[0], bias: tensors[1], attributes };
}

function weightOperands(node: Node): readonly Value[] {
  return node.operands.slice(activationCount(node.op, node.operands.length));
}

/** What a batch norm does at inference, in double precision, where its weights are known. */
export function affineOf(norm: Node, values: WeightValues): Affine | undefined {
  const weights = weightOperands(norm).map((value) => tensorOf(value, values)?.data);
  const [scale, shift, mean, variance] = weights;
  const { eps } = norm.attributes;
  if (scale === undefined || shift === undefined || typeof eps !== 'number') return undefined;
  if (mean === undefined || variance === undefined) return undefined;
  const factor = Float64Array.from(scale, (s, c) => s / Math.sqrt(at(variance, c) + eps));
  const summand = Float64Array.from(shift, (s, c) => s - at(mean, c) * at(factor, c));
  return { factor, summand };
}

/** `after(before(x))` */
function compose(before: Affine, after: Affine): Affine {
  return {
    factor: before.factor.map((f, c) => f * at(after.factor, c)),
    summand: before.summand.map((s, c) => s * at(after.factor, c) + at(after.summand, c)),
  };
}

function fold(
  node: Node,
  operands: readonly Value[],
  { kernel, bias, attributes }: Plan,
  { factor, summand }: Affine,
  target: Target,
): readonly Value[] {
  const filters = factor.length;
  const { builder } = target;
  const count = activationCount(node.op, node.operands.length);
  const [kernelValue, biasValue] = operands.slice(count);
  if (kernelValue === undefined) throw new Error(`${node.op}: no kernel`);
  const newKernel: Tensor = {
    shape: kernel.shape,
    data: kernel.data.map((w, i) => w * at(factor, i % filters)),
  };
  const newBias: Tensor = {
    shape: [filters],
    data: Float32Array.from(summand, (s, c) =>
      bias === undefined ? s : at(bias.data, c) * at(factor, c) + s,
    ),
  };
  return builder.apply(
    node.op,
    [
      ...operands.slice(0, count),
      withTensor(kernelValue, newKernel, target),
      withTensor(biasValue ?? addBias(node, attributes, target), newBias, target),
    ],
    attributes,
  );
}

/** The value with another tensor: the weight under its name, or another constant. */
function withTensor(value: Value, tensor: Tensor, { builder, values }: Target): Value {
  if (value.definition.kind !== 'weight') return builder.constant(tensor.data, tensor.shape);
  values.set(value.definition.weight.name, tensor);
  return value;
}

function addBias(node: Node, attributes: Attributes, { builder, names }: Target): Value {
  const { origin } = node;
  const types = node.operands.slice(0, activationCount(node.op, node.operands.length));
  const specs = operatorOf(node.op).weights?.(
    types.map((value) => value.type),
    attributes,
  );
  const spec = specs?.find(({ role }) => role === 'bias');
  if (spec === undefined) throw new Error(`${node.op} declares no bias`);
  const { shape, role, trainable, init } = spec;
  const name = freshName(`${origin.path}.${spec.name}`, names);
  names.add(name);
  const weight: Weight = { name, shape, role, trainable, init, origin };
  return builder.weight(weight);
}

function freshName(wanted: string, names: ReadonlySet<string>): string {
  for (let name = wanted, n = 2; ; name = `${wanted}_${n++}`) if (!names.has(name)) return name;
}
