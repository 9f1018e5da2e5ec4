/** A graph on TensorFlow.js for training: loss and gradients of a batch, and where it went wrong. */
import * as tf from '@tensorflow/tfjs';
import type { Outcome } from '../compiler/diagnostic.js';
import type { Origin, Tensor, WeightValues } from '../compiler/ir.js';
import { formedData } from '../backends/tfjs/layout.js';
import { modelOfGraph, type TrainableModel, type WeightVariable } from '../tfjs/index.js';
import { drawMask, type TrainingGraph } from './graph.js';
import { borderWeights } from './border.js';
import { lossOf } from './losses.js';
import type { LossTerm } from './recipe.js';

/** Images with their labels, all of one size. */
export interface Batch {
  /** `[N, H, W, C]` */
  readonly image: Tensor;
  /** By output: `[N, H, W, channels]` of 0 and 1. */
  readonly targets: ReadonlyMap<string, Tensor>;
}

/** A weight that is trained: its numbers, as they stand in its variable. */
export interface Parameter {
  readonly name: string;
  /** As in the variable; see `WeightVariable`. */
  readonly shape: readonly number[];
  readonly values: Float32Array;
  readonly variable: WeightVariable;
}

export interface Net extends TrainingGraph {
  readonly model: TrainableModel;
  readonly parameters: readonly Parameter[];
}

export async function createNet(made: TrainingGraph, values: WeightValues): Promise<Outcome<Net>> {
  const own = new Map(
    made.graph.weights.map(({ name }) => {
      const tensor = values.get(name);
      if (tensor === undefined) throw new Error(`no values for weight ${name}`);
      return [name, tensor] as const;
    }),
  );
  const model = await modelOfGraph(made.graph, own);
  if (!model.ok) return model;
  const parameters = model.value.variables
    .filter(({ weight }) => weight.trainable)
    .map((variable): Parameter => {
      const { weight, form, shape } = variable;
      const tensor = own.get(weight.name);
      if (tensor === undefined) throw new Error(`no values for weight ${weight.name}`);
      const data = Float32Array.from(formedData(tensor, form));
      return { name: weight.name, shape, values: data, variable };
    });
  return { ok: true, value: { ...made, model: model.value, parameters } };
}

/** Takes the parameters' numbers over into the model. */
export function writeParameters({ parameters }: Net): void {
  for (const { shape, values, variable } of parameters) {
    // A copy: the backend in plain JavaScript keeps what it is given.
    const tensor = tf.tensor(values.slice(), [...shape]);
    variable.held.write(tensor);
    tensor.dispose();
  }
}

export function disposeNet({ model }: Net): void {
  model.model.dispose();
}

export interface Slope {
  readonly loss: number;
  /** By the name of the weight, in the order of its variable. */
  readonly gradients: ReadonlyMap<string, Float32Array>;
}

/** Loss and gradients of a batch, with what `step` of `seed` drops. */
export async function slopeOf(
  net: Net,
  terms: readonly LossTerm[],
  batch: Batch,
  key: { readonly seed: number; readonly step: number },
): Promise<Slope> {
  const feeds = feedsOf(net, batch, key);
  const judged = judgedTensors(terms, batch.targets);
  const { value, grads } = tf.variableGrads(() =>
    totalLoss(net, judged, applyModel(net, feeds, true)),
  );
  const loss = (await value.data())[0] ?? Number.NaN;
  const gradients = new Map<string, Float32Array>();
  for (const { name, variable } of net.parameters) {
    const gradient = grads[variable.held.name];
    // A weight that the loss does not depend on.
    if (gradient === undefined) continue;
    gradients.set(name, (await gradient.data()) as Float32Array);
  }
  tf.dispose([value, grads, feeds]);
  for (const { target, weights } of judged) tf.dispose([target, weights ?? []]);
  return { loss, gradients };
}

