/** Calls: arguments sent to parameters, and blocks filled with them. */
import {
  callFunction,
  failure,
  type Failure,
  type FunctionName,
  isFunctionName,
  makeList,
} from './arithmetic.js';
import { type Argument, type CallExpression, isStatements } from './ast.js';
import {
  blockName,
  type DeclaredEntity,
  describeEntity,
  type Entity,
  type GivenArgument,
  type ModelEntity,
  type OperatorEntity,
  POISON,
} from './entity.js';
import { evaluate, type Place, settle } from './evaluate.js';
import { applyBlock, applyOperatorTo, stillWaiting } from './expand.js';
import { constantFrame, inScope, isBoundHere, visibleNames } from './lookup.js';
import { didYouMean } from './names.js';
import { findOperator } from './ops/index.js';
import { type Frame, report } from './session.js';
import {
  declarationSignature,
  isChoiceOf,
  matchArguments,
  operatorSignature,
  type Signature,
} from './signature.js';
import { joinSpans } from './source.js';
import { checkType } from './types.js';

export function evaluateCall(call: CallExpression, frame: Frame, place: Place): Entity {
  const { callee } = call;
  const evaluated = new Map<Argument, Entity>();
  if (
    callee.kind === 'name' &&
    isFunctionName(callee.name) &&
    !frame.locals.has(callee.name) &&
    !frame.module.names.has(callee.name)
  ) {
    const operator = findOperator(callee.name);
    if (operator === undefined) return evaluateFunctionCall(call, callee.name, frame);
    // `max(a, b)` of numbers, or the operator `max` over the axes of a tensor.
    const [first] = call.args;
    const axes = first?.value.kind === 'list' ? first.value.items : first ? [first.value] : [];
    const isAxis = axes.some(
      (e) => e.kind === 'name' && !isBoundHere(e.name, frame) && isChoiceOf(operator, e.name),
    );
    if (place === 'value' && first !== undefined && first.name === undefined && !isAxis) {
      const entity = evaluate(first.value, frame);
      if (entity.type !== 'tensor') {
        const rest = call.args.slice(1);
        return evaluateFunctionCall({ ...call, args: rest }, callee.name, frame, entity);
      }
      evaluated.set(first, entity);
    }
  }
  const entity = evaluate(callee, frame);
  switch (entity.type) {
    case 'poison':
      return POISON;
    case 'model':
      return fillModel(entity, call, evaluated, frame);
    case 'block':
      break;
    default: {
      const shadowed = callee.kind === 'name' && findOperator(callee.name) !== undefined;
      return report(
        frame,
        'not-a-block',
        `only blocks can be called, and this is ${describeEntity(entity)}`,
        callee.span,
        {
          hints: shadowed
            ? [`the name \`${callee.name}\` hides the operator: give the binding another name`]
            : [],
        },
      );
    }
  }
  if (entity.form === 'operator') return fillOperator(entity, call, evaluated, frame, place);
  if (entity.form === 'declared') return fillDeclared(entity, call, evaluated, frame);
  if (call.args.length === 0) return entity;
  return report(
    frame,
    'not-a-block',
    `\`${blockName(entity)}\` takes no arguments`,
    joinSpans(callee.span, call.span),
    {
      hints: [
        entity.form === 'shared'
          ? 'fill it where it is declared: `shared f = conv(64)`'
          : 'declare it as a `block` with parameters',
      ],
    },
  );
}

function evaluateFunctionCall(
  call: CallExpression,
  name: FunctionName,
  frame: Frame,
  ...first: readonly Entity[]
): Entity {
  const named = call.args.find((a) => a.name !== undefined);
  if (named?.name !== undefined) {
    return report(
      frame,
      'unknown-parameter',
      `\`${name}\` has no parameter \`${named.name.text}\``,
      named.name.span,
    );
  }
  const args = call.args.map((a) => evaluate(a.value, frame));
  return settle(callFunction(name, [...first, ...args]), frame, call.span);
}

