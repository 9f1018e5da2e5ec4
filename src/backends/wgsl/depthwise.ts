/**
 * Depthwise convolutions: a thread computes a tile of pixels for 4 channels, so that most pixels that
 * it loads serve many sums.
 */
import type { Node } from '../../compiler/ir.js';
import { blockGroups, headCode, listCode, threadsAlong, type BlockShape } from './block.js';
import {
  copiesRounds,
  geometryOf,
  insideCode,
  nameOf,
  strideText,
  tapCounts,
  windowParams,
  type Geometry,
  type TapCounts,
} from './window.js';
import { paddingAttribute } from '../attributes.js';
import type { Emitter, KernelVariant, ProfileName } from './emitter.js';
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
import { indent, paragraphs, upTo } from './shader.js';
import { ceilDiv, product, sizeOfDim, times } from './size.js';
import { operand, operatorsOf, type KernelView } from './view.js';

/** Pixels of a tile's row. */
const PIXELS = 4;
/** For Mesa's llvmpipe: LLVM takes seconds for wider tiles. */
const SMALL_PIXELS = 1;
const THREADS = 64;
const MAX_COLUMNS = 16;
/** Rows of a tile: the more, the more sums a row that is loaded serves. */
const ROWS = 8;
/** The largest window that is rolled down the image, with the sums of as many rows at hand. */
const MAX_ROLLED_TAPS = 5;

function isRolled({ k, stride, dilation }: Geometry): boolean {
  return Math.max(...k) <= MAX_ROLLED_TAPS && [...stride, ...dilation].every((n) => n === 1);
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
  const columns = Math.ceil(finish.channels / 4);
  const threadsX = threadsAlong(columns, MAX_COLUMNS);
  const rows = isRolled(geometry) ? ROWS : 1;
  const make = (pixels: number, profile?: ProfileName): KernelVariant => {
    const taps = tapCounts(geometry.k, profile);
    const rowCount = copiesRounds(profile) ? 'params.tile_rows' : String(rows);
    const perRow = ceilDiv(outWidth, pixels);
    const perColumn = ceilDiv(outHeight, rows);
    const blocks = product([e.batch, perColumn, perRow]);
    const shape = { wide: 1, pixels, threads: [threadsX, THREADS / threadsX] } as const;
    return {
      ...(profile === undefined ? {} : { profile }),
      name: [
        nameOf('dwconv', geometry),
        reader.suffix.slice(1),
        reader.channels % 4 === 0 ? '' : `in${reader.channels}`,
        ...view.epilogue.map(({ op }) => op),
        threadsX === MAX_COLUMNS ? '' : `by${threadsX}`,
        pixels === PIXELS ? '' : `${rows}x${pixels}`,
      ]
        .filter((part) => part !== '')
        .join('_'),
      about: [
        `Depthwise convolution ${geometry.k.join('×')}${strideText(geometry)}: a thread computes ${rows} × ${pixels} pixels for 4 channels.`,
      ],
      params: {
        blocks,
        per_row: perRow,
        per_column: perColumn,
        out_height: outHeight,
        out_width: outWidth,
        ...reader.params,
        ...taps.params,
        tile_rows: rows,
        ...windowParams(reader, geometry, paddingAttribute(anchor, 'pad')),
        ...finish.params,
        out_blocks: columns,
      },
      code: paragraphs(
        readerFunctions(reader),
        finish.code,
        rows > 1
          ? rolledCode(reader, geometry, shape, rowCount)
          : rowCode(reader, geometry, shape, taps),
      ),
      workgroups: blockGroups(columns, blocks, shape),
    };
  };
  e.kernel({
    node: view.node,
    op: operatorsOf(view),
    inputs: [
      ...reader.bounds,
      { name: 'kernel', element: 'vec4f', place: kernel },
      ...finish.bounds,
    ],
    outputs: [finish.output],
    variants: [make(SMALL_PIXELS, 'llvmpipe'), make(PIXELS)],
    macs: times(finish.pixels, geometry.k[0] * geometry.k[1] * finish.channels),
  });
}

/** From the entry point to where the tile's first pixel is known. */
function tileHead(shape: BlockShape, rows: number): string {
  return `${headCode(shape)}
  let first = (block % params.per_row) * ${shape.pixels};
  let tile_row = block / params.per_row;
  let image_index = tile_row / params.per_column;
  let first_row = (tile_row % params.per_column)${rows === 1 ? '' : ` * ${rows}`};`;
}

/**
 * Each input row once, added to the sums of all output rows whose windows it is in: as many as the
 * window is high, of which the first is complete with it.
 */
