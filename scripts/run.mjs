// Runs a TypeScript file: node scripts/run.mjs FILE [ARGUMENT…]
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [entry] = process.argv.splice(2, 1);
if (entry === undefined) {
  console.error('usage: node scripts/run.mjs FILE [ARGUMENT…]');
  process.exit(2);
}
// Inside the package, so that its dependencies resolve.
const folder = join(root, 'node_modules/.cache/archc');
const outfile = join(folder, `run-${process.pid}.mjs`);
await mkdir(folder, { recursive: true });
try {
  await build({
    entryPoints: [resolve(entry)],
    outfile,
    bundle: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: 'node20',
    // Paths in the source are relative to where it is, not to where the bundle lies.
    define: { 'import.meta.url': JSON.stringify(pathToFileURL(resolve(entry)).href) },
    sourcemap: 'inline',
    logLevel: 'warning',
  });
  await import(pathToFileURL(outfile).href);
} finally {
  await rm(outfile, { force: true });
}
