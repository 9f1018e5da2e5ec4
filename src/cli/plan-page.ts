/** The page that shows a compiled model in the browser, for the folder of its plan. */
import { readFile } from 'node:fs/promises';

/** `index.html` and the runtime it loads, as the build has put them beside the command line. */
export async function planPage(): Promise<
  readonly { readonly name: string; readonly bytes: Uint8Array }[]
> {
  const files = [
    ['index.html', 'webgpu.html'],
    ['runtime.js', 'webgpu.js'],
  ] as const;
  return Promise.all(
    files.map(async ([name, built]) => ({
      name,
      bytes: await readFile(new URL(built, import.meta.url)),
    })),
  );
}
