/** Tensors that are larger than a device binds: which are split, and that results stay. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { interpret } from '../src/compiler/interpret.js';
import type { Attributes, Value } from '../src/compiler/ir.js';
import { bytesOf } from '../src/compiler/memory.js';
import type { OperatorName } from '../src/compiler/ops/index.js';
import {
  inferencePasses,
  kernelPasses,
  runPasses,
  type Model,
} from '../src/compiler/passes/index.js';
import { initialize } from '../src/weights/initialize.js';
import { archc, type CliResult } from './helpers/cli.js';
import { testDevice } from './helpers/gpu.js';
import { buildGraph, type TestGraph } from './helpers/graph.js';
import { modelOfFile } from './helpers/onnx-programs.js';
import { randomInputs, randomWeights, relativeError } from './helpers/operator-cases.js';
import { planOf, runPlan } from './helpers/wgsl-run.js';

/** Of a tensor `[16, 16, 8]`. */
const LARGEST = 16 * 16 * 8 * 4;

function modelWith(body: (g: TestGraph) => readonly Value[]): Model {
  const graph = buildGraph(body);
  return { graph, weights: randomWeights(graph, 1) };
}

/** What is left of a model after the passes, whose results have to be the same. */
function split(model: Model, names = kernelPasses): Model {
  const after = runPasses(model, names, { largest: LARGEST, verify: true });
  const inputs = randomInputs(model.graph, 1, 2);
  const expected = interpret(model.graph, model.weights ?? new Map(), inputs);
  const found = interpret(after.graph, after.weights ?? new Map(), inputs);
  for (const [name, tensor] of expected) {
    const own = found.get(name);
    expect(own && relativeError(own, tensor), name).toBeLessThanOrEqual(1e-5);
  }
  return after;
}

function largeNodes({ graph }: Model): readonly string[] {
  const isLarge = (value: Value): boolean => value.type.batched && bytesOf(value) > LARGEST;
  return graph.nodes.filter(({ results }) => results.some(isLarge)).map(({ op }) => op);
}

const opsOf = ({ graph }: Model): readonly string[] =>
  graph.nodes.filter(({ results }) => results[0]?.type.batched === true).map(({ op }) => op);

type Step = readonly [OperatorName, Attributes?];

const through = (g: TestGraph, x: Value, ...steps: readonly Step[]): readonly Value[] =>
  steps.reduce<readonly Value[]>(([y = x], [op, attributes]) => g.op(op, [y], attributes), [x]);

