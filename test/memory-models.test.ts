/** Peaks of every model of models/ against a simulation that asks anew what is alive. */
import { describe, expect, test } from 'vitest';
import type { Graph } from '../src/compiler/ir.js';
import { activationMemory } from '../src/compiler/memory.js';
import { bestMemory, bestOrder } from '../src/compiler/schedule.js';
import { inferenceGraph, stats } from '../src/compiler/stats.js';
import { isTopological, simulate } from './helpers/liveness.js';
import { buildGraph } from './helpers/graph.js';
import { graphsOf, MODEL_FILES } from './helpers/zoo.js';

describe.each(MODEL_FILES)('%s', (file) => {
  test('the peaks of all models, in the order of the source and in the best', () => {
    for (const [name, graph] of graphsOf(file)) {
      const inference = inferenceGraph(graph);
      const given = simulate(inference, inference.nodes);
      const counted = stats(graph);
      if (!counted.ok) throw new Error(`${name} is not counted`);
      expect(counted.value.peakActivationBytes, name).toBe(given.peak);
      expect(counted.value.activationTimeline.map((m) => [m.during, m.after])).toEqual(
        given.moments,
      );

      const { nodes } = bestOrder(inference);
      expect(isTopological(inference, nodes), name).toBe(true);
      const simulated = simulate(inference, nodes);
      const best = bestMemory(inference);
      expect(best.peak.bytes, name).toBe(simulated.peak);
      expect(best.timeline.map((m) => [m.during, m.after])).toEqual(simulated.moments);
      expect(best.peak.bytes).toBeLessThanOrEqual(given.peak);
      expect(best.isOptimal, name).toBe(true);
      expect(best.peak.values.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(best.peak.bytes);
      for (const { source } of best.peak.values) expect(source).toMatch(/\.arch:\d+:\d+$/);
    }
  });
});

describe('the best order', () => {
  /** Branches from one tensor, each wide and then narrow, all of which a source begins at once. */
  function branches(count: number): Graph {
    return buildGraph((g) => {
      const x = g.input([10]);
      const wide = Array.from({ length: count }, () => g.op('dense', [x], { units: 1000 }));
      return g.op(
        'concat',
        wide.flatMap((values) => g.op('dense', values, { units: 1 })),
      );
    });
  }

  test('finishes one branch before the next', () => {
    const graph = branches(8);
    expect(activationMemory(graph).peak.bytes).toBe(4 * (10 + 8 * 1000));
    const best = bestMemory(graph);
    expect(best.peak.bytes).toBe(4 * (10 + 7 + 1000));
    expect(best).toMatchObject({ isOptimal: true, lowerBound: best.peak.bytes });
    expect(best.peak.layer?.op).toBe('dense');
  });

  test('is found for 10,000 layers, and is the same each time', () => {
    const graph = branches(5000);
    const first = bestOrder(graph);
    const ids = first.nodes.map(({ id }) => id);
    expect(new Set(ids).size).toBe(10_001);
    expect(bestOrder(graph).nodes.map(({ id }) => id)).toEqual(ids);
    // All that the last node joins, and its result.
    expect(first).toMatchObject({ isOptimal: true, lowerBound: 4 * 2 * 5000 });
    expect(activationMemory({ ...graph, nodes: first.nodes }).peak.bytes).toBe(4 * 2 * 5000);
  });

  test('where the search gives up, is still valid, not worse, and says so', () => {
    const graph = tangle(300);
    const best = bestOrder(graph);
    expect(isTopological(graph, best.nodes)).toBe(true);
    expect(best.isOptimal).toBe(false);
    const [given, found] = [graph.nodes, best.nodes].map(
      (nodes) => activationMemory({ ...graph, nodes }).peak.bytes,
    );
    expect(found).toBeLessThan(given ?? 0);
    expect(best.lowerBound).toBeLessThan(found ?? 0);
  });
});

/** A graph without a bottleneck, in which each node reads two of the twelve before it. */
function tangle(count: number): Graph {
  let seed = 7;
  const draw = (limit: number): number => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % limit;
  };
  return buildGraph((g) => {
    const values = [g.input([10])];
    const pick = () => values[Math.max(0, values.length - 1 - draw(12))] ?? g.input([1]);
    for (let i = 0; i < count; i++) {
      const joined = g.op('concat', [pick(), pick()]);
      values.push(...g.op('dense', joined, { units: 1 + draw(100) }));
    }
    const read = new Set(values.slice(-1));
    return [...read];
  });
}
