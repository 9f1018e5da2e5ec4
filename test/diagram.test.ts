/** Pictures of models: what they show, that nothing lies over anything else, and how they are written. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pictureFiles } from '../scripts/picture-files.js';
import { boxesOf, writeDiagram } from '../src/backends/diagram/index.js';
import { diagramDot } from '../src/backends/diagram/dot.js';
import { diagramMermaid } from '../src/backends/diagram/mermaid.js';
import { check } from '../src/compiler/check.js';
import { modelOf } from './helpers/check.js';
import { diagramOf, problemsOfPicture, read } from './helpers/diagrams.js';
import { pictureOf } from './helpers/svg.js';
import { archc, codesOf, json, put, ROOT, SMALL, temporaryFolder } from './helpers/cli.js';

const FILES = [
  'models/unet.arch',
  'models/sdunet.arch',
  'models/phone.arch',
  'models/zoo/unet.arch',
  'models/zoo/resnet18.arch',
  'models/zoo/mobilenet_v2.arch',
];

/** Small, with everything that a picture can have. */
const TINY = `## Rectified.
block layer(filters: int) = conv(filters) -> relu

model Tiny() {
  ## Grey, "as < it & is".
  input image: f32[8, 8, 1]
  e1 = image -> layer(4)
  e2 = e1 -> maxpool(2) -> layer(8) -> dropout(0.5)
  output mask = e2 -> upsample(2) -> concat(e1) -> layer(4) -> identity
}
`;

/** Several ways around the columns of a U, and into and out of its foot. */
const TANGLED = `block cell(f: int) = conv(f) -> relu
model Tangled() {
  input image: f32[64, 64, 1]
  e1 = image -> cell(4)
  e2 = e1 -> maxpool(2) -> cell(4)
  e3 = concat(e2 -> maxpool(2), e1 -> maxpool(4)) -> cell(4)
  e4 = concat(e3 -> maxpool(2), e2 -> maxpool(4)) -> cell(4)
  f4 = concat(e4 -> cell(4), e1 -> maxpool(8)) -> cell(4)
  d3 = concat(f4 -> upsample(2), e3) -> cell(4)
  d2 = concat(e1 -> maxpool(2), e2, d3 -> upsample(2), e4 -> upsample(4)) -> cell(4)
  d1 = concat(e1, d2 -> upsample(2), d3 -> upsample(4), e4 -> upsample(8)) -> cell(4)
  output mask = concat(image, d1) -> conv(1) -> sigmoid
}
`;

/** Branches, two inputs, two outputs: no U. */
const BRANCHES = `block inception(f: int) {
  a = in -> conv(f, k = 1) -> relu
  b = in -> conv(f, k = 1) -> relu -> conv(f, k = 3) -> relu
  return concat(a, b, in) -> conv(f)
}
block residual(f: int) = (in + (in -> inception(f))) -> relu
model Branches() {
  input left: f32[32, 32, 3]
  input right: f32[32, 32, 3]
  both = concat(left, right) -> conv(8)
  body = both -> residual(8) -> maxpool(2) -> residual(8)
  output classes = body -> globalavgpool -> dense(10) -> softmax
  output heat = body -> conv(1) -> sigmoid
}
`;

/** The U stands inside one block, as the standard library has it. */
const WHOLE = `import encoder_decoder from "std/segmentation.arch"
model Whole() {
  input image: f32[32, 32, 1]
  output mask = image -> encoder_decoder([4, 8, 16], conv) -> conv(1, k = 1)
}
`;

/** Two outputs and gates on the skips: lines past each other on the outer side of the decoder. */
const GATED = `model Gated() {
  input x: f32[64, 64, 1]
  e1 = x -> conv(8) -> relu
  e1b = e1 -> conv(8) -> relu
  e1c = concat(e1, e1b) -> conv(8)
  e2 = concat(e1c, e1, e1b) -> maxpool(2) -> conv(16) -> relu
  e3 = e2 -> maxpool(2) -> conv(32) -> relu
  e3b = e3 -> conv(32)
  e3c = e3 + e3b
  u2 = e3c -> upsample(2) -> conv(16)
  g2 = e2 * (add(e2 -> conv(16, k = 1), u2 -> conv(16, k = 1)) -> relu -> conv(1, k = 1) -> sigmoid)
  d2 = concat(g2, u2) -> conv(16) -> relu
  u1 = d2 -> upsample(2) -> conv(8)
  d1 = concat(e1c, u1) -> conv(8) -> relu
  output deep = d2 -> conv(1) -> upsample(2) -> sigmoid
  output mask = d1 -> conv(1, k = 1) -> sigmoid
}
`;

