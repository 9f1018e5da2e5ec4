/**
 * The statistics of group norm in two kernels: each channel's mean and squares over a chunk of
 * pixels, then both over a group, as the factor and the summand of each channel.
 */
import type { Node } from '../../compiler/ir.js';
import { linearGroups, type Emitter } from './emitter.js';
import { float, linearMain, THREADS } from './shader.js';
import { ceilDiv, product, sizeOfDim, times } from './size.js';
import { operand, resultOf, type KernelView } from './view.js';

/** Pixels of a chunk: sums of so few lose nothing in float32. */
const CHUNK = 128;

export function lowerNormstats(e: Emitter, view: KernelView, anchor: Node): void {
  const { node } = view;
  const { groups, eps, affine } = anchor.attributes;
  if (typeof groups !== 'number' || typeof eps !== 'number')
    throw new Error('normstats: no groups');
  const x = view.outer(operand(anchor, 0));
  const channels = Number(x.type.shape.at(-1));
  const pixels = product(x.type.shape.slice(0, -1).map(sizeOfDim));
  const chunks = ceilDiv(pixels, CHUNK);
  const inFours = channels % 4 === 0;
  const type = inFours ? 'vec4f' : 'f32';
  const columns = inFours ? channels / 4 : channels;
  const partials = e.scratch(
    `${node.origin.path}.chunks`,
    times(product([e.batch, chunks]), 2 * channels),
    node,
  );
  const count = times(product([e.batch, chunks]), columns);
  e.kernel({
    node,
    name: `norm_chunks${inFours ? '' : '_scalar'}`,
    op: 'normstats',
    about: [
      `Of each channel, over ${CHUNK} pixels: the mean, and the sum of squared distances from it.`,
      `${inFours ? 'Four channels' : 'A channel'} of a chunk a thread.`,
    ],
    inputs: [{ name: 'image', element: type, place: e.place(x) }],
    outputs: [{ name: 'chunks', element: type, place: partials }],
    params: { count, columns, chunks, pixels },
    code: linearMain(`let column = i % params.columns;
let chunk = i / params.columns;
let image_number = chunk / params.chunks;
let first = (chunk % params.chunks) * ${CHUNK};
let pixels = min(${CHUNK}, params.pixels - first);
var at = (image_number * params.pixels + first) * params.columns + column;
// Distances from the first pixel are small, and so are their squares.
let pivot = image[at];
var sum: ${type};
var squares: ${type};
for (var pixel = 0; pixel < pixels; pixel++) {
  let distance = image[at] - pivot;
  sum += distance;
  squares += distance * distance;
  at += params.columns;
}
let mean = sum / f32(pixels);
chunks[2 * chunk * params.columns + column] = pivot + mean;
chunks[(2 * chunk + 1) * params.columns + column] = max(squares - sum * mean, ${type}());`),
    workgroups: linearGroups(count, THREADS),
  });
  const output = e.make(resultOf(view), node);
  const weights = affine === true ? [1, 2].map((i) => e.place(view.outer(operand(anchor, i)))) : [];
  const names = ['scale', 'shift'];
  e.kernel({
    node,
    name: `norm_statistics${affine === true ? '' : '_plain'}`,
    op: 'normstats',
    about: [
      'Of each group of channels: mean and variance, from those of its chunks; then what each',
      'channel is multiplied by, and what is added. A group a workgroup.',
    ],
    inputs: [
      { name: 'chunks', element: 'f32', place: partials },
      ...weights.map((place, i) => ({ name: names[i] ?? '', element: 'f32', place }) as const),
    ],
    outputs: [{ name: 'statistics', element: 'f32', place: output }],
    params: { groups, chunks, pixels, channels, each: channels / groups },
    code: `const EPS = ${float(eps)};

var<workgroup> shares: array<f32, ${THREADS}>;

fn total(own: f32, local: i32) -> f32 {
  workgroupBarrier();
  shares[local] = own;
  workgroupBarrier();
  for (var half = ${THREADS / 2}; half > 0; half /= 2) {
    if (local < half) {
      shares[local] += shares[local + half];
    }
    workgroupBarrier();
  }
  return shares[0];
}

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let local = i32(index);
  let image_number = i32(group.y);
  let first = i32(group.x) * params.each;
  let parts = params.chunks * params.each;
  let elements = f32(params.pixels) * f32(params.each);
  var sum = 0.0;
  for (var part = local; part < parts; part += ${THREADS}) {
    let chunk = part / params.each;
    let pixels = min(${CHUNK}, params.pixels - chunk * ${CHUNK});
    let at = 2 * (image_number * params.chunks + chunk) * params.channels + first + part % params.each;
    sum += chunks[at] * f32(pixels);
  }
  let mean = total(sum, local) / elements;
  var squares = 0.0;
  for (var part = local; part < parts; part += ${THREADS}) {
    let chunk = part / params.each;
    let pixels = min(${CHUNK}, params.pixels - chunk * ${CHUNK});
    let at = 2 * (image_number * params.chunks + chunk) * params.channels + first + part % params.each;
    let distance = chunks[at] - mean;
    squares += chunks[at + params.channels] + f32(pixels) * distance * distance;
  }
  let variance = total(squares, local) / elements;
  for (var own = local; own < params.each; own += ${THREADS}) {
    let channel = first + own;
    let factor = ${affine === true ? 'scale[channel] * ' : ''}inverseSqrt(variance + EPS);
    statistics[2 * image_number * params.channels + channel] = factor;
    statistics[(2 * image_number + 1) * params.channels + channel] = ${affine === true ? 'shift[channel]' : '0.0'} - mean * factor;
  }
}`,
    workgroups: [groups, e.batch, 1],
  });
}
