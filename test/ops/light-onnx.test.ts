/**
 * Activations, arithmetic, reductions and what moves data, against the ONNX project's node cases.
 * Each case is tested, or listed with the reason why it says nothing about an archc operator.
 */
import { describe, expect, test } from 'vitest';
import type { Attributes, Tensor } from '../../src/compiler/ir.js';
import type { OperatorName } from '../../src/compiler/ops/index.js';
import {
  batch,
  expectClose,
  nchwToNhwc,
  nhwcToNchw,
  onnxCaseNames,
  onnxCasesFolder,
  readOnnxCase,
  unbatch,
  type OnnxCase,
  type OnnxTensor,
} from '../helpers/onnx-cases.js';
import { runNode, runNode1 } from '../helpers/run-node.js';

/** The families that another file tests. */
const HEAVY = /conv|pool|group_norm|instancenorm|layer_norm|batchnorm|resize|gemm|matmul/;

const INTEGER_DIVISION = 'integer division; archc divides float32';
const NO_CELU = 'archc has no celu';
const NO_SOFTSIGN = 'archc has no softsign';
const SEQUENCE = 'holds a sequence of tensors; archc has lists at compile time alone';

const UNMAPPED: Readonly<Record<string, string>> = {
  test_celu: NO_CELU,
  test_div_int32_trunc: INTEGER_DIVISION,
  test_div_uint16: INTEGER_DIVISION,
  test_div_uint64: INTEGER_DIVISION,
  test_identity_sequence: SEQUENCE,
  test_reshape_zero_dim: 'a 0 in ONNX’s reshape copies a size; archc writes the size',
  test_selu: 'other constants than the paper’s; archc’s selu has none to set',
  test_selu_example_expanded_ver18: 'other constants than the paper’s',
  test_softsign_example: NO_SOFTSIGN,
  test_softsign_expanded_ver18: NO_SOFTSIGN,
  test_split_to_sequence_2: SEQUENCE,
  test_split_zero_size_splits_opset13: 'an empty tensor; archc’s sizes are at least 1',
  test_wrap_pad: 'archc pads with zeros, mirrored or repeated edges; not around',
};

type Check = (c: OnnxCase) => void;

function input(c: OnnxCase, index: number): OnnxTensor {
  const found = c.inputs[index];
  if (found === undefined) throw new Error(`${c.name} has no input ${index}`);
  return found;
}

function output(c: OnnxCase): OnnxTensor {
  const found = c.outputs[0];
  if (found === undefined) throw new Error(`${c.name} has no output`);
  return found;
}

/** The numbers of an attribute, or of an input. */
function integers(c: OnnxCase, name: string): readonly number[] | undefined {
  const given = c.attributes[name];
  if (typeof given === 'number') return [given];
  if (Array.isArray(given)) return given.map(Number);
  return c.byName.get(name)?.numbers;
}

function float(c: OnnxCase, name: string, fallback: number): number {
  const given = c.attributes[name] ?? fallback;
  if (typeof given !== 'number') throw new Error(`${c.name}: ${name} is no number`);
  return given;
}

/** All inputs as activations. */
const direct =
  (op: OperatorName, attributesOf: (c: OnnxCase) => Attributes = () => ({})): Check =>
  (c) =>
    expectClose(runNode1(op, c.inputs, attributesOf(c)), output(c), 1e-6);

/** The first input alone: the others are ONNX's attributes. */
const first =
  (op: OperatorName, attributesOf: (c: OnnxCase) => Attributes = () => ({})): Check =>
  (c) =>
    expectClose(runNode1(op, [input(c, 0)], attributesOf(c)), output(c), 1e-6);

const axisOf = (fallback: number) => (c: OnnxCase) => ({
  axis: integers(c, 'axis')?.[0] ?? fallback,
});

const hardSigmoid =
  (alpha: number, beta: number): Check =>
  (c) =>
    first('hardsigmoid', () => ({
      slope: float(c, 'alpha', alpha),
      offset: float(c, 'beta', beta),
    }))(c);

const softmaxOver = (axis: number): Check => first('softmax', () => ({ axis }));

/** The logarithm of softmax is no operator, but its exponential is softmax. */
const logSoftmaxOver =
  (axis: number): Check =>
  (c) => {
    const { shape, data } = output(c);
    expectClose(runNode1('softmax', [input(c, 0)], { axis }), { shape, data: data.map(Math.exp) });
  };

