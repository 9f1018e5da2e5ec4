/** Exit codes of the command line. */
import type { Code } from '../compiler/codes.js';
import type { Diagnostic } from '../compiler/diagnostic.js';
import type { Source } from '../compiler/source.js';

export const EXIT = {
  done: 0,
  /** The specification is invalid; diagnostics say why. */
  invalid: 1,
  /** The command line is wrong. */
  usage: 2,
  /** Something outside failed: a file, an engine, a device. */
  outside: 3,
  /** Ended by Ctrl-C, as shells count it. */
  interrupted: 130,
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
  'bad-nifti',
  'unknown-dataset',
  'unpaired-image',
  'data-mismatch',
  'bad-label',
  'empty-split',
  'crop-too-large',
  'bad-device',
  'engine-missing',
  'engine-failed',
  'engine-crashed',
  'engine-timed-out',
  'image-size',
  'training-diverged',
  'checkpoint-mismatch',
  'internal-error',
]);

/** Codes that may point at the specification and do not blame it. */
const NO_FAULT_OF_SOURCE: ReadonlySet<Code> = new Set<Code>(['engine-differs']);

/** Codes whose cause is the command line, whether or not they point into it. */
const USAGE: ReadonlySet<Code> = new Set<Code>([
  'usage',
  'unknown-command',
  'unknown-option',
  'wrong-option',
  'unknown-code',
  'unknown-model',
  'model-needed',
  'unknown-input',
  'unsupported-opset',
]);

/** Codes that, without a span, say that the command line leaves something out. */
const LEFT_OUT: ReadonlySet<Code> = new Set<Code>(['size-needed', 'unknown-size-name']);

/** A flag as a text to point into: `--set` with the text `width=32`; a second is `--set 2`. */
export function flagSource(flag: string, text: string, count = 1): Source {
  return { path: count === 1 ? `--${flag}` : `--${flag} ${count}`, text };
}

function isFlag(source: Source): boolean {
  return /^--[a-z]+(-[a-z]+)*( \d+)?$/.test(source.path);
}

function exitCodeOfOne({ code, span }: Diagnostic): ExitCode {
  if (USAGE.has(code)) return EXIT.usage;
  if (NO_FAULT_OF_SOURCE.has(code)) return EXIT.outside;
  if (span === undefined) {
    if (LEFT_OUT.has(code)) return EXIT.usage;
    return OUTSIDE.has(code) ? EXIT.outside : EXIT.invalid;
  }
  if (!isFlag(span.source)) return EXIT.invalid;
  // What is wrong with an input is in its file, as with weights.
  return span.source.path.startsWith('--input') ? EXIT.outside : EXIT.usage;
}

/**
 * The exit code of a command that ends with these: an invalid specification outranks a wrong
 * command line, which outranks what failed outside.
 */
export function exitCodeOf(diagnostics: readonly Diagnostic[]): ExitCode {
  const errors = diagnostics.filter((d) => d.severity === 'error');
  if (errors.length === 0) return EXIT.done;
  const codes = errors.map(exitCodeOfOne);
  return [EXIT.invalid, EXIT.usage].find((code) => codes.includes(code)) ?? EXIT.outside;
}
