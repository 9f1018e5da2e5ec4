/** A kernel for elementwise operators alone: a thread computes one element, or four that lie together. */
import {
  bindLeaves,
  chainOf,
  elementOf,
  partsIntoFours,
  statementsOf,
  walkOf,
  type Walk,
} from './chain.js';
import { linearGroups, type Emitter } from './emitter.js';
import { helperText, type Scalar } from './expressions.js';
import type { Leaf } from './leaves.js';
import { linearMain, paragraphs, THREADS } from './shader.js';
import { positionCode } from './strided.js';
import { floorDiv, product } from './size.js';
import type { Size } from '../../webgpu/plan.js';
import { operatorsOf, resultOf, type KernelView } from './view.js';

export function lowerElementwise(e: Emitter, view: KernelView): void {
  const chain = chainOf(view, undefined, e);
  const walk = walkOf(chain, e.batch);
  const inFours = partsIntoFours(walk, chain.result);
  const bound = inFours
    ? bindLeaves(chain.leaves, (leaf) => elementOf(leaf, walk, 'vec4f'))
    : undefined;
  const type: Scalar = bound === undefined ? 'f32' : 'vec4f';
  const { bounds, nameOf } = bound ?? alwaysBound(chain.leaves);
  const sizes = type === 'f32' ? walk.sizes : lastOver4(walk.sizes);
  const params: Record<string, Size> = { count: product(sizes) };
  sizes.forEach((size, axis) => {
    if (axis > 0) params[`size_${axis}`] = size;
  });
  const loads = new Map<string, string>();
  const read = (leaf: Leaf): string => {
    const element = readLeaf(leaf, nameOf(leaf), type, walk, params);
    if (sizes.length < 2) return element;
    // Where the index is long it is written once.
    const name = loads.get(element) ?? `v${loads.size + 1}`;
    loads.set(element, name);
    return name;
  };
  const { lines, result, helpers } = statementsOf(chain, type, [], read);
  const loadLines = [...loads].map(([element, name]) => `let ${name} = ${element};`);
  const output = e.make(resultOf(view), view.node);
  const op = operatorsOf(view);
  e.kernel({
    node: view.node,
    name: fileName(op, sizes.length, type),
    op,
    about: [`${op}, ${type === 'f32' ? 'an element' : 'four elements'} a thread.`],
    inputs: bounds,
    outputs: [{ name: 'result', element: type, place: output }],
    params,
    code: paragraphs(
      helperText(helpers, type),
      linearMain(
        [positionCode(sizes.length), ...loadLines, ...lines, `result[i] = ${result};`]
          .filter((line) => line !== '')
          .join('\n'),
      ),
    ),
    workgroups: linearGroups(product(sizes), THREADS),
  });
}

function alwaysBound(leaves: readonly Leaf[]): NonNullable<ReturnType<typeof bindLeaves>> {
  const bound = bindLeaves(leaves, () => 'f32');
  if (bound === undefined) throw new Error('a tensor of two types');
  return bound;
}

function lastOver4(sizes: readonly Size[]): readonly Size[] {
  return sizes.map((size, i) => (i === sizes.length - 1 ? floorDiv(size, 4) : size));
}

/** The expression of an operand; the strides that it needs become parameters. */
function readLeaf(
  leaf: Leaf,
  name: string,
  type: Scalar,
  walk: Walk,
  params: Record<string, Size>,
): string {
  const steps = walk.steps.get(leaf) ?? [];
  const isVector = elementOf(leaf, walk, type) === 'vec4f';
  const terms = steps.flatMap((step, axis) => {
    if (step === 0) return [];
    const position = steps.length === 1 ? 'i' : `axis_${axis}`;
    const isLast = axis === steps.length - 1;
    if (isLast && step === 1) return [position];
    const size = isVector && !isLast ? floorDiv(step, 4) : step;
    return [`${position} * params.${define(params, `${name}_step_${axis}`, size)}`];
  });
  const offset = isVector ? leaf.offset / 4 : leaf.offset;
  if (offset !== 0) {
    terms.push(`params.${define(params, `${name}_offset`, offset)}`);
  }
  const element = `${name}[${terms.length === 0 ? '0' : terms.join(' + ')}]`;
  return type === 'vec4f' && !isVector ? `vec4f(${element})` : element;
}

/** A parameter of that value, under that name or one like it. */
function define(params: Record<string, Size>, name: string, value: Size): string {
  for (let key = name, n = 2; ; key = `${name}_${n++}`) {
    const known = params[key];
    if (known !== undefined && JSON.stringify(known) !== JSON.stringify(value)) continue;
    params[key] = value;
    return key;
  }
}

function fileName(op: string, rank: number, type: Scalar): string {
  return `${op.replaceAll(' + ', '_')}_${rank}d${type === 'f32' ? '_scalar' : ''}`;
}
