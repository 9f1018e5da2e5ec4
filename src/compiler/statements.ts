/** Statements of a body, run in order. */
import { itemsOf } from './arithmetic.js';
import type { Name, Statement } from './ast.js';
import { groupDigits } from './constant.js';
import { type BlockEntity, describeEntity, type Entity, POISON } from './entity.js';
import { combine, decide, evaluate } from './evaluate.js';
import { childScope } from './scope.js';
import { type Frame, MAX_ITERATIONS, report } from './session.js';
import type { Span } from './source.js';

/** A body's result, with the place that gave it. */
interface Returned {
  readonly entity: Entity;
  readonly span: Span;
}

/** Runs statements in order; what a `return` among them gave, if one was reached. */
export function runStatements(
  statements: readonly Statement[],
  frame: Frame,
  inModel?: (statement: Statement) => boolean,
): Returned | undefined {
  for (const statement of statements) {
    if (inModel?.(statement) === true) continue;
    const returned = runStatement(statement, frame, inModel);
    if (returned !== undefined) return returned;
  }
  return undefined;
}

function runStatement(
  statement: Statement,
  frame: Frame,
  inModel?: (statement: Statement) => boolean,
): Returned | undefined {
  switch (statement.kind) {
    case 'assign': {
      const [first] = statement.targets;
      // In a model the binding is a step of the names: `e2.sdblock…`.
      const isStep = first !== undefined && frame.kind === 'model';
      const at = isStep ? bindingFrame(frame, first, statement.doc) : frame;
      const value = evaluate(statement.value, at);
      if (statement.operator === '+=') addTo(statement, value, at);
      else bindTargets(statement.targets, value, statement.value.span, frame);
      return undefined;
    }
    case 'shared': {
      const { text, span } = statement.name;
      const block = evaluate(statement.value, frame);
      frame.locals.set(
        text,
        block.type === 'block' ? shareBlock(block, text, span, frame) : POISON,
      );
      if (block.type !== 'block' && block.type !== 'poison') {
        report(frame, 'wrong-type', `\`shared\` names a block, not ${describeEntity(block)}`, span);
      }
      return undefined;
    }
    case 'return':
      return { entity: evaluate(statement.value, frame), span: statement.value.span };
    case 'if': {
      const chosen = decide(statement.condition, frame, 'the condition of `if`');
      if (chosen === undefined) {
        poisonTargets([...statement.then, ...statement.else], frame);
        return undefined;
      }
      return runStatements(chosen ? statement.then : statement.else, frame, inModel);
    }
    case 'for':
      return runFor(statement, frame, inModel);
    case 'input':
    case 'output':
    case 'expect':
      // Misplaced outside a model: `resolve` has said so.
      return undefined;
  }
}

function bindingFrame(frame: Frame, name: Name, doc: string): Frame {
  const scope = childScope(frame.scope, name.text, name.span, undefined, undefined, doc);
  return { ...frame, scope };
}

function shareBlock(block: BlockEntity, name: string, span: Span, frame: Frame): BlockEntity {
  const home = childScope(frame.scope, name, span);
  return {
    type: 'block',
    form: 'shared',
    block,
    record: { name, span, home, own: frame.own, weights: [], used: false },
  };
}

function bindTargets(targets: readonly Name[], value: Entity, span: Span, frame: Frame): void {
  const [only] = targets;
  if (targets.length === 1 && only !== undefined) {
    frame.locals.set(only.text, value);
    return;
  }
  const items = itemsOf(value);
  if (items === undefined || items.length !== targets.length) {
    if (value.type !== 'poison') {
      report(
        frame,
        'wrong-type',
        `${targets.length} names need a list of ${targets.length}, and this is ${
          items === undefined ? describeEntity(value) : `a list of ${items.length}`
        }`,
        span,
      );
    }
    for (const target of targets) frame.locals.set(target.text, POISON);
    return;
  }
  targets.forEach((target, i) => frame.locals.set(target.text, items[i] ?? POISON));
}

function addTo(
  statement: Extract<Statement, { kind: 'assign' }>,
  value: Entity,
  frame: Frame,
): void {
  const [target] = statement.targets;
  if (target === undefined) return;
  if (statement.targets.length > 1) {
    report(frame, 'wrong-type', '`+=` adds to one name', statement.span);
    return;
  }
  const before = frame.locals.get(target.text);
  if (before === undefined) {
    report(frame, 'unknown-name', `there is no \`${target.text}\` here to add to`, target.span, {
      hints: [`bind it first, as in \`${target.text} = []\``],
    });
    frame.locals.set(target.text, POISON);
    return;
  }
  frame.locals.set(
    target.text,
    combine('+', before, value, { left: target.span, right: statement.value.span }, frame),
  );
}

function runFor(
  statement: Extract<Statement, { kind: 'for' }>,
  frame: Frame,
  inModel?: (statement: Statement) => boolean,
): Returned | undefined {
  const { session } = frame;
  const source = evaluate(statement.items, frame);
  if (source.type === 'poison') {
    poisonTargets([statement], frame);
    return undefined;
  }
  const count =
    source.type === 'range'
      ? Math.max(0, source.end - source.start)
      : source.type === 'list'
        ? source.items.length
        : undefined;
  if (count === undefined) {
    report(
      frame,
      'wrong-type',
      `\`for\` goes through a list or a range, not ${describeEntity(source)}`,
      statement.items.span,
      source.type === 'int' ? { hints: [`write \`0..${describeEntity(source)}\``] } : {},
    );
    poisonTargets([statement], frame);
    return undefined;
  }
  session.iterations += count;
  if (session.iterations > MAX_ITERATIONS) {
    report(
      frame,
      'too-large',
      `this loop makes ${groupDigits(count)} rounds, and all loops of a model together may make ` +
        groupDigits(MAX_ITERATIONS),
      statement.items.span,
    );
    poisonTargets([statement], frame);
    return undefined;
  }
  for (let i = 0; i < count; i++) {
    const item: Entity =
      source.type === 'range'
        ? { type: 'int', value: source.start + i }
        : ((source.type === 'list' ? source.items[i] : undefined) ?? POISON);
    bindTargets(statement.targets, item, statement.items.span, frame);
    const returned = runStatements(statement.body, frame, inModel);
    if (returned !== undefined) return returned;
  }
  return undefined;
}

/** After an error in what decides over statements, the names that they bind may be anything. */
function poisonTargets(statements: readonly Statement[], frame: Frame): void {
  for (const statement of statements) {
    switch (statement.kind) {
      case 'assign':
      case 'for':
        for (const target of statement.targets) frame.locals.set(target.text, POISON);
        if (statement.kind === 'for') poisonTargets(statement.body, frame);
        break;
      case 'if':
        poisonTargets([...statement.then, ...statement.else], frame);
        break;
      case 'shared':
      case 'output':
        frame.locals.set(statement.name.text, POISON);
        break;
      default:
        break;
    }
  }
}
