/**
 * A depthwise convolution and the pointwise one after it as one kernel, where that has few filters:
 * a thread computes all of them for some pixels, so that nothing is computed twice and what is between
 * is never written.
 */
import type { Node } from '../../compiler/ir.js';
import { statementsOf } from './chain.js';
import {
  blockGroups,
  headCode,
  multiplyCode,
  storesCode,
  sumsCode,
  type BlockShape,
} from './block.js';
import {
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
import type { Bound, Emitter, KernelVariant, ProfileName } from './emitter.js';
import { helperText } from './expressions.js';
import { finishOf } from './finish.js';
import { asHalf } from './half.js';
import { addressCode, loadCode, readerFunctions, readerOf, type Reader } from './reader.js';
import { indent, paragraphs, upTo } from './shader.js';
import { ceilDiv, product, sizeOfDim, times } from './size.js';
import { operand, operatorsOf, type KernelView } from './view.js';

const PIXELS = 4;
/** For Mesa's llvmpipe, as in depthwise.ts. */
const SMALL_PIXELS = 1;
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
  const outBlocks = Math.ceil(finish.channels / 4);
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
  const make = (pixels: number, half: boolean, profile?: ProfileName): KernelVariant => {
    const taps = tapCounts(geometry.k, profile);
    const perRow = ceilDiv(outWidth, pixels);
    const blocks = product([e.batch, outHeight, perRow]);
    const shape = { wide: outBlocks, half, pixels, threads: [1, THREADS] } as const;
    return {
      ...(profile === undefined ? {} : { profile }),
      name: [
        nameOf('separable', geometry),
        reader.suffix.slice(1),
        ...epilogue.map(({ op }) => op),
        `out${finish.channels}`,
        ...view.epilogue.map(({ op }) => op),
        pixels === PIXELS ? '' : `1x${pixels}`,
      ]
        .filter((part) => part !== '')
        .join('_'),
      about: [
        `Depthwise convolution ${geometry.k.join('×')}${strideText(geometry)}, then pointwise: a thread computes ${pixels} pixels of a row.`,
      ],
      params: {
        blocks,
        per_row: perRow,
        out_height: outHeight,
        out_width: outWidth,
        ...reader.params,
        ...taps.params,
        ...windowParams(reader, geometry, paddingAttribute(depthwise, 'pad')),
        in_blocks: Math.ceil(reader.channels / 4),
        ...finish.params,
        out_blocks: outBlocks,
      },
      code: paragraphs(
        readerFunctions(reader),
        helperText(activation.helpers, 'vec4f'),
        activationCode(activation.lines, activation.result),
        finish.code,
        separableCode(reader, geometry, shape, {
          counts: taps.counts,
          hasBias,
          isActivated: epilogue.length > 0,
        }),
      ),
      workgroups: blockGroups(1, blocks, shape),
    };
  };
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
    variants: [
      make(SMALL_PIXELS, false, 'llvmpipe'),
      ...(e.precision === 'f16' ? [asHalf(make(PIXELS, true), 'f16')] : []),
      make(PIXELS, false),
    ],
    macs: times(finish.pixels, macs),
  });
}

interface Form {
  readonly counts: TapCounts['counts'];
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
  shape: BlockShape,
  { counts, hasBias, isActivated }: Form,
): string {
  const { pixels } = shape;
  // A loop over the taps: drivers compile what it holds once.
  const x = (i: number): string => (i === 0 ? 'x' : `x + ${i * stride[1]}`);
  const load = loadCode(reader, {
    count: pixels,
    block: 'c',
    name: (i) => `in_${i}`,
    inside: (i) => `inside_${i}`,
  });
  const taps = `for (var kx = 0; kx < ${counts[1]}; kx++) {
  let x = first * ${stride[1]} - params.left + kx * ${dilation[1]};
${indent(addressCode(reader, { count: pixels, x, line: 'clamped' }))}
${indent(insideCode(pixels, x))}
${indent(load)}
  let tap = depthwise[(ky * ${k[1]} + kx) * params.in_blocks + c];
${indent(
  upTo(pixels)
    .map((i) => `between_${i} += tap * in_${i};`)
    .join('\n'),
)}
}`;
  return `${headCode(shape)}
  let out_row = block / params.per_row;
  let first = (block % params.per_row) * ${pixels};
  let image_index = out_row / params.out_height;
  let y = (out_row % params.out_height) * ${stride[0]} - params.top;
${indent(sumsCode(shape))}
  for (var c = 0; c < params.in_blocks; c++) {
${indent(
  upTo(pixels)
    .map((i) => `var between_${i}${hasBias ? ' = depthwise_bias[c]' : ': vec4f'};`)
    .join('\n'),
  2,
)}
    for (var ky = 0; ky < ${counts[0]}; ky++) {
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
