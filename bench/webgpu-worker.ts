/// <reference types="@webgpu/types" />
/** One engine on the adapter of `bench/webgpu.ts`, in a process of its own: each loads a Dawn. */
import { noiseFor } from '../src/engines/noise.js';
import { fileHost } from '../src/cli/host.js';
import { readSource } from '../src/files/read.js';
import { emitModel, openModel, sizedGraph, type OpenModel } from '../src/compile.js';
import type { Outcome } from '../src/compiler/diagnostic.js';
import type { Graph, Tensor } from '../src/compiler/ir.js';
import { planSource, type ModelFile } from '../src/engines/artifact.js';
import { firstLine, type Engine } from '../src/engines/engine.js';
import { offerGpu, openDevice, openGpu } from '../src/engines/gpu.js';
import { ONNX_RUNTIMES, openOnnxEngine } from '../src/engines/onnx.js';
import { onnxSpec } from '../src/engines/open.js';
import { openTfjsEngine, TFJS_PACKAGES } from '../src/engines/tfjs.js';
import { VERSION } from '../src/version.js';
import { loadVulkan } from '../test/helpers/swiftshader.js';
import { measurePeak } from './webgpu-peak.js';
import { cost, type Answers, type Reply, type Request } from './webgpu-process.js';

/**
 * As ONNX Runtime's release builds set them for themselves (webgpu_context.cc), so that no engine's
 * shaders check what another's do not.
 */
const TOGGLES = [
  'enable-dawn-features=skip_validation,disable_robustness',
  'disable-dawn-features=timestamp_quantization',
];

const [engineName = '', file = '', size = ''] = process.argv.slice(2);

function valueOf<T>(outcome: Outcome<T>): T {
  if (outcome.ok) return outcome.value;
  throw new Error(outcome.diagnostics.map(({ message }) => message).join('\n'));
}

function openGraph() {
  const sizes = { image: [Number(size), Number(size)] as const };
  const source = valueOf(readSource(file));
  const { value, diagnostics } = openModel(source, fileHost(file), { sizes });
  const model = valueOf(value === undefined ? { ok: false, diagnostics } : { ok: true, value });
  return { model, graph: valueOf(sizedGraph(model)) };
}

interface Opened {
  readonly engine: Engine;
  readonly device?: GPUDevice;
}

type Open = () => Promise<Opened>;

async function newDevice(): Promise<GPUDevice> {
  return valueOf(await openDevice(valueOf(await openGpu(TOGGLES))));
}

/** Each compiles the model at once, which is not timed, and gives what loads it. */
const ENGINES: Readonly<Record<string, (model: OpenModel, graph: Graph) => Promise<Open>>> = {
  async archc(model) {
    const { files } = valueOf(await emitModel(model, { target: 'wgsl' }));
    return async () => {
      const { openWgslEngine } = await import('../src/engines/wgsl.js');
      const device = await newDevice();
      return { engine: valueOf(await openWgslEngine(planSource(files), VERSION, device)), device };
    };
  },
  async onnxruntime(model, graph) {
    const { files } = valueOf(await emitModel(model, { target: 'onnx' }));
    const [runtime] = ONNX_RUNTIMES;
    if (runtime === undefined) throw new Error('no ONNX Runtime');
    const onGpu = { ...runtime, executionProvider: 'webgpu' };
    return async () => {
      const engine = valueOf(await openOnnxEngine(files[0].bytes, onnxSpec(graph), [onGpu]));
      return { engine };
    };
  },
  async tfjs(model) {
    const { files } = valueOf(await emitModel(model, { target: 'tfjs' }));
    return () => openTfjs(files);
  },
};

async function openTfjs(files: readonly ModelFile[]): Promise<Opened> {
  // With these toggles; the engine takes what it then finds.
  valueOf(await offerGpu(TOGGLES));
  return { engine: valueOf(await openTfjsEngine(files, TFJS_PACKAGES, ['webgpu'])) };
}

async function serve(): Promise<void> {
  loadVulkan();
  const { model, graph } = openGraph();
  const inputs = noiseFor(graph);
  const open = await ENGINES[engineName]?.(model, graph);
  if (open === undefined) throw new Error(`no engine ${engineName}`);
  let opened: Opened | undefined;
  const run = async (): Promise<Tensor> => {
    if (opened === undefined) throw new Error('nothing is loaded');
    const [output] = valueOf(await opened.engine.run(inputs)).values();
    if (output === undefined) throw new Error('there is no output');
    return output;
  };
  const answers: { readonly [R in Request]: () => Promise<Answers[R]> } = {
    async first() {
      const { cost: spent, value: output } = await cost(async () => {
        opened = await open();
        return run();
      });
      const { version = '', adapter } = opened?.engine ?? {};
      return { cost: spent, version, adapter, output };
    },
    run: async () => (await cost(run)).cost,
    async peak() {
      if (opened?.device === undefined) throw new Error('the engine has no device');
      return measurePeak(opened.device);
    },
  };
  const send = (reply: Reply): unknown => process.send?.(reply);
  process.on('message', (request: Request) => {
    answers[request]().then(
      (value) => send({ ok: true, value }),
      (error: unknown) => send({ ok: false, message: firstLine(error) }),
    );
  });
  process.on('disconnect', () => process.exit());
  send({ ok: true, value: { wall: 0, cpu: 0 } });
}

await serve();
