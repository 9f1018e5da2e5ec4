/// <reference types="@webgpu/types" />
/** `archc/webgpu` on a GPU: plans written by hand, loaded and run. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadPlan, PlanError, type LoadOptions, type Model } from '../src/webgpu/index.js';
import { findRaces, testAdapter, testDevice, validateNaga, validateTint } from './helpers/gpu.js';
import { expectedOf, filesOf, SCALE, smallPlan, sourceOf } from './helpers/plans.js';

const USAGE = { MAP_READ: 1, COPY_SRC: 4, COPY_DST: 8, STORAGE: 128 } as const;

let device: GPUDevice;
beforeAll(async () => {
  device = await testDevice({ requiredFeatures: ['timestamp-query'] });
});
afterAll(() => device.destroy());

const FIXED = sourceOf(filesOf(smallPlan()));
const DYNAMIC = sourceOf(filesOf(smallPlan(true)));
const load = (source = FIXED, options?: LoadOptions): Promise<Model> =>
  loadPlan(device, source, options);

/** Small whole numbers, so that results are exact. */
function numbers(count: number, start = 0): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: count }, (_, i) => ((start + i * 7) % 64) - 20);
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => 'it worked',
    (reason: unknown) => reason,
  );
  if (!(error instanceof PlanError)) throw new Error(String(error));
  expect(error.message).not.toMatch(/undefined|NaN|\[object/);
  return `${error.code}: ${error.message}`;
}

/** Counts the buffers that are made while `action` runs. */
async function buffersMade(action: () => Promise<unknown>): Promise<number> {
  let count = 0;
  const create = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    count++;
    return create(descriptor);
  };
  try {
    await action();
  } finally {
    device.createBuffer = create;
  }
  return count;
}

async function contentOf(buffer: GPUBuffer, bytes: number): Promise<number[]> {
  const staging = device.createBuffer({ size: bytes, usage: USAGE.MAP_READ | USAGE.COPY_DST });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, staging, 0, bytes);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(USAGE.MAP_READ);
  const content = [...new Float32Array(staging.getMappedRange())];
  staging.destroy();
  return content;
}

function bufferOf(data: Float32Array<ArrayBuffer>, usage: number = USAGE.COPY_SRC): GPUBuffer {
  const buffer = device.createBuffer({ size: data.byteLength, usage: usage | USAGE.COPY_DST });
  device.queue.writeBuffer(buffer, 0, data);
  return buffer;
}

describe('the shaders of these tests', () => {
  it('please the judges', async () => {
    expect(await validateTint(SCALE, {})).toEqual([]);
    expect(validateNaga(SCALE)).toEqual([]);
    const launch = { entryPoint: 'main', workgroups: [1, 1, 1], buffers: [256, 256, 8] } as const;
    expect(findRaces(SCALE, launch)).toEqual([]);
  });
});

