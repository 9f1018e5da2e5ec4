/** What a call may pass, and which argument goes to which parameter. */
import type { Argument, BlockDeclaration, ModelDeclaration, TypeExpression } from './ast.js';
import { writtenDefault } from './attributes.js';
import { diagnostic, type Diagnostic } from './diagnostic.js';
import { CHANNELS_FOLLOW, habitualParameter, isOfTheInput } from './habits.js';
import { didYouMean } from './names.js';
import { isFunctionName } from './arithmetic.js';
import { findOperator, operatorNames, operatorOf } from './ops/index.js';
import type { Operator } from './ops/operator.js';
import type { Span } from './source.js';

interface SignatureParameter {
  readonly name: string;
  /** As shown in messages and hovers: `int`, `[block]`, `same | valid | int`. */
  readonly type: string;
  readonly isBool: boolean;
  readonly isTensor: boolean;
  /** Takes every positional argument. */
  readonly variadic: boolean;
  /** Names that may be written bare. */
  readonly choices: readonly string[];
  readonly required: boolean;
  /** The default as it is written, for messages. */
  readonly standard: () => string | undefined;
}

/** An operator or function that every file knows. */
export function isStandard(name: string): boolean {
  return isFunctionName(name) || findOperator(name)?.traits.includes('internal') === false;
}

/** Whether a name is an enumerated value of some operator, such as `bilinear`. */
export function isChoice(name: string): boolean {
  return operatorNames().some((operator) => isChoiceOf(operatorOf(operator), name));
}

export function isChoiceOf(operator: Operator, name: string): boolean {
  return Object.values(operator.parameters).some((p) => p.kind.choices.includes(name));
}

export interface Signature {
  readonly name: string;
  readonly kind: 'operator' | 'block' | 'model';
  readonly parameters: readonly SignatureParameter[];
  /** The names of those that have to be passed. */
  readonly required: readonly string[];
  /** The declaration, to point at. */
  readonly span: Span | undefined;
}

const operatorSignatures = new WeakMap<Operator, Signature>();
const declarationSignatures = new WeakMap<BlockDeclaration | ModelDeclaration, Signature>();

export function operatorSignature(operator: Operator): Signature {
  let signature = operatorSignatures.get(operator);
  if (signature === undefined) {
    const operands = operator.operands.map((o) => ({
      name: o.name,
      type: 'tensor',
      isBool: false,
      isTensor: true,
      variadic: o.variadic === true,
      choices: [],
      required: o.variadic !== true,
      standard: () => undefined,
    }));
    const attributes = Object.entries(operator.parameters).map(([name, p]) => ({
      name,
      type: p.kind.type,
      isBool: p.kind.type === 'bool',
      isTensor: false,
      variadic: false,
      choices: p.kind.choices,
      required: p.default === undefined,
      standard: () => writtenDefault(operator.parameters, name),
    }));
    const parameters = [...operands, ...attributes];
    signature = {
      name: operator.name,
      kind: 'operator',
      parameters,
      required: requiredOf(parameters),
      span: undefined,
    };
    operatorSignatures.set(operator, signature);
  }
  return signature;
}

export function declarationSignature(declaration: BlockDeclaration | ModelDeclaration): Signature {
  let signature = declarationSignatures.get(declaration);
  if (signature === undefined) {
    const parameters = declaration.parameters.map((p) => ({
      name: p.name.text,
      type: p.type === undefined ? '' : formatType(p.type),
      isBool:
        p.type === undefined
          ? p.default?.kind === 'bool'
          : p.type.kind === 'named' && p.type.name === 'bool',
      isTensor: p.type?.kind === 'named' && p.type.name === 'tensor',
      variadic: false,
      choices: [],
      required: p.default === undefined && p.type?.optional !== true,
      standard: () => (p.default === undefined ? 'none' : textOf(p.default.span)),
    }));
    signature = {
      name: declaration.name.text,
      kind: declaration.kind,
      parameters,
      required: requiredOf(parameters),
      span: declaration.name.span,
    };
    declarationSignatures.set(declaration, signature);
  }
  return signature;
}

export function requiredOf(parameters: readonly SignatureParameter[]): readonly string[] {
  return parameters.filter((p) => p.required).map((p) => p.name);
}

export function formatType(type: TypeExpression): string {
  const inner = type.kind === 'list' ? `[${formatType(type.item)}]` : type.name;
  return type.optional ? `${inner}?` : inner;
}

/** `conv(filters: int, k = 3, …)`, for messages. */
function formatSignature(signature: Signature): string {
  const parts = signature.parameters.map((p) => {
    if (p.variadic) return `${p.name}…`;
    if (!p.required) return `${p.name} = ${p.standard() ?? '…'}`;
    return p.type === '' ? p.name : `${p.name}: ${p.type}`;
  });
  return `${signature.name}(${parts.join(', ')})`;
}

function textOf({ source, start, end }: Span): string {
  return source.text.slice(start, end).replace(/\s+/g, ' ');
}

interface Assignment {
  readonly parameter: SignatureParameter;
  readonly argument: Argument;
  /** The argument is the parameter's bare name, which nothing there binds: `ws` for `ws = true`. */
  readonly flag: boolean;
}

