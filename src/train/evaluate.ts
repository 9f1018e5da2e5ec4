/** How well a model does on samples of a dataset, counted over whole images. */
import { diagnostic, type Outcome } from '../compiler/diagnostic.js';
import type { Tensor } from '../compiler/ir.js';
import type { Dataset, Normalisation } from '../data/dataset.js';
import { normalise } from '../data/normalise.js';
import type { Example } from './batches.js';
import {
  addConfusion,
  countPixels,
  emptyConfusion,
  scoresOf,
  sizeOf,
  type Confusion,
  type Scores,
} from './metrics.js';
import { lossOfLogits } from './net.js';
import type { Predictor } from './predict.js';
import type { LossTerm } from './recipe.js';
import {
  classesOf,
  classProblem,
  predictedLabels,
  targetOf,
  truthLabels,
  type TrainedOutput,
} from './targets.js';

/** A sample as the network sees it. */
export async function loadExample(
  dataset: Dataset,
  index: number,
  normalisation: Normalisation,
): Promise<Outcome<Example & { readonly name: string }>> {
  const sample = await dataset.load(index);
  if (!sample.ok) return sample;
  const { name, height, width, channels, labels } = sample.value;
  const image = normalise(sample.value.image, channels, normalisation);
  return { ok: true, value: { name, height, width, channels, image, labels } };
}

/** One image of an evaluation: what went in, what is right, and what came out. */
export interface Shown {
  readonly name: string;
  readonly example: Example;
  readonly output: TrainedOutput;
  readonly truth: Uint8Array;
  readonly predicted: Uint8Array;
}

export interface OutputScores {
  readonly output: string;
  /** Names of the classes. */
  readonly classes: readonly string[];
  readonly all: Scores;
  /** Of images with fewer foreground pixels than the threshold, and with as many or more. */
  readonly small?: Scores;
  readonly large?: Scores;
  readonly images: { readonly all: number; readonly small: number; readonly large: number };
}

export interface Evaluation {
  /** The mean over images; undefined without terms. */
  readonly loss: number | undefined;
  readonly outputs: readonly OutputScores[];
  /** Pixels of each class of the data. */
  readonly classPixels: readonly number[];
}

interface EvaluationRequest {
  readonly dataset: Dataset;
  readonly indices: readonly number[];
  readonly normalisation: Normalisation;
  readonly terms?: readonly LossTerm[];
  /** Foreground pixels from which an image's tumour is large. */
  readonly large?: number | undefined;
  readonly onImage?: (done: number, total: number) => void;
  readonly onShown?: (shown: Shown, place: number) => void;
}

export async function evaluate(
  predictor: Predictor,
  request: EvaluationRequest,
): Promise<Outcome<Evaluation>> {
  const { dataset, indices, normalisation, terms = [], large } = request;
  const problems = predictor.outputs.flatMap((o) => classProblem(o, dataset.classes) ?? []);
  if (problems.length > 0) return { ok: false, diagnostics: problems };
  const counted = predictor.outputs.map((output) => ({ output, ...emptyCounts(output) }));
  let lossSum = 0;
  const classPixels = dataset.classes.map(() => 0);
  for (const [place, index] of indices.entries()) {
    const example = await loadExample(dataset, index, normalisation);
    if (!example.ok) return example;
    const { name, height, width, channels, image, labels } = example.value;
    for (const label of labels) classPixels[label] = (classPixels[label] ?? 0) + 1;
    const logits = await predictor.predict({ shape: [height, width, channels], data: image });
    if (!logits.ok) return withImage(logits, name);
    if (terms.length > 0) {
      const targets = predictor.outputs.map((output): [string, Tensor] => [
        output.name,
        { shape: [height, width, output.channels], data: targetOf(labels, output) },
      ]);
      lossSum += lossOfLogits(predictor, terms, logits.value, new Map(targets));
    }
    for (const [i, { output, all, bySize, images }] of counted.entries()) {
      const truth = truthLabels(labels, output);
      const predicted = predictedLabels(logits.value[i]?.data ?? new Float32Array(), output);
      const own = emptyConfusion(all.classes);
      countPixels(own, truth, predicted);
      addConfusion(all, own);
      images.all++;
      const size = large === undefined ? undefined : sizeOf(truth, large);
      if (size !== undefined) {
        addConfusion(bySize[size], own);
        images[size]++;
      }
      request.onShown?.({ name, example: example.value, output, truth, predicted }, place);
    }
    request.onImage?.(place + 1, indices.length);
  }
  return {
    ok: true,
    value: {
      loss: terms.length === 0 ? undefined : lossSum / indices.length,
      outputs: counted.map(({ output, all, bySize, images }) => ({
        output: output.name,
        classes: classNames(output, dataset.classes),
        all: scoresOf(all),
        ...(large === undefined
          ? {}
          : { small: scoresOf(bySize.small), large: scoresOf(bySize.large) }),
        images,
      })),
      classPixels,
    },
  };
}

interface Counts {
  readonly all: Confusion;
  readonly bySize: { readonly small: Confusion; readonly large: Confusion };
  readonly images: { all: number; small: number; large: number };
}

function emptyCounts(output: TrainedOutput): Counts {
  const empty = (): Confusion => emptyConfusion(classesOf(output));
  return {
    all: empty(),
    bySize: { small: empty(), large: empty() },
    images: { all: 0, small: 0, large: 0 },
  };
}

function classNames(output: TrainedOutput, classes: readonly string[]): readonly string[] {
  const wanted = classesOf(output);
  return wanted === 2 && classes.length > 2 ? [classes[0] ?? 'background', 'foreground'] : classes;
}

function withImage<T>(outcome: Outcome<T>, name: string): Outcome<never> {
  const diagnostics = outcome.ok ? [] : outcome.diagnostics;
  return {
    ok: false,
    diagnostics: diagnostics.map(({ code, message, hints, span, labels }) =>
      diagnostic(code, `${name}: ${message}`, { hints, span, labels }),
    ),
  };
}
