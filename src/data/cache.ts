/** Decoded files that are kept as long as there is room. */
import type { Outcome } from '../compiler/diagnostic.js';

/** Half a gibibyte: all of most sets of slices, and several volumes. */
export const DEFAULT_CACHE_BYTES = 2 ** 29;

type Cached<T> = (key: string, read: () => Promise<Outcome<T>>) => Promise<Outcome<T>>;

/**
 * Keeps the values that were read last, of at most `limit` bytes together, but always the last one.
 * Errors are not kept.
 */
export function byteCache<T>(limit: number, bytesOf: (value: T) => number): Cached<T> {
  // In the order of use, the oldest first.
  const kept = new Map<string, Outcome<T> & { readonly ok: true }>();
  let total = 0;
  return async (key, read) => {
    const found = kept.get(key);
    if (found !== undefined) {
      kept.delete(key);
      kept.set(key, found);
      return found;
    }
    const value = await read();
    if (!value.ok || kept.has(key)) return value;
    kept.set(key, value);
    total += bytesOf(value.value);
    for (const [oldest, { value: dropped }] of kept) {
      if (total <= limit || kept.size === 1) break;
      kept.delete(oldest);
      total -= bytesOf(dropped);
    }
    return value;
  };
}
