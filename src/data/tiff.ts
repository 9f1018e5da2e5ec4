/**
 * TIFF images (Adobe, TIFF revision 6.0, 1992), decoded by `tiff`. That library believes what a
 * file says, so its tables are checked here first: every page's sizes, where its data lies and how
 * much it holds. What the library would decode wrongly is refused.
 */
import type { TiffIfd } from 'tiff';
import type { Outcome } from '../compiler/diagnostic.js';
import type { Tensor } from '../compiler/ir.js';
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

const MAX_PAGES = 4096;
const ENTRY_BYTES = 12;

/** The tags that make a picture; the library sees no others. */
const TAGS = [
  [256, 'width'],
  [257, 'height'],
  [258, 'bits'],
  [259, 'compression'],
  [262, 'photometric'],
  [266, 'fillOrder'],
  [273, 'stripOffsets'],
  [274, 'orientation'],
  [277, 'samples'],
  [278, 'rowsPerStrip'],
  [279, 'stripSizes'],
  [284, 'planar'],
  [317, 'predictor'],
  [320, 'colourMap'],
  [322, 'tileWidth'],
  [323, 'tileHeight'],
  [324, 'tileOffsets'],
  [325, 'tileSizes'],
  [338, 'extraSamples'],
  [339, 'sampleFormat'],
] as const;
type Tag = (typeof TAGS)[number][1];
const TAG_NAMES: ReadonlyMap<number, Tag> = new Map(TAGS);

/** Bytes of one value by field type: BYTE, SHORT, LONG. No tag above needs another. */
const TYPE_SIZES = new Map([
  [1, 1],
  [3, 2],
  [4, 4],
]);

const COMPRESSIONS = { none: 1, lzw: 5, deflate: 8, oldDeflate: 32946 } as const;
const PHOTOMETRIC = { whiteIsZero: 0, blackIsZero: 1, rgb: 2, palette: 3 } as const;
const ASSOCIATED_ALPHA = 1;
const UNASSOCIATED_ALPHA = 2;
const FLOAT = 3;

/** What a page's tags say, checked. */
interface Page {
  readonly width: number;
  readonly height: number;
  readonly photometric: number;
  readonly bits: number;
  /** Samples a pixel, and those of them that are no alpha. */
  readonly samples: number;
  readonly kept: readonly number[];
  readonly isFloat: boolean;
}

type Fields = ReadonlyMap<Tag, readonly number[]>;

export function isTiff(bytes: Uint8Array): boolean {
  const [a, b, c, d] = bytes;
  return (
    (a === 0x49 && b === 0x49 && c === 42 && d === 0) ||
    (a === 0x4d && b === 0x4d && c === 0 && d === 42)
  );
}

/**
 * The pages, each `[H, W, C]`: grey gives one channel, RGB and palettes three, and further samples
 * one each; those marked as alpha are dropped. Integers are divided by the greatest of their
 * depth, so lie in [0, 1] (grey that counts from white is turned); floats stay as they are. With
 * `stored` integers stay too, and a palette gives one channel.
 */
export function readTiff(
  bytes: Uint8Array,
  scale: SampleScale = 'unit',
): Promise<Outcome<readonly Tensor[]>> {
  return attempt('TIFF', async () => {
    // A copy (which `slice` of a Buffer is not): tags are struck out in it, and it is a buffer of
    // its own, which the library needs so as not to read beyond a view.
    const copy = new Uint8Array(bytes);
    const pages: Page[] = [];
    for (const fields of readTables(copy)) pages.push(await checkPage(fields, copy));
    requireSamples(pages.reduce((sum, p) => sum + p.width * p.height * p.samples, 0));
    const { decode } = await import('tiff');
    const decoded = decode(copy);
    return pages.map((page, i) =>
      toTensor(page, decoded[i] ?? damaged(`page ${i} is missing`), scale),
    );
  });
}

function toTensor(page: Page, decoded: TiffIfd, scale: SampleScale): Tensor {
  if (scale === 'stored') {
    return samplesToTensor(decoded.data, page, page.samples, page.kept, 1);
  }
  if (page.photometric === PHOTOMETRIC.palette) {
    return paletteToTensor(decoded.data, page, decoded.palette ?? [], 65535);
  }
  const maximum = page.isFloat ? 1 : 2 ** page.bits - 1;
  return samplesToTensor(decoded.data, page, page.samples, page.kept, maximum);
}

/**
 * The known fields of every page's table (IFD; TIFF, section 2). Other entries are given field
 * type 0 in `bytes`, which the library skips.
 */
