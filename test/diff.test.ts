/** What `diff` says of pairs of models, worked out by hand from their texts. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { diffModels, type LayerDiff, type ModelDiff } from '../src/compiler/diff.js';
import { stats } from '../src/compiler/stats.js';
import { figuresOf, modelOf, modelsOf } from './helpers/check.js';
import { archc, codesOf, json, put, ROOT, temporaryFolder } from './helpers/cli.js';

/** A model over an image of 8 × 8 × 4 with these statements. */
function body(statements: string): string {
  return `model M() { input x: f32[8, 8, 4] ${statements} }`;
}

function diffTexts(before: string, after: string): ModelDiff {
  const [a, b] = [before, after].map((text) => modelOf(text));
  if (a?.staticGraph === undefined || b?.staticGraph === undefined) throw new Error('no graph');
  return diffModels(
    { graph: a.staticGraph, stats: figuresOf(a) },
    { graph: b.staticGraph, stats: figuresOf(b) },
  );
}

/** `+ y.relu`, `- y.conv`, `~ y.conv k [3, 3] → [1, 1]`, `> y.conv_1 was y.conv`; not the same. */
function lines({ layers }: ModelDiff): string[] {
  return layers.flatMap((entry: LayerDiff): string[] => {
    switch (entry.kind) {
      case 'same':
        return [];
      case 'added':
        return [`+ ${entry.after.path}`];
      case 'removed':
        return [`- ${entry.before.path}`];
      default: {
        const { before, after } = entry;
        const said = [
          ...(before.path === after.path ? [] : [`was ${before.path}`]),
          ...entry.changes.map((c) => `${c.what} ${c.before} → ${c.after}`),
        ];
        return [`${entry.kind === 'renamed' ? '>' : '~'} ${after.path} ${said.join('; ')}`];
      }
    }
  });
}

const diffBodies = (before: string, after: string): string[] =>
  lines(diffTexts(body(before), body(after)));

