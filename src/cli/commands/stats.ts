/** `archc stats`: the exact figures of models, side by side. */
import type { Command } from 'commander';
import {
  emitModel,
  openModel,
  sizedGraph,
  TARGETS,
  type ModelRequest,
  type OpenModel,
  type Target,
} from '../../compile.js';
import { check, deduplicate, modelsOf } from '../../compiler/check.js';
import { callsOf } from '../../compiler/conventions/calls.js';
import { countBy, type ConventionCount } from '../../compiler/conventions/count.js';
import {
  CONVENTION_NAMES,
  CONVENTIONS,
  type ConventionName,
} from '../../compiler/conventions/index.js';
import type { Device } from '../../compiler/device.js';
import { diagnostic, hasErrors, type Diagnostic, type Outcome } from '../../compiler/diagnostic.js';
import type { Graph } from '../../compiler/ir.js';
import { COUNTER_NAMES, reconcile, type CounterName } from '../../compiler/reconcile.js';
import { modelMemory } from '../../compiler/model-memory.js';
import { roofline } from '../../compiler/roofline.js';
import { stats } from '../../compiler/stats.js';
import { trainingBytes } from '../../compiler/training.js';
import type { Source } from '../../compiler/source.js';
import { modelNamed } from '../../choose.js';
import type { ExitCode } from '../exit.js';
import { fileHost } from '../host.js';
import { readSource } from '../../files/read.js';
import {
  allOf,
  collect,
  optional,
  problemsIn,
  readChoice,
  readInteger,
  readModelFlags,
  withDevice,
  withExamples,
  withJson,
  withModel,
  wrongOption,
  type DeviceFlag,
  type FormatFlags,
  type ModelFlags,
} from '../options.js';
import { withPage } from '../plan-page.js';
import { formatReconciliations, type ReconciledModel } from '../reconcile-format.js';
import { fail, type Shell } from '../shell.js';
import { DEFAULT_BATCHES, type ShownMemory } from '../../tables/memory-format.js';
import { formatStats, type CountedModel } from '../../tables/stats-format.js';
import { OUTPUT_FORMATS, readStatsOutput, writeStats } from '../stats-output.js';

interface StatsFlags extends ModelFlags, FormatFlags, DeviceFlag {
  readonly output?: string;
  readonly force?: boolean;
  readonly all?: boolean;
  readonly perLayer?: boolean;
  readonly depth?: string;
  readonly memory?: boolean;
  readonly batch?: readonly string[];
  readonly convention?: readonly string[];
  readonly reconcile?: readonly string[];
}

export function register(program: Command, shell: Shell): void {
  const command = program
    .command('stats')
    .summary('parameters, operations and memory')
    .description(
      'Counts parameters, MACs, FLOPs, weight bytes and the peak of activation memory, exactly and ' +
        'for one image; several models side by side, with ratios to the first. `-` reads standard ' +
        'input. `--convention` adds what another tool would count, `--reconcile` says why two differ. ' +
        '`--memory` adds what is alive at the peak, the best order of layers, memory of training and ' +
        'sizes of files; `--device` estimates the time of every layer on a device.',
    )
    // Not required by commander, which gives the files after `--reconcile A B` to that option.
    .argument('[file...]', 'the .arch files')
    .option('--all', 'every model of each file, not only the one that `--model` would choose')
    .option('--per-layer', 'a row for each layer')
    .option('--depth <steps>', 'a row for each block: paths that agree in so many steps, summed')
    .option('--memory', 'also peaks of both orders, training by batch, sizes of weights and files')
    .option('--batch <images>', 'a batch size of training for `--memory`; repeatable', collect)
    .option(
      '--convention <name>',
      `also the figure that a tool gives; repeatable: ${CONVENTION_NAMES.join(', ')}`,
      collect,
    )
    .option(
      '--reconcile <names...>',
      'two conventions, or `archc` (FLOPs) or `archc-macs`: what makes the difference between them',
    )
    .option('-o, --output <file>', 'where to write, `-` being standard output (the default)')
    .option(
      '--format <format>',
      `${OUTPUT_FORMATS.join(', ')} (default: by the name of the output, else table); html is a page\n` +
        'with tables, pictures, and the source with the cost of each line',
    )
    .option('--force', 'replace an existing file whatever it is');
  withExamples(withJson(withDevice(withModel(command))), [
    'stats models/unet.arch models/sdunet.arch',
    'stats models/sdunet.arch --size 512x512 --per-layer',
    'stats models/sdunet.arch --all --format markdown',
    'stats models/unet.arch models/sdunet.arch --memory --batch 8',
    'stats models/sdunet.arch --device devices/phone.json',
    'stats models/unet.arch models/sdunet.arch --convention fvcore --convention thop',
    'stats models/sdunet.arch --reconcile paper archc',
    'stats models/*.arch --format html -o report.html',
  ]).action(async (files: readonly string[], flags: StatsFlags) => {
    process.exitCode = await showStats(files, flags, shell);
  });
}

