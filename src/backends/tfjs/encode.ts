/** A TensorFlow graph as the files of a TensorFlow.js graph model. */
import { isSymbolic, type Shape } from '../../compiler/shape.js';
import { nodeNames, uniqueNames } from '../names.js';
import type { Quantization } from './quantize.js';
import type { TfAttribute, TfAttributes, TfBorder, TfGraph, TfValue } from './model.js';

/** A weight or constant as it goes into the file. */
export interface StoredTensor {
  readonly value: TfValue;
  readonly shape: readonly number[];
  /** Little endian. */
  readonly bytes: Uint8Array;
  readonly quantization?: Quantization;
}

interface ModelHeader {
  readonly generatedBy: string;
  readonly metadata: readonly (readonly [key: string, value: string])[];
}

export interface TfjsFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** As TensorFlow.js's own converter parts weights: browsers cache files of this size. */
const SHARD_BYTES = 4 * 2 ** 20;

const DATA_TYPES = { float32: 'DT_FLOAT', int32: 'DT_INT32' } as const;

/** `model.json` first, then the shards with the weights. */
export function encodeModel(
  graph: TfGraph,
  stored: readonly StoredTensor[],
  header: ModelHeader,
): readonly [TfjsFile, ...TfjsFile[]] {
  const names = nameAll(graph);
  const nameOf = (value: TfValue): string => {
    const name = names.get(value);
    if (name === undefined) throw new Error('a tensor without a name');
    return name;
  };
  const shards = shardsOf(stored.map(({ bytes }) => bytes));
  const model = {
    format: 'graph-model',
    generatedBy: header.generatedBy,
    convertedBy: header.generatedBy,
    userDefinedMetadata: Object.fromEntries(header.metadata),
    signature: {
      inputs: Object.fromEntries(graph.inputs.map((border) => [border.name, info(border, nameOf)])),
      outputs: Object.fromEntries(
        graph.outputs.map((border) => [border.name, info(border, nameOf)]),
      ),
    },
    modelTopology: {
      node: [
        ...graph.inputs.map(({ value }) => placeholder(nameOf(value), value)),
        ...stored.map(({ value }) => constantNode(nameOf(value), value)),
        ...graph.nodes.map((node) => ({
          // A node goes by the name of its first result.
          name: nameOf(node.outputs[0] ?? missing()),
          op: node.op,
          input: node.inputs.map(nameOf),
          attr: {
            T: { type: DATA_TYPES[node.inputs[0]?.type ?? 'float32'] },
            ...encodeAttributes(node.attributes),
          },
        })),
      ],
      library: {},
      // Of TensorFlow's graphs since version 2.
      versions: { producer: 1395, minConsumer: 0 },
    },
    weightsManifest: [
      {
        paths: shards.map(({ name }) => name),
        weights: stored.map(({ value, shape, quantization }) => ({
          name: nameOf(value),
          shape,
          dtype: value.type,
          ...(quantization === undefined ? {} : { quantization }),
        })),
      },
    ],
  };
  const json = new TextEncoder().encode(`${JSON.stringify(model)}\n`);
  return [{ name: 'model.json', bytes: json }, ...shards];
}

function missing(): never {
  throw new Error('a node without a result');
}

/** Inputs, outputs and weights have their own names; nodes are called by their instance paths. */
function nameAll(graph: TfGraph): ReadonlyMap<TfValue, string> {
  const names = new Map<TfValue, string>();
  const unique = uniqueNames();
  for (const { name, value } of [...graph.inputs, ...graph.outputs]) names.set(value, unique(name));
  for (const { weight, value } of graph.weights) names.set(value, unique(weight.name));
  for (const { value } of graph.constants) names.set(value, unique('const'));
  const inner = graph.nodes.filter(({ outputs }) => !outputs.some((value) => names.has(value)));
  const given = nodeNames(
    inner.map(({ op, origin }) => ({ label: op, origin, auxiliary: false })),
    unique,
  );
  inner.forEach(({ outputs }, i) => {
    const name = given[i] ?? missing();
    outputs.forEach((value, at) => names.set(value, at === 0 ? name : `${name}:${at}`));
  });
  return names;
}

/** All bytes one after the other, in files of a size. */
export function shardsOf(parts: readonly Uint8Array[]): readonly TfjsFile[] {
  const total = parts.reduce((sum, { length }) => sum + length, 0);
  const all = new Uint8Array(total);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  const count = Math.ceil(total / SHARD_BYTES);
  return Array.from({ length: count }, (_, i) => ({
    name: `group1-shard${i + 1}of${count}.bin`,
    bytes: all.subarray(i * SHARD_BYTES, (i + 1) * SHARD_BYTES),
  }));
}

function info({ value }: TfBorder, nameOf: (value: TfValue) => string): object {
  return {
    name: `${nameOf(value)}:0`,
    dtype: DATA_TYPES[value.type],
    tensorShape: encodeShape(value.shape),
  };
}

function placeholder(name: string, { type, shape }: TfValue): object {
  const attr = { dtype: { type: DATA_TYPES[type] }, shape: { shape: encodeShape(shape) } };
  return { name, op: 'Placeholder', input: [], attr };
}

/** Its numbers are in the shards, under its name. */
function constantNode(name: string, { type, shape }: TfValue): object {
  const dtype = DATA_TYPES[type];
  const tensor = { dtype, tensorShape: encodeShape(shape) };
  return {
    name,
    op: 'Const',
    input: [],
    attr: { dtype: { type: dtype }, value: { tensor } },
  };
}

/** Sizes that the model leaves open are -1. */
function encodeShape(shape: Shape): object {
  return { dim: shape.map((size) => ({ size: isSymbolic(size) ? '-1' : String(size) })) };
}

function encodeAttributes(attributes: TfAttributes): object {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, attribute]) => [name, encodeAttribute(attribute)]),
  );
}

/** As JSON has protobuf's `AttrValue`: whole numbers as text, text in base 64. */
function encodeAttribute(attribute: TfAttribute): object {
  const { kind, value } = attribute;
  switch (kind) {
    case 'int':
      return { i: String(value) };
    case 'float':
      return { f: value };
    case 'bool':
      return { b: value };
    case 'text':
      return { s: btoa(value) };
    case 'ints':
      return { list: { i: value.map(String) } };
    case 'texts':
      return { list: { s: value.map((each) => btoa(each)) } };
    case 'type':
      return { type: DATA_TYPES[value] };
  }
}
