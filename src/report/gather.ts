/** From the figures of a model to what a report says of it. */
import { callsOf } from '../compiler/conventions/calls.js';
import type { Outcome } from '../compiler/diagnostic.js';
import type { Graph } from '../compiler/ir.js';
import type { Program } from '../compiler/modules.js';
import {
  COUNTER_NAMES,
  reconcile,
  type CounterName,
  type Reconciliation,
} from '../compiler/reconcile.js';
import type { ReportFigures, ReportModel } from './model.js';

/** Two counts of which a report explains the difference. */
export type Pair = readonly [from: CounterName, to: CounterName];

/**
 * A model with its figures, the conventions that are to be shown among them. Each of these is
 * explained against archc's own count of its unit, after the `pairs` that are asked for.
 */
export function gatherModel(
  figures: ReportFigures,
  graph: Graph,
  program: Program,
  pairs: readonly Pair[] = [],
): Outcome<ReportModel> {
  const calls = callsOf(graph);
  const reconciliations: Reconciliation[] = [];
  for (const [from, to] of [...pairs, ...ownPairs(figures)]) {
    const found = reconcile(calls, from, to, graph.name);
    if (!found.ok) return found;
    reconciliations.push(found.value);
  }
  return {
    ok: true,
    value: { figures, graph, program, reconciliations },
  };
}

function ownPairs({ conventions = [] }: ReportFigures): Pair[] {
  return conventions.flatMap(({ name, unit }): Pair[] => {
    const from = COUNTER_NAMES.find((each) => each === name);
    return from === undefined ? [] : [[from, unit === 'MACs' ? 'archc-macs' : 'archc']];
  });
}
