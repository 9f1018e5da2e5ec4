/** Expressions to what they stand for. */
import {
  binary,
  callFunction,
  failure,
  indexList,
  isFunctionName,
  makeList,
  sliceList,
  unary,
  wantBool,
  type Failure,
  type FunctionName,
} from './arithmetic.js';
import {
  isStatements,
  type Argument,
  type BinaryOperator,
  type CallExpression,
  type Expression,
} from './ast.js';
import { applyBlock, applyOperatorTo, stillWaiting } from './expand.js';
import { groupDigits } from './constant.js';
import {
  POISON,
  blockName,
  describeEntity,
  kindOfEntity,
  operatorEntity,
  type BlockEntity,
  type DeclaredEntity,
  type Entity,
  type GivenArgument,
  type ModelEntity,
  type OperatorEntity,
} from './entity.js';
import type { Module } from './modules.js';
import { didYouMean } from './names.js';
import { findOperator, operatorNames } from './ops/index.js';
import { MAX_COPIES, MAX_ITERATIONS, report, reportFailure, type Frame } from './session.js';
import {
  declarationSignature,
  isChoiceOf,
  isStandard,
  matchArguments,
  operatorSignature,
  type Signature,
} from './signature.js';
import { isSymbolic } from './shape.js';
import { joinSpans, type Span } from './source.js';
import { checkType } from './types.js';

/**
 * Where an expression stands. In a `stage` (right of `->`) an operator waits for the tensor at its
 * left; in a `flow` (the head of a pipe, or a block's body) a name that is both a function of
 * numbers and an operator, such as `max`, is the operator.
 */
export type Place = 'value' | 'flow' | 'stage';

export function evaluate(expression: Expression, frame: Frame, place: Place = 'value'): Entity {
  switch (expression.kind) {
    case 'number':
      return { type: expression.integer ? 'int' : 'float', value: expression.value };
    case 'string':
      return { type: 'string', value: expression.value };
    case 'bool':
      return { type: 'bool', value: expression.value };
    case 'none':
      return { type: 'none' };
    case 'in':
      return (
        frame.input ??
        report(
          frame,
          'in-outside-block',
          '`in` is the tensor that flows into a block',
          expression.span,
          {
            hints: ['name the tensor that is meant'],
          },
        )
      );
    case 'name':
      return lookUp(expression.name, frame, expression.span);
    case 'list':
      return settle(
        makeList(expression.items.map((item) => evaluate(item, frame))),
        frame,
        expression.span,
      );
    case 'pipe':
      return evaluatePipe(expression.stages, frame);
    case 'if': {
      const chosen = decide(expression.condition, frame, 'the condition of `if`');
      if (chosen === undefined) return POISON;
      return evaluate(chosen ? expression.then : expression.else, frame, place);
    }
    case 'range':
      return evaluateRange(expression, frame);
    case 'binary':
      return evaluateBinary(expression, frame);
    case 'unary': {
      const operand = evaluate(expression.operand, frame);
      if (expression.operator === '-' && operand.type === 'tensor') {
        return elementwise('mul', [operand, { type: 'int', value: -1 }], frame, expression.span);
      }
      return settle(unary(expression.operator, operand), frame, expression.span);
    }
    case 'call':
      return evaluateCall(expression, frame, place);
    case 'index':
      return evaluateIndex(expression, frame);
    case 'member':
      return evaluateMember(expression, frame);
  }
}

function settle(result: Entity | Failure, frame: Frame, span: Span): Entity {
  if (result.type === 'failure') return reportFailure(frame, result, span);
  if (result.type === 'list') {
    const { session } = frame;
    session.copies += result.items.length;
    if (session.copies > MAX_COPIES) {
      return report(
        frame,
        'too-large',
        `the lists of this model have more than ${groupDigits(MAX_COPIES)} items together`,
        span,
        { hints: ['make the list at once, as in `[0] * n`, and not item by item'] },
      );
    }
  }
  return result;
}

/** The value of a condition, or undefined once what is wrong has been reported. */
export function decide(condition: Expression, frame: Frame, where: string): boolean | undefined {
  const entity = evaluate(condition, frame);
  if (entity.type === 'poison') return undefined;
  const value = wantBool(entity, where);
  if (typeof value === 'boolean') return value;
  reportFailure(frame, value, condition.span);
  return undefined;
}

