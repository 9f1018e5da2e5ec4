/**
 * Expected values that archc did not make: the node tests of the ONNX project, read with a schema
 * that is not archc's own, and brought into archc's layouts.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import onnxProto from 'onnx-proto';
import { expect } from 'vitest';
import { completeAttributes } from '../../src/compiler/builder.js';
import type { Attributes, Tensor } from '../../src/compiler/ir.js';
import { findOperator } from '../../src/compiler/ops/index.js';
import { isStatic } from '../../src/compiler/shape.js';
import { sharedData } from './shared.js';

const { onnx } = onnxProto;

export type OnnxDtype =
  'f32' | 'f64' | 'i8' | 'u8' | 'i16' | 'u16' | 'i32' | 'u32' | 'i64' | 'u64' | 'bool';

/** A tensor of a case, in ONNX's layout. `data` is rounded to float32; `numbers` is not. */
export interface OnnxTensor extends Tensor {
  readonly name: string;
  readonly dtype: OnnxDtype;
  readonly numbers: readonly number[];
}

export type OnnxAttribute = number | string | readonly number[] | OnnxTensor;

export interface OnnxCase {
  readonly name: string;
  /** The operator of the only node; undefined where a case is spelt in several (`…_expanded`). */
  readonly op: string | undefined;
  /** The attributes of the only node that are written; defaults are not filled in. */
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
  /** In the order of the graph's inputs: those that the node leaves out are not counted. */
  readonly inputs: readonly OnnxTensor[];
  /** By the name in the graph. */
  readonly byName: ReadonlyMap<string, OnnxTensor>;
  readonly outputs: readonly OnnxTensor[];
  readonly opset: number;
}

/** The folder of the cases, or undefined where this machine has none: tests then skip, saying so. */
export const onnxCasesFolder = sharedData('onnx-node');

/** The names of the cases that match. */
export function onnxCaseNames(matching: RegExp): readonly string[] {
  if (onnxCasesFolder === undefined) return [];
  return readdirSync(onnxCasesFolder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && matching.test(entry.name))
    .map((entry) => entry.name)
    .sort();
}

/** Reads one case. Throws where it has values that are no tensors (sequences). */
export function readOnnxCase(name: string): OnnxCase {
  if (onnxCasesFolder === undefined) throw new Error('the ONNX cases are not on this machine');
  const folder = join(onnxCasesFolder, name);
  const { graph, opsetImport } = onnx.ModelProto.decode(readFileSync(join(folder, 'model.onnx')));
  const values = [...(graph?.input ?? []), ...(graph?.output ?? [])];
  for (const value of values) {
    if (!value.type?.tensorType) throw new Error(`${name}: ${String(value.name)} is no tensor`);
  }
  const data = join(folder, 'test_data_set_0');
  const read = (prefix: string): OnnxTensor[] =>
    readdirSync(data)
      .filter((file) => file.startsWith(prefix))
      .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
      .map((file) => toTensor(onnx.TensorProto.decode(readFileSync(join(data, file)))));
  const inputs = read('input_');
  const nodes = graph?.node ?? [];
  const node = nodes.length === 1 ? nodes[0] : undefined;
  return {
    name,
    op: node?.opType ?? undefined,
    attributes: Object.fromEntries(
      (node?.attribute ?? []).map((a) => [
        a.name ?? '',
        toAttribute(onnx.AttributeProto.create(a)),
      ]),
    ),
    inputs,
    byName: new Map(inputs.map((tensor) => [tensor.name, tensor])),
    outputs: read('output_'),
    opset: Number(opsetImport[0]?.version ?? 0),
  };
}

type TensorProto = ReturnType<typeof onnx.TensorProto.decode>;
type AttributeProto = ReturnType<typeof onnx.AttributeProto.create>;

function toAttribute(a: AttributeProto): OnnxAttribute {
  const types = onnx.AttributeProto.AttributeType;
  switch (a.type) {
    case types.INT:
      return Number(a.i);
    case types.FLOAT:
      return a.f;
    case types.STRING:
      return new TextDecoder().decode(a.s);
    case types.INTS:
      return a.ints.map(Number);
    case types.FLOATS:
      return [...a.floats];
    case types.TENSOR:
      return toTensor(onnx.TensorProto.create(a.t ?? {}));
    default:
      throw new Error(`attribute ${a.name}: type ${a.type} is not read here`);
  }
}

interface Element {
  readonly dtype: OnnxDtype;
  readonly bytes: number;
  readonly get: (view: DataView, offset: number) => number;
}

const ELEMENTS: Readonly<Record<number, Element>> = {
  1: { dtype: 'f32', bytes: 4, get: (v, at) => v.getFloat32(at, true) },
  2: { dtype: 'u8', bytes: 1, get: (v, at) => v.getUint8(at) },
  3: { dtype: 'i8', bytes: 1, get: (v, at) => v.getInt8(at) },
  4: { dtype: 'u16', bytes: 2, get: (v, at) => v.getUint16(at, true) },
  5: { dtype: 'i16', bytes: 2, get: (v, at) => v.getInt16(at, true) },
  6: { dtype: 'i32', bytes: 4, get: (v, at) => v.getInt32(at, true) },
  7: { dtype: 'i64', bytes: 8, get: (v, at) => Number(v.getBigInt64(at, true)) },
  9: { dtype: 'bool', bytes: 1, get: (v, at) => v.getUint8(at) },
  11: { dtype: 'f64', bytes: 8, get: (v, at) => v.getFloat64(at, true) },
  12: { dtype: 'u32', bytes: 4, get: (v, at) => v.getUint32(at, true) },
  13: { dtype: 'u64', bytes: 8, get: (v, at) => Number(v.getBigUint64(at, true)) },
};

