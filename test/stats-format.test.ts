/** The figures of models as people and programs read them. */
import { describe, expect, test } from 'vitest';
import { formatStats, statsDocument } from '../src/tables/stats-format.js';
import type { Graph } from '../src/compiler/ir.js';
import { stats, type ModelStats } from '../src/compiler/stats.js';
import { buildGraph } from './helpers/graph.js';
import { sdunet, unet } from './helpers/unets.js';

function statsOf(
  graph: Graph,
  name: string,
  file = `models/${name.toLowerCase()}.arch`,
): ModelStats {
  const found = stats({ ...graph, name, source: { ...graph.source, path: file } });
  if (!found.ok) throw new Error('no stats');
  return found.value;
}

const small = statsOf(
  buildGraph((g) => {
    const [a] = g.op('conv', [g.input([4, 4, 1])], { filters: 2 });
    const [b] = a === undefined ? [] : g.op('batchnorm', [a]);
    return b === undefined ? [] : g.op('relu', [b]);
  }),
  'Small',
);
const large = statsOf(
  buildGraph((g) => g.op('conv', [g.input([4, 4, 1])], { filters: 500 })),
  'Large',
);
const nothing = statsOf(
  buildGraph((g) => g.op('relu', [g.input([4, 4, 1])])),
  'Nothing',
);

/** One line of a table: its cells, without the space between them. */
function line(text: string, title: string): string[] {
  const found = text.split('\n').find((each) => each.trim().startsWith(title));
  return (found ?? '').trim().split(/ {2,}/);
}

describe('table', () => {
  test('U-Net against SD-UNet', () => {
    const models = [statsOf(unet({ size: 512 }), 'UNet'), statsOf(sdunet({ size: 512 }), 'SDUNet')];
    expect(`\n${formatStats(models, 'table')}`).toBe(`
Exact figures for one image

                                          UNet              SDUNet  SDUNet against UNet
────────────────────────────  ────────────────  ──────────────────  ───────────────────
file                          models/unet.arch  models/sdunet.arch
input                              x 512×512×1         x 512×512×1
output                             y 512×512×1         y 512×512×1
parameters                          31,031,685           3,935,041          7.89× fewer
  in kernels                        31,024,834           3,914,112          7.93× fewer
  in biases                              6,851              14,913           2.18× more
  in scales and shifts                       0               6,016       more than none
buffers (running statistics)                 0                   0             the same
MACs                           218,423,099,392      33,538,179,072          6.51× fewer
FLOPs                          437,198,782,464      68,259,938,304          6.40× fewer
weights in float32 (MB)                 124.13               15.74        7.89× smaller
  and Adam's moments (MB)               372.38               47.22        7.89× smaller
peak of activations (MiB)               256.00              320.00         1.25× larger
  reached in                           conv_52           dwconv_71
`);
  });

  test('one model has no ratios, and small sizes are in bytes', () => {
    expect(`\n${formatStats([small], 'table')}`).toBe(`
Exact figures for one image

                                          Small
────────────────────────────  ─────────────────
file                          models/small.arch
input                                   x 4×4×1
output                                  y 4×4×2
parameters                                   24
  in kernels                                 18
  in biases                                   2
  in scales and shifts                        4
buffers (running statistics)                  4
MACs                                        288
FLOPs                                       704
weights in float32 (bytes)                  112
  and Adam's moments (bytes)                304
peak of activations (bytes)                 256
  reached in                        batchnorm_2
`);
  });

  test('layers', () => {
    const text = formatStats([small, nothing], 'table', { perLayer: true });
    expect(text.slice(text.indexOf('\nSmall, layer'))).toBe(`
Small, layer by layer

layer        operator   output  parameters  buffers  MACs  FLOPs  source
───────────  ─────────  ──────  ──────────  ───────  ────  ─────  ─────────────
conv_1       conv        4×4×2          20        0   288    608  test.arch:1:1
batchnorm_2  batchnorm   4×4×2           4        4     0     64  test.arch:1:1
relu_3       relu        4×4×2           0        0     0     32  test.arch:1:1
total                                   24        4   288    704

Nothing, layer by layer

layer   operator  output  parameters  buffers  MACs  FLOPs  source
──────  ────────  ──────  ──────────  ───────  ────  ─────  ─────────────
relu_1  relu       4×4×1           0        0     0     16  test.arch:1:1
total                              0        0     0     16
`);
  });

  test('blocks', () => {
    const text = formatStats([small], 'table', { depth: 1 });
    expect(text.slice(text.indexOf('\nSmall, block'))).toBe(`
Small, block by block

block        layers  output  parameters  buffers  MACs  FLOPs
───────────  ──────  ──────  ──────────  ───────  ────  ─────
conv_1            1   4×4×2          20        0   288    608
batchnorm_2       1   4×4×2           4        4     0     64
relu_3            1   4×4×2           0        0     0     32
total             3                  24        4   288    704
`);
  });

  test('ratios say which way they go', () => {
    const against = (params: number): string | undefined =>
      line(
        formatStats(
          [
            { ...small, params: 1000 },
            { ...small, params },
          ],
          'table',
        ),
        'parameters',
      ).at(-1);
    expect(against(1000)).toBe('the same');
    expect(against(100)).toBe('10.00× fewer');
    expect(against(2500)).toBe('2.50× more');
    expect(against(999)).toBe('0.1% fewer');
    expect(against(1003)).toBe('0.3% more');
    expect(against(0)).toBe('none');
    const text = formatStats([nothing, small], 'table');
    expect(line(text, 'parameters').at(-1)).toBe('more than none');
    expect(line(text, 'peak of').at(-1)).toBe('2.00× larger');
  });

  test('a difference that would round away is still said', () => {
    const models = [
      { ...small, macs: 10 ** 9 },
      { ...small, macs: 10 ** 9 + 1 },
    ];
    expect(line(formatStats(models, 'table'), 'MACs').at(-1)).toBe('< 0.001% more');
  });

  test('sizes are in a unit of which even the smallest has one', () => {
    const sized = (...bytes: readonly number[]): string[] => {
      const models = bytes.map((weightBytes) => ({ ...small, weightBytes }));
      return line(formatStats(models, 'table'), 'weights').slice(0, 1 + bytes.length);
    };
    expect(sized(15_740_164)).toEqual(['weights in float32 (MB)', '15.74']);
    expect(sized(2_500_000_000, 15_740_164)).toEqual([
      'weights in float32 (MB)',
      '2,500.00',
      '15.74',
    ]);
    expect(sized(2_500_000_000)).toEqual(['weights in float32 (GB)', '2.50']);
    expect(sized(2000, 0)).toEqual(['weights in float32 (kB)', '2.00', '0.00']);
    expect(sized(0)).toEqual(['weights in float32 (bytes)', '0']);
  });

  test('models of one name are told apart', () => {
    const other = statsOf(
      sdunet({ size: 32, widths: [2, 2, 2, 2, 2], groups: 1 }),
      'Small',
      'b.arch',
    );
    expect(line(formatStats([small, other, other, nothing], 'table'), 'Small (')).toEqual([
      'Small (models/small.arch)',
      'Small (b.arch)',
      'Small (b.arch) #2',
      'Nothing',
      'Small (b.arch) against Small (models/small.arch)',
      'Small (b.arch) #2 against Small (models/small.arch)',
      'Nothing against Small (models/small.arch)',
    ]);
  });
});

