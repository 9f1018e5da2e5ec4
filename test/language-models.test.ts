/** Models: inputs, sizes, facts, outputs, variants, claims, names of weights. */
import { describe, expect, it } from 'vitest';
import type { CheckOptions, SizeRequest } from '../src/compiler/check.js';
import type { Override } from '../src/compiler/elaborate.js';
import { parseExpression } from '../src/compiler/parse.js';
import { formatShape } from '../src/compiler/shape.js';
import {
  checkText,
  codesOf,
  explain,
  figuresOf,
  modelOf,
  modelsOf,
  weightNames,
} from './helpers/check.js';

/** `--set`, each as on the command line. */
function set(...settings: readonly string[]): CheckOptions {
  const overrides = settings.map((text): Override => {
    const at = text.indexOf('=');
    const source = { path: '--set', text };
    const value = parseExpression(source, at + 1).tree;
    if (value === undefined) throw new Error(text);
    return { name: text.slice(0, at), nameSpan: { source, start: 0, end: at }, value };
  });
  return { overrides };
}

/** `--size H=512,W=512`. */
function size(named: Readonly<Record<string, number>>): { readonly sizes: SizeRequest } {
  return { sizes: { named: new Map(Object.entries(named)) } };
}

/** The shapes of the outputs at the chosen sizes. */
function shapes(text: string, options: CheckOptions = {}): Record<string, string> {
  const graph = modelOf(text, {}, options).staticGraph;
  return Object.fromEntries(
    (graph?.outputs ?? []).map(({ name, value }) => [name, formatShape(value.type.shape)]),
  );
}

function gives(code: string, text: string, options: CheckOptions = {}): void {
  expect(checkText(text, {}, options).diagnostics.map((d) => d.code)).toEqual([code]);
}

