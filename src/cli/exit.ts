/** Exit codes of the command line. */
import type { Code } from '../compiler/codes.js';
import type { Diagnostic } from '../compiler/diagnostic.js';

export const EXIT = {
  done: 0,
  /** The specification is invalid; diagnostics say why. */
  invalid: 1,
  /** The command line is wrong. */
  usage: 2,
  /** Something outside failed: a file, an engine, a device. */
  outside: 3,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Codes whose cause is neither the specification nor the command line, unless a span says so. */
const OUTSIDE: ReadonlySet<Code> = new Set<Code>([
  'missing-file',
  'not-a-file',
  'unreadable-file',
  'cannot-write',
  'output-exists',
  'bad-safetensors',
  'weights-mismatch',
  'bad-image',
  'unsupported-image',
  'bad-npy',
  'engine-missing',
  'engine-failed',
]);

/** The exit code of a command that ends with these: an invalid specification outranks the rest. */
export function exitCodeOf(diagnostics: readonly Diagnostic[]): ExitCode {
  const errors = diagnostics.filter((d) => d.severity === 'error');
  if (errors.length === 0) return EXIT.done;
  return errors.every((d) => d.span === undefined && OUTSIDE.has(d.code))
    ? EXIT.outside
    : EXIT.invalid;
}
