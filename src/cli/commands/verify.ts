/** `archc verify`: whether every engine computes what the model says. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { diagnostic, type Diagnostic, type Outcome } from '../../compiler/diagnostic.js';
import { didYouMean } from '../../compiler/names.js';
import { ENGINE_VARIANTS, variantsNamed, type EngineVariant } from '../../engines/variants.js';
import type { RunInput } from '../../run.js';
import type { EngineComparison } from '../../verify/verify.js';
import { exitCodeOf, type ExitCode } from '../exit.js';
import { fileHost } from '../host.js';
import { readSource } from '../../files/read.js';
import { printJson } from '../../tables/json.js';
import {
  allOf,
  collect,
  optional,
  readInteger,
  readModelFlags,
  readPositive,
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
import { fail, type Shell } from '../shell.js';
import { readInputs } from '../tensor-input.js';

interface VerifyFlags extends ModelFlags, WeightFlags, JsonFlag {
  readonly engine?: readonly string[];
  readonly input?: readonly string[];
  readonly batch?: string;
  readonly tolerance?: string;
  readonly timeout: string;
}

const MAX_BATCH = 1024;
/** What a timer of Node can wait for, in seconds. */
const MAX_TIMEOUT = 2_000_000;

export function register(program: Command, shell: Shell): void {
  const command = program
    .command('verify')
    .summary('does every engine compute what the model says?')
    .description(
      'Runs a model with the same weights and input on every engine installed, and compares each with ' +
        'the interpreter, which defines the result. The input is noise without `--input`, and small ' +
        'without `--size`. Each engine runs in a process of its own. Of one that differs, the first ' +
        'operator that does is found.\n\n' +
        'An engine that is missing is named, and changes nothing unless `--engine` asks for it by its ' +
        'full name. Exit codes: 0 no engine is at fault; 3 one differs, fails, crashes or takes too long.',
    )
    .argument('<file>', 'the .arch file')
    .option(
      '--engine <name>',
      'a name in the table, or its beginning: onnx, tfjs-wasm, wgsl; repeatable',
      collect,
    )
    .option('--input <[name=]file>', 'an image or array in place of noise; repeatable', collect)
    .option('--batch <count>', 'images of noise (default: 2)')
    .option(
      '--tolerance <number>',
      'the largest difference, relative to the largest value (default: 1e-4, or what rounding explains)',
    )
    .option('--timeout <seconds>', 'for each engine', '180');
  withExamples(withJson(withWeights(withModel(command))), [
    'verify models/sdunet.arch',
    'verify models/sdunet.arch --weights trained.safetensors --input slice.png',
    'verify model.arch --engine onnx --engine tfjs-wasm --size 64x64 --tolerance 1e-5',
  ]).action(async (file: string, flags: VerifyFlags) => {
    process.exitCode = await verifyFile(file, flags, shell);
  });
}

async function verifyFile(file: string, flags: VerifyFlags, shell: Shell): Promise<ExitCode> {
  const read = allOf({
    request: readModelFlags(flags),
    choice: readEngines(flags.engine),
    images: readBatch(flags),
    tolerance: optional(flags.tolerance, (text) => readPositive('tolerance', text)),
    timeout: readInteger('timeout', flags.timeout, { min: 1, max: MAX_TIMEOUT }),
    weights: readWeightFlags(flags),
    source: readSource(file),
  });
  if (!read.ok) return fail(shell, read.diagnostics);
  const { request, choice, images, tolerance, timeout, weights, source } = read.value;
  const inputs = await optionalInputs(flags.input);
  if (!inputs.ok) return fail(shell, inputs.diagnostics);

  const [{ compareEngines }, { processRunner }, { verifyDocument, verifyTables }] =
    await Promise.all([
      import('../../verify/verify.js'),
      import('../../verify/process.js'),
      import('../verify-format.js'),
    ]);
  const runner = processRunner({ workerFile: workerFile(), timeout });
  const { value: comparison, diagnostics } = await compareEngines(source, fileHost(source.path), {
    ...request,
    ...weights,
    variants: choice.variants,
    images,
    tolerance,
    inputs: inputs.value,
    runner,
    onProgress: shell.progress,
  }).finally(runner.stop);
  if (comparison === undefined) return fail(shell, diagnostics);
  const missing = wantedButMissing(comparison, choice.asked);
  const problems = [...comparison.engines.flatMap((result) => result.diagnostics), ...missing];
  if (comparison.engines.length === 0) return fail(shell, [...diagnostics, ...reasons(comparison)]);
  const ok = comparison.ok && missing.length === 0;
  const shown = { ...comparison, ok };
  shell.print(shell.json ? printJson(verifyDocument(shown)) : verifyTables(shown));
  // The document holds the problems.
  shell.report([...diagnostics, ...(shell.json ? [] : problems)]);
  return exitCodeOf(problems);
}