describe('parameters and variants', () => {
  const net = `
block plain(n: int, ws: bool = false) = conv(n, ws)
model Net(width: int = 4, depth: int = 2, layer: block = plain, scale: float = 1) {
  input x: f32[8, 8, 3]
  output y = x -> layer(width) * depth -> dropout(0 * scale)
}
model Wide = Net(width = 8)
model WideDeep = Wide(depth = 3)
model Twice(width: int = 5) = Net(width = 2 * width)
model Standardized = WideDeep(layer = plain(ws))
`;
  const conv = (from: number, to: number): number => 9 * from * to + to;
  const params = (name: string, options: CheckOptions = {}): number => {
    const model = modelsOf(net, {}, { model: name, ...options }).get(name);
    if (model === undefined) throw new Error(name);
    return figuresOf(model).params;
  };

  it('every model compiles as it stands', () => {
    expect(params('Net')).toBe(conv(3, 4) + conv(4, 4));
    expect(params('Wide')).toBe(conv(3, 8) + conv(8, 8));
    expect(params('WideDeep')).toBe(conv(3, 8) + 2 * conv(8, 8));
    expect(params('Twice')).toBe(conv(3, 10) + conv(10, 10));
    expect(params('Standardized')).toBe(params('WideDeep'));
    const graph = modelsOf(net).get('Standardized')?.graph;
    expect(graph?.nodes.filter((n) => n.op === 'standardize')).toHaveLength(3);
  });
  it('a parameter without a default', () => {
    gives('model-parameter', 'model M(n: int) { input x: f32[8] output y = x -> dropout(0 * n) }');
    expect(
      codesOf(
        'model M(n: int?) { input x: f32[8] output y = if n == none then x else (x -> dense(n)) }',
      ),
    ).toEqual([]);
  });
  it('`--set` takes any constant expression, with the names of the file', () => {
    expect(params('Net', set('width=2 * 3'))).toBe(conv(3, 6) + conv(6, 6));
    expect(params('Net', set('depth=len([1, 2, 3])', 'width=2'))).toBe(conv(3, 2) + 2 * conv(2, 2));
    expect(params('Net', set('layer=conv(k = 1)'))).toBe(3 * 4 + 4 + 4 * 4 + 4);
    expect(
      modelsOf(net, {}, set('layer=plain(ws)'))
        .get('Net')
        ?.graph?.nodes.map((n) => n.op),
    ).toContain('standardize');
  });
  it('`--set` reaches what a variant is made from, over its arguments', () => {
    expect(params('Wide', set('width=2'))).toBe(conv(3, 2) + conv(2, 2));
    expect(params('WideDeep', set('width=2', 'depth=1'))).toBe(conv(3, 2));
    expect(params('WideDeep', set('layer=conv(k = 1)', 'depth=1'))).toBe(3 * 8 + 8);
  });
  it('the variant’s own parameter comes first, and what it passes on follows', () => {
    expect(params('Twice', set('width=3'))).toBe(conv(3, 6) + conv(6, 6));
    expect(params('Twice', set('depth=1'))).toBe(conv(3, 10));
  });
  it('`--set` of a wrong name or type', () => {
    expect(
      checkText(net, {}, { model: 'Net', ...set('widht=3') }).diagnostics.map((d) => d.code),
    ).toEqual(['unknown-parameter']);
    expect(
      checkText(net, {}, { model: 'Net', ...set('width="a"') }).diagnostics.map((d) => d.code),
    ).toEqual(['wrong-type']);
    expect(
      checkText(net, {}, { model: 'Wide', ...set('width=1.5') }).diagnostics.map((d) => d.code),
    ).toEqual(['wrong-type']);
    expect(
      checkText(net, {}, { model: 'Net', ...set('width=nothing') }).diagnostics.map((d) => d.code),
    ).toEqual(['unknown-name']);
  });
  it('`--set` of a string without its quotes', () => {
    const text = `
      model M(mode: string = "nearest", how = "nearest", n: int = 2) {
        input x: f32[8, 8, 4]
        output y = x -> upsample(n, mode) -> upsample(n, how)
      }
      model V = M(n = 3)`;
    const said = (model: string, given: string): (readonly string[])[] =>
      checkText(text, {}, { model, ...set(given) }).diagnostics.map((d) => [d.code, ...d.hints]);
    const hint = (written: string): string => `a string is written in quotes: \`'${written}'\``;
    expect(said('M', 'mode=blah')).toEqual([['unknown-name', hint('mode="blah"')]]);
    expect(said('M', 'how=blah')).toEqual([['unknown-name', hint('how="blah"')]]);
    expect(said('V', 'mode=bilinear')).toEqual([['unknown-name', hint('mode="bilinear"')]]);
    expect(said('M', 'n=blah')).toEqual([['unknown-name']]);
    expect(said('V', 'mode="bilinear"')).toEqual([]);
  });
  it('variants in a circle, and of what is no model', () => {
    expect(codesOf('model A = B\nmodel B = A')).toContain('const-cycle');
    expect(codesOf('model A = B(width = 1)\nmodel B = A(width = 2)')).toContain('const-cycle');
    expect(codesOf('model A = relu')).toEqual(['wrong-type']);
  });
  it('an imported model has variants', () => {
    const model = modelOf('import Net from "./net.arch"\nmodel Mine = Net(width = 2, depth = 1)', {
      'net.arch': net,
    });
    expect(figuresOf(model).params).toBe(conv(3, 2));
  });
});

