/** Programs whose emitted models have to compute sizes when they run, each with sizes to run at. */

export interface DynamicProgram {
  readonly name: string;
  readonly text: string;
  readonly sizes: readonly Readonly<Record<string, number>>[];
}

const image = (body: string, where = ''): string =>
  `## A model of free sizes.
model M {
  input x: f32[H = 8, W = 8, 4] ${where}
  ${body}
}`;

const IMAGES = [
  { H: 8, W: 8 },
  { H: 7, W: 10 },
  { H: 13, W: 5 },
  { H: 9, W: 12 },
];
const EVEN = [
  { H: 8, W: 8 },
  { H: 4, W: 12 },
];

export const DYNAMIC_PROGRAMS: readonly DynamicProgram[] = [
  {
    name: 'pad same under strides',
    text: image(`
      output a = x -> conv(3, k = 3, stride = 2)
      output b = x -> conv(3, k = 2, stride = [3, 4])
      output c = x -> dwconv([5, 3], stride = [2, 3])
      output d = x -> maxpool(3, stride = 2, pad = same)
      output e = x -> avgpool([3, 2], stride = 2, pad = same)
      output f = x -> conv(2, k = 1, stride = 2)
      output g = x -> conv(2, k = 3, stride = 2, pad = 1)`),
    sizes: IMAGES,
  },
  {
    name: 'resize to the size of another tensor',
    text: image(`
      small = x -> avgpool(2)
      output a = small -> resize(x.height, x.width, bilinear)
      output b = small -> resize(x.height, x.width)
      output c = x -> resize(small.height, small.width)
      output d = x -> resize(20, 6)
      output e = x -> upsample(2, bilinear)
      output f = x -> resize(2 * x.height, 3 * x.width)`),
    sizes: IMAGES,
  },
  {
    name: 'norms',
    text: image(`
      output a = x -> groupnorm(2)
      output b = x -> groupnorm(2, affine = false) -> instancenorm
      output c = x -> layernorm -> batchnorm`),
    sizes: IMAGES,
  },
  {
    name: 'tokens and back',
    text: image(`
      tokens = x -> reshape([x.height * x.width, 4])
      output a = tokens -> attention(2)
      output b = tokens -> groupnorm(2) -> dense(6)
      output c = x -> flatten
      output d = tokens -> reshape([x.height, x.width, 4]) -> conv(2)
      output e = x -> transpose([1, 0, 2]) -> mean(0)`),
    sizes: IMAGES.slice(0, 2),
  },
  {
    name: 'shuffles, parts and slices',
    text: image(
      `
      output a = x -> channelshuffle(2)
      output b = x -> spacetodepth(2)
      output c = x -> pixelshuffle(2)
      p, q = split(x, 2, axis = height)
      output d = p * q
      output e = x -> slice(1, -1, axis = width) -> pad([1, 2, 3, 4])
      output f = x -> slice(x.height // 2, axis = height, step = 2)
      output g = x -> crop([1, 1, 2, 0])
      output h = x -> slice(0, x.height // 2, axis = height)
      r, s = split(x, [x.width // 2, x.width // 2], axis = width)
      output i = r + s`,
      'where H % 2 == 0, W % 2 == 0, H >= 4, W >= 4',
    ),
    sizes: EVEN,
  },
  {
    name: 'in blocks',
    text: `
      block down(n: int) = conv(n, stride = 2) -> groupnorm(2) -> relu
      block meet(skip: tensor) = resize(skip.height, skip.width) -> concat(skip)
      ${image('output y = x -> down(4) -> down(6) -> meet(skip = x) -> conv(2)')}`,
    sizes: IMAGES,
  },
  {
    name: 'several inputs, a symbol with a remainder, and one called as the batch',
    text: `model M {
      input a: f32[K = 7, 6] where K % 3 == 1
      input b: f32[N = 4, 6]
      output p = a -> slice(1, axis = 0) -> reshape([3, a.shape[0] // 3, 6]) -> mean(1)
      output q = a -> matmul(b -> transpose)
      output r = concat(a, b, axis = 0) -> softmax(0)
    }`,
    sizes: [
      { K: 4, N: 4 },
      { K: 10, N: 1 },
      { K: 7, N: 2 },
    ],
  },
];
