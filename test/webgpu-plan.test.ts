/// <reference types="@webgpu/types" />
/** What `archc/webgpu` says of plans that are damaged, too new, contradictory or too much. */
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compile, NO_FILES, type ArtifactFile } from '../src/index.js';
import { loadPlan, PlanError, requestDevice } from '../src/webgpu/index.js';
import { NO_SEAL, parsePlan, seal } from '../src/webgpu/validate.js';
import { testDevice } from './helpers/gpu.js';
import { filesOf, SCALE, sealed, smallPlan, sourceOf, type PlanFiles } from './helpers/plans.js';

let device: GPUDevice;
beforeAll(async () => {
  device = await testDevice();
});
afterAll(() => device.destroy());

const FILES = filesOf(smallPlan());

/** The code and message of what is said of a plan's files. */
async function said(files: PlanFiles): Promise<string> {
  return failure(loadPlan(device, sourceOf(files)));
}

async function failure(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => new Error('it worked'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof PlanError)) throw error;
  expect(error.message).not.toMatch(/\bundefined\b|\[object/);
  return `${error.code}: ${error.message}`;
}

const textOf = (name: string): string => new TextDecoder().decode(FILES[name]);
const withFile = (name: string, content: string | Uint8Array | undefined): PlanFiles => {
  const { [name]: _, ...others } = FILES;
  if (content === undefined) return others;
  return {
    ...others,
    [name]: typeof content === 'string' ? new TextEncoder().encode(content) : content,
  };
};

describe('files', () => {
  it('that are cut off, changed or gone are named', async () => {
    for (const name of ['weights.bin', 'kernels/add.wgsl']) {
      const whole = FILES[name] ?? new Uint8Array();
      const cut = whole.slice(0, -5);
      expect(await said(withFile(name, cut))).toBe(
        `damaged-file: ${name} has ${cut.length} bytes instead of ${whole.length}: it is truncated`,
      );
      const changed = whole.slice();
      changed[3] = (changed[3] ?? 0) ^ 1;
      expect(await said(withFile(name, changed))).toBe(
        `damaged-file: ${name} is not the file of this plan: its SHA-256 differs`,
      );
      expect(await said(withFile(name, undefined))).toBe(
        `missing-file: ${name} could not be read: no such file`,
      );
    }
    expect(await said({})).toMatch('missing-file: plan.json');
  });

  it('plan.json: cut off, changed, something else', async () => {
    const json = textOf('plan.json');
    expect(await said(withFile('plan.json', json.slice(0, -20)))).toMatch(
      'wrong-format: plan.json is no JSON, or cut off: ',
    );
    expect(await said(withFile('plan.json', json.replace('"Small"', '"Smell"')))).toBe(
      'damaged-file: plan.json is not the file of this plan: its SHA-256 differs',
    );
    expect(await said(withFile('plan.json', `${json} `))).toMatch('damaged-file: plan.json');
    for (const other of ['null', '[]', '{}', '3', '{"format":"other"}', '<html>']) {
      expect(await said(withFile('plan.json', other))).toMatch('wrong-format: plan.json is no');
    }
    expect(await said(withFile('plan.json', sealed({ ...smallPlan(), sha256: 'x' })))).toMatch(
      'invalid-plan',
    );
  });

  it('of a later format say so', async () => {
    expect(await said(withFile('plan.json', sealed({ ...smallPlan(), version: 7 })))).toBe(
      'newer-version: plan.json has format version 7, and this runtime reads up to 1: update archc',
    );
    expect(await said(withFile('plan.json', sealed({ ...smallPlan(), version: 'x' })))).toBe(
      'wrong-format: plan.json has format version "x"',
    );
  });

  it('plans seal themselves', async () => {
    const sealedJson = await seal(JSON.stringify({ ...smallPlan(), sha256: NO_SEAL }));
    expect(await failure(parsePlan(new TextEncoder().encode(sealedJson)))).toMatch(
      // Its form is right up to the hashes that only `filesOf` fills in.
      'invalid-plan: plan.json: weights.sha256 is "" and not a SHA-256',
    );
    const plan = await parsePlan(FILES['plan.json'] ?? new Uint8Array());
    expect(plan.model).toBe('Small');
  });
});

