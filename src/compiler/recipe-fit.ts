/** Whether a recipe fits the model that it trains: its losses the outputs, its data the input. */
import { DRAWN_SETS } from '../data/dataset.js';
import type { Activation, DataSource, LossTerm } from '../train/recipe.js';
import type { Diagnostic } from './diagnostic.js';
import { diagnostic } from './diagnostic.js';
import { inputName, type Graph, type Node, type Output, type Value } from './ir.js';
import { axisIndex } from './ops/axes.js';
import type { SaidTerm } from './recipe-loss.js';
import { equal, formatDim, formatShape } from './shape.js';
import type { Span } from './source.js';

/** An output that a loss judges. */
export interface JudgedOutput {
  readonly output: Output;
  readonly activation: Activation;
  /** What flows into the activation: a loss that is computed from it is fused with the activation. */
  readonly logits: Value;
}

/** The outputs that the terms judge, each once, in the order of the graph. They fit: see `checkLoss`. */
export function judgedOutputs(
  graph: Graph,
  terms: readonly Pick<LossTerm, 'output'>[],
): readonly JudgedOutput[] {
  return graph.outputs.flatMap((output) => {
    if (!terms.some((term) => term.output === output.name)) return [];
    const found = activationOf(output.value);
    return found === undefined ? [] : [{ output, ...found }];
  });
}

/** The node that makes a value, those that change nothing aside. */
function makerOf({ definition }: Value): Node | undefined {
  if (definition.kind !== 'result') return undefined;
  const { node } = definition;
  const [operand] = node.operands;
  return node.op === 'identity' && operand !== undefined ? makerOf(operand) : node;
}

/** The sigmoid, or softmax over channels, that a value ends in. */
export function activationOf(
  value: Value,
): { readonly activation: Activation; readonly logits: Value } | undefined {
  const node = makerOf(value);
  const [logits] = node?.operands ?? [];
  if (node === undefined || logits === undefined) return undefined;
  if (node.op === 'sigmoid') return { activation: 'sigmoid', logits };
  if (node.op !== 'softmax') return undefined;
  const { axis } = node.attributes;
  const rank = logits.type.shape.length;
  const isOverChannels = typeof axis === 'number' && axisIndex(axis, rank) === rank - 1;
  return isOverChannels ? { activation: 'softmax', logits } : undefined;
}

/** What keeps a model from being trained by a recipe at all; `at` is where the recipe names it. */
export function checkModel(graph: Graph, at: Span): Diagnostic | undefined {
  const [input] = graph.inputs;
  if (graph.inputs.length > 1) {
    const names = graph.inputs.map((i) => `\`${inputName(i)}\``).join(', ');
    return diagnostic(
      'untrainable-model',
      `a recipe trains models with one input, and \`${graph.name}\` has ${graph.inputs.length}: ${names}`,
      { span: at, hints: ['concatenate the images as channels of one input'] },
    );
  }
  if (input === undefined || input.type.shape.length === 3) return undefined;
  return diagnostic(
    'untrainable-model',
    `a recipe trains on images [H, W, C], and \`${inputName(input)}\` of \`${graph.name}\` is ` +
      formatShape(input.type.shape),
    { span: at, labels: spanOfInput(input) },
  );
}

function spanOfInput({ definition }: Value): { span: Span; message: string }[] {
  return definition.kind === 'input' ? [{ span: definition.span, message: 'the input' }] : [];
}

/** Whether the input has the channels that the drawn images have. */
export function checkChannels(graph: Graph, data: DataSource, at: Span): Diagnostic | undefined {
  const [input] = graph.inputs;
  const wanted = input?.type.shape.at(-1);
  if (data.kind === 'given' || input === undefined || wanted === undefined) return undefined;
  const channels = DRAWN_SETS[data.kind].channels.length;
  if (wanted === channels) return undefined;
  const other = data.kind === 'membranes' ? 'tumours' : 'membranes';
  const hint =
    wanted === DRAWN_SETS[other].channels.length
      ? `write \`data = ${other}(…)\`, or train a model with \`channels = ${channels}\``
      : `train a model with ${channels} in place of ${formatDim(wanted)}, or write \`data = given\``;
  return diagnostic(
    'recipe-mismatch',
    `\`${data.kind}\` draws images with ${channels} ${channels === 1 ? 'channel' : 'channels'}, and ` +
      `\`${inputName(input)}\` of \`${graph.name}\` takes ${formatDim(wanted)}`,
    { span: at, labels: spanOfInput(input), hints: [hint] },
  );
}

