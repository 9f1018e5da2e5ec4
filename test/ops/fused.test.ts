/** fused, normstats and scaleshift: what they compute, and what everything that walks a graph makes of a body. */
import { describe, expect, test } from 'vitest';
import { attributeKey, formatAttribute } from '../../src/compiler/attributes.js';
import { createBuilder } from '../../src/compiler/builder.js';
import { evaluateNode, interpret } from '../../src/compiler/interpret.js';
import {
  isBody,
  type Attributes,
  type Graph,
  type Node,
  type Value,
} from '../../src/compiler/ir.js';
import { LOWERED, operatorNames, operatorOf } from '../../src/compiler/ops/index.js';
import { fuseNodes } from '../../src/compiler/passes/kernel.js';
import { runPasses } from '../../src/compiler/passes/index.js';
import { printIr } from '../../src/compiler/print-ir.js';
import { symbolDim, type Dim, type SizeSymbol } from '../../src/compiler/shape.js';
import { specialize } from '../../src/compiler/specialize.js';
import { stats } from '../../src/compiler/stats.js';
import { verify } from '../../src/compiler/verify.js';
import { buildGraph, testOrigin, testSpan, type TestGraph } from '../helpers/graph.js';
import { randomInputs, randomWeights } from '../helpers/operator-cases.js';
import { tensor } from '../helpers/run-node.js';

function one<T>(items: readonly T[]): T {
  const [item] = items;
  if (item === undefined) throw new Error('no item');
  return item;
}

function nodeOf(value: Value): Node {
  if (value.definition.kind !== 'result') throw new Error('no result');
  return value.definition.node;
}

const H: SizeSymbol = { name: 'H', modulus: 2, remainder: 0, min: 2, max: 64 };

/** conv and relu, as they are and as one. */
function pair(g: TestGraph, x: Value, attributes: Attributes = { filters: 3 }): Value[] {
  const conv = one(g.op('conv', [x], attributes));
  const relu = one(g.op('relu', [conv]));
  const { operands, body } = fuseNodes([nodeOf(conv), nodeOf(relu)], relu);
  return [relu, ...g.builder.apply('fused', operands, { body }, testOrigin('both'))];
}

const example = (size: Dim = 6, attributes?: Attributes): Graph =>
  buildGraph((g) => pair(g, g.input([size, size, 2]), attributes));

/** The fused node of the example alone. */
function alone(graph: Graph): Graph {
  const output = graph.outputs[1];
  if (output === undefined) throw new Error('no output');
  return runPasses({ graph: { ...graph, outputs: [output] }, weights: undefined }, ['dead-code'])
    .graph;
}

test('a program cannot write them', () => {
  expect(operatorNames().filter((name) => Object.hasOwn(LOWERED, name))).toEqual([]);
});

describe('normstats and scaleshift', () => {
  const run = (op: 'normstats' | 'scaleshift', attributes: Attributes, ...operands: Value[]) => {
    const made = createBuilder().node(op, operands, attributes, testOrigin(op));
    if (!made.ok) throw new Error(made.problem.message);
    return nodeOf(one(made.results));
  };
  const value = (shape: readonly Dim[], batched = true): Value =>
    createBuilder().input('x', { dtype: 'f32', shape, batched }, '', testSpan);

  test('two groups of one channel and two pixels, by hand', () => {
    const attributes = { groups: 2, eps: 3, affine: true };
    const node = run('normstats', attributes, value([2, 2]), value([2], false), value([2], false));
    // Means 2 and 20, variances 1 and 33; factors 10/√(1 + 3) and 12/√(33 + 3).
    const root = Math.sqrt(33);
    const [found] = evaluateNode(node, [
      tensor([2, 2], [1, 20 - root, 3, 20 + root]),
      tensor([2], [10, 12]),
      tensor([2], [100, 200]),
    ]);
    expect(found?.shape).toEqual([2, 2]);
    const expected = [5, 2, 100 - 2 * 5, 200 - 20 * 2];
    expect([...(found?.data ?? [])].map((x) => Math.round(x * 1e4) / 1e4)).toEqual(expected);
  });

  test('one group of all channels without scale and shift', () => {
    const node = run('normstats', { groups: 1, eps: 0, affine: false }, value([1, 4]));
    // Mean 4, variance 5.
    const [found] = evaluateNode(node, [tensor([1, 4], [1, 3, 5, 7])]);
    const factor = Math.fround(1 / Math.sqrt(5));
    const summand = Math.fround(-4 / Math.sqrt(5));
    expect([...(found?.data ?? [])]).toEqual([
      ...Array<number>(4).fill(factor),
      ...Array<number>(4).fill(summand),
    ]);
  });

  test('a factor and a summand a channel, by hand', () => {
    const node = run('scaleshift', {}, value([2, 3]), value([2, 3]));
    const [found] = evaluateNode(node, [
      tensor([2, 3], [1, 2, 3, 4, 5, 6]),
      tensor([2, 3], [10, 100, -1, 0.5, 0, 7]),
    ]);
    expect([...(found?.data ?? [])]).toEqual([10.5, 200, 4, 40.5, 500, 1]);
  });

  test('what does not fit', () => {
    expect(() => run('normstats', { groups: 3, eps: 0, affine: false }, value([5, 4]))).toThrow(
      'normstats has 4 channels, which 3 groups do not divide',
    );
    expect(() => run('scaleshift', {}, value([5, 4]), value([2, 3]))).toThrow(
      'scaleshift of [5, 4] takes [2, 4], not [2, 3]',
    );
    expect(() => run('scaleshift', {}, value([5, symbolDim(H)]), value([2, 3]))).toThrow(
      'scaleshift needs a fixed number of input features',
    );
  });
});