describe('inputs', () => {
  it('fixed, symbolic and computed sizes', () => {
    const text = `const K = 5
model M(c: int = 3, s: int = 6) {
  input a: f32[H = 2 * s, W = 16, c]
  input b: f32[K, 2 * c]
  input d: f32[H, W, c + 1]
  output y = concat(a, d)
  output z = b -> dense(2)
}`;
    expect(shapes(text)).toEqual({ y: '[12, 16, 7]', z: '[5, 2]' });
    expect(shapes(text, size({ H: 20 }))).toEqual({ y: '[20, 16, 7]', z: '[5, 2]' });
    expect(shapes(text, set('c=4', 's=2'))).toEqual({ y: '[4, 16, 9]', z: '[5, 2]' });
  });
  it('a bare name is a symbol unless it is a parameter or constant; operators are neither', () => {
    expect(
      shapes(
        'model M() { input x: f32[len = 4, 3] input y: f32[sum = 5, 3] output a = x -> dense(2) output b = y -> dense(2) }',
      ),
    ).toEqual({ a: '[4, 2]', b: '[5, 2]' });
    gives('bad-axis', 'model M(n: int = 4) { input x: f32[n = 5, 3] output y = x -> dense(n) }');
    // Nor are blocks, models and files.
    const others = `import "./other.arch" as D
      block W() = relu
      model H() {
        input x: f32[H = 8, W = 4, D = 6, 2] where H % 2 == 0, W == 4
        output y = x -> relu
        expect y.shape[..-1] == [H, W, D]
      }
      model V() { input x: f32[8, 8, 1] output y = x -> W -> D.f }`;
    const files = { 'other.arch': 'block f() = relu' };
    expect(explain(checkText(others, files))).toBe('');
    // What a failed import stands for is not known.
    expect(
      codesOf(
        'import H from "./none.arch"\nmodel M() { input x: f32[H = 8, 3] output y = x -> relu }',
      ),
    ).toEqual(['missing-file']);
  });
  it('symbols are ints in the body', () => {
    expect(
      shapes(
        'model M() { input x: f32[H = 8, W = 4, 2] output y = x -> reshape([H * W, 2]) expect y.shape[0] == H * W and H == 8 }',
      ),
    ).toEqual({ y: '[32, 2]' });
  });
  it('`--size` and image sizes', () => {
    const text = 'model M() { input x: f32[H = 8, W, 2] output y = x -> maxpool(2) }';
    expect(modelOf(text).staticGraph).toBeUndefined();
    expect(shapes(text, size({ W: 6 }))).toEqual({ y: '[4, 3, 2]' });
    expect(shapes(text, { sizes: { image: [10, 12] } })).toEqual({ y: '[5, 6, 2]' });
    gives('unknown-size-name', text, size({ X: 1 }));
  });
  it('every fact that a size breaks is an error, once for all variants', () => {
    const text = `
      model M(n: int = 1) { input x: f32[H = 16, W = 16, n] where H % 16 == 0, W % 16 == 0 output y = x -> relu }
      model V = M(n = 2)`;
    const span = { source: { path: '--size', text: '250x251' }, start: 0, end: 7 };
    const messages = checkText(text, {}, { sizes: { image: [250, 251], span } }).diagnostics;
    expect(messages.map((d) => d.message)).toEqual([
      'H = 250, W = 251 does not satisfy `H % 16 == 0`',
      'H = 250, W = 251 does not satisfy `W % 16 == 0`',
    ]);
  });
  it('an image size that the first input cannot have is an error', () => {
    const said = (input: string, image: readonly [number, number]): string =>
      explain(
        checkText(
          `model M() { input x: f32[${input}] output y = x -> relu }`,
          {},
          { sizes: { image } },
        ),
      );
    expect(said('H = 64, H, 1', [32, 32])).toBe('');
    expect(said('H = 64, H, 1', [64, 32])).toBe(
      '0: unknown-size-name x has the width H, which is 64 here, not 32',
    );
    expect(said('64, W, 1', [32, 32])).toBe(
      '0: unknown-size-name x has the fixed height 64, not 32',
    );
    expect(said('H = 64, W = 64', [32, 32])).toBe('0: unknown-size-name x is no image');
    const twins = 'model M() { input x: f32[H = 8, W = 8, 1] where H == W output y = x -> relu }';
    expect(checkText(twins, {}, { sizes: { image: [4, 4] } }).valid).toBe(true);
    gives('fact-broken', twins, { sizes: { image: [4, 8] } });
    const doubled = 'model M() { input x: f32[H = 8, 2 * H, 1] output y = x -> relu }';
    expect(checkText(doubled, {}, { sizes: { image: [4, 8] } }).valid).toBe(true);
    gives('unknown-size-name', doubled, { sizes: { image: [4, 4] } });
  });
  it('what cannot be an axis', () => {
    gives('bad-axis', 'model M() { input x: f32[0, 3] output y = x }');
    gives('bad-axis', 'model M() { input x: f32[2.5, 3] output y = x }');
    gives('bad-axis', 'model M() { input x: f32[H = -1, 3] output y = x }');
    gives('bad-axis', 'model M() { input a: f32[H = 8] input b: f32[H = 9] output y = a + b }');
    gives('unknown-dtype', 'model M() { input x: f64[8] output y = x }');
  });
  it('several outputs, read by name, of which none is made twice', () => {
    const text = `model M() {
      input x: f32[8, 8, 3]
      output a = x -> conv(4)
      output b = a -> relu
      output same = a
      output through = x
      if true { output c = b -> conv(2) } else { output c = b }
    }`;
    expect(shapes(text)).toEqual({
      a: '[8, 8, 4]',
      b: '[8, 8, 4]',
      same: '[8, 8, 4]',
      through: '[8, 8, 3]',
      c: '[8, 8, 2]',
    });
    gives('duplicate-name', 'model M() { input x: f32[8] output y = x output y = x -> relu }');
    gives('duplicate-name', 'model M() { input x: f32[8] output x = x -> relu }');
    gives('duplicate-name', 'model M() { input x: f32[8] for _ in 0..2 { output y = x -> relu } }');
    gives('duplicate-name', 'model M() { input x: f32[8] input x: f32[8] output y = x }');
  });
  it('a model has an input and an output', () => {
    gives('no-output', 'model M() { input _x: f32[8] }');
    expect(codesOf('model M() { output y = relu }')).toContain('no-input');
  });
  it('what no output needs is not counted', () => {
    const text =
      'model M() { input x: f32[8, 8, 3] _unused = x -> conv(64) output y = x -> conv(2) expect params == 56 expect macs == 64 * 54 }';
    expect(modelOf(text).claimResults.map((c) => c.holds)).toEqual([true, true]);
  });
});

