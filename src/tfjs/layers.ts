/**
 * The classes of layers that TensorFlow.js lacks. `registerLayers` makes them known to
 * `tf.loadLayersModel`, and they serialise, so a model that has them can be saved and loaded.
 */
import * as tf from '@tensorflow/tfjs';
import type { Padding } from '../compiler/ops/kinds.js';
import { STANDARDIZE_EPSILON } from '../compiler/ops/standardize.js';
import { transposedPadding, windowOutput, type Window } from '../compiler/ops/window.js';
import { OWN_CLASSES, type OperatorConfig } from '../backends/tfjs/layer-classes.js';
import { normalizeGroups } from './groupnorm.js';
import { constantTensor, OPERATORS, paddedFor, paddingFor } from './operators.js';

type Pair = readonly [number, number];
type Config = tf.serialization.ConfigDict;
type LayerArgs = NonNullable<ConstructorParameters<typeof tf.layers.Layer>[0]>;

function single(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
  const [x] = [inputs].flat();
  if (x === undefined) throw new Error('archc: a layer without an input');
  return x;
}

function shapeOf(shape: tf.Shape | tf.Shape[]): tf.Shape {
  return Array.isArray(shape[0]) ? shape[0] : (shape as tf.Shape);
}

/** Group normalisation (Wu & He 2018), as Keras 3's: `groups = -1` is a group a channel. */
export class GroupNormalization extends tf.layers.Layer {
  static className = OWN_CLASSES.groupNorm;
  private readonly groups: number;
  private readonly epsilon: number;
  private readonly isScaled: boolean;
  private readonly isCentred: boolean;
  private gamma: tf.LayerVariable | undefined;
  private beta: tf.LayerVariable | undefined;

  constructor(
    config: LayerArgs & { groups?: number; epsilon?: number; scale?: boolean; center?: boolean },
  ) {
    super(config);
    // Keras's defaults.
    this.groups = config.groups ?? 32;
    this.epsilon = config.epsilon ?? 1e-3;
    this.isScaled = config.scale ?? true;
    this.isCentred = config.center ?? true;
  }

  override build(inputShape: tf.Shape | tf.Shape[]): void {
    const channels = shapeOf(inputShape).at(-1) ?? 1;
    if (this.isScaled)
      this.gamma = this.addWeight('gamma', [channels], 'float32', tf.initializers.ones());
    if (this.isCentred)
      this.beta = this.addWeight('beta', [channels], 'float32', tf.initializers.zeros());
    this.built = true;
  }

  override computeOutputShape(inputShape: tf.Shape | tf.Shape[]): tf.Shape | tf.Shape[] {
    return inputShape;
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const x = single(inputs);
      const groups = this.groups === -1 ? (x.shape.at(-1) ?? 1) : this.groups;
      const { epsilon } = this;
      return normalizeGroups(x, this.gamma?.read(), this.beta?.read(), { groups, epsilon });
    });
  }

  override getConfig(): Config {
    const { groups, epsilon, isScaled: scale, isCentred: center } = this;
    return { ...super.getConfig(), groups, axis: -1, epsilon, scale, center };
  }
}

interface KernelConfig {
  filters?: number;
  depthMultiplier?: number;
  groups?: number;
  kernelSize: Pair;
  strides: Pair;
  padding: Padding;
  dilationRate?: Pair;
  outputSize?: Pair;
  useBias?: boolean;
  standardize?: boolean;
}

/** What the three convolutions share: a kernel, a bias, and their configuration. */
abstract class KernelLayer extends tf.layers.Layer {
  protected readonly settings: KernelConfig;
  protected kernel: tf.LayerVariable | undefined;
  private bias: tf.LayerVariable | undefined;
  protected abstract readonly kernelName: string;

  constructor(config: LayerArgs & KernelConfig) {
    super(config);
    const { filters, depthMultiplier, groups, kernelSize, strides, padding } = config;
    const { dilationRate, outputSize, useBias, standardize } = config;
    const all = {
      filters,
      depthMultiplier,
      groups,
      dilationRate,
      outputSize,
      useBias,
      standardize,
    };
    const given = Object.fromEntries(
      Object.entries(all).filter(([, value]) => value !== undefined),
    );
    this.settings = { kernelSize, strides, padding, ...given };
  }

  protected addKernel(shape: number[], filters: number): void {
    const start = tf.initializers.heNormal({});
    this.kernel = this.addWeight(this.kernelName, shape, 'float32', start);
    if (this.settings.useBias ?? true) {
      this.bias = this.addWeight('bias', [filters], 'float32', tf.initializers.zeros());
    }
    this.built = true;
  }

