/** Every block of std/: parameters counted by hand, shapes, and values from the interpreter. */
import { describe, expect, it } from 'vitest';
import { check } from '../src/compiler/check.js';
import { NO_FILES } from '../src/compiler/modules.js';
import { parse } from '../src/compiler/parse.js';
import { STD_SOURCES } from '../src/compiler/std-sources.js';
import type { Tensor } from '../src/compiler/ir.js';
import { explain, figuresOf, modelOf, run } from './helpers/check.js';

/** Weights of a k×k convolution from `from` to `to` channels. */
const conv = (k: number, from: number, to: number, bias = true): number =>
  k * k * from * to + (bias ? to : 0);
const dwconv = (k: number, channels: number, bias = true): number =>
  k * k * channels + (bias ? channels : 0);
/** Scale and shift of a batch, group or layer norm. */
const norm = (channels: number): number => 2 * channels;
const dense = (from: number, to: number): number => from * to + to;
/** conv_norm_act with batch norm: the convolution has no bias. */
const convNorm = (k: number, from: number, to: number): number =>
  conv(k, from, to, false) + norm(to);

interface Case {
  /** A use of the block on `x`, and the input. */
  readonly use: string;
  readonly file: string;
  readonly input?: string;
  readonly params: number;
  readonly shape: readonly number[];
}

