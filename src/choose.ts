/** Which of a file's models a command works on. */
import { diagnostic, type Outcome } from './compiler/diagnostic.js';
import { didYouMean } from './compiler/names.js';

/**
 * The model `wanted`, else the only one of `names`, else the one named like the file: `sdunet.arch`
 * has `SDUNet`. Codes: `no-model`, `unknown-model`, `model-needed`.
 */
export function modelNamed(
  wanted: string | undefined,
  names: readonly string[],
  path: string,
): Outcome<string> {
  const fail = (
    code: 'no-model' | 'unknown-model' | 'model-needed',
    message: string,
    hints: readonly string[],
  ): Outcome<never> => ({ ok: false, diagnostics: [diagnostic(code, message, { hints })] });

  if (names.length === 0) return fail('no-model', `${path} declares no model`, []);
  const list = `its models are ${names.join(', ')}`;
  if (wanted !== undefined) {
    if (names.includes(wanted)) return { ok: true, value: wanted };
    const near = didYouMean(wanted, names);
    return fail('unknown-model', `${path} has no model \`${wanted}\``, [...near, list]);
  }
  const [only] = names;
  if (only !== undefined && names.length === 1) return { ok: true, value: only };
  const file = (path.split(/[/\\]/).at(-1) ?? '').replace(/\.[^.]*$/, '');
  const named = names.filter((name) => plain(name) === plain(file));
  const [same] = named;
  if (same !== undefined && named.length === 1) return { ok: true, value: same };
  return fail('model-needed', `${path} has ${names.length} models, and none is named like it`, [
    `${list}: choose one with \`--model\``,
  ]);
}

function plain(name: string): string {
  return name.toLowerCase().replace(/[-_]/g, '');
}