/** `minimum(maximum(x, min), max)`; the bounds are scalars, which broadcast. */
const clip: Check = (c) => {
  const [low, high] = [c.byName.get('min'), c.byName.get('max')];
  let x: Tensor = input(c, 0);
  if (low !== undefined) x = runNode1('maximum', [x, low]);
  if (high !== undefined) x = runNode1('minimum', [x, high]);
  expectClose(x, output(c), 0);
};

/** Every axis before the given one is batch. */
const flattenFrom =
  (axis: number): Check =>
  (c) => {
    const { shape, data } = input(c, 0);
    const images = shape.slice(0, axis).reduce((n, d) => n * d, 1);
    const results = unbatch({ shape: [images, ...shape.slice(axis)], data });
    expectClose(batch(results.map((image) => runNode1('flatten', [image]))), output(c), 0);
  };

/** With a value other than 0: the padding of `x − value`, plus `value`. */
const pad =
  (mode: 'zero' | 'reflect'): Check =>
  (c) => {
    const value = c.byName.get('value')?.numbers[0] ?? 0;
    const pads = integers(c, 'pads') ?? [];
    const axes = integers(c, 'axes') ?? [0, 1, 2, 3];
    const along = (axis: number): [number, number] => {
      const at = axes.findIndex((a) => (a < 0 ? a + 4 : a) === axis);
      return at < 0 ? [0, 0] : [pads[at] ?? 0, pads[at + axes.length] ?? 0];
    };
    expect([along(0), along(1)]).toEqual([
      [0, 0],
      [0, 0],
    ]);
    const amounts = [...along(2), ...along(3)];
    const { shape, data } = input(c, 0);
    const shifted = { shape, data: data.map((v) => v - value) };
    const padded = unbatch(nchwToNhwc(shifted)).map((x) => runNode1('pad', [x], { amounts, mode }));
    const y = nhwcToNchw(batch(padded));
    expectClose({ shape: y.shape, data: y.data.map((v) => v + value) }, output(c), 1e-6);
  };

/** Half of the difference at each side, the odd one after: a crop and then a pad. */
const centreCropPad =
  (order: 'hwc' | 'chw'): Check =>
  (c) => {
    const turn = (x: Tensor): Tensor =>
      order === 'hwc' ? x : (unbatch(nchwToNhwc({ ...x, shape: [1, ...x.shape] }))[0] ?? x);
    const [x, y] = [turn(input(c, 0)), turn(output(c))];
    const halves = (n: number): number[] => [Math.floor(n / 2), Math.ceil(n / 2)];
    const change = [0, 1].map((axis) => (y.shape[axis] ?? 0) - (x.shape[axis] ?? 0));
    const cropped = runNode1('crop', [x], {
      amounts: change.flatMap((n) => halves(Math.max(0, -n))),
    });
    const padded = runNode1('pad', [cropped], {
      amounts: change.flatMap((n) => halves(Math.max(0, n))),
    });
    expectClose(padded, y, 0);
  };

const prelu: Check = (c) => {
  const [x, slope] = [input(c, 0), input(c, 1)];
  // A slope for each element: a tensor of channels alone.
  const flat = slope.shape.length > 1;
  const shape = flat ? [x.data.length] : x.shape;
  const alpha = { shape: [slope.data.length], data: slope.data };
  const y = runNode1('prelu', [{ shape, data: x.data }], {}, [alpha]);
  expectClose({ shape: x.shape, data: y.data }, output(c), 0);
};

const reduceMean: Check = first('mean', (c) => {
  const axes = integers(c, 'axes') ?? [];
  return { axes: axes.length === 0 ? null : axes, keepdims: integers(c, 'keepdims')?.[0] === 1 };
});

/** To the shape that the case names, or that of its result (squeeze, unsqueeze). */
const reshape: Check = first('reshape', (c) => ({
  shape: integers(c, 'shape') ?? output(c).shape,
}));

/** One axis after the other. */
const slice: Check = (c) => {
  const [starts = [], ends = []] = [integers(c, 'starts'), integers(c, 'ends')];
  let x: Tensor = input(c, 0);
  starts.forEach((start, i) => {
    x = runNode1('slice', [x], {
      start,
      stop: ends[i] ?? null,
      axis: integers(c, 'axes')?.[i] ?? i,
      step: integers(c, 'steps')?.[i] ?? 1,
    });
  });
  expectClose(x, output(c), 0);
};

const split: Check = (c) => {
  const axis = integers(c, 'axis')?.[0] ?? 0;
  const sizes = c.outputs.map((y) => y.shape[axis] ?? 0);
  const equal = new Set(sizes).size === 1 && integers(c, 'split') === undefined;
  const results = runNode('split', [input(c, 0)], { axis, parts: equal ? sizes.length : sizes });
  expect(results.length).toBe(c.outputs.length);
  c.outputs.forEach((y, i) => expectClose(results[i], y, 0));
};

