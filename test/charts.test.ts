/** Charts as SVG: bars and points where their values are, texts clear of each other. */
import { describe, expect, it } from 'vitest';
import { linearAxis, logAxis } from '../src/charts/axis.js';
import { barChart } from '../src/charts/bar-chart.js';
import { scatter, type ScatterPoint } from '../src/charts/scatter.js';
import { stepChart } from '../src/charts/step-chart.js';
import { escapeXml, shorten, shortNumber, textWidth } from '../src/charts/svg.js';
import { contains, overlap, pictureOf, type Picture, type Placed } from './helpers/svg.js';

function expectTidy({ size, rects, texts, circles }: Picture): void {
  const page = { x: 0, y: 0, ...size };
  const upright = texts.filter(({ classes }) => !classes.includes('turned'));
  for (const placed of [...rects, ...upright, ...circles]) {
    expect(contains(page, placed), placed.element.text).toBe(true);
  }
  for (const [i, a] of upright.entries()) {
    for (const b of upright.slice(i + 1)) {
      expect(overlap(a, b, 0.5), `${a.element.text} and ${b.element.text}`).toBe(false);
    }
  }
}

const rows = [
  { label: 'e1.conv', value: 37_748_736 },
  { label: 'e2.sdblock.sepconv_1.dwconv', value: 430_964_736 },
  {
    label: 'a.path.that.is.much.longer.than.any.picture.has.room.for.even.with.a.small.font',
    value: 0,
  },
  { label: 'mask.sdblock_1', value: 918_552_576 },
];

describe('barChart', () => {
  it('has bars as long as their values', () => {
    const picture = pictureOf(barChart({ title: 'MACs by layer', unit: 'MACs', rows }));
    expectTidy(picture);
    const bars = picture.rects.filter(({ classes }) => classes.includes('bar'));
    expect(bars).toHaveLength(rows.length);
    const longest = bars[3]?.width ?? 0;
    expect(longest).toBeGreaterThan(300);
    bars.forEach(({ width }, i) => {
      expect(width / longest).toBeCloseTo((rows[i]?.value ?? 0) / 918_552_576, 4);
    });
    const said = picture.texts.map(({ element }) => element.text);
    expect(said).toEqual(
      expect.arrayContaining(['MACs by layer', 'MACs', 'e1.conv', '431 M', '1 G']),
    );
    expect(said.some((t) => t.includes('…'))).toBe(true);
  });

  it('takes no rows, equal rows, and text that is markup', () => {
    expectTidy(pictureOf(barChart({ title: 'None', unit: 'MACs', rows: [] })));
    expectTidy(pictureOf(barChart({ title: 'Zero', unit: 'x', rows: [{ label: 'a', value: 0 }] })));
    const odd = barChart({ title: '<&">', unit: '"', rows: [{ label: '\u0007<b>', value: 3 }] });
    expect(pictureOf(odd).texts[0]?.element.text).toBe('<&">');
  });

  it.each([-1, Number.NaN, Infinity])('refuses %d', (value) => {
    expect(() => barChart({ title: 't', unit: 'u', rows: [{ label: 'a', value }] })).toThrow(
      RangeError,
    );
  });
});

