/**
 * Images at another size, with half-pixel centres: `upsample` and `resize`. A thread computes one
 * element, or four channels of a pixel. Whole numbers say where a pixel comes from, so that no
 * rounding decides a tie.
 */
import type { Node } from '../../compiler/ir.js';
import { pairAttribute, stringAttribute } from '../attributes.js';
import { linearGroups, type Emitter } from './emitter.js';
import { linearFinish } from './finish-linear.js';
import { linearMain, paragraphs, THREADS } from './shader.js';
import { sizeOfDim } from './size.js';
import { operand, operatorsOf, type KernelView } from './view.js';

/** Where output position `i` of an axis lies between two pixels of the input, and how far along. */
const SAMPLE = `struct Sample {
  low: i32,
  high: i32,
  fraction: f32,
}

fn sample_at(i: i32, size: i32, out_size: i32) -> Sample {
  let place = clamp((2 * i + 1) * size - out_size, 0, 2 * out_size * (size - 1));
  let low = place / (2 * out_size);
  return Sample(low, min(low + 1, size - 1), f32(place % (2 * out_size)) / f32(2 * out_size));
}`;

export function lowerResize(e: Emitter, view: KernelView, anchor: Node): void {
  const x = view.outer(operand(anchor, 0));
  const [result] = anchor.results;
  if (result === undefined) throw new Error(`${anchor.op}: no result`);
  const isNearest = stringAttribute(anchor, 'mode') === 'nearest';
  const isRepeated = isNearest && anchor.op === 'upsample';
  const finish = linearFinish(e, view, result);
  const { type } = finish;
  const [height = 1, width = 1] = x.type.shape.map(sizeOfDim);
  const [outHeight = 1, outWidth = 1] = result.type.shape.map(sizeOfDim);
  e.kernel({
    node: view.node,
    name: [
      isRepeated ? 'upsample_nearest' : isNearest ? 'resize_nearest' : 'resize_bilinear',
      ...view.epilogue.map(({ op }) => op),
      ...(type === 'f32' ? ['scalar'] : []),
    ].join('_'),
    op: operatorsOf(view),
    about: [
      isNearest
        ? 'Copies the nearest pixel of the image.'
        : 'Interpolates between the four pixels around each place of the image.',
      `${type === 'f32' ? 'An element' : 'Four channels of a pixel'} a thread.`,
    ],
    inputs: [{ name: 'image', element: type, place: e.place(x) }, ...finish.bounds],
    outputs: [finish.output],
    params: {
      count: finish.count,
      columns: finish.columns,
      out_height: outHeight,
      out_width: outWidth,
      height,
      width,
      ...(isRepeated ? factors(anchor) : {}),
      ...finish.params,
    },
    code: paragraphs(
      finish.code,
      isNearest ? '' : SAMPLE,
      isNearest ? '' : interpolateFunction(type),
      linearMain(`let column = i % params.columns;
let pixel = i / params.columns;
let out_x = pixel % params.out_width;
let out_row = pixel / params.out_width;
let out_y = out_row % params.out_height;
let image_row = out_row / params.out_height * params.height;
${isNearest ? nearestCode(isRepeated) : BILINEAR}`),
    ),
    workgroups: linearGroups(finish.count, THREADS),
  });
}

function factors(anchor: Node): Readonly<Record<string, number>> {
  const [factorY, factorX] = pairAttribute(anchor, 'factor');
  return { factor_y: factorY, factor_x: factorX };
}

function nearestCode(isRepeated: boolean): string {
  const [y, x] = isRepeated
    ? ['out_y / params.factor_y', 'out_x / params.factor_x']
    : [
        '(2 * out_y + 1) * params.height / (2 * params.out_height)',
        '(2 * out_x + 1) * params.width / (2 * params.out_width)',
      ];
  return `let row = image_row + ${y};
let x = ${x};
store(image[(row * params.width + x) * params.columns + column], i);`;
}

const BILINEAR = `let y = sample_at(out_y, params.height, params.out_height);
let x = sample_at(out_x, params.width, params.out_width);
let low = (image_row + y.low) * params.width;
let high = (image_row + y.high) * params.width;
let above = interpolate(
  image[(low + x.low) * params.columns + column],
  image[(low + x.high) * params.columns + column],
  x.fraction,
);
let below = interpolate(
  image[(high + x.low) * params.columns + column],
  image[(high + x.high) * params.columns + column],
  x.fraction,
);
store(interpolate(above, below, y.fraction), i);`;

function interpolateFunction(type: string): string {
  return `// At a pixel's centre its neighbour has no say: an infinity there would make NaN.
fn interpolate(a: ${type}, b: ${type}, t: f32) -> ${type} {
  return select(a + t * (b - a), a, t == 0.0);
}`;
}
