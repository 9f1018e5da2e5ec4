/**
 * The pipeline: check → choose the model → weights → passes → emit. What it needs of a target it
 * loads when asked for it, so that checking a program loads nothing else.
 */
import { modelNamed, recipeNamed } from './choose.js';
import {
  check,
  deduplicate,
  sizedGraph,
  type CheckedModel,
  type SizeRequest,
} from './compiler/check.js';
import type { Device } from './compiler/device.js';
import { hasErrors, inFile, type Diagnostic, type Outcome } from './compiler/diagnostic.js';
import type { Override } from './compiler/elaborate.js';
import type { Graph, WeightValues } from './compiler/ir.js';
import type { Host, Program } from './compiler/modules.js';
import type { ModelMetadata } from './backends/metadata.js';
import { DEFAULT_OPSET } from './backends/onnx/opsets.js';
import { elementCount, newTensor } from './compiler/ops/tensor.js';
import {
  inferencePasses,
  kernelPasses,
  runPasses,
  type Model,
  type PassName,
} from './compiler/passes/index.js';
import type { JudgedOutput } from './compiler/recipe-fit.js';
import { checkRecipe, recipesOf, type ModelArgument } from './compiler/recipe.js';
import type { WeightType } from './compiler/sizes.js';
import { baseName, type Source } from './compiler/source.js';
import type { Recipe } from './train/recipe.js';
import { initialize } from './weights/initialize.js';
import { VERSION } from './version.js';

export { sizedGraph } from './compiler/check.js';
export { judgedOutputs, type JudgedOutput } from './compiler/recipe-fit.js';