/** Names that are wider than what they name. */
const LONG = `model Long() {
  input x: f32[8, 8, 3]
  a_rather_long_name_of_a_binding = x -> relu -> sigmoid
  another_one_of_which_nobody_would_want_to_read_all_in_a_picture =
    a_rather_long_name_of_a_binding -> relu -> conv(2)
  output y = another_one_of_which_nobody_would_want_to_read_all_in_a_picture -> relu
}
`;

const tiny = modelOf(TINY);

describe('what a picture shows', () => {
  it('has a box for each binding, with what is inside', () => {
    const { items, depth } = diagramOf(tiny, 1);
    expect(depth).toBe(1);
    expect(boxesOf(items).map(({ kind, path, detail }) => [kind, path, detail])).toEqual([
      ['input', 'image', ''],
      ['block', 'e1', 'layer: conv · relu'],
      ['block', 'e2', 'maxpool · layer · dropout'],
      ['block', 'mask', 'upsample · concat · layer'],
      ['output', 'mask', ''],
    ]);
  });

  it('opens blocks by depth, merging those of one part', () => {
    const { items } = diagramOf(tiny, 2);
    expect(items.map(({ kind, label }) => `${kind} ${label}`)).toEqual([
      'input image',
      'block e1.layer',
      'group e2',
      'group mask',
      'output mask',
    ]);
    expect(boxesOf(items).map(({ path }) => path)).toEqual([
      'image',
      'e1.layer',
      'e2.maxpool',
      'e2.layer',
      'e2.dropout',
      'mask.upsample',
      'mask.concat',
      'mask.layer',
      'mask',
    ]);
    expect(diagramOf(tiny, 99).items).toEqual(diagramOf(tiny, 3).items);
  });

  it('opens as little as makes six boxes where no depth is given', () => {
    expect(diagramOf(tiny).depth).toBe(2);
    expect(diagramOf(modelOf(WHOLE)).depth).toBe(3);
    const one = 'model One() { input x: f32[4, 4, 1] output y = x -> relu }';
    expect(diagramOf(modelOf(one)).depth).toBe(2);
  });

  it('opens a block that would hide nearly everything', () => {
    const host = { read: (file: string) => ({ ok: true, text: read(file) }) as const };
    const path = 'models/phone.arch';
    const [model] = check({ path, text: read(path) }, host).models;
    if (model === undefined) throw new Error('no model');
    expect(diagramOf(model).depth).toBe(3);
    expect(boxesOf(diagramOf(model, 2).items).length).toBeGreaterThan(6);
  });

  it('knows skips from the ways that they pass by, and leaves out identity', () => {
    const { edges, items } = diagramOf(tiny, 1);
    const name = new Map(boxesOf(items).map(({ id, kind, path }) => [id, `${kind} ${path}`]));
    expect(
      edges.map(({ from, to, shape, isSkip }) => [name.get(from), name.get(to), shape, isSkip]),
    ).toEqual([
      ['input image', 'block e1', [8, 8, 1], false],
      ['block e1', 'block e2', [8, 8, 4], false],
      ['block e2', 'block mask', [4, 4, 8], false],
      ['block e1', 'block mask', [8, 8, 4], true],
      ['block mask', 'output mask', [8, 8, 4], false],
    ]);
  });

  it('has all figures: those of the boxes add up to those of the model', () => {
    for (const depth of [1, 2, 3]) {
      const { items, figures } = diagramOf(tiny, depth);
      const sum = (key: 'params' | 'macs' | 'flops'): number =>
        boxesOf(items).reduce((n, box) => n + box.figures[key], 0);
      for (const key of ['params', 'macs', 'flops'] as const) expect(sum(key)).toBe(figures[key]);
    }
    // By hand: 3×3 convolutions from 1 to 4, 4 to 8 and 12 to 4 channels, with biases.
    expect(diagramOf(tiny).figures.params).toBe(40 + 296 + 436);
  });

  it('draws an output that is an input', () => {
    const { items, edges } = diagramOf(modelOf('model Same() { input x: f32[4] output y = x }'));
    expect(items).toHaveLength(2);
    expect(edges).toHaveLength(1);
  });
});

