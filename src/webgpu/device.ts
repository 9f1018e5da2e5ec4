/// <reference types="@webgpu/types" preserve="true" />
/** Devices: how to get one, what kind it is, and what it tells of errors. */
import { messageOf, PlanError } from './error.js';
import type { Plan, PlanProfile } from './plan.js';

/** Features that plans have faster kernels for, or that measuring needs: asked for where present. */
const WANTED_FEATURES = ['shader-f16', 'subgroups', 'timestamp-query'] as const;

/**
 * A device with default limits, which every WebGPU grants, and the features that plans can use.
 * `gpu`: the browser's unless given. Throws `no-webgpu`, `no-adapter` or `no-device`.
 */
export async function requestDevice(
  gpu: GPU | undefined = (globalThis as { navigator?: { gpu?: GPU } }).navigator?.gpu,
): Promise<GPUDevice> {
  if (gpu === undefined) {
    throw new PlanError(
      'no-webgpu',
      'there is no WebGPU here: use a browser that has it, over HTTPS or from localhost, or package webgpu in Node',
    );
  }
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (adapter === null) {
    throw new PlanError('no-adapter', 'WebGPU is there and finds no GPU that it may use');
  }
  const requiredFeatures = WANTED_FEATURES.filter((feature) => adapter.features.has(feature));
  try {
    return await adapter.requestDevice({ requiredFeatures });
  } catch (error) {
    throw new PlanError('no-device', `the GPU gives no device: ${messageOf(error)}`);
  }
}

/** Whether what computes is a GPU, and not the CPU in its place. */
export function isHardware(device: Partial<GPUDevice>): boolean {
  // Older browsers tell nothing of a device's adapter; then it most likely is.
  const info = device.adapterInfo;
  if (info === undefined) return true;
  const { isFallbackAdapter, vendor, architecture, device: model, description } = info;
  const names = [vendor, architecture, model, description].join(' ');
  return !isFallbackAdapter && !/swiftshader|llvmpipe|lavapipe|softpipe|basic render/i.test(names);
}

function isAmong(adapters: readonly string[], device: Partial<GPUDevice>): boolean {
  if (adapters.length === 0) return true;
  const architecture = device.adapterInfo?.architecture.toLowerCase() ?? '';
  return adapters.includes(architecture) || (adapters.includes('hardware') && isHardware(device));
}

/** Why the device does not fit a profile: what it lacks. Empty where it fits. */
function lacks(device: GPUDevice, { features, limits, adapters }: PlanProfile): string[] {
  return [
    ...features.filter((name) => !hasFeature(device, name)).map((name) => `feature ${name}`),
    ...Object.entries(limits)
      .filter(([name, least]) => !(limitOf(device, name) >= least))
      .map(([name, least]) => `${name} of ${least}`),
    ...(isAmong(adapters, device) ? [] : [`an adapter that is ${adapters.join(' or ')}`]),
  ];
}

/** Of WebGPU's features, or `subgroups-8`: the feature `subgroups`, and 8 threads in each. */
function hasFeature(device: Partial<GPUDevice>, name: string): boolean {
  const { features, adapterInfo: info } = device;
  const threads = /^subgroups-(\d+)$/.exec(name)?.[1];
  if (threads === undefined) return features?.has(name) === true;
  const sizes = [info?.subgroupMinSize, info?.subgroupMaxSize].map(String);
  return features?.has('subgroups') === true && sizes.every((size) => size === threads);
}

/** 0 where the device has no limit of that name. */
export function limitOf(device: GPUDevice, name: string): number {
  const value: unknown = Reflect.get(device.limits, name);
  return typeof value === 'number' ? value : 0;
}

/**
 * The profiles that the device fits. `forced` is the only one then, whatever adapters it is
 * meant for; null: none.
 */
export function profilesFor(
  device: GPUDevice,
  { profiles }: Plan,
  forced: string | null | undefined,
): ReadonlySet<string> {
  if (forced === null) return new Set();
  if (forced === undefined) {
    const fitting = Object.entries(profiles).filter(([, each]) => lacks(device, each).length === 0);
    return new Set(fitting.map(([name]) => name));
  }
  const profile = Object.hasOwn(profiles, forced) ? profiles[forced] : undefined;
  if (profile === undefined) {
    const names = Object.keys(profiles).join(', ') || 'none';
    throw new PlanError('unknown-profile', `the plan has no profile '${forced}'; it has ${names}`);
  }
  const missing = lacks(device, { ...profile, adapters: [] });
  if (missing.length === 0) return new Set([forced]);
  throw new PlanError(
    'missing-feature',
    `profile '${forced}' needs ${missing.join(' and ')}, which the device does not have`,
  );
}

const SCOPES = ['validation', 'internal', 'out-of-memory'] as const;

/**
 * Does something with the device, and then tells what the device had against it: once the promise
 * is settled, nothing of it has failed unnoticed. `action` issues all its calls before it returns.
 */
export function guarded<T>(device: GPUDevice, what: string, action: () => T): Guarded<T> {
  for (const scope of SCOPES) device.pushErrorScope(scope);
  const pop = async (): Promise<void> => {
    const errors = await Promise.all(
      [...SCOPES].reverse().map(async (scope) => ({ scope, error: await device.popErrorScope() })),
    );
    const found = errors.flatMap(({ scope, error }) =>
      error === null ? [] : [{ scope, error }],
    )[0];
    if (found === undefined) return;
    const code = found.scope === 'out-of-memory' ? 'out-of-memory' : 'gpu-error';
    throw new PlanError(code, `${what}: ${found.error.message || `the device reports ${code}`}`);
  };
  let value: T;
  try {
    value = action();
  } catch (error) {
    pop().catch(() => undefined);
    throw error;
  }
  return { value, done: pop() };
}

export interface Guarded<T> {
  readonly value: T;
  readonly done: Promise<void>;
}

/** Tells those who wait for a device of its loss. */
export interface Watch {
  /** Set once the device is lost. */
  readonly loss: PlanError | undefined;
  /** The promise, or a rejection with `device-lost` should the device be lost before. */
  guard<T>(promise: Promise<T>): Promise<T>;
}

export function watch(device: GPUDevice): Watch {
  // Not `Promise.race`, with which `device.lost` would hold the result of every run forever.
  const waiting = new Set<(error: PlanError) => void>();
  let loss: PlanError | undefined;
  void device.lost.then((info) => {
    loss = lossError(info);
    for (const reject of waiting) reject(loss);
  });
  return {
    get loss() {
      return loss;
    },
    async guard(promise) {
      let reject: (error: PlanError) => void = () => undefined;
      const lost = new Promise<never>((_, fail) => (reject = fail));
      waiting.add(reject);
      try {
        return await Promise.race([promise, lost]);
      } catch (error) {
        if (error instanceof PlanError && error.code !== 'gpu-error') throw error;
        // What fails because of a loss may be told before the loss.
        await new Promise((resolve) => setTimeout(resolve, 10));
        throw loss ?? asPlanError(error);
      } finally {
        waiting.delete(reject);
      }
    },
  };
}

function asPlanError(error: unknown): PlanError {
  return error instanceof PlanError
    ? error
    : new PlanError('gpu-error', messageOf(error), { cause: error });
}

function lossError({ reason, message }: GPUDeviceLostInfo): PlanError {
  const why = reason === 'destroyed' ? 'it was destroyed' : message || 'no reason is known';
  return new PlanError(
    'device-lost',
    `the GPU device is lost (${why}): ask for another and load the plan again`,
  );
}
