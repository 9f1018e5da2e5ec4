/** Recognises files that a command may replace, because they are of the kind that it writes. */
import { open, readdir, type FileHandle } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { isNpy } from '../data/npy.js';
import { isPng } from '../data/png.js';
import { PLAN_FORMAT } from '../webgpu/plan.js';

export function isPngFile(path: string): Promise<boolean> {
  return withFile(path, async (file) => isPng(await readAt(file, 0, 16)));
}

export function isNpyFile(path: string): Promise<boolean> {
  return withFile(path, async (file) => isNpy(await readAt(file, 0, 16)));
}

/** Whether a file is one of weights: a header in JSON after its length, of a believable size. */
export function isSafetensorsFile(path: string): Promise<boolean> {
  return withFile(path, async (file) => {
    const { size } = await file.stat();
    const head = await readAt(file, 0, 9);
    if (head.length < 9) return false;
    const length = new DataView(head.buffer, head.byteOffset).getUint32(0, true);
    return length + 8 <= size && head[8] === 0x7b;
  });
}

/** Whether a file is the report of a training. */
export function isTrainingReport(path: string): Promise<boolean> {
  return withFile(path, async (file) => {
    const start = new TextDecoder().decode(await readAt(file, 0, 4096));
    return STATS_START.html.test(start) && start.includes(': a training by archc</title>');
  });
}

/** Field numbers of ONNX's ModelProto (onnx.proto), by protobuf's wire type. */
const VARINT_FIELDS: ReadonlySet<number> = new Set([1, 5]);
const LENGTH_FIELDS: ReadonlySet<number> = new Set([2, 3, 4, 6, 7, 8, 14, 20, 25, 26]);
const IR_VERSION = 1;
const GRAPH = 7;

/**
 * Whether a file is an ONNX model: its top-level fields are those of a ModelProto, from
 * the first byte to the last, with a version and a graph among them.
 */
export function isOnnxFile(path: string): Promise<boolean> {
  return withFile(path, async (file) => {
    const { size } = await file.stat();
    const found = new Set<number>();
    let at = 0;
    while (at < size) {
      // A key and a length or number take at most 20 bytes.
      const head = await readAt(file, at, 20);
      const key = readVarint(head, 0);
      const value = key === undefined ? undefined : readVarint(head, key.end);
      if (key === undefined || value === undefined) return false;
      const field = Math.floor(key.value / 8);
      const wireType = key.value % 8;
      if (wireType === 0 && VARINT_FIELDS.has(field)) at += value.end;
      else if (wireType === 2 && LENGTH_FIELDS.has(field)) at += value.end + value.value;
      else return false;
      found.add(field);
    }
    return at === size && found.has(IR_VERSION) && found.has(GRAPH);
  });
}

/** A folder that a command writes whole. */
interface FolderKind {
  /** The file that says what the folder is. */
  readonly main: string;
  /** Whether that is what this text begins. */
  readonly recognizes: (start: string) => boolean;
  /**
   * What else archc puts there, by its path with `/`: the folder may be replaced where it holds
   * nothing but this.
   */
  readonly others: RegExp;
}

/** Whether a folder is of that kind and holds nothing more. */
async function isFolderOf(path: string, kind: FolderKind): Promise<boolean> {
  const inside = (await readdir(path, { recursive: true })).map((name) =>
    name.split(sep).join('/'),
  );
  if (!inside.includes(kind.main)) return false;
  if (!inside.every((name) => name === kind.main || kind.others.test(name))) return false;
  return withFile(join(path, kind.main), async (file) =>
    kind.recognizes(new TextDecoder().decode(await readAt(file, 0, 4096))),
  );
}

/** A kernel plan that archc has written. */
export function isPlanFolder(path: string): Promise<boolean> {
  return isFolderOf(path, {
    main: 'plan.json',
    recognizes: (start) => start.includes(`"format": "${PLAN_FORMAT}"`),
    others: /^(kernels(\/\w+\.wgsl)?|weights\.bin|runtime\.js|index\.html)$/,
  });
}

/** A TensorFlow.js model that archc has written. */
export function isTfjsFolder(path: string): Promise<boolean> {
  return isFolderOf(path, {
    main: 'model.json',
    recognizes: (start) =>
      /^\{"format":"(graph|layers)-model","generatedBy":"archc [^"]*"/.test(start),
    others: /^group\d+-shard\d+of\d+\.bin$/,
  });
}

/** How a picture begins, by its format. */
const DIAGRAM_START = {
  svg: /^\uFEFF?\s*(<\?xml[^>]*>\s*)?(<!--[^]*?-->\s*)*(<!DOCTYPE[^>]*>\s*)?<svg[\s>]/,
  dot: /^\s*(\/\/.*\s*)*(strict\s+)?(di)?graph\b/,
  mmd: /^(---\n[^]*?\n---\n)?\s*(%%.*\s*)*(flowchart|graph)\s/,
};

/** Whether a file is a picture in that format. */
export function isDiagramFile(path: string, format: keyof typeof DIAGRAM_START): Promise<boolean> {
  return withFile(path, async (file) =>
    DIAGRAM_START[format].test(new TextDecoder().decode(await readAt(file, 0, 4096))),
  );
}

/** How figures begin that `archc stats` has written, of layers and differences too, by their format. */
const STATS_START = {
  html: /^<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta name="generator" content="archc /,
  json: /^\{\s*"formatVersion": 1,\s*"models": \[/,
  csv: /^model,(file,inputs,outputs|layer|block|operator)\b/,
  markdown: /^### (Exact figures for one image\n|.*: [\d,]+ \w+ by )/,
  table: /^(Exact figures for one image\n|.*: [\d,]+ \w+ by )/,
};

/** Whether a file holds figures as `archc stats` writes them in that format. */
export function isStatsFile(path: string, format: keyof typeof STATS_START): Promise<boolean> {
  return withFile(path, async (file) =>
    STATS_START[format].test(new TextDecoder().decode(await readAt(file, 0, 4096))),
  );
}

function readVarint(
  bytes: Uint8Array,
  start: number,
): { readonly value: number; readonly end: number } | undefined {
  let value = 0;
  for (let i = 0; i < 8; i++) {
    const byte = bytes[start + i];
    if (byte === undefined) return undefined;
    value += (byte % 128) * 128 ** i;
    if (byte < 128) return { value, end: start + i + 1 };
  }
  return undefined;
}

async function withFile<T>(path: string, read: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path, 'r');
  try {
    return await read(file);
  } finally {
    await file.close();
  }
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Uint8Array> {
  const { buffer, bytesRead } = await file.read(new Uint8Array(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}
