/** One model through every engine, each compared with the interpreter. */
import { emitGraph, optimize, type WeightedModel, type WeightRequest } from '../compile.js';
import type { ModelMetadata } from '../backends/metadata.js';
import { diagnostic, type Diagnostic, type Outcome } from '../compiler/diagnostic.js';
import { interpret } from '../compiler/interpret.js';
import type { Graph, Tensor } from '../compiler/ir.js';
import type { Adapter } from '../engines/engine.js';
import { onnxSpec } from '../engines/open.js';
import type { EngineVariant } from '../engines/variants.js';
import { VERSION } from '../version.js';
import { worstOf, type Difference } from './difference.js';
import type { JobResult, JobRunner } from './job.js';
import { firstDifference } from './locate.js';
import {
  createYardstick,
  MOST,
  TOLERANCE,
  TOLERANCES,
  type Verdict,
  type Yardstick,
} from './yardstick.js';

/** `unclear`: within a tolerance as large as the output, because rounding alone may change everything. */
export type EngineStatus = 'agrees' | 'unclear' | 'differs' | 'failed' | 'crashed' | 'timed-out';

export interface OutputVerdict extends Verdict {
  /** The output. */
  readonly name: string;
}

export interface EngineResult {
  readonly variant: EngineVariant;
  readonly status: EngineStatus;
  /** Unknown where the engine gave no result. */
  readonly version: string | undefined;
  readonly adapter: Adapter | undefined;
  /** The largest that an output was held to. */
  readonly tolerance: number;
  /** The largest over all outputs; undefined where the engine gave no result. */
  readonly difference: Difference | undefined;
  readonly outputs: readonly OutputVerdict[];
  /** Compiling, loading and the run. */
  readonly milliseconds: number;
  /** Why it does not agree. */
  readonly diagnostics: readonly Diagnostic[];
}

/** What is not compared, and why not. */
export interface LeftOut {
  readonly variants: readonly EngineVariant[];
  readonly diagnostics: readonly Diagnostic[];
}

export interface Comparison {
  readonly engines: readonly EngineResult[];
  /** What is not installed or finds no device, by runtime, with how to get it. */
  readonly missing: readonly LeftOut[];
  /** What the target cannot say of this model. */
  readonly unsupported: readonly LeftOut[];
  /** What there is to say of the interpreter's own results. */
  readonly remarks: readonly Diagnostic[];
}

export interface Subject {
  readonly graph: Graph;
  readonly weights: WeightedModel['weights'];
  readonly metadata: ModelMetadata;
  readonly inputs: ReadonlyMap<string, Tensor>;
}

interface CompareSettings {
  readonly variants: readonly EngineVariant[];
  /** Of float32, whatever rounding explains; by default that too. */
  readonly tolerance?: number | undefined;
  readonly runner: JobRunner;
  readonly onProgress?: WeightRequest['onProgress'];
}

/** Whether a result speaks against its engine. */
export function isAtFault({ status }: EngineResult): boolean {
  return status !== 'agrees' && status !== 'unclear';
}

const STATUS_OF: Readonly<Record<string, EngineStatus>> = {
  'engine-crashed': 'crashed',
  'engine-timed-out': 'timed-out',
};

/** Every variant on the same weights and inputs, one after the other. */
export async function compareVariants(
  subject: Subject,
  settings: CompareSettings,
): Promise<Comparison> {
  const { graph, weights, inputs } = subject;
  const { onProgress } = settings;
  const yardstick = createYardstick(graph, weights, inputs, settings.tolerance, (done, total) =>
    onProgress?.('interpreting', done, total),
  );
  const engines: EngineResult[] = [];
  const missing: LeftOut[] = [];
  const unsupported: LeftOut[] = [];
  for (const [i, variant] of settings.variants.entries()) {
    if (missing.some(({ variants }) => variants[0]?.runtime === variant.runtime)) continue;
    onProgress?.('comparing engines', i, settings.variants.length);
    const start = performance.now();
    const run = await runVariant(variant, subject, graph, settings.runner);
    const milliseconds = performance.now() - start;
    if (run.kind === 'unsupported') {
      unsupported.push({ variants: [variant], diagnostics: run.diagnostics });
    } else if (run.kind === 'missing') {
      const variants = settings.variants.filter(({ runtime }) => runtime === variant.runtime);
      missing.push({ variants, diagnostics: run.diagnostics });
    } else {
      const result = judge(variant, run, yardstick, { milliseconds, fixed: settings.tolerance });
      engines.push(
        result.status === 'differs' ? await located(result, subject, yardstick, settings) : result,
      );
    }
  }
  return { engines, missing, unsupported, remarks: [...yardstick.outputs].flatMap(notFinite) };
}

/** Engines may agree on what is no number, and then that says little. */
function notFinite([name, { data }]: readonly [string, Tensor]): Diagnostic[] {
  const count = data.reduce((n, value) => n + (Number.isFinite(value) ? 0 : 1), 0);
  if (count === 0) return [];
  const message = `\`${name}\` of the interpreter has ${count} of ${data.length} values that are not finite`;
  return [diagnostic('output-range', message)];
}

