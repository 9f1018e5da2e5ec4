/** How many variants of SD-UNet `archc sweep` counts a second, as a whole process. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { interleave } from './measure.js';

const ROUNDS = 3;
/** Starting, and V8 compiling the same code in each thread, weigh less in a longer sweep. */
const RUNS = [
  { variants: 4096, jobs: 1 },
  { variants: 4096, jobs: 2 },
  { variants: 16384, jobs: 2 },
];
/** The project's target on two cores, a second. */
const TARGET = 1000;

export function sweep(): void {
  const cwd = fileURLToPath(new URL('../', import.meta.url));
  const runs = RUNS.map(({ variants, jobs }) => (): void => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [
        'dist/cli.cjs',
        'sweep',
        'models/sdunet.arch',
        // With one group, every width is valid: failures would be faster.
        ...[
          '--set',
          'groups=1',
          '--vary',
          'ws=true,false',
          '--vary',
          `width=8..${8 + variants / 2}`,
        ],
        ...['--format', 'csv', '--jobs', String(jobs)],
      ],
      { cwd, encoding: 'utf8', maxBuffer: 2 ** 28 },
    );
    if (status !== 0) throw new Error(stderr);
    const counted = stdout.split('\n').filter((line) => line.includes(',kept,')).length;
    if (counted !== variants) throw new Error(`${counted} variants counted`);
  });
  console.log('sweep of SD-UNet: variants   threads        s   variants/s');
  interleave(ROUNDS, runs).forEach(({ min }, i) => {
    const { variants, jobs } = RUNS[i] ?? { variants: 0, jobs: 0 };
    const rate = (variants * 1000) / min;
    const target = jobs === 2 ? `   (target: at least ${TARGET})` : '';
    console.log(
      `${String(variants).padStart(26)} ${String(jobs).padStart(9)} ` +
        `${(min / 1000).toFixed(2).padStart(8)} ${rate.toFixed(0).padStart(12)}${target}`,
    );
  });
}