const MAX_DEPTH = 1000;

async function showStats(
  given: readonly string[],
  flags: StatsFlags,
  shell: Shell,
): Promise<ExitCode> {
  const pairOfNames = flags.reconcile?.slice(0, 2);
  const files = [...given, ...(flags.reconcile?.slice(2) ?? [])];
  const read = allOf({
    request: readModelFlags(flags),
    output: readStatsOutput(flags),
    depth: optional(flags.depth, (text) => readInteger('depth', text, { min: 1, max: MAX_DEPTH })),
    conventions: readConventions(flags.convention),
    batches: readBatches(flags),
    pair: readPair(pairOfNames),
    present: files.length > 0 ? { ok: true, value: undefined } : MISSING_FILE,
    clash: clashOf(flags),
  });
  if (!read.ok) return fail(shell, read.diagnostics);
  const { request, output, depth, conventions, batches, pair } = read.value;
  const { format } = output;
  const { device } = request;
  const show = async <T>(
    count: Count<T>,
    print: (models: readonly T[]) => string | Promise<string>,
  ): Promise<ExitCode> => {
    const all: FileFigures<T>[] = [];
    for (const file of files) {
      all.push(await figuresOfFile(file, request, flags.all === true, count));
    }
    const results = filesWithModels(all);
    const diagnostics = deduplicate(results.flatMap((result) => result.diagnostics));
    if (hasErrors(diagnostics)) return fail(shell, diagnostics);
    shell.report(diagnostics);
    for (const { skipped } of results) if (skipped !== undefined) shell.note(skipped);
    const models = results.flatMap((result) => result.models);
    return writeStats(await print(models), output, models.length, flags.force === true, shell);
  };
  if (format === 'html') {
    const { gatherModel, reportPage } = await import('../../report/report.js');
    return show(
      async (graph, model) => {
        const figures = await statsWith(graph, model, {
          conventions: conventions ?? CONVENTION_NAMES,
          batches: batches ?? DEFAULT_BATCHES,
          device,
        });
        if (!figures.ok) return figures;
        const { memory } = figures.value;
        if (memory === undefined) throw new Error('the memory has been counted');
        const pairs = pair === undefined ? [] : [pair];
        return gatherModel({ ...figures.value, memory }, graph, model.program, pairs);
      },
      (models) => reportPage(models, { depth, layerConventions: conventions !== undefined }),
    );
  }
  return pair === undefined
    ? show(
        (graph, model) => statsWith(graph, model, { conventions, batches, device }),
        (models) => formatStats(models, format, { perLayer: flags.perLayer === true, depth }),
      )
    : show(
        (graph) => reconciled(graph, pair),
        (models) => formatReconciliations(models, format),
      );
}

const MISSING_FILE: Outcome<undefined> = {
  ok: false,
  diagnostics: [
    diagnostic('usage', 'missing required argument `file`', {
      hints: ['`archc stats --help` shows what it takes'],
    }),
  ],
};

/** Each convention once, in the order in which they are asked for. */
function readConventions(
  names: readonly string[] | undefined,
): Outcome<readonly ConventionName[] | undefined> {
  if (names === undefined) return { ok: true, value: undefined };
  const read = names.map((name) => readChoice('convention', name, CONVENTION_NAMES));
  const diagnostics = problemsIn(...read);
  if (diagnostics.length > 0) return { ok: false, diagnostics };
  return { ok: true, value: [...new Set(read.flatMap((r) => (r.ok ? [r.value] : [])))] };
}

const MAX_BATCH = 1_000_000;

