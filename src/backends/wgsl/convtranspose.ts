/**
 * Transposed convolutions, each output gathered from the inputs that reach it. Outputs `stride`
 * apart are of one phase: they share the taps, and their inputs are neighbours. A thread computes 8
 * pixels of a row and phase by up to 8 channels.
 */
import type { Node } from '../../compiler/ir.js';
import { transposedPadding } from '../../compiler/ops/window.js';
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
import { insideCode, nameOf, strideText, type Geometry } from './window.js';
import type { Emitter } from './emitter.js';
import { finishOf } from './finish.js';
import { inPrecisions } from './half.js';
import { addressCode, loadCode, readerFunctions, readerOf, type Reader } from './reader.js';
import { indent, lines, paragraphs, THREADS, upTo } from './shader.js';
import { ceilDiv, floorDiv, minus, plus, product, sizeOfDim, times } from './size.js';
import { operand, operatorsOf, type KernelView } from './view.js';

/** Pixels a thread. */
const PIXELS = 8;
const MAX_COLUMNS = 8;
/** Taps of a phase that are computed together. */
const MAX_UNROLLED_TAPS = 4;

export function lowerConvtranspose(e: Emitter, view: KernelView, anchor: Node): void {
  const pad = paddingAttribute(anchor, 'pad');
  const k = pairAttribute(anchor, 'k');
  const stride = pairAttribute(anchor, 'stride');
  const geometry: Geometry = { k, stride, dilation: [1, 1] };
  const [top] = transposedPadding({ k, stride, pad }, 0);
  const [left] = transposedPadding({ k, stride, pad }, 1);
  const reader = readerOf(e, view, anchor);
  const [sum] = anchor.results;
  if (sum === undefined) throw new Error('convtranspose: no result');
  const bias = anchor.operands[2];
  const finish = finishOf(e, view, sum, bias && e.place(view.outer(bias)));
  const [outHeight = 1, outWidth = 1] = sum.type.shape.map(sizeOfDim);
  // Of a phase: inputs from the first to the last that stand above an output.
  const phaseWidth = minus(
    floorDiv(plus(outWidth, left + stride[1] - 1), stride[1]),
    Math.floor(left / stride[1]),
  );
  const perPhase = ceilDiv(phaseWidth, PIXELS);
  const blocks = product([e.batch, outHeight, stride[1], perPhase]);
  const outBlocks = Math.ceil(finish.channels / 4);
  const wide = outBlocks > 1 ? 2 : 1;
  const columns = Math.ceil(outBlocks / wide);
  const threadsX = threadsAlong(columns, MAX_COLUMNS);
  const shape: BlockShape = { pixels: PIXELS, wide, threads: [threadsX, THREADS / threadsX] };
  const [inHeight, inWidth] = [reader.height, reader.width];
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
        nameOf('convtranspose', geometry),
        ...(reader.channels % 4 === 0 ? [] : [`in${reader.channels}`]),
        ...view.epilogue.map(({ op }) => op),
        ...(finish.channels % 4 === 0 ? [] : [`out${finish.channels}`]),
        ...(threadsX === MAX_COLUMNS ? [] : [`by${threadsX}`]),
      ].join('_'),
      about: [
        `Transposed convolution ${k.join('×')}${strideText(geometry)}: a thread computes ${PIXELS} pixels of a row, ${stride[1]} apart, by ${4 * wide} channels.`,
      ],
      params: {
        blocks,
        per_phase: perPhase,
        out_height: outHeight,
        out_width: outWidth,
        ...reader.params,
        top,
        left,
        ...finish.params,
        out_blocks: outBlocks,
      },
      code: paragraphs(
        readerFunctions(reader),
        finish.code,
        mainCode(reader, geometry, { ...shape, half }),
      ),
      workgroups: blockGroups(columns, blocks, shape),
    })),
    macs: times(
      product([e.batch, inHeight, inWidth]),
      k[0] * k[1] * reader.channels * finish.channels,
    ),
  });
}

function mainCode(reader: Reader, { k, stride }: Geometry, shape: BlockShape): string {
  return `${headCode(shape)}
  let phase_index = block / params.per_phase;
  let phase = phase_index % ${stride[1]};
  let out_row = phase_index / ${stride[1]};
  let image_index = out_row / params.out_height;
  // Output column x lies at ${stride[1]} * first + phase of the result before its borders are cut off.
  let first = (block % params.per_phase) * ${PIXELS} + params.left / ${stride[1]};
  let out_y = out_row % params.out_height + params.top;
${indent(sumsCode(shape))}
  for (var ky = out_y % ${stride[0]}; ky < ${k[0]}; ky += ${stride[0]}) {
    let row = (out_y - ky) / ${stride[0]};
    if (ky > out_y || row >= params.height) {
      continue;
    }
${indent(tapsCode(reader, { k, stride }, shape), 2)}
  }
  let x = first * ${stride[1]} + phase - params.left;
  let pixel = out_row * params.out_width + x;
${indent(
  storesCode(
    shape,
    (own) => `pixel + ${own} * ${stride[1]}`,
    (own) => placeIsThere(`x + ${own} * ${stride[1]}`),
  ),
)}
}`;
}

function placeIsThere(x: string): string {
  return `${x} >= 0 && ${x} < params.out_width`;
}

/** The taps of a phase along a row: tap t reads the input pixel t before the output's. */
function tapsCode(
  reader: Reader,
  { k, stride }: Pick<Geometry, 'k' | 'stride'>,
  shape: BlockShape,
): string {
  const taps = Math.ceil(k[1] / stride[1]);
  const isUnrolled = taps <= MAX_UNROLLED_TAPS;
  const count = isUnrolled ? PIXELS + taps - 1 : PIXELS;
  const before = isUnrolled ? `${taps - 1}` : 't';
  const x = (i: number): string => `first - ${before}${i === 0 ? '' : ` + ${i}`}`;
  const multiply = (tap: number): string => {
    const at = tap === 0 ? 'k' : `k + ${tap * stride[1]} * params.in_blocks * params.out_blocks`;
    const input = (i: number): string => `in_${isUnrolled ? i + taps - 1 - tap : i}`;
    const code = multiplyCode(shape, reader.channels, at, input);
    if (taps === 1 && k[1] >= stride[1]) return code;
    // Not every phase has as many taps.
    const isSure = (tap + 1) * stride[1] <= k[1];
    const condition = isSure ? '' : `if (phase + ${tap * stride[1]} < ${k[1]}) `;
    return `${condition}{\n${indent(code)}\n}`;
  };
  const body = lines(
    addressCode(reader, { count, x, line: 'clamped' }),
    insideCode(count, x),
    `var k = (ky * ${k[1]} + phase${isUnrolled ? '' : ` + t * ${stride[1]}`}) * params.in_blocks * params.out_blocks + column;`,
    'for (var c = 0; c < params.in_blocks; c++) {',
    indent(
      loadCode(reader, {
        count,
        block: 'c',
        name: (i) => `in_${i}`,
        inside: (i) => `inside_${i}`,
      }),
    ),
    indent(
      isUnrolled
        ? upTo(taps).map(multiply).join('\n')
        : multiplyCode(shape, reader.channels, 'k', (i) => `in_${i}`),
    ),
    '  k += params.out_blocks;',
    '}',
  );
  return isUnrolled
    ? body
    : `for (var t = 0; phase + t * ${stride[1]} < ${k[1]}; t++) {\n${indent(body)}\n}`;
}
