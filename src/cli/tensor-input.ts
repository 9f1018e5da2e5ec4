/** Images and arrays as they flow into a model. */
import { inFile } from '../compile.js';
import { diagnostic, type Diagnostic, type Outcome } from '../compiler/diagnostic.js';
import type { Tensor } from '../compiler/ir.js';
import type { RunInput } from '../run.js';
import { flagSource } from './exit.js';
import { readBytes } from './input.js';
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
  const read = readBytes(file);
  if (!read.ok) {
    const { code, message, hints } = read;
    return { ok: false, diagnostics: [diagnostic(code, message, { hints })] };
  }
  const [{ isNpy, readNpy }, { readImage }] = await Promise.all([
    import('../data/npy.js'),
    import('../data/image.js'),
  ]);
  if (isNpy(read.bytes)) {
    const array = readNpy(read.bytes);
    return array.ok ? array : { ok: false, diagnostics: inFile(file, array.diagnostics) };
  }
  const pages = await readImage(read.bytes);
  if (!pages.ok) return { ok: false, diagnostics: inFile(file, pages.diagnostics) };
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
