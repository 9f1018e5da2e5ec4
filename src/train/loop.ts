/**
 * The loop: a batch, its gradients, an update; now and then a validation and a checkpoint. Whatever a
 * step depends on comes from its number and the state, so a loop that goes on from a saved state
 * comes to the same numbers as one that was never stopped.
 */
import { diagnostic, type Diagnostic, type Outcome } from '../compiler/diagnostic.js';
import type { WeightValues } from '../compiler/ir.js';
import { positionOf } from '../compiler/source.js';
import { batchOf, samplesOfStep, type Draw } from './batches.js';
import type { Scores } from './metrics.js';
import {
  firstNonFinite,
  slopeOf,
  writeParameters,
  type Batch,
  type Net,
  type Slope,
} from './net.js';
import { clipFactor, globalNorm, slotNames, updateWeight, type Slots } from './optimisers.js';
import type { Recipe } from './recipe.js';
import { afterValidation, PLATEAU_START, rateFactor, type PlateauState } from './schedules.js';

/** One step that is done. */
export interface StepRecord {
  /** From 1. */
  readonly step: number;
  readonly loss: number;
  readonly lr: number;
  /** Of all gradients, before they were clipped. */
  readonly gradientNorm: number;
}

export interface ValidationRecord {
  /** After so many steps. */
  readonly step: number;
  readonly loss: number;
  readonly scores: Scores;
}

/** All that a step depends on besides its number: what a checkpoint holds. */
export interface TrainingState {
  /** How many steps are done. */
  readonly step: number;
  /** Of all weights, buffers among them, in archc's layout. */
  readonly weights: WeightValues;
  /** By weight, as the variable has it. */
  readonly slots: ReadonlyMap<string, Slots>;
  readonly plateau: PlateauState;
  readonly steps: readonly StepRecord[];
  readonly validations: readonly ValidationRecord[];
}

interface Loop {
  readonly recipe: Recipe;
  /** With the weights of `from`, where that is given. */
  readonly net: Net;
  /** How many training samples there are. */
  readonly count: number;
  readonly draw: Draw;
  /** Validates these weights. */
  readonly validate: (
    weights: WeightValues,
    step: number,
  ) => Promise<Outcome<Omit<ValidationRecord, 'step'>>>;
  readonly from?: Pick<TrainingState, 'step' | 'slots' | 'plateau' | 'steps' | 'validations'>;
  readonly onStep?: (record: StepRecord) => void;
  readonly onValidation?: (record: ValidationRecord) => void;
  /** Keeps a state: after each validation, and whenever `wantsSave` says so. Failures end the loop. */
  readonly save?: (state: TrainingState) => Promise<readonly Diagnostic[]>;
  readonly wantsSave?: () => boolean;
  /** Asked after each step; the loop then saves and ends. */
  readonly stopped?: () => boolean;
}

export interface LoopResult {
  readonly state: TrainingState;
  /** False where `stopped` ended it. */
  readonly finished: boolean;
}

export function totalSteps({ length, batch }: Recipe, count: number): number {
  return 'steps' in length ? length.steps : Math.ceil((length.epochs * count) / batch);
}

/** Validations in a training, where the recipe does not say. */
const VALIDATIONS = 10;

function validationInterval({ validate }: Recipe, steps: number): number {
  return validate ?? Math.max(1, Math.ceil(steps / VALIDATIONS));
}

/** So much more than at first is no training. */
const DIVERGED = 1e4;

