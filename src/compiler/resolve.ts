/**
 * Names, before anything is expanded: every declaration is checked, whether a model uses it or not.
 * What depends on values (a block passed as an argument) is left to the elaborator.
 */
import { FUNCTION_NAMES, isFunctionName } from './arithmetic.js';
import {
  expressionsOf,
  isStatements,
  partsOf,
  type BlockDeclaration,
  type CallExpression,
  type Expression,
  type ModelDeclaration,
  type Name,
  type Statement,
  type TypeExpression,
} from './ast.js';
import type { Code } from './codes.js';
import { diagnostic, type Diagnostic, type DiagnosticDetails } from './diagnostic.js';
import { CLAIM_NAMES } from './metrics.js';
import { isConstant, type Module } from './modules.js';
import { didYouMean, nearest } from './names.js';
import { findOperator, operatorNames } from './ops/index.js';
import {
  declarationSignature,
  isChoice,
  matchArguments,
  operatorSignature,
  type Signature,
} from './signature.js';
import type { Span } from './source.js';
import { TYPE_NAMES } from './types.js';

/** Checks the names of one file. */
export function resolve(module: Module): readonly Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  const say = (code: Code, message: string, span: Span, details: DiagnosticDetails = {}): void => {
    diagnostics.push(diagnostic(code, message, { span, ...details }));
  };
  const usedTop = new Set<string>();

  for (const declaration of module.file.declarations) {
    const { name } = declaration;
    if (findOperator(name.text) !== undefined || isFunctionName(name.text)) {
      say('shadows-operator', `\`${name.text}\` hides the standard one of this name`, name.span, {
        hints: ['choose another name'],
      });
    }
    if (declaration.damaged) continue;
    if (declaration.kind === 'const') {
      const scope = createScope('const', module, say, usedTop);
      scope.expression(declaration.value);
    } else resolveBody(declaration, module, say, usedTop);
  }
  for (const recipe of module.file.recipes) {
    for (const expression of expressionsOf(recipe)) markUsed(expression, usedTop);
  }
  for (const item of module.file.imports) {
    for (const local of [
      ...item.names.map((n) => n.local),
      ...(item.module ? [item.module] : []),
    ]) {
      if (!usedTop.has(local.text) && !local.text.startsWith('_') && !module.file.incomplete) {
        const { declarations, recipes } = module.file;
        if ([...declarations, ...recipes].some((d) => d.damaged)) continue;
        if (declarations.length + recipes.length === 0) continue;
        say('unused-name', `\`${local.text}\` is imported and never used`, local.span, {
          hints: ['remove it from the import'],
        });
      }
    }
  }
  return diagnostics;
}

/** The names that a recipe reads. What they stand for is checked with the recipe, see `recipe.ts`. */
function markUsed(expression: Expression, usedTop: Set<string>): void {
  if (expression.kind === 'name') usedTop.add(expression.name);
  else for (const part of partsOf(expression)) markUsed(part, usedTop);
}

type NameExpression = Extract<Expression, { readonly kind: 'name' }>;

type Say = (code: Code, message: string, span: Span, details?: DiagnosticDetails) => void;

interface Binding {
  readonly name: Name;
  readonly what: 'parameter' | 'binding' | 'loop variable' | 'input' | 'output' | 'symbol';
  reads: number;
  /** The loop that binds it anew in every round, unread: only the last value can be used. */
  lostIn?: Span;
}

interface NameScope {
  readonly expression: (expression: Expression) => void;
  readonly bind: (name: Name, what: Binding['what']) => void;
  readonly bindings: Binding[];
  readonly find: (name: string) => Binding | undefined;
  /** How often a name has been read, whichever binding it was then. */
  readonly reads: ReadonlyMap<string, number>;
  /** Whether anything here has the name: a binding, a declaration, an operator, a function. */
  readonly isBound: (name: string) => boolean;
  inExpect: boolean;
  readonly module: Module;
}

