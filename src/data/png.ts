/**
 * PNG images (https://www.w3.org/TR/png-3/), decoded and encoded by `fast-png`. What it does not
 * check is checked here first: sizes, the amount of data, the order and lengths of chunks.
 */
import type { Outcome } from '../compiler/diagnostic.js';
import type { Tensor } from '../compiler/ir.js';
import { quote } from './elements.js';
import { inflatedSize } from './inflate.js';
import {
  attempt,
  damaged,
  paletteToTensor,
  requireSamples,
  samplesToTensor,
  unsupported,
  type SampleScale,
} from './samples.js';

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

const INDEXED = 3;
/** Samples a pixel, and of those the colours, by colour type (PNG, table 11.1). */
const COLOUR_TYPES = new Map([
  [0, { samples: 1, kept: [0], depths: [1, 2, 4, 8, 16] }],
  [2, { samples: 3, kept: [0, 1, 2], depths: [8, 16] }],
  [INDEXED, { samples: 1, kept: [0], depths: [1, 2, 4, 8] }],
  [4, { samples: 2, kept: [0], depths: [8, 16] }],
  [6, { samples: 4, kept: [0, 1, 2], depths: [8, 16] }],
]);

/** The seven passes of Adam7 (PNG, section 8.2): first column and row, and steps. */
const ADAM7 = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

interface Chunk {
  readonly type: string;
  /** With its length, type and checksum. */
  readonly whole: Uint8Array;
  readonly data: Uint8Array;
}

interface Header {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colourType: number;
  /** Samples a pixel, and which of them are colours. */
  readonly samples: number;
  readonly kept: readonly number[];
  readonly interlaced: boolean;
}

export function isPng(bytes: Uint8Array): boolean {
  return SIGNATURE.every((byte, i) => bytes[i] === byte);
}

/**
 * `[H, W, 1]` from grey and `[H, W, 3]` from colour and palette images, of samples divided by the
 * greatest of their depth (255 for 8 bits), so in [0, 1]; with `stored` as they are in the file, one
 * channel from a palette. Alpha is dropped, gamma left as it is.
 */
export function readPng(bytes: Uint8Array, scale: SampleScale = 'unit'): Promise<Outcome<Tensor>> {
  return attempt('PNG', async () => {
    const chunks = criticalChunks(bytes);
    const header = readHeader(chunks);
    await requireData(header, chunks);
    const { decode } = await import('fast-png');
    // Only the chunks that make the picture: a damaged comment or colour profile does no harm.
    const image = decode(concatenate([Uint8Array.from(SIGNATURE), ...chunks.map((c) => c.whole)]), {
      checkCrc: true,
    });
    const samples = header.depth < 8 ? unpack(image.data, header) : image.data;
    if (scale === 'stored') {
      return samplesToTensor(samples, header, header.samples, header.kept, 1);
    }
    return header.colourType === INDEXED
      ? paletteToTensor(samples, header, image.palette ?? [], 255)
      : samplesToTensor(samples, header, header.samples, header.kept, 2 ** header.depth - 1);
  });
}

/** The chunks up to IEND that a decoder must understand. */
function criticalChunks(bytes: Uint8Array): Chunk[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chunks: Chunk[] = [];
  let at = SIGNATURE.length;
  while (at + 12 <= bytes.length) {
    const length = view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const end = at + 12 + length;
    if (!/^[A-Za-z]{4}$/.test(type)) damaged(`a chunk has the type ${quote(type)}`);
    if (end > bytes.length) {
      damaged(`its chunk ${type} is ${length} bytes long, and the file ends before that`);
    }
    // An upper-case first letter marks a critical chunk (PNG, section 5.4).
    if (/^[A-Z]/.test(type)) {
      if (!['IHDR', 'PLTE', 'IDAT', 'IEND'].includes(type)) unsupported(`it has a chunk ${type}`);
      chunks.push({
        type,
        whole: bytes.subarray(at, end),
        data: bytes.subarray(at + 8, end - 4),
      });
    }
    if (type === 'IEND') return chunks;
    at = end;
  }
  return damaged('the file is cut short');
}

