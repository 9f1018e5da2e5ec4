/**
 * Depthwise convolutions: a thread computes a tile of pixels for 4 channels, so that most pixels that
 * it loads serve many sums.
 */
import type { Node } from '../../compiler/ir.js';
import { blockGroups, headCode, listCode, threadsAlong, type BlockShape } from './block.js';
import {
  geometryOf,
  insideCode,
  nameOf,
  strideText,
  windowParams,
  type Geometry,
} from './window.js';
import { paddingAttribute } from '../attributes.js';
import type { Emitter } from './emitter.js';
import { finishOf } from './finish.js';
import { lowerGrouped } from './grouped.js';
import {
  addressCode,
  loadCode,
  readerFunctions,
  readerOf,
  startsCode,
  type Reader,
} from './reader.js';
import { indent, upTo } from './shader.js';
import { ceilDiv, product, sizeOfDim, times } from './size.js';
import { operand, operatorsOf, type KernelView } from './view.js';

/** Pixels of a tile's row. */
const PIXELS = 4;
const THREADS = 64;
const MAX_COLUMNS = 16;
/** The largest window whose taps are loaded together. */
const MAX_UNROLLED_TAPS = 5;

/** Rows of a tile. */
function rowsOf({ k, stride, dilation }: Geometry): number {
  const isUnrolled =
    Math.max(...k) <= MAX_UNROLLED_TAPS && Math.max(...stride) <= 2 && Math.max(...dilation) === 1;
  if (!isUnrolled) return 1;
  return stride[0] === 1 ? 4 : 2;
}

export function lowerDepthwise(e: Emitter, view: KernelView, anchor: Node): void {
  if (anchor.attributes['multiplier'] !== 1) {
    lowerGrouped(e, view, anchor);
    return;
  }
  const geometry = geometryOf(anchor);
  const reader = readerOf(e, view, anchor);
  const kernel = e.place(view.outer(operand(anchor, 1)), 'taps');
  const bias = anchor.operands[2] === undefined ? undefined : view.outer(anchor.operands[2]);
  const [sum] = anchor.results;
  if (sum === undefined) throw new Error('dwconv: no result');
  const finish = finishOf(e, view, sum, bias === undefined ? undefined : e.place(bias));
  const [outHeight = 1, outWidth = 1] = sum.type.shape.map(sizeOfDim);
  const rows = rowsOf(geometry);
  const perRow = ceilDiv(outWidth, PIXELS);
  const perColumn = ceilDiv(outHeight, rows);
  const blocks = product([e.batch, perColumn, perRow]);
  const columns = Math.ceil(finish.channels / 4);
  const threadsX = threadsAlong(columns, MAX_COLUMNS);
  const threadsY = THREADS / threadsX;
  const shape = { wide: 1, pixels: PIXELS, threads: [threadsX, threadsY] } as const;
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
      `Depthwise convolution ${geometry.k.join('×')}${strideText(geometry)}: a thread computes ${rows} × ${PIXELS} pixels for 4 channels.`,
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
      per_column: perColumn,
      out_height: outHeight,
      out_width: outWidth,
      ...reader.params,
      ...windowParams(reader, geometry, paddingAttribute(anchor, 'pad')),
      ...finish.params,
      out_blocks: columns,
    },
    code: [
      readerFunctions(reader),
      finish.code,
      rows > 1 ? tileCode(reader, geometry, rows, shape) : rowCode(reader, geometry, shape),
    ]
      .filter((text) => text !== '')
      .join('\n\n'),
    workgroups: blockGroups(columns, blocks, shape),
    macs: times(finish.pixels, geometry.k[0] * geometry.k[1] * finish.channels),
  });
}

/** From the entry point to where the tile's first pixel is known. */
function tileHead(shape: BlockShape, rows: number): string {
  return `${headCode(shape)}
  let first = (block % params.per_row) * ${PIXELS};
  let tile_row = block / params.per_row;
  let image_index = tile_row / params.per_column;
  let first_row = (tile_row % params.per_column)${rows === 1 ? '' : ` * ${rows}`};`;
}

