/** Samples as their files have them, and the dataset that they make once labels have become classes. */
import { diagnostic, type Diagnostic, type Outcome } from '../compiler/diagnostic.js';
import type { Dataset, DatasetOptions } from './dataset.js';
import { countValues, labelRule, toClasses, type LabelRule, type LabelValues } from './labels.js';

export interface RawSample {
  readonly name: string;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** `[height, width, channels]` */
  readonly image: Float32Array;
  /** `[height, width]`, as in the file. */
  readonly labels: Float32Array;
}

interface RawDataset {
  /** `slices`, `pairs`: what a sample is called. */
  readonly noun: string;
  /** Where they come from, for people. */
  readonly origin: string;
  readonly channels: number;
  readonly groups: readonly string[];
  load(index: number): Promise<Outcome<RawSample>>;
}

/** Nobody reads more messages of one kind. */
export const MAX_PROBLEMS = 20;

/**
 * Reads everything once, so that what is wrong anywhere is said before a training starts, all of it
 * together; then the values of the labels say which are which.
 */
export async function scannedDataset(
  raw: RawDataset,
  options: DatasetOptions,
): Promise<Outcome<Dataset>> {
  const values: LabelValues = new Map();
  const problems: Diagnostic[] = [];
  const sizes = new Set<string>();
  for (let i = 0; i < raw.groups.length; i++) {
    const sample = await raw.load(i);
    if (!sample.ok) {
      problems.push(...sample.diagnostics);
      continue;
    }
    const { value } = sample;
    const problem = sampleProblem(value, raw.channels);
    if (problem !== undefined) problems.push(problem);
    countValues(values, value.labels, value);
    sizes.add(`${value.height} × ${value.width}`);
  }
  if (problems.length > 0) return { ok: false, diagnostics: shortened(problems) };
  const rule = labelRule(values, options);
  if (!rule.ok) return rule;
  return { ok: true, value: classified(raw, rule.value, [...sizes]) };
}

/** The dataset of samples whose labels follow a rule; each is checked when it is read. */
export function classified(raw: RawDataset, rule: LabelRule, sizes: readonly string[]): Dataset {
  const count = raw.groups.length;
  const size = sizes.length === 1 ? ` of ${sizes[0] ?? ''}` : ` of ${sizes.length} sizes`;
  const parts = [raw.origin, ...(rule.note === undefined ? [] : [rule.note])];
  return {
    description: `${count} ${raw.noun}${size} (${parts.join('; ')})`,
    count,
    channels: raw.channels,
    classes: rule.classes,
    groups: raw.groups,
    load: async (index) => {
      const sample = await raw.load(index);
      if (!sample.ok) return sample;
      const problem = sampleProblem(sample.value, raw.channels);
      if (problem !== undefined) return { ok: false, diagnostics: [problem] };
      const labels = toClasses(sample.value.labels, rule, sample.value);
      return labels.ok ? { ok: true, value: { ...sample.value, labels: labels.value } } : labels;
    },
  };
}

/** `data-mismatch` where a sample does not fit its dataset, or has values that no network takes. */
function sampleProblem(sample: RawSample, channels: number): Diagnostic | undefined {
  const { name, width, image } = sample;
  if (sample.channels !== channels) {
    return diagnostic(
      'data-mismatch',
      `${name} has ${sample.channels} channels; the first image has ${channels}`,
      { hints: ['save all images as grey, or all in colour'] },
    );
  }
  const at = image.findIndex((x) => !Number.isFinite(x));
  if (at === -1) return undefined;
  const pixel = Math.floor(at / channels);
  return diagnostic(
    'data-mismatch',
    `${name}: the value at row ${Math.floor(pixel / width)}, column ${pixel % width} is ${image[at] ?? NaN}`,
    { hints: ['replace values that are not finite'] },
  );
}

/** At most `MAX_PROBLEMS` of them, and how many there are besides. */
export function shortened(problems: readonly Diagnostic[]): readonly Diagnostic[] {
  const rest = problems.slice(MAX_PROBLEMS);
  const [first] = rest;
  if (first === undefined) return problems;
  const more = diagnostic(
    first.code,
    `${rest.length} more files are wrong, the first: ${first.message}`,
  );
  return [...problems.slice(0, MAX_PROBLEMS), more];
}
