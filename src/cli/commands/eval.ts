/** `archc eval`: how well trained weights do on a dataset, counted over whole images. */
import type { Command } from 'commander';
import { openModel, openRecipe, weightsOf, type OpenModel } from '../../compile.js';
import { hasErrors, type Diagnostic, type Outcome } from '../../compiler/diagnostic.js';
import type { WeightValues } from '../../compiler/ir.js';
import type { Source } from '../../compiler/source.js';
import { NORMALISATIONS, type Dataset, type Normalisation } from '../../data/dataset.js';
import { singleClass, splitDataset } from '../../data/split.js';
import { openTrainingEngine, TRAINING_ENGINES } from '../../train/engine.js';
import type { Evaluation, OutputScores } from '../../train/evaluate.js';
import type { Scores } from '../../train/metrics.js';
import type { LossTerm, Recipe } from '../../train/recipe.js';
import { formatScore } from '../../train/words.js';
import { openData, readDataOptions, withData, type DataFlags } from '../data-options.js';
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
  wrongOption,
  type JsonFlag,
  type ModelFlags,
} from '../options.js';
import { fail, type Shell } from '../shell.js';
import { left, renderSection, right } from '../../tables/table.js';
import { counted } from '../words.js';

interface EvalFlags extends ModelFlags, DataFlags, JsonFlag {
  readonly weights: string;
  readonly recipe?: string;
  readonly part?: string;
  readonly normalise?: string;
  readonly large?: string;
  readonly engine?: string;
  readonly tile?: string;
}

const PARTS = ['validation', 'train', 'all'] as const;

export function register(program: Command, shell: Shell): void {
  const command = program
    .command('eval')
    .summary('metrics of trained weights on a dataset')
    .description(
      'Runs a model over the images of a dataset and counts pixels over all of them: pixel accuracy, ' +
        'IoU and Dice of each class, and their mean. With `--recipe`, its model, its data, its ' +
        'normalisation, and of its split the part that is held out; else all images.',
    )
    .argument('<file>', 'the .arch file')
    .requiredOption('--weights <file>', 'weights from a safetensors file');
  withData(withModel(command))
    .option('--recipe <name>', 'the recipe that the weights were trained by')
    .option('--part <part>', `of the recipe's split: ${PARTS.join(', ')} (default: validation)`)
    .option('--normalise <how>', `${NORMALISATIONS.join(', ')} (default: the recipe's, or zscore)`)
    .option('--large <pixels>', 'also images with so many foreground pixels, and with fewer, apart')
    .option('--engine <engine>', `what runs it: ${TRAINING_ENGINES.join(', ')} (default: the best)`)
    .option('--tile <pixels>', 'run images in overlapping tiles of this side');
  withExamples(withJson(command), [
    'eval models/sdunet.arch --recipe quick --weights sdunet.safetensors',
    'eval models/sdunet.arch --weights w.safetensors --data isbi --set width=16 --tile 256',
    'eval models/sdunet.arch --recipe brats --weights w.safetensors --data Task01 --large 2000 --json',
  ]).action(async (file: string, flags: EvalFlags) => {
    process.exitCode = await evalFile(file, flags, shell);
  });
}

const COUNT = { min: 1, max: Number.MAX_SAFE_INTEGER } as const;

