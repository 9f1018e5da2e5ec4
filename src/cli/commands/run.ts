/** `archc run`: a model on an image or array. */
import { extname } from 'node:path';
import type { Command } from 'commander';
import type { Diagnostic, Outcome } from '../../compiler/diagnostic.js';
import { diagnostic } from '../../compiler/diagnostic.js';
import type { Graph } from '../../compiler/ir.js';
import { didYouMean } from '../../compiler/names.js';
import { formatShape } from '../../compiler/shape.js';
import { ENGINES, run, type RunInput, type RunResult } from '../../run.js';
import { isNpyFile, isPngFile } from '../artifacts.js';
import { EXIT, flagSource, type ExitCode } from '../exit.js';
import { fileHost } from '../host.js';
import { readSource } from '../input.js';
import { printJson } from '../json.js';
import {
  allOf,
  collect,
  optional,
  readChoice,
  readInteger,
  readModelFlags,
  readWeightFlags,
  splitNamed,
  withExamples,
  withJson,
  withModel,
  withWeights,
  wrongOption,
  type JsonFlag,
  type ModelFlags,
  type WeightFlags,
} from '../options.js';
import { writeOutputFiles, type OutputFile } from '../output.js';
import { fail, type Shell } from '../shell.js';
import { readInputs } from '../tensor-input.js';
import { describeWeights } from '../words.js';

interface RunFlags extends ModelFlags, WeightFlags, JsonFlag {
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly engine: string;
  readonly page?: string;
  readonly force?: boolean;
}

export function register(program: Command, shell: Shell): void {
  const command = program
    .command('run')
    .summary('run a model on an image')
    .description(
      'Compiles a model in memory, runs it on an image (PNG, TIFF) or an array (.npy), and writes the ' +
        'result as an image (.png) or an array (.npy). Sizes are those of the input unless `--size` ' +
        'says otherwise. Without `--weights` the weights are untrained, and the result is noise.',
    )
    .argument('<file>', 'the .arch file')
    .requiredOption('--input <[name=]file>', 'what flows in; repeatable, by name', collect)
    .requiredOption('-o, --output <[name=]file>', 'where to write; repeatable', collect)
    .option('--engine <engine>', `what runs it: ${ENGINES.join(', ')}`, 'onnx')
    .option('--page <number>', 'the page of a TIFF to use, from 1 (default: all, as a batch)')
    .option('--force', 'replace existing files whatever they are');
  withExamples(withJson(withWeights(withModel(command))), [
    'run models/sdunet.arch --input slice.png -o mask.png',
    'run model.arch --weights trained.safetensors --input stack.tif --page 3 -o mask.npy',
    'run two.arch --input left=a.png --input right=b.png -o depth=depth.png -o mask=mask.png',
  ]).action(async (file: string, flags: RunFlags) => {
    process.exitCode = await runFile(file, flags, shell);
  });
}

async function runFile(file: string, flags: RunFlags, shell: Shell): Promise<ExitCode> {
  const read = allOf({
    request: readModelFlags(flags),
    engine: readChoice('engine', flags.engine, ENGINES),
    page: optional(flags.page, (text) =>
      readInteger('page', text, { min: 1, max: Number.MAX_SAFE_INTEGER }),
    ),
    outputs: readOutputs(flags.output),
    weights: readWeightFlags(flags),
    source: readSource(file),
  });
  if (!read.ok) return fail(shell, read.diagnostics);
  const { request, engine, page, outputs, weights, source } = read.value;
  const inputs = await readInputs(flags.input, page);
  if (!inputs.ok) return fail(shell, inputs.diagnostics);

  const { value: result, diagnostics } = await run(source, fileHost(source.path), inputs.value, {
    ...request,
    ...weights,
    onProgress: shell.progress,
    engine,
    accept: (graph) => outputProblems(graph, outputs, inputs.value),
  });
  if (result === undefined) return fail(shell, diagnostics);
  const written = await encodeOutputs(outputs, result);
  const warnings = [...diagnostics, ...written.flatMap((w) => rangeWarnings(w))];
  const problems = await writeOutputFiles(
    written.map(({ path, content }): OutputFile => ({ path, content })),
    { force: flags.force === true, isSameKind: (path) => KINDS[kindOf(path) ?? 'npy'](path) },
  );
  if (problems.length > 0) return fail(shell, [...warnings, ...problems]);
  shell.report(warnings);
  if (shell.json) shell.print(printJson(documentOf(result, source.path, inputs.value, written)));
  else describe(result, written, shell);
  return EXIT.done;
}

