import { readFileSync } from 'node:fs';
import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { encode } from 'fast-png';
import { describe, expect, it } from 'vitest';
import type { Tensor } from '../src/compiler/ir.js';
import { isImageShape, readImage, writePng } from '../src/data/image.js';
import {
  png,
  pngChunk,
  pngFile,
  tiff,
  type PngParts,
  type TiffTags,
} from './helpers/image-files.js';
import { sharedData } from './helpers/shared.js';

async function pages(bytes: Uint8Array): Promise<readonly Tensor[]> {
  const read = await readImage(bytes);
  if (!read.ok) throw new Error(read.diagnostics.map((d) => `${d.code}: ${d.message}`).join('\n'));
  return read.value;
}

async function only(bytes: Uint8Array): Promise<Tensor> {
  const [page, ...more] = await pages(bytes);
  if (page === undefined || more.length > 0) throw new Error('not one page');
  return page;
}

async function problem(bytes: Uint8Array): Promise<string> {
  const read = await readImage(bytes);
  if (read.ok) throw new Error('it was read');
  expect(read.diagnostics).toHaveLength(1);
  const [first] = read.diagnostics;
  return `${first?.code}: ${first?.message}`;
}

/** Values times `maximum`, as integers: what the file holds. */
function levels({ data }: Tensor, maximum: number): number[] {
  return [...data].map((x) => {
    const level = Math.round(x * maximum);
    expect(x).toBe(Math.fround(level / maximum));
    return level;
  });
}

/** Cuts and damages a file everywhere; reading it must end with a value or a diagnostic. */
async function survivesDamage(bytes: Uint8Array): Promise<void> {
  const whole = await readImage(bytes);
  for (let length = 0; length < bytes.length; length += 97) {
    const cut = await readImage(bytes.subarray(0, length));
    // What is missing may be a comment at the end.
    if (cut.ok) expect(cut).toEqual(whole);
  }
  for (let at = 8; at < bytes.length; at += Math.max(1, Math.floor(bytes.length / 150))) {
    const copy = bytes.slice();
    copy[at] = (copy[at] ?? 0) ^ 0xff;
    const read = await readImage(copy);
    if (!read.ok) expect(read.diagnostics[0]?.code).toMatch(/^(bad|unsupported)-image$/);
  }
}

