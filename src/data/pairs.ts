/** Folders of images and masks, and pairs of multi-page stacks. */
import { basename, dirname, extname } from 'node:path';
import { diagnostic, inFile, type Outcome } from '../compiler/diagnostic.js';
import type { Tensor } from '../compiler/ir.js';
import { byteCache, DEFAULT_CACHE_BYTES } from './cache.js';
import type { Dataset, DatasetOptions } from './dataset.js';
import { readFile } from '../files/read.js';
import { readImage } from './image.js';
import { findPairs, groupOf, IMAGE_TYPES, type FilePair } from './pairing.js';
import { scannedDataset, shortened, type RawSample } from './raw.js';
import type { SampleScale } from './samples.js';

/** Images with values in [0, 1] (floats as they are) and labels as stored, one sample a page. */
export async function openPairs(path: string, options: DatasetOptions): Promise<Outcome<Dataset>> {
  const pairs = findPairs(path, IMAGE_TYPES, options.modalities);
  if (!pairs.ok) return pairs;
  const cache = byteCache<readonly RawSample[]>(
    options.cacheBytes ?? DEFAULT_CACHE_BYTES,
    (pages) => pages.reduce((n, p) => n + p.image.byteLength + p.labels.byteLength, 0),
  );
  const readPages = (pair: FilePair): Promise<Outcome<readonly RawSample[]>> =>
    cache(pair.labels, () => readPair(pair));

  const places: { readonly pair: FilePair; readonly page: number }[] = [];
  const groups: string[] = [];
  const problems = [];
  let channels = 0;
  for (const pair of pairs.value) {
    const pages = await readPages(pair);
    if (!pages.ok) {
      problems.push(...pages.diagnostics);
      continue;
    }
    channels ||= pages.value[0]?.channels ?? 0;
    const [image = ''] = pair.images;
    const group =
      pages.value.length > 1
        ? basename(image, extname(image))
        : (groupOf(image) ?? basename(dirname(image)));
    for (const page of pages.value.keys()) {
      places.push({ pair, page });
      groups.push(group);
    }
  }
  if (problems.length > 0) return { ok: false, diagnostics: shortened(problems) };
  const isStack = places.length > pairs.value.length;
  return scannedDataset(
    {
      noun: isStack ? 'slices' : places.length === 1 ? 'pair' : 'pairs',
      origin: pairs.value.length === 1 ? basename(pairs.value[0]?.images[0] ?? '') : path,
      channels,
      groups,
      load: async (index) => {
        const place = places[index];
        if (place === undefined) throw new RangeError(`no sample ${index} of ${places.length}`);
        const pages = await readPages(place.pair);
        if (!pages.ok) return pages;
        const page = pages.value[place.page];
        return page === undefined ? changed(place.pair) : { ok: true, value: page };
      },
    },
    options,
  );
}

/** Files may change while a training runs. */
function changed({ labels }: FilePair): Outcome<never> {
  return mismatch(`${labels} has fewer pages than when the dataset was opened`, []);
}

function mismatch(message: string, hints: readonly string[]): Outcome<never> {
  return { ok: false, diagnostics: [diagnostic('data-mismatch', message, { hints })] };
}

async function readPages(path: string, scale: SampleScale): Promise<Outcome<readonly Tensor[]>> {
  const bytes = readFile(path);
  if (!bytes.ok) return bytes;
  const pages = await readImage(bytes.value, scale);
  return pages.ok ? pages : inFile(path, pages);
}

async function readPair({ images, labels }: FilePair): Promise<Outcome<readonly RawSample[]>> {
  const modalities: (readonly Tensor[])[] = [];
  for (const image of images) {
    const pages = await readPages(image, 'unit');
    if (!pages.ok) return pages;
    modalities.push(pages.value);
  }
  const labelPages = await readPages(labels, 'stored');
  if (!labelPages.ok) return labelPages;
  const count = labelPages.value.length;
  const unequal = modalities.findIndex((pages) => pages.length !== count);
  if (unequal !== -1) {
    const [has, wants] = [modalities[unequal]?.length ?? 0, count];
    return mismatch(`${images[unequal] ?? ''} has ${has} pages and ${labels} has ${wants}`, [
      'save both with one page a slice',
    ]);
  }
  const samples: RawSample[] = [];
  for (const [page, label] of labelPages.value.entries()) {
    const of = modalities.flatMap((pages) => pages[page] ?? []);
    const suffix = count > 1 ? `#${page + 1}` : '';
    const sample = toSample(of, label, { images, labels, suffix });
    if (!sample.ok) return sample;
    samples.push(sample.value);
  }
  return { ok: true, value: samples };
}

interface Names extends FilePair {
  /** `#7`: the page, from 1. */
  readonly suffix: string;
}

function toSample(
  modalities: readonly Tensor[],
  label: Tensor,
  { images, labels, suffix }: Names,
): Outcome<RawSample> {
  const [height = 0, width = 0] = label.shape;
  for (const [i, { shape }] of modalities.entries()) {
    if (shape[0] !== height || shape[1] !== width) {
      return mismatch(
        `${images[i] ?? ''}${suffix} is ${shape[0] ?? 0} × ${shape[1] ?? 0} and its labels, ${labels}${suffix}, are ${height} × ${width}`,
        ['image and labels must have one size; resize labels without smoothing'],
      );
    }
  }
  const grey = greyOf(label);
  if (grey === undefined) {
    const message = `${labels}${suffix}: its labels are colours`;
    const hints = ['save labels as grey, or with a palette whose numbers are the classes'];
    return { ok: false, diagnostics: [diagnostic('bad-label', message, { hints })] };
  }
  const stacked = stackChannels(modalities);
  const name = `${basename(images[0] ?? '')}${suffix}`;
  return { ok: true, value: { name, height, width, ...stacked, labels: grey } };
}

/** Labels of one channel, or of several that are equal. */
function greyOf({ shape, data }: Tensor): Float32Array | undefined {
  const channels = shape[2] ?? 1;
  if (channels === 1) return data;
  const grey = new Float32Array(data.length / channels);
  for (const [i, value] of data.entries()) {
    if (i % channels === 0) grey[i / channels] = value;
    else if (value !== grey[Math.floor(i / channels)]) return undefined;
  }
  return grey;
}

function stackChannels(modalities: readonly Tensor[]): {
  readonly channels: number;
  readonly image: Float32Array;
} {
  const [first] = modalities;
  const counts = modalities.map(({ shape }) => shape[2] ?? 1);
  const channels = counts.reduce((n, c) => n + c, 0);
  if (modalities.length === 1 && first !== undefined) return { channels, image: first.data };
  const image = new Float32Array(modalities.reduce((n, { data }) => n + data.length, 0));
  let start = 0;
  for (const [m, { data }] of modalities.entries()) {
    const count = counts[m] ?? 1;
    for (let i = 0; i < data.length; i++) {
      image[Math.floor(i / count) * channels + start + (i % count)] = data[i] ?? 0;
    }
    start += count;
  }
  return { channels, image };
}
