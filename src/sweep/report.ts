/** What a sweep has found: every variant with its figures or its error, and the Pareto front. */
import type { Code } from '../compiler/codes.js';
import type { Diagnostic } from '../compiler/diagnostic.js';
import { METRIC_NAMES } from '../compiler/metrics.js';
import { choicesAt, type Axis, type Choice } from './axes.js';
import type { VariantResult } from './count.js';
import { paretoFront } from './pareto.js';

export interface SweepReport {
  readonly file: string;
  readonly model: string;
  readonly axes: readonly Axis[];
  /** Variants of the whole product, of which a sample may have been counted. */
  readonly product: number;
  /** `--where`, as written. */
  readonly condition: string | undefined;
  /** The figures of `--pareto`; none without it. */
  readonly objectives: readonly string[];
  /** In the order of the product. */
  readonly variants: readonly SweptVariant[];
  /** Errors by code and message, in the order in which they first occur. */
  readonly failures: readonly FailureGroup[];
}

export interface SweptVariant {
  readonly choices: readonly Choice[];
  /** Excluded: `--where` does not hold. */
  readonly status: 'kept' | 'excluded' | 'failed';
  /** In the order of `METRIC_NAMES`; none where it has failed. */
  readonly figures: readonly number[];
  readonly isInFront: boolean;
  /** The first error, where it has failed. */
  readonly error: Diagnostic | undefined;
}

/** Variants that fail with the same first error. */
interface FailureGroup {
  readonly code: Code;
  readonly message: string;
  readonly count: number;
  /** The error and the variant where it first occurs. */
  readonly diagnostic: Diagnostic;
  readonly choices: readonly Choice[];
}

type SweepHeader = Pick<
  SweepReport,
  'file' | 'model' | 'axes' | 'product' | 'condition' | 'objectives'
>;

/** Puts together what was found at `places`; `results` has as many, and none that is refused. */
export function sweepReport(
  header: SweepHeader,
  places: readonly number[],
  results: readonly VariantResult[],
): SweepReport {
  const kept = places.flatMap((_, i) => {
    const result = results[i];
    return result?.kind === 'counted' && result.passes ? [{ i, figures: result.figures }] : [];
  });
  const columns = header.objectives.map((name) => METRIC_NAMES.indexOf(name));
  const points = kept.map(({ figures }) => columns.map((column) => figures[column] ?? 0));
  const front = new Set(
    columns.length === 0 ? [] : paretoFront(points).map((point) => kept[point]?.i),
  );
  const variants = places.map((place, i): SweptVariant => {
    const choices = choicesAt(header.axes, place);
    const result = results[i];
    if (result?.kind !== 'counted') {
      const error = result?.kind === 'failed' ? result.error : undefined;
      return { choices, status: 'failed', figures: [], isInFront: false, error };
    }
    return {
      choices,
      status: result.passes ? 'kept' : 'excluded',
      figures: result.figures,
      isInFront: front.has(i),
      error: undefined,
    };
  });
  return { ...header, variants, failures: groupFailures(variants) };
}

function groupFailures(variants: readonly SweptVariant[]): FailureGroup[] {
  const groups = new Map<string, FailureGroup>();
  for (const { error, choices } of variants) {
    if (error === undefined) continue;
    const { code, message } = error;
    const key = `${code} ${message}`;
    const group = groups.get(key) ?? { code, message, count: 0, diagnostic: error, choices };
    groups.set(key, { ...group, count: group.count + 1 });
  }
  return [...groups.values()];
}

/** `width = 16, groups = 8` */
export function describeChoices(choices: readonly Choice[]): string {
  return choices.map(({ override, text }) => `${override.name} = ${text}`).join(', ');
}

/** What the sweep was for: the front, or where none was asked for, all that `--where` keeps. */
export function chosenVariants({ objectives, variants }: SweepReport): SweptVariant[] {
  return variants.filter(({ status, isInFront }) =>
    objectives.length > 0 ? isInFront : status === 'kept',
  );
}
