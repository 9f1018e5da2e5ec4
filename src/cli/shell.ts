/** What every command speaks through: results on standard output, the rest on standard error. */
import { diagnostic, type Diagnostic } from '../compiler/diagnostic.js';
import { exitCodeOf, type ExitCode } from './exit.js';
import { checkDocument, printJson } from '../tables/json.js';
import { renderDiagnostics, summarize } from './render.js';
import { startProgress, usesColor, widthOf, type Progress } from './terminal.js';

export interface Shell {
  /** Whether standard output is to hold one JSON document and nothing else. */
  readonly json: boolean;
  /** Writes a result. */
  readonly print: (text: string) => void;
  /** Writes something about the result, for people: a line, without its end. */
  readonly note: (line: string) => void;
  /** Writes diagnostics for people. */
  readonly report: (diagnostics: readonly Diagnostic[]) => void;
  /** Shows how far a piece of work is, on a terminal; whatever else is written takes its place. */
  readonly progress: (work: string, done: number, total: number, detail?: string) => void;
}

export function createShell(json: boolean): Shell {
  const { stdout, stderr } = process;
  let shown: { readonly work: string; readonly bar: Progress } | undefined;
  const clear = (): void => {
    shown?.bar.end();
    shown = undefined;
  };
  return {
    json,
    print(text) {
      clear();
      stdout.write(text);
    },
    note(line) {
      clear();
      stderr.write(`${line}\n`);
    },
    report(diagnostics) {
      clear();
      const width = widthOf(stderr);
      const options = { color: usesColor(stderr), ...(width === undefined ? {} : { width }) };
      stderr.write(renderDiagnostics(diagnostics, options));
    },
    progress(work, done, total, detail) {
      if (shown?.work !== work) {
        clear();
        shown = { work, bar: startProgress(stderr, work, total) };
      }
      shown.bar.update(done, detail);
    },
  };
}

/** Ends a command that has failed: says why, as JSON where that is asked for. */
export function fail(shell: Shell, diagnostics: readonly Diagnostic[]): ExitCode {
  if (shell.json) {
    shell.print(printJson(checkDocument(diagnostics)));
  } else {
    shell.report(diagnostics);
    shell.note(`\n${summarize(diagnostics)}`);
  }
  return exitCodeOf(diagnostics);
}

/** What an exception means to the user. None is meant to reach them. */
export function internalError(error: unknown): Diagnostic {
  const message = error instanceof Error ? error.message : String(error);
  return diagnostic('internal-error', `internal error: ${message}`, {
    hints: [
      'this is a fault of archc; please report it, with the program and the command',
      'ARCHC_DEBUG=1 shows where it happened',
    ],
  });
}
