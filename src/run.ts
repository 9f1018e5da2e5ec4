/** Compiles a model in memory and runs it on an engine. */
import {
  compile,
  examineModel,
  openModel,
  optimize,
  sizedGraph,
  sizeNeeded,
  weightsOf,
  type ModelRequest,
  type OpenModel,
  type Reported,
  type WeightOrigin,
  type WeightRequest,
} from './compile.js';
import { diagnostic, type Diagnostic, type Outcome } from './compiler/diagnostic.js';
import { inputName, type Graph, type Tensor, type Value } from './compiler/ir.js';
import type { Host } from './compiler/modules.js';
import { didYouMean } from './compiler/names.js';
import { formatDim, formatShape, isSymbolic, symbolsOf, type Sizes } from './compiler/shape.js';
import type { Source, Span } from './compiler/source.js';
import type { Engine } from './engines/engine.js';
import { VERSION } from './version.js';

export const ENGINES = ['onnx', 'reference'] as const;
/** `onnx`: ONNX Runtime, which has to be installed. `reference`: the interpreter, slow and plain. */
export type EngineName = (typeof ENGINES)[number];

/** What flows into an input of the model. */
export interface RunInput {
  /** The input's name; may be left out where the model has one. */
  readonly name?: string | undefined;
  /** Of the input's shape (channels last), or with a batch in front of it; `[H, W]` does for `[H, W, 1]`. */
  readonly tensor: Tensor;
  /** What messages call it: the name of its file. */
  readonly label: string;
  /** Where it was asked for, to point at. */
  readonly span?: Span | undefined;
}

export interface RunOptions extends ModelRequest, WeightRequest {
  /** `onnx` by default. */
  readonly engine?: EngineName | undefined;
  /** Asked once the model is known and before anything runs; an error stops it there. */
  readonly accept?: ((graph: Graph) => readonly Diagnostic[]) | undefined;
}

export interface RunResult {
  /** The model's name. */
  readonly name: string;
  readonly engine: { readonly name: string; readonly version: string };
  /** `[N, …]` by the name of the output. */
  readonly outputs: ReadonlyMap<string, Tensor>;
  readonly weights: WeightOrigin;
  /** Of the inference alone, without compiling and loading. */
  readonly milliseconds: number;
}

/**
 * Runs a model. Sizes follow from the inputs, so facts and claims are checked at those.
 * Diagnostics: those of `check`, `input-mismatch`, and those of weights and engines.
 */
export async function run(
  entry: Source,
  host: Host,
  inputs: readonly RunInput[],
  options: RunOptions = {},
): Promise<Reported<RunResult>> {
  // Once to know the inputs, and once more at the sizes of what flows into them.
  const first = examineModel(entry, host, options);
  if (first.model === undefined) return { value: undefined, diagnostics: first.diagnostics };
  const assigned = assignInputs(first.model.graph, inputs);
  if (!assigned.ok) return failed(assigned.diagnostics);
  const sizes = sizesOf(first.model.graph, assigned.value);
  if (!sizes.ok) return failed(sizes.diagnostics);
  const span = inputs.find((input) => input.span !== undefined)?.span;
  const opened = openModel(entry, host, {
    ...options,
    sizes: {
      named: new Map([...sizes.value, ...(options.sizes?.named ?? [])]),
      ...(options.sizes?.image === undefined ? {} : { image: options.sizes.image }),
      ...(span === undefined ? {} : { span }),
    },
  });
  const model = opened.value;
  if (model === undefined) return { value: undefined, diagnostics: opened.diagnostics };
  const stop = (more: readonly Diagnostic[]): Reported<never> => ({
    value: undefined,
    diagnostics: [...opened.diagnostics, ...more],
  });
  const graph = sizedGraph(model);
  if (graph === undefined) return stop([sizeNeeded(model)]);
  const batches = batchInputs(graph, assigned.value);
  if (!batches.ok) return stop(batches.diagnostics);
  const refused = options.accept?.(graph) ?? [];
  if (refused.some((d) => d.severity === 'error')) return stop(refused);

  const engine = await openEngine(entry, host, model, graph, options);
  if (!engine.ok) return stop(engine.diagnostics);
  const { engine: opener, origin } = engine.value;
  const start = performance.now();
  const outputs = await opener.run(batches.value);
  const milliseconds = performance.now() - start;
  await opener.dispose();
  if (!outputs.ok) return stop(outputs.diagnostics);
  return {
    value: {
      name: model.name,
      engine: { name: opener.name, version: opener.version },
      outputs: outputs.value,
      weights: origin,
      milliseconds,
    },
    diagnostics: [...opened.diagnostics, ...refused],
  };
}

function failed(diagnostics: readonly Diagnostic[]): Reported<never> {
  return { value: undefined, diagnostics };
}

interface OpenedEngine {
  readonly engine: Engine;
  readonly origin: WeightOrigin;
}
