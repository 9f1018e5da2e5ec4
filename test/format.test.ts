/** How formatted text looks. Each case is input and output; formatting the output changes nothing. */
import * as prettier from 'prettier';
import { describe, expect, it } from 'vitest';
import { format } from '../src/format/format.js';
import plugin from '../src/format/plugin.js';

async function formatted(text: string): Promise<string> {
  const result = await format(text);
  if (!result.ok) throw new Error(result.diagnostics.map((d) => d.message).join('\n'));
  return result.text;
}

/** Formats `input` and expects `output`, both without the first line end. */
async function check(input: string, output: string): Promise<void> {
  const wanted = output.replace(/^\n/, '');
  expect(await formatted(input.replace(/^\n/, ''))).toBe(wanted);
  expect(await formatted(wanted)).toBe(wanted);
}

const LONG = 'a_name_that_is_rather_long';

describe('spaces', () => {
  it.each([
    ['const   A=1', 'const A = 1\n'],
    ['const A = a+b*c**d//e%f', 'const A = a + b * c ** d // e % f\n'],
    ['const A = - 1 < not  x', 'const A = -1 < not x\n'],
    ['const A = f ( a ,b=3 , )', 'const A = f(a, b = 3)\n'],
    ['const A = xs [ 1 .. ] [ ..-1 ] . y', 'const A = xs[1..][..-1].y\n'],
    ['const A = [ 1,2, 3 , ]', 'const A = [1, 2, 3]\n'],
    ['const A = ( 1 ) + ((( 2 )))', 'const A = (1) + (2)\n'],
    ['const A = (a)->b', 'const A = (a) -> b\n'],
    ['const A = 0 .. 4', 'const A = 0..4\n'],
    ['const A = if a then b else c', 'const A = if a then b else c\n'],
    ['const A = 31_031_685 + 1E-4 + 16MiB', 'const A = 31_031_685 + 1E-4 + 16MiB\n'],
    ['const A = "a \\" b"', 'const A = "a \\" b"\n'],
    ['import a,b  as c from"x.arch"', 'import a, b as c from "x.arch"\n'],
    ['import"x.arch"as x', 'import "x.arch" as x\n'],
    ['block f( a:int?,b:[ [block] ]=none )=relu', 'block f(a: int?, b: [[block]] = none) = relu\n'],
    ['model M{}', 'model M {}\n'],
    ['model M=Tiny( a=1 )', 'model M = Tiny(a = 1)\n'],
    ['train  q for M{}', 'train q for M {}\n'],
    [
      'train q( w:float=0.5 )for m . M( a=1 ){batch=4 train=1}',
      'train q(w: float = 0.5) for m.M(a = 1) {\n  batch = 4\n  train = 1\n}\n',
    ],
    [
      'const A=1 train q for M{} train r for M{ # why\n# above\nbatch=4 # four\n\n}',
      'const A = 1\n\ntrain q for M {}\n\ntrain r for M { # why\n  # above\n  batch = 4 # four\n}\n',
    ],
    ['', ''],
    ['\n\n', ''],
    ['# only this', '# only this\n'],
    ['const A = 1\r\nconst B = 2\r\n', 'const A = 1\nconst B = 2\n'],
  ])('%j gives %j', async (input, output) => {
    await check(input, output);
  });
});

describe('statements', () => {
  it('stand one a line', async () => {
    await check(
      'model M { input x : f32[ H=256,W ,1 ] where H%16==0,W>8 a,b=split(x,2) a+=b shared f=conv(8) ' +
        'for w ,s in zip(ws,ss){a=a->f} if a{b=1}else if c{}else{b=3} expect params<=20k output y=a }',
      `
model M {
  input x: f32[H = 256, W, 1] where H % 16 == 0, W > 8
  a, b = split(x, 2)
  a += b
  shared f = conv(8)
  for w, s in zip(ws, ss) {
    a = a -> f
  }
  if a {
    b = 1
  } else if c {} else {
    b = 3
  }
  expect params <= 20k
  output y = a
}
`,
    );
  });
});