describe('facts', () => {
  const pooled = (where: string): string =>
    `model M() { input x: f32[H = 16, W = 16, 1] ${where}\n output y = concat(x, x -> maxpool(2) -> maxpool(2) -> upsample(4)) }`;
  it('make sizes meet for every size', () => {
    expect(codesOf(pooled('where H % 4 == 0, W % 4 == 0'))).toEqual([]);
    expect(codesOf(pooled('where H % 4 == 0 and W % 4 == 0'))).toEqual([]);
    expect(codesOf(pooled('where H % 12 == 0, W == H').replaceAll('= 16', '= 24'))).toEqual([]);
    expect(codesOf(pooled('where H % 2 == 0, W % 4 == 0'))).toEqual(['shape-mismatch']);
    expect(codesOf(pooled('where H >= 16, W >= 16'))).toEqual(['shape-mismatch']);
  });
  it('a mismatch shows both sides, where they came from, and the missing fact', () => {
    const { diagnostics } = checkText(pooled(''));
    expect(diagnostics).toHaveLength(1);
    const [d] = diagnostics;
    expect(d?.message).toMatch(/H/);
    expect(d?.labels.length).toBeGreaterThan(0);
    expect(d?.hints.join()).toMatch(/where H % 4 == 0, W % 4 == 0/);
  });
  it('a bound or an equation decides a condition', () => {
    const body = 'output y = if H >= 32 then x -> maxpool(2) else x }';
    expect(codesOf(`model M() { input x: f32[H = 64, 8, 1] where H >= 32 ${body}`)).toEqual([]);
    expect(codesOf(`model M() { input x: f32[H = 64, 8, 1] where H == 64 ${body}`)).toEqual([]);
    expect(codesOf(`model M() { input x: f32[H = 16, 8, 1] where 31 > H ${body}`)).toEqual([]);
    gives('undecided', `model M() { input x: f32[H = 64, 8, 1] where H >= 31 ${body}`);
  });
  it('any other condition is held against the sizes', () => {
    const text =
      'const N = 3\nmodel M() { input x: f32[H = 6, W = 4, 1] where H > W, H + W == 10, x.height % N == 0, W != 5 and H < 2 * W output y = x }';
    expect(codesOf(text)).toEqual([]);
    gives('fact-broken', text, size({ H: 9, W: 6 }));
  });
  it('sizes that break a fact', () => {
    gives('fact-broken', pooled('where H % 4 == 0, W % 4 == 0'), size({ H: 18 }));
    gives('fact-broken', 'model M() { input x: f32[H = 9, 1] where H % 2 == 0 output y = x }');
    const text = 'model M() { input x: f32[H = 8, W = 8, 1] where H == W output y = x }';
    expect(shapes(text, size({ H: 12 }))).toEqual({ y: '[12, 12, 1]' });
    gives('fact-broken', text, size({ H: 12, W: 8 }));
  });
  it('facts that exclude each other, and what is no fact', () => {
    gives(
      'contradiction',
      'model M() { input x: f32[H = 6, 1] where H % 2 == 0, H % 2 == 1 output y = x }',
    );
    gives('contradiction', 'model M() { input x: f32[H = 6, 1] where H > 5, H < 6 output y = x }');
    gives('wrong-type', 'model M() { input x: f32[H = 6, 1] where H % 2 output y = x }');
    gives('unknown-name', 'model M() { input x: f32[H = 6, 1] where K % 2 == 0 output y = x }');
  });
});

