/** Activations and arithmetic: they work under any order of axes, and keep the one that they find. */
import type { Node, Value } from '../../compiler/ir.js';
import { broadcast } from '../../compiler/ops/broadcast.js';
import { booleanAttribute, numberAttribute } from '../attributes.js';
import { commonBatch, type BatchAxis } from '../nodes.js';
import type { Emitter, Held } from './emitter.js';
import { plain, type Order } from './layout.js';
import { operand, rankOf, result, resultNode, type Lowering } from './lowering.js';
import { float, text, type OnnxAttributes, type OnnxValue } from './model.js';

/** The operator of that name, whose attributes are the IR's under other names. */
function unary(opType: string, attributes: (node: Node) => OnnxAttributes = () => ({})): Lowering {
  return (e, node) => {
    const x = e.held(operand(node, 0));
    return resultNode(e, node, x, opType, [x.value], attributes(node));
  };
}

export const relu = unary('Relu');
export const sigmoid = unary('Sigmoid');
export const tanh = unary('Tanh');
export const softplus = unary('Softplus');
/** ONNX's default constants are the same, to float32. */
export const selu = unary('Selu');
/** Slope 1/6 and offset 0.5, as archc's. */
export const hardswish = unary('HardSwish');
export const elu = unary('Elu', (node) => ({ alpha: float(numberAttribute(node, 'alpha')) }));
export const leakyrelu = unary('LeakyRelu', (node) => ({
  alpha: float(numberAttribute(node, 'alpha')),
}));
export const hardsigmoid = unary('HardSigmoid', (node) => ({
  alpha: float(numberAttribute(node, 'slope')),
  beta: float(numberAttribute(node, 'offset')),
}));

export const relu6: Lowering = (e, node) => {
  const x = e.held(operand(node, 0));
  return resultNode(e, node, x, 'Clip', [x.value, e.floats([0], []), e.floats([6], [])]);
};

export const silu: Lowering = (e, node) => gated(e, node, (x) => step(e, node, x, 'Sigmoid'));

const nativeMish = unary('Mish');
export const mish: Lowering = (e, node) =>
  e.opset >= 18
    ? nativeMish(e, node)
    : gated(e, node, (x) => step(e, node, step(e, node, x, 'Softplus'), 'Tanh'));

const nativeGelu = unary('Gelu', (node) => ({
  approximate: text(booleanAttribute(node, 'approximate') ? 'tanh' : 'none'),
}));
export const gelu: Lowering = (e, node) => {
  if (e.opset >= 20) return nativeGelu(e, node);
  const x = e.held(operand(node, 0));
  const scalar = (value: number): OnnxValue => e.floats([value], []);
  const binary = (opType: string, a: OnnxValue, b: OnnxValue): OnnxValue =>
    resultNode(e, node, x, opType, [a, b]).value;
  let curve: OnnxValue;
  if (booleanAttribute(node, 'approximate')) {
    // tanh(√(2/π) · x · (1 + 0.044715 · x²))
    const squared = binary('Mul', x.value, x.value);
    const factor = binary('Add', binary('Mul', squared, scalar(0.044715)), scalar(1));
    const scaled = binary('Mul', x.value, scalar(Math.sqrt(2 / Math.PI)));
    curve = step(e, node, { ...x, value: binary('Mul', scaled, factor) }, 'Tanh').value;
  } else {
    const scaled = binary('Mul', x.value, scalar(Math.SQRT1_2));
    curve = step(e, node, { ...x, value: scaled }, 'Erf').value;
  }
  const half = binary('Mul', x.value, scalar(0.5));
  return resultNode(e, node, x, 'Mul', [half, binary('Add', curve, scalar(1))]);
};

function step(e: Emitter, node: Node, x: Held, opType: string): Held {
  return resultNode(e, node, x, opType, [x.value]);
}

/** `x · gate(x)` */
function gated(e: Emitter, node: Node, gate: (x: Held) => Held): Held {
  const x = e.held(operand(node, 0));
  return resultNode(e, node, x, 'Mul', [x.value, gate(x).value]);
}

export const prelu: Lowering = (e, node) => {
  const x = e.held(operand(node, 0));
  const slope = e.align(operand(node, 1), x.order).value;
  return resultNode(e, node, x, 'PRelu', [x.value, slope]);
};

/** The value itself. */
export const identity: Lowering = (e, node) => e.held(operand(node, 0));

export const add = chain('Add');
export const sub = chain('Sub');
export const mul = chain('Mul');
export const div = chain('Div');

export const maximum = variadic('Max');
export const minimum = variadic('Min');

/** One operator of two operands after the other. */
function chain(opType: string): Lowering {
  return (e, node) => {
    const { order, batch, values } = aligned(e, node);
    const [first, ...others] = values;
    if (first === undefined) throw new Error(`${node.op}: operands missing`);
    const value = others.reduce((left, right) => {
      const found = broadcast([left.shape, right.shape]);
      if (!found.ok) throw new Error(`${node.op}: shapes do not broadcast`);
      return e.node(opType, [left, right], found.shape);
    }, first);
    return { value, order, batch };
  };
}

function variadic(opType: string): Lowering {
  return (e, node) => {
    const { order, batch, values } = aligned(e, node);
    return resultNode(e, node, { order, batch }, opType, values);
  };
}

interface Aligned {
  readonly order: Order;
  readonly batch: BatchAxis;
  readonly values: readonly OnnxValue[];
}

/** Operands that broadcast as they are, and how that holds the result. */
function aligned(e: Emitter, node: Node): Aligned {
  const rank = rankOf(result(node));
  const order = orderOfLargest(e, node.operands, rank);
  const placed = node.operands.map((value) => e.align(value, order));
  return { order, batch: commonBatch(placed), values: placed.map((p) => p.value) };
}

/** The order of the operand that would cost most to move: of all axes, the one that fills most. */
function orderOfLargest(e: Emitter, values: readonly Value[], rank: number): Order {
  let best = plain(rank);
  let most = -1;
  for (const value of values) {
    const order = e.cheapOrder(value);
    const filled = value.type.shape.filter((dim) => dim !== 1).length;
    if (order === undefined || order.length !== rank || filled <= most) continue;
    best = order;
    most = filled;
  }
  return best;
}
