/** Reads files that the user names, and says plainly why one cannot be read. */
import { closeSync, fstatSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { basename, dirname, extname } from 'node:path';
import type { Code } from '../compiler/codes.js';
import { diagnostic, type Outcome } from '../compiler/diagnostic.js';
import type { HostRead } from '../compiler/modules.js';
import { nearest } from '../compiler/names.js';
import type { Source } from '../compiler/source.js';

/** The longest source text, in bytes. No network written by hand comes near it. */
export const MAX_SOURCE_BYTES = 16 * 2 ** 20;

/** The name under which standard input appears in diagnostics. */
export const STDIN_PATH = '<stdin>';

type Failure = Extract<HostRead, { ok: false }>;

type BytesRead = { readonly ok: true; readonly bytes: Buffer } | Failure;

/** The source that a command line names, `-` being standard input. */
export function readSource(path: string): Outcome<Source> {
  const file = path === '-' ? STDIN_PATH : path;
  const read = path === '-' ? decode(readStandardInput(), file) : readText(path);
  return read.ok ? { ok: true, value: { path: file, text: read.text } } : failed(file, read);
}

/** The bytes of a whole file. */
export function readFile(path: string): Outcome<Buffer> {
  const read = readBytes(path);
  return read.ok ? { ok: true, value: read.bytes } : failed(path, read);
}

function failed(file: string, { code, message, hints }: Failure): Outcome<never> {
  return { ok: false, diagnostics: [diagnostic(code, message, { file, hints })] };
}

/** The text of a source file: UTF-8, with or without a byte order mark, of at most 16 MiB. */
export function readText(path: string): HostRead {
  return decode(readBytes(path, MAX_SOURCE_BYTES), path);
}

/** A whole file, or why not: missing, a folder, not readable, or larger than `limit` bytes. */
function readBytes(path: string, limit = Infinity): BytesRead {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    const stat = fstatSync(file);
    if (stat.isDirectory()) {
      return fail('not-a-file', `${path} is a folder`, [`name a file in it: \`${path}/…\``]);
    }
    // Before anything is read. A pipe says 0 and is counted as it comes.
    if (stat.size > limit) return tooLarge(path, stat.size, limit);
    const bytes = stat.isFile() ? readFileSync(file) : readStream(file, limit);
    return bytes.length > limit ? tooLarge(path, undefined, limit) : { ok: true, bytes };
  } catch (error) {
    return explain(path, error);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function readStandardInput(): BytesRead {
  try {
    const bytes = readStream(0, MAX_SOURCE_BYTES);
    return bytes.length > MAX_SOURCE_BYTES
      ? tooLarge(STDIN_PATH, undefined, MAX_SOURCE_BYTES)
      : { ok: true, bytes };
  } catch (error) {
    return explain(STDIN_PATH, error);
  }
}

/** Reads to the end, or until more than `limit` bytes have come. */
function readStream(file: number, limit: number): Buffer {
  const chunks: Buffer[] = [];
  const waiting = new Int32Array(new SharedArrayBuffer(4));
  for (let length = 0; length <= limit;) {
    const chunk = Buffer.allocUnsafe(65_536);
    try {
      const count = readSync(file, chunk);
      if (count === 0) break;
      chunks.push(chunk.subarray(0, count));
      length += count;
    } catch (error) {
      if (codeOf(error) === 'EOF') break;
      if (codeOf(error) !== 'EAGAIN') throw error;
      // A pipe without data yet, whose writer made it non-blocking: look again in 10 ms.
      Atomics.wait(waiting, 0, 0, 10);
    }
  }
  return Buffer.concat(chunks);
}

function decode(read: BytesRead, path: string): HostRead {
  if (!read.ok) return read;
  const { bytes } = read;
  const nul = bytes.indexOf(0);
  if (nul !== -1) {
    return fail('binary-file', `${path} is not text: byte ${nul} is zero`, [
      'sources are UTF-8 text; files in UTF-16 have to be saved again as UTF-8',
    ]);
  }
  try {
    // The decoder drops a byte order mark.
    return { ok: true, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch {
    const offset = invalidAt(bytes);
    const before = bytes.subarray(0, offset);
    const line = before.reduce((count, byte) => count + Number(byte === 0x0a), 1);
    const value = `0x${(bytes[offset] ?? 0).toString(16).padStart(2, '0')}`;
    return fail(
      'invalid-utf8',
      `${path} is not valid UTF-8: line ${line}, byte ${offset} of the file (${value})`,
      ['save the file as UTF-8'],
    );
  }
}

/** The offset of the first byte that starts no valid UTF-8 sequence. */
function invalidAt(bytes: Buffer): number {
  // A streaming decoder accepts a prefix exactly when its whole sequences are valid.
  const accepts = (length: number): boolean => {
    try {
      new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, length), { stream: true });
      return true;
    } catch {
      return false;
    }
  };
  let low = 0;
  let high = bytes.length + 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (middle <= bytes.length && accepts(middle)) low = middle;
    else high = middle;
  }
  // `low` bytes are fine so far, but the last of them may start a sequence that the next one breaks.
  for (let start = low; start > 0 && start >= low - 3; start--) {
    if (isComplete(bytes.subarray(0, start))) return start;
  }
  return 0;
}

function isComplete(bytes: Buffer): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

function explain(path: string, error: unknown): Failure {
  const code = codeOf(error);
  switch (code) {
    case 'ENOENT':
      return missing(path);
    case 'ENOTDIR':
      return fail('missing-file', `there is no file ${path}: ${dirname(path)} is not a folder`, []);
    case 'EISDIR':
      return fail('not-a-file', `${path} is a folder`, [`name a file in it: \`${path}/…\``]);
    case 'EACCES':
    case 'EPERM':
      return fail('unreadable-file', `${path} may not be read`, ['check its permissions']);
    default:
      return fail('unreadable-file', `${path} cannot be read: ${reasonOf(error)}`, []);
  }
}

function missing(path: string): Failure {
  const folder = dirname(path);
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return fail('missing-file', `there is no file ${path}: there is no folder ${folder}`, []);
  }
  const name = basename(path);
  const extension = extname(name);
  const stem = basename(name, extension);
  // Stems are compared, since extensions agree too easily. Files of the same kind come last, and win.
  const sameKind = (each: string): number => Number(extname(each) === extension);
  names.sort((a, b) => sameKind(a) - sameKind(b));
  const byStem = new Map(names.map((each) => [basename(each, extname(each)), each]));
  const near = byStem.get(stem) ?? byStem.get(nearest(stem, byStem.keys()) ?? '');
  const prefix = path.slice(0, path.length - name.length);
  const hints = near === undefined ? [] : [`did you mean \`${prefix}${near}\`?`];
  return fail('missing-file', `there is no file ${path}`, hints);
}

function tooLarge(path: string, size: number | undefined, limit: number): Failure {
  const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;
  const found = size === undefined ? `more than ${mebibytes(limit)}` : mebibytes(size);
  return fail('file-too-large', `${path} has ${found}; the limit is ${mebibytes(limit)}`, []);
}

function fail(code: Code, message: string, hints: readonly string[]): Failure {
  return { ok: false, code, message, hints };
}

/** The code of a system error, such as `ENOENT`. */
export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** A system error in its own words, without the call and the path that Node adds to it. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message.replace(/^[A-Z0-9_]+: /, '').replace(/, [a-z]+(?: '.*')?$/, '');
}