/** The loss of outputs that are known, such as those of whole images. */
export function lossOfLogits(
  net: Pick<TrainingGraph, 'outputs'>,
  terms: readonly LossTerm[],
  logits: readonly Tensor[],
  targets: ReadonlyMap<string, Tensor>,
): number {
  return tf.tidy(() => {
    const tensors = logits.map(({ shape, data }) => tf.tensor(data, [...shape]));
    return totalLoss(net, judgedTensors(terms, targets), tensors).dataSync()[0] ?? Number.NaN;
  });
}

/** The outputs before their activation, of images `[N, H, W, C]`. */
export async function logitsOf(net: Net, image: Tensor): Promise<readonly Tensor[]> {
  const results = tf.tidy(() => applyModel(net, [tensorOf(image)], false));
  const found: Tensor[] = [];
  for (const result of results) {
    found.push({ shape: result.shape, data: Float32Array.from(await result.data()) });
  }
  tf.dispose(results);
  return found;
}

/** The first layer, in the order of the graph, whose output is not finite for this batch. */
export async function firstNonFinite(
  net: Net,
  batch: Batch,
  key: { readonly seed: number; readonly step: number },
): Promise<Origin | undefined> {
  const { model, layers } = net.model;
  const outputs = layers.map(({ name }) => [model.getLayer(name).getOutputAt(0)].flat());
  const probe = tf.model({ inputs: model.inputs, outputs: outputs.flat() });
  const feeds = feedsOf(net, batch, key);
  const results = [probe.apply([...feeds], { training: true })].flat() as tf.Tensor[];
  try {
    let at = 0;
    for (const [i, own] of outputs.entries()) {
      for (let part = 0; part < own.length; part++, at++) {
        const data = await results[at]?.data();
        if (data?.every((value) => Number.isFinite(value)) === false) return layers[i]?.origin;
      }
    }
    return undefined;
  } finally {
    tf.dispose([feeds, results]);
  }
}

function applyModel(net: Net, feeds: readonly tf.Tensor[], training: boolean): tf.Tensor[] {
  const [only, ...more] = feeds;
  const given = only !== undefined && more.length === 0 ? only : [...feeds];
  // Given tensors, not symbols, it computes.
  return [net.model.model.apply(given, { training })].flat() as tf.Tensor[];
}

/** A term, and what it is measured against. */
interface Judged extends LossTerm {
  readonly target: tf.Tensor;
  /** Of pixels. */
  readonly weights: tf.Tensor | undefined;
}

function judgedTensors(
  terms: readonly LossTerm[],
  targets: ReadonlyMap<string, Tensor>,
): readonly Judged[] {
  return terms.map((term) => {
    const target = targets.get(term.output);
    if (target === undefined) throw new Error(`no target for ${term.output}`);
    const border = 'border' in term.loss ? term.loss.border : undefined;
    return {
      ...term,
      target: tensorOf(target),
      weights: border === undefined ? undefined : tensorOf(borderWeights(target, border)),
    };
  });
}

function totalLoss(
  { outputs }: Pick<TrainingGraph, 'outputs'>,
  terms: readonly Judged[],
  logits: readonly tf.Tensor[],
): tf.Scalar {
  const parts = terms.map(({ weight, loss, output, target, weights }): tf.Scalar => {
    const index = outputs.findIndex(({ name }) => name === output);
    const [activation, own] = [outputs[index]?.activation, logits[index]];
    if (activation === undefined || own === undefined) {
      throw new Error(`a loss of ${output}, which is not trained`);
    }
    const part = lossOf(loss, activation, own, target, weights);
    return weight === 1 ? part : tf.mul(part, weight);
  });
  const [first, ...rest] = parts;
  if (first === undefined) throw new Error('a recipe without a loss');
  return rest.reduce((sum, part) => tf.add(sum, part), first);
}

function tensorOf({ shape, data }: Tensor): tf.Tensor {
  return tf.tensor(data, [...shape]);
}

function feedsOf(
  { masks }: Net,
  { image }: Batch,
  { seed, step }: { readonly seed: number; readonly step: number },
): tf.Tensor[] {
  const images = image.shape[0] ?? 1;
  return [
    tensorOf(image),
    ...masks.map((mask) => tf.tensor(drawMask(mask, images, seed, step), [images, ...mask.shape])),
  ];
}
