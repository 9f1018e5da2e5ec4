/** Whole models in ONNX Runtime: sizes at run time, layouts at the borders, blocks as functions. */
import { describe, expect, it } from 'vitest';
import { interpret } from '../src/compiler/interpret.js';
import type { Graph } from '../src/compiler/ir.js';
import type { OnnxOptions } from '../src/backends/onnx/emit.js';
import { modelOf, modelOfFile } from './helpers/onnx-programs.js';
import { emitted, runOnnx } from './helpers/onnx-run.js';
import { randomInputs, randomWeights, relativeError } from './helpers/operator-cases.js';

const TOLERANCE = 1e-4;

/** Runs a model that was made of `graph`, or of `fixed` itself, and compares it with `fixed`. */
async function expectSame(
  fixed: Graph,
  options: Partial<OnnxOptions>,
  { graph = fixed, batch = 1 }: { graph?: Graph; batch?: number } = {},
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

const small = { set: { width: '8' } };

describe.each([17, 21])('models at opset %i', (opset) => {
  it('SD-UNet', async () => {
    await expectSame(
      modelOfFile('models/sdunet.arch', { model: 'SDUNet', ...small }).at({ H: 32, W: 16 }),
      { opset },
    );
  });
  it('SD-UNet with blocks kept', async () => {
    await expectSame(
      modelOfFile('models/sdunet.arch', { model: 'SDUNet', ...small }).at({ H: 16, W: 32 }),
      { opset, keepBlocks: true },
    );
  });
});
