/** Every operator in TensorFlow.js on WebGPU, against the interpreter. */
import { expect, it } from 'vitest';
import { interpret } from '../src/compiler/interpret.js';
import { openTfjsEngine } from '../src/engines/tfjs.js';
import {
  OPERATOR_CASES,
  randomInputs,
  randomWeights,
  relativeError,
} from './helpers/operator-cases.js';
import { loadVulkan } from './helpers/swiftshader.js';
import { emitted } from './helpers/tfjs-run.js';
import { joinGraphs } from './helpers/wgsl-run.js';

/** As the largest difference, relative to the largest expected number. */
const TOLERANCE = 1e-4;

it('every operator, of several images', async () => {
  loadVulkan();
  const graph = joinGraphs(new Map(OPERATOR_CASES.map(({ name, build }) => [name, build()])));
  const weights = randomWeights(graph, 1);
  const opened = await openTfjsEngine(emitted(graph, weights), undefined, ['webgpu']);
  if (!opened.ok) throw new Error(opened.diagnostics.map(({ message }) => message).join('\n'));
  const engine = opened.value;
  expect(engine.name).toBe('tfjs-webgpu');
  const inputs = randomInputs(graph, 2, 2);
  const ran = await engine.run(inputs);
  if (!ran.ok) throw new Error(ran.diagnostics.map(({ message }) => message).join('\n'));
  const wrong = [...interpret(graph, weights, inputs)].flatMap(([name, tensor]) => {
    const found = ran.value.get(name);
    const error = found === undefined ? Number.NaN : relativeError(found, tensor);
    return error <= TOLERANCE ? [] : [{ name, error }];
  });
  expect(wrong).toEqual([]);
  await engine.dispose();
});
