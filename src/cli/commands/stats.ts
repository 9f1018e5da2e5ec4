/** `archc stats`: the exact figures of models, side by side. */
import type { Command } from 'commander';
import { openModel, sizedGraph, type ModelRequest, type OpenModel } from '../../compile.js';
import { check, deduplicate, modelsOf } from '../../compiler/check.js';
import { hasErrors, type Diagnostic, type Outcome } from '../../compiler/diagnostic.js';
import { stats, type ModelStats } from '../../compiler/stats.js';
import type { Source } from '../../compiler/source.js';
import { modelNamed } from '../../choose.js';
import { EXIT, type ExitCode } from '../exit.js';
import { fileHost } from '../host.js';
import { readSource } from '../input.js';
import {
  allOf,
  optional,
  problemsIn,
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
import { fail, type Shell } from '../shell.js';
import { formatStats, STATS_FORMATS } from '../stats-format.js';

interface StatsFlags extends ModelFlags, FormatFlags {
  readonly all?: boolean;
  readonly perLayer?: boolean;
  readonly depth?: string;
}

export function register(program: Command, shell: Shell): void {
  const command = program
    .command('stats')
    .summary('parameters, operations and memory')
    .description(
      'Counts parameters, MACs, FLOPs, weight bytes and the peak of activation memory, exactly and\n' +
        'for one image; several models side by side, with ratios to the first. `-` reads standard\n' +
        'input.',
    )
    .argument('<file...>', 'the .arch files')
    .option('--all', 'every model of each file, not only the one that `--model` would choose')
    .option('--per-layer', 'a row for each layer')
    .option('--depth <steps>', 'a row for each block: paths that agree in so many steps, summed')
    .option('--format <format>', `how to print: ${STATS_FORMATS.join(', ')} (default: table)`);
  withExamples(withJson(withModel(command)), [
    'stats models/unet.arch models/sdunet.arch',
    'stats models/sdunet.arch --size 512x512 --per-layer',
    'stats models/sdunet.arch --all --format markdown',
  ]).action((files: readonly string[], flags: StatsFlags) => {
    process.exitCode = showStats(files, flags, shell);
  });
}

const MAX_DEPTH = 1000;

function showStats(files: readonly string[], flags: StatsFlags, shell: Shell): ExitCode {
  const read = allOf({
    request: readModelFlags(flags),
    format: readFormat(flags, STATS_FORMATS, 'table'),
    depth: optional(flags.depth, (text) => readInteger('depth', text, { min: 1, max: MAX_DEPTH })),
    clash: clashOf(flags),
  });
  if (!read.ok) return fail(shell, read.diagnostics);
  const { request, format, depth } = read.value;
  const results = files.map((file) => figuresOfFile(file, request, flags.all === true));
  const diagnostics = deduplicate(results.flatMap((result) => result.diagnostics));
  if (hasErrors(diagnostics)) return fail(shell, diagnostics);
  shell.report(diagnostics);
  const models = results.flatMap((result) => result.models);
  shell.print(formatStats(models, format, { perLayer: flags.perLayer === true, depth }));
  return EXIT.done;
}

/** Options of which only one can be meant. */
function clashOf({ all, model, perLayer, depth }: StatsFlags): Outcome<undefined> {
  if (all === true && model !== undefined) {
    return wrongOption('model', model, '`--all` and `--model` exclude each other');
  }
  if (perLayer === true && depth !== undefined) {
    return wrongOption('depth', depth, '`--per-layer` and `--depth` exclude each other');
  }
  return { ok: true, value: undefined };
}

interface FileFigures {
  readonly models: readonly ModelStats[];
  readonly diagnostics: readonly Diagnostic[];
}

function figuresOfFile(file: string, request: ModelRequest, all: boolean): FileFigures {
  const source = readSource(file);
  if (!source.ok) return { models: [], diagnostics: source.diagnostics };
  const opened = all ? openAll(source.value, request) : openOne(source.value, request);
  const counted = opened.models.map((model) => {
    const graph = sizedGraph(model);
    return graph.ok ? stats(graph.value) : graph;
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
