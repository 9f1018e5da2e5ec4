/** The values of a recipe's settings: expressions of the language, and words that are known only there. */
import type { Argument, Expression } from './ast.js';
import { describeEntity, type Entity } from './entity.js';
import { decide, evaluate } from './evaluate.js';
import { isBoundHere } from './lookup.js';
import { didYouMean } from './names.js';
import type { Range, Vocabulary, Word, WordArguments, WordParameter } from './recipe-words.js';
import { report, type Frame } from './session.js';
import { matchArguments, requiredOf, type Signature } from './signature.js';
import type { Span } from './source.js';

/** What is needed to read one setting. */
export interface Reader {
  readonly frame: Frame;
  /** Its name, for messages. */
  readonly setting: string;
  /** The model's outputs; undefined where an error keeps the model from having any. */
  readonly outputs: readonly string[] | undefined;
}

/** A word of a vocabulary with its arguments, and where it stands. */
export interface Said<T> {
  readonly value: T;
  readonly span: Span;
  /** The output that it names; undefined where it takes none. */
  readonly output: string | undefined;
}

/**
 * The vocabulary's word that an expression is, bare or with arguments. A parameter of the recipe comes
 * before a bare word: in `dice * dice(mask)` the first is the parameter `dice`, if there is one.
 */
export function wordOf<T>(
  expression: Expression,
  vocabulary: Vocabulary<T>,
  frame: Frame,
):
  | { readonly name: string; readonly word: Word<T>; readonly args: readonly Argument[] }
  | undefined {
  const isCall = expression.kind === 'call';
  const bare = isCall ? expression.callee : expression;
  const name = bare.kind === 'name' ? bare.name : bare.kind === 'none' ? 'none' : undefined;
  const word = name === undefined ? undefined : vocabulary.get(name);
  if (name === undefined || word === undefined) return undefined;
  if (!isCall && frame.locals.has(name)) return undefined;
  return { name, word, args: isCall ? expression.args : [] };
}

/** Reads one word, or a choice between two, or a string that spells one. Undefined once reported. */
export function readWord<T>(
  expression: Expression,
  vocabulary: Vocabulary<T>,
  reader: Reader,
): Said<T> | undefined {
  const { frame, setting } = reader;
  if (expression.kind === 'if') {
    const chosen = decide(expression.condition, frame, 'the condition of `if`');
    if (chosen === undefined) return undefined;
    return readWord(chosen ? expression.then : expression.else, vocabulary, reader);
  }
  const said = wordOf(expression, vocabulary, frame);
  if (said !== undefined) {
    return fillWord(said.name, said.word, said.args, expression.span, reader);
  }
  const words = [...vocabulary.keys()];
  const callee = expression.kind === 'call' ? expression.callee : expression;
  if (callee.kind === 'name' && !isBoundHere(callee.name, frame)) {
    report(frame, 'unknown-name', `\`${setting}\` knows no \`${callee.name}\``, callee.span, {
      hints: [...didYouMean(callee.name, words), `it knows ${listed(words)}`].slice(0, 1),
    });
    return undefined;
  }
  return spelled(evaluate(expression, frame), vocabulary, expression.span, reader);
}

/** A word that is passed on as a string: the value of a parameter, as a rule. */
function spelled<T>(
  entity: Entity,
  vocabulary: Vocabulary<T>,
  span: Span,
  reader: Reader,
): Said<T> | undefined {
  if (entity.type === 'poison') return undefined;
  const word = entity.type === 'string' ? vocabulary.get(entity.value) : undefined;
  if (word !== undefined && entity.type === 'string') {
    return fillWord(entity.value, word, [], span, reader);
  }
  const words = [...vocabulary.keys()];
  const what = describeEntity(entity);
  report(reader.frame, 'wrong-type', `\`${reader.setting}\` is no ${what}`, span, {
    hints: [`it knows ${listed(words)}`],
  });
  return undefined;
}

