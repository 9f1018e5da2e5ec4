/**
 * A graph as a TensorFlow.js layers model, which can be trained further. Keras's own classes where
 * they compute the same and TensorFlow.js has their gradients; else one of `archc/tfjs`.
 */
import { inParts } from '../../compiler/body.js';
import { diagnostic, type Diagnostic } from '../../compiler/diagnostic.js';
import {
  inputName,
  type Graph,
  type Node,
  type Origin,
  type Tensor,
  type Value,
  type Weight,
  type WeightValues,
} from '../../compiler/ir.js';
import { operatorOf } from '../../compiler/ops/index.js';
import { isStatic } from '../../compiler/shape.js';
import { littleEndian } from '../bytes.js';
import { metadataEntries, type ModelMetadata } from '../metadata.js';
import { uniqueNames } from '../names.js';
import { shardsOf, type TfjsFile } from './encode.js';
import { layerOf, type LayerClass } from './layer-classes.js';
import { formedData, type KernelForm } from './layout.js';

type EmittedLayers =
  | {
      readonly ok: true;
      readonly files: readonly [TfjsFile, ...TfjsFile[]];
      readonly weights: readonly LayerWeight[];
      readonly layers: readonly EmittedLayer[];
    }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/** Where a weight of the model is in the layers model. */
export interface LayerWeight {
  readonly weight: Weight;
  /** `e1.conv/kernel` */
  readonly variable: string;
  readonly shape: readonly number[];
  readonly form: KernelForm;
}

/** Names a tensor of a functional model: layer, which of its uses, which of its results. */
type Reference = readonly [layer: string, use: number, result: number, options: object];

/** A layer, and the first node that it stands for; in the order of the graph. */
export interface EmittedLayer {
  readonly name: string;
  readonly origin: Origin;
}

interface MadeLayer extends EmittedLayer {
  readonly made: LayerClass;
  readonly uses: (readonly Reference[])[];
}

/**
 * The graph as `model.json` and shards. Every size of the graph is a number; the batch is free.
 * Dropout, batch norm and weight standardisation are as in the source. Diagnostics:
 * `unsupported-operator`, where an operator works on weights or constants alone.
 */
export function emitLayers(
  given: Graph,
  weights: WeightValues,
  metadata: ModelMetadata,
): EmittedLayers {
  const graph = inParts(given, (op) => operatorOf(op).decompose === undefined);
  const diagnostics: Diagnostic[] = [];
  const unique = uniqueNames();
  const layers: MadeLayer[] = [];
  const byWeights = new Map<string, MadeLayer>();
  const references = new Map<Value, Reference>();
  const placed: LayerWeight[] = [];
  const inputs = graph.inputs.map((value) => {
    const name = unique(inputName(value));
    references.set(value, [name, 0, 0, {}]);
    return inputLayer(name, value);
  });

  function layerFor(node: Node): MadeLayer {
    const made = layerOf(node);
    // A shared block is one layer that is used several times.
    const key = made.weights.map(({ weight }) => weight.name).join();
    const known = key === '' ? undefined : byWeights.get(key);
    if (known !== undefined) return known;
    const { origin } = node;
    const layer: MadeLayer = { name: unique(origin.path), origin, made, uses: [] };
    layers.push(layer);
    if (key !== '') byWeights.set(key, layer);
    for (const { weight, name, shape, form } of made.weights) {
      placed.push({ weight, variable: `${layer.name}/${name}`, shape, form });
    }
    return layer;
  }

  for (const node of graph.nodes) {
    // On a kernel: the layer that uses it does that too.
    if (node.op === 'standardize') continue;
    const operands = activationsOf(node).map((value) => references.get(value));
    const known = operands.filter((reference) => reference !== undefined);
    if (known.length === 0) {
      diagnostics.push(
        unsupported(
          node,
          'works on weights or constants alone, for which a layers model has no place',
        ),
      );
      continue;
    }
    if (node.op === 'batchnorm' && rankOf(node.operands[0]) > MAX_BATCHNORM_RANK) {
      diagnostics.push(
        unsupported(node, 'has more than three axes, and the layer of TensorFlow.js takes no more'),
      );
      continue;
    }
    const layer = layerFor(node);
    node.results.forEach((value, i) =>
      references.set(value, [layer.name, layer.uses.length, i, {}]),
    );
    layer.uses.push(known);
  }
  const outputs = graph.outputs.map(({ value }) => references.get(value));
  if (diagnostics.length > 0) return { ok: false, diagnostics };
  const model = {
    class_name: 'Functional',
    config: {
      name: graph.name,
      layers: [...inputs, ...layers.map(encodeLayer)],
      input_layers: inputs.map(({ name }) => [name, 0, 0]),
      output_layers: outputs.map((reference) => {
        if (reference === undefined) throw new Error('an output without a layer');
        return reference.slice(0, 3);
      }),
    },
  };
  const shards = shardsOf(
    placed.map((place) => littleEndian(formedData(valueOf(place.weight, weights), place.form))),
  );
  const generatedBy = `archc ${metadata.version}`;
  const json = {
    format: 'layers-model',
    generatedBy,
    convertedBy: generatedBy,
    userDefinedMetadata: Object.fromEntries(metadataEntries(graph.name, metadata)),
    modelTopology: { keras_version: '2.13.1', backend: 'tensorflow', model_config: model },
    weightsManifest: [
      {
        paths: shards.map(({ name }) => name),
        weights: placed.map(({ variable, shape }) => ({ name: variable, shape, dtype: 'float32' })),
      },
    ],
  };
  const main = { name: 'model.json', bytes: new TextEncoder().encode(`${JSON.stringify(json)}\n`) };
  return { ok: true, files: [main, ...shards], weights: placed, layers };
}

function valueOf({ name }: Weight, weights: WeightValues): Tensor {
  const tensor = weights.get(name);
  if (tensor === undefined) throw new Error(`no values for weight ${name}`);
  return tensor;
}

/** Operands that depend on an input. */
function activationsOf(node: Node): readonly Value[] {
  return node.operands.filter(({ type }) => type.batched);
}

/** Without the batch. */
const MAX_BATCHNORM_RANK = 3;

function rankOf(value: Value | undefined): number {
  return value?.type.shape.length ?? 0;
}

function unsupported({ op, origin }: Node, why: string): Diagnostic {
  const hints = ['compile a graph model: leave out `--format layers`'];
  return diagnostic('unsupported-operator', `${origin.path} (${op}) ${why}`, {
    span: origin.span,
    hints,
  });
}

function inputLayer(name: string, { type: { shape } }: Value) {
  if (!isStatic(shape)) throw new Error('a layers model of symbols');
  return {
    class_name: 'InputLayer',
    name,
    config: { batch_input_shape: [null, ...shape], dtype: 'float32', sparse: false, name },
    inbound_nodes: [],
  };
}

function encodeLayer({ name, made, uses }: MadeLayer): object {
  const { className, config } = made;
  return {
    class_name: className,
    name,
    config: { name, trainable: true, dtype: 'float32', ...config },
    inbound_nodes: uses,
  };
}
