/** Writes the files that derive from the grammar: `npm run generate`. */
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { grammarFiles } from './grammar-files.js';

for (const [path, text] of await grammarFiles()) {
  await writeFile(fileURLToPath(new URL(`../${path}`, import.meta.url)), text);
  console.log(path);
}