// `x` is [24, 24, 16] unless the case says otherwise.
const CASES: readonly Case[] = [
  {
    file: 'attention',
    use: 'squeeze_excite',
    params: conv(1, 16, 4) + conv(1, 4, 16),
    shape: [24, 24, 16],
  },
  {
    file: 'attention',
    use: 'se(2)',
    params: conv(1, 16, 8) + conv(1, 8, 16),
    shape: [24, 24, 16],
  },
  {
    file: 'attention',
    use: 'channel_attention(4)',
    params: conv(1, 16, 4, false) + conv(1, 4, 16, false),
    shape: [24, 24, 16],
  },
  { file: 'attention', use: 'spatial_attention', params: 49 * 2, shape: [24, 24, 16] },
  {
    file: 'attention',
    use: 'cbam(8, k = 3)',
    params: 16 * 2 + 2 * 16 + 9 * 2,
    shape: [24, 24, 16],
  },
  {
    file: 'attention',
    use: 'attention_gate(x -> maxpool(2))',
    params: conv(2, 16, 8, false) + conv(1, 16, 8) + conv(1, 8, 1),
    shape: [24, 24, 16],
  },
  {
    // 12 C² + 13 C, as is well known of the layers of ViT.
    file: 'attention',
    use: 'transformer(4)',
    input: 'f32[9, 16]',
    params: 12 * 16 * 16 + 13 * 16,
    shape: [9, 16],
  },
  {
    file: 'attention',
    use: 'transformer(2, mlp = 2, act = relu)',
    input: 'f32[9, 16]',
    params: 2 * norm(16) + 4 * dense(16, 16) + dense(16, 32) + dense(32, 16),
    shape: [9, 16],
  },
  { file: 'conv', use: 'conv_norm_act(8)', params: convNorm(3, 16, 8), shape: [24, 24, 8] },
  {
    file: 'conv',
    use: 'conv_norm_act(8, 5, 2, norm = identity, act = gelu)',
    params: conv(5, 16, 8),
    shape: [12, 12, 8],
  },
  {
    file: 'conv',
    use: 'conv_norm_act(8, groups = 4, norm = groupnorm(2))',
    params: (9 * 16 * 8) / 4 + norm(8),
    shape: [24, 24, 8],
  },
  {
    file: 'conv',
    use: 'sepconv(8, ws)',
    params: dwconv(3, 16) + conv(1, 16, 8),
    shape: [24, 24, 8],
  },
  {
    file: 'conv',
    use: 'sepconv(8, 5, stride = 2, dilation = 1)',
    params: dwconv(5, 16) + conv(1, 16, 8),
    shape: [12, 12, 8],
  },
  {
    file: 'conv',
    use: 'residual(conv(16) -> relu)',
    params: conv(3, 16, 16),
    shape: [24, 24, 16],
  },
  {
    file: 'conv',
    use: 'basic(16)',
    params: 2 * convNorm(3, 16, 16),
    shape: [24, 24, 16],
  },
  {
    file: 'conv',
    use: 'basic(32, stride = 2)',
    params: convNorm(3, 16, 32) + convNorm(3, 32, 32) + convNorm(1, 16, 32),
    shape: [12, 12, 32],
  },
  {
    file: 'conv',
    use: 'bottleneck(4)',
    params: convNorm(1, 16, 4) + convNorm(3, 4, 4) + convNorm(1, 4, 16),
    shape: [24, 24, 16],
  },
  {
    file: 'conv',
    use: 'bottleneck(8, stride = 2)',
    params: convNorm(1, 16, 8) + convNorm(3, 8, 8) + convNorm(1, 8, 32) + convNorm(1, 16, 32),
    shape: [12, 12, 32],
  },
  { file: 'conv', use: 'shortcut(16)', params: 0, shape: [24, 24, 16] },
  {
    file: 'conv',
    use: 'shortcut(16, stride = 2)',
    params: convNorm(1, 16, 16),
    shape: [12, 12, 16],
  },
  {
    file: 'conv',
    use: 'inverted_residual(16)',
    params: convNorm(1, 16, 96) + dwconv(3, 96, false) + norm(96) + convNorm(1, 96, 16),
    shape: [24, 24, 16],
  },
  {
    // The first of MobileNetV2: nothing to expand.
    file: 'conv',
    use: 'inverted_residual(8, expansion = 1)',
    params: dwconv(3, 16, false) + norm(16) + convNorm(1, 16, 8),
    shape: [24, 24, 8],
  },
  {
    file: 'conv',
    use: 'dense_block(3, growth = 4)',
    params: [16, 20, 24]
      .map((from) => norm(from) + conv(1, from, 16, false) + norm(16) + conv(3, 16, 4, false))
      .reduce((a, b) => a + b),
    shape: [24, 24, 28],
  },
  {
    file: 'conv',
    use: 'transition',
    params: norm(16) + conv(1, 16, 8, false),
    shape: [12, 12, 8],
  },
  {
    file: 'conv',
    use: 'ghost(8)',
    params: convNorm(1, 16, 4) + dwconv(3, 4, false) + norm(4),
    shape: [24, 24, 8],
  },
  {
    file: 'conv',
    use: 'ghost(9, ratio = 3)',
    params: convNorm(1, 16, 3) + 2 * dwconv(3, 3, false) + norm(6),
    shape: [24, 24, 9],
  },
  {
    file: 'segmentation',
    use: 'double_conv(8)',
    params: conv(3, 16, 8) + conv(3, 8, 8),
    shape: [24, 24, 8],
  },
  { file: 'segmentation', use: 'up_conv(8)', params: conv(2, 16, 8), shape: [48, 48, 8] },
  { file: 'segmentation', use: 'up_transpose(8)', params: conv(2, 16, 8), shape: [48, 48, 8] },
  {
    file: 'segmentation',
    use: 'decoder_step(8, skip = x -> upsample(2))',
    params: conv(2, 16, 8) + conv(3, 16 + 8, 8) + conv(3, 8, 8),
    shape: [48, 48, 8],
  },
  {
    file: 'segmentation',
    use: 'encoder_decoder([4, 8, 12], double_conv)',
    params:
      conv(3, 16, 4) +
      conv(3, 4, 4) +
      conv(3, 4, 8) +
      conv(3, 8, 8) +
      conv(3, 8, 12) +
      conv(3, 12, 12) +
      conv(2, 12, 8) +
      conv(3, 16, 8) +
      conv(3, 8, 8) +
      conv(2, 8, 4) +
      conv(3, 8, 4) +
      conv(3, 4, 4),
    shape: [24, 24, 4],
  },
  {
    file: 'segmentation',
    use: 'aspp(8)',
    params: convNorm(1, 16, 8) + 3 * convNorm(3, 16, 8) + convNorm(1, 16, 8) + convNorm(1, 40, 8),
    shape: [24, 24, 8],
  },
  { file: 'torch', use: 'functional(conv(8))', params: conv(3, 16, 8), shape: [24, 24, 8] },
  {
    file: 'segmentation',
    use: 'pyramid_pooling',
    params: 4 * convNorm(1, 16, 4),
    shape: [24, 24, 32],
  },
  { file: 'torch', use: 'functional(conv(8))', params: conv(3, 16, 8), shape: [24, 24, 8] },
];

function modelFor({ file, use, input = 'f32[24, 24, 16]' }: Case) {
  // Whatever else of the file the use needs comes by its bare name too.
  const path = `std/${file}.arch`;
  const declared = parse({ path, text: STD_SOURCES.get(path) ?? '' }).tree.declarations;
  const needed = declared.map((d) => d.name.text).filter((n) => new RegExp(`\\b${n}\\b`).test(use));
  return modelOf(
    `import ${needed.join(', ')} from "${path}"\nmodel M() { input x: ${input} output y = x -> ${use} }\n`,
  );
}

