/** The page that shows a compiled model in the browser, for the folder of its plan. */
import { readFile } from 'node:fs/promises';
import type { Artifact, ArtifactFile } from '../compile.js';

/** All that is written for an artifact: a plan has the page beside its own files. */
export async function withPage(artifact: Artifact): Promise<Artifact> {
  if (artifact.target !== 'wgsl') return artifact;
  return { ...artifact, files: [...artifact.files, ...(await planPage())] };
}

/** `index.html` and the runtime it loads, as the build has put them beside the command line. */
async function planPage(): Promise<readonly ArtifactFile[]> {
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
