/** Training memory, by hand; every operator's rule; the sizes of weights. */
import { describe, expect, test } from 'vitest';
import type { Graph } from '../src/compiler/ir.js';
import { weightSizes } from '../src/compiler/sizes.js';
import { trainingBytes, trainingMemory, type TrainingMemory } from '../src/compiler/training.js';
import { modelOf } from './helpers/check.js';
import { sdunet, unet } from './helpers/unets.js';

function graphOf(body: string): Graph {
  const graph = modelOf(`model M() {\n  input x: f32[8, 8, 4]\n  ${body}\n}\n`).staticGraph;
  if (graph === undefined) throw new Error('no graph');
  return graph;
}

function memoryOf(graph: Graph): TrainingMemory {
  const found = trainingMemory(graph);
  if (!found.ok) throw new Error('too large');
  return found.value;
}

const kept = (body: string): readonly string[] =>
  memoryOf(graphOf(body)).saved.map(
    ({ name, kind, bytes, isPerImage }) =>
      `${name} ${kind} ${bytes}${isPerImage ? '' : ' a batch'}`,
  );

describe('training memory', () => {
  test('of a small net, by hand', () => {
    const memory = memoryOf(
      graphOf('output y = x -> conv(6, k = 1) -> relu -> maxpool(2) -> dropout(0.5) -> dense(2)'),
    );
    const image = 64 * 4;
    expect(
      memory.saved.map(({ name, kind, bytes, keptBy }) => [name, kind, bytes, keptBy?.op]),
    ).toEqual([
      ['x', 'input', 4 * image, 'conv'],
      // The result of conv is not: relu keeps its own, which maxpool keeps as its input.
      ['y.relu', 'result', 4 * 64 * 6, 'relu'],
      ['y.maxpool', 'extra', 8 * 16 * 6, 'maxpool'],
      ['y.dropout', 'result', 4 * 16 * 6, 'dense'],
      ['y.dropout', 'extra', 16 * 6, 'dropout'],
      ['y.dense', 'result', 4 * 16 * 2, undefined],
    ]);
    const params = 4 * 6 + 6 + 6 * 2 + 2;
    const saved = 1024 + 1536 + 768 + 384 + 96 + 128;
    expect(memory).toMatchObject({
      weightBytes: 4 * params,
      gradientBytes: 4 * params,
      optimizerBytes: { sgd: 0, momentum: 4 * params, adam: 8 * params },
      savedBytesPerImage: saved,
      savedBytesPerBatch: 0,
    });
    expect(trainingBytes(memory, { batch: 1, optimizer: 'sgd' })).toBe(8 * params + saved);
    expect(trainingBytes(memory, { batch: 16, optimizer: 'adam' })).toBe(16 * params + 16 * saved);
  });

  test.each<readonly [body: string, ...kept: string[]]>([
    // Two readers keep one tensor once; add keeps nothing.
    [
      'a = x -> conv(4)\n  output y = a -> sigmoid -> add(a)',
      'x input 1024',
      'y.sigmoid result 1024',
      'y.add result 1024',
    ],
    // mul keeps each factor where the other has a gradient, and of three also the first product.
    [
      'a = x -> conv(4)\n  b = x -> conv(4)\n  c = x -> conv(4)\n  output y = mul(a, b, c)',
      'x input 1024',
      'a.conv result 1024',
      'b.conv result 1024',
      'c.conv result 1024',
      'y.mul result 1024',
      'y.mul extra 1024',
    ],
    // An input has no gradient: neither the first product here nor `a` below is read again.
    [
      'a = x -> conv(4)\n  b = x -> conv(4)\n  output y = mul(a, b, x)',
      'x input 1024',
      'a.conv result 1024',
      'b.conv result 1024',
      'y.mul result 1024',
    ],
    ['a = x -> conv(4)\n  output y = a * x', 'x input 1024', 'y.mul result 1024'],
    [
      'a = x -> conv(4)\n  output y = x / a',
      'x input 1024',
      'a.conv result 1024',
      'y.div result 1024',
    ],
    ['a = x -> conv(4)\n  output y = a / x', 'x input 1024', 'y.div result 1024'],
    // Of a number nothing is kept, nor for it, but for where the two are compared.
    ['a = x -> conv(4)\n  output y = a * 0.5', 'x input 1024', 'y.mul result 1024'],
    ['a = x -> conv(4)\n  output y = -a', 'x input 1024', 'y.mul result 1024'],
    ['a = x -> conv(4)\n  output y = a / 2', 'x input 1024', 'y.div result 1024'],
    [
      'a = x -> conv(4)\n  output y = 2 / a',
      'x input 1024',
      'a.conv result 1024',
      'y.div result 1024',
    ],
    [
      'a = x -> conv(4)\n  output y = maximum(a, x)',
      'x input 1024',
      'a.conv result 1024',
      'y.maximum result 1024',
    ],
    [
      'a = x -> conv(4) -> reshape([64, 4])\n  b = x -> reshape([4, 64])\n  output y = matmul(a, b)',
      'x input 1024',
      'y.matmul result 16384',
    ],
    // Zeros need nothing; the backward passes of the other modes take the input.
    ['output y = x -> conv(4) -> pad(1)', 'x input 1024', 'y.pad result 1600'],
    [
      'output y = x -> conv(4) -> pad(1, reflect)',
      'x input 1024',
      'y.conv result 1024',
      'y.pad result 1600',
    ],
    [
      'output y = x -> conv(4) -> pad(1, edge)',
      'x input 1024',
      'y.conv result 1024',
      'y.pad result 1600',
    ],
    // A reshape is a view: dense keeps what flatten views.
    [
      'output y = x -> conv(4) -> flatten -> dense(1)',
      'x input 1024',
      'y.conv result 1024',
      'y.dense result 4',
    ],
    ['output y = x -> identity -> conv(4) -> identity', 'x input 1024', 'y.conv result 1024'],
    // Before the first learned weight no gradient is needed.
    ['output y = x -> maxpool(2) -> conv(4)', 'y.maxpool result 256', 'y.conv result 256'],
    [
      'output y = x -> conv(4) -> batchnorm',
      'x input 1024',
      'y.conv result 1024',
      'y.batchnorm result 1024',
      'y.batchnorm extra 32 a batch',
    ],
    [
      'output y = x -> conv(4) -> groupnorm(2)',
      'x input 1024',
      'y.conv result 1024',
      'y.groupnorm result 1024',
      'y.groupnorm extra 16',
    ],
    [
      'output y = x -> conv(4) -> layernorm',
      'x input 1024',
      'y.conv result 1024',
      'y.layernorm result 1024',
      'y.layernorm extra 512',
    ],
    [
      'output y = x -> conv(4) -> instancenorm',
      'x input 1024',
      'y.conv result 1024',
      'y.instancenorm result 1024',
      'y.instancenorm extra 32',
    ],
    [
      'output y = x -> conv(4) -> spatialdropout(0.5)',
      'x input 1024',
      'y.spatialdropout result 1024',
      'y.spatialdropout extra 16',
    ],
    [
      'output y = x -> conv(4) -> avgpool(2) -> upsample(2)',
      'x input 1024',
      'y.conv result 1024',
      'y.upsample result 1024',
    ],
    [
      'output y = x -> conv(4) -> globalmaxpool',
      'x input 1024',
      'y.conv result 1024',
      'y.globalmaxpool result 16',
      'y.globalmaxpool extra 32',
    ],
    ['output y = x -> conv(4) -> max', 'x input 1024', 'y.conv result 1024', 'y.max result 4'],
    // A standardised kernel is made in every step: the kernel, what is shifted, and 4 deviations.
    [
      'output y = x -> dwconv(ws)',
      'x input 1024',
      'y.dwconv result 144 a batch',
      'y.dwconv extra 160 a batch',
      'y.dwconv result 1024',
    ],
    [
      'output y = x -> reshape([64, 4]) -> attention(2)',
      'x input 1024',
      'y.attention result 1024',
      `y.attention extra ${4 * (4 * 64 * 4 + 2 * 64 * 64)}`,
    ],
  ])('%s', (body, ...expected) => {
    expect(kept(body)).toEqual(expected);
  });

  test('a reader that nothing reads keeps nothing', () => {
    const graph = graphOf('output y = x -> conv(4)');
    const wider = graphOf('_unused = x -> conv(400)\n  output y = x -> conv(4)');
    expect(memoryOf(wider).savedBytesPerImage).toBe(memoryOf(graph).savedBytesPerImage);
    expect(memoryOf(wider).weightBytes).toBe(memoryOf(graph).weightBytes);
  });
});

describe('sizes of weights', () => {
  test('U-Net and SD-UNet, as the literature has them', () => {
    const [large, small] = [weightSizes(unet({ size: 64 })), weightSizes(sdunet({ size: 64 }))];
    const megabytes = (bytes: number): string => (bytes / 1e6).toPrecision(4);
    expect([large.payload.f32, large.withAdam].map(megabytes)).toEqual(['124.1', '372.4']);
    expect([small.payload.f32, small.withAdam].map(megabytes)).toEqual(['15.74', '47.22']);
    expect(Math.floor(large.withAdam / small.payload.f32)).toBe(23);
  });

  test('by type: u8 is for kernels alone; running statistics have no moments', () => {
    const sizes = weightSizes(graphOf('output y = x -> conv(2, k = 1) -> batchnorm'));
    const [learned, statistics] = [8 + 2 + 4, 4];
    expect(sizes).toEqual({
      payload: { f32: 4 * 18, f16: 2 * 18, u8: 8 + 4 * 10 },
      withAdam: 4 * (3 * learned + statistics),
    });
  });
});
