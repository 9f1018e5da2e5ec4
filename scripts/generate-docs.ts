/** Writes the pages that derive from the code: `npm run generate`. */
import { writeFile } from 'node:fs/promises';
import { docsFiles } from './docs-files.js';

for (const [path, text] of docsFiles()) {
  await writeFile(new URL(`../${path}`, import.meta.url), text);
  console.log(path);
}
