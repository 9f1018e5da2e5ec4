/**
 * Faults of engines that archc works around, as docs/engine-faults.md lists them. Each must still be
 * there: once an engine is mended, its entry and what was done about it can go.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import onnxProto from 'onnx-proto';
import { Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { ROOT } from './helpers/cli.js';
import { openSession } from './helpers/onnx-run.js';
import { useBackend } from './helpers/tfjs-run.js';

interface Fault {
  /** A heading of the page. */
  readonly title: string;
  readonly backend: 'cpu' | 'wasm' | 'webgpu';
  readonly result: () => tf.Tensor;
  /** Worked out by hand. */
  readonly right: readonly number[];
  /** What the engine gives instead, or the beginning of its complaint. */
  readonly wrong: readonly number[] | string;
}

const counted = (...shape: readonly [number, number, number, number]): tf.Tensor4D =>
  tf.tensor4d(
    Array.from({ length: shape.reduce((n, d) => n * d, 1) }, (_, i) => i + 1),
    [...shape],
  );
/** Of the sum of what `f` gives. */
function gradient(f: (x: tf.Tensor4D) => tf.Tensor, value: tf.Tensor4D): tf.Tensor {
  const x = tf.variable(value);
  const { grads } = tf.variableGrads(() => f(x).sum(), [x]);
  return grads[x.name] ?? tf.scalar(NaN);
}

/** Each element with a factor of its own, so that no two gradients can be mistaken. */
const weighed = (y: tf.Tensor): tf.Tensor =>
  tf.mul(
    y,
    tf.tensor(
      Array.from({ length: y.size }, (_, i) => i + 1),
      y.shape,
    ),
  );

const FAULTS: readonly Fault[] = [
  {
    title: 'WebAssembly: `SAME` convolutions with windows smaller than their stride',
    backend: 'wasm',
    result: () => tf.conv2d(counted(1, 4, 4, 1), tf.ones<tf.Rank.R4>([1, 2, 1, 1]), 2, 'same'),
    right: [3, 7, 19, 23],
    wrong: [0, 0, 0, 0],
  },
  {
    title: 'WebAssembly: `SAME` depthwise convolutions with windows smaller than their stride',
    backend: 'wasm',
    result: () =>
      tf.depthwiseConv2d(counted(1, 4, 4, 1), tf.ones<tf.Rank.R4>([2, 1, 1, 1]), 2, 'same'),
    right: [6, 10, 22, 26],
    wrong: [0, 0, 0, 0],
  },
  {
    title: 'WebAssembly: gradient of max pooling where the maximum is negative',
    backend: 'wasm',
    result: () =>
      gradient((x) => weighed(tf.maxPool(x, 2, 2, 'valid')), tf.neg(counted(1, 2, 4, 1))),
    right: [1, 0, 2, 0, 0, 0, 0, 0],
    wrong: [1, 0, 0, 0, 0, 0, 0, 0],
  },
  {
    title: 'WebAssembly: means of many numbers',
    backend: 'wasm',
    result: () => tf.round(tf.mean(tf.fill([512 * 512], 16_777.217))),
    right: [16_777],
    wrong: [16_834],
  },
  {
    title: 'CPU: gradient of nearest resizing of a batch',
    backend: 'cpu',
    result: () =>
      gradient((x) => weighed(tf.image.resizeNearestNeighbor(x, [2, 2])), counted(2, 1, 1, 1)),
    right: [1 + 2 + 3 + 4, 5 + 6 + 7 + 8],
    wrong: [10, 14],
  },
  {
    title: 'Gradient of bilinear resizing with half-pixel centres',
    backend: 'cpu',
    // 2 to 4 pixels: along each axis the first has the weights 1, 3/4, 1/4, 0.
    result: () =>
      gradient(
        (x) => weighed(tf.image.resizeBilinear(x, [4, 4], false, true)),
        counted(1, 2, 2, 1),
      ),
    right: [16.5, 23.5, 44.5, 51.5],
    wrong: [6, 17, 38, 75],
  },
  {
    title: 'Gradient of mirrored padding',
    backend: 'cpu',
    result: () =>
      gradient(
        (x) =>
          weighed(
            tf.mirrorPad(
              x,
              [
                [0, 0],
                [0, 0],
                [1, 1],
                [0, 0],
              ],
              'reflect',
            ),
          ),
        counted(1, 1, 2, 1),
      ),
    right: [2 + 4, 1 + 3],
    wrong: [2, 3],
  },
  {
    title: 'Gradient of a split into one part',
    backend: 'cpu',
    result: () => gradient((x) => tf.split(x, 1, 3)[0] ?? x, counted(1, 1, 1, 2)),
    right: [1, 1],
    wrong: 'Pass at least one tensor to concat',
  },
  {
    title: 'No gradient of depth to space',
    backend: 'cpu',
    result: () => gradient((x) => tf.depthToSpace(x, 2, 'NHWC'), counted(1, 1, 1, 4)),
    right: [1, 1, 1, 1],
    wrong: 'Cannot compute gradient',
  },
  {
    title: 'WebGPU: padding of more than four axes',
    backend: 'webgpu',
    result: () =>
      tf.pad(tf.tensor5d([1, 2], [1, 1, 2, 1, 1]), [
        [0, 0],
        [0, 0],
        [0, 0],
        [0, 1],
        [0, 0],
      ]),
    right: [1, 0, 2, 0],
    wrong: [0, 0, 0, 0],
  },
];

