/// <reference types="@webgpu/types" />
/** How long each dispatch takes, by the device's own clock. */
import { encodeStep } from './encode.js';
import { PlanError } from './error.js';
import { USAGE, type Step } from './instance.js';

/** Dispatches to a query set, which has 4096 queries at most: one at the start and one at the end. */
const PER_SET = 2048;
/** A timestamp is a 64-bit number of nanoseconds. */
const STAMP_BYTES = 8;

export interface Clock {
  /** Encodes each step in a pass of its own, between two timestamps. */
  readonly compute: (encoder: GPUCommandEncoder, steps: readonly Step[]) => void;
  /** Nanoseconds of each step, once the commands are submitted. */
  read(): Promise<readonly number[]>;
  destroy(): void;
}

/** Throws `missing-feature` where the device has no clock. */
export function createClock(device: GPUDevice, count: number): Clock {
  if (!device.features.has('timestamp-query')) {
    throw new PlanError(
      'missing-feature',
      "the device has no feature 'timestamp-query': ask for it in requestDevice",
    );
  }
  const sets = Array.from({ length: Math.ceil(count / PER_SET) }, (_, i) =>
    device.createQuerySet({ type: 'timestamp', count: 2 * Math.min(PER_SET, count - i * PER_SET) }),
  );
  const size = Math.max(1, count) * 2 * STAMP_BYTES;
  // Of `GPUBufferUsage.QUERY_RESOLVE`, which not every host has as a global.
  const stamps = device.createBuffer({ size, usage: 0x200 | USAGE.COPY_SRC });
  const staging = device.createBuffer({ size, usage: USAGE.MAP_READ | USAGE.COPY_DST });
  return {
    compute(encoder, steps) {
      steps.forEach((step, i) => {
        const querySet = sets[Math.floor(i / PER_SET)];
        if (querySet === undefined) return;
        const first = 2 * (i % PER_SET);
        const pass = encoder.beginComputePass({
          timestampWrites: {
            querySet,
            beginningOfPassWriteIndex: first,
            endOfPassWriteIndex: first + 1,
          },
        });
        encodeStep(pass, step);
        pass.end();
      });
      sets.forEach((set, i) =>
        encoder.resolveQuerySet(set, 0, set.count, stamps, i * PER_SET * 2 * STAMP_BYTES),
      );
      encoder.copyBufferToBuffer(stamps, 0, staging, 0, size);
    },
    async read() {
      await staging.mapAsync(USAGE.MAP_READ);
      const times = new BigUint64Array(staging.getMappedRange());
      return Array.from({ length: count }, (_, i) =>
        // A clock that was set back in between says nothing.
        Math.max(0, Number((times[2 * i + 1] ?? 0n) - (times[2 * i] ?? 0n))),
      );
    },
    destroy() {
      for (const each of [stamps, staging, ...sets]) each.destroy();
    },
  };
}
