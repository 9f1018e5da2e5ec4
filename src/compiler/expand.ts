/** Blocks applied to tensors, and the statements of their bodies. */
import {
  type BlockDeclaration,
  isStatements,
  type ModelDeclaration,
  type Parameter,
} from './ast.js';
import { applyWithWeights } from './builder.js';
import { describeWaiting } from './call.js';
import { formatConstant, groupDigits } from './constant.js';
import {
  type BlockEntity,
  blockName,
  type DeclaredEntity,
  describeEntity,
  type Entity,
  type Given,
  type GivenArgument,
  type OperatorEntity,
  POISON,
  toConstant,
} from './entity.js';
import { evaluate } from './evaluate.js';
import type { Attribute, Origin, Value, Weight } from './ir.js';
import { beyondLimits } from './limits.js';
import { explainMismatch } from './mismatch.js';
import type { OperatorName } from './ops/index.js';
import type { Kind } from './ops/kinds.js';
import type { Problem, WeightSpec } from './ops/operator.js';
import { childScope, dropIfEmpty, occupy, type OpenScope, type SharedRecord } from './scope.js';
import { type Frame, MAX_DEPTH, MAX_NODES, MAX_USES, report, reportFailure } from './session.js';
import { equalShapes, formatShape } from './shape.js';
import { declarationSignature, operatorSignature } from './signature.js';
import type { Span } from './source.js';
import { runStatements } from './statements.js';
import { checkType, sameKind, wholeFloatHints } from './types.js';

/** Sends a tensor into a block. `span` is the use: the stage right of `->`, or the call. */
export function applyBlock(block: BlockEntity, input: Entity, span: Span, frame: Frame): Entity {
  if (input.type === 'poison') return POISON;
  if (++frame.session.uses > MAX_USES) {
    return report(
      frame,
      'too-large',
      `the model uses blocks and operators more than ${groupDigits(MAX_USES)} times`,
      span,
    );
  }
  switch (block.form) {
    case 'operator':
      return applyOperatorTo(block, input, span, frame);
    case 'declared':
      return applyDeclared(block, input, span, frame);
    case 'chain': {
      let current: Entity = input;
      for (const stage of block.stages) {
        current = applyBlock(stage.block, current, stage.span, frame);
      }
      return current;
    }
    case 'repeat': {
      let current: Entity = input;
      for (let i = 0; i < block.count && current.type !== 'poison'; i++) {
        current = applyBlock(block.block, current, span, frame);
      }
      return current;
    }
    case 'shared':
      return applyShared(block.block, block.record, input, span, frame);
  }
}

/** The required parameters that a block still lacks. */
export function stillWaiting(block: OperatorEntity | DeclaredEntity): string[] {
  const signature =
    block.form === 'operator'
      ? operatorSignature(block.operator)
      : declarationSignature(block.declaration);
  return signature.required.filter((name) => !block.given.has(name));
}

function reportWaiting(block: OperatorEntity | DeclaredEntity, span: Span, frame: Frame): Entity {
  return reportFailure(frame, describeWaiting(block), span);
}

/**
 * Makes the node of an operator. `input` is the piped tensor, absent where the operator was called
 * with its tensors, as `concat(a, b)`.
 */
export function applyOperatorTo(
  entity: OperatorEntity,
  input: Entity | undefined,
  span: Span,
  frame: Frame,
): Entity {
  if (stillWaiting(entity).length > 0) return reportWaiting(entity, span, frame);
  const { operator, given } = entity;
  const sources: GivenArgument[] = input === undefined ? [] : [{ entity: input, span }];
  for (const { name } of operator.operands) {
    const argument = given.get(name);
    if (argument !== undefined) sources.push(argument);
  }
  sources.push(...entity.tensors);
  const operands: Value[] = [];
  for (const source of sources) {
    if (source.entity.type === 'poison') return POISON;
    const number = operator.traits.includes('elementwise') ? numberOf(source.entity) : undefined;
    if (number !== undefined) {
      operands.push(frame.session.builder.constant(Float32Array.of(number), [1]));
      continue;
    }
    if (source.entity.type !== 'tensor') {
      return report(
        frame,
        'wrong-type',
        `\`${operator.name}\` takes tensors, and this is ${describeEntity(source.entity)}`,
        source.span,
        source.entity.type === 'block'
          ? { hints: ['send a tensor into the block first: `x -> block`'] }
          : {},
      );
    }
    operands.push(source.entity.value);
  }
  if (sources.length > 0 && !sources.some((s) => s.entity.type === 'tensor')) {
    return report(frame, 'wrong-type', `\`${operator.name}\` works on tensors`, span, {
      hints: ['numbers alone are added with `+`, and so on'],
    });
  }
  const attributes = readAttributes(entity, frame);
  if (attributes === undefined) return POISON;
  return makeNode(entity, operands, attributes, span, frame);
}

/** A number that stands beside tensors: a constant of one element. */
function numberOf(entity: Entity): number | undefined {
  const isNumber = entity.type === 'int' || entity.type === 'float';
  return isNumber && typeof entity.value === 'number' ? entity.value : undefined;
}

