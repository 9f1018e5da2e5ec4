/** `train NAME for MODEL { … }`: checked against the model, and made into the plain data of `Recipe`. */
import type { Recipe } from '../train/recipe.js';
import {
  expressionsOf,
  readsName,
  type Expression,
  type ModelDeclaration,
  type TrainDeclaration,
} from './ast.js';
import { typesFit } from './call.js';
import type { SizeRequest, Sized } from './check.js';
import { formatConstant } from './constant.js';
import { diagnostic, hasErrors, type Diagnostic } from './diagnostic.js';
import { elaborateModel, fileFrame, type ElaboratedModel, type Override } from './elaborate.js';
import { describeEntity, toConstant, type Entity, type ModelEntity } from './entity.js';
import { evaluate } from './evaluate.js';
import { bindParameters } from './expand.js';
import type { Module, Program } from './modules.js';
import { checkTypeName } from './resolve.js';
import { trainingSize } from './recipe-size.js';
import {
  checkChannels,
  checkLoss,
  checkModel,
  judgedOutputs,
  type JudgedOutput,
} from './recipe-fit.js';
import { readSettings, type Settings } from './recipe-settings.js';
import { report, type Frame } from './session.js';
import type { Span } from './source.js';

export interface RecipeRequest {
  /**
   * `--set`. A parameter of the recipe comes first, then one of the model, whose value replaces what
   * the recipe passes.
   */
  readonly overrides?: readonly Override[] | undefined;
  /** Sizes of the images, where the recipe has neither a crop nor data of a known size. */
  readonly sizes?: SizeRequest | undefined;
  /** Models as they stand, without `--set`, which are not elaborated again. */
  readonly elaborated?: readonly ElaboratedModel[] | undefined;
}

/** An argument of the model, as `--set` takes it. */
export interface ModelArgument {
  readonly name: string;
  readonly value: string;
}

interface CheckedRecipe {
  readonly declaration: TrainDeclaration;
  /** Undefined where there are errors. */
  readonly recipe: Recipe | undefined;
  /** The model that it trains, under the name that `for` gives; undefined where there is none. */
  readonly model: ElaboratedModel | undefined;
  /** The sizes of a training image, and the graph there. */
  readonly sized: Sized;
  /** In the graph of `model`. */
  readonly outputs: readonly JudgedOutput[];
  /** What `for` and `--set` pass to the model. */
  readonly arguments: readonly ModelArgument[];
  readonly diagnostics: readonly Diagnostic[];
}

/** The recipes that a file declares itself. */
export function recipesOf(module: Module): readonly TrainDeclaration[] {
  return module.file.recipes;
}

/** What is wrong with the recipes of a file, each as it stands; `elaborated` as in `RecipeRequest`. */
export function checkRecipes(
  program: Program,
  elaborated: readonly ElaboratedModel[],
): readonly Diagnostic[] {
  const recipes = recipesOf(program.entry);
  const twice = recipes.flatMap(({ name }, i) => {
    const first = recipes.slice(0, i).find((r) => r.name.text === name.text);
    if (first === undefined) return [];
    return diagnostic('duplicate-name', `there are two recipes \`${name.text}\``, {
      span: name.span,
      labels: [{ span: first.name.span, message: 'the first' }],
      hints: ['give one of them another name'],
    });
  });
  return [
    ...twice,
    ...recipes.flatMap((recipe) => checkRecipe(program, recipe, { elaborated }).diagnostics),
  ];
}

/** Checks one recipe of a program whose names are resolved. */
export function checkRecipe(
  program: Program,
  declaration: TrainDeclaration,
  request: RecipeRequest = {},
): CheckedRecipe {
  const nothing: CheckedRecipe = {
    declaration,
    recipe: undefined,
    model: undefined,
    sized: { sizes: undefined, graph: undefined, diagnostics: [] },
    outputs: [],
    arguments: [],
    diagnostics: [],
  };
  if (declaration.damaged) return nothing;
  const frame = fileFrame(program.entry, declaration.span);
  const { diagnostics } = frame.session;
  try {
    checkParameters(declaration, frame);
    const variant = openVariant(program, declaration, request, frame);
    const settings = readSettings(declaration, variant?.model.graph, frame);
    const found = variant === undefined ? [] : fitDiagnostics(variant, settings, declaration);
    const sized =
      variant === undefined ? nothing.sized : trainingSize(variant.model, settings, request.sizes);
    const all = inOrder([
      ...(variant?.model.diagnostics ?? []),
      ...diagnostics,
      ...found,
      ...sized.diagnostics,
    ]);
    const recipe = hasErrors(all) ? undefined : settings.recipe;
    const graph = variant?.model.graph;
    return {
      declaration,
      recipe,
      model: variant?.model,
      sized,
      outputs: graph === undefined || recipe === undefined ? [] : judgedOutputs(graph, recipe.loss),
      arguments: variant?.arguments ?? [],
      diagnostics: all,
    };
  } catch (error) {
    // Expressions of permitted depth can still pass the stack's end, as in a model.
    if (!(error instanceof RangeError)) throw error;
    const tooDeep = diagnostic('too-deep', `\`${declaration.name.text}\` nests too deeply`, {
      span: declaration.name.span,
      hints: ['name the inner parts and use their names'],
    });
    return { ...nothing, diagnostics: [...diagnostics, tooDeep] };
  }
}

