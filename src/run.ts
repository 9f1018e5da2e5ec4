/** Compiles a model in memory and runs it on an engine. */
import {
  examineModel,
  openModel,
  sizedGraph,
  type ModelRequest,
  type OpenModel,
  type Reported,
  type WeightOrigin,
  type WeightRequest,
} from './compile.js';
import type { SizeRequest } from './compiler/check.js';
import { diagnostic, hasErrors, type Diagnostic, type Outcome } from './compiler/diagnostic.js';
import { inputName, type Graph, type Tensor, type Value } from './compiler/ir.js';
import type { Host } from './compiler/modules.js';
import { didYouMean } from './compiler/names.js';
import { canTile, fittingSize } from './compiler/recipe-size.js';
import { equalShapes, formatDim, formatShape, isSymbolic, type Sizes } from './compiler/shape.js';
import type { Source, Span } from './compiler/source.js';
import { ENGINE_OPENERS, type EngineName } from './engines/open.js';
import { runTiled } from './run-tiles.js';

export { ENGINES, type EngineName } from './engines/open.js';

/** What flows into an input of the model. */
export interface RunInput {
  /** The input's name; may be left out where the model has one. */
  readonly name?: string | undefined;
  /** Of the input's shape (channels last), or with a batch in front of it; `[H, W]` does for `[H, W, 1]`. */
  readonly tensor: Tensor;
  /** What messages call it: the name of its file. */
  readonly label: string;
  /** Where it was asked for, to point at. */
  readonly span?: Span | undefined;
}

interface InputRequest extends ModelRequest {
  /** Runs images in overlapping tiles of this side, for models whose outputs are as large as they. */
  readonly tile?: number | undefined;
  /** Where the tile was asked for, to point at. */
  readonly tileSpan?: Span | undefined;
}

export interface RunOptions extends InputRequest, WeightRequest {
  /** `onnx` by default. */
  readonly engine?: EngineName | undefined;
  /** Asked once the model is known and before anything runs; an error stops it there. */
  readonly accept?: ((graph: Graph) => readonly Diagnostic[]) | undefined;
}

export interface RunResult {
  /** The model's name. */
  readonly name: string;
  readonly engine: { readonly name: string; readonly version: string };
  /** `[N, …]` by the name of the output. */
  readonly outputs: ReadonlyMap<string, Tensor>;
  readonly weights: WeightOrigin;
  /** Of the inference alone, without compiling and loading. */
  readonly milliseconds: number;
}

/**
 * Runs a model. Its sizes follow from the inputs unless `sizes` are given, and facts and claims are
 * checked at those. Diagnostics: those of `check`, `unknown-input` and `input-mismatch`, those of
 * weights and of engines.
 */
export async function run(
  entry: Source,
  host: Host,
  inputs: readonly RunInput[],
  options: RunOptions = {},
): Promise<Reported<RunResult>> {
  const opened = openOnInputs(entry, host, inputs, options);
  if (opened.value === undefined) return { value: undefined, diagnostics: opened.diagnostics };
  const { model, graph, tensors } = opened.value;
  const stop = (more: readonly Diagnostic[]): Reported<never> => ({
    value: undefined,
    diagnostics: [...opened.diagnostics, ...more],
  });
  const remarks = options.accept?.(graph) ?? [];
  if (hasErrors(remarks)) return stop(remarks);

  const ready = await ENGINE_OPENERS[options.engine ?? 'onnx'](model, graph, options);
  if (!ready.ok) return stop(ready.diagnostics);
  const { engine, weights } = ready.value;
  const start = performance.now();
  const report = (done: number, total: number): void =>
    options.onProgress?.('running', done, total);
  const { tile } = options;
  const outputs =
    tile === undefined
      ? await engine.run(tensors, report)
      : await runTiled(engine, tensors, tile, report);
  const milliseconds = performance.now() - start;
  await engine.dispose();
  if (!outputs.ok) return stop(outputs.diagnostics);
  const { name, version } = engine;
  return {
    value: {
      name: model.name,
      engine: { name, version },
      outputs: outputs.value,
      weights,
      milliseconds,
    },
    diagnostics: [...opened.diagnostics, ...remarks],
  };
}

/** A model with what flows into it. */
export interface ModelOnInputs {
  readonly model: OpenModel;
  /** At the sizes of the inputs, or those asked for. */
  readonly graph: Graph;
  /** Every input by name, with its batch. */
  readonly tensors: ReadonlyMap<string, Tensor>;
}

/** Opens a model at the sizes of what flows into it. Diagnostics: as `run`, up to its engine. */
export function openOnInputs(
  entry: Source,
  host: Host,
  inputs: readonly RunInput[],
  options: InputRequest,
): Reported<ModelOnInputs> {
  const { value, diagnostics } = openForInputs(entry, host, inputs, options);
  if (value === undefined) return { value: undefined, diagnostics };
  const { model, given } = value;
  const graph = sizedGraph(model);
  const take = options.tile === undefined ? batchInputs : wholeImages;
  const tensors = graph.ok ? take(graph.value, given) : graph;
  if (!graph.ok || !tensors.ok) {
    const more = tensors.ok ? [] : tensors.diagnostics;
    return { value: undefined, diagnostics: [...diagnostics, ...more] };
  }
  return { value: { model, graph: graph.value, tensors: tensors.value }, diagnostics };
}

