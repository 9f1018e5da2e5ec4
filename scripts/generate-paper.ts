/**
 * Writes docs/sdunet-paper.md: `npm run paper`. What is measured takes a minute and differs each
 * time; with `--counted` that section is left as it is.
 */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { measureLatency } from '../bench/latency.js';
import { loadNow, machineLine, today } from './machine.js';
import {
  countedPart,
  MEASURED,
  MEASURED_MODELS,
  measuredPart,
  openPaperModel,
} from './paper-page.js';

const PAGE = 'docs/sdunet-paper.md';
const ROUNDS = 15;
const SIZE = 256;

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');

async function measured(): Promise<string> {
  const models = MEASURED_MODELS.map((name) => openPaperModel(read, name, SIZE));
  const load = loadNow();
  const latencies = await measureLatency(models, ROUNDS);
  return measuredPart(models, latencies, {
    date: today(),
    machine: machineLine(),
    load,
    rounds: ROUNDS,
    size: SIZE,
  });
}

/** The section as it is in the page. */
function kept(): string {
  const page = read(PAGE);
  return page.slice(page.indexOf(MEASURED));
}

const last = process.argv.includes('--counted') ? kept() : await measured();
await writeFile(new URL(`../${PAGE}`, import.meta.url), countedPart(read) + last);
console.log(PAGE);
