/** A training as a page of HTML that needs nothing but itself, and its curves as SVG. */
import { curveChart, type Curve, type CurvePanel, type Point } from '../charts/curve-chart.js';
import { maskOfErrors, maskOfLabels, overlay } from '../data/overlay.js';
import { writePng } from '../data/png.js';
import { markup, trusted, type Markup } from '../report/markup.js';
import { figure, pageHead, plainTable } from '../report/parts.js';
import { VERSION } from '../version.js';
import type { TrainingIdentity } from './checkpoint.js';
import type { Shown } from './evaluate.js';
import type { StepRecord, TrainingState } from './loop.js';
import { figuresOf, type Figure } from './metrics.js';
import type { LossTerm } from './recipe.js';
import { formatScore } from './words.js';

export interface TrainingReport {
  readonly identity: TrainingIdentity;
  /** Path of the source. */
  readonly file: string;
  readonly state: Pick<TrainingState, 'steps' | 'validations'>;
  /** Of all steps together. */
  readonly totalSteps: number;
  readonly params: number;
  readonly samples: { readonly train: number; readonly validation: number };
  readonly classes: readonly string[];
  readonly engine: string;
  /** Of this run; a training that was resumed has had others. */
  readonly seconds: number;
  /** Of the last validation. */
  readonly shown: readonly Shown[];
}

/** Of exponential smoothing: a step's share. */
const SMOOTHING = 0.15;

/** Loss and metrics over the steps. */
export function trainingCurves(report: TrainingReport): string {
  const { identity, state } = report;
  return curveChart({
    title: `Training of ${identity.model} by ${identity.recipe.name}`,
    x: 'steps',
    panels: [lossPanel(state), ...metricPanels(report), ratePanel(state)],
  });
}

/** The loss of each step, smoothed exponentially. */
export function smoothedLoss(
  steps: readonly Pick<StepRecord, 'step' | 'loss'>[],
): readonly Point[] {
  let smooth = 0;
  return steps.map(({ step, loss }, i) => {
    // The mean of the first ones, or it would lag behind them.
    smooth += Math.max(SMOOTHING, 1 / (i + 1)) * (loss - smooth);
    return { x: step, y: smooth };
  });
}

function lossPanel({ steps, validations }: TrainingReport['state']): CurvePanel {
  const curves: Curve[] = [
    {
      label: 'each step',
      faint: true,
      points: steps.map(({ step, loss }) => ({ x: step, y: loss })),
    },
    { label: 'training, smoothed', points: smoothedLoss(steps) },
    {
      label: 'validation',
      dots: true,
      points: validations.map(({ step, loss }) => ({ x: step, y: loss })),
    },
  ];
  return { title: 'Loss', y: 'loss', curves };
}

/** None, where the recipe's `metrics` are none. */
function metricPanels({ identity, state: { validations }, classes }: TrainingReport): CurvePanel[] {
  const curves = figuresOf(identity.recipe.metrics, classes).map(({ name, of }): Curve => ({
    label: name === 'accuracy' ? 'pixel accuracy' : name,
    dots: true,
    points: validations.flatMap(({ step, scores }) => {
      const y = of(scores);
      return y === undefined ? [] : [{ x: step, y }];
    }),
  }));
  const title = 'Metrics on whole images of the validation set';
  return curves.length === 0 ? [] : [{ title, y: 'score', curves, range: [0, 1] }];
}

function ratePanel({ steps }: TrainingReport['state']): CurvePanel {
  const points = steps.map(({ step, lr }) => ({ x: step, y: lr }));
  return { title: 'Learning rate', y: 'rate', curves: [{ label: 'learning rate', points }] };
}

export async function trainingPage(report: TrainingReport): Promise<string> {
  const { identity, file, state, engine } = report;
  const { recipe, model } = identity;
  const title = `${model} by ${recipe.name}: a training by archc`;
  const policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";
  const pictures: Markup[] = [];
  for (const shown of report.shown) pictures.push(await pictureRow(shown, report.classes));
  const last = state.validations.at(-1);
  return markup`<!doctype html>
<html lang="en">
${pageHead(title, policy)}
<body>
<header>
<p class="kind">archc train</p>
<h1>${model} by ${recipe.name}</h1>
<p class="facts"><span>in <code>${file}</code></span> <span>steps <b>${state.steps.length} of ${report.totalSteps}</b></span> ${scoreFacts(last, figuresOf(recipe.metrics, report.classes))}</p>
</header>
<main id="main">
<section aria-labelledby="curves"><h2 id="curves">Curves</h2>
${figure(trusted(trainingCurves(report)), 'Loss and metrics over the steps', markup`Point at a dot for its figure.`)}</section>
${predictions(pictures)}<section aria-labelledby="settings"><h2 id="settings">Settings</h2>
${plainTable('What was trained, and how', [{ title: 'setting' }, { title: 'value' }], settingRows(report))}</section>
</main>
<footer><p>Written by archc ${VERSION}, trained on ${engine}. Metrics are counted over the pixels of whole images.</p></footer>
</body>
</html>
`.html;
}

