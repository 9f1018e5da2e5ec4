/** Concatenation: a dispatch a tensor, each of which copies its part. */
import type { Node } from '../../compiler/ir.js';
import { linearGroups, type Emitter } from './emitter.js';
import { product, sizeOfDim, times } from './size.js';
import { operand, resultOf, type KernelView } from './view.js';
import { linearMain, THREADS } from './shader.js';
import type { Size } from '../../webgpu/plan.js';

export function lowerConcat(e: Emitter, view: KernelView, anchor: Node): void {
  const { node } = view;
  const result = resultOf(view);
  if (anchor.operands.length === 1) {
    e.alias(result, e.place(view.outer(operand(anchor, 0))));
    return;
  }
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
      code: linearMain(`let row = i / params.row;
result[row * params.result_row + params.first + i % params.row] = part[${value.type.batched ? 'i' : 'i % params.part_count'}];`),
      workgroups: linearGroups(count, THREADS),
    });
  }
}
