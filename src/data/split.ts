/** Which samples train and which are held out: contiguous, and never shuffled. */
import { diagnostic, type Diagnostic, type Outcome } from '../compiler/diagnostic.js';
import { heldOut, type Split } from '../train/recipe.js';
import type { Dataset } from './dataset.js';

/** Indices of samples, ascending. */
export interface Parts {
  readonly train: readonly number[];
  readonly validation: readonly number[];
}

/**
 * Holds out the last samples (`slices`: neighbours in a stack are alike, so a shuffled split would
 * test on what it trained on), or those of the last groups in order of appearance (`patients`). A
 * share is rounded, to one at least. Where one part would be empty: `empty-split`.
 */
export function splitDataset(dataset: Dataset, split: Split): Outcome<Parts> {
  const indices = Array.from({ length: dataset.count }, (_, i) => i);
  const groups = [...new Set(dataset.groups)];
  const of = split.by === 'slices' ? dataset.count : groups.length;
  const held = heldOut(split, of);
  if (!(split.validation > 0) || held >= of) {
    return { ok: false, diagnostics: [emptySplit(dataset, split, of, held)] };
  }
  const kept = new Set(groups.slice(0, groups.length - held));
  const isTrain = (i: number): boolean =>
    split.by === 'slices' ? i < dataset.count - held : kept.has(dataset.groups[i] ?? '');
  return {
    ok: true,
    value: { train: indices.filter(isTrain), validation: indices.filter((i) => !isTrain(i)) },
  };
}

function emptySplit(dataset: Dataset, split: Split, of: number, held: number): Diagnostic {
  const what = split.by === 'slices' ? 'slice' : 'patient';
  const counted = `${of} ${what}${of === 1 ? '' : 's'}`;
  const nothing = split.validation > 0 ? 'to train on' : 'to validate on';
  const message = `holding out ${split.validation > 0 ? held : split.validation} of ${counted} leaves nothing ${nothing} (${dataset.description})`;
  const hints =
    of > 1
      ? [`hold out 1 to ${of - 1}: \`split = ${split.by}(validation = 1)\``]
      : split.by === 'patients' && dataset.count > 1
        ? ['split by slices instead: `split = slices(validation = 1)`']
        : ['a split takes two samples at least'];
  return diagnostic('empty-split', message, { hints });
}

/**
 * Pixels of each class over some samples. Reads each once; the first that cannot be read ends it.
 */
export async function classCounts(
  dataset: Dataset,
  indices: readonly number[],
): Promise<Outcome<readonly number[]>> {
  const counts = dataset.classes.map(() => 0);
  for (const index of indices) {
    const sample = await dataset.load(index);
    if (!sample.ok) return sample;
    for (const label of sample.value.labels) counts[label] = (counts[label] ?? 0) + 1;
  }
  return { ok: true, value: counts };
}

/** A warning, `single-class`, where one class alone occurs in a part of the data. */
export function singleClass(
  dataset: Dataset,
  part: keyof Parts,
  counts: readonly number[],
): Diagnostic[] {
  const present = dataset.classes.filter((_, i) => (counts[i] ?? 0) > 0);
  if (present.length !== 1) return [];
  const of = part === 'train' ? 'training' : 'validation';
  return [
    diagnostic(
      'single-class',
      `every pixel of the ${of} data is ${present[0] ?? ''}: Dice and IoU of other classes are undefined`,
      { hints: ['choose another split, or check which value of the masks is which class'] },
    ),
  ];
}
