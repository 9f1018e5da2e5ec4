/** Names of parameters that PyTorch and Keras use, for hints: what they are called here. */

/** By the name there, the names here: the first that the callee has is meant. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  kernel: ['k'],
  kernel_size: ['k'],
  pool_size: ['k'],
  window: ['k'],
  padding: ['pad', 'amounts'],
  strides: ['stride'],
  dilation_rate: ['dilation'],
  out_channels: ['filters', 'units'],
  out_features: ['units', 'filters'],
  channels: ['filters', 'units'],
  features: ['units', 'filters'],
  num_filters: ['filters'],
  use_bias: ['bias'],
  depth_multiplier: ['multiplier'],
  initializer: ['init'],
  kernel_initializer: ['init'],
  weight_init: ['init'],
  epsilon: ['eps'],
  num_groups: ['groups'],
  num_heads: ['heads'],
  elementwise_affine: ['affine'],
  negative_slope: ['alpha'],
  p: ['rate'],
  scale_factor: ['factor'],
  upscale_factor: ['factor'],
  block_size: ['factor'],
  size: ['factor'],
  interpolation: ['mode'],
  padding_mode: ['mode'],
  cropping: ['amounts'],
  dim: ['axis', 'axes'],
  dims: ['axes', 'axis'],
  keepdim: ['keepdims'],
};

/** What is said of the input there, and follows from what flows in here. */
const OF_THE_INPUT: ReadonlySet<string> = new Set([
  'in_channels',
  'in_features',
  'in_planes',
  'input_dim',
  'input_shape',
  'num_features',
  'num_channels',
  'normalized_shape',
  'embed_dim',
]);

export const CHANNELS_FOLLOW =
  'channels of the input are not written: they are those of what flows in';

/** The parameter that another framework calls so. */
export function habitualParameter(name: string, parameters: readonly string[]): string | undefined {
  const meant = Object.hasOwn(NAMES, name) ? NAMES[name] : undefined;
  return meant?.find((each) => parameters.includes(each));
}

export function isOfTheInput(name: string): boolean {
  return OF_THE_INPUT.has(name);
}
