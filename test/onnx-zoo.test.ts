/** Every model of models/, at full width and a small size, in ONNX Runtime against the interpreter. */
import { describe, expect, it } from 'vitest';
import { evaluateNode, interpret } from '../src/compiler/interpret.js';
import { inputName, type Graph, type Tensor, type Value } from '../src/compiler/ir.js';
import { initialize } from '../src/weights/initialize.js';
import { emitted, runOnnx } from './helpers/onnx-run.js';
import { randomInputs, randomWeights, relativeError } from './helpers/operator-cases.js';
import { graphsOf, MODEL_FILES } from './helpers/zoo.js';

/** Height and width: the smallest that the facts of the models allow. */
const sizeOf = (file: string): number => (/resnet|mobilenet/.test(file) ? 32 : 16);
const TOLERANCE = 1e-4;

describe.each(MODEL_FILES.filter((file) => !file.endsWith('blocks.arch')))('%s', (file) => {
  const graphs = [...graphsOf(file, sizeOf(file))];
  it.runIf(graphs.length > 0).each(graphs)(
    '%s gives the same at opsets 17 and 21',
    async (_, graph) => {
      const weights = initialize(graph.weights, 0);
      const inputs = randomInputs(graph, 1, 4);
      const expected = interpret(graph, weights, inputs);
      for (const opset of [17, 21]) {
        const actual = await runOnnx(emitted(graph, weights, { opset }), inputs);
        for (const [name, tensor] of expected) {
          const found = actual.get(name);
          expect(found?.shape).toEqual(tensor.shape);
          expect(found && relativeError(found, tensor)).toBeLessThanOrEqual(TOLERANCE);
        }
      }
    },
  );
});

/**
 * With arbitrary weights a deep network may magnify what rounding does: of MobileNetV2, a change of
 * half a unit in the last place of its input changes the output by 0.3 %. So each node is compared
 * by itself, on what it was given in ONNX Runtime.
 */
describe('with arbitrary weights', () => {
  it.each([
    ['models/sdunet.arch', 'SDUNet'],
    ['models/sdunet.arch', 'SDUNetBrats'],
    ['models/zoo/mobilenet_v2.arch', 'MobileNetV2'],
  ])('every node of %s %s gives the same for the same operands', async (file, name) => {
    const graph = graphsOf(file, sizeOf(file)).get(name);
    if (graph === undefined) throw new Error(`no ${name}`);
    for (const [path, error] of await errorsOfNodes(graph)) {
      // Sums of up to a thousand products, each rounded to 24 bits.
      expect(error, path).toBeLessThanOrEqual(2e-6);
    }
  });
});

/** By the paths of the nodes: the error of each against the interpreter on the same operands. */
async function errorsOfNodes(graph: Graph): Promise<(readonly [path: string, error: number])[]> {
  const weights = randomWeights(graph, 3);
  const inputs = randomInputs(graph, 1, 4);
  const nodes = graph.nodes.filter(({ results }) => results.every((r) => r.type.batched));
  const outputs = nodes.flatMap((node, i) =>
    node.results.map((value, j) => ({
      name: `n${i}_${j}`,
      doc: '',
      value,
      span: node.origin.span,
    })),
  );
  const found = await runOnnx(emitted({ ...graph, outputs }, weights), inputs);
  const known = new Map<Value, Tensor>();
  const learn = (value: Value, tensor: Tensor | undefined): void => {
    if (tensor === undefined) throw new Error('a tensor is missing');
    known.set(value, { shape: tensor.shape.slice(1), data: tensor.data });
  };
  for (const value of graph.inputs) learn(value, inputs.get(inputName(value)));
  for (const { name, value } of outputs) learn(value, found.get(name));
  /** What ONNX Runtime had for a value; weights and what is made of them by the interpreter. */
  const tensorOf = (value: Value): Tensor => {
    const { definition } = value;
    const tensor =
      definition.kind === 'weight'
        ? weights.get(definition.weight.name)
        : definition.kind === 'result' && !value.type.batched
          ? evaluateNode(definition.node, definition.node.operands.map(tensorOf))[definition.index]
          : known.get(value);
    if (tensor === undefined) throw new Error(`no tensor for value ${value.id}`);
    return tensor;
  };
  return nodes.flatMap((node) =>
    evaluateNode(node, node.operands.map(tensorOf)).map((expected, i) => {
      const result = node.results[i];
      const actual = result && known.get(result);
      return [node.origin.path, actual ? relativeError(actual, expected) : Number.NaN] as const;
    }),
  );
}