type Json = { [key: string]: Json } & Json[] & (string | number | boolean | null | undefined);

/** The plan with its hashes, changed and sealed again: as someone would who edits it by hand. */
function edited(change: (plan: Json) => void, isDynamic = false): PlanFiles {
  const files = filesOf(smallPlan(isDynamic));
  const plan = JSON.parse(new TextDecoder().decode(files['plan.json'])) as Json;
  change(plan);
  return { ...files, 'plan.json': sealed(plan) };
}

/** Sets what a path of keys leads to; undefined takes it away. */
function put(plan: Json, path: string, value: unknown): void {
  const keys = path.split('.');
  const last = keys.pop() ?? '';
  let target: Record<string, unknown> = plan;
  for (const key of keys) target = target[key] as Record<string, unknown>;
  target[last] = value;
}

describe('a plan edited by hand', () => {
  it.each<[path: string, value: unknown, message: string]>([
    ['model', undefined, 'model is missing'],
    ['params', -1, 'params is -1 and not a whole number from 0'],
    ['macs', 1.5, 'macs is 1.5 and not a size'],
    ['macs', 'H', 'macs is "H" and not a size'],
    ['macs', ['^', 1, 2], 'macs is ["^",1,2] and not a size'],
    ['tensors.1.bytes', null, 'tensors[1].bytes is null'],
    ['tensors.1.bytes', '256', 'tensors[1].bytes is "256"'],
    ['tensors.1.last', -1, 'bindings[1] is s, which holds nothing then'],
    ['tensors.1.last', 1, 'dispatches[2].variants[0].bindings[0] is s, which holds nothing then'],
    ['tensors.1.place', undefined, 'tensors[1].place is there without `arena`'],
    ['arena', undefined, 'tensors[0].place is there without `arena`'],
    ['tensors.1.place.offset', 128, 'tensors[1].place is not aligned to 256 bytes'],
    ['tensors.1.place.offset', 4096, 'tensors[1].place is beyond the end of the buffer'],
    ['tensors.1.place.buffer', 3, 'tensors[1].place.buffer is 3: there are 1'],
    ['tensors.1.bytes', 512, /tensors\[\d\].place (lies over that of|is beyond)/.source],
    ['inputs.0.tensor', 9, 'inputs[0].tensor is 9: there are 4'],
    ['inputs.0.tensor', 1, 'inputs[0] is not held from the start'],
    ['inputs.0.dtype', 'f16', 'inputs[0].dtype is "f16"'],
    ['inputs.0.shape', [1, 8, 9, 1], 'image is 1 × 8 × 9 × 1 and its tensor has 256 bytes'],
    ['inputs.0.shape', [1, 8, 0, 1], 'image is 1 × 8 × 0 × 1'],
    ['outputs.1.name', 'mask', 'outputs[1] has the name of another, mask'],
    ['outputs.0.tensor', 0, 'outputs[0] is not held to the end'],
    ['constants.0.offset', 4, 'constants[0] is not aligned'],
    ['constants.1.bytes', 6, 'constants[1] is no whole number of words'],
    ['constants.1.bytes', 12, 'constants[1] is beyond the end of the weights'],
    ['weights.file', '../secret', 'weights.file is "../secret"'],
    ['weights.file', '/etc/passwd', 'weights.file is "/etc/passwd"'],
    ['weights.file', 'https://example.org/w', 'weights.file is "https'],
    ['weights.tensors.0.constant', 2, 'weights.tensors[0].constant is 2: there are 2'],
    ['weights.tensors.0.layout', 'columns', 'weights.tensors[0].layout is "columns"'],
    ['modules.0.file', 'kernels/../../x', 'modules[0].file is'],
    ['modules.0.sha256', 'abc', 'modules[0].sha256 is "abc"'],
    ['pipelines.0.module', 3, 'pipelines[0].module is 3: there are 3'],
    [
      'pipelines.0.bindings',
      ['read', 'read_write', 'read'],
      'bindings[0] is a tensor of access read',
    ],
    ['pipelines.0.bindings', ['write'], 'pipelines[0].bindings[0] is "write"'],
    ['dispatches.1.variants.0.pipeline', 5, 'dispatches[1].variants[0].pipeline is 5: there are 3'],
    ['dispatches.1.variants.0.pipeline', 0, 'params are 2, and its pipeline has 1'],
    ['dispatches.1.variants.0.params', [64], 'params are 1, and its pipeline has 2'],
    ['dispatches.1.variants.0.params', [64, 2 ** 31], '2147483648 is no signed integer of 32 bits'],
    ['dispatches.1.variants.0.bindings', [], 'bindings are 0, and its pipeline has 3'],
    ['dispatches.1.variants.0.bindings.1', { tensor: 1 }, 'bindings[1] is s a second time'],
    ['dispatches.1.variants.0.bindings.1', { tensor: 4 }, 'bindings[1] is 4: there are 4'],
    ['dispatches.1.variants.0.bindings.1', { tensor: 3 }, 'is sum, which holds nothing then'],
    ['dispatches.1.variants.0.bindings.1', {}, 'is not either a tensor or a constant'],
    ['dispatches.1.variants.0.bindings.1', { tensor: 0, constant: 0 }, 'is not either'],
    ['dispatches.1.variants.0.bindings.1', { constant: 0 }, 'is a constant that is written'],
    ['dispatches.1.variants.0.workgroups', [1, 1], 'workgroups has 2 items'],
    ['dispatches.1.variants.0.workgroups', [-1, 1, 1], '-1 is -1, below 0'],
    ['dispatches.1.variants.0.workgroups', [1e9, 1, 1], 'mask takes 1000000000 × 1 × 1 workgroups'],
    ['dispatches.1.variants.0.workgroups', [['//', 1, 0], 1, 1], 'no whole number'],
    ['dispatches.0.variants.0.profile', 'other', 'has an unknown profile, other'],
    ['dispatches.1.variants', [], 'dispatches[1].variants has 0 items'],
    ['profiles.marked.adapters', 'all', 'profiles.marked.adapters is "all"'],
    ['profiles.marked.limits', { maxBufferSize: -1 }, 'profiles.marked.limits.maxBufferSize'],
  ])('%s = %j', async (path, value, message) => {
    const text = await said(edited((plan) => put(plan, path, value)));
    expect(text).toMatch(/^(invalid-plan|device-limit): /);
    expect(text).toMatch(message.startsWith('tensors\\[') ? new RegExp(message) : message);
  });

  it('symbols', async () => {
    const symbol = (field: string, value: unknown): Promise<string> =>
      said(edited((plan) => put(plan, `symbols.2.${field}`, value), true));
    expect(await symbol('modulus', 0)).toMatch('symbols[2].modulus is 0');
    expect(await symbol('remainder', 2)).toMatch('symbols[2] has no value');
    expect(await symbol('min', 5000)).toMatch('symbols[2] has no value');
    expect(await symbol('name', 'H')).toMatch('symbols[2] has the name of another');
    expect(await symbol('name', '__proto__ x')).toMatch('symbols[2].name is');
    expect(await symbol('default', undefined)).toMatch("unknown-size: size 'W' has no default");
    expect(await symbol('default', 9)).toMatch('wrong-size: size W = 9');
  });

  it('a profile is never all there is', async () => {
    const files = edited((plan) => put(plan, 'dispatches.1.variants.0.profile', 'marked'));
    expect(await said(files)).toMatch(
      'dispatches[1].variants have none for every device at the end',
    );
  });

  it('is refused with a PlanError, whatever is done to it', async () => {
    const plan = JSON.parse(textOf('plan.json')) as object;
    const paths = pathsOf(plan).filter((path) => !/^(format|version|sha256)$/.test(path));
    const junk = fc.oneof(
      fc.constant(undefined),
      fc.constant(null),
      fc.integer({ min: -3, max: 300 }),
      fc.double(),
      fc.string({ maxLength: 5 }),
      fc.constant([]),
      fc.constant({}),
      fc.constant(['*', 'batch', 2]),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...paths), junk, async (path, value) => {
        const files = edited((copy) => put(copy, path, value));
        // Free texts may be anything; what else is accepted has to be a plan that runs.
        try {
          const model = await loadPlan(device, sourceOf(files));
          for (const { data } of Object.values(await model.run({ image: new Float32Array(64) }))) {
            expect(data.every(Number.isFinite)).toBe(true);
          }
          model.destroy();
        } catch (error) {
          if (!(error instanceof PlanError)) throw error;
          expect(error.code).not.toBe('gpu-error');
        }
      }),
      { numRuns: 300 },
    );
  });
});

