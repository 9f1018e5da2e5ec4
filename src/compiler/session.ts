/** What one elaboration of a model carries along: the graph being built, limits, diagnostics. */
import type { GraphBuilder } from './builder.js';
import type { Failure } from './arithmetic.js';
import { diagnostic, type Diagnostic } from './diagnostic.js';
import type { Entity } from './entity.js';
import type { Value } from './ir.js';
import type { Module } from './modules.js';
import type { WeightSpec } from './ops/operator.js';
import type { OpenScope, PendingNames } from './scope.js';
import { formatLocation, type Span } from './source.js';
import type { Dim } from './shape.js';
import type { Code } from './codes.js';

/** Blocks within blocks: a deeper network is a mistake. */
export const MAX_DEPTH = 100;
/** Operators in one model. */
export const MAX_NODES = 1_000_000;
/** Rounds of all loops of one model together. */
export const MAX_ITERATIONS = 1_000_000;
/** Uses of blocks and operators in one model, whether or not they leave an operator behind. */
export const MAX_USES = 2_000_000;
/** List items that all expressions of one model together may make. */
export const MAX_COPIES = 200_000_000;

export interface Session {
  readonly builder: GraphBuilder;
  readonly diagnostics: Diagnostic[];
  readonly reported: Set<string>;
  readonly pending: PendingNames;
  /** Values of `const`s, evaluated when first asked for. */
  readonly constants: Map<object, Entity | 'evaluating'>;
  nodes: number;
  iterations: number;
  uses: number;
  copies: number;
}

/** The evaluation of one body: a block's, a model's, or a constant's expression. */
export interface Frame {
  readonly session: Session;
  readonly module: Module;
  readonly kind: 'model' | 'block' | 'const';
  readonly locals: Map<string, Entity>;
  /** The tensor that flows in: `in`. */
  readonly input: Entity | undefined;
  /** Where nodes made here stand. */
  readonly scope: OpenScope;
  readonly depth: number;
  /** The call that this body expands, and the frame it was made in. */
  readonly caller:
    { readonly frame: Frame; readonly span: Span; readonly name: string } | undefined;
  /** Makes or finds a weight of an operator that stands at `scope`. */
  readonly own: (spec: WeightSpec, scope: OpenScope, span: Span) => Value;
  /** Names that only `expect` knows: `params`, `macs`. */
  readonly metrics?: (name: string) => Entity | undefined;
  /** In `expect`: sizes as chosen for this run, where the symbols do not decide. */
  readonly concretize?: (dim: Dim) => Dim;
  /** In `expect`: a figure of another model, `UNet.params`. */
  readonly modelMetric?: (model: Entity, name: string, span: Span) => Entity | undefined;
}

interface Details {
  readonly labels?: Diagnostic['labels'];
  readonly hints?: readonly string[];
}

/**
 * Reports once for a place, however many expansions reach it, with the calls that led there.
 * Returns poison, so that a caller can `return report(…)`.
 */
export function report(
  frame: Frame,
  code: Code,
  message: string,
  span: Span,
  details: Details = {},
): { readonly type: 'poison' } {
  const { session } = frame;
  const key = `${code}@${span.source.path}:${span.start}-${span.end}`;
  if (!session.reported.has(key)) {
    session.reported.add(key);
    session.diagnostics.push(
      diagnostic(code, message, {
        span,
        labels: [...(details.labels ?? []), ...callLabels(frame)],
        hints: details.hints ?? [],
      }),
    );
  }
  return { type: 'poison' };
}

export function reportFailure(frame: Frame, failure: Failure, span: Span): Entity {
  return report(frame, failure.code, failure.message, span, { hints: failure.hints });
}

/** The calls through which a body came to be expanded, innermost first, three at the most. */
function callLabels(frame: Frame): Diagnostic['labels'] {
  const labels: { span: Span; message: string }[] = [];
  const seen = new Set<string>();
  for (let caller = frame.caller; caller !== undefined; caller = caller.frame.caller) {
    const key = formatLocation(caller.span);
    if (!seen.has(key))
      labels.push({ span: caller.span, message: `in this use of ${caller.name}` });
    seen.add(key);
    if (labels.length === 3) break;
  }
  return labels;
}
