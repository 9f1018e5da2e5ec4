/** The declared types of parameters, and whether a value has them. */
import type { BlockDeclaration, ModelDeclaration, Parameter, TypeExpression } from './ast.js';
import type { Code } from './codes.js';
import { describeEntity, kindOfEntity, type Entity } from './entity.js';
import { formatType } from './signature.js';
import type { Span } from './source.js';

export const TYPE_NAMES = ['int', 'float', 'bool', 'string', 'block', 'tensor'] as const;

interface TypeProblem {
  readonly code: Code;
  readonly message: string;
  readonly hints: readonly string[];
}

/** Why an argument, written at `span`, does not fit its parameter, or undefined where it does. */
export function checkType(
  parameter: Parameter,
  entity: Entity,
  span: Span,
  declaration: BlockDeclaration | ModelDeclaration,
): TypeProblem | undefined {
  const type = parameter.type ?? typeOfDefault(parameter);
  if (type === undefined || hasType(entity, type)) return undefined;
  const isRequired = parameter.default === undefined && !type.optional;
  const hints: string[] = [];
  if (entity.type === 'block' && type.kind === 'named' && type.name === 'tensor') {
    hints.push('send a tensor into it: `x -> block`');
  }
  if (formatType(type) === 'int') hints.push(...wholeFloatHints(entity, span));
  if (entity.type === 'none' && !isRequired && parameter.type !== undefined) {
    hints.push(
      `an optional parameter is declared \`${parameter.name.text}: ${formatType(type)}?\``,
    );
  }
  return {
    code: 'wrong-type',
    message:
      `\`${parameter.name.text}\` of \`${declaration.name.text}\` is ${article(formatType(type))}, ` +
      `not ${describeEntity(entity)}`,
    hints,
  };
}

/** How an int is written where a float of a whole value stands at `span`. */
export function wholeFloatHints(entity: Entity, { source, start, end }: Span): string[] {
  if (entity.type !== 'float' || !Number.isSafeInteger(entity.value)) return [];
  const text = source.text
    .slice(start, end)
    .replace(/^\w+\s*=/, '')
    .trim();
  if (/^-?[0-9]/.test(text) && !/[^0-9a-z_.+-]/i.test(text)) return [`write \`${entity.value}\``];
  if (/(?<!\/)\/(?!\/)/.test(text)) return ['`/` makes a float: write `//`'];
  return [
    'ints come from `//` in place of `/`, and from `round(…)`; `1e3` is a float, and `1k` an int',
  ];
}

function article(type: string): string {
  return type === 'int' ? 'an int' : type.startsWith('[') ? `a list ${type}` : `a ${type}`;
}

export function hasType(entity: Entity, type: TypeExpression): boolean {
  if (entity.type === 'poison') return true;
  if (entity.type === 'none') return type.optional;
  if (type.kind === 'list') {
    if (entity.type === 'range') return type.item.kind === 'named' && type.item.name === 'int';
    return entity.type === 'list' && entity.items.every((item) => hasType(item, type.item));
  }
  // An unknown type name has been reported where it stands.
  if (!(TYPE_NAMES as readonly string[]).includes(type.name)) return true;
  return entity.type === type.name || (type.name === 'float' && entity.type === 'int');
}

/** An unstated type is taken from the default where the default shows one. */
function typeOfDefault({ default: value }: Parameter): TypeExpression | undefined {
  if (value === undefined) return undefined;
  const named = (name: string): TypeExpression => ({
    kind: 'named',
    name,
    optional: false,
    span: value.span,
  });
  switch (value.kind) {
    case 'number':
      return named(value.integer ? 'int' : 'float');
    case 'bool':
      return named('bool');
    case 'string':
      return named('string');
    default:
      // What an expression yields is known once it is evaluated; `none` leaves the type open.
      return undefined;
  }
}

/** The type that a value shows, for a parameter without a stated one: its default's. */
export function sameKind(entity: Entity, model: Entity): boolean {
  if (model.type === 'none' || model.type === 'poison' || entity.type === 'poison') return true;
  if (model.type === 'float' && entity.type === 'int') return true;
  if (model.type === 'list' && entity.type === 'range') return true;
  return kindOfEntity(entity) === kindOfEntity(model);
}