describe('layers', () => {
  it('are the same in a model and itself', () => {
    const { layers, weights } = diffTexts(
      body('output y = x -> conv(4) -> relu'),
      body('output y = x -> conv(4) -> relu'),
    );
    expect(layers.map((l) => l.kind)).toEqual(['same', 'same']);
    expect(weights.kept.map((p) => p.after.name)).toEqual(['y.conv.weight', 'y.conv.bias']);
    expect([weights.probable, weights.reshaped, weights.added, weights.removed]).toEqual([
      [],
      [],
      [],
      [],
    ]);
  });

  it('change in an attribute', () => {
    expect(diffBodies('output y = x -> conv(4)', 'output y = x -> conv(4, k = 1)')).toEqual([
      '~ y.conv k [3, 3] → [1, 1]',
    ]);
  });

  it('change in their output, and what follows hands it on', () => {
    expect(
      diffBodies('output y = x -> conv(4) -> relu', 'output y = x -> conv(6) -> relu'),
    ).toEqual(['~ y.conv filters 4 → 6; output 8×8×4 → 8×8×6', '~ y.relu output 8×8×4 → 8×8×6']);
  });

  it('change in their input alone', () => {
    expect(
      diffBodies(
        'output y = x -> conv(4) -> conv(2, k = 1)',
        'output y = x -> conv(6) -> conv(2, k = 1)',
      ),
    ).toEqual(['~ y.conv_1 filters 4 → 6; output 8×8×4 → 8×8×6', '~ y.conv_2 input 8×8×4 → 8×8×6']);
  });

  it('change their operator in place', () => {
    expect(
      diffBodies('output y = x -> conv(4) -> relu', 'output y = x -> conv(4) -> gelu'),
    ).toEqual(['~ y.gelu was y.relu; operator relu → gelu']);
  });

  it('are weight standardised or not, which is an attribute', () => {
    expect(diffBodies('output y = x -> dwconv(3, ws = true)', 'output y = x -> dwconv(3)')).toEqual(
      ['~ y.dwconv ws true → false'],
    );
  });

  it('are added and removed', () => {
    const [a, b] = ['output y = x -> conv(4)', 'output y = x -> conv(4) -> relu'];
    expect(diffBodies(a, b)).toEqual(['+ y.relu']);
    expect(diffBodies(b, a)).toEqual(['- y.relu']);
  });

  it('in the middle of numbered ones, without a cascade', () => {
    const three = 'output y = x -> conv(8) -> conv(16) -> conv(16, k = 5) -> conv(32)';
    const four =
      'output y = x -> conv(8) -> conv(16) -> conv(16, k = 1) -> conv(16, k = 5) -> conv(32)';
    expect(diffBodies(three, four)).toEqual([
      '+ y.conv_3',
      '> y.conv_4 was y.conv_3',
      '> y.conv_5 was y.conv_4',
    ]);
    expect(diffBodies(four, three)).toEqual([
      '- y.conv_3',
      '> y.conv_3 was y.conv_4',
      '> y.conv_4 was y.conv_5',
    ]);
  });

  it('keep their numbers where there are as many, however they change', () => {
    expect(
      diffBodies(
        'output y = x -> conv(4) -> conv(8) -> conv(16)',
        'output y = x -> conv(8) -> conv(16) -> conv(32)',
      ).map((line) => line.split(' ').slice(0, 2).join(' ')),
    ).toEqual(['~ y.conv_1', '~ y.conv_2', '~ y.conv_3']);
  });

  it('follow a binding that has another name', () => {
    expect(
      diffBodies(
        'first = x -> conv(4) -> relu output y = first -> conv(1)',
        'start = x -> conv(4) -> relu output y = start -> conv(1)',
      ),
    ).toEqual(['> start.conv was first.conv', '> start.relu was first.relu']);
  });

  it('move into a block', () => {
    const block = 'block unit(n: int) = conv(n) -> relu ';
    const plain = body('output y = x -> conv(4) -> relu');
    const wrapped = block + body('output y = x -> unit(4)');
    expect(lines(diffTexts(plain, wrapped))).toEqual([
      '> y.unit.conv was y.conv',
      '> y.unit.relu was y.relu',
    ]);
  });

  it('read from elsewhere', () => {
    const start = 'a = x -> conv(4) b = x -> conv(4) ';
    expect(
      diffBodies(`${start} output y = concat(a, b)`, `${start} output y = concat(b, a)`),
    ).toEqual(['~ y.concat inputs a.conv, b.conv → b.conv, a.conv']);
  });

  it('do not read from elsewhere because something was put in between', () => {
    expect(
      diffBodies(
        'output y = x -> conv(4) -> maxpool(2)',
        'output y = x -> conv(4) -> relu -> maxpool(2)',
      ),
    ).toEqual(['+ y.relu']);
  });

  it('are found again in a long chain from which one was taken', () => {
    const chain = (n: number): string =>
      body(`for _ in 0..${n} { x = x -> conv(4) } output y = x -> relu`);
    const { layers, weights } = diffTexts(chain(400), chain(399));
    expect(layers.filter((l) => l.kind === 'removed')).toHaveLength(1);
    expect(layers.filter((l) => l.kind === 'added')).toHaveLength(0);
    expect(weights.kept).toHaveLength(2 * 399);
  });

  it('count what they cost', () => {
    const { layers } = diffTexts(
      body('output y = x -> conv(4)'),
      body('output y = x -> conv(4) -> conv(2)'),
    );
    const added = layers.find((l) => l.kind === 'added');
    // 3·3·4·2 + 2 parameters, and 8·8·2 outputs of 3·3·4 multiplications.
    expect(added?.after).toMatchObject({ params: 74, macs: 4608, output: '8×8×2' });
  });
});