describe('claims', () => {
  const results = (text: string, options: CheckOptions = {}): unknown[] =>
    checkText(text, {}, options).models.map((m) => m.claimResults.map((c) => c.holds));

  it('know the figures of the model', () => {
    // 3×3×3×8 kernel, 8 biases; batch norm has 16 parameters and 16 buffers.
    const text = `model M() {
      input x: f32[H = 8, W = 8, 3]
      output y = x -> conv(8) -> batchnorm -> relu
      expect params == 216 + 8 + 16 and buffers == 16
      expect macs == 216 * H * W
      expect flops >= 2 * macs
      expect size == 4 * (params + buffers)
      expect peak_memory == 4 * 8 * 8 * (8 + 8)
      expect y.shape == [8, 8, 8]
      expect y.shape[..-1] == x.shape[..-1]
    }`;
    expect(results(text)).toEqual([[true, true, true, true, true, true, true]]);
    expect(explain(checkText(text))).toBe('');
  });
  it('compare with other models, which stand as they are declared', () => {
    const text = `
      model Big(n: int = 8) { input x: f32[H = 8, 8, 3] output y = x -> conv(n) }
      model Small(n: int = 1) { input x: f32[H = 8, 8, 3] output y = x -> conv(n)
        expect params <= Big.params / 8
        expect Big.params == 224
        expect Big.macs == 8 * macs }`;
    expect(results(text, { model: 'Small' })).toEqual([[true, true, true]]);
    expect(results(text, { model: 'Small', ...set('n=2') })).toEqual([[false, true, false]]);
    expect(results(text, { model: 'Small', ...size({ H: 32 }) })).toEqual([[true, true, true]]);
  });
  it('compare with other models at the sizes of the one that claims', () => {
    const text = (input: string, claim: string, own = 'H = 64, W = 64'): string => `
      model Big() { input x: f32[${input}, 3] output y = x -> conv(4) }
      model Small() { input x: f32[${own}, 3] output y = x -> conv(4) expect ${claim} }`;
    const small = { model: 'Small' };
    expect(results(text('H = 32, W = 32', 'macs == Big.macs'), small)).toEqual([[true]]);
    expect(results(text('H = 32, 32', '2 * Big.macs == macs'), small)).toEqual([[true]]);
    expect(results(text('H, W', 'macs == Big.macs'), small)).toEqual([[true]]);
    expect(
      results(text('H = 32, W = 32', 'macs == Big.macs'), { ...small, ...size({ H: 8, W: 24 }) }),
    ).toEqual([[true]]);
    // Two models with other defaults that compare with the same one.
    const other =
      'model Other() { input x: f32[H = 16, W = 8, 3] output y = x -> conv(4) expect macs == Big.macs }';
    expect(results(text('H = 32, W = 32', 'macs == Big.macs') + other)).toEqual([
      [],
      [true],
      [true],
    ]);
    // Sizes of other names are chosen by the other model, or by what is asked of all images.
    gives('size-needed', text('H, W', 'macs == Big.macs', 'h = 64, w = 64'));
    const image = { sizes: { image: [16, 16] as const } };
    expect(
      results(text('H, W', 'macs == Big.macs', 'h = 64, w = 64'), { ...small, ...image }),
    ).toEqual([[true]]);
    // Where the other model cannot have those sizes, what depends on them has no value.
    const odd = text('H = 32, W = 32', 'macs == Big.macs', 'H = 40, W = 64').replace(
      ', 3]',
      ', 3] where H % 16 == 0',
    );
    gives('fact-broken', odd);
    expect(codesOf(odd.replaceAll('macs', 'params'))).toEqual([]);
  });
  it('a broken one is an error that shows both sides', () => {
    const { diagnostics } = checkText(
      'model M() { input x: f32[8, 8, 3] output y = x -> conv(8) expect params <= 2 * y.channels }',
    );
    expect(diagnostics.map((d) => d.code)).toEqual(['expectation-failed']);
    expect(diagnostics[0]?.message).toBe(
      'expected params <= 2 * y.channels, but params is 224 and 2 * y.channels is 16',
    );
    const literal = checkText(
      'model M() { input x: f32[8, 8, 3] output y = x -> conv(8) expect 3 == 4 }',
    );
    expect(literal.diagnostics.map((d) => d.message)).toEqual(['expected 3 == 4, which is false']);
  });
  it('hold for variants too, and can be guarded', () => {
    const text = `model M(n: int = 8) { input x: f32[8, 8, 3] output y = x -> conv(n)
        expect y.channels == n
        if n == 8 { expect params == 224 } }
      model V = M(n = 2)`;
    expect(results(text)).toEqual([[true, true], [true]]);
    gives(
      'expectation-failed',
      'model M(n: int = 8) { input x: f32[8, 8, 3] output y = x -> conv(n) expect params == 224 }\nmodel V = M(n = 2)',
    );
  });
  it('the names of figures mean figures, whatever else has them', () => {
    gives(
      'expectation-failed',
      'model M(size: int = 4) { input x: f32[size, 8, 3] output y = x -> conv(8) expect size <= 10 }',
    );
    expect(
      codesOf(
        'const params = 3\nmodel M() { input x: f32[8, 8, 3] output y = x -> conv(params) expect params == 84 }',
      ),
    ).toEqual([]);
  });
  it('figures of weights need no size; the others do', () => {
    const text = (claim: string): string =>
      `model M() { input x: f32[H, W, 3] output y = x -> conv(8) -> batchnorm expect ${claim} }`;
    expect(
      codesOf(text('params == 240 and buffers == 16 and size == 1024 and y.shape == [H, W, 8]')),
    ).toEqual([]);
    gives('size-needed', text('macs == 0'));
    expect(results(text('macs == 216 * H * W'), size({ H: 5, W: 7 }))).toEqual([[true]]);
  });
  it('shapes are compared symbolically', () => {
    const text =
      'model M() { input x: f32[H, W, 1] where H % 2 == 0, W % 2 == 0 output y = x -> maxpool(2) -> upsample(2) expect y.shape == x.shape }';
    expect(results(text)).toEqual([[true]]);
  });
  it('what a claim computes is no part of the model', () => {
    const model = modelOf(
      'model M() { input x: f32[8, 8, 3] output y = x -> conv(8) expect (x -> conv(5)).channels == 5 expect params == 224 }',
    );
    expect(model.claimResults.map((c) => c.holds)).toEqual([true, true]);
    expect(weightNames(model)).toEqual(['y.conv.weight', 'y.conv.bias']);
  });
  it('a claim is a condition', () => {
    gives('wrong-type', 'model M() { input x: f32[8] output y = x expect params }');
    gives('unknown-name', 'model M() { input x: f32[8] output y = x expect parms == 0 }');
  });
});

