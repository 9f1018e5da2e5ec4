/** From a program to checked models: names, expansion, sizes, claims. */
import { activationCount } from './builder.js';
import type { Device } from './device.js';
import { diagnostic, hasErrors, type Diagnostic, type Outcome } from './diagnostic.js';
import {
  checkConstants,
  elaborateModel,
  type ElaboratedModel,
  type Override,
} from './elaborate.js';
import { checkClaims, type ClaimResult, type Compare, type Figures } from './claims.js';
import type { Graph } from './ir.js';
import { inputName } from './ir.js';
import type { ModelDeclaration } from './ast.js';
import { beyondLimits } from './limits.js';
import { NO_FILES, loadProgram, type Host, type Module, type Program } from './modules.js';
import { didYouMean } from './names.js';
import { operatorOf } from './ops/index.js';
import { checkRecipes } from './recipe.js';
import { resolve } from './resolve.js';
import {
  evaluate as evaluateDim,
  evaluateShape,
  formatDim,
  formatShape,
  isSymbolic,
  nearestSize,
  symbolsOf,
  type Dim,
  type Sizes,
} from './shape.js';
import { specialize } from './specialize.js';
import type { Source, Span } from './source.js';
import { stats, type ModelStats } from './stats.js';

export interface CheckOptions {
  /**
   * Elaborate this model only; all of the file's by default. A function is given their names and
   * answers with one, or with undefined for none.
   */
  readonly model?: string | ((names: readonly string[]) => string | undefined) | undefined;
  /** `--set`, applied to each elaborated model. */
  readonly overrides?: readonly Override[] | undefined;
  /** `--size`. */
  readonly sizes?: SizeRequest | undefined;
  /** `--device`, for claims of time. */
  readonly device?: Device | undefined;
  /** Check the file's recipes, as they stand. By default, where `model` is absent. */
  readonly recipes?: boolean | undefined;
}

/** Sizes by symbol, or `512x512` for the height and width of the first input. */
export interface SizeRequest {
  readonly named?: Sizes;
  readonly image?: readonly [height: number, width: number];
  /** Where the request stands, to point at. */
  readonly span?: Span;
}

export interface CheckedModel extends ElaboratedModel {
  /** The sizes of all symbols; undefined where one has neither a default nor a request. */
  readonly sizes: Sizes | undefined;
  /** The graph at those sizes. */
  readonly staticGraph: Graph | undefined;
  readonly claimResults: readonly ClaimResult[];
}

export interface Checked {
  readonly program: Program;
  readonly models: readonly CheckedModel[];
  /** All of them, of the file, its imports and its models; each place once. */
  readonly diagnostics: readonly Diagnostic[];
  readonly valid: boolean;
}

/** Checks a file and everything it imports. Never throws for what the text says. */
export function check(entry: Source, host: Host = NO_FILES, options: CheckOptions = {}): Checked {
  const program = loadProgram(entry, host);
  const diagnostics: Diagnostic[] = [...program.diagnostics];
  for (const module of program.modules) {
    diagnostics.push(...resolve(module), ...checkConstants(module));
  }
  const all = modelsOf(program.entry);
  const wanted =
    typeof options.model === 'function'
      ? (options.model(all.map((d) => d.name.text)) ?? null)
      : options.model;
  const declarations = all.filter((d) => wanted === undefined || d.name.text === wanted);
  const checker = modelChecker(program, options.sizes, options.device);
  const models = declarations.map((declaration) => {
    const checked = checker.check(declaration, options.overrides);
    diagnostics.push(...checked.diagnostics);
    return checked.model;
  });
  if (options.recipes ?? options.model === undefined) {
    const asTheyStand = (options.overrides ?? []).length === 0 ? models : [];
    diagnostics.push(...checkRecipes(program, asTheyStand));
  }
  const unique = deduplicate(diagnostics);
  return { program, models, diagnostics: unique, valid: !hasErrors(unique) };
}

/** Checks models of one program, with any overrides, at the sizes of one request. */
interface ModelChecker {
  readonly check: (
    declaration: ModelDeclaration,
    overrides?: readonly Override[],
  ) => { readonly model: CheckedModel; readonly diagnostics: readonly Diagnostic[] };
  /** The figures of a graph, counted once. */
  readonly figures: Figures;
}

/** A model that claims compare with, at some sizes. */
interface Sizing {
  readonly key: string;
  readonly sized: Sized;
  counted?: Outcome<ModelStats>;
}

