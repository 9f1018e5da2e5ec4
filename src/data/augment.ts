/** Random changes of an image and its labels together, out of a recipe and a seed. */
import { diagnostic, type Diagnostic, type Outcome } from '../compiler/diagnostic.js';
import { uniformStream, type Uniform } from '../weights/random.js';
import type { Augmentation } from './dataset.js';
import { displacements } from './elastic.js';
import { sineAndCosine } from './exact.js';
import { channelStatistics } from './normalise.js';
import { compose, IDENTITY, warp, type Affine, type Displacements, type Picture } from './warp.js';

/** What the draws depend on, and nothing else: a run that is resumed draws what it would have drawn. */
export interface DrawKey {
  readonly seed: number;
  /** Of the training, from 0. */
  readonly step: number;
  /** Place in the batch, or number of the sample. */
  readonly sample: number;
}

/** Height and width. */
type Crop = readonly [height: number, width: number];

/**
 * A random crop (the whole picture without one) after all changes of `augmentations`, in order.
 *
 * The geometric ones make one warp (see `warp`), so a picture is interpolated once; rotation, shear,
 * zoom and turns are about the middle of the crop, shares are of its size, and elastic displacements
 * come last. Intensities are changed at the end. Quarter-turns of a crop that does not fit its picture
 * lying down are half-turns. Every kind draws from a stream of its own, so that adding one leaves the
 * draws of the others alone. A crop larger than the picture gives `crop-too-large`.
 */
export function augment(
  picture: Picture,
  augmentations: readonly Augmentation[],
  crop: Crop | undefined,
  key: DrawKey,
): Outcome<Picture> {
  const [height, width] = crop ?? [picture.height, picture.width];
  const problem = cropProblem(picture, [height, width]);
  if (problem !== undefined) return { ok: false, diagnostics: [problem] };

  const mayTurn = height <= picture.width && width <= picture.height;
  let affine = IDENTITY;
  let field: Displacements | undefined;
  const intensities: { readonly share: number; readonly uniform: Uniform }[] = [];
  for (const [place, augmentation] of augmentations.entries()) {
    const repeat = augmentations.slice(0, place).filter((a) => a.kind === augmentation.kind).length;
    const uniform = streamOf(key, `${augmentation.kind}/${repeat}`);
    if (augmentation.kind === 'intensity') intensities.push({ ...augmentation, uniform });
    else if (augmentation.kind === 'elastic') {
      const y = displacements(height, width, augmentation, uniform);
      const x = displacements(height, width, augmentation, uniform);
      field = field === undefined ? { y, x } : { y: sum(field.y, y), x: sum(field.x, x) };
    } else {
      affine = compose(affine, inverseOf(augmentation, { height, width, mayTurn }, uniform));
    }
  }

  // A turned crop covers a part of the picture that lies down.
  const isTurned = mayTurn && Math.abs(affine.yx) > Math.abs(affine.yy);
  const [high, wide] = isTurned ? [width, height] : [height, width];
  const place = streamOf(key, 'crop');
  const top = Math.floor(place() * (picture.height - high + 1));
  const left = Math.floor(place() * (picture.width - wide + 1));
  const centre = [top + (high - 1) / 2, left + (wide - 1) / 2] as const;
  const warped = warp(picture, { height, width, affine, centre, displacements: field });
  for (const { share, uniform } of intensities) changeIntensity(warped, share, uniform);
  return { ok: true, value: warped };
}

function streamOf({ seed, step, sample }: DrawKey, kind: string): Uniform {
  return uniformStream(seed, `augment/${step}/${sample}/${kind}`);
}

function sum(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((value, i) => value + (b[i] ?? 0));
}

/** What is wrong with a crop of a picture: `crop-too-large`, with the sizes that fit. */
function cropProblem(
  picture: { readonly height: number; readonly width: number; readonly name?: string },
  [height, width]: Crop,
): Diagnostic | undefined {
  if (height <= picture.height && width <= picture.width) return undefined;
  const fitting = [Math.min(height, picture.height), Math.min(width, picture.width)];
  const what = picture.name === undefined ? 'an image' : `the image ${picture.name}`;
  return diagnostic(
    'crop-too-large',
    `the crop of ${height} × ${width} is larger than ${what} of ${picture.height} × ${picture.width}`,
    { hints: [`write \`crop = [${fitting.join(', ')}]\` or smaller`, 'or leave such images out'] },
  );
}

interface Frame {
  readonly height: number;
  readonly width: number;
  /** Whether a quarter-turn fits. */
  readonly mayTurn: boolean;
}

type Geometric = Exclude<Augmentation, { readonly kind: 'elastic' | 'intensity' }>;

/** From a place after one change to the place before it. */
function inverseOf(augmentation: Geometric, frame: Frame, uniform: Uniform): Affine {
  const either = (most: number): number => most * (2 * uniform() - 1);
  switch (augmentation.kind) {
    case 'flip':
      return { ...IDENTITY, yy: uniform() < 0.5 ? -1 : 1, xx: uniform() < 0.5 ? -1 : 1 };
    case 'quarterturn': {
      const turns = Math.floor(4 * uniform());
      return rotation(90 * (frame.mayTurn ? turns : turns - (turns % 2)));
    }
    case 'rotate':
      return rotation(either(augmentation.degrees));
    case 'shift':
      return {
        ...IDENTITY,
        y0: either(augmentation.share) * frame.height,
        x0: either(augmentation.share) * frame.width,
      };
    case 'shear': {
      const { sin, cos } = sineAndCosine(either(augmentation.degrees));
      return uniform() < 0.5 ? { ...IDENTITY, xy: sin / cos } : { ...IDENTITY, yx: sin / cos };
    }
    case 'zoom': {
      const factor = 1 / (1 + either(augmentation.share));
      return { ...IDENTITY, yy: factor, xx: factor };
    }
  }
}

function rotation(degrees: number): Affine {
  const { sin, cos } = sineAndCosine(degrees);
  return { ...IDENTITY, yy: cos, yx: sin, xy: 0 - sin, xx: cos };
}

/** Contrast about the mean and brightness, drawn for each channel; changes the picture in place. */
function changeIntensity({ image, channels }: Picture, share: number, uniform: Uniform): void {
  for (let c = 0; c < channels; c++) {
    const { mean, deviation } = channelStatistics(image, channels, c);
    const contrast = 1 + share * (2 * uniform() - 1);
    const brightness = share * (2 * uniform() - 1) * deviation;
    for (let i = c; i < image.length; i += channels) {
      image[i] = mean + ((image[i] ?? 0) - mean) * contrast + brightness;
    }
  }
}
