/** What stands in an ONNX file: names, docs, weights, shapes; judged by readers that are not archc's. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { emitOnnx, type OnnxOptions } from '../src/backends/onnx/emit.js';
import { MAX_MESSAGE_BYTES, needsExternalData } from '../src/backends/onnx/encode.js';
import { interpret } from '../src/compiler/interpret.js';
import type { Graph } from '../src/compiler/ir.js';
import { elementCount } from '../src/compiler/ops/tensor.js';
import { symbolDim } from '../src/compiler/shape.js';
import { buildGraph } from './helpers/graph.js';
import { DYNAMIC_PROGRAMS } from './helpers/onnx-dynamic.js';
import { modelOf, modelOfFile } from './helpers/onnx-programs.js';
import { hasOnnxChecker, onnxProblems, readModel, readOldModel } from './helpers/onnx-read.js';
import { emitted, metadata, openSession, runOnnx } from './helpers/onnx-run.js';
import {
  OPERATOR_CASES,
  randomInputs,
  randomWeights,
  relativeError,
} from './helpers/operator-cases.js';

const sdunet = modelOfFile('models/sdunet.arch', { model: 'SDUNet', set: { width: '8' } });
const small = sdunet.at({ H: 32, W: 16 });

const TINY = `
## Halves an image.
block half(filters: int) = conv(filters, stride = 2) -> relu

## A model for tests.
model Tiny {
  ## A grey image.
  input image: f32[H = 8, W = 8, 1] where H % 4 == 0, W % 4 == 0
  e1 = image -> half(4) -> half(8)
  e2 = e1 -> groupnorm(2) -> upsample(4)
  ## What is seen.
  output mask = concat(e2, image) -> conv(2, k = 1) -> sigmoid
}
`;
const tiny = modelOf(TINY);

function bytesOf(graph: Graph, options: Partial<OnnxOptions> = {}): Uint8Array {
  return emitted(graph, randomWeights(graph, 1), options);
}

/** The elements of a tensor's raw data. */
function floatsOf(raw: Uint8Array): Float32Array {
  return new Float32Array(raw.slice().buffer);
}

describe('two readers', () => {
  const models: (readonly [string, () => Graph])[] = [
    ...OPERATOR_CASES.map((c) => [c.name, c.build] as const),
    ['SD-UNet', () => small],
  ];
  it.each(models)('see the same nodes and every weight: %s', (_, build) => {
    const graph = build();
    const weights = randomWeights(graph, 1);
    for (const options of [{}, { opset: 21 }, { keepBlocks: true }]) {
      const bytes = emitted(graph, weights, options);
      const model = readModel(bytes);
      const old = readOldModel(bytes);
      expect(old.graph?.node?.map((n) => n.opType)).toEqual(model.graph?.node.map((n) => n.opType));
      expect(old.functions.map((f) => f.node?.length)).toEqual(
        model.functions.map((f) => f.node.length),
      );
      const initializers = model.graph?.initializer ?? [];
      expect(initializers.map((t) => t.name).sort()).toEqual([...weights.keys()].sort());
      for (const { name, dims, rawData } of initializers) {
        const own = weights.get(name);
        expect(elementCount(dims.map(Number))).toBe(own?.data.length);
        expect(floatsOf(rawData).toSorted()).toEqual(own?.data.toSorted());
      }
      const count = (old.graph?.initializer ?? []).reduce(
        (n, t) => n + elementCount((t.dims ?? []).map(Number)),
        0,
      );
      expect(count).toBe(graph.weights.reduce((n, w) => n + elementCount(w.shape), 0));
    }
  });

  it('see fixed shapes everywhere, no automatic padding, and no Reshape with 0', () => {
    for (const { build } of OPERATOR_CASES) {
      const { graph } = readModel(bytesOf(build()));
      const shown = [...(graph?.valueInfo ?? []), ...(graph?.output ?? [])];
      const named = new Set(shown.map((v) => v.name));
      expect(graph?.node.flatMap((n) => n.output).filter((name) => !named.has(name))).toEqual([]);
      for (const { type } of shown) {
        const dims = type?.value.case === 'tensorType' ? type.value.value.shape?.dim : undefined;
        for (const dim of dims ?? []) expect(Number(dim.value.value)).toBeGreaterThan(0);
        expect(dims).toBeDefined();
      }
      const attributes = graph?.node.flatMap((n) => n.attribute) ?? [];
      expect(attributes.some((a) => a.name === 'auto_pad' || a.name === 'allowzero')).toBe(false);
      const shapes = new Set(
        graph?.node.filter((n) => n.opType === 'Reshape').map((n) => n.input[1]),
      );
      for (const node of graph?.node ?? []) {
        if (!shapes.has(node.output[0])) continue;
        expect(node.attribute[0]?.t?.int64Data.every((d) => Number(d) > 0)).toBe(true);
      }
    }
  });
});

