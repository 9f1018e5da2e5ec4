/**
 * Convolutions. A thread computes up to 8 neighbouring pixels of a row by up to 8 output channels,
 * in 4 × 4 blocks of the kernel: each load serves many multiply-accumulates.
 */
import type { Node } from '../../compiler/ir.js';
import type { Padding } from '../../compiler/ops/kinds.js';
import type { Window } from '../../compiler/ops/window.js';
import type { Size } from '../../webgpu/plan.js';
import { MAX_WORKGROUPS, type Emitter, type KernelVariant, type ProfileName } from './emitter.js';
import { finishOf, type Finish } from './finish.js';
import { lowerGrouped } from './grouped.js';
import { addressCode, loadCode, readerFunctions, readerOf, type Reader } from './reader.js';
import { lowerSeparable } from './separable.js';
import { indent, upTo } from './shader.js';
import { ceilDiv, min, product, sizeOfDim, times } from './size.js';
import { operand, operatorsOf, type KernelView } from './view.js';
import { paddingBefore } from './window.js';

/** Pixels and blocks of 4 output channels of a thread: each load serves many multiply-accumulates. */
interface Block {
  readonly profile?: ProfileName;
  readonly pixels: number;
  readonly wide: number;
  /** Whether the inputs of a row's taps are loaded together: fewer loads, more code. */
  readonly unrolls: boolean;
}

/** What fits the registers of a GPU. */
const USUAL: Block = { pixels: 8, wide: 2, unrolls: true };
/** SwiftShader: checking the bounds of a load costs more than what a sum costs outside registers. */
const LARGE: Block = { profile: 'swiftshader', pixels: 16, wide: 4, unrolls: false };
/** The same for rows that are short. */
const TALL: Block = { ...LARGE, pixels: 8 };

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
  const [outHeight = 1, outWidth = 1] = sum.type.shape.map(sizeOfDim);
  const outBlocks = Math.ceil(finish.channels / 4);
  const make = ({ pixels, wide: most, unrolls, profile }: Block): KernelVariant => {
    const wide = Math.min(most, outBlocks);
    const perRow = ceilDiv(isPointwise ? finish.pixels : outWidth, pixels);
    const blocks = isPointwise ? perRow : product([e.batch, outHeight, perRow]);
    const columns = Math.ceil(outBlocks / wide);
    const threadsX = Math.min(MAX_COLUMNS, 2 ** Math.ceil(Math.log2(columns)));
    const shape: BlockShape = { pixels, wide, threads: [threadsX, THREADS / threadsX] };
    const code = isPointwise
      ? pointwiseCode(reader, shape)
      : windowCode(reader, geometry, shape, unrolls);
    return {
      ...(profile === undefined ? {} : { profile }),
      name: [
        isPointwise ? 'conv_1x1' : nameOf('conv', geometry),
        reader.suffix.slice(1),
        reader.channels < 4 ? `in${reader.channels}` : reader.channels % 4 === 0 ? '' : 'in_odd',
        ...view.epilogue.map(({ op }) => op),
        finish.channels % 4 === 0 ? '' : `out${finish.channels}`,
        `${pixels}x${4 * wide}`,
      ]
        .filter((part) => part !== '')
        .join('_'),
      about: [
        `Convolution ${geometry.k.join('×')}${strideText(geometry)}: a thread computes ${pixels} pixels of a row by ${4 * wide} channels.`,
      ],
      params: {
        blocks,
        ...(isPointwise
          ? { pixels: finish.pixels, ...blocksOnly(reader.params) }
          : { per_row: perRow, out_height: outHeight, out_width: outWidth, ...reader.params }),
        ...(isPointwise ? {} : windowParams(reader, geometry, pad)),
        ...finish.params,
        out_blocks: outBlocks,
      },
      code: [readerFunctions(reader), finish.code, code].filter((text) => text !== '').join('\n\n'),
      workgroups: blockGroups(columns, blocks, shape),
    };
  };
  const isShort = !isPointwise && typeof outWidth === 'number' && outWidth <= TALL.pixels;
  const large = isShort ? TALL : LARGE;
  e.kernel({
    node: view.node,
    op: operatorsOf(view),
    inputs: [
      ...reader.bounds,
      { name: 'kernel', element: 'mat4x4f', place: kernel },
      ...finish.bounds,
    ],
    outputs: [finish.output],
    variants: outBlocks > USUAL.wide ? [make(large), make(USUAL)] : [make(USUAL)],
    macs: macsOf(finish, geometry, reader.channels),
  });
}

