/** Images from files to tensors and back, told apart by their content. */
import { diagnostic, type Outcome } from '../compiler/diagnostic.js';
import type { Tensor } from '../compiler/ir.js';
import { isPng, readPng } from './png.js';
import type { SampleScale } from './samples.js';
import { isTiff, readTiff } from './tiff.js';

export { isImageShape, writePng } from './png.js';

/**
 * The pages of a PNG (always one) or TIFF image, each `[H, W, C]` with values in [0, 1], or
 * with `stored` those of the file; see `readPng` and `readTiff`. Diagnostics: `unsupported-image` for files of another kind,
 * `bad-image` for damaged ones.
 */
export async function readImage(
  bytes: Uint8Array,
  scale: SampleScale = 'unit',
): Promise<Outcome<readonly Tensor[]>> {
  if (isPng(bytes)) {
    const read = await readPng(bytes, scale);
    return read.ok ? { ok: true, value: [read.value] } : read;
  }
  if (isTiff(bytes)) return readTiff(bytes, scale);
  const kind = OTHER_KINDS.find(({ starts }) => starts(bytes))?.name;
  const what =
    bytes.length === 0
      ? 'the file is empty'
      : `this is ${kind ?? 'no image file that archc knows'}`;
  return {
    ok: false,
    diagnostics: [
      diagnostic('unsupported-image', `${what}; archc reads PNG and TIFF images`, {
        hints: kind === undefined ? [] : ['convert it to PNG first'],
      }),
    ],
  };
}

function has(bytes: Uint8Array, text: string, offset: number): boolean {
  return Array.from(text).every((c, i) => bytes[offset + i] === c.charCodeAt(0));
}

/** Kinds of files that people have, by the bytes that they start with. */
const OTHER_KINDS: readonly {
  readonly name: string;
  readonly starts: (bytes: Uint8Array) => boolean;
}[] = [
  { name: 'a JPEG image', starts: (b) => has(b, '\xff\xd8\xff', 0) },
  { name: 'a JPEG 2000 image', starts: (b) => has(b, 'jP  ', 4) },
  { name: 'a GIF image', starts: (b) => has(b, 'GIF8', 0) },
  { name: 'a WebP image', starts: (b) => has(b, 'RIFF', 0) && has(b, 'WEBP', 8) },
  { name: 'an AVIF or HEIC image', starts: (b) => has(b, 'ftyp', 4) },
  { name: 'a BMP image', starts: (b) => has(b, 'BM', 0) },
  { name: 'a Photoshop document', starts: (b) => has(b, '8BPS', 0) },
  { name: 'a PDF document', starts: (b) => has(b, '%PDF', 0) },
  { name: 'a netpbm image', starts: (b) => has(b, 'P', 0) && /^P[1-7]\s/.test(firstCharacters(b)) },
  { name: 'a BigTIFF image', starts: (b) => has(b, 'II\x2b\0', 0) || has(b, 'MM\0\x2b', 0) },
  { name: 'a DICOM image', starts: (b) => has(b, 'DICM', 128) },
  { name: 'a NIfTI volume', starts: (b) => has(b, 'n+1\0', 344) || has(b, 'n+2\0', 4) },
  { name: 'a gzip file', starts: (b) => has(b, '\x1f\x8b', 0) },
  { name: 'a NumPy array', starts: (b) => has(b, '\x93NUMPY', 0) },
  { name: 'an SVG drawing', starts: (b) => /^\s*<(\?xml|svg)/.test(firstCharacters(b)) },
];

function firstCharacters(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(0, 64));
}
