/** Convolutions of one group, and dense layers. */
import type { Node } from '../../compiler/ir.js';
import type { Padding } from '../../compiler/ops/kinds.js';
import type { Size } from '../../webgpu/plan.js';
import { paddingAttribute } from '../attributes.js';
import {
  blockGroups,
  headCode,
  multiplyCode,
  storesCode,
  sumsCode,
  threadsAlong,
  type BlockShape,
} from './block.js';
import type { Emitter, KernelVariant, ProfileName } from './emitter.js';
import { finishOf } from './finish.js';
import { lowerGrouped } from './grouped.js';
import { asHalf } from './half.js';
import {
  addressCode,
  loadCode,
  readerFunctions,
  readerOf,
  tapCode,
  type Reader,
} from './reader.js';
import { lowerSeparable } from './separable.js';
import { indent, paragraphs, THREADS } from './shader.js';
import { ceilDiv, sizeOfDim, times } from './size.js';
import { operand, operatorsOf, type KernelView } from './view.js';
import { aboutTiles, paysInTiles, tiledCode, tileShape, type TileShape } from './tiled.js';
import {
  geometryOf,
  nameOf,
  scaled,
  strideText,
  tapCounts,
  tapLoops,
  windowParams,
  windowStarts,
  type Geometry,
  type TapCounts,
} from './window.js';

/** Pixels and blocks of 4 output channels of a thread, and how many threads there are along those. */
interface Form {
  readonly pixels: number;
  readonly wide: number;
  readonly columns: number;
  readonly subgroup?: number;
}

/** What fits the registers of a GPU. */
const USUAL: Form = { pixels: 8, wide: 2, columns: 8 };
/** SwiftShader: checking the bounds of a load costs more than what a sum costs outside registers. */
const LARGE: Form = { pixels: 16, wide: 4, columns: 1, subgroup: 4 };
/** Mesa's llvmpipe: LLVM compiles a load as a loop of branches, and a large block takes it seconds. */
const SMALL: Form = { pixels: 1, wide: 4, columns: 1, subgroup: 8 };

export function lowerConv(e: Emitter, view: KernelView, anchor: Node): void {
  if (view.prologue !== undefined) lowerSeparable(e, view, anchor, view.prologue);
  else if (anchor.attributes['groups'] !== 1) lowerGrouped(e, view, anchor);
  else lowerWindow(e, view, anchor, geometryOf(anchor), paddingAttribute(anchor, 'pad'));
}

/** A dense layer is a 1×1 convolution of what has its features last. */
export function lowerDense(e: Emitter, view: KernelView, anchor: Node): void {
  lowerWindow(e, view, anchor, { k: [1, 1], stride: [1, 1], dilation: [1, 1] }, 'valid');
}

function lowerWindow(
  e: Emitter,
  view: KernelView,
  anchor: Node,
  geometry: Geometry,
  pad: Padding,
): void {
  const reader = readerOf(e, view, anchor);
  const kernel = e.place(view.outer(operand(anchor, 1)), 'blocks');
  const bias = anchor.operands[2];
  const [sum] = anchor.results;
  if (sum === undefined) throw new Error('conv: no result');
  const finish = finishOf(e, view, sum, bias && e.place(view.outer(bias)));

  const isPointwise = isPointwiseOf(reader, geometry, pad);
  const [outHeight = 1, outWidth = 1] = sum.type.shape.map(sizeOfDim);
  const outBlocks = Math.ceil(finish.channels / 4);
  const make = (shape: BlockShape | TileShape, profile?: ProfileName): KernelVariant => {
    const { pixels, wide, threads, subgroup } = shape;
    const tile = 'tilePixels' in shape ? shape : undefined;
    const names = [
      isPointwise ? 'conv_1x1' : nameOf('conv', geometry),
      reader.suffix.slice(1),
      reader.channels < 4 ? `in${reader.channels}` : reader.channels % 4 === 0 ? '' : 'in_odd',
      ...view.epilogue.map(({ op }) => op),
      finish.channels % 4 === 0 ? '' : `out${finish.channels}`,
      tile === undefined
        ? `${pixels}x${4 * wide}${subgroup === undefined ? '' : '_subgroups'}`
        : `tiled_${tile.tilePixels}x${4 * threads[0]}x${4 * tile.depth}`,
    ];
    const window: Readonly<Record<string, Size>> = {
      out_height: outHeight,
      out_width: outWidth,
      ...reader.params,
      ...windowParams(reader, geometry, pad),
    };
    const blocks = ceilDiv(finish.pixels, pixels);
    const taps = tapCounts(geometry.k, profile);
    const code =
      tile !== undefined
        ? tiledCode(reader, isPointwise ? undefined : geometry, tile)
        : isPointwise
          ? pointwiseCode(reader, shape)
          : windowCode(reader, geometry, shape, taps);
    return {
      ...(profile === undefined ? {} : { profile }),
      name: names.filter((part) => part !== '').join('_'),
      about: [
        `Convolution ${geometry.k.join('×')}${strideText(geometry)}: a thread computes ${pixels} pixels by ${4 * wide} channels.`,
        ...(tile === undefined ? [] : [aboutTiles(tile)]),
        ...(subgroup === undefined
          ? []
          : [`A subgroup of ${subgroup} threads brings the kernel together.`]),
      ],
      params: {
        blocks,
        pixels: finish.pixels,
        ...(isPointwise ? blocksOnly(reader.params) : { ...window, ...taps.params }),
        ...finish.params,
        out_blocks: outBlocks,
      },
      ...(tile === undefined && subgroup === undefined ? {} : { elements: { kernel: 'vec4f' } }),
      code: paragraphs(readerFunctions(reader), finish.code, code),
      workgroups: blockGroups(Math.ceil(outBlocks / wide), blocks, shape),
    };
  };
  // Where there is little to compute, a larger block would not pay for its compilation.
  const isLarge = outBlocks >= LARGE.wide && reader.channels >= 4;
  const isTiled = paysInTiles(reader.channels, finish.channels, finish.pixels);
  const isHalf = e.precision === 'f16';
  const [tile, usual] = [tileShape(outBlocks), blockShape(outBlocks, USUAL)];
  const { k } = geometry;
  e.kernel({
    node: view.node,
    op: operatorsOf(view),
    inputs: [
      ...reader.bounds,
      { name: 'kernel', element: 'mat4x4f', place: kernel },
      ...finish.bounds,
    ],
    outputs: [finish.output],
    variants: [
      ...(isTiled && isHalf ? [asHalf(make({ ...tile, half: true }), 'tiled-f16')] : []),
      ...(isTiled ? [make(tile, 'tiled')] : []),
      ...(isLarge ? [make(blockShape(outBlocks, LARGE), 'subgroups-4')] : []),
      make(blockShape(outBlocks, SMALL), 'subgroups-8'),
      // A CPU gains nothing from f16.
      ...(isHalf ? [asHalf(make({ ...usual, half: true }), 'f16')] : []),
      make(usual),
    ],
    macs: times(finish.pixels, k[0] * k[1] * reader.channels * finish.channels),
  });
}

