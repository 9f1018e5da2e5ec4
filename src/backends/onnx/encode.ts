/**
 * The bytes of a model. Weights make nearly all of a file, so they are not sent through the
 * protobuf library, which would copy each once for every message around it: the small messages are
 * encoded, their sizes added up, and every weight is written once, straight into the file.
 */
import { littleEndian } from '../bytes.js';
import type { Outcome } from '../../compiler/diagnostic.js';
import { diagnostic } from '../../compiler/diagnostic.js';
import {
  DATA_TYPE,
  encodeMessage,
  EXTERNAL,
  fieldNumber,
  type GraphProto,
  type ModelProto,
} from './schema.js';

/** A weight in the file. */
export interface Initializer {
  readonly name: string;
  readonly dims: readonly number[];
  /** Its numbers, row-major over `dims`; asked for once, when it is written. */
  readonly data: () => Float32Array;
}

export interface EncodedModel {
  readonly model: Uint8Array;
  /** Present where the weights do not stand in the model itself. */
  readonly externalData?: ExternalData;
}

interface ExternalData {
  /** The file beside the model that its weights are looked for in. */
  readonly fileName: string;
  readonly bytes: Uint8Array;
}

/** Protobuf's limit: a message is smaller than 2 GiB. */
export const MAX_MESSAGE_BYTES = 2 ** 31 - 1;
/** What one buffer holds on every engine that archc supports. */
const MAX_EXTERNAL_BYTES = 2 ** 32;
/** Offsets of large tensors are multiples of a page, so that a reader may map the file. */
const PAGE = 4096;

/** Something of known size that can be written. */
type Chunk = Uint8Array | { readonly byteLength: number; readonly data: () => Float32Array };

/** Whether the weights have to stand in a file of their own. */
export function needsExternalData(modelBytes: number): boolean {
  return modelBytes > MAX_MESSAGE_BYTES;
}

/**
 * The file of a model, and the file of its weights where `always` asks for one or the model would
 * be 2 GiB or larger. `weights-too-large` where they do not fit a buffer.
 */
export function encodeModel(
  model: ModelProto,
  graph: GraphProto,
  initializers: readonly Initializer[],
  external: { readonly fileName: string; readonly always: boolean },
): Outcome<EncodedModel> {
  if (!external.always) {
    const chunks = modelChunks(model, graph, initializers.flatMap(inlineInitializer));
    if (!needsExternalData(totalBytes(chunks))) {
      return { ok: true, value: { model: concatenate(chunks) } };
    }
  }
  const placed = placeInFile(initializers);
  if (placed.byteLength > MAX_EXTERNAL_BYTES) {
    const message = `the weights take ${placed.byteLength} bytes, and the ONNX backend writes at most ${MAX_EXTERNAL_BYTES}`;
    return {
      ok: false,
      diagnostics: [diagnostic('weights-too-large', message, { hints: ['use a smaller model'] })],
    };
  }
  const bytes = new Uint8Array(placed.byteLength);
  const heads = placed.tensors.flatMap(({ tensor, offset }) => {
    bytes.set(littleEndian(tensor.data()), offset);
    return externalInitializer(tensor, offset, external.fileName);
  });
  return {
    ok: true,
    value: {
      model: concatenate(modelChunks(model, graph, heads)),
      externalData: { fileName: external.fileName, bytes },
    },
  };
}

/** The whole file. `initializers` are already fields of the graph. */
function modelChunks(
  model: ModelProto,
  graph: GraphProto,
  initializers: readonly Chunk[],
): readonly Chunk[] {
  // A message is the concatenation of its fields, in any order.
  const body = [encodeMessage('GraphProto', graph), ...initializers];
  const head = fieldHead(fieldNumber('ModelProto', 'graph'), totalBytes(body));
  return [encodeMessage('ModelProto', model), head, ...body];
}

function inlineInitializer(tensor: Initializer): readonly Chunk[] {
  const head = encodeMessage('TensorProto', {
    name: tensor.name,
    dims: tensor.dims,
    data_type: DATA_TYPE.float,
  });
  const byteLength = bytesOf(tensor);
  return asInitializer([
    head,
    fieldHead(fieldNumber('TensorProto', 'raw_data'), byteLength),
    { byteLength, data: tensor.data },
  ]);
}

function externalInitializer(
  tensor: Initializer,
  offset: number,
  fileName: string,
): readonly Chunk[] {
  const head = encodeMessage('TensorProto', {
    name: tensor.name,
    dims: tensor.dims,
    data_type: DATA_TYPE.float,
    data_location: EXTERNAL,
    external_data: [
      { key: 'location', value: fileName },
      { key: 'offset', value: String(offset) },
      { key: 'length', value: String(bytesOf(tensor)) },
    ],
  });
  return asInitializer([head]);
}

function asInitializer(body: readonly Chunk[]): readonly Chunk[] {
  return [fieldHead(fieldNumber('GraphProto', 'initializer'), totalBytes(body)), ...body];
}

interface Placed {
  readonly tensors: readonly { readonly tensor: Initializer; readonly offset: number }[];
  readonly byteLength: number;
}

function placeInFile(initializers: readonly Initializer[]): Placed {
  let end = 0;
  const tensors = initializers.map((tensor) => {
    const bytes = bytesOf(tensor);
    const offset = bytes < PAGE ? end : Math.ceil(end / PAGE) * PAGE;
    end = offset + bytes;
    return { tensor, offset };
  });
  return { tensors, byteLength: end };
}

function bytesOf(tensor: Initializer): number {
  return 4 * tensor.dims.reduce((n, d) => n * d, 1);
}

/** The tag and length that precede a length-delimited field (protobuf wire type 2). */
function fieldHead(number: number, byteLength: number): Uint8Array {
  return Uint8Array.from([...varint(number * 8 + 2), ...varint(byteLength)]);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  bytes.push(rest);
  return bytes;
}

function totalBytes(chunks: readonly Chunk[]): number {
  return chunks.reduce((n, chunk) => n + chunk.byteLength, 0);
}

function concatenate(chunks: readonly Chunk[]): Uint8Array {
  const bytes = new Uint8Array(totalBytes(chunks));
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk instanceof Uint8Array ? chunk : littleEndian(chunk.data()), offset);
    offset += chunk.byteLength;
  }
  return bytes;
}
