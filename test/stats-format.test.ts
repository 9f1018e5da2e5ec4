/** The figures of models as people and programs read them. */
import { describe, expect, test } from 'vitest';
import { formatStats, statsDocument } from '../src/cli/stats-format.js';
import type { Graph } from '../src/compiler/ir.js';
import { stats, type ModelStats } from '../src/compiler/stats.js';
import { buildGraph } from './helpers/graph.js';
import { sdunet, unet } from './helpers/unets.js';

function statsOf(graph: Graph, name: string, file = `models/${name.toLowerCase()}.arch`): ModelStats {
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

describe('table', () => {
  test('U-Net against SD-UNet', () => {
    const models = [
      statsOf(unet({ size: 512 }), 'UNet'),
      statsOf(sdunet({ size: 512 }), 'SDUNet'),
    ];
    expect(`\n${formatStats(models, 'table')}`).toBe(`
Exact figures for one image

                                         UNet              SDUNet  SDUNet against UNet
────────────────────────────  ───────────────  ──────────────────  ───────────────────
file                         models/unet.arch  models/sdunet.arch
`);
  });

  test('one model has no ratios', () => {
    expect(`\n${formatStats([small], 'table')}`).toBe('');
  });

  test('layers', () => {
    expect(`\n${formatStats([small, nothing], 'table', { perLayer: true })}`).toBe('');
  });

  test('blocks', () => {
    expect(`\n${formatStats([small], 'table', { depth: 1 })}`).toBe('');
  });
});

test('markdown', () => {
  expect(`\n${formatStats([large, small], 'markdown', { perLayer: true })}`).toBe('');
});

test('csv', () => {
  expect(`\n${formatStats([large, small, nothing], 'csv')}`).toBe('');
  expect(`\n${formatStats([large, small], 'csv', { perLayer: true })}`).toBe('');
  expect(`\n${formatStats([large, small], 'csv', { depth: 1 })}`).toBe('');
});

test('json', () => {
  expect(JSON.parse(formatStats([small], 'json'))).toEqual({});
});
