/** A graph as a kernel plan: the backend's one entry. */
import { diagnostic, type Diagnostic } from '../../compiler/diagnostic.js';
import { groupDigits } from '../../compiler/constant.js';
import { evaluateNode } from '../../compiler/interpret.js';
import {
  inputName,
  type Graph,
  type Node,
  type Output,
  type Tensor,
  type Value,
  type WeightValues,
} from '../../compiler/ir.js';
import { MAX_TENSOR_BYTES } from '../../compiler/passes/split-large.js';
import { nodesIn } from '../../compiler/passes/kernel.js';
import { formatDim, symbolsOf } from '../../compiler/shape.js';
import { placeTensors, MAX_BUFFER_BYTES } from '../../webgpu/arena.js';
import {
  PLAN_FORMAT,
  PLAN_VERSION,
  type Plan,
  type PlanPort,
  type PlanSymbol,
  type PlanTensor,
  type Size,
} from '../../webgpu/plan.js';
import {
  createEmitter,
  type Activation,
  type Draft,
  type Emitter,
  type TensorDraft,
} from './emitter.js';
import { assemble, type PlanFile } from './assemble.js';
import type { ModelMetadata } from '../metadata.js';
import { copyTo } from './gather.js';
import { MAX_HALF, type Precision } from './half.js';
import { legalize } from './legalize.js';
import { lowerNode } from './lower.js';
import { product, sizesOf, times } from './size.js';

interface WgslOptions {
  /** Batch and symbolic sizes stay free, to be chosen when the plan is loaded; else the batch is 1. */
  readonly dynamic?: boolean;
  /** Of the kernels of convolutions and dense layers; `f32` by default. */
  readonly precision?: Precision;
  readonly metadata: ModelMetadata;
  /** Learned elements of the model as the source has it. */
  readonly params: number;
}

export type EmittedWgsl =
  | { readonly ok: true; readonly plan: Plan; readonly files: readonly [PlanFile, ...PlanFile[]] }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/**
 * The files of a plan: `plan.json`, `weights.bin` and the shaders. Without `dynamic`, every size of
 * the graph is a number (see `specialize`). Diagnostics: `tensor-too-large` where a tensor is beyond
 * what every device binds, `weight-range` where a weight is beyond what float16 holds. The bytes depend on the arguments alone.
 */
export async function emitWgsl(
  given: Graph,
  weights: WeightValues,
  options: WgslOptions,
): Promise<EmittedWgsl> {
  const graph = legalize(given, weights);
  const unsupported = graph.nodes.flatMap(nodesIn).flatMap(unknownChannels);
  if (unsupported.length > 0) return { ok: false, diagnostics: unsupported };
  const symbols = options.dynamic === true ? planSymbols(graph) : [];
  const batch: Size = symbols[0]?.name ?? 1;
  const values = new Map(weights);
  const e = createEmitter(batch, values, options.precision ?? 'f32');
  for (const value of graph.inputs) {
    e.makeInput(value, inputName(value));
  }
  for (const node of graph.nodes) {
    if (node.results.every(({ type }) => !type.batched) && foldNode(e, node)) continue;
    lowerNode(e, node);
  }
  const outputs = outputPlaces(e, graph).map(([{ name, doc, value }, { tensor }]): PlanPort => ({
    name,
    doc,
    dtype: 'f32',
    shape: portShape(value, batch),
    tensor,
  }));
  const inputs = graph.inputs.map((value): PlanPort => {
    const place = e.place(value);
    if (value.definition.kind !== 'input' || place.kind !== 'tensor') throw new Error('no input');
    const { name, doc } = value.definition;
    return { name, doc, dtype: 'f32', shape: portShape(value, batch), tensor: place.tensor };
  });
  const { draft } = e;
  const problems = [...tooLarge(draft), ...beyondHalf(draft)];
  if (problems.length > 0) return { ok: false, diagnostics: problems };
  const { version, sourceSha256, weights: origin } = options.metadata;
  const { plan, files } = await assemble(draft, {
    format: PLAN_FORMAT,
    version: PLAN_VERSION,
    generator: `archc ${version}`,
    model: graph.name,
    doc: graph.doc,
    sourceSha256,
    weightsOrigin: 'seed' in origin ? `seed ${origin.seed}` : origin.file,
    params: options.params,
    symbols,
    inputs,
    outputs,
    ...placed(draft),
  });
  return { ok: true, plan, files };
}

/** Pools compute four channels at a time, and so have to know how many there are. */
function unknownChannels({ op, origin, results: [result] }: Node): Diagnostic[] {
  const channels = result?.type.shape.at(-1) ?? 1;
  if ((op !== 'maxpool' && op !== 'avgpool') || typeof channels === 'number') return [];
  const size = formatDim(channels);
  const message = `a kernel of \`${op}\` has to know the channels, and they are \`${size}\``;
  const hints = ['give the channels of the input a number', 'or leave `--dynamic` away'];
  return [diagnostic('unsupported-operator', message, { span: origin.span, hints })];
}

