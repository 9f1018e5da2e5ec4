/** dense: a fully connected layer over the last axis. */
import { biasParameter, channels, initParameter, kernelAndBias } from './kernel.js';
import { int } from './kinds.js';
import { defineOperator, inferred, rejected } from './operator.js';
import { requireKnownChannels, requireRank } from './require.js';
import { SAVES_INPUT } from './saved.js';
import { at, elementCount, newTensor } from './tensor.js';

export const dense = defineOperator({
  name: 'dense',
  doc:
    'Fully connected layer over the last axis: `y = x · W + b`, with W `[in, units]`. The other ' +
    'axes stay as they are, as in Keras and PyTorch: on an image it is a 1×1 convolution.',
  example: 'x -> dense(10)',
  parameters: {
    units: { kind: int(1), doc: 'Output features.' },
    ...biasParameter,
    ...initParameter,
  },
  weights: ([x], a) => kernelAndBias(a, [channels(x), a.units]),
  infer: ([x], a) => {
    const problem = requireRank('dense', x, 1) ?? requireKnownChannels('dense', x);
    if (problem !== undefined) return rejected(problem);
    const shape = [...(x?.shape.slice(0, -1) ?? []), a.units];
    return inferred({ dtype: 'f32', shape, batched: x?.batched ?? true });
  },
  cost: ({ operands: [x, , bias], results: [y] }) => {
    const outputs = elementCount(y ?? []);
    const macs = outputs * (x?.at(-1) ?? 0);
    return { macs, flops: 2 * macs + (bias === undefined ? 0 : outputs) };
  },
  costDoc: 'MACs = outputs · input features; FLOPs = two a MAC, one an output for the bias.',
  saved: SAVES_INPUT,
  evaluate: ([x, kernel, bias], _, [shape]) => {
    if (x === undefined || kernel === undefined) throw new Error('dense: operands missing');
    const [features = 0, units = 0] = kernel.shape;
    const y = newTensor(shape ?? []);
    for (let i = 0; i < y.data.length; i++) {
      const unit = i % units;
      const row = Math.floor(i / units) * features;
      let total = bias === undefined ? 0 : at(bias.data, unit);
      for (let k = 0; k < features; k++) {
        total += at(x.data, row + k) * at(kernel.data, k * units + unit);
      }
      y.data[i] = total;
    }
    return [y];
  },
  traits: ['linear-kernel', 'takes-epilogue'],
});
