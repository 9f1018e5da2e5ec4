/// <reference types="@webgpu/types" />
/** The pipelines of a plan, compiled in parallel, and the layouts of their bindings. */
import { limitOf } from './device.js';
import { messageOf, PlanError } from './error.js';
import type { Plan, PlanPipeline, PlanVariant } from './plan.js';

export interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

/** Of `GPUShaderStage`, which not every host has as a global. */
const COMPUTE = 4;

/** The variant of each dispatch that a device of these profiles takes. */
export function chooseVariants(plan: Plan, profiles: ReadonlySet<string>): readonly PlanVariant[] {
  return plan.dispatches.map(({ variants }) => {
    const chosen = variants.find(({ profile }) => profile === undefined || profiles.has(profile));
    // The last has no profile, which has been checked.
    return chosen ?? variants[0];
  });
}

/** The pipelines that the variants use, by their number in the plan. `shader` where one fails. */
export async function createPipelines(
  device: GPUDevice,
  plan: Plan,
  variants: readonly PlanVariant[],
  codeOf: (module: number) => Promise<string>,
): Promise<ReadonlyMap<number, Pipeline>> {
  const layouts = new Map<string, GPUBindGroupLayout>();
  const layoutOf = (pipeline: PlanPipeline): GPUBindGroupLayout => {
    const types = bindingTypes(pipeline);
    const key = types.join();
    const known = layouts.get(key);
    if (known !== undefined) return known;
    const entries = types.map((type, binding) => ({
      binding,
      visibility: COMPUTE,
      buffer: { type },
    }));
    const layout = device.createBindGroupLayout({ entries });
    layouts.set(key, layout);
    return layout;
  };
  const modules = new Map<number, Promise<GPUShaderModule>>();
  const moduleOf = (index: number): Promise<GPUShaderModule> => {
    const made =
      modules.get(index) ??
      codeOf(index).then((code) => {
        // The pipeline's error says the same, and this one would be reported to nobody.
        device.pushErrorScope('validation');
        const label = plan.modules[index]?.file ?? '';
        const module = device.createShaderModule({ code, label });
        device.popErrorScope().catch(() => undefined);
        return module;
      });
    modules.set(index, made);
    return made;
  };

  const used = [...new Set(variants.map(({ pipeline }) => pipeline))];
  const pipelines = used.map(async (number): Promise<[number, Pipeline]> => {
    const described = plan.pipelines[number];
    if (described === undefined) throw new PlanError('invalid-plan', `no pipeline ${number}`);
    checkLimits(device, plan, described);
    const layout = layoutOf(described);
    const module = await moduleOf(described.module);
    try {
      const pipeline = await device.createComputePipelineAsync({
        label: plan.modules[described.module]?.file ?? '',
        layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
        compute: { module, entryPoint: described.entryPoint },
      });
      return [number, { pipeline, layout }];
    } catch (error) {
      throw await shaderError(plan.modules[described.module]?.file ?? '', module, error);
    }
  });
  return new Map(await Promise.all(pipelines));
}

/** The parameters, if there are any, are a uniform buffer behind the others. */
function bindingTypes({ bindings, params }: PlanPipeline): GPUBufferBindingType[] {
  const types = bindings.map((access): GPUBufferBindingType =>
    access === 'read' ? 'read-only-storage' : 'storage',
  );
  return params.length === 0 ? types : [...types, 'uniform'];
}

function checkLimits(device: GPUDevice, plan: Plan, { bindings, module }: PlanPipeline): void {
  const most = limitOf(device, 'maxStorageBuffersPerShaderStage');
  if (bindings.length <= most) return;
  throw new PlanError(
    'device-limit',
    `${plan.modules[module]?.file ?? ''} binds ${bindings.length} buffers, and the device ${most} at most`,
  );
}

/** With the place in the shader, where its text is the reason. */
async function shaderError(
  file: string,
  module: GPUShaderModule,
  error: unknown,
): Promise<PlanError> {
  const { messages } = await module.getCompilationInfo().catch(() => ({ messages: [] }));
  const found = messages
    .filter(({ type }) => type === 'error')
    .map(({ lineNum, linePos, message }) => `${file}:${lineNum}:${linePos}: ${message}`);
  const text = found.length === 0 ? `${file}: ${messageOf(error)}` : found.join('\n');
  return new PlanError('shader', text, { cause: error });
}