/** `program` is loaded, and its names are resolved. */
export function modelChecker(
  program: Program,
  request: SizeRequest | undefined,
  device?: Device,
): ModelChecker {
  // Models that claims compare with stand as they are declared, without `--set`. Of each, the graph at
  // the latest sizes is kept.
  const elaborated = new Map<ModelDeclaration, ElaboratedModel>();
  const latest = new Map<ModelDeclaration, Sizing>();
  const compare: Compare = (declaration, module, claimant) => {
    const model = elaborated.get(declaration) ?? elaborateModel(program, declaration, module);
    elaborated.set(declaration, model);
    const named = new Map(
      [...(claimant.sizes ?? request?.named ?? [])].filter(([name]) =>
        model.graph?.symbols.some((s) => s.name === name),
      ),
    );
    const key = JSON.stringify([...named]);
    const known = latest.get(declaration);
    if (known?.key === key) return { model, sized: known.sized };
    // Of a model whose sizes are fixed, or called otherwise, the request may still fit the image.
    const { image } = request ?? {};
    const asked = image === undefined ? undefined : chooseSizes(model, { named, image });
    const sized = asked?.graph === undefined ? chooseSizes(model, { named }) : asked;
    latest.set(declaration, { key, sized });
    return { model, sized };
  };
  // Of the models that claims compare with as long as they are kept, of the others the last: however
  // many variants are checked, none outlives its use.
  let last: { readonly graph: Graph; readonly counted: Outcome<ModelStats> } | undefined;
  const figures: Figures = (graph) => {
    if (last?.graph === graph) return last.counted;
    const compared = [...latest.values()].find(({ sized }) => sized.graph === graph);
    const counted = compared?.counted ?? stats(graph);
    if (compared === undefined) last = { graph, counted };
    else compared.counted = counted;
    return counted;
  };
  return {
    figures,
    check(declaration, overrides) {
      const model = elaborateModel(program, declaration, program.entry, overrides);
      const sized = chooseSizes(model, request);
      const claims = checkClaims(model, sized, compare, figures, device);
      return {
        model: {
          ...model,
          sizes: sized.sizes,
          staticGraph: sized.graph,
          claimResults: claims.results,
        },
        // Evaluating the facts may have found more.
        diagnostics: [
          ...model.diagnostics,
          ...sized.diagnostics,
          ...(sized.graph === undefined ? [] : doubtsOf(sized.graph)),
          ...claims.diagnostics,
        ],
      };
    },
  };
}

/** The models that a file declares itself. */
export function modelsOf(module: Module): readonly ModelDeclaration[] {
  return module.file.declarations.filter((d) => d.kind === 'model');
}

