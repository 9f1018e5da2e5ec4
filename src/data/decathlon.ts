/**
 * The Medical Segmentation Decathlon's layout (http://medicaldecathlon.com): `dataset.json` names
 * modalities, classes, and the volumes of images and labels. Samples are axial slices.
 */
import { basename, dirname, join } from 'node:path';
import { diagnostic, inFile, type Diagnostic, type Outcome } from '../compiler/diagnostic.js';
import { byteCache, DEFAULT_CACHE_BYTES } from './cache.js';
import type { Dataset, DatasetOptions } from './dataset.js';
import { readFile } from '../files/read.js';
import { readStart } from './disk.js';
import { MAX_CLASSES, mergedRule, type LabelRule } from './labels.js';
import {
  niftiSlice,
  readNifti,
  readNiftiHeader,
  type NiftiHeader,
  type NiftiVolume,
} from './nifti.js';
import { classified, shortened } from './raw.js';

/** One case: its files, and how large its volumes are. */
interface Case {
  readonly name: string;
  readonly image: string;
  readonly labels: string;
  readonly shape: NiftiHeader['shape'];
}

/** As much of a file as its header takes, gzipped or not. */
const START_BYTES = 65_536;

/**
 * Slices of the volumes that `training` lists, `[y, x, volumes]` with row = y and column = x, values
 * scaled. Headers are read at once, volumes when a slice of theirs is asked for, so what is wrong with
 * voxels or labels appears then; as many volumes stay in memory, as stored, as `cacheBytes` allows.
 */
export async function openDecathlon(
  path: string,
  options: DatasetOptions,
): Promise<Outcome<Dataset>> {
  const bytes = readFile(path);
  if (!bytes.ok) return bytes;
  const description = parse(new TextDecoder().decode(bytes.value));
  if (typeof description === 'string') return unknown(`${path}: ${description}`);
  const rule = ruleOf(description.labels, options);
  if (typeof rule === 'string') return unknown(`${path}: ${rule}`);

  const cases: Case[] = [];
  const problems: Diagnostic[] = [];
  for (const { image, label } of description.training) {
    const opened = await openCase(join(dirname(path), image), join(dirname(path), label));
    if (!opened.ok) problems.push(...opened.diagnostics);
    else {
      const channels = cases[0]?.shape[3] ?? opened.value.shape[3];
      if (opened.value.shape[3] !== channels) {
        const message = `${opened.value.image} has ${opened.value.shape[3]} modalities; the first case has ${channels}`;
        problems.push(diagnostic('data-mismatch', message));
      } else cases.push(opened.value);
    }
  }
  if (problems.length > 0) return { ok: false, diagnostics: shortened(problems) };

  const cache = byteCache<NiftiVolume>(
    options.cacheBytes ?? DEFAULT_CACHE_BYTES,
    (volume) => volume.data.byteLength,
  );
  const volumeOf = (file: string): Promise<Outcome<NiftiVolume>> =>
    cache(file, () => readVolume(file));
  const slices = cases.flatMap((each) =>
    Array.from({ length: each.shape[2] }, (_, z) => ({ each, z })),
  );
  const sizes = new Set(cases.map(({ shape: [x, y] }) => `${y} × ${x}`));
  const count = `${cases.length} case${cases.length === 1 ? '' : 's'}`;
  const raw = {
    noun: 'slices',
    origin: `${count} of ${description.name ?? dirname(path)}`,
    channels: cases[0]?.shape[3] ?? 0,
    groups: slices.map(({ each }) => each.name),
    load: async (index: number) => {
      const slice = slices[index];
      if (slice === undefined) throw new RangeError(`no sample ${index} of ${slices.length}`);
      const { each, z } = slice;
      const image = await volumeOf(each.image);
      if (!image.ok) return image;
      const labels = await volumeOf(each.labels);
      if (!labels.ok) return labels;
      const [width, height, , channels] = each.shape;
      const sample = {
        name: `${basename(each.image)}#${z + 1}`,
        height,
        width,
        channels,
        image: niftiSlice(image.value, z),
        labels: niftiSlice(labels.value, z),
      };
      return { ok: true as const, value: sample };
    },
  };
  return { ok: true, value: classified(raw, rule, [...sizes]) };
}

