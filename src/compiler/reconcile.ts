/** Why two ways of counting a model differ: operator by operator, in words and numbers that add up. */
import { CONVENTION_NAMES, CONVENTIONS, type ConventionName } from './conventions/index.js';
import { flops, tooLarge } from './conventions/count.js';
import {
  counts,
  macs,
  nothing,
  ruleFor,
  type Call,
  type Rule,
  type Unit,
} from './conventions/convention.js';
import type { Outcome } from './diagnostic.js';
import { operatorOf, type CoreName } from './ops/index.js';

/** A convention, archc's own FLOPs (`archc`), or its MACs (`archc-macs`). */
export type CounterName = ConventionName | 'archc' | 'archc-macs';

export const COUNTER_NAMES: readonly CounterName[] = [...CONVENTION_NAMES, 'archc', 'archc-macs'];

export interface Counted {
  readonly name: CounterName;
  /** Of the tool; undefined for archc's own figures. */
  readonly version: string | undefined;
  readonly unit: Unit;
  readonly total: number;
}

/** All calls of one operator whose figures differ. */
export interface OperatorDifference {
  readonly operator: CoreName;
  /** Calls of functions, which some tools count unlike modules, are by themselves. */
  readonly isFunction: boolean;
  readonly calls: number;
  readonly from: number;
  readonly to: number;
  /** `to` less `from`. */
  readonly difference: number;
  /** `fvcore counts nothing: …; ptflops counts 2 an output element, …` */
  readonly reason: string;
}

export interface Reconciliation {
  readonly from: Counted;
  readonly to: Counted;
  /** `to` less `from`: the sum over the operators. */
  readonly difference: number;
  /** The largest difference first. Operators on which the two agree are left out. */
  readonly operators: readonly OperatorDifference[];
}

interface Counter {
  readonly name: CounterName;
  readonly version: string | undefined;
  readonly unit: Unit;
  readonly rule: (call: Call) => Rule;
}

/** What makes the difference between two counts of the calls of a model; `too-large` beyond 2^53 − 1. */
export function reconcile(
  calls: readonly Call[],
  from: CounterName,
  to: CounterName,
  model: string,
): Outcome<Reconciliation> {
  const sides = { from: counterOf(from), to: counterOf(to) };
  const totals = { from: 0, to: 0 };
  const groups = new Map<string, OperatorDifference>();
  for (const call of calls) {
    const rules = { from: sides.from.rule(call), to: sides.to.rule(call) };
    const own = { from: apply(rules.from, call), to: apply(rules.to, call) };
    for (const side of ['from', 'to'] as const) {
      totals[side] += own[side];
      if (!Number.isSafeInteger(totals[side])) {
        return { ok: false, diagnostics: [tooLarge(model, sides[side], call)] };
      }
    }
    const key = `${call.op} ${call.isFunction}`;
    const before = groups.get(key);
    const sum = { from: (before?.from ?? 0) + own.from, to: (before?.to ?? 0) + own.to };
    groups.set(key, {
      operator: call.op,
      isFunction: call.isFunction,
      calls: (before?.calls ?? 0) + 1,
      ...sum,
      difference: sum.to - sum.from,
      reason: `${from} counts ${rules.from.words}; ${to} counts ${rules.to.words}`,
    });
  }
  const counted = (side: 'from' | 'to'): Counted => {
    const { name, version, unit } = sides[side];
    return { name, version, unit, total: totals[side] };
  };
  return {
    ok: true,
    value: {
      from: counted('from'),
      to: counted('to'),
      difference: totals.to - totals.from,
      operators: [...groups.values()]
        .filter(({ difference }) => difference !== 0)
        .sort((a, b) => Math.abs(b.difference) - Math.abs(a.difference)),
    },
  };
}

function apply({ count }: Rule, call: Call): number {
  return count === 'uncounted' ? 0 : count(call);
}

function counterOf(name: CounterName): Counter {
  switch (name) {
    case 'archc':
      return { name, version: undefined, unit: 'FLOPs', rule: ownRule };
    case 'archc-macs':
      return { name, version: undefined, unit: 'MACs', rule: macsRule };
    default: {
      const convention = CONVENTIONS[name];
      const { version, unit } = convention;
      return { name, version, unit, rule: (call) => ruleFor(convention, call) };
    }
  }
}

/** archc's FLOPs, in the words of the operator's own documentation. */
function ownRule({ op }: Call): Rule {
  const { costDoc } = operatorOf(op);
  return counts(costDoc.replace(/^(?:MACs = [^;]*; )?FLOPs = /, '').replace(/\.$/, ''), flops);
}

const ONE_A_MAC = counts('1 a MAC', macs);
const NO_MACS = nothing('it is no convolution, dense layer or matrix product');

function macsRule(call: Call): Rule {
  return macs(call) > 0 ? ONE_A_MAC : NO_MACS;
}
