/** The compiler core, bundled for a browser and run where there is nothing of Node. */
import { createContext, runInContext } from 'node:vm';
import { join } from 'node:path';
import { build } from 'esbuild';
import { beforeAll, describe, expect, it } from 'vitest';
import { ROOT } from './helpers/cli.js';

const ENTRY = `
export { check } from './src/compiler/check.js';
export { NO_FILES } from './src/compiler/modules.js';
export { stats } from './src/compiler/stats.js';
export { interpret } from './src/compiler/interpret.js';
export { runPasses, inferencePasses } from './src/compiler/passes/index.js';
export { printIr } from './src/compiler/print-ir.js';
export { initialize } from './src/weights/initialize.js';
export { readSafetensors, writeSafetensors } from './src/weights/safetensors.js';
export { emitOnnx } from './src/backends/onnx/emit.js';
`;

/** Everything above, on one small model; its result is plain data. */
const PROGRAM = `
const text = \`import squeeze_excite from "std/attention.arch"

model Small() {
  input image: f32[H = 8, W = 8, 1] where H % 2 == 0
  output mask = image -> conv(4) -> batchnorm -> relu -> dwconv(ws) -> squeeze_excite(2) -> dropout(0.5) -> conv(1, k = 1)
  expect params > 0
}
\`;
const checked = archc.check({ path: 'small.arch', text }, archc.NO_FILES);
const [model] = checked.models;
const weights = archc.initialize(model.staticGraph.weights, 1);
const before = { graph: model.staticGraph, weights };
const after = archc.runPasses(before, archc.inferencePasses, { verify: true });
const image = { shape: [1, 8, 8, 1], data: Float32Array.from({ length: 64 }, (_, i) => i / 64) };
const outputs = [before, after].map((m) =>
  Array.from(archc.interpret(m.graph, m.weights, new Map([['image', image]])).get('mask').data),
);
const file = archc.writeSafetensors(weights);
const metadata = { version: '0', sourceSha256: '', weights: { seed: 1 } };
const onnx = archc.emitOnnx(after.graph, after.weights, { metadata });
JSON.stringify({
  diagnostics: checked.diagnostics.map((d) => d.code),
  params: archc.stats(model.staticGraph).value.params,
  ir: archc.printIr(model.graph).split('\\n')[0],
  outputs,
  tensors: [...archc.readSafetensors(file).value.tensors.keys()],
  onnx: Array.from(onnx.model),
});
`;

interface Outcome {
  readonly diagnostics: readonly string[];
  readonly params: number;
  readonly ir: string;
  readonly outputs: readonly (readonly number[])[];
  readonly tensors: readonly string[];
  readonly onnx: readonly number[];
}

async function bundle(): Promise<{ code: string; inputs: string[] }> {
  const result = await build({
    stdin: { contents: ENTRY, resolveDir: ROOT, loader: 'ts' },
    bundle: true,
    platform: 'browser',
    format: 'iife',
    globalName: 'archc',
    target: 'es2022',
    write: false,
    metafile: true,
    absWorkingDir: ROOT,
    outfile: join(ROOT, 'out.js'),
    logLevel: 'silent',
  });
  const [output] = Object.values(result.metafile.outputs);
  expect(output?.imports).toEqual([]);
  return { code: result.outputFiles[0]?.text ?? '', inputs: Object.keys(result.metafile.inputs) };
}

describe('in a browser', () => {
  let code = '';
  let inputs: string[] = [];
  beforeAll(async () => {
    // Where anything asked for a module of Node, this would fail to resolve it.
    ({ code, inputs } = await bundle());
  });

  it('the core holds nothing of Node, of the command line or of an engine', () => {
    expect(inputs.filter((path) => /^node:|^src\/(cli|engines|format)\//.test(path))).toEqual([]);
    expect(
      inputs.filter((path) => /node_modules\/(commander|prettier|onnxruntime)/.test(path)),
    ).toEqual([]);
    expect(code).not.toMatch(/(require|import)\(?["']node:/);
  });

  it('the core compiles, runs and emits a model', () => {
    const context = createContext({ TextEncoder, TextDecoder });
    for (const name of ['process', 'require', 'Buffer', 'module', 'global']) {
      expect(runInContext(`typeof ${name}`, context)).toBe('undefined');
    }
    // `var archc = …` of the bundle is a global of the context.
    runInContext(code, context, { filename: 'bundle.js' });
    const result = JSON.parse(String(runInContext(PROGRAM, context))) as Outcome;
    expect(result.diagnostics).toEqual([]);
    expect(result.ir).toContain('Small');
    expect(result.params).toBeGreaterThan(100);
    expect(result.tensors).toContain('mask.conv_1.weight');
    const [before = [], after = []] = result.outputs;
    expect(before).toHaveLength(64);
    expect(new Set(before).size).toBeGreaterThan(10);
    after.forEach((value, i) => expect(value).toBeCloseTo(before[i] ?? Number.NaN, 4));
    expect(result.onnx.slice(0, 2)).toEqual([8, 8]);
    expect(result.onnx.length).toBeGreaterThan(4 * result.params);
  });
});
