/**
 * The messages of an ONNX file that archc writes, and their protobuf schema: names and numbers of
 * the fields as in the ONNX IR specification (onnx/onnx.proto, proto2). Fields that archc never
 * writes are left out.
 */
import protobuf from 'protobufjs/light.js';

/** AttributeProto.AttributeType. */
export const ATTRIBUTE_TYPE = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  floats: 6,
  ints: 7,
} as const;

/** TensorProto.DataType. */
export const DATA_TYPE = { float: 1, int64: 7 } as const;

/** TensorProto.DataLocation. */
export const EXTERNAL = 1;

export interface StringStringEntryProto {
  readonly key: string;
  readonly value: string;
}

export interface OperatorSetIdProto {
  readonly domain: string;
  readonly version: number;
}

export interface TensorProto {
  readonly name?: string;
  readonly dims: readonly number[];
  readonly data_type: number;
  readonly int64_data?: readonly number[];
  readonly raw_data?: Uint8Array;
  readonly external_data?: readonly StringStringEntryProto[];
  readonly data_location?: number;
}

export interface AttributeProto {
  readonly name: string;
  readonly type: number;
  readonly f?: number;
  readonly i?: number;
  readonly s?: Uint8Array;
  readonly t?: TensorProto;
  readonly floats?: readonly number[];
  readonly ints?: readonly number[];
}

export interface NodeProto {
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly name: string;
  readonly op_type: string;
  readonly domain?: string;
  readonly attribute: readonly AttributeProto[];
  readonly doc_string?: string;
}

export type DimensionProto = { readonly dim_value: number } | { readonly dim_param: string };

export interface ValueInfoProto {
  readonly name: string;
  readonly type: {
    readonly tensor_type: {
      readonly elem_type: number;
      readonly shape: { readonly dim: readonly DimensionProto[] };
    };
  };
  readonly doc_string?: string;
}

/** Without its initializers, which `encodeModel` adds. */
export interface GraphProto {
  readonly name: string;
  readonly doc_string?: string;
  readonly node: readonly NodeProto[];
  readonly input: readonly ValueInfoProto[];
  readonly output: readonly ValueInfoProto[];
  readonly value_info: readonly ValueInfoProto[];
}

export interface FunctionProto {
  readonly name: string;
  readonly domain: string;
  readonly doc_string?: string;
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly node: readonly NodeProto[];
  readonly opset_import: readonly OperatorSetIdProto[];
}

/** Without its graph, which `encodeModel` adds. */
export interface ModelProto {
  readonly ir_version: number;
  readonly producer_name: string;
  readonly producer_version: string;
  readonly doc_string?: string;
  readonly opset_import: readonly OperatorSetIdProto[];
  readonly metadata_props: readonly StringStringEntryProto[];
  readonly functions: readonly FunctionProto[];
}

type Field = readonly [type: string, id: number];

function message(fields: Readonly<Record<string, Field>>): protobuf.IType {
  return {
    fields: Object.fromEntries(
      Object.entries(fields).map(([name, [type, id]]) => {
        if (!type.endsWith('[]')) return [name, { type, id }];
        // proto2 packs a repeated field only where the schema says so: of these, `int64_data`.
        const packed = name === 'int64_data';
        return [name, { rule: 'repeated', type: type.slice(0, -2), id, options: { packed } }];
      }),
    ),
  };
}

const root = protobuf.Root.fromJSON({
  nested: {
    StringStringEntryProto: message({ key: ['string', 1], value: ['string', 2] }),
    OperatorSetIdProto: message({ domain: ['string', 1], version: ['int64', 2] }),
    TensorProto: message({
      dims: ['int64[]', 1],
      data_type: ['int32', 2],
      int64_data: ['int64[]', 7],
      name: ['string', 8],
      raw_data: ['bytes', 9],
      external_data: ['StringStringEntryProto[]', 13],
      data_location: ['int32', 14],
    }),
    AttributeProto: message({
      name: ['string', 1],
      f: ['float', 2],
      i: ['int64', 3],
      s: ['bytes', 4],
      t: ['TensorProto', 5],
      floats: ['float[]', 7],
      ints: ['int64[]', 8],
      type: ['int32', 20],
    }),
    NodeProto: message({
      input: ['string[]', 1],
      output: ['string[]', 2],
      name: ['string', 3],
      op_type: ['string', 4],
      attribute: ['AttributeProto[]', 5],
      doc_string: ['string', 6],
      domain: ['string', 7],
    }),
    DimensionProto: message({ dim_value: ['int64', 1], dim_param: ['string', 2] }),
    TensorShapeProto: message({ dim: ['DimensionProto[]', 1] }),
    TensorTypeProto: message({ elem_type: ['int32', 1], shape: ['TensorShapeProto', 2] }),
    TypeProto: message({ tensor_type: ['TensorTypeProto', 1] }),
    ValueInfoProto: message({
      name: ['string', 1],
      type: ['TypeProto', 2],
      doc_string: ['string', 3],
    }),
    GraphProto: message({
      node: ['NodeProto[]', 1],
      name: ['string', 2],
      initializer: ['TensorProto[]', 5],
      doc_string: ['string', 10],
      input: ['ValueInfoProto[]', 11],
      output: ['ValueInfoProto[]', 12],
      value_info: ['ValueInfoProto[]', 13],
    }),
    FunctionProto: message({
      name: ['string', 1],
      input: ['string[]', 4],
      output: ['string[]', 5],
      node: ['NodeProto[]', 7],
      doc_string: ['string', 8],
      opset_import: ['OperatorSetIdProto[]', 9],
      domain: ['string', 10],
    }),
    ModelProto: message({
      ir_version: ['int64', 1],
      producer_name: ['string', 2],
      producer_version: ['string', 3],
      doc_string: ['string', 6],
      graph: ['GraphProto', 7],
      opset_import: ['OperatorSetIdProto[]', 8],
      metadata_props: ['StringStringEntryProto[]', 14],
      functions: ['FunctionProto[]', 25],
    }),
  },
});

interface Messages {
  readonly TensorProto: TensorProto;
  readonly GraphProto: GraphProto;
  readonly FunctionProto: FunctionProto;
  readonly ModelProto: ModelProto;
}

/** The bytes of one message. */
export function encodeMessage<T extends keyof Messages>(type: T, value: Messages[T]): Uint8Array {
  // Spread: protobufjs wants an index signature, which interfaces do not have.
  return root
    .lookupType(type)
    .encode({ ...value })
    .finish();
}

/** The number of a field, for those that are written by hand. */
export function fieldNumber(type: string, field: string): number {
  const found = root.lookupType(type).fields[field];
  if (found === undefined) throw new Error(`${type} has no field ${field}`);
  return found.id;
}
