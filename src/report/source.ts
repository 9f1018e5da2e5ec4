/** The text of a program with what each line costs. */
import { RESERVED } from '../../grammar/tokens.js';
import { BINARY_UNITS, inUnit, unitFor, type Unit } from '../tables/table.js';
import { lineStarts, lineText } from '../compiler/source.js';
import { heading, integer, share, type Section } from './parts.js';
import type { LineCost } from './line-costs.js';
import { markup, type Markup } from './markup.js';
import type { Shown, ShownFile } from './model.js';

interface Column {
  readonly title: string;
  readonly value: (cost: LineCost) => number;
  readonly written: (value: number) => string;
  /** Of the model. */
  readonly total: number;
}

export function sourceSection(model: Shown): Section {
  const id = `${model.id}-source`;
  const columns = columnsOf(model);
  const [params, macs, flops, made] = columns.map(({ total, written }) => written(total));
  const unit = columns.at(-1)?.title;
  return {
    id,
    title: 'Source',
    body: markup`${heading(id, 'Source, and what each line costs')}<fieldset class="choice"><legend class="unseen">What a line counts</legend>
<label><input type="radio" name="${id}-what" value="all" checked> all that the calls of a line expand to</label>
<label><input type="radio" name="${id}-what" value="own"> operators called on the line itself</label>
</fieldset>
<p class="note">The cost of a block stands where it is used and, summed over its uses, in its body. Operators by the lines on which they are called add up, over all files, to the model’s ${params} parameters, ${macs} MACs, ${flops} FLOPs and ${made} ${unit}: the results of all operators, for one image.</p>
${model.files.map((file) => fileTable(file, columns, model))}`,
  };
}

function columnsOf({ figures, files }: Shown): Column[] {
  const made = files.reduce((sum, { costs }) => sum + (costs?.own.activationBytes ?? 0), 0);
  const unit = unitFor([made], BINARY_UNITS);
  return [
    { title: 'Parameters', value: (c) => c.params, written: integer, total: figures.params },
    { title: 'MACs', value: (c) => c.macs, written: integer, total: figures.macs },
    { title: 'FLOPs', value: (c) => c.flops, written: integer, total: figures.flops },
    {
      title: `${unit.name} made`,
      value: (c) => c.activationBytes,
      written: (bytes) => bytesIn(bytes, unit),
      total: made,
    },
  ];
}

/** Small amounts keep a digit other than 0. */
function bytesIn(bytes: number, unit: Unit): string {
  const written = inUnit(bytes, unit);
  return bytes > 0 && Number(written) === 0 ? '< 0.01' : written;
}

function fileTable(
  { source, costs, id }: ShownFile,
  columns: readonly Column[],
  model: Shown,
): Markup {
  const count = lineStarts(source).length - (source.text.endsWith('\n') ? 1 : 0);
  const rows = Array.from({ length: count }, (_, i) => {
    const line = i + 1;
    const cost = costs?.lines.get(line);
    const cells = columns.map((column) => costCell(column, cost));
    return markup`<tr id="${id}-L${line}"><td class="line"><a href="#${id}-L${line}">${line}</a></td><td class="code">${highlighted(lineText(source, line))}</td>${cells}</tr>
`;
  });
  const sums = columns.map(
    ({ value, written }) =>
      markup`<td class="n">${costs === undefined ? '0' : written(value(costs.own))}</td>`,
  );
  const label = `${source.path} with the costs of ${model.label}`;
  return markup`<div class="scroll" tabindex="0" role="region" aria-label="${label}"><table class="data source" id="${id}">
<caption><code>${source.path}</code></caption>
<thead><tr><th scope="col" class="line">Line</th><th scope="col">Text</th>${columns.map(({ title }) => markup`<th scope="col" class="n">${title}</th>`)}</tr></thead>
<tbody>
${rows}</tbody>
<tfoot><tr class="total"><td></td><th scope="row">Operators called in this file</th>${sums}</tr></tfoot>
</table></div>
`;
}

function costCell(
  { title, value, written, total }: Column,
  cost: { readonly own: LineCost; readonly all: LineCost } | undefined,
): Markup {
  if (cost === undefined) return markup`<td class="n"></td>`;
  const one = (kind: 'all' | 'own'): Markup => {
    const amount = value(cost[kind]);
    if (amount === 0) return markup`<span class="${kind}"></span>`;
    const part = share(amount, total);
    return markup`<span class="${kind}" style="--h:${heat(amount, total)}%" title="${part} of ${title}">${written(amount)}</span>`;
  };
  return markup`<td class="n heat">${one('all')}${one('own')}</td>`;
}

/** The strength of a shade: the root of the share, so that small ones can be told from none. */
function heat(amount: number, total: number): number {
  return total === 0 ? 0 : Math.round(Math.sqrt(Math.min(1, amount / total)) * 100);
}

const WORDS = new RegExp(
  `(?<string>"(?:[^"\\\\]|\\\\.)*")|(?<comment>#.*)|(?<keyword>\\b(?:${RESERVED.join('|')})\\b)|(?<number>\\b\\d[\\w.]*)`,
  'g',
);

/** A line in colour. Strings do not cross lines, so that a line says by itself what it is. */
function highlighted(text: string): Markup {
  const pieces: Markup[] = [];
  let end = 0;
  for (const match of text.matchAll(WORDS)) {
    const [kind = ''] = Object.entries(match.groups ?? {}).flatMap(
      ([name, found]: [string, string | undefined]) => (found === undefined ? [] : [name]),
    );
    pieces.push(markup`${text.slice(end, match.index)}<span class="${kind}">${match[0]}</span>`);
    end = match.index + match[0].length;
  }
  return markup`${pieces}${text.slice(end)}`;
}
