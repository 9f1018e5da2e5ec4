/**
 * Kernels of the WebAssembly backend of TensorFlow.js 4.22 for training: those that it lacks (of
 * convolutions to their kernels, of depthwise ones to their images), those that it gets wrong (of
 * pools), and two that are so slow there that they are most of a step (of convolutions to their
 * images, sums over leading axes). As far as can be they are convolutions and matrix products again,
 * which that backend has fast; what is left are loops over its memory (`heap.ts`).
 */
import * as tf from '@tensorflow/tfjs';
import { averagePoolGradient, depthwiseFilterSums, maxPoolGradient, sumOverRows } from './heap.js';
import { hasRowLoops, type WasmBackend } from './workspace.js';
import { registerGroupNorm } from './groupnorm.js';

interface Window {
  readonly top: number;
  readonly left: number;
  /** Of the image with its padding: as much as the windows reach. */
  readonly height: number;
  readonly width: number;
  readonly info: tf.backend_util.Conv2DInfo;
}

type Shape4D = [number, number, number, number];

/** How the kernels are asked; the engine types attributes loosely. */
interface Attributes {
  readonly strides: [number, number];
  readonly dilations?: [number, number] | number;
  readonly pad: 'valid' | 'same' | number | tf.backend_util.ExplicitPadding;
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
  readonly filterShape: Shape4D;
  readonly inputShape: Shape4D;
  readonly filterSize: [number, number] | number;
  readonly axis: number | number[];
  readonly keepDims: boolean;
}

type Kernel = (inputs: Readonly<Record<string, tf.Tensor4D>>, attributes: Attributes) => tf.Tensor;

const KERNELS: Readonly<Record<string, Kernel>> = {
  /**
   * A convolution of the image with the gradient as its kernel: channels of the image are images of a
   * batch, the batch is the channels, and what strides leave out the kernel's dilation leaves out.
   */
  Conv2DBackpropFilter({ x, dy }, attributes) {
    if (x === undefined || dy === undefined) throw new Error('inputs missing');
    const window = windowOf(x.shape, attributes.filterShape, attributes, false);
    const { info } = window;
    const [height, width, channels, filters] = attributes.filterShape;
    if (isPointwise(info)) {
      const rows = tf.transpose(tf.reshape(x, [-1, channels]));
      return tf.reshape(tf.matMul(rows, tf.reshape(dy, [-1, filters])), attributes.filterShape);
    }
    const images = tf.transpose(padded(x, window), [3, 1, 2, 0]);
    const kernel = tf.transpose(dy, [1, 2, 0, 3]);
    const steps: [number, number] = [info.strideHeight, info.strideWidth];
    const taps = tf.conv2d(images, kernel, 1, 'valid', 'NHWC', steps);
    // A dilated kernel has a tap only where the window has one.
    const own = tf.stridedSlice(
      taps,
      [0, 0, 0, 0],
      [channels, info.effectiveFilterHeight, info.effectiveFilterWidth, filters],
      [1, info.dilationHeight, info.dilationWidth, 1],
    );
    return tf.reshape(tf.transpose(own, [1, 2, 0, 3]), [height, width, channels, filters]);
  },
  /** A convolution of the gradient with the kernel turned by 180°, channels for filters. */
  Conv2DBackpropInput({ dy, filter }, attributes) {
    if (dy === undefined || filter === undefined) throw new Error('inputs missing');
    const window = windowOf(attributes.inputShape, filter.shape, attributes, false);
    const turned = tf.transpose(turnedKernel(filter), [0, 1, 3, 2]);
    return turnedConvolution(dy, window, attributes.inputShape, (image) =>
      tf.conv2d(image, turned, 1, 'valid', 'NHWC', dilationOf(window)),
    );
  },
  DepthwiseConv2dNativeBackpropInput({ dy, filter }, attributes) {
    if (dy === undefined || filter === undefined) throw new Error('inputs missing');
    const window = windowOf(attributes.inputShape, filter.shape, attributes, true);
    const [height, width, channels, multiplier] = filter.shape;
    const turned = turnedKernel(filter);
    const alone = (own: tf.Tensor4D, gradient: tf.Tensor4D): tf.Tensor4D =>
      turnedConvolution(gradient, window, attributes.inputShape, (image) =>
        tf.depthwiseConv2d(image, own, 1, 'valid', 'NHWC', dilationOf(window)),
      );
    if (multiplier === 1) return alone(turned, dy);
    const [images, rows, columns] = dy.shape;
    const parts = tf.reshape(dy, [images * rows * columns, channels, multiplier]);
    return tf.addN(
      Array.from({ length: multiplier }, (_, i) => {
        const own = tf.slice(turned, [0, 0, 0, i], [height, width, channels, 1]);
        const part = tf.slice(parts, [0, 0, i], [-1, channels, 1]);
        return alone(own, tf.reshape(part, [images, rows, columns, channels]));
      }),
    );
  },
  /** With strides or a multiplier; else see `HEAP_KERNELS`. */
  DepthwiseConv2dNativeBackpropFilter({ x, dy }, attributes) {
    if (x === undefined || dy === undefined) throw new Error('inputs missing');
    const window = windowOf(x.shape, attributes.filterShape, attributes, true);
    const [, , channels, multiplier] = attributes.filterShape;
    const rows = tf.reshape(dy, [-1, channels, multiplier]);
    const ones = tf.ones<tf.Rank.R2>([1, rows.shape[0]]);
    const taps = eachTap(padded(x, window), window, (part) => {
      const products = tf.mul(tf.reshape(part, [-1, channels, 1]), rows);
      return tf.matMul(ones, tf.reshape(products, [-1, channels * multiplier]));
    });
    return tf.reshape(tf.stack(taps), attributes.filterShape);
  },
};

