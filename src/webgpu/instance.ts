/// <reference types="@webgpu/types" />
/** A plan at one set of sizes: its memory, and every dispatch ready to be encoded. */
import { ALIGNMENT, placeTensors } from './arena.js';
import { limitOf } from './device.js';
import { PlanError } from './error.js';
import type { Pipeline } from './pipelines.js';
import type { Place, Plan, PlanPort, PlanVariant, Size } from './plan.js';
import { countOf, sizeOf, type SymbolValues } from './size.js';
import type { Weights } from './weights.js';

/** Of `GPUBufferUsage`, which not every host has as a global. */
export const USAGE = { MAP_READ: 1, COPY_SRC: 4, COPY_DST: 8, UNIFORM: 64, STORAGE: 128 } as const;

export interface Step {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly workgroups: readonly [number, number, number];
}

/** An input or output with its place. */
export interface ReadyPort {
  readonly name: string;
  readonly shape: readonly number[];
  readonly bytes: number;
  readonly buffer: GPUBuffer;
  readonly offset: number;
}

export interface Instance {
  readonly sizes: SymbolValues;
  readonly steps: readonly Step[];
  readonly inputs: readonly ReadyPort[];
  readonly outputs: readonly ReadyPort[];
  /** Bytes of the arena. */
  readonly bytes: number;
  destroy(): void;
}

/**
 * Everything whose size depends on the symbols: lays it out and checks it, and gives back what then
 * takes the memory. `device-limit` where the device has not enough.
 */
export function prepareInstance(
  device: GPUDevice,
  plan: Plan,
  variants: readonly PlanVariant[],
  pipelines: ReadonlyMap<number, Pipeline>,
  weights: Weights,
  sizes: SymbolValues,
): () => Instance {
  const bytes = plan.tensors.map((tensor) => {
    const size = countOf(tensor.bytes, sizes);
    checkBinding(device, tensor.name, size);
    return size;
  });
  const { places, arena } = placesOf(plan, bytes);
  const largest = limitOf(device, 'maxBufferSize');
  for (const size of arena) {
    if (size > largest) {
      throw new PlanError(
        'device-limit',
        `the plan needs a buffer of ${size} bytes, and the device grants ${largest} at most`,
      );
    }
  }
  const ports = (all: readonly PlanPort[]): Omit<ReadyPort, 'buffer'>[] =>
    all.map((port) => portAt(port, bytes, places, sizes));
  const [inputs, outputs] = [ports(plan.inputs), ports(plan.outputs)];
  const workgroups = variants.map((variant, i) =>
    workgroupsOf(device, plan.dispatches[i]?.label ?? '', variant.workgroups, sizes),
  );
  const params = layParams(variants, sizes);

  // Nothing in here throws: what is created is also destroyed.
  return () => {
    const buffers = arena.map((size) =>
      device.createBuffer({
        label: 'arena',
        size,
        usage: USAGE.STORAGE | USAGE.COPY_SRC | USAGE.COPY_DST,
      }),
    );
    const uniform = device.createBuffer({
      label: 'parameters',
      size: params.data.byteLength,
      usage: USAGE.UNIFORM | USAGE.COPY_DST,
    });
    device.queue.writeBuffer(uniform, 0, params.data);
    const bindTensor = (tensor: number): GPUBufferBinding => {
      const { buffer, offset } = places[tensor] ?? { buffer: 0, offset: 0 };
      return { buffer: known(buffers[buffer]), offset, size: bytes[tensor] ?? 0 };
    };
    const steps = variants.map((variant, i): Step => {
      const { pipeline, layout } = known(pipelines.get(variant.pipeline));
      const resources = variant.bindings.map((binding) =>
        'tensor' in binding ? bindTensor(binding.tensor) : weights.bind(binding),
      );
      const place = params.places[i];
      if (place !== undefined) resources.push({ buffer: uniform, ...place });
      const entries = resources.map((resource, binding) => ({ binding, resource }));
      return {
        pipeline,
        group: device.createBindGroup({ label: plan.dispatches[i]?.label ?? '', layout, entries }),
        workgroups: workgroups[i] ?? [0, 0, 0],
      };
    });
    const ready = (
      all: readonly Omit<ReadyPort, 'buffer'>[],
      from: readonly PlanPort[],
    ): ReadyPort[] =>
      all.map((port, i) => ({ ...port, buffer: known(bindTensor(from[i]?.tensor ?? 0).buffer) }));
    return {
      sizes,
      steps,
      inputs: ready(inputs, plan.inputs),
      outputs: ready(outputs, plan.outputs),
      bytes: arena.reduce((sum, size) => sum + size, 0),
      destroy: () => [...buffers, uniform].forEach((buffer) => buffer.destroy()),
    };
  };
}

