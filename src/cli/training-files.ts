/** What a training writes while it runs: its checkpoint, and a log with a line for each step. */
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { extname } from 'node:path';
import { diagnostic, type Diagnostic, type Outcome } from '../compiler/diagnostic.js';
import { codeOf } from '../files/read.js';
import { explain, isSameFile, outputProblem, replaceFile } from './output.js';

/** `w.safetensors` has its checkpoint in `w.checkpoint.safetensors`. */
export function checkpointPath(output: string): string {
  const extension = extname(output);
  return `${output.slice(0, output.length - extension.length)}.checkpoint${extension}`;
}

export interface CheckpointFile {
  readonly path: string;
  readonly save: (bytes: Uint8Array) => readonly Diagnostic[];
  /** Whether one has been saved. */
  readonly isSaved: () => boolean;
  /** Removes it: the training is done. */
  readonly remove: () => void;
}

/**
 * The checkpoint of a new or a resumed training. A file of another that was not finished is not
 * replaced: `output-exists`.
 */
export async function openCheckpoint(
  path: string,
  resumed: string | undefined,
  force: boolean,
): Promise<Outcome<CheckpointFile>> {
  const isResumed = resumed !== undefined && isSameFile(resumed, path);
  if (existsSync(path) && !isResumed && !force) {
    const hints = [`go on with it: \`--resume ${path}\``, 'or start again with `--force`'];
    const message = `${path} is the checkpoint of a training that was not finished`;
    return { ok: false, diagnostics: [diagnostic('output-exists', message, { hints })] };
  }
  const problem = await outputProblem(path, { force: true });
  if (problem !== undefined) return { ok: false, diagnostics: [problem] };
  let isSaved = isResumed;
  return {
    ok: true,
    value: {
      path,
      save(bytes) {
        const problems = replaceFile(path, bytes);
        if (problems.length === 0) isSaved = true;
        return problems;
      },
      isSaved: () => isSaved,
      remove: () => rmSync(path, { force: true }),
    },
  };
}

export interface TrainingLog {
  /** One line of JSON. Once a line could not be written, no more are. */
  readonly write: (entry: object) => void;
  /** What went wrong. */
  readonly problems: () => readonly Diagnostic[];
  readonly close: () => void;
}

const NO_LOG: TrainingLog = { write: () => undefined, problems: () => [], close: () => undefined };

/** How a log begins that archc has written. */
const LOG_START = '{"archc":';

/** Opens a log; of a training that is resumed after `done` steps, the lines up to there stay. */
export async function openLog(
  path: string | undefined,
  options: { readonly resumed: boolean; readonly done: number; readonly force: boolean },
): Promise<Outcome<TrainingLog>> {
  if (path === undefined) return { ok: true, value: NO_LOG };
  const problem = await outputProblem(path, {
    force: options.force,
    isSameKind: (file) => readFileSync(file, 'utf8').startsWith(LOG_START),
  });
  if (problem !== undefined) return { ok: false, diagnostics: [problem] };
  const found: Diagnostic[] = [];
  const attempt = <T>(work: () => T): T | undefined => {
    try {
      return work();
    } catch (error) {
      if (codeOf(error) === undefined) throw error;
      found.push(explain(path, error));
      return undefined;
    }
  };
  const kept = options.resumed && existsSync(path) ? linesUpTo(path, options.done) : '';
  const file = attempt(() => openSync(path, 'w'));
  if (file !== undefined && kept !== '') attempt(() => writeSync(file, kept));
  if (file === undefined || found.length > 0) return { ok: false, diagnostics: found };
  return {
    ok: true,
    value: {
      write(entry) {
        if (found.length === 0) attempt(() => writeSync(file, `${JSON.stringify(entry)}\n`));
      },
      problems: () => found,
      close: () => closeSync(file),
    },
  };
}

/** Whole lines of steps that the checkpoint has: what came after it is done again. */
function linesUpTo(path: string, done: number): string {
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  const kept = lines.filter((line) => {
    try {
      const { step } = JSON.parse(line) as { step?: unknown };
      return typeof step !== 'number' || step <= done;
    } catch {
      return false;
    }
  });
  return kept.map((line) => `${line}\n`).join('');
}
