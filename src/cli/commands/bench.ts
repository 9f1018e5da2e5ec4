/** `archc bench`: how long one image takes, by model and engine. */
import type { Command } from 'commander';
import type { Bench } from '../../bench/bench.js';
import type { Profile } from '../../bench/profile.js';
import { openModel, type ModelRequest, type OpenModel, type WeightRequest } from '../../compile.js';
import { deduplicate } from '../../compiler/check.js';
import { hasErrors, type Diagnostic, type Outcome } from '../../compiler/diagnostic.js';
import { ENGINES, type EngineName } from '../../engines/open.js';
import { isDiagramFile } from '../artifacts.js';
import { exitCodeOf, type ExitCode } from '../exit.js';
import { fileHost } from '../host.js';
import { readSource } from '../../files/read.js';
import { printJson } from '../../tables/json.js';
import {
  allOf,
  collect,
  optional,
  problemsIn,
  readChoice,
  readInteger,
  readModelFlags,
  readPathEnding,
  readWeightFlags,
  withExamples,
  withJson,
  withModel,
  withWeights,
  wrongOption,
  type JsonFlag,
  type ModelFlags,
  type WeightFlags,
} from '../options.js';
import { writeOutputFile } from '../output.js';
import { fail, type Shell } from '../shell.js';

interface BenchFlags extends ModelFlags, WeightFlags, JsonFlag {
  readonly engine?: readonly string[];
  readonly runs: string;
  readonly profile?: boolean;
  readonly output?: string;
  readonly force?: boolean;
}

const MAX_RUNS = 100_000;

export function register(program: Command, shell: Shell): void {
  const command = program
    .command('bench')
    .summary('latency and throughput, by model and engine')
    .description(
      'Times one image through each model on each engine: all are loaded and run once to warm up, ' +
        'then they take turns. By default on every engine that is present, but not `reference`. ' +
        '`--profile` times every kernel of a plan by the clock of the GPU.',
    )
    .argument('<file...>', 'the .arch files')
    .option('--engine <engine>', `what runs them; repeatable: ${ENGINES.join(', ')}`, collect)
    .option('--runs <count>', 'runs of each that are timed', '10')
    .option('--profile', 'each kernel by itself, on `--engine wgsl`')
    .option('-o, --output <file>', 'also draw the times as bars (SVG)')
    .option('--force', 'replace an existing file whatever it is');
  withExamples(withJson(withWeights(withModel(command))), [
    'bench models/unet.arch models/sdunet.arch --size 64x64',
    'bench models/sdunet.arch --engine wgsl --engine onnx --runs 30 -o times.svg',
    'bench models/sdunet.arch --engine wgsl --profile',
  ]).action(async (files: readonly string[], flags: BenchFlags) => {
    process.exitCode = await benchFiles(files, flags, shell);
  });
}

async function benchFiles(
  files: readonly string[],
  flags: BenchFlags,
  shell: Shell,
): Promise<ExitCode> {
  const read = allOf({
    request: readModelFlags(flags),
    engines: readEngines(flags),
    runs: readInteger('runs', flags.runs, { min: 1, max: MAX_RUNS }),
    output: optional(flags.output, (path) =>
      readPathEnding('output', path, '.svg', 'the chart is an SVG file'),
    ),
    weights: readWeightFlags(flags),
  });
  if (!read.ok) return fail(shell, read.diagnostics);
  const { request, engines, runs, weights, output } = read.value;
  const { models, diagnostics } = openAll(files, request);
  if (hasErrors(diagnostics)) return fail(shell, diagnostics);
  const options = { ...weights, runs, onProgress: shell.progress };
  const shown =
    flags.profile === true
      ? await profileAll(models, options)
      : await benchAll(models, engines, options, shell);
  if (!shown.ok) return fail(shell, [...diagnostics, ...shown.diagnostics]);
  const { document, table, chart, problems } = shown.value;
  const unwritten =
    output === undefined
      ? []
      : await writeOutputFile(output, chart(), {
          force: flags.force === true,
          isSameKind: (path) => isDiagramFile(path, 'svg'),
        });
  if (unwritten.length > 0) return fail(shell, [...diagnostics, ...problems, ...unwritten]);
  shell.print(shell.json ? printJson(document()) : table());
  // The document holds the problems.
  shell.report([...diagnostics, ...(shell.json ? [] : problems)]);
  return exitCodeOf(problems);
}