describe('weights', () => {
  const names = ({ weights }: ModelDiff): Record<string, string[]> => ({
    kept: weights.kept.map((p) => p.after.name),
    probable: weights.probable.map((p) => `${p.before.name} → ${p.after.name}`),
    reshaped: weights.reshaped.map((p) => p.after.name),
    added: weights.added.map((w) => w.name),
    removed: weights.removed.map((w) => w.name),
  });

  it('are kept, reshaped, new or left behind', () => {
    const diff = diffTexts(
      body('a = x -> conv(4) b = a -> conv(8) output y = b -> groupnorm(2)'),
      body('a = x -> conv(4) b = a -> conv(8, k = 1) output y = b -> prelu'),
    );
    expect(names(diff)).toEqual({
      kept: ['a.conv.weight', 'a.conv.bias', 'b.conv.bias'],
      probable: [],
      reshaped: ['b.conv.weight'],
      added: ['y.prelu.alpha'],
      removed: ['y.groupnorm.scale', 'y.groupnorm.shift'],
    });
  });

  it('are probably those of a layer that was renamed', () => {
    const diff = diffTexts(
      body('first = x -> conv(4) output y = first -> conv(1)'),
      body('start = x -> conv(4) output y = start -> conv(1)'),
    );
    expect(names(diff)['probable']).toEqual([
      'first.conv.weight → start.conv.weight',
      'first.conv.bias → start.conv.bias',
    ]);
  });

  it('are those of what an output depends on', () => {
    const text = body('_d = x -> conv(100) output y = x -> conv(4)');
    const { weights, layers } = diffTexts(text, text);
    expect(weights.kept.map(({ after }) => after.name)).toEqual(['y.conv.weight', 'y.conv.bias']);
    expect(layers).toHaveLength(1);
  });

  it('are counted once where they are shared', () => {
    const shared = body('shared f = conv(4) output y = x -> f -> f');
    expect(names(diffTexts(shared, shared))['kept']).toEqual(['f.conv.weight', 'f.conv.bias']);
  });

  it('are each in one group, in every pair of the models', () => {
    const read = (name: string): string => readFileSync(join(ROOT, 'models', name), 'utf8');
    const files = { 'blocks.arch': read('blocks.arch') };
    const models = ['unet.arch', 'sdunet.arch'].flatMap((name) => [
      ...modelsOf(read(name), files).values(),
    ]);
    const sides = models.map((model) => {
      if (model.staticGraph === undefined) throw new Error(`${model.name} has no graph`);
      const counted = stats(model.staticGraph);
      if (!counted.ok) throw new Error(`${model.name} is not counted`);
      return { graph: model.staticGraph, stats: counted.value };
    });
    for (const a of sides) {
      for (const b of sides) {
        const { layers, weights } = diffModels(a, b);
        const of = (list: readonly { readonly name: string }[]): string[] =>
          list.map((w) => w.name).sort();
        const pairs = [...weights.kept, ...weights.probable, ...weights.reshaped];
        expect(of([...pairs.map((p) => p.after), ...weights.added])).toEqual(of(b.graph.weights));
        expect(of([...pairs.map((p) => p.before), ...weights.removed])).toEqual(
          of(a.graph.weights),
        );
        // The changes of all layers add up to the change of the whole.
        const sum = layers.reduce((total, entry) => {
          const before = entry.kind === 'added' ? 0 : entry.before.params;
          const after = entry.kind === 'removed' ? 0 : entry.after.params;
          return total + after - before;
        }, 0);
        expect(sum).toBe(b.stats.params - a.stats.params);
        if (a === b) expect(layers.every((l) => l.kind === 'same')).toBe(true);
      }
    }
  });
});

