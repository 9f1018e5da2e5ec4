/** The models of models/ against the same networks built by hand, which know nothing of the language. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { fileHost } from '../src/cli/host.js';
import { check } from '../src/compiler/check.js';
import type { Graph } from '../src/compiler/ir.js';
import { runPasses } from '../src/compiler/passes/index.js';
import { groupLayers, stats, type ModelStats } from '../src/compiler/stats.js';
import { verify } from '../src/compiler/verify.js';
import { sdunet, unet } from './helpers/unets.js';

/** The graph of a model as written, and at a size. */
function graphsOf(file: string, model: string, size: number): readonly [Graph, Graph] {
  const path = fileURLToPath(new URL(`../models/${file}`, import.meta.url));
  const checked = check({ path, text: readFileSync(path, 'utf8') }, fileHost(path), {
    model,
    sizes: { image: [size, size] },
  });
  const found = checked.models.find(({ name }) => name === model);
  if (found?.graph === undefined || found.staticGraph === undefined) {
    throw new Error(checked.diagnostics.map(({ message }) => message).join('\n'));
  }
  return [found.graph, found.staticGraph];
}

function statsOf(graph: Graph): ModelStats {
  const found = stats(graph);
  if (!found.ok) throw new Error(found.diagnostics.map(({ message }) => message).join('\n'));
  return found.value;
}

describe.each([
  ['unet.arch', 'UNet', unet],
  ['sdunet.arch', 'SDUNet', sdunet],
] as const)('%s', (file, model, build) => {
  test.each([256, 512])('at %d pixels has the figures of the graph built by hand', (size) => {
    const [, graph] = graphsOf(file, model, size);
    const [found, byHand] = [statsOf(graph), statsOf(build({ size }))];
    const figures = (s: ModelStats): unknown => [
      [s.params, s.buffers, s.kernels, s.biases, s.norm],
      [s.macs, s.flops, s.peakActivationBytes],
      s.layers.map(({ op, output, params, macs, flops }) => [op, output, params, macs, flops]),
    ];
    expect(figures(found)).toEqual(figures(byHand));
    expect(new Set(found.layers.map(({ path }) => path)).size).toBe(found.layers.length);
    const blocks = groupLayers(found.layers, 1);
    expect(blocks.length).toBeLessThan(found.layers.length);
    expect(blocks.reduce((sum, block) => sum + block.macs, 0)).toBe(found.macs);
  });

  test('verify accepts its graph, with symbols and without, and after each pass', () => {
    for (const graph of graphsOf(file, model, 64)) {
      expect(verify(graph)).toEqual([]);
      const options = { verify: true };
      runPasses({ graph, weights: undefined }, ['cse', 'remove-dropout', 'dead-code'], options);
    }
  });
});
