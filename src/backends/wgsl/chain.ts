/** Elementwise operators one after the other, as statements in WGSL. */
import type { Node, Value } from '../../compiler/ir.js';
import type { Bound, Emitter } from './emitter.js';
import { spellingOf, type HelperName, type Scalar } from './expressions.js';
import { argumentsOf, axesOf, type Argument, type Leaf, type Stride } from './leaves.js';
import type { Element } from './shader.js';
import { product, times } from './size.js';
import type { Size } from '../../webgpu/plan.js';
import { resultOf, type KernelView } from './view.js';

/** A chain whose operands are known. */
interface Chain {
  readonly steps: readonly { readonly node: Node; readonly args: readonly Argument[] }[];
  /** Each operand from memory once. */
  readonly leaves: readonly Leaf[];
  readonly result: Value;
}

/** `start`: what is computed before the chain, if anything. */
export function chainOf(view: KernelView, start: Value | undefined, e: Emitter): Chain {
  const result = resultOf(view);
  const inner = new Set<Value>(start === undefined ? [] : [start]);
  const leaves = new Map<string, Leaf>();
  const steps = view.epilogue.map((node) => {
    const args = argumentsOf(node, view, inner, result, e).map((arg): Argument => {
      if (arg.kind !== 'read') return arg;
      // The same object for what is read twice: walks know their leaves by it.
      const leaf = leaves.get(keyOf(arg.leaf)) ?? arg.leaf;
      leaves.set(keyOf(leaf), leaf);
      return { kind: 'read', leaf };
    });
    for (const value of node.results) inner.add(value);
    return { node, args };
  });
  return { steps, leaves: [...leaves.values()], result };
}

function keyOf(leaf: Leaf): string {
  return JSON.stringify(leaf);
}

export interface Statements {
  readonly lines: readonly string[];
  /** The name of the last step's result, or of the start where there are no steps. */
  readonly result: string;
  readonly helpers: readonly HelperName[];
}

/** `let y1 = …` a step; `read` gives the expression of an operand from memory. */
export function statementsOf(
  { steps }: Pick<Chain, 'steps'>,
  type: Scalar,
  start: readonly (readonly [Value, string])[],
  read: (leaf: Leaf) => string,
): Statements {
  const names = new Map<Value, string>(start);
  const helpers = new Set<HelperName>();
  const lines: string[] = [];
  let result = start[0]?.[1] ?? '';
  for (const [i, { node, args }] of steps.entries()) {
    const spell = spellingOf(node);
    const [value] = node.results;
    if (spell === undefined || value === undefined) throw new Error(`${node.op}: not elementwise`);
    const operands = args.map((arg) =>
      arg.kind === 'read' ? read(arg.leaf) : (names.get(arg.value) ?? ''),
    );
    const { expression, needs = [] } = spell(operands, node.attributes, type);
    for (const need of needs) helpers.add(need);
    result = `y${i + 1}`;
    names.set(value, result);
    lines.push(`let ${result} = ${unwrapped(expression)};`);
  }
  return { lines, result, helpers: [...helpers] };
}

/** Without the parentheses around a whole expression. */
function unwrapped(text: string): string {
  if (!text.startsWith('(') || !text.endsWith(')')) return text;
  let depth = 0;
  for (let i = 0; i < text.length - 1; i++) {
    if (text[i] === '(') depth++;
    if (text[i] === ')') depth--;
    if (depth === 0) return text;
  }
  return text.slice(1, -1);
}

/** Axes of a result under which every operand can be found, as few as there can be. */
export interface Walk {
  readonly sizes: readonly Size[];
  /** For each leaf, elements from one position to the next along each axis. */
  readonly steps: ReadonlyMap<Leaf, readonly Size[]>;
}

/** Neighbouring axes become one where every operand lies alike along both. */
export function walkOf({ leaves, result }: Chain, batch: Size): Walk {
  const axes = axesOf(result, batch)
    .map((size, i) => ({ size, strides: leaves.map((leaf) => leaf.strides[i] ?? 'same') }))
    .filter(({ size }) => size !== 1);
  const merged: { size: Size; strides: readonly Stride[] }[] = [];
  for (const axis of axes) {
    const before = merged.at(-1);
    const joins = before?.strides.every(
      (stride, i) => typeof stride === 'string' && stride === axis.strides[i],
    );
    if (before !== undefined && joins === true) before.size = times(before.size, axis.size);
    else merged.push({ ...axis });
  }
  const steps = leaves.map((leaf, l): readonly [Leaf, readonly Size[]] => {
    const own = merged.map(({ strides }, i): Size => {
      const stride = strides[l] ?? 'same';
      if (typeof stride === 'object') return stride.step;
      if (stride === 'same') return 0;
      return product(merged.slice(i + 1).map((m) => (m.strides[l] === 'dense' ? m.size : 1)));
    });
    return [leaf, own];
  });
  return { sizes: merged.map(({ size }) => size), steps: new Map(steps) };
}

/** Elements of the last axis, which lie together in the result: whether they part into fours. */
export function partsIntoFours({ sizes }: Walk, result: Value): boolean {
  const last = sizes.at(-1);
  const channels = result.type.shape.findLast((dim) => dim !== 1);
  if (typeof channels === 'number' && channels % 4 === 0) return true;
  return typeof last === 'number' && last % 4 === 0;
}

/** How a leaf is bound: as vectors where it is read along the last axis in fours. */
export function elementOf(leaf: Leaf, walk: Walk, type: Scalar): Element {
  return type === 'vec4f' && walk.steps.get(leaf)?.at(-1) !== 0 ? 'vec4f' : 'f32';
}

/** Names for the places that leaves read, each bound once; undefined where one would be two types. */
export function bindLeaves(
  leaves: readonly Leaf[],
  elementFor: (leaf: Leaf) => Element,
): { readonly bounds: readonly Bound[]; readonly nameOf: (leaf: Leaf) => string } | undefined {
  const bounds = new Map<string, Bound>();
  for (const leaf of leaves) {
    const key = JSON.stringify(leaf.place);
    const element = elementFor(leaf);
    const known = bounds.get(key);
    if (known !== undefined && known.element !== element) return undefined;
    if (known === undefined) {
      bounds.set(key, { name: `x${bounds.size + 1}`, element, place: leaf.place });
    }
  }
  return {
    bounds: [...bounds.values()],
    nameOf: (leaf) => bounds.get(JSON.stringify(leaf.place))?.name ?? '',
  };
}
