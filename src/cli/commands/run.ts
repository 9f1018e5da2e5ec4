/** `archc run`: a model on an image or array. */
import type { Command } from 'commander';
import type { Diagnostic } from '../../compiler/diagnostic.js';
import type { Tensor } from '../../compiler/ir.js';
import { formatShape } from '../../compiler/shape.js';
import { NORMALISATIONS, type Normalisation } from '../../data/dataset.js';
import { ENGINES, run, type RunInput, type RunResult } from '../../run.js';
import { EXIT, type ExitCode } from '../exit.js';
import { fileHost } from '../host.js';
import { readSource } from '../../files/read.js';
import { printJson } from '../../tables/json.js';
import {
  allOf,
  collect,
  flagSpan,
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
  type JsonFlag,
  type ModelFlags,
  type WeightFlags,
} from '../options.js';
import { sharedFiles, writeOutputFiles, type OutputFile } from '../output.js';
import {
  encodeOutputs,
  formatValue,
  imageOf,
  KINDS,
  kindOf,
  outputProblems,
  rangeWarnings,
  readOutputs,
  softmaxOutputs,
  type OutputFlag,
  type WrittenOutput,
} from '../run-outputs.js';
import { fail, type Shell } from '../shell.js';
import { readInputs } from '../tensor-input.js';
import { describeWeights } from '../words.js';

interface RunFlags extends ModelFlags, WeightFlags, JsonFlag {
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly engine: string;
  readonly page?: string;
  readonly normalise?: string;
  readonly tile?: string;
  readonly overlay?: boolean;
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
    .option(
      '--normalise <how>',
      `of each image: ${NORMALISATIONS.join(', ')} (default: as its weights were trained, or none)`,
    )
    .option('--tile <pixels>', 'run the image in overlapping tiles of this side')
    .option('--overlay', 'write the mask laid over the image')
    .option('--force', 'replace existing files whatever they are');
  withExamples(withJson(withWeights(withModel(command))), [
    'run models/sdunet.arch --input slice.png -o mask.png',
    'run model.arch --weights trained.safetensors --input stack.tif --page 3 -o mask.npy',
    'run models/sdunet.arch --weights w.safetensors --input large.png --tile 256 --overlay -o mask.png',
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
    tile: optional(flags.tile, (text) =>
      readInteger('tile', text, { min: 1, max: Number.MAX_SAFE_INTEGER }),
    ),
    normalise: optional(flags.normalise, (text) =>
      readChoice('normalise', text, NORMALISATIONS, 'normalisation'),
    ),
    outputs: readOutputs(flags.output),
    weights: readWeightFlags(flags),
    source: readSource(file),
  });
  if (!read.ok) return fail(shell, read.diagnostics);
  const { request, engine, page, outputs, weights, source, tile } = read.value;
  const overwritten = flags.force === true ? [] : overwrittenInputs(flags, outputs);
  if (overwritten.length > 0) return fail(shell, overwritten);
  const inputs = await readInputs(flags.input, page);
  if (!inputs.ok) return fail(shell, inputs.diagnostics);
  const isOverlaid = flags.overlay === true;
  const how = read.value.normalise ?? (await trainedNormalisation(weights.weights?.bytes));
  let softmax: ReadonlySet<string> = new Set();
  let image: Tensor | undefined;
  const given = await Promise.all(inputs.value.map((input) => normalised(input, how ?? 'none')));
  const { value: result, diagnostics } = await run(source, fileHost(source.path), given, {
    ...request,
    ...weights,
    onProgress: shell.progress,
    engine,
    tile,
    ...(flags.tile === undefined ? {} : { tileSpan: flagSpan('tile', flags.tile) }),
    accept(graph) {
      softmax = softmaxOutputs(graph);
      image = imageOf(graph, inputs.value);
      return outputProblems(graph, outputs, inputs.value, isOverlaid);
    },
  });
  if (result === undefined) return fail(shell, diagnostics);
  if (how !== undefined && how !== 'none') shell.note(`images normalised: ${how}`);
  const overlaid =
    isOverlaid && image !== undefined ? { image: oneImage(image), softmax } : undefined;
  const written = await encodeOutputs(outputs, result, overlaid);
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

// --- What flows in --------------------------------------------------------------------------------

/** An image is of the kind that is written, and so would be replaced by what is made of it. */
function overwrittenInputs(
  { input }: RunFlags,
  outputs: readonly OutputFlag[],
): readonly Diagnostic[] {
  const read = input.map((text) => ({ name: '`--input`', path: splitNamed(text).file }));
  return outputs.flatMap(({ path }) => sharedFiles(read, [{ name: '`-o`', path }]));
}

/** How the images were normalised that weights were trained on; undefined where nothing says. */
async function trainedNormalisation(
  bytes: Uint8Array | undefined,
): Promise<Normalisation | undefined> {
  if (bytes === undefined) return undefined;
  const [{ readSafetensors }, { trainedAs }] = await Promise.all([
    import('../../weights/safetensors.js'),
    import('../../weights/trained.js'),
  ]);
  const read = readSafetensors(bytes);
  return read.ok ? trainedAs(read.value.metadata)?.normalise : undefined;
}

/** Each image of the batch by itself, as in training. */
async function normalised(input: RunInput, how: Normalisation): Promise<RunInput> {
  const { shape, data } = input.tensor;
  if (how === 'none' || shape.length < 2) return input;
  const { normalise } = await import('../../data/normalise.js');
  const images = shape.length === 4 ? (shape[0] ?? 1) : 1;
  const channels = shape.length === 2 ? 1 : (shape.at(-1) ?? 1);
  const length = data.length / Math.max(1, images);
  const made = new Float32Array(data.length);
  for (let n = 0; n < images; n++) {
    const image = data.subarray(n * length, (n + 1) * length);
    made.set(normalise(image, channels, how), n * length);
  }
  return { ...input, tensor: { shape, data: made } };
}

/** `[H, W, C]`, without a batch of one. */
function oneImage({ shape, data }: Tensor): Tensor {
  if (shape.length === 2) return { shape: [...shape, 1], data };
  return shape.length === 4 ? { shape: shape.slice(1), data } : { shape, data };
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
