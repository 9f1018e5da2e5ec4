/** What recipes mean: the plain data that they become, their parameters, and what is opened by name. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { compile, listRecipes, openRecipe, type OpenRecipe } from '../src/compile.js';
import { check } from '../src/compiler/check.js';
import type { Diagnostic } from '../src/compiler/diagnostic.js';
import type { Override } from '../src/compiler/elaborate.js';
import { loadProgram, type Host } from '../src/compiler/modules.js';
import { parseExpression } from '../src/compiler/parse.js';
import { judgedOutputs } from '../src/compiler/recipe-fit.js';
import type { Recipe } from '../src/train/recipe.js';
import { hostOf } from './helpers/check.js';

const MODEL = `
model Net(width: int = 8, channels: int = 1, classes: int = 1, act: block = sigmoid) {
  input image: f32[H = 96, W = 96, channels] where H % 4 == 0, W % 4 == 0
  x = image -> conv(width) -> relu
  output mask = x -> conv(classes) -> act
}
model Wide = Net(width = 32)
`;

/** A recipe with all that it must have, and more settings, which replace those of the same name. */
function recipeText(more = '', head = 'train r for Net'): string {
  const settings = new Map<string, string>(
    `data = given;split = slices;normalise = none;loss = bce(mask);optimiser = adam(1e-3);batch = 4;steps = 30;${more}`
      .split(';')
      .filter((line) => line.trim() !== '')
      .map((line) => [line.split('=')[0]?.trim() ?? '', line]),
  );
  if (settings.has('epochs')) settings.delete('steps');
  return `${head} {\n${[...settings.values()].join('\n')}\n}\n`;
}

function overridesOf(set: Readonly<Record<string, string>>): Override[] {
  return Object.entries(set).map(([name, text]) => {
    const source = { path: `--set ${name}`, text };
    const { tree } = parseExpression(source);
    if (tree === undefined) throw new Error(text);
    return { name, nameSpan: { source, start: 0, end: 0 }, value: tree };
  });
}

function tryOpen(
  text: string,
  set: Readonly<Record<string, string>> = {},
  recipe?: string,
  host: Host = hostOf({}),
): { value: OpenRecipe | undefined; diagnostics: readonly Diagnostic[] } {
  const entry = { path: 'test.arch', text };
  return openRecipe(entry, host, { recipe, overrides: overridesOf(set) });
}

function open(...args: Parameters<typeof tryOpen>): OpenRecipe {
  const { value, diagnostics } = tryOpen(...args);
  expect(diagnostics.map((d) => `${d.code} ${d.message}`)).toEqual([]);
  if (value === undefined) throw new Error('nothing was opened');
  return value;
}

function read(more: string, head?: string, set?: Readonly<Record<string, string>>): Recipe {
  return open(MODEL + recipeText(more, head), set).recipe;
}

