/// <reference types="@webgpu/types" />
/** The weights of a plan on the device, in the types that its shaders read. */
import { ALIGNMENT, MAX_BUFFER_BYTES } from './arena.js';
import { limitOf } from './device.js';
import { checkBinding, known, USAGE } from './instance.js';
import type { Plan, PlanBinding, PlanVariant } from './plan.js';

/** Weights on the device, in as few buffers as its limits allow. */
export interface Weights {
  /** What a binding of the plan names. */
  bind(binding: ConstantBinding): GPUBufferBinding;
  readonly bytes: number;
  destroy(): void;
}

type ConstantBinding = Extract<PlanBinding, { readonly constant: number }>;

/** The constants that the variants bind, as they bind them: many to a buffer, none across two. */
export function uploadWeights(
  device: GPUDevice,
  plan: Plan,
  content: Uint8Array,
  variants: readonly PlanVariant[],
): Weights {
  const most = Math.min(limitOf(device, 'maxBufferSize'), MAX_BUFFER_BYTES);
  const sizes: number[] = [];
  const pieces = new Map<
    string,
    { binding: ConstantBinding; buffer: number; offset: number; size: number }
  >();
  for (const binding of variants.flatMap(({ bindings }) => bindings)) {
    if (!('constant' in binding) || pieces.has(keyOf(binding))) continue;
    const { bytes, dtype } = known(plan.constants[binding.constant]);
    const size = dtype === binding.dtype ? bytes : 2 * bytes;
    checkBinding(device, `constant ${binding.constant}`, size);
    let offset = ALIGNMENT * Math.ceil((sizes.at(-1) ?? 0) / ALIGNMENT);
    if (sizes.length === 0 || offset + size > most) {
      sizes.push(0);
      offset = 0;
    }
    sizes[sizes.length - 1] = offset + size;
    pieces.set(keyOf(binding), { binding, buffer: sizes.length - 1, offset, size });
  }
  const buffers = sizes.map((size) =>
    device.createBuffer({ label: 'weights', size, usage: USAGE.STORAGE | USAGE.COPY_DST }),
  );
  for (const { binding, buffer, offset } of pieces.values()) {
    const { offset: start, bytes, dtype } = known(plan.constants[binding.constant]);
    const held = content.subarray(start, start + bytes);
    const data = dtype === binding.dtype ? held : widened(held);
    device.queue.writeBuffer(known(buffers[buffer]), offset, data);
  }
  return {
    bytes: sizes.reduce((sum, size) => sum + size, 0),
    bind(binding) {
      const { buffer, offset, size } = known(pieces.get(keyOf(binding)));
      return { buffer: known(buffers[buffer]), offset, size };
    },
    destroy: () => buffers.forEach((buffer) => buffer.destroy()),
  };
}

function keyOf({ constant, dtype }: ConstantBinding): string {
  return `${constant} ${dtype ?? 'f32'}`;
}

/** Float16 as float32: its bits where those of a float32 are, whose exponents are 112 less. */
function widened(held: Uint8Array): Float32Array<ArrayBuffer> {
  const halves = new DataView(held.buffer, held.byteOffset, held.length);
  const values = new Float32Array(held.length / 2);
  const bits = new Uint32Array(values.buffer);
  for (let i = 0; i < bits.length; i++) {
    const half = halves.getUint16(2 * i, true);
    bits[i] = ((half & 0x8000) << 16) | ((half & 0x7fff) << 13);
    values[i] = (values[i] ?? 0) * 2 ** 112;
  }
  return values;
}
