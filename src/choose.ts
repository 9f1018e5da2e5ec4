/** Which of a file's models, or recipes, a command works on. */
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
  const found = wantedOrOnly('model', wanted, names, path);
  if (found !== undefined) return found;
  const file = (path.split(/[/\\]/).at(-1) ?? '').replace(/\.[^.]*$/, '');
  const named = names.filter((name) => plain(name) === plain(file));
  const [same] = named;
  if (same !== undefined && named.length === 1) return { ok: true, value: same };
  return needed('model', `${path} has ${names.length} models, and none is named like it`, names);
}

/** The recipe `wanted`, else the only one. Codes: `no-recipe`, `unknown-recipe`, `recipe-needed`. */
export function recipeNamed(
  wanted: string | undefined,
  names: readonly string[],
  path: string,
): Outcome<string> {
  const found = wantedOrOnly('recipe', wanted, names, path);
  return found ?? needed('recipe', `${path} has ${names.length} recipes`, names);
}

type What = 'model' | 'recipe';

function listOf(what: What, names: readonly string[]): string {
  return `its ${what}s are ${names.join(', ')}`;
}

/** Undefined where there are several and none is asked for. */
function wantedOrOnly(
  what: What,
  wanted: string | undefined,
  names: readonly string[],
  path: string,
): Outcome<string> | undefined {
  const [only] = names;
  if (only === undefined) {
    const hints = what === 'recipe' ? ['a recipe is `train name for Model { … }`'] : [];
    const problem = diagnostic(`no-${what}`, `${path} declares no ${what}`, { hints });
    return { ok: false, diagnostics: [problem] };
  }
  if (wanted === undefined) return names.length === 1 ? { ok: true, value: only } : undefined;
  if (names.includes(wanted)) return { ok: true, value: wanted };
  const problem = diagnostic(`unknown-${what}`, `${path} has no ${what} \`${wanted}\``, {
    hints: [...didYouMean(wanted, names), listOf(what, names)],
  });
  return { ok: false, diagnostics: [problem] };
}

function needed(what: What, message: string, names: readonly string[]): Outcome<never> {
  const hints = [`${listOf(what, names)}: choose one with \`--${what}\``];
  return { ok: false, diagnostics: [diagnostic(`${what}-needed`, message, { hints })] };
}

function plain(name: string): string {
  return name.toLowerCase().replace(/[-_]/g, '');
}
