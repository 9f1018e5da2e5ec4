/** A model counted as another tool counts it. */
import { diagnostic, type Diagnostic, type Outcome } from '../diagnostic.js';
import type { CoreName } from '../ops/index.js';
import { operatorOf } from '../ops/index.js';
import { ruleFor, type Call, type Convention, type Unit } from './convention.js';

/** How many calls of an operator. */
export interface OperatorCalls {
  readonly operator: CoreName;
  readonly calls: number;
}

export interface ConventionCount {
  readonly name: string;
  /** The tool's. */
  readonly version: string;
  readonly unit: Unit;
  /** The tool's figure for one image. */
  readonly total: number;
  /** By the paths of the layers of `stats`; undefined where the tool has no rule for what is there. */
  readonly layers: ReadonlyMap<string, number | undefined>;
  /** What the tool has no rule for: not in the total, and not because it would cost nothing. */
  readonly uncounted: readonly OperatorCalls[];
  /** What computes something (archc counts FLOPs there) and to which the tool gives 0. */
  readonly zero: readonly OperatorCalls[];
}

/** The figure of a convention for the calls of a graph, or `too-large` beyond 2^53 − 1. */
export function countBy(
  convention: Convention,
  calls: readonly Call[],
  model: string,
): Outcome<ConventionCount> {
  let total = 0;
  const layers = new Map<string, number | undefined>();
  const uncounted = new Map<CoreName, number>();
  const zero = new Map<CoreName, number>();
  for (const call of calls) {
    const { count } = ruleFor(convention, call);
    const { path } = call.origin;
    if (count === 'uncounted') {
      tick(uncounted, call.op);
      if (!layers.has(path)) layers.set(path, undefined);
      continue;
    }
    const own = count(call);
    total += own;
    if (!Number.isSafeInteger(total))
      return { ok: false, diagnostics: [tooLarge(model, convention, call)] };
    if (own === 0 && flops(call) > 0) tick(zero, call.op);
    const before = layers.get(path);
    // A call without any cost does not make a layer counted.
    const isTold = before !== undefined || own !== 0 || !layers.has(path);
    if (isTold) layers.set(path, (before ?? 0) + own);
  }
  return {
    ok: true,
    value: {
      name: convention.name,
      version: convention.version,
      unit: convention.unit,
      total,
      layers,
      uncounted: operatorCalls(uncounted),
      zero: operatorCalls(zero),
    },
  };
}

/** archc's own FLOPs of a call. */
export function flops(call: Call): number {
  return operatorOf(call.op).cost(call, call.attributes).flops;
}

export function tooLarge(
  model: string,
  { name, unit }: { readonly name: string; readonly unit: Unit },
  { origin }: Call,
): Diagnostic {
  const message = `\`${model}\` has more than 2^53 - 1 ${unit} by \`${name}\`, which cannot be counted exactly`;
  return diagnostic('too-large', message, { span: origin.span });
}

function tick(calls: Map<CoreName, number>, op: CoreName): void {
  calls.set(op, (calls.get(op) ?? 0) + 1);
}

function operatorCalls(calls: ReadonlyMap<CoreName, number>): OperatorCalls[] {
  return Array.from(calls, ([operator, count]) => ({ operator, calls: count }));
}