describe('split-large', () => {
  const wide: Step = ['conv', { filters: 24 }];
  const narrow: Step = ['conv', { filters: 3, k: [1, 1] }];

  it('leaves a model alone in which nothing is large', () => {
    const model = modelWith((g) => through(g, g.input([16, 16, 3]), ['conv', { filters: 8 }]));
    expect(runPasses(model, ['split-large'], { largest: LARGEST })).toBe(model);
  });

  it('computes a convolution by its filters, and the next reads the parts', () => {
    const model = modelWith((g) => through(g, g.input([16, 16, 3]), wide, ['relu'], narrow));
    const after = split(model, ['split-large']);
    expect(opsOf(after)).toEqual([
      ...['conv', 'conv', 'conv', 'relu', 'relu', 'relu', 'concat', 'conv'],
    ]);
    expect(largeNodes(after)).toEqual(['concat']);
    expect(largeNodes(split(model))).toEqual([]);
  });

  it.each([
    ['group norm by groups', ['groupnorm', { groups: 6 }]],
    ['instance norm', ['instancenorm']],
    ['batch norm', ['batchnorm']],
    ['depthwise convolutions', ['dwconv', { k: [3, 3] }]],
    ['slopes of channels', ['prelu']],
    ['pooling', ['maxpool']],
    ['means of images', ['globalavgpool']],
  ] satisfies [string, Step][])('%s', (_, step) => {
    const model = modelWith((g) => through(g, g.input([16, 16, 3]), wide, step, narrow));
    expect(largeNodes(split(model))).toEqual([]);
  });

  it('enlarging, in more parts than there were', () => {
    const model = modelWith((g) =>
      through(
        g,
        g.input([8, 8, 3]),
        ['conv', { filters: 64 }],
        ['upsample', { mode: 'bilinear' }],
        narrow,
      ),
    );
    expect(largeNodes(split(model))).toEqual([]);
  });

  it('elementwise nodes of operands that are split, whole, and of one channel or number', () => {
    const model = modelWith((g) => {
      const x = g.input([16, 16, 3]);
      const [y] = through(g, x, wide);
      const [gate] = through(g, x, ['conv', { filters: 1 }], ['sigmoid']);
      if (y === undefined || gate === undefined) throw new Error('nothing to gate');
      const [means] = through(g, y, ['globalavgpool']);
      if (means === undefined) throw new Error('no means');
      const gated = g.op('mul', [...g.op('mul', [y, gate]), means]);
      const [sum] = g.op('add', [...gated, y]);
      const half = g.builder.constant(Float32Array.of(0.5), [1]);
      return sum === undefined ? [] : through(g, g.op('maximum', [sum, half])[0] ?? sum, narrow);
    });
    expect(largeNodes(split(model))).toEqual([]);
  });

  it('adds up convolutions of more parts than a kernel reads', () => {
    const model = modelWith((g) => {
      const x = g.input([16, 16, 3]);
      const joined = g.op('concat', [...through(g, x, wide), ...through(g, x, wide)]);
      return g.op('conv', joined, { filters: 8 });
    });
    const after = split(model, ['split-large']);
    expect(opsOf(after).filter((op) => op === 'add')).toHaveLength(1);
    expect(largeNodes(split(model))).toEqual([]);
  });

  it.each([
    ['what mixes the channels', [wide, ['softmax'], narrow], ['concat', 'softmax']],
    ['groups that are cut', [wide, ['groupnorm', { groups: 4 }], narrow], ['concat', 'groupnorm']],
    ['channels that are no vectors', [['conv', { filters: 22 }], narrow], ['conv']],
  ] satisfies [string, Step[], OperatorName[]][])('%s: stays', (_, steps, large) => {
    const model = modelWith((g) => through(g, g.input([16, 16, 3]), ...steps));
    expect(largeNodes(split(model, ['split-large']))).toEqual(large);
  });

  describe('on a device', () => {
    let device: GPUDevice;
    beforeAll(async () => {
      device = await testDevice();
    });
    afterAll(() => {
      device.destroy();
    });

    it.each([['sdunet', 'SDUNet', 16]])(
      '%s with no tensor above a limit',
      async (file, model, width) => {
        const found = modelOfFile(`models/${file}.arch`, { model, set: { width: String(width) } });
        const graph = found.at({ H: 32, W: 32 });
        const weights = initialize(graph.weights, 0);
        const largest = 32 * 32 * 8 * 4;
        const whole = runPasses({ graph, weights }, [...inferencePasses, ...kernelPasses]);
        const sizes = whole.graph.nodes.flatMap(({ results }) => results.map(bytesOf));
        expect(Math.max(...sizes)).toBeGreaterThan(largest);
        const plan = await planOf(graph, weights, { largest });
        for (const { name, bytes } of plan.plan.tensors) {
          expect(bytes, name).toBeLessThanOrEqual(largest);
        }
        const inputs = randomInputs(graph, 1, 2);
        const expected = interpret(graph, weights, inputs).get('mask');
        const mask = (await runPlan(device, plan, inputs)).get('mask');
        expect(expected && mask && relativeError(mask, expected)).toBeLessThanOrEqual(5e-4);
      },
    );
  });

  it('lets a U-Net be compiled for an image of 2048×2048, and says which is too large', () => {
    const compile = ['compile', 'models/unet.arch', '--target', 'wgsl', '--set', 'width=16'];
    const folder = mkdtempSync(join(tmpdir(), 'archc-large-'));
    const wgsl = (size: string): CliResult =>
      archc([...compile, '--size', size, '-o', join(folder, `${size}.wgsl`)]);
    expect(wgsl('2048x2048')).toMatchObject({ code: 0, stderr: '' });
    const { code, stderr } = wgsl('8192x8192');
    expect(code).toBe(1);
    expect(stderr).toContain('error[tensor-too-large]');
    rmSync(folder, { recursive: true });
  });
});
