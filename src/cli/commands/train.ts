/** `archc train`: a recipe, a model and a dataset to trained weights. */
import { basename } from 'node:path';
import type { Command } from 'commander';
import { openRecipe, weightsOf, type OpenRecipe } from '../../compile.js';
import { inFile, type Diagnostic, type Outcome } from '../../compiler/diagnostic.js';
import { totalElements } from '../../compiler/ops/tensor.js';
import type { WeightValues } from '../../compiler/ir.js';
import type { Dataset } from '../../data/dataset.js';
import type { TrainingIdentity } from '../../train/checkpoint.js';
import { TRAINING_ENGINES, openTrainingEngine, type OpenedEngine } from '../../train/engine.js';
import type { Shown } from '../../train/evaluate.js';
import type { ValidationRecord } from '../../train/loop.js';
import { scoresIn } from '../../train/metrics.js';
import type { Recipe } from '../../train/recipe.js';
import type { TrainingReport } from '../../train/report.js';
import type { TrainResult } from '../../train/train.js';
import { formatTime } from '../../train/words.js';
import { writeSafetensors } from '../../weights/safetensors.js';
import { isDiagramFile, isSafetensorsFile, isTrainingReport } from '../artifacts.js';
import { openData, readDataOptions, withData } from '../data-options.js';
import { EXIT, type ExitCode } from '../exit.js';
import { fileHost } from '../host.js';
import { readFile, readSource } from '../../files/read.js';
import { printJson } from '../../tables/json.js';
import {
  allOf,
  collect,
  optional,
  readChoice,
  readInteger,
  readModelFlags,
  readPathEnding,
  withExamples,
  withJson,
  type JsonFlag,
} from '../options.js';
import {
  isSameFile,
  outputProblem,
  sharedFiles,
  writeOutputFiles,
  type OutputFile,
  type OutputOptions,
} from '../output.js';
import { fail, type Shell } from '../shell.js';
import {
  checkpointPath,
  openCheckpoint,
  openLog,
  type CheckpointFile,
  type TrainingLog,
} from '../training-files.js';
import {
  createClock,
  headOf,
  resumeLine,
  validationLine,
  watchInterrupts,
  withCheckpoint,
  type ResumedFlags,
} from '../training-words.js';

interface TrainFlags extends ResumedFlags, JsonFlag {
  readonly weights?: string;
  readonly resume?: string;
  readonly force?: boolean;
}

export function register(program: Command, shell: Shell): void {
  const command = program
    .command('train')
    .summary('train a model by one of its recipes')
    .description(
      'Trains the model of a recipe, `train NAME for MODEL { … }`, and writes its weights as ' +
        'safetensors. Checkpoints are written whole beside the output: Ctrl-C, and a process that is ' +
        'killed, lose nothing before the last, and `--resume` goes on to the same numbers.',
    )
    .argument('<file>', 'the .arch file')
    .option('--recipe <name>', 'the recipe (default: the only one)')
    .requiredOption('-o, --output <file>', 'where the weights go: .safetensors');
  withData(command)
    .option('--set <name=value>', 'a parameter of the recipe or its model; repeatable', collect)
    .option('--seed <number>', "in place of the recipe's seed")
    .option('--steps <number>', "in place of the recipe's length")
    .option('--weights <file>', 'weights to start from (default: drawn from the seed)')
    .option('--resume <checkpoint>', 'go on from a checkpoint')
    .option('--checkpoint <file>', 'where checkpoints go (default: beside the output)')
    .option('--log <file.jsonl>', 'a line of JSON for each step and each validation')
    .option('--report <file.html>', 'curves, settings and predictions as one page')
    .option('--curves <file.svg>', 'loss and metrics over the steps')
    .option('--engine <engine>', `what trains: ${TRAINING_ENGINES.join(', ')} (default: the best)`)
    .option('--tile <pixels>', 'validate in overlapping tiles of this side')
    .option('--force', 'replace existing files whatever they are');
  withExamples(withJson(command), [
    'train models/sdunet.arch --recipe quick -o sdunet.safetensors --report quick.html',
    'train models/sdunet.arch --recipe isbi --data isbi --set width=16 -o w.safetensors',
    'train models/sdunet.arch --recipe quick -o w.safetensors --resume w.checkpoint.safetensors',
  ]).action(async (file: string, flags: TrainFlags) => {
    process.exitCode = await trainFile(file, flags, shell);
  });
}

