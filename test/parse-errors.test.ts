/** What the parser says of texts with one mistake, for every rule of the grammar; and with several. */
import { describe, expect, it } from 'vitest';
import { ArchParser } from '../grammar/parser.js';
import type { Diagnostic } from '../src/compiler/diagnostic.js';
import { parse, parseExpression } from '../src/compiler/parse.js';
import { positionOf } from '../src/compiler/source.js';

/** `line:column message (hint)` */
function show(d: Diagnostic): string {
  if (d.span === undefined) return d.message;
  const { line, column } = positionOf(d.span.source, d.span.start);
  const [hint] = d.hints;
  return `${line}:${column} ${d.message}${hint === undefined ? '' : ` (${hint})`}`;
}

function mistakesIn(text: string): { mistakes: string[]; sound: string[] } {
  const { tree, diagnostics } = parse({ path: 'test.arch', text });
  const sound = tree.declarations.filter((d) => !d.damaged).map((d) => d.name.text);
  return { mistakes: diagnostics.map(show), sound };
}

/**
 * By rule: a source with one mistake, and what is said of it. `#` stands for a place within the body
 * of a block, `!` for an expression alone; the others stand at the top of a file. A sound block
 * follows each.
 */
const TABLE: Readonly<Record<string, readonly (readonly [source: string, message: string])[]>> = {
  file: [
    [
      'fn twice() = relu',
      '1:1 `fn` is no word of the language (a block is `block name(…) = …`, a model `model Name { … }`)',
    ],
    [
      'x = 3',
      '1:1 expected `import`, `const`, `block`, `model` or `train`, found `x` (a value outside of blocks and models is `const name = …`)',
    ],
    [
      'blok f() = relu',
      '1:1 expected `import`, `const`, `block`, `model` or `train`, found `blok` (did you mean `block`?)',
    ],
    ['}', '1:1 this `}` closes nothing'],
    [
      'block f() = relu relu',
      '1:18 expected `import`, `const`, `block`, `model` or `train`, found `relu`',
    ],
    [
      'from "./x.arch" import a',
      '1:1 expected `import`, `const`, `block`, `model` or `train`, found `from` (write `import a, b from "./file.arch"`)',
    ],
    ['model M {}\n)', '2:1 this `)` closes nothing'],
  ],
  declaration: [
    ['conv(3)', '1:1 expected `import`, `const`, `block`, `model` or `train`, found `conv`'],
    ['3', '1:1 expected `import`, `const`, `block`, `model` or `train`, found `3`'],
    [
      'const A = 1\nclass B { }',
      '2:1 `class` is no word of the language (a block is `block name(…) = …`, a model `model Name { … }`)',
    ],
  ],
  importDeclaration: [
    [
      'import "./x.arch"',
      '1:8 expected `as`, found `block` (write `import a, b from "./file.arch"` or `import "./file.arch" as file`)',
    ],
    [
      'import a, b',
      '1:11 expected `from`, found `block` (write `import a, b from "./file.arch"` or `import "./file.arch" as file`)',
    ],
    [
      'import * from "./x.arch"',
      '1:8 expected names to import, or a path in double quotes, found `*` (write `import a, b from "./file.arch"` or `import "./file.arch" as file`)',
    ],
    [
      'import { a } from "./x.arch"',
      '1:8 expected names to import, or a path in double quotes, found `{` (write `import a, b from "./file.arch"` or `import "./file.arch" as file`)',
    ],
    [
      'import a "./x.arch"',
      '1:10 expected `from`, found `"./x.arch"` (write `import a, b from "./file.arch"` or `import "./file.arch" as file`)',
    ],
    [
      'import "./x.arch" as 3',
      '1:22 expected a name, found `3` (write `import a, b from "./file.arch"` or `import "./file.arch" as file`)',
    ],
  ],
  importedName: [
    [
      'import a, in from "./x.arch"',
      '1:11 expected a name, found `in` (`in` is a word of the language: choose another name)',
    ],
    [
      'import a as 3 from "./x.arch"',
      '1:13 expected a name, found `3` (write `import a, b from "./file.arch"` or `import "./file.arch" as file`)',
    ],
    [
      'import a, from "./x.arch"',
      '1:16 expected `from`, found `"./x.arch"` (write `import a, b from "./file.arch"` or `import "./file.arch" as file`)',
    ],
  ],
  constDeclaration: [
    ['const A 3', '1:9 expected `=`, found `3`'],
    [
      'const for = 3',
      '1:7 expected a name, found `for` (`for` is a word of the language: choose another name)',
    ],
    ['const A =', '1:9 expected an expression, found `block`'],
    ['const A: int = 3', '1:8 expected `=`, found `:` (a constant states no type: `const N = 4`)'],
    ['const A == 3', '1:9 expected `=`, found `==` (`=` binds a name, `==` compares)'],
  ],
  blockDeclaration: [
    [
      'block f = relu',
      '1:9 expected `(`, found `=` (a block has parameters, or none: `block name() = …`)',
    ],
    ['block f() relu', '1:11 expected `=` and an expression, or `{`, found `relu`'],
    ['block f()', '1:9 expected `=` and an expression, or `{`, found `block`'],
    ['block f() =', '1:11 expected an expression, found `block`'],
    [
      'block f(): tensor { return in }',
      '1:10 expected `=` and an expression, or `{`, found `:` (no result type is stated: it follows from the body)',
    ],
    ['block (a) = relu', '1:7 expected a name, found `(`'],
    [
      'block f() => relu',
      '1:12 expected an expression, found `>` (write `=` before a body, `->` between blocks)',
    ],
    ['block f() {\n  x = relu', '1:11 this `{` is not closed'],
  ],
  modelDeclaration: [
    ['model { }', '1:7 expected a name, found `{`'],
    ['model M', '1:7 expected `=` and a model, or `{`, found `block`'],
    ['model M() =', '1:11 expected an expression, found `block`'],
    [
      'model M: { }',
      '1:8 expected `=` and a model, or `{`, found `:` (no result type is stated: it follows from the body)',
    ],
    [
      'model if { }',
      '1:7 expected a name, found `if` (`if` is a word of the language: choose another name)',
    ],
  ],
  parameters: [
    ['block f( = relu', '1:8 this `(` is not closed'],
    ['block f(a, , b) = relu', '1:12 expected a parameter or `)`, found `,`'],
    [
      'block f(a: int b: int) = relu',
      '1:16 expected `,` or `)`, found `b` (items have a `,` between them)',
    ],
    ['block f(a: int, b] = relu', '1:18 expected `)`, found `]`'],
    [
      'block f(int a) = relu',
      '1:13 expected `,` or `)`, found `a` (the name comes first: `width: int`)',
    ],
  ],
  parameter: [
    [
      'block f(a int) = relu',
      '1:11 expected `,` or `)`, found `int` (a type follows a `:`, as in `width: int`)',
    ],
    ['block f(a: int = ) = relu', '1:18 expected an expression, found `)`'],
    [
      'block f(in: int) = relu',
      '1:9 expected a parameter or `)`, found `in` (`in` is a word of the language: choose another name)',
    ],
    ['block f(a.b) = relu', '1:10 expected `,` or `)`, found `.`'],
  ],
  type: [
    ['block f(a:) = relu', '1:11 expected a type, such as `int` or `[block]`, found `)`'],
    ['block f(a: 3) = relu', '1:12 expected a type, such as `int` or `[block]`, found `3`'],
    ['block f(a: [int) = relu', '1:12 this `[` is not closed'],
    [
      'block f(a: list<int>) = relu',
      '1:16 expected `,` or `)`, found `<` (types are names, lists such as `[int]`, and optionals such as `int?`)',
    ],
    ['block f(a: model) = relu', '1:12 expected a type, such as `int` or `[block]`, found `model`'],
    ['block f(a: []) = relu', '1:13 expected a type, such as `int` or `[block]`, found `]`'],
  ],
  body: [
    [
      '#const A = 3',
      '2:3 expected a statement or `}`, found `const` (`const` stands outside of blocks and models)',
    ],
    [
      '#block h() = relu',
      '2:3 expected a statement or `}`, found `block` (`block` stands outside of blocks and models)',
    ],
    ['#x = conv(8))', '2:14 this `)` closes nothing'],
    [
      '#x = conv(8) }',
      '3:3 expected `import`, `const`, `block`, `model` or `train`, found `y` (a value outside of blocks and models is `const name = …`)',
    ],
    [
      '#else { }',
      '2:3 expected a statement or `}`, found `else` (`else` stands right after the `}` of an `if`)',
    ],
    ['#for x in xs { x = 3', '2:15 this `{` is not closed'],
  ],
  statement: [
    [
      '#3 = x',
      '2:3 expected a statement or `}`, found `3` (a value is bound, `x = …`, or returned, `return …`)',
    ],
    [
      '#in -> conv(8)',
      '2:3 expected a statement or `}`, found `in` (a value is bound, `x = …`, or returned, `return …`)',
    ],
    [
      '#in = 3',
      '2:3 expected a statement or `}`, found `in` (`in` is a word of the language: choose another name)',
    ],
    [
      '#model = 3',
      '2:3 expected a statement or `}`, found `model` (`model` is a word of the language: choose another name)',
    ],
    ['#// a comment', '2:3 `//` starts no comment (a comment starts with `#`)'],
    [
      '#(x) = 3',
      '2:3 expected a statement or `}`, found `(` (a value is bound, `x = …`, or returned, `return …`)',
    ],
  ],
  assignment: [
    ['#x conv(8)', '2:5 expected `=` or `+=`, found `conv`'],
    ['#x =', '2:5 expected an expression, found `y`'],
    ['#x == 3', '2:5 expected `=` or `+=`, found `==` (`=` binds a name, `==` compares)'],
    ['#let x = 3', '2:3 `let` is no word of the language (a binding needs no word: `name = …`)'],
    ['#x, = split(in, 2)', '2:6 expected a name, found `=`'],
    ['#x, y split(in)', '2:8 expected `=` or `+=`, found `split`'],
    [
      '#conv(8)',
      '2:7 expected `=` or `+=`, found `(` (a value is bound, `x = …`, or returned, `return …`)',
    ],
    [
      '#x.y = 3',
      '2:4 expected `=` or `+=`, found `.` (only a name can be bound: items and members never change)',
    ],
    [
      '#x[0] = 3',
      '2:4 expected `=` or `+=`, found `[` (only a name can be bound: items and members never change)',
    ],
    [
      '#x: int = 3',
      '2:4 expected `=` or `+=`, found `:` (only parameters and inputs state a type: write `name = …`)',
    ],
    ['#x := 3', '2:5 expected `=` or `+=`, found `:` (write `=`)'],
    [
      '#x -= 3',
      '2:5 expected `=` or `+=`, found `-` (only `+=` is short for something: write `x = x - …`)',
    ],
    ['#x = 3 // of them\n  z = 3', '2:9 `//` starts no comment (a comment starts with `#`)'],
    [
      '#x = a b',
      '2:9 expected `=` or `+=`, found `y` (is `->` or an operator missing before `b`?)',
    ],
    ['#retrun x', '2:10 expected `=` or `+=`, found `x` (did you mean `return`?)'],
    ['#assert x > 3', '2:3 `assert` is no word of the language (write `expect`)'],
    [
      '#while x { }',
      '2:3 `while` is no word of the language (loops are `for x in list { … }`: every program ends)',
    ],
    [
      '#x = relu, sigmoid',
      '2:11 expected a statement or `}`, found `,` (several values are a list: `[a, b]`)',
    ],
  ],
  sharedStatement: [
    [
      '#shared = 3',
      '2:10 expected a name, found `=` (`shared` is a word of the language: choose another name)',
    ],
    ['#shared f', '2:10 expected `=`, found `y`'],
    ['#shared f += 3', '2:12 expected `=`, found `+=`'],
    ['#shared f(3) = relu', '2:11 expected `=`, found `(`'],
  ],
  inputStatement: [
    [
      '#input image',
      '2:9 expected `:`, found `y` (an input is `input image: f32[H = 256, W = 256, 1]`)',
    ],
    [
      '#input: f32[3]',
      '2:8 expected a name, found `:` (an input is `input image: f32[H = 256, W = 256, 1]`)',
    ],
    [
      '#input image: f32',
      '2:16 expected `[`, found `y` (an input is `input image: f32[H = 256, W = 256, 1]`)',
    ],
    [
      '#input image: [3]',
      '2:16 expected a name, found `[` (an input is `input image: f32[H = 256, W = 256, 1]`)',
    ],
    [
      '#input image: f32(3)',
      '2:19 expected `[`, found `(` (an input is `input image: f32[H = 256, W = 256, 1]`)',
    ],
    ['#input image: f32[3', '2:19 this `[` is not closed'],
    [
      '#input image: f32[3] where',
      '2:23 expected an expression, found `y` (an input is `input image: f32[H = 256, W = 256, 1]`)',
    ],
    ['#input image: f32[3] where H > 2,', '2:34 expected an expression, found `y`'],
    [
      '#input image = f32[3]',
      '2:15 expected `:`, found `=` (an input is `input image: f32[H = 256, W = 256, 1]`)',
    ],
  ],
  axis: [
    ['#input image: f32[H =]', '2:23 expected an expression, found `]`'],
    ['#input image: f32[H: 3]', '2:21 expected `]`, found `:` (an axis with a size is `H = 256`)'],
    ['#input image: f32[3 4]', '2:22 expected `]`, found `4` (items have a `,` between them)'],
    [
      '#input image: f32[]',
      '2:20 expected an expression, found `]` (an input is `input image: f32[H = 256, W = 256, 1]`)',
    ],
    ['#input image: f32[H = 3 = 4]', '2:26 expected `]`, found `=`'],
  ],
  outputStatement: [
    ['#output mask', '2:10 expected `=`, found `y`'],
    [
      '#output mask: in',
      '2:14 expected `=`, found `:` (only parameters and inputs state a type: write `name = …`)',
    ],
    [
      '#output = in',
      '2:10 expected a name, found `=` (`output` is a word of the language: choose another name)',
    ],
    [
      '#output in -> relu',
      '2:10 expected a name, found `in` (`in` is a word of the language: choose another name)',
    ],
  ],
  expectStatement: [
    ['#expect', '2:3 expected an expression, found `y`'],
    ['#expect x = 3', '2:12 expected a statement or `}`, found `=` (`==` compares)'],
    ['#expect x => 3', '2:12 expected a statement or `}`, found `=` (`>=` compares)'],
    ['#expect: x == 3', '2:9 expected an expression, found `:`'],
  ],
  returnStatement: [
    ['#return', '2:3 expected an expression, found `y`'],
    [
      '#return x, y',
      '2:11 expected a statement or `}`, found `,` (several values are a list: `[a, b]`)',
    ],
    [
      '#return = 3',
      '2:10 expected an expression, found `=` (`return` is a word of the language: choose another name)',
    ],
  ],
  forStatement: [
    ['#for x of xs { }', '2:9 expected `in`, found `of` (a loop is `for x in list { … }`)'],
    [
      '#for in xs { }',
      '2:7 expected a name, found `in` (`in` is a word of the language: choose another name)',
    ],
    ['#for x in { }', '2:12 expected an expression, found `{` (braces hold statements only)'],
    ['#for x in xs z = 3 }', '2:15 expected `{`, found `z` (a loop is `for x in list { … }`)'],
    ['#for x in xs: z = 3', '2:14 expected `{`, found `:` (a body stands in braces: `{ … }`)'],
    ['#for (x in xs) { }', '2:7 expected a name, found `(` (a loop is `for x in list { … }`)'],
    ['#for i in 0...4 { }', '2:15 expected `{`, found `.` (a range is `0..4`)'],
    ['#for x in xs', '2:12 expected `{`, found `y` (a loop is `for x in list { … }`)'],
  ],
  ifStatement: [
    ['#if { }', '2:6 expected an expression, found `{` (braces hold statements only)'],
    [
      '#if x then { }',
      '2:8 expected `{`, found `then` (a statement is `if c { … } else { … }`; `then` belongs to values)',
    ],
    ['#if x z = 3 }', '2:8 expected `{`, found `z`'],
    ['#if x { } elif y { }', '2:12 `elif` is no word of the language (write `else if`)'],
    ['#if x { } else z = 3', '2:17 expected `if` or `{`, found `z`'],
    ['#if (x { }', '2:6 this `(` is not closed'],
    ['#if x = 3 { }', '2:8 expected `{`, found `=` (`==` compares)'],
    ['#if x: z = 3', '2:7 expected `{`, found `:` (a body stands in braces: `{ … }`)'],
  ],
  expression: [
    ['#x = in ->', '2:10 expected an expression, found `y`'],
    ['#x = -> relu', '2:7 expected an expression, found `->`'],
    ['#x = in -> -> relu', '2:13 expected an expression, found `->`'],
    [
      '#x = in |> relu',
      '2:10 the character `|` means nothing here (write `->` to send a tensor into a block)',
    ],
  ],
  pipeStage: [
    [
      '#x = if a then b',
      '2:17 expected `else`, found `y` (a value needs both branches: `if c then a else b`)',
    ],
    [
      '#x = if a b else c',
      '2:12 expected `then`, found `b` (a value is chosen with `if c then a else b`)',
    ],
    [
      '#x = if a { b } else { c }',
      '2:12 expected `then`, found `{` (a value is chosen with `if c then a else b`)',
    ],
    [
      '#x = a ? b : c',
      '2:9 expected a statement or `}`, found `?` (a choice is `if c then a else b`)',
    ],
    ['#x = 1..2..3', '2:11 expected a statement or `}`, found `..`'],
    ['#x = 0...4', '2:10 expected a statement or `}`, found `.` (a range is `0..4`)'],
    [
      '#x = 1 ..',
      '3:5 expected a statement or `}`, found `=` (the range takes `y` for its end: write both ends)',
    ],
  ],
  operation: [
    ['#x = 3 +', '2:9 expected an expression, found `y`'],
    ['#x = 3 * / 4', '2:11 expected an expression, found `/`'],
    ['#x = a && b', '2:9 the character `&` means nothing here (write `and`)'],
    ['#x = a ^ b', '2:9 the character `^` means nothing here (a power is `a ** b`)'],
    ['#x = a not b', '2:9 expected a statement or `}`, found `not`'],
    [
      '#x = a = = b',
      '2:9 expected a statement or `}`, found `=` (`==` is written without a space)',
    ],
    ['#x = 3 % (4', '2:11 this `(` is not closed'],
  ],
  operand: [
    ['#x = + 3', '2:7 expected an expression, found `+` (a number needs no `+` before it)'],
    ['#x = not', '2:7 expected an expression, found `y`'],
    [
      '#x = block',
      '2:7 expected an expression, found `block` (`block` is a word of the language: choose another name)',
    ],
    ['#x = {a: 1}', '2:7 expected an expression, found `{` (braces hold statements only)'],
    [
      "#x = 'a'",
      '2:7 the character `\'` means nothing here (write strings in double quotes: `"nearest"`)',
    ],
    ['#x = "a', '2:7 this string is not closed (close the string with `"` on the same line)'],
    ['#x = ]', '2:7 this `]` closes nothing'],
    ['#x = ...', '2:9 expected a statement or `}`, found `.` (a range is `0..4`)'],
  ],
  group: [
    ['#x = (in + 1', '2:7 this `(` is not closed'],
    ['#x = ()', '2:8 expected an expression, found `)`'],
    ['#x = (a, b)', '2:9 expected `)`, found `,` (a list stands in square brackets: `[a, b]`)'],
    ['#x = (in + 1]', '2:14 expected `)`, found `]`'],
    ['#x = in + 1)', '2:13 this `)` closes nothing'],
  ],
  list: [
    ['#x = [1, 2', '2:7 this `[` is not closed'],
    ['#x = [1 2]', '2:10 expected `,` or `]`, found `2` (items have a `,` between them)'],
    ['#x = [, 1]', '2:8 expected an item or `]`, found `,`'],
    ['#x = [1, 2)', '2:12 expected `]`, found `)`'],
    [
      '#x = [1; 2]',
      '2:9 the character `;` means nothing here (statements need no semicolons: remove it)',
    ],
  ],
  postfix: [
    ['#x = conv(8', '2:11 this `(` is not closed'],
    ['#x = conv(8,', '2:11 this `(` is not closed'],
    ['#x = f(, a)', '2:9 expected an argument or `)`, found `,`'],
    ['#x = f(a b)', '2:11 expected `,` or `)`, found `b` (items have a `,` between them)'],
    ['#x = xs[]', '2:10 expected an expression, found `]`'],
    ['#x = xs[1:2]', '2:11 expected `]`, found `:` (a slice is `xs[1..2]`)'],
    ['#x = xs.3', '2:10 expected a name, found `3`'],
    [
      '#x = xs.in',
      '2:10 expected a name, found `in` (`in` is a word of the language: choose another name)',
    ],
    ['#x = f(a]', '2:10 expected `)`, found `]`'],
    ['#x = f(*args)', '2:9 expected an argument or `)`, found `*`'],
    ['#x = xs[1', '2:9 this `[` is not closed'],
  ],
  argument: [
    ['#x = f(a = )', '2:13 expected an expression, found `)`'],
    ['#x = f(a: 3)', '2:10 expected `,` or `)`, found `:` (a named argument is `k = 3`)'],
    ['#x = f(a = b = c)', '2:15 expected `,` or `)`, found `=`'],
    [
      '#x = f(in = 3)',
      '2:12 expected `,` or `)`, found `=` (`in` is a word of the language: choose another name)',
    ],
    ['#x = f(3 = a)', '2:11 expected `,` or `)`, found `=`'],
  ],
  trainDeclaration: [
    [
      'train quick SDUNet {}',
      '1:13 expected `for`, found `SDUNet` (a recipe is `train name for Model { … }`)',
    ],
    [
      'train for SDUNet {}',
      '1:7 expected a name, found `for` (`for` is a word of the language: choose another name)',
    ],
    [
      'train quick for SDUNet = Other',
      '1:24 expected `{`, found `=` (a recipe is `train name for Model { … }`)',
    ],
    ['train quick for {}', '1:17 expected an expression, found `{` (braces hold statements only)'],
    [
      'train quick for SDUNet {\n  batch: 4\n}',
      '2:8 expected `=` or `+=`, found `:` (only parameters and inputs state a type: write `name = …`)',
    ],
    [
      'train quick for SDUNet { batch = }\ntrain other for SDUNet {}',
      '1:34 expected an expression, found `}`',
    ],
    [
      '#train quick for SDUNet {}',
      '2:9 expected `=` or `+=`, found `quick` (`train` stands outside of blocks and models)',
    ],
    [
      'trian quick for SDUNet {}',
      '1:1 expected `import`, `const`, `block`, `model` or `train`, found `trian` (did you mean `train`?)',
    ],
  ],
  soleExpression: [
    ['!', '1:1 expected an expression, found the end of the file'],
    ['!2 *', '1:3 expected an expression, found the end of the file'],
    ['!2 3', '1:3 expected the end, found `3`'],
    ['![16, 32', '1:1 this `[` is not closed'],
    ['!width = 3', '1:7 expected the end, found `=`'],
    ['!sdblock(ws', '1:8 this `(` is not closed'],
  ],
};