/** Reads `[flip, rotate(15)]`, sums of such lists and choices between them. */
export function readWords<T>(
  expression: Expression,
  vocabulary: Vocabulary<T>,
  reader: Reader,
): readonly Said<T>[] | undefined {
  const { frame, setting } = reader;
  if (expression.kind === 'if') {
    const chosen = decide(expression.condition, frame, 'the condition of `if`');
    if (chosen === undefined) return undefined;
    return readWords(chosen ? expression.then : expression.else, vocabulary, reader);
  }
  if (expression.kind === 'list') {
    return whole(expression.items.map((item) => readWord(item, vocabulary, reader)));
  }
  if (expression.kind === 'binary' && expression.operator === '+') {
    const sides = [expression.left, expression.right].map((side) =>
      readWords(side, vocabulary, reader),
    );
    return whole(sides)?.flat();
  }
  const { span } = expression;
  if (wordOf(expression, vocabulary, frame) !== undefined) {
    const text = span.source.text.slice(span.start, span.end);
    report(frame, 'wrong-type', `\`${setting}\` is a list`, span, {
      hints: [`write \`[${text}]\``],
    });
    return undefined;
  }
  const entity = evaluate(expression, frame);
  if (entity.type === 'list') {
    return whole(entity.items.map((item) => spelled(item, vocabulary, span, reader)));
  }
  if (entity.type !== 'poison') {
    const what = describeEntity(entity);
    report(frame, 'wrong-type', `\`${setting}\` is a list, not ${what}`, span, {
      hints: [`write \`[ ]\` around some of ${listed([...vocabulary.keys()], 'and')}`],
    });
  }
  return undefined;
}

function whole<T>(items: readonly (T | undefined)[]): readonly T[] | undefined {
  const found = items.filter((item) => item !== undefined);
  return found.length === items.length ? found : undefined;
}

/** `a, b or c` */
export function listed(words: readonly string[], last: 'or' | 'and' = 'or'): string {
  const quoted = words.map((word) => `\`${word}\``);
  if (quoted.length < 2) return quoted.join('');
  return `${quoted.slice(0, -1).join(', ')} ${last} ${quoted.at(-1) ?? ''}`;
}

function fillWord<T>(
  name: string,
  word: Word<T>,
  args: readonly Argument[],
  span: Span,
  reader: Reader,
): Said<T> | undefined {
  const { frame, outputs } = reader;
  const signature = signatureOf(name, word);
  const { assignments, diagnostics } = matchArguments(signature, args, new Map(), (bare) =>
    isBoundHere(bare, frame),
  );
  for (const d of diagnostics) report(frame, d.code, d.message, d.span ?? span, d);
  if (diagnostics.length > 0) return undefined;
  const values = new Map<string, WordValue>();
  let output: string | undefined;
  let fits = true;
  for (const parameter of word.parameters) {
    const assigned = assignments.find((a) => a.parameter.name === parameter.name);
    if (parameter.type === 'output') {
      output = readOutput(name, assigned?.argument.value, span, reader);
      if (output === undefined) fits = false;
      continue;
    }
    const value =
      assigned === undefined
        ? parameter.default
        : assigned.flag
          ? true
          : readArgument(name, parameter, assigned.argument.value, frame);
    if (value !== undefined) {
      values.set(parameter.name, value);
      continue;
    }
    fits = false;
    if (assigned !== undefined) continue;
    const missing = word.parameters.filter(
      (p) => p.default === undefined && !assignments.some((a) => a.parameter.name === p.name),
    );
    report(
      frame,
      'still-waiting',
      `\`${name}\` still waits for ${missing.map((p) => `\`${p.name}\``).join(' and ')}`,
      span,
      {
        hints: [`write \`${name}(${missing.map((p) => `${p.name} = ${p.example}`).join(', ')})\``],
      },
    );
    break;
  }
  if (!fits || (outputs === undefined && word.parameters.some((p) => p.type === 'output'))) {
    return undefined;
  }
  return { value: word.make(readable(name, values)), span, output };
}

type WordValue = number | boolean | null | readonly number[];

function readable(word: string, values: ReadonlyMap<string, WordValue>): WordArguments {
  const fault = (name: string): Error => new Error(`\`${word}\` has no such parameter: ${name}`);
  return {
    number(name) {
      const value = values.get(name);
      if (typeof value !== 'number') throw fault(name);
      return value;
    },
    flag(name) {
      const value = values.get(name);
      if (typeof value !== 'boolean') throw fault(name);
      return value;
    },
    numbers(name) {
      const value = values.get(name);
      if (value === undefined || typeof value === 'number' || typeof value === 'boolean') {
        throw fault(name);
      }
      return value ?? undefined;
    },
  };
}

