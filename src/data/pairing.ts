/**
 * Which image belongs to which labels, by names alone.
 *
 * In a folder with one subfolder named for labels (`labels`, `masks`, …), the images are in that named
 * for images (`images`, `imgs`, …), or else every other subfolder with images is a modality, or else the images lie
 * beside it. Without, images and labels lie together, and a word of the name says which are labels
 * (`a_mask.png`). Names agree where they do without such words: `train-volume.tif` and
 * `train-labels.tif`, `07.png` and `07_mask.png`.
 */
import { basename, dirname, extname, join } from 'node:path';
import { diagnostic, type Diagnostic, type Outcome } from '../compiler/diagnostic.js';
import { isFolder, listFolder, type Folder } from './disk.js';
import { shortened } from './raw.js';

/** Files of one image (one a modality) and its labels. */
export interface FilePair {
  readonly images: readonly string[];
  readonly labels: string;
}

const IMAGE_WORDS = ['image', 'images', 'img', 'imgs', 'volume', 'volumes'];
const LABEL_WORDS = [
  'label',
  'labels',
  'mask',
  'masks',
  'segmentation',
  'segmentations',
  'seg',
  'annotation',
  'annotations',
  'gt',
];

/** Images that are read, and such as have to be converted first, which reading them says. */
export const IMAGE_TYPES = ['png', 'tif', 'tiff', 'jpg', 'jpeg', 'gif', 'bmp', 'webp'];

function hasType(name: string, types: readonly string[]): boolean {
  return types.includes(extname(name).slice(1).toLowerCase());
}

function wordsOf(name: string): string[] {
  return basename(name, extname(name)).split(/[ _.-]+/);
}

const isLabelWord = (word: string): boolean => LABEL_WORDS.includes(word.toLowerCase());
const isImageWord = (word: string): boolean => IMAGE_WORDS.includes(word.toLowerCase());

/** What an image's name and that of its labels have in common. */
export function keyOf(name: string): string {
  return wordsOf(name)
    .filter((word) => !isLabelWord(word) && !isImageWord(word))
    .join('_');
}

/** The pairs of a folder, or those of the name of one file; see the rules above. */
export function findPairs(
  path: string,
  types: readonly string[],
  modalities: readonly string[] | undefined,
): Outcome<readonly FilePair[]> {
  const root = isFolder(path) ? path : dirname(path);
  const folder = listFolder(root);
  if (!folder.ok) return folder;
  if (root !== path) {
    const same = folder.value.files.filter((name) => keyOf(name) === keyOf(path));
    return pairsBeside(
      root,
      same.filter((name) => hasType(name, types)),
    );
  }
  const labelFolders = folder.value.folders.filter(isLabelWord);
  if (labelFolders.length > 1) return several(path, labelFolders);
  const [labels] = labelFolders;
  if (labels !== undefined) return pairsBelow(path, folder.value, { labels, types, modalities });
  const files = folder.value.files.filter((name) => hasType(name, types));
  const [images] = folder.value.folders.filter(
    (name) => isImageWord(name) && filesOf(join(path, name), types).length > 0,
  );
  if (files.length > 0 || images === undefined) return pairsBeside(path, files);
  return unknown(`${path} has images in ${images}/, and no folder of labels for them`, [
    'put the labels into `masks/`, under the names of the images',
  ]);
}

function filesOf(folder: string, types: readonly string[]): string[] {
  const listed = listFolder(folder);
  return listed.ok ? listed.value.files.filter((file) => hasType(file, types)) : [];
}

function several(path: string, folders: readonly string[]): Outcome<never> {
  return unknown(`${path} has several folders for one thing: ${folders.join(', ')}`, [
    'leave one, or name a folder that has one',
  ]);
}

function unknown(message: string, hints: readonly string[]): Outcome<never> {
  return { ok: false, diagnostics: [diagnostic('unknown-dataset', message, { hints })] };
}

interface Below {
  readonly labels: string;
  readonly types: readonly string[];
  readonly modalities: readonly string[] | undefined;
}