function pathsOf(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null) return [path];
  const inner = Object.entries(value).flatMap(([key, each]) =>
    pathsOf(each, path === '' ? key : `${path}.${key}`),
  );
  return path === '' ? inner : [path, ...inner];
}

describe('shaders', () => {
  it('that do not compile are told with file, line and column', async () => {
    const plan = smallPlan();
    const bad = filesOf(plan, [SCALE.replace('w[1]', 'w[1] + id')]);
    expect(await said(bad)).toMatch(/^shader: kernels\/scale\.wgsl:\d+:\d+: .*vec3/);
    const nameless = filesOf({
      ...plan,
      pipelines: plan.pipelines.map((each) => ({ ...each, entryPoint: 'start' })),
    });
    expect(await said(nameless)).toMatch(/^shader: kernels\/\w+\.wgsl: .*start/);
  });

  it('whose bindings are not those of the plan are refused', async () => {
    const other = SCALE.replace('var<storage, read> w', 'var<storage, read_write> w');
    expect(await said(filesOf(smallPlan(), [other]))).toMatch(/^shader: kernels\/scale\.wgsl: /);
    const wide = SCALE.replace('workgroup_size(64)', 'workgroup_size(512)');
    expect(await said(filesOf(smallPlan(), [wide]))).toMatch(
      /^shader: kernels\/scale\.wgsl: .*512/,
    );
  });
});