describe('a fused node', () => {
  test('gives what its nodes give', () => {
    const graph = example();
    expect(verify(graph)).toEqual([]);
    const found = interpret(graph, randomWeights(graph, 1), randomInputs(graph, 2, 2));
    const [plain, fused] = [...found.values()];
    expect(fused).toEqual(plain);
    expect(plain?.data.some((x) => x > 0)).toBe(true);
  });

  test('costs what its nodes cost, and owns their weights', () => {
    const graph = example();
    const plain = { ...graph, outputs: graph.outputs.slice(0, 1) };
    const [separate, together] = [plain, alone(graph)].map((g) => {
      const found = stats(g);
      if (!found.ok) throw new Error('no stats');
      const { params, macs, flops, kernels, biases } = found.value;
      return { params, macs, flops, kernels, biases };
    });
    expect(together).toEqual(separate);
    // 3×3 taps of 2 channels for each of 6·6·3 results.
    expect(together?.macs).toBe(6 * 6 * 3 * 9 * 2);
  });

  test('is printed with its nodes', () => {
    expect(printIr(alone(example(symbolDim(H)))).split('nodes:\n')[1]).toBe(
      `  %1: f32[H, H, 3] = fused(%0, @conv_1.weight, @conv_1.bias) {conv; relu}  # both  test.arch:1:1
    %1.1: f32[H, H, 3] = conv(%0, @conv_1.weight, @conv_1.bias) {filters = 3}  # conv_1  test.arch:1:1
    %1: f32[H, H, 3] = relu(%1.1)  # relu_2  test.arch:1:1

outputs:
  y2 = %1: f32[H, H, 3]
`,
    );
  });

  test('takes operands of the types of its body, and as many', () => {
    const graph = example();
    const node = nodeOf(graph.outputs[1]?.value ?? one(graph.inputs));
    const types = node.operands.map((value) => value.type);
    const infer = (changed: typeof types): string => {
      const found = operatorOf('fused').infer(changed, node.attributes);
      return found.ok ? 'fits' : found.problem.message;
    };
    expect(infer(types)).toBe('fits');
    expect(infer(types.slice(1))).toBe('fused has 2 operands, and its body 3 inputs');
    expect(infer(types.map((type) => ({ ...type, batched: true })))).toBe(
      'operand 1 of fused is [3, 3, 2, 3], and that input of its body unbatched [3, 3, 2, 3]',
    );
    expect(infer(types.with(0, { dtype: 'f32', shape: [6, 7, 2], batched: true }))).toBe(
      'operand 0 of fused is [6, 7, 2], and that input of its body [6, 6, 2]',
    );
  });

  test('is one with another that does the same to the same, whatever its ids and origins', () => {
    const twice = (second: Attributes): Graph =>
      buildGraph((g) => {
        const x = g.input([6, 6, 2]);
        const weights = [g.builder.constant(new Float32Array(54).fill(0.5), [3, 3, 2, 3])];
        const both = [{ filters: 3, bias: false }, second].map((attributes) => {
          const first = one(g.op('conv', [x], attributes));
          const relu = one(g.op('relu', [first]));
          const { body, operands } = fuseNodes([nodeOf(first), nodeOf(relu)], relu);
          const own = [...operands.slice(0, 1), ...weights];
          return one(g.builder.apply('fused', own, { body }, testOrigin(relu.id.toString())));
        });
        return g.op('add', both);
      });
    const left = (graph: Graph): number =>
      runPasses({ graph, weights: undefined }, ['cse', 'dead-code'], { verify: true }).graph.nodes
        .length;
    expect(left(twice({ filters: 3, bias: false }))).toBe(2);
    expect(left(twice({ filters: 3, bias: false, pad: [0, 2, 0, 2] }))).toBe(3);
  });

  test('keys tell apart who reads what', () => {
    const keyOf = (swap: boolean): string => {
      const graph = buildGraph((g) => {
        const [a, b] = [g.input([4], 'a'), g.input([4], 'b')];
        const first = one(g.op('sub', swap ? [a, b] : [b, a]));
        const last = one(g.op('mul', [first, b]));
        const { operands, body } = fuseNodes([nodeOf(first), nodeOf(last)], last);
        return g.builder.apply('fused', operands, { body }, testOrigin('f'));
      });
      const { body = null } = one(graph.nodes.slice(-1)).attributes;
      expect(formatAttribute(body)).toBe('{sub; mul}');
      return attributeKey(body);
    };
    expect(keyOf(true)).toBe(keyOf(true));
    expect(keyOf(true)).not.toBe(keyOf(false));
  });
});

