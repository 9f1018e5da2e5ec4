/** standardize: the weight standardisation of a kernel, as the compiler inserts it for `ws`. */
import { defineOperator, inferred, rejected } from './operator.js';
import { at, elementCount, newTensor } from './tensor.js';

/** Qiao et al. 2019 divide by (standard deviation + this). */
export const STANDARDIZE_EPSILON = 1e-5;

export const standardize = defineOperator({
  name: 'standardize',
  doc:
    'Weight standardisation (Qiao et al. 2019, arXiv:1903.10520): for each output channel (the last ' +
    'axis), the weights over the whole fan-in are shifted to mean 0 and divided by (standard ' +
    'deviation + 1e-5). The standard deviation is the population one, as in the authors’ TensorFlow ' +
    'code; their PyTorch code uses the unbiased one.',
  example: '',
  parameters: {},
  infer: ([kernel]) =>
    kernel === undefined || kernel.shape.length < 2
      ? rejected({ code: 'wrong-rank', message: 'standardize works on a kernel' })
      : inferred(kernel),
  // Weights do not depend on the image: standardised once, before the first inference.
  cost: () => ({ macs: 0, flops: 0 }),
  costDoc: '0: it acts on weights alone and folds into them.',
  saved: {
    doc: 'the kernel shifted to mean 0, and the standard deviations',
    bytesOfBatch: ({ operands: [kernel = []] }) =>
      4 * (elementCount(kernel) + (kernel.at(-1) ?? 0)),
  },
  evaluate: ([kernel]) => {
    if (kernel === undefined) throw new Error('standardize: operand missing');
    const filters = kernel.shape.at(-1) ?? 1;
    const fanIn = elementCount(kernel.shape) / filters;
    const result = newTensor(kernel.shape);
    for (let f = 0; f < filters; f++) {
      let sum = 0;
      for (let i = 0; i < fanIn; i++) sum += at(kernel.data, i * filters + f);
      const mean = sum / fanIn;
      let squares = 0;
      for (let i = 0; i < fanIn; i++) squares += (at(kernel.data, i * filters + f) - mean) ** 2;
      const divisor = Math.sqrt(squares / fanIn) + STANDARDIZE_EPSILON;
      for (let i = 0; i < fanIn; i++) {
        result.data[i * filters + f] = (at(kernel.data, i * filters + f) - mean) / divisor;
      }
    }
    return [result];
  },
  traits: ['internal'],
});
