/** `--engine tfjs`: TensorFlow.js in place of the interpreter. */
import { describe, expect, it } from 'vitest';
import { interpret } from '../src/compiler/interpret.js';
import { NO_FILES } from '../src/compiler/modules.js';
import { openTfjsEngine, TFJS_PACKAGES } from '../src/engines/tfjs.js';
import { run } from '../src/run.js';
import { initialize } from '../src/weights/initialize.js';
import { modelOf } from './helpers/onnx-programs.js';
import { randomInputs, relativeError } from './helpers/operator-cases.js';
import { emitted } from './helpers/tfjs-run.js';

const TEXT = `model M {
  input x: f32[6, 8, 2]
  output a = x -> conv(3, stride = 2) -> groupnorm(3) -> relu
  output b = a -> globalavgpool(keepdims = false) -> dense(2)
}
`;
const graph = modelOf(TEXT).at();
const weights = initialize(graph.weights, 0);
const absent = (): Promise<never> => Promise.reject(new Error("Cannot find package 'x'\nat y"));

describe('openTfjsEngine', () => {
  it.each([
    ['tfjs-wasm', TFJS_PACKAGES],
    ['tfjs-cpu', { ...TFJS_PACKAGES, wasm: absent }],
  ])('runs a batch on %s', async (name, packages) => {
    const engine = await openTfjsEngine(emitted(graph, weights), packages);
    if (!engine.ok) throw new Error(engine.diagnostics.map((d) => d.message).join());
    expect(engine.value).toMatchObject({ name, version: '4.22.0' });
    const inputs = randomInputs(graph, 2, 1);
    const outputs = await engine.value.run(inputs);
    const expected = interpret(graph, weights, inputs);
    expect(outputs.ok && [...outputs.value.keys()]).toEqual(['a', 'b']);
    for (const [output, tensor] of expected) {
      const found = outputs.ok ? outputs.value.get(output) : undefined;
      expect(found && relativeError(found, tensor)).toBeLessThanOrEqual(1e-4);
    }
    const wrong = await engine.value.run(
      new Map([['x', { shape: [1, 2], data: new Float32Array(2) }]]),
    );
    expect(wrong.ok ? [] : wrong.diagnostics.map(({ code }) => code)).toEqual(['engine-failed']);
    await engine.value.dispose();
  });

  it('says how to get it, and what it does not accept', async () => {
    const none = await openTfjsEngine([], { core: absent, wasm: absent, webgpu: absent });
    const [problem] = none.ok ? [] : none.diagnostics;
    expect(problem).toMatchObject({
      code: 'engine-missing',
      message: "TensorFlow.js could not be loaded: Cannot find package 'x'",
    });
    expect(problem?.hints[0]).toBe('npm install @tensorflow/tfjs @tensorflow/tfjs-backend-wasm');
    const broken = await openTfjsEngine([{ name: 'model.json', bytes: Uint8Array.of(123) }]);
    expect(broken.ok ? [] : broken.diagnostics.map(({ code }) => code)).toEqual(['engine-failed']);
  });
});

it('is an engine of `run`, with the results of the reference', async () => {
  const tensor = {
    shape: [6, 8, 2],
    data: Float32Array.from({ length: 96 }, (_, i) => Math.sin(i)),
  };
  const source = { path: 'm.arch', text: TEXT };
  const input = [{ tensor, label: 'a test' }];
  const [mine, reference] = await Promise.all(
    (['tfjs', 'reference'] as const).map((engine) => run(source, NO_FILES, input, { engine })),
  );
  expect(mine?.value?.engine.name).toBe('tfjs-wasm');
  for (const [name, expected] of reference?.value?.outputs ?? []) {
    const found = mine?.value?.outputs.get(name);
    expect(found && relativeError(found, expected)).toBeLessThanOrEqual(1e-4);
  }
});
