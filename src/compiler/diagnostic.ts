/** What archc says about a program: a value, never an exception. */
import { CODES, type Code } from './codes.js';
import type { Span } from './source.js';

export type Severity = 'error' | 'warning';

/** A second place that explains the first. */
export interface Label {
  readonly span: Span;
  readonly message: string;
}

export interface Diagnostic {
  readonly code: Code;
  readonly severity: Severity;
  /** One sentence in plain words: what is wrong, with the figures. */
  readonly message: string;
  /** Absent only where no source is concerned (a weights file, a flag). */
  readonly span?: Span;
  /** The source as a whole, where no place in it is to be pointed at: it cannot be read. */
  readonly file?: string;
  readonly labels: readonly Label[];
  /** What to write instead, each one action. */
  readonly hints: readonly string[];
}

/** A value, or why there is none. */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

export interface DiagnosticDetails {
  readonly span?: Span | undefined;
  readonly file?: string;
  readonly labels?: readonly Label[];
  readonly hints?: readonly string[];
}

/** Builds a diagnostic; its severity comes from the catalogue. */
export function diagnostic(
  code: Code,
  message: string,
  details: DiagnosticDetails = {},
): Diagnostic {
  return {
    code,
    severity: CODES[code].severity,
    message,
    ...(details.span === undefined ? {} : { span: details.span }),
    ...(details.file === undefined ? {} : { file: details.file }),
    labels: details.labels ?? [],
    hints: details.hints ?? [],
  };
}

/** What is wrong with a file that is no source, under its name. */
export function inFile(
  path: string,
  failed: { readonly diagnostics: readonly Diagnostic[] },
): { readonly ok: false; readonly diagnostics: readonly Diagnostic[] } {
  return {
    ok: false,
    diagnostics: failed.diagnostics.map((d) => ({ ...d, message: `${path}: ${d.message}` })),
  };
}

export function hasErrors(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some((d) => d.severity === 'error');
}
