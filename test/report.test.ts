/** What the HTML report says: figures equal to those of `stats`, costs of lines that add up. */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { COLOR } from '../src/charts/svg.js';
import type { statsDocument } from '../src/tables/stats-format.js';
import { formatNumber } from '../src/tables/table.js';
import type { CheckedModel } from '../src/compiler/check.js';
import type { Target } from '../src/compile.js';
import { modelMemory } from '../src/compiler/model-memory.js';
import { roofline, type Roofline } from '../src/compiler/roofline.js';
import { SCRIPT, STYLE } from '../src/report/assets.js';
import { gatherModel } from '../src/report/gather.js';
import { lineCosts } from '../src/report/line-costs.js';
import { markup, trusted } from '../src/report/markup.js';
import { shown, type ReportModel } from '../src/report/model.js';
import { rooflineSection } from '../src/report/roofline.js';
import { codesOf, archc, json, put, ROOT, SMALL, temporaryFolder } from './helpers/cli.js';
import { checkText, figuresOf, modelOf, modelsOf } from './helpers/check.js';

const MODELS = [
  'models/blocks.arch',
  'models/phone.arch',
  'models/sdunet.arch',
  'models/unet.arch',
];
const folder = temporaryFolder();
const made = archc(['stats', ...MODELS, '--format', 'html']);
const page = made.stdout;
const { models } = json(archc(['stats', ...MODELS, '--json'])) as unknown as ReturnType<
  typeof statsDocument
>;

/** The text of each cell of the row that has this header, as a reader sees it. */
function row(table: string, header: string): string[] {
  const found = table
    .split('</tr>')
    .find((each) => textOf(/<th scope="row">(.*?)<\/th>/s.exec(each)?.[1] ?? '') === header);
  return [...(found ?? '').matchAll(/<td[^>]*>(.*?)<\/td>/gs)].map(([, cell = '']) =>
    textOf(cell.replace(/<small>.*?<\/small>/g, '')),
  );
}

function textOf(html: string): string {
  return html
    .replace(/<[^>]*>/g, '')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&');
}

/** The part of the page from one id to the next heading. */
function part(id: string): string {
  const start = page.indexOf(`id="${id}"`);
  return page.slice(start, page.indexOf('</section>', start));
}

