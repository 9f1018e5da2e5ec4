/** Draws the pictures in docs/: `npm run generate`. */
import { writeFile } from 'node:fs/promises';
import { pictureFiles } from './picture-files.js';

for (const [path, text] of await pictureFiles()) {
  await writeFile(new URL(`../${path}`, import.meta.url), text);
  console.log(path);
}