function toTensor(proto: TensorProto): OnnxTensor {
  const element = ELEMENTS[proto.dataType];
  if (element === undefined) throw new Error(`data type ${proto.dataType} is not read here`);
  const shape = proto.dims.map(Number);
  const count = shape.reduce((n, d) => n * d, 1);
  let numbers: number[] = [...proto.floatData, ...proto.int32Data, ...proto.doubleData];
  // 64-bit ones are of a type (`Long`) whose package need not be installed.
  const wide: readonly unknown[] = proto.int64Data.concat(proto.uint64Data);
  numbers = numbers.concat(wide.map(Number));
  if (numbers.length === 0) {
    // A copy: what protobufjs gives is a window on a larger buffer.
    const view = new DataView(Uint8Array.from(proto.rawData).buffer);
    numbers = Array.from({ length: count }, (_, i) => element.get(view, i * element.bytes));
  }
  if (numbers.length !== count) throw new Error(`${proto.name}: ${numbers.length} of ${count}`);
  return {
    name: proto.name,
    dtype: element.dtype,
    shape,
    numbers,
    data: Float32Array.from(numbers),
  };
}

/** A tensor with its axes in another order: axis `i` of the result is axis `order[i]` of `x`. */
export function permute(x: Tensor, order: readonly number[]): Tensor {
  const strides = x.shape.map((_, i) => x.shape.slice(i + 1).reduce((n, d) => n * d, 1));
  const shape = order.map((axis) => x.shape[axis] ?? 0);
  const steps = order.map((axis) => strides[axis] ?? 0);
  const data = new Float32Array(x.data.length);
  for (let i = 0; i < data.length; i++) {
    let [rest, from] = [i, 0];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const size = shape[axis] ?? 1;
      from += (rest % size) * (steps[axis] ?? 0);
      rest = Math.floor(rest / size);
    }
    data[i] = x.data[from] ?? Number.NaN;
  }
  return { shape, data };
}

export const nchwToNhwc = (x: Tensor): Tensor => permute(x, [0, 2, 3, 1]);
export const nhwcToNchw = (x: Tensor): Tensor => permute(x, [0, 3, 1, 2]);
/** A convolution's kernel. */
export const oihwToHwio = (kernel: Tensor): Tensor => permute(kernel, [2, 3, 1, 0]);
export const hwioToOihw = (kernel: Tensor): Tensor => permute(kernel, [3, 2, 0, 1]);
/** A transposed convolution's kernel, which ONNX lays out as `[in, out, kh, kw]`. */
export const iohwToHwio = (kernel: Tensor): Tensor => permute(kernel, [2, 3, 0, 1]);

/** The images of a batch. */
export function unbatch(x: Tensor): readonly Tensor[] {
  const [count = 0, ...shape] = x.shape;
  const size = x.data.length / count;
  return Array.from({ length: count }, (_, i) => ({
    shape,
    data: x.data.slice(i * size, (i + 1) * size),
  }));
}

/** Images as a batch. */
export function batch(images: readonly Tensor[]): Tensor {
  const data = images.flatMap((image) => [...image.data]);
  return { shape: [images.length, ...(images[0]?.shape ?? [])], data: Float32Array.from(data) };
}

/**
 * An operator's reference semantics on one image: asks `infer`, then `evaluate`, and checks that
 * the results have the shapes inferred. Missing attributes take their defaults. Throws on a problem.
 */
export function runReference(
  op: string,
  activations: readonly Tensor[],
  attributes: Attributes = {},
  weights: readonly Tensor[] = [],
): readonly Tensor[] {
  const operator = findOperator(op);
  if (operator?.evaluate === undefined) throw new Error(`${op} has no evaluate`);
  const complete = completeAttributes(operator, attributes);
  const found = operator.infer(
    activations.map(({ shape }) => ({ dtype: 'f32', shape, batched: true })),
    complete,
  );
  if (!found.ok) throw new Error(`${op}: ${found.problem.message}`);
  const shapes = found.types.map(({ shape }) => {
    if (!isStatic(shape)) throw new Error(`${op}: a size is not known`);
    return shape;
  });
  const results = operator.evaluate([...activations, ...weights], complete, shapes);
  expect(results.map((r) => r.shape)).toEqual(shapes);
  for (const r of results) expect(r.data.length).toBe(r.shape.reduce((n, d) => n * d, 1));
  return results;
}

/** Fails unless shapes agree and every element is within `tolerance · (1 + |expected|)`. */
export function expectClose(actual: Tensor | undefined, expected: Tensor, tolerance = 1e-5): void {
  expect(actual?.shape).toEqual(expected.shape);
  let worst = { index: -1, error: 0 };
  expected.data.forEach((value, index) => {
    const found = actual?.data[index] ?? Number.NaN;
    const distance = Object.is(found, value) ? 0 : Math.abs(found - value) / (1 + Math.abs(value));
    const error = Number.isNaN(distance) ? Infinity : distance;
    if (error > worst.error) worst = { index, error };
  });
  const { index, error } = worst;
  expect(
    error <= tolerance,
    `element ${index}: ${String(actual?.data[index])} is not ${String(expected.data[index])}`,
  ).toBe(true);
}
