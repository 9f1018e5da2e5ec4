/// <reference types="@webgpu/types" />
/** What an adapter can do at most: a matrix product whose sums stay in registers. */
import { cost, type Cost } from './webgpu-process.js';

const [ROWS, DEPTH, COLUMNS] = [8192, 256, 64];
const RUNS = 6;
/** Rows and columns of the block that a thread computes. */
const BLOCKS = [
  [4, 16],
  [8, 8],
  [8, 16],
  [16, 4],
] as const;

export interface Peak extends Cost {
  readonly flops: number;
  /** Rows × columns of a thread. */
  readonly block: string;
}

/** The fastest of a few blocks, by its fastest run. */
export async function measurePeak(device: GPUDevice): Promise<Peak> {
  const peaks: Peak[] = [];
  for (const [rows, columns] of BLOCKS) {
    const run = prepare(device, rows, columns);
    await run();
    const costs: Cost[] = [];
    for (let i = 0; i < RUNS; i++) costs.push((await cost(run)).cost);
    peaks.push({
      block: `${rows}×${columns}`,
      flops: 2 * ROWS * DEPTH * COLUMNS,
      wall: Math.min(...costs.map(({ wall }) => wall)),
      cpu: Math.min(...costs.map(({ cpu }) => cpu)),
    });
  }
  return peaks.reduce((best, each) => (each.cpu < best.cpu ? each : best));
}

function prepare(device: GPUDevice, rows: number, columns: number): () => Promise<void> {
  const buffers = [ROWS * DEPTH, DEPTH * COLUMNS, ROWS * COLUMNS].map((elements) => {
    const buffer = device.createBuffer({
      size: 4 * elements,
      usage: 0x80 | 0x08, // STORAGE, COPY_DST
    });
    device.queue.writeBuffer(
      buffer,
      0,
      Float32Array.from({ length: elements }, (_, i) => i % 7),
    );
    return buffer;
  });
  const pipeline = device.createComputePipeline({
    layout: 'auto',
    compute: { module: device.createShaderModule({ code: shader(rows, columns / 4) }) },
  });
  const group = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
  });
  const threads = (ROWS / rows) * (COLUMNS / columns);
  return async () => {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(threads / 64);
    pass.end();
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
  };
}

/** The second matrix in 4 × 4 blocks, as plans hold kernels. */
function shader(rows: number, vectors: number): string {
  const each = (count: number, line: (i: number) => string): string =>
    Array.from({ length: count }, (_, i) => line(i)).join('\n');
  const across = COLUMNS / 4 / vectors;
  return `
@group(0) @binding(0) var<storage, read> a: array<vec4f>;
@group(0) @binding(1) var<storage, read> b: array<mat4x4f>;
@group(0) @binding(2) var<storage, read_write> c: array<vec4f>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let column = (id.x % ${across}u) * ${vectors}u;
  let row = (id.x / ${across}u) * ${rows}u;
  ${each(rows, (i) => each(vectors, (j) => `var sum${i}_${j} = vec4f();`))}
  for (var k = 0u; k < ${DEPTH / 4}u; k++) {
    ${each(vectors, (j) => `let b${j} = b[k * ${COLUMNS / 4}u + column + ${j}u];`)}
    ${each(rows, (i) => `let a${i} = a[(row + ${i}u) * ${DEPTH / 4}u + k];\n${each(vectors, (j) => `sum${i}_${j} += b${j} * a${i};`)}`)}
  }
  ${each(rows, (i) => each(vectors, (j) => `c[(row + ${i}u) * ${COLUMNS / 4}u + column + ${j}u] = sum${i}_${j};`))}
}
`;
}
