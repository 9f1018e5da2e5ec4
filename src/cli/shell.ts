/** What every command speaks through: results on standard output, the rest on standard error. */
import { diagnostic, type Diagnostic } from '../compiler/diagnostic.js';
import { exitCodeOf, type ExitCode } from './exit.js';
import { checkDocument, printJson } from './json.js';
import { renderDiagnostics, summarize } from './render.js';
import { usesColor, widthOf } from './terminal.js';

export interface Shell {
  /** Whether standard output is to hold one JSON document and nothing else. */
  readonly json: boolean;
  /** Writes a result. */
  readonly print: (text: string) => void;
  /** Writes something about the result, for people: a line, without its end. */
  readonly note: (line: string) => void;
  /** Writes diagnostics for people. */
  readonly report: (diagnostics: readonly Diagnostic[]) => void;
}

export function createShell(json: boolean): Shell {
  const { stdout, stderr } = process;
  return {
    json,
    print: (text) => stdout.write(text),
    note: (line) => stderr.write(`${line}\n`),
    report(diagnostics) {
      const width = widthOf(stderr);
      const options = { color: usesColor(stderr), ...(width === undefined ? {} : { width }) };
      stderr.write(renderDiagnostics(diagnostics, options));
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