/** How a kernel is asked that works on the memory of the backend; it may decline. */
type HeapKernel = (
  backend: WasmBackend,
  inputs: Inputs,
  attributes: Attributes,
) => tf.TensorInfo | undefined;

type Inputs = Readonly<Record<string, tf.TensorInfo>>;

const HEAP_KERNELS: Readonly<Record<string, HeapKernel>> = {
  DepthwiseConv2dNativeBackpropFilter(backend, { x, dy }, attributes) {
    if (x === undefined || dy === undefined) throw new Error('inputs missing');
    const { info } = windowOf(x.shape as Shape4D, attributes.filterShape, attributes, true);
    const isPlain = info.inChannels === info.outChannels && info.strideWidth === 1;
    return isPlain && hasRowLoops(backend) ? depthwiseFilterSums(backend, x, dy, info) : undefined;
  },
  MaxPoolGrad(backend, { dy, input, output }, attributes) {
    if (dy === undefined || input === undefined || output === undefined) {
      throw new Error('inputs missing');
    }
    return maxPoolGradient(backend, dy, input, output, poolOf(input, attributes));
  },
  /** Wrong where strides differ. */
  AvgPoolGrad(backend, { dy, input }, attributes) {
    if (dy === undefined || input === undefined) throw new Error('inputs missing');
    return averagePoolGradient(backend, dy, input, poolOf(input, attributes));
  },
  /** Over the first axes; without axes, `tf.sum` names all. */
  Sum(backend, { x }, { axis, keepDims }) {
    if (x?.dtype !== 'float32' || !hasRowLoops(backend)) return undefined;
    const axes = tf.util.parseAxisParam([axis].flat(), x.shape).sort((a, b) => a - b);
    const isLeading = axes.length > 0 && axes.every((each, i) => each === i);
    return isLeading ? sumOverRows(backend, x, axes.length, keepDims) : undefined;
  },
};

function poolOf(input: tf.TensorInfo, attributes: Attributes): tf.backend_util.Conv2DInfo {
  const [tall, wide] = [attributes.filterSize, attributes.filterSize].flat();
  const shape = input.shape as Shape4D;
  return windowOf(shape, [tall ?? 1, wide ?? 1, shape[3], 1], attributes, true).info;
}

let isRegistered = false;

/** Registers what is missing, wrong or slow; does nothing the second time. */
export function registerGradientKernels(): void {
  if (isRegistered) return;
  isRegistered = true;
  for (const [name, kernel] of Object.entries(KERNELS)) {
    replaceKernel(
      name,
      () =>
        ({ inputs, attrs }) =>
          // The engine gives tensors, whose type it does not tell, and the attributes of the operator.
          tf.tidy(() =>
            kernel(
              inputs as unknown as Readonly<Record<string, tf.Tensor4D>>,
              attrs as unknown as Attributes,
            ),
          ),
    );
  }
  for (const [name, kernel] of Object.entries(HEAP_KERNELS)) {
    replaceKernel(name, (before) => (call) => {
      const attributes = call.attrs as unknown as Attributes;
      const made = kernel(call.backend as WasmBackend, call.inputs as Inputs, attributes);
      if (made !== undefined) return made;
      if (before === undefined) throw new Error(`archc: no kernel ${name}`);
      return before(call);
    });
  }
  registerGroupNorm();
}

type KernelFunc = tf.KernelConfig['kernelFunc'];

/** What the backend is set up with stays: a kernel that wraps another needs that. */
function replaceKernel(kernelName: string, wrap: (before: KernelFunc | undefined) => KernelFunc) {
  const known = tf.getKernelsForBackend('wasm').find((each) => each.kernelName === kernelName);
  const kernelFunc = wrap(known?.kernelFunc);
  if (known !== undefined) tf.unregisterKernel(kernelName, 'wasm');
  tf.registerKernel({ ...known, kernelName, backendName: 'wasm', kernelFunc });
}

function windowOf(
  shape: Shape4D,
  filter: Shape4D,
  { strides, dilations = 1, pad, dimRoundingMode }: Attributes,
  isDepthwise: boolean,
): Window {
  const info = tf.backend_util.computeConv2DInfo(
    shape,
    filter,
    strides,
    dilations,
    pad,
    dimRoundingMode,
    isDepthwise,
  );
  const reach = (outputs: number, stride: number, extent: number): number =>
    (outputs - 1) * stride + extent;
  return {
    top: info.padInfo.top,
    left: info.padInfo.left,
    height: reach(info.outHeight, info.strideHeight, info.effectiveFilterHeight),
    width: reach(info.outWidth, info.strideWidth, info.effectiveFilterWidth),
    info,
  };
}

