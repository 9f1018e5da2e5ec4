/** Intensities brought to one scale, for each image and channel by itself. */
import type { Normalisation } from './dataset.js';

/** Of one channel, over all pixels; the deviation is the population's. */
interface ChannelStatistics {
  readonly mean: number;
  readonly deviation: number;
  readonly least: number;
  readonly greatest: number;
}

export function channelStatistics(
  image: Float32Array,
  channels: number,
  channel: number,
): ChannelStatistics {
  let sum = 0;
  let least = Infinity;
  let greatest = -Infinity;
  for (let i = channel; i < image.length; i += channels) {
    const value = image[i] ?? 0;
    sum += value;
    if (value < least) least = value;
    if (value > greatest) greatest = value;
  }
  const count = image.length / channels;
  const mean = sum / count;
  let squares = 0;
  for (let i = channel; i < image.length; i += channels) {
    const apart = (image[i] ?? 0) - mean;
    squares += apart * apart;
  }
  return { mean, deviation: Math.sqrt(squares / count), least, greatest };
}

/**
 * A copy of `[…, channels]`. `zscore`: less the mean, over the deviation; `unit`: the least becomes 0
 * and the greatest 1; `none`: as it is. A channel of one value becomes 0, having nothing to scale.
 */
export function normalise(
  image: Float32Array,
  channels: number,
  kind: Normalisation,
): Float32Array {
  const result = image.slice();
  if (kind === 'none') return result;
  for (let c = 0; c < channels; c++) {
    const { mean, deviation, least, greatest } = channelStatistics(image, channels, c);
    const isConstant = least === greatest;
    const from = kind === 'zscore' ? mean : least;
    const scale = kind === 'zscore' ? deviation : greatest - least;
    for (let i = c; i < image.length; i += channels) {
      result[i] = isConstant ? 0 : ((image[i] ?? 0) - from) / scale;
    }
  }
  return result;
}
