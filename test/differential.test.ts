/// <reference types="@webgpu/types" />
/**
 * Random programs through every engine against the interpreter, from the text on. The smallest of
 * those that differ is kept in test/regressions/, and is run with the others from then on.
 * `DIFFERENTIAL_CASES` sets the number of programs.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { check } from '../src/compiler/check.js';
import { openWgslEngine } from '../src/engines/wgsl.js';
import { planSource } from '../src/engines/artifact.js';
import { ENGINE_VARIANTS } from '../src/engines/variants.js';
import { compareVariants } from '../src/verify/compare.js';
import { runJob, type JobRunner } from '../src/verify/job.js';
import { VERSION } from '../src/version.js';
import { ROOT } from './helpers/cli.js';
import { randomInputs, randomWeights } from './helpers/operator-cases.js';
import { randomProgram } from './helpers/random-programs.js';
import { metadata } from './helpers/tfjs-run.js';
import { sharingDevice } from './helpers/wgsl-run.js';

const asked = Number(process.env['DIFFERENTIAL_CASES']);
const CASES = asked > 0 ? asked : 200;
/** Of a long run, other programs each time. */
const SEED = asked > 0 ? Number(process.env['DIFFERENTIAL_SEED'] ?? Date.now() % 2 ** 31) : 20_261;
const REGRESSIONS = join(ROOT, 'test/regressions');

/** In float32, each runtime once, and the form that ONNX Runtime gets in both operator sets. */
const VARIANTS = ENGINE_VARIANTS.filter(
  ({ name, weights, form, runtime }) =>
    weights === 'f32' &&
    form.keepWs !== true &&
    // TensorFlow.js has one graph for all backends, and its WebGPU backend compiles for long.
    runtime !== 'tfjs-webgpu' &&
    name !== 'onnxruntime-web-opset21',
);

let device: GPUDevice;
const runner: JobRunner = {
  async run(job) {
    if (job.runtime !== 'wgsl') return runJob(job);
    const engine = await openWgslEngine(planSource(job.files), VERSION, device);
    if (!engine.ok) return engine;
    const outputs = await engine.value.run(job.inputs);
    await engine.value.dispose();
    return outputs.ok ? { ok: true, value: { version: VERSION, outputs: outputs.value } } : outputs;
  },
  stop: () => undefined,
};

/** What is wrong with a program, in a line an engine; undefined where all agree. */
async function disagreement(text: string): Promise<string | undefined> {
  const { models, diagnostics, valid } = check({ path: 'program.arch', text });
  const graph = models[0]?.staticGraph;
  if (!valid || graph === undefined) return diagnostics.map(({ message }) => message).join('\n');
  const subject = {
    graph,
    weights: randomWeights(graph, 1),
    metadata,
    inputs: randomInputs(graph, 2, 1),
  };
  const { engines, missing, unsupported } = await compareVariants(subject, {
    variants: VARIANTS,
    runner,
  });
  const wrong = [
    ...engines.filter(({ status }) => status !== 'agrees'),
    ...[...missing, ...unsupported].map(({ variants, ...rest }) => ({
      ...rest,
      variant: variants[0],
      status: 'absent',
    })),
  ].map(
    (each) =>
      `${each.variant?.name ?? ''} ${each.status}: ` +
      each.diagnostics.map(({ message }) => message).join('; '),
  );
  return wrong.length === 0 ? undefined : wrong.join('\n');
}

beforeAll(async () => {
  device = await sharingDevice();
});
afterAll(() => {
  device.destroy();
});

describe('every engine agrees with the interpreter', () => {
  it('has engines to compare', () => {
    expect(VARIANTS.map(({ name }) => name)).toEqual([
      ...['reference', 'onnxruntime-node-opset17', 'onnxruntime-node-opset21'],
      ...['onnxruntime-web-opset17', 'tfjs-cpu-f32', 'tfjs-wasm-f32', 'wgsl-f32'],
    ]);
  });

  it.each(readdirSync(REGRESSIONS).filter((name) => name.endsWith('.arch')))(
    'on %s',
    async (name) => {
      expect(await disagreement(readFileSync(join(REGRESSIONS, name), 'utf8'))).toBeUndefined();
    },
  );

  it(
    `on ${CASES} random programs`,
    async () => {
      let found: string | undefined;
      const property = fc.asyncProperty(randomProgram, async (text) => {
        const wrong = await disagreement(text);
        found = wrong ?? found;
        return wrong === undefined;
      });
      const run = await fc.check(property, { numRuns: CASES, seed: SEED });
      const [text] = run.counterexample ?? [];
      if (text === undefined) return;
      const name = `found-${createHash('sha256').update(text).digest('hex').slice(0, 8)}.arch`;
      mkdirSync(REGRESSIONS, { recursive: true });
      writeFileSync(join(REGRESSIONS, name), text);
      const why = found ?? String(run.errorInstance);
      throw new Error(`seed ${SEED}, kept as test/regressions/${name}:\n${text}\n${why}`);
    },
    CASES * 30_000,
  );
});
