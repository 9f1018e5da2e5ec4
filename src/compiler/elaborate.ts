/** Models to graphs: inputs with their symbols and facts, the body expanded, outputs, claims. */
import { wantBool } from './arithmetic.js';
import {
  isStatements,
  type Axis,
  type Expression,
  type InputStatement,
  type ModelDeclaration,
  type Parameter,
  type Statement,
} from './ast.js';
import { createBuilder } from './builder.js';
import { diagnostic, hasErrors, type Diagnostic } from './diagnostic.js';
import { POISON, describeEntity, type Entity, type ModelEntity } from './entity.js';
import { typesFit } from './call.js';
import { evaluate } from './evaluate.js';
import { inScope } from './lookup.js';
import { bindParameters, ownWeight } from './expand.js';
import { didYouMean } from './names.js';
import { runStatements } from './statements.js';
import { applyFacts, readFact, type Fact } from './facts.js';
import type { Graph, Output, SymbolInfo, Value } from './ir.js';
import { withoutDeadCode } from './passes/dead-code.js';
import { beyondLimits } from './limits.js';
import { MAX_NESTING } from './parse.js';
import { isConstant, type Module, type Program } from './modules.js';
import { childScope, rootScope, settleNames, type OpenScope } from './scope.js';
import { report, type Frame, type Session } from './session.js';
import { declarationSignature, isChoice, matchArguments } from './signature.js';
import {
  evaluate as evaluateDim,
  formatShape,
  isSymbolic,
  symbolDim,
  symbolsOf,
  type Dim,
  type Sizes,
} from './shape.js';
import type { Span } from './source.js';

/** `--set name=expression`. The spans point into the command line. */
export interface Override {
  readonly name: string;
  readonly nameSpan: Span;
  readonly value: Expression;
}

/** A `where` fact as it can be checked once sizes are chosen. */
interface SizeFact {
  readonly span: Span;
  /** As written: `H % 16 == 0`. */
  readonly text: string;
  /** Undefined where it has an error of its own. */
  readonly holds: (sizes: Sizes) => boolean | undefined;
}

/** An `expect`, to be checked when the figures are known. */
export interface Claim {
  readonly condition: Expression;
  readonly span: Span;
  readonly frame: Frame;
}

export interface ElaboratedModel {
  readonly name: string;
  readonly declaration: ModelDeclaration;
  readonly module: Module;
  /**
   * Undefined where an error keeps the model from having one. What no output depends on has been
   * checked, and is not in it: it is not computed, and has no weights.
   */
  readonly graph: Graph | undefined;
  readonly facts: readonly SizeFact[];
  readonly claims: readonly Claim[];
  readonly diagnostics: readonly Diagnostic[];
}

/** Expands a model with its defaults and `overrides`. */
export function elaborateModel(
  program: Program,
  declaration: ModelDeclaration,
  module: Module,
  overrides: readonly Override[] = [],
): ElaboratedModel {
  const root = rootScope(declaration.span);
  const frame = openFrame(module, root);
  const { session } = frame;
  const result: ElaboratedModel = {
    name: declaration.name.text,
    declaration,
    module,
    graph: undefined,
    facts: [],
    claims: [],
    diagnostics: session.diagnostics,
  };
  if (declaration.damaged) return result;
  try {
    const entity: ModelEntity = { type: 'model', declaration, module, given: new Map() };
    const base = resolveVariant(
      entity,
      evaluateOverrides(program, declaration, overrides, frame),
      frame,
    );
    if (base === undefined || hasErrors(session.diagnostics)) return result;
    const body = runModel(base, frame);
    if (body === undefined) return result;
    settleNames(root, session.pending);
    const doc = declaration.doc === '' ? base.declaration.doc : declaration.doc;
    const graph = session.builder.finish(
      { name: result.name, doc, source: module.file.source, symbols: body.symbols },
      body.outputs,
    );
    const complete = !hasErrors(session.diagnostics) && body.outputs.length > 0;
    return {
      ...result,
      graph: complete ? withoutDeadCode(graph) : undefined,
      facts: body.facts,
      claims: body.claims,
    };
  } catch (error) {
    // Expressions of permitted depth in blocks of permitted depth can still pass the stack's end.
    if (!(error instanceof RangeError)) throw error;
    session.diagnostics.push(
      diagnostic('too-deep', `expanding \`${result.name}\` nests too deeply`, {
        span: declaration.name.span,
        hints: [
          `blocks in blocks and brackets in brackets together may nest some ${MAX_NESTING} levels`,
        ],
      }),
    );
    return result;
  }
}

