/** Formats `.arch` text. */
import { hasErrors, type Diagnostic } from '../compiler/diagnostic.js';
import { parse } from '../compiler/parse.js';

export type Formatted =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/**
 * The text in archc's one style: the same program and the same comments, lines of at most 100
 * characters where they can be broken. A text with syntax errors is not touched: its diagnostics
 * come back. `path` is the name that they show.
 */
export async function format(text: string, path = 'input.arch'): Promise<Formatted> {
  const { diagnostics } = parse({ path, text });
  if (hasErrors(diagnostics)) return { ok: false, diagnostics };
  // Loaded here because most runs of the command line never format.
  const [prettier, { default: plugin }] = await Promise.all([
    import('prettier/standalone'),
    import('./plugin.js'),
  ]);
  return { ok: true, text: await prettier.format(text, { parser: 'arch', plugins: [plugin] }) };
}
