/** HTML in which whatever is put in as text stays text. */
import { escapeXml } from '../charts/svg.js';

/** A piece of HTML, as `markup` and `trusted` make it. */
export interface Markup {
  readonly html: string;
}

/** Text is escaped, for elements and for attributes in double quotes; undefined leaves nothing. */
export type Part = string | number | Markup | readonly Markup[] | undefined;

/** A template: what is written in it is HTML, what is put in is text unless it is `Markup`. */
export function markup(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  const html = strings.map((text, i) => (i === 0 ? text : written(parts[i - 1]) + text));
  return { html: html.join('') };
}

function written(part: Part): string {
  if (part === undefined) return '';
  if (typeof part === 'string') return escapeXml(part);
  if (typeof part === 'number') return String(part);
  return 'html' in part ? part.html : part.map(({ html }) => html).join('');
}

/** Text that is HTML already: pictures, the style sheet, the script. */
export function trusted(html: string): Markup {
  return { html };
}
