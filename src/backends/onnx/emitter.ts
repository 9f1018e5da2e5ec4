/**
 * What lowerings write with. It keeps, for every value of the graph, the ONNX tensor that holds it
 * and under which order of axes; a lowering asks for the order that it needs, and a Transpose is
 * written only where that differs from what is there. So a change of layout and its reverse cancel,
 * and archc's own `transpose` costs nothing until someone needs its result in order.
 */
import type { Origin, TensorType, Value, Weight } from '../../compiler/ir.js';
import { elementCount } from '../../compiler/ops/tensor.js';
import { equalShapes, isStatic, isSymbolic, type Dim, type Shape } from '../../compiler/shape.js';
import type { BatchAxis } from '../nodes.js';
import { runtimeSizes, type SizeSource } from '../sizes.js';
import {
  alignedPattern,
  arrange,
  axesOf,
  permutation,
  permuteData,
  plain,
  sameOrder,
  type Order,
  type Pattern,
} from './layout.js';
import {
  int,
  ints,
  type OnnxAttributes,
  type OnnxNode,
  type OnnxTensor,
  type OnnxValue,
  type PlacedWeight,
} from './model.js';

/** How an ONNX tensor holds a value of the graph. */
export interface Held {
  readonly value: OnnxValue;
  readonly order: Order;
  readonly batch: BatchAxis;
}

/** An operand as a node takes it. */
export interface Placed {
  readonly value: OnnxValue;
  readonly batch: BatchAxis;
}

export interface Emitter {
  readonly opset: number;
  /** The size of the batch axis. */
  readonly batch: Dim;
  /** Writes a node with one float result of this shape. */
  node(
    opType: string,
    inputs: readonly (OnnxValue | undefined)[],
    shape: Shape,
    attributes?: OnnxAttributes,
  ): OnnxValue;
  /** As `node`, with several results. */
  nodes(
    opType: string,
    inputs: readonly (OnnxValue | undefined)[],
    shapes: readonly Shape[],
    attributes?: OnnxAttributes,
  ): readonly OnnxValue[];
  /** As `node`, with a result of whole numbers. */
  intNode(opType: string, inputs: readonly OnnxValue[], shape: Shape): OnnxValue;
  floats(values: readonly number[] | Float32Array, dims?: readonly number[]): OnnxValue;
  /** A vector of whole numbers. */
  ints(values: readonly number[]): OnnxValue;
  intScalar(value: number): OnnxValue;
  /** A vector of sizes, computed from the inputs' where they are symbolic. */
  sizes(dims: Shape): OnnxValue;
  /** `x` under another shape of as many elements. */
  reshape(x: OnnxValue, shape: Shape): OnnxValue;
  /** How a value is held now; a weight or constant in archc's own order. */
  held(value: Value): Held;
  /** The order that costs nothing; undefined for weights and constants, where none does. */
  cheapOrder(value: Value): Order | undefined;
  /** A value under this order; with a batch axis, be it of size 1, if `batched`. */
  take(value: Value, order: Order, options?: { readonly batched?: boolean }): Held;
  /** A value with some axes of 1 put in. */
  place(value: Value, pattern: Pattern, options?: { readonly batched?: boolean }): Placed;
  /** A value as an operand that broadcasts to a result in `order`. */
  align(value: Value, order: Order): Placed;
  /** The shape of a tensor that holds a value of type `type`. */
  shapeOf(type: TensorType, order: Order, batch: BatchAxis): Dim[];
}

/** What the emitter was asked to write, and whoever asks for it. */
export interface EmitterState {
  readonly emitter: Emitter;
  /** From now on, nodes come from here. */
  setOrigin(origin: Origin | undefined): void;
  hold(value: Value, held: Held): void;
  /** Weights that have been asked for so far. */
  readonly weights: readonly PlacedWeight[];
  /** Takes a weight into the file that no node has asked for. */
  ensureWeight(weight: Weight): void;
  /** All nodes, in order. */
  nodes(): readonly OnnxNode[];
}

interface EmitterOptions {
  readonly opset: number;
  readonly batch: Dim;
  /** Where the sizes of symbols are found at run time. */
  readonly sizeSource: SizeSource<OnnxValue>;
}

