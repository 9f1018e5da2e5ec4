/** Tensors that are larger than every device binds, as parts of their channels. */
import { bytesOf } from '../memory.js';
import type { GraphBuilder } from '../builder.js';
import type { Attributes, Node, Value } from '../ir.js';
import { axisIndex } from '../ops/axes.js';
import { operatorOf, type OperatorName } from '../ops/index.js';
import { rewriteGraph } from '../rewrite.js';
import { isStatic } from '../shape.js';
import { removeDeadCode } from './dead-code.js';
import { MAX_SOURCES, VECTOR } from './fuse-reads.js';
import { modelOf, type Pass } from './pass.js';

/** The largest binding that every device grants (WebGPU, `maxStorageBufferBindingSize`). */
export const MAX_TENSOR_BYTES = 128 * 1024 * 1024;

/**
 * A result beyond `largest` bytes (`MAX_TENSOR_BYTES` by default) is computed as equal parts of its
 * channels, in multiples of 4: convolutions by the filters, what works on each channel or group of
 * channels by itself part by part. Their concatenation stands where the whole was; what can, reads
 * the parts instead, and `fuse-reads` has convolutions read them in place. A convolution of more parts
 * than one kernel reads is a sum of several. What mixes channels otherwise (softmax, layer norm, a
 * matrix product) stays whole, as does everything whose sizes are no numbers.
 */
export const splitLarge: Pass = (model, { largest = MAX_TENSOR_BYTES } = {}) => {
  const { graph, weights } = model;
  const isLarge = (value: Value): boolean =>
    value.type.batched && isStatic(value.type.shape) && bytesOf(value) > largest;
  if (!graph.nodes.some(({ results }) => results.some(isLarge))) return model;
  /** In the new graph, of a concatenation that stands for a whole. */
  const partsOf: Parts = new Map();
  const rewritten = rewriteGraph(graph, (node, operands, builder) => {
    const [result, ...more] = node.results;
    if (result === undefined || more.length > 0) return undefined;
    const least = isLarge(result) ? Math.ceil(bytesOf(result) / largest) : 1;
    const parts = partsOfNode(node, operands, least, partsOf, builder);
    if (parts === undefined) return undefined;
    const [only] = parts;
    if (only !== undefined && parts.length === 1) return [only];
    const whole = builder.apply1('concat', parts);
    partsOf.set(whole, parts);
    return [whole];
  });
  return removeDeadCode(modelOf(rewritten, weights));
};

type Parts = Map<Value, readonly Value[]>;

/** Channels from `start` to before `stop`. */
interface Range {
  readonly start: number;
  readonly stop: number;
}

/** The parts that take a node's place, or undefined where it stays; `least` is how few will do. */
function partsOfNode(
  node: Node,
  operands: readonly Value[],
  least: number,
  partsOf: Parts,
  builder: GraphBuilder,
): readonly Value[] | undefined {
  const isSplit = operands.some((value) => partsOf.has(value));
  if (least === 1 && !isSplit) return undefined;
  if (isConcatOfChannels(node)) return operands.flatMap((value) => partsOf.get(value) ?? [value]);
  if (node.op === 'conv') return convolutions(node, operands, least, partsOf, builder);
  const channels = channelsOf(node.results[0]);
  const known = operands
    .filter((value) => channelsOf(value) === channels)
    .map((value) => rangesOf(partsOf.get(value)))
    .find((found) => found !== undefined);
  const ranges = atLeast(known ?? [{ start: 0, stop: channels }], least);
  const attributes = ranges?.map((range) => attributesOfPart(node, range, channels));
  if (ranges === undefined || attributes?.every((each) => each !== undefined) !== true) {
    return undefined;
  }
  return ranges.map((range, i) =>
    builder.apply1(
      node.op,
      operands.map((value) => partOf(value, range, channels, partsOf, builder)),
      attributes[i],
    ),
  );
}

function isConcatOfChannels({ op, attributes, results: [result] }: Node): boolean {
  const rank = result?.type.shape.length ?? 0;
  const { axis } = attributes;
  return op === 'concat' && typeof axis === 'number' && axisIndex(axis, rank) === rank - 1;
}

/** Of these, each channel of the result depends on the same channel of every operand alone. */
const CHANNELWISE: ReadonlySet<OperatorName> = new Set([
  'dwconv',
  'maxpool',
  'avgpool',
  'globalavgpool',
  'globalmaxpool',
  'upsample',
  'resize',
  'batchnorm',
  'instancenorm',
  'prelu',
  'identity',
]);