/** What is wrong with the constants of a file, whether a model uses them or not. */
export function checkConstants(module: Module): readonly Diagnostic[] {
  const { declarations } = module.file;
  const constants = declarations.filter((d) => d.kind === 'const' && !d.damaged);
  const [first] = constants;
  if (first === undefined) return [];
  const frame = fileFrame(module, first.span);
  for (const { name } of constants) {
    try {
      evaluate({ kind: 'name', name: name.text, span: name.span }, frame);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      // Constants that refer to each other in a row longer than the stack.
      report(frame, 'too-deep', `\`${name.text}\` leads through too many constants`, name.span);
      break;
    }
  }
  return frame.session.diagnostics;
}

/** A frame in which only what a file declares is known, with a session and limits of its own. */
export function fileFrame(module: Module, span: Span): Frame {
  return openFrame(module, rootScope(span));
}

function openFrame(module: Module, scope: OpenScope): Frame {
  const session: Session = {
    builder: createBuilder(),
    diagnostics: [],
    reported: new Set(),
    pending: { origins: [], weights: [] },
    constants: new Map(),
    nodes: 0,
    iterations: 0,
    uses: 0,
    copies: 0,
  };
  const frame: Frame = {
    session,
    module,
    kind: 'const',
    locals: new Map(),
    input: undefined,
    scope,
    depth: 0,
    caller: undefined,
    own: (spec, at, span) => ownWeight(spec, at, span, frame),
  };
  return frame;
}

/**
 * What is wrong with overrides in themselves, before the model is expanded: names that it has no
 * parameter for, values that cannot be evaluated or are of another type.
 */
export function examineOverrides(
  program: Program,
  declaration: ModelDeclaration,
  overrides: readonly Override[],
): readonly Diagnostic[] {
  const frame = fileFrame(program.entry, declaration.span);
  const entity: ModelEntity = {
    type: 'model',
    declaration,
    module: program.entry,
    given: new Map(),
  };
  const known = new Set(overrides.map((o) => o.value.span.source));
  try {
    const evaluated = evaluateOverrides(program, declaration, overrides, frame);
    if (!hasErrors(frame.session.diagnostics)) resolveVariant(entity, evaluated, frame);
  } catch (error) {
    // Nested too deeply: elaboration says where.
    if (!(error instanceof RangeError)) throw error;
  }
  return frame.session.diagnostics.filter((d) => d.span !== undefined && known.has(d.span.source));
}

type EvaluatedOverride = Override & { readonly entity: Entity };

function evaluateOverrides(
  program: Program,
  declaration: ModelDeclaration,
  overrides: readonly Override[],
  frame: Frame,
): EvaluatedOverride[] {
  const entry: Frame = { ...frame, module: program.entry };
  return overrides.map((o) => {
    const { name, value } = o;
    if (value.kind !== 'name' || inScope(value.name, entry)) {
      return { ...o, entity: evaluate(value, entry) };
    }
    // Bare, as operators take enumerated values; a parameter of a model takes a string.
    const parameter = declaration.parameters.find((p) => p.name.text === name);
    if (!isChoice(value.name) && (parameter === undefined || !takesString(parameter))) {
      return { ...o, entity: evaluate(value, entry) };
    }
    const message = `there is no \`${value.name}\` here`;
    const hints = [`a string is written in quotes: \`'${name}="${value.name}"'\``];
    return { ...o, entity: report(frame, 'unknown-name', message, value.span, { hints }) };
  });
}

function takesString({ type, default: standard }: Parameter): boolean {
  if (type !== undefined) return type.kind === 'named' && type.name === 'string';
  return standard?.kind === 'string';
}

/** Follows `model A = B(args)` to the model with a body, with all arguments on the way. */
function resolveVariant(
  start: ModelEntity,
  overrides: readonly EvaluatedOverride[],
  frame: Frame,
): ModelEntity | undefined {
  const seen = new Set<ModelDeclaration>();
  const applied = new Set<EvaluatedOverride>();
  let current = start;
  for (;;) {
    const { declaration, module } = current;
    if (declaration.damaged) return undefined;
    if (seen.has(declaration)) {
      report(
        frame,
        'const-cycle',
        `\`${declaration.name.text}\` is a variant of itself`,
        declaration.name.span,
      );
      return undefined;
    }
    seen.add(declaration);
    const own = new Set(declaration.parameters.map((p) => p.name.text));
    const isLast = isStatements(declaration.body);
    const given = new Map(current.given);
    for (const override of overrides) {
      // The variant that is named has the first say; what it passes on follows from that.
      if (!own.has(override.name) || applied.has(override)) continue;
      applied.add(override);
      given.set(override.name, { entity: override.entity, span: override.value.span });
    }
    if (!typesFit(current, given, frame)) return undefined;
    current = { ...current, given };
    if (isLast) {
      return checkOverrides(current, overrides, seen, frame) ? current : undefined;
    }
    if (isStatements(declaration.body)) return undefined;
    const inner: Frame = { ...frame, module, locals: new Map() };
    if (!bindParameters(declaration, given, inner)) return undefined;
    const next = evaluate(declaration.body, inner);
    if (next.type === 'poison') return undefined;
    if (next.type !== 'model') {
      report(
        frame,
        'wrong-type',
        `a variant is made from a model, not from ${describeEntity(next)}`,
        declaration.body.span,
        { hints: ['write `model Name = Other(arguments)`, or a body in `{ }`'] },
      );
      return undefined;
    }
    current = next;
  }
}