/** What an index that has been checked stands for. */
export function known<T>(item: T | undefined): T {
  if (item === undefined) throw new PlanError('invalid-plan', 'plan.json: an index has no target');
  return item;
}

export function checkBinding(device: GPUDevice, name: string, bytes: number): void {
  const most = limitOf(device, 'maxStorageBufferBindingSize');
  if (bytes > most) {
    throw new PlanError(
      'device-limit',
      `${name} takes ${bytes} bytes, and the device binds ${most} at most`,
    );
  }
  if (bytes === 0 || bytes % 4 !== 0) {
    throw new PlanError('invalid-plan', `plan.json: ${name} takes ${bytes} bytes`);
  }
}

function placesOf(
  plan: Plan,
  bytes: readonly number[],
): { readonly places: readonly Place[]; readonly arena: readonly number[] } {
  if (plan.arena !== undefined) {
    return { places: plan.tensors.map(({ place }) => known(place)), arena: plan.arena };
  }
  const lifetimes = plan.tensors.map(({ first, last }, i) => ({
    first,
    last,
    bytes: bytes[i] ?? 0,
  }));
  const { places, buffers } = placeTensors(lifetimes);
  return { places, arena: buffers };
}

function portAt(
  { name, shape, tensor }: PlanPort,
  bytes: readonly number[],
  places: readonly Place[],
  sizes: SymbolValues,
): Omit<ReadyPort, 'buffer'> {
  const numbers = shape.map((size) => countOf(size, sizes));
  const needed = 4 * numbers.reduce((product, size) => product * size, 1);
  if (needed > (bytes[tensor] ?? 0) || needed === 0) {
    throw new PlanError(
      'invalid-plan',
      `plan.json: ${name} is ${numbers.join(' × ')} and its tensor has ${bytes[tensor] ?? 0} bytes`,
    );
  }
  return { name, shape: numbers, bytes: needed, offset: places[tensor]?.offset ?? 0 };
}

function workgroupsOf(
  device: GPUDevice,
  label: string,
  sizes: readonly Size[],
  symbols: SymbolValues,
): [number, number, number] {
  const [x = 0, y = 0, z = 0] = sizes.map((size) => countOf(size, symbols));
  const most = limitOf(device, 'maxComputeWorkgroupsPerDimension');
  if (Math.max(x, y, z) > most) {
    throw new PlanError(
      'device-limit',
      `${label} takes ${x} × ${y} × ${z} workgroups, and the device starts ${most} along an axis at most`,
    );
  }
  return [x, y, z];
}

interface Params {
  readonly data: Int32Array<ArrayBuffer>;
  /** Of each dispatch; undefined where it has none. */
  readonly places: readonly ({ readonly offset: number; readonly size: number } | undefined)[];
}

/** The parameters of all dispatches in one buffer. */
function layParams(variants: readonly PlanVariant[], symbols: SymbolValues): Params {
  let end = 0;
  const places = variants.map(({ params }) => {
    if (params.length === 0) return undefined;
    const offset = end;
    const size = 16 * Math.ceil(params.length / 4);
    end += ALIGNMENT * Math.ceil(size / ALIGNMENT);
    return { offset, size };
  });
  // A buffer of no bytes is none.
  const data = new Int32Array(Math.max(end, 16) / 4);
  variants.forEach(({ params }, i) => {
    params.forEach((param, j) => {
      const value = sizeOf(param, symbols);
      if (value !== value >> 0) {
        throw new PlanError('invalid-plan', `plan.json: ${value} is no signed integer of 32 bits`);
      }
      data[(places[i]?.offset ?? 0) / 4 + j] = value;
    });
  });
  return { data, places };
}