describe('blank lines', () => {
  it('one at most, one between declarations, none at the ends of a body', async () => {
    await check(
      `


import a from "a.arch"
import b from "b.arch"


import c from "c.arch"
const A = 1
const B = 2
block f() = relu
## Doc.
block g() {

  x = 1


  y = 2
  z = 3

}
model M = f


`,
      `
import a from "a.arch"
import b from "b.arch"

import c from "c.arch"

const A = 1
const B = 2

block f() = relu

## Doc.
block g() {
  x = 1

  y = 2
  z = 3
}

model M = f
`,
    );
  });
});

describe('what does not fit on a line', () => {
  it('a pipe: a stage a line', async () => {
    await check(
      `block f() { y = in -> ${LONG}(1) -> ${LONG}(2) -> ${LONG}(3) -> relu }`,
      `
block f() {
  y = in
    -> ${LONG}(1)
    -> ${LONG}(2)
    -> ${LONG}(3)
    -> relu
}
`,
    );
  });

  it('a pipe that the author broke: the same rows, where they fit', async () => {
    await check(
      `
block f() {
  y = in
    -> ${LONG}(1) -> batchnorm -> relu
      -> ${LONG}(2)->batchnorm -> relu
  z = in
    -> relu
  w = in -> relu
    -> ${LONG}(1) -> ${LONG}(2) -> ${LONG}(3) -> ${LONG}(4)
}
`,
      `
block f() {
  y = in
    -> ${LONG}(1) -> batchnorm -> relu
    -> ${LONG}(2) -> batchnorm -> relu
  z = in -> relu
  w = in -> relu
    -> ${LONG}(1)
    -> ${LONG}(2)
    -> ${LONG}(3)
    -> ${LONG}(4)
}
`,
    );
  });

  it('the body of a block: on the next line, where the author put it or where it does not fit', async () => {
    await check(
      `
block short() =
  relu
block long() = ${LONG}(1) -> ${LONG}(2) -> ${LONG}(3)
block longer() = ${LONG}(1) -> ${LONG}(2) -> ${LONG}(3) -> ${LONG}(4)
`,
      `
block short() =
  relu

block long() =
  ${LONG}(1) -> ${LONG}(2) -> ${LONG}(3)

block longer() =
  ${LONG}(1)
    -> ${LONG}(2)
    -> ${LONG}(3)
    -> ${LONG}(4)
`,
    );
  });

  it('parameters, arguments and items: one a line, with a comma behind the last', async () => {
    await check(
      `
block f(${LONG}: int, ${LONG}_2: int = 3, ${LONG}_3: block = relu) = relu
model M = Tiny(${LONG} = 1, ${LONG}_2 = 2, ${LONG}_3 = 3)
const A = [${LONG}, ${LONG}, ${LONG}, ${LONG}]
`,
      `
block f(
  ${LONG}: int,
  ${LONG}_2: int = 3,
  ${LONG}_3: block = relu,
) = relu

model M = Tiny(
  ${LONG} = 1,
  ${LONG}_2 = 2,
  ${LONG}_3 = 3,
)

const A = [
  ${LONG},
  ${LONG},
  ${LONG},
  ${LONG},
]
`,
    );
  });

  it('operations: the loosest operators start lines', async () => {
    await check(
      `block f() { expect ${LONG} * 2 + ${LONG} < 3 and ${LONG} == 4 or ${LONG} return ${LONG}(1) }`,
      `
block f() {
  expect ${LONG} * 2 + ${LONG} < 3
    and ${LONG} == 4
    or ${LONG}
  return ${LONG}(1)
}
`,
    );
  });

  it('choices', async () => {
    await check(
      `
block f() {
  x = if ${LONG} > 0 then ${LONG} -> groupnorm(8) else ${LONG} -> batchnorm
  y = if a then ${LONG} else if b then ${LONG} else if c then ${LONG} else d
}
`,
      `
block f() {
  x = if ${LONG} > 0
    then ${LONG} -> groupnorm(8)
    else ${LONG}
    -> batchnorm
  y = if a then ${LONG}
    else if b then ${LONG}
    else if c then ${LONG}
    else d
}
`,
    );
  });

  it('inputs and imports', async () => {
    await check(
      `
import ${LONG}, ${LONG}_2, ${LONG}_3 from "./blocks.arch"
model M { input image: f32[H = 256, W = 256, channels] where H % 16 == 0, W % 16 == 0, ${LONG} > 1 }
`,
      `
import
  ${LONG},
  ${LONG}_2,
  ${LONG}_3
from "./blocks.arch"

model M {
  input image: f32[H = 256, W = 256, channels]
    where H % 16 == 0, W % 16 == 0, ${LONG} > 1
}
`,
    );
  });
});