/** Whether the program itself binds a name where the frame is. */
export function isBoundHere(name: string, frame: Frame): boolean {
  return (
    frame.locals.has(name) || frame.module.names.has(name) || frame.metrics?.(name) !== undefined
  );
}

/** Whether a name means something where the frame is: flags and enumerated values do not. */
function inScope(name: string, frame: Frame): boolean {
  return isBoundHere(name, frame) || isStandard(name);
}

function lookUp(name: string, frame: Frame, span: Span): Entity {
  const metric = frame.metrics?.(name);
  if (metric !== undefined) return metric;
  const local = frame.locals.get(name);
  if (local !== undefined) return local;
  const top = lookUpTop(name, frame, span);
  if (top !== undefined) return top;
  const operator = findOperator(name);
  if (operator !== undefined && !operator.traits.includes('internal')) {
    return operatorEntity(operator);
  }
  if (isFunctionName(name)) {
    return report(frame, 'wrong-type', `\`${name}\` is a function, and can only be called`, span, {
      hints: [`write \`${name}(…)\``],
    });
  }
  return report(frame, 'unknown-name', `there is no \`${name}\` here`, span, {
    hints: didYouMean(name, visibleNames(frame)),
  });
}

export function visibleNames(frame: Frame): string[] {
  return [...frame.locals.keys(), ...frame.module.names.keys(), ...operatorNames()];
}

/** A declaration or import of the frame's file. */
function lookUpTop(name: string, frame: Frame, span: Span): Entity | undefined {
  const top = frame.module.names.get(name);
  if (top === undefined) return undefined;
  const { target } = top;
  if (target.kind === 'unknown') return POISON;
  if (target.kind === 'module') return { type: 'module', module: target.module };
  const { declaration, module } = target;
  if (declaration.damaged) return POISON;
  if (declaration.kind === 'block') {
    return { type: 'block', form: 'declared', declaration, module, given: new Map() };
  }
  if (declaration.kind === 'model') return { type: 'model', declaration, module, given: new Map() };
  const { constants } = frame.session;
  const known = constants.get(declaration);
  if (known === 'evaluating') {
    return report(frame, 'const-cycle', `\`${name}\` is defined through itself`, span, {
      labels: [{ span: declaration.name.span, message: 'declared here' }],
    });
  }
  if (known !== undefined) return known;
  constants.set(declaration, 'evaluating');
  const value = evaluate(declaration.value, constantFrame(module, frame));
  constants.set(declaration, value);
  return value;
}

/** Where the names of a file, and nothing else, are known. */
function constantFrame(module: Module, frame: Frame): Frame {
  return {
    session: frame.session,
    module,
    kind: 'const',
    locals: new Map(),
    input: undefined,
    scope: frame.scope,
    depth: frame.depth,
    caller: undefined,
    own: frame.own,
  };
}

function evaluatePipe(stages: readonly Expression[], frame: Frame): Entity {
  const [head, ...rest] = stages;
  if (head === undefined) return POISON;
  let current = evaluate(head, frame, 'flow');
  const waiting: { readonly block: BlockEntity; readonly span: Span }[] = [];
  if (current.type === 'block') waiting.push({ block: current, span: head.span });
  else if (current.type !== 'tensor' && current.type !== 'poison') {
    return report(
      frame,
      'wrong-type',
      `only a tensor or a block can flow through \`->\`, and this is ${describeEntity(current)}`,
      head.span,
    );
  }
  for (const stage of rest) {
    const entity = evaluate(stage, frame, 'stage');
    if (entity.type === 'poison') {
      current = POISON;
    } else if (entity.type !== 'block') {
      current = report(
        frame,
        'not-a-block',
        `\`->\` sends a tensor into a block, and this is ${describeEntity(entity)}`,
        stage.span,
        {
          hints:
            entity.type === 'tensor'
              ? ['to join two tensors write `concat(other)` or `add(other)` here']
              : [],
        },
      );
    } else if (current.type === 'block') waiting.push({ block: entity, span: stage.span });
    else if (current.type === 'tensor') current = applyBlock(entity, current, stage.span, frame);
  }
  if (current.type !== 'block') return current;
  return { type: 'block', form: 'chain', stages: waiting };
}

