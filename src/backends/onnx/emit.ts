/** A graph as an ONNX model: the backend's one entry. */
import { inParts } from '../../compiler/body.js';
import { diagnostic, type Diagnostic } from '../../compiler/diagnostic.js';
import {
  inputName,
  type Graph,
  type Origin,
  type TensorType,
  type Value,
  type WeightValues,
} from '../../compiler/ir.js';
import { formatDim, isSymbolic, type Dim } from '../../compiler/shape.js';
import { artifactLocation } from '../../compiler/source.js';
import { littleEndian } from '../bytes.js';
import { metadataEntries, type ModelMetadata } from '../metadata.js';
import { batchDim, missingSize } from '../sizes.js';
import { createEmitter, type Emitter, type EmitterState, type Held } from './emitter.js';
import { encodeModel, type EncodedModel, type Initializer } from './encode.js';
import { BLOCK_DOMAIN, outlineBlocks, type BlockFunction } from './functions.js';
import { arrange, axesOf, borderOrder, permuteData, type BorderLayout } from './layout.js';
import { loweringOf } from './lower.js';
import type { OnnxAttribute, OnnxBorder, OnnxGraph, OnnxTensor, OnnxValue } from './model.js';
import {
  lookUp,
  nameNodes,
  nameResults,
  uniqueNames,
  type NamedNode,
  type NameOf,
} from './names.js';
import {
  ATTRIBUTE_TYPE,
  DATA_TYPE,
  encodeMessage,
  type AttributeProto,
  type DimensionProto,
  type FunctionProto,
  type ModelProto,
  type NodeProto,
  type OperatorSetIdProto,
  type StringStringEntryProto,
  type TensorProto,
  type ValueInfoProto,
} from './schema.js';
import { DEFAULT_OPSET, IR_VERSIONS, OPSETS } from './opsets.js';

export interface OnnxOptions {
  /** One of `OPSETS`; 17 unless given. Since 21, group norm is an operator of ONNX. */
  readonly opset?: number;
  /**
   * How inputs and outputs with three axes are laid out: `nchw` (the default) as ONNX models are,
   * `nhwc` as the source has them. Inside it is always `[N, C, H, W]`.
   */
  readonly layout?: BorderLayout;
  /** Batch and symbolic sizes stay free, as named dimensions; else the batch is 1. */
  readonly dynamic?: boolean;
  /** Blocks become local functions. */
  readonly keepBlocks?: boolean;
  /** `auto`: weights stand in a file of their own where the model would be 2 GiB or larger. */
  readonly externalData?: 'auto' | 'always';
  /** The name of that file, which the model refers to; `MODEL.onnx.data` unless given. */
  readonly externalDataName?: string;
  readonly metadata: ModelMetadata;
}

type EmittedOnnx =
  | ({ readonly ok: true } & EncodedModel)
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/**
 * The graph as an ONNX model, with the weights in `weights`, every one of which is in the file under
 * its own name. Without `dynamic`, every size of the graph is a number (see `specialize`). The bytes
 * depend on the arguments alone. Diagnostics: `unsupported-opset`; `dynamic-size` where a size of a
 * dynamic model does not follow from its inputs; `weights-too-large`. Throws where a weight is
 * missing or has another shape: callers have checked.
 */
export function emitOnnx(graph: Graph, weights: WeightValues, options: OnnxOptions): EmittedOnnx {
  const opset = options.opset ?? DEFAULT_OPSET;
  const irVersion = IR_VERSIONS.get(opset);
  if (irVersion === undefined) {
    const known = `${OPSETS.min} to ${OPSETS.max}`;
    const message = `operator set ${opset} is not one that the ONNX backend writes`;
    const hints = [`use one from ${known}; ${DEFAULT_OPSET} is the default`];
    return { ok: false, diagnostics: [diagnostic('unsupported-opset', message, { hints })] };
  }
  const lowered = lowerGraph(graph, opset, options);
  if (!lowered.ok) return lowered;
  const encoded = encodeGraph(graph, lowered.graph, weights, options, { opset, irVersion });
  return encoded.ok ? { ok: true, ...encoded.value } : encoded;
}

type Lowered =
  | { readonly ok: true; readonly graph: OnnxGraph }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