describe('a report of models/*.arch', () => {
  it('leaves out the file that has no model, and says so', () => {
    expect(made).toMatchObject({
      code: 0,
      stderr: 'models/blocks.arch declares no model: left out\n',
    });
    expect(models.map(({ name }) => name)).toEqual(['SDUNetPhone', 'SDUNet', 'UNet']);
    expect(codesOf(archc(['stats', 'models/blocks.arch', '--json']))).toEqual(['no-model']);
    const none = archc(['stats', 'models/blocks.arch', 'models/blocks.arch']);
    expect(none.code).toBe(1);
    expect(none.stderr).toContain('declares no model');
  });

  it('has the figures of stats, side by side with ratios to the first', () => {
    const summary = part('summary');
    const exact = (value: (m: (typeof models)[number]) => number): string[] =>
      models.map((m) => formatNumber(value(m), 0));
    expect(row(summary, 'parameters')).toEqual(exact((m) => m.params));
    expect(row(summary, 'MACs')).toEqual(exact((m) => m.macs));
    expect(row(summary, 'FLOPs')).toEqual(exact((m) => m.flops));
    expect(row(summary, 'peak of activations (MiB)')).toEqual(['20.00', '80.00', '64.00']);
    expect(summary).toContain('<small>55.69× more</small>');
    expect(part('conventions')).toContain('7,828,224');
  });

  it('has every layer with its figures and a link to its line', () => {
    models.forEach(({ layers }, i) => {
      const table = part(`m${i + 1}-layers-table`);
      for (const { path, op, output, params, macs, flops, source } of layers) {
        const [, file = '', line = ''] = /([^/]+):(\d+):\d+$/.exec(source) ?? [];
        expect(row(table, path).slice(1), path).toEqual([
          op,
          output.join('×'),
          ...[params, macs, flops].map((count) => formatNumber(count, 0)),
          `${file}:${line}`,
        ]);
      }
    });
    for (const [, target = ''] of page.matchAll(/href="#([^"]*)"/g)) {
      expect(page.split(`id="${target}"`), target).toHaveLength(2);
    }
  });

  it('says what each convention counts, and what makes the difference', () => {
    const gaps = part('m2-gaps');
    expect(gaps.match(/class="arrow"/g)).toHaveLength(10);
    expect(gaps).toMatch(/tf has no rule for [^<]*groupnorm ×10/);
    expect(part('conventions')).toMatch(/SDUNet: [^<]*groupnorm ×10/);
    const one = archc([
      'stats',
      'models/sdunet.arch',
      '--format',
      'html',
      '--convention',
      'fvcore',
    ]);
    expect(one.stdout.match(/class="arrow"/g)).toHaveLength(1);
    expect(one.stdout).toContain('<button type="button">fvcore</button>');
    const pair = archc([
      'stats',
      'models/sdunet.arch',
      '--format',
      'html',
      '--reconcile',
      'paper',
      'tf',
    ]);
    expect(textOf(pair.stdout)).toContain('paper 7,828,224 FLOPs → tf 16,887,250,944 FLOPs');
  });

  it('marks the peak of memory with what is alive then', () => {
    const memory = part('m2-memory');
    expect(textOf(memory)).toContain('80.00 MiB, while d1.rise.sepconv.dwconv runs');
    expect(memory).toContain('80 MiB at d1.rise.sepconv.dwconv');
    expect(row(memory, 'e1.groupnorm')).toEqual([
      '256×256×64',
      '16.00',
      '20%',
      'models/sdunet.arch:28:47',
    ]);
  });

  it('has the order of operators that needs least, training and files', () => {
    expect(textOf(part('m2-memory'))).toContain('No order of the operators needs less.');
    const training = part('m2-training');
    // Weights, gradients and Adam's two moments of 3,935,041 parameters, and what is kept.
    expect(row(training, 'state of the optimiser')).toEqual(['0.00', '15.01', '30.02']);
    expect(row(training, 'weights and running statistics')).toEqual(['15.01', '15.01', '15.01']);
    expect(row(part('m2-sizes'), 'float32')[0]).toBe('15,740,164');
    expect(row(part('m2-sizes'), 'float16')[0]).toBe('7,870,082');
    const order = put(
      folder,
      'order.arch',
      `model Order() {
  input image: f32[64, 64, 4]
  a = image -> conv(32, k = 1)
  b = image -> conv(32, k = 1)
  c = a -> conv(1, k = 1)
  d = b -> conv(1, k = 1)
  output mask = concat(c, d)
}
`,
    );
    const found = archc(['stats', order, '--format', 'html']).stdout;
    expect(textOf(found)).toContain('In the best order of operators that is found it is');
    // In float32: 1.06 MiB in the order of the source, with both wide tensors alive.
    expect(found.match(/class="steps"/g)).toHaveLength(2);
    expect(found).toContain('in the best order</text>');
  });

  it('estimates the time on a device that is asked for', () => {
    const asked = ['stats', 'models/sdunet.arch', '--device', 'devices/phone.json'];
    const html = archc([...asked, '--format', 'html']).stdout;
    const [model] = json(archc([...asked, '--json']))['models'] as { estimate: Roofline }[];
    const ms = formatNumber((model?.estimate.seconds ?? 0) * 1e3, 2);
    expect(textOf(html)).toContain(`An estimated ${ms} ms an image`);
    expect(page).not.toContain('ms an image');
  });

  it('shows pictures, the last of them for all models', () => {
    expect(page.match(/aria-label="Architecture of \w+" font/g)).toHaveLength(3);
    expect(part('summary')).toContain('aria-label="Parameters and MACs"');
    expect(archc(['stats', 'models/unet.arch', '--format', 'html']).stdout).not.toContain(
      'Parameters and MACs',
    );
  });

  it('knows every colour of its pictures in dark', () => {
    const used = new Set(
      [...page.matchAll(/ (?:fill|stroke)="(#[^"]*)"/g)].map(([, color]) => color),
    );
    expect(used.size).toBeGreaterThan(5);
    for (const color of used) expect(Object.values(COLOR)).toContain(color);
  });

  it('needs nothing but itself, has its landmarks, and is the same each time', () => {
    expect(page).not.toMatch(/<(link|img|iframe|object|base)\b|@import|url\(|src=/);
    expect(page.replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:\/\//);
    expect(page).toMatch(/^<!doctype html>\n<html lang="en">/);
    for (const tag of ['title', 'header', 'nav', 'main', 'footer', 'h1']) {
      expect(page.match(new RegExp(`<${tag}[ >]`, 'g'))?.length ?? 0, tag).toBeGreaterThan(0);
    }
    expect(archc(['stats', ...MODELS, '--format', 'html']).stdout).toBe(page);
  });

  it('embeds the style sheet and the script of its folder', () => {
    expect(STYLE).toBe(readFileSync(join(ROOT, 'src/report/style.css'), 'utf8'));
    expect(SCRIPT).toBe(readFileSync(join(ROOT, 'src/report/client.js'), 'utf8'));
    expect(SCRIPT).not.toMatch(/<\/script|<!--/i);
  });
});

describe('the costs of lines', () => {
  const text = `import twice from "./lib.arch"

block wide(filters: int) = conv(filters) -> relu

model M() {
  input image: f32[8, 8, 1]
  a = image -> wide(2) -> wide(2)
  b = a
    -> twice(4)
  output mask = concat(a, b) -> conv(1, k = 1)
}
`;
  const library = `## Two convolutions.
block twice(filters: int) =
  conv(filters, k = 1)
  -> conv(filters, k = 1)
`;
  const model = modelOf(text, { 'lib.arch': library });

  function costsOf(each: CheckedModel): ReturnType<typeof lineCosts> {
    if (each.staticGraph === undefined) throw new Error('no graph');
    return lineCosts(each.staticGraph, figuresOf(each));
  }

  it('are those of the calls on a line, and of what these expand to', () => {
    const [file, lib] = [...costsOf(model).values()];
    const params = (kind: 'own' | 'all', lines = file?.lines): (readonly [number, number])[] =>
      [...(lines ?? [])]
        .map(([line, cost]) => [line, cost[kind].params] as const)
        .sort((a, b) => a[0] - b[0]);
    // 3·3·1·2 + 2 and 3·3·2·2 + 2; 2·4 + 4 and 4·4 + 4; (2 + 4)·1 + 1.
    expect(params('all')).toEqual([
      [3, 58],
      [7, 58],
      [9, 32],
      [10, 7],
    ]);
    expect(params('own')).toEqual([
      [3, 58],
      [7, 0],
      [9, 0],
      [10, 7],
    ]);
    expect(params('all', lib?.lines)).toEqual([
      [3, 12],
      [4, 20],
    ]);
    expect(file?.lines.get(3)?.own.activationBytes).toBe(4 * 64 * (2 + 2 + 2 + 2));
    expect(file?.lines.get(10)?.all.activationBytes).toBe(4 * 64 * (6 + 1));
  });

  it('add up to the figures of the model, for every model', () => {
    const files = Object.fromEntries(
      ['models/blocks.arch'].map((name) => [name, readFileSync(join(ROOT, name), 'utf8')]),
    );
    const all = ['models/sdunet.arch', 'models/unet.arch'].flatMap((path) => [
      ...modelsOf(readFileSync(join(ROOT, path), 'utf8'), {
        'blocks.arch': files['models/blocks.arch'] ?? '',
      }).values(),
    ]);
    expect(all.length).toBeGreaterThan(5);
    for (const each of [model, ...all]) {
      const figures = figuresOf(each);
      const costs = [...costsOf(each).values()];
      for (const key of ['params', 'buffers', 'macs', 'flops'] as const) {
        const lines = costs.flatMap(({ lines: own }) =>
          [...own.values()].map((cost) => cost.own[key]),
        );
        expect(
          lines.reduce((a, b) => a + b, 0),
          `${each.name} ${key}`,
        ).toBe(figures[key]);
        expect(costs.reduce((sum, { own }) => sum + own[key], 0)).toBe(figures[key]);
      }
    }
  });
});

describe('markup', () => {
  it('escapes text, and only text', () => {
    const evil = '<b a="1">&\u0000';
    expect(
      markup`<p title="${evil}">${evil}${trusted('<i>x</i>')}${[markup`${1}`, markup`${'<'}`]}</p>`
        .html,
    ).toBe(
      '<p title="&lt;b a=&quot;1&quot;&gt;&amp;\uFFFD">&lt;b a=&quot;1&quot;&gt;&amp;\uFFFD<i>x</i>1&lt;</p>',
    );
  });
});

const FILE_BYTES: Readonly<Record<Target, number>> = {
  onnx: 1000,
  tfjs: 1500,
  wgsl: 2000,
};

describe('the roofline of a report', () => {
  const model = modelOf(SMALL);
  const graph = model.staticGraph;
  const device = { name: 'Bench <1>', peakFlops: 1e9, memoryBandwidth: 1e9, memoryBytes: 2 ** 20 };

  it('has the time of each layer, what bounds it, and whether it fits', () => {
    if (graph === undefined) throw new Error('no graph');
    const memory = modelMemory(graph);
    if (!memory.ok) throw new Error('no memory');
    const figures = {
      ...figuresOf(model),
      memory: { ...memory.value, batches: [1], fileBytes: FILE_BYTES, unwritable: [] },
    };
    const estimate = roofline(graph, device);
    const gathered = gatherModel(figures, graph, checkText(SMALL).program);
    if (!gathered.ok) throw new Error('not gathered');
    const base = gathered.value;
    const timed = (estimated: Roofline): ReportModel => ({
      ...base,
      figures: { ...figures, roofline: estimated },
    });
    const section = rooflineSection(shown(timed(estimate), 'Small', 'm1'));
    const html = section?.body.html ?? '';
    expect(textOf(html)).toContain(
      `An estimated ${formatNumber(estimate.seconds * 1e3, 2)} ms an image`,
    );
    expect(html).toContain('Time on Bench &lt;1&gt;');
    expect(textOf(html)).toContain('it fits.');
    for (const { path, bound, flops, bytes } of estimate.layers) {
      const cells = row(html, path);
      expect(cells.slice(0, 3)).toEqual([bound, formatNumber(flops, 0), formatNumber(bytes, 0)]);
    }
    const tiny = roofline(graph, { ...device, memoryBytes: 16 });
    const other = rooflineSection(shown(timed(tiny), 'Small', 'm1'));
    expect(textOf(other?.body.html ?? '')).toContain('it does not fit.');
    expect(rooflineSection(shown(base, 'Small', 'm1'))).toBeUndefined();
  });
});

describe('archc stats -o', () => {
  const small = put(folder, 'small.arch', SMALL);

  it.each([
    ['a.html', '<!doctype html>'],
    ['a.json', '{'],
    ['a.csv', 'model,file'],
    ['a.md', '### Exact figures'],
    ['a.txt', 'Exact figures'],
  ])('writes %s by its ending, and replaces it', (name, start) => {
    const path = join(folder, name);
    for (const size of ['16x16', '32x32']) {
      const result = archc(['stats', small, '-o', path, '--size', size]);
      expect(result).toMatchObject({ code: 0, stdout: `wrote ${path}: the figures of 1 model\n` });
    }
    const text = readFileSync(path, 'utf8');
    expect(text.startsWith(start)).toBe(true);
    expect(text).toContain(name === 'a.json' ? '32,' : '32×32');
  });

  it('describes what it wrote as JSON', () => {
    const path = join(folder, 'b.json');
    expect(json(archc(['stats', small, '--json', '-o', path]))).toEqual({
      formatVersion: 1,
      format: 'json',
      models: 1,
      files: [{ path, bytes: statSync(path).size }],
    });
  });

  it('refuses to write over a file of another kind, unless it is told to', () => {
    const path = put(folder, 'mine.html', '<!doctype html>\n<html><body>mine</body></html>\n');
    const refused = archc(['stats', small, '--format', 'html', '-o', path]);
    expect(refused.code).toBe(3);
    expect(refused.stderr).toContain('exists and holds something else');
    expect(readFileSync(path, 'utf8')).toContain('mine');
    expect(archc(['stats', small, '--format', 'html', '-o', path, '--force']).code).toBe(0);
    expect(readFileSync(path, 'utf8')).toContain('generator');
    writeFileSync(join(folder, 'notes.md'), '### Notes\n');
    expect(archc(['stats', small, '-o', join(folder, 'notes.md')]).code).toBe(3);
  });

  it('refuses a name that is of another format, and leaves nothing after an error', () => {
    const path = join(folder, 'never.html');
    const wrong = archc(['stats', small, '--format', 'csv', '-o', path]);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain('a file called .html is not csv');
    expect(archc(['stats', put(folder, 'bad.arch', 'model M {'), '-o', path]).code).toBe(1);
    expect(() => statSync(path)).toThrow('ENOENT');
  });
});
