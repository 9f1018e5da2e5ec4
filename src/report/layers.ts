/** The layers of a model: a table to sort and filter, and charts of where the cost is. */
import { barChart, type BarRow } from '../charts/bar-chart.js';
import { formatSizes } from '../tables/stats-format.js';
import type { LayerStats } from '../compiler/stats.js';
import { figure, heading, integer, share, type Section } from './parts.js';
import { markup, trusted, type Markup } from './markup.js';
import { placeNamed, type Shown } from './model.js';

/** A column of counts. */
interface Count {
  readonly title: string;
  /** Undefined where a tool has no rule for the layer. */
  readonly value: (layer: LayerStats) => number | undefined;
  readonly total: number;
  /** The largest of a layer. */
  readonly most: number;
}

function countsOf({ figures }: Shown, conventions: boolean): Count[] {
  const { params, buffers, macs, flops, layers } = figures;
  const columns: Omit<Count, 'most'>[] = [
    { title: 'Parameters', value: (l) => l.params, total: params },
    ...(buffers === 0
      ? []
      : [{ title: 'Buffers', value: (l: LayerStats) => l.buffers, total: buffers }]),
    { title: 'MACs', value: (l) => l.macs, total: macs },
    { title: 'FLOPs', value: (l) => l.flops, total: flops },
    ...(conventions ? (figures.conventions ?? []) : []).map((convention) => ({
      title: convention.name,
      value: (l: LayerStats) => convention.layers.get(l.path),
      total: convention.total,
    })),
  ];
  return columns.map((column) => ({
    ...column,
    most: layers.reduce((most, layer) => Math.max(most, column.value(layer) ?? 0), 0),
  }));
}

/** `conventions`: a column for each convention as well. */
export function layersSection(model: Shown, conventions: boolean): Section {
  const id = `${model.id}-layers`;
  const { layers } = model.figures;
  const counts = countsOf(model, conventions);
  const rows = layers.map(
    (
      layer,
      i,
    ) => markup`<tr><td class="n" data-v="${i}">${i + 1}</td><th scope="row">${breakable(layer.path)}</th><td>${layer.op}</td><td class="n" data-v="${layer.output.reduce((a, b) => a * b, 1)}">${formatSizes(layer.output)}</td>${counts.map((count) => countCell(count, layer))}<td>${placeNamed(model, layer.source, 'short')}</td></tr>
`,
  );
  const total = counts.map(
    (count) =>
      markup`<td class="n" data-v="${count.total}">${integer(count.total)}<small></small></td>`,
  );
  const table = markup`<p class="filter" hidden><label for="${id}-filter">Only layers whose path or operator has</label> <input id="${id}-filter" type="search" data-filter="${id}-table" autocomplete="off" spellcheck="false" placeholder="e2.sdblock or conv"> <output for="${id}-filter" aria-live="polite"></output></p>
<div class="scroll tall" tabindex="0" role="region" aria-label="Layers of ${model.label}">
<table class="data sortable" id="${id}-table">
<caption class="unseen">Layers of ${model.label}. The headers sort.</caption>
<thead><tr>${header('#', 'n')}${header('Layer', '')}${header('Operator', '')}${header('Output', 'n')}${counts.map(({ title }) => header(title, 'n'))}${header('Source', '')}</tr></thead>
<tbody>
${rows}</tbody>
<tfoot><tr class="total"><td></td><th scope="row">Total</th><td></td><td></td>${total}<td></td></tr></tfoot>
</table>
</div>
<p class="note">Percentages are shares of the model’s total; the longest bar of a column is its largest count.</p>`;
  return { id, title: 'Layers', body: markup`${heading(id, 'Layers')}${table}` };
}

function header(title: string, kind: string): Markup {
  return markup`<th scope="col" class="${kind}"><button type="button">${title}</button></th>`;
}

function countCell({ value, total, most }: Count, layer: LayerStats): Markup {
  const count = value(layer);
  if (count === undefined) return markup`<td class="n none" data-v="-1">uncounted</td>`;
  if (count === 0) return markup`<td class="n" data-v="0">0<small></small></td>`;
  const part = share(count, total);
  return markup`<td class="n bar" data-v="${count}" style="--s:${((100 * count) / most).toFixed(1)}%">${integer(count)}<small>${part}</small></td>`;
}

/** A path that may be broken before its dots. */
function breakable(path: string): Markup {
  const [first = '', ...rest] = path.split('.');
  return markup`${first}${rest.map((step) => markup`<wbr>.${step}`)}`;
}

const MOST_BARS = 32;

/** Bars of the layers that cost most, in the order of the graph. */
export function costSection(model: Shown): Section {
  const id = `${model.id}-cost`;
  const charts = [
    { title: 'MACs by layer', unit: 'MACs', value: (l: LayerStats) => l.macs },
    { title: 'Parameters by layer', unit: 'parameters', value: (l: LayerStats) => l.params },
  ].map(({ title, unit, value }) => {
    const rows = largest(model.figures.layers, value);
    return figure(
      trusted(barChart({ title, unit, rows, width: 280 })),
      `${title} of ${model.label}`,
    );
  });
  return {
    id,
    title: 'Where the cost is',
    body: markup`${heading(id, 'Where the cost is')}<div class="pair">${charts}</div>`,
  };
}

/** Bars of the layers with the largest values, in order, and one for all others. */
export function largest<T extends { readonly path: string }>(
  layers: readonly T[],
  value: (layer: T) => number,
): BarRow[] {
  const costly = layers.filter((layer) => value(layer) > 0);
  const chosen = new Set([...costly].sort((a, b) => value(b) - value(a)).slice(0, MOST_BARS));
  const rest = costly.filter((layer) => !chosen.has(layer));
  const rows = costly
    .filter((layer) => chosen.has(layer))
    .map((layer) => ({ label: layer.path, value: value(layer) }));
  if (rest.length === 0) return rows;
  const sum = rest.reduce((total, layer) => total + value(layer), 0);
  return [...rows, { label: `${rest.length} smaller layers`, value: sum }];
}
