/** The tools that the tests of shaders stand on: a GPU that computes, and judges that judge. */
import { describe, expect, it } from 'vitest';
import { findRaces, testAdapter, testDevice, validateNaga, validateTint } from './helpers/gpu.js';

/** Sums a workgroup's numbers in shared memory, with a barrier or without. */
const sumShader = (barrier: string): string => `
override size: u32 = 4u;
@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
var<workgroup> shared_x: array<f32, 4>;

@compute @workgroup_size(4)
fn main(@builtin(local_invocation_index) i: u32) {
  shared_x[i] = x[i];
  ${barrier}
  if (i == 0u) {
    var sum = 0.0;
    for (var k = 0u; k < size; k++) { sum += shared_x[k]; }
    y[0] = sum;
  }
}`;
const SUM = sumShader('workgroupBarrier();');

async function runSum(constants: Record<string, number>): Promise<number> {
  const device = await testDevice();
  const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = {
    STORAGE: 128,
    COPY_SRC: 4,
    COPY_DST: 8,
    MAP_READ: 1,
  };
  const buffer = (usage: number): GPUBuffer => device.createBuffer({ size: 16, usage });
  const [x, y, staging] = [
    buffer(STORAGE | COPY_DST),
    buffer(STORAGE | COPY_SRC),
    buffer(MAP_READ | COPY_DST),
  ];
  device.queue.writeBuffer(x, 0, Float32Array.of(1, 2, 30, 400));
  const pipeline = await device.createComputePipelineAsync({
    layout: 'auto',
    compute: { module: device.createShaderModule({ code: SUM }), entryPoint: 'main', constants },
  });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(
    0,
    device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [x, y].map((each, binding) => ({ binding, resource: { buffer: each } })),
    }),
  );
  pass.dispatchWorkgroups(1);
  pass.end();
  encoder.copyBufferToBuffer(y, 0, staging, 0, 16);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(MAP_READ);
  const [sum = Number.NaN] = new Float32Array(staging.getMappedRange());
  device.destroy();
  return sum;
}

describe('the GPU of the tests', () => {
  it('computes', async () => {
    expect(await runSum({})).toBe(433);
    expect(await runSum({ size: 2 })).toBe(3);
  });

  it('has the limits that every device has', async () => {
    const device = await testDevice();
    expect(device.limits).toMatchObject({
      maxStorageBufferBindingSize: 128 * 1024 ** 2,
      maxBufferSize: 256 * 1024 ** 2,
      maxComputeInvocationsPerWorkgroup: 256,
      maxStorageBuffersPerShaderStage: 8,
    });
    device.destroy();
    const { info } = await testAdapter();
    if (process.env['ARCHC_VULKAN_ICD'] === undefined) {
      expect(`${info.architecture} ${info.description}`).toMatch(/swiftshader/i);
    }
  });
});

describe('the judges of shaders', () => {
  it('accept overrides', async () => {
    expect(await validateTint(SUM)).toEqual([]);
    expect(await validateTint(SUM, { size: 3 })).toEqual([]);
    expect(validateNaga(SUM)).toEqual([]);
  });

  it('find types that do not fit, with the line', async () => {
    const bad = SUM.replace('y[0] = sum', 'y[0] = i');
    expect((await validateTint(bad)).join()).toMatch(/^14:\d+ error: .*u32/);
    expect(validateNaga(bad).join()).toMatch(/y\[0\] = i/);
  });

  it('find barriers that not all reach, and workgroups beyond the limits', async () => {
    const bad = SUM.replace('workgroupBarrier();', 'if (i > 1u) { workgroupBarrier(); }');
    expect((await validateTint(bad)).join()).toMatch(/uniform control flow/);
    const wide = `override width: u32;
      @compute @workgroup_size(width) fn main() {}`;
    expect(await validateTint(wide, { width: 256 })).toEqual([]);
    expect((await validateTint(wide, { width: 257 })).join()).toMatch(/257/);
  });

  it('find a missing barrier', () => {
    const launch = { entryPoint: 'main', workgroups: [1, 1, 1], buffers: [16, 16] } as const;
    expect(findRaces(SUM, launch)).toEqual([]);
    expect(findRaces(sumShader(''), launch).join()).toMatch(/shared_x/);
  });
});