describe('the checker of python3-onnx', () => {
  const installed = hasOnnxChecker();
  const title = installed
    ? 'accepts every file of opset 17'
    : 'accepts every file of opset 17 (skipped: python3-onnx is not installed)';
  it.skipIf(!installed)(title, () => {
    const models = new Map(OPERATOR_CASES.map(({ name, build }) => [name, bytesOf(build())]));
    for (const { name, text } of DYNAMIC_PROGRAMS) {
      const { graph } = modelOf(text);
      models.set(name, bytesOf(graph, { dynamic: true }));
      models.set(`${name} in blocks`, bytesOf(graph, { dynamic: true, keepBlocks: true }));
    }
    models.set('SD-UNet', bytesOf(small));
    models.set('SD-UNet in blocks', bytesOf(small, { keepBlocks: true }));
    models.set('SD-UNet channels last', bytesOf(small, { layout: 'nhwc' }));
    models.set('SD-UNet dynamic', bytesOf(sdunet.graph, { dynamic: true }));
    expect(onnxProblems(models)).toBe('');
  });
});

describe('names and docs', () => {
  const model = readModel(bytesOf(tiny.at()));

  it('are those of the source', () => {
    expect(model.graph?.name).toBe('Tiny');
    expect(model.graph?.docString).toBe('A model for tests.');
    expect(model.docString).toBe('A model for tests.');
    expect(model.graph?.input.map((v) => [v.name, v.docString])).toEqual([
      ['image', 'A grey image.'],
    ]);
    expect(model.graph?.output.map((v) => [v.name, v.docString])).toEqual([
      ['mask', 'What is seen.'],
    ]);
    const nodes = model.graph?.node.filter((n) => n.opType !== 'Constant') ?? [];
    expect(nodes.map((n) => `${n.name}: ${n.opType}`)).toEqual([
      'e1.half_1.conv: Conv',
      'e1.half_1.relu: Relu',
      'e1.half_2.conv: Conv',
      'e1.half_2.relu: Relu',
      'e2.groupnorm/Reshape: Reshape',
      'e2.groupnorm/InstanceNormalization: InstanceNormalization',
      'e2.groupnorm/Reshape_2: Reshape',
      'e2.groupnorm/Mul: Mul',
      'e2.groupnorm/Add: Add',
      'e2.upsample: Resize',
      'mask.concat: Concat',
      'mask.conv: Conv',
      'mask.sigmoid: Sigmoid',
    ]);
    expect(nodes[0]?.input).toEqual(['image', 'e1.half_1.conv.weight', 'e1.half_1.conv.bias']);
    expect(nodes[0]?.output).toEqual(['e1.half_1.conv:0']);
    expect(nodes.at(-1)?.output).toEqual(['mask']);
  });

  it('say where a node comes from, and what the block around it is', () => {
    const docs = new Map(model.graph?.node.map((n) => [n.name, n.docString]));
    expect(docs.get('e1.half_2.relu')).toBe('test.arch:3:57\nHalves an image.');
    expect(docs.get('e2.upsample')).toBe('test.arch:10:30');
  });

  it('tell who made the file, of what', () => {
    const graph = tiny.at();
    expect(model.producerName).toBe('archc');
    expect(model.producerVersion).toBe('0.0.0-test');
    const propsOf = (bytes: Uint8Array) =>
      Object.fromEntries(readModel(bytes).metadataProps.map((p) => [p.key, p.value]));
    const common = {
      'archc.version': '0.0.0-test',
      'archc.model': 'Tiny',
      'archc.source_sha256': metadata.sourceSha256,
    };
    expect(propsOf(bytesOf(graph))).toEqual({ ...common, 'archc.seed': '0' });
    const weights = { file: 'trained.safetensors' };
    expect(propsOf(bytesOf(graph, { metadata: { ...metadata, weights } }))).toEqual({
      ...common,
      'archc.weights': 'trained.safetensors',
    });
  });

  it.each([
    [17, 8n],
    [18, 8n],
    [19, 9n],
    [20, 9n],
    [21, 10n],
  ])('opset %i goes with IR %i', (opset, ir) => {
    const made = readModel(bytesOf(tiny.at(), { opset }));
    expect(made.irVersion).toBe(ir);
    expect(made.opsetImport.map((o) => [o.domain, o.version])).toEqual([['', BigInt(opset)]]);
  });

  it('has GroupNormalization at opset 21', () => {
    const made = readModel(bytesOf(tiny.at(), { opset: 21 }));
    const norm = made.graph?.node.find((n) => n.opType === 'GroupNormalization');
    expect(norm?.name).toBe('e2.groupnorm');
    expect(norm?.input).toEqual(['e1.half_2.relu:0', 'e2.groupnorm.scale', 'e2.groupnorm.shift']);
  });
});

