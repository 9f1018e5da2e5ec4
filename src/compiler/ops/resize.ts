/** upsample and resize: an image at another size, with half-pixel centres. */
import type { Tensor } from '../ir.js';
import { formatDim, mul, range } from '../shape.js';
import { choice, dim, pair } from './kinds.js';
import { defineOperator, inferred, rejected, type Cost, type CostInput } from './operator.js';
import { requireImage } from './require.js';
import { SAVES_NOTHING } from './saved.js';
import { at, elementCount, newTensor } from './tensor.js';

type Mode = 'nearest' | 'bilinear';

const modeParameter = {
  mode: {
    kind: choice('nearest', 'bilinear'),
    default: 'nearest',
    doc: 'Copy the nearest pixel, or interpolate between four.',
  },
} as const;

const SAMPLING =
  'With half-pixel centres: output pixel i lies at (i + 0.5) · in / out − 0.5 of the input. ' +
  '`nearest` takes pixel ⌊(i + 0.5) · in / out⌋ (TensorFlow; `nearest-exact` in PyTorch; ' +
  '`round_prefer_ceil` in ONNX). `bilinear` interpolates the four around it, repeating the border ' +
  '(`align_corners = false`), without antialiasing.';
const RESIZE_COST =
  'nearest: 0, it moves data alone; bilinear: FLOPs = 9 an output, three interpolations ' +
  'a + t · (b − a) of 3 each (the weights depend on the sizes alone).';

export const upsample = defineOperator({
  name: 'upsample',
  doc: `An image \`factor\` times as large. ${SAMPLING}`,
  example: 'x -> upsample(2, bilinear)',
  parameters: {
    factor: { kind: pair(1), default: [2, 2], doc: 'How many times as large.' },
    ...modeParameter,
  },
  infer: ([x], { factor }) => {
    const problem = requireImage('upsample', x);
    if (problem !== undefined) return rejected(problem);
    const [height = 0, width = 0, channels = 0] = x?.shape ?? [];
    const shape = [mul(height, factor[0]), mul(width, factor[1]), channels];
    return inferred({ dtype: 'f32', shape, batched: x?.batched ?? true });
  },
  cost: (shapes, { mode }) => resizeCost(shapes, mode),
  costDoc: RESIZE_COST,
  saved: SAVES_NOTHING,
  evaluate: ([x], { mode }, [shape]) => [resample(x, shape ?? [], mode)],
  traits: ['takes-epilogue'],
});

export const resize = defineOperator({
  name: 'resize',
  doc: `An image of the given size, larger or smaller. ${SAMPLING}`,
  example: 'x -> resize(48, 40, bilinear)',
  parameters: {
    height: { kind: dim, doc: 'Height of the result; may be that of another tensor.' },
    width: { kind: dim, doc: 'Width of the result; may be that of another tensor.' },
    ...modeParameter,
  },
  infer: ([x], { height, width }) => {
    const problem = requireImage('resize', x);
    if (problem !== undefined) return rejected(problem);
    for (const [parameter, size] of Object.entries({ height, width })) {
      if (range(size)[1] >= 1) continue;
      return rejected({
        code: 'size-too-small',
        message: `resize to the ${parameter} ${formatDim(size)} leaves nothing`,
        parameter,
        hints: [`let the ${parameter} be at least 1`],
      });
    }
    const shape = [height, width, x?.shape[2] ?? 0];
    return inferred({ dtype: 'f32', shape, batched: x?.batched ?? true });
  },
  cost: (shapes, { mode }) => resizeCost(shapes, mode),
  costDoc: RESIZE_COST,
  saved: SAVES_NOTHING,
  evaluate: ([x], { mode }, [shape]) => [resample(x, shape ?? [], mode)],
  traits: ['takes-epilogue'],
});

function resizeCost({ results: [y] }: CostInput, mode: Mode): Cost {
  return { macs: 0, flops: mode === 'nearest' ? 0 : 9 * elementCount(y ?? []) };
}

/** The two input pixels between which each output pixel of an axis lies, and how far along. */
interface Sample {
  readonly low: number;
  readonly high: number;
  readonly fraction: number;
}

function samples(input: number, output: number, mode: Mode): readonly Sample[] {
  return Array.from({ length: output }, (_, i) => {
    if (mode === 'nearest') {
      // Whole numbers, so that no rounding decides a tie.
      const low = Math.floor(((2 * i + 1) * input) / (2 * output));
      return { low, high: low, fraction: 0 };
    }
    const position = ((i + 0.5) * input) / output - 0.5;
    const clamped = Math.min(Math.max(position, 0), input - 1);
    const low = Math.floor(clamped);
    return { low, high: Math.min(low + 1, input - 1), fraction: clamped - low };
  });
}

function resample(x: Tensor | undefined, shape: readonly number[], mode: Mode): Tensor {
  if (x === undefined) throw new Error('resize: operand missing');
  const [inHeight = 0, inWidth = 0, channels = 0] = x.shape;
  const [outHeight = 0, outWidth = 0] = shape;
  const columns = samples(inWidth, outWidth, mode);
  const y = newTensor(shape);
  let index = 0;
  for (const row of samples(inHeight, outHeight, mode)) {
    for (const column of columns) {
      for (let c = 0; c < channels; c++) {
        const along = (line: number): number => {
          const low = at(x.data, (line * inWidth + column.low) * channels + c);
          const high = at(x.data, (line * inWidth + column.high) * channels + c);
          return interpolate(low, high, column.fraction);
        };
        y.data[index++] = interpolate(along(row.low), along(row.high), row.fraction);
      }
    }
  }
  return y;
}

function interpolate(a: number, b: number, t: number): number {
  // At a pixel's centre its neighbour has no say: an infinity there would make NaN.
  return t === 0 ? a : a + t * (b - a);
}
