/** How long one image takes in ONNX Runtime on the processor, several models in turns. */
import { bench } from '../src/bench/bench.js';
import type { Times } from '../src/bench/times.js';
import type { OpenModel } from '../src/compile.js';
import type { Diagnostic } from '../src/compiler/diagnostic.js';

export interface Latencies {
  readonly engine: { readonly name: string; readonly version: string };
  /** In the order of the models, in milliseconds. */
  readonly times: readonly Pick<Times, 'min' | 'median'>[];
}

/**
 * Times of one image through each model with initial weights, `rounds` runs of each. Throws where
 * a model has no size or the engine fails.
 */
export async function measureLatency(
  models: readonly OpenModel[],
  rounds: number,
): Promise<Latencies> {
  const measured = await bench(models, { engines: ['onnx'], runs: rounds });
  if (!measured.ok) throw failure(measured.diagnostics);
  const { engines, missing, results } = measured.value;
  const [engine] = engines;
  if (engine === undefined) throw failure(missing.map(({ diagnostic }) => diagnostic));
  const times = results.map((result) => {
    if (!result.ok) throw failure(result.diagnostics);
    return result.milliseconds;
  });
  return { engine: { name: engine.name, version: engine.version }, times };
}

function failure(diagnostics: readonly Diagnostic[]): Error {
  return new Error(diagnostics.map(({ message }) => message).join('\n'));
}