/** The attributes with which a node computes some of its channels, if it can. */
function attributesOfPart(
  { op, attributes }: Node,
  { start, stop }: Range,
  channels: number,
): Attributes | undefined {
  if (op === 'groupnorm') {
    const { groups } = attributes;
    const size = channels / (typeof groups === 'number' ? groups : 1);
    const isWhole = start % size === 0 && stop % size === 0;
    return isWhole ? { ...attributes, groups: (stop - start) / size } : undefined;
  }
  if (op === 'dwconv' && attributes['multiplier'] !== 1) return undefined;
  const isChannelwise = CHANNELWISE.has(op) || operatorOf(op).traits.includes('elementwise');
  return isChannelwise ? attributes : undefined;
}

/**
 * A convolution of one group, its filters in parts. Of an image in more parts than a kernel reads,
 * several such convolutions, added up.
 */
function convolutions(
  { attributes, results: [result] }: Node,
  [image, kernel, bias]: readonly Value[],
  least: number,
  partsOf: Parts,
  builder: GraphBuilder,
): readonly Value[] | undefined {
  if (attributes['groups'] !== 1 || image === undefined || kernel === undefined) return undefined;
  const filters = channelsOf(result);
  const ranges = atLeast([{ start: 0, stop: filters }], least);
  const pieces = chunks(partsOf.get(image) ?? [image], MAX_SOURCES);
  if (ranges === undefined || (ranges.length === 1 && pieces.length === 1)) return undefined;
  const images = pieces.map((piece) => {
    const [only] = piece;
    return only !== undefined && piece.length === 1 ? only : builder.apply1('concat', piece);
  });
  const taken = rangesOf(images) ?? [];
  return ranges.map((range) => {
    const own = cut(kernel, -1, range, builder);
    const summands = images.map((piece, i) => {
      const slice = taken[i];
      const of = slice === undefined || images.length === 1 ? own : cut(own, -2, slice, builder);
      const isBiased = bias !== undefined && i === 0;
      return builder.apply1(
        'conv',
        [piece, of, ...(isBiased ? [cut(bias, -1, range, builder)] : [])],
        { ...attributes, filters: range.stop - range.start, bias: isBiased },
      );
    });
    return summands.reduce((sum, next) => builder.apply1('add', [sum, next]));
  });
}

/** The channels of an operand that a part of the result reads: all, where there are fewer. */
function partOf(
  value: Value,
  range: Range,
  channels: number,
  partsOf: Parts,
  builder: GraphBuilder,
): Value {
  if (channelsOf(value) !== channels || channels === 1) return value;
  const parts = partsOf.get(value) ?? [];
  const places = rangesOf(parts) ?? [];
  const at = places.findIndex(({ start, stop }) => start <= range.start && range.stop <= stop);
  const [part, start = 0] = [parts[at], places[at]?.start];
  if (part === undefined) return cut(value, -1, range, builder);
  return cut(part, -1, { start: range.start - start, stop: range.stop - start }, builder);
}

function cut(value: Value, axis: number, { start, stop }: Range, builder: GraphBuilder): Value {
  if (start === 0 && value.type.shape.at(axis) === stop) return value;
  return builder.apply1('slice', [value], { start, stop, axis });
}

/** Ranges in equal parts of whole vectors, so that there are at least so many; undefined if too few. */
function atLeast(ranges: readonly Range[], least: number): readonly Range[] | undefined {
  const needed = Math.ceil(least / ranges.length);
  if (needed <= 1) return ranges;
  const made = ranges.map(({ start, stop }) => {
    for (let count = needed; VECTOR * count <= stop - start; count++) {
      const size = (stop - start) / count;
      if (size % VECTOR !== 0) continue;
      return Array.from({ length: count }, (_, i) => ({
        start: start + i * size,
        stop: start + (i + 1) * size,
      }));
    }
    return undefined;
  });
  return made.every((each) => each !== undefined) ? made.flat() : undefined;
}

/** Where parts lie in the whole. */
function rangesOf(parts: readonly Value[] | undefined): readonly Range[] | undefined {
  let stop = 0;
  return parts?.map((value) => {
    const start = stop;
    stop += channelsOf(value);
    return { start, stop };
  });
}

function channelsOf(value: Value | undefined): number {
  const last = value?.type.shape.at(-1);
  return typeof last === 'number' ? last : 1;
}

function chunks<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  const count = Math.ceil(items.length / size);
  return Array.from({ length: count }, (_, i) => items.slice(i * size, (i + 1) * size));
}