/** Workgroups for blocks of pixels by columns of channels, the blocks over two dimensions. */
export function blockGroups(
  columns: number,
  blocks: Size,
  { threads: [x, y] }: BlockShape,
): readonly [Size, Size, Size] {
  const groups = ceilDiv(blocks, y);
  return [Math.ceil(columns / x), min(groups, MAX_WORKGROUPS), ceilDiv(groups, MAX_WORKGROUPS)];
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
  /** Pixels a thread. */
  readonly pixels: number;
  /** Blocks of 4 output channels a thread. */
  readonly wide: number;
  readonly threads: readonly [number, number];
}

/** From the entry point to where `column` (of output blocks) and `block` (of pixels) are known. */
export function headCode({ wide, threads: [x, y] }: Omit<BlockShape, 'pixels'>): string {
  return `@compute @workgroup_size(${x}, ${y})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let column = i32(group.x * ${x}u + local.x)${wide === 1 ? '' : ` * ${wide}`};
  let block = i32((group.z * 65535u + group.y) * ${y}u + local.y);
  if (column >= params.out_blocks || block >= params.blocks) {
    return;
  }`;
}

const LETTERS = 'abcd';
const sumName = (pixel: number, w: number): string => `sum_${pixel}${LETTERS[w] ?? ''}`;

export function sumsCode({ wide, pixels }: Pick<BlockShape, 'wide' | 'pixels'>): string {
  return upTo(pixels)
    .flatMap((i) => upTo(wide).map((w) => `var ${sumName(i, w)}: vec4f;`))
    .join('\n');
}

