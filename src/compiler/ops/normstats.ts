/** normstats and scaleshift: group and instance norm in two steps, a reduction and what is elementwise. */
import { formatShape } from '../shape.js';
import { channels } from './kernel.js';
import { bool, float, int } from './kinds.js';
import { groupStatistics, scaleAndShift } from './norm.js';
import { defineOperator, inferred, rejected } from './operator.js';
import { indivisible, requireKnownChannels, requireRank } from './require.js';
import { NEVER_TRAINED } from './saved.js';
import { at, elementCount, newTensor } from './tensor.js';

export const normstats = defineOperator({
  name: 'normstats',
  doc:
    'What group normalisation multiplies and adds, `[2, C]`: of each channel the factor ' +
    '`scale / √(variance + eps)` and the summand `shift − mean · factor`, with mean and variance over ' +
    'its group of neighbouring channels and all other axes.',
  example: '',
  parameters: {
    groups: { kind: int(1), doc: 'Groups; divides the channels.' },
    eps: { kind: float(0), doc: 'Added to the variance.' },
    affine: { kind: bool(), doc: 'Whether there are a scale and a shift; else 1 and 0.' },
  },
  weights: ([x], { affine }) => (affine ? scaleAndShift(channels(x)) : []),
  infer: ([x], { groups }) => {
    const problem = requireRank('normstats', x, 2) ?? requireKnownChannels('normstats', x);
    if (problem !== undefined) return rejected(problem);
    const count = channels(x);
    if (count % groups !== 0) {
      return rejected(indivisible('normstats', count, 'channels', groups, 'groups'));
    }
    return inferred({ dtype: 'f32', shape: [2, count], batched: x?.batched ?? true });
  },
  cost: ({ operands: [x] }) => ({ macs: 0, flops: 4 * elementCount(x ?? []) }),
  costDoc: '4 an element: mean 1; variance 3, a subtraction, a square, an addition.',
  saved: NEVER_TRAINED,
  evaluate: ([x, scale, shift], { groups, eps }) => {
    if (x === undefined) throw new Error('normstats: operand missing');
    const count = x.shape.at(-1) ?? 1;
    const each = count / groups;
    const groupOf = (i: number): number => Math.floor((i % count) / each);
    const { means, variances } = groupStatistics(x, groups, groupOf);
    const stats = newTensor([2, count]);
    for (let c = 0; c < count; c++) {
      const group = groupOf(c);
      const own = scale === undefined ? 1 : at(scale.data, c);
      const factor = own / Math.sqrt(at(variances, group) + eps);
      stats.data[c] = factor;
      stats.data[count + c] =
        (shift === undefined ? 0 : at(shift.data, c)) - at(means, group) * factor;
    }
    return [stats];
  },
  traits: ['internal'],
});

export const scaleshift = defineOperator({
  name: 'scaleshift',
  doc: '`x · stats[0, c] + stats[1, c]` in each channel c, the last axis.',
  example: '',
  operands: [{ name: 'stats', doc: 'The factor and the summand of each channel, `[2, C]`.' }],
  parameters: {},
  infer: ([x, stats]) => {
    const problem = requireRank('scaleshift', x, 1) ?? requireKnownChannels('scaleshift', x);
    if (problem !== undefined) return rejected(problem);
    if (x === undefined || stats === undefined) return inferred();
    const [rows, count, ...more] = stats.shape;
    if (rows !== 2 || count !== channels(x) || more.length > 0) {
      return rejected({
        code: 'shape-mismatch',
        message: `scaleshift of ${formatShape(x.shape)} takes [2, ${channels(x)}], not ${formatShape(stats.shape)}`,
      });
    }
    return inferred({ ...x, batched: x.batched || stats.batched });
  },
  cost: ({ results: [y] }) => ({ macs: 0, flops: 2 * elementCount(y ?? []) }),
  costDoc: '2 an element: a multiplication and an addition.',
  saved: NEVER_TRAINED,
  evaluate: ([x, stats]) => {
    if (x === undefined || stats === undefined) throw new Error('scaleshift: operands missing');
    const count = x.shape.at(-1) ?? 1;
    const y = newTensor(x.shape);
    x.data.forEach((value, i) => {
      const c = i % count;
      y.data[i] = value * at(stats.data, c) + at(stats.data, count + c);
    });
    return [y];
  },
  traits: ['elementwise', 'internal'],
});
