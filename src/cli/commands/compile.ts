/** `archc compile`: a model as a file for an engine. */
import { basename, extname, join } from 'node:path';
import type { Command } from 'commander';
import {
  compile,
  PRECISIONS,
  TARGETS,
  TFJS_FORMATS,
  type Artifact,
  type OptimizationLevel,
  type Target,
} from '../../compile.js';
import type { Outcome } from '../../compiler/diagnostic.js';
import { DEFAULT_OPSET, OPSETS } from '../../backends/onnx/opsets.js';
import { groupDigits } from '../../compiler/constant.js';
import { WEIGHT_TYPE_NAMES } from '../../compiler/sizes.js';
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
import { withPage } from '../plan-page.js';
import { dataFileOf, TARGET_OUTPUTS } from '../target-output.js';
import { describeWeights, formatBytes } from '../words.js';
import { fail, type Shell } from '../shell.js';

interface CompileFlags extends ModelFlags, WeightFlags, JsonFlag {
  readonly target: string;
  readonly output?: string;
  readonly opset?: string;
  readonly layout?: string;
  readonly weightType?: string;
  readonly format?: string;
  readonly precision?: string;
  readonly dynamic?: boolean;
  readonly keepBlocks?: boolean;
  readonly keepWs?: boolean;
  readonly externalData?: boolean;
  readonly O: string;
  readonly force?: boolean;
}

const LEVELS = ['0', '1', '2'] as const;
const LAYOUTS = ['nchw', 'nhwc'] as const;

export function register(program: Command, shell: Shell): void {
  const command = program
    .command('compile')
    .summary('write a model for an engine: ONNX, TensorFlow.js, or kernels for WebGPU')
    .description(
      'Checks a model and writes it for an engine. Weights are drawn from a seed unless a file gives ' +
        'them. The same source, weights and options give the same bytes. `-` reads standard input.',
    )
    .argument('<file>', 'the .arch file')
    .option('--target <target>', `what to write: ${TARGETS.join(', ')}`, 'onnx')
    .option(
      '-o, --output <path>',
      'where to write (default: NAME.onnx, NAME.tfjs/ or NAME.wgsl/ here)',
    )
    .option(
      '--opset <number>',
      `operator set, ${OPSETS.min} to ${OPSETS.max} (onnx; default: ${DEFAULT_OPSET})`,
    )
    .option('--layout <layout>', 'of images at inputs and outputs: nchw (default) or nhwc (onnx)')
    .option(
      '--precision <type>',
      'of the kernels (wgsl): f32 (default), or f16 for half the download',
    )
    .option('--dynamic', 'leave the batch and symbolic sizes open, as named dimensions')
    .option('--keep-blocks', 'write blocks as local functions, which viewers show as boxes (onnx)')
    .option('--keep-ws', 'leave weight standardisation in the graph instead of in the weights')
    .option('--external-data', 'put the weights in a file of their own (onnx)')
    .option(
      '--weight-type <type>',
      `how weights are stored (tfjs): ${WEIGHT_TYPE_NAMES.join(', ')} (default: f32)`,
    )
    .option(
      '-O <level>',
      '0: leave the graph as it is; 1: fold and simplify; 2: the same as 1',
      '1',
    )
    .option('--format <format>', 'graph (default), or layers to train on (tfjs)')
    .option('--force', 'replace an existing file or folder whatever it is');
  withExamples(withJson(withWeights(withModel(command))), [
    'compile models/sdunet.arch --target onnx',
    'compile models/sdunet.arch --target wgsl -o sdunet.wgsl',
    'compile models/sdunet.arch --target wgsl --precision f16',
    'compile models/sdunet.arch -o small.onnx --set width=16 --size 512x512',
    'compile models/sdunet.arch --weights trained.safetensors --dynamic --opset 21',
    'compile models/sdunet.arch --target tfjs --weight-type f16',
  ]).action(async (file: string, flags: CompileFlags) => {
    process.exitCode = await compileFile(file, flags, shell);
  });
}