/** What to write for an argument that does not fit. */
function argumentHints(
  operator: string,
  { type, hint }: Kind<Attribute>,
  { entity, span }: GivenArgument,
): string[] {
  if (entity.type === 'tensor' && operator === 'max') {
    return ['the larger of two tensors, element by element, is `maximum(a, b)`'];
  }
  if (hint !== undefined && (entity.type === 'int' || entity.type === 'float')) return [hint];
  return type.startsWith('int') ? wholeFloatHints(entity, span) : [];
}

/** The operator's attributes from what was passed, or undefined once a misfit is reported. */
function readAttributes(
  { operator, given }: OperatorEntity,
  frame: Frame,
): Record<string, Attribute> | undefined {
  const attributes: Record<string, Attribute> = {};
  let failed = false;
  for (const name of operator.parameterNames) {
    const parameter = operator.parameters[name];
    if (parameter === undefined) continue;
    const argument = given.get(name);
    if (argument === undefined) {
      const value = parameter.default;
      if (value === undefined) throw new Error(`${operator.name} lacks ${name}`);
      attributes[name] = typeof value === 'function' ? value(attributes) : value;
      continue;
    }
    if (argument.entity.type === 'poison') {
      failed = true;
      continue;
    }
    const constant = toConstant(argument.entity);
    const value = constant === undefined ? undefined : parameter.kind.read(constant);
    if (value === undefined) {
      failed = true;
      const shown =
        constant === undefined ? describeEntity(argument.entity) : formatConstant(constant);
      report(
        frame,
        'wrong-argument',
        `\`${name}\` of \`${operator.name}\` takes ${parameter.kind.describe}, not ${shown}`,
        argument.span,
        { hints: argumentHints(operator.name, parameter.kind, argument) },
      );
      continue;
    }
    attributes[name] = value;
  }
  return failed ? undefined : attributes;
}

function makeNode(
  entity: OperatorEntity,
  operands: readonly Value[],
  attributes: Record<string, Attribute>,
  span: Span,
  frame: Frame,
): Entity {
  const { session } = frame;
  const { operator } = entity;
  if (++session.nodes > MAX_NODES) {
    return report(
      frame,
      'too-large',
      `the model has more than ${groupDigits(MAX_NODES)} operators`,
      span,
    );
  }
  const scope = childScope(frame.scope, operator.name, span);
  const origin: { -readonly [K in keyof Origin]: Origin[K] } = {
    span,
    path: '',
    scope: frame.scope,
  };
  const name = operator.name as OperatorName; // it came from the registry
  const made = applyWithWeights(session.builder, name, operands, attributes, origin, (spec) =>
    frame.own(spec, scope, span),
  );
  if (!made.ok) return reportProblem(made.problem, entity, operands, span, frame);
  occupy(scope);
  session.pending.origins.push({ origin, scope });
  for (const { type } of made.results) {
    const beyond = beyondLimits(type.shape);
    if (beyond === undefined) continue;
    const made = `\`${operator.name}\` makes a tensor ${formatShape(type.shape)}`;
    return report(frame, 'too-large', `${made}, ${beyond}`, span);
  }
  const tensors = made.results.map((value): Entity => ({ type: 'tensor', value }));
  const [only] = tensors;
  return tensors.length === 1 && only !== undefined ? only : { type: 'list', items: tensors };
}

/** What `infer` objects to, with the places that the elaborator knows. */
function reportProblem(
  problem: Problem,
  entity: OperatorEntity,
  operands: readonly Value[],
  span: Span,
  frame: Frame,
): Entity {
  const argument =
    problem.parameter === undefined ? undefined : entity.given.get(problem.parameter);
  const hints = [...(problem.hints ?? [])];
  const explained =
    problem.mismatch === undefined ? undefined : explainMismatch(problem.mismatch, operands, span);
  return report(frame, problem.code, problem.message, argument?.span ?? span, {
    labels: explained?.labels ?? [],
    hints: [...(explained?.hints ?? []), ...hints],
  });
}

/** Makes the weights of a model, which are named when all are known. */
export function ownWeight(spec: WeightSpec, scope: OpenScope, span: Span, frame: Frame): Value {
  const { session } = frame;
  const origin: { -readonly [K in keyof Origin]: Origin[K] } = { span, path: '', scope };
  const weight: { -readonly [K in keyof Weight]: Weight[K] } = {
    name: '',
    shape: spec.shape,
    role: spec.role,
    trainable: spec.trainable,
    init: spec.init,
    origin,
  };
  const beyond = beyondLimits(spec.shape);
  if (beyond !== undefined) {
    const needed = `this needs a weight ${formatShape(spec.shape)}`;
    report(frame, 'too-large', `${needed}, ${beyond}`, span);
  }
  occupy(scope);
  session.pending.origins.push({ origin, scope });
  session.pending.weights.push({ weight, slot: spec.name, scope });
  return session.builder.weight(weight);
}