/** Whether each term fits the shape and the activation of the output that it judges. */
export function checkLoss(
  graph: Graph,
  terms: readonly SaidTerm[],
  data: DataSource | undefined,
): readonly Diagnostic[] {
  return terms.flatMap((term) => {
    const output = graph.outputs.find((o) => o.name === term.output);
    return output === undefined ? [] : (checkTerm(graph, term, output, data) ?? []);
  });
}

function checkTerm(
  graph: Graph,
  { value: loss, span }: SaidTerm,
  output: Output,
  data: DataSource | undefined,
): Diagnostic | undefined {
  const name = `\`${output.name}\``;
  const refuse = (message: string, ...hints: string[]): Diagnostic =>
    diagnostic('loss-mismatch', message, {
      span,
      labels: [{ span: output.span, message: 'the output' }],
      hints,
    });
  const { shape } = output.value.type;
  const image = graph.inputs[0]?.type.shape ?? [];
  const [height, width, channels] = shape;
  if (shape.length !== 3 || height === undefined || width === undefined) {
    return refuse(`a loss judges images [H, W, C], and ${name} is ${formatShape(shape)}`);
  }
  const sameSize = [height, width].every((dim, i) => equal(dim, image[i] ?? Number.NaN));
  if (!sameSize) {
    return refuse(
      `${name} is ${formatShape(shape)}, and the labels are as large as the image, ${formatShape(image)}`,
      'bring the output to the size of the image: `upsample`, or `resize(image.height, image.width)`',
    );
  }
  const found = activationOf(output.value);
  if (found === undefined) return refuse(...withoutActivation(loss.kind, output));
  const { activation } = found;
  const kind = `\`${loss.kind}\``;
  if (loss.kind === 'bce' && activation === 'softmax') {
    return refuse(
      `${kind} judges a sigmoid, and ${name} ends in softmax`,
      `write \`cross_entropy(${output.name})\`, or end ${name} with \`-> sigmoid\``,
    );
  }
  if (loss.kind === 'cross_entropy' && activation === 'sigmoid') {
    return refuse(
      `${kind} judges a softmax over two channels or more, and ${name} ends in sigmoid`,
      `write \`bce(${output.name})\`, or end ${name} with \`-> softmax\``,
    );
  }
  if (activation === 'softmax' && channels === 1) {
    return refuse(
      `${name} has one channel, where softmax is always 1`,
      'give it a channel for each class, the background too, or end it with `-> sigmoid`',
    );
  }
  if (loss.kind === 'cross_entropy' && loss.classes !== undefined) {
    const { length } = loss.classes;
    if (length !== channels) {
      return refuse(
        `${kind} has ${length} weights for the ${formatDim(channels ?? 0)} channels of ${name}`,
        'give a weight for each channel, that of the background first',
      );
    }
  }
  if (data === undefined || data.kind === 'given' || typeof channels !== 'number') return undefined;
  // Labels may be merged: everything but the background, as one class.
  const background = activation === 'softmax' ? 0 : 1;
  const fitting = [...new Set([2 - background, DRAWN_SETS[data.kind].classes.length - background])];
  if (fitting.includes(channels)) return undefined;
  return refuse(
    `\`${data.kind}\` has labels for ${fitting.join(' or ')} ${channelsOf(activation, fitting)}, and ` +
      `${name} has ${channels}`,
    `train a model with ${fitting.at(-1) ?? 1} in place of ${channels}`,
  );
}

function channelsOf(activation: Activation, counts: readonly number[]): string {
  const noun = counts.at(-1) === 1 ? 'channel' : 'channels';
  return activation === 'softmax' ? `${noun} of a softmax` : `${noun} of a sigmoid`;
}

/** Message and hint for an output that ends in something else. */
function withoutActivation(loss: LossName, output: Output): [message: string, hint: string] {
  const wanted =
    { bce: 'sigmoid', cross_entropy: 'softmax' }[loss as string] ?? 'sigmoid or softmax';
  const node = makerOf(output.value);
  const end = node === undefined ? 'is an input' : `ends in \`${node.op}\``;
  const [before] = node?.operands ?? [];
  const isLater = before !== undefined && activationOf(before) !== undefined;
  const word = wanted === 'softmax' ? 'softmax' : 'sigmoid';
  return [
    `\`${loss}\` judges a ${wanted}, and \`${output.name}\` ${end}`,
    isLater
      ? `move \`${makerOf(before)?.op ?? word}\` to the end of the output`
      : `end it with \`-> ${word}\``,
  ];
}

type LossName = SaidTerm['value']['kind'];