function signatureOf<T>(name: string, word: Word<T>): Signature {
  const parameters = word.parameters.map((p) => ({
    name: p.name,
    type: p.type,
    isBool: p.type === 'bool',
    isTensor: false,
    variadic: false,
    choices: [],
    required: p.default === undefined,
    standard: () => String(p.default ?? 'none'),
  }));
  const required = requiredOf(parameters);
  return { name, kind: 'operator', parameters, required, span: undefined };
}

/** The output that a loss judges: named, or the model's only one. */
function readOutput(
  word: string,
  value: Expression | undefined,
  span: Span,
  { frame, outputs }: Reader,
): string | undefined {
  // What the outputs are is unknown where the model has an error, which has been reported.
  if (outputs === undefined) return value?.kind === 'name' ? value.name : '';
  if (value === undefined) {
    const [only] = outputs;
    if (outputs.length === 1) return only;
    report(frame, 'still-waiting', `\`${word}\` still waits for the output that it judges`, span, {
      hints: [`the outputs are ${listed(outputs, 'and')}`],
    });
    return undefined;
  }
  if (value.kind !== 'name') {
    report(
      frame,
      'wrong-type',
      `\`${word}\` judges an output of the model by its name`,
      value.span,
      {
        hints: [`write \`${word}(${outputs[0] ?? 'mask'})\``],
      },
    );
    return undefined;
  }
  if (outputs.includes(value.name)) return value.name;
  report(frame, 'unknown-name', `the model has no output \`${value.name}\``, value.span, {
    hints: [
      ...didYouMean(value.name, outputs),
      `its ${outputs.length === 1 ? 'output is' : 'outputs are'} ${listed(outputs, 'and')}`,
    ].slice(0, 1),
  });
  return undefined;
}

function readArgument(
  word: string,
  parameter: WordParameter,
  value: Expression,
  frame: Frame,
): WordValue | undefined {
  const { name, type, range } = parameter;
  const what = `\`${name}\` of \`${word}\``;
  if (type === 'int' || type === 'float') return readNumber(value, type, range, what, frame);
  const entity = evaluate(value, frame);
  if (entity.type === 'poison') return undefined;
  if (type === 'bool') {
    if (entity.type === 'bool') return entity.value;
    const message = `${what} is a bool, not ${describeEntity(entity)}`;
    report(frame, 'wrong-type', message, value.span);
    return undefined;
  }
  if (entity.type === 'none') return null;
  const items = entity.type === 'list' ? entity.items.map(numberOf) : [undefined];
  const numbers = whole(items);
  if (numbers === undefined) {
    const message = `${what} is a list of numbers, not ${describeEntity(entity)}`;
    report(frame, 'wrong-type', message, value.span);
    return undefined;
  }
  if (!numbers.every(range.holds) || numbers.every((x) => x === 0)) {
    const message = `${what} is ${range.says}, one of them at least above 0`;
    report(frame, 'wrong-argument', message, value.span);
    return undefined;
  }
  return numbers;
}

function numberOf(entity: Entity): number | undefined {
  if (entity.type === 'float') return entity.value;
  return entity.type === 'int' && typeof entity.value === 'number' ? entity.value : undefined;
}

/** A number in its range; `what` begins the message. Undefined once reported. */
export function readNumber(
  expression: Expression,
  type: 'int' | 'float',
  range: Range,
  what: string,
  frame: Frame,
): number | undefined {
  const entity = evaluate(expression, frame);
  if (entity.type === 'poison') return undefined;
  const value = numberOf(entity);
  if (value === undefined || (type === 'int' && entity.type !== 'int')) {
    const kind = type === 'int' ? 'an int' : 'a number';
    const isWhole = entity.type === 'float' && Number.isInteger(entity.value);
    report(
      frame,
      'wrong-type',
      `${what} is ${kind}, not ${describeEntity(entity)}`,
      expression.span,
      {
        hints: type === 'int' && isWhole ? [`write \`${entity.value}\``] : [],
      },
    );
    return undefined;
  }
  if (range.holds(value) && Number.isFinite(value)) return value;
  const message = `${what} is ${range.says}, not ${describeEntity(entity)}`;
  report(frame, 'wrong-argument', message, expression.span);
  return undefined;
}
