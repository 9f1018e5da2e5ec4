/**
 * What an elementwise operator reads from memory: for each operand, how far apart its elements lie
 * along each axis of the result.
 */
import type { Node, Value } from '../../compiler/ir.js';
import { at } from '../../compiler/ops/tensor.js';
import { equal } from '../../compiler/shape.js';
import type { Size } from '../../webgpu/plan.js';
import type { Emitter, Place } from './emitter.js';
import { sizeOfDim, times } from './size.js';
import { operand, type KernelView } from './view.js';

/** Along an axis: the elements follow one another as they do in the result, or are one and the same. */
export type Stride = 'dense' | 'same' | { readonly step: Size };

export interface Leaf {
  readonly place: Place;
  /** For each axis of the result, the batch first. */
  readonly strides: readonly Stride[];
  /** In elements. */
  readonly offset: number;
}

/** The axes of a result: the batch, then those of the shape. */
export function axesOf(result: Value, batch: Size): readonly Size[] {
  const sizes = result.type.shape.map(sizeOfDim);
  return [result.type.batched ? batch : 1, ...sizes];
}

/** What stands in an operator's expression for each of its operands. */
export type Argument =
  /** Computed by a node before it, or by the anchor. */
  | { readonly kind: 'computed'; readonly value: Value }
  | { readonly kind: 'read'; readonly leaf: Leaf };

/**
 * The arguments of the expression for a node. `inner` are the values that the kernel has at hand.
 * `scaleshift` reads two rows of its statistics, batch norm two tables of its own.
 */
export function argumentsOf(
  node: Node,
  view: KernelView,
  inner: ReadonlySet<Value>,
  result: Value,
  e: Emitter,
): readonly Argument[] {
  const argument = (value: Value): Argument =>
    inner.has(value)
      ? { kind: 'computed', value }
      : { kind: 'read', leaf: broadcastLeaf(view.outer(value), result, e) };
  const x = argument(operand(node, 0));
  if (node.op === 'scaleshift') {
    const stats = view.outer(operand(node, 1));
    return [x, ...[0, 1].map((row) => statsLeaf(stats, row, result, e))];
  }
  if (node.op === 'batchnorm') {
    return [
      x,
      ...affineTables(node, view, e).map(
        (place) => ({ kind: 'read', leaf: channelLeaf(place, result) }) as const,
      ),
    ];
  }
  return [x, ...node.operands.slice(1).map(argument)];
}

/** NumPy's broadcasting, the shapes aligned at their last axes. */
function broadcastLeaf(value: Value, result: Value, e: Emitter): Leaf {
  const { shape, batched } = value.type;
  const rank = result.type.shape.length;
  const missing = rank - shape.length;
  const strides = result.type.shape.map((dim, axis): Stride => {
    const own = axis < missing ? 1 : (shape[axis - missing] ?? 1);
    return equal(own, dim) ? 'dense' : 'same';
  });
  return { place: e.place(value), strides: [batched ? 'dense' : 'same', ...strides], offset: 0 };
}

function channelLeaf(place: Place, result: Value): Leaf {
  const rank = result.type.shape.length;
  const strides = Array.from({ length: rank }, (): Stride => 'same');
  return { place, strides: [...strides, 'dense'], offset: 0 };
}

/** A row of `[2, C]`, a pair for each image. */
function statsLeaf(stats: Value, row: number, result: Value, e: Emitter): Argument {
  const channels = sizeOfDim(stats.type.shape[1] ?? 1);
  if (typeof channels !== 'number') throw new Error('scaleshift: unknown channels');
  const { strides } = channelLeaf(e.place(stats), result);
  const batch: Stride = stats.type.batched ? { step: times(2, channels) } : 'same';
  const leaf: Leaf = {
    place: e.place(stats),
    strides: [batch, ...strides.slice(1)],
    offset: row * channels,
  };
  return { kind: 'read', leaf };
}

/** Batch norm at inference as a factor and a summand of each channel, in double precision. */
function affineTables(node: Node, view: KernelView, e: Emitter): readonly Place[] {
  const [scale, shift, mean, variance] = node.operands
    .slice(1)
    .map((value) => e.tensor(view.outer(value)).data);
  const { eps } = node.attributes;
  if (scale === undefined || shift === undefined || mean === undefined) {
    throw new Error('batchnorm: weights missing');
  }
  if (variance === undefined || typeof eps !== 'number') throw new Error('batchnorm: no variance');
  const factor = Float32Array.from(scale, (s, c) => s / Math.sqrt(at(variance, c) + eps));
  const summand = Float32Array.from(
    shift,
    (s, c) => s - (at(mean, c) * at(scale, c)) / Math.sqrt(at(variance, c) + eps),
  );
  const { path } = node.origin;
  return [e.constant(`${path}.factor`, factor), e.constant(`${path}.summand`, summand)];
}
