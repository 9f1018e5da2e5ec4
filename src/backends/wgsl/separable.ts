/**
 * A depthwise convolution and the pointwise one after it as one kernel, where that has few filters:
 * a thread computes all of them for 4 pixels, so that nothing is computed twice and what is between
 * is never written.
 */
import type { Node } from '../../compiler/ir.js';
import { statementsOf } from './chain.js';
import { headCode, multiplyCode, storesCode, sumsCode } from './block.js';
import {
  geometryOf,
  insideCode,
  nameOf,
  strideText,
  windowParams,
  type Geometry,
} from './window.js';
import { paddingAttribute } from '../attributes.js';
import type { Bound, Emitter } from './emitter.js';
import { helperText } from './expressions.js';
import { finishOf } from './finish.js';
import { inPrecisions } from './half.js';
import { addressCode, loadCode, readerFunctions, readerOf, type Reader } from './reader.js';
import { indent, upTo } from './shader.js';
import { ceilDiv, min, product, sizeOfDim, times } from './size.js';
import { operand, operatorsOf, type KernelView } from './view.js';

const PIXELS = 4;
const THREADS = 64;

export function lowerSeparable(
  e: Emitter,
  view: KernelView,
  anchor: Node,
  { anchor: depthwise, epilogue }: NonNullable<KernelView['prologue']>,
): void {
  const geometry = geometryOf(depthwise);
  const reader = readerOf(e, view, depthwise);
  const placeOf = (node: Node, index: number, layout?: 'blocks' | 'taps'): Bound['place'] =>
    e.place(view.outer(operand(node, index)), layout);
  const hasBias = depthwise.operands.length > 2;
  const [sum] = anchor.results;
  const [between] = depthwise.results;
  if (sum === undefined || between === undefined) throw new Error('dwconv + conv: no result');
  const bias = anchor.operands[2] === undefined ? undefined : placeOf(anchor, 2);
  const finish = finishOf(e, view, sum, bias);
  const [outHeight = 1, outWidth = 1] = sum.type.shape.map(sizeOfDim);
  const perRow = ceilDiv(outWidth, PIXELS);
  const blocks = product([e.batch, outHeight, perRow]);
  const outBlocks = Math.ceil(finish.channels / 4);
  const groupsY = ceilDiv(blocks, THREADS);
  const depthwiseBias: readonly Bound[] = hasBias
    ? [{ name: 'depthwise_bias', element: 'vec4f', place: placeOf(depthwise, 2) }]
    : [];
  const activation = statementsOf(
    {
      steps: epilogue.map((node) => ({
        node,
        args: node.operands.map((value) => ({ kind: 'computed', value }) as const),
      })),
    },
    'vec4f',
    [[between, 'sum']],
    () => '',
  );
  const macs = reader.channels * (geometry.k[0] * geometry.k[1] + finish.channels);
  e.kernel({
    node: view.node,
    op: operatorsOf(view),
    inputs: [
      ...reader.bounds,
      { name: 'depthwise', element: 'vec4f', place: placeOf(depthwise, 1, 'taps') },
      ...depthwiseBias,
      { name: 'kernel', element: 'mat4x4f', place: placeOf(anchor, 1, 'blocks') },
      ...finish.bounds,
    ],
    outputs: [finish.output],
    variants: inPrecisions(e, (half) => ({
      name: [
        nameOf('separable', geometry),
        reader.suffix.slice(1),
        ...epilogue.map(({ op }) => op),
        `out${finish.channels}`,
        ...view.epilogue.map(({ op }) => op),
      ]
        .filter((part) => part !== '')
        .join('_'),
      about: [
        `Depthwise convolution ${geometry.k.join('×')}${strideText(geometry)}, then pointwise: a thread computes ${PIXELS} pixels of a row.`,
      ],
      params: {
        blocks,
        per_row: perRow,
        out_height: outHeight,
        out_width: outWidth,
        ...reader.params,
        ...windowParams(reader, geometry, paddingAttribute(depthwise, 'pad')),
        in_blocks: Math.ceil(reader.channels / 4),
        ...finish.params,
        out_blocks: outBlocks,
      },
      code: [
        readerFunctions(reader),
        helperText(activation.helpers, 'vec4f'),
        activationCode(activation.lines, activation.result),
        finish.code,
        separableCode(reader, geometry, {
          wide: outBlocks,
          half,
          hasBias,
          isActivated: epilogue.length > 0,
        }),
      ]
        .filter((text) => text !== '')
        .join('\n\n'),
      workgroups: [1, min(groupsY, 65_535), ceilDiv(groupsY, 65_535)],
    })),
    macs: times(finish.pixels, macs),
  });
}

interface Form {
  /** Blocks of output channels. */
  readonly wide: number;
  readonly half: boolean;
  /** Whether the depthwise convolution has a bias. */
  readonly hasBias: boolean;
  /** Whether there is something between the two. */
  readonly isActivated: boolean;
}

/** What is between the two. */
function activationCode(lines: readonly string[], result: string): string {
  if (lines.length === 0) return '';
  return `fn between(sum: vec4f) -> vec4f {
${indent(lines.join('\n'))}
  return ${result};
}`;
}

function separableCode(
  reader: Reader,
  { k, stride, dilation }: Geometry,
  { wide, half, hasBias, isActivated }: Form,
): string {
  // A loop over the taps: drivers compile what it holds once.
  const x = (i: number): string => (i === 0 ? 'x' : `x + ${i * stride[1]}`);
  const load = loadCode(reader, {
    count: PIXELS,
    block: 'c',
    name: (i) => `in_${i}`,
    inside: (i) => `inside_${i}`,
  });
  const taps = `for (var kx = 0; kx < ${k[1]}; kx++) {
  let x = first * ${stride[1]} - params.left + kx * ${dilation[1]};
${indent(addressCode(reader, { count: PIXELS, x, line: 'clamped' }))}
${indent(insideCode(PIXELS, x))}
${indent(load)}
  let tap = depthwise[(ky * ${k[1]} + kx) * params.in_blocks + c];
${indent(
  upTo(PIXELS)
    .map((i) => `between_${i} += tap * in_${i};`)
    .join('\n'),
)}
}`;
  const shape = { wide, half, pixels: PIXELS, threads: [1, THREADS] } as const;
  return `${headCode(shape)}
  let out_row = block / params.per_row;
  let first = (block % params.per_row) * ${PIXELS};
  let image_index = out_row / params.out_height;
  let y = (out_row % params.out_height) * ${stride[0]} - params.top;
${indent(sumsCode(shape))}
  for (var c = 0; c < params.in_blocks; c++) {
${indent(
  upTo(PIXELS)
    .map((i) => `var between_${i}${hasBias ? ' = depthwise_bias[c]' : ': vec4f'};`)
    .join('\n'),
  2,
)}
    for (var ky = 0; ky < ${k[0]}; ky++) {
      let row = y + ky * ${dilation[0]};
      if (row < 0 || row >= params.height) {
        continue;
      }
${indent(taps, 3)}
    }
${indent(
  multiplyCode(shape, reader.channels, 'c * params.out_blocks + column', (i) =>
    isActivated ? `between(between_${i})` : `between_${i}`,
  ),
  2,
)}
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