function readHeader(chunks: readonly Chunk[]): Header {
  const { type, data } = chunks[0] ?? damaged('it has no chunks');
  if (type !== 'IHDR' || data.length !== 13) damaged('it does not start with a header (IHDR)');
  if (chunks.filter((c) => c.type === 'IHDR').length > 1) damaged('it has two headers (IHDR)');
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  const [depth, colourType, compression, filter, interlace] = [8, 9, 10, 11, 12].map((i) =>
    view.getUint8(i),
  );
  if (width === 0 || height === 0) damaged(`its size is ${width} × ${height}`);
  const colours = COLOUR_TYPES.get(colourType ?? -1);
  if (colours === undefined || depth === undefined || !colours.depths.includes(depth)) {
    return damaged(`its colour type ${colourType} with ${depth} bits does not exist`);
  }
  if (compression !== 0 || filter !== 0 || interlace === undefined || interlace > 1) {
    damaged(
      `its compression ${compression}, filter ${filter} or interlacing ${interlace} does not exist`,
    );
  }
  const interlaced = interlace === 1;
  if (interlaced && depth < 8) {
    unsupported(`it is interlaced with ${depth} bits a sample; save it without interlacing`);
  }
  if (colourType === INDEXED) {
    const palettes = chunks.filter((c) => c.type === 'PLTE');
    if (palettes.length !== 1) damaged(`it has ${palettes.length} palettes instead of one`);
  }
  const { samples, kept } = colours;
  requireSamples(width * height * samples);
  return { width, height, depth, colourType: colourType ?? 0, samples, kept, interlaced };
}

/** The data must inflate to the rows of the image, each after a byte that names its filter. */
async function requireData(header: Header, chunks: readonly Chunk[]): Promise<void> {
  const { width, height, samples, depth, interlaced } = header;
  const rowsSize = (columns: number, rows: number): number =>
    columns === 0 ? 0 : rows * (1 + Math.ceil((columns * samples * depth) / 8));
  const expected = interlaced
    ? ADAM7.map(([x, y, dx, dy]) =>
        rowsSize(Math.ceil((width - x) / dx), Math.ceil((height - y) / dy)),
      ).reduce((sum, size) => sum + size, 0)
    : rowsSize(width, height);
  const parts = chunks.filter((c) => c.type === 'IDAT').map((c) => c.data);
  if (parts.length === 0) damaged('it has no image data (IDAT)');
  const size = await inflatedSize(parts, expected);
  if (size === undefined) damaged('its compressed data is damaged or cut short');
  if (size !== expected) {
    damaged(
      `its data holds ${size > expected ? 'more' : 'less'} than the image of ${width} × ${height}`,
    );
  }
}

/** One number a sample out of rows packed into bytes, highest bits first. */
function unpack(packed: ArrayLike<number>, { width, height, depth }: Header): Uint8Array {
  const rowBytes = Math.ceil((width * depth) / 8);
  const mask = 2 ** depth - 1;
  const samples = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const bit = x * depth;
      const byte = packed[y * rowBytes + (bit >> 3)] ?? 0;
      samples[y * width + x] = (byte >> (8 - depth - (bit & 7))) & mask;
    }
  }
  return samples;
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Whether `writePng` takes a tensor of this shape. */
export function isImageShape(shape: readonly number[]): boolean {
  const [height = 0, width = 0, channels] = shape;
  return shape.length === 3 && height > 0 && width > 0 && (channels === 1 || channels === 3);
}

/**
 * An 8-bit PNG, grey of `[H, W, 1]` and RGB of `[H, W, 3]`: 0 is black and 1 full; values outside
 * [0, 1] are clamped, the rest rounded to the nearest of 255 steps, and NaN is black. Throws on
 * other shapes (see `isImageShape`).
 */
export async function writePng({ shape, data }: Tensor): Promise<Uint8Array> {
  const [height = 0, width = 0, channels = 0] = shape;
  if (!isImageShape(shape)) throw new Error(`not an image: [${shape.join(', ')}]`);
  const { encode } = await import('fast-png');
  const samples = new Uint8Array(data.length);
  data.forEach((value, i) => {
    samples[i] = Math.floor(Math.min(1, Math.max(0, value)) * 255 + 0.5);
  });
  return encode({ width, height, channels, depth: 8, data: samples });
}
