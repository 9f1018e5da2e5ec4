/**
 * A Vulkan driver that computes on the CPU, from npm alone: SwiftShader and the Vulkan loader as
 * `@sparticuz/chromium` packs them.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';

const BLOCK = 512;
/** Not its OpenGL, which other programs could take for theirs. */
const WANTED = /^(libvk_swiftshader\.so|vk_swiftshader_icd\.json|libvulkan\.so\.1)$/;

/**
 * Points the processes that this one starts at a Vulkan driver: at the one that `ARCHC_VULKAN_ICD`
 * names (an ICD's JSON file), else at SwiftShader. The loader comes from the package either way.
 */
export function useVulkanDriver(): void {
  const folder = swiftShader();
  const { env } = process;
  env['VK_ICD_FILENAMES'] = env['ARCHC_VULKAN_ICD'] ?? join(folder, 'vk_swiftshader_icd.json');
  const paths = (env['LD_LIBRARY_PATH'] ?? '').split(':').filter((path) => path !== folder);
  env['LD_LIBRARY_PATH'] = [folder, ...paths].filter((path) => path !== '').join(':');
}

/** `RTLD_NODELETE` of Linux: Node unloads what turns out to be no addon. Node has no name for it. */
const RTLD_NODELETE = 0x1000;

/** The same for this process, before it loads `webgpu`. */
export function loadVulkan(): void {
  useVulkanDriver();
  const flags = constants.dlopen.RTLD_NOW | RTLD_NODELETE;
  try {
    process.dlopen({ exports: {} }, join(swiftShader(), 'libvulkan.so.1'), flags);
  } catch (error) {
    // It is no addon of Node and so registers none, but stays loaded.
    if (!String(error).includes('did not self-register')) throw error;
  }
}

/** The folder of SwiftShader and of `libvulkan.so.1`; unpacked once, and again for another version. */
export function swiftShader(): string {
  const entry = createRequire(import.meta.url).resolve('@sparticuz/chromium');
  const chromium = dirname(dirname(entry));
  const { version } = JSON.parse(readFileSync(join(chromium, 'package.json'), 'utf8')) as {
    version: string;
  };
  const modules = dirname(dirname(chromium));
  const folder = join(modules, '.cache/archc', `swiftshader-${version}`);
  if (existsSync(folder)) return folder;
  const packed = readFileSync(join(chromium, 'bin/swiftshader.tar.br'));
  // Beside, then renamed: several processes may come here at once.
  const fresh = `${folder}.${process.pid}`;
  mkdirSync(fresh, { recursive: true });
  for (const { name, content } of untar(brotliDecompressSync(packed))) {
    writeFileSync(join(fresh, name), content, { mode: 0o755 });
  }
  try {
    renameSync(fresh, folder);
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    if (!existsSync(folder)) throw error;
  }
  return folder;
}

/** The plain files of a tar archive (POSIX ustar), all in one folder. */
function* untar(archive: Uint8Array): Generator<{ name: string; content: Uint8Array }> {
  const text = (from: number, length: number): string =>
    new TextDecoder().decode(archive.subarray(from, from + length)).replace(/\0.*$/s, '');
  for (let at = 0; at + BLOCK <= archive.length && archive[at] !== 0;) {
    const size = Number.parseInt(text(at + 124, 12), 8);
    const isFile = ['', '0'].includes(text(at + 156, 1));
    const name = text(at, 100).split('/').at(-1) ?? '';
    if (isFile && WANTED.test(name))
      yield { name, content: archive.subarray(at + BLOCK, at + BLOCK + size) };
    at += BLOCK * (1 + Math.ceil(size / BLOCK));
  }
}
