/** What every picture shares: text of known width, escaping, numbers, colours that print. */

/** An SVG file has no fonts of its own: the metrics below leave room for any of these. */
export const FONT = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif";

/**
 * Dark and light enough to be told apart in grey; the pair of orange and blue is also safe for the
 * common kinds of colour blindness (Okabe & Ito 2008, darkened for text).
 */
export const COLOR = {
  ink: '#1a1a1a',
  muted: '#4d4d4d',
  line: '#333333',
  grid: '#dddddd',
  paper: '#ffffff',
  blue: '#1f5a99',
  orange: '#f0b041',
  accent: '#b3411e',
  /** Of boxes: with weights, an input or output, a group. */
  learned: '#e8f0fa',
  endpoint: '#efefef',
  group: '#f8f8f8',
} as const;

/** The same on a dark page; see `darkRules`. */
const DARK: Readonly<Record<keyof typeof COLOR, string>> = {
  ink: '#e9ecf0',
  muted: '#b3bac5',
  line: '#98a1ae',
  grid: '#353c47',
  paper: '#1b2028',
  blue: '#6aa5e3',
  orange: '#d99a35',
  accent: '#ff9c7d',
  learned: '#21344b',
  endpoint: '#2b313b',
  group: '#20262f',
};

/** CSS rules by which a page shows the pictures in it on a dark ground. */
export function darkRules(): string {
  return Object.entries(COLOR)
    .flatMap(([name, light]) =>
      ['fill', 'stroke'].map(
        (what) => `svg [${what}="${light}"]{${what}:${DARK[name as keyof typeof COLOR]}}`,
      ),
    )
    .join('\n');
}

/**
 * Advance widths of the characters from U+0020 to U+007E in thousandths of the font size. They are
 * those of DejaVu Sans, the widest of the fonts in use for `sans-serif`, so that a text is never
 * wider than estimated.
 */
const WIDTHS = [
  318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361, 318, 337, 636, 636, 636,
  636, 636, 636, 636, 636, 636, 636, 337, 337, 838, 838, 838, 531, 1000, 684, 686, 698, 770, 632,
  575, 775, 752, 295, 295, 656, 557, 863, 748, 787, 603, 787, 695, 635, 611, 732, 684, 989, 685,
  611, 685, 390, 337, 390, 838, 500, 500, 613, 635, 550, 635, 615, 352, 635, 634, 278, 278, 579,
  278, 974, 634, 612, 635, 635, 411, 521, 392, 634, 592, 818, 592, 592, 525, 636, 337, 636, 838,
];
/** Of the same font: `×`, `·`, `–`. Other characters may be as wide as they are high. */
const OTHER_WIDTHS: Readonly<Record<string, number>> = { '×': 838, '·': 318, '–': 500 };
/** Letters of DejaVu Sans Bold are 7 % to 24 % wider, words at most about 20 %. */
const BOLD = 1.2;

interface FontOptions {
  /** In pixels. */
  readonly size: number;
  readonly bold?: boolean;
}

/** The most pixels that a text takes up in a line. */
export function textWidth(text: string, { size, bold = false }: FontOptions): number {
  let width = 0;
  for (const character of text) {
    width += WIDTHS[(character.codePointAt(0) ?? 0) - 0x20] ?? OTHER_WIDTHS[character] ?? 1000;
  }
  return (width / 1000) * size * (bold ? BOLD : 1);
}

/** The width of the widest of several texts, 0 where there is none. */
export function widestOf(texts: readonly string[], font: FontOptions): number {
  return texts.reduce((widest, text) => Math.max(widest, textWidth(text, font)), 0);
}

/** The text, or as much of its begin and end as fits, around `…`. */
export function shorten(text: string, width: number, font: FontOptions): string {
  if (textWidth(text, font) <= width) return text;
  const characters = Array.from(text);
  for (let kept = characters.length - 1; kept > 1; kept--) {
    const head = Math.ceil(kept / 2);
    const tail = characters.slice(characters.length - (kept - head)).join('');
    const shortened = `${characters.slice(0, head).join('')}…${tail}`;
    if (textWidth(shortened, font) <= width) return shortened;
  }
  return '…';
}

/** Text for an element or attribute, without the characters that XML 1.0 (section 2.2) forbids. */
export function escapeXml(text: string): string {
  return text
    .replace(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, '\uFFFD')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/** A coordinate, to a hundredth of a pixel. */
export function coordinate(value: number): string {
  const rounded = Math.round(value * 100) / 100;
  return String(rounded === 0 ? 0 : rounded);
}

type AttributeValue = string | number | undefined;

/** An element; numbers are coordinates, and attributes that are undefined are left out. */
export function element(
  name: string,
  attributes: Readonly<Record<string, AttributeValue>>,
  content?: string | readonly string[],
): string {
  const written = Object.entries(attributes).flatMap(([key, value]) =>
    value === undefined
      ? []
      : [` ${key}="${typeof value === 'number' ? coordinate(value) : escapeXml(value)}"`],
  );
  const head = `<${name}${written.join('')}`;
  if (content === undefined) return `${head}/>`;
  const inside = typeof content === 'string' ? content : `\n${content.join('\n')}\n`;
  return `${head}>${inside}</${name}>`;
}

interface TextOptions extends FontOptions {
  readonly x: number;
  /** Of the baseline. */
  readonly y: number;
  readonly anchor?: 'start' | 'middle' | 'end';
  readonly fill?: string;
  /** A margin in the colour of the paper, where lines may pass behind the text. */
  readonly halo?: boolean;
}

/** A line of text. */
export function text(content: string, options: TextOptions): string {
  const { x, y, size, bold, anchor, fill = COLOR.ink, halo } = options;
  return element(
    'text',
    {
      x,
      y,
      'font-size': size,
      'font-weight': bold === true ? 'bold' : undefined,
      'text-anchor': anchor === 'start' ? undefined : anchor,
      fill,
      ...(halo === true ? { stroke: COLOR.paper, 'stroke-width': 3, 'paint-order': 'stroke' } : {}),
    },
    escapeXml(content),
  );
}

/** A whole file, on white paper: it stands alone and asks for nothing from outside. */
export function document(
  size: { readonly width: number; readonly height: number; readonly title: string },
  content: readonly string[],
): string {
  const [width, height] = [Math.ceil(size.width), Math.ceil(size.height)];
  const attributes = {
    xmlns: 'http://www.w3.org/2000/svg',
    width,
    height,
    viewBox: `0 0 ${width} ${height}`,
    role: 'img',
    'aria-label': size.title,
    'font-family': FONT,
  };
  const paper = element('rect', { class: 'paper', width, height, fill: COLOR.paper });
  const title = element('title', {}, escapeXml(size.title));
  return `${element('svg', attributes, [title, paper, ...content])}\n`;
}

const PREFIXES = ['', 'k', 'M', 'G', 'T', 'P'];

/** `1.59 M`: three digits and a power of 1000; whole numbers below 1000 as they are. */
export function shortNumber(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size < 1000 && Number.isInteger(value)) return String(value);
  if (size < 1) return String(Number(value.toPrecision(3)));
  let power = Math.min(PREFIXES.length - 1, Math.floor(Math.log10(size) / 3));
  // 999,950 is 1.00 M, not 1000 k.
  if (Number((size / 1000 ** power).toPrecision(3)) >= 1000 && power < PREFIXES.length - 1) power++;
  const scaled = value / 1000 ** power;
  const digits = Math.abs(scaled) >= 1000 ? String(Math.round(scaled)) : scaled.toPrecision(3);
  return power === 0 ? digits : `${digits} ${PREFIXES[power] ?? ''}`;
}