describe('SVG', () => {
  const programs = {
    Tiny: TINY,
    Tangled: TANGLED,
    Branches: BRANCHES,
    Whole: WHOLE,
    Gated: GATED,
    Long: LONG,
  };
  const cases = Object.entries(programs).flatMap(([name, text]) =>
    [1, 2, 3].map((depth) => ({ name, text, depth })),
  );
  it.each(cases)('$name at depth $depth has everything in its place', async ({ text, depth }) => {
    expect(await problemsOfPicture(diagramOf(modelOf(text), depth))).toEqual([]);
  });

  it.each(FILES)(
    'of every model of %s at depths 1 to 3 has everything in its place',
    async (path) => {
      const host = { read: (file: string) => ({ ok: true, text: read(file) }) as const };
      const { models } = check({ path, text: read(path) }, host);
      expect(models.length).toBeGreaterThan(0);
      // Variants differ in figures; the first and last are drawn at every depth.
      for (const [i, model] of models.entries()) {
        const depths = i === 0 || i === models.length - 1 ? [1, 2, 3] : [1];
        for (const depth of depths) {
          expect(await problemsOfPicture(diagramOf(model, depth)), model.name).toEqual([]);
        }
      }
    },
  );

  it('draws a U-Net as a U', async () => {
    const svg = await writeDiagram(diagramOf(modelOf(WHOLE)), 'svg');
    expect(svg).toContain('the U is the inside of mask.encoder_decoder');
    const { rects, texts } = pictureOf(svg);
    const middle = (label: string): [x: number, y: number] => {
      const text = texts.find(({ element }) => element.text === label);
      const box = rects.find(
        (r) =>
          r.classes.includes('box') &&
          text &&
          r.x < text.x &&
          r.y < text.y &&
          text.y < r.y + r.height &&
          text.x < r.x + r.width,
      );
      if (box === undefined) throw new Error(`no box ${label}`);
      return [box.x + box.width / 2, box.y + box.height / 2];
    };
    const [first, pool, foot] = [middle('conv_1'), middle('maxpool_1'), middle('conv_3')];
    const [meet, last] = [middle('concat_2'), middle('conv_5')];
    // Down on the left …
    expect(first[0]).toBeCloseTo(pool[0]);
    expect(pool[1]).toBeGreaterThan(first[1]);
    // … through the foot, below and between …
    expect(foot[1]).toBeGreaterThan(Math.max(pool[1], middle('concat_1')[1]));
    expect(foot[0]).toBeGreaterThan(first[0]);
    expect(foot[0]).toBeLessThan(last[0]);
    // … and up on the right, level with the resolution.
    expect(last[0]).toBeCloseTo(meet[0]);
    expect(last[1]).toBeLessThan(meet[1]);
    expect(meet[1]).toBeCloseTo(first[1]);
  });

  it('is the same each time', async () => {
    const diagram = diagramOf(modelOf(BRANCHES), 3);
    expect(await writeDiagram(diagram, 'svg')).toBe(await writeDiagram(diagram, 'svg'));
  });

  it('says what the source says, and exact figures, on pointing at a box', async () => {
    const svg = await writeDiagram(diagramOf(tiny, 1), 'svg');
    expect(svg).toContain('Grey, &quot;as &lt; it &amp; is&quot;.');
    expect(svg).toContain('\n40 parameters, 2,304 MACs, ');
    expect(svg).toContain('>Tiny</text>');
    expect(svg).toContain('>772 parameters · ');
  });

  it('in docs/ is up to date: `npm run generate`', async () => {
    for (const [path, text] of await pictureFiles()) expect(read(path) === text, path).toBe(true);
    expect(read('README.md')).toContain('(docs/sdunet.svg)');
  });
});

