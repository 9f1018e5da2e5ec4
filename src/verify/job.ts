/** One artifact on one runtime: what a process of its own is asked, and what it answers. */
import type { Outcome } from '../compiler/diagnostic.js';
import type { Tensor } from '../compiler/ir.js';
import { engineFailed, type Adapter } from '../engines/engine.js';
import { RUNTIME_LOADERS, type Artifact, type RuntimeName } from '../engines/runtimes.js';

/** Plain data, as is `JobResult`: both cross from process to process. */
export interface Job extends Artifact {
  readonly runtime: RuntimeName;
  readonly inputs: ReadonlyMap<string, Tensor>;
}

export interface JobResult {
  readonly version: string;
  readonly adapter?: Adapter;
  readonly outputs: ReadonlyMap<string, Tensor>;
}

/** Runs jobs, here or elsewhere. */
export interface JobRunner {
  readonly run: (job: Job) => Promise<Outcome<JobResult>>;
  /** Lets go of what it holds; no run may follow. */
  readonly stop: () => void;
}

/** Loads, runs once and lets go. */
export async function runJob({ runtime, inputs, ...artifact }: Job): Promise<Outcome<JobResult>> {
  try {
    const loaded = await RUNTIME_LOADERS[runtime](artifact);
    if (!loaded.ok) return loaded;
    const { version, adapter } = loaded.value;
    const outputs = await loaded.value.run(inputs);
    await loaded.value.dispose();
    if (!outputs.ok) return outputs;
    return {
      ok: true,
      value: { version, ...(adapter === undefined ? {} : { adapter }), outputs: outputs.value },
    };
  } catch (error) {
    return engineFailed(runtime, error);
  }
}

/** Runs jobs in this process, which an engine that crashes takes with it. */
export const HERE: JobRunner = { run: runJob, stop: () => undefined };