describe('PNG', () => {
  const packed: readonly (readonly [number, number[], number[][]])[] = [
    [
      1,
      [0, 0b1011_0010, 0b0100_0000, 0, 0b0000_0001, 0b1000_0000],
      [
        [1, 0, 1, 1, 0, 0, 1, 0, 0, 1],
        [0, 0, 0, 0, 0, 0, 0, 1, 1, 0],
      ],
    ],
    [
      2,
      [0, 0b00_01_10_11, 0b11_00_00_00, 0, 0b11_11_00_00, 0b10_00_00_00],
      [
        [0, 1, 2, 3, 3],
        [3, 3, 0, 0, 2],
      ],
    ],
    [
      4,
      [0, 0x0f, 0x70, 0, 0x12, 0x30],
      [
        [0, 15, 7],
        [1, 2, 3],
      ],
    ],
  ];
  it.each(packed)('unpacks grey of %i bits', async (depth, rows, expected) => {
    const width = expected[0]?.length ?? 0;
    const image = await only(png({ width, height: 2, depth, colourType: 0, rows }));
    expect(image.shape).toEqual([2, width, 1]);
    expect(levels(image, 2 ** depth - 1)).toEqual(expected.flat());
  });

  it.each(packed)('looks up palettes of %i bits', async (depth, rows, expected) => {
    const width = expected[0]?.length ?? 0;
    const colours = Array.from({ length: 2 ** depth }, (_, i) => [i, 100 + i, 255 - i]);
    const palette = pngChunk('PLTE', Uint8Array.from(colours.flat()));
    const transparency = pngChunk('tRNS', Uint8Array.of(0));
    const image = await only(
      png({ width, height: 2, depth, colourType: 3, rows, before: [palette, transparency] }),
    );
    expect(image.shape).toEqual([2, width, 3]);
    expect(levels(image, 255)).toEqual(expected.flat().flatMap((i) => colours[i] ?? []));
  });

  it('reads 16 bits, most significant byte first', async () => {
    const rows = [0, 0x12, 0x34, 0xff, 0xff];
    const image = await only(png({ width: 2, height: 1, depth: 16, colourType: 0, rows }));
    expect(levels(image, 65535)).toEqual([0x1234, 0xffff]);
  });

  it('undoes the five filters', async () => {
    // By hand (PNG, section 9): rows of 10, 20, 40 with every filter.
    const rows = [
      [0, 10, 20, 40],
      [1, 10, 10, 20],
      [2, 0, 0, 0],
      [3, 5, 5, 10],
      [4, 0, 0, 0],
    ].flat();
    const image = await only(png({ width: 3, height: 5, depth: 8, colourType: 0, rows }));
    expect(levels(image, 255)).toEqual(Array(5).fill([10, 20, 40]).flat());
  });

  it.each([1, 2, 3, 4] as const)(
    'reads %i channels at 8 and 16 bits, interlaced or not',
    async (channels) => {
      const [width, height] = [13, 11];
      for (const depth of [8, 16] as const) {
        const maximum = 2 ** depth - 1;
        const count = width * height * channels;
        const numbers = Array.from({ length: count }, (_, i) => (i * 7919 + 13) % (maximum + 1));
        const data = depth === 8 ? Uint8Array.from(numbers) : Uint16Array.from(numbers);
        const colours = channels < 3 ? 1 : 3;
        const kept = numbers.filter((_, i) => i % channels < colours);
        for (const interlace of ['null', 'Adam7'] as const) {
          const image = await only(encode({ width, height, channels, depth, data }, { interlace }));
          expect(image.shape).toEqual([height, width, colours]);
          expect(levels(image, maximum)).toEqual(kept);
        }
      }
    },
  );

  it('reads interlaced images so small that passes are empty', async () => {
    for (let width = 1; width <= 5; width++) {
      for (let height = 1; height <= 5; height++) {
        const data = Uint8Array.from({ length: width * height }, (_, i) => 10 * i);
        const bytes = encode(
          { width, height, channels: 1, depth: 8, data },
          { interlace: 'Adam7' },
        );
        expect(levels(await only(bytes), 255)).toEqual([...data]);
      }
    }
  });

  it('does without comments and profiles, damaged or not', async () => {
    const before = [
      pngChunk('iCCP', Uint8Array.of(65, 0, 0, 9, 9)),
      pngChunk('tEXt'),
      pngChunk('gAMA'),
    ];
    const image = await only(
      png({ width: 1, height: 1, depth: 8, colourType: 0, rows: [0, 51], before }),
    );
    expect(levels(image, 255)).toEqual([51]);
  });

  const good: PngParts = { width: 2, height: 2, depth: 8, colourType: 0, rows: [0, 1, 2, 0, 3, 4] };
  const [header, data, end] = [
    png(good).subarray(8, 33),
    png(good).subarray(33, -12),
    png(good).subarray(-12),
  ];
  const wrongSum = png(good);
  wrongSum[29] = (wrongSum[29] ?? 0) ^ 1;
  const hostile: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ['no width', png({ ...good, width: 0 }), /bad-image: .*its size is 0 × 2/],
    [
      '2^31 columns',
      png({ ...good, width: 2 ** 31 }),
      /unsupported-image: .*4294967296 samples are above the limit/,
    ],
    [
      'a great size without data',
      png({ ...good, width: 16384, height: 16384 }),
      /bad-image: .*holds less than the image of 16384/,
    ],
    ['rows that are missing', png({ ...good, height: 3 }), /holds less than the image of 2 × 3/],
    [
      'a bomb',
      png({ ...good, rows: new Array(1_000_000).fill(0) }),
      /holds more than the image of 2 × 2/,
    ],
    ['three bits', png({ ...good, depth: 3 }), /colour type 0 with 3 bits does not exist/],
    ['colour type 5', png({ ...good, colourType: 5 }), /colour type 5 with 8 bits does not exist/],
    ['packed colours', png({ ...good, depth: 4, colourType: 2 }), /colour type 2 with 4 bits/],
    ['an interlacing of its own', png({ ...good, interlace: 2 }), /interlacing 2 does not exist/],
    [
      'interlaced bits',
      png({ ...good, depth: 1, interlace: 1 }),
      /unsupported-image: .*save it without interlacing/,
    ],
    ['no palette', png({ ...good, colourType: 3 }), /0 palettes instead of one/],
    [
      'a colour beyond its palette',
      png({ ...good, colourType: 3, before: [pngChunk('PLTE', new Uint8Array(9))] }),
      /names colour 3 of a palette of 3/,
    ],
    [
      'half a palette',
      png({ ...good, colourType: 3, before: [pngChunk('PLTE', new Uint8Array(8))] }),
      /bad-image: .*PLTE/,
    ],
    ['filter 5', png({ ...good, rows: [5, 1, 2, 0, 3, 4] }), /bad-image: .*[Ff]ilter/],
    [
      'a chunk of the future',
      png({ ...good, before: [pngChunk('ABCD')] }),
      /unsupported-image: .*chunk ABCD/,
    ],
    [
      'a chunk without a name',
      png({ ...good, before: [pngChunk('\0\0\0\0')] }),
      /a chunk has the type/,
    ],
    ['a wrong checksum', wrongSum, /bad-image: .*CRC/],
    ['no chunks', pngFile([]), /cut short/],
    ['no header', pngFile([data, end]), /does not start with a header/],
    ['two headers', pngFile([header, header, data, end]), /two headers/],
    ['no data', pngFile([header, end]), /no image data/],
    ['no end', pngFile([header, data]), /cut short/],
    [
      'data that is no zlib stream',
      pngFile([header, pngChunk('IDAT', Uint8Array.of(1, 2, 3)), end]),
      /compressed data is damaged/,
    ],
  ];
  it.each(hostile)('refuses %s', async (_what, bytes, message) => {
    expect(await problem(bytes)).toMatch(message);
  });

  it('reads from a view into a larger buffer', async () => {
    const bytes = png(good);
    const larger = new Uint8Array(bytes.length + 50).fill(7);
    larger.set(bytes, 21);
    const image = await only(larger.subarray(21, 21 + bytes.length));
    expect(levels(image, 255)).toEqual([1, 2, 3, 4]);
  });
});

