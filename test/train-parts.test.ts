/** What training is made of, by hand: schedules, optimisers, metrics, order, targets, losses. */
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { samplesOfStep } from '../src/train/batches.js';
import { trainingGraph } from '../src/train/graph.js';
import { borderWeights } from '../src/train/border.js';
import { lossOf } from '../src/train/losses.js';
import { countPixels, emptyConfusion, scoresOf, sizeOf } from '../src/train/metrics.js';
import { clipFactor, globalNorm, slotNames, updateWeight } from '../src/train/optimisers.js';
import type { Activation, Loss, Optimiser, Schedule } from '../src/train/recipe.js';
import { afterValidation, PLATEAU_START, rateFactor } from '../src/train/schedules.js';
import {
  classProblem,
  predictedLabels,
  targetOf,
  truthLabels,
  type TrainedOutput,
} from '../src/train/targets.js';
import { uniformStream } from '../src/weights/random.js';
import { modelOf } from './helpers/onnx-programs.js';
import { useBackend } from './helpers/tfjs-run.js';

describe('schedules', () => {
  const factors = (schedule: Schedule, steps: number): number[] =>
    Array.from({ length: steps }, (_, step) => rateFactor(schedule, step, steps));

  it('rise linearly, then hold, fall by steps, or along a cosine to the floor', () => {
    expect(factors({ kind: 'constant', warmup: 4 }, 6)).toEqual([0.25, 0.5, 0.75, 1, 1, 1]);
    expect(factors({ kind: 'step', every: 2, factor: 0.5, warmup: 0 }, 5)).toEqual([
      1, 1, 0.5, 0.5, 0.25,
    ]);
    const cosine = factors({ kind: 'cosine', floor: 0.1, warmup: 1 }, 6);
    expect(cosine[0]).toBe(1);
    expect(cosine[1]).toBe(1);
    // Halfway between the first after the warm-up and the last: the mean of 1 and the floor.
    expect(cosine[3]).toBeCloseTo(0.55, 12);
    expect(cosine[5]).toBeCloseTo(0.1, 12);
  });

  it('wait for the validation loss to fall', () => {
    const losses = [3, 2, 2.5, 2.1, 1.9, 2, 2];
    let state = PLATEAU_START;
    const reductions = losses.map((loss) => {
      state = afterValidation(state, loss, 2);
      return state.reductions;
    });
    expect(reductions).toEqual([0, 0, 0, 1, 1, 1, 2]);
    expect(rateFactor({ kind: 'plateau', patience: 2, factor: 0.1, warmup: 0 }, 9, 10, state)).toBe(
      0.1 ** 2,
    );
  });
});

describe('optimisers', () => {
  const update = { lr: 0.1, count: 1, scale: 1 };

  function steps(optimiser: Optimiser, gradients: readonly number[]): number[] {
    const weight = Float32Array.of(1);
    const slots = Object.fromEntries(slotNames(optimiser).map((s) => [s, new Float32Array(1)]));
    return gradients.map((g, i) => {
      updateWeight(optimiser, weight, Float32Array.of(g), slots, { ...update, count: i + 1 });
      return weight[0] ?? Number.NaN;
    });
  }

  it('are what their papers say, computed by hand', () => {
    const plain = { kind: 'sgd', lr: 0.1, nesterov: false, decay: 0 } as const;
    const [a, b] = steps({ ...plain, momentum: 0.9 }, [1, 1]);
    expect(a).toBeCloseTo(0.9, 6);
    // The velocity is 0.9 · 1 + 1.
    expect(b).toBeCloseTo(0.9 - 0.19, 6);
    const [n] = steps({ ...plain, momentum: 0.9, nesterov: true }, [1]);
    expect(n).toBeCloseTo(1 - 0.1 * 1.9, 6);
    const [d] = steps({ ...plain, momentum: 0, decay: 0.5 }, [1]);
    expect(d).toBeCloseTo(1 - 0.1 * 1.5, 6);

    const adam = { kind: 'adam', lr: 0.1, beta1: 0.9, beta2: 0.999, eps: 1e-8, decay: 0 } as const;
    const [first, second] = steps(adam, [2, -1]);
    // Unbiased, the first step is the rate whatever the gradient.
    expect(first).toBeCloseTo(0.9, 5);
    const m = (0.9 * 0.2 - 0.1) / (1 - 0.81);
    const v = (0.999 * 0.004 + 0.001) / (1 - 0.999 ** 2);
    expect(second).toBeCloseTo(0.9 - (0.1 * m) / Math.sqrt(v), 5);
    // Decay off the gradient: 0.1 · 0.5 · 1 is taken off the weight as well.
    const [w] = steps({ ...adam, kind: 'adamw', decay: 0.5 }, [2]);
    expect(w).toBeCloseTo(0.85, 5);
  });

  it('clip by the norm of all gradients', () => {
    const norm = globalNorm([Float32Array.of(3), Float32Array.of(0, 4)]);
    expect(norm).toBe(5);
    expect([clipFactor(norm, 1), clipFactor(norm, 6), clipFactor(norm, undefined)]).toEqual([
      0.2, 1, 1,
    ]);
  });
});

