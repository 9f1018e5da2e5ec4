/**
 * ONNX Runtime as an engine. It does not come with archc: whichever of its two packages is
 * installed is loaded when an engine is opened.
 */
import type * as OrtNode from 'onnxruntime-node';
import { diagnostic, type Outcome } from '../compiler/diagnostic.js';
import type { Tensor } from '../compiler/ir.js';
import { elementCount } from '../compiler/ops/tensor.js';
import { inBatches } from './batch.js';
import { engineFailed, firstLine, type Engine } from './engine.js';

/** An input or output of the model. */
export interface OnnxBorder {
  readonly name: string;
  /** Without the batch axis and with channels last, as in the graph; null: any size. */
  readonly shape: readonly (number | null)[];
  /** Where the ONNX model has the channels: `[N, C, H, W]` or `[N, H, W, C]`. */
  readonly layout: 'channels-first' | 'channels-last';
}

export interface OnnxSpec {
  readonly inputs: readonly OnnxBorder[];
  readonly outputs: readonly OnnxBorder[];
  /** The batch that the model has fixed; absent where it takes any. */
  readonly batch?: number;
}

type Ort = Pick<typeof OrtNode, 'InferenceSession' | 'Tensor' | 'env'>;

/** A package with ONNX Runtime's JavaScript interface. */
export interface OnnxRuntime {
  readonly name: string;
  /** Rejects where the package is not installed. */
  readonly load: () => Promise<Ort>;
  readonly executionProvider: string;
}

/** In the order in which they are tried: native code first, which is several times faster. */
export const ONNX_RUNTIMES: readonly OnnxRuntime[] = [
  {
    name: 'onnxruntime-node',
    load: () => import('onnxruntime-node'),
    executionProvider: 'cpu',
  },
  {
    name: 'onnxruntime-web',
    load: () => import('onnxruntime-web'),
    executionProvider: 'wasm',
  },
];

/** Errors only: ONNX Runtime's warnings are about its own optimiser. */
const SEVERITY_ERROR = 3;

/**
 * Loads an ONNX model into the first of `runtimes` that is installed. `engine-missing` where none
 * is, `engine-failed` where it does not accept the model.
 */
export async function openOnnxEngine(
  model: Uint8Array,
  spec: OnnxSpec,
  runtimes: readonly OnnxRuntime[] = ONNX_RUNTIMES,
): Promise<Outcome<Engine>> {
  const absent: string[] = [];
  for (const runtime of runtimes) {
    let ort: Ort;
    try {
      ort = await runtime.load();
      ort.env.logLevel = 'error';
    } catch (error) {
      absent.push(`${runtime.name} (${firstLine(error)})`);
      continue;
    }
    return openSession(ort, runtime, model, spec);
  }
  return {
    ok: false,
    diagnostics: [
      diagnostic('engine-missing', `ONNX Runtime could not be loaded: ${absent.join('; ')}`, {
        hints: [
          'npm install onnxruntime-node',
          'npm install onnxruntime-node --onnxruntime-node-install=skip, where its download of GPU libraries fails',
          'npm install onnxruntime-web, smaller and slower',
        ],
      }),
    ],
  };
}

async function openSession(
  ort: Ort,
  { name, executionProvider }: OnnxRuntime,
  model: Uint8Array,
  spec: OnnxSpec,
): Promise<Outcome<Engine>> {
  let session: OrtNode.InferenceSession;
  try {
    session = await ort.InferenceSession.create(model, {
      executionProviders: [executionProvider],
      logSeverityLevel: SEVERITY_ERROR,
    });
  } catch (error) {
    return engineFailed(name, error);
  }
  const { versions } = ort.env;
  return {
    ok: true,
    value: {
      name,
      version: versions.node ?? versions.web ?? versions.common,
      async run(inputs) {
        try {
          return { ok: true, value: await runBatches(ort, session, spec, inputs) };
        } catch (error) {
          return engineFailed(name, error);
        }
      },
      dispose: () => session.release(),
    },
  };
}

