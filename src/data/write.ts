/** Samples as files that `openDataset` reads back, and as pictures to look at. */
import type { Outcome } from '../compiler/diagnostic.js';
import type { Dataset } from './dataset.js';
import { writePng } from './png.js';

interface SampleFile {
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
