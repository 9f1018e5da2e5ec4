/** Small plans written by hand: their files in memory, sealed, and easy to damage. */
import { createHash } from 'node:crypto';
import {
  PLAN_FORMAT,
  PLAN_VERSION,
  type Plan,
  type PlanDispatch,
  type PlanTensor,
  type Size,
} from '../../src/webgpu/plan.js';
import type { PlanSource } from '../../src/webgpu/source.js';
import { NO_SEAL } from '../../src/webgpu/validate.js';
import { placeTensors } from '../../src/webgpu/arena.js';

export type PlanFiles = Readonly<Record<string, Uint8Array>>;

const LINEAR = '@builtin(global_invocation_id) id: vec3u';

/** `y = w[0] x + w[1]` */
export const SCALE = `
struct Params { count: i32, }
@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;
@compute @workgroup_size(64)
fn main(${LINEAR}) {
  let i = i32(id.x);
  if (i < params.count) { y[i] = w[0] * x[i] + w[1]; }
}`;

/** `c = a + factor b` */
const ADD = `
struct Params { count: i32, factor: i32, }
@group(0) @binding(0) var<storage, read_write> a: array<f32>;
@group(0) @binding(1) var<storage, read_write> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> c: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;
@compute @workgroup_size(64)
fn main(${LINEAR}) {
  let i = i32(id.x);
  if (i < params.count) { c[i] = a[i] + f32(params.factor) * b[i]; }
}`;

/** As SCALE, and 1000 more, so that it shows which of the two ran. */
const MARKED_SCALE = SCALE.replace('w[0] * x[i] + w[1]', '(w[0] * x[i] + w[1]) + 1000.0');

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** What the plan below computes of `image`. */
export function expectedOf(image: Float32Array): { mask: number[]; sum: number[] } {
  const scaled = [...image].map((x) => 2 * x + 1);
  return {
    mask: scaled.map((s, i) => s - 3 * (image[i] ?? 0)),
    sum: scaled.map((s) => 0.5 * s - 4),
  };
}

/**
 * `s = 2 image + 1`, `mask = s − 3 image`, `sum = s / 2 − 4`. `[1, 8, 8, 1]`, or of any batch, height
 * and (even) width. A profile for hardware has a kernel that computes `s` 1000 too large.
 */
