/**
 * Writes what the user asked for, whole or not at all: everything is first written beside its
 * place under a temporary name, then renamed. Failures are diagnostics.
 */
import { randomUUID } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { chmod, mkdir, open, readdir, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { diagnostic, type Diagnostic } from '../compiler/diagnostic.js';
import { codeOf, reasonOf } from '../files/read.js';

/** What a file holds. Chunks let a large artifact be written without holding all of it. */
export type Content = string | Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

export interface OutputOptions {
  /** Replace whatever is there (but never a folder by a file, nor a file by a folder). */
  readonly force?: boolean;
  /**
   * Whether what exists at the path is of the kind to be written, so that it may be replaced
   * unasked. Without it nothing is. An empty file or folder may always be replaced.
   */
  readonly isSameKind?: (path: string) => boolean | Promise<boolean>;
}

export interface OutputFile {
  readonly path: string;
  readonly content: Content;
}

/** Writes one file. Empty where all went well. */
export function writeOutputFile(
  path: string,
  content: Content,
  options: OutputOptions = {},
): Promise<readonly Diagnostic[]> {
  return writeOutputFiles([{ path, content }], options);
}

/**
 * Writes files that belong together, such as a model and its weights: none is put in place
 * before all are written. Later ones are renamed last, so put what refers to the others there.
 */
export function writeOutputFiles(
  files: readonly OutputFile[],
  options: OutputOptions = {},
): Promise<readonly Diagnostic[]> {
  return withTemporaries(async (temporary) => {
    const staged: { path: string; from: string; to: string }[] = [];
    for (const { path, content } of files) {
      const place = await placeOf(path, 'file', options);
      if ('code' in place) return [place];
      const from = place.isSpecial ? place.path : temporary(place.path);
      const failure = await attempt(path, () => writeFile(from, content, place));
      if (failure !== undefined) return [failure];
      if (!place.isSpecial) staged.push({ path, from, to: place.path });
    }
    for (const { path, from, to } of staged) {
      const failure = await attempt(path, () => rename(from, to));
      if (failure !== undefined) return [failure];
    }
    return [];
  });
}

/**
 * Writes a folder with these files, by their paths inside it (`/` parts folders). What the folder
 * held before is gone afterwards.
 */
export function writeOutputFolder(
  path: string,
  files: ReadonlyMap<string, Content>,
  options: OutputOptions = {},
): Promise<readonly Diagnostic[]> {
  return withTemporaries(async (temporary, discard) => {
    const place = await placeOf(path, 'folder', options);
    if ('code' in place) return [place];
    const target = place.path;
    const staged = temporary(target);
    const failure = await attempt(path, async () => {
      await mkdir(staged);
      for (const [name, content] of files) {
        const file = join(staged, name);
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, content, place);
      }
      if (!place.exists) return rename(staged, target);
      // A folder with files in it cannot be renamed over: move it aside, and back on failure. At
      // once, so that no signal comes while neither is in place.
      const aside = temporaryName(target);
      renameSync(target, aside);
      try {
        renameSync(staged, target);
      } catch (error) {
        renameSync(aside, target);
        throw error;
      }
      discard(aside);
    });
    return failure === undefined ? [] : [failure];
  });
}

/**
 * Replaces a file in one go that no signal can come into, and makes sure that it is on the disk: a
 * process that is killed leaves the old file or the new one.
 */