describe('names of weights', () => {
  const source = `
block sepconv(filters: int, k: int = 3) = dwconv(k) -> conv(filters, k = 1)
block stage(filters: int) = sepconv(filters) -> relu -> sepconv(filters)
model M() {
  input x: f32[8, 8, 3]
  e1 = x -> conv(4)
  e2 = e1 -> stage(8)
  d1 = e2 -> stage(4) -> stage(4)
  output y = d1 -> conv(1)
}
`;
  const kernels = (text: string): string[] =>
    weightNames(modelOf(text)).filter((n) => n.endsWith('.weight'));
  const names = kernels(source);
  it('follow the source, numbered where a step has several of a name', () => {
    expect(names).toEqual([
      'e1.conv.weight',
      'e2.stage.sepconv_1.dwconv.weight',
      'e2.stage.sepconv_1.conv.weight',
      'e2.stage.sepconv_2.dwconv.weight',
      'e2.stage.sepconv_2.conv.weight',
      'd1.stage_1.sepconv_1.dwconv.weight',
      'd1.stage_1.sepconv_1.conv.weight',
      'd1.stage_1.sepconv_2.dwconv.weight',
      'd1.stage_1.sepconv_2.conv.weight',
      'd1.stage_2.sepconv_1.dwconv.weight',
      'd1.stage_2.sepconv_1.conv.weight',
      'd1.stage_2.sepconv_2.dwconv.weight',
      'd1.stage_2.sepconv_2.conv.weight',
      'y.conv.weight',
    ]);
  });
  it('are stable under reformatting', () => {
    expect(kernels(source.replaceAll('\n', ' '))).toEqual(names);
    expect(kernels(source.replaceAll(' -> ', '\n    # on\n    ->\n'))).toEqual(names);
  });
  it('are stable under edits elsewhere in the file', () => {
    const edited = `const N = 3\nblock other() = conv(2)\n${source.replace(
      'e2 = e1',
      'extra = e1 -> other -> stage(9)\n  e2 = concat(e1, extra)',
    )}`;
    const kept = kernels(edited).filter((n) => !n.startsWith('extra.'));
    expect(kept).toEqual(names);
  });
  it('are unique, and no number is given twice', () => {
    const text = `model M() { input x: f32[8, 8, 3]
      x_1 = x -> conv(3) x = x_1 -> conv(3) x = x -> conv(3) x_3 = x -> conv(3)
      output y = x_3 }`;
    const found = kernels(text);
    expect(new Set(found).size).toBe(found.length);
    expect(found).toContain('x_1.conv.weight');
  });
  it('through composition, repetition and blocks that are passed on', () => {
    const text = `block twice(f: block) = f -> f
model M() { input x: f32[8, 8, 3] output y = x -> twice(conv(3)) -> (conv(3) -> relu) * 2 }`;
    expect(kernels(text)).toEqual([
      'y.twice.conv_1.weight',
      'y.twice.conv_2.weight',
      'y.conv_1.weight',
      'y.conv_2.weight',
    ]);
  });
});
