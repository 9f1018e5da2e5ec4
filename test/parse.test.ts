/** The shape of the tree that the parser builds, as S-expressions (see `helpers/tree.ts`). */
import { describe, expect, it } from 'vitest';
import { parse, parseExpression } from '../src/compiler/parse.js';
import { showExpression, showFile } from './helpers/tree.js';

function expression(text: string): string {
  const { tree, diagnostics } = parseExpression({ path: 'test', text });
  expect(diagnostics).toEqual([]);
  return tree === undefined ? '' : showExpression(tree);
}

function file(text: string): string {
  const { tree, diagnostics } = parse({ path: 'test.arch', text });
  expect(diagnostics).toEqual([]);
  expect(tree.incomplete).toBe(false);
  return showFile(tree);
}

describe('expressions', () => {
  it.each([
    // Every neighbouring pair of levels, both ways round.
    ['a or b and c', '(or a (and b c))'],
    ['a and b or c', '(or (and a b) c)'],
    ['not a and b', '(and (not a) b)'],
    ['a and not b', '(and a (not b))'],
    ['not a == b', '(not (== a b))'],
    ['a == b + 1', '(== a (+ b 1))'],
    ['a + 1 == b', '(== (+ a 1) b)'],
    ['a + b * c', '(+ a (* b c))'],
    ['a * b + c', '(+ (* a b) c)'],
    ['-a * b', '(* (- a) b)'],
    ['a * -b', '(* a (- b))'],
    ['-a ** b', '(- (** a b))'],
    ['a ** -b', '(** a (- b))'],
    ['-xs[0]', '(- (at xs 0))'],
    ['a.b ** 2', '(** (. a b) 2)'],
    // Which way equals nest.
    ['a - b - c', '(- (- a b) c)'],
    ['a / b * c // d % e', '(% (// (* (/ a b) c) d) e)'],
    ['a ** b ** c', '(** a (** b c))'],
    ['a ** -b ** c', '(** a (- (** b c)))'],
    ['a < b == c', '(== (< a b) c)'],
    ['a or b or c', '(or (or a b) c)'],
    ['not not a', '(not (not a))'],
    ['- -a', '(- (- a))'],
    ['a + not b == c', '(+ a (not (== b c)))'],
    ['(a + b) * c', '(* (+ a b) c)'],
    ['((a))', 'a'],
  ])('%s nests as %s', (text, shape) => {
    expect(expression(text)).toBe(shape);
  });

  it.each([
    ['in -> relu', '(-> in relu)'],
    [
      'in -> conv(8, k = 1) -> relu -> groupnorm(8)',
      '(-> in (call conv 8 k=1) relu (call groupnorm 8))',
    ],
    ['y + skip -> relu', '(-> (+ y skip) relu)'],
    ['(y + skip) -> relu', '(-> (+ y skip) relu)'],
    ['stage(64) * 3 -> relu', '(-> (* (call stage 64) 3) relu)'],
    [
      'concat(skip, x -> up(w)) -> stage(w)',
      '(-> (call concat skip (-> x (call up w))) (call stage w))',
    ],
    ['a -> (b -> c)', '(-> a (-> b c))'],
    ['if a then b else c', '(if a b c)'],
    ['if a then b else c -> d', '(-> (if a b c) d)'],
    ['if a then b -> c else d', '(if a (-> b c) d)'],
    ['x -> if a then b else c', '(-> x (if a b c))'],
    ['if a then b else if c then d else e', '(if a b (if c d e))'],
    ['if gn > 0 then x -> groupnorm(gn) else x', '(if (> gn 0) (-> x (call groupnorm gn)) x)'],
    ['0..4', '(.. 0 4)'],
    ['1..n - 1', '(.. 1 (- n 1))'],
    ['xs[1..]', '(at xs (.. 1 _))'],
    ['xs[..-1]', '(at xs (.. _ (- 1)))'],
    ['xs[..]', '(at xs (.. _ _))'],
    ['xs[-1]', '(at xs (- 1))'],
    ['xs[0][1]', '(at (at xs 0) 1)'],
    ['blocks.sepconv(64).x[0]', '(at (. (call (. blocks sepconv) 64) x) 0)'],
    ['f()', '(call f)'],
    ['f()(3)', '(call (call f) 3)'],
    ['sdblock(ws, gn = 32)', '(call sdblock ws gn=32)'],
    ['decode(width, skip = e1, stage)', '(call decode width skip=e1 stage)'],
    ['f(a, b = c == d,)', '(call f a b=(== c d))'],
    ['f(a = b -> c)', '(call f a=(-> b c))'],
    ['[64, 128, 256,]', '[64 128 256]'],
    ['[]', '[]'],
    ['[[1], none, true, "a\\n"]', '[[1] none true "a\\n"]'],
    [
      'zip(reverse(widths[..-1]), reverse(skips))',
      '(call zip (call reverse (at widths (.. _ (- 1)))) (call reverse skips))',
    ],
    ['from + as', '(+ from as)'],
  ])('%s is %s', (text, shape) => {
    expect(expression(text)).toBe(shape);
  });

  it.each([
    ['64', '64'],
    ['31_031_685', '31031685'],
    ['0.5', '0.5f'],
    ['1e-4', '0.0001f'],
    ['2.0', '2f'],
    ['20k', '20000'],
    ['1.5M', '1500000'],
    ['1.1M', '1100000'],
    ['2G', '2000000000'],
    ['1T', '1000000000000'],
    ['16MB', '16000000'],
    ['16MiB', '16777216'],
    ['64KiB', '65536'],
    ['32.8G', '32800000000'],
    ['0.05k', '50'],
    ['0.5kB', '500'],
    ['2.5B', '2.5f'],
    ['0.1KiB', '102.4f'],
    ['1.5e3k', '1500000'],
    ['50ms', '0.05f'],
    ['1000ms', '1'],
    ['0.0001k', '0.1f'],
    // Whole only once it is rounded.
    ['4_503_599_627_370.4965k', '4503599627370496f'],
    ['1e-99999999999999999999999999', '0f'],
    ['0.' + '0'.repeat(1000) + 'k', '0f'],
  ])('the number %s is %s', (text, shape) => {
    expect(expression(text)).toBe(shape);
  });

  it.each([
    ['k', 10n ** 3n],
    ['M', 10n ** 6n],
    ['G', 10n ** 9n],
    ['T', 10n ** 12n],
    ['B', 1n],
    ['kB', 10n ** 3n],
    ['MB', 10n ** 6n],
    ['GB', 10n ** 9n],
    ['TB', 10n ** 12n],
    ['KiB', 2n ** 10n],
    ['MiB', 2n ** 20n],
    ['GiB', 2n ** 30n],
    ['TiB', 2n ** 40n],
  ] as const)('numbers with the suffix %s are what their digits say', (suffix, scale) => {
    for (let hundredths = 1n; hundredths < 3000n; hundredths++) {
      const text = `${hundredths / 100n}.${String(hundredths % 100n).padStart(2, '0')}${suffix}`;
      const exact = hundredths * scale;
      const { tree } = parseExpression({ path: 'test', text });
      const found = tree?.kind === 'number' ? tree : undefined;
      const whole = exact % 100n === 0n;
      const wanted = whole ? Number(exact / 100n) : Number(exact) / 100;
      expect([text, found?.value, found?.integer]).toEqual([text, wanted, whole]);
    }
  });

  it.each([
    ['16Mb', 'bad-number'],
    ['3x', 'bad-number'],
    ['9_007_199_254_740_993', 'bad-number'],
    ['1e999', 'bad-number'],
    ['"a\\q"', 'bad-escape'],
  ])('%s gives %s', (text, code) => {
    const { diagnostics } = parseExpression({ path: 'test', text });
    expect(diagnostics.map((d) => d.code)).toEqual([code]);
  });

  it('spans reach from the first to the last character', () => {
    const text = '  f(a + b) -> if c then -d else e.g';
    const { tree } = parseExpression({ path: 'test', text });
    const cut = (e: { span: { start: number; end: number } } | undefined): string =>
      text.slice(e?.span.start, e?.span.end);
    expect(cut(tree)).toBe(text.trim());
    if (tree?.kind !== 'pipe') throw new Error('a pipe was expected');
    const [call, choice] = tree.stages;
    expect(cut(call)).toBe('f(a + b)');
    expect(call?.kind === 'call' ? cut(call.args[0]) : '').toBe('a + b');
    if (choice?.kind !== 'if') throw new Error('a choice was expected');
    expect([choice.condition, choice.then, choice.else].map(cut)).toEqual(['c', '-d', 'e.g']);
  });
});

