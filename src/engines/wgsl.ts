/// <reference types="@webgpu/types" />
/** A kernel plan as an engine, on whatever GPU Node finds. */
import type { Outcome } from '../compiler/diagnostic.js';
import type { Tensor } from '../compiler/ir.js';
import { loadPlan, type Model, type PlanSource } from '../webgpu/index.js';
import { inBatches } from './batch.js';
import { engineFailed, type Adapter, type Engine } from './engine.js';
import { adapterOf, openDevice, openGpu } from './gpu.js';

const NAME = 'wgsl';

export interface WgslEngine extends Engine {
  readonly adapter: Adapter;
  /** The plan on its device, for what an engine has no name for. */
  readonly model: Model;
}

/**
 * Loads a plan. `version` is archc's; the engine's also names the adapter. `engine-missing` where
 * there is no WebGPU or no adapter, `engine-failed` where the device does not take the plan.
 */
export async function openWgslEngine(
  source: PlanSource,
  version: string,
  given?: GPUDevice,
): Promise<Outcome<WgslEngine>> {
  let device = given;
  if (device === undefined) {
    const gpu = await openGpu();
    if (!gpu.ok) return gpu;
    const opened = await openDevice(gpu.value);
    if (!opened.ok) return opened;
    device = opened.value;
  }
  const own = device;
  const release = (): void => {
    if (given === undefined) own.destroy();
  };
  let model: Model;
  try {
    model = await loadPlan(own, source);
  } catch (error) {
    release();
    return engineFailed(NAME, error);
  }
  const adapter = adapterOf(own.adapterInfo);
  return {
    ok: true,
    value: {
      name: NAME,
      version: [version, adapterName(adapter)].filter((part) => part !== '').join(', '),
      adapter,
      model,
      async run(inputs) {
        try {
          return { ok: true, value: await runBatches(model, inputs) };
        } catch (error) {
          return engineFailed(NAME, error);
        }
      },
      dispose() {
        model.destroy();
        release();
        return Promise.resolve();
      },
    },
  };
}

function adapterName({ description, device, architecture, vendor }: Adapter): string {
  return [description, device, architecture, vendor].find((name) => name !== '') ?? '';
}

function runBatches(
  model: Model,
  inputs: ReadonlyMap<string, Tensor>,
): Promise<ReadonlyMap<string, Tensor>> {
  const batch = model.plan.inputs[0]?.shape[0];
  return inBatches(inputs, typeof batch === 'number' ? batch : undefined, async (part) => {
    const outputs = await model.run(Object.fromEntries(part));
    return new Map(Object.entries(outputs));
  });
}
