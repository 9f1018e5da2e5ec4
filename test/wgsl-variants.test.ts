/// <reference types="@webgpu/types" />
/**
 * Kernels for some devices only: workgroup tiles and half precision. Forced on a software GPU, where
 * all must be right.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { emitWgsl } from '../src/backends/wgsl/emit.js';
import { halfBits } from '../src/backends/wgsl/half.js';
import { pack } from '../src/backends/wgsl/layout.js';
import { interpret } from '../src/compiler/interpret.js';
import type { Graph, Tensor, Value, WeightValues } from '../src/compiler/ir.js';
import { ELEMENT_TYPES, toFloat32 } from '../src/data/elements.js';
import { NO_SEAL, parsePlan, seal } from '../src/webgpu/validate.js';
import { archc } from './helpers/cli.js';
import { testAdapter, testDevice } from './helpers/gpu.js';
import { modelOf } from './helpers/onnx-programs.js';
import { buildGraph, type TestGraph } from './helpers/graph.js';
import { randomInputs, randomWeights, relativeError } from './helpers/operator-cases.js';
import {
  joinGraphs,
  planOf,
  racesIn,
  runPlan,
  shaderProblems,
  sharingDevice,
  type EmittedPlan,
} from './helpers/wgsl-run.js';

const TOLERANCE = 1e-4;

type Body = (g: TestGraph) => readonly Value[];

const conv =
  (shape: readonly number[], attributes: Parameters<TestGraph['op']>[2]): Body =>
  (g) =>
    g.op('conv', [g.input(shape)], attributes);

/** Enough channels for tiles; pixels and channels that fill them, and that do not. */
const WIDE: Readonly<Record<string, Body>> = {
  'pointwise, odd channels': conv([7, 11, 19], { filters: 70, k: [1, 1], bias: false }),
  'window, odd channels, strides and dilation': conv([23, 17, 21], {
    filters: 18,
    k: [2, 3],
    stride: [2, 1],
    dilation: [1, 2],
    pad: [0, 2, 1, 3],
  }),
  dense: (g) => g.op('relu', g.op('dense', [g.input([9, 9, 24])], { units: 20 })),
  'a window, and a chain after it': (g) => {
    const x = g.input([8, 9, 32]);
    const y = g.op('relu', g.op('batchnorm', g.op('conv', [x], { filters: 32 })));
    return g.op('mul', [...g.op('add', [...y, x]), g.input([8, 9, 1], 'x2')]);
  },
  'images that are joined and enlarged': (g) => {
    const small = g.input([4, 5, 20]);
    const enlarged = g.op('upsample', [small], { factor: [2, 2] });
    const joined = g.op('concat', [...enlarged, g.input([8, 10, 12], 'x2')]);
    const parts = [g.input([8, 10, 4], 'x3'), g.input([8, 10, 28], 'x4')];
    return [
      ...g.op('conv', joined, { filters: 16 }),
      ...g.op('conv', g.op('concat', parts), { filters: 36, k: [1, 1] }),
    ];
  },
};

/** One model, so that kernels that cases have in common are compiled once. */
const wide = joinGraphs(
  new Map(Object.entries(WIDE).map(([, body], i) => [`case${i}`, buildGraph(body)])),
);
const weights = randomWeights(wide, 3);

let device: GPUDevice;
beforeAll(async () => {
  device = await sharingDevice();
});
afterAll(() => {
  device.destroy();
});

/** Outputs that are further from the interpreter's than they may be. */
async function wrongOutputs(
  graph: Graph,
  emitted: EmittedPlan,
  inputs: ReadonlyMap<string, Tensor>,
  how: {
    readonly values?: WeightValues;
    readonly profile: string | null;
    readonly tolerance: number;
    readonly on?: GPUDevice;
  },
): Promise<unknown[]> {
  const { values = weights, profile, tolerance, on = device } = how;
  const [{ name: batchName } = { name: '' }] = emitted.plan.symbols;
  const [{ shape: [batch = 1] } = { shape: [] }] = inputs.values();
  const actual = await runPlan(
    on,
    emitted,
    inputs,
    batchName === '' ? {} : { [batchName]: batch },
    profile,
  );
  return [...interpret(graph, values, inputs)].flatMap(([name, tensor]) => {
    const found = actual.get(name);
    const error = found === undefined ? Number.NaN : relativeError(found, tensor);
    return error <= tolerance ? [] : [{ name, error }];
  });
}