function createScope(
  kind: 'const' | 'block' | 'model',
  module: Module,
  say: Say,
  usedTop: Set<string>,
): NameScope {
  const current = new Map<string, Binding>();
  const bindings: Binding[] = [];
  const reads = new Map<string, number>();

  const markRead = (binding: Binding): void => {
    binding.reads++;
    const { text } = binding.name;
    reads.set(text, (reads.get(text) ?? 0) + 1);
  };

  const isBound = (name: string): boolean =>
    current.has(name) ||
    module.names.has(name) ||
    isFunctionName(name) ||
    (scope.inExpect && CLAIM_NAMES.includes(name)) ||
    findOperator(name)?.traits.includes('internal') === false;

  const candidates = (): string[] => [
    ...current.keys(),
    ...module.names.keys(),
    ...operatorNames(),
    ...FUNCTION_NAMES,
    ...(scope.inExpect ? CLAIM_NAMES : []),
  ];

  const unknown = (name: string, span: Span, meant: readonly string[]): void => {
    const near = nearest(name, meant);
    // What was probably meant is not unused as well.
    const binding = near === undefined ? undefined : current.get(near);
    if (binding !== undefined) markRead(binding);
    say('unknown-name', `there is no \`${name}\` here`, span, {
      hints: isChoice(name)
        ? [`to pass it on as a string, write \`"${name}"\``]
        : near === undefined
          ? []
          : [`did you mean \`${near}\`?`],
    });
  };

  const read = (name: string, span: Span): void => {
    if (scope.inExpect && CLAIM_NAMES.includes(name)) return;
    const binding = current.get(name);
    if (binding !== undefined) markRead(binding);
    else if (module.names.has(name)) usedTop.add(name);
    else if (!isBound(name) && !module.file.incomplete) unknown(name, span, candidates());
  };

  /** The signature of a callee that is known without running anything. */
  const signatureOf = (callee: Expression): Signature | 'function' | undefined => {
    if (callee.kind === 'member' && callee.object.kind === 'name') {
      const top = module.names.get(callee.object.name)?.target;
      if (current.has(callee.object.name) || top?.kind !== 'module') return undefined;
      return declared(top.module, callee.name.text);
    }
    if (callee.kind !== 'name' || current.has(callee.name)) return undefined;
    if (module.names.has(callee.name)) return declared(module, callee.name);
    const operator = findOperator(callee.name);
    if (operator !== undefined) return operatorSignature(operator);
    return isFunctionName(callee.name) ? 'function' : undefined;
  };

  const isUnknown = (callee: Expression): callee is NameExpression =>
    callee.kind === 'name' && !isBound(callee.name);

  /** A bare name, bound nowhere, that is passed to a misspelt block: unless it may be a flag there. */
  const argumentOfUnknown = (callee: string, value: NameExpression, isNamed: boolean): void => {
    if (isChoice(value.name) || module.file.incomplete) return;
    const near = nearest(callee, candidates());
    const meant = near === undefined ? undefined : signatureOf({ ...value, name: near });
    if (meant === undefined || meant === 'function') {
      const isMisspelt = nearest(value.name, current.keys()) !== undefined;
      if (isNamed || isMisspelt) unknown(value.name, value.span, candidates());
      return;
    }
    if (meant.parameters.some((p) => p.isBool && p.name === value.name)) return;
    unknown(value.name, value.span, candidates());
  };

  const call = (expression: CallExpression): void => {
    scope.expression(expression.callee);
    const signature = signatureOf(expression.callee);
    const choices = new Set<string>();
    if (signature !== undefined && signature !== 'function') {
      for (const p of signature.parameters) for (const c of p.choices) choices.add(c);
      // Whether the first argument is the tensor that flows in only the elaborator can tell, so
      // positional arguments are left to it.
      const named = expression.args.filter((a) => a.name !== undefined);
      const { diagnostics } = matchArguments(signature, named, new Map(), isBound, expression.args);
      for (const d of diagnostics) if (d.span !== undefined) say(d.code, d.message, d.span, d);
    }
    const isEnumerated = (e: Expression): boolean =>
      e.kind === 'name' &&
      !isBound(e.name) &&
      (signature === undefined ? isChoice(e.name) : choices.has(e.name));
    for (const { name, value } of expression.args) {
      if (value.kind === 'list') {
        value.items.filter((item) => !isEnumerated(item)).forEach(scope.expression);
        continue;
      }
      if (value.kind !== 'name' || isBound(value.name)) {
        scope.expression(value);
        continue;
      }
      if (choices.has(value.name)) continue;
      if (isUnknown(expression.callee)) {
        argumentOfUnknown(expression.callee.name, value, name !== undefined);
        continue;
      }
      if (signature === undefined) {
        // A flag of a block that is known only when the model is expanded.
        if (name !== undefined) read(value.name, value.span);
        continue;
      }
      if (signature === 'function') {
        read(value.name, value.span);
        continue;
      }
      const flags = signature.parameters.filter((p) => p.isBool).map((p) => p.name);
      if (name === undefined && flags.includes(value.name)) continue;
      if (!module.file.incomplete) {
        unknown(value.name, value.span, [...flags, ...choices, ...candidates()]);
      }
    }
  };

  const scope: NameScope = {
    bindings,
    module,
    inExpect: false,
    find: (name) => current.get(name),
    reads,
    isBound,
    bind(name, what) {
      const binding: Binding = { name, what, reads: 0 };
      current.set(name.text, binding);
      bindings.push(binding);
    },
    expression(expression) {
      switch (expression.kind) {
        case 'name':
          read(expression.name, expression.span);
          return;
        case 'in':
          if (kind !== 'block') {
            say('in-outside-block', '`in` is the tensor that flows into a block', expression.span, {
              hints: ['name the tensor that is meant'],
            });
          }
          return;
        case 'list':
          expression.items.forEach(scope.expression);
          return;
        case 'pipe':
          warnOfLooseElse(expression.stages, say);
          expression.stages.forEach(scope.expression);
          return;
        case 'if':
          [expression.condition, expression.then, expression.else].forEach(scope.expression);
          return;
        case 'range':
          for (const end of [expression.start, expression.end]) if (end) scope.expression(end);
          return;
        case 'binary':
          scope.expression(expression.left);
          scope.expression(expression.right);
          return;
        case 'unary':
          scope.expression(expression.operand);
          return;
        case 'call':
          call(expression);
          return;
        case 'index':
          scope.expression(expression.object);
          scope.expression(expression.index);
          return;
        case 'member':
          scope.expression(expression.object);
          return;
        case 'number':
        case 'string':
        case 'bool':
        case 'none':
          return;
      }
    },
  };
  return scope;
}