function lowerGraph(given: Graph, opset: number, options: OnnxOptions): Lowered {
  const graph = inParts(given, (op) => loweringOf(op) !== undefined);
  const { layout = 'nchw', dynamic = false } = options;
  const batch = dynamic ? batchDim(graph) : 1;
  const diagnostics: Diagnostic[] = [];
  let origin: Origin | undefined;
  const held = graph.inputs.map((value): Held => {
    const order = borderOrder(value.type.shape.length, layout);
    const shape = arrange(value.type.shape, order);
    const isBatched = value.type.batched;
    return {
      value: { type: 'float', shape: isBatched ? [batch, ...shape] : shape },
      order,
      batch: isBatched ? 'many' : 'none',
    };
  });
  const state = createEmitter({
    opset,
    batch,
    sizeSource: {
      inputs: held.map((h) => h.value),
      missing: (symbol) => diagnostics.push(missingSize(symbol, origin)),
    },
  });
  graph.inputs.forEach((value, i) => {
    const own = held[i];
    if (own !== undefined) state.hold(value, own);
  });
  for (const node of graph.nodes) {
    const lowering = loweringOf(node.op);
    if (lowering === undefined) throw new Error(`${node.op}: neither lowered nor decomposed`);
    origin = node.origin;
    state.setOrigin(origin);
    const results = [lowering(state.emitter, node)].flat();
    node.results.forEach((value, i) => {
      const own = results[i];
      if (own === undefined) throw new Error(`${node.op}: result ${i} is missing`);
      state.hold(value, own);
    });
  }
  state.setOrigin(undefined);
  const inputs = graph.inputs.map((value, i) => inputBorder(value, held[i]));
  const outputs = outputBorders(graph, state, layout, inputs);
  // A weight that nothing uses is in the file all the same.
  for (const weight of given.weights) state.ensureWeight(weight);
  if (diagnostics.length > 0) return { ok: false, diagnostics };
  return { ok: true, graph: { inputs, outputs, weights: state.weights, nodes: state.nodes() } };
}

function inputBorder(value: Value, held: Held | undefined): OnnxBorder {
  if (held === undefined || value.definition.kind !== 'input') throw new Error('not an input');
  return { name: inputName(value), doc: value.definition.doc, value: held.value };
}

function outputBorders(
  graph: Graph,
  { emitter, weights }: EmitterState,
  layout: BorderLayout,
  inputs: readonly OnnxBorder[],
): readonly OnnxBorder[] {
  // Tensors that already have a name: an output of these is a copy.
  const named = new Set(inputs.map((input) => input.value));
  return graph.outputs.map(({ name, doc, value }) => {
    const order = borderOrder(value.type.shape.length, layout);
    let tensor = atBorder(emitter, emitter.take(value, order), value.type);
    if (named.has(tensor) || weights.some((weight) => weight.value === tensor)) {
      tensor = emitter.node('Identity', [tensor], tensor.shape);
    }
    named.add(tensor);
    return { name, doc, value: tensor };
  });
}

/** Without the axis of 1 that stood for a batch. */
function atBorder(e: Emitter, held: Held, type: TensorType): OnnxValue {
  if (type.batched || held.batch === 'none') return held.value;
  return e.node('Squeeze', [held.value, e.ints([0])], held.value.shape.slice(1));
}

interface Versions {
  readonly opset: number;
  readonly irVersion: number;
}

function encodeGraph(
  graph: Graph,
  onnx: OnnxGraph,
  weights: WeightValues,
  options: OnnxOptions,
  { opset, irVersion }: Versions,
): ReturnType<typeof encodeModel> {
  const ownOpset: OperatorSetIdProto = { domain: '', version: opset };
  const blockOpset: OperatorSetIdProto = { domain: BLOCK_DOMAIN, version: 1 };
  const functions = functionTable([ownOpset, blockOpset]);
  const flat = nameNodes(onnx.nodes);
  const weightNames = new Map(onnx.weights.map((w) => [w.value, w.weight.name]));
  const nodes =
    options.keepBlocks === true
      ? outlineBlocks(flat, {
          outputs: new Set(onnx.outputs.map((output) => output.value)),
          weightName: (value) => weightNames.get(value),
          define: functions.define,
        })
      : flat;
  const { nameOf, inner } = nameValues(onnx, nodes);
  const { metadata } = options;
  const protos = functions.protos();
  const model: ModelProto = {
    ir_version: irVersion,
    producer_name: 'archc',
    producer_version: metadata.version,
    ...documented(graph.doc),
    opset_import: protos.length > 0 ? [ownOpset, blockOpset] : [ownOpset],
    metadata_props: metadataEntries(graph.name, metadata).map(
      ([key, value]): StringStringEntryProto => ({ key, value }),
    ),
    functions: protos,
  };
  const graphProto = {
    name: graph.name,
    ...documented(graph.doc),
    node: nodes.map((node) => nodeProto(node, nameOf)),
    input: onnx.inputs.map((border) => borderInfo(border)),
    output: onnx.outputs.map((border) => borderInfo(border)),
    value_info: inner.map((value) => valueInfo(nameOf(value), value)),
  };
  return encodeModel(model, graphProto, initializers(onnx, weights, nameOf), {
    fileName: options.externalDataName ?? `${graph.name}.onnx.data`,
    always: options.externalData === 'always',
  });
}

