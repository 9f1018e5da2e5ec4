/**
 * Group normalisation (Wu & He 2018) on TensorFlow.js: of its operators on any backend, and as kernels
 * of its own, with gradients in closed form, on WebAssembly.
 */
import * as tf from '@tensorflow/tfjs';
import { elementCount } from '../compiler/ops/tensor.js';
import { addChunks, hasRowLoops, within, type WasmBackend } from './workspace.js';

interface GroupNormOptions {
  readonly groups: number;
  readonly epsilon: number;
}

/** Of each image: its pixels and channels, and where it begins in bytes. */
function layoutOf(x: tf.TensorInfo, { groups }: GroupNormOptions) {
  const images = x.shape[0] ?? 1;
  const channels = x.shape.at(-1) ?? 1;
  const pixels = elementCount(x.shape.slice(1, -1));
  const size = channels / groups;
  return { images, channels, pixels, size, bytes: 4 * pixels * channels };
}

/** A value for each channel from one for each group. */
function spreadGroups(
  channels: number,
  size: number,
  of: (group: number, channel: number) => number,
) {
  return Float32Array.from({ length: channels }, (_, c) => of(Math.floor(c / size), c));
}

/** Sums of the channels of each group, divided by `count`. */
function groupMeans(sums: Float64Array, size: number, count: number): Float64Array {
  const means = new Float64Array(sums.length / size);
  sums.forEach((sum, c) => {
    const group = Math.floor(c / size);
    means[group] = (means[group] ?? 0) + sum / count;
  });
  return means;
}

/** Group normalisation (Wu & He 2018): the result, and the statistics `[images, groups, 2]` of it. */
export function groupNorm(
  backend: WasmBackend,
  x: tf.TensorInfo,
  gamma: tf.TensorInfo,
  beta: tf.TensorInfo,
  options: GroupNormOptions,
): [tf.TensorInfo, tf.TensorInfo] {
  return within(backend, (space) => {
    const { groups, epsilon } = options;
    const { images, channels, pixels, size, bytes } = layoutOf(x, options);
    const out = space.output(x.shape);
    const statistics = space.output([images, groups, 2]);
    const [scratch, scale, shift] = [0, 0, 0].map(() => space.temporary([channels])) as [
      tf.TensorInfo,
      tf.TensorInfo,
      tf.TensorInfo,
    ];
    const [scales, shifts] = [space.view(scale), space.view(shift)];
    const [gammas, betas] = [space.view(gamma), space.view(beta)];
    const { sum, dot, affine } = space.loops;
    for (let n = 0; n < images; n++) {
      const [from, to] = [space.address(x) + n * bytes, space.address(out) + n * bytes];
      const sums = new Float64Array(channels);
      addChunks(space, scratch, sums, pixels, (at, first, count) =>
        sum(at, from + 4 * first * channels, count, channels),
      );
      const means = groupMeans(sums, size, pixels * size);
      // Centred first: a variance out of large numbers would lose its digits.
      scales.fill(1);
      shifts.set(spreadGroups(channels, size, (group) => -(means[group] ?? 0)));
      affine(to, from, space.address(scale), space.address(shift), pixels, channels);
      const squares = new Float64Array(channels);
      addChunks(space, scratch, squares, pixels, (at, first, count) => {
        const place = to + 4 * first * channels;
        dot(at, place, place, count, channels);
      });
      const rates = groupMeans(squares, size, pixels * size).map(
        (variance) => 1 / Math.sqrt(variance + epsilon),
      );
      scales.set(
        spreadGroups(channels, size, (group, c) => (rates[group] ?? 0) * (gammas[c] ?? 0)),
      );
      shifts.set(betas);
      affine(to, to, space.address(scale), space.address(shift), pixels, channels);
      const own = space.view(statistics).subarray(2 * n * groups, 2 * (n + 1) * groups);
      means.forEach((mean, group) => own.set([mean, rates[group] ?? 0], 2 * group));
    }
    return [out, statistics];
  });
}