describe('markdown', () => {
  test('a summary and layers', () => {
    expect(`\n${formatStats([large, small], 'markdown', { perLayer: true })}`).toBe(`
### Exact figures for one image

|  | Large | Small | Small against Large |
| --- | ---: | ---: | ---: |
| file | models/large.arch | models/small.arch |  |
| input | x 4×4×1 | x 4×4×1 |  |
| output | y 4×4×500 | y 4×4×2 |  |
| parameters | 5,000 | 24 | 208.33× fewer |
| &nbsp;&nbsp;in kernels | 4,500 | 18 | 250.00× fewer |
| &nbsp;&nbsp;in biases | 500 | 2 | 250.00× fewer |
| &nbsp;&nbsp;in scales and shifts | 0 | 4 | more than none |
| buffers (running statistics) | 0 | 4 | more than none |
| MACs | 72,000 | 288 | 250.00× fewer |
| FLOPs | 152,000 | 704 | 215.91× fewer |
| weights in float32 (bytes) | 20,000 | 112 | 178.57× smaller |
| &nbsp;&nbsp;and Adam's moments (bytes) | 60,000 | 304 | 197.37× smaller |
| peak of activations (bytes) | 32,064 | 256 | 125.25× smaller |
| &nbsp;&nbsp;reached in | conv_1 | batchnorm_2 |  |

### Large, layer by layer

| layer | operator | output | parameters | buffers | MACs | FLOPs | source |
| --- | --- | ---: | ---: | ---: | ---: | ---: | --- |
| conv_1 | conv | 4×4×500 | 5,000 | 0 | 72,000 | 152,000 | test.arch:1:1 |
| total |  |  | 5,000 | 0 | 72,000 | 152,000 |  |

### Small, layer by layer

| layer | operator | output | parameters | buffers | MACs | FLOPs | source |
| --- | --- | ---: | ---: | ---: | ---: | ---: | --- |
| conv_1 | conv | 4×4×2 | 20 | 0 | 288 | 608 | test.arch:1:1 |
| batchnorm_2 | batchnorm | 4×4×2 | 4 | 4 | 0 | 64 | test.arch:1:1 |
| relu_3 | relu | 4×4×2 | 0 | 0 | 0 | 32 | test.arch:1:1 |
| total |  |  | 24 | 4 | 288 | 704 |  |
`);
  });

  test('what Markdown would take for its own is escaped', () => {
    const text = formatStats([{ ...small, file: 'a|b_c_/*x*.arch' }], 'markdown');
    expect(text).toContain('| file | a\\|b_c\\_/\\*x\\*.arch |');
  });
});