async function evalFile(file: string, flags: EvalFlags, shell: Shell): Promise<ExitCode> {
  const read = allOf({
    request: readModelFlags(flags),
    weights: readWeightFlags({ weights: flags.weights }),
    part: optional(flags.part, (text) => readChoice('part', text, PARTS)),
    normalise: optional(flags.normalise, (text) =>
      readChoice('normalise', text, NORMALISATIONS, 'normalisation'),
    ),
    large: optional(flags.large, (text) => readInteger('large', text, COUNT)),
    tile: optional(flags.tile, (text) => readInteger('tile', text, COUNT)),
    engine: optional(flags.engine, (text) => readChoice('engine', text, TRAINING_ENGINES)),
    dataOptions: readDataOptions(flags),
    foreign: refuseForeign(flags),
    source: readSource(file),
  });
  if (!read.ok) return fail(shell, read.diagnostics);
  const { source, large, tile } = read.value;
  if (flags.recipe === undefined && flags.part !== undefined) {
    const wrong = wrongOption('part', flags.part, '`--part` is of the split of a recipe', [
      'add `--recipe NAME`',
    ]);
    return fail(shell, wrong.ok ? [] : wrong.diagnostics);
  }
  const { value: subject, diagnostics } = openSubject(source, flags, read.value.request);
  if (subject === undefined) return fail(shell, diagnostics);
  const { recipe, model, terms } = subject;
  const seed = recipe?.seed ?? 0;
  const dataset = await openData(flags.data, recipe?.data, seed, read.value.dataOptions);
  if (!dataset.ok) return fail(shell, dataset.diagnostics);
  const indices = indicesOf(dataset.value, recipe, read.value.part ?? 'validation');
  if (!indices.ok) return fail(shell, indices.diagnostics);
  const weights = await weightsOf(model.graph, read.value.weights);
  if (!weights.ok) return fail(shell, weights.diagnostics);
  const engine = await openTrainingEngine(read.value.engine);
  if (!engine.ok) return fail(shell, engine.diagnostics);
  const found = await evaluateModel({
    model,
    terms,
    dataset: dataset.value,
    indices: indices.value,
    weights: weights.value.values,
    normalisation: read.value.normalise ?? recipe?.normalise ?? 'zscore',
    large,
    tile,
    onImage: (done, total) => shell.progress('evaluating', done, total),
  });
  if (!found.ok) return fail(shell, found.diagnostics);
  const { evaluation, warnings } = found.value;
  shell.report([...diagnostics, ...warnings]);
  shell.note(
    `${model.name} on ${counted(indices.value.length, 'image')} of ${dataset.value.description}, ${engine.value.name} (${engine.value.why})`,
  );
  if (shell.json) {
    shell.print(
      printJson({
        formatVersion: 1,
        model: model.name,
        file: source.path,
        weights: flags.weights,
        data: dataset.value.description,
        images: indices.value.length,
        engine: engine.value,
        ...(large === undefined ? {} : { large }),
        ...evaluation,
      }),
    );
  } else shell.print(evaluationTable(evaluation, large));
  return EXIT.done;
}

/** Options that would do nothing beside `--recipe`. */
function refuseForeign({ recipe, model, size }: EvalFlags): Outcome<undefined> {
  if (recipe !== undefined && model !== undefined) {
    return wrongOption('model', model, '`--recipe` names a recipe, which has a model of its own', [
      'leave out `--model`, or leave out `--recipe`',
    ]);
  }
  if (recipe !== undefined && size !== undefined) {
    return wrongOption('size', size, 'the model of a recipe is run at the sizes of the images', [
      'leave out `--size`; `--tile 256` runs them in parts',
    ]);
  }
  return { ok: true, value: undefined };
}

interface Subject {
  readonly model: OpenModel;
  readonly recipe: Recipe | undefined;
  readonly terms: readonly LossTerm[];
}

/** The model of the recipe, or the one that is asked for. */
function openSubject(
  source: Source,
  flags: EvalFlags,
  request: Parameters<typeof openModel>[2],
): { readonly value: Subject | undefined; readonly diagnostics: readonly Diagnostic[] } {
  const host = fileHost(source.path);
  if (flags.recipe !== undefined) {
    const overrides = request?.overrides;
    const { value, diagnostics } = openRecipe(source, host, { recipe: flags.recipe, overrides });
    if (value === undefined) return { value: undefined, diagnostics };
    const { model, recipe } = value;
    return { value: { model, recipe, terms: recipe.loss }, diagnostics };
  }
  const { value: model, diagnostics } = openModel(source, host, request);
  if (model === undefined || hasErrors(diagnostics)) return { value: undefined, diagnostics };
  return { value: { model, recipe: undefined, terms: [] }, diagnostics };
}

