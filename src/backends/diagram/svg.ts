/** A diagram as a picture: SVG that stands alone, reads in grey, and fits a page. */
import {
  COLOR,
  coordinate,
  document,
  element,
  escapeXml,
  shortNumber,
  text,
  textWidth,
} from '../../charts/svg.js';
import { groupDigits } from '../../compiler/constant.js';
import type { Figures } from '../../compiler/stats.js';
import { layoutLayered } from './elk.js';
import {
  BAR,
  boxSizes,
  boxText,
  DETAIL_FONT,
  groupTitle,
  LABEL_FONT,
  LINE,
  PADDING,
  TITLE_FONT,
  type Layout,
  type Point,
  type Rect,
  type Route,
} from './layout.js';
import {
  boxesOf,
  shapeText,
  type Diagram,
  type DiagramBox,
  type DiagramGroup,
  type DiagramItem,
} from './model.js';
import { headLines } from './text.js';
import { layoutU } from './u-shape.js';

const MARGIN = 20;
const HEADING = { size: 17, bold: true };
const HEADING_HEIGHT = 62;
/** For the longest entry of the legend. */
const LEAST_WIDTH = 360;

/** The largest figures of any box, which fill its bars. */
type Scale = Pick<Figures, 'params' | 'macs'>;

/** The picture. The same diagram gives the same bytes. */
export async function diagramSvg(diagram: Diagram): Promise<string> {
  const boxes = boxesOf(diagram.items);
  const sizes = boxSizes(boxes);
  const u = await layoutU(diagram, sizes);
  const layout = u ?? (await layoutLayered(diagram, sizes));
  const drawn = u?.diagram ?? diagram;
  const unframed = u?.unframed.at(-1);
  const scale = {
    params: boxes.reduce((most, { figures }) => Math.max(most, figures.params), 0),
    macs: boxes.reduce((most, { figures }) => Math.max(most, figures.macs), 0),
  };
  const [heading = '', subtitle = ''] = headLines(diagram);
  const note = unframed === undefined ? undefined : `the U is the inside of ${unframed.path}`;
  const inner = Math.max(
    layout.width,
    textWidth(heading, HEADING),
    textWidth(subtitle, DETAIL_FONT),
    textWidth(note ?? '', DETAIL_FONT),
    LEAST_WIDTH,
  );
  const legend = legendOf(diagram, scale, inner);
  const top = MARGIN + HEADING_HEIGHT;
  const drawing = element(
    'g',
    { transform: `translate(${coordinate(MARGIN + (inner - layout.width) / 2)} ${top})` },
    draw(drawn, layout, scale),
  );
  const foot = element(
    'g',
    { class: 'legend', transform: `translate(${MARGIN} ${coordinate(top + layout.height + 26)})` },
    legend.content,
  );
  return document(
    {
      width: inner + 2 * MARGIN,
      height: top + layout.height + 26 + legend.height + MARGIN,
      title: `Architecture of ${diagram.name}`,
    },
    [
      text(heading, { x: MARGIN, y: MARGIN + 14, ...HEADING }),
      text(subtitle, { x: MARGIN, y: MARGIN + 32, fill: COLOR.muted, ...DETAIL_FONT }),
      ...(note === undefined
        ? []
        : [text(note, { x: MARGIN, y: MARGIN + 46, fill: COLOR.muted, ...DETAIL_FONT })]),
      drawing,
      foot,
    ],
  );
}

function draw({ items }: Diagram, layout: Layout, scale: Scale): string[] {
  return [
    ...items.flatMap((item) => groupsOf(item, layout)),
    ...layout.routes.map(line),
    ...boxesOf(items).map((box) => drawBox(box, rectOf(layout, box), scale)),
    ...items.flatMap((item) => groupNames(item, layout)),
    ...layout.routes.map(({ edge, label }) =>
      text(shapeText(edge.shape), {
        x: label.x,
        y: label.y + label.height - 3,
        fill: edge.isSkip ? COLOR.accent : COLOR.muted,
        halo: true,
        ...LABEL_FONT,
      }),
    ),
  ];
}

function rectOf({ rects }: Layout, { id, path }: DiagramItem): Rect {
  const rect = rects.get(id);
  if (rect === undefined) throw new Error(`${path} has no place`);
  return rect;
}

