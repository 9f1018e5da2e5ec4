// Runs the tests and ends with one line: `N passed, N failed, N skipped`. Arguments go to vitest.
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Counts in a report of vitest's `json` reporter. A file that fails to load is one failure. */
function count(report) {
  const unloaded = report.testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0,
  );
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + unloaded.length,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = await mkdtemp(join(tmpdir(), 'archc-test-'));
const reportFile = join(folder, 'report.json');
const options = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`];
const child = spawn(
  process.execPath,
  [join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...options, ...process.argv.slice(2)],
  { cwd: root, stdio: 'inherit' },
);
const [code] = await once(child, 'exit');

const result = { passed: 0, failed: 0, skipped: 0 };
try {
  Object.assign(result, count(JSON.parse(await readFile(reportFile, 'utf8'))));
} catch (error) {
  console.error(`no report of the tests: ${error.message}`);
}
await rm(folder, { recursive: true, force: true });
// An error outside any test still fails the run.
if (code !== 0 && result.failed === 0) result.failed = 1;
const skipped = result.skipped > 0 ? `, ${result.skipped} skipped` : '';
console.log(`${result.passed} passed, ${result.failed} failed${skipped}`);
process.exitCode = code ?? 1;