describe('comments', () => {
  it('stay where they are', async () => {
    await check(
      `
# top


## Doc of A.
const A=[1, # one
  # before two
  2
  # last
  ]   # after
block f( # after the bracket
  ## Doc of a.
  a:int, # a
) {
  # first

  x = in # start
    # before conv
    -> conv(8,# eight
    k=3) # k
    -> relu
  # last
}
model E {
# empty
}
const B = f( # nothing
)
const C = [
 # nothing
]
# end`,
      `
# top

## Doc of A.
const A = [
  1, # one
  # before two
  2,
  # last
] # after

block f( # after the bracket
  ## Doc of a.
  a: int, # a
) {
  # first

  x = in # start
    # before conv
    -> conv(
      8, # eight
      k = 3,
    ) # k
    -> relu
  # last
}

model E {
  # empty
}

const B = f( # nothing
)
const C = [
  # nothing
]
# end
`,
    );
  });

  it('move behind a comma, and break what they stand in', async () => {
    await check(
      'const A = f(a # one\n, b = # two\n 3)',
      `
const A = f(
  a, # one
  b = # two
    3,
)
`,
    );
  });

  it('keep doubled brackets that they stand between', async () => {
    await check(
      'const A = ( # one\n (1))',
      `
const A = ( # one
  (1)
)
`,
    );
  });
});

describe('the plugin', () => {
  it('refuses a text with mistakes and says what and where', async () => {
    const result = await format('const A = 1\nconst B 2\n', 'models/a.arch');
    expect(result.ok).toBe(false);
    if (result.ok) return;
    expect(result.diagnostics.map((d) => [d.code, d.span?.source.path, d.span?.start])).toEqual([
      ['syntax', 'models/a.arch', 20],
    ]);
    await expect(
      prettier.format('const A = 1\nconst B 2\n', { parser: 'arch', plugins: [plugin] }),
    ).rejects.toMatchObject({
      name: 'SyntaxError',
      loc: { start: { line: 2, column: 9 }, end: { line: 2, column: 10 } },
    });
  });

  it('is found by file name, and obeys the options of Prettier', async () => {
    const options = { filepath: 'models/a.arch', plugins: [plugin] };
    const text = 'const A = f(a_long_name, b)\nblock f() { x = 1 }\n';
    expect(await prettier.format(text, options)).toBe(
      'const A = f(a_long_name, b)\n\nblock f() {\n  x = 1\n}\n',
    );
    expect(await prettier.format(text, { ...options, printWidth: 20, tabWidth: 4 })).toBe(
      'const A = f(\n    a_long_name,\n    b,\n)\n\nblock f() {\n    x = 1\n}\n',
    );
  });

  it('formats a large file in time that grows with its size', async () => {
    const lines = Array.from({ length: 5_000 }, (_, i) => `  x${i} = in -> conv(8, k = 3) # ${i}`);
    const text = `block f() {\n${lines.join('\n')}\n}\n`;
    const start = performance.now();
    expect(await formatted(text)).toBe(text);
    expect(performance.now() - start).toBeLessThan(10_000);
  });
});
