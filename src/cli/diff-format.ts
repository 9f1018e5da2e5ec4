/** What differs between two models, as a table, Markdown or JSON. */
import type { DiffLayer, DiffWeight, LayerDiff, ModelDiff, WeightPair } from '../compiler/diff.js';
import { elementCount } from '../compiler/ops/tensor.js';
import type { ModelStats } from '../compiler/stats.js';
import { printJson } from '../tables/json.js';
import {
  COUNT,
  SIZE,
  compare,
  formatNumber,
  left,
  markdownText,
  renderSection,
  right,
  type Cell,
  type Comparison,
  type Table,
} from '../tables/table.js';
import { counted } from './words.js';

export const DIFF_FORMATS = ['table', 'json', 'markdown'] as const;
type DiffFormat = (typeof DIFF_FORMATS)[number];

/** Two models with what differs between them. */
export interface Compared {
  readonly before: ModelStats;
  readonly after: ModelStats;
  readonly diff: ModelDiff;
  /** What is set in the second alone, as written. */
  readonly changes: readonly string[];
}

export function formatDiff(compared: Compared, format: DiffFormat): string {
  if (format === 'json') return printJson(diffDocument(compared));
  const { layers } = compared.diff;
  const changed = layers.filter((layer) => layer.kind !== 'same');
  const text = (line: string): string => `${format === 'table' ? line : markdownText(line)}\n`;
  const sections = [renderSection(titleOf(compared), costsTable(compared), format)];
  if (changed.length === 0) sections.push(text('No layer has changed.'));
  else {
    const title = summarizeLayers(layers);
    sections.push(renderSection(title, layersTable(layers), format));
  }
  const { title, table } = weightsSection(compared);
  sections.push(renderSection(title, table, format));
  return sections.join('\n');
}

function withChanges(name: string, changes: readonly string[]): string {
  return changes.length === 0 ? name : `${name} with ${changes.join(', ')}`;
}

/** The two models by names that tell them apart. */
function namesOf({ before, after, changes }: Compared): readonly [string, string] {
  if (changes.length > 0) return [before.name, withChanges(after.name, changes)];
  return before.name === after.name
    ? [`${before.name} (${before.file})`, `${after.name} (${after.file})`]
    : [before.name, after.name];
}

function titleOf({ before, after, changes }: Compared): string {
  const second = withChanges(after.name, changes);
  return before.file === after.file
    ? `From ${before.name} to ${second} (${after.file})`
    : `From ${before.name} (${before.file}) to ${second} (${after.file})`;
}

// --- Costs --------------------------------------------------------------------------------------

const COSTS: readonly {
  /** As in JSON. */
  readonly name: string;
  readonly title: string;
  readonly value: (m: ModelStats) => number;
  readonly words: Comparison;
}[] = [
  { name: 'params', title: 'parameters', value: (m) => m.params, words: COUNT },
  { name: 'buffers', title: 'buffers', value: (m) => m.buffers, words: COUNT },
  { name: 'macs', title: 'MACs', value: (m) => m.macs, words: COUNT },
  { name: 'flops', title: 'FLOPs', value: (m) => m.flops, words: COUNT },
  { name: 'weightBytes', title: 'bytes of weights', value: (m) => m.weightBytes, words: SIZE },
  {
    name: 'peakActivationBytes',
    title: 'bytes of activations at the peak',
    value: (m) => m.peakActivationBytes,
    words: SIZE,
  },
];

function signed(difference: number): string {
  if (difference === 0) return '0';
  return `${difference > 0 ? '+' : '−'}${formatNumber(Math.abs(difference), 0)}`;
}

function costsTable({ before, after }: Compared): Table {
  const isShown = ({ name, value }: (typeof COSTS)[number]): boolean =>
    name !== 'buffers' || value(before) > 0 || value(after) > 0;
  return {
    columns: [left(''), right('before'), right('after'), right('difference'), right('')],
    rows: COSTS.filter(isShown).map(({ title, value, words }) => [
      title,
      value(before),
      value(after),
      signed(value(after) - value(before)),
      compare(value(before), value(after), words),
    ]),
  };
}

// --- Layers -------------------------------------------------------------------------------------

const KINDS = ['changed', 'renamed', 'added', 'removed', 'same'] as const;

