/** Convolutions, pools, norms, products and resizing against the ONNX project's node cases. */
import { describe, expect, test } from 'vitest';
import type { Attributes, Tensor } from '../../src/compiler/ir.js';
import type { OperatorName } from '../../src/compiler/ops/index.js';
import {
  batch,
  expectClose,
  iohwToHwio,
  nchwToNhwc,
  nhwcToNchw,
  oihwToHwio,
  onnxCaseNames,
  onnxCasesFolder,
  permute,
  readOnnxCase,
  runReference,
  unbatch,
  type OnnxCase,
} from '../helpers/onnx-cases.js';
import { UNMAPPED_HEAVY } from './onnx-unmapped-heavy.js';

const FAMILIES = /conv|pool|group_norm|instancenorm|layer_norm|batchnorm|resize|gemm|matmul/;

/** Runs a case through archc and compares. */
type Check = (c: OnnxCase) => void;

function input(c: OnnxCase, index: number): Tensor {
  const tensor = c.inputs[index];
  if (tensor === undefined) throw new Error(`${c.name} has no input ${index}`);
  return tensor;
}

function output(c: OnnxCase): Tensor {
  const tensor = c.outputs[0];
  if (tensor === undefined) throw new Error(`${c.name} has no output`);
  return tensor;
}

/** One image after the other, in and out channels first. */
function onImages(
  op: OperatorName,
  x: Tensor,
  attributes: Attributes,
  weights: readonly Tensor[] = [],
): Tensor {
  const results = unbatch(nchwToNhwc(x)).map((image) => {
    const [y] = runReference(op, [image], attributes, weights);
    if (y === undefined) throw new Error(`${op} gave nothing`);
    return y;
  });
  return nhwcToNchw(batch(results));
}

/** A one-dimensional image as a column: `[N, C, L]` to `[N, C, L, 1]`. */
function asColumn(x: Tensor): Tensor {
  return x.shape.length === 3 ? { shape: [...x.shape, 1], data: x.data } : x;
}

/** A list attribute of a window, `[height, width]`. */
function perAxis(c: OnnxCase, name: string, fallback: readonly number[]): readonly number[] {
  const given = c.attributes[name];
  if (given === undefined) return fallback;
  if (!Array.isArray(given)) throw new Error(`${c.name}: ${name} is no list`);
  const numbers = given.map(Number);
  return numbers.length === 1 ? [...numbers, 1] : numbers;
}

function padOf(c: OnnxCase): Attributes[string] {
  if (c.attributes['auto_pad'] === 'SAME_UPPER') return 'same';
  expect(c.attributes['auto_pad']).toBeUndefined();
  const [top = 0, left = 0, bottom = 0, right = 0] = perAxis(c, 'pads', [0, 0, 0, 0]);
  return [top, bottom, left, right];
}

const checkConv: Check = (c) => {
  const [x, kernel, ...bias] = [asColumn(input(c, 0)), asColumn(input(c, 1)), ...c.inputs.slice(2)];
  const [filters = 0, , kh = 0, kw = 0] = kernel.shape;
  const attributes = {
    filters,
    k: [kh, kw],
    stride: perAxis(c, 'strides', [1, 1]),
    dilation: perAxis(c, 'dilations', [1, 1]),
    pad: padOf(c),
  };
  expectClose(onImages('conv', x, attributes, [oihwToHwio(kernel), ...bias]), output(c));
};

const transposed = (c: OnnxCase): Tensor => {
  const kernel = asColumn(input(c, 1));
  const [, filters = 0, kh = 0, kw = 0] = kernel.shape;
  const stride = perAxis(c, 'strides', [1, 1]);
  const attributes = { filters, k: [kh, kw], stride, pad: padOf(c) };
  return onImages('convtranspose', asColumn(input(c, 0)), attributes, [iohwToHwio(kernel)]);
};

const checkTransposed: Check = (c) => expectClose(transposed(c), asColumn(output(c)));

