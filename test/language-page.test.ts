/** The examples and the operator table of the language's design page, where it lies beside the repository. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { operatorSignature } from '../src/compiler/signature.js';
import { findOperator } from '../src/compiler/ops/index.js';
import { formatShape } from '../src/compiler/shape.js';
import { sharedDesign } from './helpers/shared.js';
import {
  checkText,
  explain,
  figuresOf,
  modelOf,
  modelsOf,
  run,
  weightNames,
} from './helpers/check.js';

const path = sharedDesign('language.md');
const page = path === undefined ? '' : readFileSync(path, 'utf8');
const fences = [...page.matchAll(/^```arch\n([^]*?)^```$/gm)].map(([, text = '']) => text);
const [first = '', loop = '', more = ''] = fences;

describe.skipIf(path === undefined)('the design page (skipped where it is absent)', () => {
  it.each(fences.map((text) => ({ text, title: text.trim().split('\n')[0] })))(
    'example: $title',
    ({ text }) => {
      expect(explain(checkText(text))).toBe('');
    },
  );

  describe('a first look', () => {
    const models = modelsOf(first);
    const tiny = models.get('Tiny');
    const plain = models.get('TinyPlain');
    it('has the parameters counted by hand', () => {
      const sep = (from: number, to: number): number => 9 * from + from + from * to + to;
      const blocks = [
        [16, 32],
        [32, 64],
        [64, 32],
        [32, 16],
      ].map(([from = 0, to = 0]) => sep(from, to) + sep(to, to));
      const decoder = [sep(64, 32), sep(32, 16)];
      const norms = 2 * (16 + 32 + 64 + 32 + 16);
      const total = 160 + 17 + [...blocks, ...decoder].reduce((a, b) => a + b);
      expect(total + norms).toBe(18_753);
      expect(tiny && figuresOf(tiny).params).toBe(18_753);
      expect(plain && figuresOf(plain).params).toBe(total + 2 * 16);
    });
    it('standardises the depthwise kernels of the stages alone', () => {
      const standardized = (model: typeof tiny): number =>
        model?.graph?.nodes.filter((n) => n.op === 'standardize').length ?? 0;
      expect(standardized(tiny)).toBe(8);
      expect(standardized(plain)).toBe(0);
    });
    it('names weights as the page does', () => {
      expect(tiny && weightNames(tiny)).toContain('e2.sdblock.sepconv_1.dwconv.weight');
    });
    it('its claims hold', () => {
      for (const model of models.values()) {
        expect(model.claimResults.map((c) => c.holds)).toEqual([true, true]);
      }
    });
    it('computes a mask of the right size and range', () => {
      const small = modelOf(first, {}, { sizes: { image: [16, 8] } });
      const mask = run(small).get('mask');
      expect(mask?.shape).toEqual([1, 16, 8, 1]);
      expect(mask?.data.every((v) => v > 0 && v < 1)).toBe(true);
    });
  });

  it('the loop makes a U-Net of any depth', () => {
    const model = modelOf(`${loop}
      block stage(n: int) = conv(n)
      block up(n: int) = upsample(2) -> conv(n, k = 2)
      model M() { input x: f32[H = 16, W = 16, 1] where H % 4 == 0, W % 4 == 0
        output y = x -> encoder_decoder([4, 8, 16], stage, up) }`);
    const conv = (k: number, from: number, to: number): number => k * k * from * to + to;
    expect(figuresOf(model).params).toBe(
      conv(3, 1, 4) +
        conv(3, 4, 8) +
        conv(3, 8, 16) +
        conv(2, 16, 8) +
        conv(3, 16, 8) +
        conv(2, 8, 4) +
        conv(3, 8, 4),
    );
  });

  it('“more that must work” works', () => {
    const model = modelOf(`${more}
      model M() { input x: f32[16, 16, 64]
        output a = x -> stage(8, 3, stride = 2)
        output b = x -> squeeze_excite
        output c = x -> shuffle_unit }`);
    const shapes = model.graph?.outputs.map(({ value }) => formatShape(value.type.shape));
    expect(shapes).toEqual(['[8, 8, 32]', '[16, 16, 64]', '[16, 16, 64]']);
    const conv = (k: number, from: number, to: number): number => k * k * from * to;
    const bottleneck = (from: number): number =>
      conv(1, from, 8) + 16 + conv(3, 8, 8) + 16 + conv(1, 8, 32) + 64;
    const stage = bottleneck(64) + conv(1, 64, 32) + 64 + 2 * bottleneck(32);
    const gate = conv(1, 64, 16) + 16 + conv(1, 16, 64) + 64;
    const shuffle = conv(1, 32, 32) + 32;
    expect(figuresOf(model).params).toBe(stage + gate + shuffle);
  });

  const rows = [...page.matchAll(/^\| ([a-z0-9, ()]+) \| ?(.*) \|$/gm)]
    .map(([, names = '', parameters = '']) => ({ names, parameters }))
    .filter(({ names }) => names !== 'operator');
  it.each(rows)('operators: $names', ({ names, parameters }) => {
    for (const [, name = ''] of names.matchAll(/([a-z0-9]+)(?:\([a-z]+\))?(?:,|$)/g)) {
      const operator = findOperator(name);
      expect(operator, name).toBeDefined();
      if (operator === undefined) continue;
      const actual = operatorSignature(operator).parameters.map((p) => p.name);
      // `filters, k = 3, pad = same`: the names, in order, where the row lists them as such.
      if (!/^[a-z]+( = [^,]+)?(, [a-z]+( = [^,]+)?)*$/.test(parameters)) continue;
      const listed = parameters.split(', ').map((p) => p.split(' ')[0]);
      if (listed.length > 1 || parameters.includes('=')) {
        expect(actual.length).toBeGreaterThan(0);
        // `crop` shares its row with `pad` and has no mode.
        expect(actual.slice(0, listed.length), name).toEqual(listed.slice(0, actual.length));
      }
    }
  });
  it('the table was found', () => {
    expect(rows.length).toBeGreaterThan(20);
  });
});
