/** Kernels that move channels of images and compute nothing. */
import type { Node } from '../../compiler/ir.js';
import { linearGroups, type Emitter } from './emitter.js';
import { product, sizeOfDim, times } from './size.js';
import { operand, resultOf, type KernelView } from './view.js';
import { pairOf } from './conv.js';
import type { Size } from '../../webgpu/plan.js';

const THREADS = 64;
const LINEAR_INDEX = `let i = i32((group.y * 65535u + group.x) * ${THREADS}u + local);
  if (i >= params.count) {
    return;
  }`;

/** One dispatch a tensor: each copies its part, as rows of what lies together. */
export function lowerConcat(e: Emitter, view: KernelView, anchor: Node): void {
  const { node } = view;
  const result = resultOf(view);
  const output = e.make(result, node);
  const rank = result.type.shape.length;
  const axis = Number(anchor.attributes['axis'] ?? rank - 1);
  const at = axis < 0 ? axis + rank : axis;
  const lead = times(
    result.type.batched ? e.batch : 1,
    product(result.type.shape.slice(0, at).map(sizeOfDim)),
  );
  const rowOf = (shape: typeof result.type.shape): Size => product(shape.slice(at).map(sizeOfDim));
  let before: Size = 0;
  for (const value of anchor.operands.map(view.outer)) {
    const row = rowOf(value.type.shape);
    const offset = before;
    before =
      typeof before === 'number' && typeof row === 'number' ? before + row : ['+', before, row];
    const sizes = [row, offset, rowOf(result.type.shape)];
    const inFours = sizes.every((size) => typeof size === 'number' && size % 4 === 0);
    const [own, first, all] = inFours ? sizes.map((size) => Number(size) / 4) : sizes;
    const count = times(lead, own ?? 0);
    const type = inFours ? 'vec4f' : 'f32';
    e.kernel({
      node,
      name: `concat${inFours ? '' : '_scalar'}${value.type.batched ? '' : '_constant'}`,
      op: 'concat',
      about: ['Copies one of the tensors to its place in the result.'],
      inputs: [{ name: 'part', element: type, place: e.place(value) }],
      outputs: [{ name: 'result', element: type, place: output }],
      params: {
        count,
        row: own ?? 0,
        first: first ?? 0,
        result_row: all ?? 0,
        ...(value.type.batched
          ? {}
          : { part_count: times(product(value.type.shape.slice(0, at).map(sizeOfDim)), own ?? 0) }),
      },
      code: `@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  ${LINEAR_INDEX}
  result[i / params.row * params.result_row + params.first + i % params.row] = part[${value.type.batched ? 'i' : 'i % params.part_count'}];
}`,
      workgroups: linearGroups(count, THREADS),
    });
  }
}

/** Nearest pixels. */
export function lowerUpsample(e: Emitter, view: KernelView, anchor: Node): void {
  const { node } = view;
  if (anchor.attributes['mode'] !== 'nearest') throw new Error('bilinear');
  const [fy, fx] = pairOf(anchor.attributes['factor']);
  const x = view.outer(operand(anchor, 0));
  const [, inWidth = 1, channels = 1] = x.type.shape.map(sizeOfDim);
  const result = resultOf(view);
  const output = e.make(result, node);
  const inFours = typeof channels === 'number' && channels % 4 === 0;
  const columns = inFours ? channels / 4 : channels;
  const outWidth = times(inWidth, fx);
  const count = times(e.batch, product([...result.type.shape.slice(0, 2).map(sizeOfDim), columns]));
  const type = inFours ? 'vec4f' : 'f32';
  e.kernel({
    node,
    name: `upsample_nearest${inFours ? '' : '_scalar'}`,
    op: 'upsample',
    about: ['Repeats each pixel.'],
    inputs: [{ name: 'image', element: type, place: e.place(x) }],
    outputs: [{ name: 'result', element: type, place: output }],
    params: { count, columns, out_width: outWidth, factor_y: fy, factor_x: fx },
    code: `@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32) {
  ${LINEAR_INDEX}
  let pixel = i / params.columns;
  // Rows of all images: their number parts by the factor.
  let row = pixel / params.out_width / params.factor_y;
  let x = pixel % params.out_width / params.factor_x;
  result[i] = image[(row * (params.out_width / params.factor_x) + x) * params.columns + i % params.columns];
}`,
    workgroups: linearGroups(count, THREADS),
  });
}
