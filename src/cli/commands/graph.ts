/** `archc graph`: a picture of a model. */
import { basename, extname } from 'node:path';
import type { Command } from 'commander';
import type { DiagramFormat } from '../../backends/diagram/index.js';
import { openModel, sizedGraph, type ModelRequest } from '../../compile.js';
import { diagnostic, type Diagnostic, type Outcome } from '../../compiler/diagnostic.js';
import { didYouMean } from '../../compiler/names.js';
import type { Source } from '../../compiler/source.js';
import { stats } from '../../compiler/stats.js';
import { isDiagramFile } from '../artifacts.js';
import { EXIT, type ExitCode } from '../exit.js';
import { fileHost } from '../host.js';
import { readSource } from '../../files/read.js';
import { printJson } from '../../tables/json.js';
import {
  allOf,
  optional,
  readChoice,
  readInteger,
  readModelFlags,
  withExamples,
  withJson,
  withModel,
  wrongOption,
  type JsonFlag,
  type ModelFlags,
} from '../options.js';
import { writeOutputFile } from '../output.js';
import { fail, type Shell } from '../shell.js';
import { counted } from '../words.js';

interface GraphFlags extends ModelFlags, JsonFlag {
  readonly output?: string;
  readonly format?: string;
  readonly depth?: string;
  readonly force?: boolean;
}

// Spelled here as well, so that the help of this command does not load the backend.
const FORMATS = ['svg', 'dot', 'mmd'] as const satisfies readonly DiagramFormat[];

const FORMAT_OF: Readonly<Record<string, DiagramFormat>> = {
  '.svg': 'svg',
  '.dot': 'dot',
  '.gv': 'dot',
  '.mmd': 'mmd',
  '.mermaid': 'mmd',
};

const MAX_DEPTH = 1000;

export function register(program: Command, shell: Shell): void {
  const command = program
    .command('graph')
    .summary('draw the architecture')
    .description(
      'Draws a model: blocks as boxes with their parameters and MACs, shapes on the ' +
        'edges, skip connections dashed; a U-Net as a U. As SVG for papers and pages, as ' +
        'DOT for Graphviz, or as a Mermaid flowchart. `-` reads standard input.',
    )
    .argument('<file>', 'the .arch file')
    .option(
      '-o, --output <file>',
      'where to write, `-` being standard output (default: NAME.svg in this folder)',
    )
    .option(
      '--format <format>',
      `${FORMATS.join(', ')} (default: by the name of the output, else svg)`,
    )
    .option(
      '--depth <steps>',
      'open blocks to so many steps of their paths (default: the least that shows enough)',
    )
    .option('--force', 'replace an existing file whatever it is');
  withExamples(withJson(withModel(command)), [
    'graph models/sdunet.arch',
    'graph models/unet.arch --depth 2 -o unet.dot',
    'graph models/sdunet.arch --set width=32 --size 512x512 -o - --format mmd',
  ]).action(async (file: string, flags: GraphFlags) => {
    process.exitCode = await drawModel(file, flags, shell);
  });
}

async function drawModel(file: string, flags: GraphFlags, shell: Shell): Promise<ExitCode> {
  const read = allOf({
    request: readModelFlags(flags),
    output: readOutput(file, flags),
    depth: optional(flags.depth, (text) => readInteger('depth', text, { min: 1, max: MAX_DEPTH })),
    source: readSource(file),
  });
  if (!read.ok) return fail(shell, read.diagnostics);
  const { request, output, depth, source } = read.value;
  const { format, path } = output;
  const picture = await draw(source, request, format, depth);
  if (picture.value === undefined) return fail(shell, picture.diagnostics);
  const { text, model, boxes } = picture.value;
  if (path === '-') {
    shell.report(picture.diagnostics);
    shell.print(text);
    return EXIT.done;
  }
  const problems = await writeOutputFile(path, text, {
    force: flags.force === true,
    isSameKind: (existing) => isDiagramFile(existing, format),
  });
  if (problems.length > 0) return fail(shell, [...picture.diagnostics, ...problems]);
  shell.report(picture.diagnostics);
  const files = [{ path, bytes: Buffer.byteLength(text) }];
  const document = { formatVersion: 1, model, file: source.path, format, ...boxes, files };
  const { depth: drawn, blocks } = boxes;
  shell.print(
    shell.json
      ? printJson(document)
      : `wrote ${path}: model ${model}, ${counted(blocks, 'block')} at depth ${drawn}\n`,
  );
  return EXIT.done;
}