function indicesOf(
  dataset: Dataset,
  recipe: Recipe | undefined,
  part: (typeof PARTS)[number],
): Outcome<readonly number[]> {
  const all = Array.from({ length: dataset.count }, (_, i) => i);
  if (recipe === undefined || part === 'all') return { ok: true, value: all };
  const parts = splitDataset(dataset, recipe.split);
  return parts.ok ? { ok: true, value: parts.value[part] } : parts;
}

interface EvaluationJob {
  readonly model: OpenModel;
  readonly terms: readonly LossTerm[];
  readonly dataset: Dataset;
  readonly indices: readonly number[];
  readonly weights: WeightValues;
  readonly normalisation: Normalisation;
  readonly large: number | undefined;
  readonly tile: number | undefined;
  readonly onImage: (done: number, total: number) => void;
}

async function evaluateModel(
  job: EvaluationJob,
): Promise<Outcome<{ readonly evaluation: Evaluation; readonly warnings: readonly Diagnostic[] }>> {
  const [{ createPredictor }, { evaluate }, { graphAt }] = await Promise.all([
    import('../../train/predict.js'),
    import('../../train/evaluate.js'),
    import('../../train/sizes.js'),
  ]);
  const { model, terms, dataset, indices, weights, normalisation, large, tile } = job;
  const first = await dataset.load(indices[0] ?? 0);
  if (!first.ok) return first;
  const judged = [...new Set(terms.map(({ output }) => output))];
  const outputs = judged.length > 0 ? judged : model.graph.outputs.map(({ name }) => name);
  const options = {
    graphAt: (size: readonly [number, number]) => graphAt(model, size),
    outputs,
    weights,
    tile,
  };
  const predictor = await createPredictor(options, [first.value.height, first.value.width]);
  if (!predictor.ok) return predictor;
  const evaluation = await evaluate(predictor.value, {
    dataset,
    indices,
    normalisation,
    terms,
    large,
    onImage: job.onImage,
  });
  predictor.value.dispose();
  if (!evaluation.ok) return evaluation;
  const warnings = singleClass(dataset, 'validation', evaluation.value.classPixels);
  return { ok: true, value: { evaluation: evaluation.value, warnings } };
}

function evaluationTable({ loss, outputs }: Evaluation, large: number | undefined): string {
  const tables = outputs.map((scores) => outputTable(scores, large));
  const lossLine = loss === undefined ? '' : `\nloss ${loss.toFixed(4)}\n`;
  return `${tables.join('\n')}${lossLine}`;
}

function outputTable(scores: OutputScores, threshold: number | undefined): string {
  const { output, classes, all, small, large, images } = scores;
  const parts: { readonly title: string; readonly scores: Scores; readonly count: number }[] = [
    { title: 'all', scores: all, count: images.all },
  ];
  if (threshold !== undefined && small !== undefined && large !== undefined) {
    parts.push({ title: `fewer than ${threshold}`, scores: small, count: images.small });
    parts.push({ title: `${threshold} and more`, scores: large, count: images.large });
  }
  const rows = parts.flatMap(({ title, scores: own, count }) => {
    const head = threshold === undefined ? [] : [title, count];
    const none = head.map(() => '');
    return [
      [...head, 'all', formatScore(own.accuracy), formatScore(own.meanIou), ''],
      ...classes.map((name, i) => [
        ...none,
        name,
        '',
        formatScore(own.iou[i]),
        formatScore(own.dice[i]),
      ]),
    ];
  });
  const sizes = threshold === undefined ? [] : [left('foreground pixels'), right('images')];
  const columns = [...sizes, left('class'), right('accuracy'), right('IoU'), right('Dice')];
  return renderSection(
    `${output}, over ${counted(images.all, 'image')}`,
    { columns, rows },
    'table',
  );
}
