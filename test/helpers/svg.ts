/** Reads the SVG that archc writes, strictly, and says where its shapes and texts lie. */
import { textWidth } from '../../src/charts/svg.js';

export interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly Element[];
  /** Of this element alone, with entities read. */
  readonly text: string;
}

type Draft = { name: string; attributes: Record<string, string>; children: Draft[]; text: string };

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"' };

function unescape(text: string): string {
  if (/[<>]|&(?!(lt|gt|amp|quot);)/.test(text)) throw new Error(`not escaped: ${text}`);
  return text.replace(/&(\w+);/g, (_, name: string) => ENTITIES[name] ?? '');
}

/** Throws where the text is not well-formed (of what archc makes use of). */
export function parseXml(text: string): Element {
  const root: Draft = { name: '', attributes: {}, children: [], text: '' };
  const open = [root];
  const token = /<(\/?)(\w+)((?:\s+[\w:-]+="[^"]*")*)\s*(\/?)>|([^<]+)/gy;
  let end = 0;
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    end = token.lastIndex;
    const [, close, name = '', attributes = '', empty, content] = match;
    const parent = open.at(-1);
    if (parent === undefined) throw new Error('too many ends');
    if (content !== undefined) parent.text += unescape(content);
    else if (close === '/') {
      if (parent.name !== name) throw new Error(`</${name}> ends <${parent.name}>`);
      open.pop();
    } else {
      const made: Draft = { name, attributes: {}, children: [], text: '' };
      for (const [, key = '', value = ''] of attributes.matchAll(/([\w:-]+)="([^"]*)"/g)) {
        if (key in made.attributes) throw new Error(`${key} twice in <${name}>`);
        made.attributes[key] = unescape(value);
      }
      parent.children.push(made);
      if (empty === '') open.push(made);
    }
  }
  const [svg, ...rest] = root.children;
  if (end !== text.length || open.length !== 1 || svg === undefined || rest.length > 0) {
    throw new Error(`not well-formed after ${end} of ${text.length} characters`);
  }
  return svg;
}

export interface Rect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Placed extends Rect {
  readonly element: Element;
  /** The classes of the elements around it and its own. */
  readonly classes: readonly string[];
}

export interface Picture {
  readonly size: { readonly width: number; readonly height: number };
  readonly rects: readonly Placed[];
  /** With the widths that archc estimates, and heights from the tops of capitals to below the line. */
  readonly texts: readonly Placed[];
  readonly circles: readonly Placed[];
  /** Corners of paths, and the control points of their bends, which are the corners proper. */
  readonly paths: readonly (Placed & { readonly points: readonly (readonly [number, number])[] })[];
}

const number = (text: string | undefined): number => {
  const value = Number(text ?? 0);
  if (!Number.isFinite(value)) throw new Error(`${text} is no number`);
  return value;
};

/** All that is drawn, where it lies in the whole; of transformations only `translate` is read. */
export function pictureOf(svg: string): Picture {
  const root = parseXml(svg);
  const rects: Placed[] = [];
  const texts: Placed[] = [];
  const circles: Placed[] = [];
  const paths: Picture['paths'][number][] = [];
  const visit = (element: Element, dx: number, dy: number, around: readonly string[]): void => {
    const { name, attributes: a, children } = element;
    const moved = /^translate\(([-\d.]+) ([-\d.]+)\)$/.exec(a['transform'] ?? '');
    const turned = a['transform'] !== undefined && moved === null;
    const [x, y] = [dx + number(moved?.[1]), dy + number(moved?.[2])];
    const classes = [...around, ...(a['class'] ?? '').split(' '), ...(turned ? ['turned'] : [])];
    if (name === 'rect') {
      const { width, height } = a;
      rects.push({
        element,
        classes,
        x: x + number(a['x']),
        y: y + number(a['y']),
        width: number(width),
        height: number(height),
      });
    } else if (name === 'text') {
      const size = number(a['font-size']);
      const width = textWidth(element.text, { size, bold: a['font-weight'] === 'bold' });
      const shift = { start: 0, middle: width / 2, end: width }[a['text-anchor'] ?? 'start'] ?? 0;
      const left = x + number(a['x']) - shift;
      texts.push({
        element,
        classes,
        x: left,
        y: y + number(a['y']) - 0.75 * size,
        width,
        height: size,
      });
    } else if (name === 'circle') {
      const r = number(a['r']);
      circles.push({
        element,
        classes,
        x: x + number(a['cx']) - r,
        y: y + number(a['cy']) - r,
        width: 2 * r,
        height: 2 * r,
      });
    } else if (name === 'path') {
      const points = pathPoints(a['d'] ?? '').map(([px, py]) => [x + px, y + py] as const);
      const [xs, ys] = [points.map((p) => p[0]), points.map((p) => p[1])];
      const [left, top] = [Math.min(...xs), Math.min(...ys)];
      paths.push({
        element,
        classes,
        points,
        x: left,
        y: top,
        width: Math.max(...xs) - left,
        height: Math.max(...ys) - top,
      });
    }
    for (const child of children) visit(child, x, y, classes);
  };
  visit(root, 0, 0, []);
  const size = {
    width: number(root.attributes['width']),
    height: number(root.attributes['height']),
  };
  return { size, rects, texts, circles, paths };
}

function pathPoints(d: string): [number, number][] {
  const points: [number, number][] = [];
  for (const [, command = '', rest = ''] of d.matchAll(/([A-Z])([^A-Z]*)/g)) {
    const values = rest
      .trim()
      .split(/\s+/)
      .filter((v) => v !== '')
      .map(number);
    const [a = 0, b = 0, c = 0, e = 0] = values;
    const [px, py] = points.at(-1) ?? [0, 0];
    if (command === 'M' || command === 'L') points.push([a, b]);
    else if (command === 'Q') points.push([a, b], [c, e]);
    else if (command === 'H') points.push([a, py]);
    else if (command === 'V') points.push([px, a]);
    else if (command !== 'Z') throw new Error(`no reader for ${command}`);
  }
  return points;
}

/** Whether two rectangles have more than a border in common. */
export function overlap(a: Rect, b: Rect, slack = 0.1): boolean {
  return (
    a.x + slack < b.x + b.width &&
    b.x + slack < a.x + a.width &&
    a.y + slack < b.y + b.height &&
    b.y + slack < a.y + a.height
  );
}

export function contains(outer: Rect, inner: Rect, slack = 0.1): boolean {
  return (
    inner.x >= outer.x - slack &&
    inner.y >= outer.y - slack &&
    inner.x + inner.width <= outer.x + outer.width + slack &&
    inner.y + inner.height <= outer.y + outer.height + slack
  );
}
