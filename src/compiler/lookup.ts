/** Names to what they stand for where a frame is. */
import { isFunctionName } from './arithmetic.js';
import { type Entity, operatorEntity, POISON } from './entity.js';
import { evaluate } from './evaluate.js';
import type { Module } from './modules.js';
import { didYouMean } from './names.js';
import { findOperator, operatorNames } from './ops/index.js';
import { type Frame, report } from './session.js';
import { isStandard } from './signature.js';
import type { Span } from './source.js';

/** Whether the program itself binds a name where the frame is. */
export function isBoundHere(name: string, frame: Frame): boolean {
  return (
    frame.locals.has(name) || frame.module.names.has(name) || frame.metrics?.(name) !== undefined
  );
}

/** Whether a name means something where the frame is: flags and enumerated values do not. */
export function inScope(name: string, frame: Frame): boolean {
  return isBoundHere(name, frame) || isStandard(name);
}

export function lookUp(name: string, frame: Frame, span: Span): Entity {
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
export function lookUpTop(name: string, frame: Frame, span: Span): Entity | undefined {
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
export function constantFrame(module: Module, frame: Frame): Frame {
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