/** Whether every override names a parameter of some model on the way. */
function checkOverrides(
  base: ModelEntity,
  overrides: readonly EvaluatedOverride[],
  chain: ReadonlySet<ModelDeclaration>,
  frame: Frame,
): boolean {
  let fits = true;
  const known = [...chain].flatMap((d) => d.parameters.map((p) => p.name.text));
  // Of a recipe, and of variants on the way to the model.
  const others = known.filter((name) =>
    base.declaration.parameters.every((p) => p.name.text !== name),
  );
  for (const override of overrides) {
    if (known.includes(override.name)) continue;
    fits = false;
    const args = [
      {
        name: { text: override.name, span: override.nameSpan },
        value: override.value,
        span: override.nameSpan,
      },
    ];
    const signature = declarationSignature(base.declaration);
    const near = didYouMean(override.name, others);
    const more = others.length === 0 ? [] : [`also known here: ${others.join(', ')}`];
    for (const d of matchArguments(signature, args, new Map(), () => false).diagnostics) {
      const hints = near.length > 0 ? near : [...d.hints, ...more];
      report(frame, d.code, d.message, override.nameSpan, { ...d, hints });
    }
  }
  return fits;
}

interface ModelBody {
  readonly outputs: readonly Output[];
  readonly symbols: readonly SymbolInfo[];
  readonly facts: readonly SizeFact[];
  readonly claims: readonly Claim[];
}

function runModel(base: ModelEntity, outer: Frame): ModelBody | undefined {
  const { declaration, module } = base;
  const { session } = outer;
  if (!isStatements(declaration.body)) return undefined;
  const frame: Frame = { ...outer, module, kind: 'model', locals: new Map() };
  if (!bindParameters(declaration, base.given, frame)) return undefined;
  const inputs = declaration.body.filter((s) => s.kind === 'input');
  const { symbols, facts } = declareInputs(inputs, declaration, frame);
  const outputs: Output[] = [];
  const claims: Claim[] = [];
  const published = new Set<Value>();

  const onStatement = (statement: Statement): boolean => {
    if (statement.kind === 'expect') {
      const locals = new Map(frame.locals);
      claims.push({
        condition: statement.condition,
        span: statement.span,
        frame: { ...frame, locals },
      });
      return true;
    }
    if (statement.kind !== 'output') return false;
    const { name, doc, span } = statement;
    const scope = childScope(frame.scope, name.text, name.span);
    const entity = evaluate(statement.value, { ...frame, scope });
    frame.locals.set(name.text, entity);
    if (entity.type === 'poison') return true;
    if (entity.type !== 'tensor') {
      report(
        frame,
        'wrong-type',
        `an output is a tensor, and this is ${describeEntity(entity)}`,
        statement.value.span,
        entity.type === 'block' ? { hints: ['send a tensor into it: `x -> block`'] } : {},
      );
      return true;
    }
    let { value } = entity;
    // An output has a node of its own, so that every backend can name it.
    if (value.definition.kind !== 'result' || published.has(value)) {
      const origin = { span: statement.value.span, path: name.text, scope };
      value = session.builder.apply1('identity', [value], {}, origin);
    }
    const input = inputs.find((i) => i.name.text === name.text);
    if (input !== undefined) {
      report(frame, 'duplicate-name', `\`${name.text}\` is already an input`, name.span, {
        labels: [{ span: input.name.span, message: 'the input' }],
        hints: ['give the output a name of its own'],
      });
      return true;
    }
    published.add(value);
    const before = outputs.find((o) => o.name === name.text);
    if (before !== undefined) {
      report(frame, 'duplicate-name', `there are two outputs \`${name.text}\``, name.span, {
        labels:
          before.span.start === span.start ? [] : [{ span: before.span, message: 'the first' }],
        hints: ['an output in a loop is made in every round: make a list, and the output after it'],
      });
      return true;
    }
    outputs.push({ name: name.text, doc, value, span });
    return true;
  };
  runStatements(declaration.body, frame, onStatement);
  return { outputs, symbols, facts, claims };
}