/** A tensor for each output, which holds it to the end. */
function outputPlaces(e: Emitter, graph: Graph): readonly (readonly [Output, Activation])[] {
  const taken = new Set(graph.inputs.map((value) => JSON.stringify(e.place(value))));
  const places = graph.outputs.map((output) => {
    const { value } = output;
    const place = e.place(value);
    const key = JSON.stringify(place);
    if (place.kind === 'tensor' && !taken.has(key)) {
      taken.add(key);
      return [output, place] as const;
    }
    // An input, a constant, or another output: each output has a place of its own.
    const { definition } = value;
    if (definition.kind !== 'result') throw new Error(`the output ${output.name} has no node`);
    const copy = copyTo(e, definition.node, value, place);
    taken.add(JSON.stringify(copy));
    return [output, copy] as const;
  });
  for (const [, place] of places) e.keep(place);
  return places;
}

function portShape({ type }: Value, batch: Size): readonly Size[] {
  return type.batched ? [batch, ...sizesOf(type.shape)] : sizesOf(type.shape);
}

/** The batch first, under a name that no size has; then the sizes. */
function planSymbols(graph: Graph): PlanSymbol[] {
  const known = new Map(
    graph.inputs.flatMap(({ type }) => type.shape.flatMap((dim) => [...symbolsOf(dim)])),
  );
  const defaults = new Map(graph.symbols.map((s) => [s.symbol.name, s.defaultSize]));
  const name = ['batch', 'images', 'batch_size'].find((each) => !known.has(each)) ?? 'batch_';
  const largest = 2 ** 31 - 1;
  return [
    { name, default: 1, min: 1, max: largest, modulus: 1, remainder: 0 },
    ...[...known.values()].map(({ name: own, min, max, modulus, remainder }): PlanSymbol => {
      const size = defaults.get(own);
      return {
        name: own,
        ...(size === undefined ? {} : { default: size }),
        min,
        max: Math.min(max, largest),
        modulus,
        remainder,
      };
    }),
  ];
}

/** A node of weights and constants alone is computed here, by the interpreter. */
function foldNode(e: Emitter, node: Node): boolean {
  if (node.operands.some(({ type }) => type.batched)) return false;
  let operands: readonly Tensor[];
  try {
    operands = node.operands.map((value) => e.tensor(value));
  } catch {
    // An input that has no batch.
    return false;
  }
  const results = evaluateNode(node, operands);
  node.results.forEach((value, i) => {
    const tensor = results[i];
    if (tensor !== undefined) e.fix(value, tensor);
  });
  return true;
}

/** Places in the arena, where sizes are known. */
function placed({ tensors }: Draft): Pick<Plan, 'tensors' | 'arena'> {
  const all = tensors.map((t): PlanTensor => ({
    name: t.name,
    bytes: bytesOf(t),
    first: t.first,
    last: t.last,
  }));
  const sizes = all.map(({ bytes }) => bytes);
  if (!sizes.every((bytes) => typeof bytes === 'number')) return { tensors: all };
  const { places, buffers } = placeTensors(
    all.map(({ first, last }, i) => ({ first, last, bytes: sizes[i] ?? 0 })),
    MAX_BUFFER_BYTES,
  );
  return {
    tensors: all.map((tensor, i) => {
      const place = places[i];
      return place === undefined ? tensor : { ...tensor, place };
    }),
    arena: buffers,
  };
}

function bytesOf({ elements }: TensorDraft): Size {
  return times(4, elements);
}

/** Kernels that are to be kept as float16 and have numbers that it does not hold. */
function beyondHalf({ constants }: Draft): Diagnostic[] {
  return constants.flatMap(({ name, precision, data }) => {
    const wrong =
      precision === 'f16' ? data.find((value) => !(Math.abs(value) <= MAX_HALF)) : undefined;
    if (wrong === undefined) return [];
    return [
      diagnostic(
        'weight-range',
        `\`${name}\` has the value ${wrong}, and float16 holds ${-MAX_HALF} to ${MAX_HALF}`,
        { hints: ['leave `--precision f16` away, or look why the weights are so large'] },
      ),
    ];
  });
}

function tooLarge({ tensors }: Draft): Diagnostic[] {
  // One call may make several, all under its name: the largest says enough.
  const largest = new Map<string, { readonly tensor: TensorDraft; readonly bytes: number }>();
  for (const tensor of tensors) {
    const bytes = product([bytesOf(tensor)]);
    if (typeof bytes !== 'number' || bytes <= MAX_TENSOR_BYTES) continue;
    const known = largest.get(tensor.name);
    if (known === undefined || known.bytes < bytes) largest.set(tensor.name, { tensor, bytes });
  }
  return Array.from(largest.values(), ({ tensor: { name, origin }, bytes }) =>
    diagnostic(
      'tensor-too-large',
      `\`${name}\` takes ${groupDigits(bytes)} bytes, a device need not bind more than 128 MiB at once, and this is not split by its channels`,
      {
        span: origin?.span,
        hints: ['make the image smaller with `--size`, and run larger ones in tiles'],
      },
    ),
  );
}
