/** What programs mean: a test for each rule of docs/language.md. */
import { describe, expect, it } from 'vitest';
import {
  checkText,
  codesOf,
  figuresOf,
  modelOf,
  modelsOf,
  run,
  weightNames,
} from './helpers/check.js';
import { check } from '../src/compiler/check.js';
import { formatShape } from '../src/compiler/shape.js';

/** A model on `x`, [8, 8, 4] unless said otherwise, with these statements. */
const model = (body: string, input = 'f32[8, 8, 4]'): string =>
  `model M() { input x: ${input}\n${body}\n}`;

/** The shapes of the outputs, as text. */
function shapesOf(text: string): Record<string, string> {
  const { graph } = modelOf(text);
  return Object.fromEntries(
    (graph?.outputs ?? []).map(({ name, value }) => [name, formatShape(value.type.shape)]),
  );
}

/** Asserts that every condition holds, as `expect`s of a model would. */
function holds(...conditions: readonly string[]): void {
  const claims = conditions.map((c) => `expect ${c}`).join('\n');
  const { claimResults } = modelOf(model(`output y = x -> relu\n${claims}`));
  expect(claimResults.map((c) => [c.text, c.holds])).toEqual(conditions.map((c) => [c, true]));
}

/** The only code that a text gives. */
function gives(code: string, text: string, files: Record<string, string> = {}): void {
  expect(codesOf(text, files)).toEqual([code]);
}

/** The value of an expression of the language, through the channels of a convolution. */
function channelsOf(use: string, blocks = ''): number | string {
  const shape = shapesOf(`${blocks}\n${model(`output y = ${use}`)}`)['y'] ?? '';
  return Number(/(\d+)\]$/.exec(shape)?.[1] ?? Number.NaN);
}

describe('words', () => {
  it('declarations come in any order', () => {
    expect(
      channelsOf('x -> later', 'block later() = conv(N)\nconst N = M0 + 1\nconst M0 = 4'),
    ).toBe(5);
  });
  it('line ends mean nothing', () => {
    const text =
      'const N = 3 block f(n: int) { y = in -> conv(n) return y } model M() { input x: f32[8, 8, 4] output y = x -> f(N) expect params == 111 }';
    expect(modelOf(text).claimResults[0]?.holds).toBe(true);
    expect(codesOf(text.replaceAll(' ', '\n'))).toEqual([]);
    expect(codesOf(text.replaceAll(' ', '\r\n\t'))).toEqual([]);
  });
  it('`from`, `as` and `train` are ordinary names', () => {
    const files = { 'as.arch': 'block from(as: int) = conv(as)' };
    expect(
      codesOf(
        `import from as train from "./as.arch"\nimport "./as.arch" as as\n` +
          model('from = x -> train(as = 3) output y = from -> as.from(as = 2)'),
        files,
      ),
    ).toEqual([]);
  });
  it.each(
    'block model const import input output where expect return for in if then else and or not true false none shared'.split(
      ' ',
    ),
  )('`%s` is reserved', (word) => {
    expect(codesOf(`const ${word} = 1`)).toContain('syntax');
  });
  it('numbers and their suffixes', () => {
    holds(
      '31_031_685 == 31031685',
      '2k == 2000 and 3M == 3000k and 1G == 1000M and 1T == 1000G',
      '16MB == 16 * 10 ** 6 and 16MiB == 16 * 2 ** 20 and 1KiB == 1024 and 1kB == 1000',
      '1e-4 == 0.0001 and 0.5 == 1 / 2 and 2.5k == 2500 and 1.1M == 1_100_000',
    );
  });
  it('a number with a suffix is an int if it is whole', () => {
    expect(channelsOf('x -> conv(0.016k)')).toBe(16);
    gives('wrong-argument', model('output y = x -> conv(1e1)'));
  });
  it('`#` starts a comment anywhere; `//` is division', () => {
    expect(codesOf(model('output y = x -> conv(9 // 2 # - 4\n)\nexpect y.channels == 4'))).toEqual(
      [],
    );
    expect(codesOf('# é ∑ 漢字\n' + model('output y = x -> relu # end'))).toEqual([]);
  });
});

describe('doc comments', () => {
  const text = `
## Makes it
## smooth.
block smooth() = avgpool(3, stride = 1, pad = same)

## The model.
model M() {
  ## What flows in.
  input x: f32[8, 8, 4]

  ## The first step.
  a = x -> smooth
  ## What comes out.
  output y = a -> relu
}
## Another.
model V = M()
model W = M()
`;
  const models = modelsOf(text);
  const graph = models.get('M')?.graph;
  it('reach the graph', () => {
    expect(graph?.doc).toBe('The model.');
    expect(graph?.outputs[0]?.doc).toBe('What comes out.');
    const [input] = graph?.inputs ?? [];
    expect(input?.definition.kind === 'input' && input.definition.doc).toBe('What flows in.');
  });
  it('reach the blocks and bindings around a node', () => {
    const pool = graph?.nodes.find((n) => n.op === 'avgpool');
    expect(pool?.origin.scope.block?.doc).toBe('Makes it\nsmooth.');
    expect(pool?.origin.scope.parent?.doc).toBe('The first step.');
  });
  it('a variant has its own, or that of what it is made from', () => {
    expect(models.get('V')?.graph?.doc).toBe('Another.');
    expect(models.get('W')?.graph?.doc).toBe('The model.');
  });
});

