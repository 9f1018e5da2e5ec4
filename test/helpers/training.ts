/** A tiny model, dataset and recipe, to train in well under a second. */
import { chooseSizes } from '../../src/compiler/check.js';
import type { Diagnostic } from '../../src/compiler/diagnostic.js';
import { examineModel } from '../../src/compile.js';
import { NO_FILES } from '../../src/compiler/modules.js';
import type { Dataset, Sample } from '../../src/data/dataset.js';
import type { TrainingIdentity } from '../../src/train/checkpoint.js';
import type { GraphAt } from '../../src/train/predict.js';
import type { Recipe } from '../../src/train/recipe.js';
import { train, type TrainRequest, type TrainResult } from '../../src/train/train.js';
import { initialize } from '../../src/weights/initialize.js';
import { uniformStream } from '../../src/weights/random.js';

/** With everything that has a state or draws: batch norm, both dropouts, weight standardisation. */
export const TINY = `model Tiny {
  input image: f32[H = 8, W = 8, 1] where H % 2 == 0, W % 2 == 0
  output mask = image -> conv(4) -> batchnorm -> relu -> dropout(0.2) -> maxpool(2)
    -> dwconv(3, ws) -> groupnorm(2) -> silu -> spatialdropout(0.1) -> upsample(2)
    -> conv(1) -> sigmoid
}
`;

/** Squares brighter than what is around them. */
export function squares(count: number, size = 12): Dataset {
  return {
    description: `${count} squares of ${size}`,
    count,
    channels: 1,
    classes: ['background', 'square'],
    groups: Array.from({ length: count }, () => 'all'),
    load: (index) => Promise.resolve({ ok: true, value: square(index, size) }),
  };
}

function square(index: number, size: number): Sample {
  const uniform = uniformStream(7, `square/${index}`);
  const [top, left] = [Math.floor(uniform() * (size - 5)), Math.floor(uniform() * (size - 5))];
  const image = new Float32Array(size * size);
  const labels = new Uint8Array(size * size);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const isIn = y >= top && y < top + 5 && x >= left && x < left + 5;
      labels[y * size + x] = Number(isIn);
      image[y * size + x] = Number(isIn) + 0.3 * uniform();
    }
  }
  return { name: `square ${index}`, height: size, width: size, channels: 1, image, labels };
}

export const RECIPE: Recipe = {
  name: 'tiny',
  data: { kind: 'given' },
  split: { by: 'slices', validation: 3 },
  normalise: 'zscore',
  crop: [8, 8],
  augment: [{ kind: 'flip' }],
  loss: [
    { weight: 0.5, loss: { kind: 'bce', positive: 1 }, output: 'mask' },
    { weight: 0.5, loss: { kind: 'dice', smooth: 1 }, output: 'mask' },
  ],
  optimiser: {
    kind: 'adamw',
    lr: 0.02,
    beta1: 0.9,
    beta2: 0.999,
    eps: 1e-8,
    decay: 0.01,
  },
  schedule: { kind: 'plateau', patience: 1, factor: 0.5, warmup: 2 },
  clip: 1,
  batch: 3,
  length: { steps: 12 },
  validate: 4,
  metrics: ['accuracy', 'mean_iou', 'dice'],
  seed: 1,
};

export function graphsOf(text: string): GraphAt {
  const { model, diagnostics } = examineModel({ path: 'tiny.arch', text }, NO_FILES, {});
  if (model === undefined) throw new Error(diagnostics[0]?.message);
  return (size) => {
    const { graph, diagnostics: found } = chooseSizes(model, { image: size });
    return graph === undefined ? { ok: false, diagnostics: found } : { ok: true, value: graph };
  };
}

export interface TinyTraining extends Partial<Omit<TrainRequest, 'identity' | 'graphAt'>> {
  readonly text?: string;
  readonly recipe?: Partial<Recipe>;
  readonly identity?: Partial<TrainingIdentity>;
}

/** Trains the tiny model; the result, or what is said. */
export async function trainTiny(
  options: TinyTraining = {},
): Promise<TrainResult | readonly Diagnostic[]> {
  const { text = TINY, recipe, identity, dataset = squares(9), ...rest } = options;
  const graphAt = graphsOf(text);
  const own = { ...RECIPE, ...recipe };
  const graph = graphAt(own.crop ?? [12, 12]);
  if (!graph.ok) return graph.diagnostics;
  const trained = await train({
    identity: {
      model: 'Tiny',
      arguments: [],
      recipe: own,
      data: dataset.description,
      ...identity,
    },
    graphAt,
    dataset,
    weights: initialize(graph.value.weights, own.seed),
    engine: 'test',
    ...rest,
  });
  return trained.ok ? trained.value : trained.diagnostics;
}

export async function trained(options: TinyTraining = {}): Promise<TrainResult> {
  const result = await trainTiny(options);
  if (!('state' in result)) throw new Error(result.map((d) => d.message).join('\n'));
  return result;
}

export async function refused(options: TinyTraining): Promise<readonly Diagnostic[]> {
  const result = await trainTiny(options);
  if ('state' in result) throw new Error('it trained');
  return result;
}