// --- What comes out -------------------------------------------------------------------------------

const KINDS = { png: isPngFile, npy: isNpyFile } as const;
type Kind = keyof typeof KINDS;

function kindOf(path: string): Kind | undefined {
  const extension = extname(path).toLowerCase().slice(1);
  return extension === 'png' || extension === 'npy' ? extension : undefined;
}

interface OutputFlag {
  /** The output's name, where it is said. */
  readonly name: string | undefined;
  readonly path: string;
  readonly kind: Kind;
  /** As it was written. */
  readonly text: string;
}

function readOutputs(texts: readonly string[]): Outcome<readonly OutputFlag[]> {
  const outputs: OutputFlag[] = [];
  const diagnostics: Diagnostic[] = [];
  for (const text of texts) {
    const { name, file: path } = splitNamed(text);
    const kind = kindOf(path);
    if (kind !== undefined) {
      outputs.push({ name, path, kind, text });
      continue;
    }
    const wrong = wrongOption('output', text, 'an output ends in `.png` or `.npy`', [
      `an image: \`${withoutExtension(path)}.png\`; any output: \`${withoutExtension(path)}.npy\``,
    ]);
    if (!wrong.ok) diagnostics.push(...wrong.diagnostics);
  }
  return diagnostics.length === 0 ? { ok: true, value: outputs } : { ok: false, diagnostics };
}

function withoutExtension(path: string): string {
  return path.slice(0, path.length - extname(path).length);
}

/** What is wrong with where outputs are to go, before anything runs. */
function outputProblems(
  graph: Graph,
  flags: readonly OutputFlag[],
  inputs: readonly RunInput[],
): Diagnostic[] {
  const names = graph.outputs.map((output) => output.name);
  const seen = new Set<string>();
  return flags.flatMap((flag): Diagnostic[] => {
    const { name = names.length === 1 ? names[0] : undefined, path, kind, text } = flag;
    const source = flagSource('output', text);
    const span = { source, start: 0, end: text.length };
    const say = (message: string, ...hints: string[]): Diagnostic[] => [
      diagnostic('output-mismatch', message, { span, hints }),
    ];
    if (name === undefined) {
      return say(
        `\`${graph.name}\` has ${names.length} outputs: which goes to ${path}?`,
        `say it: ${names.map((each) => `\`-o ${each}=FILE\``).join(', ')}`,
      );
    }
    const output = graph.outputs.find((each) => each.name === name);
    if (output === undefined) {
      const list = `its outputs are ${names.join(', ')}`;
      return say(`\`${graph.name}\` has no output \`${name}\``, ...didYouMean(name, names), list);
    }
    if (seen.has(path)) return say(`${path} is named twice`);
    seen.add(path);
    if (kind !== 'png') return [];
    const { shape } = output.value.type;
    const hint = `write an array: \`${withoutExtension(path)}.npy\``;
    if (shape.length !== 3 || (shape[2] !== 1 && shape[2] !== 3)) {
      return say(`\`${name}\` is ${formatShape(shape)}, and an image has 1 or 3 channels`, hint);
    }
    const images = inputs[0]?.tensor.shape ?? [];
    const rank = graph.inputs[0]?.type.shape.length ?? 0;
    return images.length > rank && (images[0] ?? 1) > 1
      ? say(`there are ${images[0]} images, and a PNG holds one`, hint, 'or choose one: `--page 1`')
      : [];
  });
}

