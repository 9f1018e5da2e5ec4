/** Whole models in ONNX Runtime: sizes at run time, layouts at the borders, blocks as functions. */
import { describe, expect, it } from 'vitest';
import type { OnnxOptions } from '../src/backends/onnx/emit.js';
import { interpret } from '../src/compiler/interpret.js';
import type { Graph } from '../src/compiler/ir.js';
import { inferencePasses, runPasses } from '../src/compiler/passes/index.js';
import { buildGraph } from './helpers/graph.js';
import { DYNAMIC_PROGRAMS } from './helpers/onnx-dynamic.js';
import { modelOf, modelOfFile } from './helpers/onnx-programs.js';
import { emitted, runOnnx } from './helpers/onnx-run.js';
import { randomInputs, randomWeights, relativeError } from './helpers/operator-cases.js';

/** As the largest difference, relative to the largest expected number. */
const TOLERANCE = 1e-4;

interface Comparison {
  /** What is emitted, where that is not `fixed`: the same model with its symbols. */
  readonly graph?: Graph;
  readonly batch?: number;
}

/** Emits a model, runs it, and compares it with the interpretation of `fixed`. */
async function expectSame(
  fixed: Graph,
  options: Partial<OnnxOptions>,
  { graph = fixed, batch = 1 }: Comparison = {},
): Promise<void> {
  const weights = randomWeights(fixed, 3);
  const inputs = randomInputs(fixed, batch, 4);
  const expected = interpret(fixed, weights, inputs);
  const actual = await runOnnx(emitted(graph, weights, options), inputs, options.layout);
  expect([...actual.keys()]).toEqual([...expected.keys()]);
  for (const [name, tensor] of expected) {
    const found = actual.get(name);
    expect(found?.shape).toEqual(tensor.shape);
    expect(found && relativeError(found, tensor)).toBeLessThanOrEqual(TOLERANCE);
  }
}

const sdunet = modelOfFile('models/sdunet.arch', {
  model: 'SDUNet',
  set: { width: '8', channels: '2', classes: '3' },
});
const unet = modelOfFile('models/unet.arch', { model: 'UNet', set: { width: '4' } });

describe.each([17, 21])('at opset %i', (opset) => {
  it.each([
    ['SD-UNet', sdunet],
    ['U-Net', unet],
  ])('%s, in every way that it can be written', async (_, model) => {
    const fixed = model.at({ H: 16, W: 32 });
    await expectSame(fixed, { opset });
    await expectSame(fixed, { opset, layout: 'nhwc' });
    await expectSame(fixed, { opset, keepBlocks: true });
    const dynamic = { opset, dynamic: true };
    await expectSame(fixed, dynamic, { graph: model.graph, batch: 3 });
    const all = { ...dynamic, keepBlocks: true, layout: 'nhwc' } as const;
    await expectSame(fixed, all, { graph: model.graph, batch: 2 });
  });

  it('a model with its passes run', async () => {
    const graph = sdunet.at({ H: 32, W: 16 });
    const weights = randomWeights(graph, 3);
    const inputs = randomInputs(graph, 1, 4);
    const passed = runPasses({ graph, weights }, inferencePasses);
    const actual = await runOnnx(
      emitted(passed.graph, passed.weights ?? weights, { opset }),
      inputs,
    );
    const expected = interpret(graph, weights, inputs).get('mask');
    const mask = actual.get('mask');
    expect(expected && mask && relativeError(mask, expected)).toBeLessThanOrEqual(TOLERANCE);
  });

  it('a weight that two operators want in two layouts', async () => {
    const { at, graph } = modelOf(`model M {
      input x: f32[H = 6, W = 5, 3]
      shared f = dense(3)
      output a = x -> conv(3) -> f
      output b = x -> globalavgpool(keepdims = false) -> f
      output c = x -> layernorm -> f -> f
    }`);
    for (const keepBlocks of [false, true]) {
      await expectSame(at(), { opset, keepBlocks });
      await expectSame(at(), { opset, keepBlocks, dynamic: true }, { graph, batch: 2 });
    }
  });

  it('what does not depend on the input', async () => {
    const graph = buildGraph((g) => {
      const table = g.builder.constant(
        Float32Array.from({ length: 36 }, (_, i) => Math.sin(i)),
        [3, 4, 3],
      );
      const learned = g.op('conv', [table], { filters: 2 });
      const x = g.input([3, 4, 2]);
      const pooled = g.op('globalavgpool', learned, { keepdims: false });
      return [
        ...g.op('add', [x, ...learned]),
        ...g.op('dense', pooled, { units: 3 }),
        ...g.op('concat', [...learned, x]),
      ];
    });
    await expectSame(graph, { opset });
    await expectSame(graph, { opset, dynamic: true }, { batch: 2 });
  });

  describe.each(DYNAMIC_PROGRAMS)('sizes at run time: $name', ({ text, sizes }) => {
    const model = modelOf(text);
    it.each(sizes)('%o', async (size) => {
      const options = { opset, dynamic: true } as const;
      await expectSame(model.at(size), options, { graph: model.graph, batch: 2 });
      const kept = { ...options, keepBlocks: true, layout: 'nhwc' } as const;
      await expectSame(model.at(size), kept, { graph: model.graph, batch: 1 });
    });
  });
});