describe('layouts', () => {
  const opTypes = (bytes: Uint8Array) =>
    readModel(bytes)
      .graph?.node.map((n) => n.opType)
      .filter((op) => op !== 'Constant') ?? [];
  const dims = (bytes: Uint8Array) =>
    [...(readModel(bytes).graph?.input ?? []), ...(readModel(bytes).graph?.output ?? [])].map(
      ({ type }) =>
        type?.value.case === 'tensorType'
          ? type.value.value.shape?.dim.map((d) => d.value.value)
          : undefined,
    );

  it('channels first needs no Transpose, channels last one at each border', () => {
    expect(opTypes(bytesOf(small))).not.toContain('Transpose');
    const last = opTypes(bytesOf(small, { layout: 'nhwc' }));
    expect(last.filter((op) => op === 'Transpose').length).toBe(2);
    expect(last[0]).toBe('Transpose');
    expect(last.at(-1)).toBe('Transpose');
    expect(dims(bytesOf(small))).toEqual([
      [1n, 1n, 32n, 16n],
      [1n, 1n, 32n, 16n],
    ]);
    expect(dims(bytesOf(tiny.at(), { layout: 'nhwc' }))).toEqual([
      [1n, 8n, 8n, 1n],
      [1n, 8n, 8n, 2n],
    ]);
  });

  it('batch and sizes are named where they are free', () => {
    expect(dims(bytesOf(sdunet.graph, { dynamic: true }))).toEqual([
      ['N', 1n, 'H', 'W'],
      ['N', 1n, 'H', 'W'],
    ]);
  });

  it('a symbol called N leaves the batch another name', () => {
    const { graph } = modelOf('model M {\n input x: f32[N = 4, 2]\n output y = x -> relu\n}');
    expect(dims(bytesOf(graph, { dynamic: true }))[0]).toEqual(['batch', 'N', 2n]);
  });

  it('a change of layout and its reverse leave nothing', () => {
    const graph = buildGraph((g) => {
      const there = g.op('transpose', [g.input([4, 5, 6])], { axes: [2, 0, 1] });
      const back = g.op('transpose', g.op('relu', there), { axes: [1, 2, 0] });
      return g.op('conv', back, { filters: 2 });
    });
    expect(opTypes(bytesOf(graph))).toEqual(['Relu', 'Conv']);
  });

  it('writes no sizes at run time for a model that needs none', () => {
    const { graph } = modelOf(
      'model M {\n input x: f32[H = 8, W = 8, 3] where H % 2 == 0, W % 2 == 0\n' +
        ' output y = x -> conv(4, stride = 2) -> relu -> upsample(2) -> conv(2)\n}',
    );
    expect(opTypes(bytesOf(graph, { dynamic: true }))).toEqual(['Conv', 'Relu', 'Resize', 'Conv']);
  });
});

describe('blocks as functions', () => {
  it('each use is one node, and equal bodies are one function', () => {
    const model = readModel(bytesOf(tiny.at(), { keepBlocks: true }));
    const calls = model.graph?.node.filter((n) => n.domain === 'archc.blocks') ?? [];
    expect(calls.map((n) => [n.name, n.opType, n.input, n.output])).toEqual([
      [
        'e1.half_1',
        'half',
        ['image', 'e1.half_1.conv.weight', 'e1.half_1.conv.bias'],
        ['e1.half_1:0'],
      ],
      [
        'e1.half_2',
        'half',
        ['e1.half_1:0', 'e1.half_2.conv.weight', 'e1.half_2.conv.bias'],
        ['e1.half_2:0'],
      ],
    ]);
    expect(calls[1]?.docString).toBe('test.arch:9:28\nHalves an image.');
    expect(model.functions.map((f) => [f.name, f.domain, f.docString, f.input, f.output])).toEqual([
      ['half', 'archc.blocks', 'Halves an image.', ['in', 'conv.weight', 'conv.bias'], ['relu:0']],
    ]);
    expect(model.functions[0]?.node.map((n) => [n.name, n.opType])).toEqual([
      ['conv', 'Conv'],
      ['relu', 'Relu'],
    ]);
  });

  it('a viewer sees SD-UNet as its blocks', () => {
    const model = readModel(bytesOf(small, { keepBlocks: true, opset: 21 }));
    const calls = model.graph?.node.filter((n) => n.domain === 'archc.blocks') ?? [];
    expect(calls.filter((n) => /^sdblock(_\d+)?$/.test(n.opType)).length).toBe(9);
    expect(model.graph?.node.some((n) => n.opType === 'GroupNormalization')).toBe(true);
    // Blocks in blocks are functions too.
    const sdblock = model.functions.find((f) => f.name === 'sdblock');
    expect(sdblock?.node.map((n) => n.name)).toEqual([
      'sepconv_1',
      'relu_1',
      'sepconv_2',
      'relu_2',
      'groupnorm',
    ]);
    expect(model.functions.every((f) => f.opsetImport.some((o) => o.version === 21n))).toBe(true);
  });
});

