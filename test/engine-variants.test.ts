/** Every way in which a compiled model is run, each on its runtime. */
import { describe, expect, it } from 'vitest';
import { emitModel, openModel, sizedGraph } from '../src/compile.js';
import type { Outcome } from '../src/compiler/diagnostic.js';
import { interpret } from '../src/compiler/interpret.js';
import { NO_FILES } from '../src/compiler/modules.js';
import { onnxSpec } from '../src/engines/open.js';
import { RUNTIME_LOADERS, RUNTIMES } from '../src/engines/runtimes.js';
import { ENGINE_VARIANTS, variantsNamed } from '../src/engines/variants.js';
import { openTfjsEngine, TFJS_PACKAGES } from '../src/engines/tfjs.js';
import { TOLERANCES } from '../src/verify/yardstick.js';
import { initialize } from '../src/weights/initialize.js';
import { loadVulkan } from './helpers/swiftshader.js';
import { randomInputs, relativeError } from './helpers/operator-cases.js';

const TEXT = `model M {
  input x: f32[6, 8, 2]
  output y = x -> conv(4, ws = true) -> groupnorm(2) -> relu -> dwconv(ws = true) -> conv(2)
}
`;

function valueOf<T>(outcome: Outcome<T>): T {
  if (outcome.ok) return outcome.value;
  throw new Error(outcome.diagnostics.map(({ message }) => message).join('\n'));
}

const model = openModel({ path: 'm.arch', text: TEXT }, NO_FILES).value;
if (model === undefined) throw new Error('the model does not check');
const graph = valueOf(sizedGraph(model));
const inputs = randomInputs(graph, 2, 1);
const expected = interpret(graph, initialize(graph.weights, 0), inputs);

describe('ENGINE_VARIANTS', () => {
  it('are what there is, each by a name of its own', () => {
    const names = ENGINE_VARIANTS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(new Set(ENGINE_VARIANTS.map(({ runtime }) => runtime))).toEqual(
      new Set(['reference', ...RUNTIMES]),
    );
    for (const name of [
      'onnxruntime-node-opset17',
      'onnxruntime-web-opset21-unfolded',
      'tfjs-webgpu-f32',
      'tfjs-wasm-u8',
      'wgsl-f32-unfolded',
    ]) {
      expect(names).toContain(name);
    }
  });

  it('are chosen by name or by its first words', () => {
    const named = (name: string): readonly string[] => variantsNamed(name).map((v) => v.name);
    expect(named('reference')).toEqual(['reference']);
    expect(named('onnxruntime-node-opset17')).toEqual(['onnxruntime-node-opset17']);
    expect(named('wgsl')).toEqual(['wgsl-f32', 'wgsl-f32-unfolded', 'wgsl-f16']);
    expect(named('onnx')).toHaveLength(8);
    expect(named('tfjs-w')).toEqual([]);
  });
});

describe('RUNTIME_LOADERS', () => {
  const compiled = ENGINE_VARIANTS.flatMap(({ name, runtime, form, weights }) =>
    runtime === 'reference' ? [] : [{ name, runtime, form, weights }],
  );
  it.each(compiled)('$name runs', async ({ runtime, form, weights }) => {
    loadVulkan();
    const { files } = valueOf(await emitModel(model, form));
    const engine = valueOf(await RUNTIME_LOADERS[runtime]({ files, spec: onnxSpec(graph) }));
    expect(engine.name).toBe(runtime);
    expect(engine.version).toMatch(/^\d+\.\d+\.\d+/);
    expect(engine.adapter === undefined).toBe(!/webgpu|wgsl/.test(runtime));
    const outputs = valueOf(await engine.run(inputs));
    for (const [output, tensor] of expected) {
      const found = outputs.get(output);
      expect(found && relativeError(found, tensor)).toBeLessThanOrEqual(TOLERANCES[weights].least);
    }
    await engine.dispose();
  });

  it('does not give way to another backend', async () => {
    const absent = (): Promise<never> => Promise.reject(new Error("Cannot find package 'x'"));
    const packages = { ...TFJS_PACKAGES, wasm: absent };
    const none = await openTfjsEngine([], packages, ['wasm']);
    expect(none).toMatchObject({
      diagnostics: [
        { code: 'engine-missing', hints: ['npm install @tensorflow/tfjs-backend-wasm'] },
      ],
    });
  });
});
