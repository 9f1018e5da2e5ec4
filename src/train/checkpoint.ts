/**
 * Training in a file: a safetensors file of the weights and of what the optimiser remembers, with all
 * else that a step depends on in its metadata. Read again, it is the state that was written, bit for
 * bit.
 */
import { diagnostic, type Diagnostic, type Outcome } from '../compiler/diagnostic.js';
import type { Tensor, Weight } from '../compiler/ir.js';
import { elementCount } from '../compiler/ops/tensor.js';
import { matchWeights } from '../weights/match.js';
import { readSafetensors, writeSafetensors } from '../weights/safetensors.js';
import { parsed, SLOT_PREFIX, stringsIn, weightsAlone } from '../weights/trained.js';
import type { TrainingState } from './loop.js';
import { slotNames, type Slots } from './optimisers.js';
import type { Recipe } from './recipe.js';

/** Which training it is: what a checkpoint must agree in to be continued. */
export interface TrainingIdentity {
  /** The model's name, and what its parameters were given, as `--set` takes it. */
  readonly model: string;
  readonly arguments: readonly string[];
  readonly recipe: Recipe;
  /** In words, with the number of samples. */
  readonly data: string;
}

/** Metadata of a file with trained weights, and of checkpoints. */
export function trainingMetadata(
  { model, arguments: given, recipe, data }: TrainingIdentity,
  engine: string,
): ReadonlyMap<string, string> {
  return new Map([
    ['model', model],
    ['arguments', JSON.stringify(given)],
    ['recipe', JSON.stringify(recipe)],
    ['data', data],
    ['engine', engine],
  ]);
}

export function encodeCheckpoint(
  state: TrainingState,
  identity: TrainingIdentity,
  engine: string,
): Uint8Array {
  const tensors = new Map<string, Tensor>(state.weights);
  for (const [name, slots] of state.slots) {
    for (const [slot, data] of Object.entries(slots)) {
      tensors.set(`${SLOT_PREFIX}${slot}:${name}`, { shape: [data.length], data });
    }
  }
  const { step, plateau, steps, validations } = state;
  const rest: SavedState = {
    step,
    plateau: { ...plateau, best: Number.isFinite(plateau.best) ? plateau.best : null },
    losses: steps.map(({ loss }) => loss),
    rates: steps.map(({ lr }) => lr),
    norms: steps.map(({ gradientNorm }) => gradientNorm),
    validations,
  };
  const metadata = new Map(trainingMetadata(identity, engine));
  metadata.set('state', JSON.stringify(rest));
  return writeSafetensors(tensors, metadata);
}

type Validation = TrainingState['validations'][number];

interface SavedState extends Pick<TrainingState, 'step'> {
  /** JSON has no infinity. */
  readonly plateau: Omit<TrainingState['plateau'], 'best'> & { readonly best: number | null };
  readonly validations: readonly (Omit<Validation, 'loss'> & { readonly loss: number | null })[];
  readonly losses: readonly number[];
  readonly rates: readonly number[];
  readonly norms: readonly number[];
}

/**
 * The state in a file, if it is one of this training, of a model with these weights. Diagnostics:
 * `bad-safetensors`, and `checkpoint-mismatch` for every difference.
 */
export function decodeCheckpoint(
  bytes: Uint8Array,
  identity: TrainingIdentity,
  weights: readonly Weight[],
): Outcome<TrainingState> {
  const read = readSafetensors(bytes);
  if (!read.ok) return read;
  const { tensors, metadata } = read.value;
  const text = metadata.get('state');
  if (text === undefined) {
    const hints = ['weights alone are what `--weights` starts from'];
    const message = 'the file holds no training to continue';
    return { ok: false, diagnostics: [diagnostic('checkpoint-mismatch', message, { hints })] };
  }
  const differences = identityDifferences(metadata, identity);
  const matched = matchWeights(weights, weightsAlone(tensors));
  if (!matched.ok) {
    const found = matched.diagnostics.map(({ message, hints }) =>
      diagnostic('checkpoint-mismatch', message, { hints }),
    );
    return { ok: false, diagnostics: [...differences, ...found] };
  }
  if (differences.length > 0) return { ok: false, diagnostics: differences };
  const saved = parseState(text);
  const slots = slotsOf(tensors, identity.recipe, weights);
  if (saved === undefined || slots === undefined) return damaged();
  const { step, plateau, losses, rates, norms, validations } = saved;
  return {
    ok: true,
    value: {
      step,
      weights: matched.value,
      slots,
      plateau: { ...plateau, best: plateau.best ?? Infinity },
      steps: losses.map((loss, i) => ({
        step: i + 1,
        loss,
        lr: rates[i] ?? 0,
        gradientNorm: norms[i] ?? 0,
      })),
      // JSON leaves out what is undefined, and that is how undefined scores read again.
      validations: validations.map((v) => ({
        ...v,
        loss: v.loss ?? Number.NaN,
        scores: revived(v.scores),
      })),
    },
  };
}

