/**
 * Weights in files: the safetensors format (https://huggingface.co/docs/safetensors, "Format").
 *
 * Eight bytes of header length, a JSON header that gives each tensor's type, shape and place, then
 * the numbers, little-endian and without gaps. archc writes F32, each tensor named as
 * `Weight.name` and laid out as in the graph (kernels `[height, width, in / groups, out]`), with
 * `format: archc` in the metadata.
 */
import type { WeightValues } from '../compiler/ir.js';
import { diagnostic, type Diagnostic, type Outcome } from '../compiler/diagnostic.js';
import {
  ELEMENT_TYPES,
  MAX_AXES,
  putFloat32,
  quote,
  toFloat32,
  type ElementType,
} from '../data/elements.js';

interface FileTensor {
  /** As in the file; `data` is float32 whatever it says. */
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

export interface Safetensors {
  /** In the order of their data. */
  readonly tensors: ReadonlyMap<string, FileTensor>;
  readonly metadata: ReadonlyMap<string, string>;
}

const METADATA_KEY = '__metadata__';
const LENGTH_BYTES = 8;
/** The limit of the format's own reader. */
const MAX_HEADER_BYTES = 100_000_000;
/** A hostile header can hold a million wrong entries; nobody reads as many messages. */
const MAX_PROBLEMS = 50;

/** The types that weights may have. */
const FLOATS = {
  F32: ELEMENT_TYPES.f4,
  F16: ELEMENT_TYPES.f2,
  BF16: ELEMENT_TYPES.bf16,
  F64: ELEMENT_TYPES.f8,
} as const satisfies Record<string, ElementType>;

/** Those that data may have: the integers of the format too. */
const NUMBERS = {
  ...FLOATS,
  BOOL: ELEMENT_TYPES.b1,
  U8: ELEMENT_TYPES.u1,
  I8: ELEMENT_TYPES.i1,
  U16: ELEMENT_TYPES.u2,
  I16: ELEMENT_TYPES.i2,
  U32: ELEMENT_TYPES.u4,
  I32: ELEMENT_TYPES.i4,
  U64: ELEMENT_TYPES.u8,
  I64: ELEMENT_TYPES.i8,
} as const satisfies Record<string, ElementType>;

type Dtype = keyof typeof NUMBERS;

/** One tensor of the header, its fields checked one by one but not against the others. */
interface Entry {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** Byte offsets from the end of the header. */
  readonly begin: number;
  readonly end: number;
}

/**
 * Reads a safetensors file of floating-point tensors; F16, BF16 and F64 become float32 (a larger
 * F64 becomes infinite). Whatever is wrong with the file comes back as `bad-safetensors`, several
 * at once where possible; no memory is set aside for sizes that the file does not hold. Files of
 * `data` may hold integers as well.
 */
export function readSafetensors(
  bytes: Uint8Array,
  content: 'weights' | 'data' = 'weights',
): Outcome<Safetensors> {
  const types = content === 'data' ? NUMBERS : FLOATS;
  const text = headerText(bytes);
  if (typeof text !== 'string') return failed([text.problem]);
  const parsed = parseHeader(text);
  if (typeof parsed === 'string') return failed([parsed]);

  const data = bytes.subarray(LENGTH_BYTES + headerLength(bytes));
  const problems: string[] = [];
  const metadata = new Map<string, string>();
  const entries: Entry[] = [];
  for (const [name, value] of Object.entries(parsed)) {
    if (name === METADATA_KEY) {
      problems.push(...readMetadata(value, metadata));
      continue;
    }
    const entry = readEntry(name, value, data.length, types);
    if (typeof entry === 'string') problems.push(entry);
    else entries.push(entry);
  }
  if (problems.length === 0) problems.push(...layoutProblems(entries, data.length));
  if (problems.length > 0) return failed(problems);

  const tensors = new Map<string, FileTensor>();
  for (const { name, dtype, shape, begin, end } of entries) {
    const numbers = toFloat32(data.subarray(begin, end), NUMBERS[dtype], true);
    tensors.set(name, { dtype, shape, data: numbers });
  }
  return { ok: true, value: { tensors, metadata } };
}

function failed(problems: readonly string[]): Outcome<never> {
  const shown: Diagnostic[] = problems
    .slice(0, MAX_PROBLEMS)
    .map((problem) => diagnostic('bad-safetensors', problem));
  const more = problems.length - shown.length;
  if (more > 0) {
    shown.push(diagnostic('bad-safetensors', `${more} more tensors of the file are wrong`));
  }
  return { ok: false, diagnostics: shown };
}

/** The header's length; the file must have eight bytes. A u64, here exact up to 2^53. */
function headerLength(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, LENGTH_BYTES);
  return view.getUint32(0, true) + view.getUint32(4, true) * 0x100000000;
}

