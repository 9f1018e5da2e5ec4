/**
 * Every way in which a compiled model is run here: a runtime, and the form of the artifact that it
 * gets. The same model through each must give the same numbers.
 */
import type { EmitOptions } from '../compile.js';
import type { RuntimeName } from './runtimes.js';

/** What distinguishes the artifacts of one target. */
export type ArtifactForm = Pick<
  EmitOptions,
  'target' | 'opset' | 'keepWs' | 'weightType' | 'precision'
>;

export interface EngineVariant {
  /** `onnxruntime-node-opset17`, unique. */
  readonly name: string;
  /** `reference`: the interpreter, on the graph after the passes that every target runs. */
  readonly runtime: RuntimeName | 'reference';
  readonly form: ArtifactForm;
  /** What is beside the version: `opset 17`. */
  readonly facts: readonly string[];
  /**
   * The relative difference that weights in fewer bits may cost; absent where weights are float32,
   * which are held to the tolerance of rounding.
   */
  readonly quantizationTolerance?: number;
}

/**
 * Half precision rounds a weight by at most 2^-11 of itself, and a byte by half of 1/255 of its
 * kernel's range. Layers after it enlarge that: these are some ten times what the models of
 * `models/` show with untrained weights.
 */
const HALF_TOLERANCE = 0.02;
const BYTE_TOLERANCE = 0.5;

interface Row {
  readonly runtime: EngineVariant['runtime'];
  readonly form: ArtifactForm;
  /** The end of the name. */
  readonly suffix: string;
  readonly fact?: string;
  readonly quantizationTolerance?: number;
}

const F32: readonly Row[] = [
  { runtime: 'reference', form: { target: 'onnx' }, suffix: '' },
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
    quantizationTolerance: HALF_TOLERANCE,
  },
  {
    runtime: 'tfjs-wasm',
    form: { target: 'tfjs', weightType: 'u8' },
    suffix: '-u8',
    fact: '8-bit kernels',
    quantizationTolerance: BYTE_TOLERANCE,
  },
  {
    runtime: 'wgsl',
    form: { target: 'wgsl', precision: 'f16' },
    suffix: '-f16',
    fact: 'float16 kernels',
    quantizationTolerance: HALF_TOLERANCE,
  },
];

/** With weight standardisation left in the graph, for a model that has it; all others fold it. */
function unfolded({ form, suffix, ...row }: Row): Row {
  return { ...row, form: { ...form, keepWs: true }, suffix: `${suffix}-unfolded` };
}

/** In the order of the table. */
export const ENGINE_VARIANTS: readonly EngineVariant[] = [
  ...F32.flatMap((row) => [row, unfolded(row)]),
  ...QUANTIZED,
].map(({ runtime, form, suffix, fact, quantizationTolerance }) => ({
  name: `${runtime}${suffix}`,
  runtime,
  form,
  facts: [
    ...(fact === undefined ? [] : [fact]),
    ...(form.keepWs === true ? ['weight standardisation unfolded'] : []),
  ],
  ...(quantizationTolerance === undefined ? {} : { quantizationTolerance }),
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
