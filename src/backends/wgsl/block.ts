/**
 * Register blocks: a thread computes some pixels by some blocks of 4 output channels, in 4 × 4 blocks
 * of the kernel, so that each load serves many multiply-accumulates.
 */
import type { Size } from '../../webgpu/plan.js';
import { MAX_WORKGROUPS } from './emitter.js';
import { indent, upTo } from './shader.js';
import { ceilDiv, min } from './size.js';

export interface BlockShape {
  /** Pixels a thread. */
  readonly pixels: number;
  /** Blocks of 4 output channels a thread; 4 at most. */
  readonly wide: number;
  /** Whether the kernel is of f16, and products too. */
  readonly half?: boolean;
  /**
   * Threads of a subgroup, where its threads have one column and bring the kernel together: each
   * loads a vector of it, which all then have. Of use where a load costs more than passing on what
   * another thread has loaded, as it does where a CPU computes: there each thread's is a branch.
   */
  readonly subgroup?: number;
  /** Threads of a workgroup, along the channels and along the blocks of pixels. */
  readonly threads: readonly [number, number];
}

export type Sums = Pick<BlockShape, 'wide' | 'pixels' | 'half' | 'subgroup'>;

/** Threads along `columns`, a power of two up to `most`. */
export function threadsAlong(columns: number, most: number): number {
  return Math.min(most, 2 ** Math.ceil(Math.log2(columns)));
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

/** From the entry point to where `column` (of output blocks) and `block` (of pixels) are known. */
export function headCode(shape: Omit<BlockShape, 'pixels'>): string {
  const {
    wide,
    subgroup,
    threads: [x, y],
  } = shape;
  // None returns before the end, since those of a subgroup need each other.
  if (subgroup !== undefined) {
    return `@compute @workgroup_size(${y})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) local: u32,
  @builtin(subgroup_invocation_id) own_lane: u32,
) {
  let lane = i32(own_lane);
  let column = i32(group.x)${wide === 1 ? '' : ` * ${wide}`};
  let block = i32((group.z * ${MAX_WORKGROUPS}u + group.y) * ${y}u + local);`;
  }
  return `@compute @workgroup_size(${x}, ${y})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) local: vec3u) {
  let column = i32(group.x * ${x}u + local.x)${wide === 1 ? '' : ` * ${wide}`};
  let block = i32((group.z * ${MAX_WORKGROUPS}u + group.y) * ${y}u + local.y);
  if (column >= params.out_blocks || block >= params.blocks) {
    return;
  }`;
}

const LETTERS = 'abcd';

function sumName(pixel: number, w: number): string {
  return `sum_${pixel}${LETTERS[w] ?? ''}`;
}

function sumNames({ wide, pixels }: Sums): readonly string[] {
  return upTo(pixels).flatMap((i) => upTo(wide).map((w) => sumName(i, w)));
}

export function sumsCode(shape: Sums): string {
  return sumNames(shape)
    .map((name) => `var ${name}: vec4f;`)
    .join('\n');
}

/** One block of the kernel times the input of every pixel, added to the sums. */
export function multiplyCode(
  shape: Sums,
  channels: number,
  index: string,
  input: (pixel: number) => string,
): string {
  const { wide, subgroup } = shape;
  const kernels =
    subgroup === undefined
      ? upTo(wide).map((w) => `let ${kernelName(w)} = kernel[${index}${w === 0 ? '' : ` + ${w}`}];`)
      : togetherCode(wide, subgroup, index);
  const factor = (i: number): string => (shape.half === true ? `vec4h(${input(i)})` : input(i));
  return [...kernels, addCode(shape, channels, factor)].join('\n');
}

/** The blocks of the kernel, of which each thread of a subgroup loads some of the vectors. */
function togetherCode(wide: number, subgroup: number, index: string): readonly string[] {
  const start = /^\w+$/.test(index) ? `${index} * 4` : `(${index}) * 4`;
  const loads = upTo(Math.ceil((4 * wide) / subgroup)).map((i) => {
    const first = i === 0 ? '' : ` + ${i * subgroup}`;
    return `let vector_${i} = kernel[${start}${first} + lane];`;
  });
  const kernels = upTo(wide).map((w) => {
    const rows = upTo(4).map((row) => {
      const vector = 4 * w + row;
      const of = `vector_${Math.floor(vector / subgroup)}`;
      return `subgroupBroadcast(${of}, ${vector % subgroup}u)`;
    });
    return `let ${kernelName(w)} = mat4x4f(\n${indent(rows.join(',\n'))},\n);`;
  });
  return [...loads, ...kernels];
}

/** The same where `kernel_a`, `kernel_b`, … are there already, and the input is of their type. */
export function addCode(
  { wide, pixels, half }: Sums,
  channels: number,
  input: (pixel: number) => string,
): string {
  const product = (w: number, i: number): string => {
    const name = kernelName(w);
    if (channels >= 4) return `${name} * ${input(i)}`;
    // What is beyond the last input channel is 0, and not multiplied.
    return upTo(channels)
      .map((c) => `${name}[${c}] * ${input(i)}[${c}]`)
      .join(' + ');
  };
  const sums = upTo(pixels).flatMap((i) =>
    upTo(wide).map((w) => {
      const text = product(w, i);
      return `${sumName(i, w)} += ${half === true ? `vec4f(${text})` : text};`;
    }),
  );
  return sums.join('\n');
}

function kernelName(w: number): string {
  return `kernel_${LETTERS[w] ?? ''}`;
}

/**
 * Writes the sums of pixels that are there: `pixel` and `isThere` are expressions over the number of
 * the pixel in the block. In a loop, although the sums have names: what writes one is more code than
 * what adds to it, and drivers compile every copy.
 */
export function storesCode(
  shape: Sums,
  pixel: (own: string) => string,
  isThere: (own: string) => string,
): string {
  const { wide } = shape;
  const names = sumNames(shape);
  const own = wide === 1 ? 'i' : `i / ${wide}`;
  const block = wide === 1 ? 'column' : `column + i % ${wide}`;
  return `${listCode(names, 8)}
for (var i = 0; i < ${names.length}; i++) {
  if (${isThere(own)}${wide === 1 ? '' : ` && ${block} < params.out_blocks`}) {
    store(sums[i], ${pixel(own)}, ${block});
  }
}`;
}

/** `sums`, an array of vectors that have names, so many a line. */
export function listCode(names: readonly string[], each: number): string {
  const rows = upTo(Math.ceil(names.length / each)).map((row) =>
    names.slice(row * each, (row + 1) * each).join(', '),
  );
  return `var sums = array<vec4f, ${names.length}>(\n${indent(rows.join(',\n'))}\n);`;
}