describe('run', () => {
  it('gives every output by name with its shape', async () => {
    const model = await load();
    const image = numbers(64);
    const { mask, sum } = await model.run({ image });
    const expected = expectedOf(image);
    expect(mask?.shape).toEqual([1, 8, 8, 1]);
    expect([...(mask?.data ?? [])]).toEqual(expected.mask);
    expect([...(sum?.data ?? [])]).toEqual(expected.sum);
    expect(model.inputs).toEqual([{ name: 'image', doc: '', shape: [1, 8, 8, 1] }]);
    expect(model.bytes).toEqual({ weights: 264, arena: 768 });
    model.destroy();
  });

  it('allocates nothing the second time', async () => {
    const model = await load();
    const run = (): Promise<unknown> => model.run({ image: numbers(64) });
    expect(await buffersMade(run)).toBe(1);
    expect(await buffersMade(run)).toBe(0);
    model.destroy();
  });

  it('does not mix several runs in flight', async () => {
    const model = await load();
    const images = Array.from({ length: 8 }, (_, i) => numbers(64, i));
    const reused = new Float32Array(64);
    const results = images.map((image) => {
      reused.set(image);
      const result = model.run({ image: reused });
      // The caller may write into its array at once.
      reused.fill(Number.NaN);
      return result;
    });
    for (const [i, result] of results.entries()) {
      const { mask, sum } = await result;
      const expected = expectedOf(images[i] ?? new Float32Array());
      expect([...(mask?.data ?? [])]).toEqual(expected.mask);
      expect([...(sum?.data ?? [])]).toEqual(expected.sum);
    }
    model.destroy();
  });

  it('takes inputs from the GPU and leaves outputs there', async () => {
    const model = await load();
    const image = numbers(64);
    const expected = expectedOf(image);
    const buffer = bufferOf(image);
    expect((await model.run({ image: buffer }))['mask']?.data.at(5)).toBe(expected.mask[5]);
    const late = bufferOf(Float32Array.of(9, ...image));
    const shape = [1, 8, 8, 1];
    const { mask, sum } = await model.run(
      { image: { buffer: late, offset: 4, shape } },
      { outputs: 'gpu' },
    );
    if (mask === undefined || sum === undefined) throw new Error('an output is missing');
    expect(mask.shape).toEqual(shape);
    expect(await contentOf(mask.buffer, 256)).toEqual(expected.mask);
    expect(await contentOf(sum.buffer, 256)).toEqual(expected.sum);
    // They are the caller's: another run changes nothing, nor does the end of the model.
    await model.run({ image: numbers(64, 5) });
    model.destroy();
    expect(await contentOf(mask.buffer, 256)).toEqual(expected.mask);
    for (const each of [buffer, late, mask.buffer, sum.buffer]) each.destroy();
  });

  it('writes outputs into buffers of the caller, allocating nothing', async () => {
    const model = await load();
    const [image, target] = [numbers(64), bufferOf(new Float32Array(64))];
    const given = bufferOf(image);
    const run = (): Promise<unknown> => model.run({ image: given }, { outputs: { sum: target } });
    expect(await buffersMade(run)).toBe(0);
    expect(await contentOf(target, 256)).toEqual(expectedOf(image).sum);
    expect(await codeOf(model.run({ image }, { outputs: { summ: target } }))).toBe(
      "unknown-output: the model has no output 'summ': did you mean 'sum'?",
    );
    const small = bufferOf(new Float32Array(4));
    expect(await codeOf(model.run({ image }, { outputs: { sum: small } }))).toMatch(
      'wrong-shape: the buffer for output',
    );
    model.destroy();
  });

  it('measures every dispatch', async () => {
    const model = await load();
    const image = numbers(64);
    const { outputs, dispatches } = await model.profile({ image });
    expect([...(outputs['mask']?.data ?? [])]).toEqual(expectedOf(image).mask);
    expect(dispatches.map(({ label, op }) => `${label} ${op}`)).toEqual([
      'scale_1 scale',
      'mask add',
      'sum scale',
    ]);
    for (const { nanoseconds } of dispatches) expect(nanoseconds).toBeGreaterThanOrEqual(0);
    // Clocks tick in steps of up to 65 µs, and such a dispatch may fall between two.
    let isTimed = false;
    for (let runs = 0; runs < 200 && !isTimed; runs++) {
      const again = await model.profile({ image });
      isTimed = again.dispatches.some(({ nanoseconds }) => nanoseconds > 0);
    }
    expect(isTimed).toBe(true);
    model.destroy();
    const plain = await testDevice();
    const other = await loadPlan(plain, FIXED);
    expect(await codeOf(other.profile({ image }))).toMatch(
      "missing-feature: the device has no feature 'timestamp-query'",
    );
    plain.destroy();
  });

  it('says what is wrong with inputs', async () => {
    const model = await load();
    const image = numbers(64);
    const say = (inputs: object): Promise<string> =>
      codeOf(model.run(inputs as Parameters<Model['run']>[0]));
    expect(await say({ imgae: image })).toBe(
      "unknown-input: the model has no input 'imgae': did you mean 'image'?",
    );
    expect(await say({ image, x: image })).toBe(
      "unknown-input: the model has no input 'x'; there is 'image'",
    );
    expect(await say({})).toBe("missing-input: nothing is given for input 'image' [1, 8, 8, 1]");
    expect(await say({ image: numbers(63) })).toBe(
      "wrong-shape: input 'image' has 63 numbers instead of 64: the model takes [1, 8, 8, 1]",
    );
    expect(await say({ image: { data: image, shape: [1, 64, 1, 1] } })).toBe(
      "wrong-shape: input 'image' has shape [1, 64, 1, 1], and the model takes [1, 8, 8, 1]",
    );
    expect(await say({ image: { data: image, shape: [8, 8, 1] } })).toMatch('wrong-shape');
    expect(await say({ image: { data: numbers(5), shape: [1, 8, 8, 1] } })).toMatch(
      'has 5 numbers instead of 64',
    );
    for (const wrong of [new Uint8Array(64), new Float64Array(64), [...image], 'image', 3]) {
      expect(await say({ image: wrong })).toMatch(
        /^wrong-type: input 'image' is a \w+, and the model/,
      );
      expect(await say({ image: { data: wrong, shape: [1, 8, 8, 1] } })).toMatch('wrong-type');
    }
    expect(await say({ image: { data: image } })).toMatch('wrong-type');
    const [small, unreadable] = [bufferOf(numbers(8)), bufferOf(image, USAGE.STORAGE)];
    expect(await say({ image: small })).toMatch('has 32 bytes instead of 256');
    expect(await say({ image: unreadable })).toMatch('lacks the usage COPY_SRC');
    small.destroy();
    const gone = bufferOf(image);
    gone.destroy();
    expect(await say({ image: gone })).toMatch(/^gpu-error: the run: .*destroyed/);
    // None of it has harmed the model.
    expect([...((await model.run({ image }))['mask']?.data ?? [])]).toEqual(expectedOf(image).mask);
    model.destroy();
  });
});

