/**
 * Convolutions whose workgroups share what they read: tiles of the input and of the kernel are
 * staged in workgroup memory, and each thread computes its block of pixels and channels from there.
 */
import type { Size } from '../../webgpu/plan.js';
import { addCode, storesCode, sumsCode, type BlockShape } from './block.js';
import { MAX_WORKGROUPS } from './emitter.js';
import { addressCode, loadCode, tapCode, type Reader } from './reader.js';
import { indent, paragraphs, upTo } from './shader.js';
import { scaled, tapCounts, tapLoops, windowStarts, type Geometry } from './window.js';

/** Threads of a workgroup. */
const THREADS = 256;
/** Vectors of the input that a thread brings for a tile. */
const LOADS = 2;
/** Fewer channels, or pixels, leave most of a tile empty. */
const LEAST_CHANNELS = 16;
const LEAST_PIXELS = 64;

export interface TileShape extends BlockShape {
  /** Pixels of a tile. */
  readonly tilePixels: number;
  /** Blocks of 4 input channels of a tile. */
  readonly depth: number;
}

/** Tiles for so many blocks of 4 output channels: at most 12 KiB together. */
export function tileShape(outBlocks: number): TileShape {
  const columns = outBlocks > 8 ? 16 : outBlocks > 4 ? 8 : 4;
  const rows = THREADS / columns;
  const pixels = columns === 4 ? 4 : 8;
  const tilePixels = rows * pixels;
  return {
    pixels,
    wide: 1,
    threads: [columns, rows],
    tilePixels,
    depth: (THREADS * LOADS) / tilePixels,
  };
}

export function aboutTiles({ threads: [columns], tilePixels, depth }: TileShape): string {
  return `Workgroups share tiles of ${tilePixels} pixels and ${4 * columns} channels, ${4 * depth} input channels deep.`;
}

/** Whether a convolution has enough of everything. */
export function paysInTiles(inputs: number, outputs: number, pixels: Size): boolean {
  return (
    Math.min(inputs, outputs) >= LEAST_CHANNELS &&
    (typeof pixels !== 'number' || pixels >= LEAST_PIXELS)
  );
}

/**
 * `geometry`: of any window; absent for a 1×1 convolution without padding. Every thread reaches
 * every barrier: what hangs over an end reads the last pixel or column again, and is not written.
 */
export function tiledCode(
  reader: Reader,
  geometry: Geometry | undefined,
  shape: TileShape,
): string {
  const {
    threads: [columns, rows],
    tilePixels,
    depth,
    half = false,
  } = shape;
  const vector = half ? 'vec4h' : 'vec4f';
  return paragraphs(
    `var<workgroup> image_tile: array<${vector}, ${tilePixels * depth}>;
var<workgroup> kernel_tile: array<${vector}, ${kernelVectors(shape)}>;`,
    `@compute @workgroup_size(${columns}, ${rows})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let local = i32(index);
  let tile = i32(group.z * ${MAX_WORKGROUPS}u + group.y) * ${tilePixels};
  // What the thread computes: pixels ${rows} apart, and a block of output channels.
  let first = tile + local / ${columns};
  let first_column = i32(group.x) * ${columns};
  let column = first_column + local % ${columns};
  // What it brings: a block of channels of pixels ${THREADS / depth} apart, and a row of a block of the kernel.
  let read_first = tile + local / ${depth};
  let read_block = local % ${depth};
  let kernel_block = local / ${columns * 4};
  let kernel_column = min(first_column + local % ${columns * 4} / 4, params.out_blocks - 1);
  let kernel_row = local % 4;
${indent(sumsCode(shape))}
${indent(geometry === undefined ? pointwiseLoop(reader, shape) : windowLoop(reader, geometry, shape))}
${indent(
  storesCode(
    shape,
    (own) => `first + ${own} * ${rows}`,
    (own) => `column < params.out_blocks && first + ${own} * ${rows} < params.pixels`,
  ),
)}
}`,
  );
}

function kernelVectors({ threads: [columns], depth }: TileShape): number {
  return depth * columns * 4;
}

/** The pixel of a load. */
function pixelAt({ depth }: TileShape, i: number | string): string {
  return `min(read_first + ${i} * ${THREADS / depth}, params.pixels - 1)`;
}

function pointwiseLoop(reader: Reader, shape: TileShape): string {
  const x = (i: number): string => pixelAt(shape, i);
  return `${addressCode(reader, { count: LOADS, x, line: 'none' })}
${channelLoop(reader, shape, '0')}`;
}

function windowLoop(reader: Reader, geometry: Geometry, shape: TileShape): string {
  const { k, dilation } = geometry;
  return `${windowStarts(geometry, LOADS, pixelAt(shape, 'i'))}
${tapLoops(
  tapCounts(k).counts,
  `${tapCode(reader, LOADS, [scaled('ky', dilation[0]), scaled('kx', dilation[1])])}
${channelLoop(reader, shape, `(ky * ${k[1]} + kx) * params.in_blocks`, (i) => `inside[${i}]`)}`,
)}`;
}

/** Over the input channels of a tap, whose rows of blocks in the kernel begin at `row`. */
function channelLoop(
  reader: Reader,
  shape: TileShape,
  row: string,
  inside?: (i: number) => string,
): string {
  const {
    threads: [columns, rows],
    depth,
    half = false,
  } = shape;
  const load = loadCode(reader, {
    count: LOADS,
    block: 'block',
    name: (i) => `in_${i}`,
    ...(inside === undefined ? {} : { inside, isListed: true }),
  });
  const bring = `let row = ${row} + min(c + kernel_block, params.in_blocks - 1);
kernel_tile[(kernel_block * 4 + kernel_row) * ${columns} + local % ${columns * 4} / 4] =
  kernel[(row * params.out_blocks + kernel_column) * 4 + kernel_row];`;
  const vectors = kernelVectors(shape);
  const kernel = upTo(4).map((r) => `kernel_tile[k${r === 0 ? '' : ` + ${r * columns}`}]`);
  return `for (var c = 0; c < params.in_blocks; c += ${depth}) {
  let block = min(c + read_block, params.in_blocks - 1);
  let is_there = c + read_block < params.in_blocks;
${indent(load)}
  // All are done with the tiles before.
  workgroupBarrier();
${indent(
  upTo(LOADS)
    .map((i) => {
      const value = `select(vec4f(), in_${i}, is_there)`;
      return `image_tile[local + ${i * THREADS}] = ${half ? `vec4h(${value})` : value};`;
    })
    .join('\n'),
)}
${indent(vectors === THREADS ? bring : `if (local < ${vectors}) {\n${indent(bring)}\n}`)}
  workgroupBarrier();
  for (var d = 0; d < ${depth}; d++) {
    let k = d * ${columns * 4} + local % ${columns};
    let kernel_a = ${half ? 'mat4x4h' : 'mat4x4f'}(
      ${kernel.join(',\n      ')},
    );
    let at = local / ${columns} * ${depth} + d;
${indent(
  addCode(shape, 4, (i) => `image_tile[at + ${i * rows * depth}]`),
  2,
)}
  }
}`;
}
