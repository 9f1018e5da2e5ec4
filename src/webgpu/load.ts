/// <reference types="@webgpu/types" preserve="true" />
/** From the files of a plan to a model that runs. */
import { guarded, profilesFor, watch } from './device.js';
import { PlanError } from './error.js';
import { prepareInstance, type Instance } from './instance.js';
import { createModel, type Model } from './model.js';
import { chooseVariants, createPipelines } from './pipelines.js';
import { symbolValues, type SymbolValues } from './size.js';
import { readChecked, readFile, sourceAt, type PlanSource } from './source.js';
import { parsePlan } from './validate.js';
import { uploadWeights } from './weights.js';

export interface LoadOptions {
  /** Values of the plan's symbols, as `{ H: 512, W: 512, batch: 2 }`; the others have their defaults. */
  readonly sizes?: SymbolValues;
  /** Kernels of this profile and no other are preferred; null: only those for every device. */
  readonly profile?: string | null;
}

/**
 * Loads a plan onto a device, which stays the caller's. `source`: the address of the plan's folder,
 * in Node also its path, or what reads its files. Throws a `PlanError`.
 */
export async function loadPlan(
  device: GPUDevice,
  source: string | URL | PlanSource,
  { sizes = {}, profile }: LoadOptions = {},
): Promise<Model> {
  if ((device as GPUDevice | null | undefined)?.queue === undefined) {
    throw new PlanError('no-device', 'loadPlan takes a GPUDevice: see requestDevice');
  }
  const files = typeof source === 'string' || source instanceof URL ? sourceAt(source) : source;
  const plan = await parsePlan(await readFile(files, 'plan.json'));
  const variants = chooseVariants(plan, profilesFor(device, plan, profile));
  const values = symbolValues(plan.symbols, sizes);
  const codeOf = async (index: number): Promise<string> => {
    const module = plan.modules[index];
    if (module === undefined) throw new PlanError('invalid-plan', `no module ${index}`);
    return new TextDecoder().decode(await readChecked(files, module));
  };

  const watched = watch(device);
  const [content, pipelines] = await watched.guard(
    Promise.all([
      readChecked(files, plan.weights),
      createPipelines(device, plan, variants, codeOf),
    ]),
  );
  const { value: weights, done } = guarded(device, 'weights', () =>
    uploadWeights(device, plan, content, variants),
  );
  try {
    await watched.guard(done);
    const prepare = (at: SymbolValues): (() => Instance) =>
      prepareInstance(device, plan, variants, pipelines, weights, at);
    const model = createModel({ device, plan, variants, weights, watched, prepare }, values);
    await model.resize(values);
    return model;
  } catch (error) {
    weights.destroy();
    throw error;
  }
}