describe('sizes', () => {
  it('are chosen at load, by resize, or by what flows in', async () => {
    const model = await load(DYNAMIC, { sizes: { H: 4, batch: 2 } });
    const check = async (shape: number[], withShape = true): Promise<void> => {
      const data = numbers(shape.reduce((n, d) => n * d, 1));
      const { mask, sum } = await model.run({ image: withShape ? { data, shape } : data });
      expect(mask?.shape).toEqual(shape);
      expect([...(mask?.data ?? [])]).toEqual(expectedOf(data).mask);
      expect([...(sum?.data ?? [])]).toEqual(expectedOf(data).sum);
    };
    expect(model.sizes).toEqual({ batch: 2, H: 4, W: 8 });
    await check([2, 4, 8, 1], false);
    await check([3, 100, 62, 1]);
    await check([3, 100, 62, 1], false);
    await model.resize({ batch: 1, H: 5 });
    await check([1, 5, 62, 1], false);
    expect(model.outputs.map(({ shape }) => shape)).toEqual([
      [1, 5, 62, 1],
      [1, 5, 62, 1],
    ]);
    model.destroy();
  });

  it('may differ among runs in flight', async () => {
    const model = await load(DYNAMIC);
    const heights = [8, 8, 40, 40, 8, 3];
    const images = heights.map((height, i) => numbers(height * 8, i));
    const results = await Promise.all(
      images.map((data, i) => model.run({ image: { data, shape: [1, heights[i] ?? 0, 8, 1] } })),
    );
    results.forEach(({ sum }, i) => {
      expect([...(sum?.data ?? [])]).toEqual(expectedOf(images[i] ?? new Float32Array()).sum);
    });
    model.destroy();
  });

  it('are checked against their facts', async () => {
    const sizes = (given: Record<string, number>): Promise<string> =>
      codeOf(load(DYNAMIC, { sizes: given }));
    expect(await sizes({ W: 7 })).toBe(
      'wrong-size: size W = 7: it must be a multiple of 2, as 6 or 8',
    );
    expect(await sizes({ W: 5000 })).toMatch('it must be from 2 to 4096');
    expect(await sizes({ H: 2.5 })).toMatch('whole number');
    expect(await sizes({ h: 8 })).toBe(
      "unknown-size: the model has no size 'h': did you mean 'H'?",
    );
    expect(await codeOf(load(FIXED, { sizes: { H: 8 } }))).toBe(
      "unknown-size: the model has no size 'H': all its sizes are fixed",
    );
    const model = await load(DYNAMIC);
    const image = { data: numbers(21), shape: [1, 3, 7, 1] };
    expect(await codeOf(model.run({ image }))).toMatch('wrong-size: size W = 7');
    expect(await codeOf(model.run({ image: { ...image, shape: [1, 3, 8, 1] } }))).toMatch(
      "wrong-shape: input 'image' has 21 numbers instead of 24: the model takes [1, 3, 8, 1], which is [batch, H, W, 1]",
    );
    expect(model.sizes).toEqual({ batch: 1, H: 8, W: 8 });
    model.destroy();
  });

  it('beyond the device are refused, and the model lives on', async () => {
    const model = await load(DYNAMIC);
    expect(await codeOf(model.resize({ batch: 100, H: 4096, W: 4096 }))).toMatch(
      'device-limit: image takes 6710886400 bytes, and the device binds 134217728 at most',
    );
    expect(await codeOf(model.resize({ H: 4096, W: 2048 }))).toMatch(
      'device-limit: scale_1 takes 131072 × 1 × 1 workgroups, and the device starts 65535',
    );
    const image = numbers(64);
    expect([...((await model.run({ image }))['mask']?.data ?? [])]).toEqual(expectedOf(image).mask);
    model.destroy();
  });
});