function headerText(bytes: Uint8Array): string | { readonly problem: string } {
  if (bytes.length < LENGTH_BYTES) {
    const problem = `the file has ${bytes.length} bytes; a safetensors file starts with 8 bytes of header length`;
    return { problem };
  }
  const length = headerLength(bytes);
  if (length > MAX_HEADER_BYTES) {
    const problem = `the header length, ${length} bytes, is above the format's limit of ${MAX_HEADER_BYTES}; this is not a safetensors file`;
    return { problem };
  }
  if (length > bytes.length - LENGTH_BYTES) {
    const problem = `the header is ${length} bytes long, but only ${bytes.length - LENGTH_BYTES} bytes follow its length: the file is cut short`;
    return { problem };
  }
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    return decoder.decode(bytes.subarray(LENGTH_BYTES, LENGTH_BYTES + length));
  } catch {
    return { problem: 'the header is not valid UTF-8' };
  }
}

/** The header's object, or what is wrong with it. */
function parseHeader(text: string): object | string {
  if (!text.startsWith('{')) return 'the header does not start with "{", as the format asks';
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return `the header is not valid JSON: ${quote(messageOf(error))}`;
  }
  if (!isObject(value)) return 'the header is not a JSON object';
  const twice = duplicateKey(text);
  return twice === undefined ? value : `the header holds the name ${quote(twice)} twice`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The first key that an object of `text`, which is valid JSON, holds twice: JSON.parse keeps the last. */
function duplicateKey(text: string): string | undefined {
  // A set of keys for each open object, undefined for each open list.
  const open: (Set<string> | undefined)[] = [];
  let lastString = '';
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (character === '"') {
      const end = closingQuote(text, i);
      lastString = text.slice(i, end + 1);
      i = end;
    } else if (character === '{') open.push(new Set());
    else if (character === '[') open.push(undefined);
    else if (character === '}' || character === ']') open.pop();
    else if (character === ':') {
      const keys = open.at(-1);
      const key: unknown = JSON.parse(lastString);
      if (keys === undefined || typeof key !== 'string') continue;
      if (keys.has(key)) return key;
      keys.add(key);
    }
  }
  return undefined;
}

/** Where the string that opens at `start` closes. */
function closingQuote(text: string, start: number): number {
  let i = start + 1;
  while (i < text.length && text[i] !== '"') i += text[i] === '\\' ? 2 : 1;
  return i;
}

function readMetadata(value: unknown, into: Map<string, string>): string[] {
  if (!isObject(value)) return [`${METADATA_KEY} is not an object of strings`];
  const problems: string[] = [];
  for (const [key, text] of Object.entries(value)) {
    if (typeof text === 'string') into.set(key, text);
    else problems.push(`${METADATA_KEY}: the value of ${quote(key)} is not a string`);
  }
  return problems;
}

