/** Drawn samples as files, to try an experiment without its data. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Dataset } from '../src/data/dataset.js';
import { sampleFiles } from '../src/data/write.js';
import { need } from './pictures.js';

/** Writes a folder of pairs; of several channels, named by `modalities`, those of `kept` alone. */
export async function writeDrawn(
  folder: string,
  dataset: Dataset,
  modalities: readonly string[] = [],
  kept: readonly string[] = [],
): Promise<string> {
  const left = modalities.filter((each) => !kept.includes(each));
  for (let index = 0; index < dataset.count; index++) {
    for (const { path, bytes } of need(await sampleFiles(dataset, index, modalities))) {
      if (left.includes(dirname(path))) continue;
      const file = join(folder, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, bytes);
    }
  }
  return folder;
}