const NUMBER = { min: 0, max: Number.MAX_SAFE_INTEGER } as const;

async function trainFile(file: string, flags: TrainFlags, shell: Shell): Promise<ExitCode> {
  const read = allOf({
    request: readModelFlags({ ...(flags.set === undefined ? {} : { set: flags.set }) }),
    seed: optional(flags.seed, (text) => readInteger('seed', text, NUMBER)),
    steps: optional(flags.steps, (text) => readInteger('steps', text, { ...NUMBER, min: 1 })),
    tile: optional(flags.tile, (text) => readInteger('tile', text, { ...NUMBER, min: 1 })),
    engine: optional(flags.engine, (text) => readChoice('engine', text, TRAINING_ENGINES)),
    output: readPathEnding('output', flags.output, '.safetensors', 'weights go to a file of them'),
    report: optional(flags.report, (path) =>
      readPathEnding('report', path, '.html', 'the report is an HTML file'),
    ),
    curves: optional(flags.curves, (path) =>
      readPathEnding('curves', path, '.svg', 'the curves are an SVG file'),
    ),
    dataOptions: readDataOptions(flags),
    weights: optional(flags.weights, readFile),
    resume: optional(flags.resume, readFile),
    source: readSource(file),
  });
  if (!read.ok) return fail(shell, read.diagnostics);
  const { source, request, dataOptions, output, tile } = read.value;
  const shared = filesShared(file, flags);
  if (shared.length > 0) return fail(shell, shared);
  const { overrides } = request;
  const { value: opened, diagnostics } = openRecipe(source, fileHost(source.path), {
    recipe: flags.recipe,
    overrides,
  });
  if (opened === undefined) return fail(shell, diagnostics);
  shell.report(diagnostics);
  const recipe = changed(opened.recipe, read.value);
  const problems = await outputProblems(flags);
  if (problems.length > 0) return fail(shell, problems);
  const dataset = await openData(flags.data, recipe.data, recipe.seed, dataOptions);
  if (!dataset.ok) return fail(shell, dataset.diagnostics);
  const engine = await openTrainingEngine(read.value.engine);
  if (!engine.ok) return fail(shell, engine.diagnostics);
  const checkpoint = await openCheckpoint(
    flags.checkpoint ?? checkpointPath(output),
    flags.resume,
    flags.force === true,
  );
  if (!checkpoint.ok) return fail(shell, checkpoint.diagnostics);
  return runTraining(
    {
      opened,
      identity: identityOf(opened, recipe, dataset.value, flags.data),
      dataset: dataset.value,
      engine: engine.value,
      checkpoint: checkpoint.value,
      file: source.path,
      output,
      tile,
      weights: bytesOf(flags.weights, read.value.weights),
      resume: read.value.resume,
    },
    flags,
    shell,
  );
}

interface Job {
  readonly opened: OpenRecipe;
  readonly identity: TrainingIdentity;
  readonly dataset: Dataset;
  readonly engine: OpenedEngine;
  readonly checkpoint: CheckpointFile;
  readonly file: string;
  readonly output: string;
  readonly tile: number | undefined;
  readonly weights: { readonly file: string; readonly bytes: Uint8Array } | undefined;
  readonly resume: Uint8Array | undefined;
}

/** Time after which a checkpoint is due, should no validation have come. */
const SAVE_SECONDS = 120;
/** Validation images that the report shows. */
const SHOWN_IMAGES = 4;