function evaluateArgument(
  argument: Argument,
  choices: readonly string[],
  flag: boolean,
  evaluated: Evaluated,
  frame: Frame,
): Entity {
  if (flag) return { type: 'bool', value: true };
  const { value } = argument;
  // Enumerated values are written bare, in lists too: `transpose([channels, height, width])`.
  if (value.kind === 'list' && choices.length > 0) {
    const items = value.items.map((item) =>
      evaluateArgument(
        { name: undefined, value: item, span: item.span },
        choices,
        false,
        evaluated,
        frame,
      ),
    );
    return settle(makeList(items), frame, value.span);
  }
  if (value.kind === 'name' && choices.includes(value.name)) {
    if (!isBoundHere(value.name, frame)) return { type: 'string', value: value.name };
  }
  if (value.kind === 'name' && choices.length > 0 && !inScope(value.name, frame)) {
    return report(frame, 'unknown-name', `there is no \`${value.name}\` here`, value.span, {
      hints: [
        ...didYouMean(value.name, [...choices, ...visibleNames(frame)]),
        `it may be ${choices.map((c) => `\`${c}\``).join(', ')}`,
      ].slice(0, 1),
    });
  }
  return evaluated.get(argument) ?? evaluate(value, frame);
}

/** Arguments that had to be evaluated before it was known where they go: no node is made twice. */
type Evaluated = Map<Argument, Entity>;

interface Filled {
  /** By parameter; a variadic one gathers in `tensors`. */
  readonly given: Map<string, GivenArgument>;
  readonly tensors: GivenArgument[];
  /** Tensors came as a list: those are all, even if it is one. */
  readonly listed: boolean;
  /** The tensor passed first, as in `split(x, 2)`. */
  readonly piped: Entity | undefined;
  readonly failed: boolean;
}

function fill(
  signature: Signature,
  before: ReadonlyMap<string, GivenArgument>,
  call: CallExpression,
  evaluated: Evaluated,
  frame: Frame,
): Filled {
  const isBound = (name: string): boolean => isBoundHere(name, frame);
  const given = new Map(before);
  const tensors: GivenArgument[] = [];
  let { args } = call;
  let listed = false;
  let piped: Entity | undefined;
  const [first] = args;
  if (first !== undefined && takesPiped(signature, before, args, evaluated, frame)) {
    piped = evaluated.get(first);
    args = args.slice(1);
  }
  const matched = matchArguments(signature, args, before, isBound);
  let failed = false;
  for (const d of matched.diagnostics) {
    if (d.severity === 'error') failed = true;
    if (d.span !== undefined) report(frame, d.code, d.message, d.span, d);
  }
  for (const { parameter, argument, flag } of matched.assignments) {
    const entity = evaluateArgument(argument, parameter.choices, flag, evaluated, frame);
    const { span } = argument;
    // After an error there is nothing to wait for.
    if (entity.type === 'poison') listed = true;
    if (!parameter.variadic) given.set(parameter.name, { entity, span });
    else if (entity.type === 'list') {
      listed = true;
      tensors.push(...entity.items.map((item) => ({ entity: item, span })));
    } else tensors.push({ entity, span });
  }
  return { given, tensors, listed, piped, failed };
}

/** Whether the first argument is the tensor that flows in: it is one, and no parameter awaits it. */
function takesPiped(
  signature: Signature,
  before: ReadonlyMap<string, GivenArgument>,
  args: readonly Argument[],
  evaluated: Evaluated,
  frame: Frame,
): boolean {
  const named = args.map((a) => a.name?.text);
  const open = signature.parameters.filter((p) => !before.has(p.name) && !named.includes(p.name));
  if (open[0]?.variadic === true) return false;
  const awaited = open.findIndex((p) => !p.isTensor);
  const slots = awaited === -1 ? open.length : awaited;
  let leading = 0;
  for (const argument of args.slice(0, slots + 1)) {
    const { value } = argument;
    if (argument.name !== undefined) break;
    // No tensor, and its items may be enumerated values, which only their parameter knows.
    if (value.kind === 'list') break;
    // Flags and enumerated values are not in scope.
    if (value.kind === 'name' && !inScope(value.name, frame)) break;
    const entity = evaluated.get(argument) ?? evaluate(value, frame);
    evaluated.set(argument, entity);
    if (entity.type !== 'tensor') break;
    leading++;
  }
  return leading > slots;
}

function fillOperator(
  entity: OperatorEntity,
  call: CallExpression,
  evaluated: Evaluated,
  frame: Frame,
  place: Place,
): Entity {
  const signature = operatorSignature(entity.operator);
  const { given, tensors, listed, piped, failed } = fill(
    signature,
    entity.given,
    call,
    evaluated,
    frame,
  );
  if (failed) return POISON;
  const filled: OperatorEntity = {
    ...entity,
    given,
    tensors: [...entity.tensors, ...tensors],
  };
  if (piped !== undefined) return applyBlock(filled, piped, call.span, frame);
  // `concat(a, b)` has all it needs; right of `->` it takes the piped tensor too.
  if (place !== 'stage' && (filled.tensors.length >= 2 || listed)) {
    return applyOperatorTo(filled, undefined, call.span, frame);
  }
  return filled;
}

function fillDeclared(
  entity: DeclaredEntity,
  call: CallExpression,
  evaluated: Evaluated,
  frame: Frame,
): Entity {
  const signature = declarationSignature(entity.declaration);
  const { given, piped, failed } = fill(signature, entity.given, call, evaluated, frame);
  if (failed || !typesFit(entity, given, frame)) return POISON;
  const filled: DeclaredEntity = { ...entity, given };
  return piped === undefined ? filled : applyBlock(filled, piped, call.span, frame);
}

function fillModel(
  entity: ModelEntity,
  call: CallExpression,
  evaluated: Evaluated,
  frame: Frame,
): Entity {
  const base = call.args.length === 0 ? undefined : baseOf(entity, frame);
  if (base !== undefined) {
    return base.type === 'model' ? fillModel(base, call, evaluated, frame) : POISON;
  }
  const signature = declarationSignature(entity.declaration);
  const { given, piped, failed } = fill(signature, entity.given, call, evaluated, frame);
  if (piped !== undefined) {
    return report(
      frame,
      'wrong-type',
      'a model is not applied to a tensor: it has inputs of its own',
      call.span,
      { hints: ['put what the two share into a `block`'] },
    );
  }
  return failed || !typesFit(entity, given, frame) ? POISON : { ...entity, given };
}

/** What a variant without parameters of its own is made from: its parameters are the variant's. */
function baseOf({ declaration, module }: ModelEntity, frame: Frame): Entity | undefined {
  const { parameters, body, damaged } = declaration;
  if (damaged || parameters.length > 0 || isStatements(body)) return undefined;
  const { constants } = frame.session;
  const known = constants.get(declaration);
  if (known === 'evaluating') {
    const { text, span } = declaration.name;
    return report(frame, 'const-cycle', `\`${text}\` is a variant of itself`, span);
  }
  if (known !== undefined) return known;
  constants.set(declaration, 'evaluating');
  const base = evaluate(body, constantFrame(module, frame));
  constants.set(declaration, base);
  return base;
}

