// Builds dist/: the command line as one file, the library, its types. `--if-stale` does nothing
// where dist/ is newer than everything it is made from.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import {
  chmod,
  copyFile,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');
const SOURCES = [
  'grammar',
  'src',
  'std',
  'scripts',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
];
const LIBRARY = {
  index: 'src/index.ts',
  prettier: 'src/format/index.ts',
  tfjs: 'src/tfjs/index.ts',
};
const RUNTIME = { webgpu: 'src/webgpu/index.ts' };
/** What the command line leaves to node_modules: large, or native, and loaded only when used. */
const EXTERNAL = [
  'elkjs',
  'prettier',
  'onnxruntime-node',
  'onnxruntime-web',
  'webgpu',
  '@tensorflow/tfjs',
  '@tensorflow/tfjs-backend-wasm',
  '@tensorflow/tfjs-backend-webgpu',
];

/** What a built dist/ is valid for, besides its sources: the compiled form is one Node's. */
const stamp = JSON.stringify({ node: process.version, arch: process.arch });

/** The time of the newest file under `path`, in ms; 0 where there is none. */
async function newest(path) {
  const info = await stat(path).catch(() => undefined);
  if (info === undefined) return 0;
  if (!info.isDirectory()) return info.mtimeMs;
  const names = await readdir(path);
  const times = await Promise.all(names.map((name) => newest(join(path, name))));
  // A folder's own time counts too: it changes when a file is deleted.
  return Math.max(info.mtimeMs, ...times);
}

async function isFresh() {
  const file = join(dist, 'build.json');
  if (!existsSync(file) || (await readFile(file, 'utf8')) !== stamp) return false;
  const { mtimeMs } = await stat(file);
  const times = await Promise.all(SOURCES.map((name) => newest(join(root, name))));
  return Math.max(...times) < mtimeMs;
}

async function bundleCommandLine(out) {
  const { metafile } = await bundle({
    absWorkingDir: root,
    entryPoints: {
      main: 'src/cli/main.ts',
      'sweep-worker': 'src/sweep/worker.ts',
      'verify-worker': 'src/verify/worker.ts',
    },
    outdir: out,
    outExtension: { '.js': '.cjs' },
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node20',
    // Names stay and lines are short, so that the trace of an internal error can be read.
    minifySyntax: true,
    minifyWhitespace: true,
    lineLimit: 120,
    external: EXTERNAL,
    define: { 'import.meta.url': 'moduleUrl' },
    // A script with a code cache cannot call `import()`; esbuild writes a delayed `require` instead.
    supported: { 'dynamic-import': false },
    banner: { js: "const moduleUrl = require('node:url').pathToFileURL(__filename).href;" },
    legalComments: 'none',
    metafile: true,
    logLevel: 'warning',
  });
  await writeFile(join(out, 'THIRD-PARTY-LICENSES.txt'), await licences(metafile));
  await copyFile(join(root, 'scripts/launcher.cjs'), join(out, 'cli.cjs'));
  await chmod(join(out, 'cli.cjs'), 0o755);
}

/** The licences of the packages that a bundle holds. */
async function licences(metafile) {
  const packages = new Set();
  for (const input of Object.keys(metafile.inputs)) {
    const found = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (found?.[1] !== undefined) packages.add(found[1]);
  }
  const texts = [];
  for (const folder of [...packages].sort()) {
    const { name, version, license } = JSON.parse(
      await readFile(join(root, folder, 'package.json'), 'utf8'),
    );
    const file = (await readdir(join(root, folder))).find((f) => /^licen[cs]e/i.test(f));
    const text = file === undefined ? '' : await readFile(join(root, folder, file), 'utf8');
    texts.push(`${name} ${version} (${license})\n\n${text.trim()}\n`);
  }
  return texts.join(`\n${'-'.repeat(78)}\n\n`);
}

async function bundleLibrary(out) {
  await bundle({
    absWorkingDir: root,
    entryPoints: LIBRARY,
    outdir: out,
    bundle: true,
    format: 'esm',
    splitting: true,
    platform: 'neutral',
    target: 'es2022',
    packages: 'external',
    external: ['node:*'],
    logLevel: 'warning',
  });
}

/** The runtime of kernel plans: one small file, which pages of compiled models bring along too. */
async function bundleRuntime(out) {
  await bundle({
    absWorkingDir: root,
    entryPoints: RUNTIME,
    outdir: out,
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'neutral',
    target: 'es2022',
    logLevel: 'warning',
  });
  await copyFile(join(root, 'src/webgpu/page.html'), join(out, 'webgpu.html'));
}

/** Declarations only; `npm run typecheck` is what checks types. */
function emitTypes(out) {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);
  const files = Object.values({ ...LIBRARY, ...RUNTIME }).map((file) => join(root, file));
  const program = ts.createProgram(files, {
    ...options,
    noEmit: false,
    declaration: true,
    emitDeclarationOnly: true,
    rootDir: root,
    outDir: join(out, 'types'),
  });
  const { diagnostics } = program.emit();
  for (const { messageText } of diagnostics) {
    console.error(ts.flattenDiagnosticMessageText(messageText, '\n'));
  }
  if (diagnostics.length > 0) throw new Error('the type declarations could not be written');
}

/** Nothing depends on the compiled form but speed, so a failure is no failure of the build. */
async function compileAhead() {
  const files = ['scripts/code-cache.cjs', 'dist/cli.cjs', 'models/sdunet.arch'];
  try {
    await promisify(execFile)(
      process.execPath,
      files.map((file) => join(root, file)),
    );
  } catch (error) {
    console.warn(`build: archc will start more slowly: ${error.message.trim()}`);
  }
}

/** Two renames, so that no one sees half a build; again where another build came between them. */
async function replaceFolder(made, target, aside) {
  for (let attempt = 1; ; attempt++) {
    if (existsSync(target)) await rename(target, aside);
    try {
      return await rename(made, target);
    } catch (error) {
      await rm(aside, { recursive: true, force: true });
      if (attempt === 5) throw error;
    }
  }
}

async function build() {
  const out = `${dist}.${process.pid}.new`;
  const old = `${dist}.${process.pid}.old`;
  try {
    await mkdir(out, { recursive: true });
    // One after the other: when one fails, nothing else may still be writing into the folder.
    await bundleCommandLine(out);
    await bundleLibrary(out);
    await bundleRuntime(out);
    emitTypes(out);
    await replaceFolder(out, dist, old);
    // In its final place, because the compiled form remembers the path of its source.
    await compileAhead();
    await writeFile(join(dist, 'build.json'), stamp);
  } finally {
    await rm(out, { recursive: true, force: true });
    await rm(old, { recursive: true, force: true });
  }
}

if (process.argv.includes('--if-stale') && (await isFresh())) process.exit(0);
// Only now, because loading them takes longer than finding that there is nothing to do.
const { build: bundle } = await import('esbuild');
const { default: ts } = await import('typescript');
const start = performance.now();
try {
  await build();
  console.log(`built ${relative(root, dist)}/ in ${Math.round(performance.now() - start)} ms`);
} catch (error) {
  console.error(`build failed: ${error.message}`);
  process.exitCode = 1;
}
