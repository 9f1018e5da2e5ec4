/**
 * What follows an anchor's value before it is written, for kernels that count the elements of the
 * result in a row: one, or four that lie together, at a time.
 */
import type { Value } from '../../compiler/ir.js';
import { exactDiv, product } from '../../compiler/shape.js';
import type { Size } from '../../webgpu/plan.js';
import { bindLeaves, chainOf, statementsOf } from './chain.js';
import type { Bound, Emitter, Place } from './emitter.js';
import { helperText, type Scalar } from './expressions.js';
import type { Leaf } from './leaves.js';
import { indent, lines, paragraphs, type Element } from './shader.js';
import { floorDiv, sizeOfDim, times } from './size.js';
import { resultOf, type KernelView } from './view.js';

interface LinearFinish {
  /** What is written at a time. */
  readonly type: Scalar;
  readonly bounds: readonly Bound[];
  readonly output: Bound;
  readonly params: Readonly<Record<string, Size>>;
  /** Functions; among them `store(value: T, i: i32)`, `i` counting values of that type. */
  readonly code: string;
  /** Values of the type along the last axis. */
  readonly columns: Size;
  /** Values of the type in all. */
  readonly count: Size;
}

/**
 * `bias`: one a channel, added first. With `scalar`, elements are written one by one even where
 * they part into fours.
 */
export function linearFinish(
  e: Emitter,
  view: KernelView,
  anchorResult: Value,
  { bias, scalar = false }: { readonly bias?: Place | undefined; readonly scalar?: boolean } = {},
): LinearFinish {
  const chain = chainOf(view, anchorResult, e);
  const result = resultOf(view);
  const { shape, batched } = result.type;
  const channels = shape.at(-1) ?? 1;
  const type: Scalar = !scalar && exactDiv(channels, 4) !== undefined ? 'vec4f' : 'f32';
  const each = type === 'vec4f' ? 4 : 1;
  const columns = floorDiv(sizeOfDim(channels), each);
  const perImage = floorDiv(sizeOfDim(product(shape)), each);
  const params: Record<string, Size> = {};

  const isAlong = ({ strides }: Leaf): boolean => strides.at(-1) === 'dense';
  const elementFor = (leaf: Leaf): Element => (isAlong(leaf) ? type : 'f32');
  const bound = bindLeaves(chain.leaves, elementFor);
  if (bound === undefined) throw new Error('a tensor read in two ways');
  const column = (): string => {
    params['columns'] = columns;
    return 'i % params.columns';
  };
  const perImageParam = (): string => {
    params['per_image'] = perImage;
    return 'params.per_image';
  };
  const image = (): string => `i / ${perImageParam()}`;
  const indexOf = (leaf: Leaf): string => {
    const [batch, ...axes] = leaf.strides;
    // Statistics: a row of factors and one of summands, for each image or for all.
    const row = leaf.offset === 0 ? 0 : 1;
    if (typeof batch === 'object') {
      const at = column();
      return `(${image()} * 2${row === 0 ? '' : ' + 1'}) * params.columns + ${at}`;
    }
    if (row === 1) return `params.columns + ${column()}`;
    if (axes.every((stride) => stride === 'dense')) {
      if (batch === 'dense') return 'i';
      return `i % ${perImageParam()}`;
    }
    if (axes.slice(0, -1).some((stride, axis) => stride === 'dense' && shape[axis] !== 1)) {
      throw new Error('an operand broadcast along one axis of an image');
    }
    if (batch !== 'dense') return isAlong(leaf) ? column() : '0';
    return isAlong(leaf) ? `${image()} * params.columns + ${column()}` : image();
  };
  const read = (leaf: Leaf): string => {
    const element = `${bound.nameOf(leaf)}[${indexOf(leaf)}]`;
    return type === 'vec4f' && !isAlong(leaf) ? `vec4f(${element})` : element;
  };
  const start = bias === undefined ? 'value' : 'biased';
  const statements = statementsOf(chain, type, [[anchorResult, start]], read);
  const biasLine = bias === undefined ? '' : `let biased = value + bias[${column()}];`;
  return {
    type,
    bounds: [
      ...(bias === undefined ? [] : [{ name: 'bias', element: type, place: bias } as const]),
      ...bound.bounds,
    ],
    output: { name: 'result', element: type, place: e.make(result, view.node) },
    params,
    code: paragraphs(
      helperText(statements.helpers, type),
      `fn store(value: ${type}, i: i32) {
${indent(lines(biasLine, ...statements.lines, `result[i] = ${statements.result};`))}
}`,
    ),
    columns,
    count: times(batched ? e.batch : 1, perImage),
  };
}
