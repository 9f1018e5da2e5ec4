/** softmax: positive numbers that sum to 1 along an axis. */
import { axisIndex, resolveAxis } from './axes.js';
import { axis } from './kinds.js';
import { defineOperator, inferred, rejected } from './operator.js';
import { SAVES_RESULT } from './saved.js';
import { at, elementCount, newTensor } from './tensor.js';

export const softmax = defineOperator({
  name: 'softmax',
  doc:
    '`exp(x − m) / Σ exp(x − m)` along `axis`, where m is the largest value there (which changes ' +
    'nothing but keeps the exponentials from overflowing).',
  example: 'x -> softmax',
  parameters: {
    axis: { kind: axis, default: -1, doc: 'The axis along which the results sum to 1.' },
  },
  infer: ([x], a) => {
    const found = resolveAxis('softmax', x, a.axis, 'axis');
    if (typeof found !== 'number') return rejected(found);
    return x === undefined ? inferred() : inferred(x);
  },
  cost: ({ results: [shape = []] }, a) => {
    const count = elementCount(shape);
    const rows = count / (shape[axisIndex(a.axis, shape.length)] ?? 1);
    return { macs: 0, flops: 5 * count - 2 * rows };
  },
  costDoc:
    '5n − 2 for n elements along the axis: n − 1 comparisons, n subtractions, n exponentials, ' +
    'n − 1 additions, n divisions.',
  saved: SAVES_RESULT,
  evaluate: ([x], a) => {
    if (x === undefined) throw new Error('softmax: operand missing');
    const y = newTensor(x.shape);
    const along = axisIndex(a.axis, x.shape.length);
    const size = x.shape[along] ?? 1;
    const stride = elementCount(x.shape.slice(along + 1));
    for (let i = 0; i < x.data.length; i++) {
      // Each run along the axis is done once, from its first element.
      if (Math.floor(i / stride) % size !== 0) continue;
      const run = Array.from({ length: size }, (_, k) => at(x.data, i + k * stride));
      const largest = run.reduce((m, value) => Math.max(m, value), -Infinity);
      const powers = run.map((value) => Math.exp(value - largest));
      const total = powers.reduce((sum, power) => sum + power, 0);
      powers.forEach((power, k) => (y.data[i + k * stride] = power / total));
    }
    return [y];
  },
  traits: [],
});