function rolledCode(reader: Reader, { k }: Geometry, shape: BlockShape, rows: string): string {
  const [height, width] = k;
  const { pixels } = shape;
  const count = pixels - 1 + width;
  const x = (i: number): string => (i === 0 ? 'x' : `x + ${i}`);
  const sum = (row: number, i: number): string => `sum_${row}_${i}`;
  const clamps = upTo(count).map((i) => `let x_${i} = clamp(${x(i)}, 0, params.width - 1);`);
  const taps = upTo(height * width).map((tap) => {
    const at = tap === 0 ? 'column' : `${tap === 1 ? '' : `${tap} * `}params.out_blocks + column`;
    return `let tap_${tap} = kernel[${at}];`;
  });
  const sums = upTo(height).flatMap((row) => upTo(pixels).map((i) => `var ${sum(row, i)}: vec4f;`));
  const load = loadCode(reader, {
    count,
    block: 'column',
    name: (i) => `in_${i}`,
    inside: (i) => `inside_${i}`,
  });
  const products = upTo(height).flatMap((row) =>
    upTo(pixels).map((i) => {
      const first = (height - 1 - row) * width;
      const terms = upTo(width).map((kx) => `tap_${first + kx} * in_${i + kx}`);
      return `${sum(row, i)} += ${terms.join(' + ')};`;
    }),
  );
  const shifts = upTo(height).flatMap((row) =>
    upTo(pixels).map((i) => `${sum(row, i)} = ${row + 1 < height ? sum(row + 1, i) : 'vec4f()'};`),
  );
  return `${tileHead(shape, ROWS)}
  let y = first_row - params.top;
  let x = first - params.left;
${indent(clamps.join('\n'))}
${indent(insideCode(count, x))}
${indent(taps.join('\n'))}
  // Of the rows whose windows the input row is in, the first one down.
${indent(sums.join('\n'))}
  for (var down = ${1 - height}; down < ${rows}; down++) {
    let row = y + down + ${height - 1};
    if (row >= 0 && row < params.height) {
${indent(startsCode(reader, count), 3)}
${indent(load, 3)}
${indent(products.join('\n'), 3)}
    }
    let out_row = first_row + down;
    if (down >= 0 && out_row < params.out_height) {
      let pixel = (image_index * params.out_height + out_row) * params.out_width + first;
${indent(
  listCode(
    upTo(pixels).map((i) => sum(0, i)),
    pixels,
  ),
  3,
)}
      for (var i = 0; i < ${pixels}; i++) {
        if (first + i < params.out_width) {
          store(sums[i], pixel + i, column);
        }
      }
    }
${indent(shifts.join('\n'), 2)}
  }
}`;
}

/** A window that is large, or whose taps or outputs are far apart: a tap after the other. */
function rowCode(
  reader: Reader,
  { k, stride, dilation }: Geometry,
  shape: BlockShape,
  { counts }: TapCounts,
): string {
  const { pixels } = shape;
  const x = (i: number): string => (i === 0 ? 'x' : `x + ${i * stride[1]}`);
  const load = loadCode(reader, {
    count: pixels,
    block: 'column',
    name: (i) => `in_${i}`,
    inside: (i) => `inside_${i}`,
  });
  return `${tileHead(shape, 1)}
  let y = first_row * ${stride[0]} - params.top;
${indent(
  upTo(pixels)
    .map((i) => `var sum_${i}: vec4f;`)
    .join('\n'),
)}
  for (var ky = 0; ky < ${counts[0]}; ky++) {
    let row = y + ky * ${dilation[0]};
    if (row < 0 || row >= params.height) {
      continue;
    }
    for (var kx = 0; kx < ${counts[1]}; kx++) {
      let x = first * ${stride[1]} - params.left + kx * ${dilation[1]};
${indent(addressCode(reader, { count: pixels, x, line: 'clamped' }), 3)}
${indent(insideCode(pixels, x), 3)}
${indent(load, 3)}
      let tap = kernel[(ky * ${k[1]} + kx) * params.out_blocks + column];
${indent(
  upTo(pixels)
    .map((i) => `sum_${i} += tap * in_${i};`)
    .join('\n'),
  3,
)}
    }
  }
  let pixel = (image_index * params.out_height + first_row) * params.out_width + first;
${indent(
  listCode(
    upTo(pixels).map((i) => `sum_${i}`),
    pixels,
  ),
)}
  for (var i = 0; i < ${pixels}; i++) {
    if (first + i < params.out_width) {
      store(sums[i], pixel + i, column);
    }
  }
}`;
}
