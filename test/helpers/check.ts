/** Programs through the compiler, from strings, with any number of files. */
import {
  check,
  type Checked,
  type CheckedModel,
  type CheckOptions,
} from '../../src/compiler/check.js';
import type { Host } from '../../src/compiler/modules.js';
import { interpret } from '../../src/compiler/interpret.js';
import type { Tensor } from '../../src/compiler/ir.js';
import { elementCount } from '../../src/compiler/ops/tensor.js';
import { isStatic } from '../../src/compiler/shape.js';
import { positionOf } from '../../src/compiler/source.js';
import { stats, type ModelStats } from '../../src/compiler/stats.js';
import { initialize } from '../../src/weights/initialize.js';

/** Other files by path, counting how often each is read. */
export function hostOf(
  files: Readonly<Record<string, string>>,
): Host & { readonly reads: string[] } {
  const reads: string[] = [];
  return {
    reads,
    read(path) {
      reads.push(path);
      const text = files[path];
      if (text !== undefined) return { ok: true, text };
      return { ok: false, code: 'missing-file', message: `there is no ${path}`, hints: [] };
    },
  };
}

export function checkText(
  text: string,
  files: Readonly<Record<string, string>> = {},
  options: CheckOptions = {},
): Checked {
  return check({ path: 'test.arch', text }, hostOf(files), options);
}

/** `3: unknown-name there is no …`, a line each, for messages of failed tests. */
export function explain({ diagnostics }: Checked): string {
  return diagnostics
    .map((d) => {
      const line = d.span === undefined ? 0 : positionOf(d.span.source, d.span.start).line;
      return `${line}: ${d.code} ${d.message}`;
    })
    .join('\n');
}

/** The codes of what is said of a text. */
export function codesOf(text: string, files: Readonly<Record<string, string>> = {}): string[] {
  return checkText(text, files).diagnostics.map((d) => d.code);
}

/** The models of a text without an error or a warning; throws where it has any. */
export function modelsOf(
  text: string,
  files: Readonly<Record<string, string>> = {},
  options: CheckOptions = {},
): ReadonlyMap<string, CheckedModel> {
  const checked = checkText(text, files, options);
  if (checked.diagnostics.length > 0) throw new Error(`${explain(checked)}\nin\n${text}`);
  return new Map(checked.models.map((m) => [m.name, m]));
}

/** The only model of a text, or the one with that name. */
export function modelOf(
  text: string,
  files: Readonly<Record<string, string>> = {},
  options: CheckOptions = {},
): CheckedModel {
  const model = [...modelsOf(text, files, options).values()][0];
  if (model === undefined) throw new Error(`no model in\n${text}`);
  return model;
}

/** Figures of a model at its default sizes. */
export function figuresOf(model: CheckedModel): ModelStats {
  const found = model.staticGraph === undefined ? undefined : stats(model.staticGraph);
  if (found?.ok !== true) throw new Error(`${model.name} has no figures`);
  return found.value;
}

/** The names of a model's weights, in order. */
export function weightNames(model: CheckedModel): string[] {
  return (model.graph?.weights ?? []).map((w) => w.name);
}

/** The outputs for one image of small numbers and seeded weights, by name. */
export function run(model: CheckedModel): ReadonlyMap<string, Tensor> {
  const graph = model.staticGraph;
  if (graph === undefined) throw new Error(`${model.name} has no graph`);
  const inputs = new Map<string, Tensor>();
  for (const { definition, type } of graph.inputs) {
    if (definition.kind !== 'input' || !isStatic(type.shape)) throw new Error('no plain input');
    const data = new Float32Array(elementCount(type.shape));
    for (let i = 0; i < data.length; i++) data[i] = Math.sin(1.7 * i + 0.3);
    inputs.set(definition.name, { shape: [1, ...type.shape], data });
  }
  return interpret(graph, initialize(graph.weights, 0), inputs);
}