type Given = ReadonlyMap<Value, RunInput>;

/** The model at the sizes of what flows into it. */
function openForInputs(
  entry: Source,
  host: Host,
  inputs: readonly RunInput[],
  options: InputRequest,
): Reported<{ readonly model: OpenModel; readonly given: Given }> {
  // Once to know the inputs and their symbols; then at the sizes of what flows in.
  const first = examineModel(entry, host, options);
  const fail = (diagnostics: readonly Diagnostic[]): Reported<never> => ({
    value: undefined,
    diagnostics,
  });
  if (first.model === undefined) return fail(first.diagnostics);
  const given = assignInputs(first.model.graph, inputs);
  if (!given.ok) return fail(given.diagnostics);
  const empty = inputs.filter(({ tensor }) => tensor.data.length === 0).map(nothingIn);
  if (empty.length > 0) return fail(empty);
  const { graph } = first.model;
  const { tile, tileSpan } = options;
  if (tile !== undefined && graph.inputs.length !== 1) {
    const message = `tiles are for models with one input, and \`${graph.name}\` has ${graph.inputs.length}`;
    return fail([
      diagnostic('tile-mismatch', message, { span: tileSpan, hints: ['leave out `--tile`'] }),
    ]);
  }
  const span =
    tile === undefined ? inputs.find((input) => input.span !== undefined)?.span : tileSpan;
  const at = span === undefined ? {} : { span };
  const found = tile === undefined ? sizesOf(graph, given.value) : undefined;
  if (found?.ok === false) return fail(found.diagnostics);
  const ofInputs: SizeRequest =
    found === undefined ? { image: [tile ?? 0, tile ?? 0], ...at } : { named: found.value, ...at };
  const { value: model, diagnostics } = openModel(entry, host, {
    ...options,
    sizes: options.sizes ?? ofInputs,
  });
  if (model === undefined) {
    return fail(options.sizes === undefined ? withFix(diagnostics, graph, ofInputs) : diagnostics);
  }
  return { value: { model, given: nameInputs(model.graph, given.value) }, diagnostics };
}

/** What to do with an image, or a tile, of a size that the model does not take. */
function withFix(
  diagnostics: readonly Diagnostic[],
  graph: Graph,
  { named, image }: SizeRequest,
): readonly Diagnostic[] {
  const [height = 0, width = 0] = image ?? graph.symbols.map(({ name }) => named?.get(name) ?? 0);
  const fitting = fittingSize(graph, [height, width]);
  if (fitting === undefined) return diagnostics;
  const side = Math.min(...fitting);
  const fixes =
    image === undefined
      ? [
          `crop or pad the image to ${fitting.join(' × ')}`,
          ...(canTile(graph) ? [`or run it in tiles: \`--tile ${side}\``] : []),
        ]
      : [`a tile that fits: \`--tile ${side}\``];
  return diagnostics.map((d) =>
    d.code === 'fact-broken' ? { ...d, hints: [...d.hints, ...fixes] } : d,
  );
}

/** Each input of the model with what flows into it. */
function assignInputs(graph: Graph, inputs: readonly RunInput[]): Outcome<Given> {
  const names = graph.inputs.map(inputName);
  const given = new Map<Value, RunInput>();
  const diagnostics: Diagnostic[] = [];
  const say = (input: RunInput | undefined, message: string, hints: readonly string[]): void => {
    diagnostics.push(diagnostic('unknown-input', message, { span: input?.span, hints }));
  };
  for (const input of inputs) {
    const name = input.name ?? (names.length === 1 ? names[0] : undefined);
    const value = graph.inputs.find((each) => inputName(each) === name);
    if (name === undefined) {
      say(input, `\`${graph.name}\` has ${names.length} inputs: for which is ${input.label}?`, [
        `say it: ${names.map((each) => `\`--input ${each}=FILE\``).join(', ')}`,
      ]);
    } else if (value === undefined) {
      const near = didYouMean(name, names);
      say(input, `\`${graph.name}\` has no input \`${name}\``, [
        ...near,
        `its inputs are ${names.join(', ')}`,
      ]);
    } else if (given.has(value)) {
      say(input, `input \`${name}\` is given twice`, []);
    } else {
      given.set(value, input);
    }
  }
  if (diagnostics.length === 0) {
    for (const value of graph.inputs) {
      if (given.has(value)) continue;
      const name = inputName(value);
      say(undefined, `nothing is given for input \`${name}\``, [`add \`--input ${name}=FILE\``]);
    }
  }
  return diagnostics.length === 0 ? { ok: true, value: given } : { ok: false, diagnostics };
}

