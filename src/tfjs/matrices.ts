/** Matrices `[to, from]` that take an axis to another. They are made once and kept. */
import * as tf from '@tensorflow/tfjs';

const known = new Map<string, tf.Tensor2D>();

function kept(key: string, to: number, from: number, fill: (data: Float32Array) => void) {
  // A backend's tensors are its own.
  const own = `${tf.getBackend()} ${key}`;
  const found = known.get(own);
  if (found !== undefined && !found.isDisposed) return found;
  const data = new Float32Array(to * from);
  fill(data);
  const made = tf.keep(tf.tensor2d(data, [to, from]));
  known.set(own, made);
  return made;
}

/** Each new element is the one at this index. */
export function pickMatrix(from: number, indices: readonly number[]): tf.Tensor2D {
  return kept(`${from} [${indices.join()}]`, indices.length, from, (data) =>
    indices.forEach((index, i) => (data[i * from + index] = 1)),
  );
}

/** Interpolation between two neighbours, with half-pixel centres. */
export function bilinearMatrix(from: number, to: number): tf.Tensor2D {
  return kept(`${from} to ${to}`, to, from, (data) => {
    for (let i = 0; i < to; i++) {
      const position = Math.min(Math.max(((i + 0.5) * from) / to - 0.5, 0), from - 1);
      const low = Math.floor(position);
      const high = Math.min(low + 1, from - 1);
      const fraction = position - low;
      data[i * from + low] = (data[i * from + low] ?? 0) + 1 - fraction;
      data[i * from + high] = (data[i * from + high] ?? 0) + fraction;
    }
  });
}
