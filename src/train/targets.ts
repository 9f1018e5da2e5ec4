/** Labels as what an output is to be, and outputs as labels. */
import { diagnostic, type Diagnostic } from '../compiler/diagnostic.js';
import type { Activation } from './recipe.js';

/** An output of the model that is trained. */
export interface TrainedOutput {
  readonly name: string;
  readonly activation: Activation;
  readonly channels: number;
}

/** How many classes an output tells apart: a sigmoid has the background beside its channels. */
export function classesOf({ activation, channels }: TrainedOutput): number {
  return activation === 'sigmoid' ? channels + 1 : channels;
}

/** Whether labels of so many classes fit; a sigmoid of one channel takes all but background for one. */
export function classProblem(
  output: TrainedOutput,
  classes: readonly string[],
): Diagnostic | undefined {
  if (output.activation === 'sigmoid' && output.channels === 1) return undefined;
  const wanted = classesOf(output);
  if (classes.length === wanted) return undefined;
  const channels = classes.length - (output.activation === 'sigmoid' ? 1 : 0);
  const has = `\`${output.name}\` has ${output.channels} channels with ${output.activation}`;
  return diagnostic(
    'data-mismatch',
    `${has}, which is ${wanted} classes, and the data has ${classes.length}: ${classes.join(', ')}`,
    { hints: [`give the output ${channels} channels, where the model has a parameter for them`] },
  );
}

/** `[pixels, channels]` of 0 and 1. */
export function targetOf(labels: Uint8Array, output: TrainedOutput): Float32Array {
  const { activation, channels } = output;
  if (activation === 'sigmoid' && channels === 1) {
    return Float32Array.from(labels, (label) => Number(label > 0));
  }
  const first = activation === 'sigmoid' ? 1 : 0;
  const target = new Float32Array(labels.length * channels);
  labels.forEach((label, i) => {
    if (label >= first) target[i * channels + label - first] = 1;
  });
  return target;
}

/**
 * The class of each pixel out of what comes before the activation: of a softmax the largest; of a
 * sigmoid the largest that is at least 0 (a probability of one half), else the background.
 */
export function predictedLabels(logits: Float32Array, output: TrainedOutput): Uint8Array {
  const { activation, channels } = output;
  const first = activation === 'sigmoid' ? 1 : 0;
  const labels = new Uint8Array(logits.length / channels);
  for (let i = 0; i < labels.length; i++) {
    let best = 0;
    for (let c = 1; c < channels; c++) {
      if ((logits[i * channels + c] ?? 0) > (logits[i * channels + best] ?? 0)) best = c;
    }
    labels[i] = first === 1 && (logits[i * channels + best] ?? 0) < 0 ? 0 : first + best;
  }
  return labels;
}

/** Labels as classes of the output: where one channel stands for all but the background, 0 and 1. */
export function truthLabels(labels: Uint8Array, output: TrainedOutput): Uint8Array {
  return classesOf(output) === 2 ? labels.map((label) => Math.min(1, label)) : labels;
}
