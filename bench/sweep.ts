/** How many variants of SD-UNet `archc sweep` counts a second, as a whole process. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { interleave } from './measure.js';

const VARIANTS = 4096;
const ROUNDS = 3;
const JOBS = [1, 2];
/** The project's target on two cores, a second. */
const TARGET = 1000;

export function sweep(): void {
  const cwd = fileURLToPath(new URL('../', import.meta.url));
  const run = (jobs: number) => (): void => {
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
          `width=8..${8 + VARIANTS / 2}`,
        ],
        ...['--format', 'csv', '--jobs', String(jobs)],
      ],
      { cwd, encoding: 'utf8', maxBuffer: 2 ** 28 },
    );
    if (status !== 0) throw new Error(stderr);
    const counted = stdout.split('\n').filter((line) => line.includes(',kept,')).length;
    if (counted !== VARIANTS) throw new Error(`${counted} variants counted`);
  };
  console.log(`sweep of ${VARIANTS} variants of SD-UNet      s   variants/s`);
  interleave(ROUNDS, JOBS.map(run)).forEach(({ min }, i) => {
    const jobs = JOBS[i] ?? 0;
    const rate = (VARIANTS * 1000) / min;
    const target = jobs === 2 ? `   (target: at least ${TARGET})` : '';
    console.log(
      `  ${jobs} thread${jobs === 1 ? ' ' : 's'}      ${(min / 1000).toFixed(2).padStart(29)} ` +
        `${rate.toFixed(0).padStart(12)}${target}`,
    );
  });
}
