/**
 * Convolutions. A thread computes up to 8 neighbouring pixels of a row by up to 8 output channels,
 * in 4 × 4 blocks of the kernel: each load serves many multiply-accumulates.
 */
import type { Node } from '../../compiler/ir.js';
import type { Padding } from '../../compiler/ops/kinds.js';
import type { Window } from '../../compiler/ops/window.js';
import type { Size } from '../../webgpu/plan.js';
import type { Emitter } from './emitter.js';
import { finishOf, type Finish } from './finish.js';
import { lowerGrouped } from './grouped.js';
import { addressCode, loadCode, readerFunctions, readerOf, type Reader } from './reader.js';
import { lowerSeparable } from './separable.js';
import { indent, upTo } from './shader.js';
import { ceilDiv, min, product, sizeOfDim, times } from './size.js';
import { operand, operatorsOf, type KernelView } from './view.js';
import { paddingBefore } from './window.js';

/** Pixels a thread. */
export const PIXELS = 8;
/** Threads a workgroup, and of them at most so many along the channels. */
const THREADS = 64;
const MAX_COLUMNS = 8;

export interface Geometry {
  readonly k: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
}

export function lowerConv(e: Emitter, view: KernelView, anchor: Node): void {
  if (view.prologue !== undefined) {
    lowerSeparable(e, view, anchor, view.prologue);
    return;
  }
  const { attributes: a } = anchor;
  if (a['groups'] !== 1) {
    lowerGrouped(e, view, anchor);
    return;
  }
  const geometry: Geometry = {
    k: pairOf(a['k']),
    stride: pairOf(a['stride']),
    dilation: pairOf(a['dilation']),
  };
  lowerWindow(e, view, anchor, geometry, a['pad']);
}

/** A dense layer is a 1×1 convolution of what has its features last. */
export function lowerDense(e: Emitter, view: KernelView, anchor: Node): void {
  const geometry: Geometry = { k: [1, 1], stride: [1, 1], dilation: [1, 1] };
  lowerWindow(e, view, anchor, geometry, 'valid');
}

function lowerWindow(
  e: Emitter,
  view: KernelView,
  anchor: Node,
  geometry: Geometry,
  pad: unknown,
): void {
  const reader = readerOf(e, view, anchor);
  const kernel = e.place(view.outer(operand(anchor, 1)), 'blocks');
  const bias = anchor.operands[2] === undefined ? undefined : view.outer(anchor.operands[2]);
  const [sum] = anchor.results;
  if (sum === undefined) throw new Error('conv: no result');
  const finish = finishOf(e, view, sum, bias === undefined ? undefined : e.place(bias));

  const isPointwise = isPointwiseOf(reader, geometry, pad);
  const outShape = sum.type.shape.map(sizeOfDim);
  const [outHeight = 1, outWidth = 1] = outShape;
  const perRow = isPointwise ? ceilDiv(finish.pixels, PIXELS) : ceilDiv(outWidth, PIXELS);
  const blocks = isPointwise ? perRow : product([e.batch, outHeight, perRow]);
  const outBlocks = Math.ceil(finish.channels / 4);
  const wide = outBlocks > 1 ? 2 : 1;
  const columns = Math.ceil(outBlocks / wide);
  const threadsX = Math.min(MAX_COLUMNS, 2 ** Math.ceil(Math.log2(columns)));
  const threadsY = THREADS / threadsX;
  const groupsY = ceilDiv(blocks, threadsY);
  const name = [
    isPointwise ? 'conv_1x1' : nameOf('conv', geometry),
    reader.suffix.slice(1),
    reader.channels < 4 ? `in${reader.channels}` : reader.channels % 4 === 0 ? '' : 'in_odd',
    ...view.epilogue.map(({ op }) => op),
    finish.channels % 4 === 0 ? '' : `out${finish.channels}`,
    threadsX === MAX_COLUMNS ? '' : `by${threadsX}`,
  ]
    .filter((part) => part !== '')
    .join('_');
  const window = isPointwise ? {} : windowParams(reader, geometry, pad);
  const shape: BlockShape = { wide, threads: [threadsX, threadsY] };
  e.kernel({
    node: view.node,
    name,
    op: operatorsOf(view),
    about: [
      `Convolution ${geometry.k.join('×')}${strideText(geometry)}: a thread computes ${PIXELS} pixels of a row by ${4 * wide} channels.`,
    ],
    inputs: [
      ...reader.bounds,
      { name: 'kernel', element: 'mat4x4f', place: kernel },
      ...finish.bounds,
    ],
    outputs: [finish.output],
    params: {
      blocks,
      ...(isPointwise
        ? { pixels: finish.pixels }
        : { per_row: perRow, out_height: outHeight, out_width: outWidth }),
      ...(isPointwise ? blocksOnly(reader.params) : reader.params),
      ...window,
      ...finish.params,
      out_blocks: outBlocks,
    },
    code: [
      readerFunctions(reader),
      finish.code,
      isPointwise ? pointwiseCode(reader, shape) : windowCode(reader, geometry, shape),
    ]
      .filter((text) => text !== '')
      .join('\n\n'),
    workgroups: [
      Math.ceil(columns / threadsX),
      min(groupsY, 65_535),
      typeof groupsY === 'number' ? Math.ceil(groupsY / 65_535) : ceilDiv(groupsY, 65_535),
    ],
    macs: macsOf(finish, geometry, reader.channels),
  });
}

