/// <reference types="@webgpu/types" />
/** Kernel plans for tests: graphs to plans, plans on a device, shaders before the judges. */
import { emitWgsl, type EmittedWgsl } from '../../src/backends/wgsl/emit.js';
import { legalize } from '../../src/backends/wgsl/legalize.js';
import { createBuilder } from '../../src/compiler/builder.js';
import type { Graph, Tensor, Value, WeightValues } from '../../src/compiler/ir.js';
import { inputName } from '../../src/compiler/ir.js';
import { inferencePasses, kernelPasses, runPasses } from '../../src/compiler/passes/index.js';
import { loadPlan, type SymbolValues } from '../../src/webgpu/index.js';
import { sizeOf } from '../../src/webgpu/size.js';
import { findRaces, testDevice, validateNaga, validateTint } from './gpu.js';

export type EmittedPlan = Extract<EmittedWgsl, { ok: true }>;

export interface PlanRequest {
  readonly dynamic?: boolean;
  /** All passes for kernels, as they are compiled; else a kernel a node. */
  readonly fused?: boolean;
  readonly precision?: 'f32' | 'f16';
  /** Bytes of the largest tensor: see `PassOptions`. */
  readonly largest?: number;
}

/** The plan of a graph; fails on any diagnostic. */
export async function planOf(
  graph: Graph,
  weights: WeightValues,
  { dynamic = false, fused = true, precision = 'f32', ...request }: PlanRequest = {},
): Promise<EmittedPlan> {
  let model = { graph, weights };
  const run = (passes: Parameters<typeof runPasses>[1]): void => {
    const after = runPasses(model, passes, { ...request, verify: true });
    model = { graph: after.graph, weights: after.weights ?? weights };
  };
  run(fused ? inferencePasses : ['remove-dropout', 'dead-code']);
  if (fused) {
    // It knows norms in one step alone.
    run(['split-large']);
    model = { ...model, graph: legalize(model.graph, model.weights) };
    run(kernelPasses);
  }
  const emitted = await emitWgsl(model.graph, model.weights, {
    dynamic,
    precision,
    metadata: { version: '0.0.0', sourceSha256: '0'.repeat(64), weights: { seed: 0 } },
    params: 0,
  });
  if (emitted.ok) return emitted;
  throw new Error(emitted.diagnostics.map(({ message }) => message).join('\n'));
}

/**
 * A device that compiles a shader once, whichever plan it is of: heads of files, which say where a
 * shader is used, do not count. Compiling is most of what a test of many plans would wait for.
 */
export async function sharingDevice(): Promise<GPUDevice> {
  const device = await testDevice({ requiredFeatures: ['subgroups'] });
  const createModule = device.createShaderModule.bind(device);
  const createPipeline = device.createComputePipelineAsync.bind(device);
  const modules = new Map<string, GPUShaderModule>();
  const pipelines = new Map<GPUShaderModule, Promise<GPUComputePipeline>>();
  return Object.assign(device, {
    createShaderModule(descriptor: GPUShaderModuleDescriptor): GPUShaderModule {
      const code = codeOf(descriptor.code);
      const module = modules.get(code) ?? createModule({ ...descriptor, code });
      modules.set(code, module);
      return module;
    },
    createComputePipelineAsync(
      descriptor: GPUComputePipelineDescriptor,
    ): Promise<GPUComputePipeline> {
      const { module } = descriptor.compute;
      const pipeline = pipelines.get(module) ?? createPipeline(descriptor);
      pipelines.set(module, pipeline);
      return pipeline;
    },
  });
}

/** A shader without its head. */
function codeOf(text: string): string {
  return text.slice(text.search(/^(enable|@)/m));
}

/** The outputs of a plan, in the project's own runtime. */
export async function runPlan(
  device: GPUDevice,
  { files }: EmittedPlan,
  inputs: ReadonlyMap<string, Tensor>,
  sizes: SymbolValues = {},
  profile: string | null = null,
): Promise<ReadonlyMap<string, Tensor>> {
  const contents = new Map(files.map(({ name, bytes }) => [name, bytes]));
  const read = (file: string): Promise<Uint8Array> => {
    const bytes = contents.get(file);
    return bytes === undefined
      ? Promise.reject(new Error(`no file ${file}`))
      : Promise.resolve(bytes);
  };
  // SwiftShader would take kernels that are meant for it: those for every device by default.
  const model = await loadPlan(device, { read }, { sizes, profile });
  const outputs = await model.run(Object.fromEntries(inputs));
  model.destroy();
  return new Map(Object.entries(outputs));
}

