/** A recipe, a model and a dataset to trained weights. */
import { diagnostic, type Diagnostic, type Outcome } from '../compiler/diagnostic.js';
import type { WeightValues } from '../compiler/ir.js';
import { augment } from '../data/augment.js';
import { byteCache, DEFAULT_CACHE_BYTES } from '../data/cache.js';
import type { Dataset, Sample } from '../data/dataset.js';
import { classCounts, singleClass, splitDataset, type Parts } from '../data/split.js';
import type { Draw, Example } from './batches.js';
import {
  damaged,
  decodeCheckpoint,
  encodeCheckpoint,
  hasSlots,
  type TrainingIdentity,
} from './checkpoint.js';
import { evaluate, loadExample, type Shown } from './evaluate.js';
import { trainingGraph } from './graph.js';
import {
  runLoop,
  totalSteps,
  type LoopResult,
  type StepRecord,
  type TrainingState,
  type ValidationRecord,
} from './loop.js';
import { createNet, disposeNet } from './net.js';
import { createPredictor, type GraphAt, type Size } from './predict.js';
import type { Recipe } from './recipe.js';

export interface TrainRequest {
  readonly identity: TrainingIdentity;
  readonly graphAt: GraphAt;
  readonly dataset: Dataset;
  /** Of all weights of the model: what training starts from. */
  readonly weights: WeightValues;
  /** A checkpoint to go on from. */
  readonly resume?: Uint8Array | undefined;
  /** What trains, for the metadata: `tfjs-wasm 4.22.0`. */
  readonly engine: string;
  /** Side of tiles for validation; by default each image is run whole. */
  readonly tile?: number | undefined;
  /** Told once all is ready; errors end it there. */
  readonly onStart?: (plan: TrainingPlan) => Promise<readonly Diagnostic[]>;
  readonly onStep?: (record: StepRecord) => void;
  readonly onValidation?: (record: ValidationRecord) => void;
  /** Of the first images of each validation. */
  readonly onShown?: (shown: Shown, place: number) => void;
  /** Keeps a checkpoint. */
  readonly save?: (checkpoint: Uint8Array) => readonly Diagnostic[];
  readonly wantsSave?: () => boolean;
  readonly stopped?: () => boolean;
}

interface TrainingPlan {
  readonly parts: Parts;
  /** Of a training image. */
  readonly size: Size;
  readonly steps: number;
  /** Steps that the checkpoint has. */
  readonly done: number;
  readonly warnings: readonly Diagnostic[];
}

export interface TrainResult extends LoopResult {
  readonly plan: TrainingPlan;
}

export async function train(request: TrainRequest): Promise<Outcome<TrainResult>> {
  const { identity, graphAt, engine } = request;
  const { recipe } = identity;
  const dataset = remembered(request.dataset);
  const parts = splitDataset(dataset, recipe.split);
  if (!parts.ok) return parts;
  const size = await trainingSize(dataset, parts.value, recipe);
  if (!size.ok) return size;
  const names = [...new Set(recipe.loss.map(({ output }) => output))];
  const graph = graphAt(size.value);
  if (!graph.ok) return graph;
  const trained = trainingGraph(graph.value, names);
  if (!trained.ok) return trained;
  const channels = channelProblem(dataset, Number(graph.value.inputs[0]?.type.shape.at(-1)));
  if (channels !== undefined) return { ok: false, diagnostics: [channels] };

  const resumed = resumedState(request, graph.value.weights);
  if (!resumed.ok) return resumed;
  const from = resumed.value;
  if (from !== undefined && !hasSlots(from, recipe, trained.value.graph.weights)) return damaged();
  const done = from?.step ?? 0;
  const steps = totalSteps(recipe, parts.value.train.length);
  if (done > steps) return { ok: false, diagnostics: [alreadyLonger(done, steps)] };
  const weights: WeightValues = new Map([...request.weights, ...(from?.weights ?? [])]);
  const warnings = await classWarnings(dataset, parts.value);
  if (!warnings.ok) return warnings;
  const first = await dataset.load(parts.value.validation[0] ?? 0);
  if (!first.ok) return first;
  const predictor = await createPredictor(
    { graphAt, outputs: names, weights, tile: request.tile },
    [first.value.height, first.value.width],
  );
  if (!predictor.ok) return predictor;
  const net = await createNet(trained.value, weights);
  if (!net.ok) return net;

  const plan: TrainingPlan = {
    parts: parts.value,
    size: size.value,
    steps,
    done,
    warnings: warnings.value,
  };
  const problems = (await request.onStart?.(plan)) ?? [];
  if (problems.length > 0) return { ok: false, diagnostics: problems };
  // Weights that no trained output depends on stay as they were.
  const whole = (own: WeightValues): WeightValues => new Map([...weights, ...own]);
  try {
    const result = await runLoop({
      recipe,
      net: net.value,
      count: parts.value.train.length,
      draw: drawFrom(dataset, parts.value, recipe),
      ...(from === undefined ? {} : { from }),
      async validate(own) {
        predictor.value.use(whole(own));
        const found = await evaluate(predictor.value, {
          dataset,
          indices: parts.value.validation,
          normalisation: recipe.normalise,
          terms: recipe.loss,
          ...(request.onShown === undefined ? {} : { onShown: request.onShown }),
        });
        if (!found.ok) return found;
        const { loss = Number.NaN, outputs } = found.value;
        const [judged] = outputs;
        if (judged === undefined) throw new Error('a recipe without an output');
        return { ok: true, value: { loss, scores: judged.all } };
      },
      async save(state) {
        const bytes = encodeCheckpoint(
          { ...state, weights: whole(state.weights) },
          identity,
          engine,
        );
        return Promise.resolve(request.save?.(bytes) ?? []);
      },
      ...callbacks(request),
    });
    if (!result.ok) return result;
    const { state, finished } = result.value;
    const ended: TrainingState = { ...state, weights: whole(state.weights) };
    return { ok: true, value: { state: ended, finished, plan } };
  } finally {
    disposeNet(net.value);
    predictor.value.dispose();
  }
}

