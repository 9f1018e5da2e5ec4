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