function pairsBelow(
  path: string,
  folder: Folder,
  { labels, types, modalities }: Below,
): Outcome<readonly FilePair[]> {
  const filesIn = (name: string): string[] => filesOf(join(path, name), types);
  const imageFolders = folder.folders.filter(isImageWord);
  if (modalities === undefined && imageFolders.length > 1) return several(path, imageFolders);
  const others = folder.folders.filter((name) => name !== labels && filesIn(name).length > 0);
  const chosen = modalities ?? (imageFolders.length === 1 ? imageFolders : others);
  const missing = chosen.filter((name) => !folder.folders.includes(name));
  if (missing.length > 0) {
    return unknown(`${path} has no folder ${missing.join(', ')}`, [
      `its folders are ${folder.folders.join(', ')}`,
    ]);
  }
  const sources = chosen.length === 0 ? ['.'] : chosen;
  return joined(
    sources.map((source) => ({
      folder: join(path, source),
      files: source === '.' ? folder.files.filter((f) => hasType(f, types)) : filesIn(source),
    })),
    { folder: join(path, labels), files: filesIn(labels) },
  );
}

function pairsBeside(path: string, files: readonly string[]): Outcome<readonly FilePair[]> {
  const isLabels = (name: string): boolean => wordsOf(name).some(isLabelWord);
  if (files.length > 0 && !files.some(isLabels)) {
    return unknown(`${path} has ${files.length} images and no labels for them`, [
      'put images into `images/` and labels into `masks/`, under the same names',
      'or name labels like their images: `a.png` and `a_mask.png`',
    ]);
  }
  return joined([{ folder: path, files: files.filter((f) => !isLabels(f)) }], {
    folder: path,
    files: files.filter(isLabels),
  });
}

interface Listing {
  readonly folder: string;
  readonly files: readonly string[];
}

/** Images of each modality and labels with the same key, in the order of the first modality. */
function joined(sources: readonly Listing[], labels: Listing): Outcome<readonly FilePair[]> {
  const problems: Diagnostic[] = [];
  const byKey = ({ folder, files }: Listing): Map<string, string> => {
    const paths = new Map<string, string>();
    for (const file of files) {
      const path = join(folder, file);
      const other = paths.get(keyOf(file));
      if (other === undefined) paths.set(keyOf(file), path);
      else problems.push(unpaired(`${path} and ${basename(other)} have the same name`, []));
    }
    return paths;
  };
  const imagePaths = sources.map(byKey);
  const labelPaths = byKey(labels);
  const [first = new Map<string, string>()] = imagePaths;
  if (first.size === 0 && labelPaths.size === 0) {
    return unknown(
      `there are no images in ${[...new Set([...sources, labels].map((s) => s.folder))].join(', ')}`,
      ['`docs/data.md` shows how folders of images and masks are laid out'],
    );
  }
  const pairs: FilePair[] = [];
  const keys = new Set([...imagePaths.flatMap((paths) => [...paths.keys()]), ...labelPaths.keys()]);
  for (const key of keys) {
    const found = imagePaths.map((paths) => paths.get(key));
    const label = labelPaths.get(key);
    const images = found.filter((path) => path !== undefined);
    if (label !== undefined && images.length === found.length) {
      pairs.push({ images, labels: label });
      continue;
    }
    const lacking = found.flatMap((p, i) => (p === undefined ? [sources[i]?.folder ?? ''] : []));
    const [known = label ?? ''] = images;
    problems.push(
      label === undefined
        ? unpaired(`${known} has no labels in ${labels.folder}`, [
            'add its mask, or take the image away',
          ])
        : unpaired(
            `${known === label ? label : `${known} and ${label}`} have no image in ${lacking.join(', ')}`,
            ['add the image, or take the others away'],
          ),
    );
  }
  return problems.length > 0
    ? { ok: false, diagnostics: shortened(problems) }
    : { ok: true, value: pairs };
}

function unpaired(message: string, hints: readonly string[]): Diagnostic {
  return diagnostic('unpaired-image', message, { hints });
}

/**
 * The patient or volume that a file is of: its name before the last number (`pat3` of
 * `pat3_z041.png`), undefined where nothing comes before.
 */
export function groupOf(path: string): string | undefined {
  const stem = basename(path, extname(path));
  const group = stem.replace(/[ _.-]*[a-z]*\d+$/i, '');
  return group === '' || group === stem ? undefined : group;
}
