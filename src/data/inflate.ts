/**
 * How much a zlib stream holds, found without keeping it: the image libraries inflate whatever they
 * are given, so a small file could fill the memory, and a stream cut short would read as black.
 */

/**
 * Bytes that `parts`, a zlib stream in pieces, inflate to; any number above `limit` where there are
 * more than that. Undefined where the stream is damaged or cut short.
 */
export async function inflatedSize(
  parts: readonly Uint8Array[],
  limit: number,
): Promise<number | undefined> {
  const inflated = new Blob([...parts]).stream().pipeThrough(new DecompressionStream('deflate'));
  const reader: ReadableStreamDefaultReader<Uint8Array> = inflated.getReader();
  let size = 0;
  try {
    while (size <= limit) {
      const { done, value } = await reader.read();
      if (done) return size;
      size += value.byteLength;
    }
    await reader.cancel();
  } catch {
    return undefined;
  }
  return size;
}

/** No deflate stream holds more than about 1,032 times its size (RFC 1951: 258 bytes in 2 bits). */
const MOST_INFLATION = 1100;

export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/**
 * The first `length` bytes of a gzip file, fewer where it holds fewer; `bytes` may be its start alone,
 * if that is enough for them. A file that ends by then is checked against its checksum. Undefined where
 * it is damaged or cut short.
 */
export async function gunzip(bytes: Uint8Array, length: number): Promise<Uint8Array | undefined> {
  // What cannot be there needs no memory.
  if (length > MOST_INFLATION * bytes.length) return undefined;
  const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  const reader: ReadableStreamDefaultReader<Uint8Array> = unpacked.getReader();
  const result = new Uint8Array(length);
  let size = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return result.subarray(0, size);
      const room = length - size;
      result.set(value.subarray(0, room), size);
      size += Math.min(room, value.byteLength);
      if (value.byteLength > room) break;
    }
    await reader.cancel();
  } catch {
    return undefined;
  }
  return result;
}
