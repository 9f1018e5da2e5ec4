/** The graph as text for people: what `archc ir` prints, and what goldens of passes are. */
import { formatAttribute, writtenAttributes } from './attributes.js';
import {
  inputName,
  isBody,
  type Body,
  type Graph,
  type Node,
  type SymbolInfo,
  type Value,
  type Weight,
} from './ir.js';
import { operatorOf } from './ops/index.js';
import { formatShape } from './shape.js';
import { formatLocation } from './source.js';
import { formatType } from './verify.js';

/** Constants with more elements show as many, and how many there are. */
const ELEMENTS_SHOWN = 8;

/**
 * A graph as text. Inputs and results are `%0`, `%1`, … in the order of the text, weights `@name`,
 * constants `$0`, `$1`, … Attributes that have their defaults are left out; behind `#` stand the
 * instance path and the place in the source. The same graph gives the same text, whatever its ids.
 *
 * ```
 * %1: f32[H, W, 64] = conv(%0, @e1.conv.weight, @e1.conv.bias) {filters = 64}  # e1.conv  m.arch:3:8
 * ```
 *
 * Below a node with a body stand the nodes of that, indented; values that are only there are
 * numbered as `%1.1`, `%1.2`, …
 */
export function printIr(graph: Graph): string {
  const names = valueNames(graph);
  const nameOf = (value: Value): string => names.get(value) ?? '%?';
  const constants = [...names.keys()].filter((value) => value.definition.kind === 'constant');
  return [
    `model ${graph.name}  # ${graph.source.path}`,
    ...section('symbols', graph.symbols.map(symbolLine)),
    ...section(
      'inputs',
      graph.inputs.map(
        (value) => `${nameOf(value)} ${inputName(value)}: ${formatType(value.type)}`,
      ),
    ),
    ...section('weights', graph.weights.map(weightLine)),
    ...section(
      'constants',
      constants.map((value) => `${nameOf(value)}: ${constantText(value)}`),
    ),
    ...section(
      'nodes',
      graph.nodes.flatMap((node) => nodeLines(node, nameOf)),
    ),
    ...section(
      'outputs',
      graph.outputs.map(
        ({ name, value }) => `${name} = ${nameOf(value)}: ${formatType(value.type)}`,
      ),
    ),
    '',
  ].join('\n');
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', `${title}:`, ...lines.map((line) => `  ${line}`)];
}

function valueNames(graph: Graph): ReadonlyMap<Value, string> {
  const names = new Map<Value, string>();
  let [numbered, constants] = [0, 0];
  const leaf = (value: Value): void => {
    if (names.has(value)) return;
    if (value.definition.kind === 'weight') names.set(value, `@${value.definition.weight.name}`);
    if (value.definition.kind === 'constant') names.set(value, `$${constants++}`);
  };
  for (const value of graph.inputs) names.set(value, `%${numbered++}`);
  for (const { operands, results } of graph.nodes) {
    operands.forEach(leaf);
    for (const value of results) names.set(value, `%${numbered++}`);
  }
  for (const { value } of graph.outputs) leaf(value);
  return names;
}

/** `H = 512 where H % 16 == 0`, as in the language. */
function symbolLine({ name, symbol, defaultSize }: SymbolInfo): string {
  const start = defaultSize === undefined ? name : `${name} = ${defaultSize}`;
  // The facts on a symbol that is equal to another stand with that one.
  if (symbol.name !== name) return `${start} where ${symbol.name} == ${name}`;
  const { modulus, remainder, min, max } = symbol;
  const least = remainder === 0 ? modulus : remainder;
  const facts = [
    ...(modulus === 1 ? [] : [`${name} % ${modulus} == ${remainder}`]),
    ...(min <= least ? [] : [`${name} >= ${min}`]),
    ...(max === Infinity ? [] : [`${name} <= ${max}`]),
  ];
  return facts.length === 0 ? start : `${start} where ${facts.join(', ')}`;
}

function weightLine({ name, shape, role, trainable, init }: Weight): string {
  const start = init.kind === 'constant' ? `constant ${init.value}` : init.kind;
  return `@${name}: f32${formatShape(shape)} ${trainable ? '' : 'buffer '}${role}, ${start}`;
}

function constantText({ type, definition }: Value): string {
  const data = definition.kind === 'constant' ? definition.data : new Float32Array();
  const shown = [...data.subarray(0, ELEMENTS_SHOWN)].map(String).join(', ');
  const more = data.length > ELEMENTS_SHOWN ? `, … ${data.length} elements` : '';
  return `f32${formatShape(type.shape)} = ${shown}${more}`;
}

type NameOf = (value: Value) => string;

function nodeLines(node: Node, nameOf: NameOf): string[] {
  const bodies = Object.values(node.attributes).filter(isBody);
  return [nodeLine(node, nameOf), ...bodies.flatMap((body) => bodyLines(body, node, nameOf))];
}

/** The nodes of a body: its inputs and outputs go by the names that they have around it. */
function bodyLines({ graph }: Body, node: Node, nameOf: NameOf): string[] {
  const names = new Map<Value, string>();
  const note = (value: Value, outer: Value | undefined): void => {
    if (outer !== undefined) names.set(value, nameOf(outer));
  };
  graph.inputs.forEach((value, i) => note(value, node.operands[i]));
  graph.outputs.forEach(({ value }, i) => note(value, node.results[i]));
  const [first] = node.results.map(nameOf);
  let count = 0;
  for (const value of graph.nodes.flatMap(({ results }) => results)) {
    if (!names.has(value)) names.set(value, `${first ?? ''}.${++count}`);
  }
  const inner: NameOf = (value) => names.get(value) ?? '%?';
  return graph.nodes.flatMap((own) => nodeLines(own, inner)).map((line) => `  ${line}`);
}

function nodeLine(node: Node, nameOf: NameOf): string {
  const { op, operands, attributes, results, origin } = node;
  const typed = results.map((value) => `${nameOf(value)}: ${formatType(value.type)}`).join(', ');
  const all = writtenAttributes(operatorOf(op), attributes);
  const written = all
    .filter(([, attribute]) => !isBody(attribute))
    .map(([name, attribute]) => `${name} = ${formatAttribute(attribute)}`)
    .join(', ');
  const parts = [
    `${op}(${operands.map(nameOf).join(', ')})`,
    ...(written === '' ? [] : [`{${written}}`]),
    ...all.flatMap(([, attribute]) => (isBody(attribute) ? [formatAttribute(attribute)] : [])),
  ];
  const call = parts.join(' ');
  return `${typed} = ${call}  # ${origin.path}  ${formatLocation(origin.span)}`;
}