describe('DOT', () => {
  it('has groups, boxes and edges', () => {
    expect(diagramDot(diagramOf(tiny, 2))).toMatchInlineSnapshot(`
      "digraph "Tiny" {
        graph [label="Tiny\\n772 parameters · 34,560 MACs · 70,656 FLOPs for one image\\nfilled: has parameters; dashed: skip connection", labelloc=t, fontname=Helvetica, fontsize=14]
        node [shape=box, fontname=Helvetica, fontsize=11]
        edge [fontname=Helvetica, fontsize=10]
        n0 [label="image", tooltip="image", style="rounded,filled", fillcolor="#efefef"]
        n1 [label="e1.layer\\nconv · relu\\n40 params, 2.30 k MACs", tooltip="e1.layer", style=filled, fillcolor="#e8f0fa"]
        subgraph cluster_g0 {
          label="e2"
          style=dashed
          n2 [label="maxpool", tooltip="e2.maxpool"]
          n3 [label="layer\\nconv · relu\\n296 params, 4.61 k MACs", tooltip="e2.layer", style=filled, fillcolor="#e8f0fa"]
          n4 [label="dropout\\nrate = 0.5", tooltip="e2.dropout"]
        }
        subgraph cluster_g1 {
          label="mask"
          style=dashed
          n5 [label="upsample", tooltip="mask.upsample"]
          n6 [label="concat", tooltip="mask.concat"]
          n7 [label="layer\\nconv · relu\\n436 params, 27.6 k MACs", tooltip="mask.layer", style=filled, fillcolor="#e8f0fa"]
        }
        n8 [label="mask", tooltip="mask", style="rounded,filled", fillcolor="#efefef"]
        n0 -> n1 [label="8×8×1"]
        n1 -> n2 [label="8×8×4"]
        n2 -> n3 [label="4×4×4"]
        n3 -> n4 [label="4×4×8"]
        n4 -> n5 [label="4×4×8"]
        n5 -> n6 [label="8×8×8"]
        n1 -> n6 [label="8×8×4", style=dashed, color="#b3411e", fontcolor="#b3411e"]
        n6 -> n7 [label="8×8×12"]
        n7 -> n8 [label="8×8×4"]
      }
      "
    `);
  });
});

describe('Mermaid', () => {
  it('has groups, boxes and edges', () => {
    expect(diagramMermaid(diagramOf(tiny, 2))).toMatchInlineSnapshot(`
      "---
      title: "Tiny: 772 parameters · 34,560 MACs · 70,656 FLOPs for one image"
      ---
      flowchart TB
        n0(["image"])
        n1["e1.layer<br/>conv · relu<br/>40 params, 2.30 k MACs"]
        subgraph g0["e2"]
          n2["maxpool"]
          n3["layer<br/>conv · relu<br/>296 params, 4.61 k MACs"]
          n4["dropout<br/>rate = 0.5"]
        end
        subgraph g1["mask"]
          n5["upsample"]
          n6["concat"]
          n7["layer<br/>conv · relu<br/>436 params, 27.6 k MACs"]
        end
        n8(["mask"])
        n0 -->|"8×8×1"| n1
        n1 -->|"8×8×4"| n2
        n2 -->|"4×4×4"| n3
        n3 -->|"4×4×8"| n4
        n4 -->|"4×4×8"| n5
        n5 -->|"8×8×8"| n6
        n1 -.->|"8×8×4"| n6
        n6 -->|"8×8×12"| n7
        n7 -->|"8×8×4"| n8
        classDef learned fill:#e8f0fa,stroke:#333333
        classDef endpoint fill:#efefef,stroke:#333333
        class n1,n3,n7 learned
        class n0,n8 endpoint
      "
    `);
  });

  it.each([1, 2, 3])('at depth %i keeps to the grammar of a flowchart', (depth) => {
    const text = diagramMermaid(diagramOf(modelOf(TANGLED), depth));
    const [, body = ''] = /^---\ntitle: "[^"\n]*"\n---\nflowchart TB\n([^]*)\n$/.exec(text) ?? [];
    const string = '"[^"\\n]+"';
    const line = new RegExp(
      `^ *(n\\d+(\\[${string}\\]|\\(\\[${string}\\]\\))|subgraph g\\d+\\[${string}\\]|end|` +
        `n\\d+ (-->|-\\.->)\\|${string}\\| n\\d+|classDef \\w+ [\\w#:,]+|class (n\\d+,?)+ \\w+)$`,
    );
    for (const each of body.split('\n')) expect(each).toMatch(line);
    expect(body.match(/subgraph/g)?.length).toBe(body.match(/^ *end$/gm)?.length);
  });
});