describe('devices', () => {
  it('that are not there are told', async () => {
    expect(await failure(requestDevice(undefined))).toMatch('no-webgpu: there is no WebGPU here');
    const gpu = (adapter: unknown): GPU =>
      ({ requestAdapter: () => Promise.resolve(adapter) }) as GPU;
    expect(await failure(requestDevice(gpu(null)))).toMatch('no-adapter: ');
    const broken = {
      features: new Set(),
      requestDevice: () => Promise.reject(new Error('out of luck')),
    };
    expect(await failure(requestDevice(gpu(broken)))).toBe(
      'no-device: the GPU gives no device: out of luck',
    );
    const nothing = undefined as unknown as GPUDevice;
    expect(await failure(loadPlan(nothing, sourceOf(FILES)))).toMatch('no-device: loadPlan takes');
  });

  it('below what the plan needs are refused', async () => {
    const limited = (limits: Record<string, number>): GPUDevice =>
      new Proxy(device, {
        get(target, name) {
          if (name === 'limits') return { ...limitsOf(target), ...limits };
          const value: unknown = Reflect.get(target, name);
          return typeof value === 'function' ? (value.bind(target) as unknown) : value;
        },
      });
    const say = (limits: Record<string, number>): Promise<string> =>
      failure(loadPlan(limited(limits), sourceOf(FILES)));
    expect(await say({ maxStorageBufferBindingSize: 128 })).toBe(
      'device-limit: image takes 256 bytes, and the device binds 128 at most',
    );
    expect(await say({ maxStorageBufferBindingSize: 4 })).toMatch('device-limit: constant 0');
    expect(await say({ maxBufferSize: 512 })).toMatch(
      'device-limit: the plan needs a buffer of 768',
    );
    expect(await say({ maxStorageBuffersPerShaderStage: 2 })).toMatch('binds 3 buffers');
    expect(await say({ maxComputeWorkgroupsPerDimension: 0 })).toMatch(
      'takes 1 × 1 × 1 workgroups',
    );
  });
});