describe('archc diff', () => {
  const folder = temporaryFolder();

  it('compares two files', () => {
    const result = archc(['diff', 'models/unet.arch', 'models/sdunet.arch']);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.stdout).toMatch(
      /^parameters +31,031,685 +3,935,041 +−27,096,644 +7\.89× fewer$/m,
    );
    expect(result.stdout).toMatch(/^\+ +e1\.groupnorm /m);
  });

  it('compares two models of one file, as JSON', () => {
    const document = json(
      archc(['diff', 'models/sdunet.arch', '--model', 'SDUNet', '--to', 'SDUNetNoGN', '--json']),
    );
    expect(document).toMatchObject({
      before: { name: 'SDUNet' },
      after: { name: 'SDUNetNoGN' },
      costs: { params: { before: 3_935_041, difference: -6016 } },
      // The first norm becomes an identity; in the blocks there is none.
      counts: { removed: 9, added: 0, changed: 1, renamed: 0 },
    });
  });

  it('compares a model with itself under other parameters, as Markdown', () => {
    const result = archc([
      'diff',
      'models/sdunet.arch',
      '--to-set',
      'width=32',
      '--format',
      'markdown',
    ]);
    expect(result.code).toBe(0);
    expect(result.stdout).toContain('| parameters | 3,935,041 | ');
    expect(result.stdout).toContain('filters 64 → 32');
    expect(result.stdout).toContain('### From SDUNet to SDUNet with width=32 (models/sdunet.arch)');
    expect(result.stdout).toContain(
      '### Weights that SDUNet with width=32 could take from SDUNet\n',
    );
  });

  it('says where nothing differs', () => {
    const file = put(folder, 'm.arch', body('output y = x -> conv(4)'));
    expect(archc(['diff', file, file]).stdout).toContain('No layer has changed.');
    const other = put(folder, 'n.arch', body('output y = x -> conv(8)'));
    expect(archc(['diff', 'm.arch', 'n.arch'], { cwd: folder }).stdout).toMatch(
      /\nWeights that (\w+) \(n\.arch\) could take from \1 \(m\.arch\)\n/,
    );
    expect(other).toContain('n.arch');
  });

  it('reads one side from standard input', () => {
    const file = put(folder, 'm.arch', body('output y = x -> conv(4)'));
    const result = archc(['diff', '-', file], { input: body('output y = x -> conv(2)') });
    expect(result.code).toBe(0);
    expect(result.stdout).toContain('filters 2 → 4');
  });

  it.each([
    [['models/sdunet.arch'], 'usage'],
    [['models/sdunet.arch', '--model', 'SDUNet', '--to', 'SDUNet'], 'usage'],
    [['-', '-'], 'usage'],
    [['models/sdunet.arch', '--to', 'SDUNetNoSW'], 'unknown-model'],
    [['models/sdunet.arch', '--to-set', 'wdith=3'], 'unknown-parameter'],
    [['models/sdunet.arch', 'models/sdunet.arch', '--format', 'csv'], 'wrong-option'],
  ])('refuses %j', (args, code) => {
    const result = archc(['diff', ...args, '--json']);
    expect(result.code).toBe(2);
    expect(codesOf(result)).toEqual([code]);
  });

  it('points at the flag that is at fault', () => {
    const place = (...args: string[]): string =>
      archc(['diff', 'models/sdunet.arch', ...args]).stderr;
    expect(place('--to-set', 'wdith=3')).toContain('--> --to-set:1:1');
    expect(place('--to-set', '3')).toContain('`--to-set` takes a parameter and its value');
    expect(place('--set', '3', '--to-set', 'width=8')).toContain('as in `--set width=32`');
  });

  it('has examples that can be typed', () => {
    const { stdout } = archc(['diff', '--help']);
    expect(stdout).toContain(
      '\n  $ git show HEAD:models/unet.arch | archc diff - models/unet.arch\n',
    );
  });

  it('reports a model that is not valid', () => {
    const file = put(folder, 'bad.arch', body('output y = x -> conv(4, groups = 3)'));
    const result = archc(['diff', 'models/unet.arch', file, '--json']);
    expect(result.code).toBe(1);
    expect(codesOf(result)).toEqual(['indivisible']);
  });
});
