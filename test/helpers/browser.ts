/**
 * A headless Chromium for tests, from the packages alone: it runs on a bare machine that has no
 * browser, no libraries of one and no fonts. Unpacked once, into the cache of node_modules.
 */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import packed, { inflate } from '@sparticuz/chromium';
import { chromium, type Browser, type LaunchOptions } from 'playwright-core';
import { afterAll } from 'vitest';
import { ROOT } from './cli.js';

const PACKAGE = join(ROOT, 'node_modules', '@sparticuz', 'chromium');
const CACHE = join(ROOT, 'node_modules', '.cache', 'archc');

/** Unpacks into a folder of its own, then renames it: test files run at the same time. */
async function unpacked(): Promise<string> {
  const { version } = JSON.parse(await readFile(join(PACKAGE, 'package.json'), 'utf8')) as {
    version: string;
  };
  const folder = join(CACHE, `chromium-${version}`);
  if (existsSync(folder)) return folder;
  await mkdir(CACHE, { recursive: true });
  const made = await mkdtemp(join(CACHE, 'chromium-'));
  // The package unpacks to wherever `tmpdir()` is at the time.
  const before = process.env['TMPDIR'];
  process.env['TMPDIR'] = made;
  try {
    await packed.executablePath();
    // NSS and expat, which the package itself unpacks on Lambda only.
    await inflate(join(PACKAGE, 'bin', 'al2023.tar.br'));
  } finally {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
  }
  // Its own names folders of Lambda.
  await writeFile(
    join(made, 'fonts', 'fonts.conf'),
    `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>
<dir>/usr/share/fonts</dir><dir>${join(folder, 'fonts')}</dir>
<cachedir>${join(folder, 'font-cache')}</cachedir></fontconfig>\n`,
  );
  try {
    await rename(made, folder);
  } catch (error) {
    await rm(made, { recursive: true, force: true });
    if (!existsSync(folder)) throw error;
  }
  return folder;
}

/**
 * Starts the browser, which is closed after the tests of the file. `args` are further flags of
 * Chromium: its own WebGPU, say, needs some. It has no sandbox, which root may not use.
 */
export async function openBrowser(args: readonly string[] = []): Promise<Browser> {
  const folder = await unpacked();
  const libraries = [join(folder, 'al2023', 'lib'), process.env['LD_LIBRARY_PATH']];
  const options: LaunchOptions = {
    executablePath: join(folder, 'chromium'),
    args: ['--no-sandbox', ...args],
    env: {
      ...process.env,
      LD_LIBRARY_PATH: libraries.filter((path) => path !== undefined).join(':'),
      FONTCONFIG_PATH: join(folder, 'fonts'),
    },
  };
  const browser = await chromium.launch(options);
  afterAll(() => browser.close());
  return browser;
}
