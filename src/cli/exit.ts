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

/** What is at fault where a diagnostic points at nothing. */
type Fault =
  | 'spec'
  /** Also where it points at a source. */
  | 'usage'
  /** The command line, which leaves something out; of what points at a source, that. */
  | 'left-out'
  /** A file or an engine; of what points at a source, that: an import that is missing. */
  | 'outside'
  /** Also where it points at a source, which it does not blame. */
  | 'always-outside';

const FAULTS: Readonly<Record<Code, Fault>> = {
  syntax: 'spec',
  'unexpected-character': 'spec',
  'too-deep': 'spec',
  'bad-number': 'spec',
  'bad-escape': 'spec',
  'unknown-size': 'spec',
  'wrong-rank': 'spec',
  indivisible: 'spec',
  'size-too-small': 'spec',
  'large-kernel': 'spec',
  'only-padding': 'spec',
  'shape-mismatch': 'spec',
  'bad-safetensors': 'outside',
  'weights-mismatch': 'outside',
  'bad-image': 'outside',
  'unsupported-image': 'outside',
  'bad-npy': 'outside',
  'bad-nifti': 'outside',
  'unknown-dataset': 'outside',
  'unpaired-image': 'outside',
  'data-mismatch': 'outside',
  'bad-label': 'outside',
  'empty-split': 'outside',
  'single-class': 'outside',
  'crop-too-large': 'outside',
  'tile-mismatch': 'usage',
  'engine-missing': 'outside',
  'engine-failed': 'outside',
  'engine-crashed': 'outside',
  'engine-timed-out': 'outside',
  'engine-differs': 'always-outside',
  'wrong-axis': 'spec',
  'reshape-mismatch': 'spec',
  'too-few-tensors': 'spec',
  'unknown-name': 'spec',
  'unknown-parameter': 'spec',
  'unknown-member': 'spec',
  'unknown-type': 'spec',
  'unknown-dtype': 'spec',
  'duplicate-name': 'spec',
  'duplicate-argument': 'spec',
  'too-many-arguments': 'spec',
  'positional-after-named': 'spec',
  'argument-order': 'spec',
  'still-waiting': 'spec',
  'not-a-block': 'spec',
  'wrong-type': 'spec',
  'wrong-argument': 'spec',
  'in-outside-block': 'spec',
  'missing-return': 'spec',
  'misplaced-statement': 'spec',
  'no-input': 'spec',
  'no-output': 'spec',
  'model-parameter': 'spec',
  'bad-axis': 'spec',
  contradiction: 'spec',
  'fact-broken': 'spec',
  'size-needed': 'left-out',
  'unknown-size-name': 'left-out',
  undecided: 'spec',
  'division-by-zero': 'spec',
  'number-range': 'spec',
  'index-range': 'spec',
  'open-range': 'spec',
  'const-cycle': 'spec',
  'too-large': 'spec',
  'shared-mismatch': 'spec',
  'expectation-failed': 'spec',
  'device-needed': 'left-out',
  'shadows-operator': 'spec',
  'shadowed-binding': 'spec',
  'unused-name': 'spec',
  'loose-else': 'spec',
  unreachable: 'spec',
  'missing-file': 'outside',
  'import-path': 'spec',
  'import-cycle': 'spec',
  'import-outside': 'spec',
  'unknown-import': 'spec',
  'not-a-file': 'outside',
  'unreadable-file': 'outside',
  'binary-file': 'spec',
  'invalid-utf8': 'spec',
  'file-too-large': 'spec',
  'cannot-write': 'outside',
  'output-exists': 'outside',
  'unsupported-opset': 'usage',
  'unsupported-operator': 'spec',
  'dynamic-size': 'spec',
  'weights-too-large': 'spec',
  'weight-range': 'outside',
  'tensor-too-large': 'spec',
  'bad-device': 'outside',
  'unknown-setting': 'spec',
  'missing-setting': 'spec',
  'duplicate-setting': 'spec',
  'untrainable-model': 'spec',
  'loss-mismatch': 'spec',
  'recipe-mismatch': 'spec',
  'crop-mismatch': 'spec',
  'no-recipe': 'spec',
  'unknown-recipe': 'usage',
  'recipe-needed': 'usage',
  usage: 'usage',
  'unknown-command': 'usage',
  'unknown-option': 'usage',
  'wrong-option': 'usage',
  'unknown-code': 'usage',
  'no-model': 'spec',
  'unknown-model': 'usage',
  'model-needed': 'usage',
  'input-mismatch': 'outside',
  'unknown-input': 'usage',
  'output-mismatch': 'usage',
  'output-range': 'outside',
  'image-size': 'outside',
  'training-diverged': 'always-outside',
  'checkpoint-mismatch': 'outside',
  'internal-error': 'always-outside',
};

/** A flag as a text to point into: `--set` with the text `width=32`; a second is `--set 2`. */
export function flagSource(flag: string, text: string, count = 1): Source {
  return { path: count === 1 ? flagName(flag) : `${flagName(flag)} ${count}`, text };
}

/** As it is written: `--set`, or `-O` where a letter is all there is. */
export function flagName(flag: string): string {
  return flag.length === 1 ? `-${flag}` : `--${flag}`;
}

function isFlag(source: Source): boolean {
  return /^(--[a-z]+(-[a-z]+)*|-[A-Z])( \d+)?$/.test(source.path);
}

function exitCodeOfOne({ code, span }: Diagnostic): ExitCode {
  const fault = FAULTS[code];
  if (fault === 'usage') return EXIT.usage;
  if (fault === 'always-outside') return EXIT.outside;
  if (span === undefined) {
    if (fault === 'left-out') return EXIT.usage;
    return fault === 'outside' ? EXIT.outside : EXIT.invalid;
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
