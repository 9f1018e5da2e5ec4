/** The compiler's way to the file system: imports, and what belongs to the project. */
import { existsSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import type { Host } from '../compiler/modules.js';
import { readText, STDIN_PATH } from '../files/read.js';

/** What stands in the root of a project. */
const ROOT_MARKS = ['package.json', '.git'];

/** Reads the imports of `entry`, relative to where the command runs as its own path is. */
export function fileHost(entry: string): Host {
  const folder = entry === STDIN_PATH ? resolve() : dirname(resolve(entry));
  let root: string | undefined;
  return {
    read: readText,
    isOutside(path) {
      root ??= projectRoot(folder);
      const inside = relative(root, resolve(path));
      return inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside);
    },
  };
}

/** The nearest folder upwards with a `package.json` or `.git`, else the folder itself. */
function projectRoot(folder: string): string {
  for (let at = folder; ; at = dirname(at)) {
    if (ROOT_MARKS.some((name) => existsSync(join(at, name)))) return at;
    if (dirname(at) === at) return folder;
  }
}