describe('scatter', () => {
  const points: ScatterPoint[] = Array.from({ length: 40 }, (_, i) => ({
    x: 1000 * 1.3 ** i,
    y: 5e9 / 1.2 ** i + (i % 3) * 4e8,
    label: `width=${8 + i}`,
  }));
  const isBest = (p: ScatterPoint): boolean =>
    !points.some((q) => q !== p && q.x <= p.x && q.y <= p.y);
  const front = points.flatMap((p, i) => (isBest(p) ? [i] : []));
  const chart = {
    title: 'SD-UNet',
    x: { label: 'parameters' },
    y: { label: 'MACs' },
    points,
    front,
  };
  const pointsIn = ({ circles }: Picture): Placed[] =>
    circles.filter(({ classes }) => classes.includes('point'));

  it('has points where their values are, those of the front marked and some named', () => {
    const picture = pictureOf(scatter(chart));
    expectTidy(picture);
    const placed = pointsIn(picture);
    expect(placed).toHaveLength(points.length);
    expect(placed.filter(({ classes }) => classes.includes('front'))).toHaveLength(front.length);
    const at = (i: number): Placed | undefined =>
      placed.find(({ element }) => element.children[0]?.text.startsWith(`width=${8 + i}:`));
    const middle = (p: Placed | undefined): number => (p?.x ?? 0) + (p?.width ?? 0) / 2;
    // A logarithmic axis: equal ratios, equal steps.
    expect(middle(at(10)) - middle(at(5))).toBeCloseTo(middle(at(25)) - middle(at(20)), 1);
    expect(at(39)?.y).toBeGreaterThan(at(0)?.y ?? Infinity);
    const said = picture.texts.map(({ element }) => element.text);
    expect(said).toContain('parameters (log scale)');
    expect(said.filter((t) => t.startsWith('width=')).length).toBeGreaterThan(2);
  });

  it('is linear where values are near, and from zero values on', () => {
    const near = points.slice(0, 5);
    const said = (c: Parameters<typeof scatter>[0]): string[] =>
      pictureOf(scatter(c)).texts.map(({ element }) => element.text);
    expect(said({ ...chart, points: near, front: [] })).toContain('parameters');
    const zero = [...points, { x: 0, y: 0, label: 'nothing' }];
    expect(said({ ...chart, points: zero })).toContain('parameters');
    const log = { label: 'parameters', scale: 'log' as const };
    expect(said({ ...chart, points: near, front: [], x: log })).toContain('parameters (log scale)');
    expect(() => scatter({ ...chart, points: zero, x: log })).toThrow(RangeError);
  });

  it('names all points where no front is asked for', () => {
    const few = points.slice(0, 4);
    const picture = pictureOf(scatter({ title: 'T', x: chart.x, y: chart.y, points: few }));
    expectTidy(picture);
    const said = picture.texts.map(({ element }) => element.text);
    expect(said).toEqual(expect.arrayContaining(few.map(({ label }) => label)));
    expect(said).not.toContain('Pareto front');
    expect(picture.paths.some(({ classes }) => classes.includes('stairs'))).toBe(false);
  });

  it('takes more points than a call takes arguments', () => {
    const many = Array.from({ length: 150_000 }, (_, i) => ({ x: i + 1, y: i + 1, label: `${i}` }));
    expect(scatter({ ...chart, points: many, front: [0] })).toContain('149999: 150 k, 150 k');
    expect(
      logAxis(
        many.map(({ x }) => x),
        8,
      ).ticks.at(-1),
    ).toBe(1_000_000);
    expect(
      linearAxis(
        many.map(({ x }) => x),
        5,
        true,
      ).ticks.at(-1),
    ).toBe(150_000);
  });

  it('takes no point, one point, and the same point twice', () => {
    const none = pictureOf(scatter({ ...chart, points: [], front: [] }));
    expectTidy(none);
    expect(none.texts.map(({ element }) => element.text)).toContain('nothing to show');
    const [one] = points;
    if (one === undefined) throw new Error('no point');
    expectTidy(pictureOf(scatter({ ...chart, points: [one], front: [0] })));
    expectTidy(pictureOf(scatter({ ...chart, points: [one, one], front: [0, 1] })));
  });
});

describe('axes', () => {
  it('have round marks around the values', () => {
    const axis = linearAxis([3, 97], 5, true);
    expect(axis.ticks).toEqual([0, 20, 40, 60, 80, 100]);
    expect(axis.place(50)).toBe(0.5);
    expect(linearAxis([0.1, 0.3], 4, false).labels).toEqual(['0.1', '0.15', '0.2', '0.25', '0.3']);
    expect(linearAxis([5, 5], 4, false).ticks.length).toBeGreaterThan(1);
    expect(linearAxis([0], 5, true).place(0)).toBe(0);
    expect(logAxis([30, 9000], 8).ticks).toEqual([20, 50, 100, 200, 500, 1000, 2000, 5000, 10000]);
    expect(logAxis([1, 1e12], 5).ticks.length).toBeLessThan(8);
    expect(logAxis([100, 100], 5).place(100)).toBe(0);
  });
});