/** Gradients of group normalisation to its image, scale and shift. */
function groupNormGradient(
  backend: WasmBackend,
  dy: tf.TensorInfo,
  x: tf.TensorInfo,
  gamma: tf.TensorInfo,
  statistics: tf.TensorInfo,
  options: GroupNormOptions,
): [tf.TensorInfo, tf.TensorInfo, tf.TensorInfo] {
  return within(backend, (space) => {
    const { groups } = options;
    const { images, channels, pixels, size, bytes } = layoutOf(x, options);
    const [dx, dGamma, dBeta] = [x.shape, [channels], [channels]].map((s) => space.output(s)) as [
      tf.TensorInfo,
      tf.TensorInfo,
      tf.TensorInfo,
    ];
    const [scratch, scale, factor, shift] = [0, 0, 0, 0].map(() => space.temporary([channels])) as [
      tf.TensorInfo,
      tf.TensorInfo,
      tf.TensorInfo,
      tf.TensorInfo,
    ];
    const [scales, factors, shifts] = [space.view(scale), space.view(factor), space.view(shift)];
    const [gammas, stats] = [space.view(gamma), space.view(statistics)];
    const { sum, dot, affine, combine } = space.loops;
    const [sumsGamma, sumsBeta] = [new Float64Array(channels), new Float64Array(channels)];
    for (let n = 0; n < images; n++) {
      const [from, into, to] = [x, dy, dx].map((each) => space.address(each) + n * bytes) as [
        number,
        number,
        number,
      ];
      const mean = (group: number): number => stats[2 * (n * groups + group)] ?? 0;
      const rate = (group: number): number => stats[2 * (n * groups + group) + 1] ?? 0;
      // The normalised image, then what becomes of it.
      scales.set(spreadGroups(channels, size, rate));
      shifts.set(spreadGroups(channels, size, (group) => -mean(group) * rate(group)));
      affine(to, from, space.address(scale), space.address(shift), pixels, channels);
      const [ofBeta, ofGamma] = [new Float64Array(channels), new Float64Array(channels)];
      addChunks(space, scratch, ofBeta, pixels, (at, first, count) =>
        sum(at, into + 4 * first * channels, count, channels),
      );
      addChunks(space, scratch, ofGamma, pixels, (at, first, count) => {
        const place = 4 * first * channels;
        dot(at, into + place, to + place, count, channels);
      });
      for (let c = 0; c < channels; c++) {
        sumsBeta[c] = (sumsBeta[c] ?? 0) + (ofBeta[c] ?? 0);
        sumsGamma[c] = (sumsGamma[c] ?? 0) + (ofGamma[c] ?? 0);
      }
      const scaled = (sums: Float64Array): Float64Array =>
        groupMeans(
          sums.map((value, c) => value * (gammas[c] ?? 0)),
          size,
          pixels * size,
        );
      const [meanBeta, meanGamma] = [scaled(ofBeta), scaled(ofGamma)];
      scales.set(spreadGroups(channels, size, (group, c) => rate(group) * (gammas[c] ?? 0)));
      factors.set(spreadGroups(channels, size, (group) => -rate(group) * (meanGamma[group] ?? 0)));
      shifts.set(spreadGroups(channels, size, (group) => -rate(group) * (meanBeta[group] ?? 0)));
      combine(
        to,
        into,
        space.address(scale),
        to,
        space.address(factor),
        space.address(shift),
        pixels,
        channels,
      );
    }
    space.view(dGamma).set(sumsGamma);
    space.view(dBeta).set(sumsBeta);
    return [dx, dGamma, dBeta];
  });
}

const FORWARD = 'ArchcGroupNorm';
const BACKWARD = 'ArchcGroupNormGrad';

type Inputs = Readonly<Record<'dy' | 'x' | 'gamma' | 'beta' | 'statistics', tf.TensorInfo>>;

/** Makes the kernels and their gradient known. */
export function registerGroupNorm(): void {
  const optionsOf = (attributes: unknown): GroupNormOptions => attributes as GroupNormOptions;
  tf.registerKernel({
    kernelName: FORWARD,
    backendName: 'wasm',
    kernelFunc({ inputs, attrs, backend }) {
      const { x, gamma, beta } = inputs as unknown as Inputs;
      return groupNorm(backend as WasmBackend, x, gamma, beta, optionsOf(attrs));
    },
  });
  tf.registerKernel({
    kernelName: BACKWARD,
    backendName: 'wasm',
    kernelFunc({ inputs, attrs, backend }) {
      const { dy, x, gamma, statistics } = inputs as unknown as Inputs;
      const options = optionsOf(attrs);
      return groupNormGradient(backend as WasmBackend, dy, x, gamma, statistics, options);
    },
  });
  tf.registerGradient({
    kernelName: FORWARD,
    inputsToSave: ['x', 'gamma'],
    outputsToSave: [false, true],
    gradFunc(dy, [x, gamma, statistics], attributes) {
      const [upstream] = [dy].flat();
      if (!upstream || !x || !gamma || !statistics) throw new Error('archc: nothing was saved');
      const inputs = { dy: upstream, x, gamma, statistics };
      const made = tf.engine().runKernel<tf.Tensor[]>(BACKWARD, inputs, attributes);
      const [dx, dGamma, dBeta] = made;
      if (!dx || !dGamma || !dBeta) throw new Error('archc: a gradient is missing');
      return { x: () => dx, gamma: () => dGamma, beta: () => dBeta };
    },
  });
}

/** `gamma` and `beta` by channel; `options.groups` divides the channels. */
export function normalizeGroups(
  x: tf.Tensor,
  gamma: tf.Tensor | undefined,
  beta: tf.Tensor | undefined,
  options: GroupNormOptions,
): tf.Tensor {
  const channels = x.shape.at(-1) ?? 1;
  if (tf.getBackend() === 'wasm' && hasRowLoops(tf.backend() as unknown as WasmBackend)) {
    const inputs = {
      x,
      gamma: gamma ?? tf.ones([channels]),
      beta: beta ?? tf.zeros([channels]),
    };
    const [y] = tf.engine().runKernel<tf.Tensor[]>(FORWARD, inputs, { ...options });
    if (y === undefined) throw new Error('archc: a result is missing');
    return y;
  }
  const [images = 1, ...rest] = x.shape;
  const places = elementCount(rest) / channels;
  const parted = tf.reshape(x, [images, places, options.groups, channels / options.groups]);
  // One axis after the other: backends may add in float32.
  const meanOf = (t: tf.Tensor): tf.Tensor => tf.mean(tf.mean(t, 3, true), 1, true);
  const centred = tf.sub(parted, meanOf(parted));
  const variance = meanOf(tf.square(centred));
  const rate = tf.rsqrt(tf.add(variance, options.epsilon));
  const normal = tf.reshape(tf.mul(centred, rate), x.shape);
  const scaled = gamma === undefined ? normal : tf.mul(normal, gamma);
  return beta === undefined ? scaled : tf.add(scaled, beta);
}
