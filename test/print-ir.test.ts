/** printIr: the text form of a graph. */
import { expect, test } from 'vitest';
import { runPasses } from '../src/compiler/passes/index.js';
import { printIr } from '../src/compiler/print-ir.js';
import { symbolDim, type SizeSymbol } from '../src/compiler/shape.js';
import { buildGraph } from './helpers/graph.js';

const H: SizeSymbol = { name: 'H', modulus: 16, remainder: 0, min: 32, max: 4096 };
const N: SizeSymbol = { name: 'N', modulus: 4, remainder: 1, min: 1, max: Infinity };

test('symbols, inputs, weights, constants, nodes and outputs', () => {
  const h = symbolDim(H);
  const built = buildGraph((g) => {
    const image = g.input([h, h, 3], 'image');
    g.input([symbolDim(N)], 'tokens');
    const [a] = g.op('conv', [image], { filters: 8, stride: [2, 2], pad: [1, 1, 0, 0] });
    const [b] = a === undefined ? [] : g.op('dwconv', [a], { ws: true, bias: false });
    const [c] = b === undefined ? [] : g.op('batchnorm', [b]);
    const [d] = c === undefined ? [] : g.op('resize', [c], { height: h, width: h });
    const [e] = d === undefined ? [] : g.op('prelu', [d]);
    if (e === undefined) return [];
    const numbers = g.builder.constant(
      Float32Array.from({ length: 12 }, (_, i) => i / 2),
      [12],
    );
    const [f] = g.op('mul', [e, g.builder.constant(Float32Array.of(0.5), [1])]);
    const [tiled] = g.op('reshape', [numbers], { shape: [3, -1] });
    if (f === undefined || tiled === undefined) return [];
    return [...g.op('split', [f], { parts: 2 }), ...g.op('sum', [tiled])];
  });
  const graph = {
    ...built,
    symbols: [
      { name: 'H', symbol: H, defaultSize: 512 },
      { name: 'W', symbol: H, defaultSize: undefined },
      { name: 'N', symbol: N, defaultSize: undefined },
    ],
  };
  expect(`\n${printIr(graph)}`).toBe(`
model Test  # test.arch

symbols:
  H = 512 where H % 16 == 0, H >= 32, H <= 4096
  W where H == W
  N where N % 4 == 1

inputs:
  %0 image: f32[H, H, 3]
  %1 tokens: f32[N]

weights:
  @conv_1.weight: f32[3, 3, 3, 8] kernel, he_normal
  @conv_1.bias: f32[8] bias, zeros
  @dwconv_2.weight: f32[3, 3, 1, 8] kernel, he_normal
  @batchnorm_3.scale: f32[8] scale, ones
  @batchnorm_3.shift: f32[8] shift, zeros
  @batchnorm_3.mean: f32[8] buffer mean, zeros
  @batchnorm_3.variance: f32[8] buffer variance, ones
  @prelu_5.alpha: f32[8] scale, constant 0.25

constants:
  $0: f32[1] = 0.5
  $1: f32[12] = 0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, … 12 elements

nodes:
  %2: f32[H/2, H/2 - 1, 8] = conv(%0, @conv_1.weight, @conv_1.bias) {filters = 8, stride = [2, 2], pad = [1, 1, 0, 0]}  # conv_1  test.arch:1:1
  %3: unbatched f32[3, 3, 1, 8] = standardize(@dwconv_2.weight)  # dwconv_2  test.arch:1:1
  %4: f32[H/2, H/2 - 1, 8] = dwconv(%2, %3) {ws = true, bias = false}  # dwconv_2  test.arch:1:1
  %5: f32[H/2, H/2 - 1, 8] = batchnorm(%4, @batchnorm_3.scale, @batchnorm_3.shift, @batchnorm_3.mean, @batchnorm_3.variance)  # batchnorm_3  test.arch:1:1
  %6: f32[H, H, 8] = resize(%5) {height = H, width = H}  # resize_4  test.arch:1:1
  %7: f32[H, H, 8] = prelu(%6, @prelu_5.alpha)  # prelu_5  test.arch:1:1
  %8: f32[H, H, 8] = mul(%7, $0)  # mul_6  test.arch:1:1
  %9: unbatched f32[3, 4] = reshape($1) {shape = [3, -1]}  # reshape_7  test.arch:1:1
  %10: f32[H, H, 4], %11: f32[H, H, 4] = split(%8) {parts = 2}  # split_8  test.arch:1:1
  %12: unbatched f32[] = sum(%9)  # sum_9  test.arch:1:1

outputs:
  y = %10: f32[H, H, 4]
  y2 = %11: f32[H, H, 4]
  y3 = %12: unbatched f32[]
`);
});

test('a default that depends on another attribute is left out too', () => {
  const graph = buildGraph((g) => {
    const [a] = g.op('maxpool', [g.input([27, 27, 1])], { k: [3, 3], stride: [3, 3] });
    return a === undefined ? [] : g.op('maxpool', [a], { k: [3, 3], stride: [2, 2] });
  });
  expect(printIr(graph)).toContain('maxpool(%0) {k = [3, 3]}  #');
  expect(printIr(graph)).toContain('maxpool(%1) {k = [3, 3], stride = [2, 2]}  #');
});

test('the text does not depend on ids', () => {
  const graph = buildGraph((g) => {
    const x = g.input([8]);
    g.op('relu', [x]);
    return g.op('tanh', [x]);
  });
  const direct = buildGraph((g) => g.op('tanh', [g.input([8])]));
  const after = runPasses({ graph, weights: undefined }, ['dead-code']).graph;
  expect(printIr(after).replaceAll('tanh_2', 'tanh_1')).toBe(printIr(direct));
});

test('a value that is nowhere defined is shown as such', () => {
  const graph = buildGraph((g) => g.op('relu', [g.input([8])]));
  expect(printIr({ ...graph, inputs: [] })).toContain('%0: f32[8] = relu(%?)');
});
