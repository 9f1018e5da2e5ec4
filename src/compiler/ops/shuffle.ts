/** Elements moved between space and channels: composites of reshape and transpose. */
import type { GraphBuilder } from '../builder.js';
import type { TensorType, Value } from '../ir.js';
import { exactDiv, floorDiv, isSymbolic, mul, type Dim, type Shape } from '../shape.js';
import { axisName } from './axes.js';
import { int } from './kinds.js';
import { defineOperator, inferred, rejected, type Inferred, type Operator } from './operator.js';
import { indivisible, notMultiple, requireImage } from './require.js';
import { SAVES_NOTHING } from './saved.js';

const factorParameter = {
  factor: { kind: int(1), doc: 'By how much height and width change.' },
} as const;

export const pixelshuffle: Operator = defineOperator({
  name: 'pixelshuffle',
  doc:
    'Channels moved into space, `[H, W, C·r²] → [r·H, r·W, C]` (Shi et al. 2016). Channel ' +
    '`c·r² + y·r + x` goes to row `y` and column `x` of each r×r square of channel `c`, as in ' +
    'PyTorch. (TensorFlow’s depth_to_space takes `(y·r + x)·C + c`.)',
  example: 'x -> pixelshuffle(2)',
  parameters: factorParameter,
  infer: ([x], { factor }) => inferPixelShuffle(x, factor),
  cost: () => ({ macs: 0, flops: 0 }),
  costDoc: '0: it moves data.',
  saved: SAVES_NOTHING,
  decompose: (builder, [x], { factor }) => {
    const [height, width, channels] = sizesOf(x?.type.shape);
    const fewer = quotient(channels, factor * factor);
    return throughTranspose(
      builder,
      x,
      [height, width, fewer, factor, factor],
      [0, 3, 1, 4, 2],
      [mul(height, factor), mul(width, factor), fewer],
    );
  },
  traits: ['data-movement'],
});

export const spacetodepth: Operator = defineOperator({
  name: 'spacetodepth',
  doc:
    'Space moved into channels, `[r·H, r·W, C] → [H, W, C·r²]`: the inverse of `pixelshuffle`, and ' +
    'PyTorch’s PixelUnshuffle. Row `y` and column `x` of each r×r square of channel `c` become ' +
    'channel `c·r² + y·r + x`. (TensorFlow and ONNX order them `(y·r + x)·C + c`.)',
  example: 'x -> spacetodepth(2)',
  parameters: factorParameter,
  infer: ([x], { factor }) => inferSpaceToDepth(x, factor),
  cost: () => ({ macs: 0, flops: 0 }),
  costDoc: '0: it moves data.',
  saved: SAVES_NOTHING,
  decompose: (builder, [x], { factor }) => {
    const [height, width, channels] = sizesOf(x?.type.shape);
    const [rows, columns] = [quotient(height, factor), quotient(width, factor)];
    return throughTranspose(
      builder,
      x,
      [rows, factor, columns, factor, channels],
      [0, 2, 4, 1, 3],
      [rows, columns, mul(channels, factor * factor)],
    );
  },
  traits: ['data-movement'],
});

export const channelshuffle: Operator = defineOperator({
  name: 'channelshuffle',
  doc:
    'Channels dealt out from `groups` equal runs: channel `g·n + i` (the i-th of n in group g) goes ' +
    'to `i·groups + g` (ShuffleNet, Zhang et al. 2018).',
  example: 'x -> channelshuffle(4)',
  parameters: {
    groups: { kind: int(1), doc: 'Runs of channels; divides them.' },
  },
  infer: ([x], { groups }) => {
    const problem = requireImage('channelshuffle', x);
    if (problem !== undefined || x === undefined) return problem ? rejected(problem) : inferred();
    const channels = x.shape[2] ?? 0;
    if (exactDiv(channels, groups) !== undefined) return inferred(x);
    return rejected(
      isSymbolic(channels)
        ? notMultiple('channelshuffle', 'channels', channels, groups, 'groups')
        : indivisible('channelshuffle', channels, 'channels', groups, 'groups'),
    );
  },
  cost: () => ({ macs: 0, flops: 0 }),
  costDoc: '0: it moves data.',
  saved: SAVES_NOTHING,
  decompose: (builder, [x], { groups }) => {
    const [height, width, channels] = sizesOf(x?.type.shape);
    return throughTranspose(
      builder,
      x,
      [height, width, groups, quotient(channels, groups)],
      [0, 1, 3, 2],
      [height, width, channels],
    );
  },
  traits: ['data-movement'],
});

function inferPixelShuffle(x: TensorType | undefined, factor: number): Inferred {
  const problem = requireImage('pixelshuffle', x);
  if (problem !== undefined || x === undefined) return problem ? rejected(problem) : inferred();
  const [height, width, channels] = sizesOf(x.shape);
  const square = factor * factor;
  const fewer = exactDiv(channels, square);
  if (fewer === undefined) {
    if (isSymbolic(channels)) {
      return rejected(notMultiple('pixelshuffle', 'channels', channels, square, 'factor'));
    }
    return rejected({
      code: 'indivisible',
      message: `pixelshuffle has ${channels} channels, which ${factor}² = ${square} does not divide`,
      parameter: 'factor',
      hints: [`bring the channels to a multiple of ${square} first`],
    });
  }
  return inferred({ ...x, shape: [mul(height, factor), mul(width, factor), fewer] });
}

function inferSpaceToDepth(x: TensorType | undefined, factor: number): Inferred {
  const problem = requireImage('spacetodepth', x);
  if (problem !== undefined || x === undefined) return problem ? rejected(problem) : inferred();
  const [height, width, channels] = sizesOf(x.shape);
  const [rows, columns] = [exactDiv(height, factor), exactDiv(width, factor)];
  if (rows === undefined || columns === undefined) {
    const sizes = [height, width].filter((size) => exactDiv(size, factor) === undefined);
    const axis = rows === undefined ? 0 : 1;
    return rejected(
      notMultiple('spacetodepth', axisName(axis, x.shape), sizes[0] ?? 0, factor, 'factor', sizes),
    );
  }
  return inferred({ ...x, shape: [rows, columns, mul(channels, factor * factor)] });
}

/** The sizes of an image, once `infer` has shown that it is one. */
function sizesOf(shape: Shape | undefined): readonly [Dim, Dim, Dim] {
  const [height = 1, width = 1, channels = 1] = shape ?? [];
  return [height, width, channels];
}

/** A quotient that `infer` has shown to be exact. */
function quotient(size: Dim, divisor: number): Dim {
  return floorDiv(size, divisor);
}

function throughTranspose(
  builder: GraphBuilder,
  x: Value | undefined,
  parted: Shape,
  axes: readonly number[],
  joined: Shape,
): readonly Value[] {
  if (x === undefined) throw new Error('operand missing');
  const apart = builder.apply1('reshape', [x], { shape: parted });
  const moved = builder.apply1('transpose', [apart], { axes });
  return builder.apply('reshape', [moved], { shape: joined });
}
