/** What operators with a learned kernel share: their parameters, weights and preconditions. */
import type { InitializerKind, TensorType } from '../ir.js';
import { bool, initializer } from './kinds.js';
import type { WeightSpec } from './operator.js';

export const biasParameter = {
  bias: { kind: bool(), default: true, doc: 'Add a learned value to each output channel.' },
} as const;
export const initParameter = {
  init: { kind: initializer, default: 'he_normal', doc: 'How the kernel starts.' },
} as const;

/** The number of channels, once `infer` has shown that it is known (`requireKnownChannels`). */
export function channels(x: TensorType | undefined): number {
  const last = x?.shape.at(-1);
  if (typeof last !== 'number') throw new Error('channels are not known');
  return last;
}

interface KernelAttributes {
  readonly bias: boolean;
  readonly ws?: boolean;
  readonly init: InitializerKind;
}

/**
 * The kernel, whose last two axes are input channels (of one group) and output channels, and the
 * bias. Axes before them are taps. Fans: taps · input channels, taps · output channels.
 */
export function kernelAndBias(a: KernelAttributes, shape: readonly number[]): WeightSpec[] {
  const [perGroup = 1, filters = 1] = shape.slice(-2);
  const taps = shape.slice(0, -2).reduce((n, k) => n * k, 1);
  const fans = { fanIn: taps * perGroup, fanOut: taps * filters };
  const kernel: WeightSpec = {
    name: 'weight',
    shape,
    role: 'kernel',
    trainable: true,
    init: { kind: a.init, ...fans },
    standardized: a.ws ?? false,
  };
  if (!a.bias) return [kernel];
  return [
    kernel,
    {
      name: 'bias',
      shape: [filters],
      role: 'bias',
      trainable: true,
      init: { kind: 'zeros', ...fans },
    },
  ];
}