describe('weights in a file of their own', () => {
  it('run as those in the model', async () => {
    const weights = randomWeights(small, 1);
    const options = { metadata, externalData: 'always', externalDataName: 'w.bin' } as const;
    const made = emitOnnx(small, weights, options);
    if (!made.ok || made.externalData === undefined) throw new Error('nothing was made');
    expect(made.externalData.fileName).toBe('w.bin');
    const count = small.weights.reduce((n, w) => n + elementCount(w.shape), 0);
    expect(made.externalData.bytes.length).toBeGreaterThanOrEqual(4 * count);
    expect(made.model.length).toBeLessThan(emitted(small, weights).length - 3 * count);
    const folder = mkdtempSync(join(tmpdir(), 'archc-onnx-'));
    try {
      writeFileSync(join(folder, 'm.onnx'), made.model);
      writeFileSync(join(folder, 'w.bin'), made.externalData.bytes);
      const inputs = randomInputs(small, 1, 2);
      const expected = interpret(small, weights, inputs).get('mask');
      const mask = (await runOnnx(join(folder, 'm.onnx'), inputs)).get('mask');
      expect(expected && mask && relativeError(mask, expected)).toBeLessThanOrEqual(1e-4);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('is asked for from 2 GiB on, and has a name without being told', () => {
    expect(needsExternalData(MAX_MESSAGE_BYTES)).toBe(false);
    expect(needsExternalData(2 ** 31)).toBe(true);
    const weights = randomWeights(small, 1);
    const made = emitOnnx(small, weights, { metadata, externalData: 'always' });
    expect(made.ok && made.externalData?.fileName).toBe('SDUNet.onnx.data');
  });
});

it('the same graph, weights and options give the same bytes', () => {
  for (const options of [{}, { opset: 21, keepBlocks: true }, { layout: 'nhwc' }] as const) {
    const again = modelOfFile('models/sdunet.arch', { model: 'SDUNet', set: { width: '8' } });
    expect(bytesOf(again.at({ H: 32, W: 16 }), options)).toEqual(bytesOf(small, options));
  }
});

describe('what cannot be written', () => {
  it('another operator set', () => {
    const made = emitOnnx(small, randomWeights(small, 1), { metadata, opset: 16 });
    expect(made.ok ? [] : made.diagnostics.map((d) => d.code)).toEqual(['unsupported-opset']);
  });

  it('a size that no axis of an input gives', () => {
    const K = symbolDim({ name: 'K', modulus: 1, remainder: 0, min: 1, max: 100 });
    const graph = buildGraph((g) => g.op('resize', [g.input([4, 4, 1])], { height: K, width: 3 }));
    const made = emitOnnx(graph, new Map(), { metadata, dynamic: true });
    const found = made.ok ? [] : made.diagnostics;
    expect(found.map((d) => d.code)).toEqual(['dynamic-size']);
    expect(found[0]?.span).toEqual(graph.nodes[0]?.origin.span);
  });
});

it('an output that is an input, or another output, or a weight that no node reads: all are there', async () => {
  const graph = buildGraph((g) => {
    const x = g.input([3]);
    const y = g.op('relu', [x]);
    g.op('dense', [x], { units: 2 });
    return [x, ...y, ...y];
  });
  // The dense node is gone, its weights are not.
  const lone = { ...graph, nodes: graph.nodes.filter((n) => n.op === 'relu') };
  const weights = randomWeights(lone, 1);
  const bytes = emitted(lone, weights);
  expect(readModel(bytes).graph?.initializer.map((t) => t.name)).toEqual([
    'dense_2.weight',
    'dense_2.bias',
  ]);
  const session = await openSession(bytes);
  expect(session.outputNames).toEqual(['y', 'y2', 'y3']);
  const inputs = randomInputs(lone, 1, 5);
  const actual = await runOnnx(bytes, inputs);
  for (const [name, tensor] of interpret(lone, weights, inputs)) {
    expect(actual.get(name)?.data).toEqual(tensor.data);
  }
});
