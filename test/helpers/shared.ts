/** Finds data that lies beside the repository and is not part of it. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The path of `../shared/data/…` beside the repository, or undefined where it is absent. */
export function sharedData(...parts: readonly string[]): string | undefined {
  return shared('data', ...parts);
}

/** The path of `../shared/design/…` beside the repository, or undefined where it is absent. */
export function sharedDesign(...parts: readonly string[]): string | undefined {
  return shared('design', ...parts);
}

function shared(...parts: readonly string[]): string | undefined {
  const path = ['..', '..', '..', 'shared', ...parts].join('/');
  const found = fileURLToPath(new URL(path, import.meta.url));
  return existsSync(found) ? found : undefined;
}
