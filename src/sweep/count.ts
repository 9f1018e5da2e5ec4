/** Counts the variants of a sweep, one at a time: elaborate, size, check the claims, count. */
import type { Expression, ModelDeclaration } from '../compiler/ast.js';
import { modelChecker, sizedGraph, type SizeRequest } from '../compiler/check.js';
import { diagnostic, type Diagnostic } from '../compiler/diagnostic.js';
import { fileFrame, type Override } from '../compiler/elaborate.js';
import { decide, evaluate } from '../compiler/evaluate.js';
import { metricOf, METRIC_NAMES } from '../compiler/metrics.js';
import type { Program } from '../compiler/modules.js';
import type { Frame } from '../compiler/session.js';
import type { ModelStats } from '../compiler/stats.js';
import { choicesAt, type Axis, type Choice } from './axes.js';

/** What every worker of a sweep needs to know. Plain data, so that it can be sent to one. */
export interface SweepJob {
  /** Loaded, and valid. */
  readonly program: Program;
  readonly declaration: ModelDeclaration;
  readonly axes: readonly Axis[];
  /** `--set`: the same for every variant. */
  readonly overrides: readonly Override[];
  readonly sizes: SizeRequest | undefined;
  /** `--where` */
  readonly condition: Expression | undefined;
}

export type VariantResult =
  | {
      readonly kind: 'counted';
      /** In the order of `METRIC_NAMES`. */
      readonly figures: readonly number[];
      /** Whether `--where` holds; true without it. */
      readonly passes: boolean;
    }
  /** The model is not valid with these values; the first error. */
  | { readonly kind: 'failed'; readonly error: Diagnostic }
  /** `--where` cannot be evaluated, which ends the sweep. */
  | { readonly kind: 'refused'; readonly diagnostics: readonly Diagnostic[] };

/**
 * A function from a variant's place in the product to what is found of it. The result depends on
 * the place alone, whatever was counted before.
 */
export function variantCounter(job: SweepJob): (place: number) => VariantResult {
  const { program, declaration, axes, overrides, sizes, condition } = job;
  const checker = modelChecker(program, sizes);
  return (place) => {
    const choices = choicesAt(axes, place);
    const chosen = choices.map((choice) => choice.override);
    const { model, diagnostics } = checker.check(declaration, [...overrides, ...chosen]);
    const error = diagnostics.find((d) => d.severity === 'error');
    if (error !== undefined) return { kind: 'failed', error };
    const { graph } = model;
    if (graph === undefined) throw new Error(`${model.name} has neither a graph nor an error`);
    const sized = sizedGraph({ ...model, graph });
    const counted = sized.ok ? checker.figures(sized.value) : sized;
    if (!counted.ok) return failed(counted.diagnostics);
    const figures = METRIC_NAMES.map((name) => figure(counted.value, name));
    if (condition === undefined) return { kind: 'counted', figures, passes: true };
    const frame = knowing(program, choices, figures, condition);
    const passes = holds(condition, frame);
    if (passes !== undefined) return { kind: 'counted', figures, passes };
    const shown = choices.map((c) => `${c.override.name} = ${c.text}`).join(', ');
    return {
      kind: 'refused',
      diagnostics: frame.session.diagnostics.map((d) => ({
        ...d,
        hints: [...d.hints, `in the variant with ${shown}`],
      })),
    };
  };
}

function failed([error]: readonly Diagnostic[]): VariantResult {
  if (error === undefined) throw new Error('a failure without a diagnostic');
  return { kind: 'failed', error };
}

function figure(stats: ModelStats, name: string): number {
  const value = metricOf(stats, name);
  if (value === undefined) throw new Error(`no figure ${name}`);
  return value;
}

/**
 * Where `--where` is evaluated: the file's own names, the varied parameters, and above them the
 * figures, as in `expect`.
 */
function knowing(
  program: Program,
  choices: readonly Choice[],
  figures: readonly number[],
  { span }: Expression,
): Frame {
  const frame = fileFrame(program.entry, span);
  const values = choices.map(({ override }) => evaluate(override.value, frame));
  choices.forEach(({ override }, i) => {
    const value = values[i];
    if (value !== undefined) frame.locals.set(override.name, value);
  });
  METRIC_NAMES.forEach((name, i) => {
    const value = figures[i];
    if (value !== undefined) frame.locals.set(name, { type: 'int', value });
  });
  return frame;
}

function holds(condition: Expression, frame: Frame): boolean | undefined {
  try {
    return decide(condition, frame, '`--where`');
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const message = '`--where` leads through too many constants';
    frame.session.diagnostics.push(diagnostic('too-deep', message, { span: condition.span }));
    return undefined;
  }
}

/** Variants to count together, and where their results belong. */
export interface Portion {
  readonly index: number;
  readonly places: readonly number[];
}

export interface Counted {
  readonly index: number;
  readonly results: readonly VariantResult[];
}

/** The results of a portion, up to the first that is refused. */
export function countPortion(
  counter: (place: number) => VariantResult,
  { index, places }: Portion,
): Counted {
  const results: VariantResult[] = [];
  for (const place of places) {
    const result = counter(place);
    results.push(result);
    if (result.kind === 'refused') break;
  }
  return { index, results };
}