describe('metrics', () => {
  it('are counted over pixels, and undefined for a class that is nowhere', () => {
    const counts = emptyConfusion(3);
    countPixels(counts, Uint8Array.of(0, 0, 0, 1, 1), Uint8Array.of(0, 0, 1, 1, 0));
    countPixels(counts, Uint8Array.of(1, 0), Uint8Array.of(1, 0));
    const { accuracy, meanIou, iou, dice, pixels } = scoresOf(counts);
    expect(pixels).toBe(7);
    expect(accuracy).toBeCloseTo(5 / 7, 12);
    // Background: 3 found, 1 too many, 1 missed. Class 1: 2 found, 1 too many, 1 missed.
    expect(iou[0]).toBeCloseTo(3 / 5, 12);
    expect(iou[1]).toBeCloseTo(2 / 4, 12);
    expect(dice[1]).toBeCloseTo(4 / 6, 12);
    expect([iou[2], dice[2]]).toEqual([undefined, undefined]);
    expect(meanIou).toBeCloseTo((3 / 5 + 2 / 4) / 2, 12);
    const none = scoresOf(emptyConfusion(2));
    expect([none.accuracy, none.meanIou]).toEqual([undefined, undefined]);
  });

  it('part images by the size of what is in them', () => {
    const labels = Uint8Array.of(0, 1, 2, 1);
    expect(sizeOf(labels, 3)).toBe('large');
    expect(sizeOf(labels, 4)).toBe('small');
    expect(sizeOf(Uint8Array.of(0, 0), 1)).toBeUndefined();
  });
});