/** A value with what there is to say about it. Undefined where one of the diagnostics is an error. */
export interface Reported<T> {
  readonly value: T | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

/** Which model of a file, and with what. */
export interface ModelRequest {
  /** By default the file's only model, or the one named like the file. */
  readonly model?: string | undefined;
  /** `--set`. */
  readonly overrides?: readonly Override[] | undefined;
  /** `--size`; the defaults of the source otherwise. */
  readonly sizes?: SizeRequest | undefined;
  /** `--device`, for claims of time. */
  readonly device?: Device | undefined;
}

/** A model that has been chosen and checked. */
export interface OpenModel extends CheckedModel {
  readonly graph: Graph;
  readonly program: Program;
}

/** Where weights come from: the bytes of a safetensors file, or a seed (0 by default). */
export interface WeightRequest {
  readonly weights?: { readonly file: string; readonly bytes: Uint8Array } | undefined;
  readonly seed?: number | undefined;
  /** Zeros in place of drawn weights: for the size of an artifact, whose values do not matter. */
  readonly blank?: boolean | undefined;
  /** Told how far the work is, by the name of what takes long. */
  readonly onProgress?: ((work: string, done: number, total: number) => void) | undefined;
}

/** What `WeightRequest` came to. */
export type WeightOrigin = { readonly seed: number } | { readonly file: string };

export const OPTIMIZATION_LEVELS = [0, 1] as const;
/** 0: the graph as the source has it, without dropout. 1: all passes for inference. */
export type OptimizationLevel = (typeof OPTIMIZATION_LEVELS)[number];

const PASSES_OF: Readonly<Record<OptimizationLevel, readonly PassName[]>> = {
  0: ['remove-dropout', 'dead-code'],
  1: inferencePasses,
};

export interface PassRequest {
  /** 1 by default. */
  readonly optimize?: OptimizationLevel | undefined;
  /** Leave weight standardisation in the graph. */
  readonly keepWs?: boolean | undefined;
}

/** What becomes of a model that is known. */
export interface EmitOptions extends WeightRequest, PassRequest {
  readonly target: Target;
  /** 17 to 21; 17 by default. */
  readonly opset?: number | undefined;
  /** `nchw` (the default) or `nhwc` at the inputs and outputs. */
  readonly layout?: 'nchw' | 'nhwc' | undefined;
  /** Leave the batch and symbolic sizes free, as named dimensions. */
  readonly dynamic?: boolean | undefined;
  /** How the kernels of a plan's convolutions and dense layers are kept; `f32` by default. */
  readonly precision?: Precision | undefined;
  /** Blocks become local functions of the ONNX model. */
  readonly keepBlocks?: boolean | undefined;
  /** Put the weights in a file of their own, even below the 2 GiB from which that must be. */
  readonly externalData?: boolean | undefined;
  /** The name of that file, as the model refers to it. */
  readonly externalDataName?: string | undefined;
  /** In what a TensorFlow.js model holds weights: float32 unless given. */
  readonly weightType?: WeightType | undefined;
  /**
   * Of a TensorFlow.js model: `graph` (the default) runs as it is; `layers` can be trained on, takes
   * the classes of `archc/tfjs`, keeps dropout and norms, and has its sizes and float32 fixed.
   */
  readonly format?: TfjsFormat | undefined;
}

export const TFJS_FORMATS = ['graph', 'layers'] as const;
type TfjsFormat = (typeof TFJS_FORMATS)[number];

export interface CompileOptions extends ModelRequest, EmitOptions {}

/** Types of a plan's weights. */
export const PRECISIONS = ['f32', 'f16'] as const;
export type Precision = (typeof PRECISIONS)[number];

export const TARGETS = ['onnx', 'tfjs', 'wgsl'] as const;
export type Target = (typeof TARGETS)[number];

export interface ArtifactFile {
  /** For a file of a folder, its path in there. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** What a target's backend makes. */
interface Emitted {
  /** First the one that refers to the others: an ONNX model before its data. */
  readonly files: readonly [ArtifactFile, ...ArtifactFile[]];
  /** What is particular to the target, to be told: the operator set, the type of weights. */
  readonly facts: Readonly<Record<string, string | number>>;
}

export interface Artifact extends Emitted {
  readonly target: Target;
  /** The model's name. */
  readonly name: string;
  /** Learned weights of the model as the source has it. */
  readonly params: number;
  readonly weights: WeightOrigin;
}

/** Compiles a model to the files of a target. The same arguments give the same bytes. */
export async function compile(
  entry: Source,
  host: Host,
  options: CompileOptions,
): Promise<Reported<Artifact>> {
  const { value: model, diagnostics } = openModel(entry, host, options);
  if (model === undefined) return { value: undefined, diagnostics };
  const emitted = await emitModel(model, options);
  return emitted.ok
    ? { value: emitted.value, diagnostics }
    : { value: undefined, diagnostics: [...diagnostics, ...emitted.diagnostics] };
}

/** Compiles a model that has been checked. */
export async function emitModel(
  model: OpenModel,
  options: EmitOptions,
): Promise<Outcome<Artifact>> {
  const forTraining = options.target === 'tfjs' && options.format === 'layers';
  const graph =
    options.dynamic === true && !forTraining
      ? ({ ok: true, value: model.graph } as const)
      : sizedGraph(model);
  if (!graph.ok) return graph;
  const weights = await weightsOf(graph.value, options);
  if (!weights.ok) return weights;
  const { values, origin } = weights.value;
  const metadata = await metadataOf(model.program, origin);
  const params = trainableElements(model.graph);
  const emitted = await emitGraph(
    { graph: graph.value, weights: values },
    options,
    metadata,
    params,
  );
  if (!emitted.ok) return emitted;
  return {
    ok: true,
    value: {
      target: options.target,
      name: model.name,
      ...emitted.value,
      params,
      weights: origin,
    },
  };
}

/** Compiles a graph as it is, or a part of it, with values for its weights. */
export function emitGraph(
  model: WeightedModel,
  options: EmitOptions,
  metadata: ModelMetadata,
  params = trainableElements(model.graph),
): Promise<Outcome<Emitted>> {
  const forTraining = options.target === 'tfjs' && options.format === 'layers';
  const optimized = forTraining ? model : optimize(model, options);
  return EMITTERS[options.target](optimized, options, metadata, params);
}

/** What an artifact says of where it comes from. */
export async function metadataOf(program: Program, origin: WeightOrigin): Promise<ModelMetadata> {
  return {
    version: VERSION,
    sourceSha256: await sourceSha256(program),
    weights: 'file' in origin ? { file: baseName(origin.file) } : origin,
  };
}

/** One entry a target; what each needs is loaded when it is asked for. */
const EMITTERS: Readonly<
  Record<
    Target,
    (
      model: WeightedModel,
      options: EmitOptions,
      metadata: ModelMetadata,
      params: number,
    ) => Promise<Outcome<Emitted>>
  >
> = {
  async onnx({ graph, weights }, options, metadata) {
    const { emitOnnx } = await import('./backends/onnx/emit.js');
    const opset = options.opset ?? DEFAULT_OPSET;
    const { externalDataName } = options;
    const emitted = emitOnnx(graph, weights, {
      opset,
      layout: options.layout ?? 'nchw',
      dynamic: options.dynamic ?? false,
      keepBlocks: options.keepBlocks ?? false,
      externalData: options.externalData === true ? 'always' : 'auto',
      ...(externalDataName === undefined ? {} : { externalDataName }),
      metadata,
    });
    if (!emitted.ok) return emitted;
    const { model, externalData } = emitted;
    const data =
      externalData === undefined
        ? []
        : [{ name: externalData.fileName, bytes: externalData.bytes }];
    return {
      ok: true,
      value: { files: [{ name: `${graph.name}.onnx`, bytes: model }, ...data], facts: { opset } },
    };
  },
  async tfjs({ graph, weights }, { weightType = 'f32', format = 'graph' }, metadata) {
    if (format === 'layers') {
      const { emitLayers } = await import('./backends/tfjs/layers.js');
      const emitted = emitLayers(graph, weights, metadata);
      if (!emitted.ok) return emitted;
      return { ok: true, value: { files: emitted.files, facts: { format } } };
    }
    const { emitTfjs } = await import('./backends/tfjs/emit.js');
    const emitted = emitTfjs(graph, weights, { weightType, metadata });
    if (!emitted.ok) return emitted;
    return { ok: true, value: { files: emitted.files, facts: { format, weightType } } };
  },
  async wgsl(model, options, metadata, params) {
    const { dynamic = false, optimize: level = 1, precision = 'f32' } = options;
    const { emitWgsl } = await import('./backends/wgsl/emit.js');
    const fused = level === 0 ? model : withWeights(runPasses(model, kernelPasses));
    const emitted = await emitWgsl(fused.graph, fused.weights, {
      dynamic,
      precision,
      metadata,
      params,
    });
    if (!emitted.ok) return emitted;
    const { dispatches, pipelines, arena } = emitted.plan;
    const bytes = arena?.reduce((sum, size) => sum + size, 0);
    return {
      ok: true,
      value: {
        files: emitted.files,
        facts: {
          kernels: dispatches.length,
          pipelines: pipelines.length,
          ...(bytes === undefined ? {} : { arenaBytes: bytes }),
        },
      },
    };
  },
};

/** Checks a program and gives the one model that is asked for. */
export function openModel(
  entry: Source,
  host: Host,
  request: ModelRequest = {},
): Reported<OpenModel> {
  const { model, diagnostics } = examineModel(entry, host, request);
  return { value: hasErrors(diagnostics) ? undefined : model, diagnostics };
}

/** As `openModel`, where the model has a graph but its sizes or claims are at fault. */
export function examineModel(
  entry: Source,
  host: Host,
  request: ModelRequest,
): { readonly model: OpenModel | undefined; readonly diagnostics: readonly Diagnostic[] } {
  let unchosen: readonly Diagnostic[] = [];
  const checked = check(entry, host, {
    ...request,
    model: (names) => {
      const chosen = modelNamed(request.model, names, entry.path);
      if (chosen.ok) return chosen.value;
      unchosen = chosen.diagnostics;
      return undefined;
    },
  });
  const { program, valid } = checked;
  // Where the file has errors of its own, they may be why the model is not there.
  const diagnostics = valid ? [...checked.diagnostics, ...unchosen] : checked.diagnostics;
  const [model] = checked.models;
  if (model?.graph === undefined) return { model: undefined, diagnostics };
  return { model: { ...model, graph: model.graph, program }, diagnostics };
}

/** A recipe that a file declares, for lists of them. */
export interface RecipeInfo {
  readonly name: string;
  /** Its `##` lines. */
  readonly doc: string;
  /** As written: `SDUNet(width = 16)`. */
  readonly model: string;
  /** What `--set` reaches first. */
  readonly parameters: readonly { readonly name: string; readonly doc: string }[];
}

/** The recipes of a program's own file, in the order of its text. */
export function listRecipes(program: Program): readonly RecipeInfo[] {
  return recipesOf(program.entry).map(({ name, doc, model: { span }, parameters }) => ({
    name: name.text,
    doc,
    model: span.source.text.slice(span.start, span.end),
    parameters: parameters.map((p) => ({ name: p.name.text, doc: p.doc })),
  }));
}

/** Which recipe of a file, and with what. */
export interface RecipeRequest {
  /** `--recipe`; by default the file's only one. */
  readonly recipe?: string | undefined;
  /** `--set`: parameters of the recipe come first, then those of its model. */
  readonly overrides?: readonly Override[] | undefined;
  /** The size of the images, where neither a crop nor drawn data say it. */
  readonly sizes?: SizeRequest | undefined;
}

/** A recipe that has been checked, with the model that it trains. */
export interface OpenRecipe {
  readonly recipe: Recipe;
  /**
   * With the recipe's arguments, under the name that `for` gives. `staticGraph` has the size of a
   * training image. Claims are not checked: they are about the model as it is deployed.
   */
  readonly model: OpenModel;
  /** What the losses judge, in `model.graph`; for another graph of the model see `judgedOutputs`. */
  readonly outputs: readonly JudgedOutput[];
  /** What the recipe and `--set` pass to the model, as `--set name=value` takes it. */
  readonly arguments: readonly ModelArgument[];
}

/** Checks a program and gives the one recipe that is asked for. */
export function openRecipe(
  entry: Source,
  host: Host,
  request: RecipeRequest = {},
): Reported<OpenRecipe> {
  const { program, diagnostics, valid } = check(entry, host, { model: () => undefined });
  const recipes = recipesOf(program.entry);
  const names = recipes.map((r) => r.name.text);
  const chosen = recipeNamed(request.recipe, names, entry.path);
  // Where the file has errors of its own, they may be why the recipe is not there.
  if (!chosen.ok) {
    const all = valid ? [...diagnostics, ...chosen.diagnostics] : diagnostics;
    return { value: undefined, diagnostics: all };
  }
  const declaration = recipes.find((r) => r.name.text === chosen.value);
  if (declaration === undefined) return { value: undefined, diagnostics };
  const checked = checkRecipe(program, declaration, request);
  const all = deduplicate([...diagnostics, ...checked.diagnostics]);
  const { recipe, model, sized, outputs } = checked;
  if (hasErrors(all) || recipe === undefined || model?.graph === undefined) {
    return { value: undefined, diagnostics: all };
  }
  const { sizes, graph: staticGraph } = sized;
  const open: OpenModel = {
    ...model,
    graph: model.graph,
    sizes,
    staticGraph,
    claimResults: [],
    program,
  };
  const value = { recipe, model: open, outputs, arguments: checked.arguments };
  return { value, diagnostics: all };
}

/** Values for every weight of a graph. */
export async function weightsOf(
  graph: Graph,
  request: WeightRequest,
): Promise<Outcome<{ readonly values: WeightValues; readonly origin: WeightOrigin }>> {
  const { weights: file, seed = 0, onProgress } = request;
  if (request.blank === true) {
    const values = new Map(graph.weights.map(({ name, shape }) => [name, newTensor(shape)]));
    return { ok: true, value: { values, origin: { seed } } };
  }
  if (file === undefined) {
    const total = graph.weights.reduce((sum, { shape }) => sum + elementCount(shape), 0);
    let done = 0;
    const values = graph.weights.flatMap((weight) => {
      onProgress?.('drawing weights', done, total);
      done += elementCount(weight.shape);
      return [...initialize([weight], seed)];
    });
    return { ok: true, value: { values: new Map(values), origin: { seed } } };
  }
  const [{ readSafetensors }, { matchWeights }, { weightsAlone, trainedAs, trainedHint }] =
    await Promise.all([
      import('./weights/safetensors.js'),
      import('./weights/match.js'),
      import('./weights/trained.js'),
    ]);
  const read = readSafetensors(file.bytes);
  if (!read.ok) return inFile(file.file, read);
  const matched = matchWeights(graph.weights, weightsAlone(read.value.tensors));
  if (matched.ok)
    return { ok: true, value: { values: matched.value, origin: { file: file.file } } };
  const trained = trainedAs(read.value.metadata);
  const said = trained === undefined ? [] : [trainedHint(trained, graph.name)];
  // There may be a hundred: once, where a reader's eyes are at the end.
  const diagnostics = inFile(file.file, matched).diagnostics.map((each, i, all) =>
    i === all.length - 1 ? { ...each, hints: [...said, ...each.hints] } : each,
  );
  return { ok: false, diagnostics };
}

export type WeightedModel = Model & { readonly weights: WeightValues };

/** The model after the passes of its level. */
export function optimize(
  model: WeightedModel,
  { optimize: level = 1, keepWs = false }: PassRequest,
): WeightedModel {
  return withWeights(runPasses(model, PASSES_OF[level], { keepWs }));
}

function withWeights({ graph, weights }: Model): WeightedModel {
  if (weights === undefined) throw new Error('a pass has lost the weights');
  return { graph, weights };
}

function trainableElements(graph: Graph): number {
  return graph.weights
    .filter((weight) => weight.trainable)
    .reduce((sum, { shape }) => sum + elementCount(shape), 0);
}

/**
 * The SHA-256, in hexadecimal, of the program's files one after the other, the compiled one first
 * and the others in the order of their import. The standard library is left out: the version of
 * archc says which it was.
 */
async function sourceSha256(program: Program): Promise<string> {
  const texts = program.modules.filter((m) => !m.isStandard).map((m) => m.file.source.text);
  const bytes = new TextEncoder().encode(texts.join(''));
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
