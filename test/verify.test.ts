/** verify: a graph that is right has no problems; each way to break one is named. */
import { describe, expect, test } from 'vitest';
import { attributeConstant } from '../src/compiler/attributes.js';
import type { Attribute, Definition, Graph, Node, Value, Weight } from '../src/compiler/ir.js';
import { operatorNames, operatorOf } from '../src/compiler/ops/index.js';
import { symbolDim } from '../src/compiler/shape.js';
import { verify } from '../src/compiler/verify.js';
import { buildGraph } from './helpers/graph.js';
import { sdunet, unet } from './helpers/unets.js';

function example(): Graph {
  return buildGraph((g) => {
    const [a] = g.op('dwconv', [g.input([8, 8, 4])], { ws: true });
    return a === undefined ? [] : g.op('prelu', [a]);
  });
}

function get<T>(items: readonly T[], index: number): T {
  const item = items.at(index);
  if (item === undefined) throw new Error('no such item');
  return item;
}

/** The graph with one node changed, without regard to what refers to it. */
function withNode(graph: Graph, index: number, change: (node: Node) => Partial<Node>): Graph {
  const node = get(graph.nodes, index);
  // In place of the node itself, so that its results still point to what is in the graph.
  Object.assign(node, change(node));
  return graph;
}

function withOperand(graph: Graph, index: number, at: number, value: Value): Graph {
  return withNode(graph, index, ({ operands }) => ({ operands: operands.with(at, value) }));
}

const image = { dtype: 'f32', shape: [8, 8, 4], batched: true } as const;

describe('right graphs', () => {
  test('small and large', () => {
    expect(verify(example())).toEqual([]);
    expect(verify(unet({ size: 32 }))).toEqual([]);
    expect(verify(sdunet({ size: 32 }))).toEqual([]);
  });

  test('symbolic sizes', () => {
    const h = symbolDim({ name: 'H', modulus: 4, remainder: 0, min: 4, max: 4096 });
    const graph = buildGraph((g) => {
      const [small] = g.op('maxpool', [g.input([h, h, 3])], { k: [2, 2] });
      return small === undefined ? [] : g.op('resize', [small], { height: h, width: h });
    });
    expect(verify(graph)).toEqual([]);
  });

  test('a kernel that has been standardised already', () => {
    const graph = example();
    const kernel = get(get(graph.nodes, 0).operands, 0);
    const folded = withOperand({ ...graph, nodes: graph.nodes.slice(1) }, 0, 1, kernel);
    expect(verify(folded)).toEqual([]);
  });

  test('the defaults of every operator are as its parameters read them', () => {
    for (const name of operatorNames()) {
      const earlier: Record<string, Attribute> = {};
      for (const [parameter, { kind, default: standard }] of Object.entries(
        operatorOf(name).parameters,
      )) {
        const value = typeof standard === 'function' ? standard(earlier) : standard;
        if (value === undefined) continue;
        expect(kind.read(attributeConstant(value)), `${name}.${parameter}`).toEqual(value);
        earlier[parameter] = value;
      }
    }
  });
});

