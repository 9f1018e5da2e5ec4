/**
 * All benchmarks: `npm run bench`, or one of them by name: `npm run bench -- startup`. Kernels beside
 * those of other engines on one adapter take minutes and stand apart: `npm run bench:webgpu`.
 */
import { scale } from './scale.js';
import { startup } from './startup.js';
import { sweep } from './sweep.js';
import { training } from './training.js';

const benchmarks: Readonly<Record<string, () => void | Promise<void>>> = {
  startup,
  scale,
  sweep,
  training,
};

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !(name in benchmarks));
if (unknown.length > 0) {
  console.error(
    `no benchmark ${unknown.join(', ')}; there are ${Object.keys(benchmarks).join(', ')}`,
  );
  process.exitCode = 2;
} else {
  for (const [name, run] of Object.entries(benchmarks)) {
    if (asked.length === 0 || asked.includes(name)) await run();
  }
}