describe('a recipe as plain data', () => {
  it('has these defaults', () => {
    expect(read('')).toEqual({
      name: 'r',
      data: { kind: 'given' },
      split: { by: 'slices', validation: 0.2 },
      normalise: 'none',
      crop: undefined,
      augment: [],
      loss: [{ weight: 1, loss: { kind: 'bce', positive: 1 }, output: 'mask' }],
      optimiser: { kind: 'adam', lr: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8, decay: 0 },
      schedule: { kind: 'constant', warmup: 0 },
      clip: undefined,
      batch: 4,
      length: { steps: 30 },
      validate: undefined,
      metrics: ['accuracy', 'mean_iou', 'dice'],
      seed: 0,
    });
  });

  it.each<[more: string, part: Partial<Recipe>]>([
    ['data = membranes', { data: { kind: 'membranes', count: 40, size: 128 } }],
    ['data = membranes(9, 64)', { data: { kind: 'membranes', count: 9, size: 64 } }],
    ['split = slices(6)', { split: { by: 'slices', validation: 6 } }],
    ['split = patients(validation = 0.5)', { split: { by: 'patients', validation: 0.5 } }],
    ['normalise = zscore', { normalise: 'zscore' }],
    ['normalise = "unit"', { normalise: 'unit' }],
    ['crop = [32, 2 * 32]', { crop: [32, 64] }],
    ['crop = none', { crop: undefined }],
    [
      'augment = [flip, rotate(15)] + (if 1 > 2 then [quarterturn] else [shift(share = 0.1)])',
      {
        augment: [{ kind: 'flip' }, { kind: 'rotate', degrees: 15 }, { kind: 'shift', share: 0.1 }],
      },
    ],
    [
      'augment = [shear(8), zoom(0.1), elastic(20, sigma = 4), intensity(0.1), quarterturn]',
      {
        augment: [
          { kind: 'shear', degrees: 8 },
          { kind: 'zoom', share: 0.1 },
          { kind: 'elastic', alpha: 20, sigma: 4 },
          { kind: 'intensity', share: 0.1 },
          { kind: 'quarterturn' },
        ],
      },
    ],
    [
      'optimiser = sgd(0.1, momentum = 0.9, nesterov)',
      { optimiser: { kind: 'sgd', lr: 0.1, momentum: 0.9, nesterov: true, decay: 0 } },
    ],
    [
      'optimiser = adamw(lr = 1e-3, beta2 = 0.99)',
      {
        optimiser: { kind: 'adamw', lr: 1e-3, beta1: 0.9, beta2: 0.99, eps: 1e-8, decay: 0.01 },
      },
    ],
    ['schedule = cosine(20)', { schedule: { kind: 'cosine', warmup: 20, floor: 0 } }],
    ['schedule = step(10, 0.5)', { schedule: { kind: 'step', every: 10, factor: 0.5, warmup: 0 } }],
    [
      'schedule = plateau(patience = 5)',
      { schedule: { kind: 'plateau', patience: 5, factor: 0.1, warmup: 0 } },
    ],
    ['clip = 1', { clip: 1 }],
    ['epochs = 2k', { length: { epochs: 2000 } }],
    ['validate = 10', { validate: 10 }],
    ['metrics = [dice]', { metrics: ['dice'] }],
    ['seed = 7', { seed: 7 }],
  ])('%s', (more, part) => {
    expect(read(more)).toMatchObject(part);
  });

  it.each<[loss: string, terms: readonly (readonly [weight: number, kind: string])[]]>([
    ['bce', [[1, 'bce']]],
    ['0.5 * dice(mask) + 0.25 * bce(mask)', [[0.5, 'dice'], [0.25, 'bce']]],
    ['2 * (dice(mask) * 3 + bce) / 4', [[1.5, 'dice'], [0.5, 'bce']]],
    ['0 * dice(mask) + bce(mask)', [[1, 'bce']]],
    ['(if 1 > 2 then bce(mask) else focal(mask)) + tversky(mask)', [[1, 'focal'], [1, 'tversky']]],
  ])('loss = %s', (loss, terms) => {
    expect(read(`loss = ${loss}`).loss.map((t) => [t.weight, t.loss.kind])).toEqual(terms);
  }); // prettier-ignore

  it('class weights, for a softmax', () => {
    const text = recipeText('loss = cross_entropy(mask, [1, 2.5])', 'train r for M');
    const model = 'model M = Net(classes = 2, act = softmax)\n';
    const { recipe, outputs } = open(MODEL + model + text);
    expect(recipe.loss[0]?.loss).toEqual({ kind: 'cross_entropy', classes: [1, 2.5] });
    expect(outputs.map((o) => o.activation)).toEqual(['softmax']);
  });

  it('weights of pixels near another class', () => {
    const lossOf = (text: string): unknown => read(`loss = ${text}`).loss[0]?.loss;
    expect(lossOf('bce(mask, border = 10)')).toEqual({
      kind: 'bce',
      positive: 1,
      border: { weight: 10, sigma: 5 },
    });
    expect(lossOf('focal(mask, border = 2, sigma = 1.5)')).toMatchObject({
      border: { weight: 2, sigma: 1.5 },
    });
    expect(lossOf('bce(mask, border = 0, sigma = 3)')).toEqual({ kind: 'bce', positive: 1 });
  });
});

