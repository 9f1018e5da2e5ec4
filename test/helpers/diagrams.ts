/** Pictures of models for tests, and everything that must hold of each. */
import { readFileSync } from 'node:fs';
import { boxesOf, buildDiagram, type Diagram } from '../../src/backends/diagram/index.js';
import { diagramSvg } from '../../src/backends/diagram/svg.js';
import type { CheckedModel } from '../../src/compiler/check.js';
import { figuresOf } from './check.js';
import { contains, overlap, pictureOf, type Placed, type Rect } from './svg.js';

export function diagramOf(model: CheckedModel, depth?: number): Diagram {
  if (model.staticGraph === undefined) throw new Error(`${model.name} has no graph`);
  return buildDiagram(model.staticGraph, figuresOf(model), depth);
}

const isIn =
  (name: string) =>
  (placed: Placed): boolean =>
    placed.classes.includes(name);

/** The first lines of a tooltip: the path. */
function pathsIn(svg: string, kind: string): string[] {
  const found = svg.matchAll(new RegExp(`<g class="${kind}[^"]*">\\n<title>([^<\\n]*)`, 'g'));
  return [...found].map(([, path = '']) => path);
}

/** Below the last box of a group there may be lines, but no more than a few. */
const MOST_GAP = 80;

/** What is wrong with the picture of a diagram; empty where nothing is. */
export async function problemsOfPicture(diagram: Diagram): Promise<string[]> {
  const svg = await diagramSvg(diagram);
  const problems: string[] = [];
  const say = (wrong: boolean, what: string): void => {
    if (wrong) problems.push(what);
  };
  say(/href|url\(|@import|<script|<style|<image/.test(svg), 'needs something from outside');
  const { size, rects, texts, paths } = pictureOf(svg);
  const name = ({ element }: Placed): string => element.text || JSON.stringify(element.attributes);
  const page: Rect = { x: 0, y: 0, ...size };
  for (const placed of [...rects, ...texts, ...paths]) {
    say(!contains(page, placed), `${name(placed)} is outside the page`);
  }

  const wanted = boxesOf(diagram.items).map(({ path }) => path);
  const drawn = pathsIn(svg, 'box');
  say(drawn.join() !== wanted.join(), `boxes ${drawn.join()} for ${wanted.join()}`);
  const isFrame = (placed: Placed): boolean =>
    !/^bar/.test(placed.element.attributes['class'] ?? '');
  const boxes = rects.filter(isIn('box')).filter(isFrame);
  const groups = rects.filter(isIn('group'));
  say(boxes.length !== wanted.length, `${boxes.length} rectangles for ${wanted.length} boxes`);
  const clashes = (a: Placed, b: Placed): boolean => overlap(a, b);
  boxes.forEach((box, i) => {
    for (const [j, other] of boxes.entries()) {
      say(j > i && clashes(box, other), `${drawn[i] ?? ''} lies over ${drawn[j] ?? ''}`);
    }
    for (const group of groups) {
      say(overlap(box, group) && !contains(group, box), `${drawn[i] ?? ''} lies across a group`);
    }
  });
  for (const text of texts.filter(isIn('box'))) {
    say(!boxes.some((box) => contains(box, text)), `${name(text)} does not fit in its box`);
  }
  // Other text stands clear of the boxes: names of groups, shapes of edges, heading, legend.
  for (const text of texts.filter((t) => !isIn('box')(t))) {
    const over = boxes.findIndex((box) => overlap(text, box, 1));
    say(over !== -1, `${name(text)} lies over ${drawn[over] ?? ''}`);
  }
  const isTitle = ({ element: { attributes } }: Placed): boolean =>
    attributes['font-weight'] === 'bold' && attributes['font-size'] === '12';
  const titles = texts.filter((t) => !isIn('box')(t) && isTitle(t));
  say(titles.length !== groups.length, `${titles.length} names for ${groups.length} groups`);
  for (const title of titles) {
    say(!groups.some((group) => contains(group, title)), `${name(title)} sticks out of its group`);
  }
  for (const group of groups) {
    const inner = [...boxes, ...groups].filter((r) => r !== group && contains(group, r));
    const lowest = Math.max(...inner.map(({ y, height }) => y + height));
    say(group.y + group.height - lowest > MOST_GAP, 'a group is empty in its lower part');
  }
  const labels = texts.filter((t) => !isIn('box')(t) && !isIn('legend')(t));
  labels.forEach((label, i) => {
    for (const other of labels.slice(i + 1)) {
      say(overlap(label, other, 1), `${name(label)} lies over ${name(other)}`);
    }
  });
  const edges = paths.filter(isIn('edge')).filter((p) => p.element.attributes['fill'] === 'none');
  const inLegend = edges.filter(isIn('legend')).length;
  const count = diagram.edges.length;
  say(edges.length - inLegend !== count, `${edges.length - inLegend} lines for ${count} edges`);
  for (const { points } of edges) {
    for (const [i, [x, y]] of points.slice(1).entries()) {
      const [px = x, py = y] = points[i] ?? [];
      const segment = {
        x: Math.min(x, px),
        y: Math.min(y, py),
        width: Math.abs(x - px),
        height: Math.abs(y - py),
      };
      const through = boxes.findIndex((box) => overlap(segment, box, 1));
      say(through !== -1, `a line goes through ${drawn[through] ?? ''}`);
      const crossed = titles.find((title) => overlap(segment, title, 1));
      say(crossed !== undefined, `a line goes through the name ${crossed ? name(crossed) : ''}`);
    }
  }
  return problems;
}

export function read(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
}
