/** upsample and resize: half-pixel centres, exactly those of the reference. */
import { isSymbolic, mul, type Dim } from '../../compiler/shape.js';
import { stringAttribute } from '../attributes.js';
import { isUnambiguous, nearestIndices, wholeFactor } from '../resampling.js';
import type { Emitter, Held } from './emitter.js';
import { image, resultNode, resultType, type Lowering } from './lowering.js';
import { bool, int, type, type TfValue } from './model.js';

const IMAGE_AXES = [1, 2] as const;

export const resize: Lowering = (e, node) => {
  const x = image(e, node);
  const [height = 1, width = 1] = resultType(node).shape;
  const to = [height, width];
  const isExact = IMAGE_AXES.every((axis, i) => {
    const [before, after] = [x.value.shape[axis] ?? 1, to[i] ?? 1];
    // Every output pixel of a whole factor lies well inside one input pixel.
    return wholeFactor(before, after) !== undefined || isUnambiguous(before, after);
  });
  const isLinear = stringAttribute(node, 'mode') === 'bilinear';
  if (!isLinear && !isExact) return gathered(e, x, to);
  const op = isLinear ? 'ResizeBilinear' : 'ResizeNearestNeighbor';
  return resultNode(e, node, x.batch, op, [x.value, e.sizes(to)], {
    align_corners: bool(false),
    half_pixel_centers: bool(true),
  });
};

/** Nearest pixels by their index, in whole numbers. */
function gathered(e: Emitter, x: Held, to: readonly Dim[]): Held {
  let { value } = x;
  for (const [i, axis] of IMAGE_AXES.entries()) {
    const size = to[i] ?? 1;
    const index = nearestPixels(e, value.shape[axis] ?? 1, size);
    const shape = value.shape.map((dim, at) => (at === axis ? size : dim));
    value = e.node('GatherV2', [value, index, e.intScalar(axis)], shape, { batch_dims: int(0) });
  }
  return { ...x, value };
}

/** ⌊(2i + 1) · from / (2 · to)⌋ for each output pixel i. */
function nearestPixels(e: Emitter, from: Dim, to: Dim): TfValue {
  if (!isSymbolic(from) && !isSymbolic(to)) return e.ints(nearestIndices(from, to));
  const vector = (op: string, a: TfValue, b: TfValue): TfValue => e.intNode(op, [a, b], [to]);
  const range = [e.intScalar(0), e.sizes([to]), e.intScalar(1)];
  const pixels = e.intNode('Range', range, [to], { Tidx: type('int32') });
  const odd = vector('AddV2', vector('Mul', pixels, e.ints([2])), e.ints([1]));
  return vector('FloorDiv', vector('Mul', odd, e.sizes([from])), e.sizes([mul(to, 2)]));
}