async function runTraining(job: Job, flags: TrainFlags, shell: Shell): Promise<ExitCode> {
  const { opened, identity, engine, checkpoint, file } = job;
  const { recipe } = identity;
  const graph = opened.model.staticGraph ?? opened.model.graph;
  const weights = await startWeights(job);
  if (!weights.ok) return fail(shell, weights.diagnostics);
  const [{ train }, { graphAt }, { decodeCheckpoint }] = await Promise.all([
    import('../../train/train.js'),
    import('../../train/sizes.js'),
    import('../../train/checkpoint.js'),
  ]);
  if (job.resume !== undefined) {
    // Before the log is touched.
    const state = decodeCheckpoint(job.resume, identity, graph.weights);
    if (!state.ok) return fail(shell, inFile(flags.resume ?? '', state).diagnostics);
  }
  const interrupt = watchInterrupts(shell);
  const clock = createClock(recipe.metrics);
  const shown: Shown[] = [];
  let log: TrainingLog | undefined;
  let steps = 0;
  let lastSave = performance.now();
  let last: ValidationRecord | undefined;
  const engineName = `${engine.name} ${engine.version}`;
  const logging = { resumed: job.resume !== undefined, force: flags.force === true };
  let logProblems: readonly Diagnostic[] = [];
  try {
    const result = await train({
      identity,
      graphAt: (size) => graphAt(opened.model, size),
      dataset: job.dataset,
      weights: weights.value,
      resume: job.resume,
      engine: engineName,
      tile: job.tile,
      async onStart({ warnings, parts, done, steps: total, size }) {
        steps = total;
        clock.start(done);
        const opening = await openLog(flags.log, { ...logging, done });
        if (opening.ok) log = opening.value;
        else logProblems = opening.diagnostics;
        log?.write(headOf(identity, engineName, total));
        shell.report(warnings);
        shell.note(
          `training ${[identity.model, ...identity.arguments].join(', ')} by ${recipe.name} on ${engine.name} (${engine.why})`,
        );
        shell.note(
          `${identity.data}: ${parts.train.length} to train on, ${parts.validation.length} held out; ${total} steps of ${recipe.batch} × ${size.join(' × ')}${done > 0 ? `, ${done} of them done` : ''}`,
        );
        return logProblems;
      },
      onStep(record) {
        log?.write({ type: 'step', ...record });
        shell.progress('training', record.step, steps, clock.detail(record, steps, last));
      },
      onValidation(record) {
        last = record;
        log?.write({ type: 'validation', ...record });
        shell.note(validationLine(record, steps, recipe.metrics, job.dataset.classes));
      },
      onShown(image, place) {
        if (place < SHOWN_IMAGES) shown[place] = image;
      },
      save(bytes) {
        lastSave = performance.now();
        return checkpoint.save(bytes);
      },
      wantsSave: () => performance.now() - lastSave > 1000 * SAVE_SECONDS,
      stopped: interrupt.isAsked,
    });
    if (!result.ok) {
      return fail(shell, [...result.diagnostics.map((d) => withCheckpoint(d, checkpoint))]);
    }
    const seconds = clock.seconds();
    log?.write({ type: 'end', finished: result.value.finished, seconds });
    if (!result.value.finished) {
      shell.note(resumeLine(file, flags, checkpoint.path, result.value.state.step, steps));
      if (shell.json) shell.print(printJson(documentOf(job, result.value, seconds)));
      return EXIT.interrupted;
    }
    const report: TrainingReport = {
      identity,
      file,
      state: result.value.state,
      totalSteps: steps,
      params: totalElements(graph.weights.filter(({ trainable }) => trainable)),
      samples: {
        train: result.value.plan.parts.train.length,
        validation: result.value.plan.parts.validation.length,
      },
      classes: job.dataset.classes,
      engine: engineName,
      seconds,
      shown,
    };
    return await finish(job, result.value, report, flags, shell, log?.problems() ?? []);
  } finally {
    log?.close();
    interrupt.end();
  }
}

/** Writes what a finished training leaves. */
async function finish(
  job: Job,
  result: TrainResult,
  report: TrainingReport,
  flags: TrainFlags,
  shell: Shell,
  logProblems: readonly Diagnostic[],
): Promise<ExitCode> {
  const { checkpoint, output, identity } = job;
  const [{ trainingMetadata }, { trainingCurves, trainingPage }] = await Promise.all([
    import('../../train/checkpoint.js'),
    import('../../train/report.js'),
  ]);
  const metadata = trainingMetadata(identity, report.engine);
  const bytes = writeSafetensors(result.state.weights, metadata);
  const force = flags.force === true;
  const files: { readonly file: OutputFile; readonly options: OutputOptions }[] = [
    { file: { path: output, content: bytes }, options: { force, isSameKind: isSafetensorsFile } },
  ];
  if (flags.report !== undefined) {
    const content = await trainingPage(report);
    const options = { force, isSameKind: isTrainingReport };
    files.push({ file: { path: flags.report, content }, options });
  }
  if (flags.curves !== undefined) {
    const options = { force, isSameKind: isSvg };
    files.push({ file: { path: flags.curves, content: trainingCurves(report) }, options });
  }
  const problems = [...logProblems];
  for (const { file: each, options } of files) {
    problems.push(...(await writeOutputFiles([each], options)));
  }
  if (problems.length > 0)
    return fail(
      shell,
      problems.map((d) => withCheckpoint(d, checkpoint)),
    );
  checkpoint.remove();
  shell.note(
    `wrote ${files.map(({ file: each }) => each.path).join(', ')} after ${formatTime(report.seconds)}`,
  );
  if (shell.json) shell.print(printJson(documentOf(job, result, report.seconds)));
  return EXIT.done;
}