describe('archc graph', () => {
  const folder = temporaryFolder();
  put(folder, 'small.arch', SMALL);
  const graph = (...args: string[]): ReturnType<typeof archc> =>
    archc(['graph', ...args], { cwd: folder });
  const written = (name: string): string => readFileSync(join(folder, name), 'utf8');

  it('writes NAME.svg, and replaces it', () => {
    const expected = { code: 0, stdout: 'wrote small.svg: model Small, 6 blocks at depth 2\n' };
    expect(graph('small.arch')).toMatchObject(expected);
    const first = written('small.svg');
    expect(graph('small.arch')).toMatchObject(expected);
    expect(written('small.svg')).toBe(first);
    expect(pictureOf(first).rects.length).toBeGreaterThan(6);
  });

  it.each([
    ['net.dot', /^digraph "Small" \{/],
    ['net.gv', /^digraph "Small" \{/],
    ['net.mmd', /^---\ntitle: "Small: /],
    ['net.mermaid', /^---\ntitle: "Small: /],
    ['net.SVG', /^<svg /],
  ])('knows the format of %s', (name, start) => {
    // The second time replaces the first.
    for (const _ of [1, 2]) expect(graph('small.arch', '-o', name).code).toBe(0);
    expect(written(name)).toMatch(start);
  });

  it('writes to standard output, with nothing else there', () => {
    expect(graph('small.arch', '-o', '-').stdout).toMatch(/^<svg [^]*<\/svg>\n$/);
    const dot = graph(
      'small.arch',
      '-o',
      '-',
      '--format',
      'dot',
      '--set',
      'width=5',
      '--size',
      '32x48',
    );
    expect(dot.stdout).toContain('32×48×5');
    expect(graph('small.arch', '--format', 'dot', '-o', 'any.name').code).toBe(0);
    expect(written('any.name')).toMatch(/^digraph/);
  });

  it('describes what it wrote as JSON', () => {
    expect(json(graph('small.arch', '--json', '--depth', '1', '-o', 'x.dot'))).toMatchObject({
      model: 'Small',
      file: 'small.arch',
      format: 'dot',
      depth: 1,
      blocks: 1,
      edges: 2,
      files: [{ path: 'x.dot', bytes: Buffer.byteLength(written('x.dot')) }],
    });
  });

  it('chooses a model', () => {
    const stdout = archc(['graph', 'models/unet.arch', '--model', 'UNetBrats', '-o', '-']).stdout;
    expect(stdout).toContain('>UNetBrats</text>');
    expect(stdout).toContain('>240×240×4</text>');
  });

  it.each([
    [['--depth', '0'], 'takes a whole number from 1 to 1000'],
    [['--depth', 'two'], 'takes a whole number from 1 to 1000'],
    [['-o', 'x.svgg'], 'did you mean `.svg`?'],
    [['-o', 'x'], 'no ending'],
    [['-o', 'x.svg', '--format', 'dot'], 'a file called .svg is not dot'],
    [['--format', 'swg'], 'did you mean `svg`?'],
    [['-o', '-', '--json'], 'standard output is for the JSON document'],
  ])('refuses %j', (args, message) => {
    const result = graph('small.arch', ...args);
    expect(result.code).toBe(2);
    expect(result.stdout + result.stderr).toContain(message);
  });

  it('refuses to write over a file of another kind, unless it is told to', () => {
    const kept = 'my notes, with <svg> in them\n';
    put(folder, 'notes.svg', kept);
    const refused = graph('small.arch', '-o', 'notes.svg');
    expect(refused.code).toBe(3);
    expect(refused.stderr).toContain('notes.svg exists and holds something else');
    expect(written('notes.svg')).toBe(kept);
    expect(graph('small.arch', '-o', 'notes.svg', '--force').code).toBe(0);
  });

  it('refuses what has no model, no size, or too much to draw', () => {
    expect(codesOf(archc(['graph', 'models/blocks.arch', '--json'], { cwd: ROOT }))).toEqual([
      'no-model',
    ]);
    put(folder, 'free.arch', 'model M() { input x: f32[H, W, 1] output y = x -> relu }');
    expect(codesOf(graph('free.arch', '--json'))).toEqual(['size-needed']);
    put(folder, 'long.arch', 'model M() { input x: f32[2, 2, 1] output y = x -> relu * 1001 }');
    expect(codesOf(graph('long.arch', '--depth', '2', '--json'))).toEqual(['too-large']);
    expect(graph('long.arch', '--depth', '2', '-o', 'long.dot').code).toBe(0);
  });
});
