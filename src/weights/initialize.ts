/** The values that weights start from, drawn from a seed. */
import type { Initializer, InitializerKind, Tensor, Weight, WeightValues } from '../compiler/ir.js';
import { elementCount } from '../compiler/ops/tensor.js';
import { normalQuantile, uniformStream, type Uniform } from './random.js';

/**
 * Values for every weight. A weight's values depend on `seed` (an integer in [0, 2^53); others
 * throw), on its own name, shape and initialiser, and on nothing else: an edit elsewhere in the
 * model leaves them as they are. They are the same bits on every platform.
 *
 * The definitions are Keras's (keras.initializers): the `*_normal` ones are truncated at two
 * standard deviations and widened so that the standard deviation is √(2 / fanIn) for `he_normal`,
 * √(1 / fanIn) for `lecun_normal`, √(2 / (fanIn + fanOut)) for `glorot_normal`; the uniform ones
 * reach √3 times that standard deviation; `normal` has standard deviation 0.05 and no bounds, and
 * `uniform` lies in (−0.05, 0.05). PyTorch's `kaiming_normal_` is the same as `he_normal` but for
 * the truncation.
 */
export function initialize(weights: readonly Weight[], seed: number): WeightValues {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new RangeError(`a seed is an integer from 0 to 2^53 - 1, not ${seed}`);
  }
  return new Map(weights.map((weight) => [weight.name, initializeWeight(weight, seed)]));
}

function initializeWeight({ name, shape, init }: Weight, seed: number): Tensor {
  const data = new Float32Array(elementCount(shape));
  if (init.kind === 'constant') data.fill(init.value);
  else fillers[init.kind](data, init, uniformStream(seed, name));
  return { shape, data };
}

type Filler = (data: Float32Array, init: Initializer, uniform: Uniform) => void;

const fillers: Readonly<Record<InitializerKind, Filler>> = {
  he_normal: (data, init, uniform) => fillTruncatedNormal(data, heDeviation(init), uniform),
  he_uniform: (data, init, uniform) => fillUniform(data, ROOT_3 * heDeviation(init), uniform),
  glorot_normal: (data, init, uniform) => fillTruncatedNormal(data, glorotDeviation(init), uniform),
  glorot_uniform: (data, init, uniform) =>
    fillUniform(data, ROOT_3 * glorotDeviation(init), uniform),
  lecun_normal: (data, { fanIn }, uniform) =>
    fillTruncatedNormal(data, Math.sqrt(1 / Math.max(1, fanIn)), uniform),
  normal: (data, _init, uniform) => {
    for (let i = 0; i < data.length; i++) data[i] = PLAIN_SCALE * normalQuantile(uniform());
  },
  uniform: (data, _init, uniform) => fillUniform(data, PLAIN_SCALE, uniform),
  zeros: (data) => data.fill(0),
  ones: (data) => data.fill(1),
};

const ROOT_3 = Math.sqrt(3);
/** Of Keras's RandomNormal (its stddev) and RandomUniform (its maxval). */
const PLAIN_SCALE = 0.05;
/** Φ(−2): what a normal distribution holds below minus two standard deviations. */
const BELOW_MINUS_TWO = 0.022750131948179207;
/** The standard deviation of a standard normal truncated to [−2, 2], as in Keras's source. */
const TRUNCATED_DEVIATION = 0.87962566103423978;

/** He et al. 2015, equation 10. */
function heDeviation({ fanIn }: Initializer): number {
  return Math.sqrt(2 / Math.max(1, fanIn));
}

/** Glorot & Bengio 2010, equation 12. */
function glorotDeviation({ fanIn, fanOut }: Initializer): number {
  return Math.sqrt(2 / Math.max(1, fanIn + fanOut));
}

function fillUniform(data: Float32Array, limit: number, uniform: Uniform): void {
  for (let i = 0; i < data.length; i++) data[i] = limit * (2 * uniform() - 1);
}

function fillTruncatedNormal(data: Float32Array, deviation: number, uniform: Uniform): void {
  const scale = deviation / TRUNCATED_DEVIATION;
  const inside = 1 - 2 * BELOW_MINUS_TWO;
  for (let i = 0; i < data.length; i++) {
    data[i] = scale * normalQuantile(BELOW_MINUS_TWO + inside * uniform());
  }
}