/** Checks what was passed against the declared types, and reports what does not fit. */
export function typesFit(
  entity: DeclaredEntity | ModelEntity,
  given: ReadonlyMap<string, GivenArgument>,
  frame: Frame,
): boolean {
  let fits = true;
  for (const parameter of entity.declaration.parameters) {
    const argument = given.get(parameter.name.text);
    if (argument === undefined || argument === entity.given.get(parameter.name.text)) continue;
    const problem = checkType(parameter, argument.entity, argument.span, entity.declaration);
    if (problem === undefined) continue;
    fits = false;
    report(frame, problem.code, problem.message, argument.span, {
      labels: [{ span: parameter.name.span, message: 'the parameter' }],
      hints: problem.hints,
    });
  }
  return fits;
}

/** What a block that lacks arguments still needs; used where a tensor is about to flow in. */
export function describeWaiting(block: OperatorEntity | DeclaredEntity): Failure {
  const signature =
    block.form === 'operator'
      ? operatorSignature(block.operator)
      : declarationSignature(block.declaration);
  const missing = stillWaiting(block);
  return failure(
    'still-waiting',
    `\`${signature.name}\` still waits for ${missing.map((m) => `\`${m}\``).join(' and ')}`,
    `write \`${signature.name}(${missing.map((m) => `${m} = …`).join(', ')})\``,
  );
}
