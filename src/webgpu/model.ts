/// <reference types="@webgpu/types" preserve="true" />
/** A loaded plan: what the caller runs, resizes, measures and lets go of. */
import { guarded, type Guarded, type Watch } from './device.js';
import { createStagingPool, submitRun, type StagingPool } from './encode.js';
import { meant, PlanError } from './error.js';
import {
  feedsOf,
  isBuffer,
  sizesFor,
  type Feed,
  type RunInputs,
  type TensorData,
} from './inputs.js';
import { USAGE, type Instance, type ReadyPort } from './instance.js';
import type { Plan, PlanPort, PlanVariant } from './plan.js';
import { createClock, type Clock } from './profile.js';
import { countOf, formatShape, symbolValues, type SymbolValues } from './size.js';
import type { Weights } from './weights.js';

export interface GpuOutputs {
  readonly outputs: 'gpu' | Readonly<Record<string, GPUBuffer>>;
}

/** An output that stays on the GPU, from the buffer's start. */
export interface GpuTensor {
  readonly buffer: GPUBuffer;
  readonly shape: readonly number[];
}

/** An input or output at the model's present sizes. */
export interface Port {
  readonly name: string;
  readonly doc: string;
  readonly shape: readonly number[];
}

export interface DispatchTime {
  readonly label: string;
  readonly op: string;
  readonly source: string;
  /** The profile whose kernel ran; absent for the one of every device. */
  readonly profile?: string;
  readonly nanoseconds: number;
}

export interface Model {
  readonly plan: Plan;
  readonly sizes: SymbolValues;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /** Bytes on the GPU. */
  readonly bytes: { readonly weights: number; readonly arena: number };
  /**
   * Runs the model on inputs by name. The data is copied before `run` returns its promise, and runs
   * need not wait for each other. Inputs of other shapes that the plan allows resize the model.
   */
  run(inputs: RunInputs): Promise<Record<string, TensorData>>;
  /**
   * The same with outputs that stay on the GPU. `gpu`: in new buffers (STORAGE, COPY_SRC, COPY_DST),
   * which the caller destroys. Or those that are named are copied into buffers of the caller's
   * (COPY_DST), and nothing is allocated.
   */
  run(inputs: RunInputs, options: GpuOutputs): Promise<Record<string, GpuTensor>>;
  /** Sets sizes ahead of a run, so that the run does not have to; the others stay. */
  resize(sizes: SymbolValues): Promise<void>;
  /** Runs with a clock around each dispatch; takes a device with the feature `timestamp-query`. */
  profile(
    inputs: RunInputs,
  ): Promise<{ readonly outputs: Record<string, TensorData>; readonly dispatches: DispatchTime[] }>;
  /** Frees what the model holds on the GPU; the device stays. Runs in flight are rejected. */
  destroy(): void;
}

interface Parts {
  readonly device: GPUDevice;
  readonly plan: Plan;
  readonly variants: readonly PlanVariant[];
  readonly weights: Weights;
  readonly watched: Watch;
  /** Checks what sizes need; what it gives back then takes the memory. */
  readonly prepare: (sizes: SymbolValues) => () => Instance;
}

/** The model's memory at its present sizes. */
interface Present {
  readonly instance: Instance;
  readonly staging: StagingPool;
}