const MAXIMUM = 'ONNX Runtime: zeros around an image before a maximum';

it(`faults of ONNX Runtime 1.30: ${MAXIMUM}`, async () => {
  const { onnx } = onnxProto;
  const port = (name: string, dims: readonly number[]) => ({
    name,
    type: {
      tensorType: {
        elemType: onnx.TensorProto.DataType.FLOAT,
        shape: { dim: dims.map((dimValue) => ({ dimValue })) },
      },
    },
  });
  const model = onnx.ModelProto.encode({
    irVersion: 8,
    opsetImport: [{ domain: '', version: 17 }],
    graph: {
      name: 'fault',
      input: [port('x', [1, 1, 1, 1])],
      output: [port('y', [1, 1, 1, 1])],
      initializer: [
        {
          name: 'amounts',
          dataType: onnx.TensorProto.DataType.INT64,
          dims: [8],
          int64Data: [0, 0, 0, 0, 0, 0, 0, 1],
        },
      ],
      node: [
        { opType: 'Pad', input: ['x', 'amounts'], output: ['padded'] },
        {
          opType: 'MaxPool',
          input: ['padded'],
          output: ['y'],
          attribute: [
            { name: 'kernel_shape', type: onnx.AttributeProto.AttributeType.INTS, ints: [1, 2] },
          ],
        },
      ],
    },
  }).finish();
  const session = await openSession(model);
  const x = new Tensor('float32', Float32Array.of(-3), [1, 1, 1, 1]);
  const { y } = await session.run({ x });
  // The larger of −3 and the 0 beside it.
  expect([...((y?.data ?? []) as Float32Array)]).toEqual([-3]);
});

/** The numbers of a result, or why there are none. */
async function read(result: () => tf.Tensor): Promise<readonly number[] | string> {
  try {
    const tensor = tf.tidy(result);
    // Waits, because a GPU's results cannot be read at once.
    const numbers = [...(await tensor.data())];
    tensor.dispose();
    return numbers;
  } catch (error) {
    return String(error);
  }
}

describe('faults of TensorFlow.js 4.22', () => {
  it.each(FAULTS)('$title', async ({ backend, result, right, wrong }) => {
    await useBackend(backend);
    const found = await read(result);
    if (typeof wrong === 'string') expect(found).toContain(wrong);
    else expect(found).toEqual(wrong);
    expect(found).not.toEqual(right);
  });

  it('are those of the page', () => {
    const page = readFileSync(join(ROOT, 'docs/engine-faults.md'), 'utf8');
    const titles = [...page.matchAll(/^## (.*)$/gm)].map(([, title]) => title);
    expect(titles).toEqual([...FAULTS.map(({ title }) => title), MAXIMUM]);
  });
});
