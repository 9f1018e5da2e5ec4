/**
 * Arrays in NumPy's `.npy` format
 * (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
 */
import { diagnostic, type Outcome } from '../compiler/diagnostic.js';
import type { Tensor } from '../compiler/ir.js';
import { elementCount } from '../compiler/ops/tensor.js';
import {
  ELEMENT_TYPES,
  MAX_AXES,
  putFloat32,
  quote,
  toFloat32,
  type ElementType,
} from './elements.js';

const MAGIC = [0x93, ...new TextEncoder().encode('NUMPY')];

/** The types that a `descr` may name after its byte order. */
const READABLE: ReadonlyMap<string, ElementType> = new Map(
  Object.entries(ELEMENT_TYPES).filter(([name]) => name !== 'bf16'),
);

interface Header {
  readonly descr: string;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
}

export function isNpy(bytes: Uint8Array): boolean {
  return MAGIC.every((byte, i) => bytes[i] === byte);
}

/**
 * Reads an array of real numbers (floats, integers, booleans; versions 1 to 3 of the format) as
 * float32, row-major whatever the file's order. Integers stay as they are: a byte of 255 is 255.
 * A file that cannot be read gives `bad-npy`.
 */
export function readNpy(bytes: Uint8Array): Outcome<Tensor> {
  const read = readArray(bytes);
  return typeof read === 'string'
    ? { ok: false, diagnostics: [diagnostic('bad-npy', read)] }
    : { ok: true, value: read };
}

/** The array, or what is wrong with the file. */
function readArray(bytes: Uint8Array): Tensor | string {
  if (!isNpy(bytes)) return 'this is not a .npy file: it does not start with "\\x93NUMPY"';
  const version = bytes[MAGIC.length] ?? 0;
  if (version < 1 || version > 3) {
    return `version ${version} of the .npy format is unknown; archc reads 1, 2 and 3`;
  }
  const headerStart = version === 1 ? 10 : 12;
  if (bytes.length < headerStart) return 'the file is cut short within its first 12 bytes';
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerLength = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const dataStart = headerStart + headerLength;
  if (dataStart > bytes.length) {
    return `the header is ${headerLength} bytes long and the file ends before it does`;
  }
  const text = new TextDecoder('latin1').decode(bytes.subarray(headerStart, dataStart));
  const header = parseHeader(text);
  if (header === undefined) {
    return `the header is not a dictionary of descr, fortran_order and shape: ${quote(text.trim())}`;
  }
  const type = READABLE.get(header.descr.slice(1));
  if (type === undefined) {
    return `its elements are of type ${quote(header.descr)}; archc reads ${[...READABLE.keys()].join(', ')}`;
  }
  const needed = elementCount(header.shape) * type.size;
  const data = bytes.subarray(dataStart);
  if (needed !== data.length) {
    return `shape (${header.shape.join(', ')}) of ${quote(header.descr)} takes ${needed} bytes, and ${data.length} follow the header`;
  }
  const numbers = toFloat32(data, type, !header.descr.startsWith('>'));
  return header.fortranOrder
    ? { shape: header.shape, data: toRowMajor(numbers, header.shape) }
    : { shape: header.shape, data: numbers };
}

/** The three fields of the Python dictionary that every header holds, in any order. */
function parseHeader(text: string): Header | undefined {
  const body = /^\s*\{(.*)\}\s*$/s.exec(text)?.[1];
  if (body === undefined) return undefined;
  const fields = new Map<string, string>();
  const field =
    /\s*(?:'(\w+)'|"(\w+)")\s*:\s*('[^'\\]*'|"[^"\\]*"|True|False|\([\d,\sL]*\))\s*(?:,|$)/gy;
  let end = 0;
  for (const match of body.matchAll(field)) {
    fields.set(match[1] ?? match[2] ?? '', match[3] ?? '');
    end = match.index + match[0].length;
  }
  if (body.slice(end).trim() !== '' || fields.size !== 3) return undefined;

  const descr = /^['"]([<>|].*)['"]$/.exec(fields.get('descr') ?? '')?.[1];
  const order = fields.get('fortran_order');
  const inside = /^\((.*)\)$/s.exec(fields.get('shape') ?? '')?.[1];
  if (descr === undefined || inside === undefined) return undefined;
  if (order !== 'True' && order !== 'False') return undefined;
  // `(2, 3)`, `(2,)` or `()`; Python 2 wrote `(2L, 3L)`.
  const sizes = inside.split(',').map((s) => s.trim());
  if (sizes.at(-1) === '') sizes.pop();
  if (!sizes.every((s) => /^\d+L?$/.test(s))) return undefined;
  const shape = sizes.map((s) => Number.parseInt(s, 10));
  return shape.length <= MAX_AXES && shape.every(Number.isSafeInteger)
    ? { descr, fortranOrder: order === 'True', shape }
    : undefined;
}

/** From the first axis fastest to the last axis fastest. */
function toRowMajor(data: Float32Array, shape: readonly number[]): Float32Array {
  const result = new Float32Array(data.length);
  const index = shape.map(() => 0);
  for (let from = 0; from < data.length; from++) {
    const to = shape.reduce((offset, size, axis) => offset * size + (index[axis] ?? 0), 0);
    result[to] = data[from] ?? 0;
    for (let axis = 0; axis < shape.length; axis++) {
      const next = (index[axis] ?? 0) + 1;
      index[axis] = next < (shape[axis] ?? 0) ? next : 0;
      if (index[axis] !== 0) break;
    }
  }
  return result;
}

/** A `.npy` file of little-endian float32, version 1.0, its data aligned to 64 bytes. */
export function writeNpy({ shape, data }: Tensor): Uint8Array {
  const sizes = shape.length === 1 ? `${shape.join()},` : shape.join(', ');
  const dictionary = `{'descr': '<f4', 'fortran_order': False, 'shape': (${sizes}), }`;
  const bare = MAGIC.length + 4 + dictionary.length + 1;
  const start = Math.ceil(bare / 64) * 64;
  const bytes = new Uint8Array(start + data.byteLength);
  bytes.set([...MAGIC, 1, 0]);
  new DataView(bytes.buffer).setUint16(8, start - 10, true);
  bytes.set(new TextEncoder().encode(`${dictionary}${' '.repeat(start - bare)}\n`), 10);
  putFloat32(bytes, start, data);
  return bytes;
}