describe('imports', () => {
  const blocks =
    'block a(n: int = 2) = conv(n)\nconst N = 7\nmodel Other() { input x: f32[8, 8, 4] output y = x -> a }';
  const files = {
    'blocks.arch': blocks,
    'lib/up.arch': 'import a from "../blocks.arch"\nblock b() = a(5)',
  };
  it('names, and names under another name', () => {
    const text = `import a, N as count from "./blocks.arch"\n${model('output y = x -> a(count)')}`;
    expect(figuresOf(modelOf(text, files)).params).toBe(9 * 4 * 7 + 7);
  });
  it('a whole module', () => {
    const text = `import "./blocks.arch" as blocks\n${model('output y = x -> blocks.a(blocks.N) expect params >= blocks.Other.params')}`;
    expect(modelOf(text, files).claimResults[0]?.holds).toBe(true);
  });
  it('paths are relative to the importing file; what a file imports can be imported from it', () => {
    const text = `import a, b from "./lib/up.arch"\n${model('output y = x -> a -> b')}`;
    expect(figuresOf(modelOf(text, files)).params).toBe(9 * 4 * 2 + 2 + 9 * 2 * 5 + 5);
  });
  it('the standard library', () => {
    expect(
      codesOf(
        `import squeeze_excite as se from "std/attention.arch"\n${model('output y = x -> se')}`,
      ),
    ).toEqual([]);
    gives('missing-file', `import se from "std/atention.arch"\n${model('output y = x -> se')}`);
  });
  it('a folder `std` of the project is not the standard library', () => {
    const own = {
      'std/conv.arch': 'import c from "./other.arch"\nblock sepconv() = c',
      'std/other.arch': 'block c() = conv(3)',
    };
    const text = `import sepconv as own from "./std/conv.arch"\nimport sepconv from "std/conv.arch"\n${model('output y = x -> own -> sepconv(2)')}`;
    expect(figuresOf(modelOf(text, own)).params).toBe(9 * 4 * 3 + 3 + 9 * 3 + 3 + 3 * 2 + 2);
  });
  it('each file is loaded once', () => {
    const reads: string[] = [];
    const all: Record<string, string> = {
      ...files,
      'c.arch': 'import a from "./lib/../blocks.arch"\nblock c() = a',
    };
    const text = `import a from "./blocks.arch"\nimport b from "./lib/up.arch"\nimport c from "./c.arch"\n${model('output y = x -> a -> b -> c')}`;
    const host = {
      read: (path: string) => {
        reads.push(path);
        return { ok: true, text: all[path] ?? '' } as const;
      },
    };
    expect(check({ path: 'test.arch', text }, host).valid).toBe(true);
    expect(reads.sort()).toEqual(['blocks.arch', 'c.arch', 'lib/up.arch']);
  });
  it('a cycle shows all of it', () => {
    const { diagnostics } = checkText(`import a from "./a.arch"\n${model('output y = x -> a')}`, {
      'a.arch': 'import b from "./b.arch"\nblock a() = b',
      'b.arch': 'import c from "./c.arch"\nblock b() = c',
      'c.arch': 'import a from "./a.arch"\nblock c() = a',
    });
    expect(diagnostics.map((d) => d.code)).toEqual(['import-cycle']);
    expect(diagnostics[0]?.message).toContain('a.arch → b.arch → c.arch → a.arch');
  });
  it('a file that imports itself is a cycle', () => {
    gives(
      'import-cycle',
      `import M as N from "./test.arch"\nconst K = N\n${model('output y = x -> relu')}`,
    );
  });
  it('what is not there', () => {
    gives(
      'unknown-import',
      `import aa from "./blocks.arch"\n${model('output y = x -> aa')}`,
      files,
    );
    gives('import-path', `import a from "blocks.arch"\n${model('output y = x -> a')}`, files);
    gives('missing-file', `import a from "./block.arch"\n${model('output y = x -> a')}`, files);
    gives(
      'duplicate-name',
      `import a from "./blocks.arch"\nblock a() = relu\n${model('output y = x -> a')}`,
      files,
    );
  });
});

