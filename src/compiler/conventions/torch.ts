/** PyTorch's own FlopCounterMode: convolutions and matrix products, two FLOPs a MAC. */
import { counts, each, FREE, macs, nothing, WEIGHTLESS, type Convention } from './convention.js';

const PRODUCT = counts('2 a MAC, and nothing for a bias', (call) => 2 * macs(call));
const ELSE = nothing('it counts convolutions and matrix products alone');

export const torch: Convention = {
  name: 'torch',
  version: '2',
  unit: 'FLOPs',
  source: 'torch/utils/flop_counter.py',
  rules: {
    ...FREE,
    ...each(WEIGHTLESS, ELSE),
    ...each(['conv', 'dwconv', 'convtranspose', 'dense', 'matmul'], PRODUCT),
    ...each(['batchnorm', 'groupnorm', 'instancenorm', 'layernorm', 'prelu'], ELSE),
  },
};