export function replaceFile(path: string, bytes: Uint8Array): readonly Diagnostic[] {
  const temporary = temporaryName(path);
  try {
    const file = openSync(temporary, 'wx');
    try {
      writeFileSync(file, bytes);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
    return [];
  } catch (error) {
    rmSync(temporary, { force: true });
    if (codeOf(error) === undefined) throw error;
    return [explain(path, error)];
  }
}

/** Why an output may not be written there; undefined where it may. */
export async function outputProblem(
  path: string,
  options: OutputOptions = {},
): Promise<Diagnostic | undefined> {
  const place = await placeOf(path, 'file', options);
  return 'code' in place ? place : undefined;
}

/** A file of a command, by what its user calls it: `--log`, in backquotes where that is an option. */
export interface NamedFile {
  readonly name: string;
  readonly path: string | undefined;
}

/**
 * What is wrong where a file to be written is another of the command's files as well, however the
 * paths are spelt: one would be lost, or read while it is written.
 */
export function sharedFiles(
  read: readonly NamedFile[],
  written: readonly NamedFile[],
): readonly Diagnostic[] {
  const problems: Diagnostic[] = [];
  const seen = new Map<string, NamedFile>();
  for (const file of [...read, ...written]) {
    const place = file.path === undefined ? undefined : placeName(file.path);
    if (place === undefined) continue;
    const other = seen.get(place);
    if (other === undefined) seen.set(place, file);
    else if (written.includes(file)) {
      const paths = [...new Set([other.path, file.path])].join(' and ');
      const message = `${other.name} and ${file.name} are the same file, ${paths}`;
      const hints = [`name another file for ${file.name}`];
      problems.push(diagnostic('wrong-option', message, { hints }));
    }
  }
  return problems;
}

export function isSameFile(a: string, b: string): boolean {
  const place = placeName(a);
  return place !== undefined && place === placeName(b);
}

/**
 * One spelling for all paths to a file, whether or not it is there yet. Undefined for a pipe or a
 * device, which several may write to.
 */
function placeName(path: string): string | undefined {
  const whole = resolve(path);
  try {
    const found = statSync(whole);
    return found.isFile() || found.isDirectory() ? realpathSync(whole) : undefined;
  } catch {
    // A file that is yet to be made lies in a folder that is there, or cannot be written.
  }
  try {
    return join(realpathSync(dirname(whole)), basename(whole));
  } catch {
    return whole;
  }
}

interface Place {
  /** Where to write: what the user's path stands for, links followed. */
  readonly path: string;
  readonly exists: boolean;
  /** A device or a pipe, such as /dev/stdout: written to directly, never replaced. */
  readonly isSpecial: boolean;
  /** The permissions of the file to be replaced. */
  readonly mode?: number;
}

/** Where an output goes, or why it may not go there. */
async function placeOf(
  path: string,
  kind: 'file' | 'folder',
  options: OutputOptions,
): Promise<Place | Diagnostic> {
  if (kind === 'file' && (path.endsWith('/') || path.endsWith(sep))) {
    return diagnostic(
      'cannot-write',
      `cannot write ${path}: a file is written, and that is a folder`,
      {
        hints: ['name a file, in that folder or elsewhere'],
      },
    );
  }
  let target: string;
  let found: Awaited<ReturnType<typeof stat>>;
  try {
    found = await stat(path);
    const isSpecial = !found.isFile() && !found.isDirectory();
    // A pipe behind /dev/stdout has no real path.
    if (isSpecial) return { path, exists: true, isSpecial };
    target = await realpath(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') return explain(path, error);
    return (await folderProblem(path)) ?? { path: resolve(path), exists: false, isSpecial: false };
  }
  if (kind === 'file' && found.isDirectory()) {
    return diagnostic('cannot-write', `cannot write ${path}: it is a folder`, {
      hints: ['name a file, in that folder or elsewhere'],
    });
  }
  if (kind === 'folder' && !found.isDirectory()) {
    return diagnostic('cannot-write', `cannot write the folder ${path}: it is a file`, {
      hints: ['name another folder, or delete the file'],
    });
  }
  const place = { path: target, exists: true, isSpecial: false, mode: found.mode & 0o777 };
  if (options.force === true) return place;
  // A file that may not be written is not to be replaced by renaming over it either.
  if (found.isFile() && (found.mode & 0o222) === 0) {
    return diagnostic('cannot-write', `cannot write ${path}: it is read-only`, {
      hints: ['name another output, or replace it with `--force`'],
    });
  }
  try {
    const isEmpty = found.isFile() ? found.size === 0 : (await readdir(target)).length === 0;
    if (isEmpty || (await options.isSameKind?.(target)) === true) return place;
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    // Something that would make it of the kind is not there: it is of another.
    if (codeOf(error) !== 'ENOENT') return explain(path, error);
  }
  return diagnostic('output-exists', `${path} exists and holds something else`, {
    hints: ['name another output, or replace it with `--force`'],
  });
}

async function folderProblem(path: string): Promise<Diagnostic | undefined> {
  const folder = dirname(resolve(path));
  try {
    if ((await stat(folder)).isDirectory()) return undefined;
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') return explain(path, error);
  }
  return diagnostic('cannot-write', `cannot write ${path}: there is no folder ${dirname(path)}`, {
    hints: [`make it first: \`mkdir -p ${dirname(path)}\``],
  });
}

async function writeFile(path: string, content: Content, place: Place): Promise<void> {
  const file = await open(path, place.isSpecial ? 'w' : 'wx');
  try {
    if (typeof content === 'string' || content instanceof Uint8Array) {
      await file.writeFile(content);
    } else {
      for await (const chunk of content) await file.writeFile(chunk);
    }
  } finally {
    await file.close();
  }
  if (place.mode !== undefined && !place.isSpecial) await chmod(path, place.mode | 0o600);
}

async function attempt(path: string, work: () => Promise<void>): Promise<Diagnostic | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    // What is no system error is a fault of archc, or of what made the content.
    if (codeOf(error) === undefined) throw error;
    return explain(path, error);
  }
}

/** What a system error means for an output. */
export function explain(path: string, error: unknown): Diagnostic {
  const say = (reason: string, ...hints: string[]): Diagnostic =>
    diagnostic('cannot-write', `cannot write ${path}: ${reason}`, { hints });
  switch (codeOf(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return say('the disk is full', 'make room, or name an output on another disk');
    case 'EACCES':
    case 'EPERM':
      return say('permission denied', 'name an output in a folder of your own');
    case 'EROFS':
      return say('the file system is read-only', 'name an output elsewhere');
    case 'ENOTDIR':
      return say(`${dirname(path)} is not a folder`);
    case 'ENAMETOOLONG':
      return say('the name is too long');
    default:
      return say(reasonOf(error));
  }
}

/**
 * Runs `work` with a maker of temporary names beside a path, and a way to name what else is to go.
 * What still lies there afterwards is deleted, on an interrupt too.
 */
async function withTemporaries<T>(
  work: (temporary: (beside: string) => string, discard: (path: string) => void) => Promise<T>,
): Promise<T> {
  const made: string[] = [];
  const onSignal = (signal: NodeJS.Signals): void => {
    for (const path of made) rmSync(path, { recursive: true, force: true });
    stopListening();
    process.kill(process.pid, signal);
  };
  const signals: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  const stopListening = (): void => signals.forEach((signal) => process.off(signal, onSignal));
  signals.forEach((signal) => process.on(signal, onSignal));
  try {
    return await work(
      (beside) => {
        const path = temporaryName(beside);
        made.push(path);
        return path;
      },
      (path) => made.push(path),
    );
  } finally {
    // What cannot be deleted stays, under a hidden name: all that was asked for is done.
    await Promise.allSettled(made.map((path) => rm(path, { recursive: true, force: true })));
    stopListening();
  }
}

/** Hidden, in the same folder (a rename does not cross disks), unlike any other. */
function temporaryName(beside: string): string {
  // Four bytes a character leave room for the rest within the 255 that file systems allow.
  const name = basename(beside).slice(0, 50);
  return join(dirname(beside), `.${name}.${randomUUID()}.tmp`);
}
