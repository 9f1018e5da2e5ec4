/** The abstract syntax tree: what was written, without its spelling. */
import type { Source, Span } from './source.js';

export interface File {
  readonly source: Source;
  readonly imports: readonly Import[];
  readonly declarations: readonly Declaration[];
  /** What trains models. Their names are apart from those of declarations, and are not imported. */
  readonly recipes: readonly TrainDeclaration[];
  /** A syntax error swallowed a declaration's name, so unknown names may be its. */
  readonly incomplete: boolean;
}

/** A name where it is written. */
export interface Name {
  readonly text: string;
  readonly span: Span;
}

export interface Import {
  readonly span: Span;
  readonly path: string;
  readonly pathSpan: Span;
  /** `import a, b as c from`: each name there and here. Empty for a whole module. */
  readonly names: readonly { readonly name: Name; readonly local: Name }[];
  /** `import "…" as module`. */
  readonly module: Name | undefined;
}

export type Declaration = ConstDeclaration | BlockDeclaration | ModelDeclaration;

interface DeclarationBase {
  readonly name: Name;
  readonly span: Span;
  /** The `##` lines above, without their marks. */
  readonly doc: string;
  /** Holds a syntax error: nothing is known of it but its name. */
  readonly damaged: boolean;
}

export interface ConstDeclaration extends DeclarationBase {
  readonly kind: 'const';
  readonly value: Expression;
}

export interface BlockDeclaration extends DeclarationBase {
  readonly kind: 'block';
  readonly parameters: readonly Parameter[];
  /** `= expression`, or statements. */
  readonly body: Expression | readonly Statement[];
}

export interface ModelDeclaration extends DeclarationBase {
  readonly kind: 'model';
  readonly parameters: readonly Parameter[];
  /** `= Other(args)`, or statements. */
  readonly body: Expression | readonly Statement[];
}

export interface TrainDeclaration extends DeclarationBase {
  readonly kind: 'train';
  readonly parameters: readonly Parameter[];
  /** `for SDUNet(width = 16)`. */
  readonly model: Expression;
  /** Settings, `name = expression`; any other statement is a mistake. */
  readonly body: readonly Statement[];
}

export interface Parameter {
  readonly name: Name;
  readonly type: TypeExpression | undefined;
  readonly default: Expression | undefined;
  readonly doc: string;
  readonly span: Span;
}

export type TypeExpression =
  | {
      readonly kind: 'named';
      readonly name: string;
      readonly optional: boolean;
      readonly span: Span;
    }
  | {
      readonly kind: 'list';
      readonly item: TypeExpression;
      readonly optional: boolean;
      readonly span: Span;
    };

export type Statement =
  | {
      readonly kind: 'assign';
      readonly targets: readonly Name[];
      readonly operator: '=' | '+=';
      readonly value: Expression;
      readonly doc: string;
      readonly span: Span;
    }
  | {
      readonly kind: 'shared';
      readonly name: Name;
      readonly value: Expression;
      readonly doc: string;
      readonly span: Span;
    }
  | InputStatement
  | {
      readonly kind: 'output';
      readonly name: Name;
      readonly value: Expression;
      readonly doc: string;
      readonly span: Span;
    }
  | { readonly kind: 'expect'; readonly condition: Expression; readonly span: Span }
  | { readonly kind: 'return'; readonly value: Expression; readonly span: Span }
  | {
      readonly kind: 'for';
      readonly targets: readonly Name[];
      readonly items: Expression;
      readonly body: readonly Statement[];
      readonly span: Span;
    }
  | {
      readonly kind: 'if';
      readonly condition: Expression;
      readonly then: readonly Statement[];
      readonly else: readonly Statement[];
      readonly span: Span;
    };

export interface InputStatement {
  readonly kind: 'input';
  readonly name: Name;
  readonly dtype: Name;
  readonly axes: readonly Axis[];
  readonly facts: readonly Expression[];
  readonly doc: string;
  readonly span: Span;
}

