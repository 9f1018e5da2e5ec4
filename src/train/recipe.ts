/**
 * A recipe as plain data: what a `train NAME for MODEL { … }` block says once it has been checked and
 * every expression in it is a number. Nothing here depends on an engine.
 */
import type { Augmentation, Normalisation } from '../data/dataset.js';

/** Where the pairs of image and label come from, unless `--data` says otherwise. */
export type DataSource =
  /** Drawn by archc: `size` pixels a side. */
  | { readonly kind: 'membranes'; readonly count: number; readonly size: number }
  /** Four modalities of made-up tumours: `slices` of each of `patients`. */
  | {
      readonly kind: 'tumours';
      readonly patients: number;
      readonly slices: number;
      readonly size: number;
    }
  /** To be given with `--data`: a folder of pairs, a pair of stacks, a `dataset.json`, … */
  | { readonly kind: 'given' };

/** Contiguous: the last ones in order are held out. Never shuffled slices. */
export interface Split {
  readonly by: 'slices' | 'patients';
  /** How many are held out: a count if at least 1, a share of all below. */
  readonly validation: number;
}

/** How many of so many slices or patients are held out: a share is rounded, to one at least. */
export function heldOut({ validation }: Split, of: number): number {
  return validation >= 1 ? validation : Math.max(1, Math.round(validation * of));
}

/** One term of the loss: `weight` times the loss of one output. */
export interface LossTerm {
  readonly weight: number;
  readonly loss: Loss;
  /** The output that it judges. */
  readonly output: string;
}

/** Pixels near another class weigh up to 1 + `weight`, as a Gaussian of the distance in pixels. */
export interface Border {
  readonly weight: number;
  readonly sigma: number;
}

/** A loss that is a mean over pixels. */
interface PixelLoss {
  readonly border?: Border;
}

export type Loss =
  /** Binary cross-entropy of a sigmoid, averaged over pixels; positives count `positive` times. */
  | ({ readonly kind: 'bce'; readonly positive: number } & PixelLoss)
  /** Cross-entropy of a softmax over channels; a weight for each class, or none. */
  | ({
      readonly kind: 'cross_entropy';
      readonly classes: readonly number[] | undefined;
    } & PixelLoss)
  /** 1 − Dice, soft, over the batch and for each class; `smooth` is added above and below. */
  | { readonly kind: 'dice'; readonly smooth: number }
  | ({ readonly kind: 'focal'; readonly gamma: number; readonly alpha: number } & PixelLoss)
  /** 1 − Tversky index: `alpha` weighs false positives and `beta` false negatives. */
  | {
      readonly kind: 'tversky';
      readonly alpha: number;
      readonly beta: number;
      readonly smooth: number;
    };

/** What the activation of an output is, which the loss is fused with. */
export type Activation = 'sigmoid' | 'softmax';

export type Optimiser =
  | {
      readonly kind: 'sgd';
      readonly lr: number;
      readonly momentum: number;
      readonly nesterov: boolean;
      readonly decay: number;
    }
  | {
      readonly kind: 'adam' | 'adamw';
      readonly lr: number;
      readonly beta1: number;
      readonly beta2: number;
      readonly eps: number;
      /** L2 added to the gradient for `adam`, taken off the weights for `adamw`. */
      readonly decay: number;
    };

/** Multiplies the learning rate; a linear rise over the first `warmup` steps comes before. */
export type Schedule = { readonly warmup: number } & (
  | { readonly kind: 'constant' }
  /** To `floor` times the rate at the last step. */
  | { readonly kind: 'cosine'; readonly floor: number }
  /** By `factor` every `every` steps. */
  | { readonly kind: 'step'; readonly every: number; readonly factor: number }
  /** By `factor` once the validation loss has not fallen for `patience` validations. */
  | { readonly kind: 'plateau'; readonly patience: number; readonly factor: number }
);

export const METRICS = ['accuracy', 'mean_iou', 'dice'] as const;
export type Metric = (typeof METRICS)[number];

export interface Recipe {
  readonly name: string;
  readonly data: DataSource;
  readonly split: Split;
  readonly normalise: Normalisation;
  /** Height and width of the training crops; `undefined` for whole images. */
  readonly crop: readonly [number, number] | undefined;
  readonly augment: readonly Augmentation[];
  /** The sum of these is what is minimised. */
  readonly loss: readonly LossTerm[];
  readonly optimiser: Optimiser;
  readonly schedule: Schedule;
  /** The global norm that gradients are clipped to. */
  readonly clip: number | undefined;
  readonly batch: number;
  readonly length: { readonly steps: number } | { readonly epochs: number };
  /** Steps between validations; by default, ten times in all. */
  readonly validate: number | undefined;
  readonly metrics: readonly Metric[];
  readonly seed: number;
}
