/**
 * What lowerings write with. It keeps, for every value of the graph, the TensorFlow tensor that
 * holds it, and whether that has a batch. Constants of the same numbers are one.
 */
import type { Origin, Value, Weight } from '../../compiler/ir.js';
import { elementCount } from '../../compiler/ops/tensor.js';
import { equalShapes, isStatic, isSymbolic, type Dim, type Shape } from '../../compiler/shape.js';
import type { BatchAxis } from '../nodes.js';
import { runtimeSizes, type SizeSource } from '../sizes.js';
import { formedShape, sameForm, TRANSPOSED_KERNEL, type KernelForm } from './layout.js';
import {
  int,
  type PlacedWeight,
  type TfAttributes,
  type TfConstant,
  type TfNode,
  type TfValue,
} from './model.js';

/** How a TensorFlow tensor holds a value of the graph. */
export interface Held {
  readonly value: TfValue;
  readonly batch: BatchAxis;
}

export interface Emitter {
  /** The size of the batch axis. */
  readonly batch: Dim;
  /** Writes a node with one float result of this shape. */
  node(op: string, inputs: readonly TfValue[], shape: Shape, attributes?: TfAttributes): TfValue;
  /** As `node`, with several results. */
  nodes(
    op: string,
    inputs: readonly TfValue[],
    shapes: readonly Shape[],
    attributes?: TfAttributes,
  ): readonly TfValue[];
  /** As `node`, with a result of whole numbers. */
  intNode(op: string, inputs: readonly TfValue[], shape: Shape, attributes?: TfAttributes): TfValue;
  floats(values: readonly number[] | Float32Array, dims?: readonly number[]): TfValue;
  scalar(value: number): TfValue;
  ints(values: readonly number[], dims?: readonly number[]): TfValue;
  intScalar(value: number): TfValue;
  /** A vector of sizes, computed from the inputs' where they are symbolic. */
  sizes(dims: Shape): TfValue;
  /** `x` under another shape of as many elements. */
  reshape(x: TfValue, shape: Shape): TfValue;
  /** `x` with its axes in another order. */
  transpose(x: TfValue, perm: readonly number[]): TfValue;
  /** A value as it is; with a batch axis, be it of size 1, if `batched`. */
  take(value: Value, options?: { readonly batched?: boolean }): Held;
  /** A value as an operand that broadcasts to a result of this rank, the batch aside. */
  align(value: Value, rank: number): Held;
  /** A kernel in this form. */
  kernel(value: Value, form: KernelForm): TfValue;
}

/** What the emitter was asked to write, and whoever asks for it. */
export interface EmitterState {
  readonly emitter: Emitter;
  /** From now on, nodes come from here. */
  setOrigin(origin: Origin | undefined): void;
  hold(value: Value, held: Held): void;
  /** Takes a weight into the file that no node has asked for. */
  ensureWeight(weight: Weight): void;
  readonly weights: readonly PlacedWeight[];
  readonly constants: readonly TfConstant[];
  readonly nodes: readonly TfNode[];
}

