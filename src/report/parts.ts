/** Pieces of pages that several sections use. */
import { darkRules } from '../charts/svg.js';
import { formatNumber } from '../tables/table.js';
import { VERSION } from '../version.js';
import { STYLE } from './assets.js';
import { markup, trusted, type Markup } from './markup.js';

/** A part of a page, as the table of contents names it. */
export interface Section {
  readonly id: string;
  readonly title: string;
  /** Begins with its heading. */
  readonly body: Markup;
}

/** The head of a page; `policy` is its Content-Security-Policy. */
export function pageHead(title: string, policy: string): Markup {
  const dark = `@media screen and (prefers-color-scheme:dark){\n${darkRules()}\n}\n`;
  return markup`<head>
<meta charset="utf-8">
<meta name="generator" content="archc ${VERSION}">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>
${trusted(`${STYLE}${dark}`)}</style>
</head>`;
}

/** A heading of a model's section, which can be linked to. */
export function heading(id: string, title: string): Markup {
  return markup`<h3 id="${id}">${title}</h3>
`;
}

/** A count, whole: `8,384,544,768`. */
export function integer(value: number): string {
  return formatNumber(value, 0);
}

/** A part of a whole in percent: `21.9%`; of what is more than nothing at least `< 0.1%`. */
export function share(part: number, whole: number): string {
  const percent = whole === 0 ? 0 : (part / whole) * 100;
  return percent > 0 && percent < 0.05 ? '< 0.1%' : `${Number(percent.toFixed(1))}%`;
}

/** A picture that scrolls where the page is too narrow for it. */
export function figure(svg: Markup, label: string, caption?: Markup): Markup {
  const words = caption === undefined ? undefined : markup`<figcaption>${caption}</figcaption>`;
  return markup`<figure><div class="scroll" tabindex="0" role="region" aria-label="${label}">${svg}</div>${words}</figure>
`;
}

/** A table whose first column names the rows. */
export function plainTable(
  caption: string,
  columns: readonly { readonly title: string; readonly isNumber?: boolean }[],
  rows: readonly (readonly (string | Markup)[])[],
): Markup {
  const kind = (i: number): string => (columns[i]?.isNumber === true ? 'n' : '');
  const head = columns.map(
    ({ title }, i) => markup`<th scope="col" class="${kind(i)}">${title}</th>`,
  );
  const body = rows.map(
    ([name = '', ...cells]) =>
      markup`<tr><th scope="row">${name}</th>${cells.map((cell, i) => markup`<td class="${kind(i + 1)}">${cell}</td>`)}</tr>
`,
  );
  return markup`<div class="scroll" tabindex="0" role="region" aria-label="${caption}"><table class="data">
<caption class="unseen">${caption}</caption>
<thead><tr>${head}</tr></thead>
<tbody>
${body}</tbody>
</table></div>
`;
}