/** One block of the kernel times the input of every pixel, added to the sums. */
export function multiplyCode(
  { wide, pixels }: Pick<BlockShape, 'wide' | 'pixels'>,
  channels: number,
  index: string,
  input: (pixel: number) => string,
): string {
  const kernelName = (w: number): string => `kernel_${LETTERS[w] ?? ''}`;
  const kernels = upTo(wide).map(
    (w) => `let ${kernelName(w)} = kernel[${index}${w === 0 ? '' : ` + ${w}`}];`,
  );
  const product = (w: number, i: number): string => {
    const name = kernelName(w);
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

/** Writes the sums of pixels, `step` apart, that are there; the first always is where `step` is 1. */
export function storesCode(
  { wide, pixels }: Pick<BlockShape, 'wide' | 'pixels'>,
  pixel: string,
  isThere: (i: number) => string,
  step = 1,
): string {
  return upTo(pixels)
    .map((i) => {
      const at = i === 0 ? pixel : `${pixel} + ${i * step}`;
      const stores = upTo(wide).map((w) =>
        w === 0
          ? `store(${sumName(i, w)}, ${at}, column);`
          : `if (column + ${w} < params.out_blocks) { store(${sumName(i, w)}, ${at}, column + ${w}); }`,
      );
      return i === 0 && step === 1
        ? stores.join('\n')
        : `if (${isThere(i)}) {\n${indent(stores.join('\n'))}\n}`;
    })
    .join('\n');
}

/** A 1×1 convolution without padding: pixels are in one row, whatever image they are of. */
function pointwiseCode(reader: Reader, shape: BlockShape): string {
  const { pixels } = shape;
  // A block that hangs over the end reads the last pixel again, and does not write.
  const x = (i: number): string => `min(first + ${i}, params.pixels - 1)`;
  return `${headCode(shape)}
  let first = block * ${pixels};
${indent(addressCode(reader, { count: pixels, x, line: 'none' }))}
${indent(sumsCode(shape))}
  var k = column;
  for (var c = 0; c < params.in_blocks; c++) {
${indent(loadCode(reader, { count: pixels, block: 'c', name: (i) => `in_${i}` }), 2)}
${indent(
  multiplyCode(shape, reader.channels, 'k', (i) => `in_${i}`),
  2,
)}
    k += params.out_blocks;
  }
${indent(storesCode(shape, 'first', (i) => `first + ${i} < params.pixels`))}
}`;
}

/** Inputs of a row that are loaded together: those of all taps, where that saves loads. */
const MAX_UNROLLED_TAPS = 4;

/** Any other window: a tap's row after the other; its taps along x together where they are few. */
function windowCode(
  reader: Reader,
  { k, stride, dilation }: Geometry,
  shape: BlockShape,
  unrolls: boolean,
): string {
  const { pixels } = shape;
  const isUnrolled = unrolls && k[1] <= MAX_UNROLLED_TAPS && stride[1] <= 2 && dilation[1] === 1;
  const taps = isUnrolled ? k[1] : 1;
  const step = isUnrolled ? 1 : stride[1];
  const count = isUnrolled ? (pixels - 1) * stride[1] + k[1] : pixels;
  const x = (i: number): string => (i === 0 ? 'x' : `x + ${i * step}`);
  const tapCode = (tap: number): string => {
    const skipped = tap === 1 ? '' : `${tap} * `;
    const at = tap === 0 ? 'k' : `k + ${skipped}params.in_blocks * params.out_blocks`;
    const input = (i: number): string => `in_${isUnrolled ? i * stride[1] + tap : i}`;
    const code = multiplyCode(shape, reader.channels, at, input);
    return taps === 1 ? code : `{\n${indent(code)}\n}`;
  };
  const body = `${addressCode(reader, { count, x, line: 'clamped' })}
${insideCode(count, x)}
var k = (ky * ${k[1]}${isUnrolled ? '' : ' + kx'}) * params.in_blocks * params.out_blocks + column;
for (var c = 0; c < params.in_blocks; c++) {
${indent(loadCode(reader, { count, block: 'c', name: (i) => `in_${i}`, inside: (i) => `inside_${i}` }))}
${indent(upTo(taps).map(tapCode).join('\n'))}
  k += params.out_blocks;
}`;
  const start = `first * ${stride[1]} - params.left`;
  const rowCode = isUnrolled
    ? `let x = ${start};\n${body}`
    : `for (var kx = 0; kx < ${k[1]}; kx++) {
  let x = ${start} + kx * ${dilation[1]};
${indent(body)}
}`;
  return `${headCode(shape)}
  let out_row = block / params.per_row;
  let first = (block % params.per_row) * ${pixels};
  let image_index = out_row / params.out_height;
  let y = (out_row % params.out_height) * ${stride[0]} - params.top;
${indent(sumsCode(shape))}
  for (var ky = 0; ky < ${k[0]}; ky++) {
    let row = y + ky * ${dilation[0]};
    if (row < 0 || row >= params.height) {
      continue;
    }
${indent(rowCode, 2)}
  }
  let pixel = out_row * params.out_width + first;
${indent(storesCode(shape, 'pixel', (i) => `first + ${i} < params.out_width`))}
}`;
}

/** `let inside_0 = …`: whether the pixels at `x(0)`, `x(1)`, … of a line are in the image. */
export function insideCode(count: number, x: (i: number) => string): string {
  return upTo(count)
    .map((i) => `let inside_${i} = ${x(i)} >= 0 && ${x(i)} < params.width;`)
    .join('\n');
}