interface Picture {
  readonly text: string;
  /** The name of the model. */
  readonly model: string;
  readonly boxes: { readonly depth: number; readonly blocks: number; readonly edges: number };
}

async function draw(
  source: Source,
  request: ModelRequest,
  format: DiagramFormat,
  depth: number | undefined,
): Promise<{ readonly value: Picture | undefined; readonly diagnostics: readonly Diagnostic[] }> {
  const opened = openModel(source, fileHost(source.path), request);
  const failed = (problems: readonly Diagnostic[]) => ({
    value: undefined,
    diagnostics: [...opened.diagnostics, ...problems],
  });
  if (opened.value === undefined) return failed([]);
  const graph = sizedGraph(opened.value);
  if (!graph.ok) return failed(graph.diagnostics);
  const figures = stats(graph.value);
  if (!figures.ok) return failed(figures.diagnostics);
  const { boxesOf, buildDiagram, MAX_SVG_BOXES, writeDiagram } =
    await import('../../backends/diagram/index.js');
  const diagram = buildDiagram(graph.value, figures.value, depth);
  const boxes = boxesOf(diagram.items);
  if (format === 'svg' && boxes.length > MAX_SVG_BOXES) {
    return failed([
      diagnostic(
        'too-large',
        `a picture of \`${diagram.name}\` at depth ${diagram.depth} has ${boxes.length} boxes, more than ${MAX_SVG_BOXES}`,
        { hints: ['choose a smaller `--depth`, or write DOT or Mermaid'] },
      ),
    ]);
  }
  const blocks = boxes.filter(({ kind }) => kind === 'block' || kind === 'operator').length;
  return {
    value: {
      text: await writeDiagram(diagram, format),
      model: diagram.name,
      boxes: { depth: diagram.depth, blocks, edges: diagram.edges.length },
    },
    diagnostics: opened.diagnostics,
  };
}

interface PictureOutput {
  readonly path: string;
  readonly format: DiagramFormat;
}

/** `-o` and `--format`, of which each may follow from the other. */
function readOutput(
  file: string,
  { output, format: wanted, json }: GraphFlags,
): Outcome<PictureOutput> {
  const chosen = optional(wanted, (text) => readChoice('format', text, FORMATS));
  if (!chosen.ok) return chosen;
  if (output === undefined) {
    const format = chosen.value ?? 'svg';
    const name = file === '-' ? 'model' : basename(file, extname(file));
    return { ok: true, value: { path: `${name}.${format}`, format } };
  }
  if (output === '-') {
    if (json !== true) return { ok: true, value: { path: '-', format: chosen.value ?? 'svg' } };
    return wrongOption('output', output, 'standard output is for the JSON document', [
      'name a file for the picture: `-o model.svg`',
    ]);
  }
  const extension = extname(output).toLowerCase();
  const usual = Object.hasOwn(FORMAT_OF, extension) ? FORMAT_OF[extension] : undefined;
  const format = chosen.value ?? usual;
  if (format === undefined) {
    const known = Object.keys(FORMAT_OF);
    const what = extension === '' ? 'no ending' : `the ending \`${extension}\``;
    return wrongOption('output', output, `there is no format for a name with ${what}`, [
      ...didYouMean(extension, known),
      `known are ${known.join(', ')}; \`--format\` goes with any name`,
    ]);
  }
  if (usual !== undefined && usual !== format) {
    return wrongOption('output', output, `a file called ${extension} is not ${format}`, [
      `leave out \`--format\`, or name the output ${basename(output, extname(output))}.${format}`,
    ]);
  }
  return { ok: true, value: { path: output, format } };
}