interface WrittenOutput {
  readonly name: string;
  readonly path: string;
  readonly kind: Kind;
  readonly content: Uint8Array;
  readonly shape: readonly number[];
  readonly range: Range;
}

/** Of an output's values, those that are numbers; `invalid` counts the others (NaN, infinities). */
interface Range {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly invalid: number;
}

function rangeOf(data: Float32Array): Range {
  let [min, max, sum, count] = [Infinity, -Infinity, 0, 0];
  for (const value of data) {
    if (!Number.isFinite(value)) continue;
    min = Math.min(min, value);
    max = Math.max(max, value);
    sum += value;
    count++;
  }
  return { min, max, mean: sum / count, invalid: data.length - count };
}

async function encodeOutputs(
  flags: readonly OutputFlag[],
  result: RunResult,
): Promise<readonly WrittenOutput[]> {
  const [{ writePng }, { writeNpy }] = await Promise.all([
    import('../../data/png.js'),
    import('../../data/npy.js'),
  ]);
  return Promise.all(
    flags.map(async ({ name: wanted, path, kind }) => {
      const name = wanted ?? [...result.outputs.keys()][0] ?? '';
      const batch = result.outputs.get(name);
      if (batch === undefined) throw new Error(`the engine gave no output ${name}`);
      const [images, ...shape] = batch.shape;
      // A batch of one was none on the command line.
      const tensor = images === 1 ? { shape, data: batch.data } : batch;
      const content = kind === 'png' ? await writePng(tensor) : writeNpy(tensor);
      return { name, path, kind, content, shape: tensor.shape, range: rangeOf(tensor.data) };
    }),
  );
}

/** Half a step of an 8-bit image: what lies this little outside is shown as it is. */
const INVISIBLE = 1 / 510;

function rangeWarnings({ name, path, kind, range }: WrittenOutput): Diagnostic[] {
  const { min, max, invalid } = range;
  const problems: string[] = [];
  if (invalid > 0) problems.push(`has ${invalid} values that are not finite`);
  if (kind === 'png' && (min < -INVISIBLE || max > 1 + INVISIBLE)) {
    problems.push(`runs from ${formatValue(min)} to ${formatValue(max)}`);
  }
  if (problems.length === 0) return [];
  const message = `\`${name}\` ${problems.join(' and ')}; ${path} shows 0 to 1`;
  return kind === 'png'
    ? [diagnostic('output-range', message, { hints: ['write a `.npy` to keep the values'] })]
    : [diagnostic('output-range', `\`${name}\` ${problems.join(' and ')}`)];
}

function formatValue(value: number): string {
  return String(Number(value.toPrecision(4)));
}

// --- What is said of it ---------------------------------------------------------------------------

function describe(
  { name, engine, weights, milliseconds }: RunResult,
  written: readonly WrittenOutput[],
  shell: Shell,
): void {
  shell.note(
    `ran ${name} on ${engine.name} ${engine.version} in ${(milliseconds / 1000).toFixed(2)} s, ` +
      `weights ${describeWeights(weights)}`,
  );
  for (const { name: output, path, shape, range } of written) {
    const [min, max, mean] = [range.min, range.max, range.mean].map(formatValue);
    shell.note(
      `wrote ${path}: ${output} ${formatShape(shape)}, minimum ${min}, maximum ${max}, mean ${mean}`,
    );
  }
}

function documentOf(
  { name, engine, weights, milliseconds }: RunResult,
  file: string,
  inputs: readonly RunInput[],
  written: readonly WrittenOutput[],
): object {
  return {
    formatVersion: 1,
    model: name,
    file,
    engine,
    milliseconds,
    weights,
    inputs: inputs.map(({ label, tensor }) => ({ file: label, shape: tensor.shape })),
    // JSON has no infinities: where no value is finite, the figures are null.
    outputs: written.map(({ name: output, path, shape, range }) => ({
      name: output,
      file: path,
      shape,
      ...range,
    })),
  };
}