/** Of one tap that goes over every pixel. */
function isPointwise(info: tf.backend_util.Conv2DInfo): boolean {
  const { filterHeight, filterWidth, strideHeight, strideWidth, padInfo } = info;
  const { top, bottom, left, right } = padInfo;
  return (
    filterHeight * filterWidth * strideHeight * strideWidth === 1 &&
    top + bottom + left + right === 0
  );
}

function dilationOf({ info }: Window): [number, number] {
  return [info.dilationHeight, info.dilationWidth];
}

/** By 180°. Picking taps in reverse is faster than `tf.reverse`. */
function turnedKernel(filter: tf.Tensor4D): tf.Tensor4D {
  const [height, width, channels, filters] = filter.shape;
  const taps = height * width;
  if (taps === 1) return filter;
  const order = Array.from({ length: taps }, (_, i) => taps - 1 - i);
  const flat = tf.gather(tf.reshape(filter, [taps, channels * filters]), order);
  return tf.reshape(flat, filter.shape);
}

/** The gradient of a convolution to its image: strides become zeros between, and padding turns over. */
function turnedConvolution(
  dy: tf.Tensor4D,
  window: Window,
  [images, height, width, channels]: Shape4D,
  convolve: (image: tf.Tensor4D) => tf.Tensor4D,
): tf.Tensor4D {
  const { info, top, left } = window;
  const apart = spreadOut(dy, info.strideHeight, info.strideWidth);
  const [, tall, wide] = apart.shape;
  const [reachY, reachX] = [info.effectiveFilterHeight - 1, info.effectiveFilterWidth - 1];
  // What lies before the image, should padding be more than the kernel reaches, is cut off again.
  const [cutY, cutX] = [Math.max(0, top - reachY), Math.max(0, left - reachX)];
  const [before, start] = [Math.max(0, reachY - top), Math.max(0, reachX - left)];
  const sides: [number, number][] = [
    [0, 0],
    [before, Math.max(0, height + cutY + reachY - before - tall)],
    [start, Math.max(0, width + cutX + reachX - start - wide)],
    [0, 0],
  ];
  const isWhole = sides.every(([a, b]) => a + b === 0);
  const whole = convolve(isWhole ? apart : tf.pad(apart, sides));
  const fits = whole.shape[1] === height && whole.shape[2] === width;
  return fits ? whole : tf.slice(whole, [0, cutY, cutX, 0], [images, height, width, channels]);
}

/** The image with its padding, without what no window reaches. */
function padded(x: tf.Tensor4D, { top, left, height, width }: Window): tf.Tensor4D {
  const [images, rows, columns, channels] = x.shape;
  const bottom = Math.max(0, height - rows - top);
  const right = Math.max(0, width - columns - left);
  const sides: [number, number][] = [
    [0, 0],
    [top, bottom],
    [left, right],
    [0, 0],
  ];
  const larger = tf.pad(x, sides);
  return tf.slice(larger, [0, 0, 0, 0], [images, height, width, channels]);
}

function* taps({ filterHeight, filterWidth }: tf.backend_util.Conv2DInfo) {
  for (let ky = 0; ky < filterHeight; ky++) {
    for (let kx = 0; kx < filterWidth; kx++) yield [ky, kx] as const;
  }
}

/** What each tap sees of the image, in the order of the kernel. */
function eachTap(
  x: tf.Tensor4D,
  { info }: Window,
  use: (part: tf.Tensor4D) => tf.Tensor,
): tf.Tensor[] {
  const [images, , , channels] = x.shape;
  return [...taps(info)].map(([ky, kx]) => {
    const [y, left] = [ky * info.dilationHeight, kx * info.dilationWidth];
    const end = [
      images,
      y + (info.outHeight - 1) * info.strideHeight + 1,
      left + (info.outWidth - 1) * info.strideWidth + 1,
      channels,
    ];
    const strides = [1, info.strideHeight, info.strideWidth, 1];
    return use(tf.stridedSlice(x, [0, y, left, 0], end, strides) as tf.Tensor4D);
  });
}

/** With zeros between the pixels, as many as strides skip. */
function spreadOut(part: tf.Tensor4D, down: number, across: number): tf.Tensor4D {
  if (down === 1 && across === 1) return part;
  const [images, rows, columns, channels] = part.shape;
  const between = tf.pad(tf.reshape(part, [images * rows, 1, columns, channels]), [
    [0, 0],
    [0, down - 1],
    [0, 0],
    [0, 0],
  ]);
  const tall = tf.reshape(between, [images * rows * down * columns, 1, channels]);
  const wide = tf.pad(tall, [
    [0, 0],
    [0, across - 1],
    [0, 0],
  ]);
  return tf.slice(
    tf.reshape(wide, [images, rows * down, columns * across, channels]),
    [0, 0, 0, 0],
    [images, (rows - 1) * down + 1, (columns - 1) * across + 1, channels],
  ) as tf.Tensor4D;
}
