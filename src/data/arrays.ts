/** Datasets that are arrays: a safetensors file, or two of NumPy's. */
import { basename, extname } from 'node:path';
import { diagnostic, inFile, type Outcome } from '../compiler/diagnostic.js';
import type { Tensor } from '../compiler/ir.js';
import { readSafetensors } from '../weights/safetensors.js';
import type { Dataset, DatasetOptions } from './dataset.js';
import { readFile } from '../files/read.js';
import { readNpy } from './npy.js';
import { findPairs } from './pairing.js';
import { scannedDataset } from './raw.js';

const HINT = 'images are [N, H, W, C] or [N, H, W], labels [N, H, W]';

/** The tensors `images` and `labels` of a safetensors file, integers or floats, values as they are. */
export async function openSafetensors(
  path: string,
  options: DatasetOptions,
): Promise<Outcome<Dataset>> {
  const bytes = readFile(path);
  if (!bytes.ok) return bytes;
  const file = readSafetensors(bytes.value, 'data');
  if (!file.ok) return inFile(path, file);
  const { tensors } = file.value;
  const images = tensors.get('images');
  const labels = tensors.get('labels');
  if (images === undefined || labels === undefined) {
    const names = [...tensors.keys()].slice(0, 10).join(', ');
    const message = `${path} has no tensors \`images\` and \`labels\`: its tensors are ${names}`;
    return { ok: false, diagnostics: [diagnostic('unknown-dataset', message, { hints: [HINT] })] };
  }
  return openArrays(path, images, labels, options);
}

/** Two `.npy` files named as images and labels are (`images.npy`, `labels.npy`). */
export async function openNpy(path: string, options: DatasetOptions): Promise<Outcome<Dataset>> {
  const pairs = findPairs(path, ['npy'], undefined);
  if (!pairs.ok) return pairs;
  const [pair, ...more] = pairs.value;
  if (pair === undefined || more.length > 0) {
    const message = `${path} has ${pairs.value.length} pairs of .npy files`;
    const hints = ['name the images of one of them'];
    return { ok: false, diagnostics: [diagnostic('unknown-dataset', message, { hints })] };
  }
  const [images = ''] = pair.images;
  const arrays: Tensor[] = [];
  for (const file of [images, pair.labels]) {
    const bytes = readFile(file);
    if (!bytes.ok) return bytes;
    const array = readNpy(bytes.value);
    if (!array.ok) return inFile(file, array);
    arrays.push(array.value);
  }
  const [imageArray, labelArray] = arrays;
  if (imageArray === undefined || labelArray === undefined) throw new Error('both were read');
  return openArrays(images, imageArray, labelArray, options);
}

function openArrays(
  path: string,
  images: Tensor,
  labels: Tensor,
  options: DatasetOptions,
): Promise<Outcome<Dataset>> | Outcome<Dataset> {
  const [count = 0, height = 0, width = 0, channels = 1] = images.shape;
  const [labelCount, labelHeight, labelWidth, labelChannels = 1] = labels.shape;
  const areImages = [3, 4].includes(images.shape.length) && images.data.length > 0;
  const agree =
    [3, 4].includes(labels.shape.length) &&
    labelChannels === 1 &&
    labelCount === count &&
    labelHeight === height &&
    labelWidth === width;
  if (!areImages || !agree) {
    const shapes = [images, labels].map(({ shape }) => `[${shape.join(', ')}]`);
    const message = `${path}: images of ${shapes[0] ?? ''} and labels of ${shapes[1] ?? ''} do not fit together`;
    return { ok: false, diagnostics: [diagnostic('data-mismatch', message, { hints: [HINT] })] };
  }
  const pixels = height * width;
  const name = basename(path);
  return scannedDataset(
    {
      noun: 'slices',
      origin: name,
      channels,
      groups: Array.from({ length: count }, () => basename(path, extname(path))),
      load: (i) =>
        Promise.resolve({
          ok: true,
          value: {
            name: `${name}#${i + 1}`,
            height,
            width,
            channels,
            image: images.data.subarray(i * pixels * channels, (i + 1) * pixels * channels),
            labels: labels.data.subarray(i * pixels, (i + 1) * pixels),
          },
        }),
    },
    options,
  );
}
