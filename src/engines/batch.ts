/** Images in batches of the size that a model has fixed. */
import type { Tensor } from '../compiler/ir.js';
import { elementCount } from '../compiler/ops/tensor.js';

/**
 * Runs as many times as the fixed `batch` asks (all at once where there is none) and joins the
 * outputs. Throws where the inputs have not as many images as fill the batches.
 */
export async function inBatches(
  inputs: ReadonlyMap<string, Tensor>,
  batch: number | undefined,
  run: (
    inputs: ReadonlyMap<string, Tensor>,
    images: number,
  ) => Promise<ReadonlyMap<string, Tensor>>,
): Promise<ReadonlyMap<string, Tensor>> {
  const tensors = [...inputs.values()];
  const images = tensors[0]?.shape[0] ?? 0;
  if (images === 0 || tensors.some(({ shape }) => shape[0] !== images)) {
    throw new Error('the inputs need the same number of images, at least one');
  }
  const step = batch ?? images;
  if (images % step !== 0) {
    throw new Error(`${images} images do not part into the model's batches of ${step}`);
  }
  const runs: ReadonlyMap<string, Tensor>[] = [];
  for (let first = 0; first < images; first += step) {
    const part = new Map(
      [...inputs].map(([name, tensor]) => [name, someImages(tensor, first, step)]),
    );
    runs.push(await run(part, step));
  }
  const names = [...(runs[0]?.keys() ?? [])];
  return new Map(names.map((name) => [name, joined(runs.map((each) => each.get(name)))]));
}

function someImages({ shape, data }: Tensor, first: number, count: number): Tensor {
  const rest = shape.slice(1);
  const size = elementCount(rest);
  return { shape: [count, ...rest], data: data.subarray(first * size, (first + count) * size) };
}

function joined(parts: readonly (Tensor | undefined)[]): Tensor {
  const known = parts.filter((part) => part !== undefined);
  const [first] = known;
  if (first === undefined) throw new Error('an output is missing');
  if (known.length === 1) return first;
  const images = known.reduce((n, part) => n + (part.shape[0] ?? 0), 0);
  const data = new Float32Array(known.reduce((n, part) => n + part.data.length, 0));
  let at = 0;
  for (const part of known) {
    data.set(part.data, at);
    at += part.data.length;
  }
  return { shape: [images, ...first.shape.slice(1)], data };
}
