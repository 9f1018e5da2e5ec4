/** `archc check models/sdunet.arch` as a whole process, beside a Node that does nothing. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { interleave } from './measure.js';

const ROUNDS = 15;
/** The project's target for the ratio. */
const TARGET = 2.5;

export function startup(): void {
  const cwd = fileURLToPath(new URL('../', import.meta.url));
  const node =
    (...args: string[]) =>
    (): void => {
      const { status, stderr } = spawnSync(process.execPath, args, { cwd, encoding: 'utf8' });
      if (status !== 0) throw new Error(stderr);
    };
  const [bare, check] = interleave(ROUNDS, [
    node('-e', '0'),
    node('dist/cli.cjs', 'check', 'models/sdunet.arch'),
  ]);
  if (bare === undefined || check === undefined) return;
  console.log(`start-up, ${ROUNDS} rounds in turns        min ms   median ms`);
  console.log(`  node -e 0                        ${columns(bare.min, bare.median)}`);
  console.log(`  archc check models/sdunet.arch   ${columns(check.min, check.median)}`);
  console.log(
    `  ratio                            ${columns(check.min / bare.min, check.median / bare.median)}` +
      `   (target: at most ${TARGET})`,
  );
}

function columns(...values: readonly number[]): string {
  return values.map((v) => v.toFixed(2).padStart(9)).join('   ');
}