describe('specialize', () => {
  test('a body gets the sizes as well', () => {
    const graph = buildGraph((g) => {
      const size = symbolDim(H);
      g.input([size], 'other');
      // A size that no input of the body has.
      const back = one(g.op('resize', [g.input([4, 4, 2])], { height: size, width: 5 }));
      const relu = one(g.op('relu', [back]));
      const { operands, body } = fuseNodes([nodeOf(back), nodeOf(relu)], relu);
      return g.builder.apply('fused', operands, { body }, testOrigin('f'));
    });
    expect(verify(graph)).toEqual([]);
    const made = specialize(graph, new Map([['H', 8]]));
    if (!made.ok) throw new Error('not specialized');
    expect(verify(made.graph)).toEqual([]);
    expect(printIr(made.graph)).toContain('resize(%1) {height = 8, width = 5}');
  });

  test('what is wrong inside is said of the node inside', () => {
    const graph = example(symbolDim(H), { filters: 3, k: [5, 5], pad: 'valid' });
    const made = specialize(alone(graph), new Map([['H', 4]]));
    if (made.ok) throw new Error('specialized');
    expect(made.problems.map(({ node, problem }) => [node.op, problem.code])).toEqual([
      ['conv', 'size-too-small'],
    ]);
  });
});

describe('verify', () => {
  /** The example with another body. */
  function broken(change: (body: Graph) => Graph): string[] {
    const graph = example();
    const node = nodeOf(graph.outputs[1]?.value ?? one(graph.inputs));
    const { body } = node.attributes;
    if (!isBody(body)) throw new Error('no body');
    Object.assign(node, { attributes: { body: { kind: 'body', graph: change(body.graph) } } });
    return verify(graph);
  }

  test('looks into bodies', () => {
    expect(broken((body) => body)).toEqual([]);
    expect(broken((body) => ({ ...body, nodes: body.nodes.slice(1) }))).toEqual([
      expect.stringContaining('fused both: in its body: relu relu_2: value'),
    ]);
    expect(
      broken((body) => {
        Object.assign(one(body.nodes), { op: 'dwconv' });
        return body;
      })[0],
    ).toContain('fused both: in its body: dwconv conv_1: ');
  });

  test('a body holds no weights and no constants', () => {
    expect(
      broken((body) => {
        const constant = createBuilder().constant(new Float32Array(3), [3]);
        Object.assign(constant, { id: 99 });
        const node = one(body.nodes);
        Object.assign(node, { operands: node.operands.with(2, constant) });
        return body;
      }),
    ).toEqual(['fused both: in its body: it has weights or constants of its own']);
  });

  test('a body is one, and only where one is wanted', () => {
    const graph = example();
    const node = nodeOf(graph.outputs[1]?.value ?? one(graph.inputs));
    const { body } = node.attributes;
    Object.assign(node, { attributes: { body: 3 } });
    expect(verify(graph)).toEqual(['fused both: its attribute body = 3 is not a body']);
    const conv = one(graph.nodes);
    Object.assign(node, { attributes: { body } });
    Object.assign(conv, { attributes: { ...conv.attributes, filters: body } });
    expect(verify(graph)[0]).toContain(
      'its attribute filters = {conv; relu} is not a whole number',
    );
  });
});
