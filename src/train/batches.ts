/** Which samples a step takes, and their batch. */
import type { Outcome } from '../compiler/diagnostic.js';
import { uniformStream } from '../weights/random.js';
import type { Batch } from './net.js';
import { targetOf, type TrainedOutput } from './targets.js';

/** An image, normalised, and the class of each of its pixels. */
export interface Example {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** `[height, width, channels]` */
  readonly image: Float32Array;
  readonly labels: Uint8Array;
}

/** One place of a batch, from what a draw may depend on. */
export interface DrawKey {
  readonly seed: number;
  /** From 0. */
  readonly step: number;
  /** In the batch. */
  readonly sample: number;
}

/** The training sample with this index, changed at random as the recipe says. */
export type Draw = (index: number, key: DrawKey) => Promise<Outcome<Example>>;

/**
 * Samples of a step: each epoch is a permutation of all of them, out of seed and epoch, and batches
 * go on from one epoch to the next.
 */
export function samplesOfStep(
  seed: number,
  step: number,
  batch: number,
  count: number,
): readonly number[] {
  const orders = new Map<number, readonly number[]>();
  return Array.from({ length: batch }, (_, i) => {
    const place = step * batch + i;
    const epoch = Math.floor(place / count);
    const order = orders.get(epoch) ?? permutation(seed, epoch, count);
    orders.set(epoch, order);
    return order[place % count] ?? 0;
  });
}

/** Fisher and Yates' shuffle. */
function permutation(seed: number, epoch: number, count: number): readonly number[] {
  const uniform = uniformStream(seed, `epoch/${epoch}`);
  const order = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const other = Math.floor(uniform() * (i + 1));
    [order[i], order[other]] = [order[other] ?? 0, order[i] ?? 0];
  }
  return order;
}

/** One batch out of examples of one size; throws where they differ. */
export function batchOf(examples: readonly Example[], outputs: readonly TrainedOutput[]): Batch {
  const [first] = examples;
  if (first === undefined) throw new Error('an empty batch');
  const { height, width, channels } = first;
  const image = new Float32Array(examples.length * first.image.length);
  examples.forEach((example, i) => {
    if (example.image.length !== first.image.length) throw new Error('examples differ in size');
    image.set(example.image, i * first.image.length);
  });
  const targets = outputs.map((output) => {
    const size = height * width * output.channels;
    const data = new Float32Array(examples.length * size);
    examples.forEach(({ labels }, i) => data.set(targetOf(labels, output), i * size));
    return [
      output.name,
      { shape: [examples.length, height, width, output.channels], data },
    ] as const;
  });
  return {
    image: { shape: [examples.length, height, width, channels], data: image },
    targets: new Map(targets),
  };
}