const onImages =
  (op: OperatorName): Check =>
  (c) => {
    const factor = float(c, 'blocksize', 0);
    const images = unbatch(nchwToNhwc(input(c, 0)));
    expectClose(nhwcToNchw(batch(images.map((x) => runNode1(op, [x], { factor })))), output(c), 0);
  };

/** By the name of the case. The `…_expanded` ones spell an operator in simpler ones: same data. */
const CHECKS: readonly (readonly [RegExp, Check])[] = [
  [/^test_add/, direct('add')],
  [/^test_sub/, direct('sub')],
  [/^test_mul_/, direct('mul')],
  [/^test_div/, direct('div')],
  [/^test_clip/, clip],
  [/^test_concat_/, direct('concat', axisOf(0))],
  [/^test_dropout_/, first('dropout', () => ({ rate: 0.5 }))],
  [/^test_identity$/, first('identity')],
  [/^test_relu_/, first('relu')],
  [/^test_leakyrelu_default$/, first('leakyrelu')],
  [/^test_leakyrelu_/, first('leakyrelu', (c) => ({ alpha: float(c, 'alpha', 0.1) }))],
  [/^test_prelu_/, prelu],
  [/^test_elu_default/, first('elu')],
  [/^test_elu/, first('elu', (c) => ({ alpha: float(c, 'alpha', 2) }))],
  [/^test_selu_default/, first('selu')],
  [/^test_gelu_default/, first('gelu')],
  [/^test_gelu_tanh/, first('gelu', () => ({ approximate: true }))],
  [/^test_swish/, first('silu')],
  [/^test_hardswish$/, first('hardswish')],
  [/^test_hardsigmoid_default/, hardSigmoid(0.2, 0.5)],
  [/^test_hardsigmoid/, hardSigmoid(0.5, 0.6)],
  [/^test_sigmoid$/, first('sigmoid')],
  [/^test_tanh/, first('tanh')],
  [/^test_mish/, first('mish')],
  [/^test_softplus/, first('softplus')],
  [/^test_softmax_axis_0/, softmaxOver(0)],
  [/^test_softmax_axis_1/, softmaxOver(1)],
  [/^test_softmax_/, softmaxOver(-1)],
  [/^test_logsoftmax_axis_0/, logSoftmaxOver(0)],
  [/^test_logsoftmax_axis_1/, logSoftmaxOver(1)],
  [/^test_logsoftmax_/, logSoftmaxOver(-1)],
  [/^test_constant_pad/, pad('zero')],
  [/^test_reflect_pad$/, pad('reflect')],
  [/^test_center_crop_pad.*_chw/, centreCropPad('chw')],
  [/^test_center_crop_pad/, centreCropPad('hwc')],
  [/^test_flatten_(axis0|negative_axis4)$/, flattenFrom(0)],
  [/^test_flatten_default_axis$/, flattenFrom(1)],
  [/^test_flatten_(axis2|negative_axis2)$/, flattenFrom(2)],
  [/^test_reshape_/, reshape],
  [/^test_(un)?squeeze/, reshape],
  [/^test_transpose_/, first('transpose', (c) => ({ axes: integers(c, 'perm') ?? null }))],
  [/^test_slice/, slice],
  [/^test_split_/, split],
  [/^test_depthtospace_crd/, onImages('pixelshuffle')],
  [/^test_spacetodepth/, onImages('spacetodepth')],
  [/^test_reduce_mean_/, reduceMean],
];

const names = onnxCaseNames(/./).filter((name) => !HEAVY.test(name));

function checkOf(name: string): Check | undefined {
  return CHECKS.find(([pattern]) => pattern.test(name))?.[1];
}

describe.skipIf(onnxCasesFolder === undefined)(
  'ONNX node cases (skipped where ../shared/data/onnx-node is absent)',
  () => {
    test.each(names.filter((name) => !(name in UNMAPPED)))('%s', (name) => {
      const check = checkOf(name);
      expect(check, `${name} is neither tested nor listed`).toBeDefined();
      check?.(readOnnxCase(name));
    });

    test('every listed case is there', () => {
      expect(Object.keys(UNMAPPED).filter((name) => !names.includes(name))).toEqual([]);
    });

    test('every check has a case', () => {
      const mapped = names.filter((name) => !(name in UNMAPPED));
      const used = new Set(mapped.map(checkOf));
      expect(CHECKS.filter(([, check]) => !used.has(check)).map(([p]) => String(p))).toEqual([]);
    });
  },
);