export function pairOf(value: unknown): readonly [number, number] {
  if (!Array.isArray(value)) throw new Error('not a pair');
  const [a, b] = value.map(Number);
  return [a ?? 1, b ?? 1];
}

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

export function windowParams(
  reader: Reader,
  geometry: Geometry,
  pad: unknown,
): Readonly<Record<string, Size>> {
  // The builder has read the attribute; this is its type.
  const window: Window = { ...geometry, pad: pad as Padding };
  return {
    top: paddingBefore(reader.height, window, 0),
    left: paddingBefore(reader.width, window, 1),
  };
}

function isPointwiseOf(reader: Reader, { k, stride }: Geometry, pad: unknown): boolean {
  const isOne = [...k, ...stride].every((n) => n === 1);
  const isUnpadded =
    pad === 'same' || pad === 'valid' || (Array.isArray(pad) && pad.every((n) => n === 0));
  return isOne && isUnpadded && reader.sources.every(({ factor: [y, x] }) => y * x === 1);
}

function blocksOnly(params: Readonly<Record<string, Size>>): Readonly<Record<string, Size>> {
  return Object.fromEntries(Object.entries(params).filter(([name]) => name.includes('blocks')));
}

function macsOf({ pixels, channels }: Finish, { k }: Geometry, inputs: number): Size {
  return times(pixels, k[0] * k[1] * inputs * channels);
}

export interface BlockShape {
  /** Blocks of 4 output channels a thread. */
  readonly wide: number;
  readonly threads: readonly [number, number];
}

/** From the entry point to where `column` (of output blocks) and `block` (of pixels) are known. */
export function headCode({ wide, threads: [x, y] }: BlockShape): string {
  return `@compute @workgroup_size(${x}, ${y})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let column = i32(group.x * ${x}u + local.x)${wide === 1 ? '' : ` * ${wide}`};
  let block = i32((group.z * 65535u + group.y) * ${y}u + local.y);
  if (column >= params.out_blocks || block >= params.blocks) {
    return;
  }`;
}

const sumName = (pixel: number, w: number): string => `sum_${pixel}${w === 0 ? 'a' : 'b'}`;

export function sumsCode(wide: number, pixels = PIXELS): string {
  return upTo(pixels)
    .flatMap((i) => upTo(wide).map((w) => `var ${sumName(i, w)}: vec4f;`))
    .join('\n');
}

/** One block of the kernel times the input of every pixel, added to the sums. */
export function multiplyCode(
  channels: number,
  wide: number,
  index: string,
  input: (pixel: number) => string,
  pixels = PIXELS,
): string {
  const kernels = upTo(wide).map(
    (w) => `let kernel_${w === 0 ? 'a' : 'b'} = kernel[${index}${w === 0 ? '' : ` + ${w}`}];`,
  );
  const product = (w: number, i: number): string => {
    const name = `kernel_${w === 0 ? 'a' : 'b'}`;
    if (channels >= 4) return `${name} * ${input(i)}`;
    // What is beyond the last input channel is 0, and not multiplied.
    return upTo(channels)
      .map((c) => `${name}[${c}] * ${input(i)}[${c}]`)
      .join(' + ');
  };
  const sums = upTo(pixels).flatMap((i) =>
    upTo(wide).map((w) => `${sumName(i, w)} += ${product(w, i)};`),
  );
  return [...kernels, ...sums].join('\n');
}

export function storesCode(
  wide: number,
  {
    pixel,
    isThere,
  }: { readonly pixel: (i: number) => string; readonly isThere: (i: number) => string },
  pixels = PIXELS,
): string {
  const one = (w: number): string[] =>
    upTo(pixels).map(
      (i) =>
        `if (${isThere(i)}) { store(${sumName(i, w)}, ${pixel(i)}, column${w === 0 ? '' : ` + ${w}`}); }`,
    );
  const first = one(0).join('\n');
  if (wide === 1) return first;
  return `${first}
if (column + 1 < params.out_blocks) {
${indent(one(1).join('\n'))}
}`;
}