/** Runs as many times as the model's fixed batch asks, and joins the outputs. */
async function runBatches(
  ort: Ort,
  session: OrtNode.InferenceSession,
  spec: OnnxSpec,
  inputs: ReadonlyMap<string, Tensor>,
): Promise<ReadonlyMap<string, Tensor>> {
  const given = spec.inputs.map((border) => ({ border, tensor: checkedInput(border, inputs) }));
  return inBatches(
    new Map(given.map(({ border, tensor }) => [border.name, tensor])),
    spec.batch,
    async (part, images) => {
      const feeds = new Map<string, OrtNode.Tensor>();
      for (const { border } of given) {
        const tensor = part.get(border.name);
        if (tensor === undefined) continue;
        const { data, shape } = toModelLayout(tensor, border);
        feeds.set(border.name, new ort.Tensor('float32', data, shape));
      }
      const names = spec.outputs.map((border) => border.name);
      const results = await session.run(Object.fromEntries(feeds), names);
      const outputs = new Map(
        spec.outputs.map((border) => [border.name, toTensor(border, results[border.name], images)]),
      );
      for (const tensor of [...feeds.values(), ...Object.values(results)]) tensor.dispose();
      return outputs;
    },
  );
}

function checkedInput(border: OnnxBorder, inputs: ReadonlyMap<string, Tensor>): Tensor {
  const tensor = inputs.get(border.name);
  if (tensor === undefined) throw new Error(`no tensor for input ${border.name}`);
  if (!fits(border, tensor.shape) || tensor.data.length !== elementCount(tensor.shape)) {
    throw new Error(
      `input ${border.name} has shape [${tensor.shape.join(', ')}], and the model takes ${describe(border)}`,
    );
  }
  return tensor;
}

/** Whether a shape with its batch and channels last is one of the border's. */
function fits(border: OnnxBorder, shape: readonly number[]): boolean {
  return (
    shape.length === border.shape.length + 1 &&
    border.shape.every((size, i) => size === null || size === shape[i + 1])
  );
}

function describe(border: OnnxBorder): string {
  return `[${['N', ...border.shape.map((size) => size ?? 'any')].join(', ')}]`;
}

function toTensor(
  border: OnnxBorder,
  value: OrtNode.OnnxValue | undefined,
  images: number,
): Tensor {
  if (value === undefined) throw new Error(`the model gave no output ${border.name}`);
  if (!(value.data instanceof Float32Array)) {
    throw new Error(`output ${border.name} is of type ${value.type} and not float32`);
  }
  const tensor = fromModelLayout({ shape: value.dims, data: value.data }, border);
  if (tensor.shape[0] !== images || !fits(border, tensor.shape)) {
    throw new Error(
      `output ${border.name} has shape [${tensor.shape.join(', ')}] instead of ${describe(border)}`,
    );
  }
  return tensor;
}

/** `[N, …, C]` to `[N, C, …]` where the model wants it so. */
function toModelLayout(tensor: Tensor, { layout }: OnnxBorder): Tensor {
  if (layout === 'channels-last') return tensor;
  const [images = 0, ...rest] = tensor.shape;
  const channels = rest.pop() ?? 1;
  const pixels = elementCount(rest);
  const shape = [images, channels, ...rest];
  return { shape, data: swapped(tensor.data, images, pixels, channels) };
}

/** The other way. The data is always a copy: the engine may reuse its own. */
function fromModelLayout(tensor: Tensor, { layout }: OnnxBorder): Tensor {
  if (layout === 'channels-last') return { shape: tensor.shape, data: tensor.data.slice() };
  const [images = 0, channels = 1, ...rest] = tensor.shape;
  const pixels = elementCount(rest);
  const shape = [images, ...rest, channels];
  return { shape, data: swapped(tensor.data, images, channels, pixels) };
}

/** `[images, rows, columns]` to `[images, columns, rows]`. */
function swapped(data: Float32Array, images: number, rows: number, columns: number): Float32Array {
  const result = new Float32Array(data.length);
  const size = rows * columns;
  for (let start = 0; start < images * size; start += size) {
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        result[start + column * rows + row] = data[start + row * columns + column] ?? 0;
      }
    }
  }
  return result;
}