function limitsOf({ limits }: GPUDevice): Record<string, number> {
  const names = [
    'maxStorageBufferBindingSize',
    'maxBufferSize',
    'maxStorageBuffersPerShaderStage',
    'maxComputeWorkgroupsPerDimension',
  ] as const;
  return Object.fromEntries(names.map((name) => [name, limits[name]]));
}

describe('what archc writes', () => {
  async function written(body: string): Promise<readonly ArtifactFile[]> {
    const source = { path: 'm.arch', text: `model M() {\n${body}\n}\n` };
    const { value, diagnostics } = await compile(source, NO_FILES, { target: 'wgsl' });
    expect(diagnostics).toEqual([]);
    return value?.files ?? [];
  }

  it('has names that file systems take, whatever a kernel computes', async () => {
    const files = await written(
      '  input x: f32[8, 8, 4]\n  output y = x -> conv(4) -> relu * 48 -> sigmoid * 2',
    );
    const kernels = files.map(({ name }) => name).filter((name) => name.endsWith('.wgsl'));
    expect(kernels).toHaveLength(2);
    expect(new Set(kernels).size).toBe(2);
    for (const name of kernels) {
      expect(name).toMatch(/^kernels\/conv_3x3_relu_(relu_)+and_\d+_more\.wgsl$/);
      expect(name.length).toBeLessThan(150);
    }
  });

  it('is refused once for each call whose tensors are too large', async () => {
    const text =
      'model T() {\n  input x: f32[128, 128, 16]\n' +
      '  output y = x -> reshape([-1, 16]) -> attention(4)\n}\n';
    const { diagnostics } = await compile({ path: 't.arch', text }, NO_FILES, { target: 'wgsl' });
    expect(diagnostics.map(({ code, message }) => `${code}: ${message.slice(0, 39)}`)).toEqual([
      'tensor-too-large: `y.attention` takes 4,294,967,296 bytes',
    ]);
  });

  it('has heads that do not grow with what uses a shader and what that reads', async () => {
    const ofConcats = (count: number): Promise<readonly ArtifactFile[]> =>
      written(
        `  input x: f32[4, 4, 4]\n  xs = [x]\n  for i in 0..${count} ` +
          '{ xs = xs + [concat(xs) -> conv(2, k = 1)] }\n  output out = concat(xs)',
      );
    const headsOf = (files: readonly ArtifactFile[]): readonly string[] =>
      files
        .filter(({ name }) => name.endsWith('.wgsl'))
        .map(({ bytes }) => new TextDecoder().decode(bytes).replace(/^(?!\/\/)[^]*/m, ''));
    const [few, many] = [headsOf(await ofConcats(30)), headsOf(await ofConcats(60))];
    const longest = (heads: readonly string[]): number =>
      Math.max(...heads.map(({ length }) => length));
    expect(longest(many)).toBeLessThan(1.1 * longest(few));
    const [head = ''] = many.filter((text) => text.length === longest(many));
    expect(head).toMatch(/\[4, 4, 2\], \d+ more → \[4, 4, \d+\]/);
    expect(head).toMatch(/^\/\/ and [\d,]+ more, which plan\.json has$/m);
  });
});