/** `if c then a else b -> f` sends both `a` and `b` into `f`, which is not how it reads. */
function warnOfLooseElse(stages: readonly Expression[], say: Say): void {
  for (const [i, stage] of stages.slice(0, -1).entries()) {
    if (stage.kind !== 'if') continue;
    const { source, start } = stage.span;
    const isGrouped = source.text.charAt(start) === '(';
    if (isGrouped || (i > 0 && stage.then.kind !== 'pipe')) continue;
    const next = stages[i + 1];
    say('loose-else', 'what stands after this `if` follows both of its branches', stage.span, {
      labels: next === undefined ? [] : [{ span: next.span, message: 'this stage, for one' }],
      hints: ['write `else (b -> f)` for one branch, or `(if c then a else b) -> f` for both'],
    });
  }
}

function declared(module: Module, name: string): Signature | undefined {
  const target = module.names.get(name)?.target;
  if (target?.kind !== 'declaration' || target.declaration.damaged) return undefined;
  const { declaration } = target;
  if (declaration.kind === 'const') return undefined;
  // A variant without parameters has those of another model, which only the elaborator follows.
  const isPlainVariant =
    declaration.kind === 'model' &&
    declaration.parameters.length === 0 &&
    !isStatements(declaration.body);
  return isPlainVariant ? undefined : declarationSignature(declaration);
}

function resolveBody(
  declaration: BlockDeclaration | ModelDeclaration,
  module: Module,
  say: Say,
  usedTop: Set<string>,
): void {
  const scope = createScope(declaration.kind, module, say, usedTop);
  for (const parameter of declaration.parameters) {
    if (parameter.type !== undefined) checkTypeName(parameter.type, say);
    if (parameter.default !== undefined) scope.expression(parameter.default);
    else if (declaration.kind === 'model' && parameter.type?.optional !== true) {
      say(
        'model-parameter',
        `\`${parameter.name.text}\` needs a default, since a model compiles as it stands`,
        parameter.span,
        { hints: [`write \`${parameter.name.text} = …\``] },
      );
    }
    const before = scope.find(parameter.name.text);
    if (before !== undefined) {
      say(
        'duplicate-name',
        `the parameter \`${parameter.name.text}\` stands twice`,
        parameter.name.span,
        {
          labels: [{ span: before.name.span, message: 'first here' }],
        },
      );
    }
    scope.bind(parameter.name, 'parameter');
  }
  const { body } = declaration;
  if (!isStatements(body)) {
    scope.expression(body);
  } else if (declaration.kind === 'block') {
    resolveStatements(body, scope, 'block', say);
    if (!body.some(returns)) {
      say(
        'missing-return',
        `\`${declaration.name.text}\` ends without \`return\``,
        declaration.name.span,
        {
          hints: ['end the body with `return` and the tensor that flows out'],
        },
      );
    }
  } else resolveModelBody(declaration, body, scope, say);
  for (const { name, what, reads, lostIn } of scope.bindings) {
    if (reads > 0 && lostIn !== undefined) {
      say(
        'shadowed-binding',
        `each round binds \`${name.text}\` anew and none reads it`,
        name.span,
        {
          labels: [{ span: lostIn, message: 'of these rounds, only the last has an effect' }],
          hints: [
            `to carry it through the loop, read it: \`${name.text} = ${name.text} -> …\``,
            `to keep all, gather a list: \`${name.text}s += [ … ]\``,
          ],
        },
      );
    }
    if (reads > 0 || name.text.startsWith('_') || what === 'output' || what === 'symbol') continue;
    if (scope.find(name.text)?.name !== name) continue; // said where it is shadowed
    if (what === 'loop variable') continue;
    say('unused-name', `the ${what} \`${name.text}\` is never used`, name.span, {
      hints:
        what === 'input'
          ? ['an input that no output needs can be removed']
          : [`remove it, or call it \`_${name.text}\``],
    });
  }
}

