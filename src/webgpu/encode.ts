/// <reference types="@webgpu/types" />
/** One run as one command buffer. */
import { ALIGNMENT } from './arena.js';
import type { Feed } from './inputs.js';
import { USAGE, type Instance, type ReadyPort, type Step } from './instance.js';

/** Where an output is copied to. */
export interface Target {
  readonly buffer: GPUBuffer;
  readonly offset: number;
}

/** Has the inputs copied, every dispatch run and the outputs copied. Gives nothing back. */
export function submitRun(
  device: GPUDevice,
  { inputs, outputs, steps }: Instance,
  feeds: readonly Feed[],
  targets: readonly (Target | undefined)[],
  compute: (encoder: GPUCommandEncoder, steps: readonly Step[]) => void = computeAll,
): void {
  const encoder = device.createCommandEncoder();
  feeds.forEach(({ content }, i) => {
    const port = inputs[i];
    if (port === undefined) return;
    if ('byteLength' in content) {
      // Part of the queue as the command buffer is, so what ran before has read the arena by then.
      device.queue.writeBuffer(port.buffer, port.offset, content);
    } else {
      const { buffer, offset } = content;
      encoder.copyBufferToBuffer(buffer, offset, port.buffer, port.offset, port.bytes);
    }
  });
  compute(encoder, steps);
  outputs.forEach(({ buffer, offset, bytes }, i) => {
    const target = targets[i];
    if (target === undefined) return;
    encoder.copyBufferToBuffer(buffer, offset, target.buffer, target.offset, bytes);
  });
  device.queue.submit([encoder.finish()]);
}

function computeAll(encoder: GPUCommandEncoder, steps: readonly Step[]): void {
  const pass = encoder.beginComputePass();
  steps.forEach((step) => encodeStep(pass, step));
  pass.end();
}

export function encodeStep(
  pass: GPUComputePassEncoder,
  { pipeline, group, workgroups }: Step,
): void {
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  pass.dispatchWorkgroups(...workgroups);
}

/** Buffers through which the outputs of runs reach the CPU: one for each run in flight. */
export interface StagingPool {
  take(): GPUBuffer;
  giveBack(buffer: GPUBuffer): void;
  /** Instead of giving it back, where something failed. */
  drop(buffer: GPUBuffer): void;
  /** Where each output lies in such a buffer. */
  readonly offsets: readonly number[];
  /** Frees what no run waits for, and the rest as it comes back. */
  close(): void;
  /** Frees all. Runs that wait are rejected. */
  destroy(): void;
}

export function createStagingPool(device: GPUDevice, outputs: readonly ReadyPort[]): StagingPool {
  let size = 0;
  const offsets = outputs.map(({ bytes }) => {
    const offset = size;
    size += ALIGNMENT * Math.ceil(bytes / ALIGNMENT);
    return offset;
  });
  const free: GPUBuffer[] = [];
  const all = new Set<GPUBuffer>();
  let isClosed = false;
  const drop = (buffer: GPUBuffer): void => {
    buffer.destroy();
    all.delete(buffer);
  };
  return {
    offsets,
    take() {
      const known = free.pop();
      if (known !== undefined) return known;
      const usage = USAGE.MAP_READ | USAGE.COPY_DST;
      const made = device.createBuffer({ label: 'outputs', size: Math.max(size, 4), usage });
      all.add(made);
      return made;
    },
    giveBack(buffer) {
      if (isClosed) drop(buffer);
      else free.push(buffer);
    },
    drop,
    close() {
      isClosed = true;
      free.splice(0).forEach(drop);
    },
    destroy: () => [...all].forEach(drop),
  };
}
