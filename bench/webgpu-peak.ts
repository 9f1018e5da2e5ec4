/// <reference types="@webgpu/types" />
/** What an adapter can do at most: a matrix product whose sums stay in registers. */
import { cost, type Cost } from './webgpu-process.js';

const [ROWS, DEPTH, COLUMNS] = [8192, 256, 64];
const RUNS = 6;
const THREADS = 64;

/** Rows and columns of the block that a thread computes. */
interface Block {
  readonly rows: number;
  readonly columns: number;
  /** Threads that load the second matrix together, as those of a subgroup can. */
  readonly together: number;
}

const BLOCKS: readonly Block[] = [
  { rows: 4, columns: 16, together: 1 },
  { rows: 8, columns: 8, together: 1 },
  { rows: 8, columns: 16, together: 1 },
  { rows: 16, columns: 4, together: 1 },
];

export interface Peak extends Cost {
  readonly flops: number;
  /** Rows × columns of a thread. */
  readonly block: string;
}

/** The fastest of a few blocks, by its fastest run. */
export async function measurePeak(device: GPUDevice): Promise<Peak> {
  const peaks: Peak[] = [];
  for (const block of [...BLOCKS, ...subgroupBlocks(device)]) {
    const run = prepare(device, block);
    await run();
    const costs: Cost[] = [];
    for (let i = 0; i < RUNS; i++) costs.push((await cost(run)).cost);
    const { rows, columns, together } = block;
    peaks.push({
      block: `${rows}×${columns}${together === 1 ? '' : `, loads shared by ${together} threads`}`,
      flops: 2 * ROWS * DEPTH * COLUMNS,
      wall: Math.min(...costs.map(({ wall }) => wall)),
      cpu: Math.min(...costs.map(({ cpu }) => cpu)),
    });
  }
  return peaks.reduce((best, each) => (each.cpu < best.cpu ? each : best));
}

function subgroupBlocks({ features, adapterInfo }: GPUDevice): Block[] {
  const { subgroupMinSize: together = 0, subgroupMaxSize } = adapterInfo;
  if (!features.has('subgroups') || together !== subgroupMaxSize || together > 8) return [];
  return [2, 4, 16].flatMap((rows) => [8, 16].map((columns) => ({ rows, columns, together })));
}

function prepare(device: GPUDevice, block: Block): () => Promise<void> {
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
    compute: { module: device.createShaderModule({ code: shader(block) }) },
  });
  const group = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
  });
  const [across, down] = [COLUMNS / block.columns, ROWS / block.rows];
  return async () => {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(across, down / THREADS);
    pass.end();
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
  };
}

/** The second matrix in 4 × 4 blocks, as plans hold kernels. */
function shader({ rows, columns, together }: Block): string {
  const vectors = columns / 4;
  const each = (count: number, line: (i: number) => string): string =>
    Array.from({ length: count }, (_, i) => line(i)).join('\n');
  const isShared = together > 1;
  const first = `(k * ${COLUMNS / 4}u + column)`;
  const loads = isShared
    ? [
        each(columns / together, (i) => `let v${i} = b[${first} * 4u + ${i * together}u + lane];`),
        each(vectors, (j) => {
          const parts = [0, 1, 2, 3].map((row) => {
            const at = 4 * j + row;
            return `subgroupBroadcast(v${Math.floor(at / together)}, ${at % together}u)`;
          });
          return `let b${j} = mat4x4f(${parts.join(', ')});`;
        }),
      ].join('\n')
    : each(vectors, (j) => `let b${j} = b[${first} + ${j}u];`);
  return `${isShared ? 'enable subgroups;' : ''}
@group(0) @binding(0) var<storage, read> a: array<vec4f>;
@group(0) @binding(1) var<storage, read> b: array<${isShared ? 'vec4f' : 'mat4x4f'}>;
@group(0) @binding(2) var<storage, read_write> c: array<vec4f>;
@compute @workgroup_size(${THREADS})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) local: u32,
  ${isShared ? '@builtin(subgroup_invocation_id) lane: u32,' : ''}
) {
  let column = group.x * ${vectors}u;
  let row = (group.y * ${THREADS}u + local) * ${rows}u;
  ${each(rows, (i) => each(vectors, (j) => `var sum${i}_${j} = vec4f();`))}
  for (var k = 0u; k < ${DEPTH / 4}u; k++) {
    ${loads}
    ${each(rows, (i) => `let a${i} = a[(row + ${i}u) * ${DEPTH / 4}u + k];\n${each(vectors, (j) => `sum${i}_${j} += b${j} * a${i};`)}`)}
  }
  ${each(rows, (i) => each(vectors, (j) => `c[(row + ${i}u) * ${COLUMNS / 4}u + column + ${j}u] = sum${i}_${j};`))}
}
`;
}