describe('values', () => {
  it('precedence', () => {
    holds(
      '2 + 3 * 4 == 14 and (2 + 3) * 4 == 20 and 20 - 5 - 3 == 12 and 2 * 7 // 3 == 4',
      '-2 ** 2 == -4 and 2 ** 3 ** 2 == 512 and 2 * 3 ** 2 == 18 and 2 ** -1 == 0.5',
      'not 1 == 2 and (true or false and false) and not (true and false)',
      'true or 1 // 0 == 0',
      'not (false and 1 // 0 == 0)',
      '(if 1 < 2 then 3 else 4) + 1 == 4',
      '[2 * i_of_three, 1][0] == 6'.replace('i_of_three', '3'),
      'len(1..2 + 3) == 4',
    );
  });
  it('division as in Python', () => {
    holds(
      '-7 // 2 == -4 and 7 // -2 == -4 and -7 // -2 == 3',
      '-7 % 3 == 2 and 7 % -3 == -2 and -7 % -3 == -1 and 6 % 3 == 0',
      '7.5 // 2 == 3 and -7.5 % 2 == 0.5',
      '4 / 2 == 2 and 7 / 2 == 3.5',
      // From CPython.
      '1.0 // 0.1 == 9 and 1.0 % 0.1 == 0.09999999999999995 and 1 // 0.1 == 9',
      '-1.0 // 0.1 == -10 and -1.0 % 0.1 == 5.551115123125783e-17',
      '1.0 // -0.1 == -10 and 1.0 % -0.1 == -5.551115123125783e-17',
      '5.0 // 0.3 == 16 and 5.0 % 0.3 == 0.20000000000000018',
      '0.3 // 0.1 == 2 and 0.3 % 0.1 == 0.09999999999999998',
      '-0.3 // 1.0 == -1 and -0.3 % 1.0 == 0.7 and 0.0 // 3 == 0 and 6.0 % 3 == 0',
      '-3.5 // 1e300 == -1 and -3.5 % 1e300 == 1e300 and 1e300 % 0.7 == 0.3790560774266656',
    );
    gives('wrong-argument', model('output y = x -> conv(8 / 2)'));
    gives('division-by-zero', model('output y = x -> conv(8 % 0)'));
    gives('division-by-zero', model('output y = x -> conv(8 // 0.0)'));
    gives('division-by-zero', model('output y = x -> conv(0 ** -1)'));
    gives('division-by-zero', model('output y = x -> dropout(0.0 ** -1)'));
  });
  it('a size that may be 0 divides only where it is known not to be', () => {
    const claims = (input: string): string[] =>
      codesOf(
        model(
          `output y = x -> relu
           expect (H // 64) * 3 // (H // 64) == 3
           expect (H // 64) % (H // 64) == 0`,
          input,
        ),
      );
    expect(claims('f32[H = 8, 8, 4]')).toEqual(['division-by-zero', 'division-by-zero']);
    expect(claims('f32[H = 64, 8, 4]')).toEqual([]);
    expect(claims('f32[H, 8, 4]')).toEqual(['undecided', 'undecided']);
    expect(claims('f32[H, 8, 4] where H >= 64')).toEqual([]);
    const filters = (input: string): string[] =>
      codesOf(model('output y = x -> conv((H // 64) * 3 // (H // 64))', input));
    expect(filters('f32[H = 64, 8, 4]')).toEqual(['undecided']);
    expect(filters('f32[H = 64, 8, 4] where H >= 64')).toEqual([]);
    // What pooling leaves is a size, at least 1.
    expect(
      codesOf(
        model(
          'y = x -> maxpool(2)\noutput z = y -> reshape([y.height * 4, -1])',
          'f32[H = 64, 8, 4]',
        ),
      ),
    ).toEqual([]);
  });
  it('an int to a negative power is a float', () => {
    holds('2 ** -1 == 0.5 and 1 ** -1 == 1 and 10 ** -400 == 0 and (-1) ** -1 == -1');
    gives('wrong-argument', model('output y = x -> conv(1 ** -1)'));
    gives('wrong-argument', model('output y = x -> slice(10 ** -400)'));
    const H = 'f32[H = 8, 8, 4]';
    gives('undecided', model('output y = x -> conv(H ** -1)', H));
    gives('undecided', model('output y = x -> conv(2 ** H)', H));
    expect(codesOf(model('output y = x -> relu\nexpect H ** 2 == H * H', H))).toEqual([]);
  });
  it('ints are exact or an error', () => {
    holds('9_007_199_254_740_990 + 1 == 9_007_199_254_740_991', '0 * -1 == 0');
    gives('number-range', model('output y = x -> conv(2 ** 53)'));
    gives('number-range', model('output y = x -> dropout(10.0 ** 400)'));
  });
  it('lists, indices and slices', () => {
    holds(
      '[1, 2, 3][0] == 1 and [1, 2, 3][-1] == 3 and [[1, 2], [3]][1][0] == 3',
      '[1, 2, 3][1..] == [2, 3] and [1, 2, 3][..-1] == [1, 2] and [1, 2, 3][1..2] == [2]',
      '[1, 2, 3][..] == [1, 2, 3] and [1, 2, 3][-2..] == [2, 3] and [1, 2, 3][5..] == [] and [1, 2][..9] == [1, 2]',
      '[1] + [2, 3] == [1, 2, 3] and [0] * 3 == [0, 0, 0] and 2 * [1, 2] == [1, 2, 1, 2]',
      'len([]) == 0 and len([1, [2, 3]]) == 2',
      '"a" + "b" == "ab" and "a" != "b"',
    );
    gives('index-range', model('output y = x -> conv([1, 2][2])'));
    gives('index-range', model('output y = x -> conv([1, 2][-3])'));
    gives('wrong-type', model('output y = x -> conv([1, 2][0.0])'));
  });
  it('ranges are half open, and lists of ints', () => {
    holds(
      '0..4 == [0, 1, 2, 3]'.replace('0..4', '(0..4)'),
      'len(0..4) == 4 and (2..5)[1] == 3 and (0..9)[2..4] == [2, 3] and reverse(0..3) == [2, 1, 0]',
      'len(3..3) == 0 and len(5..2) == 0 and sum(1..5) == 10 and max(0..5) == 4',
    );
    gives('open-range', model('for i in 0.. { x = x -> conv(i) } output y = x'));
  });
  it('functions', () => {
    holds(
      'len([4, 5]) == 2 and reverse([1, 2, 3]) == [3, 2, 1]',
      'zip([1, 2], [3, 4]) == [[1, 3], [2, 4]] and zip([1], [2], [3]) == [[1, 2, 3]]',
      'min(3, 1, 2) == 1 and max(3, 1, 2) == 3 and min([2, 1]) == 1 and max([2]) == 2 and sum([1, 2, 3]) == 6',
      'sum([]) == 0 and sum([0.5, 1]) == 1.5 and min(1, 0.5) == 0.5',
      'floor(2.7) == 2 and ceil(2.1) == 3 and floor(-0.5) == -1 and ceil(-0.5) == 0 and floor(3) == 3',
      'round(2.5) == 2 and round(3.5) == 4 and round(2.4) == 2 and round(-2.5) == -2',
    );
    gives('wrong-type', model('output y = x -> conv(len(3))'));
    gives(
      'wrong-type',
      model('for a, b in zip([1], [1, 2]) { x = x -> conv(a + b) } output y = x'),
    );
    gives('wrong-type', model('output y = x -> conv(max([]))'));
  });
  it('comparisons', () => {
    holds(
      '1 == 1.0',
      '[1, 2] == [1.0, 2.0]',
      'none == none',
      'not (1 == none)',
      '"same" == "same"',
      '[1] != [1, 2]',
    );
    gives('wrong-type', model('output y = x -> relu expect 1 < 2 < 3'));
    gives('wrong-type', model('output y = x -> relu expect true == 1'));
    gives('wrong-type', model('output y = x -> relu expect "a" < "b"'));
    gives('wrong-type', model('output y = x -> relu expect x == x'));
  });
  it('blocks are equal when they are made of the same', () => {
    holds(
      'relu == relu and relu() == relu and relu != gelu',
      'conv(8) == conv(8) and conv(8) == conv(filters = 8) and conv(8) != conv(9) and conv != conv(8)',
      '(conv(8) -> relu) == (conv(8) -> relu) and (conv(8) -> relu) != (relu -> conv(8))',
      'relu * 2 == relu * 2 and relu * 2 != relu * 3',
    );
  });
  it('constants in a circle', () => {
    gives('const-cycle', `const A = B\nconst B = A\n${model('output y = x -> conv(A)')}`);
  });
  it('what passes a limit', () => {
    gives('too-large', model('output y = x -> conv(len([0] * 100_001))'));
    gives('too-large', model('output y = x -> conv(len(0..1_000_001))'));
    gives('too-large', model('for _ in 0..1001 { for _ in 0..1000 { } } output y = x -> relu'));
    gives(
      'too-large',
      model('xs = [0] for _ in 0..20 { xs = [xs, xs] } output y = x -> conv(len(xs))'),
    );
    gives(
      'too-large',
      model('xs = [0] for _ in 0..33 { xs = [xs] } output y = x -> conv(len(xs))'),
    );
    gives(
      'too-large',
      model('s = "ab" for _ in 0..20 { s = s + s } output y = x -> upsample(2, s)'),
    );
    gives('too-large', model('output y = x -> conv(2G - 1, k = 1) -> conv(2G, k = 1)'));
    gives('too-large', model('output y = x -> relu', 'f32[2G, 2G, 1]'));
  });
  it.each(['f32[8, 8, 4]', 'f32[H = 8, W = 8, 4]'])('tensors of %s that pass a limit', (input) => {
    const upsampled = (factor: string): string[] =>
      codesOf(model(`output y = x -> upsample(${factor}) -> conv(2)`, input));
    expect(upsampled('300_000_000')).toEqual(['too-large']);
    expect(upsampled('[300_000_000, 1]')).toEqual(['too-large']);
    expect(upsampled('[200_000_000, 1]')).toEqual([]);
    expect(upsampled('[200_000_000, 200]')).toEqual(['too-large']);
  });
  it('an input that passes a limit at the chosen sizes', () => {
    const text = model('output y = x -> relu', 'f32[H, W, 1]');
    const at = (side: number): string[] =>
      checkText(text, {}, { sizes: { image: [side, side] } }).diagnostics.map((d) => d.code);
    expect(at(2 ** 20)).toEqual([]);
    expect(at(2 ** 20 + 1)).toEqual(['too-large']);
  });
});

