/**
 * A step of training: archc's, of the reduced SD-UNet of its recipe `quick`, beside a model of the same
 * layers written by hand for TensorFlow.js, on the same backend with the same kernels, in turns.
 */
import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { timesOf, type Times } from '../src/bench/times.js';
import { fileHost } from '../src/cli/host.js';
import { openRecipe, weightsOf } from '../src/compile.js';
import { openTrainingEngine } from '../src/train/engine.js';
import { trainingGraph } from '../src/train/graph.js';
import { createNet, slopeOf, writeParameters, type Batch } from '../src/train/net.js';
import { globalNorm, updateWeight } from '../src/train/optimisers.js';
import { registerGradientKernels } from '../src/tfjs/index.js';
import { uniformStream } from '../src/weights/random.js';

const ROUNDS = 15;
/** The project's target for the ratio. */
const TARGET = 1.2;
const GROUPS = 4;

export async function training(): Promise<void> {
  const engine = await openTrainingEngine('wasm');
  if (!engine.ok) throw new Error(engine.diagnostics[0]?.message);
  registerGradientKernels();
  const path = new URL('../models/sdunet.arch', import.meta.url).pathname;
  const source = { path, text: readFileSync(path, 'utf8') };
  const { value: opened } = openRecipe(source, fileHost(path), { recipe: 'quick' });
  const graph = opened?.model.staticGraph;
  if (opened === undefined || graph === undefined) throw new Error('no recipe `quick`');
  const [height, width] = opened.recipe.crop ?? [64, 64];
  const images = opened.recipe.batch;
  const batch = randomBatch(images, height, width);

  const archcStep = await stepOfArchc(opened.recipe, graph, batch);
  const channels = graph.weights[0]?.shape.at(-1) ?? 8;
  const byHand = modelByHand(height, width, channels);
  const handParams = byHand.countParams();
  const handStep = stepByHand(byHand, batch);
  const ownParams = graph.weights.reduce((n, { shape }) => n + shape.reduce((a, b) => a * b, 1), 0);
  if (handParams !== ownParams) {
    throw new Error(`the models differ: ${ownParams} and ${handParams} parameters`);
  }

  const times: readonly number[][] = [[], []];
  for (let round = -2; round < ROUNDS; round++) {
    for (const [i, step] of [archcStep, handStep].entries()) {
      const start = performance.now();
      await step();
      if (round >= 0) times[i]?.push(performance.now() - start);
    }
  }
  const [own, other] = times.map(timesOf) as [Times, Times];
  const title = `a step of SD-UNet, ${ownParams.toLocaleString('en')} parameters, ${images} × ${height} × ${width}, ${engine.value.name}`;
  console.log(`${title}   min ms   median ms`);
  for (const [name, { min, median }] of [
    ['archc', own],
    ['by hand in TensorFlow.js', other],
  ] as const) {
    console.log(
      `  ${name.padEnd(26)} ${min.toFixed(1).padStart(8)} ${median.toFixed(1).padStart(10)}`,
    );
  }
  const ratio = own.median / other.median;
  console.log(`  ratio of medians ${ratio.toFixed(2)}   (target: at most ${TARGET})`);
}

function randomBatch(images: number, height: number, width: number): Batch {
  const uniform = uniformStream(0, 'bench');
  const shape = [images, height, width, 1];
  const size = images * height * width;
  const data = Float32Array.from({ length: size }, () => 2 * uniform() - 1);
  const target = Float32Array.from(data, (value) => Number(value > 0));
  return { image: { shape, data }, targets: new Map([['mask', { shape, data: target }]]) };
}

type Opened = NonNullable<ReturnType<typeof openRecipe>['value']>;

async function stepOfArchc(
  recipe: Opened['recipe'],
  graph: NonNullable<Opened['model']['staticGraph']>,
  batch: Batch,
): Promise<() => Promise<void>> {
  const weights = await weightsOf(graph, {});
  const made = trainingGraph(graph, ['mask']);
  if (!weights.ok || !made.ok) throw new Error('the model cannot be trained');
  const net = await createNet(made.value, weights.value.values);
  if (!net.ok) throw new Error(net.diagnostics[0]?.message);
  const slots = new Map(
    net.value.parameters.map(({ name, values }) => [
      name,
      { m: new Float32Array(values.length), v: new Float32Array(values.length) },
    ]),
  );
  let step = 0;
  return async () => {
    const { gradients } = await slopeOf(net.value, recipe.loss, batch, { seed: 0, step });
    globalNorm(gradients.values());
    step++;
    for (const { name, values } of net.value.parameters) {
      const gradient = gradients.get(name);
      if (gradient === undefined) continue;
      const update = { lr: 1e-4, count: step, scale: 1 };
      updateWeight(recipe.optimiser, values, gradient, slots.get(name) ?? {}, update);
    }
    writeParameters(net.value);
  };
}