/** The batch sizes to show, where memory is asked for: a `--batch` asks for it as well. */
function readBatches({ memory, batch }: StatsFlags): Outcome<readonly number[] | undefined> {
  if (batch === undefined)
    return { ok: true, value: memory === true ? DEFAULT_BATCHES : undefined };
  const read = batch.map((text) => readInteger('batch', text, { min: 1, max: MAX_BATCH }));
  const diagnostics = problemsIn(...read);
  if (diagnostics.length > 0) return { ok: false, diagnostics };
  const sizes = read.flatMap((r) => (r.ok ? [r.value] : []));
  return { ok: true, value: [...new Set(sizes)].sort((a, b) => a - b) };
}

type Pair = readonly [from: CounterName, to: CounterName];

/** The names after `--reconcile`, of which a missing one is a file or nothing. */
function readPair(names: readonly string[] | undefined): Outcome<Pair | undefined> {
  if (names === undefined) return { ok: true, value: undefined };
  const [first = '', second] = names;
  if (second === undefined) {
    return wrongOption('reconcile', first, '`--reconcile` takes two conventions', [
      'as in `--reconcile fvcore ptflops`, or `--reconcile paper archc`',
    ]);
  }
  const from = readChoice('reconcile', first, COUNTER_NAMES, 'convention');
  const to = readChoice('reconcile', second, COUNTER_NAMES, 'convention');
  if (!from.ok || !to.ok) return { ok: false, diagnostics: problemsIn(from, to) };
  return { ok: true, value: [from.value, to.value] };
}

/** What is asked for beside the counts. */
interface MoreFigures {
  readonly conventions: readonly ConventionName[] | undefined;
  /** Of `--memory`; undefined without it. */
  readonly batches: readonly number[] | undefined;
  readonly device: Device | undefined;
}

async function statsWith(
  graph: Graph,
  model: OpenModel,
  { conventions: names, batches, device }: MoreFigures,
): Promise<Outcome<CountedModel>> {
  const own = stats(graph);
  if (!own.ok) return own;
  const counts = names === undefined ? NONE : countConventions(graph, names);
  const memory = batches === undefined ? NONE : await memoryOf(graph, model, batches);
  if (!counts.ok || !memory.ok) return { ok: false, diagnostics: problemsIn(counts, memory) };
  return {
    ok: true,
    value: {
      ...own.value,
      ...(counts.value === undefined ? {} : { conventions: counts.value }),
      ...(memory.value === undefined ? {} : { memory: memory.value }),
      ...(device === undefined ? {} : { roofline: roofline(graph, device) }),
    },
  };
}

const NONE = { ok: true, value: undefined } as const;