describe('parameters', () => {
  it('an unstated type is that of the default', () => {
    expect(channelsOf('x -> f(3)', 'block f(n = 2) = conv(n)')).toBe(3);
    gives('wrong-type', `block f(n = 2) = conv(n)\n${model('output y = x -> f("a")')}`);
    gives('wrong-type', `block f(n = [1]) = conv(n[0])\n${model('output y = x -> f(2)')}`);
    gives('wrong-type', `block f(g = relu) = g\n${model('output y = x -> f(2)')}`);
  });
  it.each([
    ['int', '0.5'],
    ['int', 'true'],
    ['float', '"a"'],
    ['bool', '1'],
    ['string', 'relu'],
    ['block', 'x'],
    ['tensor', 'relu'],
    ['[int]', '[1, 0.5]'],
    ['[block]', '[relu, 1]'],
    ['[int]', '1'],
    ['int', 'none'],
  ])('a parameter %s does not take %s', (type, value) => {
    gives(
      'wrong-type',
      `block f(p: ${type}) { q = p == p return in -> dropout(if true then 0 else len([p])) }\n`.replace(
        'q = p == p ',
        '',
      ) + model(`output y = x -> f(p = ${value})`),
    );
  });
  it.each([
    ['float', '1'],
    ['int?', 'none'],
    ['int?', '3'],
    ['[int]', '0..3'],
    ['[int]', '[]'],
    ['[[int]]', '[[1], []]'],
    ['[int?]', '[1, none]'],
    ['block', 'conv'],
    ['block?', 'none'],
    ['[block]', '[relu, conv(8), relu -> gelu]'],
    ['tensor', 'x'],
    ['string', '"same"'],
  ])('a parameter %s takes %s', (type, value) => {
    expect(
      codesOf(
        `block f(p: ${type}) { q = [p] return in -> dropout(0 * len(q)) }\n${model(`output y = x -> f(${type === 'tensor' ? 'p = ' : ''}${value})`)}`,
      ),
    ).toEqual([]);
  });
  it('an optional one defaults to none', () => {
    const block = 'block f(n: int?) { return if n == none then in else (in -> conv(n)) }';
    expect([channelsOf('x -> f', block), channelsOf('x -> f(7)', block)]).toEqual([4, 7]);
  });
  it('a default sees the parameters before it, and `in`', () => {
    const block = 'block f(n: int, g: int = min(2, n // 2), m: int = g + in.channels) = conv(m)';
    expect([
      channelsOf('x -> f(2)', block),
      channelsOf('x -> f(8)', block),
      channelsOf('x -> f(8, 5)', block),
    ]).toEqual([5, 6, 9]);
    expect(codesOf('block f(a: int = b, b: int = 1) = conv(a + b)')).toEqual(['unknown-name']);
  });
  it('two of a name', () => {
    expect(codesOf('block f(a: int, a: int) = conv(a)')).toContain('duplicate-name');
  });
});

