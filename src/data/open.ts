/** Datasets in files: recognises what a path holds and opens it. */
import { existsSync } from 'node:fs';
import { extname, join } from 'node:path';
import { diagnostic, type Outcome } from '../compiler/diagnostic.js';
import { openNpy, openSafetensors } from './arrays.js';
import type { Dataset, DatasetOptions } from './dataset.js';
import { openDecathlon } from './decathlon.js';
import { isFolder, listFolder, readStart } from './disk.js';
import { openPairs } from './pairs.js';
import { IMAGE_TYPES } from './pairing.js';

/**
 * The dataset at a path: a folder of images and masks, a stack with its labels beside it, a
 * `dataset.json` of the Decathlon or its folder, a safetensors file, or `.npy` files; docs/data.md
 * has the rules. Whatever is wrong comes back as diagnostics: `unknown-dataset`, `unpaired-image`,
 * `data-mismatch`, `bad-label`, and those of the files' readers.
 */
export async function openDataset(
  path: string,
  options: DatasetOptions = {},
): Promise<Outcome<Dataset>> {
  if (isFolder(path)) {
    const description = join(path, 'dataset.json');
    if (existsSync(description)) return openDecathlon(description, options);
    const listed = listFolder(path);
    if (!listed.ok) return listed;
    const { files, folders } = listed.value;
    if (files.length === 0 && folders.length === 0) {
      return unknown(`${path} is empty`, []);
    }
    const hasArrays = files.some((name) => extname(name).toLowerCase() === '.npy');
    return hasArrays && folders.length === 0 ? openNpy(path, options) : openPairs(path, options);
  }
  // A path that leads nowhere is said before what it would be.
  const start = readStart(path, 1);
  if (!start.ok) return start;
  const type = extname(path).slice(1).toLowerCase();
  if (type === 'json') return openDecathlon(path, options);
  if (type === 'safetensors') return openSafetensors(path, options);
  if (type === 'npy') return openNpy(path, options);
  if (IMAGE_TYPES.includes(type)) return openPairs(path, options);
  return unknown(`${path} is no dataset that archc knows`, [
    'name a folder of images and masks, a TIFF stack, a dataset.json, a .safetensors or a .npy file',
  ]);
}

function unknown(message: string, hints: readonly string[]): Outcome<never> {
  return { ok: false, diagnostics: [diagnostic('unknown-dataset', message, { hints })] };
}
