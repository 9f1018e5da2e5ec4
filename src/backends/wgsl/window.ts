/** Sliding windows: what their kernels share. */
import { extent, type Window } from '../../compiler/ops/window.js';
import type { Padding } from '../../compiler/ops/kinds.js';
import type { Node } from '../../compiler/ir.js';
import type { Size } from '../../webgpu/plan.js';
import { pairAttribute } from '../attributes.js';
import type { ProfileName } from './emitter.js';
import type { Reader } from './reader.js';
import { indent, upTo } from './shader.js';
import { ceilDiv, floorDiv, max, minus, plus, times } from './size.js';

export interface Geometry {
  readonly k: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
}

/** The window of a convolution. */
export function geometryOf(node: Node): Geometry {
  return {
    k: pairAttribute(node, 'k'),
    stride: pairAttribute(node, 'stride'),
    dilation: pairAttribute(node, 'dilation'),
  };
}

/** `, stride 2×2` */
export function strideText({ stride, dilation }: Geometry): string {
  const parts = [
    stride[0] * stride[1] === 1 ? '' : `, stride ${stride.join('×')}`,
    dilation[0] * dilation[1] === 1 ? '' : `, dilation ${dilation.join('×')}`,
  ];
  return parts.join('');
}

/** `conv_3x3_s2`: what makes the shader of a window differ from others. */
export function nameOf(op: string, { k, stride, dilation }: Geometry): string {
  const part = (letter: string, [y, x]: readonly [number, number]): string =>
    y === 1 && x === 1 ? '' : `_${letter}${y === x ? y : `${y}x${x}`}`;
  return `${op}_${k.join('x')}${part('s', stride)}${part('d', dilation)}`;
}

/** The padding before the image: `top` and `left`. */
export function windowParams(
  reader: Reader,
  geometry: Geometry,
  pad: Padding,
): Readonly<Record<string, Size>> {
  const window: Window = { ...geometry, pad };
  return {
    top: paddingBefore(reader.height, window, 0),
    left: paddingBefore(reader.width, window, 1),
  };
}

/** Zeros before an axis, as `explicitPadding` of the compiler gives them for a known size. */
function paddingBefore(input: Size, window: Window, axis: 0 | 1): Size {
  const { pad } = window;
  if (pad === 'valid') return 0;
  if (pad !== 'same') return pad[axis === 0 ? 0 : 2];
  const stride = window.stride[axis];
  const reach = extent(window.k[axis], window.dilation[axis]);
  const total = minus(plus(times(minus(ceilDiv(input, stride), 1), stride), reach), input);
  return floorDiv(max(0, total), 2);
}

/** Statements that tell of pixels, counted over lines and images alike, where their windows begin. */
export function windowStarts({ stride }: Geometry, count: number, pixel: string): string {
  return `// Of each pixel: its image, and where its window begins.
var images: array<i32, ${count}>;
var tops: array<i32, ${count}>;
var lefts: array<i32, ${count}>;
for (var i = 0; i < ${count}; i++) {
  let pixel = ${pixel};
  let out_row = pixel / params.out_width;
  images[i] = out_row / params.out_height;
  tops[i] = ${scaled('(out_row % params.out_height)', stride[0])} - params.top;
  lefts[i] = ${scaled('(pixel % params.out_width)', stride[1])} - params.left;
}`;
}

/** How many taps there are down and across, as expressions, and the parameters that these read. */
export interface TapCounts {
  readonly counts: readonly [down: string, across: string];
  readonly params: Readonly<Record<string, Size>>;
}

/** Whether loops of a known length are better not known: Mesa's llvmpipe compiles a copy of each round. */
export function copiesRounds(profile: ProfileName | undefined): boolean {
  return profile === 'llvmpipe' || profile === 'subgroups-8';
}

/** Constants, or parameters: see `copiesRounds`. */
export function tapCounts([height, width]: Geometry['k'], profile?: ProfileName): TapCounts {
  if (!copiesRounds(profile)) return { counts: [String(height), String(width)], params: {} };
  return {
    counts: ['params.kernel_height', 'params.kernel_width'],
    params: { kernel_height: height, kernel_width: width },
  };
}

/** A body for every tap, at `ky` and `kx`. */
export function tapLoops([height, width]: TapCounts['counts'], body: string): string {
  return `for (var ky = 0; ky < ${height}; ky++) {
  for (var kx = 0; kx < ${width}; kx++) {
${indent(body, 2)}
  }
}`;
}

export function scaled(text: string, by: number): string {
  return by === 1 ? text : `${text} * ${by}`;
}

/** `let inside_0 = …`: whether the pixels at `x(0)`, `x(1)`, … of a line are in the image. */
export function insideCode(count: number, x: (i: number) => string): string {
  return upTo(count)
    .map((i) => `let inside_${i} = ${x(i)} >= 0 && ${x(i)} < params.width;`)
    .join('\n');
}
