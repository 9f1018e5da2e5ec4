/**
 * How WGSL spells the elementwise operators: an expression over the names of their operands, of
 * type `T` (f32 or vec4f), and the functions that it calls.
 */
import type { Attributes, Node } from '../../compiler/ir.js';
import type { OperatorName } from '../../compiler/ops/index.js';
import { float } from './shader.js';

export type Scalar = 'f32' | 'vec4f';

interface Spelling {
  readonly expression: string;
  /** Functions by name that it calls. */
  readonly needs?: readonly HelperName[];
}

type Spell = (operands: readonly string[], attributes: Attributes, type: Scalar) => Spelling;

const plain =
  (write: (x: string, y: string) => string): Spell =>
  (operands) => ({
    // From the left, as `evaluate` does with any number of operands.
    expression: operands.reduce((a, b) => write(a, b)),
  });
const infix = (operator: string): Spell => plain((a, b) => `(${a} ${operator} ${b})`);
const call = (name: string): Spell => plain((a, b) => `${name}(${a}, ${b})`);
/** A function of one operand, from the table below. */
const helper =
  (name: HelperName, ...more: readonly string[]): Spell =>
  ([x = ''], attributes) => ({
    expression: `${name}(${[x, ...more.map((each) => numberOf(attributes, each))].join(', ')})`,
    needs: [name],
  });

function numberOf(attributes: Attributes, name: string): string {
  const value = attributes[name];
  if (typeof value !== 'number') throw new Error(`${name} is no number`);
  return float(value);
}

const ELEMENTWISE: Readonly<Partial<Record<OperatorName, Spell>>> = {
  identity: ([x = '']) => ({ expression: x }),
  dropout: ([x = '']) => ({ expression: x }),
  spatialdropout: ([x = '']) => ({ expression: x }),
  add: infix('+'),
  sub: infix('-'),
  mul: infix('*'),
  div: infix('/'),
  maximum: call('max'),
  minimum: call('min'),
  relu: ([x = ''], _, type) => ({ expression: `max(${x}, ${type}())` }),
  relu6: ([x = ''], _, type) => ({ expression: `clamp(${x}, ${type}(), ${type}(6.0))` }),
  leakyrelu: ([x = ''], attributes, type) => ({
    expression: `select(${x} * ${numberOf(attributes, 'alpha')}, ${x}, ${x} >= ${type}())`,
  }),
  prelu: ([x = '', alpha = ''], _, type) => ({
    expression: `select(${x} * ${alpha}, ${x}, ${x} >= ${type}())`,
  }),
  elu: helper('elu', 'alpha'),
  selu: ([x = '']) => ({
    expression: `(${float(1.0507009873554805)} * elu(${x}, ${float(1.6732632423543772)}))`,
    needs: ['elu'],
  }),
  gelu: (operands, attributes, type) =>
    helper(attributes['approximate'] === true ? 'gelu_tanh' : 'gelu')(operands, attributes, type),
  silu: ([x = '']) => ({ expression: `(${x} * sigmoid(${x}))`, needs: ['sigmoid'] }),
  hardswish: ([x = ''], _, type) => ({
    expression: `(${x} * clamp(${x} / 6.0 + 0.5, ${type}(), ${type}(1.0)))`,
  }),
  hardsigmoid: ([x = ''], attributes, type) => ({
    expression: `clamp(${numberOf(attributes, 'slope')} * ${x} + ${numberOf(attributes, 'offset')}, ${type}(), ${type}(1.0))`,
  }),
  // With the factor and the summand of each channel.
  scaleshift: ([x = '', factor = '', summand = '']) => ({
    expression: `(${x} * ${factor} + ${summand})`,
  }),
  batchnorm: ([x = '', factor = '', summand = '']) => ({
    expression: `(${x} * ${factor} + ${summand})`,
  }),
  sigmoid: helper('sigmoid'),
  tanh: helper('hyperbolic_tangent'),
  softplus: helper('softplus'),
  mish: ([x = '']) => ({
    expression: `(${x} * hyperbolic_tangent(softplus(${x})))`,
    needs: ['hyperbolic_tangent', 'softplus'],
  }),
};

export function spellingOf(node: Node): Spell | undefined {
  return ELEMENTWISE[node.op];
}

type HelperName = keyof typeof HELPERS;

/** Functions for a type, each with those that it calls. */
const HELPERS = {
  sigmoid: {
    needs: [],
    code: (T: Scalar) => `fn sigmoid(x: ${T}) -> ${T} {
  return 1.0 / (1.0 + exp(-x));
}`,
  },
  // Some drivers give NaN where e^2x is past the largest f32; beyond ±15 the result is ±1 anyway.
  hyperbolic_tangent: {
    needs: [],
    code: (T: Scalar) => `fn hyperbolic_tangent(x: ${T}) -> ${T} {
  return tanh(clamp(x, ${T}(-15.0), ${T}(15.0)));
}`,
  },
  softplus: {
    needs: [],
    code: (T: Scalar) => `fn softplus(x: ${T}) -> ${T} {
  return max(x, ${T}()) + log(1.0 + exp(-abs(x)));
}`,
  },
  elu: {
    needs: [],
    code: (T: Scalar) => `fn elu(x: ${T}, alpha: f32) -> ${T} {
  return select(alpha * (exp(min(x, ${T}())) - 1.0), x, x > ${T}());
}`,
  },
  // Abramowitz & Stegun 7.1.26: within 1.5e-7 of the error function.
  error_function: {
    needs: [],
    code: (T: Scalar) => `fn error_function(x: ${T}) -> ${T} {
  let t = 1.0 / (1.0 + 0.3275911 * abs(x));
  let series = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  return sign(x) * (1.0 - series * exp(-x * x));
}`,
  },
  gelu: {
    needs: ['error_function'],
    code: (T: Scalar) => `fn gelu(x: ${T}) -> ${T} {
  return 0.5 * x * (1.0 + error_function(x * 0.70710678));
}`,
  },
  gelu_tanh: {
    needs: ['hyperbolic_tangent'],
    code: (T: Scalar) => `fn gelu_tanh(x: ${T}) -> ${T} {
  return 0.5 * x * (1.0 + hyperbolic_tangent(0.79788456 * (x + 0.044715 * x * x * x)));
}`,
  },
} as const;

/** The text of functions and of those that they call, each once, those that are called first. */
export function helperText(names: Iterable<HelperName>, type: Scalar): string {
  const texts = new Map<string, string>();
  const visit = (name: HelperName): void => {
    if (texts.has(name)) return;
    const { needs, code } = HELPERS[name];
    needs.forEach(visit);
    texts.set(name, code(type));
  };
  for (const name of names) visit(name);
  return [...texts.values()].join('\n\n');
}

export type { HelperName };
