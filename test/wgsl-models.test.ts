/// <reference types="@webgpu/types" />
/** Whole models as WGSL kernels on a software GPU: sizes known, and sizes chosen when loaded. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { interpret } from '../src/compiler/interpret.js';
import type { Graph, WeightValues } from '../src/compiler/ir.js';
import { initialize } from '../src/weights/initialize.js';
import { DYNAMIC_PROGRAMS } from './helpers/onnx-dynamic.js';
import { modelOf, modelOfFile, type ProgramModel } from './helpers/onnx-programs.js';
import { randomInputs, randomWeights, relativeError } from './helpers/operator-cases.js';
import { planOf, runPlan, shaderProblems, sharingDevice } from './helpers/wgsl-run.js';
import { graphsOf, MODEL_FILES } from './helpers/zoo.js';

const TOLERANCE = 1e-4;

let device: GPUDevice;
beforeAll(async () => {
  device = await sharingDevice();
});
afterAll(() => {
  device.destroy();
});

/** Runs the plan of `graph` at the sizes of `fixed` and compares every element. */
async function expectSame(
  fixed: Graph,
  graph = fixed,
  {
    sizes,
    profile,
    weights: given,
  }: {
    readonly sizes?: Readonly<Record<string, number>>;
    readonly profile?: string;
    readonly weights?: WeightValues;
  } = {},
): Promise<void> {
  const dynamic = sizes !== undefined;
  const batch = dynamic ? 2 : 1;
  const weights = given ?? randomWeights(fixed, 3);
  const inputs = randomInputs(fixed, batch, 4);
  const expected = interpret(fixed, weights, inputs);
  const emitted = await planOf(graph, weights, { dynamic });
  // Under another name where a size is called so.
  const [{ name: batchName } = { name: 'batch' }] = emitted.plan.symbols;
  const chosen = dynamic ? { ...sizes, [batchName]: batch } : {};
  const actual = await runPlan(device, emitted, inputs, chosen, profile);
  expect([...actual.keys()]).toEqual([...expected.keys()]);
  for (const [name, tensor] of expected) {
    const found = actual.get(name);
    expect(found?.shape).toEqual(tensor.shape);
    expect(found && relativeError(found, tensor), name).toBeLessThanOrEqual(TOLERANCE);
  }
  expect(await shaderProblems(emitted)).toEqual([]);
}

/** Height and width: the smallest that the facts of the models allow. */
const smallest = (file: string): number => (/resnet|mobilenet/.test(file) ? 32 : 16);

/** The model with few filters, where it has a parameter for that and its norms allow it. */
function narrow(file: string, model: string, size: number): Graph {
  for (const width of ['8', '32']) {
    const found = fitting(() => modelOfFile(file, { model, set: { width } }), { H: size, W: size });
    if (found !== undefined) return found.at({ H: size, W: size });
  }
  return modelOfFile(file, { model }).at({ H: size, W: size });
}

describe.each(MODEL_FILES.filter((file) => !file.endsWith('blocks.arch')))('%s', (file) => {
  const names = [...graphsOf(file).keys()];
  it.runIf(names.length > 0).each(names)('%s', async (name) => {
    const graph = narrow(file, name, smallest(file));
    // As on SwiftShader without a choice.
    const how = { profile: 'subgroups-4', weights: initialize(graph.weights, 0) };
    await expectSame(graph, graph, how);
  });
});

it('models/sdunet.arch, its size chosen when it is loaded, also with what SwiftShader likes', async () => {
  const { graph, at } = modelOfFile('models/sdunet.arch', { model: 'SDUNet', set: { width: '8' } });
  const sizes = { H: 32, W: 16 };
  await expectSame(at(sizes), graph, { sizes });
  await expectSame(at(sizes), graph, { sizes, profile: 'subgroups-4' });
});

describe.each(DYNAMIC_PROGRAMS)('sizes at run time: $name', ({ text, sizes }) => {
  const { graph, at } = modelOf(text);
  it.each(sizes)('%o', (chosen) => expectSame(at(chosen), graph, { sizes: chosen }));
});

/** Steps of random programs, each from an image to an image. */
const STEPS = [
  'conv(8)',
  'conv(12, k = 1)',
  'dwconv(3)',
  'dwconv(5, multiplier = 2, stride = [2, 1])',
  'conv(8, groups = 2)',
  'convtranspose(6, k = 3)',
  'maxpool(2)',
  'avgpool(3, stride = 1, pad = same)',
  'upsample(2)',
  'upsample([1, 2], bilinear)',
  'batchnorm',
  'groupnorm(1)',
  'instancenorm',
  'layernorm',
  'relu',
  'gelu',
  'softmax',
  'pad([1, 0, 2, 1], reflect)',
  'transpose([1, 0, 2])',
  'dense(7)',
  'dropout(0.5)',
] as const;

it('random programs', async () => {
  const step = fc.constantFrom(...STEPS);
  const size = fc.integer({ min: 3, max: 9 });
  let compared = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.tuple(size, size, fc.constantFrom(1, 4, 6)),
      fc.array(step, { minLength: 1, maxLength: 4 }),
      fc.array(step, { minLength: 1, maxLength: 2 }),
      async ([H, W, C], steps, branch) => {
        const text = `model M {
          input x: f32[H = ${H}, W = ${W}, ${C}] where H >= 3, W >= 3
          y = x -> ${steps.join(' -> ')}
          z = y -> ${branch.join(' -> ')} -> resize(y.height, y.width)
          output a = concat(z, y) -> conv(4)
          output b = z * (y -> globalavgpool -> dense(z.channels) -> sigmoid) + z
        }`;
        const sizes = { H, W };
        const model = fitting(() => modelOf(text), sizes);
        if (model === undefined) return;
        await expectSame(model.at(sizes), model.graph, { sizes });
        compared++;
      },
    ),
    { numRuns: 24, seed: 2 },
  );
  expect(compared).toBeGreaterThan(16);
  // Most of it is SwiftShader's compiler.
}, 180_000);

/** The model, unless it cannot be of these sizes. */
function fitting(
  make: () => ProgramModel,
  sizes: Readonly<Record<string, number>>,
): ProgramModel | undefined {
  try {
    const model = make();
    model.at(sizes);
    return model;
  } catch {
    return undefined;
  }
}
