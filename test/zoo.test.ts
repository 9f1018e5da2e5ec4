/** The networks of models/zoo/ against figures that the published tools gave for them. */
import { describe, expect, test } from 'vitest';
import { callsOf } from '../src/compiler/conventions/calls.js';
import { countBy } from '../src/compiler/conventions/count.js';
import { CONVENTIONS, type ConventionName } from '../src/compiler/conventions/index.js';
import type { Graph } from '../src/compiler/ir.js';
import { stats } from '../src/compiler/stats.js';
import { graphsOf } from './helpers/zoo.js';

function figure(graph: Graph, name: ConventionName): number {
  const counted = countBy(CONVENTIONS[name], callsOf(graph), graph.name);
  if (!counted.ok) throw new Error('too large');
  return counted.value.total;
}

function graphOf(file: string, model: string, size?: number): Graph {
  const graph = graphsOf(file, size).get(model);
  if (graph === undefined) throw new Error(`${file} has no ${model}`);
  return graph;
}

const TOOLS = ['fvcore', 'ptflops', 'thop', 'torchinfo', 'calflops'] as const;

/**
 * Parameters, MACs, then the figures of TOOLS: those that the tools printed for the same networks as
 * PyTorch 1.13 modules, one image.
 */
const GOLDEN: Readonly<Record<string, readonly [file: string, ...figures: number[]]>> = {
  UNet: [
    'models/zoo/unet.arch',
    31_030_658,
    192_384_335_872,
    192_384_335_872,
    192_863_010_816,
    218_154_139_648,
    218_314_047_488,
    385_058_471_936,
  ],
  UNet1: [
    'models/zoo/unet.arch',
    31_030_593,
    192_367_558_656,
    192_367_558_656,
    192_845_971_456,
    218_137_362_432,
    218_297_008_128,
    385_024_655_360,
  ],
  UNetBN: [
    'models/zoo/unet.arch',
    31_036_546,
    192_384_335_872,
    192_640_188_416,
    192_990_937_088,
    218_665_844_736,
    218_186_132_992,
    385_186_398_208,
  ],
  UNetNearest: [
    'models/zoo/unet.arch',
    34_512_258,
    261_103_812_608,
    261_166_727_168,
    261_708_316_672,
    261_166_727_168,
    261_263_720_448,
    522_542_645_248,
  ],
  UNetSmall: [
    'models/zoo/unet.arch',
    1_940_817,
    188_350_464,
    188_350_464,
    190_222_336,
    213_516_288,
    214_142_976,
    377_835_008,
  ],
  ResNet18: [
    'models/zoo/resnet18.arch',
    11_689_512,
    1_814_073_344,
    1_819_065_856,
    1_825_313_768,
    1_824_033_792,
    1_814_083_944,
    3_636_250_112,
  ],
  MobileNetV2: [
    'models/zoo/mobilenet_v2.arch',
    3_504_872,
    300_774_272,
    314_193_216,
    320_300_008,
    327_486_720,
    300_809_384,
    614_967_488,
  ],
};

describe.each(Object.entries(GOLDEN))('%s', (model, [file, params, macs, ...figures]) => {
  const graph = graphOf(file, model);

  test('has the parameters and MACs of the network', () => {
    expect(stats(graph)).toMatchObject({ ok: true, value: { params, macs } });
  });

  test.each(TOOLS.map((name, i) => [name, figures[i]] as const))('%s: %i', (name, expected) => {
    expect(figure(graph, name)).toBe(expected);
  });
});
