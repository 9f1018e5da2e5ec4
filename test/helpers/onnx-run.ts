/** Runs ONNX models in ONNX Runtime, with tensors in archc's layout. */
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import type { Graph, Tensor } from '../../src/compiler/ir.js';
import { emitOnnx, type OnnxOptions } from '../../src/backends/onnx/emit.js';
import { permuteData, type BorderLayout } from '../../src/backends/onnx/layout.js';
import type { WeightValues } from '../../src/compiler/ir.js';

export const metadata = {
  version: '0.0.0-test',
  sourceSha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  weights: { seed: 0 },
} as const;

/** The bytes of a model; fails on diagnostics. */
export function emitted(
  graph: Graph,
  weights: WeightValues,
  options: Partial<OnnxOptions> = {},
): Uint8Array {
  const made = emitOnnx(graph, weights, { metadata, ...options });
  if (!made.ok) throw new Error(made.diagnostics.map((d) => d.message).join('\n'));
  return made.model;
}

/** `[N, H, W, C]` as `[N, C, H, W]`; other ranks as they are. */
export function channelsFirst(tensor: Tensor): Tensor {
  return tensor.shape.length === 4 ? permuted(tensor, [0, 3, 1, 2]) : tensor;
}

function channelsLast(tensor: Tensor): Tensor {
  return tensor.shape.length === 4 ? permuted(tensor, [0, 2, 3, 1]) : tensor;
}

function permuted(tensor: Tensor, order: readonly number[]): Tensor {
  return {
    shape: order.map((axis) => tensor.shape[axis] ?? 0),
    data: permuteData(tensor, order),
  };
}

export function openSession(model: Uint8Array | string): Promise<InferenceSession> {
  const options = { logSeverityLevel: 3, intraOpNumThreads: 1 } as const;
  return typeof model === 'string'
    ? InferenceSession.create(model, options)
    : InferenceSession.create(model, options);
}

/** The outputs by name, in archc's layout. Inputs and outputs carry the batch. */
export async function runOnnx(
  model: Uint8Array | string,
  inputs: ReadonlyMap<string, Tensor>,
  layout: BorderLayout = 'nchw',
): Promise<ReadonlyMap<string, Tensor>> {
  const session = await openSession(model);
  const feeds = Object.fromEntries(
    [...inputs].map(([name, tensor]) => {
      const { shape, data } = layout === 'nchw' ? channelsFirst(tensor) : tensor;
      return [name, new OrtTensor('float32', data, shape)];
    }),
  );
  const results = await session.run(feeds);
  await session.release();
  return new Map(
    Object.entries(results).map(([name, result]) => {
      if (!(result.data instanceof Float32Array)) throw new Error(`${name} is not float32`);
      const tensor: Tensor = { shape: result.dims, data: result.data };
      return [name, layout === 'nchw' ? channelsLast(tensor) : tensor];
    }),
  );
}
