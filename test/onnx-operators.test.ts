/** Every operator in ONNX Runtime against the reference interpreter, at opsets 17 and 21. */
import { describe, expect, it } from 'vitest';
import { interpret } from '../src/compiler/interpret.js';
import { CORE, COMPOSITE } from '../src/compiler/ops/index.js';
import { emitted, runOnnx } from './helpers/onnx-run.js';
import {
  casesOf,
  OPERATOR_CASES,
  randomInputs,
  randomWeights,
  relativeError,
  type CaseName,
} from './helpers/operator-cases.js';

/** As the largest difference, relative to the largest expected number. */
const TOLERANCE = 1e-4;

it('has two cases or more for every operator', () => {
  const names = Object.keys({ ...CORE, ...COMPOSITE }) as CaseName[];
  expect(names.filter((op) => casesOf(op).length < 2)).toEqual([]);
});

describe.each([17, 18, 20, 21])('opset %i', (opset) => {
  it.each(OPERATOR_CASES)('$name', async ({ build }) => {
    const graph = build();
    const weights = randomWeights(graph, 1);
    const inputs = randomInputs(graph, 1, 2);
    const expected = interpret(graph, weights, inputs);
    const actual = await runOnnx(emitted(graph, weights, { opset }), inputs);
    expect([...actual.keys()]).toEqual([...expected.keys()]);
    for (const [name, tensor] of expected) {
      const found = actual.get(name);
      expect(found?.shape).toEqual(tensor.shape);
      expect(found && relativeError(found, tensor)).toBeLessThanOrEqual(TOLERANCE);
    }
  });
});
