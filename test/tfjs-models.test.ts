/** Whole models in TensorFlow.js against the interpreter: every one of models/, and sizes at run time. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { interpret } from '../src/compiler/interpret.js';
import type { Graph, Tensor } from '../src/compiler/ir.js';
import { inferencePasses, runPasses } from '../src/compiler/passes/index.js';
import { initialize } from '../src/weights/initialize.js';
import { ROOT } from './helpers/cli.js';
import { buildGraph } from './helpers/graph.js';
import { DYNAMIC_PROGRAMS } from './helpers/onnx-dynamic.js';
import { modelOf, modelOfFile } from './helpers/onnx-programs.js';
import { randomInputs, randomWeights, relativeError } from './helpers/operator-cases.js';
import { emitted, loadModel, runLoaded, runTfjs, useBackend } from './helpers/tfjs-run.js';
import { graphsOf, MODEL_FILES } from './helpers/zoo.js';

const TOLERANCE = 1e-4;
/** Height and width: the smallest that the facts of the models allow. */
const sizeOf = (file: string): number => (/resnet|mobilenet/.test(file) ? 32 : 16);

function expectSame(
  actual: ReadonlyMap<string, Tensor>,
  expected: ReadonlyMap<string, Tensor>,
): void {
  expect([...actual.keys()]).toEqual([...expected.keys()]);
  for (const [name, tensor] of expected) {
    const found = actual.get(name);
    expect(found?.shape).toEqual(tensor.shape);
    const logits = expected.get(`${name}_logits`);
    const tolerance = logits === undefined ? TOLERANCE : (TOLERANCE * largest(logits)) / 4;
    expect(found && relativeError(found, tensor)).toBeLessThanOrEqual(tolerance);
  }
}

/** A sigmoid is nowhere steeper than 1/4. */
function largest({ data }: Tensor): number {
  return data.reduce((most, value) => Math.max(most, Math.abs(value)), 4);
}

/** Emits a model and compares it with the interpretation of `fixed`, the same at fixed sizes. */
async function compare(fixed: Graph, graph = fixed, batch = 2): Promise<void> {
  const weights = randomWeights(fixed, 3);
  const inputs = randomInputs(fixed, batch, 4);
  expectSame(await runTfjs(emitted(graph, weights), inputs), interpret(fixed, weights, inputs));
}

/**
 * The same with what flows into each sigmoid at an output as an output of its own. Untrained models
 * have logits of 100 and more, of which the sigmoid shows the absolute error and not the relative.
 */
function withLogits(graph: Graph): Graph {
  const logits = graph.outputs.flatMap((output) => {
    const { definition } = output.value;
    if (definition.kind !== 'result' || definition.node.op !== 'sigmoid') return [];
    const [value] = definition.node.operands;
    return value === undefined ? [] : [{ ...output, name: `${output.name}_logits`, value }];
  });
  return { ...graph, outputs: [...graph.outputs, ...logits] };
}

/** Narrow where the model has a width to set: the full ones are compared in ONNX Runtime. */
function modelsOf(file: string): readonly (readonly [string, Graph])[] {
  const hasWidth = /^model \w+\([^{]*\bwidth: int/m.test(readFileSync(join(ROOT, file), 'utf8'));
  const set = hasWidth ? { width: file.includes('zoo') ? '8' : '32' } : {};
  const size = sizeOf(file);
  return [...graphsOf(file, size).keys()].map((model) => [
    model,
    modelOfFile(file, { model, set }).at({ H: size, W: size }),
  ]);
}

describe.each(MODEL_FILES.filter((file) => !file.endsWith('blocks.arch')))('%s', (file) => {
  const graphs = modelsOf(file);
  it.runIf(graphs.length > 0).each(graphs)('%s', async (_, given) => {
    const graph = withLogits(given);
    const weights = initialize(graph.weights, 0);
    const inputs = randomInputs(graph, 1, 4);
    const expected = interpret(graph, weights, inputs);
    const files = emitted(graph, weights);
    for (const backend of ['cpu', 'wasm'] as const) {
      await useBackend(backend);
      expectSame(await runTfjs(files, inputs), expected);
    }
  });
});

describe.each(['cpu', 'wasm'] as const)('on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  describe.each(DYNAMIC_PROGRAMS)('sizes at run time: $name', ({ text, sizes }) => {
    const model = modelOf(text);
    it('of one file, at every size', async () => {
      const first = model.at(sizes[0]);
      const weights = randomWeights(first, 3);
      const loaded = await loadModel(emitted(model.graph, weights));
      for (const [i, size] of sizes.entries()) {
        const fixed = model.at(size);
        const inputs = randomInputs(fixed, 1 + (i % 2), 4);
        expectSame(runLoaded(loaded, inputs), interpret(fixed, weights, inputs));
      }
      loaded.dispose();
    });
  });

  it.each([
    ['SD-UNet', 'models/sdunet.arch', { width: '8', channels: '2', classes: '3' }],
    ['U-Net', 'models/unet.arch', { width: '4' }],
  ])('%s with sizes left open', async (_, file, set) => {
    const model = modelOfFile(file, { model: file.includes('sd') ? 'SDUNet' : 'UNet', set });
    const fixed = model.at({ H: 16, W: 32 });
    await compare(fixed, model.graph, 3);
  });

  it.each([false, true])('with its passes run, weight standardisation kept: %s', async (keepWs) => {
    const set = { width: '8' };
    const graph = modelOfFile('models/sdunet.arch', { model: 'SDUNet', set }).at({ H: 32, W: 16 });
    const weights = randomWeights(graph, 3);
    const inputs = randomInputs(graph, 1, 4);
    const passed = runPasses({ graph, weights }, inferencePasses, { keepWs });
    expect(passed.graph.nodes.some(({ op }) => op === 'standardize')).toBe(keepWs);
    const actual = await runTfjs(emitted(passed.graph, passed.weights ?? weights), inputs);
    expectSame(actual, interpret(graph, weights, inputs));
  });

  it('a weight that two operators want in two forms', async () => {
    const { at, graph } = modelOf(`model M {
      input x: f32[H = 6, W = 5, 3]
      shared f = dense(3)
      output a = x -> conv(3) -> f
      output b = x -> globalavgpool(keepdims = false) -> f
      output c = x -> layernorm -> f -> f
    }`);
    await compare(at());
    await compare(at(), graph);
  });

  it('what does not depend on the input, and an output that is an input', async () => {
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
        x,
        x,
      ];
    });
    await compare(graph);
  });

  it('convolutions that TensorFlow.js lacks', async () => {
    await compare(
      buildGraph((g) => {
        const x = g.input([11, 13, 4]);
        return [
          // Strides and dilations at once.
          ...g.op('conv', [x], { filters: 3, stride: [2, 3], dilation: [3, 2] }),
          ...g.op('dwconv', [x], { stride: [2, 2], dilation: [2, 2], pad: [1, 2, 3, 0] }),
          ...g.op('conv', [x], { filters: 6, groups: 2, stride: [2, 2], dilation: [2, 1] }),
          // A group a channel is depthwise.
          ...g.op('conv', [x], { filters: 8, groups: 4, bias: false }),
          // More is cut off than the kernel is large.
          ...g.op('convtranspose', [x], { filters: 2, k: [2, 2], pad: [3, 0, 1, 2] }),
        ];
      }),
    );
  });
});
