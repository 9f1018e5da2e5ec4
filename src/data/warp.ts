/** Moves an image and its labels together: each pixel of the result says where it comes from. */
import { reflected } from './reflect.js';

/** An image with a class for each pixel. */
export interface Picture {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** `[height, width, channels]` */
  readonly image: Float32Array;
  /** `[height, width]` */
  readonly labels: Uint8Array;
}

/** source y = yy · y + yx · x + y0, source x = xy · y + xx · x + x0. */
export interface Affine {
  readonly yy: number;
  readonly yx: number;
  readonly y0: number;
  readonly xy: number;
  readonly xx: number;
  readonly x0: number;
}

/** Added to the coordinates of each pixel of the result, in pixels. */
export interface Displacements {
  readonly y: Float64Array;
  readonly x: Float64Array;
}

interface Warp {
  readonly height: number;
  readonly width: number;
  /** From coordinates about the middle of the result to those about `centre`. */
  readonly affine: Affine;
  /** The pixel of the source, possibly between pixels, that the middle of the result falls on. */
  readonly centre: readonly [y: number, x: number];
  readonly displacements: Displacements | undefined;
}

/**
 * The warped picture: bilinear for the image, the nearest pixel for the labels (halves round up), and
 * both reflected at the border (see `reflected`). Where every coordinate is whole, as for flips and
 * quarter-turns, pixels are copied exactly.
 */
export function warp(picture: Picture, { height, width, ...how }: Warp): Picture {
  const { affine, centre, displacements } = how;
  const { channels, image: from, labels: fromLabels } = picture;
  const image = new Float32Array(height * width * channels);
  const labels = new Uint8Array(height * width);
  const [middleY, middleX] = [(height - 1) / 2, (width - 1) / 2];
  for (let row = 0, at = 0; row < height; row++) {
    for (let column = 0; column < width; column++, at++) {
      const y = row - middleY + (displacements?.y[at] ?? 0);
      const x = column - middleX + (displacements?.x[at] ?? 0);
      const sourceY = affine.yy * y + affine.yx * x + affine.y0 + centre[0];
      const sourceX = affine.xy * y + affine.xx * x + affine.x0 + centre[1];

      const top = Math.floor(sourceY);
      const left = Math.floor(sourceX);
      const down = sourceY - top;
      const right = sourceX - left;
      const y0 = reflected(top, picture.height) * picture.width;
      const y1 = reflected(top + 1, picture.height) * picture.width;
      const x0 = reflected(left, picture.width);
      const x1 = reflected(left + 1, picture.width);
      for (let c = 0; c < channels; c++) {
        const upper =
          (from[(y0 + x0) * channels + c] ?? 0) * (1 - right) +
          (from[(y0 + x1) * channels + c] ?? 0) * right;
        const lower =
          (from[(y1 + x0) * channels + c] ?? 0) * (1 - right) +
          (from[(y1 + x1) * channels + c] ?? 0) * right;
        image[at * channels + c] = upper * (1 - down) + lower * down;
      }
      labels[at] = fromLabels[(down < 0.5 ? y0 : y1) + (right < 0.5 ? x0 : x1)] ?? 0;
    }
  }
  return { height, width, channels, image, labels };
}

export const IDENTITY: Affine = { yy: 1, yx: 0, y0: 0, xy: 0, xx: 1, x0: 0 };

/** First `second`, then `first`: the product of their matrices in this order. */
export function compose(first: Affine, second: Affine): Affine {
  return {
    yy: first.yy * second.yy + first.yx * second.xy,
    yx: first.yy * second.yx + first.yx * second.xx,
    y0: first.yy * second.y0 + first.yx * second.x0 + first.y0,
    xy: first.xy * second.yy + first.xx * second.xy,
    xx: first.xy * second.yx + first.xx * second.xx,
    x0: first.xy * second.y0 + first.xx * second.x0 + first.x0,
  };
}
