/** What `archc init` writes. */
export const STARTER = `# A starter: a small U-Net for grey images, and a variant of it. Change it, and see what it costs:
#
#   archc check model.arch            names, shapes and every \`expect\`
#   archc stats model.arch --all      parameters, operations and memory, side by side
#   archc compile model.arch          writes model.onnx
#   archc run model.arch --input image.png -o mask.png
#
# \`#\` starts a comment; \`##\` documents what stands below it, in the compiled model too.

import squeeze_excite from "std/attention.arch"

## Two convolutions, each with a norm: what every level does.
block double_conv(filters: int) =
  conv(filters) -> groupnorm(8) -> relu -> conv(filters) -> groupnorm(8) -> relu

## The same, and then a gate that weighs the channels.
block gated(filters: int) = double_conv(filters) -> squeeze_excite

## Twice the size, beside the skip connection, then refined by \`stage\`.
block decode(filters: int, skip: tensor, stage: block) =
  upsample(2) -> conv(filters) -> concat(skip) -> stage(filters)

## Parameters have defaults, which \`--set width=32\` overrides.
model Model(classes: int = 1, width: int = 16, stage: block = double_conv) {
  ## H and W may be any multiples of 4; 256 is used where a number is needed.
  input image: f32[H = 256, W = 256, 1] where H % 4 == 0, W % 4 == 0

  e1 = image -> stage(width)
  e2 = e1 -> maxpool(2) -> stage(2 * width)
  e3 = e2 -> maxpool(2) -> stage(4 * width) -> dropout(0.5)
  d2 = e3 -> decode(2 * width, skip = e2, stage)
  d1 = d2 -> decode(width, skip = e1, stage)

  ## For every pixel and class, a probability.
  output mask = d1 -> conv(classes, k = 1) -> sigmoid

  # Claims: archc checks them every time.
  expect mask.height == image.height and mask.width == image.width
  if width == 16 {
    expect params <= 200k
  }
}

## A variant is one line.
model Gated = Model(stage = gated)
`;