describe.each(CASES)('$file: $use', (test) => {
  const model = modelFor(test);
  it('has the parameters counted by hand', () => {
    expect(figuresOf(model).params).toBe(test.params);
  });
  it('has finite values of its shape, which differ', () => {
    const y = run(model).get('y');
    expect(y?.shape).toEqual([1, ...test.shape]);
    const values = [...(y?.data ?? [])];
    expect(values.every(Number.isFinite)).toBe(true);
    expect(new Set(values).size).toBeGreaterThan(1);
  });
});

it('every block of the library has a case', () => {
  const names = [...STD_SOURCES].flatMap(([path, text]) =>
    parse({ path, text }).tree.declarations.map((d) => d.name.text),
  );
  expect(names.filter((n) => !CASES.some(({ use }) => new RegExp(`^${n}\\b`).test(use)))).toEqual(
    [],
  );
});

describe.each([...STD_SOURCES])('%s', (path, text) => {
  it('says nothing when it is checked', () => {
    expect(explain(check({ path, text }, NO_FILES))).toBe('');
  });
  it('documents every block, and types every parameter', () => {
    for (const declaration of parse({ path, text }).tree.declarations) {
      expect(declaration.doc, declaration.name.text).not.toBe('');
      if (declaration.kind !== 'block') continue;
      for (const parameter of declaration.parameters) {
        expect(parameter.type, `${declaration.name.text}(${parameter.name.text})`).toBeDefined();
      }
    }
  });
});

describe('values', () => {
  const close = (a: Tensor | undefined, b: Tensor | undefined): void => {
    expect(a?.shape).toEqual(b?.shape);
    const other = b?.data ?? new Float32Array();
    (a?.data ?? new Float32Array()).forEach((value, i) => {
      expect(Math.abs(value - (other[i] ?? Number.NaN))).toBeLessThan(1e-5);
    });
  };

  it('squeeze_excite scales channels: the ratio to what flows in is one for a channel', () => {
    const model = modelOf(`import squeeze_excite from "std/attention.arch"
      model M() { input x: f32[4, 4, 8] output y = (x -> squeeze_excite) / x }`);
    const data = run(model).get('y')?.data ?? new Float32Array();
    for (let i = 8; i < data.length; i++) expect(data[i]).toBeCloseTo(data[i % 8] ?? 0, 4);
    expect(data.slice(0, 8).every((gate) => gate > 0 && gate < 1)).toBe(true);
  });

  it('an attention gate lies in (0, 1) and is one for all channels of a pixel', () => {
    const model = modelOf(`import attention_gate from "std/attention.arch"
      model M() { input x: f32[4, 4, 8] input g: f32[2, 2, 6] output y = (x -> attention_gate(g)) / x }`);
    const data = run(model).get('y')?.data ?? new Float32Array();
    data.forEach((gate, i) => {
      expect(gate).toBeCloseTo(data[i - (i % 8)] ?? 0, 4);
      expect(gate > 0 && gate < 1).toBe(true);
    });
  });

  it('residual adds what flows in', () => {
    const model = modelOf(`import residual from "std/conv.arch"
      model M() { input x: f32[4, 4, 3] output y = x -> residual(maxpool(3, stride = 1, pad = same)) output z = x + (x -> maxpool(3, stride = 1, pad = same)) }`);
    const found = run(model);
    close(found.get('y'), found.get('z'));
  });

  it('pyramid pooling with one bin is the mean of the image, everywhere', () => {
    const model = modelOf(`import pyramid_pooling from "std/segmentation.arch"
      model M() { input x: f32[6, 6, 4] output y = x -> pyramid_pooling([1]) -> slice(4, axis = channels) }`);
    const data = run(model).get('y')?.data ?? new Float32Array();
    for (let i = 4; i < data.length; i++) expect(data[i]).toBeCloseTo(data[i % 4] ?? 0, 5);
  });
});

it('encoder_decoder meets its skips at every even size, as the page of the language has it', () => {
  const text = `import encoder_decoder, double_conv from "std/segmentation.arch"
    model M() {
      input x: f32[H = 32, W = 48, 1] where H % 4 == 0, W % 4 == 0
      output y = x -> encoder_decoder([4, 8, 16], stage = double_conv)
      expect y.height == x.height and y.width == x.width
    }`;
  expect(modelOf(text).claimResults.map((c) => c.holds)).toEqual([true]);
});