function applyShared(
  block: BlockEntity,
  record: SharedRecord,
  input: Entity,
  span: Span,
  frame: Frame,
): Entity {
  const scope = childScope(frame.scope, record.name, span, undefined, record.home);
  const isFirst = !record.used;
  record.used = true;
  let next = 0;
  const inner: Frame = {
    ...frame,
    scope,
    own(spec, at, use) {
      const known = record.weights[next++];
      if (known !== undefined && equalShapes(known.weight.shape, spec.shape)) return known.value;
      const value = record.own(spec, at, use);
      occupy(record.home);
      if (value.definition.kind !== 'weight') throw new Error('a weight was expected');
      if (isFirst) record.weights.push({ value, weight: value.definition.weight });
      else {
        const before =
          known === undefined ? 'no such weight' : `a weight ${formatShape(known.weight.shape)}`;
        report(
          frame,
          'shared-mismatch',
          `\`${record.name}\` needs a weight ${formatShape(spec.shape)} here, but its first use has ${before}`,
          span,
          {
            labels: [{ span: record.span, message: 'shared here' }],
            hints: ['bring the tensors to one number of channels first, or do not share'],
          },
        );
      }
      return value;
    },
  };
  return applyBlock(block, input, span, inner);
}

function applyDeclared(block: DeclaredEntity, input: Entity, span: Span, frame: Frame): Entity {
  if (stillWaiting(block).length > 0) return reportWaiting(block, span, frame);
  const { declaration, module } = block;
  const name = declaration.name.text;
  if (input.type !== 'tensor') {
    return report(
      frame,
      'wrong-type',
      `\`${name}\` takes a tensor, not ${describeEntity(input)}`,
      span,
    );
  }
  if (frame.depth >= MAX_DEPTH) {
    return report(frame, 'too-deep', `blocks are nested more than ${MAX_DEPTH} deep here`, span, {
      hints: ['a block that uses itself needs an `if` that ends it'],
    });
  }
  const inner: Frame = {
    session: frame.session,
    module,
    kind: 'block',
    locals: new Map(),
    input,
    scope: childScope(frame.scope, name, span, {
      name,
      doc: declaration.doc,
      span: declaration.span,
    }),
    depth: frame.depth + 1,
    caller: { frame, span, name: blockName(block) },
    own: frame.own,
  };
  if (!bindParameters(declaration, block.given, inner)) return POISON;
  const { body } = declaration;
  const result = isStatements(body)
    ? runStatements(body, inner)
    : { entity: evaluate(body, inner, 'flow'), span: body.span };
  if (result === undefined) {
    return report(
      inner,
      'missing-return',
      `\`${name}\` ends without \`return\``,
      declaration.name.span,
      {
        hints: ['end the body with `return` and the tensor that flows out'],
      },
    );
  }
  // `= dwconv(k) -> conv(f)`: `in` flows in unsaid.
  const entity =
    result.entity.type === 'block' && !isStatements(body)
      ? applyBlock(result.entity, input, result.span, inner)
      : result.entity;
  dropIfEmpty(inner.scope);
  if (entity.type === 'tensor' || entity.type === 'poison') return entity;
  if (entity.type === 'list' && entity.items.every((i) => i.type === 'tensor')) return entity;
  return report(
    inner,
    'wrong-type',
    `\`${name}\` gives back ${describeEntity(entity)}, not a tensor`,
    result.span,
    { hints: entity.type === 'block' ? ['write `return in -> …`'] : [] },
  );
}

/** Binds what was passed and the defaults, which see the parameters before them. */
export function bindParameters(
  declaration: BlockDeclaration | ModelDeclaration,
  given: Given,
  frame: Frame,
): boolean {
  let fits = true;
  for (const parameter of declaration.parameters) {
    const name = parameter.name.text;
    const argument = given.get(name);
    // The default is also the type of a parameter that states none.
    const isDefaultNeeded = argument === undefined || parameter.type === undefined;
    const standard = isDefaultNeeded ? defaultOf(parameter, frame) : POISON;
    frame.locals.set(name, argument?.entity ?? standard);
    if (argument !== undefined) {
      if (parameter.type !== undefined || sameKind(argument.entity, standard)) continue;
      fits = false;
      report(
        frame,
        'wrong-type',
        `\`${name}\` of \`${declaration.name.text}\` is ${describeEntity(standard)} by default, ` +
          `and ${describeEntity(argument.entity)} is of another type`,
        argument.span,
        { labels: [{ span: parameter.span, message: 'the parameter' }] },
      );
      continue;
    }
    if (parameter.default === undefined) continue;
    const problem = checkType(parameter, standard, parameter.default.span, declaration);
    if (problem === undefined) continue;
    fits = false;
    report(frame, problem.code, problem.message, parameter.default.span, { hints: problem.hints });
  }
  return fits;
}

function defaultOf(parameter: Parameter, frame: Frame): Entity {
  if (parameter.default !== undefined) return evaluate(parameter.default, frame);
  // Else only a model's parameter gets here without an argument, and `resolve` has said so.
  return parameter.type?.optional === true ? { type: 'none' } : POISON;
}
