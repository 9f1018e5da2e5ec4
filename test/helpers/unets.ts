/**
 * U-Net and SD-UNet built by hand, node by node, as an independent check of figures that the
 * sources under models/ are held to as well.
 */
import type { Attributes, Graph, Value } from '../../src/compiler/ir.js';
import type { OperatorName } from '../../src/compiler/ops/index.js';
import { buildGraph, type TestGraph } from './graph.js';

export interface UnetOptions {
  readonly size: number;
  readonly channels?: number;
  readonly classes?: number;
  /** Filters of the five levels. */
  readonly widths?: readonly [number, number, number, number, number];
  /** Of SD-UNet. */
  readonly groups?: number;
}

const WIDTHS = [64, 128, 256, 512, 1024] as const;

/** Sends a value through operators one after another. */
function through(
  g: TestGraph,
  start: Value,
  ...steps: readonly (readonly [OperatorName, Attributes?])[]
): Value {
  return steps.reduce((x, [op, attributes]) => only(g.op(op, [x], attributes)), start);
}

function only([value]: readonly Value[]): Value {
  if (value === undefined) throw new Error('no result');
  return value;
}

/** Ronneberger et al. 2015 with `same` padding; up = nearest, then a 2×2 convolution with ReLU. */
export function unet(options: UnetOptions): Graph {
  const { size, channels = 1, classes = 1, widths = WIDTHS } = options;
  return buildGraph((g) => {
    const conv = (x: Value, filters: number, k: number): Value =>
      through(g, x, ['conv', { filters, k: [k, k] }], ['relu']);
    const double = (x: Value, filters: number): Value => conv(conv(x, filters, 3), filters, 3);
    let x = g.input([size, size, channels]);
    const skips: Value[] = [];
    widths.forEach((filters, level) => {
      x = double(level === 0 ? x : only(g.op('maxpool', [x], { k: [2, 2] })), filters);
      if (level >= 3) x = only(g.op('dropout', [x], { rate: 0.5 }));
      skips.push(x);
    });
    skips.pop();
    for (const [level, filters] of [...widths.slice(0, -1).entries()].reverse()) {
      const up = conv(only(g.op('upsample', [x])), filters, 2);
      x = double(only(g.op('concat', [skips[level] ?? up, up])), filters);
    }
    x = conv(x, 2, 3);
    return [through(g, x, ['conv', { filters: classes, k: [1, 1] }], ['sigmoid'])];
  });
}

/** The reconstruction of Gadosey et al. 2020: depthwise separable, weights standardised, group norm. */
export function sdunet(options: UnetOptions): Graph {
  const { size, channels = 1, classes = 1, widths = WIDTHS, groups = 32 } = options;
  return buildGraph((g) => {
    const separable = (x: Value, filters: number): Value =>
      through(g, x, ['dwconv', { ws: true }], ['conv', { filters, k: [1, 1] }]);
    const block = (x: Value, filters: number): Value => {
      const first = through(g, separable(x, filters), ['relu']);
      return through(g, separable(first, filters), ['relu'], ['groupnorm', { groups }]);
    };
    const pool = (x: Value): Value => through(g, x, ['maxpool', { k: [2, 2] }]);
    const [first, ...deeper] = widths;
    const start = g.input([size, size, channels]);
    let x = through(g, start, ['conv', { filters: first }], ['relu'], ['groupnorm', { groups }]);
    const skips = [x];
    deeper.forEach((filters, i) => {
      x = block(pool(x), filters);
      if (i === 2) x = through(g, x, ['dropout', { rate: 0.5 }]);
      skips.push(x);
    });
    skips.pop();
    for (const [level, filters] of [...widths.slice(0, -1).entries()].reverse()) {
      const up = separable(through(g, x, ['upsample']), filters);
      x = block(only(g.op('concat', [skips[level] ?? up, up])), filters);
    }
    x = separable(block(x, first), first);
    return [through(g, separable(x, classes), ['sigmoid'])];
  });
}