export function checkTypeName(type: TypeExpression, say: Say): void {
  if (type.kind === 'list') {
    checkTypeName(type.item, say);
    return;
  }
  if ((TYPE_NAMES as readonly string[]).includes(type.name)) return;
  const python: Readonly<Record<string, string>> = {
    str: 'string',
    boolean: 'bool',
    integer: 'int',
    number: 'float',
  };
  const meant = python[type.name];
  say('unknown-type', `there is no type \`${type.name}\``, type.span, {
    hints:
      meant === undefined
        ? [
            ...didYouMean(type.name, TYPE_NAMES),
            `types are ${TYPE_NAMES.join(', ')}, \`[int]\`, \`int?\``,
          ].slice(0, 1)
        : [`did you mean \`${meant}\`?`],
  });
}

function resolveModelBody(
  declaration: ModelDeclaration,
  body: readonly Statement[],
  scope: NameScope,
  say: Say,
): void {
  const inputs = body.filter((s) => s.kind === 'input');
  if (!contains(body, 'input')) {
    say('no-input', `\`${declaration.name.text}\` has no input`, declaration.name.span, {
      hints: ['write `input image: f32[H = 256, W = 256, 1]`'],
    });
  }
  if (!contains(body, 'output')) {
    say('no-output', `\`${declaration.name.text}\` has no output`, declaration.name.span, {
      hints: ['write `output mask = …`'],
    });
  }
  // Inputs and their symbols are there from the start of the body.
  for (const axis of inputs.flatMap((i) => i.axes)) {
    const { size } = axis;
    if (axis.defaultSize !== undefined) scope.expression(axis.defaultSize);
    const isSymbol =
      size.kind === 'name' &&
      scope.find(size.name)?.what !== 'parameter' &&
      !isConstant(scope.module, size.name);
    if (!isSymbol) scope.expression(size);
    else scope.bind({ text: size.name, span: size.span }, 'symbol');
  }
  for (const input of inputs) {
    const before = scope.find(input.name.text);
    if (before !== undefined && before.what !== 'symbol') {
      say(
        'duplicate-name',
        `\`${input.name.text}\` is already ${article(before.what)}`,
        input.name.span,
        {
          labels: [{ span: before.name.span, message: 'here' }],
        },
      );
    }
    scope.bind(input.name, 'input');
  }
  for (const fact of inputs.flatMap((i) => i.facts)) scope.expression(fact);
  resolveStatements(body, scope, 'model', say);
}

function article(what: string): string {
  return /^[aeiou]/.test(what) ? `an ${what}` : `a ${what}`;
}

function contains(statements: readonly Statement[], kind: Statement['kind']): boolean {
  return statements.some(
    (s) =>
      s.kind === kind ||
      (s.kind === 'if' && (contains(s.then, kind) || contains(s.else, kind))) ||
      (s.kind === 'for' && contains(s.body, kind)),
  );
}

/** Whether a statement may return. */
function returns(statement: Statement): boolean {
  return contains([statement], 'return');
}