describe('calls', () => {
  const sep =
    'block sep(filters: int, k: int = 3, ws: bool = false) = dwconv(k, ws) -> conv(filters, k = 1)\n';
  const isStandardized = (text: string): boolean =>
    modelOf(text).graph?.nodes.some((n) => n.op === 'standardize') ?? false;

  it('positional in order, then named', () => {
    const block = 'block f(a: int, b: int = 10, c: int = 100) = conv(a + b + c)';
    expect(channelsOf('x -> f(1)', block)).toBe(111);
    expect(channelsOf('x -> f(1, 2)', block)).toBe(103);
    expect(channelsOf('x -> f(1, 2, 3)', block)).toBe(6);
    expect(channelsOf('x -> f(1, c = 3)', block)).toBe(14);
    expect(channelsOf('x -> f(c = 3, a = 1)', block)).toBe(14);
    gives('positional-after-named', `${block}\n${model('output y = x -> f(b = 1, 2)')}`);
    gives('duplicate-argument', `${block}\n${model('output y = x -> f(1, a = 2)')}`);
    gives('too-many-arguments', `${block}\n${model('output y = x -> f(1, 2, 3, 4)')}`);
    expect(codesOf(`${block}\n${model('output y = x -> f(1, d = 4)')}`)).toContain(
      'unknown-parameter',
    );
  });
  it('a bare name of a bool parameter is a flag, wherever the parameter stands', () => {
    expect(isStandardized(sep + model('output y = x -> sep(8, ws)'))).toBe(true);
    expect(isStandardized(sep + model('output y = x -> sep(8, 5, ws)'))).toBe(true);
    expect(isStandardized(sep + model('output y = x -> sep(8, k = 5, ws)'))).toBe(true);
    expect(isStandardized(sep + model('output y = x -> sep(ws, filters = 8)'))).toBe(true);
    expect(isStandardized(sep + model('output y = x -> sep(8)'))).toBe(false);
    expect(isStandardized(sep + model('output y = x -> sep(8, ws = false)'))).toBe(false);
  });
  it('unless a value of that name is in scope: that is passed on', () => {
    const through = `${sep}block f(ws: bool) = sep(8, ws)\n`;
    expect(isStandardized(through + model('output y = x -> f(ws)'))).toBe(true);
    expect(isStandardized(through + model('output y = x -> f(false)'))).toBe(false);
    expect(isStandardized(sep + model('ws = false output y = x -> sep(8, ws)'))).toBe(false);
    expect(isStandardized(`${sep}const ws = false\n${model('output y = x -> sep(8, ws)')}`)).toBe(
      false,
    );
  });
  it('a flag may have the name of an operator', () => {
    const block =
      'block f(n: int, relu: bool = false) { y = in -> conv(n) return if relu then -y else y }';
    const ops = (use: string) =>
      modelOf(`${block}\n${model(`output y = x -> ${use}`)}`).graph?.nodes.map((n) => n.op);
    expect(ops('f(2, relu)')).toEqual(['conv', 'mul']);
    expect(ops('f(2)')).toEqual(['conv']);
  });
  it('after the positional arguments a bare name is short for name = name', () => {
    const block =
      'block f(filters: int, k: int = 3, skip: tensor, stage: block = relu) = concat(in, skip) -> conv(filters, k) -> stage';
    const names = weightNames(
      modelOf(
        `${block}\n${model('stage = conv(5) skip = x k = 1 output y = x -> f(2, stage = stage, skip, k)')}`,
      ),
    );
    expect(names).toEqual([
      'y.f.conv_1.weight',
      'y.f.conv_1.bias',
      'y.f.conv_2.weight',
      'y.f.conv_2.bias',
    ]);
    expect(
      figuresOf(
        modelOf(
          `${block}\n${model('stage = conv(5) skip = x output y = x -> f(2, k = 1, skip, stage)')}`,
        ),
      ).params,
    ).toBe(8 * 2 + 2 + 9 * 2 * 5 + 5);
  });
  it('before that it is positional, with a warning where its name is that of another', () => {
    gives('argument-order', model('groups = 1 output y = x -> conv(8, groups)'));
    expect(codesOf(model('filters = 1 output y = x -> conv(filters)'))).toEqual([]);
  });
  it('a call that leaves required parameters unfilled waits for them', () => {
    const block = 'block f(a: int, b: int, c: int = 100) = conv(a + b + c)';
    expect(channelsOf('x -> f(1)(2)', block)).toBe(103);
    expect(channelsOf('x -> f(b = 1)(2)', block)).toBe(103);
    expect(channelsOf('x -> f(c = 5)(1)(2)', block)).toBe(8);
    expect(channelsOf('x -> f(b = 1, c = 5)(2, c = 6)', block)).toBe(9);
    const { diagnostics } = checkText(`${block}\n${model('output y = x -> f(c = 2)')}`);
    expect(diagnostics.map((d) => d.code)).toEqual(['still-waiting']);
    expect(diagnostics[0]?.message).toMatch(/`a` and `b`/);
    gives('still-waiting', model('output y = x -> conv'));
  });
  it('a bare name is the block with its defaults', () => {
    expect(modelOf(model('output y = x -> relu -> relu()')).graph?.nodes).toHaveLength(2);
    expect(channelsOf('x -> f(norm = batchnorm)', 'block f(norm: block) = conv(3) -> norm')).toBe(
      3,
    );
  });
  it('enumerated values are bare, in lists too, and strings through a string parameter', () => {
    expect(shapesOf(model('output y = x -> conv(2, pad = valid)'))['y']).toBe('[6, 6, 2]');
    expect(shapesOf(model('output y = x -> transpose([channels, height, width])'))['y']).toBe(
      '[4, 8, 8]',
    );
    expect(
      shapesOf(`block f(p: string) = conv(2, pad = p)\n${model('output y = x -> f("valid")')}`)[
        'y'
      ],
    ).toBe('[6, 6, 2]');
    expect(shapesOf(model('valid = "same" output y = x -> conv(2, pad = valid)'))['y']).toBe(
      '[8, 8, 2]',
    );
    gives('wrong-argument', model('output y = x -> conv(2, pad = "sme")'));
    expect(codesOf(model('output y = x -> conv(2, pad = sme)'))).toEqual(['unknown-name']);
    gives(
      'unknown-name',
      `block f(p: string) = upsample(2, p)\n${model('output y = x -> f(bilinear)')}`,
    );
  });
  it('the tensor may come first: it flows in', () => {
    const block = 'block f(skip: tensor, n: int = 2) = concat(in, skip) -> conv(n)';
    const params = (use: string): number =>
      figuresOf(modelOf(`${block}\n${model(`z = x -> conv(1, k = 1) output y = ${use}`)}`)).params -
      5;
    expect(params('f(x, z)')).toBe(9 * 5 * 2 + 2);
    expect(params('f(x, z, 3)')).toBe(9 * 5 * 3 + 3);
    expect(params('f(x, skip = z)')).toBe(9 * 5 * 2 + 2);
    expect(params('x -> f(z, 3)')).toBe(9 * 5 * 3 + 3);
    expect(shapesOf(model('output y = conv(x, 7)'))['y']).toBe('[8, 8, 7]');
  });
  it('an operator that takes any number of tensors', () => {
    expect(channelsOf('concat(x, x, x)')).toBe(12);
    expect(channelsOf('x -> concat(x, x)')).toBe(12);
    expect(channelsOf('concat([x, x])')).toBe(8);
    expect(channelsOf('concat([x])')).toBe(4);
    expect(channelsOf('x -> concat([x])')).toBe(8);
    expect(channelsOf('x -> f(x)', 'block f(s: tensor) = concat(s)')).toBe(8);
    expect(shapesOf(model('output y = concat(x, x, axis = height)'))['y']).toBe('[16, 8, 4]');
    gives('too-few-tensors', model('output y = x -> add'));
    gives('wrong-type', model('output y = x + add(1, 2)'));
    expect(channelsOf('x -> add(1, x)')).toBe(4);
  });
  it('`max` and `sum` are functions of numbers and operators on tensors', () => {
    const shapes = shapesOf(
      model(
        'm = max(channels, keepdims) output a = x -> max(channels, keepdims) output b = max(x, channels) output c = x -> m output d = x -> conv(max(2, 3)) output e = x -> sum([height, width])',
      ),
    );
    expect(shapes).toEqual({
      a: '[8, 8, 1]',
      b: '[8, 8]',
      c: '[8, 8, 1]',
      d: '[8, 8, 3]',
      e: '[4]',
    });
  });
});

