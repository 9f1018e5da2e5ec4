/// <reference types="@webgpu/types" />
/** GPUs for tests, and what judges shaders: two front ends and a search for races. */
import { NagaError, parseWgsl, validate } from 'naga-wasm';
import { detectRaces } from 'wgsl_reflect/wgsl_reflect.module.js';
import { openGpu } from '../../src/engines/gpu.js';
import { loadVulkan } from './swiftshader.js';

/** An adapter that computes. Where there is none the test fails: nothing here may be skipped. */
export async function testAdapter(): Promise<GPUAdapter> {
  loadVulkan();
  return adapterOf([]);
}

async function adapterOf(toggles: readonly string[]): Promise<GPUAdapter> {
  const gpu = await openGpu(toggles);
  const adapter = gpu.ok ? await gpu.value.requestAdapter() : null;
  if (adapter === null) throw new Error('there is no GPU adapter');
  return adapter;
}

/** A device of the default limits, unless others are asked for. */
export async function testDevice(descriptor?: GPUDeviceDescriptor): Promise<GPUDevice> {
  return (await testAdapter()).requestDevice(descriptor);
}

let judge: Promise<GPUDevice> | undefined;

/** A device that validates and does not compute: it needs no driver. */
async function openJudge(): Promise<GPUDevice> {
  const adapter = await adapterOf(['backend=null']);
  return adapter.requestDevice({ requiredFeatures: ['shader-f16', 'subgroups'] });
}

/**
 * What Tint has against a shader, `line:column message` each: types, uniformity, and with values of
 * its overrides also the limits, for every entry point.
 */
export async function validateTint(
  wgsl: string,
  constants?: Readonly<Record<string, number>>,
): Promise<string[]> {
  const device = await (judge ??= openJudge());
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ code: wgsl });
  const [{ messages }, error] = await Promise.all([
    module.getCompilationInfo(),
    device.popErrorScope(),
  ]);
  const found = messages.map((m) => `${m.lineNum}:${m.linePos} ${m.type}: ${m.message}`);
  if (error !== null && found.length === 0) found.push(error.message);
  if (error !== null || constants === undefined) return found;
  for (const [, entryPoint = ''] of wgsl.matchAll(/@compute\b[^{]*?\bfn\s+(\w+)/g)) {
    try {
      await device.createComputePipelineAsync({
        layout: 'auto',
        compute: { module, entryPoint, constants },
      });
    } catch (reason) {
      found.push(`${entryPoint}: ${String(reason)}`);
    }
  }
  return found;
}

/** What Naga, a front end with no code in common with Tint, has against a shader. */
export function validateNaga(wgsl: string): string[] {
  try {
    // It knows the functions, and not yet the directive that names them (wgpu's issue 5555).
    validate(parseWgsl(wgsl.replace(/^enable subgroups;$/m, '')));
    return [];
  } catch (error) {
    if (error instanceof NagaError) return [error.formatted];
    throw error;
  }
}

export interface Launch {
  readonly entryPoint: string;
  readonly workgroups: readonly [number, number, number];
  /** Each buffer of group 0 in the order of the bindings: its bytes, zeros where only how many. */
  readonly buffers: readonly (number | ArrayBuffer)[];
  readonly constants?: Readonly<Record<string, number>>;
}

/**
 * Accesses of a launch to the same memory with no barrier between, one at least a write, and
 * barriers that not all invocations reach. Interprets the shader: only for small launches.
 */
export function findRaces(wgsl: string, launch: Launch): string[] {
  const { entryPoint, workgroups, buffers, constants = {} } = launch;
  const group = Object.fromEntries(
    buffers.map((bytes, i) => [i, typeof bytes === 'number' ? new ArrayBuffer(bytes) : bytes]),
  );
  const { races, errors } = detectRaces(
    wgsl,
    entryPoint,
    [...workgroups],
    { 0: group },
    {
      constants,
    },
  );
  return [...races.map(({ message }) => message), ...errors];
}