type Ran =
  | { readonly kind: 'ran'; readonly result: JobResult }
  | {
      readonly kind: 'failed' | 'missing' | 'unsupported';
      readonly diagnostics: readonly Diagnostic[];
    };

/** Compiles a graph of the subject's, whole or cut, and runs it. */
async function runVariant(
  { runtime, form }: EngineVariant,
  { weights: all, metadata, inputs }: Subject,
  graph: Graph,
  runner: JobRunner,
): Promise<Ran> {
  const weights = new Map(
    graph.weights.flatMap(({ name }) => {
      const tensor = all.get(name);
      return tensor === undefined ? [] : [[name, tensor] as const];
    }),
  );
  const names = graph.inputs.map(({ definition }) =>
    definition.kind === 'input' ? definition.name : '',
  );
  const read = new Map([...inputs].filter(([name]) => names.includes(name)));
  if (runtime === 'reference') {
    const passed = optimize({ graph, weights }, form);
    const outputs = interpret(passed.graph, passed.weights, read);
    return { kind: 'ran', result: { version: VERSION, outputs } };
  }
  const emitted = await emitGraph({ graph, weights }, form, metadata);
  if (!emitted.ok) return { kind: 'unsupported', diagnostics: emitted.diagnostics };
  const { files } = emitted.value;
  const outcome = await runner.run({ runtime, files, spec: onnxSpec(graph), inputs: read });
  if (outcome.ok) return { kind: 'ran', result: outcome.value };
  const isMissing = outcome.diagnostics.some(({ code }) => code === 'engine-missing');
  return { kind: isMissing ? 'missing' : 'failed', diagnostics: outcome.diagnostics };
}

function judge(
  variant: EngineVariant,
  run: Exclude<Ran, { readonly kind: 'missing' | 'unsupported' }>,
  yardstick: Yardstick,
  {
    milliseconds,
    fixed = TOLERANCE,
  }: { readonly milliseconds: number; readonly fixed?: number | undefined },
): EngineResult {
  const { name, weights } = variant;
  const least = weights === 'f32' ? fixed : TOLERANCES[weights].least;
  if (run.kind !== 'ran') {
    const { diagnostics } = run;
    return {
      variant,
      status: STATUS_OF[diagnostics[0]?.code ?? ''] ?? 'failed',
      version: undefined,
      adapter: undefined,
      tolerance: least,
      difference: undefined,
      outputs: [],
      milliseconds,
      diagnostics: diagnostics.map((each) => ({ ...each, message: `${name}: ${each.message}` })),
    };
  }
  const { version, adapter, outputs: found } = run.result;
  const outputs = [...yardstick.outputs.keys()].map((output): OutputVerdict => ({
    name: output,
    ...yardstick.judge(output, found.get(output), weights),
  }));
  const tolerance = Math.max(least, ...outputs.map((output) => output.tolerance));
  const isWithin = outputs.every((output) => output.isWithin);
  const agreement = tolerance < MOST ? 'agrees' : 'unclear';
  return {
    variant,
    status: isWithin ? agreement : 'differs',
    version,
    adapter,
    tolerance,
    difference: worstOf(outputs),
    outputs,
    milliseconds,
    diagnostics: [],
  };
}

/** A result that differs, with the place where it begins to. */
async function located(
  result: EngineResult,
  subject: Subject,
  yardstick: Yardstick,
  { runner, onProgress }: CompareSettings,
): Promise<EngineResult> {
  const { variant } = result;
  const whole = result.outputs.find(({ isWithin }) => !isWithin);
  if (whole === undefined) return result;
  let runs = 0;
  const total = Math.ceil(Math.log2(subject.graph.nodes.length + 1));
  const first = await firstDifference(
    subject.graph,
    whole,
    (id, actual) => yardstick.judgeValue(id, actual, variant.weights),
    async (cut): Promise<Outcome<ReadonlyMap<string, Tensor>>> => {
      onProgress?.(`finding where ${variant.name} differs`, runs++, total);
      const run = await runVariant(variant, subject, cut, runner);
      return run.kind === 'ran'
        ? { ok: true, value: run.result.outputs }
        : { ok: false, diagnostics: run.diagnostics };
    },
  );
  const { op, origin } = first.node;
  const place = `${op}, \`${origin.path}\``;
  const far = describeVerdict(first.verdict);
  const message = first.isExact
    ? `${variant.name} first differs at ${place}: ${far}`
    : `${variant.name} differs at ${place}, or before it, where it fails on less of the model: ${far}`;
  const hints = [`\`--engine ${variant.name}\` runs it alone`];
  return {
    ...result,
    diagnostics: [diagnostic('engine-differs', message, { span: origin.span, hints })],
  };
}

function describeVerdict({ maxAbs, maxRel, tolerance }: Verdict): string {
  if (Number.isNaN(maxRel)) return 'it has NaN where the interpreter has none, or another shape';
  if (!Number.isFinite(maxRel)) return 'it is infinite where the interpreter is not';
  const limit = Number(tolerance.toPrecision(2));
  return `by ${maxAbs.toPrecision(2)}, ${maxRel.toPrecision(2)} of the largest value, and the tolerance is ${limit}`;
}
