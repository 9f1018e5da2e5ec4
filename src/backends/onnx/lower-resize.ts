/** upsample and resize: half-pixel centres, exactly those of the reference. */
import { isSymbolic, mul, type Dim } from '../../compiler/shape.js';
import { stringAttribute } from '../attributes.js';
import { isUnambiguous, nearestIndices, wholeFactor } from '../resampling.js';
import type { Emitter, Held } from './emitter.js';
import { image, resultNode, resultType, type Lowering } from './lowering.js';
import { int, text, type OnnxValue } from './model.js';

/** In ONNX's order `[N, C, H, W]`. */
const IMAGE_AXES = [2, 3] as const;

export const resize: Lowering = (e, node) => {
  const x = image(e, node);
  const to = e.shapeOf(resultType(node), x.order, x.batch);
  const from = x.value.shape;
  const factors = IMAGE_AXES.map((axis) => wholeFactor(from[axis] ?? 1, to[axis] ?? 1));
  const isLinear = stringAttribute(node, 'mode') === 'bilinear';
  const mode = isLinear
    ? { mode: text('linear'), coordinate_transformation_mode: text('half_pixel') }
    : NEAREST;
  if (factors.every((factor) => factor !== undefined)) {
    // Every output pixel lies well inside one input pixel, and ⌊i / factor⌋ is that pixel.
    const copies = { ...NEAREST, ...COPIES };
    const scales = e.floats([1, 1, ...factors]);
    const inputs = [x.value, undefined, scales];
    return resultNode(e, node, x, 'Resize', inputs, isLinear ? mode : copies);
  }
  if (isLinear || IMAGE_AXES.every((axis) => isUnambiguous(from[axis] ?? 1, to[axis] ?? 1))) {
    const inputs = [x.value, undefined, undefined, e.sizes(to)];
    return resultNode(e, node, x, 'Resize', inputs, mode);
  }
  return gathered(e, x, to);
};

const NEAREST = {
  mode: text('nearest'),
  coordinate_transformation_mode: text('half_pixel'),
  nearest_mode: text('round_prefer_ceil'),
} as const;
const COPIES = {
  coordinate_transformation_mode: text('asymmetric'),
  nearest_mode: text('floor'),
} as const;

/** Nearest pixels by their index, in whole numbers. */
function gathered(e: Emitter, x: Held, to: readonly Dim[]): Held {
  let value = x.value;
  for (const axis of IMAGE_AXES) {
    const from = value.shape[axis] ?? 1;
    const size = to[axis] ?? 1;
    const shape = value.shape.map((dim, i) => (i === axis ? size : dim));
    const index = nearestPixels(e, from, size);
    value = e.node('Gather', [value, index], shape, { axis: int(axis) });
  }
  return { ...x, value };
}

/** ⌊(2i + 1) · from / (2 · to)⌋ for each output pixel i. */
function nearestPixels(e: Emitter, from: Dim, to: Dim): OnnxValue {
  if (!isSymbolic(from) && !isSymbolic(to)) {
    return e.ints(nearestIndices(from, to));
  }
  const vector = (opType: string, inputs: readonly OnnxValue[]): OnnxValue =>
    e.intNode(opType, inputs, [to]);
  const end = e.intNode('Squeeze', [e.sizes([to])], []);
  const pixels = vector('Range', [e.intScalar(0), end, e.intScalar(1)]);
  const odd = vector('Add', [vector('Mul', [pixels, e.ints([2])]), e.ints([1])]);
  return vector('Div', [vector('Mul', [odd, e.sizes([from])]), e.sizes([mul(to, 2)])]);
}
