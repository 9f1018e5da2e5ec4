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

const NAMES = ['x', 'skip', 'e1', 'from', 'as', 'width', 'conv', 'stage', 'a_long_name'];
const name = oneOf(...NAMES);
const text = oneOf('"same"', '"a \\"b\\" \\n"', '"# no comment"');
const number = oneOf('0', '64', '31_031_685', '0.5', '1e-4', '20k', '16MiB');
const binaryOperator = oneOf(
  ...['or', 'and', '==', '!=', '<', '<=', '>', '>=', '+', '-', '*', '/', '//', '%', '**'],
);

const { expression, type } = fc.letrec<{
  expression: Tokens;
  stage: Tokens;
  operation: Tokens;
  operand: Tokens;
  postfix: Tokens;
  argument: Tokens;
  type: Tokens;
}>((tie) => {
  const atom = fc.oneof(
    { weight: 5, arbitrary: name },
    { weight: 2, arbitrary: number },
    { weight: 1, arbitrary: text },
    { weight: 2, arbitrary: oneOf('in', 'true', 'false', 'none') },
  );
  const depth = { maxDepth: 4, depthSize: 'small', withCrossShrink: true } as const;
  return {
    expression: fc
      .array(tie('stage'), { minLength: 1, maxLength: 6, size: 'small', depthIdentifier: 'pipe' })
      .map((stages) => stages.flatMap((s, i) => (i === 0 ? s : ['->', ...s]))),
    stage: fc.oneof(
      depth,
      { weight: 8, arbitrary: tie('operation') },
      {
        weight: 1,
        arbitrary: seq(
          word('if'),
          tie('expression'),
          word('then'),
          tie('expression'),
          word('else'),
          tie('stage'),
        ),
      },
      { weight: 1, arbitrary: seq(opt(tie('operation')), word('..'), tie('operation')) },
    ),
    operation: seq(tie('operand'), many(seq(binaryOperator, tie('operand')), 0, 2)),
    operand: fc.oneof(
      depth,
      { weight: 6, arbitrary: atom },
      { weight: 4, arbitrary: seq(atom, tie('postfix')) },
      { weight: 1, arbitrary: seq(atom, tie('postfix'), tie('postfix')) },
      { weight: 1, arbitrary: seq(oneOf('-', 'not'), tie('operand')) },
      { weight: 1, arbitrary: seq(word('('), tie('expression'), word(')')) },
      { weight: 1, arbitrary: seq(word('(', '('), tie('expression'), word(')', ')')) },
      { weight: 1, arbitrary: seq(word('['), list(tie('expression'), 0, 3, true), word(']')) },
    ),
    postfix: fc.oneof(
      depth,
      { weight: 1, arbitrary: seq(word('.'), name) },
      { weight: 3, arbitrary: seq(word('('), list(tie('argument'), 0, 3, true), word(')')) },
      { weight: 1, arbitrary: seq(word('['), tie('expression'), word(']')) },
      // Open at the end only here: elsewhere the next name would be its end.
      { weight: 1, arbitrary: seq(word('['), tie('operation'), word('..', ']')) },
    ),
    argument: fc.oneof(
      { weight: 2, arbitrary: tie('expression') },
      { weight: 1, arbitrary: seq(name, word('='), tie('expression')) },
    ),
    type: fc.oneof(
      depth,
      { weight: 3, arbitrary: seq(oneOf('int', 'bool', 'tensor', 'block'), opt(word('?'))) },
      { weight: 1, arbitrary: seq(word('['), tie('type'), word(']'), opt(word('?'))) },
    ),
  };
});

const names = list(name, 1, 3, false);
const axis = seq(expression, opt(seq(word('='), expression)));

const { body } = fc.letrec<{ body: Tokens; statement: Tokens; branches: Tokens }>((tie) => ({
  body: seq(word('{'), many(tie('statement'), 0, 4), word('}')),
  statement: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    { weight: 6, arbitrary: seq(names, oneOf('=', '+='), expression) },
    { weight: 1, arbitrary: seq(word('shared'), name, word('='), expression) },
    { weight: 1, arbitrary: seq(word('output'), name, word('='), expression) },
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
    { weight: 1, arbitrary: seq(word('for'), names, word('in'), expression, tie('body')) },
    { weight: 1, arbitrary: tie('branches') },
  ),
  branches: seq(
    word('if'),
    expression,
    tie('body'),
    fc.oneof(
      { maxDepth: 3, depthSize: 'small' },
      word(),
      seq(word('else'), tie('body')),
      seq(word('else'), tie('branches')),
    ),
  ),
}));

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
