/**
 * Writes samples of a dataset as PNG, each plain, with its labels outlined, and augmented in several ways:
 * node scripts/run.mjs scripts/sample-pictures.ts FOLDER [DATASET | membranes | tumours]
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Outcome } from '../src/compiler/diagnostic.js';
import type { Tensor } from '../src/compiler/ir.js';
import { augment } from '../src/data/augment.js';
import type { Augmentation, Dataset } from '../src/data/dataset.js';
import { membranes } from '../src/data/membranes.js';
import { openDataset } from '../src/data/open.js';
import { writePng } from '../src/data/png.js';
import { TUMOUR_MODALITIES, tumours } from '../src/data/tumours.js';
import type { Picture } from '../src/data/warp.js';
import { sampleFiles } from '../src/data/write.js';

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
function outlined({ height, width, channels, image, labels }: Picture): Tensor {
  const grey = image.filter((_, i) => i % channels === 0);
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
