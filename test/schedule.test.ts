/** The best order of nodes, against every order there is. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Graph, Value } from '../src/compiler/ir.js';
import { bestMemory, bestOrder } from '../src/compiler/schedule.js';
import { activationMemory } from '../src/compiler/memory.js';
import { buildGraph } from './helpers/graph.js';
import { simulate, isTopological, lowestOfAllOrders } from './helpers/liveness.js';

/** What a random node does with values that are there. */
interface Step {
  readonly op: 'dense' | 'concat' | 'split' | 'relu';
  readonly picks: readonly number[];
  readonly units: number;
}

const steps = fc.array(
  fc.record<Step>({
    op: fc.constantFrom('dense', 'dense', 'dense', 'concat', 'split', 'relu'),
    picks: fc.array(fc.nat(30), { minLength: 1, maxLength: 3 }),
    units: fc.integer({ min: 1, max: 20 }),
  }),
  { minLength: 1, maxLength: 7 },
);

/** Every value that nothing reads is an output, or else some, so that none is dead. */
function graphOf(recipe: readonly Step[], inputs: number, extraOutput: number): Graph {
  return buildGraph((g) => {
    const values: Value[] = Array.from({ length: inputs }, (_, i) =>
      g.input([2 * (i + 1)], `x${i}`),
    );
    const read = new Set<Value>();
    for (const { op, picks, units } of recipe) {
      const picked = picks.flatMap((pick) => values[pick % values.length] ?? []);
      const operands = op === 'concat' ? picked : picked.slice(0, 1);
      for (const value of operands) read.add(value);
      const attributes = op === 'dense' ? { units: 2 * units } : op === 'split' ? { parts: 2 } : {};
      // Halves would become odd: what is split, is widened first.
      const even = op === 'split' ? g.op('concat', [...operands, ...operands]) : operands;
      values.push(...g.op(op, even, attributes));
    }
    const unread = values.filter((value) => !read.has(value));
    const extra = values[extraOutput % values.length];
    return [...new Set([...unread, ...(extra === undefined ? [] : [extra])])];
  });
}

describe('the best order', () => {
  test('is the best of all, on random graphs', () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 3 }), fc.nat(20), (recipe, inputs, extra) => {
        const graph = graphOf(recipe, inputs, extra);
        const found = bestMemory(graph);
        expect(isTopological(graph, bestOrder(graph).nodes)).toBe(true);
        expect(found.isOptimal).toBe(true);
        expect(found.peak.bytes).toBe(lowestOfAllOrders(graph));
        expect(found.lowerBound).toBe(found.peak.bytes);
        expect(activationMemory(graph).peak.bytes).toBe(simulate(graph, graph.nodes).peak);
      }),
      { numRuns: 300 },
    );
  });

  /** A convolution of each number of filters in `widths`, one after another; `count` of these. */
  function sideBySide(count: number, widths: (branch: number) => readonly number[]): Graph {
    return buildGraph((g) => {
      const x = g.input([16, 16, 4]);
      return Array.from({ length: count }, (_, branch) =>
        widths(branch).reduce((value, filters) => {
          const [result = value] = g.op('conv', [value], { filters, k: [1, 1] });
          return result;
        }, x),
      );
    });
  }

  test('is known to be the best where all outputs and what the last reads are alive at the end', () => {
    const found = bestMemory(sideBySide(400, () => [2]));
    expect(found.peak.bytes).toBe(4 * 16 * 16 * (4 + 400 * 2));
    expect(found).toMatchObject({ isOptimal: true, lowerBound: found.peak.bytes });
  });

  test('is looked for no longer where there are many branches', () => {
    const start = performance.now();
    const found = bestMemory(sideBySide(200, (branch) => [2, 3 + ((branch * 7) % 11), 2]));
    // It takes a second, and took a minute when each branch was tried against all others.
    expect(performance.now() - start).toBeLessThan(15_000);
    // At the end, all outputs but one, the least that it can be made of, and itself.
    expect(found.lowerBound).toBe(4 * 16 * 16 * (200 * 2 + 3));
    expect(found.peak.bytes).toBeLessThan(1.02 * found.lowerBound);
  });
});
