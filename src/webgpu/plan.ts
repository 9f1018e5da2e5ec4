/**
 * The kernel plan: what `archc compile --target wgsl` writes as `plan.json`, and what a runtime
 * needs to run it, as plain data. `docs/wgsl-plan.md` specifies it for other runtimes.
 */

/** The version of the format that this code writes and reads. */
export const PLAN_VERSION = 1;
export const PLAN_FORMAT = 'archc-wgsl-plan';

/**
 * A whole number, or one that follows from the symbols: a symbol's name, or an operator with its
 * arguments. `//` and `%` floor, as in Python; divisors are positive.
 */
export type Size = number | string | readonly [operator: SizeOperator, a: Size, b: Size];
export type SizeOperator = '+' | '-' | '*' | '//' | '%' | 'min' | 'max';

/** A size that is chosen when the plan is loaded: `modulus · q + remainder`, from `min` to `max`. */
export interface PlanSymbol {
  readonly name: string;
  readonly default?: number;
  readonly min: number;
  readonly max: number;
  readonly modulus: number;
  readonly remainder: number;
}

/** A tensor that comes in or goes out: float32, row-major, channels last, the batch first. */
export interface PlanPort {
  readonly name: string;
  readonly doc: string;
  readonly dtype: 'f32';
  readonly shape: readonly Size[];
  /** Index into `tensors`. */
  readonly tensor: number;
}

/** A piece of the arena: an activation, or scratch of a kernel. */
export interface PlanTensor {
  /** The instance path of the node that makes it, or the name of the input. */
  readonly name: string;
  readonly bytes: Size;
  /** The dispatches between which it holds something: −1 is before the first. Both inclusive. */
  readonly first: number;
  readonly last: number;
  /** Where it lies, in bytes: absent where sizes are symbolic, and the runtime places it. */
  readonly place?: Place;
}

export interface Place {
  /** Index of the arena's buffer. */
  readonly buffer: number;
  readonly offset: number;
}

/** A piece of the weights' file. */
export interface PlanConstant {
  readonly offset: number;
  readonly bytes: number;
  /** Two bytes an element, each of them finite; absent: float32. */
  readonly dtype?: 'f16';
}

/** A weight of the model and how its elements lie in the file. */
export interface PlanWeight {
  /** `e2.sdblock.sepconv_1.dwconv.weight` */
  readonly name: string;
  readonly shape: readonly number[];
  /** That of the constant. */
  readonly dtype: 'f32' | 'f16';
  /** Index into `constants`. */
  readonly constant: number;
  readonly layout: WeightLayout;
}

/**
 * `rows`: row-major, zeros after the last element up to the size of the constant.
 *
 * `blocks`: a kernel `[…, in, out]` in 4 × 4 blocks of columns, for each tap, input block and
 * output block in this order: element (i, o) of a tap lies at
 * `((tap · ⌈in / 4⌉ + i // 4) · ⌈out / 4⌉ + o // 4) · 16 + (i % 4) · 4 + o % 4`, and what the blocks
 * have beyond `in` and `out` is 0.
 *
 * `taps`: a depthwise kernel `[kh, kw, 1, channels]`, channels padded with zeros to a multiple of 4.
 */
export type WeightLayout = 'rows' | 'blocks' | 'taps';

export interface PlanModule {
  /** `kernels/conv_3x3.wgsl` */
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

export type Access = 'read' | 'read_write';

export interface PlanPipeline {
  /** Index into `modules`. */
  readonly module: number;
  readonly entryPoint: string;
  /** Storage buffers of group 0, at bindings 0, 1, … */
  readonly bindings: readonly Access[];
  /**
   * Fields of the uniform buffer at the binding after those, 32-bit signed integers in this order;
   * none: there is no such binding. Sizes are parameters and no constants of the shader, so that
   * layers share pipelines and another size needs no compilation.
   */
  readonly params: readonly string[];
}

/** Exactly one is there. */
export type PlanBinding =
  /** Index into `tensors`. */
  | { readonly tensor: number }
  /**
   * Index into `constants`. `dtype`: as float16, which the constant is; absent: as float32, to which
   * a constant of float16 is widened.
   */
  | { readonly constant: number; readonly dtype?: 'f16' };

/** One way to compute a step. */
export interface PlanVariant {
  /** A name of `profiles`; absent where every device can. */
  readonly profile?: string;
  readonly pipeline: number;
  readonly bindings: readonly PlanBinding[];
  /** Values of the pipeline's `params`, in their order. */
  readonly params: readonly Size[];
  /** Each at most 65,535. */
  readonly workgroups: readonly [Size, Size, Size];
}

export interface PlanDispatch {
  /** `e2.sdblock.sepconv_1.conv` */
  readonly label: string;
  /** `conv + relu` */
  readonly op: string;
  /** `models/sdunet.arch:12:8` */
  readonly source: string;
  /** Multiply-accumulates of all images. */
  readonly macs: Size;
  /** Bytes read and written at least once. */
  readonly traffic: Size;
  /** In order of preference; the last has no profile. */
  readonly variants: readonly [PlanVariant, ...PlanVariant[]];
}

/** What a device must have for variants of that name to be taken. */
export interface PlanProfile {
  /** As WebGPU names them, or `subgroups-8`: `subgroups`, each of 8 threads. */
  readonly features: readonly string[];
  /** At least. */
  readonly limits: Readonly<Record<string, number>>;
  /**
   * Architectures as WebGPU names them (`swiftshader`); `hardware` stands for every adapter that is
   * no CPU. Empty: any.
   */
  readonly adapters: readonly string[];
}

export interface Plan {
  readonly format: typeof PLAN_FORMAT;
  readonly version: typeof PLAN_VERSION;
  /**
   * Of the file's bytes, with these 64 digits as zeros: what cuts or changes `plan.json` shows. The
   * other files have their hashes here.
   */
  readonly sha256: string;
  readonly generator: string;
  readonly model: string;
  readonly doc: string;
  /** SHA-256 of the program's text. */
  readonly sourceSha256: string;
  /** `seed 0`, or the name of a file. */
  readonly weightsOrigin: string;
  /** Learned elements of the model. */
  readonly params: number;
  readonly macs: Size;
  readonly symbols: readonly PlanSymbol[];
  readonly inputs: readonly PlanPort[];
  readonly outputs: readonly PlanPort[];
  readonly tensors: readonly PlanTensor[];
  /** Bytes of each buffer of the arena; absent where sizes are symbolic. */
  readonly arena?: readonly number[];
  readonly constants: readonly PlanConstant[];
  readonly weights: {
    readonly file: string;
    readonly bytes: number;
    readonly sha256: string;
    readonly tensors: readonly PlanWeight[];
  };
  readonly profiles: Readonly<Record<string, PlanProfile>>;
  readonly modules: readonly PlanModule[];
  readonly pipelines: readonly PlanPipeline[];
  readonly dispatches: readonly PlanDispatch[];
}