describe('blocks', () => {
  it('in a body that starts with a block, `in` flows into it unsaid', () => {
    expect(channelsOf('x -> f', 'block f() = conv(2) -> conv(3)')).toBe(3);
    expect(channelsOf('x -> f', 'block f() = in -> conv(3)')).toBe(3);
    expect(channelsOf('x -> f', 'block f() = if in.channels == 4 then conv(3) else relu')).toBe(3);
    expect(channelsOf('x -> f', 'block f() = (conv(3) -> relu) * 2')).toBe(3);
    expect(channelsOf('x -> f', 'block f() = in + in')).toBe(4);
    expect(channelsOf('x -> f', 'block f() { return in -> conv(3) }')).toBe(3);
  });
  it('a body in braces gives back a tensor', () => {
    gives(
      'missing-return',
      'block f() { x = in -> relu y = x -> relu z = y + x for _ in [z] { } }',
    );
    gives('wrong-type', `block f() { return conv(3) }\n${model('output y = x -> f')}`);
    gives(
      'missing-return',
      `block f(c: bool) { if c { return in } }\n${model('output y = x -> f(false)')}`,
    );
  });
  it('composition', () => {
    expect(channelsOf('x -> f -> g', 'const f = conv(2) -> relu\nconst g = f -> conv(6)')).toBe(6);
    expect(figuresOf(modelOf(model('f = conv(4) -> relu output y = x -> f -> f'))).params).toBe(
      2 * 148,
    );
  });
  it('repetition has weights of its own each time', () => {
    const names = weightNames(
      modelOf(model('output y = x -> (conv(4, bias = false) -> relu) * 3')),
    );
    expect(names).toEqual(['y.conv_1.weight', 'y.conv_2.weight', 'y.conv_3.weight']);
    expect(weightNames(modelOf(model('output y = x -> 2 * conv(4, bias = false)')))).toHaveLength(
      2,
    );
    expect(modelOf(model('output y = x -> conv(4) * 0')).graph?.weights).toHaveLength(0);
    gives('wrong-type', model('output y = x -> relu * -1'));
    gives('wrong-type', model('output y = x -> relu * 1.5'));
  });
  it('lists of blocks', () => {
    const text = `block plain(n: int) = conv(n) -> relu\n${model('for f, n in zip([plain, conv(k = 1), plain(5)], [6, 7, 0]) { x = if n > 0 then x -> f(n) else (x -> f) } output y = x')}`;
    expect(shapesOf(text)['y']).toBe('[8, 8, 5]');
  });
  it('recursion, to a limit', () => {
    expect(
      weightNames(
        modelOf(
          `block f(n: int) = if n == 0 then identity else (conv(n) -> f(n - 1))\n${model('output y = x -> f(2)')}`,
        ),
      ),
    ).toEqual(['y.f.conv.weight', 'y.f.conv.bias', 'y.f.f.conv.weight', 'y.f.f.conv.bias']);
    gives('too-deep', `block f() = relu -> f\n${model('output y = x -> f')}`);
    gives('too-deep', `block f() = g\nblock g() = relu -> f\n${model('output y = x -> f')}`);
  });
  it('expansion that makes nothing ends too', () => {
    gives(
      'too-large',
      `block f(n: int) { return if n > 0 then in -> f(n - 1) -> f(n - 1) else in }\n${model('output y = x -> f(60)')}`,
    );
    gives('too-large', model('output y = x -> ((relu * 0) * 1G) * 1G'));
  });
  it('flowing into what is no block', () => {
    gives('not-a-block', model('output y = x -> x'));
    gives('not-a-block', model('conv = 3 output y = x -> conv(8) -> dropout(0 * conv)'));
    gives('wrong-type', model('output y = 3 -> relu output z = x'));
    gives('wrong-type', model('output y = relu output z = x'));
    gives('in-outside-block', model('output y = in -> relu output z = x'));
  });
  it('an `if` that is followed by a pipe is warned of', () => {
    gives('loose-else', 'block f(c: bool) = if c then relu else gelu -> conv(8)');
    gives('loose-else', 'block f(c: bool) = in -> if c then relu -> conv(8) else gelu -> conv(8)');
    expect(codesOf('block f(c: bool) = (if c then relu else gelu) -> conv(8)')).toEqual([]);
    expect(codesOf('block f(c: bool) = in -> if c then relu else gelu -> conv(8)')).toEqual([]);
    expect(codesOf('block f(c: bool) = if c then relu -> conv(8) else (gelu -> conv(8))')).toEqual(
      [],
    );
  });
});

