/** torchinfo: the parameters of each module, times the output pixels of a convolution. */
import {
  counts,
  each,
  FREE,
  nothing,
  pixels,
  WEIGHTED,
  WEIGHTLESS,
  type Convention,
} from './convention.js';

const WITHOUT = nothing('it counts parameters, and here are none');
const UNSEEN = nothing('called as a function, which is no module');
const AT_PIXELS = counts(
  'its parameters, bias included, at each output pixel',
  (call) => call.params * pixels(call.results[0]),
);
const TRANSPOSED = counts(
  'its parameters, bias included, at each output pixel: stride² times the MACs',
  (call) => call.params * pixels(call.results[0]),
);
const ONCE = counts('its parameters once an image, however many elements', (call) => call.params);

export const torchinfo: Convention = {
  name: 'torchinfo',
  version: '1.8',
  unit: 'MACs',
  source: '`calculate_macs` in torchinfo/layer_info.py',
  rules: {
    ...FREE,
    ...each(WEIGHTLESS, WITHOUT),
    matmul: WITHOUT,
    ...each(['conv', 'dwconv'], AT_PIXELS),
    convtranspose: TRANSPOSED,
    ...each(['dense', 'batchnorm', 'groupnorm', 'instancenorm', 'layernorm', 'prelu'], ONCE),
  },
  functions: { ...FREE, ...each(WEIGHTED, UNSEEN), ...each(WEIGHTLESS, UNSEEN) },
};
