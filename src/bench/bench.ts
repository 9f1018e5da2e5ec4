/** How long one image takes: several models on several engines, in turns. */
import { sizedGraph, type OpenModel, type WeightOrigin, type WeightRequest } from '../compile.js';
import { diagnostic, type Diagnostic, type Outcome } from '../compiler/diagnostic.js';
import type { Graph, Tensor } from '../compiler/ir.js';
import { stats } from '../compiler/stats.js';
import type { Adapter, Engine } from '../engines/engine.js';
import { noiseFor } from '../engines/noise.js';
import { ENGINE_OPENERS, ENGINES, type EngineName, type ReadyEngine } from '../engines/open.js';
import { timesOf, type Times } from './times.js';

/** The interpreter takes minutes where the others take milliseconds. */
const BENCH_ENGINES: readonly EngineName[] = ENGINES.filter((name) => name !== 'reference');

interface BenchOptions extends WeightRequest {
  /** In this order; `BENCH_ENGINES` unless given. */
  readonly engines?: readonly EngineName[] | undefined;
  /** How often each model runs on each engine, after once to warm up. At least 1. */
  readonly runs: number;
}

interface BenchModel {
  readonly name: string;
  readonly file: string;
  readonly inputs: readonly { readonly name: string; readonly shape: readonly number[] }[];
  /** Of one image. */
  readonly macs: number;
  readonly weights: WeightOrigin | undefined;
}

/** A model on an engine: its times, or why there are none. */
export type BenchResult = BenchPair &
  (
    | { readonly ok: true; readonly milliseconds: Times }
    | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] }
  );

interface BenchPair {
  /** Index into `models`. */
  readonly model: number;
  readonly engine: EngineName;
}

interface BenchEngine {
  readonly engine: EngineName;
  /** What it calls itself: `onnxruntime-node`. */
  readonly name: string;
  readonly version: string;
  readonly adapter?: Adapter | undefined;
}

export interface Bench {
  readonly models: readonly BenchModel[];
  /** Those that opened. */
  readonly engines: readonly BenchEngine[];
  /** Those that are not installed or find no device, with how to get them. */
  readonly missing: readonly { readonly engine: EngineName; readonly diagnostic: Diagnostic }[];
  /** Of each engine that is not missing, in the order of engines and then of models. */
  readonly results: readonly BenchResult[];
  readonly runs: number;
}

/**
 * Times of one image of noise through every model on every engine. All are loaded and run once
 * before the first is timed; then they take turns, so that what else the machine does meets all
 * alike. An engine that fails on a model is among the results as such. Diagnostics: what is wrong
 * with sizes or weights, and not with an engine.
 */
export async function bench(
  models: readonly OpenModel[],
  options: BenchOptions,
): Promise<Outcome<Bench>> {
  const loaded = loadModels(models);
  if (!loaded.ok) return loaded;
  const { engines = BENCH_ENGINES, runs, onProgress } = options;
  const opened = await openAll(loaded.value, engines, options);
  if (!opened.ok) return opened;
  const { entries, missing } = opened.value;
  const total = entries.length * (runs + 1);
  let done = 0;
  for (let round = 0; round <= runs; round++) {
    for (const entry of entries) {
      onProgress?.('running', done++, total);
      await runOnce(entry, round > 0);
    }
  }
  for (const { ready } of entries) await ready?.engine.dispose();
  return { ok: true, value: { ...described(loaded.value, entries), missing, runs } };
}

interface LoadedModel {
  readonly model: OpenModel;
  readonly graph: Graph;
  readonly macs: number;
  readonly inputs: ReadonlyMap<string, Tensor>;
}

function loadModels(models: readonly OpenModel[]): Outcome<readonly LoadedModel[]> {
  const loaded: LoadedModel[] = [];
  for (const model of models) {
    const graph = sizedGraph(model);
    if (!graph.ok) return graph;
    const figures = stats(graph.value);
    if (!figures.ok) return figures;
    const inputs = noiseFor(graph.value);
    loaded.push({ model, graph: graph.value, macs: figures.value.macs, inputs });
  }
  return { ok: true, value: loaded };
}

/** A pair of the table, which grows its times. */
interface Entry extends BenchPair {
  readonly inputs: ReadonlyMap<string, Tensor>;
  readonly ready: ReadyEngine | undefined;
  readonly times: number[];
  /** Why there are no times. */
  failure: readonly Diagnostic[] | undefined;
}

type Missing = Bench['missing'][number];

async function openAll(
  models: readonly LoadedModel[],
  engines: readonly EngineName[],
  request: WeightRequest,
): Promise<Outcome<{ readonly entries: readonly Entry[]; readonly missing: readonly Missing[] }>> {
  const entries: Entry[] = [];
  const missing: Missing[] = [];
  for (const engine of engines) {
    for (const [index, { model, graph, inputs }] of models.entries()) {
      const ready = await ENGINE_OPENERS[engine](model, graph, request);
      const problems = ready.ok ? [] : ready.diagnostics.map((each) => asFailure(engine, each));
      const absent = problems.find(({ code }) => code === 'engine-missing');
      if (absent !== undefined) {
        missing.push({ engine, diagnostic: absent });
        break;
      }
      if (problems.some(({ code }) => code !== 'engine-failed')) {
        for (const entry of entries) await entry.ready?.engine.dispose();
        return { ok: false, diagnostics: problems };
      }
      entries.push({
        model: index,
        engine,
        inputs,
        ready: ready.ok ? ready.value : undefined,
        times: [],
        failure: ready.ok ? undefined : problems,
      });
    }
  }
  return { ok: true, value: { entries, missing } };
}

/** What is no fault of the model, since others may run it: that a target cannot hold it. */
function asFailure(engine: EngineName, problem: Diagnostic): Diagnostic {
  if (problem.code !== 'tensor-too-large') return problem;
  return diagnostic('engine-failed', `${engine}: ${problem.message}`, { hints: problem.hints });
}

async function runOnce(entry: Entry, isTimed: boolean): Promise<void> {
  if (entry.ready === undefined || entry.failure !== undefined) return;
  const start = performance.now();
  const result = await entry.ready.engine.run(entry.inputs);
  if (isTimed) entry.times.push(performance.now() - start);
  if (!result.ok) entry.failure = result.diagnostics;
}

function described(
  models: readonly LoadedModel[],
  entries: readonly Entry[],
): Pick<Bench, 'models' | 'engines' | 'results'> {
  const engines = new Map<EngineName, Engine>();
  for (const { engine, ready } of entries) {
    if (ready !== undefined && !engines.has(engine)) engines.set(engine, ready.engine);
  }
  return {
    models: models.map(({ model, graph, macs, inputs }, i) => ({
      name: model.name,
      file: graph.source.path,
      inputs: [...inputs].map(([name, { shape }]) => ({ name, shape: shape.slice(1) })),
      macs,
      weights: entries.find((each) => each.model === i && each.ready !== undefined)?.ready?.weights,
    })),
    engines: [...engines].map(([engine, { name, version, adapter }]) => ({
      engine,
      name,
      version,
      adapter,
    })),
    results: entries.map(({ model, engine, times, failure }) =>
      failure === undefined
        ? { model, engine, ok: true, milliseconds: timesOf(times) }
        : { model, engine, ok: false, diagnostics: failure },
    ),
  };
}