export function createEmitter(options: EmitterOptions): EmitterState {
  /** What depends on inputs' sizes and weights alone: before the nodes of any block. */
  const prelude: OnnxNode[] = [];
  const body: OnnxNode[] = [];
  const holds = new Map<Value, Held[]>();
  const weights: PlacedWeight[] = [];
  const placedWeights = new Map<Weight, PlacedWeight[]>();
  /** Results of the prelude, and the inputs and weights that it starts from. */
  const early = new Set<OnnxValue>();
  let origin: Origin | undefined;

  function write(
    opType: string,
    inputs: readonly (OnnxValue | undefined)[],
    outputs: readonly OnnxValue[],
    attributes: OnnxAttributes,
    auxiliary: boolean,
  ): void {
    // A change of layout of an input serves all its users, whichever block they stand in.
    const isEarly =
      auxiliary && inputs.length > 0 && inputs.every((v) => v === undefined || early.has(v));
    if (isEarly) outputs.forEach((v) => early.add(v));
    const node = { opType, inputs, outputs, attributes, auxiliary };
    if (isEarly) prelude.push({ ...node, origin: undefined });
    else body.push({ ...node, origin });
  }

  function one(
    opType: string,
    inputs: readonly (OnnxValue | undefined)[],
    value: OnnxValue,
    attributes: OnnxAttributes,
    auxiliary: boolean,
  ): OnnxValue {
    write(opType, inputs, [value], attributes, auxiliary);
    return value;
  }

  function constant(tensor: OnnxTensor, isPrelude = false): OnnxValue {
    const value: OnnxValue = { type: tensor.type, shape: tensor.dims };
    const attributes: OnnxAttributes = { value: { kind: 'tensor', value: tensor } };
    const node = { opType: 'Constant', inputs: [], outputs: [value], attributes, auxiliary: true };
    if (isPrelude) {
      early.add(value);
      prelude.push({ ...node, origin: undefined });
    } else {
      body.push({ ...node, origin });
    }
    return value;
  }

  const intVector = (values: readonly number[], isPrelude = false): OnnxValue =>
    constant({ type: 'int64', dims: [values.length], data: values }, isPrelude);

  function sizeNode(
    opType: string,
    inputs: readonly OnnxValue[],
    length: number,
    attributes: OnnxAttributes = {},
  ): OnnxValue {
    const value: OnnxValue = { type: 'int64', shape: [length] };
    early.add(value);
    prelude.push({
      opType,
      inputs,
      outputs: [value],
      attributes,
      origin: undefined,
      auxiliary: true,
    });
    return value;
  }

  const runtime = runtimeSizes(options.sizeSource, {
    ints: (values) => intVector(values, true),
    read: (input, axis) => sizeNode('Shape', [input], 1, { start: int(axis), end: int(axis + 1) }),
    add: (a, b) => sizeNode('Add', [a, b], 1),
    multiply: (a, b) => sizeNode('Mul', [a, b], 1),
    divide: (a, b) => sizeNode('Div', [a, b], 1),
    join: (parts, length) => sizeNode('Concat', parts, length, { axis: int(0) }),
  });

  function sizes(dims: Shape): OnnxValue {
    return isStatic(dims) ? intVector(dims) : runtime.vector(dims);
  }

  function convert(x: OnnxValue, opType: string, shape: Shape, argument: readonly number[]) {
    const value: OnnxValue = { type: x.type, shape };
    if (opType === 'Transpose') return one(opType, [x], value, { perm: ints(argument) }, true);
    const list = intVector(argument, early.has(x));
    return one(opType, [x, list], value, {}, true);
  }

  function transposed(x: Held, order: Order): Held {
    const lead = x.batch === 'none' ? 0 : 1;
    const perm = [...plain(lead), ...permutation(x.order, order).map((axis) => axis + lead)];
    const value = convert(x.value, 'Transpose', arrange(x.value.shape, perm), perm);
    return { value, order, batch: x.batch };
  }

  /** With axes of 1 put in at these places of the result. */
  function unsqueezed(x: OnnxValue, axes: readonly number[]): OnnxValue {
    if (axes.length === 0) return x;
    const shape: Dim[] = [...x.shape];
    for (const axis of axes) shape.splice(axis, 0, 1);
    return convert(x, 'Unsqueeze', shape, axes);
  }

  function placeWeight(weight: Weight, pattern: Pattern): OnnxValue {
    const known = placedWeights.get(weight) ?? [];
    const same = known.find((p) => sameOrder(p.pattern, pattern));
    if (same !== undefined) return same.value;
    const [first] = known;
    let value: OnnxValue = { type: 'float', shape: arrange(weight.shape, pattern) };
    if (first === undefined) {
      weights.push({ weight, pattern, value });
      early.add(value);
    } else {
      value = rearranged(first, pattern);
    }
    placedWeights.set(weight, [...known, { weight, pattern, value }]);
    return value;
  }

  /** A weight that is in the file under one pattern, under another. */
  function rearranged(from: PlacedWeight, pattern: Pattern): OnnxValue {
    const created = from.pattern.flatMap((axis, i) => (axis === null ? [i] : []));
    const bare =
      created.length === 0
        ? from.value
        : convert(from.value, 'Squeeze', arrange(from.weight.shape, axesOf(from.pattern)), created);
    const before: Held = { value: bare, order: axesOf(from.pattern), batch: 'none' };
    return patterned(before, pattern).value;
  }

  /** A held value under a pattern. */
  function patterned(x: Held, pattern: Pattern): Placed {
    const order = axesOf(pattern);
    const moved = sameOrder(x.order, order) ? x : transposed(x, order);
    const lead = x.batch === 'none' ? 0 : 1;
    const created = pattern.flatMap((axis, i) => (axis === null ? [i + lead] : []));
    return { value: unsqueezed(moved.value, created), batch: x.batch };
  }

  function placeLeaf(value: Value, pattern: Pattern): OnnxValue | undefined {
    const { definition, type } = value;
    if (definition.kind === 'weight') return placeWeight(definition.weight, pattern);
    if (definition.kind !== 'constant') return undefined;
    const shape = type.shape.map(Number);
    const data = permuteData({ shape, data: definition.data }, axesOf(pattern));
    return constant({ type: 'float', dims: arrange(shape, pattern).map(Number), data });
  }

  function place(
    value: Value,
    pattern: Pattern,
    { batched = false }: { readonly batched?: boolean } = {},
  ): Placed {
    const leaf = placeLeaf(value, pattern);
    const placed: Placed =
      leaf === undefined ? placeResult(value, pattern) : { value: leaf, batch: 'none' };
    if (!batched || placed.batch !== 'none') return placed;
    return { value: unsqueezed(placed.value, [0]), batch: 'one' };
  }

  function placeResult(value: Value, pattern: Pattern): Placed {
    const known = holds.get(value) ?? [];
    const order = axesOf(pattern);
    let held = known.find((h) => sameOrder(h.order, order));
    if (held === undefined) {
      const [first] = known;
      if (first === undefined) throw new Error(`value ${value.id} is read before it is written`);
      held = transposed(first, order);
      holds.set(value, [...known, held]);
    }
    return patterned(held, pattern);
  }

  const take: Emitter['take'] = (value, order, placing) => ({
    ...place(value, order, placing),
    order,
  });

  const emitter: Emitter = {
    opset: options.opset,
    batch: options.batch,
    node(opType, inputs, shape, attributes = {}) {
      return one(opType, inputs, { type: 'float', shape }, attributes, false);
    },
    nodes(opType, inputs, shapes, attributes = {}) {
      const outputs = shapes.map((shape): OnnxValue => ({ type: 'float', shape }));
      write(opType, inputs, outputs, attributes, false);
      return outputs;
    },
    intNode: (opType, inputs, shape) => one(opType, inputs, { type: 'int64', shape }, {}, false),
    intScalar: (value) => constant({ type: 'int64', dims: [], data: [value] }),
    floats(values, dims = [values.length]) {
      if (values.length !== elementCount(dims)) throw new Error('a constant of another size');
      return constant({ type: 'float', dims, data: Float32Array.from(values) });
    },
    ints: (values) => intVector(values),
    sizes,
    reshape(x, shape) {
      if (equalShapes(x.shape, shape)) return x;
      // One size may be left to follow from the others. That saves computing it, and for a batch
      // alone that is unknown it saves all of it.
      const last = shape.findLastIndex(isSymbolic);
      const given = shape.map((dim, i) => (i === last ? -1 : dim));
      return one('Reshape', [x, sizes(given)], { type: x.type, shape }, {}, false);
    },
    held(value) {
      const leaf = placeLeafPlain(value);
      if (leaf !== undefined) return leaf;
      const [first] = holds.get(value) ?? [];
      if (first === undefined) throw new Error(`value ${value.id} is read before it is written`);
      return first;
    },
    cheapOrder: (value) => holds.get(value)?.[0]?.order,
    take,
    place,
    align(value, order) {
      const pattern = alignedPattern(value.type.shape.length, order);
      const hasBatch = (holds.get(value)?.[0]?.batch ?? 'none') !== 'none';
      // Without a batch, new axes in front say nothing: a bias stays a vector where it can.
      const start = hasBatch ? 0 : pattern.findIndex((axis) => axis !== null);
      return place(value, start === -1 ? [] : pattern.slice(start));
    },
    shapeOf(type, order, batch) {
      const shape = arrange(type.shape, order);
      if (batch === 'none') return shape;
      return [batch === 'one' ? 1 : options.batch, ...shape];
    },
  };

  function placeLeafPlain(value: Value): Held | undefined {
    const order = plain(value.type.shape.length);
    const leaf = placeLeaf(value, order);
    return leaf === undefined ? undefined : { value: leaf, order, batch: 'none' };
  }

  return {
    emitter,
    setOrigin(next) {
      origin = next;
    },
    hold(value, held) {
      holds.set(value, [held]);
      if (value.definition.kind === 'input') early.add(held.value);
    },
    weights,
    ensureWeight(weight) {
      if (!placedWeights.has(weight)) placeWeight(weight, plain(weight.shape.length));
    },
    nodes: () => [...prelude, ...body],
  };
}
