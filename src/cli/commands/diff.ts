/** `archc diff`: what changed between two models: layers, costs, weights that could be kept. */
import type { Command } from 'commander';
import { openModel, sizedGraph, type ModelRequest } from '../../compile.js';
import { deduplicate } from '../../compiler/check.js';
import { diagnostic, hasErrors, type Diagnostic, type Outcome } from '../../compiler/diagnostic.js';
import { diffModels } from '../../compiler/diff.js';
import type { Graph } from '../../compiler/ir.js';
import { stats, type ModelStats } from '../../compiler/stats.js';
import { DIFF_FORMATS, formatDiff } from '../diff-format.js';
import { EXIT, type ExitCode } from '../exit.js';
import { fileHost } from '../host.js';
import { readSource } from '../../files/read.js';
import {
  allOf,
  collect,
  readFormat,
  readModelFlags,
  withExamples,
  withJson,
  withModel,
  type FormatFlags,
  type ModelFlags,
} from '../options.js';
import { fail, type Shell } from '../shell.js';

interface DiffFlags extends ModelFlags, FormatFlags {
  readonly to?: string;
  readonly toSet?: readonly string[];
}

export function register(program: Command, shell: Shell): void {
  const command = program
    .command('diff')
    .summary('what changed between two models')
    .description(
      'Compares two models: which layers and blocks were added, removed, renamed or changed, the ' +
        'costs before and after, and which weights the second could take over from the first. With ' +
        'one file, `--to` or `--to-set` says what to compare its model with. `--set` and `--size` ' +
        'are for both. `-` reads standard input.',
    )
    .argument('<before>', 'the .arch file of the first model')
    .argument('[after]', 'that of the second (default: the same)')
    .option('--to <name>', 'the second model (default: as `--model` for the first)')
    .option('--to-set <name=value>', 'a parameter of the second model alone; repeatable', collect)
    .option('--format <format>', `how to print: ${DIFF_FORMATS.join(', ')} (default: table)`);
  withExamples(withJson(withModel(command)), [
    'diff models/unet.arch models/sdunet.arch',
    'diff models/sdunet.arch --model SDUNet --to SDUNetNoWS',
    'diff models/sdunet.arch --to-set width=32',
    'git show HEAD:models/unet.arch | archc diff - models/unet.arch',
  ]).action((before: string, after: string | undefined, flags: DiffFlags) => {
    process.exitCode = showDiff(before, after, flags, shell);
  });
}

interface Side {
  readonly graph: Graph;
  readonly stats: ModelStats;
}

interface Read {
  readonly side: Side | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

function showDiff(
  first: string,
  second: string | undefined,
  flags: DiffFlags,
  shell: Shell,
): ExitCode {
  const read = allOf({
    request: readModelFlags(flags),
    changes: readModelFlags({ set: flags.toSet ?? [] }, 'to-set'),
    format: readFormat(flags, DIFF_FORMATS, 'table'),
    sides: readSides(first, second, flags),
  });
  if (!read.ok) return fail(shell, read.diagnostics);
  const { request, changes, format } = read.value;
  const before = open(first, request);
  const after = open(second ?? first, {
    ...request,
    model: flags.to ?? request.model,
    overrides: [...(request.overrides ?? []), ...(changes.overrides ?? [])],
  });
  const diagnostics = deduplicate([...before.diagnostics, ...after.diagnostics]);
  if (hasErrors(diagnostics) || before.side === undefined || after.side === undefined) {
    return fail(shell, diagnostics);
  }
  shell.report(diagnostics);
  const diff = diffModels(before.side, after.side);
  const compared = {
    before: before.side.stats,
    after: after.side.stats,
    diff,
    changes: flags.toSet ?? [],
  };
  shell.print(formatDiff(compared, format));
  return EXIT.done;
}

/** Whether there are two models to compare. */
function readSides(
  first: string,
  second: string | undefined,
  { model, to, toSet = [] }: DiffFlags,
): Outcome<undefined> {
  const wrong = (message: string, hint: string): Outcome<never> => ({
    ok: false,
    diagnostics: [diagnostic('usage', message, { hints: [hint] })],
  });
  if (first === '-' && second === '-') {
    return wrong('standard input can be one of the two models only', 'name a file for the other');
  }
  if (second === undefined && toSet.length === 0 && (to === undefined || to === model)) {
    return wrong(
      `there is nothing to compare ${first} with`,
      'name a second file, another model of this one (`--to Name`), or what to set (`--to-set width=32`)',
    );
  }
  return { ok: true, value: undefined };
}

function open(file: string, request: ModelRequest): Read {
  const source = readSource(file);
  if (!source.ok) return { side: undefined, diagnostics: source.diagnostics };
  const { value: model, diagnostics } = openModel(
    source.value,
    fileHost(source.value.path),
    request,
  );
  if (model === undefined) return { side: undefined, diagnostics };
  const graph = sizedGraph(model);
  const counted = graph.ok ? stats(graph.value) : graph;
  if (!graph.ok || !counted.ok) {
    const problems = counted.ok ? [] : counted.diagnostics;
    return { side: undefined, diagnostics: [...diagnostics, ...problems] };
  }
  return { side: { graph: graph.value, stats: counted.value }, diagnostics };
}
