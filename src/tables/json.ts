/** Diagnostics as JSON, for tools. Lines and columns count from 1, columns in UTF-16 units. */
import type { Diagnostic, Severity } from '../compiler/diagnostic.js';
import { positionOf, type Position, type Span } from '../compiler/source.js';

/** A half-open range: `end` is the position just after the last character. */
interface JsonRange {
  readonly start: Position;
  readonly end: Position;
}

interface JsonLabel {
  readonly message: string;
  readonly file: string;
  readonly range: JsonRange;
}

export interface JsonDiagnostic {
  readonly code: string;
  readonly severity: Severity;
  readonly message: string;
  /** Absent, with `range`, where no source is concerned. */
  readonly file?: string;
  readonly range?: JsonRange;
  readonly labels: readonly JsonLabel[];
  readonly hints: readonly string[];
}

/** What `archc check --json` prints, and every other command's `--json` when it fails. */
export interface CheckDocument {
  readonly formatVersion: 1;
  /** Whether there is no error; warnings leave a program valid. */
  readonly valid: boolean;
  readonly errorCount: number;
  readonly warningCount: number;
  readonly diagnostics: readonly JsonDiagnostic[];
}

export function checkDocument(diagnostics: readonly Diagnostic[]): CheckDocument {
  const errorCount = diagnostics.filter((d) => d.severity === 'error').length;
  return {
    formatVersion: 1,
    valid: errorCount === 0,
    errorCount,
    warningCount: diagnostics.length - errorCount,
    diagnostics: diagnostics.map(jsonDiagnostic),
  };
}

/** Of a file as a whole. */
const START: Position = { line: 1, column: 1 };

export function jsonDiagnostic(diagnostic: Diagnostic): JsonDiagnostic {
  const { code, severity, message, span, file, labels, hints } = diagnostic;
  return {
    code,
    severity,
    message,
    ...(span === undefined ? {} : jsonPlace(span)),
    ...(file === undefined ? {} : { file, range: { start: START, end: START } }),
    labels: labels.map((label) => ({ message: label.message, ...jsonPlace(label.span) })),
    hints,
  };
}

function jsonPlace(span: Span): { file: string; range: JsonRange } {
  return { file: span.source.path, range: rangeOf(span) };
}

export function rangeOf({ source, start, end }: Span): JsonRange {
  return { start: positionOf(source, start), end: positionOf(source, end) };
}

/** One document as it goes to standard output. */
export function printJson(document: object): string {
  return `${JSON.stringify(document, undefined, 2)}\n`;
}