type Scores = Validation['scores'];

/** In arrays, JSON writes null for undefined. */
function revived(scores: Scores): Scores {
  const each = (values: readonly (number | null | undefined)[]) =>
    values.map((value) => value ?? undefined);
  const { pixels, accuracy, meanIou, iou, dice } = scores;
  return { pixels, accuracy, meanIou, iou: each(iou), dice: each(dice) };
}

/** What is not a state that `encodeCheckpoint` wrote is undefined. */
function parseState(text: string): SavedState | undefined {
  try {
    const value = JSON.parse(text) as SavedState;
    const { step, losses, rates, norms, plateau, validations } = value;
    const isWhole =
      isCount(step) &&
      [losses, rates, norms].every((each) => isList(each, isNumber) && each.length === step) &&
      isCount(plateau.waited) &&
      isCount(plateau.reductions) &&
      isNumberOrNull(plateau.best) &&
      isList(validations, isValidation);
    return isWhole ? value : undefined;
  } catch {
    // No JSON, or no object where one is to be.
    return undefined;
  }
}

// The types of `SavedState` are what `encodeCheckpoint` writes; what is read may be anything.

function isNumber(value: unknown): boolean {
  return typeof value === 'number';
}

function isNumberOrNull(value: unknown): boolean {
  return value === null || isNumber(value);
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isList<T>(value: readonly T[], is: (item: T) => boolean): boolean {
  return Array.isArray(value) && value.every(is);
}

function isValidation({ step, loss, scores }: SavedState['validations'][number]): boolean {
  const { pixels, accuracy, meanIou, iou, dice } = scores;
  return (
    isCount(step) &&
    isNumberOrNull(loss) &&
    isCount(pixels) &&
    [accuracy, meanIou].every((each) => each === undefined || isNumber(each)) &&
    isList(iou, isNumberOrNull) &&
    isList(dice, isNumberOrNull)
  );
}

/** Whether a state has all that the optimiser keeps of the weights that are trained. */
export function hasSlots(
  { slots }: Pick<TrainingState, 'slots'>,
  { optimiser }: Recipe,
  weights: readonly Weight[],
): boolean {
  const names = slotNames(optimiser);
  return weights
    .filter(({ trainable }) => trainable)
    .every(({ name }) => names.every((slot) => slots.get(name)?.[slot] !== undefined));
}

export function damaged(): Outcome<never> {
  const message = 'the state of the training in it is damaged';
  return { ok: false, diagnostics: [diagnostic('bad-safetensors', message)] };
}

function slotsOf(
  tensors: ReadonlyMap<string, Tensor>,
  { optimiser }: Recipe,
  weights: readonly Weight[],
): ReadonlyMap<string, Slots> | undefined {
  const found = new Map<string, Slots>();
  for (const { name, shape } of weights) {
    const size = elementCount(shape);
    const own: Record<string, Float32Array> = {};
    for (const slot of slotNames(optimiser)) {
      const tensor = tensors.get(`${SLOT_PREFIX}${slot}:${name}`);
      // A weight that is not trained has none; of the others, `hasSlots` knows.
      if (tensor === undefined) continue;
      if (tensor.data.length !== size) return undefined;
      own[slot] = tensor.data;
    }
    found.set(name, own);
  }
  return found;
}

/** Settings that no step depends on; another length is to train on. */
const MAY_CHANGE: ReadonlySet<string> = new Set<keyof Recipe>(['length', 'validate', 'metrics']);

/** What of a file is of another training. */
function identityDifferences(
  metadata: ReadonlyMap<string, string>,
  { model, arguments: given, recipe, data }: TrainingIdentity,
): Diagnostic[] {
  const found: Diagnostic[] = [];
  const compare = (what: string, there: string, here: string): void => {
    if (there === here) return;
    found.push(
      diagnostic('checkpoint-mismatch', `${what}: ${there} in the checkpoint, here ${here}`),
    );
  };
  compare('the model', metadata.get('model') ?? 'unknown', model);
  const list = (texts: readonly string[]): string => texts.join(', ') || 'none';
  compare('its arguments', list(stringsIn(metadata.get('arguments'))), list(given));
  const saved = recordIn(metadata.get('recipe'));
  const own: Readonly<Record<string, unknown>> = { ...recipe };
  for (const key of new Set([...Object.keys(saved), ...Object.keys(own)])) {
    if (MAY_CHANGE.has(key)) continue;
    const words = (value: unknown): string =>
      value === undefined ? 'nothing' : JSON.stringify(value);
    compare(`the recipe's ${key}`, words(saved[key]), words(own[key]));
  }
  compare('the data', metadata.get('data') ?? 'unknown', data);
  return found;
}

function recordIn(text: string | undefined): Readonly<Record<string, unknown>> {
  const value = parsed(text);
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
