/** Images and arrays as they flow into a model. */
import { diagnostic, inFile, type Diagnostic, type Outcome } from '../compiler/diagnostic.js';
import type { Tensor } from '../compiler/ir.js';
import type { RunInput } from '../run.js';
import { flagSource } from './exit.js';
import { readFile } from '../files/read.js';
import { splitNamed, wrongOption } from './options.js';
import { counted } from './words.js';

/** The images and arrays that are named, each with its place on the command line. */
export async function readInputs(
  texts: readonly string[],
  page: number | undefined,
): Promise<Outcome<readonly RunInput[]>> {
  const inputs: RunInput[] = [];
  const diagnostics: Diagnostic[] = [];
  for (const [i, text] of texts.entries()) {
    const { name, file } = splitNamed(text);
    const source = flagSource('input', text, i + 1);
    const span = { source, start: text.length - file.length, end: text.length };
    const tensor = await readTensor(file, page);
    if (tensor.ok) inputs.push({ name, tensor: tensor.value, label: file, span });
    else diagnostics.push(...tensor.diagnostics);
  }
  return diagnostics.length === 0 ? { ok: true, value: inputs } : { ok: false, diagnostics };
}

async function readTensor(file: string, page: number | undefined): Promise<Outcome<Tensor>> {
  const read = readFile(file);
  if (!read.ok) return read;
  const [{ isNpy, readNpy }, { readImage }] = await Promise.all([
    import('../data/npy.js'),
    import('../data/image.js'),
  ]);
  if (isNpy(read.value)) {
    const array = readNpy(read.value);
    return array.ok ? array : inFile(file, array);
  }
  const pages = await readImage(read.value);
  if (!pages.ok) return inFile(file, pages);
  return page === undefined ? stackPages(file, pages.value) : onePage(file, pages.value, page);
}

function onePage(file: string, pages: readonly Tensor[], page: number): Outcome<Tensor> {
  const found = pages[page - 1];
  if (found !== undefined) return { ok: true, value: found };
  return wrongOption('page', String(page), `${file} has ${counted(pages.length, 'page')}`);
}

/** One page as it is, several as a batch. */
function stackPages(file: string, pages: readonly Tensor[]): Outcome<Tensor> {
  const [first] = pages;
  if (first !== undefined && pages.length === 1) return { ok: true, value: first };
  if (first === undefined || pages.some((p) => p.shape.join() !== first.shape.join())) {
    return {
      ok: false,
      diagnostics: [
        diagnostic('input-mismatch', `${file}: its ${pages.length} pages differ in size`, {
          hints: ['choose one: `--page 1`'],
        }),
      ],
    };
  }
  const data = new Float32Array(pages.length * first.data.length);
  pages.forEach((p, i) => data.set(p.data, i * first.data.length));
  return { ok: true, value: { shape: [pages.length, ...first.shape], data } };
}