describe('variants', () => {
  const first = async (options?: LoadOptions): Promise<number> => {
    const model = await load(FIXED, options);
    const { sum } = await model.run({ image: new Float32Array(64) });
    model.destroy();
    return sum?.data[0] ?? Number.NaN;
  };

  it('for hardware are left alone by a CPU, unless asked for', async () => {
    const isSoftware = /swiftshader|llvmpipe/i.test(Object.values(await info()).join());
    if (isSoftware) expect(await first()).toBe(-3.5);
    expect(await first({ profile: 'marked' })).toBe(496.5);
    expect(await first({ profile: null })).toBe(-3.5);
  });

  const info = async (): Promise<Record<string, string>> => {
    const { vendor, architecture, description } = (await testAdapter()).info;
    return { vendor, architecture, description };
  };

  it('are taken only where features and limits suffice', async () => {
    const plan = smallPlan();
    const needing = (
      features: readonly string[],
      limits: Readonly<Record<string, number>>,
      adapters: readonly string[] = [],
    ): ReturnType<typeof sourceOf> =>
      sourceOf(filesOf({ ...plan, profiles: { marked: { features, limits, adapters } } }));
    const sumOf = async (source: ReturnType<typeof sourceOf>): Promise<number | undefined> => {
      const model = await load(source);
      const { sum } = await model.run({ image: new Float32Array(64) });
      model.destroy();
      return sum?.data[0];
    };
    expect(await sumOf(needing(['timestamp-query'], { maxBufferSize: 2 ** 20 }))).toBe(496.5);
    const featureless = needing(['no-such-feature'], {});
    expect(await sumOf(featureless)).toBe(-3.5);
    expect(await sumOf(needing([], { maxBufferSize: 2 ** 40 }))).toBe(-3.5);
    expect(await sumOf(needing([], { maxMagic: 1 }))).toBe(-3.5);
    const { architecture } = (await testAdapter()).info;
    expect(await sumOf(needing([], {}, ['fast-one', architecture]))).toBe(496.5);
    expect(await sumOf(needing([], {}, ['fast-one']))).toBe(-3.5);
    // A feature of archc's own words: subgroups, and all of that many threads.
    const grouped = await testDevice({ requiredFeatures: ['subgroups'] });
    const { subgroupMinSize: threads = 0, subgroupMaxSize } = grouped.adapterInfo;
    expect(threads).toBe(subgroupMaxSize);
    const groupedSum = async (feature: string): Promise<number | undefined> => {
      const model = await loadPlan(grouped, needing([feature], {}));
      const { sum } = await model.run({ image: new Float32Array(64) });
      return sum?.data[0];
    };
    expect(await groupedSum(`subgroups-${threads}`)).toBe(496.5);
    expect(await groupedSum(`subgroups-${2 * threads}`)).toBe(-3.5);
    expect(await sumOf(needing([`subgroups-${threads}`], {}))).toBe(-3.5);
    grouped.destroy();
    expect(await codeOf(load(featureless, { profile: 'marked' }))).toMatch(
      "missing-feature: profile 'marked' needs feature no-such-feature",
    );
    expect(await codeOf(load(FIXED, { profile: 'best' }))).toBe(
      "unknown-profile: the plan has no profile 'best'; it has marked",
    );
  });
});