function stepByHand(model: tf.LayersModel, { image, targets }: Batch): () => Promise<void> {
  const optimiser = tf.train.adam(1e-4);
  return async () => {
    const loss = tf.tidy((): tf.Tensor => {
      const x = tf.tensor(image.data, [...image.shape]);
      const target = targets.get('mask');
      const y = tf.tensor(target?.data ?? [], [...(target?.shape ?? [])]);
      const cost = optimiser.minimize(() => {
        const z = model.apply(x, { training: true }) as tf.Tensor;
        return tf.losses.sigmoidCrossEntropy(y, z);
      }, true);
      if (cost === null) throw new Error('no loss');
      return cost;
    });
    await loss.data();
    loss.dispose();
  };
}

/** As one writes it where the library has no group norm. */
class HandGroupNorm extends tf.layers.Layer {
  static className = 'HandGroupNorm';
  private scale: tf.LayerVariable | undefined;
  private shift: tf.LayerVariable | undefined;

  override build(shape: tf.Shape | tf.Shape[]): void {
    const channels = Number([shape].flat(2).at(-1));
    this.scale = this.addWeight('scale', [channels], 'float32', tf.initializers.ones());
    this.shift = this.addWeight('shift', [channels], 'float32', tf.initializers.zeros());
    this.built = true;
  }

  override computeOutputShape(shape: tf.Shape | tf.Shape[]): tf.Shape | tf.Shape[] {
    return shape;
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const [x] = [inputs].flat();
      if (!x || !this.scale || !this.shift) throw new Error('not built');
      const [images = 1, height = 1, width = 1, channels = 1] = x.shape;
      const parted = tf.reshape(x, [images, height * width, GROUPS, channels / GROUPS]);
      const { mean, variance } = tf.moments(parted, [1, 3], true);
      const normal = tf.div(tf.sub(parted, mean), tf.sqrt(tf.add(variance, 1e-5)));
      return tf.add(tf.mul(tf.reshape(normal, x.shape), this.scale.read()), this.shift.read());
    });
  }
}

/** `models/sdunet.arch` without weight standardisation, before its sigmoid. */
function modelByHand(height: number, width: number, filters: number): tf.LayersModel {
  type Symbolic = tf.SymbolicTensor;
  const pass = (layer: tf.layers.Layer, x: Symbolic | Symbolic[]): Symbolic =>
    layer.apply(x) as Symbolic;
  const relu = (x: Symbolic): Symbolic => pass(tf.layers.activation({ activation: 'relu' }), x);
  const norm = (x: Symbolic): Symbolic => pass(new HandGroupNorm({}), x);
  const separable = (x: Symbolic, to: number): Symbolic =>
    pass(
      tf.layers.conv2d({ filters: to, kernelSize: 1 }),
      pass(tf.layers.depthwiseConv2d({ kernelSize: 3, padding: 'same' }), x),
    );
  const stage = (x: Symbolic, to: number): Symbolic =>
    norm(relu(separable(relu(separable(x, to)), to)));
  const pool = (x: Symbolic): Symbolic => pass(tf.layers.maxPooling2d({ poolSize: 2 }), x);
  const rise = (x: Symbolic, to: number, skip: Symbolic): Symbolic =>
    pass(tf.layers.concatenate(), [
      separable(pass(tf.layers.upSampling2d({ size: [2, 2] }), x), to),
      skip,
    ]);

  const image = tf.input({ shape: [height, width, 1] });
  const first = tf.layers.conv2d({ filters, kernelSize: 3, padding: 'same' });
  const e1 = norm(relu(pass(first, image)));
  const e2 = stage(pool(e1), 2 * filters);
  const e3 = stage(pool(e2), 4 * filters);
  const e4 = pass(tf.layers.dropout({ rate: 0.5 }), stage(pool(e3), 8 * filters));
  const e5 = stage(pool(e4), 16 * filters);
  const d4 = rise(e5, 8 * filters, e4);
  const d3 = rise(stage(d4, 8 * filters), 4 * filters, e3);
  const d2 = rise(stage(d3, 4 * filters), 2 * filters, e2);
  const d1 = rise(stage(d2, 2 * filters), filters, e1);
  const last = separable(stage(stage(d1, filters), filters), filters);
  return tf.model({ inputs: image, outputs: separable(last, 1) });
}
