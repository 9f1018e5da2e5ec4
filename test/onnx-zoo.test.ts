/** Every model of models/, at full width and a small size, in ONNX Runtime against the interpreter. */
import { describe, expect, it } from 'vitest';
import { interpret } from '../src/compiler/interpret.js';
import { initialize } from '../src/weights/initialize.js';
import { emitted, runOnnx } from './helpers/onnx-run.js';
import { randomInputs, relativeError } from './helpers/operator-cases.js';
import { graphsOf, MODEL_FILES } from './helpers/zoo.js';

/** Height and width: the smallest that the facts of the models allow. */
const sizeOf = (file: string): number => (/resnet|mobilenet/.test(file) ? 32 : 16);
const TOLERANCE = 1e-4;

describe.each(MODEL_FILES.filter((file) => !file.endsWith('blocks.arch')))('%s', (file) => {
  const graphs = [...graphsOf(file, sizeOf(file))];
  it.runIf(graphs.length > 0).each(graphs)(
    '%s gives the same at opsets 17 and 21',
    async (_, graph) => {
      const weights = initialize(graph.weights, 0);
      const inputs = randomInputs(graph, 1, 4);
      const expected = interpret(graph, weights, inputs);
      for (const opset of [17, 21]) {
        const actual = await runOnnx(emitted(graph, weights, { opset }), inputs);
        for (const [name, tensor] of expected) {
          const found = actual.get(name);
          expect(found?.shape).toEqual(tensor.shape);
          expect(found && relativeError(found, tensor)).toBeLessThanOrEqual(TOLERANCE);
        }
      }
    },
  );
});