/** Outer groups lie below inner ones. */
function groupsOf(item: DiagramItem, layout: Layout): string[] {
  if (item.kind !== 'group') return [];
  const rect = element('rect', {
    ...rectOf(layout, item),
    rx: 6,
    fill: COLOR.group,
    stroke: COLOR.muted,
    'stroke-dasharray': '2 3',
  });
  const group = element('g', { class: 'group' }, [tooltip(item), rect]);
  return [group, ...item.items.flatMap((inner) => groupsOf(inner, layout))];
}

function groupNames(item: DiagramItem, layout: Layout): string[] {
  if (item.kind !== 'group') return [];
  const { x, y } = rectOf(layout, item);
  const name = text(groupTitle(item.label), {
    x: x + PADDING.x,
    y: y + 17,
    halo: true,
    ...TITLE_FONT,
  });
  return [name, ...item.items.flatMap((inner) => groupNames(inner, layout))];
}

/** What is shown on pointing at something, with exact figures. */
function tooltip(item: DiagramBox | DiagramGroup): string {
  const { params, macs, flops } = item.figures;
  const lines = [
    item.path,
    ...(item.doc === '' ? [] : [item.doc]),
    ...(item.kind === 'group' ? [] : [`gives ${shapeText(item.shape)}`]),
    ...(item.kind === 'input' || item.kind === 'output'
      ? []
      : [
          `${groupDigits(params)} parameters, ${groupDigits(macs)} MACs, ${groupDigits(flops)} FLOPs`,
        ]),
  ];
  return element('title', {}, escapeXml(lines.join('\n')));
}

function drawBox(box: DiagramBox, rect: Rect, scale: Scale): string {
  const isEndpoint = box.kind === 'input' || box.kind === 'output';
  const { title, lines, bars } = boxText(box);
  const { params, macs } = box.figures;
  const fill = isEndpoint ? COLOR.endpoint : params > 0 ? COLOR.learned : COLOR.paper;
  const content = [
    tooltip(box),
    element('rect', {
      ...rect,
      rx: isEndpoint ? rect.height / 2 : 3,
      fill,
      stroke: COLOR.line,
    }),
  ];
  const middle = rect.x + rect.width / 2;
  // What is written may take less than the box, which may have been made higher for its edges.
  const written =
    LINE.title + LINE.detail * lines.length + (bars === undefined ? 0 : 2 * LINE.bar) - 2;
  let y = rect.y + (rect.height - written) / 2 + 11;
  content.push(text(title, { x: middle, y, anchor: 'middle', ...TITLE_FONT }));
  y += LINE.title - LINE.detail;
  for (const line of lines) {
    y += LINE.detail;
    content.push(text(line, { x: middle, y, anchor: 'middle', fill: COLOR.muted, ...DETAIL_FONT }));
  }
  const [paramsText = '', macsText = ''] = bars ?? [];
  if (bars !== undefined) {
    y += LINE.bar;
    content.push(
      ...bar(rect.x + PADDING.x, y, share(params, scale.params), COLOR.blue, paramsText),
    );
    y += LINE.bar;
    content.push(...bar(rect.x + PADDING.x, y, share(macs, scale.macs), COLOR.orange, macsText));
  }
  return element('g', { class: `box ${box.kind}` }, content);
}

function share(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}

/** A bar with its text beside it; `y` is the baseline. */
function bar(x: number, y: number, filled: number, fill: string, label: string): string[] {
  const frame = { x, y: y - BAR.height, height: BAR.height };
  return [
    element('rect', { class: 'bar', ...frame, width: BAR.width * filled, fill }),
    element('rect', {
      class: 'bar-frame',
      ...frame,
      width: BAR.width,
      fill: 'none',
      stroke: COLOR.muted,
      'stroke-width': 0.75,
    }),
    text(label, { x: x + BAR.width + BAR.gap, y, ...DETAIL_FONT }),
  ];
}

const BEND = 6;