describe('one mistake', () => {
  it('is in the table for every rule of the grammar, at least twice', () => {
    const rules = Object.keys(new ArchParser().getGAstProductions());
    expect(Object.keys(TABLE).sort()).toEqual(rules.sort());
    for (const cases of Object.values(TABLE)) expect(cases.length).toBeGreaterThanOrEqual(2);
  });

  describe.each(Object.entries(TABLE))('in %s', (_rule, cases) => {
    it.each(cases)('%s', (written, message) => {
      if (written.startsWith('!')) {
        const { tree, diagnostics } = parseExpression({ path: '--set', text: written.slice(1) });
        expect(diagnostics.map(show)).toEqual([message]);
        expect(tree).toBeUndefined();
        return;
      }
      const text = written.startsWith('#')
        ? `block f() {\n  ${written.slice(1)}\n  y = relu\n}\n`
        : `${written}\n`;
      const { mistakes, sound } = mistakesIn(`${text}block last() = relu\n`);
      expect(mistakes).toEqual([message]);
      expect(sound).toContain('last');
    });
  });
});

describe('several mistakes', () => {
  it('are each told of once, in order', () => {
    const { mistakes, sound } = mistakesIn(`import a b from "./x.arch"
const N = 3
block f(a int) {
  x = conv(8
  y = in -> (3
  if x > 3 {
    let z = 4
  }
  expect y = 3
  w = relu
  return y +
}
block g() = relu
const 3
block h( = relu
model M {
  input image: f32[]
  for x in xs {
    x += [1 2]
  }
  // done
  output mask = image ->
}
block last() = relu
`);
    expect(mistakes.map((m) => m.replace(/ \(.*/, ''))).toEqual([
      '1:10 expected `from`, found `b`',
      '3:11 expected `,` or `)`, found `int`',
      '4:11 this `(` is not closed',
      '5:13 this `(` is not closed',
      '7:5 `let` is no word of the language',
      '9:12 expected a statement or `}`, found `=`',
      '11:12 expected an expression, found `}`',
      '14:7 expected a name, found `3`',
      '15:8 this `(` is not closed',
      '17:20 expected an expression, found `]`',
      '19:13 expected `,` or `]`, found `2`',
      '21:3 `//` starts no comment',
      '22:23 expected an expression, found `}`',
    ]);
    expect(sound).toEqual(['N', 'g', 'last']);
  });

  it('are told of in every declaration, however many leave a bracket open', () => {
    const { mistakes } = mistakesIn('block f( = relu\n'.repeat(300));
    expect(mistakes).toHaveLength(300);
    expect(mistakes[299]).toBe('300:8 this `(` is not closed');
  });

  it('prose behind `//` is told of once, whatever else stands there', () => {
    const { mistakes, sound } = mistakesIn(`block f() {
  x = relu // the first of them = 3 + , all (
  y = 3 4
}
block g() {
  if x { x = 1 // x x = 0 () or } else if y {
    = 3
  }
}
block last() = relu
`);
    expect(mistakes.map((m) => m.replace(/ \(.*/, ''))).toEqual([
      '2:12 `//` starts no comment',
      '3:9 expected a statement or `}`, found `4`',
      '6:16 `//` starts no comment',
      '7:5 expected a statement or `}`, found `=`',
    ]);
    expect(sound).toEqual(['last']);
  });

  it('a missing brace spoils one declaration, and the brace that is named is the open one', () => {
    const { mistakes, sound } = mistakesIn(`block f() {
  for x in xs {
    if x > 3 {
      y = 3
  }
  return y
}
block last() = relu
`);
    expect(mistakes).toEqual(['3:14 this `{` is not closed']);
    expect(sound).toEqual(['last']);
  });

  it('a brace too many spoils one declaration', () => {
    const { mistakes, sound } = mistakesIn(`block f() {
  if x > 3 {
    y = 3
  }
  }
  return y
}
block last() = relu
`);
    expect(mistakes).toHaveLength(1);
    expect(mistakes[0]).toMatch(/^6:3 expected `import`/);
    expect(sound).toEqual(['last']);
  });

  it('characters are told of, and not the words around them', () => {
    const { mistakes } = mistakesIn(`block f() {
  x = 3; y = a && b
  z = ‘same’
  w = "open
  return x
}
`);
    expect(mistakes).toEqual([
      '2:8 the character `;` means nothing here (statements need no semicolons: remove it)',
      '2:16 the character `&` means nothing here (write `and`)',
      '3:7 the character `‘` means nothing here (write strings in straight double quotes: `"nearest"`)',
      '4:7 this string is not closed (close the string with `"` on the same line)',
    ]);
  });
});

describe('what a mistake leaves of the tree', () => {
  const parts = (text: string): unknown => {
    const { tree } = parse({ path: 'test.arch', text });
    return {
      incomplete: tree.incomplete,
      imports: tree.imports.length,
      declarations: tree.declarations.map((d) => `${d.name.text}${d.damaged ? '?' : ''}`),
    };
  };

  it('the names of damaged declarations stay known', () => {
    expect(parts('const A = \nblock f( = 3\nmodel M { 3 }\nblock g() = relu\n')).toEqual({
      incomplete: false,
      imports: 0,
      declarations: ['A?', 'f?', 'M?', 'g'],
    });
  });

  it('a damaged recipe keeps its name, and those beside it are whole', () => {
    const text = 'train a for M { x = }\ntrain b for M { batch = 4 }\nblock g() = relu\n';
    const { tree } = parse({ path: 'test.arch', text });
    expect(tree.recipes.map((r) => `${r.name.text}${r.damaged ? '?' : ''}`)).toEqual(['a?', 'b']);
    expect(parts(text)).toEqual({ incomplete: false, imports: 0, declarations: ['g'] });
  });

  it.each([
    ['a damaged import', 'import a, from\nblock g() = relu\n'],
    ['a nameless declaration', 'block () = relu\nblock g() = relu\n'],
    ['a word that starts no declaration', 'blok f() = relu\nblock g() = relu\n'],
  ])('%s may have named anything', (_what, text) => {
    expect(parts(text)).toEqual({ incomplete: true, imports: 0, declarations: ['g'] });
  });
});

describe('too deep', () => {
  it.each([
    ['brackets', `const A = ${'('.repeat(300)}1${')'.repeat(300)}\n`],
    ['unclosed brackets', `const A = ${'['.repeat(100_000)}`],
    ['calls of calls', `const A = f${'()'.repeat(300)}\n`],
    ['prefixes', `const A = ${'-'.repeat(100_000)}1\n`],
    ['operators', `const A = 1${' + 1'.repeat(2_000)}\n`],
    ['choices', `const A = ${'if a then '.repeat(100_000)}1\n`],
  ])('%s are an error, not a crash', (_what, text) => {
    const { diagnostics } = parse({ path: 'test.arch', text });
    expect(diagnostics.map((d) => d.code)).toContain('too-deep');
    expect(diagnostics).toHaveLength(1);
  });
});