async function readVolume(path: string): Promise<Outcome<NiftiVolume>> {
  const bytes = readFile(path);
  if (!bytes.ok) return bytes;
  const volume = await readNifti(bytes.value);
  return volume.ok ? volume : inFile(path, volume);
}

async function headerOf(path: string): Promise<Outcome<NiftiHeader>> {
  const start = readStart(path, START_BYTES);
  if (!start.ok) return start;
  const header = await readNiftiHeader(start.value);
  return header.ok ? header : inFile(path, header);
}

async function openCase(image: string, labels: string): Promise<Outcome<Case>> {
  const ofImage = await headerOf(image);
  if (!ofImage.ok) return ofImage;
  const ofLabels = await headerOf(labels);
  if (!ofLabels.ok) return ofLabels;
  const { shape } = ofImage.value;
  const wanted = [...shape.slice(0, 3), 1];
  if (wanted.some((d, i) => d !== ofLabels.value.shape[i])) {
    const message = `${image} is ${shape.join(' × ')} and its labels, ${labels}, are ${ofLabels.value.shape.join(' × ')}`;
    const hints = ['labels have one volume of the size of the image'];
    return { ok: false, diagnostics: [diagnostic('data-mismatch', message, { hints })] };
  }
  return {
    ok: true,
    value: { name: basename(image).replace(/\.nii(\.gz)?$/i, ''), image, labels, shape },
  };
}

function unknown(message: string): Outcome<never> {
  const hints = ['see the `dataset.json` of http://medicaldecathlon.com for what it holds'];
  return { ok: false, diagnostics: [diagnostic('unknown-dataset', message, { hints })] };
}

interface Description {
  readonly name: string | undefined;
  /** Name of each value of the labels. */
  readonly labels: ReadonlyMap<number, string>;
  readonly training: readonly { readonly image: string; readonly label: string }[];
}

/** What archc uses of `dataset.json`, or what is wrong with it. */
function parse(text: string): Description | string {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return `it is not valid JSON: ${error instanceof Error ? error.message : String(error)}`;
  }
  const field = (value: unknown, name: string): unknown =>
    typeof value === 'object' && value !== null
      ? Object.getOwnPropertyDescriptor(value, name)?.value
      : undefined;
  const labels = field(json, 'labels');
  if (typeof labels !== 'object' || labels === null) return 'it has no `labels`';
  const named = new Map<number, string>();
  for (const [value, name] of Object.entries(labels)) {
    if (!/^\d+$/.test(value) || typeof name !== 'string') return 'its `labels` do not name numbers';
    named.set(Number(value), name);
  }
  const training = field(json, 'training');
  if (!Array.isArray(training) || training.length === 0) return 'its list `training` is empty';
  const pairs = training.map((entry: unknown) => ({
    image: field(entry, 'image'),
    label: field(entry, 'label'),
  }));
  const complete = pairs.filter(
    (pair): pair is { image: string; label: string } =>
      typeof pair.image === 'string' && typeof pair.label === 'string',
  );
  if (complete.length < pairs.length) return 'entries of `training` lack `image` or `label`';
  const name = field(json, 'name');
  return { name: typeof name === 'string' ? name : undefined, labels: named, training: complete };
}

function ruleOf(labels: ReadonlyMap<number, string>, options: DatasetOptions): LabelRule | string {
  const sorted = [...labels].sort(([a], [b]) => a - b);
  if (sorted.length < 2 || sorted.length > MAX_CLASSES) {
    return `its \`labels\` are ${sorted.length}; a dataset has 2 to ${MAX_CLASSES} classes`;
  }
  const names = options.classes ?? sorted.map(([, name]) => name);
  if (names.length !== sorted.length) {
    return `it has ${sorted.length} labels, and ${names.length} names of classes are given`;
  }
  return mergedRule(names, new Map(sorted.map(([value], i) => [value, i])), options);
}
