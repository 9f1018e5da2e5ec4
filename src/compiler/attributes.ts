/** Attributes as text, as keys, and as the constants that an operator's parameters read. */
import type { Constant } from './constant.js';
import { isBody, type Attribute, type Attributes, type Body, type Value } from './ir.js';
import type { Operator, Parameters } from './ops/operator.js';
import { formatDim, isSymbolic, type Dim } from './shape.js';

type Scalar = Exclude<Attribute, readonly Attribute[]>;

function isList(attribute: Attribute): attribute is readonly Attribute[] {
  return Array.isArray(attribute);
}

function isSymbolicDim(attribute: Scalar): attribute is Exclude<Dim, number> {
  if (typeof attribute !== 'object' || attribute === null || isBody(attribute)) return false;
  return isSymbolic(attribute);
}

/** An attribute as it would be written: `[3, 3]`, `same`, `H/2`, `none`; a body is `{conv; relu}`. */
export function formatAttribute(attribute: Attribute): string {
  if (isList(attribute)) return `[${attribute.map(formatAttribute).join(', ')}]`;
  if (isBody(attribute)) return `{${attribute.graph.nodes.map(({ op }) => op).join('; ')}}`;
  if (isSymbolicDim(attribute)) return formatDim(attribute);
  return attribute === null ? 'none' : String(attribute);
}

/** Equal for equal attributes and for no others. */
export function attributeKey(attribute: Attribute): string {
  if (isList(attribute)) return `[${attribute.map(attributeKey).join(',')}]`;
  if (isBody(attribute)) return bodyKey(attribute);
  if (isSymbolicDim(attribute)) return `<${attribute.key}>`;
  if (typeof attribute === 'string') return JSON.stringify(attribute);
  return Object.is(attribute, -0) ? '-0' : String(attribute);
}

/** What its nodes do, in order, whatever their ids and places in the source. */
function bodyKey({ graph }: Body): string {
  const names = new Map<Value, number>(graph.inputs.map((value, i) => [value, i]));
  const nameOf = (value: Value): string => String(names.get(value));
  const nodes = graph.nodes.map(({ op, operands, attributes, results }) => {
    const call = `${op}(${operands.map(nameOf).join(',')})${attributesKey(attributes)}`;
    for (const value of results) names.set(value, names.size);
    return call;
  });
  return `{${nodes.join(';')}|${graph.outputs.map(({ value }) => nameOf(value)).join(',')}}`;
}

/** Equal for equal attributes of one operator and for no others. */
export function attributesKey(attributes: Attributes): string {
  return Object.entries(attributes)
    .map(([name, attribute]) => `${name}=${attributeKey(attribute)}`)
    .join(';');
}

/** The constant from which a parameter reads this attribute; no program writes a body. */
export function attributeConstant(attribute: Attribute): Constant {
  if (isList(attribute)) return { type: 'list', items: attribute.map(attributeConstant) };
  if (isSymbolicDim(attribute)) return { type: 'int', value: attribute };
  switch (typeof attribute) {
    case 'number':
      return { type: Number.isInteger(attribute) ? 'int' : 'float', value: attribute };
    case 'boolean':
      return { type: 'bool', value: attribute };
    case 'string':
      return { type: 'string', value: attribute };
    default:
      return { type: 'none' };
  }
}

/** The attributes that differ from their defaults, in the order of the parameters. */
export function writtenAttributes(
  operator: Operator,
  attributes: Attributes,
): [name: string, attribute: Attribute][] {
  return Object.entries(operator.parameters).flatMap(([name, parameter]) => {
    const attribute = attributes[name];
    if (attribute === undefined) return [];
    const standard =
      typeof parameter.default === 'function' ? parameter.default(attributes) : parameter.default;
    const isDefault = standard !== undefined && attributeKey(standard) === attributeKey(attribute);
    return isDefault ? [] : [[name, attribute]];
  });
}

/** A default as it would be written: `3` for `[3, 3]`, and `k` where it is that of another. */
export function writtenDefault(parameters: Parameters, name: string): string | undefined {
  const parameter = parameters[name];
  const value = parameter?.default;
  if (parameter === undefined || value === undefined) return undefined;
  if (typeof value === 'function') {
    // Which parameter it follows: each is given a pair of its own to see which comes back.
    const names = Object.keys(parameters);
    const marks: Attributes = Object.fromEntries(names.map((key, i) => [key, [i, i]]));
    const found = formatAttribute(value(marks));
    return names.find((_, i) => formatAttribute([i, i]) === found) ?? found;
  }
  if (value === -1 && parameter.kind.choices.includes('channels')) return 'channels';
  return formatAttribute(oneForAll(value));
}

function oneForAll(value: Attribute): Attribute {
  if (!Array.isArray(value)) return value;
  const items: readonly Attribute[] = value;
  const [first] = items;
  return first !== undefined && items.every((item) => item === first) ? first : value;
}
