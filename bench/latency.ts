/** How long one image takes in ONNX Runtime on the processor, several models in turns. */
import { sizedGraph, type OpenModel } from '../src/compile.js';
import { inputName, type Graph, type Tensor } from '../src/compiler/ir.js';
import { elementCount } from '../src/compiler/ops/tensor.js';
import { ENGINE_OPENERS } from '../src/run.js';
import { uniformStream } from '../src/weights/random.js';
import { interleaveAsync, type Times } from './measure.js';

export interface Latencies {
  readonly engine: { readonly name: string; readonly version: string };
  /** In the order of the models, in milliseconds. */
  readonly times: readonly Times[];
}

/**
 * Times of one image through each model with initial weights: after a run of each to warm up,
 * `rounds` runs of each in turns, so that what else the machine does meets all alike. Throws where
 * a model has no size or the engine fails.
 */
export async function measureLatency(
  models: readonly OpenModel[],
  rounds: number,
): Promise<Latencies> {
  const opened = await Promise.all(models.map(openRunner));
  const [first] = opened;
  if (first === undefined) throw new Error('no model to measure');
  for (const { run } of opened) await run();
  const times = await interleaveAsync(
    rounds,
    opened.map(({ run }) => run),
  );
  for (const { engine } of opened) await engine.dispose();
  return { engine: { name: first.engine.name, version: first.engine.version }, times };
}

async function openRunner(model: OpenModel) {
  const graph = sizedGraph(model);
  if (!graph.ok) throw new Error(`${model.name} has no size`);
  const ready = await ENGINE_OPENERS.onnx(model, graph.value, { seed: 0 });
  if (!ready.ok) throw new Error(ready.diagnostics.map(({ message }) => message).join('\n'));
  const { engine } = ready.value;
  const inputs = noise(graph.value);
  const run = async (): Promise<void> => {
    const result = await engine.run(inputs);
    if (!result.ok) throw new Error(result.diagnostics.map(({ message }) => message).join('\n'));
  };
  return { engine, run };
}

/** One image for each input, uniform between 0 and 1. */
function noise(graph: Graph): ReadonlyMap<string, Tensor> {
  return new Map(
    graph.inputs.map((value) => {
      const shape = [1, ...value.type.shape.map(Number)];
      const uniform = uniformStream(0, inputName(value));
      const data = Float32Array.from({ length: elementCount(shape) }, () => uniform());
      return [inputName(value), { shape, data }];
    }),
  );
}