function callbacks({ onStep, onValidation, wantsSave, stopped }: TrainRequest) {
  return {
    ...(onStep === undefined ? {} : { onStep }),
    ...(onValidation === undefined ? {} : { onValidation }),
    ...(wantsSave === undefined ? {} : { wantsSave }),
    ...(stopped === undefined ? {} : { stopped }),
  };
}

function resumedState(
  { resume, identity }: TrainRequest,
  weights: Parameters<typeof decodeCheckpoint>[2],
): Outcome<TrainingState | undefined> {
  return resume === undefined
    ? { ok: true, value: undefined }
    : decodeCheckpoint(resume, identity, weights);
}

/** The weights of step 392 are no result of 30 steps. */
function alreadyLonger(done: number, steps: number): Diagnostic {
  const message = `the checkpoint has ${done} steps behind it, and this training has ${steps}`;
  return diagnostic('checkpoint-mismatch', message, {
    hints: [`ask for at least as many, as in \`--steps ${done}\``],
  });
}

/** The crop, or the size that all training images have. */
async function trainingSize(
  dataset: Dataset,
  { train: indices }: Parts,
  { crop }: Recipe,
): Promise<Outcome<Size>> {
  if (crop !== undefined) return { ok: true, value: crop };
  let size: Size | undefined;
  for (const index of indices) {
    const sample = await dataset.load(index);
    if (!sample.ok) return sample;
    const { name, height, width } = sample.value;
    if (size === undefined) size = [height, width];
    if (size[0] === height && size[1] === width) continue;
    const message = `images differ in size, ${size.join(' × ')} and ${height} × ${width} (${name}), and a batch has one`;
    const least = [Math.min(size[0], height), Math.min(size[1], width)];
    const hints = [`crop them: \`crop = [${least.join(', ')}]\` in the recipe`];
    return { ok: false, diagnostics: [diagnostic('data-mismatch', message, { hints })] };
  }
  return size === undefined
    ? { ok: false, diagnostics: [diagnostic('empty-split', 'there is nothing to train on')] }
    : { ok: true, value: size };
}

function channelProblem(
  { channels, description }: Dataset,
  wanted: number,
): Diagnostic | undefined {
  if (channels === wanted) return undefined;
  const images = channels === 1 ? '1 channel' : `${channels} channels`;
  const message = `the images have ${images} (${description}), and the model takes ${wanted}`;
  return diagnostic('data-mismatch', message, {
    hints: ['give the model as many, where it has a parameter for them'],
  });
}

async function classWarnings(dataset: Dataset, parts: Parts): Promise<Outcome<Diagnostic[]>> {
  const found: Diagnostic[] = [];
  for (const part of ['train', 'validation'] as const) {
    const counts = await classCounts(dataset, parts[part]);
    if (!counts.ok) return counts;
    found.push(...singleClass(dataset, part, counts.value));
  }
  return { ok: true, value: found };
}

/** What has been read or drawn once is kept, as far as there is room. */
function remembered(dataset: Dataset): Dataset {
  const cached = byteCache<Sample>(DEFAULT_CACHE_BYTES, bytesOf);
  return { ...dataset, load: (index) => cached(String(index), () => dataset.load(index)) };
}

function bytesOf({ image, labels }: Pick<Sample, 'image' | 'labels'>): number {
  return image.byteLength + labels.byteLength;
}

/** Samples normalised once, then changed at random for each step. */
function drawFrom(dataset: Dataset, { train: indices }: Parts, recipe: Recipe): Draw {
  const cached = byteCache<Example>(DEFAULT_CACHE_BYTES, bytesOf);
  return async (index, key) => {
    const example = await cached(String(index), () =>
      loadExample(dataset, indices[index] ?? 0, recipe.normalise),
    );
    if (!example.ok) return example;
    return augment(example.value, recipe.augment, recipe.crop, key);
  };
}