describe('the end', () => {
  it('destroy frees everything and leaves the device alone', async () => {
    const buffers: GPUBuffer[] = [];
    const create = device.createBuffer.bind(device);
    device.createBuffer = (descriptor) => {
      const buffer = create(descriptor);
      buffers.push(buffer);
      return buffer;
    };
    const destroyed = new Set<GPUBuffer>();
    const model = await load();
    await Promise.all([1, 2, 3].map((i) => model.run({ image: numbers(64, i) })));
    device.createBuffer = create;
    expect(buffers.length).toBeGreaterThan(4);
    for (const buffer of buffers) {
      const destroy = buffer.destroy.bind(buffer);
      buffer.destroy = () => {
        destroyed.add(buffer);
        destroy();
      };
    }
    const late = model.run({ image: numbers(64) });
    model.destroy();
    model.destroy();
    expect(destroyed.size).toBe(buffers.length);
    expect(await codeOf(late)).toMatch('destroyed: the model was destroyed while it ran');
    expect(await codeOf(model.run({ image: numbers(64) }))).toBe(
      'destroyed: the model was destroyed',
    );
    expect(await codeOf(model.resize({}))).toMatch('destroyed');
    const other = await load();
    expect((await other.run({ image: numbers(64) }))['mask']?.data).toHaveLength(64);
    other.destroy();
  });

  it('a lost device is told', async () => {
    const own = await testDevice();
    const model = await loadPlan(own, FIXED);
    const late = model.run({ image: numbers(64) });
    own.destroy();
    expect(await codeOf(late)).toMatch('device-lost: the GPU device is lost (it was destroyed)');
    expect(await codeOf(model.run({ image: numbers(64) }))).toMatch('device-lost');
    expect(await codeOf(loadPlan(own, FIXED))).toMatch('device-lost');
  });

  it('memory that is not there is told, and the next run tries again', async () => {
    const model = await load(DYNAMIC);
    const push = device.pushErrorScope.bind(device);
    const pop = device.popErrorScope.bind(device);
    const open: string[] = [];
    // The device of the tests has as much memory as the machine, so the report is made up.
    device.pushErrorScope = (filter) => {
      open.push(filter);
      push(filter);
    };
    device.popErrorScope = async () => {
      const isOut = open.pop() === 'out-of-memory';
      const error = await pop();
      return isOut ? { message: 'no memory' } : error;
    };
    expect(await codeOf(model.resize({ H: 64 }))).toMatch(
      'out-of-memory: memory for the sizes: no memory',
    );
    expect(await codeOf(load())).toMatch('out-of-memory: weights: no memory');
    device.pushErrorScope = push;
    device.popErrorScope = pop;
    const image = numbers(64 * 8);
    const { mask } = await model.run({ image });
    expect([...(mask?.data ?? [])]).toEqual(expectedOf(image).mask);
    model.destroy();
  });
});

describe('sources', () => {
  it('are folders and file addresses in Node, and servers anywhere', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'archc plan-'));
    for (const [name, content] of Object.entries(filesOf(smallPlan()))) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), content);
    }
    for (const source of [
      folder,
      `${folder}/`,
      pathToFileURL(folder),
      pathToFileURL(folder).href,
    ]) {
      const model = await loadPlan(device, source);
      expect(model.plan.model).toBe('Small');
      model.destroy();
    }
    rmSync(folder, { recursive: true });
    expect(await codeOf(loadPlan(device, folder))).toMatch(
      /^missing-file: plan\.json could not be read: ENOENT/,
    );
  });
});