/** Makes the inputs, with their symbols bound as sizes under what the facts say of them. */
function declareInputs(
  inputs: readonly InputStatement[],
  declaration: ModelDeclaration,
  frame: Frame,
): { symbols: SymbolInfo[]; facts: SizeFact[] } {
  const defaults = new Map<string, { size: number | undefined; span: Span }>();
  const isSymbol = (name: string): boolean => defaults.has(name);
  for (const axis of inputs.flatMap((i) => i.axes)) {
    const { size, defaultSize } = axis;
    // A parameter or constant is its value; an operator, block or model of that name is no size, and
    // the symbol hides it.
    const taken = size.kind === 'name' ? valueOf(size.name, declaration, frame) : undefined;
    if (size.kind !== 'name' || taken !== undefined) {
      if (defaultSize !== undefined) reportDefault(axis, taken, frame);
      continue;
    }
    const { name } = size;
    const value = defaultSize === undefined ? undefined : positiveSize(defaultSize, frame);
    const before = defaults.get(name);
    if (before?.size !== undefined && value !== undefined && before.size !== value) {
      report(frame, 'bad-axis', `\`${name}\` has the default ${before.size} elsewhere`, axis.span, {
        labels: [{ span: before.span, message: 'given here' }],
        hints: ['give a symbol one default, at its first use'],
      });
    }
    defaults.set(name, {
      size: before?.size ?? value,
      span: before?.size === undefined ? axis.span : before.span,
    });
  }
  const names = [...defaults.keys()];
  const inputNames = new Set(inputs.map((i) => i.name.text));
  const known: { fact: Fact; span: Span }[] = [];
  const facts: SizeFact[] = [];
  for (const expression of inputs.flatMap((i) => i.facts).flatMap(conjuncts)) {
    const { span } = expression;
    const fact = readFact(expression, isSymbol, (e) => knownNumber(e, isSymbol, inputNames, frame));
    if (fact !== undefined) known.push({ fact, span });
    facts.push({
      span,
      text: span.source.text.slice(span.start, span.end),
      holds: (sizes) => factHolds(expression, sizes, names, frame),
    });
  }
  const applied = applyFacts(names, known);
  for (const d of applied.diagnostics) {
    if (d.span !== undefined) report(frame, d.code, d.message, d.span, d);
  }
  const symbols: SymbolInfo[] = [];
  for (const name of names) {
    const symbol = applied.symbols.get(name);
    if (symbol === undefined) continue;
    frame.locals.set(name, { type: 'int', value: symbolDim(symbol) });
    symbols.push({ name, symbol, defaultSize: defaults.get(name)?.size });
  }
  for (const input of inputs) declareInput(input, frame);
  return { symbols, facts };
}

interface Taken {
  readonly what: 'a parameter' | 'a constant';
  readonly span: Span;
}

/** What gives a bare name in an axis a value; undefined for a symbol. */
function valueOf(
  name: string,
  { parameters }: ModelDeclaration,
  { module }: Frame,
): Taken | 'unknown' | undefined {
  const parameter = parameters.find((p) => p.name.text === name);
  if (parameter !== undefined) return { what: 'a parameter', span: parameter.span };
  const top = module.names.get(name);
  if (top === undefined || !isConstant(module, name)) return undefined;
  return top.target.kind === 'unknown' ? 'unknown' : { what: 'a constant', span: top.span };
}

/** Of a default size for what is no symbol. */
function reportDefault(axis: Axis, taken: ReturnType<typeof valueOf>, frame: Frame): void {
  if (taken === 'unknown') return; // a failed import, which has been reported
  const { size, span } = axis;
  if (taken === undefined || size.kind !== 'name') {
    report(frame, 'bad-axis', 'only a symbol has a default size', span, {
      hints: ['write `H = 256`, or the size alone'],
    });
    return;
  }
  const message = `\`${size.name}\` is ${taken.what}, and only a symbol has a default size`;
  report(frame, 'bad-axis', message, span, {
    labels: [{ span: taken.span, message: 'it is declared here' }],
    hints: [
      `write \`${size.name}\` alone for its value`,
      'or give the symbol a name that nothing has',
    ],
  });
}