describe('order', () => {
  it('is a permutation an epoch, and a function of seed and step', () => {
    const steps = Array.from({ length: 14 }, (_, step) => samplesOfStep(3, step, 3, 7)).flat();
    for (let epoch = 0; epoch < 6; epoch++) {
      const own = steps.slice(7 * epoch, 7 * epoch + 7);
      expect([...own].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    }
    expect(steps.slice(0, 7)).not.toEqual(steps.slice(7, 14));
    expect(samplesOfStep(3, 5, 3, 7)).toEqual(steps.slice(15, 18));
    expect(samplesOfStep(4, 0, 7, 7)).not.toEqual(samplesOfStep(3, 0, 7, 7));
    // A batch may be larger than the set.
    expect(samplesOfStep(0, 0, 5, 2)).toHaveLength(5);
  });
});

describe('targets', () => {
  const output = (activation: Activation, channels: number): TrainedOutput => ({
    name: 'y',
    activation,
    channels,
  });

  it('are one channel for all foreground, a channel a class, or all classes', () => {
    const labels = Uint8Array.of(0, 2, 1);
    expect([...targetOf(labels, output('sigmoid', 1))]).toEqual([0, 1, 1]);
    expect([...targetOf(labels, output('sigmoid', 2))]).toEqual([0, 0, 0, 1, 1, 0]);
    expect([...targetOf(labels, output('softmax', 3))]).toEqual([1, 0, 0, 0, 0, 1, 0, 1, 0]);
    expect([...truthLabels(labels, output('sigmoid', 1))]).toEqual([0, 1, 1]);
    expect([...truthLabels(labels, output('softmax', 3))]).toEqual([0, 2, 1]);
  });

  it('come back out of what precedes the activation', () => {
    const logits = Float32Array.of(-1, -2, 3, 1, 0.5, 2);
    expect([...predictedLabels(logits, output('sigmoid', 1))]).toEqual([0, 0, 1, 1, 1, 1]);
    expect([...predictedLabels(logits, output('sigmoid', 2))]).toEqual([0, 1, 2]);
    expect([...predictedLabels(logits, output('softmax', 3))]).toEqual([2, 2]);
  });

  it('must have as many classes as the output', () => {
    const three = ['background', 'a', 'b'];
    expect(classProblem(output('sigmoid', 1), three)).toBeUndefined();
    expect(classProblem(output('sigmoid', 2), three)).toBeUndefined();
    expect(classProblem(output('softmax', 3), three)).toBeUndefined();
    expect(classProblem(output('softmax', 2), three)?.message).toMatch(
      /is 2 classes, and the data has 3/,
    );
  });
});

describe('trainingGraph', () => {
  it('finds the activation of an output that passes another on', () => {
    const text = `model M {
  input x: f32[8, 8, 1]
  output probability = x -> conv(1) -> sigmoid
  output mask = probability
}
`;
    const made = trainingGraph(modelOf(text).at(), ['mask']);
    expect(made.ok && made.value.outputs).toEqual([
      { name: 'mask', activation: 'sigmoid', channels: 1 },
    ]);
    expect(made.ok && made.value.graph.nodes.map(({ op }) => op)).toEqual(['conv']);
  });
});

describe('losses', () => {
  beforeAll(() => useBackend('wasm'));

  const SHAPE = [2, 3, 4, 3] as const;
  const size = 72;
  const uniform = uniformStream(1, 'losses');
  const logits = Float32Array.from({ length: size }, () => 6 * uniform() - 3);
  /** One class a pixel. */
  const target = new Float32Array(size);
  for (let i = 0; i < size; i += 3) target[i + Math.floor(3 * uniform())] = 1;

  const valueOf = (loss: Loss, activation: Activation, z: Float32Array = logits): number =>
    tf.tidy(() => {
      const [a, b] = [tf.tensor(z, [...SHAPE]), tf.tensor(target, [...SHAPE])];
      return lossOf(loss, activation, a, b).dataSync()[0] ?? Number.NaN;
    });
  const sigmoid = (z: number): number => 1 / (1 + Math.exp(-z));
  const softmax = (i: number): number => {
    const first = i - (i % 3);
    const own = [0, 1, 2].map((c) => Math.exp(logits[first + c] ?? 0));
    return (own[i % 3] ?? 0) / own.reduce((a, b) => a + b);
  };
  const mean = (values: readonly number[], count = values.length): number =>
    values.reduce((a, b) => a + b, 0) / count;
  const each = (of: (z: number, y: number, i: number) => number): number[] =>
    [...logits].map((z, i) => of(z, target[i] ?? 0, i));
  const smooth = 1;
  const index = (p: (i: number) => number, alpha: number, beta: number, s: number): number =>
    1 -
    mean(
      [0, 1, 2].map((channel) => {
        let [both, falsely, missed] = [0, 0, 0];
        for (let i = channel; i < size; i += 3) {
          const [q, y] = [p(i), target[i] ?? 0];
          both += q * y;
          falsely += q * (1 - y);
          missed += (1 - q) * y;
        }
        return (both + s) / (both + alpha * falsely + beta * missed + s);
      }),
    );

  it('are their definitions', () => {
    const bce = each((z, y) => (y === 1 ? -2 * Math.log(sigmoid(z)) : -Math.log(1 - sigmoid(z))));
    expect(valueOf({ kind: 'bce', positive: 2 }, 'sigmoid')).toBeCloseTo(mean(bce), 5);
    const weights = [1, 2, 5];
    const entropy = each((_, y, i) => -y * (weights[i % 3] ?? 0) * Math.log(softmax(i)));
    expect(valueOf({ kind: 'cross_entropy', classes: weights }, 'softmax')).toBeCloseTo(
      mean(entropy, size / 3),
      5,
    );
    const focal = each((z, y) => {
      const p = y === 1 ? sigmoid(z) : 1 - sigmoid(z);
      return -(y === 1 ? 0.25 : 0.75) * (1 - p) ** 2 * Math.log(p);
    });
    expect(valueOf({ kind: 'focal', gamma: 2, alpha: 0.25 }, 'sigmoid')).toBeCloseTo(
      mean(focal),
      5,
    );
    const ofSoftmax = each((_, y, i) => -y * 0.5 * (1 - softmax(i)) ** 2 * Math.log(softmax(i)));
    expect(valueOf({ kind: 'focal', gamma: 2, alpha: 0.5 }, 'softmax')).toBeCloseTo(
      mean(ofSoftmax, size / 3),
      5,
    );
    const p = (i: number): number => sigmoid(logits[i] ?? 0);
    // 2·TP + s over the sums of both + s is Tversky's with halves.
    expect(valueOf({ kind: 'dice', smooth }, 'sigmoid')).toBeCloseTo(
      index(p, 0.5, 0.5, smooth / 2),
      5,
    );
    expect(valueOf({ kind: 'tversky', alpha: 0.3, beta: 0.7, smooth }, 'softmax')).toBeCloseTo(
      index(softmax, 0.3, 0.7, smooth),
      5,
    );
  });

  it('count each pixel by its weight', () => {
    const border = { weight: 4, sigma: 1.5 };
    const weights = Float32Array.from({ length: 24 }, () => 1 + 3 * uniform());
    const weigh = (loss: Loss, activation: Activation): number =>
      tf.tidy(() => {
        const [z, y] = [tf.tensor(logits, [...SHAPE]), tf.tensor(target, [...SHAPE])];
        const w = tf.tensor(weights, [2, 3, 4, 1]);
        return lossOf(loss, activation, z, y, w).dataSync()[0] ?? Number.NaN;
      });
    const weightOf = (i: number): number => weights[Math.floor(i / 3)] ?? Number.NaN;
    const bce = each((z, y, i) => -weightOf(i) * Math.log(y === 1 ? sigmoid(z) : 1 - sigmoid(z)));
    expect(weigh({ kind: 'bce', positive: 1, border }, 'sigmoid')).toBeCloseTo(mean(bce), 5);
    const entropy = each((_, y, i) => -weightOf(i) * y * Math.log(softmax(i)));
    expect(weigh({ kind: 'cross_entropy', classes: undefined, border }, 'softmax')).toBeCloseTo(
      mean(entropy, size / 3),
      5,
    );
    const focal = each(
      (_, y, i) => -weightOf(i) * y * 0.5 * (1 - softmax(i)) ** 2 * Math.log(softmax(i)),
    );
    expect(weigh({ kind: 'focal', gamma: 2, alpha: 0.5, border }, 'softmax')).toBeCloseTo(
      mean(focal, size / 3),
      5,
    );
  });

  it('have weights that fall with the distance to another class', () => {
    const [height, width] = [17, 13];
    const border = { weight: 4, sigma: 2.5 };
    // Two images: blobs of three classes, and one pixel of its own in a plane.
    const classOf = (image: number, y: number, x: number): number =>
      image === 1 ? Number(y === 16 && x === 0) : x < 4 ? 0 : y + x < 18 ? 1 : 2;
    const places = [0, 1].flatMap((image) =>
      Array.from(
        { length: height * width },
        (_, i) => [image, Math.floor(i / width), i % width] as const,
      ),
    );
    const data = new Float32Array(places.length * 3);
    places.forEach((place, i) => (data[3 * i + classOf(...place)] = 1));
    const found = borderWeights({ shape: [2, height, width, 3], data }, border);
    expect(found.shape).toEqual([2, height, width, 1]);
    const expected = places.map(([image, y, x]) => {
      const squared = places.flatMap(([other, v, u]) =>
        other === image && classOf(other, v, u) !== classOf(image, y, x)
          ? [(v - y) ** 2 + (u - x) ** 2]
          : [],
      );
      return 1 + border.weight * Math.exp(-Math.min(...squared) / (2 * border.sigma ** 2));
    });
    expect(new Set(expected).size).toBeGreaterThan(20);
    const wrong = expected.filter((weight, i) => Math.abs(weight - (found.data[i] ?? 0)) > 0.002);
    expect(wrong).toEqual([]);
  });

  it('have weights of 1 in an image of one class, and far from every border', () => {
    const wide = new Float32Array(40);
    const border = { weight: 9, sigma: 2 };
    const weightsOf = (data: Float32Array): number[] => [
      ...borderWeights({ shape: [1, 40, 1], data }, border).data,
    ];
    expect(new Set(weightsOf(wide))).toEqual(new Set([1]));
    wide[0] = 1;
    const found = weightsOf(wide);
    expect(found[0]).toBeCloseTo(1 + 9 * Math.exp(-1 / 8), 5);
    expect(found[1]).toBeCloseTo(1 + 9 * Math.exp(-1 / 8), 5);
    expect(found[39]).toBe(1);
  });

  it('stay finite far out, with their gradients', () => {
    const losses: readonly (readonly [Loss, Activation])[] = [
      [{ kind: 'bce', positive: 3 }, 'sigmoid'],
      [{ kind: 'cross_entropy', classes: undefined }, 'softmax'],
      [{ kind: 'focal', gamma: 2, alpha: 0.25 }, 'sigmoid'],
      [{ kind: 'focal', gamma: 0.5, alpha: 0.25 }, 'softmax'],
      [{ kind: 'focal', gamma: 0, alpha: 0.25 }, 'sigmoid'],
      [{ kind: 'dice', smooth: 1 }, 'sigmoid'],
      [{ kind: 'tversky', alpha: 0.3, beta: 0.7, smooth: 1 }, 'softmax'],
    ];
    for (const [loss, activation] of losses) {
      for (const scale of [0, 1, 200]) {
        tf.tidy(() => {
          const z = tf.tensor(
            logits.map((value) => scale * value),
            [...SHAPE],
          );
          const y = tf.tensor(target, [...SHAPE]);
          const { value, grad } = tf.valueAndGrad((x: tf.Tensor) => lossOf(loss, activation, x, y))(
            z,
          );
          const found = [...value.dataSync(), ...grad.dataSync()];
          expect(found.every(Number.isFinite), `${loss.kind} at ${scale}`).toBe(true);
        });
      }
    }
    // A loss of what is wholly wrong is as large as the logit, and not cut off.
    expect(
      valueOf(
        { kind: 'bce', positive: 1 },
        'sigmoid',
        logits.map(() => 500),
      ),
    ).toBeCloseTo((500 * 2) / 3, 2);
  });
});