/** `H = 256`, `H`, `3`, `channels`. */
export interface Axis {
  readonly size: Expression;
  readonly defaultSize: Expression | undefined;
  readonly span: Span;
}

export type BinaryOperator =
  'or' | 'and' | '==' | '!=' | '<' | '<=' | '>' | '>=' | '+' | '-' | '*' | '/' | '//' | '%' | '**';

export type Expression =
  | {
      readonly kind: 'number';
      readonly value: number;
      readonly integer: boolean;
      readonly span: Span;
    }
  | { readonly kind: 'string'; readonly value: string; readonly span: Span }
  | { readonly kind: 'bool'; readonly value: boolean; readonly span: Span }
  | { readonly kind: 'none'; readonly span: Span }
  | { readonly kind: 'in'; readonly span: Span }
  | { readonly kind: 'name'; readonly name: string; readonly span: Span }
  | { readonly kind: 'list'; readonly items: readonly Expression[]; readonly span: Span }
  | { readonly kind: 'pipe'; readonly stages: readonly Expression[]; readonly span: Span }
  | {
      readonly kind: 'if';
      readonly condition: Expression;
      readonly then: Expression;
      readonly else: Expression;
      readonly span: Span;
    }
  | {
      readonly kind: 'range';
      readonly start: Expression | undefined;
      readonly end: Expression | undefined;
      readonly span: Span;
    }
  | {
      readonly kind: 'binary';
      readonly operator: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
      readonly span: Span;
    }
  | {
      readonly kind: 'unary';
      readonly operator: '-' | 'not';
      readonly operand: Expression;
      readonly span: Span;
    }
  | CallExpression
  | {
      readonly kind: 'index';
      readonly object: Expression;
      readonly index: Expression;
      readonly span: Span;
    }
  | {
      readonly kind: 'member';
      readonly object: Expression;
      readonly name: Name;
      readonly span: Span;
    };

export interface CallExpression {
  readonly kind: 'call';
  readonly callee: Expression;
  readonly args: readonly Argument[];
  readonly span: Span;
}

export interface Argument {
  /** `name = value`; absent for positional arguments and short forms. */
  readonly name: Name | undefined;
  readonly value: Expression;
  readonly span: Span;
}

/** Whether a body is statements in `{ }` rather than an expression after `=`. */
export function isStatements(
  body: Expression | readonly Statement[],
): body is readonly Statement[] {
  return Array.isArray(body);
}

/** The expressions that an expression is made of, from left to right. */
export function partsOf(expression: Expression): readonly Expression[] {
  const given = (...parts: readonly (Expression | undefined)[]): Expression[] =>
    parts.filter((part) => part !== undefined);
  switch (expression.kind) {
    case 'list':
      return expression.items;
    case 'pipe':
      return expression.stages;
    case 'if':
      return [expression.condition, expression.then, expression.else];
    case 'range':
      return given(expression.start, expression.end);
    case 'binary':
      return [expression.left, expression.right];
    case 'unary':
      return [expression.operand];
    case 'call':
      return [expression.callee, ...expression.args.map((argument) => argument.value)];
    case 'index':
      return [expression.object, expression.index];
    case 'member':
      return [expression.object];
    case 'number':
    case 'string':
    case 'bool':
    case 'none':
    case 'in':
    case 'name':
      return [];
  }
}

/** Whether a name is read anywhere in an expression. */
export function readsName(expression: Expression, name: string): boolean {
  if (expression.kind === 'name') return expression.name === name;
  return partsOf(expression).some((part) => readsName(part, name));
}

/** The expressions of a recipe: defaults, its model, and what it sets. */
export function expressionsOf(recipe: TrainDeclaration): readonly Expression[] {
  return [
    ...recipe.parameters.flatMap((p) => p.default ?? []),
    recipe.model,
    ...recipe.body.flatMap((s) => (s.kind === 'assign' ? s.value : [])),
  ];
}
