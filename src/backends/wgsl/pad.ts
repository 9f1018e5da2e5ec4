/** Padding of an image: a thread writes one element, or four channels of a pixel. */
import type { Node } from '../../compiler/ir.js';
import { exactDiv } from '../../compiler/shape.js';
import { amountsAttribute, stringAttribute } from '../attributes.js';
import { linearGroups, type Emitter } from './emitter.js';
import { linearMain, THREADS } from './shader.js';
import { floorDiv, product, sizeOfDim } from './size.js';
import { operand, resultOf, type KernelView } from './view.js';

const ABOUT = {
  zero: 'zeros around it',
  reflect: 'itself mirrored about its edge pixels around it',
  edge: 'its edge pixels repeated around it',
} as const;

export function lowerPad(e: Emitter, view: KernelView, anchor: Node): void {
  const mode = stringAttribute(anchor, 'mode');
  if (mode !== 'zero' && mode !== 'reflect' && mode !== 'edge') throw new Error(`pad: ${mode}`);
  const [top, , left] = amountsAttribute(anchor, 'amounts');
  const x = view.outer(operand(anchor, 0));
  const result = resultOf(view);
  const [height = 1, width = 1, channels = 1] = x.type.shape;
  const [outHeight = 1, outWidth = 1] = result.type.shape.map(sizeOfDim);
  const inFours = exactDiv(channels, 4) !== undefined;
  const columns = floorDiv(sizeOfDim(channels), inFours ? 4 : 1);
  const count = product([e.batch, outHeight, outWidth, columns]);
  const type = inFours ? 'vec4f' : 'f32';
  e.kernel({
    node: view.node,
    name: `pad_${mode}${inFours ? '' : '_scalar'}`,
    op: 'pad',
    about: [
      `An image with ${ABOUT[mode]}: ${inFours ? 'four channels of a pixel' : 'an element'} a thread.`,
    ],
    inputs: [{ name: 'image', element: type, place: e.place(x) }],
    outputs: [{ name: 'result', element: type, place: e.make(result, view.node) }],
    params: {
      count,
      columns,
      out_height: outHeight,
      out_width: outWidth,
      height: sizeOfDim(height),
      width: sizeOfDim(width),
      top,
      left,
    },
    code: linearMain(`let pixel = i / params.columns;
let out_row = pixel / params.out_width;
let image_index = out_row / params.out_height;
${sourceCode(mode)}
let at = ((image_index * params.height + row) * params.width + x) * params.columns + i % params.columns;
result[i] = ${mode === 'zero' ? `select(${type}(), image[at], inside)` : 'image[at]'};`),
    workgroups: linearGroups(count, THREADS),
  });
}

/** `row` and `x` in the image, for each mode. */
function sourceCode(mode: keyof typeof ABOUT): string {
  const y = 'out_row % params.out_height - params.top';
  const x = 'pixel % params.out_width - params.left';
  switch (mode) {
    case 'zero':
      return `let y_there = ${y};
let x_there = ${x};
let row = clamp(y_there, 0, params.height - 1);
let x = clamp(x_there, 0, params.width - 1);
let inside = row == y_there && x == x_there;`;
    case 'edge':
      return `let row = clamp(${y}, 0, params.height - 1);
let x = clamp(${x}, 0, params.width - 1);`;
    case 'reflect':
      // |y| mirrors what is before the first pixel; the minimum what is after the last.
      return `let y_there = abs(${y});
let x_there = abs(${x});
let row = min(y_there, 2 * (params.height - 1) - y_there);
let x = min(x_there, 2 * (params.width - 1) - x_there);`;
  }
}