function evaluateRange(expression: Extract<Expression, { kind: 'range' }>, frame: Frame): Entity {
  if (expression.start === undefined || expression.end === undefined) {
    return report(
      frame,
      'open-range',
      'a range is open only inside an index, as in `xs[1..]`',
      expression.span,
      { hints: ['write both ends: `0..n`'] },
    );
  }
  const start = knownInt(expression.start, frame, 'the start of a range');
  const end = knownInt(expression.end, frame, 'the end of a range');
  if (start === undefined || end === undefined) return POISON;
  if (end - start > MAX_ITERATIONS) {
    return report(
      frame,
      'too-large',
      `a range of ${groupDigits(end - start)} passes the limit of ${groupDigits(MAX_ITERATIONS)}`,
      expression.span,
    );
  }
  return { type: 'range', start, end };
}

/** The number that an expression must be, or undefined once reported. */
function knownInt(expression: Expression, frame: Frame, what: string): number | undefined {
  const entity = evaluate(expression, frame);
  if (entity.type === 'poison') return undefined;
  if (entity.type !== 'int') {
    report(
      frame,
      'wrong-type',
      `${what} is an int, not ${describeEntity(entity)}`,
      expression.span,
    );
    return undefined;
  }
  if (isSymbolic(entity.value)) {
    report(
      frame,
      'undecided',
      `${what} must be known, and ${describeEntity(entity)} depends on the size of the input`,
      expression.span,
      { hints: ['give the axis of the input a number instead of a symbol'] },
    );
    return undefined;
  }
  return entity.value;
}

const TENSOR_OPERATORS: ReadonlyMap<BinaryOperator, 'add' | 'sub' | 'mul' | 'div'> = new Map([
  ['+', 'add'],
  ['-', 'sub'],
  ['*', 'mul'],
  ['/', 'div'],
]);

function evaluateBinary(expression: Extract<Expression, { kind: 'binary' }>, frame: Frame): Entity {
  const { operator } = expression;
  if (operator === 'and' || operator === 'or') {
    const left = decide(expression.left, frame, `the left of \`${operator}\``);
    if (left === undefined) return POISON;
    if (left === (operator === 'or')) return { type: 'bool', value: left };
    const right = decide(expression.right, frame, `the right of \`${operator}\``);
    return right === undefined ? POISON : { type: 'bool', value: right };
  }
  return combine(
    operator,
    evaluate(expression.left, frame),
    evaluate(expression.right, frame),
    { left: expression.left.span, right: expression.right.span },
    frame,
  );
}

/** `left operator right` of any two values; also `name += value`. */
export function combine(
  operator: BinaryOperator,
  left: Entity,
  right: Entity,
  spans: { readonly left: Span; readonly right: Span },
  frame: Frame,
): Entity {
  if (left.type === 'poison' || right.type === 'poison') return POISON;
  const span = joinSpans(spans.left, spans.right);
  if (operator === '*' && (left.type === 'block' || right.type === 'block')) {
    return repeat(left, right, frame, span);
  }
  if (left.type === 'tensor' || right.type === 'tensor') {
    const name = TENSOR_OPERATORS.get(operator);
    if (name !== undefined) return elementwise(name, [left, right], frame, span);
    return report(frame, 'wrong-type', `\`${operator}\` does not work on tensors`, span, {
      hints: ['tensors know `+`, `-`, `*` and `/`, element by element'],
    });
  }
  const compares = operator === '==' || operator === '!=';
  if ((left.type === 'block' || right.type === 'block') && !compares) {
    return report(
      frame,
      'wrong-type',
      `\`${operator}\` does not work on ${describeEntity(left.type === 'block' ? left : right)}`,
      span,
      {
        hints: [
          '`->` joins blocks, `block * n` repeats one; `->` binds loosest: put `( )` around it',
        ],
      },
    );
  }
  return settle(binary(operator, left, right, frame.concretize), frame, span);
}

function repeat(left: Entity, right: Entity, frame: Frame, span: Span): Entity {
  const [block, times] = left.type === 'block' ? [left, right] : [right, left];
  if (block.type !== 'block') return POISON;
  if (times.type !== 'int' || isSymbolic(times.value) || times.value < 0) {
    return report(
      frame,
      'wrong-type',
      `a block is repeated a whole number of times, not ${describeEntity(times)}`,
      span,
    );
  }
  return { type: 'block', form: 'repeat', block, count: times.value };
}