async function compileFile(file: string, flags: CompileFlags, shell: Shell): Promise<ExitCode> {
  const read = allOf({
    request: readModelFlags(flags),
    target: readChoice('target', flags.target, TARGETS),
    opset: optional(flags.opset, (text) => readInteger('opset', text, OPSETS)),
    layout: optional(flags.layout, (text) => readChoice('layout', text, LAYOUTS)),
    weightType: optional(flags.weightType, (text) =>
      readChoice('weight-type', text, WEIGHT_TYPE_NAMES, 'type'),
    ),
    format: optional(flags.format, (text) => readChoice('format', text, TFJS_FORMATS)),
    foreign: refuseForeign(flags),
    precision: optional(flags.precision, (text) => readChoice('precision', text, PRECISIONS)),
    level: readChoice('O', flags.O, LEVELS, 'level'),
    givenOutput: optional(flags.output, readOutput),
    weights: readWeightFlags(flags),
    source: readSource(file),
  });
  if (!read.ok) return fail(shell, read.diagnostics);
  const {
    request,
    target,
    opset,
    layout,
    weightType,
    precision,
    format,
    level,
    givenOutput,
    weights,
    source,
  } = read.value;
  const output = givenOutput ?? defaultOutput(file, target);
  const { value: compiled, diagnostics } = await compile(source, fileHost(source.path), {
    ...request,
    ...weights,
    onProgress: shell.progress,
    target,
    opset,
    layout,
    weightType,
    format,
    precision,
    dynamic: flags.dynamic,
    keepBlocks: flags.keepBlocks,
    keepWs: flags.keepWs,
    externalData: flags.externalData,
    externalDataName: basename(dataFileOf(output)),
    optimize: LEVEL_OF[level],
  });
  if (compiled === undefined) return fail(shell, diagnostics);
  const artifact = await withPage(compiled);
  const problems = await TARGET_OUTPUTS[target].write(output, artifact, flags.force === true);
  if (problems.length > 0) return fail(shell, [...diagnostics, ...problems]);
  shell.report(diagnostics);
  const written = TARGET_OUTPUTS[target].paths(output, artifact).map(({ path, bytes }) => ({
    path,
    bytes: bytes.length,
  }));
  shell.print(
    shell.json
      ? printJson({ formatVersion: 1, ...documentOf(artifact, source.path), files: written })
      : `${summaryOf(artifact, output, written)}\n`,
  );
  return EXIT.done;
}

/** Options that one target has: elsewhere they would do nothing, and are refused. */
const OWN_OPTIONS: Readonly<Record<Target, readonly (keyof CompileFlags)[]>> = {
  onnx: ['opset', 'layout', 'keepBlocks', 'externalData'],
  tfjs: ['weightType', 'format'],
  wgsl: ['precision'],
};

function refuseForeign(flags: CompileFlags): Outcome<undefined> {
  if (flags.format === 'layers' && (flags.dynamic === true || flags.weightType !== undefined)) {
    return wrongOption('format', 'layers', 'layers have fixed sizes and float32 weights', [
      'leave out `--dynamic` and `--weight-type`',
    ]);
  }
  const isKnown = TARGETS.some((target) => target === flags.target);
  for (const target of TARGETS.filter((each) => isKnown && each !== flags.target)) {
    const given = OWN_OPTIONS[target].find((key) => flags[key] !== undefined);
    if (given === undefined) continue;
    const flag = given.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const text = typeof flags[given] === 'string' ? flags[given] : '';
    return wrongOption(flag, text, `\`--${flag}\` is for \`--target ${target}\``, [
      'leave it out, or choose that target',
    ]);
  }
  return { ok: true, value: undefined };
}

const LEVEL_OF: Readonly<Record<(typeof LEVELS)[number], OptimizationLevel>> = { 0: 0, 1: 1, 2: 1 };

function defaultOutput(file: string, target: Target): string {
  return `${file === '-' ? 'model' : basename(file, extname(file))}${TARGET_OUTPUTS[target].suffix}`;
}

function readOutput(path: string): Outcome<string> {
  return path === '-'
    ? wrongOption('output', path, 'a model is written to a file', ['name one: `-o model.onnx`'])
    : { ok: true, value: path };
}

interface WrittenFile {
  readonly path: string;
  readonly bytes: number;
}

function documentOf(artifact: Artifact, file: string): object {
  const { name, target, facts, params, weights } = artifact;
  return { model: name, file, target, ...facts, params, weights };
}

/** `wrote sdunet.onnx: model SDUNet, 15.8 MB, opset 17, 3,935,041 parameters (untrained, seed 0)` */
function summaryOf(
  { name, facts, params, weights }: Artifact,
  output: string,
  files: readonly WrittenFile[],
): string {
  // A file in a folder of the output's name is said with it.
  const others = files.map(({ path }) => path).filter((path) => !isWithin(output, path));
  const beside = others.map((path) => ` and ${basename(path)}`).join('');
  const size = formatBytes(files.reduce((sum, { bytes }) => sum + bytes, 0));
  const particulars = Object.entries(facts).map(
    ([key, value]) => `${inWords(key)} ${typeof value === 'number' ? groupDigits(value) : value}, `,
  );
  return (
    `wrote ${output}${beside}: model ${name}, ${size}, ${particulars.join('')}` +
    `${groupDigits(params)} parameters ${describeWeights(weights)}`
  );
}

/** `weightType`, as JSON has it, is `weight type`. */
function inWords(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function isWithin(folder: string, path: string): boolean {
  return path === folder || path.startsWith(join(folder, '/'));
}