/** By place, which is the order in which they are read; those of other files come first. */
function inOrder(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  return diagnostics.toSorted((a, b) =>
    a.span?.source === b.span?.source ? (a.span?.start ?? 0) - (b.span?.start ?? 0) : 0,
  );
}

/** What can be said of a recipe's parameters before anything is evaluated. */
function checkParameters(declaration: TrainDeclaration, frame: Frame): void {
  const { parameters, name } = declaration;
  const read = expressionsOf(declaration);
  for (const [i, parameter] of parameters.entries()) {
    const { text, span } = parameter.name;
    if (parameter.type !== undefined) {
      checkTypeName(parameter.type, (code, message, at, details) =>
        report(frame, code, message, at, details),
      );
    }
    const first = parameters.slice(0, i).find((p) => p.name.text === text);
    if (first !== undefined) {
      report(frame, 'duplicate-name', `the parameter \`${text}\` stands twice`, span, {
        labels: [{ span: first.name.span, message: 'first here' }],
      });
    }
    if (parameter.default === undefined && parameter.type?.optional !== true) {
      const message = `\`${text}\` needs a default, since \`${name.text}\` runs as it stands`;
      report(frame, 'model-parameter', message, parameter.span, {
        hints: [`write \`${text} = …\``],
      });
    }
    if (!text.startsWith('_') && !read.some((expression) => readsName(expression, text))) {
      report(frame, 'unused-name', `the parameter \`${text}\` is never used`, span, {
        hints: [`remove it, or call it \`_${text}\``],
      });
    }
  }
}

interface Variant {
  readonly model: ElaboratedModel;
  readonly arguments: readonly ModelArgument[];
}

/**
 * The model, which is a variant as `model X(parameters) = SDUNet(width = 16)` declares one, with the
 * parameters of the recipe. Binds these in the frame, too.
 */
function openVariant(
  program: Program,
  declaration: TrainDeclaration,
  { overrides = [], elaborated = [] }: RecipeRequest,
  frame: Frame,
): Variant | undefined {
  const { parameters, model: body, span, damaged } = declaration;
  const own = new Set(parameters.map((p) => p.name.text));
  const mine = overrides.filter((o) => own.has(o.name));
  const base = { kind: 'model', span, damaged, parameters } as const;
  const stub: ModelDeclaration = { ...base, name: declaration.name, doc: '', body };
  const entity: ModelEntity = {
    type: 'model',
    declaration: stub,
    module: program.entry,
    given: new Map(),
  };
  const given = new Map(
    mine.map((o) => [o.name, { entity: evaluate(o.value, frame), span: o.value.span }]),
  );
  if (!typesFit(entity, given, frame) || !bindParameters(stub, given, frame)) return undefined;
  const target = evaluate(body, frame);
  if (target.type === 'poison') return undefined;
  if (target.type !== 'model') {
    report(
      frame,
      'wrong-type',
      `a recipe is for a model, not for ${describeEntity(target)}`,
      body.span,
      {
        hints: ['write `train name for Model { … }`, or `for Model(arguments)`'],
      },
    );
    return undefined;
  }
  const asItStands =
    target.given.size === 0 && overrides.length === 0
      ? elaborated.find((model) => model.declaration === target.declaration)
      : undefined;
  if (asItStands !== undefined) return { model: asItStands, arguments: [] };
  const named = calledModel(body, frame)?.declaration ?? target.declaration;
  const variant = { ...stub, name: { text: named.name.text, span: body.span }, doc: named.doc };
  const model = elaborateModel(program, variant, program.entry, overrides);
  const passed = [...target.given].filter(([, argument]) => isWithin(argument.span, body.span));
  const values = new Map(
    passed.map(([name, argument]) => [name, formatArgument(argument.entity, argument.span)]),
  );
  for (const { name, value } of overrides) {
    if (!own.has(name)) values.set(name, formatArgument(evaluate(value, frame), value.span));
  }
  return { model, arguments: [...values].map(([name, value]) => ({ name, value })) };
}

/** The model that `Model(…)` names. */
function calledModel(expression: Expression, frame: Frame): ModelEntity | undefined {
  if (expression.kind === 'call') return calledModel(expression.callee, frame);
  const entity = evaluate(expression, frame);
  return entity.type === 'model' ? entity : undefined;
}

function isWithin(inner: Span, outer: Span): boolean {
  return inner.source === outer.source && inner.start >= outer.start && inner.end <= outer.end;
}

/** A value as it can be written again: a number by its value, a block by its text. */
function formatArgument(entity: Entity, { source, start, end }: Span): string {
  const constant = toConstant(entity);
  return constant === undefined ? source.text.slice(start, end) : formatConstant(constant);
}

function fitDiagnostics(
  { model: { graph } }: Variant,
  settings: Settings,
  declaration: TrainDeclaration,
): readonly Diagnostic[] {
  if (graph === undefined) return [];
  const { data, loss } = settings;
  const problem = checkModel(graph, declaration.model.span);
  if (problem !== undefined) return [problem];
  const channels = data === undefined ? undefined : checkChannels(graph, data.value, data.span);
  return [
    ...(channels === undefined ? [] : [channels]),
    // Where the data do not fit the input, they say nothing of the output.
    ...checkLoss(graph, loss ?? [], channels === undefined ? data?.value : undefined),
  ];
}