/** What was measured, in every form, and what failed beside it. */
interface Shown {
  readonly document: () => object;
  readonly table: () => string;
  readonly chart: () => string;
  readonly problems: readonly Diagnostic[];
}

type RunOptions = WeightRequest & { readonly runs: number };

async function benchAll(
  models: readonly OpenModel[],
  engines: readonly EngineName[] | undefined,
  options: RunOptions,
  shell: Shell,
): Promise<Outcome<Shown>> {
  const [{ bench }, { benchChart, benchDocument, benchTable }] = await Promise.all([
    import('../../bench/bench.js'),
    import('../bench-format.js'),
  ]);
  const measured = await bench(models, { ...options, engines });
  if (!measured.ok) return measured;
  const { missing, results } = measured.value;
  const absent = missing.map(({ diagnostic }) => diagnostic);
  const failed = results.flatMap((result) => (result.ok ? [] : result.diagnostics));
  if (!results.some(({ ok }) => ok)) return { ok: false, diagnostics: [...absent, ...failed] };
  // One that nobody asked for may be missing.
  if (engines === undefined && !shell.json) noteMissing(missing, shell);
  return {
    ok: true,
    value: {
      document: () => benchDocument(measured.value),
      table: () => benchTable(measured.value),
      chart: () => benchChart(measured.value),
      problems: [...(engines === undefined ? [] : absent), ...failed],
    },
  };
}

function noteMissing(missing: Bench['missing'], shell: Shell): void {
  for (const { engine, diagnostic } of missing) {
    shell.note(`without ${engine}: ${diagnostic.message}; ${diagnostic.hints.join('; ')}`);
  }
}

async function profileAll(
  models: readonly OpenModel[],
  options: RunOptions,
): Promise<Outcome<Shown>> {
  const [{ profile }, { profileChart, profileDocument, profileTables }] = await Promise.all([
    import('../../bench/profile.js'),
    import('../profile-format.js'),
  ]);
  const profiles: Profile[] = [];
  for (const model of models) {
    const measured = await profile(model, options);
    if (!measured.ok) return measured;
    profiles.push(measured.value);
  }
  return {
    ok: true,
    value: {
      document: () => profileDocument(profiles),
      table: () => profileTables(profiles),
      chart: () => profileChart(profiles),
      problems: [],
    },
  };
}

/** Each engine once, in the order in which they are asked for; undefined: all that are there. */
function readEngines({ engine, profile }: BenchFlags): Outcome<readonly EngineName[] | undefined> {
  if (engine === undefined) return { ok: true, value: undefined };
  const read = engine.map((name) => readChoice('engine', name, ENGINES));
  const diagnostics = problemsIn(...read);
  if (diagnostics.length > 0) return { ok: false, diagnostics };
  const other = engine.find((name) => name !== 'wgsl');
  if (profile === true && other !== undefined) {
    return wrongOption('engine', other, '`--profile` times the kernels of `--engine wgsl`', [
      `leave out \`--engine ${other}\`, or \`--profile\``,
    ]);
  }
  return { ok: true, value: [...new Set(read.flatMap((each) => (each.ok ? [each.value] : [])))] };
}

function openAll(
  files: readonly string[],
  request: ModelRequest,
): { readonly models: readonly OpenModel[]; readonly diagnostics: readonly Diagnostic[] } {
  const opened = files.map((file) => {
    const source = readSource(file);
    if (!source.ok) return { value: undefined, diagnostics: source.diagnostics };
    return openModel(source.value, fileHost(source.value.path), request);
  });
  return {
    models: opened.flatMap(({ value }) => value ?? []),
    diagnostics: deduplicate(opened.flatMap(({ diagnostics }) => diagnostics)),
  };
}