interface Matched {
  readonly assignments: readonly Assignment[];
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Sends arguments to parameters: positional ones in order to those not yet `given`, then named
 * ones. A bare name that is a `bool` parameter is a flag; after the positional arguments any bare
 * name is short for `name = name`. `isBound` says which names the program itself binds there: a
 * standard operator is not one, so that `f(relu)` can set a flag `relu`. `whole` is what the call
 * passes, where `args` is a part of it.
 */
export function matchArguments(
  signature: Signature,
  args: readonly Argument[],
  given: ReadonlySet<string> | ReadonlyMap<string, unknown>,
  isBound: (name: string) => boolean,
  whole: readonly Argument[] = args,
): Matched {
  const diagnostics: Diagnostic[] = [];
  const assignments: Assignment[] = [];
  const taken = new Map<string, Span>();
  const open = signature.parameters.filter((p) => !given.has(p.name));
  const nextOpen = (): SignatureParameter | undefined => open.find((p) => !taken.has(p.name));
  const find = (name: string): SignatureParameter | undefined =>
    signature.parameters.find((p) => p.name === name);
  const declared =
    signature.span === undefined
      ? []
      : [{ span: signature.span, message: `\`${signature.name}\` is declared here` }];
  let positional = true;

  const assign = (parameter: SignatureParameter, argument: Argument, flag: boolean): void => {
    const before = taken.get(parameter.name);
    if (before !== undefined && !parameter.variadic) {
      diagnostics.push(
        diagnostic('duplicate-argument', `\`${parameter.name}\` is passed twice`, {
          span: argument.span,
          labels: [{ span: before, message: 'first passed here' }],
          hints: inputChannelsHints(signature, whole),
        }),
      );
      return;
    }
    if (!parameter.variadic) taken.set(parameter.name, argument.span);
    assignments.push({ parameter, argument, flag });
  };

  for (const argument of args) {
    if (argument.name !== undefined) {
      positional = false;
      const parameter = find(argument.name.text);
      if (parameter === undefined || parameter.variadic) {
        diagnostics.push(
          diagnostic(
            'unknown-parameter',
            `\`${signature.name}\` has no parameter \`${argument.name.text}\``,
            {
              span: argument.name.span,
              labels: declared,
              hints: [
                ...parameterHints(signature, argument.name.text),
                ...inputChannelsHints(signature, whole),
              ],
            },
          ),
        );
      } else assign(parameter, argument, false);
      continue;
    }
    const bare = argument.value.kind === 'name' ? argument.value.name : undefined;
    const named = bare === undefined ? undefined : find(bare);
    const next = nextOpen();
    if (positional && bare !== undefined && named !== undefined && named !== next) {
      if (named.isBool) {
        positional = false;
        assign(named, argument, !isBound(bare));
        continue;
      }
      if (next !== undefined && !next.variadic && (isBound(bare) || isStandard(bare))) {
        diagnostics.push(
          diagnostic('argument-order', `\`${bare}\` is passed as \`${next.name}\` here`, {
            span: argument.span,
            labels: declared,
            hints: [
              `write \`${bare} = ${bare}\` to pass it as \`${bare}\``,
              `write \`${next.name} = ${bare}\` if this is meant`,
            ],
          }),
        );
      }
    }
    if (positional) {
      if (next === undefined) {
        diagnostics.push(
          diagnostic(
            'too-many-arguments',
            signature.parameters.length === 0
              ? `\`${signature.name}\` takes no arguments`
              : `\`${signature.name}\` takes no further argument`,
            {
              span: argument.span,
              labels: declared,
              hints: [`its parameters are ${formatSignature(signature)}`],
            },
          ),
        );
        break;
      }
      const isFlag = bare !== undefined && next.name === bare && next.isBool && !isBound(bare);
      assign(next, argument, isFlag);
      continue;
    }
    if (named !== undefined && bare !== undefined && !named.variadic) {
      assign(named, argument, named.isBool && !isBound(bare));
      continue;
    }
    diagnostics.push(
      bare === undefined || isBound(bare) || isStandard(bare)
        ? diagnostic('positional-after-named', 'positional arguments come before named ones', {
            span: argument.span,
            hints:
              next === undefined ? [] : [`name it, as in \`${next.name} = …\`, or move it forward`],
          })
        : diagnostic('unknown-name', `there is no \`${bare}\` here`, {
            span: argument.span,
            hints: parameterHints(signature, bare),
          }),
    );
  }
  return { assignments, diagnostics };
}

function parameterHints(signature: Signature, name: string): string[] {
  const names = signature.parameters.filter((p) => !p.variadic).map((p) => p.name);
  const habit = habitualParameter(name, names);
  if (habit !== undefined) return [`it is called \`${habit}\` here`];
  if (isOfTheInput(name)) return [CHANNELS_FOLLOW];
  const near = didYouMean(name, names);
  if (near.length > 0) return near;
  return names.length === 0
    ? [`\`${signature.name}\` has no parameters`]
    : [`its parameters are ${formatSignature(signature)}`];
}

/** `conv(3, 64, kernel_size = 3)` begins with the channels of the input, which fills `filters` here. */
function inputChannelsHints(signature: Signature, args: readonly Argument[]): string[] {
  const names = signature.parameters.map((p) => p.name);
  if (signature.kind !== 'operator' || !['filters', 'units'].includes(names[0] ?? '')) return [];
  const [input, output, ...rest] = args;
  const isNumber = (argument: Argument | undefined): boolean =>
    argument?.name === undefined && argument?.value.kind === 'number';
  if (output === undefined || !isNumber(input) || !isNumber(output)) return [];
  const written = rest.map(({ name, value }) => {
    const text = textOf(value.span);
    if (name === undefined) return text;
    return `${habitualParameter(name.text, names) ?? name.text} = ${text}`;
  });
  const call = `${signature.name}(${[textOf(output.span), ...written].join(', ')})`;
  return [`channels of the input are not written: \`${call}\` has those of what flows in`];
}
