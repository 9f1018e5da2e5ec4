/** Builds dist/ before the tests that run the command line; nothing where it is up to date. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export default function buildOnce(): void {
  const script = fileURLToPath(new URL('../../scripts/build.mjs', import.meta.url));
  const { status } = spawnSync(process.execPath, [script, '--if-stale'], { stdio: 'inherit' });
  // Tests of the library need no build; those of the command line fail by themselves without one.
  if (status !== 0) console.error('dist/ is not built: tests of the command line will fail');
}
