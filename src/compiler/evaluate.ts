/** Expressions to what they stand for. */
import {
  binary,
  type Failure,
  indexList,
  makeList,
  sliceList,
  unary,
  wantBool,
} from './arithmetic.js';
import type { BinaryOperator, Expression } from './ast.js';
import { evaluateCall } from './call.js';
import { groupDigits } from './constant.js';
import {
  type BlockEntity,
  describeEntity,
  type Entity,
  type GivenArgument,
  kindOfEntity,
  operatorEntity,
  POISON,
} from './entity.js';
import { applyBlock, applyOperatorTo } from './expand.js';
import { lookUp, lookUpTop } from './lookup.js';
import { didYouMean } from './names.js';
import { findOperator } from './ops/index.js';
import { type Frame, MAX_COPIES, MAX_ITERATIONS, report, reportFailure } from './session.js';
import { isSymbolic } from './shape.js';
import { joinSpans, type Span } from './source.js';

/**
 * Where an expression stands. In a `stage` (right of `->`) an operator waits for the tensor at its
 * left; in a `flow` (the head of a pipe, or a block's body) a name that is both a function of
 * numbers and an operator, such as `max`, is the operator.
 */
export type Place = 'value' | 'flow' | 'stage';

/** The value of an expression; in claims and facts, whose sizes are chosen, with numbers for symbols. */
export function evaluate(expression: Expression, frame: Frame, place: Place = 'value'): Entity {
  const entity = evaluateAsIs(expression, frame, place);
  return frame.concretize !== undefined && entity.type === 'int' && isSymbolic(entity.value)
    ? { type: 'int', value: frame.concretize(entity.value) }
    : entity;
}

function evaluateAsIs(expression: Expression, frame: Frame, place: Place): Entity {
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

export function settle(result: Entity | Failure, frame: Frame, span: Span): Entity {
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