export function smallPlan(isDynamic = false): Plan {
  const shape: readonly Size[] = isDynamic ? ['batch', 'H', 'W', 1] : [1, 8, 8, 1];
  const elements: Size = isDynamic ? ['*', 'batch', ['*', 'H', 'W']] : 64;
  const bytes: Size = isDynamic ? ['*', 4, elements] : 256;
  const groups: Size = isDynamic ? ['//', ['+', elements, 63], 64] : 1;
  const lives = [
    ['image', -1, 1],
    ['s', 0, 2],
    ['mask', 1, 3],
    ['sum', 2, 3],
  ] as const;
  const tensors = lives.map(([name, first, last]): PlanTensor => ({ name, bytes, first, last }));
  const { places, buffers } = placeTensors(
    tensors.map(({ first, last }) => ({ first, last, bytes: 256 })),
  );
  const dispatch = (label: string, op: string, given: PlanDispatch['variants']): PlanDispatch => ({
    label,
    op,
    source: 'small.arch:3:5',
    macs: 0,
    traffic: ['+', bytes, bytes],
    variants: given,
  });
  const run = (
    pipeline: number,
    bindings: Plan['dispatches'][0]['variants'][0]['bindings'],
    params: Size[],
  ): PlanDispatch['variants'][0] => ({
    pipeline,
    bindings,
    params,
    workgroups: [groups, 1, 1],
  });
  const scaled = [{ tensor: 0 }, { tensor: 1 }, { constant: 0 }];
  const port = (name: string, tensor: number): Plan['inputs'][0] => ({
    name,
    doc: '',
    dtype: 'f32',
    shape,
    tensor,
  });
  return {
    format: PLAN_FORMAT,
    version: PLAN_VERSION,
    sha256: NO_SEAL,
    generator: 'by hand',
    model: 'Small',
    doc: '',
    sourceSha256: '',
    weightsOrigin: 'by hand',
    params: 4,
    macs: 0,
    symbols: isDynamic
      ? [
          { name: 'batch', default: 1, min: 1, max: 100, modulus: 1, remainder: 0 },
          { name: 'H', default: 8, min: 1, max: 4096, modulus: 1, remainder: 0 },
          { name: 'W', default: 8, min: 2, max: 4096, modulus: 2, remainder: 0 },
        ]
      : [],
    inputs: [port('image', 0)],
    outputs: [port('mask', 2), port('sum', 3)],
    tensors: isDynamic
      ? tensors
      : tensors.map((tensor, i) => ({ ...tensor, place: places[i] ?? { buffer: 0, offset: 0 } })),
    ...(isDynamic ? {} : { arena: buffers }),
    constants: [
      { offset: 0, bytes: 8 },
      { offset: 256, bytes: 8 },
    ],
    weights: {
      file: 'weights.bin',
      bytes: 0,
      sha256: '',
      tensors: [
        { name: 'a', shape: [2], dtype: 'f32', constant: 0, layout: 'rows' },
        { name: 'b', shape: [2], dtype: 'f32', constant: 1, layout: 'rows' },
      ],
    },
    profiles: { marked: { features: [], limits: {}, adapters: ['hardware'] } },
    modules: ['scale', 'add', 'marked'].map((name) => ({
      file: `kernels/${name}.wgsl`,
      bytes: 0,
      sha256: '',
    })),
    pipelines: [
      {
        module: 0,
        entryPoint: 'main',
        bindings: ['read_write', 'read_write', 'read'],
        params: ['count'],
      },
      {
        module: 1,
        entryPoint: 'main',
        bindings: ['read_write', 'read_write', 'read_write'],
        params: ['count', 'factor'],
      },
      {
        module: 2,
        entryPoint: 'main',
        bindings: ['read_write', 'read_write', 'read'],
        params: ['count'],
      },
    ],
    dispatches: [
      dispatch('scale_1', 'scale', [
        { ...run(2, scaled, [elements]), profile: 'marked' },
        run(0, scaled, [elements]),
      ]),
      dispatch('mask', 'add', [
        run(1, [{ tensor: 1 }, { tensor: 0 }, { tensor: 2 }], [elements, -3]),
      ]),
      dispatch('sum', 'scale', [
        run(0, [{ tensor: 1 }, { tensor: 3 }, { constant: 1 }], [elements]),
      ]),
    ],
  };
}

/** The files of a plan, with every hash in place; with other shaders in front, where given. */
export function filesOf(plan: Plan, shaders: readonly string[] = []): PlanFiles {
  const weights = new Uint8Array(264);
  new Float32Array(weights.buffer).set([2, 1], 0);
  new Float32Array(weights.buffer).set([0.5, -4], 64);
  const texts = [SCALE, ADD, MARKED_SCALE].map((text, i) => utf8(shaders[i] ?? text));
  const whole: Plan = {
    ...plan,
    weights: { ...plan.weights, bytes: weights.length, sha256: sha256(weights) },
    modules: plan.modules.map((module, i) => {
      const text = texts[i] ?? new Uint8Array();
      return { ...module, bytes: text.length, sha256: sha256(text) };
    }),
  };
  return {
    'plan.json': sealed(whole),
    [plan.weights.file]: weights,
    ...Object.fromEntries(plan.modules.map(({ file }, i) => [file, texts[i] ?? new Uint8Array()])),
  };
}

/** `plan.json` with its own hash, of a plan as of anything that wants to look like one. */
export function sealed(plan: object): Uint8Array {
  const json = JSON.stringify({ ...plan, sha256: NO_SEAL }, undefined, 1);
  return utf8(json.replace(NO_SEAL, sha256(utf8(json))));
}

export function sourceOf(files: PlanFiles): PlanSource {
  return {
    read(file) {
      const content = files[file];
      return content === undefined
        ? Promise.reject(new Error('no such file'))
        : Promise.resolve(content);
    },
  };
}