export interface Sized {
  readonly sizes: Sizes | undefined;
  readonly graph: Graph | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

/** Gives every symbol its size, checks the facts, and asks each operator whether it works there. */
export function chooseSizes(model: ElaboratedModel, request: SizeRequest | undefined): Sized {
  const { graph } = model;
  if (graph === undefined) return { sizes: undefined, graph: undefined, diagnostics: [] };
  const diagnostics: Diagnostic[] = [];
  const named = new Map(request?.named ?? []);
  const at = request?.span === undefined ? {} : { span: request.span };
  if (request?.image !== undefined) {
    diagnostics.push(...imageSizes(graph, request.image, named, at));
  }
  const names = graph.symbols.map((s) => s.name);
  for (const name of named.keys()) {
    if (names.includes(name)) continue;
    diagnostics.push(
      diagnostic('unknown-size-name', `\`${model.name}\` has no size \`${name}\``, {
        ...at,
        hints:
          names.length === 0
            ? ['its inputs have fixed sizes']
            : [...didYouMean(name, names), `its sizes are ${names.join(', ')}`].slice(0, 1),
      }),
    );
  }
  const sizes = new Map<string, number>();
  for (const { name, symbol, defaultSize } of graph.symbols) {
    // Of symbols that are equal by a fact, one size serves all.
    const twins = graph.symbols.filter((s) => s.symbol.name === symbol.name);
    const size =
      named.get(name) ??
      twins.map((s) => named.get(s.name)).find((s) => s !== undefined) ??
      defaultSize ??
      twins.map((s) => s.defaultSize).find((s) => s !== undefined);
    if (size !== undefined) sizes.set(name, size);
  }
  if (sizes.size < graph.symbols.length || hasErrors(diagnostics)) {
    return { sizes: undefined, graph: undefined, diagnostics };
  }
  for (const fact of model.facts) {
    if (fact.holds(sizes) !== false) continue;
    const shown = [...sizes].map(([name, size]) => `${name} = ${size}`).join(', ');
    diagnostics.push(
      diagnostic('fact-broken', `${shown} does not satisfy \`${fact.text}\``, {
        span: request?.span ?? fact.span,
        labels: request?.span === undefined ? [] : [{ span: fact.span, message: 'the fact' }],
        hints: nearbySizes(model, sizes),
      }),
    );
  }
  diagnostics.push(...tooLargeInputs(graph, sizes, request?.span));
  if (diagnostics.length > 0) return { sizes, graph: undefined, diagnostics };
  const specialized = specialize(graph, sizes);
  if (specialized.ok) return { sizes, graph: specialized.graph, diagnostics };
  const shown = [...sizes].map(([name, size]) => `${name} = ${size}`).join(', ');
  for (const { problem, node } of specialized.problems) {
    diagnostics.push(
      diagnostic(problem.code, `${problem.message} (with ${shown})`, {
        span: node.origin.span,
        hints: problem.hints ?? [],
      }),
    );
  }
  return { sizes, graph: undefined, diagnostics };
}

function tooLargeInputs(graph: Graph, sizes: Sizes, asked: Span | undefined): Diagnostic[] {
  return graph.inputs.flatMap((value) => {
    const shape = evaluateShape(value.type.shape, sizes);
    const beyond = beyondLimits(shape);
    if (beyond === undefined) return [];
    const { definition } = value;
    const message = `\`${inputName(value)}\` is a tensor ${formatShape(shape)}, ${beyond}`;
    const span = asked ?? (definition.kind === 'input' ? definition.span : undefined);
    const at = span === undefined ? {} : { span };
    return [diagnostic('too-large', message, at)];
  });
}

/** What works at these sizes and was probably not meant. */
function doubtsOf(graph: Graph): Diagnostic[] {
  return graph.nodes.flatMap(({ op, operands, attributes, origin }) => {
    const { doubt } = operatorOf(op);
    if (doubt === undefined) return [];
    const types = operands.slice(0, activationCount(op, operands.length)).map((v) => v.type);
    const problem = doubt(types, attributes);
    if (problem === undefined) return [];
    const { code, message, hints = [] } = problem;
    return [diagnostic(code, message, { span: origin.span, hints })];
  });
}

/** The graph in which every size is a number, or which of them have to be chosen. */
export function sizedGraph(model: CheckedModel & { readonly graph: Graph }): Outcome<Graph> {
  if (model.staticGraph !== undefined) return { ok: true, value: model.staticGraph };
  const missing = model.graph.symbols.filter((s) => s.defaultSize === undefined).map((s) => s.name);
  const problem = diagnostic(
    'size-needed',
    `\`${model.name}\` has no default for ${missing.join(' and ')}`,
    {
      hints: [
        `choose: \`--size ${missing.map((name) => `${name}=256`).join(',')}\``,
        `or write a default in the source: \`${missing[0] ?? 'H'} = 256\``,
      ],
    },
  );
  return { ok: false, diagnostics: [problem] };
}

/** Names the symbols that are height and width of the first input; other symbols keep their sizes. */
function imageSizes(
  graph: Graph,
  [height, width]: readonly [number, number],
  named: Map<string, number>,
  at: { readonly span?: Span },
): Diagnostic[] {
  const [input] = graph.inputs;
  const name = input === undefined ? 'the input' : inputName(input);
  const [across, down] = [input?.type.shape.at(-2), input?.type.shape.at(-3)];
  if (across === undefined || down === undefined) {
    return [diagnostic('unknown-size-name', `${name} is no image`, at)];
  }
  const rest: { readonly what: string; readonly dim: Dim; readonly size: number }[] = [];
  for (const axis of [
    { what: 'height', dim: down, size: height },
    { what: 'width', dim: across, size: width },
  ]) {
    const symbol = graph.symbols.find(
      (s) => formatDim(axis.dim) === s.symbol.name && !named.has(s.name),
    );
    if (symbol === undefined) rest.push(axis);
    else named.set(symbol.name, axis.size);
  }
  const chosen: Sizes = new Map(
    graph.symbols.flatMap((s) => {
      const size = named.get(s.name);
      return size === undefined ? [] : [[s.symbol.name, size]];
    }),
  );
  return rest.flatMap(({ what, dim, size }) => {
    const wrong = (message: string, hints: readonly string[] = []): Diagnostic[] => [
      diagnostic('unknown-size-name', message, { ...at, hints }),
    ];
    if (!isSymbolic(dim)) {
      return dim === size ? [] : wrong(`${name} has the fixed ${what} ${dim}, not ${size}`);
    }
    const open = [...symbolsOf(dim).keys()].filter((symbol) => !chosen.has(symbol));
    const [first] = open;
    if (first !== undefined) {
      return wrong(`${name} has the ${what} ${formatDim(dim)}, which ${size} does not choose`, [
        `name its symbols: \`--size ${open.map((symbol) => `${symbol}=…`).join(',')}\``,
      ]);
    }
    const found = evaluateDim(dim, chosen);
    if (found === size) return [];
    return wrong(`${name} has the ${what} ${formatDim(dim)}, which is ${found} here, not ${size}`);
  });
}

/** Sizes near the chosen ones that satisfy every fact. */
function nearbySizes(model: ElaboratedModel, sizes: Sizes): string[] {
  const near = new Map<string, number>();
  for (const { name, symbol } of model.graph?.symbols ?? []) {
    near.set(name, nearestSize(symbol, sizes.get(name) ?? symbol.min));
  }
  if (!model.facts.every((f) => f.holds(near) === true)) return [];
  return [`near it: ${[...near].map(([name, size]) => `${name} = ${size}`).join(', ')}`];
}

/** Each place and code once: several models, or programs, may reach the same file. */
export function deduplicate(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  const seen = new Set<string>();
  return diagnostics.filter((d) => {
    const place = (at: Span): string => `${at.source.path} ${at.start} ${at.end}`;
    // One `--size` may break several facts, which are its labels.
    const facts = d.code === 'fact-broken' ? d.labels.map((label) => place(label.span)) : [];
    const key =
      d.span === undefined ? `${d.code} ${d.message}` : [d.code, place(d.span), ...facts].join();
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}
