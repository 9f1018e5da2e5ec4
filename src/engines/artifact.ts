/** Compiled files in memory, as engines load them. */
import { diagnostic, type Outcome } from '../compiler/diagnostic.js';
import type { PlanSource } from '../webgpu/index.js';

/** As the compiler writes it; the first file of an artifact refers to the others. */
export interface ModelFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** An ONNX model without a file for its weights; `engine-failed` where it has one. */
export function wholeOnnxModel([model, externalData]: readonly ModelFile[]): Outcome<Uint8Array> {
  if (model === undefined) throw new Error('an artifact without files');
  if (externalData === undefined) return { ok: true, value: model.bytes };
  const message = `the weights take ${externalData.bytes.length} bytes, more than an ONNX model in memory holds`;
  return { ok: false, diagnostics: [diagnostic('engine-failed', message)] };
}

/** A plan from its files in memory. */
export function planSource(files: readonly ModelFile[]): PlanSource {
  return {
    read(name) {
      const file = files.find((each) => each.name === name);
      return file === undefined
        ? Promise.reject(new Error('the plan lacks it'))
        : Promise.resolve(file.bytes);
    },
  };
}