describe('shared', () => {
  const params = (body: string, blocks = ''): number =>
    figuresOf(modelOf(`${blocks}\n${model(body)}`)).params;
  const one = 9 * 4 * 4 + 4;

  it('weights are counted once, costs at each use', () => {
    const text = model('shared f = conv(4) output y = x -> f -> f * 2');
    expect(figuresOf(modelOf(text)).params).toBe(one);
    expect(figuresOf(modelOf(text)).macs).toBe(3 * 64 * 9 * 16);
    expect(weightNames(modelOf(text))).toEqual(['f.conv.weight', 'f.conv.bias']);
  });
  it('inside a block, the uses and the weights have one name', () => {
    const names = (block: string): { rows: string[]; weights: string[] } => {
      const found = modelOf(`block one() { ${block} }\n${model('output y = x -> one')}`);
      return {
        rows: (found.graph?.nodes ?? []).map((node) => node.origin.path),
        weights: weightNames(found).filter((name) => name.endsWith('weight')),
      };
    };
    expect(names('shared f = conv(4) return in -> f')).toEqual({
      rows: ['y.one.f.conv'],
      weights: ['y.one.f.conv.weight'],
    });
    expect(names('shared f = conv(4) return in -> f -> f')).toEqual({
      rows: ['y.one.f_1.conv', 'y.one.f_2.conv'],
      weights: ['y.one.f.conv.weight'],
    });
    // Another block of the name, whose weights are its own.
    expect(
      names('shared f = conv(4) a = in -> f shared f = conv(4) return a -> f -> f').weights,
    ).toEqual(['y.one.f_1.conv.weight', 'y.one.f_2.conv.weight']);
  });
  it('every use computes the same', () => {
    const found = run(
      modelOf(
        model(
          'shared f = conv(4) -> tanh output a = x -> f output b = x -> f output c = (x -> f) - (x -> f)',
        ),
      ),
    );
    expect(found.get('a')?.data).toEqual(found.get('b')?.data);
    expect(Math.max(...(found.get('c')?.data ?? [1]))).toBe(0);
  });
  it('passed on to a block', () => {
    expect(
      params('shared f = conv(4) output y = x -> twice(f) -> f', 'block twice(g: block) = g -> g'),
    ).toBe(one);
  });
  it('inside a block, each use of the block has its own', () => {
    const block = 'block f() { shared g = conv(4) return in -> g -> g }';
    expect(params('output y = x -> f', block)).toBe(one);
    expect(params('output y = x -> f -> f', block)).toBe(2 * one);
    expect(params('shared h = f output y = x -> h -> h', block)).toBe(one);
  });
  it('of shared blocks', () => {
    expect(params('shared f = conv(4) shared g = f -> conv(4) output y = x -> g -> g -> f')).toBe(
      2 * one,
    );
    expect(params('shared f = conv(4) shared g = conv(4) -> f output y = x -> f -> g -> g')).toBe(
      2 * one,
    );
    const names = weightNames(
      modelOf(
        model(
          'shared f = conv(4, bias = false) shared g = f -> conv(4, bias = false) output y = x -> g -> g',
        ),
      ),
    );
    expect(names).toEqual(['f.conv.weight', 'g.conv.weight']);
  });
  it('names do not collide with a binding of that name', () => {
    const names = weightNames(
      modelOf(
        model('shared f = conv(4, bias = false) f = x -> f -> conv(4, bias = false) output y = f'),
      ),
    );
    expect(new Set(names).size).toBe(2);
  });
  it('a use that does not fit', () => {
    gives('shared-mismatch', model('shared f = conv(8) output y = x -> f -> f'));
    gives('wrong-type', model('shared f = x output y = x -> relu for _ in [f] { }'));
  });
});

