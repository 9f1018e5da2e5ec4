/**
 * Metrics of a segmentation, from how often each class was taken for each, counted over the pixels of
 * whole images.
 */

import type { Metric } from './recipe.js';

/** `counts[truth · classes + predicted]` pixels. */
export interface Confusion {
  readonly classes: number;
  readonly counts: Float64Array;
}

export function emptyConfusion(classes: number): Confusion {
  return { classes, counts: new Float64Array(classes * classes) };
}

/** Adds the pixels of one image, in place. */
export function countPixels(
  { classes, counts }: Confusion,
  truth: Uint8Array,
  predicted: Uint8Array,
): void {
  truth.forEach((label, i) => {
    const place = label * classes + (predicted[i] ?? 0);
    counts[place] = (counts[place] ?? 0) + 1;
  });
}

export function addConfusion(into: Confusion, other: Confusion): void {
  other.counts.forEach((count, i) => (into.counts[i] = (into.counts[i] ?? 0) + count));
}

export interface Scores {
  /** Pixels. */
  readonly pixels: number;
  /** Share of pixels whose class was found; undefined without pixels. */
  readonly accuracy: number | undefined;
  /** The mean of `iou` over classes for which it is defined. */
  readonly meanIou: number | undefined;
  /** For each class; undefined where it is neither in the truth nor in the prediction. */
  readonly iou: readonly (number | undefined)[];
  /** 2 · |A ∩ B| / (|A| + |B|), for each class, likewise. */
  readonly dice: readonly (number | undefined)[];
}

export function scoresOf({ classes, counts }: Confusion): Scores {
  const at = (truth: number, predicted: number): number => counts[truth * classes + predicted] ?? 0;
  const indices = Array.from({ length: classes }, (_, i) => i);
  const total = (of: (i: number) => number): number => indices.reduce((sum, i) => sum + of(i), 0);
  const perClass = indices.map((k) => ({
    hits: at(k, k),
    truth: total((i) => at(k, i)),
    predicted: total((i) => at(i, k)),
  }));
  const pixels = perClass.reduce((sum, { truth }) => sum + truth, 0);
  const ratio = (part: number, whole: number): number | undefined =>
    whole === 0 ? undefined : part / whole;
  const iou = perClass.map(({ hits, truth, predicted }) => ratio(hits, truth + predicted - hits));
  const defined = iou.filter((value) => value !== undefined);
  return {
    pixels,
    accuracy: ratio(
      perClass.reduce((sum, { hits }) => sum + hits, 0),
      pixels,
    ),
    meanIou: ratio(
      defined.reduce((sum, value) => sum + value, 0),
      defined.length,
    ),
    iou,
    dice: perClass.map(({ hits, truth, predicted }) => ratio(2 * hits, truth + predicted)),
  };
}

/** A figure of the scores, by the name that people read. */
export interface Figure {
  readonly name: string;
  readonly of: (scores: Scores) => number | undefined;
}

/** The figures that a recipe's `metrics` report, in its order; Dice of each class but the background. */
export function figuresOf(metrics: readonly Metric[], classes: readonly string[]): Figure[] {
  return metrics.flatMap((metric): Figure[] => {
    switch (metric) {
      case 'accuracy':
        return [{ name: 'accuracy', of: ({ accuracy }) => accuracy }];
      case 'mean_iou':
        return [{ name: 'mean IoU', of: ({ meanIou }) => meanIou }];
      case 'dice':
        return classes
          .map((name, i): Figure => ({ name: `Dice of ${name}`, of: ({ dice }) => dice[i] }))
          .slice(1);
    }
  });
}

/** The scores that these metrics are read from: with the mean of IoU, that of each class. */
export function scoresIn(scores: Scores, metrics: readonly Metric[]): Partial<Scores> {
  const { pixels, accuracy, meanIou, iou, dice } = scores;
  return {
    pixels,
    ...(metrics.includes('accuracy') ? { accuracy } : {}),
    ...(metrics.includes('mean_iou') ? { meanIou, iou } : {}),
    ...(metrics.includes('dice') ? { dice } : {}),
  };
}

/** Pixels of an image that are not background. */
function foregroundPixels(labels: Uint8Array): number {
  return labels.reduce((count, label) => count + Number(label > 0), 0);
}

/** `small`: fewer foreground pixels than the threshold, but some; without any it is neither. */
export function sizeOf(labels: Uint8Array, threshold: number): 'small' | 'large' | undefined {
  const pixels = foregroundPixels(labels);
  if (pixels === 0) return undefined;
  return pixels < threshold ? 'small' : 'large';
}
