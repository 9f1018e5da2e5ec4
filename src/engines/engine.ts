/** What runs a compiled model: the interpreter, ONNX Runtime, … */
import { diagnostic, type Outcome } from '../compiler/diagnostic.js';
import type { OnProgress } from '../compiler/interpret.js';
import type { Tensor } from '../compiler/ir.js';

/** The GPU, or what stands in for one, in WebGPU's words: any may be empty. */
export interface Adapter {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
}

export interface Engine {
  readonly name: string;
  readonly version: string;
  /** Where it computes, for engines that use a GPU. */
  readonly adapter?: Adapter;
  /**
   * Inputs and outputs by name, each with its batch first and its channels last, `[N, H, W, C]`,
   * the same N for all. What goes wrong is an `engine-failed`. Engines that can tell how far they
   * are tell `onProgress`.
   */
  run(
    inputs: ReadonlyMap<string, Tensor>,
    onProgress?: OnProgress,
  ): Promise<Outcome<ReadonlyMap<string, Tensor>>>;
  /** Lets go of what the engine holds outside JavaScript's heap. No run may follow. */
  dispose(): Promise<void>;
}

/** The failure of an engine as it words it itself, without a stack trace. */
export function engineFailed(engine: string, error: unknown): Outcome<never> {
  return {
    ok: false,
    diagnostics: [diagnostic('engine-failed', `${engine}: ${firstLine(error)}`)],
  };
}

export function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.trim().split('\n')[0] ?? '';
}
