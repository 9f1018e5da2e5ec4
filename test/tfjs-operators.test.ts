/** Every operator in TensorFlow.js, on its plain and its WebAssembly engine, against the interpreter. */
import { beforeAll, describe, expect, it } from 'vitest';
import { interpret } from '../src/compiler/interpret.js';
import {
  OPERATOR_CASES,
  randomInputs,
  randomWeights,
  relativeError,
} from './helpers/operator-cases.js';
import { emitted, runTfjs, useBackend } from './helpers/tfjs-run.js';

/** As the largest difference, relative to the largest expected number. */
const TOLERANCE = 1e-4;

describe.each(['cpu', 'wasm'] as const)('on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  it.each(OPERATOR_CASES)('$name', async ({ build }) => {
    const graph = build();
    const weights = randomWeights(graph, 1);
    const files = emitted(graph, weights);
    // The batch is free in every model.
    for (const batch of [1, 2]) {
      const inputs = randomInputs(graph, batch, 2);
      const expected = interpret(graph, weights, inputs);
      const actual = await runTfjs(files, inputs);
      expect([...actual.keys()]).toEqual([...expected.keys()]);
      for (const [name, tensor] of expected) {
        const found = actual.get(name);
        expect(found?.shape).toEqual(tensor.shape);
        expect(found && relativeError(found, tensor)).toBeLessThanOrEqual(TOLERANCE);
      }
    }
  });
});