  protected window(): Window {
    const {
      kernelSize: k,
      strides: stride,
      padding: pad,
      dilationRate: dilation = [1, 1],
    } = this.settings;
    return { k, stride, pad, dilation };
  }

  protected withBias(y: tf.Tensor): tf.Tensor {
    return this.bias === undefined ? y : tf.add(y, this.bias.read());
  }

  protected read(): tf.Tensor4D {
    if (this.kernel === undefined) throw new Error('archc: a layer that is not built');
    return this.kernel.read() as tf.Tensor4D;
  }

  override getConfig(): Config {
    return { ...super.getConfig(), ...(this.settings as unknown as Config) };
  }
}

/** Qiao et al. 2019: each output channel has mean 0, and is divided by (standard deviation + 1e-5). */
function standardized(kernel: tf.Tensor4D, axes: number[]): tf.Tensor4D {
  const centred = tf.sub(kernel, tf.mean(kernel, axes, true));
  const deviation = tf.sqrt(tf.mean(tf.square(centred), axes, true));
  return tf.div(centred, tf.add(deviation, STANDARDIZE_EPSILON));
}

/** Zeros between the taps: TensorFlow.js has no gradients of dilated convolutions. */
function spread(kernel: tf.Tensor4D, [down, across]: Pair): tf.Tensor4D {
  if (down === 1 && across === 1) return kernel;
  const [height, width, into, filters] = kernel.shape;
  const tall = tf.pad(tf.reshape(kernel, [height, 1, width, into * filters]), [
    [0, 0],
    [0, down - 1],
    [0, 0],
    [0, 0],
  ]);
  const wide = tf.pad(tf.reshape(tall, [height * down, width, 1, into * filters]), [
    [0, 0],
    [0, 0],
    [0, across - 1],
    [0, 0],
  ]);
  const whole = tf.reshape(wide, [height * down, width * across, into, filters]);
  const [rows, columns] = [(height - 1) * down + 1, (width - 1) * across + 1];
  return tf.slice(whole, [0, 0, 0, 0], [rows, columns, into, filters]) as tf.Tensor4D;
}

function windowShape(inputShape: tf.Shape | tf.Shape[], window: Window, filters: number): tf.Shape {
  const [images = null, ...sizes] = shapeOf(inputShape);
  const along = ([0, 1] as const).map((axis) => {
    const size = sizes[axis];
    return typeof size === 'number' ? Number(windowOutput(size, window, axis)) : null;
  });
  return [images, ...along, filters];
}

/** A convolution with groups, explicit padding, dilation, and weight standardisation. */
export class ArchcConv2D extends KernelLayer {
  static className = OWN_CLASSES.convolution;
  protected readonly kernelName = 'kernel';

  private get filters(): number {
    return this.settings.filters ?? 1;
  }

  override build(inputShape: tf.Shape | tf.Shape[]): void {
    const channels = shapeOf(inputShape).at(-1) ?? 1;
    const { groups = 1, kernelSize } = this.settings;
    this.addKernel([...kernelSize, channels / groups, this.filters], this.filters);
  }

  override computeOutputShape(inputShape: tf.Shape | tf.Shape[]): tf.Shape {
    return windowShape(inputShape, this.window(), this.filters);
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const window = this.window();
      const { groups = 1, standardize = false } = this.settings;
      const own = this.read();
      const kernel = spread(standardize ? standardized(own, [0, 1, 2]) : own, window.dilation);
      // The gradient of one part alone is an error.
      if (groups === 1) {
        const image = single(inputs) as tf.Tensor4D;
        const pad = paddingFor(image, window);
        return this.withBias(tf.conv2d(image, kernel, [...window.stride], pad));
      }
      const x = paddedFor(single(inputs) as tf.Tensor4D, window);
      const kernels = tf.split<tf.Tensor4D>(kernel, groups, 3);
      const parts = tf
        .split<tf.Tensor4D>(x, groups, 3)
        .map((part, i) => tf.conv2d(part, kernels[i] ?? kernel, [...window.stride], 'valid'));
      return this.withBias(tf.concat(parts, 3));
    });
  }
}

/** A depthwise convolution with explicit padding, dilation, and weight standardisation. */
export class ArchcDepthwiseConv2D extends KernelLayer {
  static className = OWN_CLASSES.depthwise;
  protected readonly kernelName = 'depthwise_kernel';

  override build(inputShape: tf.Shape | tf.Shape[]): void {
    const channels = shapeOf(inputShape).at(-1) ?? 1;
    const { depthMultiplier = 1, kernelSize } = this.settings;
    this.addKernel([...kernelSize, channels, depthMultiplier], channels * depthMultiplier);
  }