function resolveStatements(
  statements: readonly Statement[],
  scope: NameScope,
  kind: 'block' | 'model',
  say: Say,
  nested = false,
): void {
  /** Names bound by the statements of this list, with how often they had been read then. */
  const fresh = new Map<string, Binding>();
  const bind = (name: Name, what: Binding['what']): void => {
    const before = fresh.get(name.text);
    if (before?.reads === 0 && !name.text.startsWith('_') && before.what === 'binding') {
      say('shadowed-binding', `\`${name.text}\` is bound again before it is used`, name.span, {
        labels: [{ span: before.name.span, message: 'this value is lost' }],
        hints: ['give one of them another name'],
      });
    }
    scope.bind(name, what);
    const binding = scope.find(name.text);
    if (binding !== undefined) fresh.set(name.text, binding);
  };
  const outputs = new Map<string, Span>();
  /** After statements that may or may not have run, an earlier binding may still be the current one. */
  const forgetRebound = (): void => {
    for (const [name, binding] of fresh) if (scope.find(name) !== binding) fresh.delete(name);
  };

  for (const [i, statement] of statements.entries()) {
    switch (statement.kind) {
      case 'assign':
        scope.expression(statement.value);
        for (const target of statement.targets) {
          if (statement.operator === '=') bind(target, 'binding');
          else {
            scope.expression({ kind: 'name', name: target.text, span: target.span });
            // Said once; what follows may read it.
            if (scope.find(target.text) === undefined) scope.bind(target, 'loop variable');
          }
        }
        break;
      case 'shared':
        scope.expression(statement.value);
        bind(statement.name, 'binding');
        break;
      case 'input':
        if (kind === 'block' || nested) {
          say(
            'misplaced-statement',
            kind === 'block' ? 'a block has no `input`' : '`input` stands at the top of the body',
            statement.span,
            {
              hints:
                kind === 'block'
                  ? ['what flows in is `in`; further tensors are parameters: `skip: tensor`']
                  : ['move it out of the `if` or `for`'],
            },
          );
        }
        break;
      case 'output': {
        scope.expression(statement.value);
        if (kind === 'block') {
          say('misplaced-statement', 'a block has no `output`', statement.span, {
            hints: ['write `return` and the tensor that flows out'],
          });
          break;
        }
        const before = outputs.get(statement.name.text);
        const input = scope.bindings.find(
          (b) => b.what === 'input' && b.name.text === statement.name.text,
        );
        if (before !== undefined || input !== undefined) {
          say(
            'duplicate-name',
            before === undefined
              ? `\`${statement.name.text}\` is already an input`
              : `there are two outputs \`${statement.name.text}\``,
            statement.name.span,
            {
              labels: [
                {
                  span: before ?? input?.name.span ?? statement.name.span,
                  message: 'the first is here',
                },
              ],
            },
          );
        }
        outputs.set(statement.name.text, statement.name.span);
        scope.bind(statement.name, 'output');
        break;
      }
      case 'expect':
        if (kind === 'block') {
          say('misplaced-statement', 'a block has no `expect`', statement.span, {
            hints: ['state the claim in a model'],
          });
        }
        scope.inExpect = true;
        scope.expression(statement.condition);
        scope.inExpect = false;
        break;
      case 'return':
        if (kind === 'model') {
          say('misplaced-statement', 'a model has no `return`', statement.span, {
            hints: ['write `output name = …`'],
          });
        }
        scope.expression(statement.value);
        if (i + 1 < statements.length) {
          const next = statements[i + 1];
          if (next !== undefined) say('unreachable', 'nothing after `return` is run', next.span);
        }
        break;
      case 'for':
        scope.expression(statement.items);
        for (const target of statement.targets) scope.bind(target, 'loop variable');
        resolveLoop(statement, scope, kind, say);
        forgetRebound();
        break;
      case 'if':
        scope.expression(statement.condition);
        resolveStatements(statement.then, scope, kind, say, true);
        resolveStatements(statement.else, scope, kind, say, true);
        forgetRebound();
        break;
    }
  }
}

/** A loop's body reads, in its next round, what it binds in this one. */
function resolveLoop(
  { items, body }: Extract<Statement, { readonly kind: 'for' }>,
  scope: NameScope,
  kind: 'block' | 'model',
  say: Say,
): void {
  const first = scope.bindings.length;
  const before = new Map(scope.reads);
  resolveStatements(body, scope, kind, say, true);
  // What stands in an `if` may be meant for one round alone.
  const assigned = body.flatMap((s) =>
    s.kind === 'assign' && s.operator === '=' ? s.targets : [],
  );
  for (const binding of scope.bindings.slice(first)) {
    const { text } = binding.name;
    const isReadWithin = scope.reads.get(text) !== before.get(text);
    const isLost = binding.lostIn !== undefined || assigned.includes(binding.name);
    if (!isLost || isReadWithin) binding.reads++;
    else if (mayRepeat(items) && !text.startsWith('_')) binding.lostIn ??= items.span;
  }
}

/** Whether a loop over this may have a second round, as far as the text shows. */
function mayRepeat(items: Expression): boolean {
  if (items.kind === 'list') return items.items.length > 1;
  if (items.kind !== 'range') return true;
  const { start, end } = items;
  return !(start?.kind === 'number' && end?.kind === 'number') || end.value - start.value > 1;
}