describe('tiles', () => {
  it('are right in every form of convolution, of several images', async () => {
    const emitted = await planOf(wide, weights, { dynamic: true });
    const inputs = randomInputs(wide, 2, 7);
    expect(
      await wrongOutputs(wide, emitted, inputs, { profile: 'tiled', tolerance: TOLERANCE }),
    ).toEqual([]);
  });

  it('are taken where they pay, and their shaders are without fault', async () => {
    const emitted = await planOf(wide, weights);
    const tiled = emitted.plan.dispatches.filter(({ variants }) => variants[0].profile === 'tiled');
    const anchors = wide.nodes.filter(({ op }) => op === 'conv' || op === 'dense');
    expect(tiled.map(({ label }) => label)).toEqual(anchors.map(({ origin }) => origin.path));
    expect(await shaderProblems(emitted)).toEqual([]);
  });

  it('have no races, and those that a missing barrier makes are found', async () => {
    const graph = buildGraph(conv([8, 9, 16], { filters: 20, k: [1, 2], pad: 'valid' }));
    const emitted = await planOf(graph, randomWeights(graph, 1));
    expect(racesIn(changed(emitted, interpretable), {})).toEqual({ races: [], shaders: 1 });
    for (const which of [0, 1]) {
      const broken = changed(emitted, (text) => withoutBarrier(interpretable(text), which));
      expect(racesIn(broken, {}).races).not.toEqual([]);
    }
  });
});

/** Depthwise, alone and before a pointwise convolution, rolled and not. */
const DEPTHWISE: Readonly<Record<string, Body>> = {
  'of one row after another': (g) => g.op('dwconv', [g.input([9, 7, 8])]),
  'odd channels, strides, dilation': (g) =>
    g.op('dwconv', [g.input([11, 13, 6])], { k: [2, 3], stride: [2, 1], dilation: [1, 2] }),
  'of joined images, before a pointwise one': (g) => {
    const x = g.op('concat', [g.input([6, 5, 8]), g.input([6, 5, 4], 'x2')]);
    return g.op('sigmoid', g.op('conv', g.op('dwconv', x), { filters: 3, k: [1, 1] }));
  },
};

/** Few channels, of which a subgroup brings more than there are. */
const NARROW: Readonly<Record<string, Body>> = {
  'one channel to one': conv([5, 6, 1], { filters: 1 }),
  'pointwise to three channels': conv([5, 6, 6], { filters: 3, k: [1, 1] }),
  'five channels to nine': conv([5, 6, 5], { filters: 9, k: [2, 2] }),
};

describe.each([
  { profile: 'llvmpipe', bodies: DEPTHWISE },
  { profile: 'subgroups-4', bodies: WIDE },
  { profile: 'subgroups-8', bodies: { ...WIDE, ...NARROW } },
])('kernels of profile $profile', ({ profile, bodies }) => {
  const graph = joinGraphs(
    new Map(Object.values(bodies).map((body, i) => [`case${i}`, buildGraph(body)])),
  );
  const values = randomWeights(graph, 5);

  it('are right in every form of convolution, of several images', async (context) => {
    const threads = /^subgroups-(.+)/.exec(profile)?.[1] ?? '';
    const { subgroupMinSize = 0 } = device.adapterInfo;
    if (threads !== '' && String(subgroupMinSize) !== threads) {
      context.skip(
        `the adapter's subgroups have ${subgroupMinSize} threads, not ${threads}: name another driver with ARCHC_VULKAN_ICD`,
      );
    }
    const emitted = await planOf(graph, values, { dynamic: true });
    const inputs = randomInputs(graph, 2, 7);
    const how = { values, profile, tolerance: TOLERANCE };
    expect(await wrongOutputs(graph, emitted, inputs, how)).toEqual([]);
    const own = emitted.plan.dispatches.filter(({ variants }) =>
      variants.some((variant) => variant.profile === profile),
    );
    expect(own.length).toBeGreaterThanOrEqual(Object.keys(bodies).length);
  });

  it('are without fault', async () => {
    expect(await shaderProblems(await planOf(graph, values))).toEqual([]);
  });
});

