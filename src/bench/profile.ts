/// <reference types="@webgpu/types" />
/** Where the time of a kernel plan goes: each kernel by the device's own clock. */
import { sizedGraph, type OpenModel, type WeightRequest } from '../compile.js';
import { diagnostic, type Outcome } from '../compiler/diagnostic.js';
import type { Program } from '../compiler/modules.js';
import { artifactName } from '../compiler/source.js';
import { engineFailed, type Adapter } from '../engines/engine.js';
import { openDevice, openGpu } from '../engines/gpu.js';
import { noiseFor } from '../engines/noise.js';
import { openWgsl } from '../engines/open.js';
import type { WgslEngine } from '../engines/wgsl.js';
import type { DispatchTime } from '../webgpu/index.js';
import type { Plan } from '../webgpu/plan.js';
import { countOf, type SymbolValues } from '../webgpu/size.js';
import { timesOf } from './times.js';

/** What kernels did in a time. */
export interface Work {
  /** The median of the runs, each kernel by itself. */
  readonly milliseconds: number;
  readonly macs: number;
  /** Read and written at least once. */
  readonly bytes: number;
}

/** One dispatch of a plan. */
export interface KernelTime extends Work {
  /** `e2.sdblock.sepconv_1.conv` */
  readonly label: string;
  /** `conv + relu` */
  readonly op: string;
  /** `models/sdunet.arch:12:8` */
  readonly source: string;
  /** `conv_1x1_relu_8x8` */
  readonly kernel: string;
}

interface KernelGroup extends Work {
  readonly kernel: string;
  readonly dispatches: number;
}

export interface Profile extends Work {
  readonly name: string;
  readonly file: string;
  readonly adapter: Adapter;
  readonly runs: number;
  /** In the order in which they run. */
  readonly kernels: readonly KernelTime[];
  /** The same summed by the kernel's file, the slowest first. */
  readonly groups: readonly KernelGroup[];
}

interface ProfileOptions extends WeightRequest {
  /** After one to warm up. At least 1. */
  readonly runs: number;
  /** By default one of its own. */
  readonly device?: GPUDevice | undefined;
}

/** Dawn rounds timestamps to 100 µs unless told otherwise, which is longer than many kernels take. */
const EXACT_CLOCK = ['disable-dawn-features=timestamp_quantization'];

/**
 * Runs a model's plan with a clock around every kernel, so that kernels do not overlap as they may
 * otherwise. `engine-failed` where the device has no clock, and what opening a plan may say.
 */
export async function profile(
  model: OpenModel,
  options: ProfileOptions,
): Promise<Outcome<Profile>> {
  const graph = sizedGraph(model);
  if (!graph.ok) return graph;
  const device = await deviceFor(options.device);
  if (!device.ok) return device;
  const release = (): void => {
    if (options.device === undefined) device.value.destroy();
  };
  const opened = await openWgsl(model, options, device.value);
  if (!opened.ok) {
    release();
    return opened;
  }
  const { engine } = opened.value;
  try {
    const inputs = Object.fromEntries(noiseFor(graph.value));
    const runs: (readonly DispatchTime[])[] = [];
    for (let run = 0; run <= options.runs; run++) {
      options.onProgress?.(`profiling ${model.name}`, run, options.runs + 1);
      const { dispatches } = await engine.model.profile(inputs);
      if (run > 0) runs.push(dispatches);
    }
    const found = summed(model.name, graph.value.source.path, engine, runs);
    return { ok: true, value: { ...found, kernels: placed(found.kernels, model.program) } };
  } catch (error) {
    return engineFailed(engine.name, error);
  } finally {
    await engine.dispose();
    release();
  }
}

/** With places by the paths of files as they were given, instead of by their names in the plan. */
function placed(kernels: readonly KernelTime[], { modules }: Program): readonly KernelTime[] {
  const paths = new Map(
    modules.map(({ file: { source } }) => [artifactName(source), source.path] as const),
  );
  return kernels.map((kernel) => {
    const [, name = '', position = ''] = /^(.*)(:\d+:\d+)$/.exec(kernel.source) ?? [];
    return { ...kernel, source: `${paths.get(name) ?? name}${position}` };
  });
}

