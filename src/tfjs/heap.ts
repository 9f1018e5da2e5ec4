/**
 * Loops over the memory of TensorFlow.js's WebAssembly backend, for what it has no fast operator of:
 * sums over pixels, gradients of depthwise kernels and of max pooling. Sums over many pixels are added
 * up in double precision.
 */
import type * as tf from '@tensorflow/tfjs';
import { elementCount } from '../compiler/ops/tensor.js';
import { addChunks, within, type WasmBackend } from './workspace.js';

/** Σ over the first `axes` axes. */
export function sumOverRows(
  backend: WasmBackend,
  x: tf.TensorInfo,
  axes: number,
  keepDims: boolean,
): tf.TensorInfo {
  return within(backend, (space) => {
    const own = x.shape.slice(axes);
    const lead = x.shape.slice(0, axes);
    const columns = elementCount(own);
    const out = space.output(keepDims ? [...lead.map(() => 1), ...own] : own);
    const sums = new Float64Array(columns);
    const scratch = space.temporary([columns]);
    const from = space.address(x);
    addChunks(space, scratch, sums, elementCount(lead), (to, first, count) =>
      space.loops.sum(to, from + 4 * first * columns, count, columns),
    );
    space.view(out).set(sums);
    return out;
  });
}

/** The gradient of a depthwise convolution to its kernel, `[height, width, channels, multiplier]`. */
export function depthwiseFilterSums(
  backend: WasmBackend,
  x: tf.TensorInfo,
  dy: tf.TensorInfo,
  info: tf.backend_util.Conv2DInfo,
): tf.TensorInfo {
  return within(backend, (space) => {
    const { batchSize, inHeight, inWidth, inChannels, outHeight, outWidth, outChannels } = info;
    const { filterHeight, filterWidth, strideHeight, strideWidth, padInfo } = info;
    if (inChannels !== outChannels || strideWidth !== 1) {
      throw new Error('archc: a depthwise gradient with strides or a multiplier');
    }
    const out = space.output([filterHeight, filterWidth, inChannels, 1]);
    const scratch = space.temporary([inChannels]);
    const [image, gradient] = [space.address(x), space.address(dy)];
    const [from, to] = [space.address(scratch), space.view(scratch)];
    const sums = new Float64Array(filterHeight * filterWidth * inChannels);
    const pixel = 4 * inChannels;
    for (let ky = 0; ky < filterHeight; ky++) {
      for (let kx = 0; kx < filterWidth; kx++) {
        const tap = (ky * filterWidth + kx) * inChannels;
        const shift = kx * info.dilationWidth - padInfo.left;
        const [start, end] = [Math.max(0, -shift), Math.min(outWidth, inWidth - shift)];
        if (start >= end) continue;
        for (let n = 0; n < batchSize; n++) {
          to.fill(0);
          for (let row = 0; row < outHeight; row++) {
            const y = row * strideHeight - padInfo.top + ky * info.dilationHeight;
            if (y < 0 || y >= inHeight) continue;
            space.loops.dot(
              from,
              image + ((n * inHeight + y) * inWidth + start + shift) * pixel,
              gradient + ((n * outHeight + row) * outWidth + start) * pixel,
              end - start,
              inChannels,
            );
          }
          for (let i = 0; i < inChannels; i++) sums[tap + i] = (sums[tap + i] ?? 0) + (to[i] ?? 0);
        }
      }
    }
    space.view(out).set(sums);
    return out;
  });
}

/** The gradient of max pooling, to the first of equals, as on the other backends. */
export function maxPoolGradient(
  backend: WasmBackend,
  dy: tf.TensorInfo,
  input: tf.TensorInfo,
  output: tf.TensorInfo,
  info: tf.backend_util.Conv2DInfo,
): tf.TensorInfo {
  const made = backend.makeOutput(input.shape, 'float32');
  const [gradient, image, largest] = [dy, input, output].map((each) =>
    backend.typedArrayFromHeap(each),
  ) as [Float32Array, Float32Array, Float32Array];
  const out = backend.typedArrayFromHeap(made);
  out.fill(0);
  forEachWindow(info, (at, places) => {
    const chosen = places.find((place) => image[place] === largest[at]);
    if (chosen !== undefined) out[chosen] = (out[chosen] ?? 0) + (gradient[at] ?? 0);
  });
  return made;
}

/** The gradient of average pooling: means are over what is in the image. */
export function averagePoolGradient(
  backend: WasmBackend,
  dy: tf.TensorInfo,
  input: tf.TensorInfo,
  info: tf.backend_util.Conv2DInfo,
): tf.TensorInfo {
  const made = backend.makeOutput(input.shape, 'float32');
  const [gradient, out] = [backend.typedArrayFromHeap(dy), backend.typedArrayFromHeap(made)];
  out.fill(0);
  forEachWindow(info, (at, places) => {
    const share = (gradient[at] ?? 0) / places.length;
    for (const place of places) out[place] = (out[place] ?? 0) + share;
  });
  return made;
}

/** Each result of a pool, with the places in the image that it is of. */
function forEachWindow(
  info: tf.backend_util.Conv2DInfo,
  use: (at: number, places: readonly number[]) => void,
): void {
  const { batchSize, inHeight, inWidth, outHeight, outWidth, inChannels: channels } = info;
  const { filterHeight, filterWidth, strideHeight, strideWidth, padInfo } = info;
  let at = 0;
  for (let n = 0; n < batchSize; n++) {
    for (let row = 0; row < outHeight; row++) {
      const top = row * strideHeight - padInfo.top;
      const [firstY, endY] = [Math.max(0, top), Math.min(inHeight, top + filterHeight)];
      for (let column = 0; column < outWidth; column++) {
        const left = column * strideWidth - padInfo.left;
        const [firstX, endX] = [Math.max(0, left), Math.min(inWidth, left + filterWidth)];
        const places: number[] = [];
        for (let y = firstY; y < endY; y++) {
          for (let x = firstX; x < endX; x++) {
            places.push(((n * inHeight + y) * inWidth + x) * channels);
          }
        }
        for (let c = 0; c < channels; c++, at++) {
          use(at, places);
          for (let i = 0; i < places.length; i++) places[i] = (places[i] ?? 0) + 1;
        }
      }
    }
  }
}