describe('text', () => {
  it('has numbers of three digits', () => {
    const cases = {
      0: '0',
      7: '7',
      999: '999',
      1000: '1.00 k',
      3935041: '3.94 M',
      999950: '1.00 M',
    };
    for (const [value, text] of Object.entries(cases))
      expect(shortNumber(Number(value))).toBe(text);
    expect(shortNumber(8_384_544_768)).toBe('8.38 G');
    expect(shortNumber(0.123456)).toBe('0.123');
    expect(shortNumber(1e21)).toBe('1000000 P');
  });

  it('is escaped, and cut where there is no room', () => {
    expect(escapeXml('a<b>&"\u0000\uD800')).toBe('a&lt;b&gt;&amp;&quot;\uFFFD\uFFFD');
    expect(shorten('e2.sdblock.sepconv_1.dwconv', 80, { size: 11 })).toMatch(/^e2.*….*conv$/);
    expect(shorten('short', 80, { size: 11 })).toBe('short');
    expect(textWidth('ab', { size: 10, bold: true })).toBeGreaterThan(
      textWidth('ab', { size: 10 }),
    );
  });
});

describe('stepChart', () => {
  const chart = (values: readonly number[], ...more: (readonly number[])[]): string =>
    stepChart({
      title: 'Memory',
      x: 'operators, in order',
      y: 'MiB',
      series: [values, ...more].map((each, i) => ({
        label: `series ${i}`,
        steps: each.map((value, step) => ({ label: `n${step}`, value })),
      })),
    });
  const partsOf = (svg: string, name: string): readonly Placed[] => {
    const { paths, circles } = pictureOf(svg);
    return [...paths, ...circles].filter(({ classes }) => classes.includes(name));
  };

  it('goes up and down with its values and marks the first of the largest', () => {
    const svg = chart([4, 8, 2, 8], [1, 2, 3, 4]);
    const picture = pictureOf(svg);
    expectTidy(picture);
    const [steps] = picture.paths.filter(({ classes }) => classes.includes('steps'));
    const heights = [0, 2, 4, 6].map((i) => steps?.points[i]?.[1] ?? 0);
    const bottom = heights[0] === undefined ? 0 : 2 * heights[0] - (heights[1] ?? 0);
    expect(heights.map((y) => bottom - y).map((h) => h / (bottom - (heights[2] ?? 0)))).toEqual(
      [2, 4, 1, 4].map((r) => expect.closeTo(r, 4) as number),
    );
    const [peak] = partsOf(svg, 'peak');
    const middle = (peak?.x ?? 0) + 4;
    expect(middle).toBeCloseTo(
      ((steps?.points[1]?.[0] ?? 0) + (steps?.points[3]?.[0] ?? 0)) / 2,
      1,
    );
    const said = picture.texts.map(({ element }) => element.text);
    expect(said).toEqual(expect.arrayContaining(['8 MiB at n1', '4 MiB at n3', 'series 0']));
    expect(svg).toContain('<title>n2: 2 MiB</title>');
  });

  it('takes no steps, one step, nothing but zeros, and more steps than pixels', () => {
    for (const values of [[], [3], [0, 0]]) expectTidy(pictureOf(chart(values)));
    const many = Array.from({ length: 100_000 }, (_, i) => (i === 77_777 ? 9 : 1));
    const svg = chart(many);
    expect(svg.length).toBeLessThan(400_000);
    expect(svg).toContain('9 MiB at n77777');
    expect(svg).toContain('<title>n77777: 9 MiB</title>');
  });

  it.each([-1, Number.NaN, Infinity])('refuses %d', (value) => {
    expect(() => chart([1, value])).toThrow(RangeError);
  });
});
