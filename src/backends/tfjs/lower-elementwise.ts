/** Activations and arithmetic. */
import type { Node } from '../../compiler/ir.js';
import { broadcast } from '../../compiler/ops/broadcast.js';
import { booleanAttribute, numberAttribute } from '../attributes.js';
import { commonBatch } from '../nodes.js';
import type { Emitter, Held } from './emitter.js';
import { binary, operand, resultNode, resultRank, type Lowering } from './lowering.js';
import { float, type TfAttributes, type TfValue } from './model.js';

/** The operator of that name, whose attributes are the IR's under other names. */
function unary(op: string, attributes: (node: Node) => TfAttributes = () => ({})): Lowering {
  return (e, node) => {
    const x = e.take(operand(node, 0));
    return resultNode(e, node, x.batch, op, [x.value], attributes(node));
  };
}

export const relu = unary('Relu');
export const relu6 = unary('Relu6');
export const sigmoid = unary('Sigmoid');
export const tanh = unary('Tanh');
export const softplus = unary('Softplus');
/** TensorFlow's constants are the same. */
export const selu = unary('Selu');
export const leakyrelu = unary('LeakyRelu', (node) => ({
  alpha: float(numberAttribute(node, 'alpha')),
}));

/** What writes the steps of a composed activation. */
interface Steps {
  readonly x: TfValue;
  readonly unary: (op: string, a: TfValue) => TfValue;
  readonly binary: (op: string, a: TfValue, b: TfValue | number) => TfValue;
}

/** An activation of several nodes. */
function composed(steps: (s: Steps, node: Node) => TfValue): Lowering {
  return (e, node) => {
    const x = e.take(operand(node, 0));
    const value = steps(
      {
        x: x.value,
        unary: (op, a) => e.node(op, [a], x.value.shape),
        binary: (op, a, b) => binary(e, op, a, typeof b === 'number' ? e.scalar(b) : b),
      },
      node,
    );
    return { ...x, value };
  };
}

/** TensorFlow's has no alpha: elu(x) = max(x, 0) + alpha · elu₁(min(x, 0)). */
export const elu = composed((s, node) => {
  const alpha = numberAttribute(node, 'alpha');
  if (alpha === 1) return s.unary('Elu', s.x);
  const below = s.unary('Elu', s.binary('Minimum', s.x, 0));
  return s.binary('AddV2', s.binary('Maximum', s.x, 0), s.binary('Mul', below, alpha));
});

export const silu = composed((s) => s.binary('Mul', s.x, s.unary('Sigmoid', s.x)));

export const mish = composed((s) =>
  s.binary('Mul', s.x, s.unary('Tanh', s.unary('Softplus', s.x))),
);

/** x · relu6(x + 3) / 6 */
export const hardswish = composed((s) => {
  const gate = s.unary('Relu6', s.binary('AddV2', s.x, 3));
  return s.binary('Mul', s.x, s.binary('Mul', gate, 1 / 6));
});

export const hardsigmoid = composed((s, node) => {
  const scaled = s.binary('Mul', s.x, numberAttribute(node, 'slope'));
  const line = s.binary('AddV2', scaled, numberAttribute(node, 'offset'));
  return s.binary('Minimum', s.binary('Maximum', line, 0), 1);
});

export const gelu = composed((s, node) => {
  let curve: TfValue;
  if (booleanAttribute(node, 'approximate')) {
    // tanh(√(2/π) · x · (1 + 0.044715 · x²))
    const factor = s.binary('AddV2', s.binary('Mul', s.binary('Mul', s.x, s.x), 0.044715), 1);
    const scaled = s.binary('Mul', s.x, Math.sqrt(2 / Math.PI));
    curve = s.unary('Tanh', s.binary('Mul', scaled, factor));
  } else {
    curve = s.unary('Erf', s.binary('Mul', s.x, Math.SQRT1_2));
  }
  return s.binary('Mul', s.binary('Mul', s.x, 0.5), s.binary('AddV2', curve, 1));
});

export const prelu: Lowering = (e, node) => {
  const x = e.take(operand(node, 0));
  const slope = e.take(operand(node, 1)).value;
  return resultNode(e, node, x.batch, 'Prelu', [x.value, slope]);
};

/** The value itself. */
export const identity: Lowering = (e, node) => e.take(operand(node, 0));

export const add = chain('AddV2');
export const sub = chain('Sub');
export const mul = chain('Mul');
export const div = chain('RealDiv');
export const maximum = chain('Maximum');
export const minimum = chain('Minimum');

/** One operator of two operands after the other. */
function chain(op: string): Lowering {
  return (e, node) => {
    const operands = node.operands.map((value) => e.align(value, resultRank(node)));
    const [first, ...others] = operands;
    if (first === undefined) throw new Error(`${node.op}: operands missing`);
    const value = others.reduce((left, right) => joined(e, op, left, right.value), first.value);
    return { value, batch: commonBatch(operands) } satisfies Held;
  };
}

function joined(e: Emitter, op: string, a: TfValue, b: TfValue): TfValue {
  const found = broadcast([a.shape, b.shape]);
  if (!found.ok) throw new Error(`${op}: shapes do not broadcast`);
  return e.node(op, [a, b], found.shape);
}