describe('parameters', () => {
  const head =
    'train r(w: float = 0.5, width: int = 4, opt: string = "sgd") for Net(width = 2 * width)';
  const more =
    'loss = w * dice(mask) + (1 - w) * bce(mask);optimiser = if opt == "sgd" then sgd(0.1) else adam(0.1)';
  const text = MODEL + recipeText(more, head);
  const widthOf = ({ model }: OpenRecipe): unknown => model.graph.weights[0]?.shape[3];

  it('stand by default', () => {
    const opened = open(text);
    expect(opened.recipe.loss.map((t) => t.weight)).toEqual([0.5, 0.5]);
    expect(opened.recipe.optimiser.kind).toBe('sgd');
    expect(widthOf(opened)).toBe(8);
    expect(opened.arguments).toEqual([{ name: 'width', value: '8' }]);
  });

  it('`--set` reaches those of the recipe first, then those of the model', () => {
    const opened = open(text, { w: '0.25', width: '3', opt: '"adam"', act: 'sigmoid' });
    expect(opened.recipe.loss.map((t) => t.weight)).toEqual([0.25, 0.75]);
    expect(opened.recipe.optimiser.kind).toBe('adam');
    expect(widthOf(opened)).toBe(6);
    expect(opened.arguments).toEqual([
      { name: 'width', value: '6' },
      { name: 'act', value: 'sigmoid' },
    ]);
  });

  it('`--set` replaces what the recipe passes to the model', () => {
    const opened = open(MODEL + recipeText('', 'train r for Wide(width = 16)'), { width: '5' });
    expect(widthOf(opened)).toBe(5);
    expect(opened.model.name).toBe('Wide');
    expect(opened.arguments).toEqual([{ name: 'width', value: '5' }]);
  });

  it.each<[Record<string, string>, string]>([
    [{ widht: '3' }, 'unknown-parameter'],
    [{ w: '"half"' }, 'wrong-type'],
    [{ width: '0.5' }, 'wrong-type'],
    [{ w: '1.5' }, 'wrong-argument'],
    [{ opt: 'missing' }, 'unknown-name'],
    [{ classes: '9', act: 'softmax' }, 'loss-mismatch'],
  ])('--set %o is %s', (set, code) => {
    const { value, diagnostics } = tryOpen(text, set);
    expect(value).toBeUndefined();
    expect(diagnostics.map((d) => d.code)).toContain(code);
  });
});

it('offers the parameters of the recipe for a `--set` that nothing has', () => {
  const more = 'optimiser = adam(rate)';
  const text = MODEL + recipeText(more, 'train r(rate = 1e-3) for Net');
  const hintsOf = (name: string): readonly string[] =>
    tryOpen(text, { [name]: '2' }).diagnostics.flatMap(({ hints }) => hints);
  expect(hintsOf('rat')).toEqual(['did you mean `rate`?']);
  expect(hintsOf('zzz').at(-1)).toBe('also known here: rate');
});

describe('what is opened', () => {
  it('has the graph at the size of the crop, and what flows into the activation', () => {
    const { model, outputs } = open(MODEL + recipeText('crop = [32, 40]'));
    expect(model.staticGraph?.inputs[0]?.type.shape).toEqual([32, 40, 1]);
    const [judged] = outputs;
    expect(judged?.activation).toBe('sigmoid');
    expect(judged?.output).toBe(model.graph.outputs[0]);
    const definition = judged?.logits.definition;
    expect(definition?.kind === 'result' && definition.node.op).toBe('conv');
    const there = model.staticGraph && judgedOutputs(model.staticGraph, [{ output: 'mask' }]);
    expect(there?.[0]?.logits.type.shape).toEqual([32, 40, 1]);
  });

  it('has the size of drawn data without a crop, else the default or what is asked for', () => {
    const sizesOf = (o: OpenRecipe | undefined): unknown => [...(o?.model.sizes?.values() ?? [])];
    expect(sizesOf(open(MODEL + recipeText('data = membranes(size = 64)')))).toEqual([64, 64]);
    const entry = { path: 'test.arch', text: MODEL + recipeText() };
    expect(sizesOf(openRecipe(entry, hostOf({})).value)).toEqual([96, 96]);
    const sizes = { image: [48, 16] } as const;
    expect(sizesOf(openRecipe(entry, hostOf({}), { sizes }).value)).toEqual([48, 16]);
  });

  it('takes a model from another file, by name or through the module', () => {
    const host = hostOf({ 'nets.arch': MODEL });
    const named = `import Wide as Net from "./nets.arch"\n${recipeText()}`;
    expect(open(named, {}, 'r', host).model.name).toBe('Wide');
    const module = `import "./nets.arch" as nets\n${recipeText('', 'train r for nets.Net(width = 2)')}`;
    expect(open(module, {}, 'r', host).arguments).toEqual([{ name: 'width', value: '2' }]);
  });

  it.each([
    ['', undefined, 'no-recipe'],
    [recipeText() + recipeText('', 'train s for Net'), undefined, 'recipe-needed'],
    [recipeText(), 'q', 'unknown-recipe'],
  ])('else says what is there', (recipes, name, code) => {
    const { value, diagnostics } = tryOpen(MODEL + recipes, {}, name);
    expect(value).toBeUndefined();
    expect(diagnostics.map((d) => d.code)).toEqual([code]);
  });

  it('is not kept back by mistakes in other recipes', () => {
    const text = MODEL + recipeText() + recipeText('batch = 0', 'train s for Net');
    expect(open(text, {}, 'r').recipe.batch).toBe(4);
    expect(tryOpen(text, {}, 's').diagnostics.map((d) => d.code)).toEqual(['wrong-argument']);
  });

  it('knows recipes by their docs, models and parameters', () => {
    const text = `## Two\n## lines.\ntrain r(\n  ## About w.\n  w: int = 1,\n) for Net(width = w) {}\n`;
    expect(listRecipes(loadProgram({ path: 'test.arch', text }, hostOf({})))).toEqual([
      {
        name: 'r',
        doc: 'Two\nlines.',
        model: 'Net(width = w)',
        parameters: [{ name: 'w', doc: 'About w.' }],
      },
    ]);
  });
});

