/** The models of the files under models/, as graphs at their sizes. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileHost } from '../../src/cli/host.js';
import { check } from '../../src/compiler/check.js';
import type { Graph } from '../../src/compiler/ir.js';
import { ROOT } from './cli.js';

/** `models/unet.arch`, `models/zoo/resnet18.arch`, … */
export const MODEL_FILES: readonly string[] = ['models', 'models/zoo'].flatMap((folder) =>
  readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith('.arch'))
    .sort()
    .map((name) => `${folder}/${name}`),
);

/** The models of a file, by name, at a height and width or those of the source. */
export function graphsOf(file: string, size?: number): ReadonlyMap<string, Graph> {
  const path = join(ROOT, file);
  const checked = check({ path, text: readFileSync(path, 'utf8') }, fileHost(path), {
    ...(size === undefined ? {} : { sizes: { image: [size, size] } }),
  });
  return new Map(
    checked.models.map(({ name, staticGraph }) => {
      if (staticGraph !== undefined) return [name, staticGraph];
      throw new Error(checked.diagnostics.map(({ message }) => message).join('\n'));
    }),
  );
}