export async function runLoop(loop: Loop): Promise<Outcome<LoopResult>> {
  const { recipe, net, count, from } = loop;
  const steps = totalSteps(recipe, count);
  const interval = validationInterval(recipe, steps);
  const slots = new Map(
    net.parameters.map((p) => [p.name, slotsFor(p.values, from, p.name, recipe)]),
  );
  const records = [...(from?.steps ?? [])];
  const validations = [...(from?.validations ?? [])];
  let plateau = from?.plateau ?? PLATEAU_START;
  let step = from?.step ?? 0;
  const stateNow = (): TrainingState => ({
    step,
    weights: net.model.weights(),
    slots,
    plateau,
    steps: records,
    validations,
  });
  const save = async (): Promise<readonly Diagnostic[]> => (await loop.save?.(stateNow())) ?? [];

  while (step < steps) {
    const key = { seed: recipe.seed, step };
    const batch = await drawBatch(loop, step);
    if (!batch.ok) return batch;
    const slope = await slopeOf(net, recipe.loss, batch.value, key);
    const gradientNorm = globalNorm(slope.gradients.values());
    const first = records[0]?.loss ?? slope.loss;
    const isLost = Math.abs(slope.loss) > DIVERGED * Math.max(1, Math.abs(first));
    if (isLost || !Number.isFinite(slope.loss) || !Number.isFinite(gradientNorm)) {
      const problem = await divergence(net, batch.value, slope, key);
      return { ok: false, diagnostics: [problem] };
    }
    const lr = recipe.optimiser.lr * rateFactor(recipe.schedule, step, steps, plateau);
    const scale = clipFactor(gradientNorm, recipe.clip);
    for (const { name, values } of net.parameters) {
      const gradient = slope.gradients.get(name);
      if (gradient === undefined) continue;
      const own = slots.get(name) ?? {};
      updateWeight(recipe.optimiser, values, gradient, own, { lr, count: step + 1, scale });
    }
    writeParameters(net);
    step++;
    const record = { step, loss: slope.loss, lr, gradientNorm };
    records.push(record);
    loop.onStep?.(record);

    const isDue = step % interval === 0 || step === steps;
    if (isDue) {
      const found = await loop.validate(net.model.weights(), step);
      if (!found.ok) return found;
      const validation = { step, ...found.value };
      validations.push(validation);
      if (recipe.schedule.kind === 'plateau') {
        plateau = afterValidation(plateau, validation.loss, recipe.schedule.patience);
      }
      loop.onValidation?.(validation);
    }
    const isStopped = step < steps && loop.stopped?.() === true;
    if (isDue || isStopped || loop.wantsSave?.() === true) {
      const problems = await save();
      if (problems.length > 0) return { ok: false, diagnostics: problems };
    }
    if (isStopped) return { ok: true, value: { state: stateNow(), finished: false } };
    // Steps are synchronous on most engines: let signals and timers in.
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  return { ok: true, value: { state: stateNow(), finished: true } };
}

function slotsFor(
  values: Float32Array,
  from: Loop['from'],
  name: string,
  { optimiser }: Recipe,
): Slots {
  const known = from?.slots.get(name);
  return Object.fromEntries(
    slotNames(optimiser).map((slot) => [
      slot,
      known?.[slot]?.slice() ?? new Float32Array(values.length),
    ]),
  );
}

async function drawBatch(
  { recipe, count, draw, net }: Loop,
  step: number,
): Promise<Outcome<Batch>> {
  const examples = [];
  const indices = samplesOfStep(recipe.seed, step, recipe.batch, count);
  for (const [sample, index] of indices.entries()) {
    const example = await draw(index, { seed: recipe.seed, step, sample });
    if (!example.ok) return example;
    examples.push(example.value);
  }
  return { ok: true, value: batchOf(examples, net.outputs) };
}

async function divergence(
  net: Net,
  batch: Batch,
  { loss, gradients }: Slope,
  key: { readonly seed: number; readonly step: number },
): Promise<Diagnostic> {
  const hints = ['a smaller learning rate, `clip = 1.0` or a warm-up is what helps'];
  const at = `step ${key.step + 1}`;
  if (!batch.image.data.every((value) => Number.isFinite(value))) {
    const message = `at ${at}, an image has values that are not finite`;
    return diagnostic('training-diverged', message, { hints: ['check the data and `normalise`'] });
  }
  const origin = await firstNonFinite(net, batch, key);
  if (origin !== undefined) {
    const { span, path } = origin;
    const line = `${span.source.path}:${positionOf(span.source, span.start).line}`;
    const message = `at ${at}, the output of ${path} (${line}) is the first that is not finite`;
    return diagnostic('training-diverged', message, { span, hints });
  }
  // The gradient goes backwards: the last weight of the graph is the first that it reaches.
  const lost = [...net.parameters].reverse().find(({ name }) => {
    return gradients.get(name)?.every((value) => Number.isFinite(value)) === false;
  });
  const what =
    lost === undefined
      ? `the loss is ${String(loss)}, far from where it began`
      : `the gradient of ${lost.name} is the first that is not finite (the loss is ${String(loss)})`;
  const span = lost?.variable.weight.origin.span;
  return diagnostic('training-diverged', `at ${at}, ${what}`, { span, hints });
}
