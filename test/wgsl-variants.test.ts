/// <reference types="@webgpu/types" />
/** Kernels for some devices only: workgroup tiles. Forced on a software GPU, where all must be right. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { interpret } from '../src/compiler/interpret.js';
import type { Graph, Tensor, Value } from '../src/compiler/ir.js';
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
  { profile, tolerance }: { profile: string; tolerance: number },
): Promise<unknown[]> {
  const [{ name: batchName } = { name: '' }] = emitted.plan.symbols;
  const [{ shape: [batch = 1] } = { shape: [] }] = inputs.values();
  const actual = await runPlan(
    device,
    emitted,
    inputs,
    batchName === '' ? {} : { [batchName]: batch },
    profile,
  );
  return [...interpret(graph, weights, inputs)].flatMap(([name, tensor]) => {
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
    for (const k of [1, 2]) {
      const graph = buildGraph(conv([8, 9, 16], { filters: 20, k: [1, k], pad: 'valid' }));
      const emitted = await planOf(graph, randomWeights(graph, 1));
      expect(racesIn(changed(emitted, interpretable), {})).toEqual({ races: [], shaders: 1 });
      for (const which of [0, 1]) {
        const broken = changed(emitted, (text) => withoutBarrier(interpretable(text), which));
        expect(racesIn(broken, {}).races).not.toEqual([]);
      }
    }
  });
});

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