async function deviceFor(given: GPUDevice | undefined): Promise<Outcome<GPUDevice>> {
  let device = given;
  if (device === undefined) {
    const gpu = await openGpu(EXACT_CLOCK);
    if (!gpu.ok) return gpu;
    const opened = await openDevice(gpu.value);
    if (!opened.ok) return opened;
    device = opened.value;
  }
  if (device.features.has('timestamp-query')) return { ok: true, value: device };
  const { description, architecture, vendor } = device.adapterInfo;
  const name = [description, architecture, vendor].find((each) => each !== '') ?? 'the GPU';
  if (given === undefined) device.destroy();
  return {
    ok: false,
    diagnostics: [
      diagnostic(
        'engine-failed',
        `${name} has no clock for kernels: WebGPU's feature \`timestamp-query\``,
        { hints: ['without `--profile`, whole runs are timed, which takes no such feature'] },
      ),
    ],
  };
}

function summed(
  name: string,
  file: string,
  { model, adapter }: WgslEngine,
  runs: readonly (readonly DispatchTime[])[],
): Profile {
  const { plan, sizes } = model;
  const kernels = plan.dispatches.map((_, i): KernelTime =>
    kernelTime(
      plan,
      sizes,
      i,
      runs.flatMap((run) => run[i] ?? []),
    ),
  );
  const groups = [...new Set(kernels.map(({ kernel }) => kernel))]
    .map((kernel): KernelGroup => {
      const own = kernels.filter((each) => each.kernel === kernel);
      return { kernel, dispatches: own.length, ...totalOf(own) };
    })
    .sort((a, b) => b.milliseconds - a.milliseconds);
  return { name, file, adapter, runs: runs.length, kernels, groups, ...totalOf(kernels) };
}

function kernelTime(
  plan: Plan,
  sizes: SymbolValues,
  index: number,
  runs: readonly DispatchTime[],
): KernelTime {
  const dispatch = plan.dispatches[index];
  if (dispatch === undefined) throw new Error(`no dispatch ${index}`);
  const { label, op, source, macs, traffic, variants } = dispatch;
  const variant = variants.find((each) => each.profile === runs[0]?.profile) ?? variants[0];
  const file = plan.modules[plan.pipelines[variant.pipeline]?.module ?? 0]?.file ?? '';
  return {
    label,
    op,
    source,
    kernel: file.replace(/^.*\/|\.wgsl$/g, ''),
    milliseconds: timesOf(runs.map(({ nanoseconds }) => nanoseconds)).median / 1e6,
    macs: countOf(macs, sizes),
    bytes: countOf(traffic, sizes),
  };
}

export function totalOf(all: readonly Work[]): Work {
  const sum = (figure: (work: Work) => number): number =>
    all.reduce((total, each) => total + figure(each), 0);
  return {
    milliseconds: sum((each) => each.milliseconds),
    macs: sum((each) => each.macs),
    bytes: sum((each) => each.bytes),
  };
}

/** One kind of kernel in two models. */
interface Departure {
  readonly kernel: string;
  readonly first: Work;
  readonly second: Work;
  /**
   * Milliseconds that the second model takes here beyond the first's, scaled by the ratio of the
   * models' MACs. Their sum over all kernels is what the second takes beyond what its MACs say.
   */
  readonly excess: number;
}

/**
 * Where the ratio of two models' times departs from that of their MACs, by kernel, the largest
 * departure first. Undefined where the first model has no MACs.
 */
export function departures(first: Profile, second: Profile): readonly Departure[] | undefined {
  if (first.macs === 0) return undefined;
  const scale = second.macs / first.macs;
  const names = new Set([...first.groups, ...second.groups].map(({ kernel }) => kernel));
  const of = ({ groups }: Profile, name: string): Work =>
    totalOf(groups.filter(({ kernel }) => kernel === name));
  return [...names]
    .map((kernel) => {
      const [a, b] = [of(first, kernel), of(second, kernel)];
      return { kernel, first: a, second: b, excess: b.milliseconds - a.milliseconds * scale };
    })
    .sort((a, b) => Math.abs(b.excess) - Math.abs(a.excess));
}
