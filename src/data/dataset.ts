/** What a dataset is, whatever it was read from: pictures with a class for each pixel, in order. */
import type { Outcome } from '../compiler/diagnostic.js';

/** One picture and its labels. */
export interface Sample {
  /** Where it comes from, for messages: `train-volume.tif#7`. */
  readonly name: string;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** `[height, width, channels]`, as read: before normalisation. */
  readonly image: Float32Array;
  /** `[height, width]`: class of each pixel. */
  readonly labels: Uint8Array;
}

export interface Dataset {
  /** For people: `30 slices of 512×512 (train-volume.tif)`. */
  readonly description: string;
  readonly count: number;
  readonly channels: number;
  /** Names of the classes, background first: labels are below its length. */
  readonly classes: readonly string[];
  /** Which patient, volume or stack each sample belongs to, for splits by patient. */
  readonly groups: readonly string[];
  /** Reads one sample; a second time gives the same. */
  load(index: number): Promise<Outcome<Sample>>;
}

/** `zscore`: mean 0 and deviation 1 for each image and channel; `unit`: least 0, greatest 1. */
export const NORMALISATIONS = ['zscore', 'unit', 'none'] as const;
export type Normalisation = (typeof NORMALISATIONS)[number];

/** What the images and labels of the sets that archc draws have, by the name of the set. */
export const DRAWN_SETS = {
  membranes: { channels: ['grey'], classes: ['cell', 'membrane'] },
  /** As in the Medical Segmentation Decathlon's first task. */
  tumours: {
    channels: ['flair', 't1', 't1gd', 't2'],
    classes: ['background', 'oedema', 'non-enhancing', 'enhancing'],
  },
} as const;

/** A random change of image and labels together. All draws come from the seed given to it. */
export type Augmentation =
  /** Left for right, top for bottom, each half of the time. */
  | { readonly kind: 'flip' }
  /** By a multiple of 90°. */
  | { readonly kind: 'quarterturn' }
  /** By up to so many degrees either way. */
  | { readonly kind: 'rotate'; readonly degrees: number }
  /** By up to this share of the height and width. */
  | { readonly kind: 'shift'; readonly share: number }
  | { readonly kind: 'shear'; readonly degrees: number }
  /** By a factor of 1 − share to 1 + share. */
  | { readonly kind: 'zoom'; readonly share: number }
  /** Simard et al. 2003: random displacements in pixels, smoothed by a Gaussian. */
  | { readonly kind: 'elastic'; readonly alpha: number; readonly sigma: number }
  /** Brightness and contrast by up to this share of the deviation. */
  | { readonly kind: 'intensity'; readonly share: number };

/** How to read a dataset of files, where they leave something open. */
export interface DatasetOptions {
  /** Names of the classes of the labels, background first; labels must be below their number. */
  readonly classes?: readonly string[];
  /**
   * Which value of two-valued masks is class 1. `bright`: 255 (or 1). `dark`: 0, as for the membranes
   * of ISBI 2012. By default 1 of masks of 0 and 1, and of masks of 0 and 255 the value that fewer
   * pixels of the whole dataset have.
   */
  readonly foreground?: 'rarer' | 'bright' | 'dark';
  /** All classes but the background become one. */
  readonly merge?: boolean;
  /** Folders of the modalities, in the order of the channels; by default all, by name. */
  readonly modalities?: readonly string[];
  /** Bytes of decoded files that are kept; what is beyond is read again when needed. */
  readonly cacheBytes?: number;
}
