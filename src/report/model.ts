/** What the pages of a report are made from. */
import type { ShownMemory } from '../tables/memory-format.js';
import type { CountedModel } from '../tables/stats-format.js';
import type { Graph } from '../compiler/ir.js';
import type { Program } from '../compiler/modules.js';
import type { Reconciliation } from '../compiler/reconcile.js';
import type { Source } from '../compiler/source.js';
import { lineCosts, type FileCosts } from './line-costs.js';
import { markup, type Markup } from './markup.js';

/** Figures with all of memory, the conventions to show, and the time on a device if one is asked for. */
export type ReportFigures = CountedModel & { readonly memory: ShownMemory };

/** A model to report on. */
export interface ReportModel {
  readonly figures: ReportFigures;
  /** At sizes that are numbers; `figures` are its. */
  readonly graph: Graph;
  /** The program that it stands in. */
  readonly program: Program;
  /** Why counts differ. */
  readonly reconciliations: readonly Reconciliation[];
}

/** A model and what several sections need of it. */
export interface Shown extends ReportModel {
  /** What it is called in this report: no two are alike. */
  readonly label: string;
  /** Of letters and digits; what belongs to the model has ids that begin with it. */
  readonly id: string;
  /** The sources that are shown, with their costs. */
  readonly files: readonly ShownFile[];
}

export interface ShownFile {
  readonly source: Source;
  readonly costs: FileCosts | undefined;
  readonly id: string;
}

/** Files of the project are shown whether or not they cost anything, of the standard library only what does. */
export function shown(model: ReportModel, label: string, id: string): Shown {
  const { entry, modules } = model.program;
  const costs = lineCosts(model.graph, model.figures);
  const files = [entry, ...modules.filter((module) => module !== entry)]
    .filter(({ file, isStandard }) => !isStandard || costs.has(file.source))
    .map(({ file: { source } }, i) => ({
      source,
      costs: costs.get(source),
      id: `${id}-s${i + 1}`,
    }));
  return { ...model, label, id, files };
}

/**
 * A place by its name, as `formatLocation` gives it (`models/net.arch:12:8`), as a link to its line
 * where that is shown; in short `net.arch:12`.
 */
export function placeNamed(
  { files }: Shown,
  name: string,
  form: 'whole' | 'short' = 'whole',
): Markup {
  const [, path = '', line = ''] = /^(.*):(\d+):\d+$/s.exec(name) ?? [];
  const file = files.find(({ source }) => source.path === path);
  const said = form === 'whole' ? name : `${path.split(/[/\\]/).at(-1) ?? ''}:${line}`;
  if (file === undefined) return markup`${said}`;
  return markup`<a href="#${file.id}-L${line}" title="${name}">${said}</a>`;
}