function blockShape(outBlocks: number, { wide: most, columns, ...rest }: Form): BlockShape {
  const wide = Math.min(most, outBlocks);
  const threadsX = threadsAlong(Math.ceil(outBlocks / wide), columns);
  return { ...rest, wide, threads: [threadsX, THREADS / threadsX] };
}

function isPointwiseOf(reader: Reader, { k, stride }: Geometry, pad: Padding): boolean {
  const isOne = [...k, ...stride].every((n) => n === 1);
  const isUnpadded = typeof pad === 'string' || pad.every((n) => n === 0);
  return isOne && isUnpadded && reader.sources.every(({ factor: [y, x] }) => y * x === 1);
}

function blocksOnly(params: Readonly<Record<string, Size>>): Readonly<Record<string, Size>> {
  return Object.fromEntries(Object.entries(params).filter(([name]) => name.includes('blocks')));
}

/** A 1×1 convolution without padding: pixels are in one row, whatever image they are of. */
function pointwiseCode(reader: Reader, shape: BlockShape): string {
  const { pixels, subgroup } = shape;
  // A block that hangs over the end reads the last pixel again, and does not write. Only threads of
  // a subgroup have blocks that are beyond the end.
  const x = (i: number): string =>
    i === 0 && subgroup === undefined ? 'first' : `min(first + ${i}, params.pixels - 1)`;
  return `${headCode(shape)}
  let first = block * ${pixels};
${indent(addressCode(reader, { count: pixels, x, line: 'none' }))}
${indent(sumsCode(shape))}
  var k = column;
  for (var c = 0; c < params.in_blocks; c++) {
${indent(loadCode(reader, { count: pixels, block: 'c', name: inputName }), 2)}
${indent(multiplyCode(shape, reader.channels, 'k', inputName), 2)}
    k += params.out_blocks;
  }
${indent(storesCode(shape, pixelOf, isPixel))}
}`;
}

const inputName = (i: number): string => `in_${i}`;
const pixelOf = (own: string): string => `first + ${own}`;
const isPixel = (own: string): string => `first + ${own} < params.pixels`;

/** Any other window, a tap after the other. Pixels are counted over lines and images alike. */
function windowCode(
  reader: Reader,
  geometry: Geometry,
  shape: BlockShape,
  { counts }: TapCounts,
): string {
  const { k, dilation } = geometry;
  const { pixels } = shape;
  return `${headCode(shape)}
  let first = block * ${pixels};
${indent(windowStarts(geometry, pixels, 'min(first + i, params.pixels - 1)'))}
${indent(sumsCode(shape))}
${indent(
  tapLoops(
    counts,
    `${tapCode(reader, pixels, [scaled('ky', dilation[0]), scaled('kx', dilation[1])])}
var k = (ky * ${k[1]} + kx) * params.in_blocks * params.out_blocks + column;
for (var c = 0; c < params.in_blocks; c++) {
${indent(loadCode(reader, { count: pixels, block: 'c', name: inputName, inside: (i) => `inside[${i}]`, isListed: true }))}
${indent(multiplyCode(shape, reader.channels, 'k', inputName))}
  k += params.out_blocks;
}`,
  ),
)}
${indent(storesCode(shape, pixelOf, isPixel))}
}`;
}
