/** Numbers in files: little-endian or big-endian elements to float32, and float32 back to bytes. */

/** How elements of one type are stored. */
export interface ElementType {
  /** Bytes of one element. */
  readonly size: number;
  readonly read: (view: DataView, offset: number, littleEndian: boolean) => number;
}

/**
 * The element types that files hold, by NumPy's names. 64-bit integers beyond 2^53 are rounded, as
 * all wider types are when they become float32.
 */
export const ELEMENT_TYPES = {
  f2: { size: 2, read: (v, o, le) => halfToNumber(v.getUint16(o, le)) },
  /** The upper half of a float32. */
  bf16: { size: 2, read: (v, o, le) => bfloatToNumber(v.getUint16(o, le)) },
  f4: { size: 4, read: (v, o, le) => v.getFloat32(o, le) },
  f8: { size: 8, read: (v, o, le) => v.getFloat64(o, le) },
  b1: { size: 1, read: (v, o) => (v.getUint8(o) === 0 ? 0 : 1) },
  u1: { size: 1, read: (v, o) => v.getUint8(o) },
  u2: { size: 2, read: (v, o, le) => v.getUint16(o, le) },
  u4: { size: 4, read: (v, o, le) => v.getUint32(o, le) },
  u8: { size: 8, read: (v, o, le) => Number(v.getBigUint64(o, le)) },
  i1: { size: 1, read: (v, o) => v.getInt8(o) },
  i2: { size: 2, read: (v, o, le) => v.getInt16(o, le) },
  i4: { size: 4, read: (v, o, le) => v.getInt32(o, le) },
  i8: { size: 8, read: (v, o, le) => Number(v.getBigInt64(o, le)) },
} as const satisfies Record<string, ElementType>;

/** NumPy's limit; a file that claims more is not honest. */
export const MAX_AXES = 64;

const HOST_IS_LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

const word = new DataView(new ArrayBuffer(4));

function floatOfBits(bits: number): number {
  word.setUint32(0, bits);
  return word.getFloat32(0);
}

/** IEEE 754 binary16: its fields moved into those of a float32. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return ((sign === 0 ? 1 : -1) * fraction) / 0x1000000;
  const wide = exponent === 0x1f ? 0xff : exponent - 15 + 127;
  return floatOfBits((sign << 16) | (wide << 23) | (fraction << 13));
}

function bfloatToNumber(bits: number): number {
  return floatOfBits(bits << 16);
}

/** All elements of `bytes`, whose length must be a multiple of the element's size. */
export function toFloat32(
  bytes: Uint8Array,
  type: ElementType,
  littleEndian: boolean,
): Float32Array {
  const count = bytes.byteLength / type.size;
  const data = new Float32Array(count);
  if (type === ELEMENT_TYPES.f4 && littleEndian && HOST_IS_LITTLE_ENDIAN) {
    new Uint8Array(data.buffer).set(bytes);
    return data;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let i = 0; i < count; i++) data[i] = type.read(view, i * type.size, littleEndian);
  return data;
}

/** Writes `data` at `offset` of `target` as little-endian float32. */
export function putFloat32(target: Uint8Array, offset: number, data: Float32Array): void {
  if (HOST_IS_LITTLE_ENDIAN) {
    target.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
    return;
  }
  const view = new DataView(target.buffer, target.byteOffset);
  data.forEach((x, i) => view.setFloat32(offset + 4 * i, x, true));
}

const SHOWN_LENGTH = 80;

/**
 * Text from a file as a message may show it: quoted, cut, and without characters that move a
 * terminal's cursor or reorder what follows.
 */
export function quote(text: string): string {
  const cut = text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}…` : text;
  const safe = cut.replace(
    /[\p{C}\p{Zl}\p{Zp}]/gu,
    (c) => `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`,
  );
  return `"${safe}"`;
}