/** Several graphs as one; inputs, outputs and weights have the graph's key before their names. */
export function joinGraphs(graphs: ReadonlyMap<string, Graph>): Graph {
  const builder = createBuilder();
  const outputs: Graph['outputs'][number][] = [];
  for (const [key, graph] of graphs) {
    const mapped = new Map<Value, Value>();
    const find = (value: Value): Value => {
      const known = mapped.get(value);
      if (known !== undefined) return known;
      const { definition, type } = value;
      if (definition.kind !== 'constant') throw new Error(`value ${value.id} is nowhere`);
      return builder.constant(definition.data, type.shape.map(Number));
    };
    for (const value of graph.inputs) {
      if (value.definition.kind !== 'input') throw new Error('not an input');
      const { doc, span } = value.definition;
      mapped.set(value, builder.input(`${key}.${inputName(value)}`, value.type, doc, span));
    }
    const weights = new Map(
      graph.weights.map((w) => [w, builder.weight({ ...w, name: `${key}.${w.name}` })]),
    );
    for (const node of graph.nodes) {
      for (const value of node.operands) {
        const { definition } = value;
        const weight = definition.kind === 'weight' ? weights.get(definition.weight) : undefined;
        if (weight !== undefined) mapped.set(value, weight);
      }
      const results = builder.copy(node, node.operands.map(find));
      node.results.forEach((value, i) => mapped.set(value, results[i] ?? value));
    }
    for (const output of graph.outputs) {
      outputs.push({ ...output, name: `${key}.${output.name}`, value: find(output.value) });
    }
  }
  const [first] = graphs.values();
  if (first === undefined) throw new Error('no graphs');
  return builder.finish({ ...first, name: 'All', symbols: [] }, outputs);
}

/** Keys before names, as `joinGraphs` has them. */
export function prefixed<T>(key: string, values: ReadonlyMap<string, T>): readonly [string, T][] {
  return [...values].map(([name, value]) => [`${key}.${name}`, value]);
}

const judged = new Map<string, readonly string[]>();
/** Longer lines are hard to read. */
const MAX_LINE = 140;

/** What is wrong with the shaders of a plan, each looked at once however many plans have it. */
export async function shaderProblems({ files }: EmittedPlan): Promise<string[]> {
  const problems: string[] = [];
  for (const { name, bytes } of files) {
    if (!name.endsWith('.wgsl')) continue;
    const text = new TextDecoder().decode(bytes);
    const code = codeOf(text);
    const known = judged.get(code);
    const found = known ?? [...(await validateTint(code)), ...validateNaga(code)];
    judged.set(code, found);
    problems.push(...found.map((problem) => `${name}: ${problem}`));
    const long = code.split('\n').find((line) => line.length > MAX_LINE);
    if (long !== undefined) problems.push(`${name}: ${long.length} characters: ${long.trim()}`);
    if (!/^\/\/ \S.*\n(\/\/.*\n)*\/\/ .*:\d+:\d+ {2}.* → /.test(text)) {
      problems.push(`${name} does not say what it is for:\n${text.slice(0, 300)}`);
    }
    const params = /struct Params \{\n((?: {2}\w+: i32,\n)+)\}/.exec(code)?.[1];
    if (params === undefined) problems.push(`${name} has no params`);
    for (const param of params?.match(/\w+(?=: )/g) ?? []) {
      if (!code.includes(`params.${param}`)) problems.push(`${name}: ${param} is not used`);
    }
  }
  return problems;
}

/** Races of every shader with workgroup memory, and of how many there were. */
export function racesIn(
  { plan, files }: EmittedPlan,
  sizes: SymbolValues,
): { readonly races: readonly string[]; readonly shaders: number } {
  const seen = new Set<number>();
  const races: string[] = [];
  for (const { variants } of plan.dispatches) {
    for (const { pipeline, bindings, params, workgroups } of variants) {
      const module = plan.modules[plan.pipelines[pipeline]?.module ?? -1];
      const file = files.find(({ name }) => name === module?.file);
      const text = new TextDecoder().decode(file?.bytes);
      if (seen.has(pipeline) || !text.includes('var<workgroup>')) continue;
      seen.add(pipeline);
      const buffers = bindings.map((binding) =>
        'tensor' in binding
          ? sizeOf(plan.tensors[binding.tensor]?.bytes ?? 0, sizes)
          : (plan.constants[binding.constant]?.bytes ?? 0),
      );
      const values = Int32Array.from(params, (size) => sizeOf(size, sizes));
      const [x = 1, y = 1, z = 1] = workgroups.map((size) => sizeOf(size, sizes));
      // `wgsl_reflect` takes `block`, a name like any other, for a word of the language.
      const found = findRaces(text.replace(/\bblock\b/g, 'the_block'), {
        entryPoint: 'main',
        workgroups: [x, y, z],
        buffers: [...buffers, values.buffer],
      });
      races.push(...found.map((race) => `${module?.file ?? ''}: ${race}`));
    }
  }
  return { races, shaders: seen.size };
}