/** A model without memory yet: `resize` or the first run takes it. */
export function createModel(parts: Parts, start: SymbolValues): Model {
  const { device, plan, variants, weights, watched, prepare } = parts;
  let isDestroyed = false;
  let sizes = start;
  let present: Present | undefined;

  function checkAlive(): void {
    if (isDestroyed) throw new PlanError('destroyed', 'the model was destroyed');
    if (watched.loss !== undefined) throw watched.loss;
  }

  /** What is submitted still runs: WebGPU frees memory only after its last use. */
  function free(): void {
    present?.instance.destroy();
    present?.staging.close();
    present = undefined;
  }

  /** The memory for these sizes. */
  function at(wanted: SymbolValues): Present {
    const isSame = Object.entries(wanted).every(([name, value]) => sizes[name] === value);
    if (present !== undefined && isSame) return present;
    const create = prepare(wanted);
    // Before the new, as both together may be too much.
    free();
    sizes = wanted;
    const instance = create();
    return (present = { instance, staging: createStagingPool(device, instance.outputs) });
  }

  /** The result, once the device has told that nothing failed on the way to it. */
  async function settled<T>({ value, done }: Guarded<Present>, result: Promise<T>): Promise<T> {
    try {
      return (await watched.guard(Promise.all([result, done])))[0];
    } catch (error) {
      if (isDestroyed) throw new PlanError('destroyed', 'the model was destroyed while it ran');
      // The memory may not be there. The next run takes it anew.
      const isFull = error instanceof PlanError && error.code === 'out-of-memory';
      if (isFull && present === value) free();
      throw error;
    }
  }

  async function toCpu(feeds: readonly Feed[], clock?: Clock): Promise<Record<string, TensorData>> {
    const used = guarded(device, 'the run', () => {
      const now = at(sizesFor(plan, feeds, sizes));
      const buffer = now.staging.take();
      const targets = now.staging.offsets.map((offset) => ({ buffer, offset }));
      submitRun(device, now.instance, feeds, targets, clock?.compute);
      return { ...now, buffer };
    });
    const { instance, staging, buffer } = used.value;
    const { done } = used;
    try {
      const read = readOutputs(buffer, instance.outputs, staging.offsets);
      const result = await settled({ value: used.value, done }, read);
      staging.giveBack(buffer);
      return result;
    } catch (error) {
      staging.drop(buffer);
      throw error;
    }
  }

  async function toGpu(
    feeds: readonly Feed[],
    given: Readonly<Record<string, GPUBuffer>> | undefined,
  ): Promise<Record<string, GpuTensor>> {
    let tensors: readonly [name: string, tensor: GpuTensor][] = [];
    const used = guarded(device, 'the run', () => {
      const now = at(sizesFor(plan, feeds, sizes));
      const { outputs } = now.instance;
      const buffers =
        given === undefined ? newBuffers(device, outputs) : chosenBuffers(outputs, given);
      const targets = buffers.map((buffer) => buffer && { buffer, offset: 0 });
      submitRun(device, now.instance, feeds, targets);
      tensors = outputs.flatMap(({ name, shape }, i): [string, GpuTensor][] => {
        const buffer = buffers[i];
        return buffer === undefined ? [] : [[name, { buffer, shape }]];
      });
      return now;
    });
    try {
      await settled(used, Promise.resolve());
    } catch (error) {
      if (given === undefined) tensors.forEach(([, { buffer }]) => buffer.destroy());
      throw error;
    }
    return Object.fromEntries(tensors);
  }

  function run(inputs: RunInputs): Promise<Record<string, TensorData>>;
  function run(inputs: RunInputs, options: GpuOutputs): Promise<Record<string, GpuTensor>>;
  async function run(
    inputs: RunInputs,
    { outputs }: Partial<GpuOutputs> = {},
  ): Promise<Record<string, TensorData | GpuTensor>> {
    checkAlive();
    const feeds = feedsOf(plan, inputs);
    if (outputs === undefined) return toCpu(feeds);
    return toGpu(feeds, outputs === 'gpu' ? undefined : outputs);
  }

  const portsAt = (ports: readonly PlanPort[]): Port[] =>
    ports.map(({ name, doc, shape }) => ({
      name,
      doc,
      shape: shape.map((size) => countOf(size, sizes)),
    }));

  return {
    plan,
    get sizes() {
      return sizes;
    },
    get inputs() {
      return portsAt(plan.inputs);
    },
    get outputs() {
      return portsAt(plan.outputs);
    },
    get bytes() {
      return { weights: weights.bytes, arena: present?.instance.bytes ?? 0 };
    },
    run,
    async resize(wanted) {
      checkAlive();
      const values = symbolValues(plan.symbols, { ...sizes, ...wanted });
      const used = guarded(device, 'memory for the sizes', () => at(values));
      await settled(used, Promise.resolve());
    },
    async profile(inputs) {
      checkAlive();
      const feeds = feedsOf(plan, inputs);
      const clock = createClock(device, plan.dispatches.length);
      try {
        const outputs = await toCpu(feeds, clock);
        const times = await watched.guard(clock.read());
        const dispatches = plan.dispatches.map(({ label, op, source }, i): DispatchTime => {
          const profile = variants[i]?.profile;
          const nanoseconds = times[i] ?? 0;
          return { label, op, source, ...(profile === undefined ? {} : { profile }), nanoseconds };
        });
        return { outputs, dispatches };
      } finally {
        clock.destroy();
      }
    },
    destroy() {
      if (isDestroyed) return;
      isDestroyed = true;
      present?.staging.destroy();
      free();
      weights.destroy();
    },
  };
}

function newBuffers(device: GPUDevice, outputs: readonly ReadyPort[]): GPUBuffer[] {
  const usage = USAGE.STORAGE | USAGE.COPY_SRC | USAGE.COPY_DST;
  return outputs.map(({ name, bytes }) => device.createBuffer({ label: name, size: bytes, usage }));
}

/** The caller's buffer of each output; undefined where it wants none of it. */
function chosenBuffers(
  outputs: readonly ReadyPort[],
  given: Readonly<Record<string, GPUBuffer>>,
): (GPUBuffer | undefined)[] {
  const names = outputs.map(({ name }) => name);
  for (const name of Object.keys(given)) {
    if (names.includes(name)) continue;
    throw new PlanError('unknown-output', `the model has no output '${name}'${meant(name, names)}`);
  }
  return outputs.map(({ name, bytes, shape }) => {
    const buffer = Object.hasOwn(given, name) ? given[name] : undefined;
    if (buffer === undefined) return undefined;
    if (!isBuffer(buffer) || (buffer.usage & USAGE.COPY_DST) === 0) {
      throw new PlanError('wrong-type', `output '${name}' takes a GPUBuffer of usage COPY_DST`);
    }
    if (buffer.size < bytes) {
      throw new PlanError(
        'wrong-shape',
        `the buffer for output '${name}' has ${buffer.size} bytes, and ${formatShape(shape)} takes ${bytes}`,
      );
    }
    return buffer;
  });
}

async function readOutputs(
  buffer: GPUBuffer,
  outputs: readonly ReadyPort[],
  offsets: readonly number[],
): Promise<Record<string, TensorData>> {
  await buffer.mapAsync(USAGE.MAP_READ);
  const mapped = buffer.getMappedRange();
  const result = Object.fromEntries(
    outputs.map(({ name, shape, bytes }, i) => {
      const offset = offsets[i] ?? 0;
      return [name, { data: new Float32Array(mapped.slice(offset, offset + bytes)), shape }];
    }),
  );
  buffer.unmap();
  return result;
}
