/**
 * Convolutions in groups of channels, among them depthwise ones of several outputs a channel. Where
 * groups part into blocks of 4 channels, a thread computes 4 pixels of a row by 4 channels; else
 * one element.
 */
import type { Node, Value } from '../../compiler/ir.js';
import type { Size } from '../../webgpu/plan.js';
import { paddingAttribute, pairAttribute } from '../attributes.js';
import {
  blockGroups,
  headCode,
  multiplyCode,
  storesCode,
  sumsCode,
  threadsAlong,
  type BlockShape,
} from './block.js';
import { insideCode, nameOf, strideText, windowParams, type Geometry } from './window.js';
import { linearGroups, type Emitter } from './emitter.js';
import { linearFinish } from './finish-linear.js';
import { finishOf } from './finish.js';
import { inPrecisions } from './half.js';
import { addressCode, loadCode, readerFunctions, readerOf, type Reader } from './reader.js';
import { indent, linearMain, paragraphs, THREADS } from './shader.js';
import { ceilDiv, product, sizeOfDim, times } from './size.js';
import { operand, operatorsOf, type KernelView } from './view.js';

const PIXELS = 4;
const MAX_COLUMNS = 16;

/** What the two kernels need to know. */
interface Grouped {
  readonly anchor: Node;
  readonly geometry: Geometry;
  readonly reader: Reader;
  /** Channels of one group. */
  readonly inputs: number;
  readonly outputs: number;
  readonly filters: number;
}

export function lowerGrouped(e: Emitter, view: KernelView, anchor: Node): void {
  const reader = readerOf(e, view, anchor);
  const { shape } = view.outer(operand(anchor, 1)).type;
  const [inputs = 1, filters = 1] = shape.slice(-2).map(Number);
  const grouped: Grouped = {
    anchor,
    geometry: {
      k: pairAttribute(anchor, 'k'),
      stride: pairAttribute(anchor, 'stride'),
      dilation: pairAttribute(anchor, 'dilation'),
    },
    reader,
    inputs,
    outputs: (filters * inputs) / reader.channels,
    filters,
  };
  if (inputs % 4 === 0 && grouped.outputs % 4 === 0) lowerBlocked(e, view, grouped);
  else lowerPlain(e, view, grouped);
}

/** The result of a convolution, its height and its width. */
function resultOfWindow({ op, results: [sum] }: Node): readonly [Value, Size, Size] {
  if (sum === undefined) throw new Error(`${op}: no result`);
  const [height = 1, width = 1] = sum.type.shape.map(sizeOfDim);
  return [sum, height, width];
}

function lowerBlocked(e: Emitter, view: KernelView, grouped: Grouped): void {
  const { anchor, geometry, reader, inputs, outputs, filters } = grouped;
  const [sum, outHeight, outWidth] = resultOfWindow(anchor);
  const bias = anchor.operands[2];
  const finish = finishOf(e, view, sum, bias && e.place(view.outer(bias)));
  const perRow = ceilDiv(outWidth, PIXELS);
  const blocks = product([e.batch, outHeight, perRow]);
  const columns = filters / 4;
  const threadsX = threadsAlong(columns, MAX_COLUMNS);
  const shape: BlockShape = { pixels: PIXELS, wide: 1, threads: [threadsX, THREADS / threadsX] };
  e.kernel({
    node: view.node,
    op: operatorsOf(view),
    inputs: [
      ...reader.bounds,
      {
        name: 'kernel',
        element: 'mat4x4f',
        place: e.place(view.outer(operand(anchor, 1)), 'blocks'),
      },
      ...finish.bounds,
    ],
    outputs: [finish.output],
    variants: inPrecisions(e, (half) => ({
      name: [
        nameOf('grouped', geometry),
        ...view.epilogue.map(({ op }) => op),
        ...(threadsX === MAX_COLUMNS ? [] : [`by${threadsX}`]),
      ].join('_'),
      about: [
        `Convolution ${geometry.k.join('×')}${strideText(geometry)} in groups of channels: a thread computes ${PIXELS} pixels of a row by 4 channels.`,
      ],
      params: {
        blocks,
        per_row: perRow,
        out_height: outHeight,
        out_width: outWidth,
        ...reader.params,
        ...windowParams(reader, geometry, paddingAttribute(anchor, 'pad')),
        group_in_blocks: inputs / 4,
        group_out_blocks: outputs / 4,
        ...finish.params,
        out_blocks: columns,
      },
      code: paragraphs(
        readerFunctions(reader),
        finish.code,
        blockedCode(reader, geometry, { ...shape, half }),
      ),
      workgroups: blockGroups(columns, blocks, shape),
    })),
    macs: times(finish.pixels, geometry.k[0] * geometry.k[1] * inputs * filters),
  });
}