function countKinds(layers: readonly LayerDiff[]): Record<(typeof KINDS)[number], number> {
  const counts = { changed: 0, renamed: 0, added: 0, removed: 0, same: 0 };
  for (const { kind } of layers) counts[kind]++;
  return counts;
}

/** `Layers: 3 changed, 2 added; 40 are the same`. */
function summarizeLayers(layers: readonly LayerDiff[]): string {
  const counts = countKinds(layers);
  const parts = KINDS.filter((kind) => kind !== 'same' && counts[kind] > 0).map(
    (kind) => `${formatNumber(counts[kind], 0)} ${kind}`,
  );
  return `Layers: ${parts.join(', ')}; ${formatNumber(counts.same, 0)} the same`;
}

/** Layers of one block that is there on one side only, in one row. */
interface Row {
  readonly mark: string;
  readonly path: string;
  readonly what: string;
  readonly params: number;
  readonly macs: number;
}

const MARKS = { added: '+', removed: '-', changed: '~', renamed: '>' } as const;

function layersTable(layers: readonly LayerDiff[]): Table {
  const rows: Row[] = [];
  const whole = {
    added: wholeBlocks(layers, 'added'),
    removed: wholeBlocks(layers, 'removed'),
  };
  const shown = new Set<string>();
  for (const entry of layers) {
    switch (entry.kind) {
      case 'same':
        break;
      case 'added':
      case 'removed': {
        const layer = layerOf(entry);
        const block = whole[entry.kind].get(layer.path) ?? { path: layer.path, layers: [layer] };
        const key = `${entry.kind} ${block.path}`;
        if (shown.has(key)) break;
        shown.add(key);
        rows.push(blockRow(entry.kind, block));
        break;
      }
      case 'renamed':
      case 'changed': {
        const { before, after, changes } = entry;
        const from = before.path === after.path ? [] : [`was ${before.path}`];
        const said = changes.map((c) => `${c.what} ${c.before} → ${c.after}`);
        rows.push({
          mark: MARKS[entry.kind],
          path: after.path,
          what: [...from, ...said].join('; '),
          params: after.params - before.params,
          macs: after.macs - before.macs,
        });
      }
    }
  }
  return {
    columns: [left(''), left('layer or block'), left('what'), right('parameters'), right('MACs')],
    rows: rows.map(({ mark, path, what, params, macs }): Cell[] => [
      mark,
      path,
      what,
      signed(params),
      signed(macs),
    ]),
  };
}

interface Block {
  readonly path: string;
  readonly layers: readonly DiffLayer[];
}

function layerOf(entry: LayerDiff): DiffLayer {
  return entry.kind === 'removed' ? entry.before : entry.after;
}

/** For each layer of the kind, the largest block that holds it and nothing of another kind. */
function wholeBlocks(
  layers: readonly LayerDiff[],
  kind: 'added' | 'removed',
): ReadonlyMap<string, Block> {
  // On the side on which the block is: what was removed is no part of the second model.
  const side = layers.flatMap((entry) => {
    const layer = kind === 'added' ? afterOf(entry) : beforeOf(entry);
    return layer === undefined ? [] : [{ layer, isOfKind: entry.kind === kind }];
  });
  const scopes = new Map<string, { readonly layers: DiffLayer[]; isWhole: boolean }>();
  for (const { layer, isOfKind } of side) {
    for (const path of prefixes(layer.path)) {
      const scope = scopes.get(path) ?? { layers: [], isWhole: true };
      scope.layers.push(layer);
      if (!isOfKind) scope.isWhole = false;
      scopes.set(path, scope);
    }
  }
  const found = new Map<string, Block>();
  for (const { layer } of side) {
    const path = prefixes(layer.path).find((prefix) => scopes.get(prefix)?.isWhole === true);
    const scope = path === undefined ? undefined : scopes.get(path);
    if (path !== undefined && scope !== undefined && scope.layers.length > 1) {
      found.set(layer.path, { path, layers: scope.layers });
    }
  }
  return found;
}

function beforeOf(entry: LayerDiff): DiffLayer | undefined {
  return entry.kind === 'added' ? undefined : entry.before;
}

function afterOf(entry: LayerDiff): DiffLayer | undefined {
  return entry.kind === 'removed' ? undefined : entry.after;
}

