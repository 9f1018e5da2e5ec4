/** The memory of TensorFlow.js's WebAssembly backend, for kernels that loop over it. */
import type * as tf from '@tensorflow/tfjs';
import { rowLoops, type RowLoops, type WasmMemory } from './simd.js';

/** What the backend lets a kernel do with its memory. Views end where the memory grows. */
export interface WasmBackend {
  makeOutput(shape: readonly number[], dtype: 'float32'): tf.TensorInfo;
  typedArrayFromHeap(tensor: tf.TensorInfo): Float32Array;
  disposeData(data: object): void;
  readonly wasm: { readonly asm?: { readonly memory?: WasmMemory } };
}

const loopsOf = new WeakMap<WasmMemory, RowLoops | undefined>();

/** Whether the loops can run here: the backend shows its memory, and there are vector instructions. */
export function hasRowLoops(backend: WasmBackend): boolean {
  return loopsFor(backend) !== undefined;
}

function loopsFor({ wasm }: WasmBackend): RowLoops | undefined {
  const memory = wasm.asm?.memory;
  if (memory === undefined) return undefined;
  if (!loopsOf.has(memory)) loopsOf.set(memory, rowLoops(memory));
  return loopsOf.get(memory);
}

/** Memory for a kernel's own use, and what it asks of the backend. */
class Workspace {
  readonly loops: RowLoops;
  private readonly scratch: tf.TensorInfo[] = [];

  constructor(private readonly backend: WasmBackend) {
    const loops = loopsFor(backend);
    if (loops === undefined) throw new Error('archc: no vector instructions');
    this.loops = loops;
  }

  output(shape: readonly number[]): tf.TensorInfo {
    return this.backend.makeOutput(shape, 'float32');
  }

  /** Freed at the end. */
  temporary(shape: readonly number[]): tf.TensorInfo {
    const made = this.output(shape);
    this.scratch.push(made);
    return made;
  }

  view(tensor: tf.TensorInfo): Float32Array {
    return this.backend.typedArrayFromHeap(tensor);
  }

  /** In bytes. */
  address(tensor: tf.TensorInfo): number {
    return this.view(tensor).byteOffset;
  }

  end(): void {
    for (const { dataId } of this.scratch) this.backend.disposeData(dataId);
  }
}

/** Runs a kernel and frees its temporaries. */
export function within<T>(backend: WasmBackend, work: (space: Workspace) => T): T {
  const space = new Workspace(backend);
  try {
    return work(space);
  } finally {
    space.end();
  }
}

/** Pixels that are added up in float32 before their sum goes into a double. */
const CHUNK = 256;

/** Adds to `into` what `loop` sums up of so many pixels from one on, by channel, in chunks. */
export function addChunks(
  space: Workspace,
  sums: tf.TensorInfo,
  into: Float64Array,
  pixels: number,
  loop: (sums: number, first: number, count: number) => void,
): void {
  const [view, address] = [space.view(sums), space.address(sums)];
  for (let first = 0; first < pixels; first += CHUNK) {
    view.fill(0);
    loop(address, first, Math.min(CHUNK, pixels - first));
    for (let i = 0; i < view.length; i++) into[i] = (into[i] ?? 0) + (view[i] ?? 0);
  }
}