/** `output_padding` appends a row and a column, of zeros where no border was cut off. */
const checkTransposedPadded: Check = (c) => {
  const y = transposed(c);
  const [n = 0, channels = 0, height = 0, width = 0] = output(c).shape;
  const wider: Tensor = {
    shape: [n, channels, height, width],
    data: new Float32Array(n * channels * height * width),
  };
  const [, , rows = 0, columns = 0] = y.shape;
  expect([rows, columns]).toEqual([height - 1, width - 1]);
  y.data.forEach((value, i) => {
    const row = Math.floor(i / columns);
    wider.data[(Math.floor(row / rows) * height + (row % rows)) * width + (i % columns)] = value;
  });
  expectClose(wider, output(c));
};

const checkPool =
  (op: OperatorName): Check =>
  (c) => {
    const attributes = {
      k: perAxis(c, 'kernel_shape', []),
      stride: perAxis(c, 'strides', [1, 1]),
      pad: padOf(c),
    };
    expectClose(onImages(op, asColumn(input(c, 0)), attributes), asColumn(output(c)));
  };

const checkGlobal =
  (op: OperatorName): Check =>
  (c) =>
    expectClose(onImages(op, input(c, 0), {}), output(c));

/** Batch, group and instance norm: their weights are in the order of archc's. */
const checkNorm =
  (op: OperatorName): Check =>
  (c) => {
    const eps = Number(c.attributes['epsilon'] ?? 1e-5);
    const groups = c.attributes['num_groups'];
    const attributes = groups === undefined ? { eps } : { eps, groups: Number(groups) };
    expectClose(onImages(op, input(c, 0), attributes, c.inputs.slice(1)), output(c));
  };

/** Over several last axes: they are one. */
const checkLayerNorm =
  (axis: number, eps = 1e-5): Check =>
  (c) => {
    const flat = (x: Tensor, from: number): Tensor => {
      const last = x.shape.slice(from).reduce((n, d) => n * d, 1);
      return { shape: [...x.shape.slice(0, from), last], data: x.data };
    };
    if (c.op !== undefined) expect(Number(c.attributes['epsilon'] ?? 1e-5)).toBeCloseTo(eps, 7);
    const weights = [flat(input(c, 1), 0), flat(input(c, 2), 0)];
    const [y] = runReference('layernorm', [flat(input(c, 0), axis)], { eps }, weights);
    expectClose(y, flat(output(c), axis));
  };

/** `alpha · A · B + C`: every row of A is a token with its own bias, the row of C. */
const checkGemm: Check = (c) => {
  const a = c.attributes['transA'] === 1 ? permute(input(c, 0), [1, 0]) : input(c, 0);
  const alpha = Number(c.attributes['alpha'] ?? 1);
  const b = input(c, 1);
  const kernel: Tensor = { shape: b.shape, data: b.data.map((v) => alpha * v) };
  const [, units = 0] = b.shape;
  const bias = input(c, 2);
  const rows = unbatch(a).map((row, i) => {
    const data = Float32Array.from({ length: units }, (_, j) => {
      const [height = 1, width = 1] = bias.shape;
      return bias.data[(i % height) * width + (j % width)] ?? Number.NaN;
    });
    const [y] = runReference('dense', [row], { units }, [kernel, { shape: [units], data }]);
    if (y === undefined) throw new Error('dense gave nothing');
    return y;
  });
  expectClose(batch(rows), output(c));
};

const checkMatmul: Check = (c) => {
  const [y] = runReference('matmul', [input(c, 0), input(c, 1)]);
  expectClose(y, output(c));
};

/**
 * ONNX's `round_prefer_floor` takes the lower pixel of two that are equally near, archc the upper:
 * so both sides are mirrored, which changes one into the other and nothing else.
 */
const checkNearest: Check = (c) => {
  const mirror = (x: Tensor): Tensor => {
    const [, , height = 0, width = 0] = x.shape;
    const data = x.data.map((_, i) => {
      const [plane, row, column] = [
        Math.floor(i / (height * width)),
        Math.floor(i / width) % height,
        i % width,
      ];
      const at = (plane * height + height - 1 - row) * width + width - 1 - column;
      return x.data[at] ?? Number.NaN;
    });
    return { shape: x.shape, data };
  };
  const [, , height = 0, width = 0] = output(c).shape;
  const [, , fromHeight = 0, fromWidth = 0] = input(c, 0).shape;
  const x = mirror(input(c, 0));
  expectClose(mirror(onImages('resize', x, { height, width, mode: 'nearest' })), output(c));
  const factor = [height / fromHeight, width / fromWidth];
  if (factor.every(Number.isInteger)) {
    expectClose(mirror(onImages('upsample', x, { factor, mode: 'nearest' })), output(c));
  }
};

