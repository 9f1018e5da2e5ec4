/** Max and average pooling: a thread computes 4 channels of a pixel. */
import type { Node } from '../../compiler/ir.js';
import { windowParams, type Geometry } from './window.js';
import { paddingAttribute, pairAttribute } from '../attributes.js';
import { linearGroups, type Emitter } from './emitter.js';
import { finishOf } from './finish.js';
import { addressCode, loadCode, readerFunctions, readerOf } from './reader.js';
import { indent, linearMain, paragraphs, THREADS } from './shader.js';
import { sizeOfDim, times } from './size.js';
import { operatorsOf, type KernelView } from './view.js';

export function lowerPool(e: Emitter, view: KernelView, anchor: Node): void {
  const { op } = anchor;
  const geometry: Geometry = {
    k: pairAttribute(anchor, 'k'),
    stride: pairAttribute(anchor, 'stride'),
    dilation: [1, 1],
  };
  const reader = readerOf(e, view, anchor);
  const [result] = anchor.results;
  if (result === undefined) throw new Error(`${op}: no result`);
  const finish = finishOf(e, view, result, undefined);
  const [outHeight = 1, outWidth = 1] = result.type.shape.map(sizeOfDim);
  const blocks = Math.ceil(finish.channels / 4);
  const count = times(finish.pixels, blocks);
  const isMax = op === 'maxpool';
  e.kernel({
    node: view.node,
    name: [
      op,
      reader.channels % 4 === 0 ? '' : `in${reader.channels}`,
      ...view.epilogue.map((n) => n.op),
    ]
      .filter((part) => part !== '')
      .join('_'),
    op: operatorsOf(view),
    about: [
      `The ${isMax ? 'largest' : 'mean'} of a window, in which padding does not count: 4 channels of a pixel a thread.`,
    ],
    inputs: [...reader.bounds, ...finish.bounds],
    outputs: [finish.output],
    params: {
      count,
      out_height: outHeight,
      out_width: outWidth,
      kernel_height: geometry.k[0],
      kernel_width: geometry.k[1],
      stride_y: geometry.stride[0],
      stride_x: geometry.stride[1],
      ...reader.params,
      ...windowParams(reader, geometry, paddingAttribute(anchor, 'pad')),
      ...finish.params,
      out_blocks: blocks,
    },
    code: paragraphs(
      readerFunctions(reader),
      finish.code,
      linearMain(`let column = i % params.out_blocks;
let pixel = i / params.out_blocks;
let out_row = pixel / params.out_width;
let image_index = out_row / params.out_height;
let top = (out_row % params.out_height) * params.stride_y - params.top;
let left = (pixel % params.out_width) * params.stride_x - params.left;
var found = vec4f(${isMax ? '-3.4028234e38' : '0.0'});
for (var row = max(top, 0); row < min(top + params.kernel_height, params.height); row++) {
  for (var x = max(left, 0); x < min(left + params.kernel_width, params.width); x++) {
${indent(addressCode(reader, { count: 1, x: () => 'x', line: 'inside' }), 2)}
${indent(loadCode(reader, { count: 1, block: 'column', name: () => 'value' }), 2)}
    found ${isMax ? '= max(found, value)' : '+= value'};
  }
}
${
  isMax
    ? 'store(found, pixel, column);'
    : `let rows = min(top + params.kernel_height, params.height) - max(top, 0);
let columns = min(left + params.kernel_width, params.width) - max(left, 0);
store(found / f32(rows * columns), pixel, column);`
}`),
    ),
    workgroups: linearGroups(count, THREADS),
  });
}
