/** What trained networks make of images, as sheets of pictures. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { curveChart, type CurvePanel } from '../src/charts/curve-chart.js';
import { openRecipe, weightsOf, type OpenRecipe } from '../src/compile.js';
import type { Diagnostic, Outcome } from '../src/compiler/diagnostic.js';
import type { Tensor } from '../src/compiler/ir.js';
import { openData } from '../src/cli/data-options.js';
import { fileHost } from '../src/cli/host.js';
import { readModelFlags } from '../src/cli/options.js';
import { maskOfErrors, maskOfLabels, overlay } from '../src/data/overlay.js';
import { writePng } from '../src/data/png.js';
import { splitDataset } from '../src/data/split.js';
import { openTrainingEngine } from '../src/train/engine.js';
import { evaluate, type Shown } from '../src/train/evaluate.js';
import { createPredictor } from '../src/train/predict.js';
import { smoothedLoss } from '../src/train/report.js';
import { graphAt } from '../src/train/sizes.js';
import { RECIPES, ROOT, type Trained, type Training } from './experiment.js';

/** A recipe of `recipes.arch` with what a training changes of it. */
export function recipeOf({ recipe, set = [] }: Pick<Training, 'recipe' | 'set'>): OpenRecipe {
  const path = join(ROOT, RECIPES);
  const { overrides } = need(readModelFlags({ set }));
  const source = { path, text: readFileSync(path, 'utf8') };
  const { value, diagnostics } = openRecipe(source, fileHost(path), { recipe, overrides });
  if (value === undefined) throw failure(diagnostics);
  return value;
}

/** Every image that is held out, with its labels and what the network makes of it. */
export async function predictions(
  trained: Trained,
  data: string | undefined,
): Promise<readonly Shown[]> {
  const { recipe, model } = recipeOf(trained);
  const dataset = need(await openData(data, recipe.data, recipe.seed, {}));
  const { validation: indices } = need(splitDataset(dataset, recipe.split));
  need(await openTrainingEngine(undefined));
  const file = { file: trained.weights, bytes: readFileSync(trained.weights) };
  const { values: weights } = need(await weightsOf(model.graph, { weights: file }));
  const first = need(await dataset.load(indices[0] ?? 0));
  const outputs = [...new Set(recipe.loss.map(({ output }) => output))];
  const predictor = need(
    await createPredictor({ graphAt: (size) => graphAt(model, size), outputs, weights }, [
      first.height,
      first.width,
    ]),
  );
  const shown: Shown[] = [];
  const onShown = (each: Shown): void => void shown.push(each);
  need(await evaluate(predictor, { dataset, indices, normalisation: recipe.normalise, onShown }));
  predictor.dispose();
  return shown;
}

export function need<T>(outcome: Outcome<T>): T {
  if (outcome.ok) return outcome.value;
  throw failure(outcome.diagnostics);
}

function failure(diagnostics: readonly Diagnostic[]): Error {
  return new Error(diagnostics.map(({ code, message }) => `${code}: ${message}`).join('\n'));
}

/** Losses of several trainings, smoothed, in one panel. */
export function lossPanel(y: string, trained: readonly Trained[]): CurvePanel {
  const curves = trained.map(({ label, steps }) => ({ label, points: smoothedLoss(steps) }));
  return { title: 'Training loss, smoothed', y, curves };
}

/** The same as a chart. */
export function lossChart(title: string, y: string, trained: readonly Trained[]): string {
  return curveChart({ title, x: 'steps', panels: [lossPanel(y, trained)] });
}

// --- Cells of sheets, `[H, W, 3]` --------------------------------------------------------------------

type Labels = Pick<Shown, 'example' | 'truth' | 'predicted' | 'output'>;

/** The image, its first channel in grey. */
export function imageCell(shown: Labels): Tensor {
  return withMask(shown, new Uint8Array(shown.truth.length));
}

/** The image under its classes in colour. */
export function withMask({ example, output }: Labels, labels: Uint8Array): Tensor {
  const { image, height, width, channels } = example;
  const classes = output.channels + 1;
  return overlay(
    { shape: [height, width, channels], data: image },
    maskOfLabels(labels, [height, width], classes),
  );
}

/** Where truth and prediction agree, and where not, over the image. */
export function errorCell({ example, truth, predicted }: Labels): Tensor {
  const { image, height, width, channels } = example;
  return overlay(
    { shape: [height, width, channels], data: image },
    maskOfErrors(truth, predicted, [height, width]),
  );
}

/** Labels alone: black is the background, white the first class. */
export function maskCell({ example: { height, width } }: Labels, labels: Uint8Array): Tensor {
  const data = new Float32Array(3 * labels.length);
  labels.forEach((label, i) => data.fill(Number(label > 0), 3 * i, 3 * i + 3));
  return { shape: [height, width, 3], data };
}

const GAP = 4;

/** Cells of one size in rows, as PNG, on white. */
export function sheet(rows: readonly (readonly Tensor[])[]): Promise<Uint8Array> {
  const [height = 0, width = 0] = rows[0]?.[0]?.shape ?? [];
  const columns = Math.max(...rows.map(({ length }) => length));
  const size = [rows.length * (height + GAP) - GAP, columns * (width + GAP) - GAP] as const;
  const data = new Float32Array(3 * size[0] * size[1]).fill(1);
  for (const [r, row] of rows.entries()) {
    for (const [c, cell] of row.entries()) {
      for (let y = 0; y < height; y++) {
        const line = cell.data.subarray(3 * y * width, 3 * (y + 1) * width);
        data.set(line, 3 * ((r * (height + GAP) + y) * size[1] + c * (width + GAP)));
      }
    }
  }
  return writePng({ shape: [...size, 3], data });
}
