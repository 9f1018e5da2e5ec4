/**
 * NIfTI-1 and NIfTI-2 volumes (https://nifti.nimh.nih.gov/), plain or gzipped. The package
 * `nifti-reader-js` reads the headers; byte order, scale and every check are here.
 */
import { diagnostic, type Outcome } from '../compiler/diagnostic.js';
import { elementCount } from '../compiler/ops/tensor.js';
import { ELEMENT_TYPES, type ElementType } from './elements.js';
import { gunzip, isGzip } from './inflate.js';
import { MAX_SAMPLES } from './samples.js';

/** Bytes of the longer header, NIfTI-2's: with so many of them a header can be read. */
const HEADER_BYTES = 540;
/** Those of the shorter one. */
const LEAST_HEADER_BYTES = 348;

/** Element types by the header's `datatype`. */
const TYPES: ReadonlyMap<number, ElementType> = new Map<number, ElementType>([
  [2, ELEMENT_TYPES.u1],
  [4, ELEMENT_TYPES.i2],
  [8, ELEMENT_TYPES.i4],
  [16, ELEMENT_TYPES.f4],
  [64, ELEMENT_TYPES.f8],
  [256, ELEMENT_TYPES.i1],
  [512, ELEMENT_TYPES.u2],
  [768, ELEMENT_TYPES.u4],
  [1024, ELEMENT_TYPES.i8],
  [1280, ELEMENT_TYPES.u8],
]);

/** The other types that the format knows, for messages. */
const OTHER_TYPES = new Map([
  [1, 'single bits'],
  [32, 'complex numbers'],
  [128, 'RGB colours'],
  [1536, '128-bit floats'],
  [1792, 'complex numbers'],
  [2048, 'complex numbers'],
  [2304, 'RGBA colours'],
]);

export interface NiftiHeader {
  /** Sizes in the order of the file, x fastest: x, y, z and volumes (1 where there are fewer axes). */
  readonly shape: readonly [x: number, y: number, z: number, volumes: number];
  readonly type: ElementType;
  readonly littleEndian: boolean;
  /** A value is `stored · slope + intercept`: 1 and 0 where the header says nothing. */
  readonly slope: number;
  readonly intercept: number;
  /** Where the voxels start, in bytes. */
  readonly dataStart: number;
}

export interface NiftiVolume extends NiftiHeader {
  /** The voxels as stored. */
  readonly data: Uint8Array;
}

/**
 * The header of a volume out of the start of its file (64 KiB are plenty); `bad-nifti` where it has
 * none that archc can use.
 */
export async function readNiftiHeader(start: Uint8Array): Promise<Outcome<NiftiHeader>> {
  const plain = isGzip(start) ? await gunzip(start, HEADER_BYTES) : start;
  if (plain === undefined) return bad('its compressed data is damaged or cut short');
  const header = await parseHeader(plain);
  return typeof header === 'string' ? bad(header) : { ok: true, value: header };
}

/** A whole volume, unscaled; `bad-nifti` where the file is damaged, cut short or of another kind. */
export async function readNifti(file: Uint8Array): Promise<Outcome<NiftiVolume>> {
  const header = await readNiftiHeader(file);
  if (!header.ok) return header;
  const { shape, type, dataStart } = header.value;
  const size = type.size * elementCount(shape);
  const bytes = isGzip(file) ? await gunzip(file, dataStart + size) : file;
  if (bytes === undefined) return bad('its compressed data is damaged or cut short');
  if (bytes.length < dataStart + size) {
    return bad(
      `it is cut short: ${shape.join(' × ')} voxels take ${size} bytes from byte ${dataStart} on, and it has ${bytes.length} in all`,
    );
  }
  return {
    ok: true,
    value: { ...header.value, data: bytes.subarray(dataStart, dataStart + size) },
  };
}

function bad(what: string): Outcome<never> {
  return { ok: false, diagnostics: [diagnostic('bad-nifti', `the NIfTI volume: ${what}`)] };
}

/** The header, or what is wrong with it. */
async function parseHeader(start: Uint8Array): Promise<NiftiHeader | string> {
  if (start.length === 0) return 'the file is empty';
  if (start.length < LEAST_HEADER_BYTES) return 'it is cut short within its header';
  const { isNIFTI, isNIFTI2, readHeader } = await import('nifti-reader-js');
  // The header alone, zeros after it: then there are no extensions to be led astray by.
  const copy = new Uint8Array(HEADER_BYTES + 4);
  copy.set(start.subarray(0, HEADER_BYTES));
  const { buffer } = copy;
  if (isNIFTI2(buffer)) {
    if (start.length < HEADER_BYTES) return 'it is cut short within its header';
  } else {
    copy.fill(0, LEAST_HEADER_BYTES);
    if (!isNIFTI(buffer)) {
      return isNIFTI(buffer, true)
        ? 'it is one of a pair of files (.hdr and .img); save it as one .nii file'
        : 'the file is of another kind';
    }
  }
  let header;
  try {
    header = readHeader(buffer);
  } catch {
    return 'its header is damaged';
  }
  const axes = header.dims[0] ?? 0;
  const sizes = header.dims.slice(1, 1 + axes);
  if (axes < 2 || axes > 7 || !sizes.every((d) => Number.isSafeInteger(d) && d > 0)) {
    return `its header is damaged: it claims ${axes} axes of sizes ${sizes.join(', ')}`;
  }
  if (sizes.slice(4).some((d) => d !== 1))
    return `it has more than four axes: ${sizes.join(' × ')}`;
  const voxels = elementCount(sizes);
  if (voxels > MAX_SAMPLES) return `${voxels} voxels are above the limit of ${MAX_SAMPLES}`;
  const type = TYPES.get(header.datatypeCode);
  if (type === undefined) {
    const name = OTHER_TYPES.get(header.datatypeCode) ?? `of type ${header.datatypeCode}`;
    return `its voxels are ${name}; archc reads integers and floats`;
  }
  const dataStart = header.vox_offset;
  if (!Number.isSafeInteger(dataStart) || dataStart < LEAST_HEADER_BYTES) {
    return `its header is damaged: its data starts at byte ${dataStart}`;
  }
  // A slope of 0 means that there is no scale (nifti1.h, "DATA SCALING").
  const isScaled = Number.isFinite(header.scl_slope) && header.scl_slope !== 0;
  const [x = 1, y = 1, z = 1, volumes = 1] = sizes;
  return {
    shape: [x, y, z, volumes],
    type,
    littleEndian: header.littleEndian,
    slope: isScaled ? header.scl_slope : 1,
    intercept: isScaled && Number.isFinite(header.scl_inter) ? header.scl_inter : 0,
    dataStart,
  };
}

/**
 * One axial slice, scaled, as `[y, x, volumes]`: row = y, column = x, each volume a channel.
 */
export function niftiSlice(volume: NiftiVolume, z: number): Float32Array {
  const { shape, type, littleEndian, slope, intercept, data } = volume;
  const [nx, ny, nz, channels] = shape;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const slice = new Float32Array(ny * nx * channels);
  for (let c = 0; c < channels; c++) {
    const start = (c * nz + z) * ny * nx;
    for (let i = 0; i < ny * nx; i++) {
      slice[i * channels + c] =
        type.read(view, (start + i) * type.size, littleEndian) * slope + intercept;
    }
  }
  return slice;
}