describe('writePng', () => {
  it('round-trips every 8-bit image', async () => {
    const size = fc.integer({ min: 1, max: 9 });
    const anyImage = fc
      .tuple(size, size, fc.constantFrom(1, 3))
      .chain(([h, w, c]) =>
        fc
          .uint8Array({ minLength: h * w * c, maxLength: h * w * c })
          .map((bytes) => ({ shape: [h, w, c], bytes })),
      );
    await fc.assert(
      fc.asyncProperty(anyImage, async ({ shape, bytes }) => {
        const image: Tensor = { shape, data: Float32Array.from(bytes, (b) => b / 255) };
        expect(await only(await writePng(image))).toEqual(image);
      }),
      { numRuns: 100 },
    );
  });

  it('clamps, rounds to the nearest, and writes NaN as black', async () => {
    const data = Float32Array.of(-1, 2, NaN, Infinity, -Infinity, 0.5, 0.1234, 1e-9);
    const image = await only(await writePng({ shape: [2, 4, 1], data }));
    expect(levels(image, 255)).toEqual([0, 255, 0, 255, 0, 128, 31, 0]);
  });

  it('writes the same bytes twice', async () => {
    const image: Tensor = { shape: [3, 3, 3], data: new Float32Array(27).map((_, i) => i / 27) };
    expect(await writePng(image)).toEqual(await writePng(image));
  });

  it('takes images only', async () => {
    expect(isImageShape([4, 4, 1])).toBe(true);
    for (const shape of [
      [4, 4],
      [4, 4, 2],
      [0, 4, 1],
      [1, 4, 4, 1],
    ]) {
      expect(isImageShape(shape)).toBe(false);
      await expect(writePng({ shape, data: new Float32Array(64) })).rejects.toThrow('not an image');
    }
  });
});

