/** What other tools count of the models, and why. */
import { compare, COUNT } from '../tables/table.js';
import type { OperatorCalls } from '../compiler/conventions/count.js';
import type { Counted, Reconciliation } from '../compiler/reconcile.js';
import { formatCalls } from '../tables/stats-format.js';
import { heading, integer, plainTable, type Section } from './parts.js';
import { markup, type Markup } from './markup.js';
import type { Shown } from './model.js';

/** The figures of all tools for all models. */
export function conventionsSection(models: readonly Shown[]): Section | undefined {
  const [first] = models;
  const conventions = first?.figures.conventions ?? [];
  if (conventions.length === 0) return undefined;
  const own: readonly [string, string, (model: Shown) => number][] = [
    ['archc', 'MACs', ({ figures }) => figures.macs],
    ['archc', 'FLOPs', ({ figures }) => figures.flops],
  ];
  const rows = [
    ...own.map(([name, unit, value]) => [
      markup`<b>${name}</b>`,
      '',
      unit,
      ...models.map((model) => integer(value(model))),
      '',
    ]),
    ...conventions.map(({ name, version, unit }, i) => [
      name,
      version,
      unit,
      ...models.map(({ figures }) => integer(figures.conventions?.[i]?.total ?? Number.NaN)),
      uncountedIn(models, i),
    ]),
  ];
  const id = 'conventions';
  return {
    id,
    title: 'What other tools count',
    body: markup`<h2 id="${id}">What other tools count</h2>
<p>The figure that each tool prints for the same network and one image. “MACs” counts one for a multiply-accumulate, “FLOPs” two; “operations” one a multiply-accumulate and others by instructions. What a tool leaves uncounted, for want of a rule, is missing from its figure. Each model’s section says why the tools differ.</p>
${plainTable(
  'Counts by convention',
  [
    { title: 'Convention' },
    { title: 'Version' },
    { title: 'Counts' },
    ...models.map(({ label }) => ({ title: label, isNumber: true })),
    { title: 'Leaves uncounted' },
  ],
  rows,
)}`,
  };
}

/** What a tool has no rule for, in each model that has it. */
function uncountedIn(models: readonly Shown[], index: number): Markup {
  const found = models.flatMap(({ label, figures }) => {
    const calls = figures.conventions?.[index]?.uncounted ?? [];
    if (calls.length === 0) return [];
    const where = models.length === 1 ? '' : `${label}: `;
    return [markup`<span class="line">${where}${formatCalls(calls)}</span>`];
  });
  return found.length === 0 ? markup`<span class="muted">nothing</span>` : markup`${found}`;
}

/** For one model: what each tool leaves out, and what makes the difference to archc. */
export function gapsSection(model: Shown): Section | undefined {
  const { figures, reconciliations } = model;
  if (reconciliations.length === 0) return undefined;
  const id = `${model.id}-gaps`;
  return {
    id,
    title: 'Why counts differ',
    body: markup`${heading(id, 'Why counts differ')}<p>From each tool’s figure to archc’s own, operator by operator: <code>archc</code> is its FLOPs, <code>archc-macs</code> its MACs.</p>
${reconciliations.map((reconciliation) => {
  const names = [reconciliation.from.name, reconciliation.to.name];
  const notes = (figures.conventions ?? [])
    .filter(({ name }) => names.some((each) => each === name))
    .flatMap(({ name, uncounted, zero }) => [
      ...leftOut(name, 'has no rule for', uncounted),
      ...leftOut(name, 'gives 0 to', zero),
    ]);
  return gap(reconciliation, notes, model.label);
})}`,
  };
}

function leftOut(name: string, how: string, calls: readonly OperatorCalls[]): Markup[] {
  return calls.length === 0 ? [] : [markup`<li>${name} ${how} ${formatCalls(calls)}</li>`];
}

function gap(reconciliation: Reconciliation, notes: readonly Markup[], label: string): Markup {
  const { from, to, difference, operators } = reconciliation;
  const listed = operators.reduce((sum, o) => sum + o.from, 0);
  const agreed = from.total - listed;
  const comparison = compare(from.total, to.total, COUNT);
  const name = `From ${from.name} to ${to.name}, ${label}`;
  const rows = operators.map((o) => [
    o.isFunction ? `${o.operator} (as a function)` : o.operator,
    integer(o.calls),
    integer(o.from),
    integer(o.to),
    signed(o.difference),
    o.reason,
  ]);
  const table =
    operators.length === 0
      ? markup`<p>Operator by operator the two agree.</p>`
      : plainTable(
          name,
          [
            { title: 'Operator' },
            { title: 'Calls', isNumber: true },
            { title: titleOf(from), isNumber: true },
            { title: titleOf(to), isNumber: true },
            { title: 'Difference', isNumber: true },
            { title: 'Why' },
          ],
          [
            ...rows,
            ['where both agree', '', integer(agreed), integer(agreed), '0', ''],
            [
              markup`<b>total</b>`,
              '',
              integer(from.total),
              integer(to.total),
              signed(difference),
              '',
            ],
          ],
        );
  const list = notes.length === 0 ? undefined : markup`<ul>${notes}</ul>`;
  return markup`<details class="gap"><summary><b>${from.name}</b> ${integer(from.total)} ${from.unit} <span class="arrow">→</span> <b>${to.name}</b> ${integer(to.total)} ${to.unit} <span class="muted">(${comparison === 'the same' ? comparison : signed(difference)})</span></summary>
${list}${table}</details>
`;
}

function titleOf({ name, unit }: Counted): string {
  return `${name} (${unit})`;
}

function signed(difference: number): string {
  if (difference === 0) return '0';
  return `${difference < 0 ? '−' : '+'}${integer(Math.abs(difference))}`;
}