describe('broken graphs', () => {
  const brokenValue = (definition: Definition, type: Value['type'] = image): Value => ({
    id: 999,
    type,
    definition,
  });
  const weightOf = (graph: Graph, index: number): Weight => get(graph.weights, index);

  const cases: readonly (readonly [string, () => Graph, readonly string[]])[] = [
    [
      'an operand that no node has made',
      () => {
        const graph = example();
        const other = example();
        return withOperand(graph, 2, 0, get(get(other.nodes, 1).results, 0));
      },
      [
        'prelu prelu_2: another value has the id 4',
        'prelu prelu_2: value 4 is not defined before it is used',
      ],
    ],
    [
      'an operand made later',
      () => {
        const graph = example();
        const [a, b, c] = graph.nodes;
        return { ...graph, nodes: [a, c, b].filter((node) => node !== undefined) };
      },
      ['prelu prelu_2: value 4 is not defined before it is used'],
    ],
    [
      'a result of another type than infer gives',
      () => {
        const graph = example();
        Object.assign(get(get(graph.nodes, 2).results, 0), {
          type: { ...image, shape: [8, 8, 5] },
        });
        return graph;
      },
      ['prelu prelu_2: result 0 is f32[8, 8, 5], but should be f32[8, 8, 4]'],
    ],
    [
      'a result without its batch',
      () => {
        const graph = example();
        Object.assign(get(get(graph.nodes, 2).results, 0), { type: { ...image, batched: false } });
        return graph;
      },
      ['prelu prelu_2: result 0 is unbatched f32[8, 8, 4], but should be f32[8, 8, 4]'],
    ],
    [
      'too few results',
      () => withNode(example(), 1, () => ({ results: [] })),
      [
        'dwconv dwconv_1: it has 0 results where there should be 1',
        'prelu prelu_2: value 4 is not defined before it is used',
      ],
    ],
    [
      'operands that infer rejects',
      () => {
        const graph = example();
        const flat = { ...get(graph.inputs, 0), type: { ...image, shape: [8] } };
        return withOperand({ ...graph, inputs: [flat] }, 1, 0, flat);
      },
      [
        'dwconv dwconv_1: its operands do not fit: dwconv works on an image [H, W, C], but its input is [8]',
      ],
    ],
    [
      'a result of a size that no input has',
      () => {
        const h = symbolDim({ name: 'H', modulus: 1, remainder: 0, min: 1, max: 4096 });
        return buildGraph((g) => g.op('resize', [g.input([8, 8, 4])], { height: h, width: 8 }));
      },
      ['resize resize_1: result 0 depends on H, which is no size of an input'],
    ],
    [
      'a result that links to another place',
      () => {
        const graph = example();
        const node = get(graph.nodes, 0);
        Object.assign(get(get(graph.nodes, 2).results, 0), {
          definition: { kind: 'result', node, index: 0 },
        });
        return graph;
      },
      ['prelu prelu_2: result 0 says that it is another'],
    ],
    [
      'a weight too few',
      () => withNode(example(), 2, ({ operands }) => ({ operands: operands.slice(0, 1) })),
      ['prelu prelu_2: it has 0 weights where there should be 1'],
    ],
    [
      'a weight of another shape and role',
      () => {
        const graph = example();
        return withOperand(graph, 2, 1, get(get(graph.nodes, 0).operands, 0));
      },
      [
        'prelu prelu_2: its weight alpha is [3, 3, 1, 4], but should be [4]',
        'prelu prelu_2: its weight alpha is a kernel, but should be a scale',
      ],
    ],
    [
      'a standardised weight of another shape',
      () => {
        const graph = example();
        return withOperand(graph, 2, 1, get(get(graph.nodes, 0).results, 0));
      },
      ['prelu prelu_2: its weight alpha is [3, 3, 1, 4], but should be [4]'],
    ],
    [
      'a weight that depends on the image',
      () =>
        buildGraph((g) => {
          const alpha = g.input([4], 'alpha');
          const results = g.op('prelu', [g.input([8, 8, 4])]);
          const node = results[0]?.definition;
          if (node?.kind !== 'result') throw new Error('no node');
          Object.assign(node.node, { operands: [get(node.node.operands, 0), alpha] });
          return results;
        }),
      ['prelu prelu_1: its weight alpha depends on the image'],
    ],
    [
      'two weights of one name',
      () => {
        const graph = example();
        Object.assign(weightOf(graph, 1), { name: 'dwconv_1.weight' });
        return graph;
      },
      ['two weights are named dwconv_1.weight'],
    ],
    [
      'a weight listed twice',
      () => {
        const graph = example();
        return { ...graph, weights: [...graph.weights, weightOf(graph, 0)] };
      },
      ['the weight dwconv_1.weight is listed twice'],
    ],
    [
      'a weight that is not listed',
      () => ({ ...example(), weights: example().weights.slice(1) }),
      [
        "standardize dwconv_1: the weight dwconv_1.weight is not among the graph's",
        "dwconv dwconv_1: the weight dwconv_1.bias is not among the graph's",
        "prelu prelu_2: the weight prelu_2.alpha is not among the graph's",
      ],
    ],
    [
      'a weight with two values',
      () => {
        const graph = buildGraph((g) => {
          const [a] = g.op('prelu', [g.input([8, 8, 4])]);
          return a === undefined ? [] : g.op('prelu', [a]);
        });
        const [first, second] = graph.weights;
        if (first === undefined || second === undefined) throw new Error('no weights');
        const again = brokenValue(
          { kind: 'weight', weight: first },
          {
            ...image,
            shape: [4],
            batched: false,
          },
        );
        return withOperand(graph, 1, 1, again);
      },
      ['prelu prelu_2: the weight prelu_1.alpha has two values'],
    ],
    [
      'a weight whose value has another shape',
      () => {
        const graph = example();
        Object.assign(weightOf(graph, 2), { shape: [5] });
        return graph;
      },
      ['prelu prelu_2: the weight prelu_2.alpha is [5], its value [4]'],
    ],
    [
      'a weight with a size of 0',
      () => {
        const graph = example();
        const weight = { ...weightOf(graph, 0), name: 'other', shape: [0] };
        return { ...graph, weights: [...graph.weights, weight] };
      },
      ['the weight other has the shape [0]'],
    ],
    [
      'a constant with too few elements',
      () =>
        buildGraph((g) => {
          const constant = g.builder.constant(new Float32Array(3), [4]);
          return g.op('add', [g.input([8, 8, 4]), constant]);
        }),
      ['add add_1: a constant [4] has 3 elements'],
    ],
    [
      'a missing attribute',
      () => withNode(example(), 2, () => ({ attributes: {} })),
      ['prelu prelu_2: it has no attribute alpha'],
    ],
    [
      'an attribute too many',
      () =>
        withNode(example(), 2, ({ attributes }) => ({ attributes: { ...attributes, beta: 1 } })),
      ['prelu prelu_2: it has an attribute beta, which prelu does not take'],
    ],
    [
      'an attribute of another kind',
      () => withNode(example(), 2, () => ({ attributes: { alpha: 'large' } })),
      ['prelu prelu_2: its attribute alpha = large is not a number from -1 to 1'],
    ],
    [
      'an attribute as it is written, not as it is read',
      () => withNode(example(), 1, ({ attributes }) => ({ attributes: { ...attributes, k: 3 } })),
      [
        'dwconv dwconv_1: its attribute k = 3 is not a whole number of at least 1, or two as `[height, width]`',
      ],
    ],
    [
      'an operator that does not exist',
      () => withNode(example(), 2, () => ({ op: 'nosuch' as Node['op'] })),
      ['nosuch prelu_2: there is no such operator'],
    ],
    [
      'two nodes of one id',
      () => withNode(example(), 2, () => ({ id: 0 })),
      ['prelu prelu_2: another node has the id 0'],
    ],
    [
      'two values of one id',
      () => {
        const graph = example();
        Object.assign(get(get(graph.nodes, 2).results, 0), { id: get(graph.inputs, 0).id });
        return graph;
      },
      ['prelu prelu_2: another value has the id 0'],
    ],
    [
      'an output that is nowhere defined',
      () => {
        const graph = example();
        const value = get(example().outputs, 0).value;
        return { ...graph, outputs: [{ ...get(graph.outputs, 0), value: { ...value, id: 77 } }] };
      },
      ['output y: value 77 is not defined before it is used'],
    ],
    [
      'an output that is an input',
      () => buildGraph((g) => [g.input([8, 8, 4])]),
      ['output y: its value is the result of no node'],
    ],
    [
      'outputs with one value',
      () =>
        buildGraph((g) => g.op('relu', [g.input([8, 8, 4])]).flatMap((value) => [value, value])),
      ['outputs y and y2 are the same value'],
    ],
    [
      'outputs of one name',
      () => {
        const graph = buildGraph((g) => {
          const x = g.input([8, 8, 4]);
          return [...g.op('relu', [x]), ...g.op('tanh', [x])];
        });
        const outputs = graph.outputs.map((output) => ({ ...output, name: 'y' }));
        return { ...graph, outputs };
      },
      ['two outputs are named y'],
    ],
    [
      'inputs of one name',
      () => buildGraph((g) => g.op('add', [g.input([8, 8, 4], 'x'), g.input([8, 8, 4], 'x')])),
      ['two inputs are named x'],
    ],
  ];

  test.each(cases)('%s', (_, make, problems) => {
    expect(verify(make())).toEqual(problems);
  });
});
