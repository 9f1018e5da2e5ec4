/**
 * archc's kernels, ONNX Runtime's and TensorFlow.js's on one adapter, run by run in turns:
 * `npm run bench:webgpu -- sdunet unet 128 256 --runs 5`, all four being the default.
 *
 * The adapter is SwiftShader, from npm, unless `ARCHC_VULKAN_ICD` names a driver. The engines have
 * the same weights, input and toggles of Dawn, and their outputs must agree.
 */
import { describeAdapter, machineLine } from '../src/cli/bench-format.js';
import { fileHost } from '../src/cli/host.js';
import { readSource } from '../src/files/read.js';
import { left, renderSection, right, formatNumber, type Table } from '../src/tables/table.js';
import { openModel, sizedGraph } from '../src/compile.js';
import { stats } from '../src/compiler/stats.js';
import { firstLine } from '../src/engines/engine.js';
import { timesOf, type Times } from '../src/bench/times.js';
import { startWorker, type Cost, type First, type Worker } from './webgpu-process.js';
import type { Peak } from './webgpu-peak.js';

const ENGINES = ['archc', 'onnxruntime', 'tfjs'] as const;
const FILES: Readonly<Record<string, string>> = {
  sdunet: 'models/sdunet.arch',
  unet: 'models/unet.arch',
};
const SIZES = [128, 256];
const RUNS = 5;
/** What the outputs, which are probabilities, may differ by. */
const TOLERANCE = 1e-3;

interface Measured {
  readonly engine: string;
  readonly first: First;
  readonly wall: Times;
  readonly cpu: Times;
}

async function measure(name: string, size: number, runs: number): Promise<void> {
  const file = FILES[name] ?? name;
  const title = `${name} ${size}×${size}`;
  const macs = macsOf(file, size);
  const workers: Worker[] = [];
  const tell = (engine: string, what: string, { wall, cpu }: Cost): void =>
    console.error(`${title}: ${engine}, ${what}: ${wall.toFixed(0)} ms, CPU ${cpu.toFixed(0)} ms`);
  try {
    const firsts: First[] = [];
    // One after another, so that no first run waits for another's.
    for (const engine of ENGINES) {
      const worker = await startWorker([engine, file, String(size)]);
      workers.push(worker);
      const first = await worker.ask('first');
      tell(engine, 'first run', first.cost);
      firsts.push(first);
    }
    const difference = compareOutputs(firsts);
    const costs = workers.map((): Cost[] => []);
    for (let run = 0; run < runs; run++) {
      for (const [i, worker] of workers.entries()) {
        const spent = await worker.ask('run');
        tell(ENGINES[i] ?? '', `run ${run + 1} of ${runs}`, spent);
        costs[i]?.push(spent);
      }
    }
    const peak = await workers[0]?.ask('peak');
    const measured = ENGINES.flatMap((engine, i): Measured[] => {
      const [first, own] = [firsts[i], costs[i] ?? []];
      if (first === undefined) return [];
      const [wall, cpu] = [timesOf(own.map((c) => c.wall)), timesOf(own.map((c) => c.cpu))];
      return [{ engine, first, wall, cpu }];
    });
    console.log(report(title, macs, measured, runs, peak, difference));
  } finally {
    for (const worker of workers) worker.stop();
  }
}

function macsOf(file: string, size: number): number {
  const source = readSource(file);
  const opened = source.ok
    ? openModel(source.value, fileHost(file), { sizes: { image: [size, size] } }).value
    : undefined;
  const graph = opened === undefined ? undefined : sizedGraph(opened);
  const figures = graph?.ok === true ? stats(graph.value) : undefined;
  if (figures?.ok !== true) throw new Error(`${file} cannot be counted`);
  return figures.value.macs;
}

