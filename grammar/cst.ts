/** The types of the concrete syntax tree. Generated from the grammar: do not edit. */
import type { CstNode, IToken } from 'chevrotain';

export interface FileCstNode extends CstNode {
  name: 'file';
  children: FileCstChildren;
}

export type FileCstChildren = {
  declaration?: DeclarationCstNode[];
};

export interface SoleExpressionCstNode extends CstNode {
  name: 'soleExpression';
  children: SoleExpressionCstChildren;
}

export type SoleExpressionCstChildren = {
  expression: ExpressionCstNode[];
  EOF: IToken[];
};

export interface DeclarationCstNode extends CstNode {
  name: 'declaration';
  children: DeclarationCstChildren;
}

export type DeclarationCstChildren = {
  importDeclaration?: ImportDeclarationCstNode[];
  constDeclaration?: ConstDeclarationCstNode[];
  blockDeclaration?: BlockDeclarationCstNode[];
  modelDeclaration?: ModelDeclarationCstNode[];
  trainDeclaration?: TrainDeclarationCstNode[];
};

export interface ImportDeclarationCstNode extends CstNode {
  name: 'importDeclaration';
  children: ImportDeclarationCstChildren;
}

export type ImportDeclarationCstChildren = {
  Import: IToken[];
  importedName?: ImportedNameCstNode[];
  Comma?: IToken[];
  From?: IToken[];
  StringLiteral?: IToken[];
  As?: IToken[];
  Identifier?: IToken[];
};

export interface ImportedNameCstNode extends CstNode {
  name: 'importedName';
  children: ImportedNameCstChildren;
}

export type ImportedNameCstChildren = {
  name: IToken[];
  As?: IToken[];
  alias?: IToken[];
};

export interface ConstDeclarationCstNode extends CstNode {
  name: 'constDeclaration';
  children: ConstDeclarationCstChildren;
}

export type ConstDeclarationCstChildren = {
  Const: IToken[];
  Identifier: IToken[];
  Equal: IToken[];
  expression: ExpressionCstNode[];
};

export interface BlockDeclarationCstNode extends CstNode {
  name: 'blockDeclaration';
  children: BlockDeclarationCstChildren;
}

export type BlockDeclarationCstChildren = {
  Block: IToken[];
  Identifier: IToken[];
  parameters: ParametersCstNode[];
  Equal?: IToken[];
  expression?: ExpressionCstNode[];
  body?: BodyCstNode[];
};

export interface ModelDeclarationCstNode extends CstNode {
  name: 'modelDeclaration';
  children: ModelDeclarationCstChildren;
}

export type ModelDeclarationCstChildren = {
  Model: IToken[];
  Identifier: IToken[];
  parameters?: ParametersCstNode[];
  Equal?: IToken[];
  expression?: ExpressionCstNode[];
  body?: BodyCstNode[];
};

export interface TrainDeclarationCstNode extends CstNode {
  name: 'trainDeclaration';
  children: TrainDeclarationCstChildren;
}

export type TrainDeclarationCstChildren = {
  Train: IToken[];
  Identifier: IToken[];
  parameters?: ParametersCstNode[];
  For: IToken[];
  expression: ExpressionCstNode[];
  body: BodyCstNode[];
};

export interface ParametersCstNode extends CstNode {
  name: 'parameters';
  children: ParametersCstChildren;
}

export type ParametersCstChildren = {
  LeftParen: IToken[];
  parameter?: ParameterCstNode[];
  Comma?: IToken[];
  RightParen: IToken[];
};

export interface ParameterCstNode extends CstNode {
  name: 'parameter';
  children: ParameterCstChildren;
}

export type ParameterCstChildren = {
  Identifier: IToken[];
  Colon?: IToken[];
  type?: TypeCstNode[];
  Equal?: IToken[];
  expression?: ExpressionCstNode[];
};

export interface TypeCstNode extends CstNode {
  name: 'type';
  children: TypeCstChildren;
}

export type TypeCstChildren = {
  Identifier?: IToken[];
  Block?: IToken[];
  LeftBracket?: IToken[];
  type?: TypeCstNode[];
  RightBracket?: IToken[];
  Question?: IToken[];
};

export interface BodyCstNode extends CstNode {
  name: 'body';
  children: BodyCstChildren;
}

export type BodyCstChildren = {
  LeftBrace: IToken[];
  statement?: StatementCstNode[];
  RightBrace: IToken[];
};

export interface StatementCstNode extends CstNode {
  name: 'statement';
  children: StatementCstChildren;
}

export type StatementCstChildren = {
  assignment?: AssignmentCstNode[];
  sharedStatement?: SharedStatementCstNode[];
  inputStatement?: InputStatementCstNode[];
  outputStatement?: OutputStatementCstNode[];
  expectStatement?: ExpectStatementCstNode[];
  returnStatement?: ReturnStatementCstNode[];
  forStatement?: ForStatementCstNode[];
  ifStatement?: IfStatementCstNode[];
};

export interface AssignmentCstNode extends CstNode {
  name: 'assignment';
  children: AssignmentCstChildren;
}

