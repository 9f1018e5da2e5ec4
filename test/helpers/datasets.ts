/** Datasets made on the spot: files in a temporary folder, right or wrong as a test asks. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Outcome } from '../../src/compiler/diagnostic.js';
import type { Dataset, Sample } from '../../src/data/dataset.js';
import { png, tiff } from './image-files.js';

/** A folder of these files, gone after the test. */
export function folderOf(files: Readonly<Record<string, Uint8Array | string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'archc-data-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  }
  return folder;
}

export function value<T>(outcome: Outcome<T>): T {
  if (outcome.ok) return outcome.value;
  throw new Error(outcome.diagnostics.map((d) => `${d.code}: ${d.message}`).join('\n'));
}

/** Code, message and first hint of each diagnostic; fails where there is a value. */
export function problems(outcome: Outcome<unknown>): string[] {
  if (outcome.ok) throw new Error('it was accepted');
  return outcome.diagnostics.map((d) => [`${d.code}: ${d.message}`, ...d.hints].join(' | '));
}

export async function samplesOf(dataset: Dataset): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (let i = 0; i < dataset.count; i++) samples.push(value(await dataset.load(i)));
  return samples;
}

type Rows = readonly (readonly number[])[];

/** 8-bit grey. */
export function greyPng(rows: Rows): Uint8Array {
  const lines = rows.flatMap((row) => [0, ...row]);
  return png({
    width: rows[0]?.length ?? 0,
    height: rows.length,
    depth: 8,
    colourType: 0,
    rows: lines,
  });
}

/** 8-bit RGB of rows of r, g, b, r, … */
export function colourPng(rows: Rows): Uint8Array {
  const lines = rows.flatMap((row) => [0, ...row]);
  const width = (rows[0]?.length ?? 0) / 3;
  return png({ width, height: rows.length, depth: 8, colourType: 2, rows: lines });
}

/** 8-bit grey pages. */
export function greyTiff(pages: readonly Rows[]): Uint8Array {
  return tiff(
    pages.map((rows) => ({
      tags: {
        256: [rows[0]?.length ?? 0],
        257: [rows.length],
        258: [8],
        259: [1],
        262: [1],
        277: [1],
        278: [rows.length],
      },
      parts: [Uint8Array.from(rows.flat())],
    })),
  );
}

export interface NiftiParts {
  readonly version?: 1 | 2;
  readonly littleEndian?: boolean;
  /** x, y, z, … */
  readonly shape: readonly number[];
  /** The header's code and the writer of one voxel. */
  readonly type: keyof typeof NIFTI_TYPES;
  readonly values: readonly number[];
  readonly slope?: number;
  readonly intercept?: number;
  /** Between header and data, in bytes. */
  readonly gap?: number;
}

const NIFTI_TYPES = {
  uint8: { code: 2, size: 1, put: (v, o, x) => v.setUint8(o, x) },
  int16: { code: 4, size: 2, put: (v, o, x, le) => v.setInt16(o, x, le) },
  int32: { code: 8, size: 4, put: (v, o, x, le) => v.setInt32(o, x, le) },
  float32: { code: 16, size: 4, put: (v, o, x, le) => v.setFloat32(o, x, le) },
  float64: { code: 64, size: 8, put: (v, o, x, le) => v.setFloat64(o, x, le) },
  rgb: { code: 128, size: 3, put: () => undefined },
  int8: { code: 256, size: 1, put: (v, o, x) => v.setInt8(o, x) },
  uint16: { code: 512, size: 2, put: (v, o, x, le) => v.setUint16(o, x, le) },
  uint32: { code: 768, size: 4, put: (v, o, x, le) => v.setUint32(o, x, le) },
} as const satisfies Record<
  string,
  {
    readonly code: number;
    readonly size: number;
    readonly put: (view: DataView, offset: number, value: number, le: boolean) => void;
  }
>;

/** A volume in one file, by the field tables of nifti1.h and nifti2.h. */
export function nifti(parts: NiftiParts): Uint8Array {
  const { version = 1, littleEndian: le = true, shape, values, gap = 4 } = parts;
  const { slope = 0, intercept = 0 } = parts;
  const { code, size, put } = NIFTI_TYPES[parts.type];
  const headerSize = version === 1 ? 348 : 540;
  const start = headerSize + gap;
  const bytes = new Uint8Array(start + values.length * size);
  const view = new DataView(bytes.buffer);
  const dims = [shape.length, ...shape, ...Array<number>(7 - shape.length).fill(1)];
  view.setInt32(0, headerSize, le);
  if (version === 1) {
    dims.forEach((d, i) => view.setInt16(40 + 2 * i, d, le));
    view.setInt16(70, code, le);
    view.setInt16(72, 8 * size, le);
    view.setFloat32(108, start, le);
    view.setFloat32(112, slope, le);
    view.setFloat32(116, intercept, le);
    bytes.set(Buffer.from('n+1\0', 'latin1'), 344);
  } else {
    bytes.set(Buffer.from('n+2\0\r\n\x1a\n', 'latin1'), 4);
    view.setInt16(12, code, le);
    view.setInt16(14, 8 * size, le);
    dims.forEach((d, i) => view.setBigInt64(16 + 8 * i, BigInt(d), le));
    view.setBigInt64(168, BigInt(start), le);
    view.setFloat64(176, slope, le);
    view.setFloat64(184, intercept, le);
  }
  values.forEach((x, i) => put(view, start + i * size, x, le));
  return bytes;
}