/** Beside the script of the command line. */
function workerFile(): string {
  const file = fileURLToPath(new URL('./verify-worker.cjs', import.meta.url));
  if (!existsSync(file)) throw new Error(`${file} is missing: \`npm run build\` makes it`);
  return file;
}

async function optionalInputs(
  texts: readonly string[] | undefined,
): Promise<Outcome<readonly RunInput[] | undefined>> {
  return texts === undefined ? { ok: true, value: undefined } : readInputs(texts, undefined);
}

function readBatch({ batch, input }: VerifyFlags): Outcome<number | undefined> {
  if (batch !== undefined && input !== undefined) {
    return wrongOption('batch', batch, '`--input` says how many images there are', [
      'leave out `--batch`, or `--input`',
    ]);
  }
  return optional(batch, (text) => readInteger('batch', text, { min: 1, max: MAX_BATCH }));
}

interface Choice {
  readonly variants: readonly EngineVariant[] | undefined;
  /** Those that were asked for by their full names. */
  readonly asked: readonly string[];
}

/** Those that are asked for, each once and in the order of the table; undefined: all. */
function readEngines(texts: readonly string[] | undefined): Outcome<Choice> {
  if (texts === undefined) return { ok: true, value: { variants: undefined, asked: [] } };
  const names = new Set<string>();
  for (const text of texts) {
    const found = variantsNamed(text);
    if (found.length === 0) return unknownEngine(text);
    for (const { name } of found) names.add(name);
  }
  return {
    ok: true,
    value: {
      variants: ENGINE_VARIANTS.filter(({ name }) => names.has(name)),
      asked: texts.filter((text) => ENGINE_VARIANTS.some(({ name }) => name === text)),
    },
  };
}

function unknownEngine(text: string): Outcome<never> {
  const names = ENGINE_VARIANTS.map(({ name }) => name);
  const runtimes = [...new Set(ENGINE_VARIANTS.map(({ runtime }) => runtime))];
  return wrongOption('engine', text, `there is no engine \`${text}\``, [
    ...didYouMean(text, [...runtimes, ...names]),
    `there are ${runtimes.join(', ')}, and each in the forms that the table shows`,
  ]);
}

function wantedButMissing(
  { missing }: EngineComparison,
  asked: readonly string[],
): readonly Diagnostic[] {
  return missing
    .filter(({ variants }) => variants.some(({ name }) => asked.includes(name)))
    .flatMap(({ diagnostics }) => diagnostics);
}

/** Why nothing was compared. */
function reasons({ name, missing, unsupported }: EngineComparison): readonly Diagnostic[] {
  const known = [...missing, ...unsupported].flatMap(({ diagnostics }) => diagnostics);
  if (known.length > 0) return known;
  const message = `\`${name}\` has no weight standardisation to leave unfolded`;
  return [diagnostic('wrong-option', message, { hints: ['leave out `--engine`'] })];
}
