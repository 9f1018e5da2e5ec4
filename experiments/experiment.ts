/** What the experiments share: their arguments, and `archc train` and `eval` run as a user runs them. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

export const ROOT = fileURLToPath(new URL('../', import.meta.url));
export const RECIPES = 'experiments/recipes.arch';

/** Steps of a training that only shows that the script works. */
const QUICK_STEPS = 3;

export interface Options {
  /** The dataset of `--data`. */
  readonly data: string | undefined;
  /** A few steps on little data, for tests. */
  readonly quick: boolean;
  /** Where pages and pictures go. */
  readonly output: string;
  /** Weights and logs. A training that is there already, of the same command, is not run again. */
  readonly work: string;
}

/** The arguments of an experiment; ends the process where they are wrong. */
export function readOptions(script: string): Options {
  try {
    const { values } = parseArgs({
      options: {
        data: { type: 'string' },
        quick: { type: 'boolean', default: false },
        output: { type: 'string', default: join(ROOT, 'experiments/results') },
        work: { type: 'string', default: join(ROOT, 'node_modules/.cache/archc/experiments') },
      },
    });
    const { data, quick, output, work } = values;
    for (const folder of [output, work]) mkdirSync(folder, { recursive: true });
    return { data: data === undefined ? undefined : resolve(data), quick, output, work };
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return quit(
      `usage: node scripts/run.mjs experiments/${script}.ts [--data PATH] [--quick] [--output FOLDER] [--work FOLDER]`,
    );
  }
}

export function quit(message: string): never {
  console.error(message);
  process.exit(2);
}

// --- Trainings -------------------------------------------------------------------------------------

/** One training: a recipe of `recipes.arch`, and what differs from it. */
export interface Training {
  /** In words, as in tables. */
  readonly label: string;
  /** Of its files. */
  readonly name: string;
  readonly recipe: string;
  readonly set?: readonly string[];
  readonly flags?: readonly string[];
}

/** Scores as JSON has them: null where undefined. */
export interface JsonScores {
  readonly pixels: number;
  readonly accuracy: number | null;
  readonly meanIou: number | null;
  readonly iou: readonly (number | null)[];
  readonly dice: readonly (number | null)[];
}

export interface LoggedStep {
  readonly step: number;
  readonly loss: number;
  readonly gradientNorm: number;
}

export interface Trained extends Training {
  /** As a user would type it. */
  readonly command: string;
  /** Path of the weights. */
  readonly weights: string;
  readonly steps: readonly LoggedStep[];
  readonly seconds: number;
  readonly engine: string;
  readonly classes: readonly string[];
  /** Of the whole images that were held out, after the last step. */
  readonly scores: JsonScores;
}

interface TrainDocument {
  readonly engine: { readonly name: string; readonly version: string };
  readonly seconds: number;
  readonly validation: { readonly classes: readonly string[]; readonly scores: JsonScores };
}

/** The trainings on drawn membranes: on ten small ones where it has to be quick. */
export function onDrawn(trainings: readonly Training[], { quick }: Options): readonly Training[] {
  const few = quick ? ['count=10', 'size=64'] : [];
  return trainings.map((each) => ({ ...each, set: [...(each.set ?? []), ...few] }));
}

/** Trains one after the other: two cores have no room for more. */
export async function trainAll(
  trainings: readonly Training[],
  options: Options,
): Promise<readonly Trained[]> {
  const done: Trained[] = [];
  for (const training of trainings) done.push(await trainOne(training, options));
  return done;
}

async function trainOne(training: Training, options: Options): Promise<Trained> {
  const { work, quick } = options;
  const file = (extension: string): string => join(work, `${training.name}.${extension}`);
  const args = [
    'train',
    RECIPES,
    ...commonFlags(training, options),
    ...(quick ? ['--steps', String(QUICK_STEPS)] : []),
    ...['-o', file('safetensors'), '--log', file('jsonl'), '--json'],
  ];
  const command = shownCommand(args, options);
  const isDone = existsSync(file('json')) && readFileSync(file('txt'), 'utf8') === command;
  if (!isDone) {
    console.error(command);
    const document = await archc([...args, '--force']);
    writeFileSync(file('txt'), command);
    writeFileSync(file('json'), document);
  }
  const document = JSON.parse(readFileSync(file('json'), 'utf8')) as TrainDocument;
  const { engine, seconds, validation } = document;
  return {
    ...training,
    command,
    weights: file('safetensors'),
    steps: loggedSteps(file('jsonl')),
    seconds,
    engine: `${engine.name} ${engine.version}`,
    ...validation,
  };
}

function commonFlags({ recipe, set = [], flags = [] }: Training, { data }: Options): string[] {
  return [
    ...['--recipe', recipe],
    ...(data === undefined ? [] : ['--data', data]),
    ...set.flatMap((text) => ['--set', text]),
    ...flags,
  ];
}

function loggedSteps(path: string): readonly LoggedStep[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('{"type":"step"'))
    .map((line) => JSON.parse(line) as LoggedStep);
}

export interface EvalOutput {
  readonly all: JsonScores;
  readonly small?: JsonScores;
  readonly large?: JsonScores;
  readonly images: { readonly all: number; readonly small: number; readonly large: number };
}

export interface Evaluated {
  readonly command: string;
  readonly output: EvalOutput;
}

/** `archc eval` of trained weights on what was held out. */
export async function evaluateOne(
  trained: Trained,
  flags: readonly string[],
  options: Options,
): Promise<Evaluated> {
  const args = [
    'eval',
    RECIPES,
    ...commonFlags(trained, options),
    ...['--weights', trained.weights, ...flags, '--json'],
  ];
  const document = JSON.parse(await archc(args)) as { readonly outputs: readonly EvalOutput[] };
  const [output] = document.outputs;
  if (output === undefined) throw new Error('archc eval has judged no output');
  return { command: shownCommand(args, options), output };
}

/** Without the paths of this machine. */
function shownCommand(args: readonly string[], { data, work }: Options): string {
  const shown = args.map((each) => {
    if (each === data) return 'PATH';
    return each.startsWith(work) ? basename(each) : each;
  });
  return ['archc', ...shown].join(' ');
}

/** Standard output of `archc`; ends the process where it fails, with what it said. */
async function archc(args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [join(ROOT, 'dist/cli.cjs'), ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const parts = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (parts.out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (parts.err += text));
  const code = await new Promise<number | null>((done, fail) =>
    child.on('error', fail).on('close', done),
  );
  if (code !== 0) quit(`${parts.err}${parts.out}\narchc ${args[0] ?? ''} ended with ${code}`);
  return parts.out;
}
