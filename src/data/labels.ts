/** From the values that files hold to classes: which value is which, and what is none of them. */
import { diagnostic, type Diagnostic, type Outcome } from '../compiler/diagnostic.js';
import type { DatasetOptions } from './dataset.js';

/** A place in a file. */
interface LabelPlace {
  readonly name: string;
  readonly row: number;
  readonly column: number;
}

/** How often each value occurs, and where first. */
export type LabelValues = Map<number, { count: number; readonly first: LabelPlace }>;

/** Class of each value that a label may have. */
type ClassMap = ReadonlyMap<number, number>;

export interface LabelRule {
  readonly classes: readonly string[];
  readonly map: ClassMap;
  /** For the dataset's description, where something was decided. */
  readonly note: string | undefined;
}

/** Masks of numbers without names are taken for classes up to this many. */
const MAX_GUESSED = 32;
/** Classes are bytes. */
export const MAX_CLASSES = 256;
/** White, in 8 and in 16 bits. */
const WHITES = [255, 65535];
/** Stored integers may be scaled in files (NIfTI), and come back with an error. */
const TOLERANCE = 1e-3;

/** The integer that a stored label means, NaN for none. */
function integerOf(value: number): number {
  const nearest = Math.round(value);
  return Math.abs(value - nearest) <= TOLERANCE ? nearest + 0 : NaN;
}

/** Adds the labels of one sample, `[height, width]`, to the counts. */
export function countValues(
  into: LabelValues,
  labels: Float32Array,
  sample: { readonly name: string; readonly width: number },
): void {
  for (let i = 0; i < labels.length;) {
    const value = labels[i] ?? 0;
    // Labels come in runs.
    let end = i + 1;
    while (end < labels.length && labels[end] === value) end++;
    const integer = integerOf(value);
    const key = Number.isNaN(integer) ? value : integer;
    const found = into.get(key);
    if (found === undefined) into.set(key, { count: end - i, first: placeOf(i, sample) });
    else found.count += end - i;
    i = end;
  }
}

function placeOf(
  index: number,
  { name, width }: { readonly name: string; readonly width: number },
): LabelPlace {
  return { name, row: Math.floor(index / width), column: index % width };
}

/**
 * The rule for labels of these values. 0 with 255 (or 65535), and nothing else, are two classes; see
 * `DatasetOptions.foreground`. All else are numbers of classes, below the number of names given, or up
 * to 31 without. Each other value gives `bad-label`, more than `MAX_CLASSES` names `data-mismatch`.
 */
export function labelRule(values: LabelValues, options: DatasetOptions): Outcome<LabelRule> {
  const names = options.classes;
  if (names !== undefined && names.length > MAX_CLASSES) {
    const message = `${names.length} classes are named, and a dataset has ${MAX_CLASSES} at most`;
    return { ok: false, diagnostics: [diagnostic('data-mismatch', message)] };
  }
  const white = WHITES.find((w) => values.has(w));
  const mayBeBinary = names === undefined || names.length === 2;
  if (mayBeBinary && [...values.keys()].every((v) => v === 0 || v === (white ?? 1))) {
    return { ok: true, value: binaryRule(values, white ?? 1, options) };
  }
  const limit = names?.length ?? MAX_GUESSED;
  const wrong = [...values].filter(([v]) => !(Number.isInteger(v) && v >= 0 && v < limit));
  if (wrong.length > 0) return { ok: false, diagnostics: badLabels(wrong, names) };
  const count = names?.length ?? Math.max(...values.keys()) + 1;
  const classes = names ?? numberedClasses(count);
  const numbers = classes.map((_, i) => i);
  return { ok: true, value: mergedRule(classes, new Map(numbers.map((n) => [n, n])), options) };
}

function numberedClasses(count: number): string[] {
  return Array.from({ length: count }, (_, i) => (i === 0 ? 'background' : `class ${i}`));
}

