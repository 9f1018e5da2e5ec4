/** Every operator, by name. A new one is a file and a line here. */
import { conv, dwconv } from './conv.js';
import { standardize } from './standardize.js';
import type { Operator } from './operator.js';

/** Operators that every backend must spell: their tables are total over these names. */
export const CORE = {
  conv,
  dwconv,
  standardize,
} as const satisfies Record<string, Operator>;

/** Operators that have a meaning in simpler ones; a backend may spell them, or have them decomposed. */
export const COMPOSITE = {} as const satisfies Record<string, Operator>;

export type CoreName = keyof typeof CORE;
export type CompositeName = keyof typeof COMPOSITE;
export type OperatorName = CoreName | CompositeName;

const ALL: ReadonlyMap<string, Operator> = new Map<string, Operator>(
  Object.entries({ ...CORE, ...COMPOSITE }),
);

/** The operator of that name, if there is one. */
export function findOperator(name: string): Operator | undefined {
  return ALL.get(name);
}

/** The operator of a node. */
export function operatorOf(name: OperatorName): Operator {
  const operator = ALL.get(name);
  if (operator === undefined) throw new Error(`no operator ${name}`);
  return operator;
}

/** Names that a program may use, in the order of the registry. */
export function operatorNames(): readonly OperatorName[] {
  return ([...ALL.keys()] as OperatorName[]).filter(
    (name) => !operatorOf(name).traits.includes('internal'),
  );
}
