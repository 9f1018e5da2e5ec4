/**
 * TensorFlow's profiler where the batch is unknown: it skips every layer and counts the initialisers
 * of the kernels. SD-UNet's “FLOPs” (Gadosey et al., Diagnostics 2020, 10(2), 110) are this.
 */
import { counts, each, FREE, nothing, WEIGHTLESS, type Convention } from './convention.js';

const KERNELS = counts(
  '2 a kernel weight, for drawing it once, whatever the image',
  (call) => 2 * call.newKernels,
);
const ELSE = nothing('it has no kernel whose initial values would be drawn');

export const paper: Convention = {
  name: 'paper',
  version: 'TensorFlow 2.21',
  unit: 'FLOPs',
  source: 'the profiler of `tf` on a graph whose batch is unknown: 2 × kernel weights',
  rules: {
    ...FREE,
    ...each(WEIGHTLESS, ELSE),
    ...each(['conv', 'dwconv', 'convtranspose', 'dense'], KERNELS),
    ...each(['matmul', 'batchnorm', 'groupnorm', 'instancenorm', 'layernorm', 'prelu'], ELSE),
  },
};
