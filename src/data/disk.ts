/** What is in folders, and how files begin, as outcomes. */
import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readFile, reasonOf } from '../files/read.js';
import { diagnostic, type Outcome } from '../compiler/diagnostic.js';

/** The first bytes of a file, at most `length`. */
export function readStart(path: string, length: number): Outcome<Uint8Array> {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    const bytes = new Uint8Array(length);
    return { ok: true, value: bytes.subarray(0, readSync(file, bytes, 0, length, 0)) };
  } catch {
    // Says why, in the words that every command has for it.
    const read = readFile(path);
    return read.ok ? { ok: true, value: read.value.subarray(0, length) } : read;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** Whatever cannot be followed, such as a link to itself, is none. */
export function isFolder(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  } catch {
    return false;
  }
}

export interface Folder {
  /** Names, in natural order (`2.png` before `10.png`), hidden ones left out. */
  readonly files: readonly string[];
  readonly folders: readonly string[];
}

export function listFolder(path: string): Outcome<Folder> {
  let names: string[];
  try {
    names = readdirSync(path).filter((name) => !name.startsWith('.'));
  } catch (error) {
    const message = `the folder ${path} cannot be read: ${reasonOf(error)}`;
    return { ok: false, diagnostics: [diagnostic('unreadable-file', message)] };
  }
  names.sort(naturalOrder);
  const isDirectory = names.map((name) => isFolder(join(path, name)));
  return {
    ok: true,
    value: {
      files: names.filter((_, i) => isDirectory[i] === false),
      folders: names.filter((_, i) => isDirectory[i] === true),
    },
  };
}

/** Runs of digits by their number, all else by code unit. */
export function naturalOrder(a: string, b: string): number {
  const [left, right] = [a, b].map((text) => text.match(/\d+|\D+/g) ?? []);
  for (const [i, part] of (left ?? []).entries()) {
    const other = right?.[i];
    if (other === undefined) return 1;
    const numeric = /^\d/.test(part) && /^\d/.test(other) ? Number(part) - Number(other) : 0;
    if (numeric !== 0) return numeric;
    if (part !== other) return part < other ? -1 : 1;
  }
  return (left?.length ?? 0) - (right?.length ?? 0);
}