describe('files', () => {
  it('imports, constants, blocks and models', () => {
    expect(
      file(`import sepconv, sdblock as sd from "./blocks.arch"
import "std/attention.arch" as attention
const WIDTHS = [64, 128]
block sepconv(filters: int, k: int = 3, norm: block?, widths: [[int]?] = [], x) = dwconv(k, ws) -> conv(filters, k = 1)
block id() { return in }
model Tiny(classes: int = 1, stage: block = sdblock(ws, gn = 8),) { output y = in }
model Plain = Tiny(stage = sdblock)
model Empty {}
`),
    ).toBe(`(import "./blocks.arch" sepconv sdblock:sd)
(import "std/attention.arch" * attention)
(const WIDTHS [64 128])
(block sepconv(filters:int, k:int=3, norm:block?, widths:[[int]?]=[], x) (-> (call dwconv k ws) (call conv filters k=1)))
(block id() {(return in)})
(model Tiny(classes:int=1, stage:block=(call sdblock ws gn=8)) {(output y in)})
(model Plain() (call Tiny stage=sdblock))
(model Empty() {})`);
  });

  it('every statement', () => {
    expect(
      file(`model M {
  input image: f32[H = 240, W, channels] where H % 16 == 0, W > 8
  input other: f32[3]
  a, b = split(image, 2)
  a += b
  shared f = conv(64)
  for w, skip in zip(xs, ys) { a = a -> f }
  if a { b = 1 } else if c { b = 2 } else { b = 3 }
  if a {}
  expect params <= 20k
  output mask = a
  return a
}
`),
    ).toBe(
      '(model M() {' +
        [
          '(input image f32[H=240 W channels] where (== (% H 16) 0) (> W 8))',
          '(input other f32[3])',
          '(= a,b (call split image 2))',
          '(+= a b)',
          '(shared f (call conv 64))',
          '(for w,skip (call zip xs ys) {(= a (-> a f))})',
          '(if a {(= b 1)} {(if c {(= b 2)} {(= b 3)})})',
          '(if a {} {})',
          '(expect (<= params 20000))',
          '(output mask a)',
          '(return a)',
        ].join(' ') +
        '})',
    );
  });

  it('recipes', () => {
    expect(
      file(`## About it.
train quick(w: float = 0.5) for models.SDUNet(width = 16) {
  loss = w * dice(mask)
  crop = [64, 64]
}
train isbi for UNet {}
const A = 1
`),
    ).toBe(`(const A 1)
(train quick(w:float=0.5f) (call (. models SDUNet) width=16) {(= loss (* w (call dice mask))) (= crop [64 64])} ;"About it.")
(train isbi() UNet {})`);
  });

  it('`train` is a name wherever no recipe can begin', () => {
    expect(
      file(`import train, a as train from "./x.arch"
const train = train + 1
block train(train: int = 3) { train = in -> train(train = train) train += [train] return train }
model M = train(train)
train train for train.train(train) { train = train }
`),
    ).toBe(`(import "./x.arch" train a:train)
(const train (+ train 1))
(block train(train:int=3) {(= train (-> in (call train train=train))) (+= train [train]) (return train)})
(model M() (call train train))
(train train() (call (. train train) train) {(= train train)})`);
  });

  it('line ends mean nothing', () => {
    const lines =
      'block f(a: int) { x = in -> conv(a) y = [1, 2] return x -> relu } const A = 1 model M {}';
    expect(file(lines.replaceAll(' ', '\n'))).toBe(file(lines));
    expect(file(lines.replaceAll(' ', '\r\n'))).toBe(file(lines));
    expect(file(`\uFEFF${lines}`)).toBe(file(lines));
  });

  it('documents what is right below, and nothing else', () => {
    expect(
      file(`## Not of A: an empty line follows.

## Of A,
##   two lines.
const A = 1 ## Not a line of its own.
## Of f.
block f(a: int,
  ## Of b.
  b: int, c: int) {
  ## Of x.
  x = 1 y = 2
  # No doc.
  z = 3
  ## Cut off.
  # By this.
  w = 4
}
## At the end.`),
    ).toBe(
      '(const A 1 ;"Of A,\\n  two lines.")\n' +
        '(block f(a:int, b:int ;"Of b.", c:int) {(= x 1 ;"Of x.") (= y 2) (= z 3) (= w 4)} ;"Of f.")',
    );
  });
});
