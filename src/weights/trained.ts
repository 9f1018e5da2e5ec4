/** What the metadata of trained weights say of them: the model, what it was given, the recipe. */
import type { Tensor } from '../compiler/ir.js';
import { NORMALISATIONS, type Normalisation } from '../data/dataset.js';

/**
 * Before the names of what an optimiser keeps in a checkpoint; no name of a weight has a colon.
 */
export const SLOT_PREFIX = 'optimiser:';

/** The weights alone of what a checkpoint holds besides. */
export function weightsAlone<T extends Tensor>(
  tensors: ReadonlyMap<string, T>,
): ReadonlyMap<string, T> {
  return new Map([...tensors].filter(([name]) => !name.startsWith(SLOT_PREFIX)));
}

interface TrainedAs {
  readonly model: string;
  /** As `--set` takes them: `width=16`. */
  readonly arguments: readonly string[];
  /** Of the images. */
  readonly normalise: Normalisation | undefined;
}

/** Undefined of files that no training wrote. */
export function trainedAs(metadata: ReadonlyMap<string, string>): TrainedAs | undefined {
  const model = metadata.get('model');
  if (model === undefined) return undefined;
  const recipe = parsed(metadata.get('recipe'));
  const how =
    typeof recipe === 'object' && recipe !== null && 'normalise' in recipe
      ? NORMALISATIONS.find((each) => each === recipe.normalise)
      : undefined;
  return { model, arguments: stringsIn(metadata.get('arguments')), normalise: how };
}

/** How to ask for the model that weights were trained for, in place of the model `used`. */
export function trainedHint({ model, arguments: given }: TrainedAs, used: string): string {
  if (model === used && given.length === 0) {
    return `they were trained for \`${model}\` as it stands, without \`--set\``;
  }
  const flags = [`--model ${model}`, ...given.map((text) => `--set ${shellWord(text)}`)];
  return `they were trained for \`${flags.join(' ')}\``;
}

/** As a shell takes it. */
export function shellWord(text: string): string {
  // Nothing ends a quote within it: it is closed, the sign escaped, and opened again.
  return /^[\w./=+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** A list of texts in JSON; what else it may be is an empty one. */
export function stringsIn(text: string | undefined): readonly string[] {
  const value = parsed(text);
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
}

/** JSON, or undefined where it is none. */
export function parsed(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? 'null');
  } catch {
    return undefined;
  }
}
