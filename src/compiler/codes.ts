/**
 * The catalogue of diagnostics: `archc explain CODE`, the docs and every message's severity come
 * from here. `bad` gives the diagnostic and `good` does not; a test runs both.
 */

export interface CodeInfo {
  readonly severity: 'error' | 'warning';
  /** A title of a few words. */
  readonly title: string;
  /** What it means and what to do, in Markdown. */
  readonly explanation: string;
  /** Source that gives this code; absent where the cause is not in a source (a flag, a file). */
  readonly bad?: string;
  readonly good?: string;
}

const RECIPE = `model M() {
  input image: f32[H = 64, W = 64, 1]
  output mask = image -> conv(1) -> sigmoid
}

train quick for M {
  data = membranes(count = 40, size = 64)
  split = slices(validation = 8)
  normalise = zscore
  loss = bce(mask)
  optimiser = adam(lr = 1e-3)
  batch = 4
  steps = 300
}
`;

/** The program above with some of its text replaced: what, by what, what, by what. */
function recipe(...changes: readonly string[]): string {
  let text = RECIPE;
  for (let i = 0; i < changes.length; i += 2) {
    text = text.replace(changes[i] ?? '', changes[i + 1] ?? '');
  }
  return text;
}

export const CODES = {
  syntax: {
    severity: 'error',
    title: 'The text does not follow the grammar',
    explanation:
      'At the marked word the grammar expects something else. `docs/language.md` shows every form; ' +
      'a statement ends where the next begins, so an error is often just after its cause.',
    bad: 'block twice() = conv(8 -> relu\n',
    good: 'block twice() = conv(8) -> relu\n',
  },
  'unexpected-character': {
    severity: 'error',
    title: 'A character that the language does not use',
    explanation:
      'Names are letters, digits and `_`; strings stand in double quotes on one line; a comment ' +
      'starts with `#`. There are no semicolons.',
    bad: 'const WIDTH = 64;\n',
    good: 'const WIDTH = 64\n',
  },
  'too-deep': {
    severity: 'error',
    title: 'An expression nests too deeply',
    explanation:
      'Brackets, calls and choices may nest 200 levels deep, and one expression may hold 1,000 ' +
      'operators. Name the inner parts.',
  },
  'bad-number': {
    severity: 'error',
    title: 'A number that cannot be read',
    explanation:
      'Numbers are written `64`, `31_031_685`, `0.5`, `1e-4`, with the suffixes `k M G T` (powers ' +
      'of 1000), the sizes `16MB` (10^6 bytes) and `16MiB` (2^20 bytes), and the times `50ms` and ' +
      '`50us`, which are in seconds. Integers are exact up ' +
      'to 2^53 - 1.',
    bad: 'const BUDGET = 16Mb\n',
    good: 'const BUDGET = 16MB\n',
  },
  'bad-escape': {
    severity: 'error',
    title: 'An unknown escape in a string',
    explanation: 'Strings know the escapes `\\n`, `\\t`, `\\r`, `\\"` and `\\\\`.',
    bad: 'import ".\\blocks.arch" as blocks\n',
    good: 'const SEPARATOR = "a\\tb"\n',
  },
  'unknown-size': {
    severity: 'error',
    title: 'A size has to be known',
    explanation:
      'A weight has a fixed shape, so the sizes that it depends on must be numbers and not symbols.',
    bad: 'model Example() {\n  input x: f32[H = 64, W = 64, 1]\n  output y = x -> flatten -> dense(10)\n}\n',
    good: 'model Example() {\n  input x: f32[64, 64, 1]\n  output y = x -> flatten -> dense(10)\n}\n',
  },
  'wrong-rank': {
    severity: 'error',
    title: 'A tensor has the wrong number of axes',
    explanation: 'Image operators take `[H, W, C]`, dense layers a last axis of features.',
    bad: 'model Example() {\n  input x: f32[64]\n  output y = x -> conv(8)\n}\n',
    good: 'model Example() {\n  input x: f32[64, 64, 1]\n  output y = x -> conv(8)\n}\n',
  },
  indivisible: {
    severity: 'error',
    title: 'A count does not divide',
    explanation: 'Groups, and the heads of attention, must divide the channels that they part.',
    bad: 'model Example() {\n  input x: f32[H = 64, W = 64, 1]\n  output y = x -> conv(48) -> groupnorm(32)\n}\n',
    good: 'model Example() {\n  input x: f32[H = 64, W = 64, 1]\n  output y = x -> conv(48) -> groupnorm(16)\n}\n',
  },
  'size-too-small': {
    severity: 'error',
    title: 'Nothing is left of a size',
    explanation:
      'A window without padding is larger than the image that it slides over, a `crop` or `slice` ' +
      'takes everything, or `pad` is to mirror more than there is.',
    bad: 'model Example() {\n  input x: f32[4, 4, 1]\n  output y = x -> conv(8, k = 5, pad = valid)\n}\n',
    good: 'model Example() {\n  input x: f32[4, 4, 1]\n  output y = x -> conv(8, k = 5)\n}\n',
  },
  'large-kernel': {
    severity: 'warning',
    title: 'A kernel that is larger than its image',
    explanation:
      'With `pad = same`, a kernel may be larger than the image, and most of it then lies on zeros. ' +
      'Often the channels of the input were written first, as PyTorch has them: here `conv(3, 64)` is 3 ' +
      'filters with a kernel of 64. Kernels of up to 7 are not checked.',
    bad: 'model Example() {\n  input x: f32[32, 32, 3]\n  output y = x -> conv(3, 64)\n}\n',
    good: 'model Example() {\n  input x: f32[32, 32, 3]\n  output y = x -> conv(64)\n}\n',
  },
  'only-padding': {
    severity: 'error',
    title: 'A window of padding alone',
    explanation:
      'A pool pads by as much as its window is large, so that some window would lie outside the image, where there is neither a maximum nor a mean.',
    bad: 'model Example() {\n  input x: f32[H = 64, W = 64, 1]\n  output y = x -> maxpool(2, pad = 2)\n}\n',
    good: 'model Example() {\n  input x: f32[H = 64, W = 64, 1]\n  output y = x -> maxpool(2, pad = 1)\n}\n',
  },
  'shape-mismatch': {
    severity: 'error',
    title: 'Two sizes that must agree differ',
    explanation:
      'Tensors that meet must agree in their sizes. The message shows both, and through which lines each got its size. Where the sizes are symbols and a fact would make them equal, the hint says which: `where H % 16 == 0`.',
    bad: 'model Example() {\n  input a: f32[8, 4]\n  input b: f32[8, 4]\n  output y = a -> matmul(b)\n}\n',
    good: 'model Example() {\n  input a: f32[8, 4]\n  input b: f32[4, 8]\n  output y = a -> matmul(b)\n}\n',
  },
  'bad-safetensors': {
    severity: 'error',
    title: 'A weights file is not valid safetensors',
    explanation:
      'The file breaks the safetensors format, is cut short, or holds element types that archc does ' +
      'not read (it reads F32, F16, BF16 and F64). Nothing of it is used. Save or download it again.',
  },
  'weights-mismatch': {
    severity: 'error',
    title: 'A weights file does not fit the model',
    explanation:
      'The names and shapes in the file must be exactly those of the model; every difference is ' +
      'listed, and nothing is written. Kernels are `[height, width, in / groups, out]`. ' +
      '`archc ir` lists the weights of a model.',
  },
  'bad-image': {
    severity: 'error',
    title: 'An image file is damaged',
    explanation:
      'The file starts as a PNG or TIFF image and then breaks its format or is cut short.',
  },
  'unsupported-image': {
    severity: 'error',
    title: 'An image of a kind that archc does not read',
    explanation:
      'archc reads PNG, and TIFF with one or several pages: grey, RGB or palette, with or without ' +
      'alpha. Convert other files first. The content decides, not the name of the file.',
  },
  'bad-npy': {
    severity: 'error',
    title: 'A .npy file cannot be read',
    explanation:
      'The file breaks the NumPy format, is cut short, or holds elements that are not real numbers. ' +
      'Save it again with `numpy.save`.',
  },
  'bad-nifti': {
    severity: 'error',
    title: 'A NIfTI volume cannot be read',
    explanation:
      'The file is no NIfTI-1 or NIfTI-2 volume (`.nii`, `.nii.gz`), breaks the format, is cut short, ' +
      'or holds colours or complex numbers. Header and data must be in one file.',
  },
  'unknown-dataset': {
    severity: 'error',
    title: 'No dataset is found at a path',
    explanation:
      'A dataset is a folder of images and masks (`images/` and `masks/`, or pairs of names such as ' +
      '`a.png` and `a_mask.png`), a pair of multi-page TIFF stacks, a `dataset.json` of the Medical ' +
      'Segmentation Decathlon, a `.safetensors` file with `images` and `labels`, or a pair of `.npy` ' +
      'files. `docs/data.md` has the rules.',
  },
  'unpaired-image': {
    severity: 'error',
    title: 'An image without labels, or labels without an image',
    explanation:
      'Every image needs a mask of the same name, but for words such as `image`, `mask` or `label` in ' +
      'it, and every modality needs every image. Nothing is left out in silence: add what is missing ' +
      'or take the rest away.',
  },
  'data-mismatch': {
    severity: 'error',
    title: 'Parts of a dataset do not fit together',
    explanation:
      'An image and its labels have one size and as many pages, and all images of a dataset have the ' +
      'same channels. Values of images are finite.',
  },
  'bad-label': {
    severity: 'error',
    title: 'A label that is none of the classes',
    explanation:
      'Labels are 0 and 255 (or 0 and 1) for two classes, or the numbers of the classes from 0 on. ' +
      'Values in between come from smoothing, resizing or JPEG: save masks without. Labels in ' +
      'colour have to be turned into numbers first; a palette is read as its numbers.',
  },
  'empty-split': {
    severity: 'error',
    title: 'Nothing is left to train on or to validate on',
    explanation:
      'The last slices, or the slices of the last patients, are held out. Both parts need one at least. ' +
      'Where a dataset does not say which patient a slice is of, all belong to one.',
  },
  'single-class': {
    severity: 'warning',
    title: 'One class alone in a part of the data',
    explanation:
      'Dice and IoU of a class that is neither there nor predicted are 0 / 0. Figures of such a part ' +
      'say little; choose a split in which every class occurs.',
  },
  'crop-too-large': {
    severity: 'error',
    title: 'A crop is larger than an image',
    explanation: 'Training crops are cut out of every image, so the smallest one bounds them.',
  },
  'tile-mismatch': {
    severity: 'error',
    title: 'Tiles that cannot be joined',
    explanation:
      'An image is run in tiles where the result has the height and width of what went in, and ' +
      'neighbours overlap by less than a tile.',
  },
  'engine-missing': {
    severity: 'error',
    title: 'No engine to run the model',
    explanation:
      'Engines do not come with archc. `--engine tfjs` takes TensorFlow.js: `npm install ' +
      '@tensorflow/tfjs @tensorflow/tfjs-backend-wasm`. `--engine onnx` takes ONNX Runtime: ' +
      '`npm install onnxruntime-node` (add `--onnxruntime-node-install=skip` where its download of ' +
      'GPU libraries fails), or `npm install onnxruntime-web`. Running a kernel plan takes WebGPU, ' +
      '`npm install webgpu`, and a driver of the GPU, or one that computes on the CPU. With that, ' +
      '`npm install @tensorflow/tfjs-backend-webgpu` lets `archc verify` compare TensorFlow.js on it.',
  },
  'engine-failed': {
    severity: 'error',
    title: 'An engine refused or failed',
    explanation: "The message is the engine's own. Please report it if the model checks.",
  },
  'engine-crashed': {
    severity: 'error',
    title: 'The process of an engine ended',
    explanation:
      '`archc verify` runs every engine in a process of its own, and this one ended before it gave a ' +
      'result: a fault of native code, or too little memory. A signal such as SIGSEGV or SIGABRT ' +
      'says which. Another version of the engine may not have the fault; a smaller `--size` takes ' +
      'less memory.',
  },
  'engine-timed-out': {
    severity: 'error',
    title: 'An engine gave no result in time',
    explanation:
      '`archc verify` stops an engine that takes longer than `--timeout` seconds for one form of the ' +
      'model, loading included: it hangs, or is slow. Give it longer, or less to do with `--size`.',
  },
  'engine-differs': {
    severity: 'error',
    title: 'An engine computes something else',
    explanation:
      'The interpreter defines what a model computes. An output of this engine is further from that ' +
      '1e-4 of its largest value, and further than rounding explains (or than `--tolerance`). The ' +
      'marked place is the first whose result differs while everything before it agrees: it was found ' +
      'by running the model up to there on the engine. With a `--tolerance`, rounding that grows from ' +
      'layer to layer may pass it there, and a larger one says whether that is all. Otherwise the ' +
      'engine or archc has a fault; please report it with the model.',
  },
  'wrong-axis': {
    severity: 'error',
    title: 'No such axis',
    explanation:
      'Axes are counted from 0 without the batch, from the end when negative, or named: `height`, ' +
      '`width`, `channels`. Each may be named once, and `transpose` names every one.',
    bad: 'model Example() {\n  input x: f32[64, 64, 1]\n  output y = x -> softmax(3)\n}\n',
    good: 'model Example() {\n  input x: f32[64, 64, 1]\n  output y = x -> softmax(2)\n}\n',
  },
  'reshape-mismatch': {
    severity: 'error',
    title: 'The sizes do not hold the same elements',
    explanation:
      '`reshape` keeps every element, so the product of the new sizes is that of the old ones, ' +
      'whatever the input size; one size may be -1, which is what the others leave. The parts of ' +
      'a `split` add up to the axis that they part.',
    bad: 'model Example() {\n  input x: f32[8, 8, 3]\n  output y = x -> reshape([64, 4])\n}\n',
    good: 'model Example() {\n  input x: f32[8, 8, 3]\n  output y = x -> reshape([64, -1])\n}\n',
  },
  'too-few-tensors': {
    severity: 'error',
    title: 'An operator lacks a tensor',
    explanation: 'Arithmetic works between two tensors or more: `add(a, b)`, or `a -> add(b)`.',
    bad: 'model Example() {\n  input x: f32[8, 8, 3]\n  output y = x -> add\n}\n',
    good: 'model Example() {\n  input x: f32[8, 8, 3]\n  output y = x -> add(x)\n}\n',
  },
  'unknown-name': {
    severity: 'error',
    title: 'A name that nothing here has',
    explanation:
      'Names are parameters, bindings above, declarations and imports of the file, and the standard ' +
      'operators. A bare name may also be a flag (a `bool` parameter of the block that is called) or ' +
      'an enumerated value such as `same`.',
    bad: 'block twice(filters: int) = conv(filter) -> relu\n',
    good: 'block twice(filters: int) = conv(filters) -> relu\n',
  },
  'unknown-parameter': {
    severity: 'error',
    title: 'A parameter that the block does not have',
    explanation: 'An argument `name = value` needs a parameter of that name in what is called.',
    bad: 'block down(filters: int) = conv(filters, strides = 2)\n',
    good: 'block down(filters: int) = conv(filters, stride = 2)\n',
  },
  'unknown-member': {
    severity: 'error',
    title: 'A member that a value does not have',
    explanation:
      'A tensor has `shape`, `channels`, `height` and `width`; a module has its declarations; in ' +
      '`expect`, a model has its figures (`UNet.params`).',
    bad: 'block gate() = conv(in.channel)\n\nmodel M() {\n  input x: f32[8, 8, 3]\n  output y = x -> gate\n}\n',
    good: 'block gate() = conv(in.channels)\n\nmodel M() {\n  input x: f32[8, 8, 3]\n  output y = x -> gate\n}\n',
  },
  'unknown-type': {
    severity: 'error',
    title: 'A type that does not exist',
    explanation:
      'Parameters are `int`, `float`, `bool`, `string`, `block`, `tensor`, lists such as `[int]`, and ' +
      'optional ones such as `int?`.',
    bad: 'block f(filters: integer) = conv(filters)\n',
    good: 'block f(filters: int) = conv(filters)\n',
  },
  'unknown-dtype': {
    severity: 'error',
    title: 'A tensor type that does not exist',
    explanation: 'Inputs are `f32`, 32-bit floating point.',
    bad: 'model M() {\n  input x: float[8, 8, 3]\n  output y = x -> relu\n}\n',
    good: 'model M() {\n  input x: f32[8, 8, 3]\n  output y = x -> relu\n}\n',
  },
  'duplicate-name': {
    severity: 'error',
    title: 'Two things of one name',
    explanation:
      'In one file every declaration and import has a name of its own, and in one declaration every ' +
      'parameter, input and output. (Bindings in a body may shadow earlier ones.)',
    bad: 'const WIDTH = 8\nconst WIDTH = 16\n',
    good: 'const WIDTH = 8\nconst WIDE = 16\n',
  },
  'duplicate-argument': {
    severity: 'error',
    title: 'One parameter passed twice',
    explanation: 'A parameter takes one argument, by position or by name.',
    bad: 'block f() = conv(8, filters = 16)\n\nmodel M() {\n  input x: f32[8, 8, 3]\n  output y = x -> f\n}\n',
    good: 'block f() = conv(8)\n',
  },
  'too-many-arguments': {
    severity: 'error',
    title: 'More arguments than parameters',
    explanation: 'The call passes more positional arguments than there are parameters left.',
    bad: 'block f() = relu(6)\n\nmodel M() {\n  input x: f32[8, 8, 3]\n  output y = x -> f\n}\n',
    good: 'block f() = relu6\n',
  },
  'positional-after-named': {
    severity: 'error',
    title: 'A positional argument after a named one',
    explanation:
      'Positional arguments come first, in order; then named ones and flags. After them only the ' +
      'short form `name` for `name = name` may be bare.',
    bad: 'block f() = conv(k = 3, 8)\n\nmodel M() {\n  input x: f32[8, 8, 3]\n  output y = x -> f\n}\n',
    good: 'block f() = conv(8, k = 3)\n',
  },
  'argument-order': {
    severity: 'warning',
    title: 'An argument goes to another parameter than its name says',
    explanation:
      'A bare name among the positional arguments fills the next parameter, even where a parameter ' +
      'further on has its name. Write `name = name` to reach that one.',
    bad: 'block f(groups: int) = conv(8, groups)\n\nmodel M() {\n  input x: f32[8, 8, 4]\n  output y = x -> f(1)\n}\n',
    good: 'block f(groups: int) = conv(8, groups = groups)\n',
  },
  'still-waiting': {
    severity: 'error',
    title: 'A tensor flows into a block that still waits',
    explanation:
      'A call that leaves required parameters unfilled is a block that waits for them. They must be ' +
      'filled before a tensor can flow in.',
    bad: 'model M() {\n  input x: f32[8, 8, 3]\n  output y = x -> conv(k = 3)\n}\n',
    good: 'model M() {\n  input x: f32[8, 8, 3]\n  output y = x -> conv(16, k = 3)\n}\n',
  },
  'not-a-block': {
    severity: 'error',
    title: 'Something that is no block is used as one',
    explanation:
      'What stands right of `->`, or before `(`, must be a block. A binding may hide an operator of ' +
      'its name.',
    bad: 'model M() {\n  input x: f32[8, 8, 3]\n  a = x -> relu\n  output y = x -> a\n}\n',
    good: 'model M() {\n  input x: f32[8, 8, 3]\n  a = x -> relu\n  output y = x -> concat(a)\n}\n',
  },
  'wrong-type': {
    severity: 'error',
    title: 'A value of another type is needed',
    explanation: 'The message says what is needed and what is there.',
    bad: 'block f(n: int = 0.5) = conv(n)\n\nmodel M() {\n  input x: f32[8, 8, 3]\n  output y = x -> f\n}\n',
    good: 'block f(n: int = 5) = conv(n)\n',
  },
  'wrong-argument': {
    severity: 'error',
    title: 'An operator, or a setting, does not take this value',
    explanation:
      'The message says what the parameter takes, as the operator’s documentation does, or what a ' +
      'setting of a recipe takes.',
    bad: 'model M() {\n  input x: f32[8, 8, 3]\n  output y = x -> conv(-8)\n}\n',
    good: 'model M() {\n  input x: f32[8, 8, 3]\n  output y = x -> conv(8)\n}\n',
  },
  'in-outside-block': {
    severity: 'error',
    title: '`in` outside a block',
    explanation: '`in` is the tensor that flows into a block; a model has named inputs.',
    bad: 'model M() {\n  input x: f32[8, 8, 3]\n  output y = in -> relu\n}\n',
    good: 'model M() {\n  input x: f32[8, 8, 3]\n  output y = x -> relu\n}\n',
  },
  'missing-return': {
    severity: 'error',
    title: 'A block ends without `return`',
    explanation: 'A body in `{ }` ends with `return` and the tensor that flows out.',
    bad: 'block f() {\n  x = in -> relu\n}\n',
    good: 'block f() {\n  x = in -> relu\n  return x\n}\n',
  },
  'misplaced-statement': {
    severity: 'error',
    title: 'A statement where it has no meaning',
    explanation:
      '`input` stands at the top of a model’s body, `output` and `expect` in a model, `return` in a ' +
      'block. A recipe holds settings only, `name = value`.',
    bad: 'block f() {\n  output y = in\n  return in\n}\n',
    good: 'block f() {\n  return in\n}\n',
  },
  'no-input': {
    severity: 'error',
    title: 'A model without an input',
    explanation: 'A model has one `input` at least, from which its tensors flow.',
    bad: 'model M() {\n}\n',
    good: 'model M() {\n  input x: f32[8, 8, 3]\n  output y = x -> relu\n}\n',
  },
  'no-output': {
    severity: 'error',
    title: 'A model without an output',
    explanation: 'A model has one `output` at least; what no output needs is not computed.',
    bad: 'model M() {\n  input x: f32[8, 8, 3]\n}\n',
    good: 'model M() {\n  input x: f32[8, 8, 3]\n  output y = x -> relu\n}\n',
  },
  'model-parameter': {
    severity: 'error',
    title: 'A parameter of a model has no default',
    explanation: 'Every model compiles as it stands, so each of its parameters has a default.',
    bad: 'model M(width: int) {\n  input x: f32[8, 8, 3]\n  output y = x -> conv(width)\n}\n',
    good: 'model M(width: int = 8) {\n  input x: f32[8, 8, 3]\n  output y = x -> conv(width)\n}\n',
  },
  'bad-axis': {
    severity: 'error',
    title: 'An axis of an input that cannot be',
    explanation:
      'An axis is a size (`256`), a symbol (`H`), a symbol with the size used where one must be picked ' +
      '(`H = 256`), or an expression over the model’s parameters. Sizes run from 1 to 2^31 - 1.',
    bad: 'model M() {\n  input x: f32[0, 8, 3]\n  output y = x -> relu\n}\n',
    good: 'model M() {\n  input x: f32[8, 8, 3]\n  output y = x -> relu\n}\n',
  },
  contradiction: {
    severity: 'error',
    title: 'Facts that no size satisfies',
    explanation: 'The facts after `where` exclude each other.',
    bad: 'model M() {\n  input x: f32[H = 6, 8, 3] where H % 2 == 0, H % 2 == 1\n  output y = x -> relu\n}\n',
    good: 'model M() {\n  input x: f32[H = 6, 8, 3] where H % 2 == 0\n  output y = x -> relu\n}\n',
  },
  'fact-broken': {
    severity: 'error',
    title: 'A size that breaks a fact',
    explanation:
      'The size of an input, from its default, `--size` or the image, does not satisfy what `where` says.',
    bad: 'model M() {\n  input x: f32[H = 100, 8, 3] where H % 16 == 0\n  output y = x -> relu\n}\n',
    good: 'model M() {\n  input x: f32[H = 96, 8, 3] where H % 16 == 0\n  output y = x -> relu\n}\n',
  },
  'size-needed': {
    severity: 'error',
    title: 'A size must be chosen',
    explanation:
      'A symbol without a default has no size where one must be picked. Pass `--size H=512,W=512`, or ' +
      'write `H = 512` in the input.',
  },
  'unknown-size-name': {
    severity: 'error',
    title: '`--size` names what the model does not have',
    explanation:
      '`--size` takes the symbols of the model’s inputs, or the height and width of its first input, ' +
      'such as it can have them: `[H = 64, H, 1]` has no size `64x32`.',
  },
  undecided: {
    severity: 'error',
    title: 'What is asked depends on the size of the input',
    explanation:
      'The network has one structure for every size, so a condition, a count or a weight’s shape may ' +
      'not depend on a symbol. Give the axis a number, or a fact that decides.',
    bad: 'block f() {\n  return if in.height > 64 then in -> maxpool(2) else in\n}\n\nmodel M() {\n  input x: f32[H = 128, 8, 3]\n  output y = x -> f\n}\n',
    good: 'block f() {\n  return if in.height > 64 then in -> maxpool(2) else in\n}\n\nmodel M() {\n  input x: f32[128, 8, 3]\n  output y = x -> f\n}\n',
  },
  'division-by-zero': {
    severity: 'error',
    title: 'A division by zero',
    explanation: 'A compile-time value is divided by 0.',
    bad: 'const HALF = 8 // 0\n\nmodel M() {\n  input x: f32[8, 8, 3]\n  output y = x -> conv(HALF)\n}\n',
    good: 'const HALF = 8 // 2\n\nmodel M() {\n  input x: f32[8, 8, 3]\n  output y = x -> conv(HALF)\n}\n',
  },
  'number-range': {
    severity: 'error',
    title: 'A number leaves the exact range',
    explanation: 'Integers are exact up to 2^53 - 1, and floats are finite.',
    bad: 'const BIG = 10 ** 20\n\nmodel M() {\n  input x: f32[8, 8, 3]\n  output y = x -> conv(BIG)\n}\n',
    good: 'const BIG = 10 ** 2\n\nmodel M() {\n  input x: f32[8, 8, 3]\n  output y = x -> conv(BIG)\n}\n',
  },
  'index-range': {
    severity: 'error',
    title: 'An index outside its list',
    explanation: 'Indices run from 0 to len - 1, or from -len to -1 counting from the end.',
    bad: 'const W = [8, 16]\n\nmodel M() {\n  input x: f32[8, 8, 3]\n  output y = x -> conv(W[2])\n}\n',
    good: 'const W = [8, 16]\n\nmodel M() {\n  input x: f32[8, 8, 3]\n  output y = x -> conv(W[1])\n}\n',
  },
  'open-range': {
    severity: 'error',
    title: 'A range without an end',
    explanation: 'Only the slice of a list may leave an end out: `xs[1..]`, `xs[..-1]`.',
    bad: 'model M() {\n  input x: f32[8, 8, 3]\n  for i in 0.. {\n    x = x -> relu\n  }\n  output y = x\n}\n',
    good: 'model M() {\n  input x: f32[8, 8, 3]\n  for _ in 0..4 {\n    x = x -> relu\n  }\n  output y = x\n}\n',
  },
  'const-cycle': {
    severity: 'error',
    title: 'A constant or variant is defined through itself',
    explanation:
      'Constants and variants may refer to each other in any order, but not in a circle.',
    bad: 'const A = B\nconst B = A\n\nmodel M() {\n  input x: f32[8, 8, 3]\n  output y = x -> conv(A)\n}\n',
    good: 'const A = B\nconst B = 8\n',
  },
  'too-large': {
    severity: 'error',
    title: 'A limit is passed',
    explanation:
      'Limits keep a mistake from taking the machine’s memory: lists of 100,000 items, 1,000,000 ' +
      'rounds of all loops of a model together, 1,000,000 operators, tensors of 2^40 elements, and ' +
      'counts up to 2^53 - 1, so that they stay exact.',
    bad: 'model M() {\n  input x: f32[8, 8, 3]\n  for _ in 0..1G {\n    x = x -> relu\n  }\n  output y = x\n}\n',
    good: 'model M() {\n  input x: f32[8, 8, 3]\n  for _ in 0..10 {\n    x = x -> relu\n  }\n  output y = x\n}\n',
  },
  'shared-mismatch': {
    severity: 'error',
    title: 'Shared weights do not fit a use',
    explanation:
      'Every use of a `shared` block has the weights of the first, so what flows in must have the same ' +
      'number of channels.',
    bad: 'model M() {\n  input a: f32[8, 8, 3]\n  input b: f32[8, 8, 4]\n  shared f = conv(8)\n  output y = (a -> f) + (b -> f)\n}\n',
    good: 'model M() {\n  input a: f32[8, 8, 3]\n  input b: f32[8, 8, 3]\n  shared f = conv(8)\n  output y = (a -> f) + (b -> f)\n}\n',
  },
  'expectation-failed': {
    severity: 'error',
    title: 'A claim does not hold',
    explanation:
      '`expect` states what the author believes or the device allows. The message shows the values of ' +
      'both sides; `archc stats --per-layer` shows where they come from.',
    bad: 'model M() {\n  input x: f32[8, 8, 3]\n  output y = x -> conv(8)\n  expect params == 200\n}\n',
    good: 'model M() {\n  input x: f32[8, 8, 3]\n  output y = x -> conv(8)\n  expect params == 224\n}\n',
  },
  'device-needed': {
    severity: 'warning',
    title: 'A claim that needs a device was not checked',
    explanation:
      'How long a model takes depends on the device. Name one: `archc check FILE --device DEVICE.json`, ' +
      'or `archc stats` with the same option; `devices/` has examples.',
    bad: 'model M() {\n  input x: f32[8, 8, 3]\n  output y = x -> conv(8)\n  expect latency <= 50ms\n}\n',
    good: 'model M() {\n  input x: f32[8, 8, 3]\n  output y = x -> conv(8)\n  expect macs <= 20k\n}\n',
  },
  'shadows-operator': {
    severity: 'warning',
    title: 'A declaration hides a standard operator',
    explanation:
      'In this file the name now means the declaration. Readers expect the operator: choose another name.',
    bad: 'block relu() = leakyrelu(0.1)\n',
    good: 'block leaky() = leakyrelu(0.1)\n',
  },
  'shadowed-binding': {
    severity: 'warning',
    title: 'A binding is replaced before anything reads it',
    explanation:
      'A later binding of a name hides the earlier one. Where the earlier was never read, one of the ' +
      'two is probably misnamed. So does a loop that binds a name in every round, reads it in none, and ' +
      'leaves the last for what follows: it was probably to carry another name. A name that starts with ' +
      '`_` is not checked.',
    bad: 'model M() {\n  input x: f32[8, 8, 3]\n  e1 = x -> conv(8)\n  e1 = x -> conv(16)\n  output y = e1\n}\n',
    good: 'model M() {\n  input x: f32[8, 8, 3]\n  e1 = x -> conv(8)\n  e2 = e1 -> conv(16)\n  output y = e2\n}\n',
  },
  'unused-name': {
    severity: 'warning',
    title: 'A name that nothing reads',
    explanation:
      'A binding, parameter or import that nothing reads is often a forgotten skip connection or a ' +
      'misspelling. A name that starts with `_` is not checked.',
    bad: 'model M() {\n  input x: f32[8, 8, 3]\n  skip = x -> conv(8)\n  output y = x -> relu\n}\n',
    good: 'model M() {\n  input x: f32[8, 8, 3]\n  skip = x -> conv(3)\n  output y = x -> relu -> add(skip)\n}\n',
  },
  'loose-else': {
    severity: 'warning',
    title: 'A pipe after `else` that follows both branches',
    explanation:
      '`->` binds loosest, so in `if c then a else b -> f` both `a` and `b` flow into `f`. Write ' +
      '`else (b -> f)` for one branch, or `(if c then a else b) -> f` for both.',
    bad: 'block f(n: int = 0) = if n == 0 then identity else conv(n) -> relu\n',
    good: 'block f(n: int = 0) = if n == 0 then identity else (conv(n) -> relu)\n',
  },
  unreachable: {
    severity: 'warning',
    title: 'Statements after `return`',
    explanation: 'Nothing after a `return` in the same body is ever run.',
    bad: 'block f() {\n  return in\n  x = in -> relu\n}\n',
    good: 'block f() {\n  return in\n}\n',
  },
  'missing-file': {
    severity: 'error',
    title: 'There is no such file',
    explanation: 'The path is looked for from the importing file, or from where the command runs.',
    bad: 'import sepconv from "./no-such-file.arch"\n',
  },
  'import-path': {
    severity: 'error',
    title: 'A path that cannot be imported',
    explanation:
      'Imports are relative to the importing file and start with `./` or `../`; `std/` is the standard library.',
    bad: 'import sepconv from "blocks.arch"\n',
  },
  'import-cycle': {
    severity: 'error',
    title: 'Files that import each other',
    explanation:
      'The message shows the whole cycle. Move what the files share into one of its own.',
  },
  'import-outside': {
    severity: 'warning',
    title: 'An import leaves the project',
    explanation:
      'The project is the nearest folder upwards with a `package.json` or `.git`, else the folder of ' +
      'the file that is compiled. What lies outside is missing from a copy of the project.',
  },
  'unknown-import': {
    severity: 'error',
    title: 'The imported file has no such name',
    explanation:
      'Only the blocks, models and constants that a file declares or imports can be imported.',
    bad: 'import squeeze from "std/attention.arch"\n',
    good: 'import squeeze_excite from "std/attention.arch"\n\nblock gate() = squeeze_excite(4)\n',
  },
  'not-a-file': {
    severity: 'error',
    title: 'A folder where a file is meant',
    explanation: 'Name the file itself. A model is one `.arch` file, with whatever it imports.',
  },
  'unreadable-file': {
    severity: 'error',
    title: 'A file cannot be read',
    explanation: 'The operating system refuses: see its reason in the message.',
  },
  'binary-file': {
    severity: 'error',
    title: 'A source that is not text',
    explanation:
      'The file holds a zero byte, which no UTF-8 text does. It may be another kind of file, or ' +
      'text in UTF-16: save it again as UTF-8.',
  },
  'invalid-utf8': {
    severity: 'error',
    title: 'A source that is not UTF-8',
    explanation:
      'Sources are UTF-8, with or without a byte order mark. The message names the first byte that ' +
      'is wrong. Text in another encoding has to be saved again as UTF-8.',
  },
  'file-too-large': {
    severity: 'error',
    title: 'A file is larger than archc reads',
    explanation:
      'Sources have at most 16 MiB. A larger one was most likely generated: write it with `for` ' +
      'and blocks instead.',
  },
  'cannot-write': {
    severity: 'error',
    title: 'An output cannot be written',
    explanation:
      'Outputs are written whole or not at all, so nothing was changed. The folder has to exist, ' +
      'to allow writing and to have room; an output that is a file cannot replace a folder.',
  },
  'output-exists': {
    severity: 'error',
    title: 'The output would replace something else',
    explanation:
      'An existing output is replaced only where it is the same kind of artifact, such as an ONNX ' +
      'model by an ONNX model. Name another output, or say `--force`.',
  },
  'unsupported-opset': {
    severity: 'error',
    title: 'An ONNX operator set that archc does not write',
    explanation:
      'The ONNX backend writes operator sets 17 (the default, which most runtimes read) to 21 (which ' +
      'has group normalisation as an operator).',
  },
  'unsupported-operator': {
    severity: 'error',
    title: 'An operator that the target cannot express',
    explanation:
      'The format that is asked for has nothing that computes this, whatever it is spelt with: ' +
      'TensorFlow.js, for example, has no tensors of more than six axes. Nothing is written. Change ' +
      'the line that the message points at, or compile for another target.',
  },
  'dynamic-size': {
    severity: 'error',
    title: 'A size that cannot be found when the model runs',
    explanation:
      'A model with dynamic sizes reads each of them from the shapes of its inputs. A symbol that ' +
      'occurs in no axis of an input on its own (with a constant factor or summand at most) cannot ' +
      'be read there. Give the model fixed sizes, or an input with such an axis.',
  },
  'weights-too-large': {
    severity: 'error',
    title: 'More weights than a file can hold',
    explanation:
      'An ONNX model is at most 2 GiB, and above that its weights stand in a file of their own, for ' +
      'which archc writes at most 4 GiB.',
  },
  'weight-range': {
    severity: 'error',
    title: 'A weight that float16 does not hold',
    explanation:
      'With `--precision f16` the kernels of convolutions and dense layers are kept as float16, which ' +
      'ends at 65504. Weights are looked at as they are written: batch normalisation, for one, is ' +
      'folded into them. Trained weights are far smaller, as a rule; larger ones need float32.',
  },
  'tensor-too-large': {
    severity: 'error',
    title: 'A tensor is larger than every device binds',
    explanation:
      'WebGPU grants 128 MiB for a tensor that a kernel reads or writes, on any device; more is for ' +
      'some devices only. A plan never needs more. What is larger is computed as parts of its channels ' +
      'where it can be: by convolutions, norms of groups, pooling, and whatever takes element by ' +
      'element or channel by channel. Not so inputs, outputs, what mixes channels otherwise (softmax, ' +
      'matrix products), channels that do not part into multiples of 4, and plans with `--dynamic`. ' +
      'There, choose a smaller image, fewer channels at full resolution, or run a large image in tiles.',
  },
  'bad-device': {
    severity: 'error',
    title: 'A file that describes no device',
    explanation:
      'A device is a JSON object with `name`, `peakFlops` (operations a second), `memoryBandwidth` ' +
      '(bytes a second) and `memoryBytes`, and perhaps `source` and `notes`. `devices/` has examples.',
  },
  'unknown-setting': {
    severity: 'error',
    title: 'A setting that recipes do not have',
    explanation:
      'A recipe sets `data`, `split`, `normalise`, `crop`, `augment`, `loss`, `optimiser`, `schedule`, ' +
      '`clip`, `batch`, `steps` or `epochs`, `validate`, `metrics` and `seed`, and nothing else.',
    bad: recipe('batch = 4', 'batch_size = 4'),
    good: recipe('batch = 4', 'batch = 8'),
  },
  'missing-setting': {
    severity: 'error',
    title: 'A recipe that leaves something open',
    explanation:
      'A recipe says what a result depends on: `data`, `split`, `normalise`, `loss`, `optimiser`, ' +
      '`batch`, and `steps` or `epochs`. The other settings have defaults.',
    bad: recipe('batch = 4', ''),
    good: recipe('steps = 300', 'epochs = 20'),
  },
  'duplicate-setting': {
    severity: 'error',
    title: 'A setting that stands twice',
    explanation:
      'A recipe sets each thing once. `steps` and `epochs` are two ways of saying one: the length of ' +
      'the training.',
    bad: recipe('steps = 300', 'steps = 300\n  epochs = 20'),
    good: recipe('steps = 300', 'steps = 200'),
  },
  'untrainable-model': {
    severity: 'error',
    title: 'A model that no recipe trains',
    explanation:
      'Recipes train segmentation: one input, an image [H, W, C], and outputs of its size. Models with ' +
      'several inputs are not supported.',
    bad: recipe(
      'input image: f32[H = 64, W = 64, 1]',
      'input image: f32[H = 64, W = 64, 1]\n  input prior: f32[H, W, 1]',
      'image -> conv(1)',
      'image + prior -> conv(1)',
    ),
    good: recipe(),
  },
  'loss-mismatch': {
    severity: 'error',
    title: 'A loss that does not fit its output',
    explanation:
      'A loss is computed together with the activation at the end of the output that it judges, so that ' +
      'no logarithm of 0 can arise. `bce` takes a sigmoid; `cross_entropy` a softmax over the channels, ' +
      'two at least; `dice`, `focal` and `tversky` either. The output is [H, W, C] and as large as the ' +
      'image, and has the channels that the labels of drawn data need.',
    bad: recipe('conv(1) -> sigmoid', 'conv(1)'),
    good: recipe(),
  },
  'recipe-mismatch': {
    severity: 'error',
    title: 'Data that do not fit the model or the recipe',
    explanation:
      'Drawn membranes have one channel, drawn tumours four, and the model’s input must have as many. A ' +
      'split leaves images to train on and to validate with, and crops are no larger than the images.',
    bad: recipe('membranes(count = 40, ', 'tumours('),
    good: recipe(),
  },
  'crop-mismatch': {
    severity: 'error',
    title: 'Training images that the model does not take',
    explanation:
      'The crops of a recipe, or whole images where it has none, have a size that the model’s input and ' +
      'its `where` facts allow.',
    bad: recipe(
      'W = 64, 1]',
      'W = 64, 1] where H % 16 == 0',
      'batch = 4',
      'batch = 4\n  crop = [60, 64]',
    ),
    good: recipe(
      'W = 64, 1]',
      'W = 64, 1] where H % 16 == 0',
      'batch = 4',
      'batch = 4\n  crop = [48, 64]',
    ),
  },
  'no-recipe': {
    severity: 'error',
    title: 'A file without a recipe',
    explanation:
      'Training needs a recipe: `train name for Model { … }`, as docs/language.md shows. Name a file that has one.',
  },
  'unknown-recipe': {
    severity: 'error',
    title: '`--recipe` names what the file does not declare',
    explanation: 'Only the recipes that the file itself declares can be named.',
  },
  'recipe-needed': {
    severity: 'error',
    title: 'One of several recipes must be chosen',
    explanation: 'The file has several recipes. Say which: `--recipe name`.',
  },
  usage: {
    severity: 'error',
    title: 'The command line is incomplete, or says too much',
    explanation:
      'A command lacks an argument or an option lacks its value, or there is more than the command ' +
      'takes. `archc COMMAND --help` shows what it takes, with examples.',
  },
  'unknown-command': {
    severity: 'error',
    title: 'A command that archc does not have',
    explanation: '`archc --help` lists the commands.',
  },
  'unknown-option': {
    severity: 'error',
    title: 'An option that the command does not have',
    explanation:
      '`archc COMMAND --help` lists its options. A file whose name starts with `-` is written ' +
      '`./-name`, or stands after `--`.',
  },
  'wrong-option': {
    severity: 'error',
    title: 'An option does not take this value',
    explanation:
      'The message says what the option takes. Values of `--set` are expressions of the language, ' +
      'as in `--set width=32` or `--set "widths=[16, 32]"`.',
  },
  'unknown-code': {
    severity: 'error',
    title: 'A diagnostic that archc does not have',
    explanation: '`archc explain` lists all of them.',
  },
  'no-model': {
    severity: 'error',
    title: 'A file without a model',
    explanation:
      'The file declares blocks or constants only, and this command needs a model: ' +
      '`model Name() { input …  output … }`. Name the file that imports it instead.',
  },
  'unknown-model': {
    severity: 'error',
    title: '`--model` names what the file does not declare',
    explanation: 'Only the models that the file itself declares can be named, not imported ones.',
  },
  'model-needed': {
    severity: 'error',
    title: 'One of several models must be chosen',
    explanation:
      'Without `--model`, a command takes the only model of the file, or the one with the name of ' +
      'the file (capitals, `-` and `_` aside). Say which: `--model Name`.',
  },
  'input-mismatch': {
    severity: 'error',
    title: 'An image or array does not fit the model',
    explanation:
      'The input of a model has a number of channels, and sizes or facts about them; what flows in ' +
      'must agree. Images are `[H, W, 1]` where grey and `[H, W, 3]` in colour, and a `.npy` array ' +
      'has the shape of the input, with or without a batch in front.',
  },
  'unknown-input': {
    severity: 'error',
    title: 'An input of the model is not given, or one that it does not have',
    explanation:
      'Each input of the model is given once. Where there are several, each needs its name: ' +
      '`--input left=a.png --input right=b.png`.',
  },
  'output-mismatch': {
    severity: 'error',
    title: 'An output does not fit the file that is to hold it',
    explanation:
      'A `.png` holds one image with 1 or 3 channels; a `.npy` holds any output. A model with ' +
      'several outputs needs their names: `-o mask=mask.png`.',
  },
  'output-range': {
    severity: 'warning',
    title: 'An image cannot show all values of an output',
    explanation:
      'In a `.png`, 0 is black and 1 is white; what lies outside is shown as the nearer of the two. ' +
      'Write a `.npy` to keep the values.',
  },
  'image-size': {
    severity: 'error',
    title: 'Images of a size that the model does not take',
    explanation:
      'Facts such as `where H % 16 == 0` say which images a model takes. Others can be cropped or padded ' +
      'to such a size, or run in overlapping tiles of one: `--tile 256`. Tiles are blended where they ' +
      'overlap, and images smaller than a tile are padded by reflection.',
  },
  'training-diverged': {
    severity: 'error',
    title: 'Training has left the numbers',
    explanation:
      'The loss, a gradient or a weight is no longer finite, or the loss has grown beyond all measure. ' +
      'The message says at which step, and which layer was the first. A smaller learning rate, ' +
      '`clip = 1.0`, a warm-up and normalised images are what helps; the last checkpoint is from before.',
  },
  'checkpoint-mismatch': {
    severity: 'error',
    title: 'A checkpoint of another training',
    explanation:
      'Training continues from a checkpoint of the same model, recipe, data and seed, so that it comes ' +
      'to what it would have come to without a break. The messages list every difference.',
  },
  'internal-error': {
    severity: 'error',
    title: 'A fault of archc',
    explanation:
      'This should not happen whatever the program says. Please report it, with the program; ' +
      '`ARCHC_DEBUG=1` shows where in archc it happened.',
  },
} as const satisfies Record<string, CodeInfo>;

export type Code = keyof typeof CODES;
