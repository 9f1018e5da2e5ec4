/** How the elements of weights lie in the file: see `WeightLayout`. */
import type { Tensor } from '../../compiler/ir.js';
import { at, elementCount } from '../../compiler/ops/tensor.js';
import type { WeightLayout } from '../../webgpu/plan.js';

/** Elements of a tensor in the order of a layout, a multiple of 4 of them. */
export function pack(tensor: Tensor, layout: WeightLayout): Float32Array {
  switch (layout) {
    case 'rows':
      return padded(tensor.data);
    case 'blocks':
      return packBlocks(tensor);
    case 'taps':
      return packTaps(tensor);
  }
}

function padded(data: Float32Array): Float32Array {
  const result = new Float32Array(Math.ceil(data.length / 4) * 4);
  result.set(data);
  return result;
}

/** `[…, in, out]` in blocks of 4 × 4, each four rows of four outputs. */
function packBlocks({ shape, data }: Tensor): Float32Array {
  const [inputs = 1, outputs = 1] = shape.slice(-2);
  const taps = elementCount(shape.slice(0, -2));
  const [rows, columns] = [Math.ceil(inputs / 4), Math.ceil(outputs / 4)];
  const result = new Float32Array(taps * rows * columns * 16);
  for (let tap = 0; tap < taps; tap++) {
    for (let i = 0; i < inputs; i++) {
      const from = (tap * inputs + i) * outputs;
      const to = (tap * rows + (i >> 2)) * columns * 16 + (i & 3) * 4;
      for (let o = 0; o < outputs; o++) result[to + (o >> 2) * 16 + (o & 3)] = at(data, from + o);
    }
  }
  return result;
}

/** The last axis padded to a multiple of 4. */
function packTaps({ shape, data }: Tensor): Float32Array {
  const channels = shape.at(-1) ?? 1;
  const width = Math.ceil(channels / 4) * 4;
  const taps = elementCount(shape.slice(0, -1));
  const result = new Float32Array(taps * width);
  for (let tap = 0; tap < taps; tap++) {
    result.set(data.subarray(tap * channels, (tap + 1) * channels), tap * width);
  }
  return result;
}
