/** `archc ir`: the typed graph as text. */
import type { Command } from 'commander';
import { openModel, sizedGraph, weightsOf, type ModelRequest } from '../../compile.js';
import type { Outcome } from '../../compiler/diagnostic.js';
import type { Graph } from '../../compiler/ir.js';
import { inferencePasses, runPasses } from '../../compiler/passes/index.js';
import { printIr } from '../../compiler/print-ir.js';
import { EXIT, type ExitCode } from '../exit.js';
import { fileHost } from '../host.js';
import { readSource } from '../input.js';
import { printJson } from '../json.js';
import {
  problemsIn,
  readChoice,
  readModelFlags,
  readWeightFlags,
  withExamples,
  withJson,
  withModel,
  withWeights,
  type JsonFlag,
  type ModelFlags,
  type WeightFlags,
} from '../options.js';
import { fail, type Shell } from '../shell.js';

interface IrFlags extends ModelFlags, WeightFlags, JsonFlag {
  readonly after?: string;
}

export function registerIr(program: Command, shell: Shell): void {
  const command = program
    .command('ir')
    .summary('the typed graph as text')
    .description(
      'Prints the typed graph of a model: inputs, weights, nodes with their places in the source.\n' +
        'Sizes stay symbols unless `--size` chooses them.',
    )
    .argument('<file>', 'the .arch file')
    .option(
      '--after <pass>',
      `after the passes for inference up to this one: ${inferencePasses.join(', ')}`,
    );
  withExamples(withJson(withWeights(withModel(command))), [
    'ir models/sdunet.arch',
    'ir models/sdunet.arch --size 256x256 --after fold-constants',
  ]).action(async (file: string, flags: IrFlags) => {
    process.exitCode = await showGraph(file, flags, shell);
  });
}

async function showGraph(file: string, flags: IrFlags, shell: Shell): Promise<ExitCode> {
  const request = readModelFlags(flags);
  const after: Outcome<(typeof inferencePasses)[number] | undefined> =
    flags.after === undefined
      ? { ok: true, value: undefined }
      : readChoice('after', flags.after, inferencePasses, 'pass');
  const weights = readWeightFlags(flags);
  if (!request.ok || !after.ok || !weights.ok) {
    return fail(shell, problemsIn(request, after, weights));
  }
  const source = readSource(file);
  if (!source.ok) return fail(shell, source.diagnostics);
  const opened = openModel(source.value, fileHost(source.value.path), request.value);
  if (opened.value === undefined) return fail(shell, opened.diagnostics);
  const chosen = chooseGraph(opened.value, request.value);
  if (!chosen.ok) return fail(shell, [...opened.diagnostics, ...chosen.diagnostics]);
  let graph = chosen.value;
  if (after.value !== undefined) {
    const values = await weightsOf(graph, weights.value);
    if (!values.ok) return fail(shell, [...opened.diagnostics, ...values.diagnostics]);
    const names = inferencePasses.slice(0, inferencePasses.indexOf(after.value) + 1);
    graph = runPasses({ graph, weights: values.value.values }, names).graph;
  }
  shell.report(opened.diagnostics);
  const text = printIr(graph);
  const document = { formatVersion: 1, model: graph.name, file: graph.source.path, text };
  shell.print(shell.json ? printJson(document) : text);
  return EXIT.done;
}

function chooseGraph(
  model: Parameters<typeof sizedGraph>[0],
  request: ModelRequest,
): Outcome<Graph> {
  return request.sizes === undefined ? { ok: true, value: model.graph } : sizedGraph(model);
}