/** `a and b` are two facts. */
function conjuncts(expression: Expression): Expression[] {
  return expression.kind === 'binary' && expression.operator === 'and'
    ? [...conjuncts(expression.left), ...conjuncts(expression.right)]
    : [expression];
}

function declareInput(input: InputStatement, frame: Frame): void {
  const { text: name } = input.name;
  if (input.dtype.text !== 'f32') {
    report(
      frame,
      'unknown-dtype',
      `there is no tensor type \`${input.dtype.text}\``,
      input.dtype.span,
      {
        hints: ['inputs are `f32`'],
      },
    );
  }
  const shape: Dim[] = [];
  for (const axis of input.axes) {
    const entity = evaluate(axis.size, frame);
    const value = entity.type === 'int' ? entity.value : undefined;
    if (value === undefined || (typeof value === 'number' && !(value >= 1 && value < 2 ** 31))) {
      if (entity.type !== 'poison') {
        report(
          frame,
          'bad-axis',
          `the size of an axis is an int from 1 to 2^31 - 1, not ${describeEntity(entity)}`,
          axis.span,
        );
      }
      frame.locals.set(name, POISON);
      return;
    }
    shape.push(value);
  }
  const beyond = beyondLimits(shape);
  if (beyond !== undefined) {
    const message = `\`${name}\` is a tensor ${formatShape(shape)}, ${beyond}`;
    frame.locals.set(name, report(frame, 'too-large', message, input.span));
    return;
  }
  const type = { dtype: 'f32', shape, batched: true } as const;
  const value = frame.session.builder.input(name, type, input.doc, input.name.span);
  frame.locals.set(name, { type: 'tensor', value });
}

function positiveSize(expression: Expression, frame: Frame): number | undefined {
  const entity = evaluate(expression, frame);
  if (entity.type === 'poison') return undefined;
  if (
    entity.type === 'int' &&
    typeof entity.value === 'number' &&
    entity.value >= 1 &&
    entity.value < 2 ** 31
  ) {
    return entity.value;
  }
  report(
    frame,
    'bad-axis',
    `a default size is an int from 1 to 2^31 - 1, not ${describeEntity(entity)}`,
    expression.span,
  );
  return undefined;
}

/** Whether an expression has one of these names in it. */
export function mentions(expression: Expression, isWanted: (name: string) => boolean): boolean {
  const any = (...parts: readonly (Expression | undefined)[]): boolean =>
    parts.some((part) => part !== undefined && mentions(part, isWanted));
  switch (expression.kind) {
    case 'name':
      return isWanted(expression.name);
    case 'list':
      return any(...expression.items);
    case 'pipe':
      return any(...expression.stages);
    case 'if':
      return any(expression.condition, expression.then, expression.else);
    case 'range':
      return any(expression.start, expression.end);
    case 'binary':
      return any(expression.left, expression.right);
    case 'unary':
      return any(expression.operand);
    case 'call':
      return any(expression.callee, ...expression.args.map((a) => a.value));
    case 'index':
      return any(expression.object, expression.index);
    case 'member':
      return any(expression.object);
    default:
      return false;
  }
}

/** A number that a fact compares with: it mentions no symbol, and no input. */
function knownNumber(
  expression: Expression,
  isSymbol: (name: string) => boolean,
  inputNames: ReadonlySet<string>,
  frame: Frame,
): number | undefined {
  if (mentions(expression, (name) => isSymbol(name) || inputNames.has(name))) return undefined;
  const entity = evaluate(expression, frame);
  return (entity.type === 'int' || entity.type === 'float') && typeof entity.value === 'number'
    ? entity.value
    : undefined;
}

function factHolds(
  expression: Expression,
  sizes: Sizes,
  names: readonly string[],
  frame: Frame,
): boolean | undefined {
  const locals = new Map(frame.locals);
  for (const name of names) {
    const value = sizes.get(name);
    if (value !== undefined) locals.set(name, { type: 'int', value });
  }
  const concretize = (dim: Dim): Dim =>
    [...symbolsOf(dim).keys()].every((name) => sizes.has(name)) ? evaluateDim(dim, sizes) : dim;
  const entity = evaluate(expression, { ...frame, locals, concretize });
  if (entity.type === 'poison') return undefined;
  const value = wantBool(entity, 'a fact');
  if (typeof value === 'boolean') return value;
  report(frame, value.code, value.message, expression.span);
  return undefined;
}

/** Whether a graph has sizes that depend on its symbols. */
export function hasSymbols(graph: Graph): boolean {
  return graph.inputs.some((v) => v.type.shape.some(isSymbolic));
}
