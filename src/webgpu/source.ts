/** Where a plan's files come from, and whether they are what the plan says. */
import { messageOf, PlanError } from './error.js';

export interface PlanSource {
  /** A file by its path in the plan's folder, as `kernels/conv.wgsl`. Rejects where it is absent. */
  read(file: string): Promise<Uint8Array>;
}

/** Files over HTTP, or, in Node, those of a folder. */
export function sourceAt(folder: string | URL): PlanSource {
  const path = String(folder);
  // Asked for at run time, so that a bundle for browsers has nothing of Node in it.
  const { process } = globalThis as {
    process?: {
      getBuiltinModule?: (id: string) => {
        readFile: (path: string) => Promise<Uint8Array>;
      };
    };
  };
  const isFile = path.startsWith('file:') || !/^[a-z][\w+.-]+:/i.test(path);
  const files = isFile ? process?.getBuiltinModule?.('node:fs/promises') : undefined;
  const base = path.endsWith('/') ? path : `${path}/`;
  if (files !== undefined) {
    const start = base.startsWith('file:') ? decodeURIComponent(new URL(base).pathname) : base;
    return { read: (file) => files.readFile(start + file) };
  }
  return {
    async read(file) {
      const response = await fetch(base + file);
      if (!response.ok) throw new Error(`HTTP status ${response.status}`);
      return new Uint8Array(await response.arrayBuffer());
    },
  };
}

export async function readFile(source: PlanSource, file: string): Promise<Uint8Array> {
  try {
    return await source.read(file);
  } catch (error) {
    throw new PlanError('missing-file', `${file} could not be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** A file of which the plan knows the size and the SHA-256. */
export async function readChecked(
  source: PlanSource,
  {
    file,
    bytes,
    sha256,
  }: { readonly file: string; readonly bytes: number; readonly sha256: string },
): Promise<Uint8Array> {
  const content = await readFile(source, file);
  if (content.length !== bytes) {
    const what = content.length < bytes ? 'truncated' : 'another file';
    throw new PlanError(
      'damaged-file',
      `${file} has ${content.length} bytes instead of ${bytes}: it is ${what}`,
    );
  }
  await checkHash(file, content, sha256);
  return content;
}

export async function checkHash(file: string, content: Uint8Array, sha256: string): Promise<void> {
  if ((await sha256Of(content)) === sha256) return;
  throw new PlanError('damaged-file', `${file} is not the file of this plan: its SHA-256 differs`);
}

/** In hexadecimal digits. */
export async function sha256Of(content: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', content);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
