/** What an expression stands for while a program is elaborated. */
import type { BlockDeclaration, ModelDeclaration } from './ast.js';
import { formatConstant, type Constant } from './constant.js';
import type { Value } from './ir.js';
import type { Module } from './modules.js';
import type { Operator } from './ops/operator.js';
import { formatShape } from './shape.js';
import type { SharedRecord } from './scope.js';
import type { Span } from './source.js';

type Scalar = Exclude<Constant, { type: 'list' }>;

export type Entity =
  | Scalar
  | { readonly type: 'list'; readonly items: readonly Entity[] }
  | { readonly type: 'range'; readonly start: number; readonly end: number }
  | { readonly type: 'tensor'; readonly value: Value }
  | BlockEntity
  | ModelEntity
  | { readonly type: 'module'; readonly module: Module }
  /** Follows an error that has been reported; whatever touches it is silent. */
  | { readonly type: 'poison' };

export type BlockEntity =
  | OperatorEntity
  | DeclaredEntity
  /** Blocks one after the other. */
  | {
      readonly type: 'block';
      readonly form: 'chain';
      /** Each with the place where it is written. */
      readonly stages: readonly { readonly block: BlockEntity; readonly span: Span }[];
    }
  /** `block * n`: n uses, each with weights of its own. */
  | {
      readonly type: 'block';
      readonly form: 'repeat';
      readonly block: BlockEntity;
      readonly count: number;
    }
  /** `shared f = block`: every use has the same weights. */
  | {
      readonly type: 'block';
      readonly form: 'shared';
      readonly block: BlockEntity;
      readonly record: SharedRecord;
    };

/** What has been passed so far, by parameter. */
export type Given = ReadonlyMap<string, GivenArgument>;

export interface GivenArgument {
  readonly entity: Entity;
  readonly span: Span;
}

export interface OperatorEntity {
  readonly type: 'block';
  readonly form: 'operator';
  readonly operator: Operator;
  readonly given: Given;
  /** Operands after the piped one, for operators that take any number. */
  readonly tensors: readonly GivenArgument[];
}

export interface DeclaredEntity {
  readonly type: 'block';
  readonly form: 'declared';
  readonly declaration: BlockDeclaration;
  readonly module: Module;
  readonly given: Given;
}

export interface ModelEntity {
  readonly type: 'model';
  readonly declaration: ModelDeclaration;
  readonly module: Module;
  readonly given: Given;
}

export const POISON: Entity = { type: 'poison' };

export function operatorEntity(operator: Operator): OperatorEntity {
  return { type: 'block', form: 'operator', operator, given: new Map(), tensors: [] };
}

/** The entity as plain data, where it is: what operators' parameters are made from. */
export function toConstant(entity: Entity): Constant | undefined {
  switch (entity.type) {
    case 'list': {
      const items: Constant[] = [];
      for (const item of entity.items) {
        const constant = toConstant(item);
        if (constant === undefined) return undefined;
        items.push(constant);
      }
      return { type: 'list', items };
    }
    case 'range':
      return {
        type: 'list',
        items: rangeItems(entity.start, entity.end),
      };
    case 'tensor':
    case 'block':
    case 'model':
    case 'module':
    case 'poison':
      return undefined;
    default:
      return entity;
  }
}

export function rangeItems(start: number, end: number): Constant[] {
  const items: Constant[] = [];
  for (let i = start; i < end; i++) items.push({ type: 'int', value: i });
  return items;
}

/** An entity in a message: its value where it is short, else what it is. */
export function describeEntity(entity: Entity): string {
  switch (entity.type) {
    case 'tensor':
      return `a tensor ${formatShape(entity.value.type.shape)}`;
    case 'block':
      return `the block ${blockName(entity)}`;
    case 'model':
      return `the model ${entity.declaration.name.text}`;
    case 'module':
      return 'a module';
    case 'range':
      return `${entity.start}..${entity.end}`;
    case 'poison':
      return 'a value with an error';
    case 'list': {
      const constant = toConstant(entity);
      const text = constant === undefined ? '' : formatConstant(constant);
      return text !== '' && text.length <= 60 ? text : `a list of ${entity.items.length}`;
    }
    default:
      return formatConstant(entity);
  }
}

export function blockName(block: BlockEntity): string {
  switch (block.form) {
    case 'operator':
      return block.operator.name;
    case 'declared':
      return block.declaration.name.text;
    case 'chain':
      return block.stages.map((stage) => blockName(stage.block)).join(' -> ');
    case 'repeat':
      return `${blockName(block.block)} * ${block.count}`;
    case 'shared':
      return blockName(block.block);
  }
}

/** `an int`, `a block`: what kind of thing it is. */
export function kindOfEntity(entity: Entity): string {
  switch (entity.type) {
    case 'int':
      return 'an int';
    case 'none':
      return 'none';
    case 'poison':
      return 'an error';
    default:
      return `a ${entity.type}`;
  }
}