/** Each input row once, added to the sums of all output rows whose windows it is in. */
function tileCode(
  reader: Reader,
  { k, stride }: Geometry,
  rows: number,
  shape: BlockShape,
): string {
  const count = (PIXELS - 1) * stride[1] + k[1];
  const inputRows = (rows - 1) * stride[0] + k[0];
  const x = (i: number): string => (i === 0 ? 'x' : `x + ${i}`);
  const taps = upTo(k[0] * k[1]).map((tap) => {
    const at = tap === 0 ? 'column' : `${tap === 1 ? '' : `${tap} * `}params.out_blocks + column`;
    return `let tap_${tap} = kernel[${at}];`;
  });
  const rowCode = (r: number): string => {
    const sums = upTo(rows).flatMap((j) => {
      const ky = r - j * stride[0];
      if (ky < 0 || ky >= k[0]) return [];
      return upTo(PIXELS).map((i) => {
        const products = upTo(k[1]).map((kx) => `tap_${ky * k[1] + kx} * in_${i * stride[1] + kx}`);
        return `sum_${j}_${i} += ${products.join(' + ')};`;
      });
    });
    const load = loadCode(reader, {
      count,
      block: 'column',
      name: (i) => `in_${i}`,
      inside: (i) => `inside_${i}`,
    });
    return `row = y${r === 0 ? '' : ` + ${r}`};
if (row >= 0 && row < params.height) {
${indent(startsCode(reader, count))}
${indent(load)}
${indent(sums.join('\n'))}
}`;
  };
  const clamps = upTo(count).map((i) => `let x_${i} = clamp(${x(i)}, 0, params.width - 1);`);
  const sums = upTo(rows).flatMap((j) => upTo(PIXELS).map((i) => `sum_${j}_${i}`));
  return `${tileHead(shape, rows)}
  let y = first_row * ${stride[0]} - params.top;
  let x = first * ${stride[1]} - params.left;
${indent(clamps.join('\n'))}
${indent(insideCode(count, x))}
${indent(taps.join('\n'))}
${indent(sums.map((name) => `var ${name}: vec4f;`).join('\n'))}
  var row: i32;
${indent(upTo(inputRows).map(rowCode).join('\n'))}
  let pixel = (image_index * params.out_height + first_row) * params.out_width + first;
${indent(listCode(sums, PIXELS))}
  for (var i = 0; i < ${sums.length}; i++) {
    let down = i / ${PIXELS};
    let right = i % ${PIXELS};
    if (first_row + down < params.out_height && first + right < params.out_width) {
      store(sums[i], pixel + down * params.out_width + right, column);
    }
  }
}`;
}

/** A window that is large, or whose taps or outputs are far apart: a tap after the other. */
function rowCode(reader: Reader, { k, stride, dilation }: Geometry, shape: BlockShape): string {
  const x = (i: number): string => (i === 0 ? 'x' : `x + ${i * stride[1]}`);
  const load = loadCode(reader, {
    count: PIXELS,
    block: 'column',
    name: (i) => `in_${i}`,
    inside: (i) => `inside_${i}`,
  });
  return `${tileHead(shape, 1)}
  let y = first_row * ${stride[0]} - params.top;
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
    for (var kx = 0; kx < ${k[1]}; kx++) {
      let x = first * ${stride[1]} - params.left + kx * ${dilation[1]};
${indent(addressCode(reader, { count: PIXELS, x, line: 'clamped' }), 3)}
${indent(insideCode(PIXELS, x), 3)}
${indent(load, 3)}
      let tap = kernel[(ky * ${k[1]} + kx) * params.out_blocks + column];
${indent(
  upTo(PIXELS)
    .map((i) => `sum_${i} += tap * in_${i};`)
    .join('\n'),
  3,
)}
    }
  }
  let pixel = (image_index * params.out_height + first_row) * params.out_width + first;
${indent(
  listCode(
    upTo(PIXELS).map((i) => `sum_${i}`),
    PIXELS,
  ),
)}
  for (var i = 0; i < ${PIXELS}; i++) {
    if (first + i < params.out_width) {
      store(sums[i], pixel + i, column);
    }
  }
}`;
}
