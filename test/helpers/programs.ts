/** Random programs that follow the grammar, as tokens, and random spellings of them. */
import fc from 'fast-check';

type Tokens = readonly string[];
type Arb = fc.Arbitrary<Tokens>;

const word = (...words: string[]): Arb => fc.constant(words);
const oneOf = (...words: string[]): Arb => fc.constantFrom(...words.map((w) => [w]));
const seq = (...parts: Arb[]): Arb => fc.tuple(...parts).map((groups) => groups.flat());
const opt = (arb: Arb): Arb =>
  fc.option(arb, { nil: undefined, freq: 2 }).map((tokens) => tokens ?? []);
const many = (arb: Arb, minLength: number, maxLength: number): Arb =>
  fc.array(arb, { minLength, maxLength }).map((groups) => groups.flat());

/** Items with commas between, and sometimes one behind. */
const list = (item: Arb, minLength: number, maxLength: number, trailing: boolean): Arb =>
  fc
    .tuple(fc.array(item, { minLength, maxLength }), trailing ? fc.boolean() : fc.constant(false))
    .map(([items, comma]) => {
      const tokens = items.flatMap((tokens, i) => (i === 0 ? tokens : [',', ...tokens]));
      return comma && items.length > 0 ? [...tokens, ','] : tokens;
    });

const NAMES = ['x', 'skip', 'e1', 'from', 'as', 'train', 'width', 'conv', 'stage', 'a_long_name'];
const name = oneOf(...NAMES);
const text = oneOf('"same"', '"a \\"b\\" \\n"', '"# no comment"');
const number = oneOf('0', '64', '31_031_685', '0.5', '1e-4', '20k', '16MiB');
const binaryOperator = oneOf(
  ...['or', 'and', '==', '!=', '<', '<=', '>', '>=', '+', '-', '*', '/', '//', '%', '**'],
);

const atom = fc.oneof(
  { weight: 5, arbitrary: name },
  { weight: 2, arbitrary: number },
  { weight: 1, arbitrary: text },
  { weight: 2, arbitrary: oneOf('in', 'true', 'false', 'none') },
);

/** Expressions that nest at most `n` deep. */
const expressionAt = fc.memo((n) => {
  if (n <= 1) return seq(atom, many(seq(word('->'), atom), 0, 2));
  const inner = expressionAt(n - 1);
  const argument = fc.oneof(
    { weight: 2, arbitrary: inner },
    { weight: 1, arbitrary: seq(name, word('='), inner) },
  );
  const postfix = fc.oneof(
    { weight: 1, arbitrary: seq(word('.'), name) },
    { weight: 3, arbitrary: seq(word('('), list(argument, 0, 3, true), word(')')) },
    { weight: 1, arbitrary: seq(word('['), inner, word(']')) },
    // Open at the end only here: elsewhere the next name would be its end.
    { weight: 1, arbitrary: seq(word('['), atom, word('..', ']')) },
  );
  const operand = seq(
    many(oneOf('-', 'not'), 0, 1),
    fc.oneof(
      { weight: 8, arbitrary: atom },
      { weight: 1, arbitrary: seq(word('('), inner, word(')')) },
      { weight: 1, arbitrary: seq(word('(', '('), inner, word(')', ')')) },
      { weight: 1, arbitrary: seq(word('['), list(inner, 0, 3, true), word(']')) },
    ),
    fc.oneof({ weight: 3, arbitrary: word() }, { weight: 2, arbitrary: many(postfix, 1, 2) }),
  );
  const operation = fc.oneof(
    { weight: 3, arbitrary: operand },
    { weight: 1, arbitrary: seq(operand, many(seq(binaryOperator, operand), 1, 3)) },
  );
  const choice = seq(word('if'), inner, word('then'), inner, word('else'));
  const stage = fc.oneof(
    { weight: 12, arbitrary: operation },
    { weight: 1, arbitrary: seq(choice, operation) },
    { weight: 1, arbitrary: seq(choice, choice, operation) },
    { weight: 1, arbitrary: seq(opt(operation), word('..'), operation) },
  );
  return fc.oneof(
    { weight: 3, arbitrary: stage },
    { weight: 1, arbitrary: seq(stage, many(seq(word('->'), stage), 1, 5)) },
  );
});
const expression = expressionAt(3);

