/** Samples as files that `openDataset` reads back, and as pictures to look at. */
import type { Outcome } from '../compiler/diagnostic.js';
import type { Tensor } from '../compiler/ir.js';
import type { Dataset } from './dataset.js';
import { writePng } from './png.js';
import type { Picture } from './warp.js';

export interface SampleFile {
  /** Within the dataset's folder. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

/**
 * One sample as 8-bit PNG files: `images/NAME.png`, or a folder for each modality, and
 * `labels/NAME.png`: 0 and 255 for two classes, numbers of classes for more. Values of images are taken
 * to lie in [0, 1], so what lies outside is clamped. `modalities` names the channels.
 */
export async function sampleFiles(
  dataset: Dataset,
  index: number,
  modalities: readonly string[] = ['images'],
): Promise<Outcome<readonly SampleFile[]>> {
  const sample = await dataset.load(index);
  if (!sample.ok) return sample;
  const { name, height, width, channels, image, labels } = sample.value;
  const isPlain = modalities.length !== channels;
  const file = `${fileName(name)}.png`;
  const white = dataset.classes.length === 2 ? 1 : 1 / 255;
  const planes = isPlain
    ? [{ folder: 'images', shape: [height, width, channels], data: image }]
    : modalities.map((folder, c) => ({
        folder,
        shape: [height, width, 1],
        data: channelOf(image, channels, c),
      }));
  const files: SampleFile[] = [];
  for (const { folder, shape, data } of planes) {
    files.push({ path: `${folder}/${file}`, bytes: await writePng({ shape, data }) });
  }
  const grey = { shape: [height, width, 1], data: Float32Array.from(labels, (l) => l * white) };
  files.push({ path: `labels/${file}`, bytes: await writePng(grey) });
  return { ok: true, value: files };
}

/** `stack_007` of `stack.tif#7`, so that files sort as the samples do. */
function fileName(sample: string): string {
  const [file = '', page] = sample.split('#');
  const stem = file.replace(/\.(png|tiff?|npy|safetensors|nii|nii\.gz)$/i, '');
  return page === undefined ? stem : `${stem}_${page.padStart(3, '0')}`;
}

function channelOf(image: Float32Array, channels: number, channel: number): Float32Array {
  return Float32Array.from(
    { length: image.length / channels },
    (_, i) => image[i * channels + channel] ?? 0,
  );
}

/** Colours of the classes from 1 on, which repeat. */
const OUTLINES = [
  [1, 0.2, 0.1],
  [0.2, 0.8, 1],
  [1, 0.85, 0],
  [0.4, 1, 0.3],
] as const;

/**
 * `[H, W, 3]`: the first channel in grey, from black at its least value to white at its greatest, with
 * the outline of each class but the background: pixels of it that have a neighbour of another.
 */
export function outlined({ height, width, channels, image, labels }: Picture): Tensor {
  const grey = channelOf(image, channels, 0);
  const least = grey.reduce((a, b) => Math.min(a, b), Infinity);
  const range = grey.reduce((a, b) => Math.max(a, b), -Infinity) - least;
  const data = new Float32Array(height * width * 3);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      const label = labels[at] ?? 0;
      const differs = (dy: number, dx: number): boolean =>
        y + dy >= 0 &&
        y + dy < height &&
        x + dx >= 0 &&
        x + dx < width &&
        labels[at + dy * width + dx] !== label;
      const isEdge = differs(-1, 0) || differs(1, 0) || differs(0, -1) || differs(0, 1);
      const colour = label > 0 && isEdge ? OUTLINES[(label - 1) % OUTLINES.length] : undefined;
      const shade = range > 0 ? ((grey[at] ?? 0) - least) / range : 0;
      for (let c = 0; c < 3; c++) data[3 * at + c] = colour?.[c] ?? shade;
    }
  }
  return { shape: [height, width, 3], data };
}
