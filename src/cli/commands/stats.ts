/** `archc stats`: the exact figures of models, side by side. */
import type { Command } from 'commander';
import { openModel, sizedGraph, type ModelRequest, type OpenModel } from '../../compile.js';
import { check, deduplicate, modelsOf } from '../../compiler/check.js';
import { callsOf } from '../../compiler/conventions/calls.js';
import { countBy } from '../../compiler/conventions/count.js';
import {
  CONVENTION_NAMES,
  CONVENTIONS,
  type ConventionName,
} from '../../compiler/conventions/index.js';
import { diagnostic, hasErrors, type Diagnostic, type Outcome } from '../../compiler/diagnostic.js';
import type { Graph } from '../../compiler/ir.js';
import { COUNTER_NAMES, reconcile, type CounterName } from '../../compiler/reconcile.js';
import { stats } from '../../compiler/stats.js';
import type { Source } from '../../compiler/source.js';
import { modelNamed } from '../../choose.js';
import { EXIT, type ExitCode } from '../exit.js';
import { fileHost } from '../host.js';
import { readSource } from '../input.js';
import {
  allOf,
  collect,
  optional,
  problemsIn,
  readChoice,
  readFormat,
  readInteger,
  readModelFlags,
  withExamples,
  withJson,
  withModel,
  wrongOption,
  type FormatFlags,
  type ModelFlags,
} from '../options.js';
import { formatReconciliations, type ReconciledModel } from '../reconcile-format.js';
import { fail, type Shell } from '../shell.js';
import { formatStats, STATS_FORMATS, type CountedModel } from '../stats-format.js';

interface StatsFlags extends ModelFlags, FormatFlags {
  readonly all?: boolean;
  readonly perLayer?: boolean;
  readonly depth?: string;
  readonly convention?: readonly string[];
  readonly reconcile?: readonly string[];
}

export function register(program: Command, shell: Shell): void {
  const command = program
    .command('stats')
    .summary('parameters, operations and memory')
    .description(
      'Counts parameters, MACs, FLOPs, weight bytes and the peak of activation memory, exactly and\n' +
        'for one image; several models side by side, with ratios to the first. `-` reads standard\n' +
        'input. `--convention` adds what another tool would count, `--reconcile` says why two differ.',
    )
    // Not required by commander, which gives the files after `--reconcile A B` to that option.
    .argument('[file...]', 'the .arch files')
    .option('--all', 'every model of each file, not only the one that `--model` would choose')
    .option('--per-layer', 'a row for each layer')
    .option('--depth <steps>', 'a row for each block: paths that agree in so many steps, summed')
    .option(
      '--convention <name>',
      `also the figure that a tool gives; repeatable: ${CONVENTION_NAMES.join(', ')}`,
      collect,
    )
    .option(
      '--reconcile <names...>',
      'two conventions, or `archc` (FLOPs) or `archc-macs`: what makes the difference between them',
    )
    .option('--format <format>', `how to print: ${STATS_FORMATS.join(', ')} (default: table)`);
  withExamples(withJson(withModel(command)), [
    'stats models/unet.arch models/sdunet.arch',
    'stats models/sdunet.arch --size 512x512 --per-layer',
    'stats models/sdunet.arch --all --format markdown',
    'stats models/unet.arch models/sdunet.arch --convention fvcore --convention thop',
    'stats models/sdunet.arch --reconcile paper archc',
  ]).action((files: readonly string[], flags: StatsFlags) => {
    process.exitCode = showStats(files, flags, shell);
  });
}

const MAX_DEPTH = 1000;

function showStats(given: readonly string[], flags: StatsFlags, shell: Shell): ExitCode {
  const pairOfNames = flags.reconcile?.slice(0, 2);
  const files = [...given, ...(flags.reconcile?.slice(2) ?? [])];
  const read = allOf({
    request: readModelFlags(flags),
    format: readFormat(flags, STATS_FORMATS, 'table'),
    depth: optional(flags.depth, (text) => readInteger('depth', text, { min: 1, max: MAX_DEPTH })),
    conventions: readConventions(flags.convention),
    pair: readPair(pairOfNames),
    present: files.length > 0 ? { ok: true, value: undefined } : MISSING_FILE,
    clash: clashOf(flags),
  });
  if (!read.ok) return fail(shell, read.diagnostics);
  const { request, format, depth, conventions, pair } = read.value;
  const show = <T>(
    count: (graph: Graph) => Outcome<T>,
    print: (models: readonly T[]) => string,
  ): ExitCode => {
    const results = files.map((file) => figuresOfFile(file, request, flags.all === true, count));
    const diagnostics = deduplicate(results.flatMap((result) => result.diagnostics));
    if (hasErrors(diagnostics)) return fail(shell, diagnostics);
    shell.report(diagnostics);
    shell.print(print(results.flatMap((result) => result.models)));
    return EXIT.done;
  };
  return pair === undefined
    ? show(
        (graph) => statsWith(graph, conventions),
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

function statsWith(
  graph: Graph,
  names: readonly ConventionName[] | undefined,
): Outcome<CountedModel> {
  const own = stats(graph);
  if (!own.ok || names === undefined) return own;
  const calls = callsOf(graph);
  const counts = names.map((name) => countBy(CONVENTIONS[name], calls, graph.name));
  const diagnostics = problemsIn(...counts);
  if (diagnostics.length > 0) return { ok: false, diagnostics };
  const conventions = counts.flatMap((count) => (count.ok ? [count.value] : []));
  return { ok: true, value: { ...own.value, conventions } };
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
  const { all, model, perLayer, depth, convention, reconcile: names } = flags;
  if (all === true && model !== undefined) {
    return wrongOption('model', model, '`--all` and `--model` exclude each other');
  }
  if (perLayer === true && depth !== undefined) {
    return wrongOption('depth', depth, '`--per-layer` and `--depth` exclude each other');
  }
  const other = [
    convention === undefined ? [] : ['convention'],
    perLayer === true ? ['per-layer'] : [],
    depth === undefined ? [] : ['depth'],
  ].flat();
  if (names !== undefined && other[0] !== undefined) {
    const message = `\`--reconcile\` and \`--${other[0]}\` exclude each other`;
    return wrongOption('reconcile', names.join(' '), message);
  }
  return { ok: true, value: undefined };
}

interface FileFigures<T> {
  readonly models: readonly T[];
  readonly diagnostics: readonly Diagnostic[];
}

function figuresOfFile<T>(
  file: string,
  request: ModelRequest,
  all: boolean,
  count: (graph: Graph) => Outcome<T>,
): FileFigures<T> {
  const source = readSource(file);
  if (!source.ok) return { models: [], diagnostics: source.diagnostics };
  const opened = all ? openAll(source.value, request) : openOne(source.value, request);
  const counted = opened.models.map((model) => {
    const graph = sizedGraph(model);
    return graph.ok ? count(graph.value) : graph;
  });
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
  const { program, models, diagnostics, valid } = check(source, fileHost(source.path), request);
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
