/** All models of a report side by side. */
import { scatter } from '../charts/scatter.js';
import { summaryTable } from '../tables/stats-format.js';
import { figure, integer, plainTable, type Section } from './parts.js';
import { markup, trusted, type Markup } from './markup.js';
import type { Shown } from './model.js';

/** The figures, with ratios to the first model. */
export function summarySection(models: readonly Shown[]): Section {
  const id = 'summary';
  const names = models.map(({ label }) => label);
  // Conventions have a table of their own.
  const { rows } = summaryTable(
    models.map(({ figures: { conventions: _, ...figures } }) => figures),
    names,
  );
  const columns = [
    { title: 'Figure' },
    ...models.map(({ label, id: to }) => ({ title: label, to, isNumber: true })),
  ];
  const written = rows.map(([title = '', ...cells]) => [
    rowTitle(String(title)),
    ...models.map((_, i) => {
      const ratio = i === 0 ? '' : String(cells[models.length + i - 1] ?? '');
      const small = ratio === '' ? undefined : markup`<small>${ratio}</small>`;
      const cell = cells[i] ?? '';
      return markup`<span class="figure">${typeof cell === 'number' ? integer(cell) : cell}</span>${small}`;
    }),
  ]);
  const [first] = names;
  const ratios =
    models.length < 2
      ? undefined
      : markup`<p class="note">Ratios are to ${first ?? ''}, the first of the models.</p>`;
  return {
    id,
    title: 'Summary',
    body: markup`<h2 id="${id}">Summary</h2>
<p>Exact figures for one image.</p>
${plainTable('Figures of the models', columns, written)}${ratios}${models.length > 1 ? plane(models) : undefined}`,
  };
}

function rowTitle(title: string): Markup {
  return title.startsWith(' ')
    ? markup`<span class="part">${title.trim()}</span>`
    : markup`${title}`;
}

/** Models by their parameters and MACs. */
function plane(models: readonly Shown[]): Markup {
  const points = models.map(({ label, figures: { params, macs } }) => ({
    x: params,
    y: macs,
    label,
  }));
  const svg = scatter({
    title: 'Parameters and MACs',
    x: { label: 'parameters' },
    y: { label: 'MACs' },
    points,
  });
  return figure(trusted(svg), 'The models by parameters and MACs');
}
