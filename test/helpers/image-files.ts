/** PNG and TIFF files put together by hand, right or wrong as a test asks. */
import { crc32, deflateSync } from 'node:zlib';

/** One chunk with its length and checksum. */
export function pngChunk(type: string, data: Uint8Array = new Uint8Array()): Uint8Array {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const chunk = Buffer.alloc(named.length + 8);
  chunk.writeUInt32BE(data.length, 0);
  chunk.set(named, 4);
  chunk.writeUInt32BE(crc32(named), named.length + 4);
  return chunk;
}

export interface PngParts {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colourType: number;
  readonly interlace?: number;
  /** The rows, each after its filter byte, before compression. */
  readonly rows: readonly number[];
  /** Between header and data. */
  readonly before?: readonly Uint8Array[];
}

export function png(parts: PngParts): Uint8Array {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(parts.width, 0);
  header.writeUInt32BE(parts.height, 4);
  header.set([parts.depth, parts.colourType, 0, 0, parts.interlace ?? 0], 8);
  return pngFile([
    pngChunk('IHDR', header),
    ...(parts.before ?? []),
    pngChunk('IDAT', deflateSync(Uint8Array.from(parts.rows))),
    pngChunk('IEND'),
  ]);
}

export function pngFile(chunks: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), ...chunks]));
}

/** Tag → values, each written as LONG but for those below 65536, which are SHORT. */
export type TiffTags = Readonly<Record<number, readonly number[]>>;

export interface TiffPage {
  readonly tags: TiffTags;
  /** Strips or tiles; their offsets and sizes are filled in, unless the tags give them. */
  readonly parts: readonly Uint8Array[];
}

export function tiff(pages: readonly TiffPage[], little = true): Uint8Array {
  const out: number[] = little ? [0x49, 0x49, 42, 0] : [0x4d, 0x4d, 0, 42];
  const number = (value: number, size: number): number[] => {
    const bytes = Array.from({ length: size }, (_, i) => Math.floor(value / 256 ** i) % 256);
    return little ? bytes : bytes.reverse();
  };
  const put = (at: number, bytes: readonly number[]): void => {
    bytes.forEach((byte, i) => (out[at + i] = byte));
  };
  let link = out.length;
  out.push(0, 0, 0, 0);
  for (const { tags, parts } of pages) {
    const offsets = parts.map((part) => {
      const at = out.length;
      for (const byte of part) out.push(byte);
      return at;
    });
    const isTiled = 322 in tags;
    const all: TiffTags = {
      [isTiled ? 324 : 273]: offsets,
      [isTiled ? 325 : 279]: parts.map((part) => part.length),
      ...tags,
    };
    const entries = Object.entries(all).map(([tag, values]) => {
      const size = values.every((v) => v < 65536) ? 2 : 4;
      const data = values.flatMap((v) => number(v, size));
      let field = [...data, 0, 0, 0, 0].slice(0, 4);
      if (data.length > 4) {
        field = number(out.length, 4);
        for (const byte of data) out.push(byte);
      }
      return [
        ...number(Number(tag), 2),
        ...number(size === 2 ? 3 : 4, 2),
        ...number(values.length, 4),
        ...field,
      ];
    });
    put(link, number(out.length, 4));
    out.push(...number(entries.length, 2), ...entries.flat());
    link = out.length;
    out.push(0, 0, 0, 0);
  }
  return Uint8Array.from(out);
}