function readTables(bytes: Uint8Array): Fields[] {
  const view = new DataView(bytes.buffer);
  const little = bytes[0] === 0x49;
  const tables: { readonly start: number; readonly entries: number; readonly end: number }[] = [];
  let start = bytes.length < 8 ? damaged('the file is cut short') : view.getUint32(4, little);
  while (start !== 0) {
    if (tables.some((t) => t.start === start)) damaged('its pages form a circle');
    if (tables.length === MAX_PAGES) unsupported(`it has more than ${MAX_PAGES} pages`);
    if (start + 2 > bytes.length) damaged('the file is cut short: a page lies beyond its end');
    const entries = view.getUint16(start, little);
    const end = start + 2 + ENTRY_BYTES * entries + 4;
    if (end > bytes.length) damaged('the file is cut short: a page lies beyond its end');
    tables.push({ start, entries, end });
    start = view.getUint32(end - 4, little);
  }
  if (tables.length === 0) damaged('it has no pages');
  const sorted = [...tables].sort((a, b) => a.start - b.start);
  // Striking an entry out of one table must not change another.
  if (sorted.some((t, i) => t.start < (sorted[i - 1]?.end ?? 8))) damaged('its pages overlap');

  let valueBytes = 0;
  return tables.map((table) => {
    const fields = new Map<Tag, readonly number[]>();
    for (let i = 0; i < table.entries; i++) {
      const entry = table.start + 2 + ENTRY_BYTES * i;
      const tag = TAG_NAMES.get(view.getUint16(entry, little));
      if (tag === undefined) {
        view.setUint16(entry + 2, 0, little);
        continue;
      }
      const size = TYPE_SIZES.get(view.getUint16(entry + 2, little));
      const count = view.getUint32(entry + 4, little);
      if (size === undefined || count === 0) return damaged(`its field ${tag} is no number`);
      if (fields.has(tag)) damaged(`a page has two fields ${tag}`);
      const at = size * count <= 4 ? entry + 8 : view.getUint32(entry + 8, little);
      if (at + size * count > bytes.length) damaged(`its field ${tag} lies beyond the end`);
      valueBytes += size * count;
      if (valueBytes > 2 * bytes.length + 65536) damaged('its fields lie on top of each other');
      fields.set(
        tag,
        Array.from({ length: count }, (_, k) => {
          if (size === 1) return view.getUint8(at + k);
          return size === 2
            ? view.getUint16(at + 2 * k, little)
            : view.getUint32(at + 4 * k, little);
        }),
      );
    }
    return fields;
  });
}

async function checkPage(fields: Fields, bytes: Uint8Array): Promise<Page> {
  const one = (tag: Tag, otherwise?: number): number =>
    fields.get(tag)?.[0] ?? otherwise ?? damaged(`a page has no field ${tag}`);
  const width = one('width');
  const height = one('height');
  if (width === 0 || height === 0) damaged(`its size is ${width} × ${height}`);
  const samples = one('samples', 1);
  if (samples === 0) damaged('its pixels have no samples');
  requireSamples(width * height * samples);

  const photometric = one('photometric');
  const colours = photometric === PHOTOMETRIC.rgb ? 3 : 1;
  if (photometric > PHOTOMETRIC.palette) {
    unsupported(`its colours are of kind ${photometric}; archc reads grey, RGB and palettes`);
  }
  if (samples < colours) damaged(`it is RGB with ${samples} samples a pixel`);
  const isPalette = photometric === PHOTOMETRIC.palette;

  const bits = one('bits', 1);
  const format = one('sampleFormat', 1);
  const isFloat = format === FLOAT;
  if (fields.get('bits')?.some((b) => b !== bits) ?? false)
    unsupported('its samples differ in bits');
  if (fields.get('sampleFormat')?.some((f) => f !== format) ?? false) {
    unsupported('its samples differ in format');
  }
  if (isFloat ? bits !== 32 && bits !== 64 : format !== 1 || ![1, 8, 16].includes(bits)) {
    unsupported(
      `its samples are ${FORMATS.get(format) ?? `format ${format}`} of ${bits} bits; archc reads unsigned integers of 1, 8 and 16 bits and floats of 32 and 64`,
    );
  }
  if (!fields.has('bits')) unsupported('it does not say how many bits a sample has');
  if (isPalette && (samples !== 1 || bits !== 8)) {
    unsupported(`it has a palette with ${samples} samples of ${bits} bits; archc reads 1 of 8`);
  }
  if (isPalette && fields.get('colourMap')?.length !== 3 * 2 ** bits) {
    damaged(`its palette does not have ${2 ** bits} colours`);
  }
  if (one('planar', 1) !== 1 && samples > 1) {
    unsupported('its channels are stored one after another; save it with pixels interleaved');
  }
  if (one('fillOrder', 1) !== 1) unsupported('the bits in its bytes are reversed');
  if (one('orientation', 1) !== 1) unsupported('it is to be turned or mirrored; save it upright');
  if (isFloat && photometric === PHOTOMETRIC.whiteIsZero)
    unsupported('its floats count from white');

  const extra = fields.get('extraSamples') ?? [];
  if (extra[0] === ASSOCIATED_ALPHA && (isFloat || extra.length !== 1)) {
    unsupported('its colours are multiplied by alpha');
  }
  const kept = Array.from({ length: samples }, (_, i) => i).filter((i) => {
    const meaning = extra[i - (samples - extra.length)];
    return meaning !== ASSOCIATED_ALPHA && meaning !== UNASSOCIATED_ALPHA;
  });
  if (kept.length < colours) damaged('it marks its colours as alpha');

  const predictor = one('predictor', 1);
  if (predictor !== 1 && !(predictor === 2 && (bits === 8 || bits === 16))) {
    unsupported(`its data is predicted by method ${predictor} at ${bits} bits`);
  }
  const isTiled = fields.has('tileWidth') || fields.has('tileOffsets');
  if (isTiled && (samples > 1 || bits === 1 || predictor !== 1)) {
    unsupported('it is tiled, in colour or packed or predicted; save it in strips');
  }
  await requireParts(fields, bytes, isTiled, {
    width,
    height,
    rowSize: (columns) => Math.ceil((columns * samples * bits) / 8),
  });
  return { width, height, photometric, bits, samples, kept, isFloat };
}