describe('recipes keep to themselves', () => {
  const wrong = MODEL + recipeText('batch = 0');
  const entry = { path: 'test.arch', text: wrong };

  it('a wrong one is found by check, and by no one who works on a model', async () => {
    expect(check(entry).diagnostics.map((d) => d.code)).toEqual(['wrong-argument']);
    expect(check(entry, hostOf({}), { recipes: false }).diagnostics).toEqual([]);
    expect(check(entry, hostOf({}), { model: 'Net' }).diagnostics).toEqual([]);
    const compiled = await compile(entry, hostOf({}), { target: 'onnx', model: 'Net' });
    expect(compiled.diagnostics).toEqual([]);
    expect(compiled.value?.files).toHaveLength(1);
  });

  it('one that is cut short leaves the models of its file known', () => {
    const text = `${MODEL}train r for Net { batch = }\n`;
    const { models, diagnostics } = check({ path: 'test.arch', text });
    expect(diagnostics.map((d) => d.code)).toEqual(['syntax']);
    expect(models.map((m) => m.graph !== undefined)).toEqual([true, true]);
  });

  it('names of recipes are apart from those of models', () => {
    const text = MODEL + recipeText('', 'train Net for Net');
    expect(check({ path: 'test.arch', text }).diagnostics).toEqual([]);
  });

  it('is not imported, which is said where it is tried', () => {
    const host = hostOf({ 'a.arch': MODEL + recipeText() });
    const { diagnostics } = check({ path: 'b.arch', text: 'import r from "./a.arch"\n' }, host);
    expect(diagnostics.map((d) => d.code)).toEqual(['unknown-import']);
    expect(diagnostics[0]?.hints[0]).toContain('a recipe, which is not imported');
  });

  it('does not call an import unused that only a recipe needs', () => {
    const host = hostOf({ 'a.arch': MODEL, 'b.arch': 'const N = 4\n' });
    const imports = 'import Net from "./a.arch"\nimport N from "./b.arch"\n';
    const text = imports + recipeText('batch = N');
    expect(check({ path: 'test.arch', text }, host).diagnostics).toEqual([]);
  });
});

describe('the recipes of models/', () => {
  const models = new URL('../models/', import.meta.url);
  const host: Host = {
    read: (path) => ({ ok: true, text: readFileSync(new URL(`../${path}`, models), 'utf8') }),
  };
  it.each([
    ['sdunet', 'quick', 'SDUNet', ['bce']],
    ['sdunet', 'isbi', 'SDUNet', ['bce']],
    ['sdunet', 'brats', 'SDUNetBrats', ['dice', 'bce']],
    ['unet', 'isbi', 'UNet', ['bce']],
    ['unet', 'brats', 'UNetBrats', ['dice', 'bce']],
  ])('%s.arch has %s for %s', (file, name, model, losses) => {
    const path = `models/${file}.arch`;
    const text = readFileSync(new URL(`${file}.arch`, models), 'utf8');
    const { value, diagnostics } = openRecipe({ path, text }, host, { recipe: name });
    expect(diagnostics).toEqual([]);
    expect(value?.model.name).toBe(model);
    expect(value?.recipe.loss.map((t) => t.loss.kind)).toEqual(losses);
  });
});