/** One class each of the values of `map`, or one for all but the background. */
export function mergedRule(
  classes: readonly string[],
  map: ClassMap,
  { merge = false }: DatasetOptions,
): LabelRule {
  if (!merge || classes.length <= 2) return { classes, map, note: undefined };
  return {
    classes: [classes[0] ?? 'background', 'foreground'],
    map: new Map([...map].map(([value, each]) => [value, Math.min(1, each)])),
    note: `${classes.slice(1).join(', ')} as one class`,
  };
}

function binaryRule(values: LabelValues, bright: number, options: DatasetOptions): LabelRule {
  const foreground = options.foreground ?? 'rarer';
  const counts = [values.get(0)?.count ?? 0, values.get(bright)?.count ?? 0] as const;
  // Numbers 0 and 1 are classes already.
  const guesses = foreground === 'rarer' && bright !== 1;
  const isDark = foreground === 'dark' || (guesses && counts[0] > 0 && counts[0] < counts[1]);
  const classes = options.classes ?? ['background', 'foreground'];
  const share = (counts[isDark ? 0 : 1] * 100) / (counts[0] + counts[1]);
  const why = guesses ? `${share.toFixed(1)} % of the pixels, the rarer value` : 'as asked';
  return {
    classes,
    map: new Map([
      [0, isDark ? 1 : 0],
      [bright, isDark ? 0 : 1],
    ]),
    note:
      bright === 1 && !isDark
        ? undefined
        : `${classes[1] ?? ''} is ${isDark ? 0 : bright} in the masks: ${why}`,
  };
}

const MAX_LISTED = 5;

function badLabels(
  wrong: readonly (readonly [number, { readonly count: number; readonly first: LabelPlace }])[],
  names: readonly string[] | undefined,
): Diagnostic[] {
  const sorted = [...wrong].sort(([a], [b]) => a - b);
  const listed = sorted
    .slice(0, MAX_LISTED)
    .map(([value, { count, first }]) => badLabel(value, first, names, count));
  const more = sorted.length - listed.length;
  if (more > 0) {
    const message = `${more} more values of the labels, up to ${sorted.at(-1)?.[0] ?? 0}, are no classes`;
    listed.push(diagnostic('bad-label', message, { hints: ['save masks without smoothing'] }));
  }
  return listed;
}

/** `bad-label` for one value; `count` pixels have it, where that is known. */
function badLabel(
  value: number,
  { name, row, column }: LabelPlace,
  names: readonly string[] | undefined,
  count?: number,
): Diagnostic {
  const what = names === undefined ? 'no class' : `none of the ${names.length} classes`;
  const pixels = count === undefined ? '' : ` (${count} pixel${count === 1 ? '' : 's'} in all)`;
  const hints =
    names === undefined
      ? [
          'labels are 0 and 255, or numbers of classes from 0 on; name the classes if there are many',
        ]
      : [`the classes are ${names.map((n, i) => `${i} ${n}`).join(', ')}`];
  return diagnostic(
    'bad-label',
    `${name}: the label ${value} at row ${row}, column ${column} is ${what}${pixels}`,
    { hints },
  );
}

/** The class of each pixel, or `bad-label` for the first that has none. */
export function toClasses(
  labels: Float32Array,
  { map, classes }: LabelRule,
  sample: { readonly name: string; readonly width: number },
): Outcome<Uint8Array> {
  const result = new Uint8Array(labels.length);
  let last = NaN;
  let lastClass = 0;
  for (let i = 0; i < labels.length; i++) {
    const value = labels[i] ?? 0;
    if (value !== last) {
      const found = map.get(integerOf(value));
      if (found === undefined) {
        return { ok: false, diagnostics: [badLabel(value, placeOf(i, sample), classes)] };
      }
      last = value;
      lastClass = found;
    }
    result[i] = lastClass;
  }
  return { ok: true, value: result };
}
