/** Where everything in a picture lies: what the layouts take and give. */
import { shorten, textWidth } from '../../charts/svg.js';
import { shapeText, type DiagramBox, type DiagramEdge } from './model.js';
import { figureTexts } from './text.js';

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** From its upper left corner, in pixels. */
export interface Rect extends Point {
  readonly width: number;
  readonly height: number;
}

export interface Route {
  readonly edge: DiagramEdge;
  /** Corners, from box to box. */
  readonly points: readonly Point[];
  /** Where the shape is written. */
  readonly label: Rect;
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  /** Of boxes and groups, by id. */
  readonly rects: ReadonlyMap<string, Rect>;
  readonly routes: readonly Route[];
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

export const TITLE_FONT = { size: 12, bold: true };
export const DETAIL_FONT = { size: 10 };
export const LABEL_FONT = { size: 10 };
export const LABEL_HEIGHT = 12;
/** Between the border of a box and what is in it. */
export const PADDING = { x: 10, y: 7 };
export const BAR = { width: 56, height: 8, gap: 6 };
/** From baseline to baseline. */
export const LINE = { title: 15, detail: 13, bar: 14 };
/** Above the boxes of a group, for its name. */
export const GROUP_HEADER = 24;
const DETAIL_WIDTH = 170;
const GROUP_TITLE_WIDTH = 240;

/** What is written in a box. */
interface BoxText {
  readonly title: string;
  readonly lines: readonly string[];
  /** Beside a bar each, in the order: parameters, MACs; none where it has neither. */
  readonly bars: readonly [params: string, macs: string] | undefined;
}

export function boxText(box: DiagramBox): BoxText {
  return { title: box.label, lines: wrap(box.detail, DETAIL_WIDTH), bars: figureTexts(box) };
}

/** The size of a box by itself; side by side they may be made wider. */
function boxSize(box: DiagramBox): Size {
  const { title, lines, bars } = boxText(box);
  const barTexts = (bars ?? []).map((t) => BAR.width + BAR.gap + textWidth(t, DETAIL_FONT));
  const widest = Math.max(
    textWidth(title, TITLE_FONT),
    ...lines.map((line) => textWidth(line, DETAIL_FONT)),
    ...barTexts,
  );
  return {
    width: Math.ceil(widest + 2 * PADDING.x),
    height:
      2 * PADDING.y + LINE.title + LINE.detail * lines.length + LINE.bar * barTexts.length - 2,
  };
}

/** Sizes of all boxes: those with bars have one width, so that bars can be compared. */
export function boxSizes(boxes: readonly DiagramBox[]): ReadonlyMap<string, Size> {
  const sizes = new Map(boxes.map((box) => [box.id, boxSize(box)]));
  const withBars = boxes.filter((box) => boxText(box).bars !== undefined);
  const width = Math.max(0, ...withBars.map(({ id }) => sizes.get(id)?.width ?? 0));
  for (const { id } of withBars) sizes.set(id, { width, height: sizes.get(id)?.height ?? 0 });
  return sizes;
}

export function labelSize({ shape }: DiagramEdge): Size {
  return { width: Math.ceil(textWidth(shapeText(shape), LABEL_FONT)), height: LABEL_HEIGHT };
}

/** The spaces of `k = 3` and `conv ×2` hold them together. */
const WORDS = /(?<!=) (?!=|×)/;

/** Words in lines; one that is wider than a line has a line of its own. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(WORDS).filter((w) => w !== '')) {
    const last = lines.at(-1);
    const longer = last === undefined ? word : `${last} ${word}`;
    if (last !== undefined && textWidth(longer, DETAIL_FONT) <= width)
      lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  // No line begins with the dot between two words.
  return lines.map((line, i) => {
    const dot = lines[i + 1]?.startsWith('· ') === true ? ' ·' : '';
    return `${line.replace(/^· /, '')}${dot}`;
  });
}

/** The same corners without those on a straight line. */
export function straighten(points: readonly Point[]): Point[] {
  const corners: Point[] = [];
  for (const point of points) {
    const last = corners.at(-1);
    const before = corners.at(-2);
    if (last !== undefined && isSame(last, point)) continue;
    if (before !== undefined && last !== undefined && isStraight(before, last, point))
      corners.pop();
    corners.push(point);
  }
  return corners;
}

const NEAR = 0.5;

function isSame(a: Point, b: Point): boolean {
  return Math.abs(a.x - b.x) < NEAR && Math.abs(a.y - b.y) < NEAR;
}

function isStraight(a: Point, b: Point, c: Point): boolean {
  return (
    (Math.abs(a.x - b.x) < NEAR && Math.abs(b.x - c.x) < NEAR) ||
    (Math.abs(a.y - b.y) < NEAR && Math.abs(b.y - c.y) < NEAR)
  );
}

export function moved<T extends Point>(thing: T, by: Point): T {
  return { ...thing, x: thing.x + by.x, y: thing.y + by.y };
}

/** Everything moved so that it begins at the origin. */
export function fromOrigin(rects: ReadonlyMap<string, Rect>, routes: readonly Route[]): Layout {
  const all = [...rects.values(), ...routes.map(({ label }) => label)];
  const points = [
    ...routes.flatMap((route) => route.points),
    ...all.flatMap((r) => [r, { x: r.x + r.width, y: r.y + r.height }]),
  ];
  const least = (values: readonly number[]): number =>
    values.reduce((a, b) => Math.min(a, b), Infinity);
  const most = (values: readonly number[]): number =>
    values.reduce((a, b) => Math.max(a, b), -Infinity);
  if (points.length === 0) return { width: 0, height: 0, rects, routes };
  const by = { x: -least(points.map((p) => p.x)), y: -least(points.map((p) => p.y)) };
  return {
    width: most(points.map((p) => p.x)) + by.x,
    height: most(points.map((p) => p.y)) + by.y,
    rects: new Map([...rects].map(([id, rect]) => [id, moved(rect, by)])),
    routes: routes.map((route) => ({
      ...route,
      points: route.points.map((point) => moved(point, by)),
      label: moved(route.label, by),
    })),
  };
}

/** A group's name, in short where it is very long: its tooltip has all of it. */
export function groupTitle(label: string): string {
  return shorten(label, GROUP_TITLE_WIDTH, TITLE_FONT);
}

/** A group's smallest width: its name must fit beside what enters it in the middle. */
export function groupWidth(label: string): number {
  return 2 * Math.ceil(textWidth(groupTitle(label), TITLE_FONT) + PADDING.x + 4);
}