const MAPPED: Readonly<Record<string, Check>> = {
  test_basic_conv_with_padding: checkConv,
  test_conv_with_strides_and_asymmetric_padding: checkConv,
  test_conv_with_strides_padding: checkConv,
  test_convtranspose_1d: checkTransposed,
  test_convtranspose_autopad_same: checkTransposed,
  // output_shape asks for the size that strides, kernel and output_padding give anyway.
  test_convtranspose_kernel_shape: checkTransposedPadded,
  test_convtranspose_pad: checkTransposedPadded,
  test_averagepool_1d_default: checkPool('avgpool'),
  test_averagepool_2d_precomputed_strides: checkPool('avgpool'),
  test_averagepool_2d_same_upper: checkPool('avgpool'),
  test_maxpool_1d_default: checkPool('maxpool'),
  // ceil_mode, but the last window is dropped again: it would begin outside the image.
  test_maxpool_2d_ceil_output_size_reduce_by_one: checkPool('maxpool'),
  test_maxpool_2d_precomputed_pads: checkPool('maxpool'),
  test_maxpool_2d_precomputed_strides: checkPool('maxpool'),
  test_maxpool_2d_same_upper: checkPool('maxpool'),
  test_maxpool_2d_uint8: checkPool('maxpool'),
  // The second output, the places of the maxima, has no counterpart.
  test_maxpool_with_argmax_2d_precomputed_strides: checkPool('maxpool'),
  test_globalaveragepool: checkGlobal('globalavgpool'),
  test_globalmaxpool: checkGlobal('globalmaxpool'),
  test_batchnorm_epsilon: checkNorm('batchnorm'),
  test_batchnorm_example: checkNorm('batchnorm'),
  test_group_normalization_epsilon: checkNorm('groupnorm'),
  test_group_normalization_example: checkNorm('groupnorm'),
  test_instancenorm_example: checkNorm('instancenorm'),
  test_layer_normalization_2d_axis1_expanded: checkLayerNorm(1),
  test_layer_normalization_3d_axis1_epsilon: checkLayerNorm(1, 0.1),
  test_layer_normalization_3d_axis1_epsilon_expanded_ver18: checkLayerNorm(1, 0.1),
  test_layer_normalization_4d_axis1_expanded: checkLayerNorm(1),
  test_layer_normalization_default_axis: checkLayerNorm(3),
  test_layer_normalization_default_axis_expanded_ver18: checkLayerNorm(3),
  test_gemm_alpha: checkGemm,
  test_gemm_default_matrix_bias: checkGemm,
  test_gemm_default_scalar_bias: checkGemm,
  test_gemm_default_vector_bias: checkGemm,
  test_gemm_transposeA: checkGemm,
  test_matmul_2d: checkMatmul,
  test_matmul_4d: checkMatmul,
  test_matmul_bcast: checkMatmul,
  test_resize_downsample_sizes_nearest: checkNearest,
  test_resize_downsample_sizes_nearest_not_smaller: checkNearest,
  test_resize_upsample_scales_nearest: checkNearest,
  test_resize_upsample_scales_nearest_axes_3_2: checkNearest,
  test_resize_upsample_sizes_nearest: checkNearest,
  test_resize_upsample_sizes_nearest_axes_3_2: checkNearest,
  test_resize_upsample_sizes_nearest_not_smaller: checkNearest,
};

describe.skipIf(onnxCasesFolder === undefined)(
  'ONNX node cases (skipped where ../shared/data/onnx-node is absent)',
  () => {
    test('every case of these families is tested, or listed with a reason', () => {
      const known = [...Object.keys(MAPPED), ...Object.keys(UNMAPPED_HEAVY)].sort();
      expect(onnxCaseNames(FAMILIES)).toEqual(known);
    });

    test.each(Object.entries(MAPPED))('%s', (name, check) => {
      check(readOnnxCase(name));
    });
  },
);
