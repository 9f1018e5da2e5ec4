/** identity, and what is the identity at inference: dropout and spatialdropout. */
import type { Tensor } from '../ir.js';
import { float } from './kinds.js';
import { defineOperator, inferred, rejected } from './operator.js';
import { requireImage } from './require.js';
import { IS_VIEW } from './saved.js';
import { elementCount } from './tensor.js';

const rateParameter = {
  rate: { kind: float(0, 1), doc: 'Probability with which training drops a value.' },
} as const;

/** What the three have in common: nothing is computed. */
const asIs = {
  cost: () => ({ macs: 0, flops: 0 }),
  evaluate: ([x]: readonly (Tensor | undefined)[]): readonly Tensor[] => {
    if (x === undefined) throw new Error('operand missing');
    return [x];
  },
  traits: ['elementwise', 'inference-identity'],
} as const;

export const identity = defineOperator({
  name: 'identity',
  doc: 'The tensor itself: where a block is asked for and none is wanted.',
  example: 'x -> identity',
  parameters: {},
  infer: ([x]) => (x === undefined ? inferred() : inferred(x)),
  costDoc: '0.',
  saved: IS_VIEW,
  ...asIs,
});

export const dropout = defineOperator({
  name: 'dropout',
  doc:
    'In training, sets each element to 0 with probability `rate` and divides the others by ' +
    '(1 − rate) (Srivastava et al. 2014); at inference, the identity.',
  example: 'x -> dropout(0.5)',
  parameters: rateParameter,
  infer: ([x]) => (x === undefined ? inferred() : inferred(x)),
  costDoc: '0: it is the identity at inference.',
  saved: {
    doc: 'a mask of one byte an element',
    bytes: ({ results: [y] }) => elementCount(y ?? []),
  },
  ...asIs,
});

export const spatialdropout = defineOperator({
  name: 'spatialdropout',
  doc:
    'In training, sets each channel of an image to 0 with probability `rate` and divides the others ' +
    'by (1 − rate) (Tompson et al. 2015); at inference, the identity.',
  example: 'x -> spatialdropout(0.2)',
  parameters: rateParameter,
  infer: ([x]) => {
    const problem = requireImage('spatialdropout', x);
    if (problem !== undefined) return rejected(problem);
    return x === undefined ? inferred() : inferred(x);
  },
  costDoc: '0: it is the identity at inference.',
  saved: {
    doc: 'a mask of one float a channel',
    bytes: ({ results: [y] }) => 4 * (y?.at(-1) ?? 0),
  },
  ...asIs,
});
