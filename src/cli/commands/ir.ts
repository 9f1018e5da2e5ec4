/** `archc ir`: the typed graph as text. */
import type { Command } from 'commander';
import { openModel, sizedGraph, weightsOf, type WeightRequest } from '../../compile.js';
import type { Outcome } from '../../compiler/diagnostic.js';
import type { Graph } from '../../compiler/ir.js';
import {
  inferencePasses,
  kernelPasses,
  runPasses,
  type PassName,
} from '../../compiler/passes/index.js';
import { printIr } from '../../compiler/print-ir.js';
import { EXIT, type ExitCode } from '../exit.js';
import { fileHost } from '../host.js';
import { readSource } from '../../files/read.js';
import { printJson } from '../../tables/json.js';
import {
  allOf,
  optional,
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

const allPasses: readonly PassName[] = [...inferencePasses, ...kernelPasses];

interface IrFlags extends ModelFlags, WeightFlags, JsonFlag {
  readonly after?: string;
}

export function register(program: Command, shell: Shell): void {
  const command = program
    .command('ir')
    .summary('the typed graph as text')
    .description(
      'Prints the typed graph of a model: inputs, weights, nodes with their places in the source. ' +
        'Sizes stay symbols unless `--size` chooses them.',
    )
    .argument('<file>', 'the .arch file')
    .option(
      '--after <pass>',
      `after the passes for inference up to this one: ${inferencePasses.join(', ')}; ` +
        `then those for backends with kernels of their own: ${kernelPasses.join(', ')}`,
    );
  withExamples(withJson(withWeights(withModel(command))), [
    'ir models/sdunet.arch',
    'ir models/sdunet.arch --size 256x256 --after fold-constants',
  ]).action(async (file: string, flags: IrFlags) => {
    process.exitCode = await showGraph(file, flags, shell);
  });
}

async function showGraph(file: string, flags: IrFlags, shell: Shell): Promise<ExitCode> {
  const read = allOf({
    request: readModelFlags(flags),
    after: optional(flags.after, (text) => readChoice('after', text, allPasses, 'pass')),
    weights: readWeightFlags(flags),
    source: readSource(file),
  });
  if (!read.ok) return fail(shell, read.diagnostics);
  const { request, after, weights, source } = read.value;
  const opened = openModel(source, fileHost(source.path), request);
  if (opened.value === undefined) return fail(shell, opened.diagnostics);
  const sized =
    request.sizes === undefined
      ? ({ ok: true, value: opened.value.graph } as const)
      : sizedGraph(opened.value);
  const passed =
    sized.ok && after !== undefined ? await runUpTo(after, sized.value, weights) : sized;
  if (!passed.ok) return fail(shell, [...opened.diagnostics, ...passed.diagnostics]);
  const graph = passed.value;
  shell.report(opened.diagnostics);
  const text = printIr(graph);
  const document = { formatVersion: 1, model: graph.name, file: graph.source.path, text };
  shell.print(shell.json ? printJson(document) : text);
  return EXIT.done;
}

async function runUpTo(
  last: PassName,
  graph: Graph,
  request: WeightRequest,
): Promise<Outcome<Graph>> {
  const weights = await weightsOf(graph, request);
  if (!weights.ok) return weights;
  const names = allPasses.slice(0, allPasses.indexOf(last) + 1);
  return { ok: true, value: runPasses({ graph, weights: weights.value.values }, names).graph };
}