function documentOf(
  { identity, engine, file, output, checkpoint, dataset }: Job,
  { state, finished }: TrainResult,
  seconds: number,
): object {
  const last = state.validations.at(-1);
  return {
    formatVersion: 1,
    model: identity.model,
    arguments: identity.arguments,
    recipe: identity.recipe.name,
    file,
    finished,
    ...(finished ? { output } : { checkpoint: checkpoint.path }),
    engine: { name: engine.name, version: engine.version, why: engine.why },
    steps: state.step,
    seconds,
    loss: state.steps.at(-1)?.loss ?? null,
    validation:
      last === undefined
        ? null
        : {
            classes: dataset.classes,
            ...last,
            scores: scoresIn(last.scores, identity.recipe.metrics),
          },
  };
}

// --- What is asked for ---------------------------------------------------------------------------

function bytesOf(file: string | undefined, bytes: Uint8Array | undefined): Job['weights'] {
  return file === undefined || bytes === undefined ? undefined : { file, bytes };
}

function changed(
  recipe: Recipe,
  { seed, steps }: { readonly seed: number | undefined; readonly steps: number | undefined },
): Recipe {
  return {
    ...recipe,
    ...(seed === undefined ? {} : { seed }),
    ...(steps === undefined ? {} : { length: { steps } }),
  };
}

function identityOf(
  opened: OpenRecipe,
  recipe: Recipe,
  { description }: Dataset,
  path: string | undefined,
): TrainingIdentity {
  return {
    model: opened.model.name,
    arguments: opened.arguments.map(({ name, value }) => `${name}=${value}`),
    recipe,
    // Files that are read elsewhere say nothing of where the data lay here.
    data: path === undefined ? description : description.replaceAll(path, basename(path)),
  };
}

/** Files that one would lose to another, before hours are spent on them. */
function filesShared(file: string, flags: TrainFlags): readonly Diagnostic[] {
  const { data, weights, resume, output, log, report, curves } = flags;
  const checkpoint = flags.checkpoint ?? checkpointPath(output);
  // A training that goes on replaces the checkpoint it has gone on from.
  const goesOn = resume !== undefined && isSameFile(resume, checkpoint);
  return sharedFiles(
    [
      { name: 'the source', path: file === '-' ? undefined : file },
      { name: '`--data`', path: data },
      { name: '`--weights`', path: weights },
      { name: '`--resume`', path: goesOn ? undefined : resume },
    ],
    [
      { name: '`-o`', path: output },
      {
        name: flags.checkpoint === undefined ? 'the checkpoint' : '`--checkpoint`',
        path: checkpoint,
      },
      { name: '`--log`', path: log },
      { name: '`--report`', path: report },
      { name: '`--curves`', path: curves },
    ],
  );
}

/** What may not be written, before hours are spent on it. */
async function outputProblems(flags: TrainFlags): Promise<readonly Diagnostic[]> {
  const force = flags.force === true;
  const checks = [
    outputProblem(flags.output, { force, isSameKind: isSafetensorsFile }),
    ...(flags.report === undefined
      ? []
      : [outputProblem(flags.report, { force, isSameKind: isTrainingReport })]),
    ...(flags.curves === undefined
      ? []
      : [outputProblem(flags.curves, { force, isSameKind: isSvg })]),
  ];
  return (await Promise.all(checks)).flatMap((problem) => problem ?? []);
}

function isSvg(path: string): Promise<boolean> {
  return isDiagramFile(path, 'svg');
}

async function startWeights({ opened, identity, weights }: Job): Promise<Outcome<WeightValues>> {
  const found = await weightsOf(opened.model.staticGraph ?? opened.model.graph, {
    ...(weights === undefined ? { seed: identity.recipe.seed } : { weights }),
  });
  return found.ok ? { ok: true, value: found.value.values } : found;
}