it.each([
  { profile: 'tiled', precision: 'f32', tolerance: TOLERANCE },
  { profile: null, precision: 'f16', tolerance: 1e-2 },
] as const)('a whole model: $precision, profile $profile', async (how) => {
  const { at } = modelOf(`model Net {
    input image: f32[16, 16, 3]
    a = image -> conv(16) -> groupnorm(4) -> relu
    b = a -> maxpool(2) -> dwconv(3) -> conv(24, k = 1) -> batchnorm -> relu
    output mask = concat(a, b -> upsample(2)) -> conv(16) -> relu -> conv(1, k = 1) -> sigmoid
  }`);
  const graph = at({});
  const values = randomWeights(graph, 3);
  const emitted = await planOf(graph, values, how);
  const inputs = randomInputs(graph, 1, 4);
  expect(await wrongOutputs(graph, emitted, inputs, { values, ...how })).toEqual([]);
});

/** A kernel of each file that multiplies by blocks. */
const HALVES = joinGraphs(
  new Map(
    Object.entries<Body>({
      conv: conv([8, 9, 24], { filters: 20 }),
      pointwise: conv([5, 6, 3], { filters: 5, k: [1, 1] }),
      grouped: conv([5, 6, 8], { filters: 8, groups: 2 }),
      transposed: (g) => g.op('convtranspose', [g.input([3, 4, 8])], { filters: 4 }),
      separable: (g) =>
        g.op('conv', g.op('dwconv', [g.input([6, 5, 8])]), { filters: 4, k: [1, 1] }),
      dense: (g) => g.op('dense', [g.input([9])], { units: 4 }),
    }).map(([name, body]) => [name, buildGraph(body)]),
  ),
);

describe('sizes that are free', () => {
  it.each(['maxpool', 'avgpool'])('are not the channels of %s', async (op) => {
    const text = `model M() {\n  input x: f32[8, 8, C = 4]\n  output y = x -> ${op}(2) -> relu\n}\n`;
    const { graph } = modelOf(text);
    const emitted = await emitWgsl(graph, new Map(), { ...OPTIONS, dynamic: true });
    const [problem] = emitted.ok ? [] : emitted.diagnostics;
    expect(problem).toMatchObject({
      code: 'unsupported-operator',
      span: { start: text.indexOf(op) },
    });
    expect(problem?.message).toContain('`C`');
  });
});