describe('csv', () => {
  test('models, with plain numbers', () => {
    expect(`\n${formatStats([large, small, nothing], 'csv')}`).toBe(`
model,file,inputs,outputs,params,kernels,biases,norm,buffers,macs,flops,weight_bytes,peak_activation_bytes,params_first_over_this,macs_first_over_this,flops_first_over_this,weight_bytes_first_over_this,peak_activation_bytes_first_over_this
Large,models/large.arch,x 4×4×1,y 4×4×500,5000,4500,500,0,0,72000,152000,20000,32064,1,1,1,1,1
Small,models/small.arch,x 4×4×1,y 4×4×2,24,18,2,4,4,288,704,112,256,208.333,250,215.909,178.571,125.25
Nothing,models/nothing.arch,x 4×4×1,y 4×4×1,0,0,0,0,0,0,16,0,128,,,9500,,250.5
`);
    expect(formatStats([small], 'csv')).not.toContain('first_over_this');
  });

  test('layers', () => {
    expect(`\n${formatStats([large, small], 'csv', { perLayer: true })}`).toBe(`
model,layer,operator,output,params,buffers,macs,flops,source
Large,conv_1,conv,4×4×500,5000,0,72000,152000,test.arch:1:1
Small,conv_1,conv,4×4×2,20,0,288,608,test.arch:1:1
Small,batchnorm_2,batchnorm,4×4×2,4,4,0,64,test.arch:1:1
Small,relu_3,relu,4×4×2,0,0,0,32,test.arch:1:1
`);
  });

  test('blocks', () => {
    expect(`\n${formatStats([large, small], 'csv', { depth: 1 })}`).toBe(`
model,block,layers,output,params,buffers,macs,flops
Large,conv_1,1,4×4×500,5000,0,72000,152000
Small,conv_1,1,4×4×2,20,0,288,608
Small,batchnorm_2,1,4×4×2,4,4,0,64
Small,relu_3,1,4×4×2,0,0,0,32
`);
  });

  test('fields with commas and quotes are quoted', () => {
    const text = formatStats([{ ...small, file: 'a,"b".arch' }], 'csv');
    expect(text).toContain('\nSmall,"a,""b"".arch",x 4×4×1,');
  });
});

describe('json', () => {
  test('the document', () => {
    const text = formatStats([small], 'json');
    expect(text.endsWith('}\n')).toBe(true);
    expect(JSON.parse(text)).toEqual({
      formatVersion: 1,
      models: [
        {
          name: 'Small',
          file: 'models/small.arch',
          inputs: [{ name: 'x', dtype: 'f32', shape: [4, 4, 1] }],
          outputs: [{ name: 'y', dtype: 'f32', shape: [4, 4, 2] }],
          params: 24,
          buffers: 4,
          macs: 288,
          flops: 704,
          weightBytes: 112,
          peakActivationBytes: 256,
          conventions: {},
          layers: [
            {
              path: 'conv_1',
              op: 'conv',
              output: [4, 4, 2],
              params: 20,
              macs: 288,
              flops: 608,
              source: 'test.arch:1:1',
            },
            {
              path: 'batchnorm_2',
              op: 'batchnorm',
              output: [4, 4, 2],
              params: 4,
              macs: 0,
              flops: 64,
              source: 'test.arch:1:1',
            },
            {
              path: 'relu_3',
              op: 'relu',
              output: [4, 4, 2],
              params: 0,
              macs: 0,
              flops: 32,
              source: 'test.arch:1:1',
            },
          ],
        },
      ],
    });
  });

  test('has every layer, whatever rows are asked for', () => {
    const plain = formatStats([small, large], 'json');
    expect(formatStats([small, large], 'json', { depth: 1 })).toBe(plain);
    expect(statsDocument([small, large]).models.map(({ layers }) => layers.length)).toEqual([3, 1]);
  });
});
