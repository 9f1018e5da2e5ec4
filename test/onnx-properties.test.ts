/** Random windows and sizes in ONNX Runtime against the reference interpreter. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { interpret } from '../src/compiler/interpret.js';
import { modelOf, type ProgramModel } from './helpers/onnx-programs.js';
import { emitted, runOnnx } from './helpers/onnx-run.js';
import { randomInputs, randomWeights, relativeError } from './helpers/operator-cases.js';

const WINDOWS = ['conv(2, ', 'dwconv(', 'maxpool(', 'avgpool('];
const size = fc.integer({ min: 1, max: 12 });
const small = fc.integer({ min: 1, max: 5 });

it('windows of every kind, and images brought to their sizes and back', async () => {
  let compared = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...WINDOWS),
      fc.tuple(size, size),
      fc.tuple(small, small),
      fc.tuple(small, small),
      fc.constantFrom('same', 'valid', '[0, 1, 1, 0]'),
      async (op, [H, W], k, stride, pad) => {
        const text = `model M {
          input x: f32[H, W, 2]
          y = x -> ${op}k = [${k.join()}], stride = [${stride.join()}], pad = ${pad})
          output a = y
          output b = y -> resize(x.height, x.width)
          output c = x -> resize(y.height, y.width)
          output d = x -> resize(y.height, y.width, bilinear)
        }`;
        const model = fitting(text, { H, W });
        if (model === undefined) return;
        const fixed = model.at({ H, W });
        const weights = randomWeights(fixed, 3);
        for (const { graph, dynamic, batch } of [
          { graph: fixed, dynamic: false, batch: 1 },
          { graph: model.graph, dynamic: true, batch: 2 },
        ]) {
          const inputs = randomInputs(fixed, batch, 4);
          const actual = await runOnnx(emitted(graph, weights, { dynamic }), inputs);
          for (const [name, tensor] of interpret(fixed, weights, inputs)) {
            const found = actual.get(name);
            expect(found && relativeError(found, tensor)).toBeLessThanOrEqual(1e-4);
          }
        }
        compared++;
      },
    ),
    { numRuns: 120, seed: 1 },
  );
  expect(compared).toBeGreaterThan(60);
});

/** The model, unless the window does not fit the image. */
function fitting(text: string, sizes: Readonly<Record<string, number>>): ProgramModel | undefined {
  try {
    const model = modelOf(text);
    model.at(sizes);
    return model;
  } catch {
    return undefined;
  }
}
