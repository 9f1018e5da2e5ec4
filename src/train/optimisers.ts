/**
 * Optimisers as arithmetic on arrays, the same on every engine: what they remember is theirs to save,
 * and saved and read again it continues exactly.
 */
import type { Optimiser } from './recipe.js';

/** What an optimiser keeps for each weight, by name: arrays of the weight's size, at first 0. */
export type Slots = Readonly<Record<string, Float32Array>>;

export function slotNames(optimiser: Optimiser): readonly string[] {
  if (optimiser.kind !== 'sgd') return ['m', 'v'];
  return optimiser.momentum > 0 ? ['momentum'] : [];
}

/** √Σg² over all gradients. */
export function globalNorm(gradients: Iterable<Float32Array>): number {
  let sum = 0;
  for (const gradient of gradients) for (const value of gradient) sum += value * value;
  return Math.sqrt(sum);
}

/** What gradients are multiplied by so that their global norm is at most `clip`. */
export function clipFactor(norm: number, clip: number | undefined): number {
  return clip === undefined || !(norm > clip) ? 1 : clip / norm;
}

interface Update {
  /** Of this step, the schedule counted in. */
  readonly lr: number;
  /** From 1. */
  readonly count: number;
  /** What the gradient is multiplied by first. */
  readonly scale: number;
}

/** Changes a weight and its slots in place. */
export function updateWeight(
  optimiser: Optimiser,
  weight: Float32Array,
  gradient: Float32Array,
  slots: Slots,
  update: Update,
): void {
  if (optimiser.kind === 'sgd') sgd(optimiser, weight, gradient, slots['momentum'], update);
  else adam(optimiser, weight, gradient, slots, update);
}

/** Sutskever et al. 2013, in the form that PyTorch has: the rate is not part of the velocity. */
function sgd(
  { momentum, nesterov, decay }: Extract<Optimiser, { kind: 'sgd' }>,
  weight: Float32Array,
  gradient: Float32Array,
  velocity: Float32Array | undefined,
  { lr, scale }: Update,
): void {
  for (let i = 0; i < weight.length; i++) {
    const w = weight[i] ?? 0;
    const g = scale * (gradient[i] ?? 0) + decay * w;
    if (velocity === undefined) {
      weight[i] = w - lr * g;
      continue;
    }
    const v = momentum * (velocity[i] ?? 0) + g;
    velocity[i] = v;
    weight[i] = w - lr * (nesterov ? g + momentum * v : v);
  }
}

/** Kingma & Ba 2015; `adamw` with the decay of Loshchilov & Hutter 2019, which is off the gradient. */
function adam(
  { kind, beta1, beta2, eps, decay }: Exclude<Optimiser, { kind: 'sgd' }>,
  weight: Float32Array,
  gradient: Float32Array,
  slots: Slots,
  { lr, count, scale }: Update,
): void {
  const [first, second] = [slots['m'], slots['v']];
  if (first === undefined || second === undefined) throw new Error('adam without its moments');
  const [isDecoupled, l2] = [kind === 'adamw', kind === 'adam' ? decay : 0];
  const [unbias1, unbias2] = [1 - beta1 ** count, 1 - beta2 ** count];
  for (let i = 0; i < weight.length; i++) {
    const w = weight[i] ?? 0;
    const g = scale * (gradient[i] ?? 0) + l2 * w;
    const m = beta1 * (first[i] ?? 0) + (1 - beta1) * g;
    const v = beta2 * (second[i] ?? 0) + (1 - beta2) * g * g;
    first[i] = m;
    second[i] = v;
    const kept = isDecoupled ? w - lr * decay * w : w;
    weight[i] = kept - (lr * (m / unbias1)) / (Math.sqrt(v / unbias2) + eps);
  }
}
