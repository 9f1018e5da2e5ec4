/**
 * The graph that is trained: outputs before their activation, which the loss is fused with, and
 * dropout as a product with masks that are inputs. So what is dropped depends on seed and step alone,
 * on every engine, and a run that is resumed drops what it would have dropped.
 */
import { diagnostic, type Diagnostic, type Outcome } from '../compiler/diagnostic.js';
import { inputName, type Graph, type Node, type Output } from '../compiler/ir.js';
import { didYouMean } from '../compiler/names.js';
import { elementCount } from '../compiler/ops/tensor.js';
import { removeDeadCode } from '../compiler/passes/dead-code.js';
import { removeDropout } from '../compiler/passes/remove-dropout.js';
import { rewriteGraph } from '../compiler/rewrite.js';
import { activationOf } from '../compiler/recipe-fit.js';
import { formatShape, staticShape } from '../compiler/shape.js';
import { uniformStream } from '../weights/random.js';
import type { TrainedOutput } from './targets.js';

/** What an image is multiplied by: 0 with probability `rate`, else 1 / (1 − rate). */
interface Mask {
  /** Of the input. */
  readonly name: string;
  /** Without the batch. */
  readonly shape: readonly number[];
  readonly rate: number;
}

export interface TrainingGraph {
  readonly graph: Graph;
  readonly masks: readonly Mask[];
  /** In the order of the graph's outputs. */
  readonly outputs: readonly TrainedOutput[];
}

/** A graph at its sizes for training on some of its outputs. Diagnostics: `untrainable-model`. */
export function trainingGraph(graph: Graph, names: readonly string[]): Outcome<TrainingGraph> {
  const logits = logitsOf(graph, names);
  if (!logits.ok) return logits;
  const masks: Mask[] = [];
  const masked = rewriteGraph(logits.value.graph, (node, operands, builder) => {
    const [x] = operands;
    if (!isDropout(node) || x === undefined) return undefined;
    const rate = Number(node.attributes['rate']);
    if (rate === 0) return [x];
    const whole = staticShape(x.type.shape);
    const shape =
      node.op === 'spatialdropout' ? whole.map((n, i) => (i < whole.length - 1 ? 1 : n)) : whole;
    const name = `mask.${node.origin.path}`;
    masks.push({ name, shape, rate });
    const type = { dtype: 'f32', shape, batched: true } as const;
    return builder.apply('mul', [x, builder.input(name, type, '', node.origin.span)]);
  });
  return { ok: true, value: { graph: masked, masks, outputs: logits.value.outputs } };
}

/** The same for whole images: nothing is dropped. */
export function evaluationGraph(graph: Graph, names: readonly string[]): Outcome<TrainingGraph> {
  const logits = logitsOf(graph, names);
  if (!logits.ok) return logits;
  const whole = removeDropout({ graph: logits.value.graph, weights: undefined }).graph;
  return { ok: true, value: { graph: whole, masks: [], outputs: logits.value.outputs } };
}

/** Mask values of a batch, `[images, …shape]`. */
export function drawMask(
  { name, shape, rate }: Mask,
  images: number,
  seed: number,
  step: number,
): Float32Array {
  const uniform = uniformStream(seed, `${name}/${step}`);
  const kept = 1 / (1 - rate);
  return Float32Array.from({ length: images * elementCount(shape) }, () =>
    uniform() < rate ? 0 : kept,
  );
}

function isDropout({ op }: Node): boolean {
  return op === 'dropout' || op === 'spatialdropout';
}

interface Logits {
  readonly graph: Graph;
  readonly outputs: readonly TrainedOutput[];
}

function logitsOf(graph: Graph, names: readonly string[]): Outcome<Logits> {
  const diagnostics: Diagnostic[] = [];
  const [image, ...others] = graph.inputs;
  if (image === undefined || others.length > 0) {
    const list = graph.inputs.map(inputName).join(', ');
    const message = `\`${graph.name}\` has ${graph.inputs.length} inputs (${list}), and a dataset has one image`;
    diagnostics.push(
      diagnostic('untrainable-model', message, { hints: ['join them in one input'] }),
    );
  }
  const outputs: Output[] = [];
  const trained: TrainedOutput[] = [];
  for (const name of new Set(names)) {
    const output = graph.outputs.find((each) => each.name === name);
    if (output === undefined) {
      const known = graph.outputs.map((each) => each.name);
      diagnostics.push(
        diagnostic('untrainable-model', `\`${graph.name}\` has no output \`${name}\``, {
          hints: [...didYouMean(name, known), `its outputs are ${known.join(', ')}`],
        }),
      );
      continue;
    }
    const found = activationOf(output.value);
    const problem = found === undefined ? undefined : placeProblem(graph, output);
    if (found === undefined || problem !== undefined) {
      diagnostics.push(problem ?? withoutActivation(output));
      continue;
    }
    outputs.push({ ...output, value: found.logits });
    const channels = Number(output.value.type.shape.at(-1));
    trained.push({ name, activation: found.activation, channels });
  }
  if (diagnostics.length > 0) return { ok: false, diagnostics };
  const live = removeDeadCode({ graph: { ...graph, outputs }, weights: undefined }).graph;
  return { ok: true, value: { graph: live, outputs: trained } };
}

function withoutActivation({ name, value, span }: Output): Diagnostic {
  const op = value.definition.kind === 'result' ? value.definition.node.op : undefined;
  const ends = op === undefined ? 'is an input' : `ends in \`${op}\``;
  const message = `\`${name}\` ${ends}, and what is trained ends in sigmoid, or in softmax over the channels`;
  return diagnostic('untrainable-model', message, {
    span,
    hints: ['add `-> sigmoid` to the output'],
  });
}

/** A class for each pixel of the image: the output is as high and wide. */
function placeProblem(graph: Graph, { name, value, span }: Output): Diagnostic | undefined {
  const [height = 1, width = 1] = graph.inputs[0]?.type.shape ?? [];
  const { shape } = value.type;
  if (shape.length === 3 && shape[0] === height && shape[1] === width) return undefined;
  const message = `\`${name}\` is ${formatShape(shape)}, and labels are a class for each pixel of the image, ${formatShape([height, width])}`;
  return diagnostic('untrainable-model', message, { span });
}
