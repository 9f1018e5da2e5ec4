/**
 * What follows an anchor's sum before it is written: its bias, and the elementwise operators that
 * its kernel has taken over; then the writing itself, four channels of a pixel at a time.
 */
import type { Value } from '../../compiler/ir.js';
import type { Size } from '../../webgpu/plan.js';
import { bindLeaves, chainOf, statementsOf } from './chain.js';
import type { Activation, Bound, Emitter, Place } from './emitter.js';
import { helperText } from './expressions.js';
import type { Leaf } from './leaves.js';
import { indent, paragraphs, upTo, type Element } from './shader.js';
import { product, sizeOfDim, times } from './size.js';
import { resultOf, type KernelView } from './view.js';

interface Finish {
  readonly bounds: readonly Bound[];
  readonly output: Bound;
  readonly params: Readonly<Record<string, Size>>;
  /** Functions; among them `store(sum: vec4f, pixel: i32, block: i32)`. */
  readonly code: string;
  /** Channels of the result. */
  readonly channels: number;
  /** Pixels of all images. */
  readonly pixels: Size;
}

/**
 * `pixel` counts all pixels of all images, `block` is of 4 channels. `bias`: `[C]`, if there is one.
 * `anchorResult` is what the sum is.
 */
export function finishOf(
  e: Emitter,
  view: KernelView,
  anchorResult: Value,
  bias: Place | undefined,
): Finish {
  const chain = chainOf(view, anchorResult, e);
  const result = resultOf(view);
  const shape = result.type.shape;
  const channels = shape.at(-1);
  if (typeof channels !== 'number') throw new Error('unknown channels');
  const isVector = channels % 4 === 0;
  const pixelsPerImage = product(shape.slice(0, -1).map(sizeOfDim));
  const pixels = times(result.type.batched ? e.batch : 1, pixelsPerImage);

  // A constant `[C]` is padded to whole blocks; of one with two rows the second is not.
  const hasTwoRows = ({ place }: Leaf): boolean =>
    chain.leaves.some(
      (other) =>
        other.offset !== 0 &&
        other.place.kind === 'constant' &&
        place.kind === 'constant' &&
        other.place.constant === place.constant,
    );
  const elementFor = (leaf: Leaf): Element =>
    leaf.strides.at(-1) === 'dense' &&
    (isVector || (leaf.place.kind === 'constant' && !hasTwoRows(leaf)))
      ? 'vec4f'
      : 'f32';
  const bound = bindLeaves(chain.leaves, elementFor);
  if (bound === undefined) throw new Error('a tensor read in two ways');
  const params: Record<string, Size> = isVector ? { out_blocks: channels / 4 } : {};
  // Buffers of which four elements are read at a time.
  const readsFour = new Set<string>();
  const read = (leaf: Leaf): string => {
    const name = bound.nameOf(leaf);
    const element = elementFor(leaf);
    const [batch, ...rest] = leaf.strides;
    // Along an axis of one place, every operand lies as any other.
    const spatial = rest.slice(0, -1).filter((_, axis) => shape[axis] !== 1);
    const isChannelwise = rest.at(-1) === 'dense';
    // Positions in elements of the binding.
    const unit = element === 'vec4f' ? 1 : 4;
    // The number of channels is a parameter, so that layers share the shader.
    const width = element === 'vec4f' ? 'params.out_blocks' : String(channels);
    const channel = element === 'vec4f' ? 'block' : 'block * 4';
    let index = isChannelwise ? channel : '0';
    if (spatial.some((stride) => stride === 'dense')) {
      if (spatial.some((stride) => stride !== 'dense')) {
        throw new Error('an operand broadcast along one axis of an image');
      }
      const pixel = batch === 'dense' ? 'pixel' : 'pixel % params.pixels_per_image';
      if (batch !== 'dense') params['pixels_per_image'] = pixelsPerImage;
      index = isChannelwise ? `(${pixel}) * ${width} + ${channel}` : pixel;
    } else if (batch !== 'same' && batch !== undefined) {
      params['pixels_per_image'] = pixelsPerImage;
      const step = typeof batch === 'object' ? batch.step : isChannelwise ? channels : 1;
      if (typeof step !== 'number') throw new Error('unknown channels');
      // In rows of the result's channels, of which an image has one or, of statistics, two.
      const rows = isChannelwise ? step / channels : 1;
      const row = `pixel / params.pixels_per_image${rows === 1 ? '' : ` * ${rows}`}`;
      const first = leaf.offset === 0 ? row : `(${row} + ${leaf.offset / channels})`;
      index = isChannelwise ? `${first} * ${width} + ${channel}` : row;
    } else if (leaf.offset !== 0) {
      index = `${width} + ${channel}`;
    }
    if (element === 'vec4f') return `${name}[${index}]`;
    if (!isChannelwise) return `vec4f(${name}[${index}])`;
    if (unit !== 4) return `${name}[${index}]`;
    readsFour.add(name);
    return `four_of_${name}(${index})`;
  };
  const start = bias === undefined ? 'sum' : 'biased';
  const {
    lines,
    result: last,
    helpers,
  } = statementsOf(chain, 'vec4f', [[anchorResult, start]], read);
  const output: Activation = e.make(result, view.node);
  const biasBound: readonly Bound[] =
    bias === undefined ? [] : [{ name: 'bias', element: 'vec4f', place: bias }];
  const store = [
    'fn store(sum: vec4f, pixel: i32, block: i32) {',
    ...(bias === undefined ? [] : ['  let biased = sum + bias[block];']),
    indent(lines.join('\n')),
    indent(storeCode(channels, last)),
    '}',
  ].filter((line) => line !== '');
  return {
    bounds: [...biasBound, ...bound.bounds],
    output: { name: 'result', element: isVector ? 'vec4f' : 'f32', place: output },
    params,
    code: paragraphs(helperText(helpers, 'vec4f'), ...[...readsFour].map(fourOf), store.join('\n')),
    channels,
    pixels,
  };
}

/** Four elements of a buffer, from `first` on. */
function fourOf(name: string): string {
  const elements = upTo(4).map((c) => `${name}[first${c === 0 ? '' : ` + ${c}`}]`);
  return `fn four_of_${name}(first: i32) -> vec4f {
  return vec4f(${elements.join(', ')});
}`;
}

function storeCode(channels: number, value: string): string {
  if (channels % 4 === 0) return `result[pixel * params.out_blocks + block] = ${value};`;
  if (channels < 4) {
    const at = (c: number): string => (channels === 1 ? 'pixel' : `pixel * ${channels} + ${c}`);
    return upTo(channels)
      .map((c) => `result[${at(c)}] = ${value}[${c}];`)
      .join('\n');
  }
  return [
    `let first = pixel * ${channels} + block * 4;`,
    `for (var c = 0; c < min(4, ${channels} - block * 4); c++) {`,
    `  result[first + c] = ${value}[c];`,
    '}',
  ].join('\n');
}