/** A 1×1 convolution without padding: pixels are in one row, whatever image they are of. */
function pointwiseCode(reader: Reader, shape: BlockShape): string {
  const { wide } = shape;
  // A block that hangs over the end reads the last pixel again, and does not write.
  const last = 'params.pixels - 1';
  const rowReader = addressOfPixels(reader, (i) => `min(first + ${i}, ${last})`);
  return `${headCode(shape)}
  let first = block * ${PIXELS};
${indent(rowReader)}
${indent(sumsCode(wide))}
  var k = column;
  for (var c = 0; c < params.in_blocks; c++) {
${indent(loadCode(reader, { count: PIXELS, block: 'c', name: (i) => `in_${i}` }), 2)}
${indent(
  multiplyCode(reader.channels, wide, 'k', (i) => `in_${i}`),
  2,
)}
    k += params.out_blocks;
  }
${indent(
  storesCode(wide, {
    pixel: (i) => (i === 0 ? 'first' : `first + ${i}`),
    isThere: (i) => (i === 0 ? 'true' : `first + ${i} < params.pixels`),
  }).replace('if (true) { ', '{ '),
)}
}`;
}

/** Addresses of pixels that are numbered over all images. */
function addressOfPixels(reader: Reader, pixel: (i: number) => string): string {
  return addressCode(reader, { count: PIXELS, x: pixel, line: 'none' });
}

/** Inputs of a row that are loaded together: those of all taps, where that saves loads. */
const MAX_UNROLLED_TAPS = 4;

/** Any other window: a tap's row after the other; its taps along x together where they are few. */
function windowCode(reader: Reader, geometry: Geometry, shape: BlockShape): string {
  const { k, stride, dilation } = geometry;
  const { wide } = shape;
  const isUnrolled = k[1] <= MAX_UNROLLED_TAPS && stride[1] <= 2 && dilation[1] === 1;
  const taps = isUnrolled ? k[1] : 1;
  const step = isUnrolled ? 1 : stride[1];
  const count = isUnrolled ? (PIXELS - 1) * stride[1] + k[1] : PIXELS;
  const inside = upTo(count).map((i) => {
    const x = i === 0 ? 'x' : `x + ${i * step}`;
    return `let inside_${i} = ${x} >= 0 && ${x} < params.width;`;
  });
  const body = `${addressCode(reader, { count, x: (i) => (i === 0 ? 'x' : `x + ${i * step}`), line: 'clamped' })}
${inside.join('\n')}
var k = (${isUnrolled ? `ky * ${k[1]}` : `ky * ${k[1]} + kx`}) * params.in_blocks * params.out_blocks + column;
for (var c = 0; c < params.in_blocks; c++) {
${indent(loadCode(reader, { count, block: 'c', name: (i) => `in_${i}`, inside: (i) => `inside_${i}` }))}
${indent(
  upTo(taps)
    .map((tap) => {
      const at =
        tap === 0 ? 'k' : `k + ${tap === 1 ? '' : `${tap} * `}params.in_blocks * params.out_blocks`;
      const input = (i: number): string => `in_${isUnrolled ? i * stride[1] + tap : i}`;
      const code = multiplyCode(reader.channels, wide, at, input);
      return taps === 1 ? code : `{\n${indent(code)}\n}`;
    })
    .join('\n'),
)}
  k += params.out_blocks;
}`;
  const xStart = `(first * ${stride[1]} - params.left${isUnrolled ? '' : ` + kx * ${dilation[1]}`})`;
  const rowBody = isUnrolled
    ? `let x = ${xStart};\n${body}`
    : `for (var kx = 0; kx < ${k[1]}; kx++) {\n  let x = ${xStart};\n${indent(body)}\n}`;
  return `${headCode(shape)}
  let out_row = block / params.per_row;
  let first = (block % params.per_row) * ${PIXELS};
  let image_index = out_row / params.out_height;
  let y = (out_row % params.out_height) * ${stride[0]} - params.top;
${indent(sumsCode(wide))}
  for (var ky = 0; ky < ${k[0]}; ky++) {
    let row = y + ky * ${dilation[0]};
    if (row < 0 || row >= params.height) {
      continue;
    }
${indent(rowBody, 2)}
  }
  let pixel = out_row * params.out_width + first;
${indent(
  storesCode(wide, {
    pixel: (i) => (i === 0 ? 'pixel' : `pixel + ${i}`),
    isThere: (i) => (i === 0 ? 'true' : `first + ${i} < params.out_width`),
  }).replace('if (true) { ', '{ '),
)}
}`;
}
