/** Depthwise convolutions: a thread computes 4 neighbouring pixels of a row for 4 channels. */
import type { Node } from '../../compiler/ir.js';
import { headCode, nameOf, pairOf, strideText, windowParams, type Geometry } from './conv.js';
import type { Emitter } from './emitter.js';
import { finishOf } from './finish.js';
import { lowerGrouped } from './grouped.js';
import { addressCode, loadCode, readerFunctions, readerOf, type Reader } from './reader.js';
import { indent, upTo } from './shader.js';
import { ceilDiv, min, product, sizeOfDim, times } from './size.js';
import { operand, operatorsOf, type KernelView } from './view.js';

/** Pixels a thread. */
const PIXELS = 4;
const THREADS = 64;
const MAX_COLUMNS = 16;
/** Taps of a row that are loaded together. */
const MAX_UNROLLED_TAPS = 5;

export function lowerDepthwise(e: Emitter, view: KernelView, anchor: Node): void {
  const { attributes: a } = anchor;
  if (a['multiplier'] !== 1) {
    lowerGrouped(e, view, anchor);
    return;
  }
  const geometry: Geometry = {
    k: pairOf(a['k']),
    stride: pairOf(a['stride']),
    dilation: pairOf(a['dilation']),
  };
  const reader = readerOf(e, view, anchor);
  const kernel = e.place(view.outer(operand(anchor, 1)), 'taps');
  const bias = anchor.operands[2] === undefined ? undefined : view.outer(anchor.operands[2]);
  const [sum] = anchor.results;
  if (sum === undefined) throw new Error('dwconv: no result');
  const finish = finishOf(e, view, sum, bias === undefined ? undefined : e.place(bias));
  const [outHeight = 1, outWidth = 1] = sum.type.shape.map(sizeOfDim);
  const perRow = ceilDiv(outWidth, PIXELS);
  const blocks = product([e.batch, outHeight, perRow]);
  const columns = Math.ceil(finish.channels / 4);
  const threadsX = Math.min(MAX_COLUMNS, 2 ** Math.ceil(Math.log2(columns)));
  const threadsY = THREADS / threadsX;
  const groupsY = ceilDiv(blocks, threadsY);
  e.kernel({
    node: view.node,
    name: [
      nameOf('dwconv', geometry),
      reader.suffix.slice(1),
      reader.channels % 4 === 0 ? '' : `in${reader.channels}`,
      ...view.epilogue.map(({ op }) => op),
      threadsX === MAX_COLUMNS ? '' : `by${threadsX}`,
    ]
      .filter((part) => part !== '')
      .join('_'),
    op: operatorsOf(view),
    about: [
      `Depthwise convolution ${geometry.k.join('×')}${strideText(geometry)}: a thread computes ${PIXELS} pixels of a row for 4 channels.`,
    ],
    inputs: [
      ...reader.bounds,
      { name: 'kernel', element: 'vec4f', place: kernel },
      ...finish.bounds,
    ],
    outputs: [finish.output],
    params: {
      blocks,
      per_row: perRow,
      out_height: outHeight,
      out_width: outWidth,
      ...reader.params,
      ...windowParams(reader, geometry, a['pad']),
      ...finish.params,
      out_blocks: columns,
    },
    code: [
      readerFunctions(reader),
      finish.code,
      depthwiseCode(reader, geometry, [threadsX, threadsY]),
    ]
      .filter((text) => text !== '')
      .join('\n\n'),
    workgroups: [Math.ceil(columns / threadsX), min(groupsY, 65_535), ceilDiv(groupsY, 65_535)],
    macs: times(finish.pixels, geometry.k[0] * geometry.k[1] * finish.channels),
  });
}

function depthwiseCode(
  reader: Reader,
  { k, stride, dilation }: Geometry,
  threads: readonly [number, number],
): string {
  const isUnrolled = k[1] <= MAX_UNROLLED_TAPS && stride[1] <= 2 && dilation[1] === 1;
  const taps = isUnrolled ? k[1] : 1;
  const step = isUnrolled ? 1 : stride[1];
  const count = isUnrolled ? (PIXELS - 1) * stride[1] + k[1] : PIXELS;
  const x = (i: number): string => (i === 0 ? 'x' : `x + ${i * step}`);
  const sums = upTo(taps).flatMap((tap) => [
    `let kernel_${tap} = kernel[(ky * ${k[1]} + ${isUnrolled ? tap : 'kx'}) * params.out_blocks + column];`,
    ...upTo(PIXELS).map(
      (i) => `sum_${i} += kernel_${tap} * in_${isUnrolled ? i * stride[1] + tap : i};`,
    ),
  ]);
  const body = [
    `let x = first * ${stride[1]} - params.left${isUnrolled ? '' : ` + kx * ${dilation[1]}`};`,
    addressCode(reader, { count, x, line: 'clamped' }),
    ...upTo(count).map((i) => `let inside_${i} = ${x(i)} >= 0 && ${x(i)} < params.width;`),
    loadCode(reader, {
      count,
      block: 'column',
      name: (i) => `in_${i}`,
      inside: (i) => `inside_${i}`,
    }),
    ...sums,
  ].join('\n');
  const rowBody = isUnrolled ? body : `for (var kx = 0; kx < ${k[1]}; kx++) {\n${indent(body)}\n}`;
  return `${headCode({ wide: 1, threads })}
  let out_row = block / params.per_row;
  let first = (block % params.per_row) * ${PIXELS};
  let image_index = out_row / params.out_height;
  let y = (out_row % params.out_height) * ${stride[0]} - params.top;
${indent(
  upTo(PIXELS)
    .map((i) => `var sum_${i}: vec4f;`)
    .join('\n'),
)}
  for (var ky = 0; ky < ${k[0]}; ky++) {
    let row = y + ky * ${dilation[0]};
    if (row < 0 || row >= params.height) {
      continue;
    }
${indent(rowBody, 2)}
  }
  let pixel = out_row * params.out_width + first;
  store(sum_0, pixel, column);
${indent(
  upTo(PIXELS)
    .slice(1)
    .map((i) => `if (first + ${i} < params.out_width) { store(sum_${i}, pixel + ${i}, column); }`)
    .join('\n'),
)}
}`;
}