/** `a + b` where either is a tensor and the other may be a number. */
function elementwise(
  name: 'add' | 'sub' | 'mul' | 'div',
  operands: readonly Entity[],
  frame: Frame,
  span: Span,
): Entity {
  const tensors: GivenArgument[] = [];
  for (const operand of operands) {
    const fits = operand.type === 'tensor' || operand.type === 'int' || operand.type === 'float';
    if (fits) tensors.push({ entity: operand, span });
    else if (operand.type === 'poison') return POISON;
    else {
      return report(
        frame,
        'wrong-type',
        `a tensor cannot be combined with ${describeEntity(operand)}`,
        span,
        operand.type === 'block'
          ? { hints: ['send a tensor into the block first: `(x -> block)`'] }
          : {},
      );
    }
  }
  const operator = findOperator(name);
  if (operator === undefined) throw new Error(`no operator ${name}`);
  return applyOperatorTo({ ...operatorEntity(operator), tensors }, undefined, span, frame);
}

function evaluateIndex(expression: Extract<Expression, { kind: 'index' }>, frame: Frame): Entity {
  const object = evaluate(expression.object, frame);
  const { index } = expression;
  if (index.kind === 'range') {
    const start =
      index.start === undefined ? undefined : knownInt(index.start, frame, 'the start of a slice');
    const end =
      index.end === undefined ? undefined : knownInt(index.end, frame, 'the end of a slice');
    const failed =
      (index.start !== undefined && start === undefined) ||
      (index.end !== undefined && end === undefined);
    if (failed || object.type === 'poison') return POISON;
    return settle(sliceList(object, start, end), frame, expression.span);
  }
  const at = evaluate(index, frame);
  if (object.type === 'poison' || at.type === 'poison') return POISON;
  if (object.type === 'tensor') {
    return report(frame, 'wrong-type', 'a tensor is not indexed with `[ ]`', expression.span, {
      hints: ['use `slice(start, stop, axis)` or `split(parts, axis)`; `x.shape[0]` is a size'],
    });
  }
  return settle(indexList(object, at), frame, expression.span);
}

const TENSOR_MEMBERS = ['shape', 'channels', 'height', 'width'];

function evaluateMember(expression: Extract<Expression, { kind: 'member' }>, frame: Frame): Entity {
  const object = evaluate(expression.object, frame);
  const { text: name, span } = expression.name;
  switch (object.type) {
    case 'poison':
      return POISON;
    case 'tensor': {
      const { shape } = object.value.type;
      if (name === 'shape') {
        return { type: 'list', items: shape.map((value) => ({ type: 'int', value })) };
      }
      const axis = { channels: -1, width: -2, height: -3 }[name];
      if (axis === undefined) {
        return report(frame, 'unknown-member', `a tensor has no \`${name}\``, span, {
          hints: [
            ...didYouMean(name, TENSOR_MEMBERS),
            `it has ${TENSOR_MEMBERS.map((m) => `\`${m}\``).join(', ')}`,
          ].slice(0, 1),
        });
      }
      const value = shape.at(axis);
      if (value === undefined) {
        return report(
          frame,
          'wrong-rank',
          `${describeEntity(object)} has no ${name}: it has ${shape.length} axes`,
          span,
          { hints: ['use `x.shape[i]`'] },
        );
      }
      return { type: 'int', value };
    }
    case 'module': {
      const top = lookUpTop(name, { ...frame, module: object.module }, span);
      if (top !== undefined) return top;
      if (object.module.file.incomplete) return POISON;
      return report(
        frame,
        'unknown-name',
        `${object.module.file.source.path} has no \`${name}\``,
        span,
        { hints: didYouMean(name, object.module.names.keys()) },
      );
    }
    case 'model': {
      const metric = frame.modelMetric?.(object, name, span);
      if (metric !== undefined) return metric;
      return report(
        frame,
        'unknown-member',
        frame.modelMetric === undefined
          ? `\`${object.declaration.name.text}.${name}\` is known only in \`expect\``
          : `a model has no \`${name}\``,
        span,
        { hints: frame.modelMetric === undefined ? [] : ['it has `params`, `macs`, `flops`, …'] },
      );
    }
    default:
      return report(frame, 'unknown-member', `${kindOfEntity(object)} has no \`${name}\``, span, {
        hints: object.type === 'list' && name === 'length' ? ['write `len(xs)`'] : [],
      });
  }
}

function evaluateCall(call: CallExpression, frame: Frame, place: Place): Entity {
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
    const problem = checkType(parameter, argument.entity, entity.declaration);
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