  override computeOutputShape(inputShape: tf.Shape | tf.Shape[]): tf.Shape {
    const channels = shapeOf(inputShape).at(-1) ?? 1;
    return windowShape(inputShape, this.window(), channels * (this.settings.depthMultiplier ?? 1));
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const window = this.window();
      const own = this.read();
      const taps = this.settings.standardize === true ? standardized(own, [0, 1]) : own;
      const kernel = spread(taps, window.dilation);
      const image = single(inputs) as tf.Tensor4D;
      const pad = paddingFor(image, window);
      return this.withBias(tf.depthwiseConv2d(image, kernel, [...window.stride], pad));
    });
  }
}

/** A transposed convolution that cuts off any amounts. */
export class ArchcConv2DTranspose extends KernelLayer {
  static className = OWN_CLASSES.transposed;
  protected readonly kernelName = 'kernel';

  override build(inputShape: tf.Shape | tf.Shape[]): void {
    const channels = shapeOf(inputShape).at(-1) ?? 1;
    const { filters = 1, kernelSize } = this.settings;
    this.addKernel([...kernelSize, filters, channels], filters);
  }

  override computeOutputShape(inputShape: tf.Shape | tf.Shape[]): tf.Shape {
    const { outputSize = [null, null], filters = 1 } = this.settings;
    return [shapeOf(inputShape)[0] ?? null, ...outputSize, filters];
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const x = single(inputs) as tf.Tensor4D;
      const window = this.window();
      const { filters = 1, outputSize = [1, 1] } = this.settings;
      const [images, height, width] = x.shape;
      const whole = ([0, 1] as const).map(
        (axis) => ((axis === 0 ? height : width) - 1) * window.stride[axis] + window.k[axis],
      );
      const [tall = 1, wide = 1] = whole;
      const full = tf.conv2dTranspose(
        x,
        this.read(),
        [images, tall, wide, filters],
        [...window.stride],
        'valid',
      );
      const [top, left] = ([0, 1] as const).map((axis) => transposedPadding(window, axis)[0]);
      // Rows of zeros where the result is larger than what the input reaches.
      const missing = whole.map((size, axis) =>
        Math.max(0, (axis === 0 ? (top ?? 0) : (left ?? 0)) + (outputSize[axis] ?? 0) - size),
      );
      const grown = tf.pad(full, [
        [0, 0],
        [0, missing[0] ?? 0],
        [0, missing[1] ?? 0],
        [0, 0],
      ]);
      return this.withBias(
        tf.slice(grown, [0, top ?? 0, left ?? 0, 0], [images, ...outputSize, filters]),
      );
    });
  }
}

/** Any operator of archc that has no weights, by its name and attributes. */
export class ArchcOperator extends tf.layers.Layer {
  static className = OWN_CLASSES.operator;
  private readonly settings: OperatorConfig;

  constructor(config: LayerArgs & { operator: string }) {
    super(config);
    // As `getConfig` wrote it.
    const { operator, attributes, shapes, constants } = config as unknown as OperatorConfig;
    this.settings = { operator, attributes, shapes, constants };
  }

  override computeOutputShape(inputShape: tf.Shape | tf.Shape[]): tf.Shape | tf.Shape[] {
    const [images = null] = shapeOf(inputShape);
    const shapes = this.settings.shapes.map((shape): tf.Shape => [images, ...shape]);
    const [only] = shapes;
    return shapes.length === 1 && only !== undefined ? only : shapes;
  }

  override call(
    inputs: tf.Tensor | tf.Tensor[],
    kwargs: { training?: unknown },
  ): tf.Tensor | tf.Tensor[] {
    const { operator, attributes, shapes, constants } = this.settings;
    const compute = OPERATORS[operator];
    if (compute === undefined) throw new Error(`archc: there is no operator ${operator}`);
    return tf.tidy(() => {
      const given = [inputs].flat();
      const operands = constants.map((constant) =>
        constant === null ? given.shift() : constantTensor(constant.data, constant.shape),
      );
      const training = kwargs['training'] === true;
      return compute({
        inputs: operands.filter((x) => x !== undefined),
        attributes,
        shapes,
        training,
      });
    });
  }

  override getConfig(): Config {
    return { ...super.getConfig(), ...(this.settings as unknown as Config) };
  }
}

/** Makes the classes known to TensorFlow.js; the second time does nothing new. */
export function registerLayers(): void {
  for (const each of [
    GroupNormalization,
    ArchcConv2D,
    ArchcDepthwiseConv2D,
    ArchcConv2DTranspose,
    ArchcOperator,
  ]) {
    // Their constructors ask more of a configuration than the type of a registry says.
    tf.serialization.registerClass(each);
  }
}