function scoreFacts(
  last: TrainingReport['state']['validations'][number] | undefined,
  figures: readonly Figure[],
): readonly Markup[] {
  if (last === undefined) return [];
  return figures.map(
    ({ name, of }) => markup`<span>${name} <b>${formatScore(of(last.scores))}</b></span> `,
  );
}

function predictions(rows: readonly Markup[]): Markup | undefined {
  if (rows.length === 0) return undefined;
  return markup`<section aria-labelledby="predictions"><h2 id="predictions">Predictions</h2>
<p>Images of the validation set after the last step: the image, the labels over it, the prediction, and where the two differ: green is found, orange is not there, blue is missed.</p>
<div class="scroll" tabindex="0" role="region" aria-label="Predictions"><table class="data pictures">
<thead><tr><th scope="col">image</th><th scope="col">labels</th><th scope="col">prediction</th><th scope="col">differences</th></tr></thead>
<tbody>
${rows}</tbody>
</table></div></section>
`;
}

async function pictureRow(
  { name, example, truth, predicted }: Shown,
  classes: readonly string[],
): Promise<Markup> {
  const { height, width, channels } = example;
  const size = [height, width] as const;
  const image = { shape: [height, width, channels], data: example.image };
  const none = { shape: [height, width, 1], data: new Float32Array(height * width) };
  const masks = [
    ['image', none],
    ['labels', maskOfLabels(truth, size, classes.length)],
    ['prediction', maskOfLabels(predicted, size, classes.length)],
    ['differences', maskOfErrors(truth, predicted, size)],
  ] as const;
  const cells: Markup[] = [];
  for (const [what, mask] of masks) {
    const png = await writePng(overlay(image, mask));
    const source = `data:image/png;base64,${base64(png)}`;
    cells.push(markup`<td><img src="${source}" width="256" alt="${what} of ${name}"></td>`);
  }
  return markup`<tr>${cells}</tr>
`;
}

function base64(bytes: Uint8Array): string {
  let text = '';
  // In parts: a call takes only so many arguments.
  for (let at = 0; at < bytes.length; at += 0x8000) {
    text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  }
  return btoa(text);
}

function settingRows(report: TrainingReport): readonly (readonly string[])[] {
  const { identity, engine, params, samples, seconds, totalSteps } = report;
  const { recipe, model, data } = identity;
  return [
    ['model', [model, ...identity.arguments].join(', ')],
    ['parameters', params.toLocaleString('en')],
    ['data', data],
    [
      'samples',
      `${samples.train} to train on, ${samples.validation} held out by ${recipe.split.by}`,
    ],
    ['engine', engine],
    ['time', `${seconds.toFixed(1)} s`],
    ['steps', `${totalSteps}, in batches of ${recipe.batch}`],
    ['crop', recipe.crop === undefined ? 'whole images' : recipe.crop.join(' × ')],
    ['normalise', recipe.normalise],
    ['augment', recipe.augment.map(callOf).join(', ') || 'none'],
    ['loss', recipe.loss.map(termOf).join(' + ')],
    ['optimiser', callOf(recipe.optimiser)],
    ['schedule', callOf(recipe.schedule)],
    ['clip', recipe.clip === undefined ? 'none' : String(recipe.clip)],
    ['seed', String(recipe.seed)],
  ];
}

/** As in a recipe: `adam(lr = 0.001, …)`. */
function callOf(call: { readonly kind: string }): string {
  const { kind, ...rest } = call;
  const given = Object.entries(rest).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name} = ${JSON.stringify(value)}`],
  );
  return given.length === 0 ? kind : `${kind}(${given.join(', ')})`;
}

function termOf({ weight, loss, output }: LossTerm): string {
  const call = `${callOf(loss)} of ${output}`;
  return weight === 1 ? call : `${weight} × ${call}`;
}
