/** Graphs made again: for one size, and with other nodes. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { interpret } from '../src/compiler/interpret.js';
import type { Graph, Value } from '../src/compiler/ir.js';
import { operatorOf } from '../src/compiler/ops/index.js';
import { rewriteGraph } from '../src/compiler/rewrite.js';
import {
  evaluateShape,
  formatShape,
  mul,
  sub,
  symbolDim,
  type Dim,
  type SizeSymbol,
} from '../src/compiler/shape.js';
import { specialize, type NodeProblem } from '../src/compiler/specialize.js';
import { buildGraph, type TestGraph } from './helpers/graph.js';
import { tensor } from './helpers/run-node.js';

const symbol = (name: string, modulus = 1): SizeSymbol => ({
  name,
  modulus,
  remainder: 0,
  min: modulus,
  max: 64,
});

function one(values: readonly Value[]): Value {
  const [value] = values;
  if (value === undefined) throw new Error('no value');
  return value;
}

/** An encoder, a decoder, and the pixels of the result as tokens. */
function network(g: TestGraph, H: Dim, W: Dim): Value[] {
  const x = g.input([H, W, 1]);
  const e1 = one(g.op('relu', g.op('conv', [x], { filters: 2 })));
  const e2 = g.op('dropout', g.op('maxpool', [e1], { k: [2, 2] }), { rate: 0.5 });
  const d1 = one(g.op('upsample', g.op('conv', e2, { filters: 2, ws: true }), { factor: [2, 2] }));
  const joined = g.op('concat', [d1, e1]);
  return g.op('reshape', joined, { shape: [mul(H, W), 4] });
}

const evenNetwork = (): Graph => {
  const graph = buildGraph((g) => network(g, symbolDim(symbol('H', 2)), symbolDim(symbol('W', 2))));
  const symbols = [symbol('H', 2), symbol('W', 2)];
  return { ...graph, symbols: symbols.map((s) => ({ name: s.name, symbol: s, defaultSize: 8 })) };
};

const typesOf = (graph: Graph): string[] =>
  graph.nodes.map(
    (node) => `${node.op} ${node.results.map((v) => formatShape(v.type.shape)).join()}`,
  );

function specialized(graph: Graph, sizes: Record<string, number>): Graph {
  const found = specialize(graph, new Map(Object.entries(sizes)));
  if (!found.ok) throw new Error(found.problems.map((p) => p.problem.message).join());
  return found.graph;
}

function problemsAt(graph: Graph, sizes: Record<string, number>): readonly NodeProblem[] {
  const found = specialize(graph, new Map(Object.entries(sizes)));
  return found.ok ? [] : found.problems;
}

describe('specialize', () => {
  test('is the graph that fixed sizes give', () => {
    const graph = evenNetwork();
    const fixed = specialized(graph, { H: 6, W: 4 });
    expect(typesOf(fixed)).toEqual(typesOf(buildGraph((g) => network(g, 6, 4))));
    expect(fixed.nodes.at(-1)?.attributes['shape']).toEqual([24, 4]);
    expect(fixed.inputs.map((v) => v.type.shape)).toEqual([[6, 4, 1]]);
    expect(fixed.symbols).toEqual([]);
  });

  test('keeps names, origins, weights and order', () => {
    const graph = evenNetwork();
    const fixed = specialized(graph, { H: 6, W: 4 });
    expect(fixed.weights).toEqual(graph.weights);
    expect(fixed.nodes.map((n) => n.op)).toEqual(graph.nodes.map((n) => n.op));
    fixed.nodes.forEach((node, i) => expect(node.origin).toBe(graph.nodes[i]?.origin));
    expect(fixed.outputs.map((o) => o.name)).toEqual(graph.outputs.map((o) => o.name));
    expect([fixed.name, fixed.doc, fixed.source]).toEqual([graph.name, graph.doc, graph.source]);
    // The graph that it came from is as it was.
    expect(typesOf(graph).at(-1)).toBe('reshape [H*W, 4]');
  });

  test('every value has the size that its symbol says', () => {
    const graph = evenNetwork();
    const even = fc.integer({ min: 1, max: 8 }).map((q) => 2 * q);
    fc.assert(
      fc.property(even, even, (H, W) => {
        const sizes = new Map(Object.entries({ H, W }));
        const shapes = (g: Graph) => g.nodes.flatMap((n) => n.results.map((v) => v.type.shape));
        expect(shapes(specialized(graph, { H, W }))).toEqual(
          shapes(graph).map((shape) => evaluateShape(shape, sizes)),
        );
      }),
      { numRuns: 30 },
    );
  });

  test('a size of which nothing is left is a problem at its node, once', () => {
    const graph = buildGraph((g) => {
      const x = g.input([symbolDim(symbol('H')), symbolDim(symbol('W')), 1]);
      const small = g.op('conv', [x], { filters: 1, k: [5, 5], pad: 'valid' });
      const smaller = g.op('relu', g.op('maxpool', small, { k: [2, 2] }));
      return [one(smaller), one(g.op('crop', [x], { amounts: [0, 0, 2, 2] })), x];
    });
    expect(problemsAt(graph, { H: 6, W: 6 })).toEqual([]);
    const codes = (H: number, W: number) =>
      problemsAt(graph, { H, W }).map(({ problem, node }) => [problem.code, node.origin.path]);
    expect(codes(6, 5)).toEqual([['size-too-small', 'maxpool_2']]);
    expect(codes(4, 8)).toEqual([['size-too-small', 'conv_1']]);
    expect(codes(4, 4)).toEqual([
      ['size-too-small', 'conv_1'],
      ['size-too-small', 'crop_4'],
    ]);
    expect(problemsAt(graph, { H: 4, W: 8 })[0]?.node).toBe(graph.nodes[0]);
  });

  test('a node that reads what there cannot be has no problem of its own', () => {
    const graph = buildGraph((g) => {
      const [H, W] = [symbolDim(symbol('H')), symbolDim(symbol('W'))];
      const small = g.op('conv', [g.input([H, W, 1])], { filters: 1, k: [5, 5], pad: 'valid' });
      const same = g.input([sub(H, 4), sub(W, 4), 1], 'same');
      return g.op('relu', g.op('add', [one(small), same]));
    });
    expect(problemsAt(graph, { H: 5, W: 5 })).toEqual([]);
    expect(problemsAt(graph, { H: 3, W: 5 }).map(({ node }) => node.op)).toEqual(['conv']);
  });

  test('sizes outside the facts throw', () => {
    const graph = evenNetwork();
    expect(() => specialized(graph, { H: 6 })).toThrow('no size for symbol W');
    expect(() => specialized(graph, { H: 7, W: 4 })).toThrow('H = 7');
    expect(() => specialized(graph, { H: 66, W: 4 })).toThrow('H = 66');
  });
});