describe('half precision', () => {
  const values = randomWeights(HALVES, 5);
  const inputs = randomInputs(HALVES, 1, 7);

  it('keeps kernels in half the bytes, rounded to the nearest, ties to even', async () => {
    const { plan, files } = await planOf(HALVES, values, { precision: 'f16' });
    const bytes = files.find(({ name }) => name === plan.weights.file)?.bytes ?? new Uint8Array();
    const single = await planOf(HALVES, values);
    let kernels = 0;
    for (const { name, dtype, layout, constant } of plan.weights.tensors) {
      expect(dtype).toBe(layout === 'blocks' ? 'f16' : 'f32');
      const { offset = 0, bytes: size = 0 } = plan.constants[constant] ?? {};
      const tensor = values.get(name);
      if (dtype === 'f32' || tensor === undefined) continue;
      kernels++;
      const packed = pack(tensor, layout);
      expect(size).toBe(2 * packed.length);
      // Read back by what reads float16 of files.
      const held = toFloat32(bytes.subarray(offset, offset + size), ELEMENT_TYPES.f2, true);
      const wrong = packed.findIndex(
        (value, i) =>
          Math.abs((held[i] ?? Number.NaN) - value) > 2 ** -11 * Math.abs(value) + 2 ** -25,
      );
      expect(wrong).toBe(-1);
    }
    expect(kernels).toBe(6);
    expect(bytes.length).toBeLessThan(0.7 * single.plan.weights.bytes);
    const bits = [
      1,
      -2,
      65_504,
      2 ** -24,
      2 ** -25,
      1 + 2 ** -11,
      1 + 3 * 2 ** -11,
      2 - 2 ** -12,
      0,
    ];
    expect(bits.map(halfBits)).toEqual([
      0x3c00, 0xc000, 0x7bff, 0x0001, 0x0000, 0x3c00, 0x3c02, 0x4000, 0,
    ]);
  });

  it('runs on a device without f16, its shaders for others without fault', async () => {
    const emitted = await planOf(HALVES, values, { precision: 'f16' });
    expect(
      await wrongOutputs(HALVES, emitted, inputs, { values, profile: null, tolerance: 1e-2 }),
    ).toEqual([]);
    expect(await shaderProblems(emitted)).toEqual([]);
    for (const { op, variants } of emitted.plan.dispatches) {
      expect(
        variants.map(({ profile }) => profile),
        op,
      ).toContain('f16');
    }
    const tiled = await planOf(wide, weights, { precision: 'f16' });
    expect(Object.keys(tiled.plan.profiles)).toContain('tiled-f16');
    expect(await shaderProblems(tiled)).toEqual([]);
  });

  it('multiplies in f16 where `ARCHC_VULKAN_ICD` names a driver that can', async (context) => {
    const adapter = await testAdapter();
    if (!adapter.features.has('shader-f16')) {
      context.skip('the adapter has no shader-f16: name another driver with ARCHC_VULKAN_ICD');
    }
    const half = await testDevice({ requiredFeatures: ['shader-f16'] });
    const emitted = await planOf(HALVES, values, { precision: 'f16' });
    for (const profile of ['f16', 'tiled-f16']) {
      expect(
        await wrongOutputs(HALVES, emitted, inputs, { values, profile, on: half, tolerance: 1e-2 }),
      ).toEqual([]);
    }
    half.destroy();
  });

  it('takes no weight beyond what float16 holds', async () => {
    const graph = buildGraph(conv([4, 4, 4], { filters: 4 }));
    const large = new Map(
      [...randomWeights(graph, 1)].map(([name, { shape, data }]) => [
        name,
        { shape, data: data.map((value, i) => (i === 1 ? -65_505 : value)) },
      ]),
    );
    const emitted = await emitWgsl(graph, large, { ...OPTIONS, precision: 'f16' });
    expect(emitted.ok ? [] : emitted.diagnostics.map(({ code }) => code)).toEqual(['weight-range']);
    expect((await emitWgsl(graph, large, OPTIONS)).ok).toBe(true);
  });

  it('refuses constants that are bound as what they are not', async () => {
    const { plan, files } = await planOf(HALVES, values, { precision: 'f16' });
    const [first] = plan.constants;
    const damaged = {
      ...plan,
      constants: [{ offset: 0, bytes: first?.bytes ?? 0 }, ...plan.constants.slice(1)],
    };
    const content = await seal(JSON.stringify({ ...damaged, sha256: NO_SEAL }));
    await expect(parsePlan(new TextEncoder().encode(content))).rejects.toThrow(/f16|dtype/);
    await expect(parsePlan(files[0].bytes)).resolves.toBeDefined();
  });

  it('is for plans alone', () => {
    const result = archc(['compile', 'models/sdunet.arch', '--precision', 'f16']);
    expect(result.code).toBe(2);
    expect(result.stderr).toContain('`--precision` is for `--target wgsl`');
  });
});

const OPTIONS = {
  metadata: { version: '0.0.0', sourceSha256: '', weights: { seed: 0 } },
  params: 0,
} as const;

/** The plan with other shaders. */
function changed({ files, ...plan }: EmittedPlan, change: (text: string) => string): EmittedPlan {
  const [first, ...others] = files.map(({ name, bytes }) => {
    const text = new TextDecoder().decode(bytes);
    return { name, bytes: name.endsWith('.wgsl') ? new TextEncoder().encode(change(text)) : bytes };
  });
  return { ...plan, files: [first ?? { name: '', bytes: new Uint8Array() }, ...others] };
}

/** `wgsl_reflect` takes what is in a list of truth values for a number, and refuses to select by it. */
function interpretable(text: string): string {
  return text.replace(/, inside\[\w\]\)/g, ', true)');
}

function withoutBarrier(text: string, which: number): string {
  let count = 0;
  return text.replace(/workgroupBarrier\(\);/g, (barrier) => (count++ === which ? '' : barrier));
}