/** `e2`, `e2.sdblock`, `e2.sdblock.relu`. */
function prefixes(path: string): string[] {
  const steps = path.split('.');
  return steps.map((_, i) => steps.slice(0, i + 1).join('.'));
}

function blockRow(kind: 'added' | 'removed', { path, layers }: Block): Row {
  const sign = kind === 'added' ? 1 : -1;
  const sum = (value: (layer: DiffLayer) => number): number =>
    sign * layers.reduce((total, layer) => total + value(layer), 0);
  const [only] = layers;
  return {
    mark: MARKS[kind],
    path,
    what:
      layers.length === 1 && only !== undefined
        ? `${only.op}, output ${only.output}`
        : counted(layers.length, 'layer'),
    params: sum((layer) => layer.params),
    macs: sum((layer) => layer.macs),
  };
}

// --- Weights ------------------------------------------------------------------------------------

function elementsOf(weights: readonly DiffWeight[]): number {
  return weights
    .filter((weight) => weight.trainable)
    .reduce((sum, { shape }) => sum + elementCount(shape), 0);
}

const ofAfter = (pairs: readonly WeightPair[]): DiffWeight[] => pairs.map(({ after }) => after);

function weightGroups(compared: Compared): readonly {
  readonly name: keyof ModelDiff['weights'];
  readonly title: string;
  readonly weights: readonly DiffWeight[];
}[] {
  const { kept, probable, reshaped, added, removed } = compared.diff.weights;
  const [first] = namesOf(compared);
  return [
    { name: 'kept', title: 'carried over, same name and shape', weights: ofAfter(kept) },
    {
      name: 'probable',
      title: 'probably, same shape under another name',
      weights: ofAfter(probable),
    },
    { name: 'reshaped', title: 'not, another shape', weights: ofAfter(reshaped) },
    { name: 'added', title: 'not, new', weights: added },
    { name: 'removed', title: `of ${first}, left behind`, weights: removed },
  ];
}

function weightsSection(compared: Compared): { readonly title: string; readonly table: Table } {
  const { before, after } = compared;
  const [first, second] = namesOf(compared);
  const share = (part: number, whole: number): string =>
    whole === 0 ? '' : `${formatNumber((100 * part) / whole, 1)}%`;
  return {
    title: `Weights that ${second} could take from ${first}`,
    table: {
      columns: [left(''), right('weights'), right('parameters'), right('share')],
      rows: weightGroups(compared).map(({ name, title, weights }) => {
        const elements = elementsOf(weights);
        const whole = name === 'removed' ? before.params : after.params;
        return [title, weights.length, elements, share(elements, whole)];
      }),
    },
  };
}

// --- JSON ---------------------------------------------------------------------------------------

function jsonLayer({ path, op, output, params, macs, source }: DiffLayer): object {
  return { path, op, output, params, macs, source };
}

/** What `archc diff --json` prints. */
function diffDocument(compared: Compared): object {
  const { before, after, diff } = compared;
  const { kept, probable, reshaped, added, removed } = diff.weights;
  const weight = ({ name, shape }: DiffWeight): object => ({ name, shape });
  const pair = (p: WeightPair): object => ({ before: weight(p.before), after: weight(p.after) });
  return {
    formatVersion: 1,
    before: { name: before.name, file: before.file },
    after: { name: after.name, file: after.file },
    costs: Object.fromEntries(
      COSTS.map(({ name, value }) => {
        const [from, to] = [value(before), value(after)];
        return [name, { before: from, after: to, difference: to - from }];
      }),
    ),
    counts: countKinds(diff.layers),
    layers: diff.layers
      .filter((entry) => entry.kind !== 'same')
      .map((entry) => ({
        kind: entry.kind,
        ...(entry.kind === 'added' ? {} : { before: jsonLayer(entry.before) }),
        ...(entry.kind === 'removed' ? {} : { after: jsonLayer(entry.after) }),
        ...('changes' in entry ? { changes: entry.changes } : {}),
      })),
    weights: {
      kept: ofAfter(kept).map(weight),
      probable: probable.map(pair),
      reshaped: reshaped.map(pair),
      added: added.map(weight),
      removed: removed.map(weight),
      params: Object.fromEntries(
        weightGroups(compared).map(({ name, weights }) => [name, elementsOf(weights)]),
      ),
    },
  };
}