/** An edge with rounded corners and the head of an arrow. */
function line({ edge, points }: Route): string {
  const color = edge.isSkip ? COLOR.accent : COLOR.line;
  const [from, to] = [points.at(-2), points.at(-1)];
  if (from === undefined || to === undefined) return '';
  const length = Math.hypot(to.x - from.x, to.y - from.y) || 1;
  const [dx, dy] = [(to.x - from.x) / length, (to.y - from.y) / length];
  const at = (along: number, aside: number): string =>
    `${coordinate(to.x - dx * along - dy * aside)} ${coordinate(to.y - dy * along + dx * aside)}`;
  return element('g', { class: edge.isSkip ? 'edge skip' : 'edge' }, [
    element('path', {
      d: rounded(points),
      fill: 'none',
      stroke: color,
      'stroke-width': edge.isSkip ? 1.5 : 1.25,
      'stroke-dasharray': edge.isSkip ? '6 3' : undefined,
    }),
    element('path', { d: `M${at(0, 0)}L${at(8, 3.5)}L${at(8, -3.5)}Z`, fill: color }),
  ]);
}

function rounded(points: readonly Point[]): string {
  const written = (p: Point): string => `${coordinate(p.x)} ${coordinate(p.y)}`;
  const towards = (from: Point, to: Point): Point => {
    const length = Math.hypot(to.x - from.x, to.y - from.y) || 1;
    const part = Math.min(BEND, length / 2) / length;
    return { x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part };
  };
  return points
    .map((point, i) => {
      const before = points[i - 1];
      const after = points[i + 1];
      if (before === undefined) return `M${written(point)}`;
      if (after === undefined) return `L${written(point)}`;
      return `L${written(towards(point, before))}Q${written(point)} ${written(towards(point, after))}`;
    })
    .join('');
}

interface Legend {
  readonly height: number;
  readonly content: readonly string[];
}

/** Entries one after another, in rows of at most `width`, from the baseline of the first. */
function legendOf({ edges, items }: Diagram, scale: Scale, width: number): Legend {
  const row = 18;
  const mark = { width: 34, gap: 8 };
  const colored = (fill: string): string =>
    element('rect', {
      x: 0,
      y: -9,
      width: mark.width,
      height: 11,
      rx: 2,
      fill,
      stroke: COLOR.line,
    });
  const barMark = (fill: string): string =>
    element('rect', { x: 0, y: -BAR.height, width: mark.width, height: BAR.height, fill });
  const arrow = (isSkip: boolean): string =>
    line({
      edge: { from: '', to: '', shape: [], isSkip },
      points: [
        { x: 0, y: -4 },
        { x: mark.width, y: -4 },
      ],
      label: { x: 0, y: 0, width: 0, height: 0 },
    });
  const has = (test: (box: DiagramBox) => boolean): boolean => boxesOf(items).some(test);
  const entries: [mark: string, label: string][] = [];
  const isPlain = ({ kind, figures }: DiagramBox): boolean =>
    figures.params === 0 && (kind === 'operator' || kind === 'block');
  if (scale.params > 0 && has(isPlain)) {
    entries.push([colored(COLOR.learned), 'has parameters'], [colored(COLOR.paper), 'has none']);
  }
  entries.push([arrow(false), 'tensor, with its shape (height × width × channels)']);
  if (edges.some(({ isSkip }) => isSkip)) entries.push([arrow(true), 'skip connection']);
  if (scale.params > 0) {
    entries.push([barMark(COLOR.blue), `parameters; a full bar is ${shortNumber(scale.params)}`]);
  }
  if (scale.macs > 0) {
    entries.push([
      barMark(COLOR.orange),
      `multiply-accumulates (MACs); a full bar is ${shortNumber(scale.macs)}`,
    ]);
  }
  const widths = entries.map(
    ([, label]) => mark.width + mark.gap + textWidth(label, DETAIL_FONT) + 26,
  );
  let [x, y] = [0, 0];
  const content = entries.map(([sign, label], i) => {
    const entryWidth = widths[i] ?? 0;
    if (x > 0 && x + entryWidth > width) [x, y] = [0, y + row];
    const entry = element('g', { transform: `translate(${coordinate(x)} ${y})` }, [
      sign,
      text(label, { x: mark.width + mark.gap, y: 0, fill: COLOR.muted, ...DETAIL_FONT }),
    ]);
    x += entryWidth;
    return entry;
  });
  return { height: y + 4, content };
}