describe('TIFF', () => {
  const grey: TiffTags = { 256: [3], 257: [2], 258: [8], 259: [1], 262: [1], 278: [2] };
  const six = Uint8Array.of(1, 2, 3, 4, 5, 6);
  const page = (tags: TiffTags, ...parts: Uint8Array[]): Uint8Array =>
    tiff([{ tags: { ...grey, ...tags }, parts: parts.length === 0 ? [six] : parts }]);
  const bytesOf = (view: ArrayBufferView): Uint8Array =>
    new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

  it('reads grey, of both byte orders, in one strip or several', async () => {
    for (const little of [true, false]) {
      for (const parts of [[six], [six.subarray(0, 3), six.subarray(3)]]) {
        const tags = { ...grey, 278: [2 / parts.length] };
        const image = await only(tiff([{ tags, parts }], little));
        expect(image.shape).toEqual([2, 3, 1]);
        expect(levels(image, 255)).toEqual([1, 2, 3, 4, 5, 6]);
      }
    }
  });

  it('turns grey that counts from white', async () => {
    expect(levels(await only(page({ 262: [0] })), 255)).toEqual([254, 253, 252, 251, 250, 249]);
  });

  it('unpacks single bits', async () => {
    const bits = await only(page({ 258: [1] }, Uint8Array.of(0b1010_0000, 0b0110_0000)));
    expect([...bits.data]).toEqual([1, 0, 1, 0, 1, 1]);
  });

  it('reads 16 bits and floats', async () => {
    const shorts = Uint16Array.of(0, 1, 255, 256, 4660, 65535);
    expect(levels(await only(page({ 258: [16] }, bytesOf(shorts))), 65535)).toEqual([...shorts]);
    const floats = Float32Array.of(0, -1, 0.25, 3, 1e10, 0.5);
    const image = await only(page({ 258: [32], 339: [3] }, bytesOf(floats)));
    expect([...image.data]).toEqual([...floats]);
    const doubles = await only(page({ 258: [64], 339: [3] }, bytesOf(Float64Array.from(floats))));
    expect([...doubles.data]).toEqual([...floats]);
  });

  it('reads colour, drops alpha and keeps other samples', async () => {
    const numbers = Uint8Array.from({ length: 24 }, (_, i) => 10 * i);
    const four = { 258: [8, 8, 8, 8], 277: [4] };
    const rgb = { 256: [2], 257: [4], 258: [8, 8, 8], 262: [2], 277: [3], 278: [4] };
    const image = await only(page(rgb, numbers));
    expect(image.shape).toEqual([4, 2, 3]);
    expect(levels(image, 255)).toEqual([...numbers]);
    const rgba = await only(page({ ...four, 262: [2], 338: [2] }, numbers));
    expect(rgba.shape).toEqual([2, 3, 3]);
    expect(levels(rgba, 255)).toEqual([...numbers].filter((_, i) => i % 4 < 3));
    const fourChannels = await only(page({ ...four, 338: [0, 0, 0] }, numbers));
    expect(fourChannels.shape).toEqual([2, 3, 4]);
    expect(levels(fourChannels, 255)).toEqual([...numbers]);
  });

  it('looks up palettes', async () => {
    const map = [0, 1, 2].flatMap((part) =>
      Array.from({ length: 256 }, (_, i) => 257 * ((i + part) % 256)),
    );
    const image = await only(page({ 262: [3], 320: map }));
    expect(image.shape).toEqual([2, 3, 3]);
    expect(levels(image, 65535)).toEqual(
      [...six].flatMap((i) => [i, i + 1, i + 2].map((x) => 257 * x)),
    );
  });

  it('reads deflate, with the horizontal predictor', async () => {
    const rows = Uint8Array.of(1, 1, 1, 4, 1, 1);
    const image = await only(page({ 259: [8], 317: [2] }, deflateSync(rows)));
    expect(levels(image, 255)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('reads tiles that overhang', async () => {
    const tiles = [0, 1].map((t) => Uint8Array.from({ length: 4 }, (_, i) => 10 * t + i));
    const image = await only(page({ 322: [2], 323: [2] }, ...tiles));
    expect(levels(image, 255)).toEqual([0, 1, 10, 2, 3, 12]);
  });

  const circle = page({});
  // The link after the only page's entries: back to the page itself.
  new DataView(circle.buffer).setUint32(
    circle.length - 4,
    new DataView(circle.buffer).getUint32(4, true),
    true,
  );
  const lzwBomb = (): Uint8Array => {
    // Codes 0, 258, 259, …: each unpacks to one byte more than the last.
    const codes = [256, 0, ...Array.from({ length: 250 }, (_, i) => 258 + i)];
    const bits = codes.map((code) => code.toString(2).padStart(9, '0')).join('');
    return Uint8Array.from(bits.match(/.{8}/g) ?? [], (byte) => Number.parseInt(byte, 2));
  };
  const hostile: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ['a header alone', Uint8Array.of(0x49, 0x49, 42, 0), /bad-image: .*cut short/],
    ['no pages', Uint8Array.of(0x49, 0x49, 42, 0, 0, 0, 0, 0), /bad-image: .*no pages/],
    ['a page beyond the end', Uint8Array.of(0x49, 0x49, 42, 0, 200, 0, 0, 0), /beyond its end/],
    ['pages in a circle', circle, /pages form a circle/],
    ['no width', page({ 256: [0] }), /its size is 0 × 2/],
    ['2^32 - 1 rows', page({ 257: [2 ** 32 - 1] }), /unsupported-image: .*above the limit/],
    [
      'more rows than data',
      page({ 257: [3], 278: [3] }),
      /strip 1 of 1 holds 6 bytes instead of 9/,
    ],
    ['fewer strips than rows', page({ 257: [4] }), /1 strips and 1 sizes of them instead of 2/],
    ['a strip beyond the end', page({ 273: [100_000] }), /strip 1 of 1 lies beyond its end/],
    [
      'a bomb of deflate',
      page({ 259: [8] }, deflateSync(new Uint8Array(1_000_000))),
      /holds more than its 6 bytes/,
    ],
    ['a bomb of LZW', page({ 259: [5] }, lzwBomb()), /holds more than its 6 bytes/],
    [
      'an LZW code from nowhere',
      page({ 259: [5] }, Uint8Array.of(0x80, 0x7f, 0xff, 0xff)),
      /damaged or cut short/,
    ],
    ['damaged deflate', page({ 259: [8] }, Uint8Array.of(9, 9, 9)), /damaged or cut short/],
    ['JPEG inside', page({ 259: [7] }), /unsupported-image: .*compression is of kind 7/],
    ['fax', page({ 259: [4], 258: [1] }), /unsupported-image: .*compression is of kind 4/],
    ['CMYK', page({ 262: [5], 277: [4] }), /unsupported-image: .*colours are of kind 5/],
    ['signed integers', page({ 339: [2] }), /unsupported-image: .*signed integers of 8 bits/],
    ['32-bit integers', page({ 258: [32] }), /unsupported-image: .*unsigned integers of 32 bits/],
    [
      'separate planes',
      page({ 256: [1], 277: [3], 262: [2], 284: [2] }),
      /unsupported-image: .*one after another/,
    ],
    [
      'tiles of colour',
      page({ 277: [3], 262: [2], 322: [16], 323: [16] }),
      /unsupported-image: .*tiled/,
    ],
    ['a mirror image', page({ 274: [2] }), /unsupported-image: .*upright/],
    ['samples of several depths', page({ 277: [3], 262: [2], 258: [5, 6, 5] }), /differ in bits/],
    ['a small palette', page({ 262: [3], 320: [0, 0, 0] }), /palette does not have 256 colours/],
    ['colours marked as alpha', page({ 338: [2] }), /marks its colours as alpha/],
    ['another predictor', page({ 317: [3] }), /predicted by method 3/],
    [
      'a 64-bit TIFF',
      Uint8Array.of(0x49, 0x49, 43, 0, 8, 0, 0, 0),
      /unsupported-image: this is a BigTIFF/,
    ],
  ];
  it.each(hostile)('refuses %s', async (_what, bytes, message) => {
    expect(await problem(bytes)).toMatch(message);
  });

  it('survives damage everywhere', async () => {
    const parts = [deflateSync(six)];
    await survivesDamage(
      tiff([
        { tags: { ...grey, 259: [8] }, parts },
        { tags: grey, parts: [six] },
      ]),
    );
    const small = tiff([{ tags: grey, parts: [six] }]);
    await fc.assert(
      fc.asyncProperty(fc.nat(small.length - 1), fc.nat(255), async (at, byte) => {
        const copy = small.slice();
        copy[at] = byte;
        await readImage(copy);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('other files', () => {
  const starting = (text: string, offset = 0): Uint8Array =>
    Uint8Array.from(Buffer.from('\0'.repeat(offset) + text.padEnd(400, '\0'), 'latin1'));
  it.each([
    ['\xff\xd8\xff\xe0', 0, 'a JPEG image'],
    ['GIF89a', 0, 'a GIF image'],
    ['RIFF....WEBPVP8 ', 0, 'a WebP image'],
    ['BM', 0, 'a BMP image'],
    ['ftypavif', 4, 'an AVIF or HEIC image'],
    ['%PDF-1.7', 0, 'a PDF document'],
    ['P5 3 3 255', 0, 'a netpbm image'],
    ['DICM', 128, 'a DICOM image'],
    ['n+1\0', 344, 'a NIfTI volume'],
    ['\x1f\x8b\x08', 0, 'a gzip file'],
    ['\x93NUMPY', 0, 'a NumPy array'],
    ['<?xml version="1.0"?><svg', 0, 'an SVG drawing'],
    ['model Tiny() {', 0, 'no image file that archc knows'],
  ])('names %j at %i', async (text, offset, name) => {
    expect(await problem(starting(text, offset))).toBe(
      `unsupported-image: this is ${name}; archc reads PNG and TIFF images`,
    );
  });

  it('says when there is nothing', async () => {
    expect(await problem(new Uint8Array())).toMatch('the file is empty');
  });

  it('survives arbitrary bytes', async () => {
    const starts = fc.constantFrom([], [0x49, 0x49, 42, 0], [0x89, 80, 78, 71, 13, 10, 26, 10]);
    await fc.assert(
      fc.asyncProperty(starts, fc.uint8Array({ maxLength: 200 }), async (start, rest) => {
        await readImage(Uint8Array.from([...start, ...rest]));
      }),
      { numRuns: 500 },
    );
  });
});

const isbi = sharedData('isbi-em');
const tiffs = sharedData('tiff');

describe.skipIf(isbi === undefined)('the ISBI 2012 stack (skipped where it is absent)', () => {
  const file = (name: string): Uint8Array => readFileSync(`${isbi}/${name}`);

  it.each([
    ['image', 'train-volume-00-03.tif'],
    ['label', 'train-labels-00-03.tif'],
  ])('has the same pixels as PNG and as TIFF: %s', async (folder, stack) => {
    const slices = await pages(file(stack));
    expect(slices).toHaveLength(4);
    for (const [i, slice] of slices.entries()) {
      expect(slice.shape).toEqual([512, 512, 1]);
      const single = await only(file(`${folder}/0${i}.png`));
      expect(single.shape).toEqual(slice.shape);
      expect(Buffer.compare(Buffer.from(single.data.buffer), Buffer.from(slice.data.buffer))).toBe(
        0,
      );
    }
  });

  it('has the mean and deviation that its description gives', async () => {
    let [sum, square, count] = [0, 0, 0];
    for (let i = 0; i < 30; i++) {
      const { data } = await only(file(`image/${String(i).padStart(2, '0')}.png`));
      for (const x of data) {
        sum += x;
        square += x * x;
        count++;
      }
    }
    expect(sum / count).toBeCloseTo(0.4948, 4);
    expect(Math.sqrt(square / count - (sum / count) ** 2)).toBeCloseTo(0.1726, 4);
  });

  it('survives damage everywhere', async () => {
    const slice = file('image/00.png');
    const small = await only(slice);
    const crop: Tensor = { shape: [32, 32, 1], data: small.data.subarray(0, 1024) };
    await survivesDamage(await writePng(crop));
    for (let length = 0; length < slice.length; length += 97 * 17) {
      expect((await readImage(slice.subarray(0, length))).ok).toBe(false);
    }
  });
});

describe.skipIf(tiffs === undefined)('real TIFF files (skipped where they are absent)', () => {
  const file = (name: string): Uint8Array => readFileSync(`${tiffs}/${name}`);

  it.each([
    ['image-js-stack.tif', 10, [128, 128, 1]],
    ['image-js-grey8-multi.tif', 2, [90, 30, 1]],
    ['image-js-grey16-multi.tif', 2, [90, 30, 1]],
    ['image-js-grey8-lzw.tif', 1, [90, 30, 1]],
  ])('reads %s', async (name, count, shape) => {
    const images = await pages(file(name));
    expect(images.map((image) => image.shape)).toEqual(Array(count).fill(shape));
    for (const { data } of images) {
      expect(new Set(data).size).toBeGreaterThan(1);
      expect(data.every((x) => x >= 0 && x <= 1)).toBe(true);
    }
  });

  it('reads the same picture from LZW and from plain strips', async () => {
    const [plain] = await pages(file('image-js-grey8-multi.tif'));
    expect(await only(file('image-js-grey8-lzw.tif'))).toEqual(plain);
  });

  it.each(['image-js-grey8-lzw.tif', 'image-js-grey16-multi.tif'])(
    'survives damage everywhere: %s',
    async (name) => survivesDamage(file(name)),
  );
});