const typeAt = fc.memo((n): Arb => {
  const named = seq(oneOf('int', 'bool', 'tensor', 'block'), opt(word('?')));
  if (n <= 1) return named;
  const listed = seq(word('['), typeAt(n - 1), word(']'), opt(word('?')));
  return fc.oneof({ weight: 3, arbitrary: named }, { weight: 1, arbitrary: listed });
});
const type = typeAt(3);

const names = list(name, 1, 3, false);
const axis = seq(expression, opt(seq(word('='), expression)));

/** Statements between braces that nest at most `n` deep. */
const bodyAt = fc.memo((n): Arb => {
  const flat = [
    { weight: 6, arbitrary: seq(names, oneOf('=', '+='), expression) },
    { weight: 1, arbitrary: seq(oneOf('shared', 'output'), name, word('='), expression) },
    { weight: 1, arbitrary: seq(oneOf('expect', 'return'), expression) },
    {
      weight: 1,
      arbitrary: seq(
        word('input'),
        name,
        word(':', 'f32', '['),
        list(axis, 1, 3, false),
        word(']'),
        opt(seq(word('where'), list(expression, 1, 3, false))),
      ),
    },
  ];
  if (n <= 1) return seq(word('{'), many(fc.oneof(...flat), 0, 3), word('}'));
  const inner = bodyAt(n - 1);
  const branch = seq(word('if'), expression, inner);
  const statement = fc.oneof(
    ...flat,
    { weight: 1, arbitrary: seq(word('for'), names, word('in'), expression, inner) },
    {
      weight: 1,
      arbitrary: seq(branch, many(seq(word('else'), branch), 0, 2), opt(seq(word('else'), inner))),
    },
  );
  return seq(word('{'), many(statement, 0, 4), word('}'));
});
const body = bodyAt(3);

const parameter = seq(name, opt(seq(word(':'), type)), opt(seq(word('='), expression)));
const parameters = seq(word('('), list(parameter, 0, 4, true), word(')'));
const definition = fc.oneof(seq(word('='), expression), body);

const declaration: Arb = fc.oneof(
  seq(
    word('import'),
    list(seq(name, opt(seq(word('as'), name))), 1, 4, false),
    word('from', '"./blocks.arch"'),
  ),
  seq(word('import', '"std/attention.arch"', 'as'), name),
  seq(word('const'), name, word('='), expression),
  seq(word('block'), name, parameters, definition),
  seq(word('model'), name, opt(parameters), definition),
  seq(word('train'), name, opt(parameters), word('for'), expression, body),
);

/** The tokens of a whole file that follows the grammar. */
export const program: Arb = many(declaration, 0, 4);

/** What may stand between two tokens, given a number that no other gap has. */
const gap = fc.oneof(
  { weight: 30, arbitrary: fc.constant((): string => ' ') },
  { weight: 6, arbitrary: fc.constant((): string => '\n') },
  { weight: 1, arbitrary: fc.constant((): string => '\n\n\n') },
  { weight: 1, arbitrary: fc.constant((): string => '\r\n\t') },
  { weight: 1, arbitrary: fc.constant((i: number): string => ` # c${i}\n`) },
  { weight: 1, arbitrary: fc.constant((i: number): string => `\n # c${i}\n`) },
  { weight: 1, arbitrary: fc.constant((i: number): string => `\n\n## c${i}\n`) },
  { weight: 1, arbitrary: fc.constant((i: number): string => `# c${i} \n#d${i}\n\n## e${i}\n`) },
);

/** A text for `tokens`: spaces, line ends and comments between them. */
export function spelled(tokens: Arb): fc.Arbitrary<string> {
  return tokens.chain((words) =>
    fc
      .array(gap, { minLength: words.length + 1, maxLength: words.length + 1 })
      .map(
        (gaps) =>
          words.map((w, i) => (gaps[i]?.(i) ?? '') + w).join('') +
          (gaps.at(-1)?.(words.length) ?? ''),
      ),
  );
}

/** Programs on one line, without comments. */
export const plainProgram: fc.Arbitrary<string> = program.map((words) => words.join(' '));

/** How many cases a property runs: `FUZZ_CASES`, or `usual`. */
export function fuzzCases(usual: number): number {
  const asked = Number(process.env['FUZZ_CASES']);
  return Number.isInteger(asked) && asked > 0 ? asked : usual;
}