describe('statements', () => {
  it('a later binding replaces the earlier, so that a loop carries a tensor', () => {
    expect(
      weightNames(
        modelOf(model('for n in [5, 6] { x = x -> conv(n, bias = false) } output y = x')),
      ),
    ).toEqual(['x_1.conv.weight', 'x_2.conv.weight']);
    expect(
      channelsOf('x -> f', 'block f() { x = in for n in 5..8 { x = x -> conv(n) } return x }'),
    ).toBe(7);
  });
  it('destructuring', () => {
    expect(
      shapesOf(
        model(
          'a, b = split(x, 2) c, d, e = x -> split([1, 1, 2]) output y = concat(a, b) output z = concat(e, c, d, c)',
        ),
      ),
    ).toEqual({ y: '[8, 8, 4]', z: '[8, 8, 5]' });
    expect(
      channelsOf('x -> conv(a_plus_b)'.replace('a_plus_b', 'N[0] + N[1]'), 'const N = [2, 3]'),
    ).toBe(5);
    gives('wrong-type', model('a, b = split(x, 4) output y = concat(a, b)'));
    gives('wrong-type', model('a, b = x output y = concat(a, b)'));
  });
  it('`+=` adds to lists, tensors and numbers', () => {
    expect(
      shapesOf(
        model(
          'xs = [x] xs += [x, x] n = 1 n += 2 y0 = x y0 += x -> relu output y = concat(xs) -> conv(n) output z = y0',
        ),
      ),
    ).toEqual({ y: '[8, 8, 3]', z: '[8, 8, 4]' });
    gives('unknown-name', model('xs += [x] output y = concat(xs)'));
    gives('wrong-type', model('xs = [x] xs += x output y = concat(xs)'));
  });
  it('`for` over lists, ranges and zipped lists', () => {
    expect(
      shapesOf(
        model(
          'n = 0 for a, b in zip([1, 2], [3, 4]) { n += a * b } for i in 0..3 { n += i } for a, b in [[1, 1]] { n += a + b } output y = x -> conv(n)',
        ),
      )['y'],
    ).toBe('[8, 8, 16]');
    gives('wrong-type', model('for i in 3 { x = x -> conv(i) } output y = x'));
    gives('wrong-type', model('for a, b in [1, 2] { x = x -> conv(a + b) } output y = x'));
  });
  it('`if`, `else if`, `else`', () => {
    const block =
      'block f(n: int) { if n == 1 { m = 5 } else if n == 2 { m = 6 } else { m = 7 } return in -> conv(m) }';
    expect([1, 2, 3].map((n) => channelsOf(`x -> f(${n})`, block))).toEqual([5, 6, 7]);
  });
  it('only what is chosen is expanded', () => {
    expect(
      codesOf(
        model(
          'if false { x = x -> conv(-1) } y0 = if true then x else (x -> conv(-1)) output y = y0',
        ),
      ),
    ).toEqual([]);
  });
  it('names belong to the whole body', () => {
    expect(
      channelsOf(
        'x -> f',
        'block f() { if true { n = 3 } for i in [5] { last = i } return in -> conv(n + last + i) }',
      ),
    ).toBe(13);
    gives('unknown-name', model('if x.channels == 3 { z = x } output y = z'));
  });
  it('`return` ends a block from within', () => {
    expect(
      channelsOf(
        'x -> f',
        'block f() { for n in 1..9 { if n * n > 20 { return in -> conv(n) } } return in }',
      ),
    ).toBe(5);
  });
  it('statements out of place', () => {
    expect(codesOf('block f() { output y = in return in }')).toEqual(['misplaced-statement']);
    expect(codesOf('block f() { input x: f32[8] return in }')).toContain('misplaced-statement');
    expect(codesOf('block f() { expect 1 == 1 return in }')).toEqual(['misplaced-statement']);
    expect(codesOf(model('output y = x return x'))).toEqual(['misplaced-statement']);
    expect(codesOf('model M() { if true { input x: f32[8] } output y = x }')).toContain(
      'misplaced-statement',
    );
  });
});

describe('claims', () => {
  it('know the sizes as numbers', () => {
    const conditions = [
      'macs // (H * W) == 108 and macs / (H * W) <= 108.5',
      'macs == 108.0 * H * W',
      'max(H, W) <= 64 and H / 2 == 32.0',
      '(if H > 32 then [W] else []) == [32]',
      'y.shape == [H, W, 4] and y.height % 64 == 0',
    ];
    const claims = conditions.map((c) => `expect ${c}`).join('\n');
    const text = model(`output y = x -> conv(4)\n${claims}`, 'f32[H = 64, W = 32, 3]');
    expect(modelOf(text).claimResults.map((c) => [c.text, c.holds])).toEqual(
      conditions.map((c) => [c, true]),
    );
    gives('division-by-zero', text.replace('(H * W) == 108', '(H // 65) == 108'));
  });
});

describe('tensors', () => {
  it('members', () => {
    expect(
      shapesOf(
        `block f() = conv(in.channels + in.height + in.width + len(in.shape) + in.shape[0])\n${model('output y = x -> f', 'f32[5, 6, 7]')}`,
      )['y'],
    ).toBe('[5, 6, 26]');
    gives('unknown-member', model('output y = x -> conv(x.channel)'));
    gives('wrong-rank', model('output y = x -> dense(x.height)', 'f32[4]'));
    gives('wrong-type', model('output y = x[0]'));
  });
  it('arithmetic with NumPy’s broadcasting', () => {
    const text = `model M() { input x: f32[2, 3, 4] input c: f32[4] input w: f32[3, 1]
      output a = x + c output b = c * w output d = 2 * x - 1 output e = -x / 4 output f = 1 - x output g = x -> mul(0.5) }`;
    expect(shapesOf(text)).toEqual({
      a: '[2, 3, 4]',
      b: '[3, 4]',
      d: '[2, 3, 4]',
      e: '[2, 3, 4]',
      f: '[2, 3, 4]',
      g: '[2, 3, 4]',
    });
    const found = run(modelOf(text));
    const value = (i: number): number => Math.fround(Math.sin(1.7 * i + 0.3));
    const at = (name: string, i: number): number => found.get(name)?.data[i] ?? Number.NaN;
    for (const i of [0, 5, 23]) {
      expect(at('a', i)).toBeCloseTo(value(i) + value(i % 4), 6);
      expect(at('d', i)).toBeCloseTo(2 * value(i) - 1, 6);
      expect(at('e', i)).toBeCloseTo(-value(i) / 4, 6);
      expect(at('f', i)).toBeCloseTo(1 - value(i), 6);
      expect(at('g', i)).toBeCloseTo(value(i) / 2, 6);
    }
    for (const i of [0, 7, 11])
      expect(at('b', i)).toBeCloseTo(value(i % 4) * value(Math.floor(i / 4)), 6);
    gives('shape-mismatch', 'model M() { input x: f32[2, 3] input c: f32[2] output a = x + c }');
    gives('wrong-type', model('output y = x ** 2'));
    gives('wrong-type', model('output y = x + relu'));
    gives('wrong-type', model('output y = x + [1]'));
  });
});
