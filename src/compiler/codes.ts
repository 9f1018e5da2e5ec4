/**
 * The catalogue of diagnostics: `archc explain CODE`, the docs and every message's severity come
 * from here. `bad` gives the diagnostic and `good` does not; a test runs both.
 */

export interface CodeInfo {
  readonly severity: 'error' | 'warning';
  /** A title of a few words. */
  readonly title: string;
  /** What it means and what to do, in Markdown. */
  readonly explanation: string;
  /** Source that gives this code; absent where the cause is not in a source (a flag, a file). */
  readonly bad?: string;
  readonly good?: string;
}

export const CODES = {
  'unknown-size': {
    severity: 'error',
    title: 'A size has to be known',
    explanation:
      'A weight has a fixed shape, so the sizes that it depends on must be numbers and not symbols.',
  },
  'wrong-rank': {
    severity: 'error',
    title: 'A tensor has the wrong number of axes',
    explanation: 'Image operators take `[H, W, C]`, dense layers a last axis of features.',
  },
  indivisible: {
    severity: 'error',
    title: 'A count does not divide',
    explanation: 'Groups must divide the channels that they part.',
  },
  'size-too-small': {
    severity: 'error',
    title: 'Nothing is left of a size',
    explanation: 'A window without padding is larger than the image that it slides over.',
  },
} as const satisfies Record<string, CodeInfo>;

export type Code = keyof typeof CODES;