export function createEmitter(batch: Dim, sizeSource: SizeSource<TfValue>): EmitterState {
  const nodes: TfNode[] = [];
  const holds = new Map<Value, Held>();
  const weights: PlacedWeight[] = [];
  const placed = new Map<Weight, PlacedWeight[]>();
  const constants = new Map<string, TfConstant>();
  let origin: Origin | undefined;

  function write(
    op: string,
    inputs: readonly TfValue[],
    outputs: readonly TfValue[],
    attributes: TfAttributes = {},
  ): void {
    nodes.push({ op, inputs, outputs, attributes, origin });
  }

  function one(
    op: string,
    inputs: readonly TfValue[],
    value: TfValue,
    attributes?: TfAttributes,
  ): TfValue {
    write(op, inputs, [value], attributes);
    return value;
  }

  function constant(data: Float32Array | Int32Array, dims: readonly number[]): TfValue {
    if (data.length !== elementCount(dims)) throw new Error('a constant of another size');
    const kind = data instanceof Float32Array ? 'float32' : 'int32';
    // Large ones are written by hand and few: comparing them would cost more than it saves.
    const isSmall = data.length <= MAX_SHARED;
    const key = isSmall
      ? `${kind} [${dims.join()}] ${Array.from(data, spell).join()}`
      : `${constants.size}`;
    const known = constants.get(key);
    if (known !== undefined) return known.value;
    const value: TfValue = { type: kind, shape: dims };
    constants.set(key, { value, data });
    return value;
  }

  const intVector = (values: readonly number[], dims = [values.length]): TfValue =>
    constant(Int32Array.from(values), dims);
  const intScalar = (value: number): TfValue => intVector([value], []);

  /** A vector of one size. Sizes serve nodes of many origins and have none. */
  function sizeNode(
    op: string,
    inputs: readonly TfValue[],
    length: number,
    attributes: TfAttributes = {},
  ): TfValue {
    const value: TfValue = { type: 'int32', shape: [length] };
    nodes.push({ op, inputs, outputs: [value], attributes, origin: undefined });
    return value;
  }
  const shapes = new Map<TfValue, TfValue>();
  const runtime = runtimeSizes<TfValue>(sizeSource, {
    ints: (values) => intVector(values),
    read(input, axis) {
      const shape = shapes.get(input) ?? sizeNode('Shape', [input], input.shape.length);
      shapes.set(input, shape);
      const bounds = [[axis], [axis + 1], [1]].map((at) => intVector(at));
      return sizeNode('StridedSlice', [shape, ...bounds], 1);
    },
    add: (a, b) => sizeNode('AddV2', [a, b], 1),
    multiply: (a, b) => sizeNode('Mul', [a, b], 1),
    divide: (a, b) => sizeNode('FloorDiv', [a, b], 1),
    join: (parts, length) =>
      sizeNode('ConcatV2', [...parts, intScalar(0)], length, { N: int(parts.length) }),
  });

  const sizes = (dims: Shape): TfValue => (isStatic(dims) ? intVector(dims) : runtime.vector(dims));

  function reshape(x: TfValue, shape: Shape): TfValue {
    if (equalShapes(x.shape, shape)) return x;
    // One size may be left to follow from the others. That saves computing it.
    const last = shape.findLastIndex(isSymbolic);
    const given = shape.map((dim, i) => (i === last ? -1 : dim));
    return one('Reshape', [x, sizes(given)], { type: x.type, shape });
  }

  /** With axes of 1 put in at a place. */
  function expanded(x: TfValue, axis: number, count = 1): TfValue {
    let value = x;
    for (let i = 0; i < count; i++) {
      const shape = [...value.shape.slice(0, axis), 1, ...value.shape.slice(axis)];
      value = one('ExpandDims', [value, intScalar(axis)], { type: x.type, shape });
    }
    return value;
  }

  function transpose(x: TfValue, perm: readonly number[]): TfValue {
    if (perm.every((axis, i) => axis === i)) return x;
    const shape = perm.map((axis) => x.shape[axis] ?? 1);
    return one('Transpose', [x, intVector(perm)], { type: x.type, shape });
  }

  function placeWeight(weight: Weight, form: KernelForm): TfValue {
    const known = placed.get(weight) ?? [];
    const same = known.find((p) => sameForm(p.form, form));
    if (same !== undefined) return same.value;
    const [first] = known;
    const shape = formedShape(weight.shape, form);
    let made: PlacedWeight = { weight, form, value: { type: 'float32', shape } };
    if (first === undefined) weights.push(made);
    else made = { ...made, value: reformed(first, shape) };
    placed.set(weight, [...known, made]);
    return made.value;
  }

  /** A weight that is in the file in one form, in another. */
  function reformed({ form, value, weight }: PlacedWeight, shape: readonly number[]): TfValue {
    const isSwapped = form === 'transposed';
    const plainValue = isSwapped
      ? transpose(value, TRANSPOSED_KERNEL)
      : reshape(value, weight.shape);
    return reshape(plainValue, shape);
  }

  function leaf({ definition, type: { shape } }: Value): TfValue | undefined {
    if (definition.kind === 'weight') return placeWeight(definition.weight, 'plain');
    if (definition.kind === 'constant') return constant(definition.data, shape.map(Number));
    return undefined;
  }

  const take: Emitter['take'] = (value, { batched = false } = {}) => {
    const found = leaf(value);
    const held: Held | undefined =
      found === undefined ? holds.get(value) : { value: found, batch: 'none' };
    if (held === undefined) throw new Error(`value ${value.id} is read before it is written`);
    return batched && held.batch === 'none'
      ? { value: expanded(held.value, 0), batch: 'one' }
      : held;
  };

  const emitter: Emitter = {
    batch,
    node: (op, inputs, shape, attributes) =>
      one(op, inputs, { type: 'float32', shape }, attributes),
    nodes(op, inputs, resultShapes, attributes) {
      const outputs = resultShapes.map((shape): TfValue => ({ type: 'float32', shape }));
      write(op, inputs, outputs, attributes);
      return outputs;
    },
    intNode: (op, inputs, shape, attributes) =>
      one(op, inputs, { type: 'int32', shape }, attributes),
    floats: (values, dims = [values.length]) => constant(Float32Array.from(values), dims),
    scalar: (value) => constant(Float32Array.of(value), []),
    ints: (values, dims) => intVector(values, dims === undefined ? undefined : [...dims]),
    intScalar,
    sizes,
    reshape,
    transpose,
    take,
    align(value, rank) {
      const held = take(value);
      const missing = rank - value.type.shape.length;
      // Without a batch, broadcasting puts the missing axes in front by itself.
      if (held.batch === 'none' || missing <= 0) return held;
      return { ...held, value: expanded(held.value, 1, missing) };
    },
    kernel(value, form) {
      if (value.definition.kind === 'weight') return placeWeight(value.definition.weight, form);
      const { value: x } = take(value);
      return form === 'transposed'
        ? transpose(x, TRANSPOSED_KERNEL)
        : reshape(x, formedShape(x.shape.map(Number), form));
    },
  };

  return {
    emitter,
    setOrigin(next) {
      origin = next;
    },
    hold: (value, held) => holds.set(value, held),
    ensureWeight(weight) {
      if (!placed.has(weight)) placeWeight(weight, 'plain');
    },
    weights,
    get constants() {
      return [...constants.values()];
    },
    nodes,
  };
}

const MAX_SHARED = 64;

/** Tells -0 from 0, and every NaN is the same. */
function spell(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}