/** The same for another graph of the same model, by name. */
function nameInputs(graph: Graph, given: Given): Given {
  const byName = new Map([...given].map(([value, input]) => [inputName(value), input]));
  return new Map(
    graph.inputs.flatMap((value) => {
      const input = byName.get(inputName(value));
      return input === undefined ? [] : [[value, input] as const];
    }),
  );
}

/** The sizes of symbols for which the inputs have the shapes of what flows in. */
function sizesOf(graph: Graph, given: Given): Outcome<Sizes> {
  const sizes = new Map<string, number>();
  for (const [value, input] of given) {
    const shape = imageShape(value, input);
    if (shape === undefined) return { ok: false, diagnostics: [mismatch(value, input)] };
    for (const [axis, dim] of value.type.shape.entries()) {
      const size = shape[axis] ?? 0;
      if (!isSymbolic(dim)) {
        if (dim !== size) return { ok: false, diagnostics: [mismatch(value, input)] };
        continue;
      }
      // Of symbols that a fact makes equal, each has an axis of its own: whether the sizes are
      // equal too is for the fact to say.
      const symbol = graph.symbols.find(
        (s) => formatDim(dim) === s.symbol.name && !sizes.has(s.name),
      );
      if (symbol !== undefined) sizes.set(symbol.name, size);
    }
  }
  return { ok: true, value: sizes };
}

/** The shape of one image of an input, undefined where its axes are not those of the model. */
function imageShape(value: Value, { tensor }: RunInput): readonly number[] | undefined {
  const { shape } = tensor;
  const rank = value.type.shape.length;
  if (shape.length === rank) return shape;
  if (shape.length === rank + 1) return shape.slice(1);
  return shape.length === rank - 1 && value.type.shape.at(-1) === 1 ? [...shape, 1] : undefined;
}

/** Every input by name, with its batch. */
function batchInputs(graph: Graph, given: Given): Outcome<ReadonlyMap<string, Tensor>> {
  const byName = nameInputs(graph, given);
  const tensors = new Map<string, Tensor>();
  for (const [value, input] of byName) {
    const { tensor } = input;
    const shape = imageShape(value, input);
    if (shape === undefined || !equalShapes(shape, value.type.shape)) {
      return { ok: false, diagnostics: [mismatch(value, input)] };
    }
    const images = tensor.shape.length > shape.length ? (tensor.shape[0] ?? 0) : 1;
    tensors.set(inputName(value), { shape: [images, ...shape], data: tensor.data });
  }
  const counts = new Set([...tensors.values()].map(({ shape }) => shape[0]));
  if (counts.size <= 1) return { ok: true, value: tensors };
  const list = [...tensors].map(([name, { shape }]) => `${shape[0]} for \`${name}\``).join(', ');
  const message = `the inputs have different numbers of images: ${list}`;
  return { ok: false, diagnostics: [diagnostic('input-mismatch', message)] };
}

/** The image of a model's one input, whose height and width are its own. */
function wholeImages(graph: Graph, given: Given): Outcome<ReadonlyMap<string, Tensor>> {
  const [value] = graph.inputs;
  const input = value === undefined ? undefined : nameInputs(graph, given).get(value);
  if (value === undefined || input === undefined) throw new Error('tiles of no one image');
  const shape = imageShape(value, input);
  if (shape?.at(-1) !== value.type.shape.at(-1) || shape?.length !== 3) {
    return { ok: false, diagnostics: [mismatch(value, input)] };
  }
  const { tensor } = input;
  const images = tensor.shape.length > shape.length ? (tensor.shape[0] ?? 0) : 1;
  return {
    ok: true,
    value: new Map([[inputName(value), { shape: [images, ...shape], data: tensor.data }]]),
  };
}

/** An array may have an axis of 0, and no image has. */
function nothingIn({ tensor: { shape }, label, span }: RunInput): Diagnostic {
  const message = `${label} is ${formatShape(shape)}: there is nothing in it`;
  return diagnostic('input-mismatch', message, { span });
}

function mismatch(value: Value, input: RunInput): Diagnostic {
  const wanted = value.type.shape;
  const found = imageShape(value, input) ?? input.tensor.shape;
  const name = inputName(value);
  const [channels, taken] = [found.at(-1), wanted.at(-1)];
  const isImage = wanted.length === 3 && found.length === 3;
  if (isImage && typeof taken === 'number' && channels !== taken) {
    return diagnostic(
      'input-mismatch',
      `${input.label} has ${channels === 1 ? '1 channel' : `${channels ?? 0} channels`}, and input \`${name}\` takes ${taken}`,
      {
        span: input.span,
        hints:
          channels === 3 && taken === 1
            ? ['convert the image to grey']
            : channels === 1 && taken === 3
              ? ['convert the image to RGB']
              : [],
      },
    );
  }
  return diagnostic(
    'input-mismatch',
    `${input.label} is ${formatShape(found)}, and input \`${name}\` takes ${formatShape(wanted)}`,
    { span: input.span },
  );
}