describe('rewriteGraph', () => {
  test('a copy computes the same', () => {
    const graph = buildGraph((g) => network(g, 4, 4));
    const copy = rewriteGraph(graph, () => undefined);
    expect(typesOf(copy)).toEqual(typesOf(graph));
    const weights = new Map(
      graph.weights.map((w, i) => {
        const count = w.shape.reduce((n, d) => n * d, 1);
        return [
          w.name,
          tensor(
            w.shape,
            Array.from({ length: count }, (_, k) => Math.sin(k + i)),
          ),
        ];
      }),
    );
    const inputs = new Map([['x', tensor([1, 4, 4, 1])]]);
    expect(interpret(copy, weights, inputs)).toEqual(interpret(graph, weights, inputs));
  });

  test('a node can give way to its operand', () => {
    const graph = evenNetwork();
    const without = rewriteGraph(graph, (node, operands) =>
      operatorOf(node.op).traits.includes('inference-identity') ? operands : undefined,
    );
    expect(without.nodes.map((n) => n.op)).toEqual(
      graph.nodes.map((n) => n.op).filter((op) => op !== 'dropout'),
    );
    expect(without.symbols).toBe(graph.symbols);
    expect(without.nodes.map((n) => n.id)).toEqual([...without.nodes.keys()]);
  });

  test('weights that nothing uses any more are dropped, the others keep their order', () => {
    const graph = buildGraph((g) => {
      const x = g.input([4, 4, 2]);
      const [a, b] = [g.op('prelu', [x]), g.op('prelu', [x])];
      return g.op('prelu', g.op('add', [one(a), one(b)]));
    });
    const fewer = rewriteGraph(graph, (node, operands) =>
      node.origin.path === 'prelu_2' ? operands.slice(0, 1) : undefined,
    );
    expect(fewer.weights.map((w) => w.name)).toEqual(['prelu_1.alpha', 'prelu_4.alpha']);
  });

  test('a node can become several, with constants and the node’s origin', () => {
    const graph = buildGraph((g) => {
      const c = g.builder.constant(Float32Array.of(5), [1]);
      return g.op('add', [one(g.op('relu', [g.input([2])])), c]);
    });
    const made = rewriteGraph(graph, (node, operands, builder) => {
      if (node.op !== 'relu') return undefined;
      const zero = builder.constant(Float32Array.of(0), [1]);
      return builder.apply('maximum', [...operands, zero]);
    });
    expect(made.nodes.map((n) => [n.op, n.origin.path])).toEqual([
      ['maximum', 'relu_1'],
      ['add', 'add_2'],
    ]);
    const inputs = new Map([['x', tensor([1, 2], [-1, 2])]]);
    expect(interpret(made, new Map(), inputs).get('y')).toEqual(tensor([1, 2], [5, 7]));
  });

  test('each result needs something in its place', () => {
    const graph = buildGraph((g) => g.op('split', [g.input([2])], { parts: 2 }));
    expect(() => rewriteGraph(graph, (_, operands) => operands)).toThrow('1 values in place of 2');
  });
});