function readEntry(
  name: string,
  value: unknown,
  dataLength: number,
  types: object,
): Entry | string {
  const where = `tensor ${quote(name)}`;
  if (!isObject(value)) return `${where}: not an object with dtype, shape and data_offsets`;
  const field = (key: string): unknown => Object.getOwnPropertyDescriptor(value, key)?.value;

  const dtype = field('dtype');
  if (typeof dtype !== 'string') return `${where}: has no dtype`;
  if (!isReadable(dtype, types)) {
    return `${where}: its type is ${quote(dtype)}; archc reads ${Object.keys(types).join(', ')}`;
  }
  const shape = field('shape');
  if (!isSizes(shape)) return `${where}: its shape is not a list of integers of at least 0`;
  if (shape.length > MAX_AXES) return `${where}: its shape has ${shape.length} axes`;
  const offsets = field('data_offsets');
  if (!isSizes(offsets)) return `${where}: its data_offsets are not integers of at least 0`;
  const [begin, end] = offsets;
  if (begin === undefined || end === undefined || offsets.length !== 2) {
    return `${where}: data_offsets holds ${offsets.length} numbers instead of 2`;
  }
  if (begin > end) return `${where}: its data ends, at ${end}, before it begins, at ${begin}`;
  if (end > dataLength) {
    return `${where}: its data reaches to byte ${end}, but the file holds ${dataLength} bytes of data`;
  }
  const needed = shape.reduce((n, d) => n * d, NUMBERS[dtype].size);
  if (needed !== end - begin) {
    return `${where}: ${dtype} [${shape.join(', ')}] takes ${needed} bytes, and its data_offsets give it ${end - begin}`;
  }
  return { name, dtype, shape, begin, end };
}

function isReadable(dtype: string, types: object): dtype is Dtype {
  return Object.hasOwn(types, dtype);
}

function isSizes(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((d) => Number.isSafeInteger(d) && d >= 0);
}

/** Sorts the entries by place. The data must be covered once, without holes. */
function layoutProblems(entries: Entry[], dataLength: number): string[] {
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  const problems: string[] = [];
  let reached = 0;
  let last = '';
  for (const { name, begin, end } of entries) {
    if (begin < reached) {
      problems.push(
        `tensor ${quote(name)}: its data, from byte ${begin}, overlaps that of ${quote(last)}, which reaches to ${reached}`,
      );
    } else if (begin > reached) {
      problems.push(`bytes ${reached} to ${begin} of the data belong to no tensor`);
    }
    if (end >= reached) {
      reached = end;
      last = name;
    }
  }
  if (reached < dataLength) {
    problems.push(`bytes ${reached} to ${dataLength} of the data, its last, belong to no tensor`);
  }
  return problems;
}

/**
 * The bytes of a safetensors file, F32, tensors in the order of their names (by code unit) and
 * metadata by key: the same values give the same bytes. `format: archc` is added to the metadata.
 */
export function writeSafetensors(
  values: WeightValues,
  metadata: ReadonlyMap<string, string> = new Map(),
): Uint8Array {
  const byKey = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number =>
    a < b ? -1 : 1;
  const notes = [...new Map([...metadata, ['format', 'archc'] as const])].sort(byKey);
  const tensors = [...values].sort(byKey);

  // Put together as text, since an object literal would treat a key such as __proto__ specially.
  const members = [
    jsonMember(METADATA_KEY, jsonObject(notes.map(([k, v]) => jsonMember(k, JSON.stringify(v))))),
  ];
  let size = 0;
  for (const [name, { shape, data }] of tensors) {
    const end = size + data.byteLength;
    members.push(
      jsonMember(name, JSON.stringify({ dtype: 'F32', shape, data_offsets: [size, end] })),
    );
    size = end;
  }
  const header = new TextEncoder().encode(jsonObject(members));
  // Spaces up to a multiple of eight, so that the data is aligned.
  const headerSize = Math.ceil(header.length / 8) * 8;

  const bytes = new Uint8Array(LENGTH_BYTES + headerSize + size);
  new DataView(bytes.buffer).setUint32(0, headerSize, true);
  bytes.fill(0x20, LENGTH_BYTES, LENGTH_BYTES + headerSize);
  bytes.set(header, LENGTH_BYTES);
  let offset = LENGTH_BYTES + headerSize;
  for (const [, { data }] of tensors) {
    putFloat32(bytes, offset, data);
    offset += data.byteLength;
  }
  return bytes;
}

function jsonMember(key: string, json: string): string {
  return `${JSON.stringify(key)}:${json}`;
}

function jsonObject(members: readonly string[]): string {
  return `{${members.join(',')}}`;
}