function blockedCode(reader: Reader, { k, stride, dilation }: Geometry, shape: BlockShape): string {
  const x = (i: number): string => (i === 0 ? 'x' : `x + ${i * stride[1]}`);
  return `${headCode(shape)}
  let out_row = block / params.per_row;
  let first = (block % params.per_row) * ${PIXELS};
  let image_index = out_row / params.out_height;
  let y = (out_row % params.out_height) * ${stride[0]} - params.top;
  let group_block = column / params.group_out_blocks * params.group_in_blocks;
${indent(sumsCode(shape))}
  for (var ky = 0; ky < ${k[0]}; ky++) {
    let row = y + ky * ${dilation[0]};
    if (row < 0 || row >= params.height) {
      continue;
    }
    for (var kx = 0; kx < ${k[1]}; kx++) {
      let x = first * ${stride[1]} - params.left + kx * ${dilation[1]};
${indent(addressCode(reader, { count: PIXELS, x, line: 'clamped' }), 3)}
${indent(insideCode(PIXELS, x), 3)}
      var k = (ky * ${k[1]} + kx) * params.group_in_blocks * params.out_blocks + column;
      for (var c = 0; c < params.group_in_blocks; c++) {
${indent(
  loadCode(reader, {
    count: PIXELS,
    block: '(group_block + c)',
    name: (i) => `in_${i}`,
    inside: (i) => `inside_${i}`,
  }),
  4,
)}
${indent(
  multiplyCode(shape, 4, 'k', (i) => `in_${i}`),
  4,
)}
        k += params.out_blocks;
      }
    }
  }
  let pixel = out_row * params.out_width + first;
${indent(
  storesCode(
    shape,
    (own) => `pixel + ${own}`,
    (own) => `first + ${own} < params.out_width`,
  ),
)}
}`;
}

function lowerPlain(e: Emitter, view: KernelView, grouped: Grouped): void {
  const { anchor, geometry, reader, inputs, outputs, filters } = grouped;
  const { k, stride, dilation } = geometry;
  const [sum, outHeight, outWidth] = resultOfWindow(anchor);
  const bias = anchor.operands[2];
  const finish = linearFinish(e, view, sum, {
    bias: bias && e.place(view.outer(bias)),
    scalar: true,
  });
  e.kernel({
    node: view.node,
    name:
      [nameOf('grouped_plain', geometry), ...view.epilogue.map(({ op }) => op)].join('_') +
      reader.suffix,
    op: operatorsOf(view),
    about: [
      `Convolution ${k.join('×')}${strideText(geometry)} in groups of channels: an element a thread.`,
    ],
    inputs: [
      ...reader.bounds,
      { name: 'kernel', element: 'f32', place: e.place(view.outer(operand(anchor, 1))) },
      ...finish.bounds,
    ],
    outputs: [finish.output],
    params: {
      count: finish.count,
      filters,
      out_height: outHeight,
      out_width: outWidth,
      ...reader.params,
      ...windowParams(reader, geometry, paddingAttribute(anchor, 'pad')),
      group_inputs: inputs,
      group_outputs: outputs,
      ...finish.params,
    },
    code: paragraphs(
      readerFunctions(reader),
      finish.code,
      linearMain(`let filter_index = i % params.filters;
let pixel = i / params.filters;
let out_row = pixel / params.out_width;
let image_index = out_row / params.out_height;
let y = (out_row % params.out_height) * ${stride[0]} - params.top;
let left = (pixel % params.out_width) * ${stride[1]} - params.left;
let first = filter_index / params.group_outputs * params.group_inputs;
var sum = 0.0;
for (var ky = 0; ky < ${k[0]}; ky++) {
  let row = y + ky * ${dilation[0]};
  if (row < 0 || row >= params.height) {
    continue;
  }
  for (var kx = 0; kx < ${k[1]}; kx++) {
    let x = left + kx * ${dilation[1]};
    if (x < 0 || x >= params.width) {
      continue;
    }
${indent(addressCode(reader, { count: 1, x: () => 'x', line: 'inside' }), 2)}
    var k = (ky * ${k[1]} + kx) * params.group_inputs * params.filters + filter_index;
    for (var channel = first; channel < first + params.group_inputs; channel++) {
${indent(loadCode(reader, { count: 1, block: '(channel / 4)', name: () => 'four' }), 3)}
      sum += four[channel % 4] * kernel[k];
      k += params.filters;
    }
  }
}
store(sum, i);`),
    ),
    workgroups: linearGroups(finish.count, THREADS),
    macs: times(finish.count, k[0] * k[1] * inputs),
  });
}