export type AssignmentCstChildren = {
  Identifier: IToken[];
  Comma?: IToken[];
  Equal?: IToken[];
  PlusEqual?: IToken[];
  expression: ExpressionCstNode[];
};

export interface SharedStatementCstNode extends CstNode {
  name: 'sharedStatement';
  children: SharedStatementCstChildren;
}

export type SharedStatementCstChildren = {
  Shared: IToken[];
  Identifier: IToken[];
  Equal: IToken[];
  expression: ExpressionCstNode[];
};

export interface InputStatementCstNode extends CstNode {
  name: 'inputStatement';
  children: InputStatementCstChildren;
}

export type InputStatementCstChildren = {
  Input: IToken[];
  name: IToken[];
  Colon: IToken[];
  dtype: IToken[];
  LeftBracket: IToken[];
  axis: AxisCstNode[];
  Comma?: IToken[];
  RightBracket: IToken[];
  Where?: IToken[];
  expression?: ExpressionCstNode[];
};

export interface AxisCstNode extends CstNode {
  name: 'axis';
  children: AxisCstChildren;
}

export type AxisCstChildren = {
  size: ExpressionCstNode[];
  Equal?: IToken[];
  defaultSize?: ExpressionCstNode[];
};

export interface OutputStatementCstNode extends CstNode {
  name: 'outputStatement';
  children: OutputStatementCstChildren;
}

export type OutputStatementCstChildren = {
  Output: IToken[];
  Identifier: IToken[];
  Equal: IToken[];
  expression: ExpressionCstNode[];
};

export interface ExpectStatementCstNode extends CstNode {
  name: 'expectStatement';
  children: ExpectStatementCstChildren;
}

export type ExpectStatementCstChildren = {
  Expect: IToken[];
  expression: ExpressionCstNode[];
};

export interface ReturnStatementCstNode extends CstNode {
  name: 'returnStatement';
  children: ReturnStatementCstChildren;
}

export type ReturnStatementCstChildren = {
  Return: IToken[];
  expression: ExpressionCstNode[];
};

export interface ForStatementCstNode extends CstNode {
  name: 'forStatement';
  children: ForStatementCstChildren;
}

export type ForStatementCstChildren = {
  For: IToken[];
  Identifier: IToken[];
  Comma?: IToken[];
  In: IToken[];
  expression: ExpressionCstNode[];
  body: BodyCstNode[];
};

export interface IfStatementCstNode extends CstNode {
  name: 'ifStatement';
  children: IfStatementCstChildren;
}

export type IfStatementCstChildren = {
  If: IToken[];
  expression: ExpressionCstNode[];
  then: BodyCstNode[];
  Else?: IToken[];
  elseIf?: IfStatementCstNode[];
  else?: BodyCstNode[];
};

export interface ExpressionCstNode extends CstNode {
  name: 'expression';
  children: ExpressionCstChildren;
}

export type ExpressionCstChildren = {
  pipeStage: PipeStageCstNode[];
  Arrow?: IToken[];
};

export interface PipeStageCstNode extends CstNode {
  name: 'pipeStage';
  children: PipeStageCstChildren;
}

export type PipeStageCstChildren = {
  If?: IToken[];
  condition?: ExpressionCstNode[];
  Then?: IToken[];
  then?: ExpressionCstNode[];
  Else?: IToken[];
  else?: PipeStageCstNode[];
  DotDot?: IToken[];
  end?: OperationCstNode[];
  start?: OperationCstNode[];
};

export interface OperationCstNode extends CstNode {
  name: 'operation';
  children: OperationCstChildren;
}

export type OperationCstChildren = {
  operand: OperandCstNode[];
  BinaryOperator?: IToken[];
};

export interface OperandCstNode extends CstNode {
  name: 'operand';
  children: OperandCstChildren;
}

export type OperandCstChildren = {
  PrefixOperator?: IToken[];
  Atom?: IToken[];
  group?: GroupCstNode[];
  list?: ListCstNode[];
  postfix?: PostfixCstNode[];
};

export interface GroupCstNode extends CstNode {
  name: 'group';
  children: GroupCstChildren;
}

export type GroupCstChildren = {
  LeftParen: IToken[];
  expression: ExpressionCstNode[];
  RightParen: IToken[];
};

export interface ListCstNode extends CstNode {
  name: 'list';
  children: ListCstChildren;
}

export type ListCstChildren = {
  LeftBracket: IToken[];
  expression?: ExpressionCstNode[];
  Comma?: IToken[];
  RightBracket: IToken[];
};

export interface PostfixCstNode extends CstNode {
  name: 'postfix';
  children: PostfixCstChildren;
}

export type PostfixCstChildren = {
  LeftParen?: IToken[];
  argument?: ArgumentCstNode[];
  Comma?: IToken[];
  RightParen?: IToken[];
  LeftBracket?: IToken[];
  expression?: ExpressionCstNode[];
  RightBracket?: IToken[];
  Dot?: IToken[];
  Identifier?: IToken[];
};

export interface ArgumentCstNode extends CstNode {
  name: 'argument';
  children: ArgumentCstChildren;
}

export type ArgumentCstChildren = {
  Identifier?: IToken[];
  Equal?: IToken[];
  expression: ExpressionCstNode[];
};