/** Names for the values of the model's own graph; `inner` are those that are no border or weight. */
function nameValues(
  onnx: OnnxGraph,
  nodes: readonly NamedNode[],
): { readonly nameOf: NameOf; readonly inner: readonly OnnxValue[] } {
  const names = new Map<OnnxValue, string>();
  const unique = uniqueNames();
  for (const { name, value } of [...onnx.inputs, ...onnx.outputs]) names.set(value, unique(name));
  for (const { weight, value } of onnx.weights) names.set(value, unique(weight.name));
  const inner = nodes.flatMap((node) => node.outputs).filter((value) => !names.has(value));
  nameResults(nodes, names, unique);
  return { nameOf: lookUp(names), inner };
}

function initializers(
  onnx: OnnxGraph,
  weights: WeightValues,
  nameOf: NameOf,
): readonly Initializer[] {
  return onnx.weights.map(({ weight, pattern, value }) => {
    const tensor = weights.get(weight.name);
    if (tensor === undefined) throw new Error(`no values for weight ${weight.name}`);
    if (tensor.shape.join() !== weight.shape.join()) {
      throw new Error(`weight ${weight.name} has another shape`);
    }
    return {
      name: nameOf(value),
      dims: arrange(weight.shape, pattern).map(Number),
      data: () => permuteData(tensor, axesOf(pattern)),
    };
  });
}

/** Keeps functions; those that are the same but for their names are one. */
function functionTable(opsets: readonly OperatorSetIdProto[]): {
  readonly define: (made: BlockFunction) => string;
  readonly protos: () => readonly FunctionProto[];
} {
  const byBody = new Map<string, FunctionProto>();
  const unique = uniqueNames();
  return {
    define({ block, inputs, outputs, nodes, nameOf }) {
      const proto: FunctionProto = {
        name: block.name,
        domain: BLOCK_DOMAIN,
        ...documented(block.doc),
        input: inputs.map(nameOf),
        output: outputs.map(nameOf),
        node: nodes.map((node) => nodeProto(node, nameOf)),
        opset_import: opsets,
      };
      const body = encodeMessage('FunctionProto', proto).join();
      const known = byBody.get(body) ?? { ...proto, name: unique(block.name) };
      byBody.set(body, known);
      return known.name;
    },
    protos: () => [...byBody.values()],
  };
}

function documented(doc: string): { readonly doc_string?: string } {
  return doc === '' ? {} : { doc_string: doc };
}

/** `x.arch:12:8`, and what the source says of the innermost block and of the binding. */
function docOf({ span, scope }: Origin): string {
  let [block, binding] = ['', ''];
  let isInnermost = true;
  for (let s: Origin['scope'] | undefined = scope; s !== undefined; s = s.parent) {
    if (s.block !== undefined && isInnermost) {
      block = s.block.doc;
      isInnermost = false;
    }
    binding = s.doc ?? binding;
  }
  return [artifactLocation(span), block, binding].filter((text) => text !== '').join('\n');
}

function nodeProto(node: NamedNode, nameOf: NameOf): NodeProto {
  return {
    input: node.inputs.map((value) => (value === undefined ? '' : nameOf(value))),
    output: node.outputs.map(nameOf),
    name: node.name,
    op_type: node.opType,
    ...(node.domain === undefined ? {} : { domain: node.domain }),
    attribute: Object.entries(node.attributes).map(([name, value]) => attributeProto(name, value)),
    ...(node.origin === undefined ? {} : { doc_string: docOf(node.origin) }),
  };
}

function attributeProto(name: string, attribute: OnnxAttribute): AttributeProto {
  const head = { name, type: ATTRIBUTE_TYPE[attribute.kind] };
  switch (attribute.kind) {
    case 'int':
      return { ...head, i: attribute.value };
    case 'float':
      return { ...head, f: attribute.value };
    case 'string':
      return { ...head, s: new TextEncoder().encode(attribute.value) };
    case 'ints':
      return { ...head, ints: attribute.value };
    case 'tensor':
      return { ...head, t: tensorProto(attribute.value) };
  }
}

function tensorProto(tensor: OnnxTensor): TensorProto {
  const head = { dims: tensor.dims, data_type: DATA_TYPE[tensor.type] };
  return tensor.type === 'float'
    ? { ...head, raw_data: littleEndian(tensor.data) }
    : { ...head, int64_data: tensor.data };
}

function borderInfo({ name, doc, value }: OnnxBorder): ValueInfoProto {
  return { ...valueInfo(name, value), ...documented(doc) };
}

function valueInfo(name: string, value: OnnxValue): ValueInfoProto {
  return {
    name,
    type: {
      tensor_type: {
        elem_type: DATA_TYPE[value.type],
        shape: { dim: value.shape.map(dimensionProto) },
      },
    },
  };
}

function dimensionProto(dim: Dim): DimensionProto {
  return isSymbolic(dim) ? { dim_param: formatDim(dim) } : { dim_value: dim };
}
