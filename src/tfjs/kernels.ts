/**
 * Gradients that the WebAssembly backend of TensorFlow.js 4.22 lacks: those of convolutions to their
 * kernels, and of depthwise ones to their images; and that of max pooling, which it gets wrong. Each
 * tap of a window sees one part of the padded image, so each is a matrix product (or a scaled copy)
 * of that part.
 */
import * as tf from '@tensorflow/tfjs';

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
}

type Kernel = (inputs: Readonly<Record<string, tf.Tensor4D>>, attributes: Attributes) => tf.Tensor;

/** Below every number that a model has, and no infinity, of which nothing is 0 times. */
const LOWEST = -3.4e38;

const KERNELS: Readonly<Record<string, Kernel>> = {
  Conv2DBackpropFilter({ x, dy }, attributes) {
    if (x === undefined || dy === undefined) throw new Error('inputs missing');
    const window = windowOf(x.shape, attributes.filterShape, attributes, false);
    const [, , channels, filters] = attributes.filterShape;
    const rows = tf.reshape(dy, [-1, filters]);
    const taps = eachTap(padded(x, window), window, (part) =>
      tf.matMul(tf.reshape(part, [-1, channels]), rows, true, false),
    );
    return tf.reshape(tf.stack(taps), attributes.filterShape);
  },
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
  DepthwiseConv2dNativeBackpropInput({ dy, filter }, attributes) {
    if (dy === undefined || filter === undefined) throw new Error('inputs missing');
    const window = windowOf(attributes.inputShape, filter.shape, attributes, true);
    const { info } = window;
    const [, , channels, multiplier] = filter.shape;
    const [images, rows, columns] = dy.shape;
    const parts = tf.reshape(dy, [images * rows * columns, channels, multiplier]);
    const spread: tf.Tensor4D[] = [];
    for (const [ky, kx] of taps(info)) {
      const tap = tf.reshape(tf.slice(filter, [ky, kx, 0, 0], [1, 1, channels, multiplier]), [
        1,
        channels,
        multiplier,
      ]);
      const sums = tf.reshape(tf.sum(tf.mul(parts, tap), 2), dy.shape.slice(0, 3).concat(channels));
      spread.push(placed(sums as tf.Tensor4D, window, ky, kx));
    }
    const whole = tf.addN(spread);
    const [, height, width] = attributes.inputShape;
    return cropped(whole, window, height, width);
  },
  /** To the first of equals, as on the other backends. */
  MaxPoolGrad({ dy, input, output }, attributes) {
    if (dy === undefined || input === undefined || output === undefined) {
      throw new Error('inputs missing');
    }
    const [tall, wide] = [attributes.filterSize, attributes.filterSize].flat();
    const channels = input.shape[3];
    const filter: Shape4D = [tall ?? 1, wide ?? 1, channels, 1];
    const window = windowOf(input.shape, filter, attributes, true);
    const spread: tf.Tensor4D[] = [];
    let open: tf.Tensor = tf.onesLike(dy);
    const places = [...taps(window.info)];
    eachTap(padded(input, window, LOWEST), window, (part) => {
      const chosen = tf.mul(tf.cast(tf.equal(part, output), 'float32'), open);
      open = tf.sub(open, chosen);
      const [ky = 0, kx = 0] = places[spread.length] ?? [];
      spread.push(placed(tf.mul(chosen, dy), window, ky, kx));
      return chosen;
    });
    const [, height, width] = input.shape;
    return cropped(tf.addN(spread), window, height, width);
  },
};

/** The backend has them, and they are wrong. */
const REPLACED: ReadonlySet<string> = new Set(['MaxPoolGrad']);
const registered = new Set<string>();

/** Registers what is missing or wrong; does nothing the second time. */
export function registerGradientKernels(): void {
  for (const [kernelName, kernel] of Object.entries(KERNELS)) {
    if (registered.has(kernelName)) continue;
    registered.add(kernelName);
    if (tf.getKernelsForBackend('wasm').some((known) => known.kernelName === kernelName)) {
      if (!REPLACED.has(kernelName)) continue;
      tf.unregisterKernel(kernelName, 'wasm');
    }
    tf.registerKernel({
      kernelName,
      backendName: 'wasm',
      kernelFunc: ({ inputs, attrs }) =>
        // The engine gives tensors, whose type it does not tell, and the attributes of the operator.
        tf.tidy(() =>
          kernel(
            inputs as unknown as Readonly<Record<string, tf.Tensor4D>>,
            attrs as unknown as Attributes,
          ),
        ),
    });
  }
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

/** The image with its padding, without what no window reaches. */
function padded(x: tf.Tensor4D, { top, left, height, width }: Window, fill = 0): tf.Tensor4D {
  const [images, rows, columns, channels] = x.shape;
  const bottom = Math.max(0, height - rows - top);
  const right = Math.max(0, width - columns - left);
  const sides: [number, number][] = [
    [0, 0],
    [top, bottom],
    [left, right],
    [0, 0],
  ];
  const larger = tf.pad(x, sides, fill);
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

/** What a tap gives back, where it came from in the padded image. */
function placed(part: tf.Tensor4D, window: Window, ky: number, kx: number): tf.Tensor4D {
  const { info, height, width } = window;
  const [images, rows, columns, channels] = part.shape;
  const [down, across] = [info.strideHeight, info.strideWidth];
  let apart: tf.Tensor = part;
  if (down > 1 || across > 1) {
    const between = tf.pad(tf.reshape(part, [images * rows, 1, columns, channels * 1]), [
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
    apart = tf.slice(
      tf.reshape(wide, [images, rows * down, columns * across, channels]),
      [0, 0, 0, 0],
      [images, (rows - 1) * down + 1, (columns - 1) * across + 1, channels],
    );
  }
  const [, tall = 0, wide = 0] = apart.shape;
  const [y, x] = [ky * info.dilationHeight, kx * info.dilationWidth];
  return tf.pad(apart as tf.Tensor4D, [
    [0, 0],
    [y, height - y - tall],
    [x, width - x - wide],
    [0, 0],
  ]);
}

/** The image without its padding; 0 where no window has been. */
function cropped(x: tf.Tensor, { top, left }: Window, height: number, width: number): tf.Tensor {
  const [, tall = 0, wide = 0] = x.shape;
  const larger = tf.pad(x, [
    [0, 0],
    [0, Math.max(0, top + height - tall)],
    [0, Math.max(0, left + width - wide)],
    [0, 0],
  ]);
  return tf.slice(larger, [0, top, left, 0], [-1, height, width, -1]);
}
