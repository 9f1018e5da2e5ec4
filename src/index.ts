/**
 * archc as a library: from `.arch` text to checked graphs, figures, formatted text, ONNX models and
 * results. Nothing here reads a file: imports are read through a `Host`.
 *
 * What a user wrote wrong comes back as diagnostics, never as an exception.
 */
export {
  compile,
  emitModel,
  judgedOutputs,
  listRecipes,
  openModel,
  openRecipe,
  OPTIMIZATION_LEVELS,
  optimize,
  sizedGraph,
  TARGETS,
  weightsOf,
  type Artifact,
  type ArtifactFile,
  type CompileOptions,
  type EmitOptions,
  type JudgedOutput,
  type ModelRequest,
  type OpenModel,
  type OpenRecipe,
  type OptimizationLevel,
  type PassRequest,
  type RecipeInfo,
  type RecipeRequest,
  type Reported,
  type Target,
  type WeightOrigin,
  type WeightRequest,
} from './compile.js';
export {
  ENGINES,
  run,
  type EngineName,
  type RunInput,
  type RunOptions,
  type RunResult,
} from './run.js';
export { ENGINE_VARIANTS, variantsNamed, type EngineVariant } from './engines/variants.js';
export type {
  Comparison,
  EngineResult,
  EngineStatus,
  LeftOut,
  OutputVerdict,
} from './verify/compare.js';
export type { Job, JobResult, JobRunner } from './verify/job.js';
export { compareEngines, type CompareOptions, type EngineComparison } from './verify/verify.js';
export { format, type Formatted } from './format/format.js';

export type * from './compiler/ast.js';
export {
  check,
  type Checked,
  type CheckedModel,
  type CheckOptions,
  type SizeRequest,
} from './compiler/check.js';
export type { ClaimResult } from './compiler/claims.js';
export { callsOf } from './compiler/conventions/calls.js';
export { countBy, type ConventionCount, type OperatorCalls } from './compiler/conventions/count.js';
export type { Call, Convention, Rule, Unit } from './compiler/conventions/convention.js';
export {
  CONVENTION_NAMES,
  CONVENTIONS,
  type ConventionName,
} from './compiler/conventions/index.js';
export { CODES, type Code, type CodeInfo } from './compiler/codes.js';
export { readDevice, type Device } from './compiler/device.js';
export {
  hasErrors,
  type Diagnostic,
  type Label,
  type Outcome,
  type Severity,
} from './compiler/diagnostic.js';
export {
  diffModels,
  type Change,
  type DiffLayer,
  type DiffWeight,
  type LayerDiff,
  type ModelDiff,
  type WeightDiff,
  type WeightPair,
} from './compiler/diff.js';
export type { Override } from './compiler/elaborate.js';
export { interpret } from './compiler/interpret.js';
export {
  inputName,
  type Attributes,
  type Graph,
  type Node,
  type Origin,
  type Output,
  type SymbolInfo,
  type Tensor,
  type TensorType,
  type Value,
  type Weight,
  type WeightValues,
} from './compiler/ir.js';
export {
  activationMemory,
  type ActivationMemory,
  type ActivationMoment,
  type ActivationPeak,
  type AliveValue,
} from './compiler/memory.js';
export { modelMemory, type ModelMemory } from './compiler/model-memory.js';
export { NO_FILES, type Host, type HostRead, type Program } from './compiler/modules.js';
export { parse, parseExpression, type Parsed } from './compiler/parse.js';
export {
  inferencePasses,
  kernelPasses,
  PASSES,
  runPasses,
  type Model,
  type Pass,
  type PassName,
} from './compiler/passes/index.js';
export { printIr } from './compiler/print-ir.js';
export type { Dim, Shape, Sizes, SymbolicDim } from './compiler/shape.js';
export {
  formatLocation,
  positionOf,
  type Position,
  type Source,
  type Span,
} from './compiler/source.js';
export {
  COUNTER_NAMES,
  reconcile,
  type CounterName,
  type OperatorDifference,
  type Reconciliation,
} from './compiler/reconcile.js';
export { roofline, type Roofline, type RooflineLayer } from './compiler/roofline.js';
export { bestMemory, bestOrder, type BestMemory, type BestOrder } from './compiler/schedule.js';
export {
  WEIGHT_TYPE_NAMES,
  weightSizes,
  type WeightSizes,
  type WeightType,
} from './compiler/sizes.js';
export { specialize, type Specialized } from './compiler/specialize.js';
export {
  inferenceGraph,
  stats,
  type Figures,
  type LayerStats,
  type ModelStats,
} from './compiler/stats.js';
export {
  OPTIMIZER_NAMES,
  trainingBytes,
  trainingMemory,
  type Optimizer,
  type SavedTensor,
  type TrainingChoice,
  type TrainingMemory,
} from './compiler/training.js';
export { verify } from './compiler/verify.js';

export { checkDocument, type CheckDocument, type JsonDiagnostic } from './tables/json.js';
export { renderDiagnostics, type RenderOptions } from './cli/render.js';
export {
  formatStats,
  statsDocument,
  type CountedModel,
  type StatsDocument,
} from './tables/stats-format.js';

export { readImage, writePng } from './data/image.js';
export { readNpy, writeNpy } from './data/npy.js';
export { initialize } from './weights/initialize.js';
export { matchWeights } from './weights/match.js';
export { readSafetensors, writeSafetensors, type Safetensors } from './weights/safetensors.js';
export type * from './train/recipe.js';
export { VERSION } from './version.js';
