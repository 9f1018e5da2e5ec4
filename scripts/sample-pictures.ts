/**
 * Writes samples of a dataset as PNG, each plain, with its labels outlined, and augmented in several ways:
 * node scripts/run.mjs scripts/sample-pictures.ts FOLDER [DATASET | membranes | tumours]
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Outcome } from '../src/compiler/diagnostic.js';
import { augment } from '../src/data/augment.js';
import type { Augmentation, Dataset } from '../src/data/dataset.js';
import { membranes } from '../src/data/membranes.js';
import { openDataset } from '../src/data/open.js';
import { writePng } from '../src/data/png.js';
import { TUMOUR_MODALITIES, tumours } from '../src/data/tumours.js';
import { outlined, sampleFiles } from '../src/data/write.js';

const SAMPLES = 4;
const SEED = 0;
const AUGMENTATIONS: readonly Augmentation[] = [
  { kind: 'flip' },
  { kind: 'quarterturn' },
  { kind: 'rotate', degrees: 15 },
  { kind: 'shift', share: 0.1 },
  { kind: 'shear', degrees: 8 },
  { kind: 'zoom', share: 0.1 },
  { kind: 'elastic', alpha: 60, sigma: 6 },
  { kind: 'intensity', share: 0.1 },
];

function need<T>(outcome: Outcome<T>): T {
  if (outcome.ok) return outcome.value;
  console.error(outcome.diagnostics.map((d) => `${d.code}: ${d.message}`).join('\n'));
  process.exit(1);
}

async function write(path: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, bytes);
  console.log(path);
}

async function datasetOf(name: string): Promise<Dataset> {
  if (name === 'membranes') return membranes(SAMPLES, 256, SEED);
  if (name === 'tumours') return tumours(2, 8, 240, SEED);
  return need(await openDataset(name));
}

const [folder, name = 'membranes'] = process.argv.slice(2);
if (folder === undefined) {
  console.error('usage: sample-pictures.ts FOLDER [DATASET | membranes | tumours]');
  process.exit(2);
}
const dataset = await datasetOf(name);
console.log(dataset.description);
for (let i = 0; i < Math.min(SAMPLES, dataset.count); i++) {
  // Spread over the set, the middle of each part.
  const index = Math.floor(((i + 0.5) * dataset.count) / Math.min(SAMPLES, dataset.count));
  const modalities = name === 'tumours' ? TUMOUR_MODALITIES : undefined;
  for (const { path, bytes } of need(await sampleFiles(dataset, index, modalities))) {
    await write(join(folder, path), bytes);
  }
  const sample = need(await dataset.load(index));
  await write(join(folder, `outlined/${index}.png`), await writePng(outlined(sample)));
  for (const augmentation of AUGMENTATIONS) {
    const key = { seed: SEED, step: i, sample: 0 };
    const picture = need(augment(sample, [augmentation], undefined, key));
    const path = join(folder, `augmented/${index}-${augmentation.kind}.png`);
    await write(path, await writePng(outlined(picture)));
  }
  const all = need(augment(sample, AUGMENTATIONS, [128, 128], { seed: SEED, step: i, sample: 1 }));
  await write(join(folder, `augmented/${index}-all.png`), await writePng(outlined(all)));
}