const FORMATS = new Map([
  [1, 'unsigned integers'],
  [2, 'signed integers'],
  [FLOAT, 'floats'],
]);

interface Layout {
  readonly width: number;
  readonly height: number;
  readonly rowSize: (columns: number) => number;
}

/** Each strip or tile must lie in the file and hold the rows that it stands for, and no more. */
async function requireParts(
  fields: Fields,
  bytes: Uint8Array,
  isTiled: boolean,
  { width, height, rowSize }: Layout,
): Promise<void> {
  const what = isTiled ? 'tile' : 'strip';
  const one = (tag: Tag): number => fields.get(tag)?.[0] ?? 0;
  const rows = isTiled ? one('tileHeight') : Math.min(height, one('rowsPerStrip') || height);
  const columns = isTiled ? one('tileWidth') : width;
  if (rows === 0 || columns === 0) damaged('its tiles have no size');
  requireSamples(rows * columns);
  const whole = rows * rowSize(columns);
  const offsets = fields.get(isTiled ? 'tileOffsets' : 'stripOffsets') ?? [];
  const sizes = fields.get(isTiled ? 'tileSizes' : 'stripSizes') ?? [];
  const count = Math.ceil(height / rows) * Math.ceil(width / columns);
  if (offsets.length !== count || sizes.length !== count) {
    damaged(
      `it has ${offsets.length} ${what}s and ${sizes.length} sizes of them instead of ${count}`,
    );
  }
  for (const [i, offset] of offsets.entries()) {
    const size = sizes[i] ?? 0;
    if (offset + size > bytes.length) {
      damaged(`the file is cut short: ${what} ${i + 1} of ${count} lies beyond its end`);
    }
    const isLast = !isTiled && i === count - 1;
    const needed = isLast ? (height - rows * (count - 1)) * rowSize(columns) : whole;
    const held = await heldBytes(
      bytes.subarray(offset, offset + size),
      one('compression') || 1,
      whole,
    );
    if (held === undefined) damaged(`${what} ${i + 1} of ${count} is damaged or cut short`);
    if (held < needed) {
      damaged(`${what} ${i + 1} of ${count} holds ${held} bytes instead of ${needed}`);
    }
    if (held > whole) damaged(`${what} ${i + 1} of ${count} holds more than its ${whole} bytes`);
  }
}

async function heldBytes(
  part: Uint8Array,
  compression: number,
  limit: number,
): Promise<number | undefined> {
  switch (compression) {
    case COMPRESSIONS.none:
      // Longer ones do no harm: nothing is unpacked.
      return Math.min(part.length, limit);
    case COMPRESSIONS.lzw:
      return lzwSize(part, limit);
    case COMPRESSIONS.deflate:
    case COMPRESSIONS.oldDeflate:
      return inflatedSize([part], limit);
    default:
      return unsupported(`its compression is of kind ${compression}; archc reads LZW and deflate`);
  }
}

const LZW_CLEAR = 256;
const LZW_END = 257;

/**
 * Bytes that an LZW strip unpacks to (TIFF, section 13), or a number above `limit`. Undefined where
 * it is damaged.
 */
function lzwSize(part: Uint8Array, limit: number): number | undefined {
  const lengths = new Uint32Array(4096).fill(1, 0, 256);
  let next = LZW_END + 1;
  let width = 9;
  let previous = 0;
  let size = 0;
  for (let bit = 0; bit + width <= 8 * part.length && size <= limit;) {
    const at = bit >> 3;
    const bytes = ((part[at] ?? 0) << 16) | ((part[at + 1] ?? 0) << 8) | (part[at + 2] ?? 0);
    const code = (bytes >> (24 - width - (bit & 7))) & ((1 << width) - 1);
    bit += width;
    if (code === LZW_END) break;
    if (code === LZW_CLEAR) {
      next = LZW_END + 1;
      width = 9;
      previous = 0;
      continue;
    }
    if (code > next || (previous === 0 && code >= LZW_CLEAR)) return undefined;
    const length = code === next ? previous + 1 : (lengths[code] ?? 0);
    size += length;
    if (previous > 0) {
      if (next >= 4095) return undefined;
      lengths[next++] = previous + 1;
      // One code early, as the format has it.
      if (next === 511 || next === 1023 || next === 2047) width++;
    }
    previous = length;
  }
  return size;
}
