/** A model, its weights and an input through every engine, and one verdict. */
import {
  metadataOf,
  openModel,
  optimize,
  sizedGraph,
  weightsOf,
  type ModelRequest,
  type Reported,
  type WeightedModel,
  type WeightOrigin,
  type WeightRequest,
} from '../compile.js';
import type { Graph } from '../compiler/ir.js';
import type { Host } from '../compiler/modules.js';
import type { Source } from '../compiler/source.js';
import { noiseFor } from '../engines/noise.js';
import { ENGINE_VARIANTS, type EngineVariant } from '../engines/variants.js';
import { openOnInputs, type ModelOnInputs, type RunInput } from '../run.js';
import { compareVariants, isAtFault, type Comparison } from './compare.js';
import { HERE, type JobRunner } from './job.js';
import { atSmallSizes } from './sizes.js';
import { TOLERANCE } from './yardstick.js';

/** More than one, so that images that are mixed up show. */
export const IMAGES = 2;

export interface CompareOptions extends ModelRequest, WeightRequest {
  /** `ENGINE_VARIANTS` unless given. */
  readonly variants?: readonly EngineVariant[] | undefined;
  /** Of float32 engines; unless given `TOLERANCE`, or what rounding explains where that is more. */
  readonly tolerance?: number | undefined;
  /** What flows in; noise of the weights' seed unless given. */
  readonly inputs?: readonly RunInput[] | undefined;
  /** Images of noise; `IMAGES` unless given. */
  readonly images?: number | undefined;
  /** Where engines run: in this process unless given. */
  readonly runner?: JobRunner | undefined;
}

export interface EngineComparison extends Comparison {
  /** The model's name. */
  readonly name: string;
  readonly file: string;
  readonly inputs: readonly { readonly name: string; readonly shape: readonly number[] }[];
  readonly images: number;
  /** Whether the sizes are small ones that nobody asked for. */
  readonly isSmall: boolean;
  readonly weights: WeightOrigin;
  readonly tolerance: number;
  /** Whether no engine that is present is at fault. */
  readonly ok: boolean;
}

/**
 * Compares what engines compute with the interpreter. Sizes are those of `inputs`, else `sizes`, else
 * small ones that the model's facts allow. Diagnostics: what is wrong with the model, the inputs or the
 * weights, and not what engines do: that is in the result.
 */
export async function compareEngines(
  entry: Source,
  host: Host,
  options: CompareOptions = {},
): Promise<Reported<EngineComparison>> {
  const opened = openSubject(entry, host, options);
  if (opened.value === undefined) return { value: undefined, diagnostics: opened.diagnostics };
  const { model, graph, tensors, isSmall } = opened.value;
  const weights = await weightsOf(graph, options);
  if (!weights.ok) {
    return { value: undefined, diagnostics: [...opened.diagnostics, ...weights.diagnostics] };
  }
  const { values, origin } = weights.value;
  const { tolerance, variants = ENGINE_VARIANTS, runner = HERE, onProgress } = options;
  const hasWs = standardizes({ graph, weights: values });
  const comparison = await compareVariants(
    {
      graph,
      weights: values,
      metadata: await metadataOf(model.program, origin),
      inputs: tensors,
    },
    {
      variants: variants.filter(({ form }) => form.keepWs !== true || hasWs),
      tolerance,
      runner,
      onProgress,
    },
  );
  const shapes = [...tensors].map(([name, { shape }]) => ({ name, shape: shape.slice(1) }));
  return {
    value: {
      ...comparison,
      name: model.name,
      file: entry.path,
      inputs: shapes,
      images: [...tensors.values()][0]?.shape[0] ?? 0,
      isSmall,
      weights: origin,
      tolerance: tolerance ?? TOLERANCE,
      ok: !comparison.engines.some(isAtFault),
    },
    diagnostics: [...opened.diagnostics, ...comparison.remarks],
  };
}

type Opened = ModelOnInputs & { readonly isSmall: boolean };

function openSubject(entry: Source, host: Host, options: CompareOptions): Reported<Opened> {
  if (options.inputs !== undefined) {
    const { value, diagnostics } = openOnInputs(entry, host, options.inputs, options);
    return { value: value === undefined ? undefined : { ...value, isSmall: false }, diagnostics };
  }
  const { value: model, diagnostics } = openModel(entry, host, options);
  if (model === undefined) return { value: undefined, diagnostics };
  const small = options.sizes === undefined ? atSmallSizes(model) : undefined;
  const graph = small === undefined ? sizedGraph(model) : ({ ok: true, value: small } as const);
  if (!graph.ok) return { value: undefined, diagnostics: [...diagnostics, ...graph.diagnostics] };
  const tensors = noiseFor(graph.value, options.images ?? IMAGES, options.seed);
  return {
    value: { model, graph: graph.value, tensors, isSmall: small !== undefined },
    diagnostics,
  };
}

/** Whether folding weight standardisation makes another graph. */
function standardizes(model: WeightedModel): boolean {
  const nodes = (keepWs: boolean): Graph['nodes'] => optimize(model, { keepWs }).graph.nodes;
  return nodes(true).length !== nodes(false).length;
}