async function memoryOf(
  graph: Graph,
  model: OpenModel,
  batches: readonly number[],
): Promise<Outcome<ShownMemory>> {
  const memory = modelMemory(graph);
  if (!memory.ok) return memory;
  // The largest batch decides whether all can be counted.
  const most = trainingBytes(memory.value.training, {
    batch: Math.max(...batches),
    optimizer: 'adam',
  });
  if (!Number.isSafeInteger(most)) {
    return wrongOption(
      'batch',
      String(Math.max(...batches)),
      'its memory cannot be counted exactly: it has more than 2^53 - 1 bytes',
    );
  }
  const fileBytes: Partial<Record<Target, number>> = {};
  const unwritable: { readonly target: Target; readonly reason: string }[] = [];
  for (const target of TARGETS) {
    const emitted = await emitModel(model, { target, blank: true });
    if (emitted.ok) {
      const { files } = await withPage(emitted.value);
      fileBytes[target] = sum(files.map(({ bytes }) => bytes.length));
    } else unwritable.push({ target, reason: emitted.diagnostics[0]?.message ?? '' });
  }
  return { ok: true, value: { ...memory.value, batches, fileBytes, unwritable } };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function countConventions(
  graph: Graph,
  names: readonly ConventionName[],
): Outcome<readonly ConventionCount[]> {
  const calls = callsOf(graph);
  const counts = names.map((name) => countBy(CONVENTIONS[name], calls, graph.name));
  const diagnostics = problemsIn(...counts);
  if (diagnostics.length > 0) return { ok: false, diagnostics };
  return { ok: true, value: counts.flatMap((count) => (count.ok ? [count.value] : [])) };
}

function reconciled(graph: Graph, [from, to]: Pair): Outcome<ReconciledModel> {
  const found = reconcile(callsOf(graph), from, to, graph.name);
  if (!found.ok) return found;
  return {
    ok: true,
    value: { name: graph.name, file: graph.source.path, reconciliation: found.value },
  };
}

/** Options of which only one can be meant. */
function clashOf(flags: StatsFlags): Outcome<undefined> {
  const {
    all,
    model,
    perLayer,
    depth,
    convention,
    memory,
    batch,
    device,
    reconcile: names,
  } = flags;
  if (all === true && model !== undefined) {
    return wrongOption('model', model, '`--all` and `--model` exclude each other');
  }
  if (perLayer === true && depth !== undefined) {
    return wrongOption('depth', depth, '`--per-layer` and `--depth` exclude each other');
  }
  const other = [
    convention === undefined ? [] : ['convention'],
    memory === true ? ['memory'] : [],
    batch === undefined ? [] : ['batch'],
    device === undefined ? [] : ['device'],
    perLayer === true ? ['per-layer'] : [],
    depth === undefined ? [] : ['depth'],
  ].flat();
  if (names !== undefined && other[0] !== undefined) {
    const message = `\`--reconcile\` and \`--${other[0]}\` exclude each other`;
    return wrongOption('reconcile', names.join(' '), message);
  }
  const tables = [
    memory === true || batch !== undefined ? ['memory'] : [],
    device === undefined ? [] : ['device'],
    perLayer === true ? ['per-layer'] : [],
    depth === undefined ? [] : ['depth'],
  ].flat();
  if (flags.format === 'csv' && tables.length > 1) {
    const list = tables.map((flag) => `\`--${flag}\``).join(' and ');
    return wrongOption('format', 'csv', `CSV is one table, and ${list} ask for several`);
  }
  return { ok: true, value: undefined };
}

/** The figures of a model, and of its graph at its sizes. */
type Count<T> = (graph: Graph, model: OpenModel) => Outcome<T> | Promise<Outcome<T>>;

interface FileFigures<T> {
  readonly models: readonly T[];
  readonly diagnostics: readonly Diagnostic[];
  /** What to say of a file that is left out. */
  readonly skipped?: string;
}

/** Of several files those without a model are left out, as long as one is left: `models/*.arch`. */
function filesWithModels<T>(results: readonly FileFigures<T>[]): readonly FileFigures<T>[] {
  const isWithout = ({ diagnostics }: FileFigures<T>): boolean =>
    diagnostics.some(({ code }) => code === 'no-model');
  if (results.every(isWithout)) return results;
  return results.map((result) => {
    if (!isWithout(result)) return result;
    const said = result.diagnostics.find(({ code }) => code === 'no-model')?.message ?? '';
    const diagnostics = result.diagnostics.filter(({ code }) => code !== 'no-model');
    return { models: [], diagnostics, skipped: `${said}: left out` };
  });
}

async function figuresOfFile<T>(
  file: string,
  request: ModelRequest,
  all: boolean,
  count: Count<T>,
): Promise<FileFigures<T>> {
  const source = readSource(file);
  if (!source.ok) return { models: [], diagnostics: source.diagnostics };
  const opened = all ? openAll(source.value, request) : openOne(source.value, request);
  const counted: Outcome<T>[] = [];
  for (const model of opened.models) {
    const graph = sizedGraph(model);
    counted.push(graph.ok ? await count(graph.value, model) : graph);
  }
  return {
    models: counted.flatMap((outcome) => (outcome.ok ? [outcome.value] : [])),
    diagnostics: [...opened.diagnostics, ...problemsIn(...counted)],
  };
}

interface Opened {
  readonly models: readonly OpenModel[];
  readonly diagnostics: readonly Diagnostic[];
}

function openOne(source: Source, request: ModelRequest): Opened {
  const { value, diagnostics } = openModel(source, fileHost(source.path), request);
  return { models: value === undefined ? [] : [value], diagnostics };
}

function openAll(source: Source, request: ModelRequest): Opened {
  const { program, models, diagnostics, valid } = check(source, fileHost(source.path), {
    ...request,
    recipes: false,
  });
  if (!valid) return { models: [], diagnostics };
  if (modelsOf(program.entry).length === 0) {
    return {
      models: [],
      diagnostics: [...diagnostics, ...problemsIn(modelNamed(undefined, [], source.path))],
    };
  }
  return {
    models: models.flatMap((m) =>
      m.graph === undefined ? [] : [{ ...m, graph: m.graph, program }],
    ),
    diagnostics,
  };
}