/** The largest difference from the first. Throws where it is beyond `TOLERANCE`. */
function compareOutputs([first, ...others]: readonly First[]): number {
  let largest = 0;
  for (const [i, { output }] of others.entries()) {
    const { data = new Float32Array() } = first?.output ?? {};
    const difference =
      data.length === output.data.length
        ? data.reduce((most, x, k) => Math.max(most, Math.abs(x - (output.data[k] ?? NaN))), 0)
        : Infinity;
    if (!(difference <= TOLERANCE)) {
      throw new Error(
        `the output of ${ENGINES[i + 1] ?? ''} differs from archc's by ${difference}`,
      );
    }
    largest = Math.max(largest, difference);
  }
  return largest;
}

function report(
  title: string,
  macs: number,
  measured: readonly Measured[],
  runs: number,
  peak: Peak | undefined,
  difference: number,
): string {
  const [own] = measured;
  const ms = (value: number): string => formatNumber(value, value < 100 ? 1 : 0);
  const ratio = (other: number, base: number | undefined): string =>
    base === undefined || base === 0 ? '' : formatNumber(other / base, 2);
  const gflops = (milliseconds: number): string => formatNumber((2 * macs) / milliseconds / 1e6, 2);
  const table: Table = {
    columns: [
      left('engine'),
      ...['first', 'CPU', 'min', 'median', 'CPU min', 'CPU median', 'GFLOP/s'].map(right),
      ...['× first', '× CPU', '× min', '× median', '× CPU min', '× CPU med.'].map(right),
    ],
    rows: measured.map(({ engine, first, wall, cpu }) => [
      `${engine} ${first.version.split(',')[0] ?? ''}`,
      ...[first.cost.wall, first.cost.cpu, wall.min, wall.median, cpu.min, cpu.median].map(ms),
      gflops(wall.min),
      ratio(first.cost.wall, own?.first.cost.wall),
      ratio(first.cost.cpu, own?.first.cost.cpu),
      ratio(wall.min, own?.wall.min),
      ratio(wall.median, own?.wall.median),
      ratio(cpu.min, own?.cpu.min),
      ratio(cpu.median, own?.cpu.median),
    ]),
  };
  const adapter = own?.first.adapter;
  return [
    renderSection(
      `${title}: ${formatNumber(macs, 0)} MACs; ms, ${runs} runs each in turns after the first; ratios (×) to archc`,
      table,
      'table',
    ),
    ...(peak === undefined || own === undefined ? [] : [peakLine(peak, own, macs)]),
    ...(adapter === undefined ? [] : [`adapter: ${describeAdapter(adapter)}`]),
    `largest difference of outputs: ${difference.toExponential(1)}`,
    machineLine(),
    '',
  ].join('\n');
}

/** The plan beside a product that does nothing but multiply and add, by both clocks. */
function peakLine(peak: Peak, { wall, cpu }: Measured, macs: number): string {
  const share = (plan: number, best: number): string =>
    `${formatNumber((100 * (2 * macs * best)) / (plan * peak.flops), 0)}%`;
  return (
    `peak: ${formatNumber(peak.flops / peak.wall / 1e6, 2)} GFLOP/s ` +
    `(${formatNumber(peak.flops / peak.cpu / 1e6, 2)} a CPU-second; a product in blocks of ${peak.block}); ` +
    `the plan has ${share(wall.min, peak.wall)} of it, by CPU time ${share(cpu.min, peak.cpu)}`
  );
}

const USAGE = `usage: npm run bench:webgpu -- [${Object.keys(FILES).join('] [')}] [SIZE…] [--runs N]`;

async function main(args: readonly string[]): Promise<void> {
  const at = args.indexOf('--runs');
  const runs = at < 0 ? RUNS : Number(args[at + 1]);
  const words = at < 0 ? args : args.filter((_, i) => i !== at && i !== at + 1);
  const models = words.filter((word) => Object.hasOwn(FILES, word));
  const sizes = words.filter((word) => /^[1-9]\d*$/.test(word)).map(Number);
  if (models.length + sizes.length < words.length || !Number.isInteger(runs) || runs < 1) {
    console.error(USAGE);
    process.exitCode = 2;
    return;
  }
  for (const size of sizes.length === 0 ? SIZES : sizes) {
    for (const model of models.length === 0 ? Object.keys(FILES) : models) {
      await measure(model, size, runs);
    }
  }
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(firstLine(error));
  process.exitCode = 1;
}
