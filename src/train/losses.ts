/**
 * Losses of what comes before a sigmoid or softmax, which they are fused with, so that none takes the
 * logarithm of a rounded probability. All are means over pixels, or 1 less an index, to be minimised.
 */
import * as tf from '@tensorflow/tfjs';
import type { Activation, Loss } from './recipe.js';

/** Below it, `(1 − p)^γ` has no usable slope. */
const LEAST_BASE = 1e-6;

/**
 * `logits` and `target` are `[N, …, C]`, the target of 0 and 1; `weights` are of pixels, `[N, …, 1]`,
 * for losses that are means over them.
 */
export function lossOf(
  loss: Loss,
  activation: Activation,
  logits: tf.Tensor,
  target: tf.Tensor,
  weights?: tf.Tensor,
): tf.Scalar {
  const meanOf = (losses: tf.Tensor): tf.Scalar =>
    tf.mean(weights === undefined ? losses : tf.mul(losses, weights));
  switch (loss.kind) {
    case 'bce':
      return meanOf(binaryCrossEntropy(logits, target, loss.positive));
    case 'cross_entropy':
      return meanOf(crossEntropy(logits, target, loss.classes));
    case 'focal':
      return meanOf(
        activation === 'sigmoid'
          ? binaryFocal(logits, target, loss)
          : softmaxFocal(logits, target, loss),
      );
    case 'dice':
      return overlap(probabilities(logits, activation), target, 0.5, 0.5, loss.smooth / 2);
    case 'tversky':
      return overlap(probabilities(logits, activation), target, loss.alpha, loss.beta, loss.smooth);
  }
}

function probabilities(logits: tf.Tensor, activation: Activation): tf.Tensor {
  return activation === 'sigmoid' ? tf.sigmoid(logits) : tf.softmax(logits);
}

/**
 * −(w·y·ln σ(z) + (1 − y)·ln(1 − σ(z))) for each element, as
 * (1 − y)·z + (1 + (w − 1)·y)·(ln(1 + e^−|z|) + max(−z, 0)).
 */
function binaryCrossEntropy(logits: tf.Tensor, target: tf.Tensor, positive: number): tf.Tensor {
  const tail = tf.add(tf.log1p(tf.exp(tf.neg(tf.abs(logits)))), tf.relu(tf.neg(logits)));
  const weighted = positive === 1 ? tail : tf.mul(tail, tf.add(tf.mul(target, positive - 1), 1));
  return tf.add(tf.mul(tf.sub(1, target), logits), weighted);
}

/** Of each pixel, `[N, …, 1]`: it counts as its class's weight. */
function crossEntropy(
  logits: tf.Tensor,
  target: tf.Tensor,
  classes: readonly number[] | undefined,
): tf.Tensor {
  const weighted = classes === undefined ? target : tf.mul(target, tf.tensor1d([...classes]));
  return tf.neg(tf.sum(tf.mul(tf.logSoftmax(logits), weighted), -1, true));
}

type Focal = Extract<Loss, { kind: 'focal' }>;

/** Lin et al. 2017: α·(1 − p)^γ·(−ln p) of the probability of what is true, 1 − α where that is 0. */
function binaryFocal(logits: tf.Tensor, target: tf.Tensor, { gamma, alpha }: Focal): tf.Tensor {
  const entropy = binaryCrossEntropy(logits, target, 1);
  const balance = tf.add(tf.mul(target, 2 * alpha - 1), 1 - alpha);
  return tf.mul(balance, tf.mul(focus(entropy, gamma), entropy));
}

function softmaxFocal(logits: tf.Tensor, target: tf.Tensor, { gamma, alpha }: Focal): tf.Tensor {
  const entropy = crossEntropy(logits, target, undefined);
  return tf.mul(tf.mul(focus(entropy, gamma), entropy), alpha);
}

/** (1 − p)^γ of −ln p. */
function focus(entropy: tf.Tensor, gamma: number): tf.Tensor {
  if (gamma === 0) return tf.onesLike(entropy);
  const base = tf.neg(tf.expm1(tf.neg(entropy)));
  return tf.pow(tf.clipByValue(base, LEAST_BASE, 1), gamma);
}

/**
 * 1 − (TP + s) / (TP + α·FP + β·FN + s), soft, over the batch, and the mean over channels: Tversky's
 * index (Salehi et al. 2017), which with α = β = ½ is Dice's (Milletari et al. 2016).
 */
function overlap(
  probability: tf.Tensor,
  target: tf.Tensor,
  alpha: number,
  beta: number,
  smooth: number,
): tf.Scalar {
  const axes = Array.from({ length: probability.rank - 1 }, (_, i) => i);
  const both = tf.sum(tf.mul(probability, target), axes);
  const falsely = tf.sub(tf.sum(probability, axes), both);
  const missed = tf.sub(tf.sum(target, axes), both);
  const whole = tf.add(both, tf.add(tf.mul(falsely, alpha), tf.mul(missed, beta)));
  return tf.sub(1, tf.mean(tf.div(tf.add(both, smooth), tf.add(whole, smooth))));
}
