/** The reference interpreter as an engine. */
import { interpret } from '../compiler/interpret.js';
import type { Graph, WeightValues } from '../compiler/ir.js';
import { engineFailed, type Engine } from './engine.js';

const NAME = 'reference';

/** An engine over a graph whose every size is a number (see `specialize`). `version` is archc's. */
export function referenceEngine(graph: Graph, weights: WeightValues, version: string): Engine {
  return {
    name: NAME,
    version,
    run(inputs, onProgress) {
      try {
        return Promise.resolve({ ok: true, value: interpret(graph, weights, inputs, onProgress) });
      } catch (error) {
        return Promise.resolve(engineFailed(NAME, error));
      }
    },
    dispose: () => Promise.resolve(),
  };
}
