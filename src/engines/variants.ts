/**
 * Every way in which a compiled model is run here: a runtime, and the form of the artifact that it
 * gets. The same model through each must give the same numbers.
 */
import type { EmitOptions } from '../compile.js';
import type { WeightType } from '../compiler/sizes.js';
import type { RuntimeName } from './runtimes.js';

/** What distinguishes the artifacts of one target. */
type ArtifactForm = Pick<EmitOptions, 'target' | 'opset' | 'keepWs' | 'weightType' | 'precision'>;

export interface EngineVariant {
  /** `onnxruntime-node-opset17`, unique. */
  readonly name: string;
  /** `reference`: the interpreter, on the graph after the passes that every target runs. */
  readonly runtime: RuntimeName | 'reference';
  readonly form: ArtifactForm;
  /** What is beside the version: `opset 17`. */
  readonly facts: readonly string[];
  /** In what the artifact holds weights: in fewer bits, they are not quite those of the model. */
  readonly weights: WeightType;
}

interface Row {
  readonly runtime: EngineVariant['runtime'];
  readonly form: ArtifactForm;
  /** The end of the name. */
  readonly suffix: string;
  readonly fact?: string;
  readonly weights?: WeightType;
}

const REFERENCE: Row = { runtime: 'reference', form: { target: 'onnx' }, suffix: '' };

const F32: readonly Row[] = [
  ...(['onnxruntime-node', 'onnxruntime-web'] as const).flatMap((runtime) =>
    [17, 21].map((opset): Row => ({
      runtime,
      form: { target: 'onnx', opset },
      suffix: `-opset${opset}`,
      fact: `opset ${opset}`,
    })),
  ),
  ...(['tfjs-cpu', 'tfjs-wasm', 'tfjs-webgpu'] as const).map((runtime): Row => ({
    runtime,
    form: { target: 'tfjs', weightType: 'f32' },
    suffix: '-f32',
  })),
  { runtime: 'wgsl', form: { target: 'wgsl', precision: 'f32' }, suffix: '-f32' },
];

const QUANTIZED: readonly Row[] = [
  {
    runtime: 'tfjs-wasm',
    form: { target: 'tfjs', weightType: 'f16' },
    suffix: '-f16',
    fact: 'float16 weights',
    weights: 'f16',
  },
  {
    runtime: 'tfjs-wasm',
    form: { target: 'tfjs', weightType: 'u8' },
    suffix: '-u8',
    fact: '8-bit kernels',
    weights: 'u8',
  },
  {
    runtime: 'wgsl',
    form: { target: 'wgsl', precision: 'f16' },
    suffix: '-f16',
    fact: 'float16 kernels',
    weights: 'f16',
  },
];

/** With weight standardisation left in the graph, for a model that has it; all others fold it. */
function unfolded({ form, suffix, ...row }: Row): Row {
  return { ...row, form: { ...form, keepWs: true }, suffix: `${suffix}-unfolded` };
}

/** In the order of the table. */
export const ENGINE_VARIANTS: readonly EngineVariant[] = [
  REFERENCE,
  ...F32.flatMap((row) => [row, unfolded(row)]),
  ...QUANTIZED,
].map(({ runtime, form, suffix, fact, weights = 'f32' }) => ({
  name: `${runtime}${suffix}`,
  runtime,
  form,
  facts: [...(fact === undefined ? [] : [fact]), ...(form.keepWs === true ? ['WS unfolded'] : [])],
  weights,
}));

/**
 * The variants that `name` means: the one of that name, or all whose name begins with it as a whole
 * word (`tfjs`, `onnxruntime-node`), or with `onnx` those of ONNX Runtime. None where there is none.
 */
export function variantsNamed(name: string): readonly EngineVariant[] {
  const exact = ENGINE_VARIANTS.find((variant) => variant.name === name);
  if (exact !== undefined) return [exact];
  const start = name === 'onnx' ? 'onnxruntime' : name;
  return ENGINE_VARIANTS.filter((variant) => variant.name.startsWith(`${start}-`));
}
