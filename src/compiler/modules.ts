/** Files and their imports: each loaded once, cycles found. */
import type { Declaration, File, Import } from './ast.js';
import type { Code } from './codes.js';
import { diagnostic, type Diagnostic } from './diagnostic.js';
import { nearest } from './names.js';
import { parse } from './parse.js';
import { artifactName, type Source, type Span } from './source.js';
import { STD_SOURCES } from './std-sources.js';

/** How the compiler reads files that are imported. It touches no file system itself. */
export interface Host {
  /** The text of a file by its path, as `Source.path` spells it. */
  readonly read: (path: string) => HostRead;
  /** Whether a path lies outside the project, which is worth a warning. */
  readonly isOutside?: (path: string) => boolean;
}

export type HostRead =
  | { readonly ok: true; readonly text: string }
  | {
      readonly ok: false;
      readonly code: Code;
      readonly message: string;
      readonly hints: readonly string[];
    };

/** A host without files: imports reach the standard library only. */
export const NO_FILES: Host = {
  read: (path) => ({
    ok: false,
    code: 'missing-file',
    message: `there is no file ${path} here`,
    hints: [],
  }),
};

export interface Module {
  readonly file: File;
  /** Top-level names: declarations of its own, and what its imports bring. */
  readonly names: ReadonlyMap<string, TopLevel>;
  readonly isStandard: boolean;
}

/** What a top-level name stands for. */
export type Target =
  | { readonly kind: 'declaration'; readonly declaration: Declaration; readonly module: Module }
  | { readonly kind: 'module'; readonly module: Module }
  /** An import that failed: anything may be behind it. */
  | { readonly kind: 'unknown' };

/** Whether a top-level name is that of a constant, or may be: of a failed import nothing is known. */
export function isConstant(module: Module, name: string): boolean {
  const target = module.names.get(name)?.target;
  if (target?.kind === 'declaration') return target.declaration.kind === 'const';
  return target?.kind === 'unknown';
}

interface TopLevel {
  readonly target: Target;
  /** Where this file declares or imports it. */
  readonly span: Span;
}

export interface Program {
  readonly entry: Module;
  /** In the order in which they were completed: imports first. */
  readonly modules: readonly Module[];
  readonly diagnostics: readonly Diagnostic[];
}

/** A file that is being loaded. */
interface Link {
  readonly path: string;
  readonly isStandard: boolean;
  /** The import that asks for the next. */
  by?: Span;
}

function keyOf(path: string, isStandard: boolean): string {
  return isStandard ? `standard library: ${path}` : path;
}

/** Loads a file and all that it imports. */
export function loadProgram(entry: Source, host: Host): Program {
  const diagnostics: Diagnostic[] = [];
  const loaded = new Map<string, Module>();
  /** The files being loaded, outermost first, with the import that asked for the next. */
  const chain: Link[] = [];

  const load = (source: Source, isStandard: boolean): Module => {
    const parsed = parse(source);
    diagnostics.push(...parsed.diagnostics);
    const names = new Map<string, TopLevel>();
    const module: Module = { file: parsed.tree, names, isStandard };
    // As an import of it would say.
    const path = stepsOf(source.path).join('/');
    loaded.set(keyOf(path, isStandard), module);
    const link: Link = { path, isStandard };
    chain.push(link);
    for (const item of parsed.tree.imports) {
      link.by = item.pathSpan;
      bindImport(item, follow(source, isStandard, item), names, diagnostics);
    }
    chain.pop();
    for (const declaration of parsed.tree.declarations) {
      bindName(names, declaration.name.text, declaration.name.span, diagnostics, {
        kind: 'declaration',
        declaration,
        module,
      });
    }
    return module;
  };

  const follow = (importer: Source, inStandard: boolean, item: Import): Module | undefined => {
    const target = resolvePath(importer.path, item.path);
    if (target === undefined) {
      diagnostics.push(
        diagnostic('import-path', `\`${item.path}\` is no path that can be imported`, {
          span: item.pathSpan,
          hints: [`start with \`./\` or \`../\`, as in \`"./${item.path.replace(/^\/+/, '')}"\``],
        }),
      );
      return undefined;
    }
    // A project may have a folder `std` of its own.
    const standard = item.path.startsWith('std/') || inStandard;
    const cycle = chain.findIndex((l) => l.path === target && l.isStandard === standard);
    if (cycle !== -1) {
      const files = [...chain.slice(cycle).map((link) => link.path), target];
      diagnostics.push(
        diagnostic('import-cycle', `these files import each other: ${files.join(' → ')}`, {
          span: item.pathSpan,
          labels: chain
            .slice(cycle, -1)
            .flatMap(({ path, by }) =>
              by === undefined ? [] : [{ span: by, message: `${path} imports the next` }],
            ),
          hints: ['move what both need into a third file'],
        }),
      );
      return undefined;
    }
    const known = loaded.get(keyOf(target, standard));
    if (known !== undefined) return known;
    const found = standard ? readStandard(target) : host.read(target);
    if (!found.ok) {
      diagnostics.push(
        diagnostic(found.code, found.message, { span: item.pathSpan, hints: found.hints }),
      );
      return undefined;
    }
    // Once for all that lies behind it: what a file outside imports is not this project's to move.
    const isCrossing = host.isOutside?.(target) === true && !host.isOutside(importer.path);
    if (!standard && isCrossing) {
      diagnostics.push(
        diagnostic('import-outside', `${target} lies outside the project`, {
          span: item.pathSpan,
          hints: ['a copy of the project alone will not compile; move the file inside'],
        }),
      );
    }
    // From names alone: the path of the program's own file may not show in how imports leave its folder.
    const name = resolvePath(artifactName(importer), item.path) ?? target;
    return load({ path: target, text: found.text, name }, standard);
  };

  const module = load(entry, false);
  return { entry: module, modules: [...loaded.values()], diagnostics };
}

function readStandard(path: string): HostRead {
  const text = STD_SOURCES.get(path);
  if (text !== undefined) return { ok: true, text };
  const names = [...STD_SOURCES.keys()];
  const near = nearest(path, names);
  return {
    ok: false,
    code: 'missing-file',
    message: `the standard library has no ${path}`,
    hints: [near === undefined ? `it has ${names.join(', ')}` : `did you mean \`"${near}"\`?`],
  };
}

function bindImport(
  item: Import,
  module: Module | undefined,
  names: Map<string, TopLevel>,
  diagnostics: Diagnostic[],
): void {
  if (item.module !== undefined) {
    const { text, span } = item.module;
    const target: Target = module === undefined ? { kind: 'unknown' } : { kind: 'module', module };
    bindName(names, text, span, diagnostics, target);
  }
  for (const { name, local } of item.names) {
    const target = module?.names.get(name.text)?.target;
    if (module !== undefined && target === undefined && !module.file.incomplete) {
      const own = module.file.declarations.map((d) => d.name.text);
      const near = nearest(name.text, own);
      const isRecipe = module.file.recipes.some((r) => r.name.text === name.text);
      diagnostics.push(
        diagnostic('unknown-import', `${module.file.source.path} has no \`${name.text}\``, {
          span: name.span,
          hints: [
            isRecipe
              ? 'that is a recipe, which is not imported: name its file where it is to be run'
              : near !== undefined
                ? `did you mean \`${near}\`?`
                : own.length > 0
                  ? `it has ${own.slice(0, 12).join(', ')}`
                  : 'it declares nothing',
          ],
        }),
      );
    }
    bindName(names, local.text, local.span, diagnostics, target ?? { kind: 'unknown' });
  }
}

function bindName(
  names: Map<string, TopLevel>,
  name: string,
  span: Span,
  diagnostics: Diagnostic[],
  target: Target,
): void {
  const first = names.get(name);
  if (first === undefined) {
    names.set(name, { target, span });
    return;
  }
  diagnostics.push(
    diagnostic('duplicate-name', `\`${name}\` is declared twice`, {
      span,
      labels: [{ span: first.span, message: 'first declared here' }],
      hints: ['give one of them another name, or import it with `as`'],
    }),
  );
}

/** `./lib/a.arch` is `lib/a.arch`: a `.` is no folder that `..` could leave. */
function stepsOf(path: string): string[] {
  return path.split(/[/\\]/).filter((step) => step !== '.');
}

/** The path of an import, relative to where the importer's path is relative to. */
function resolvePath(importer: string, path: string): string | undefined {
  if (path.startsWith('std/')) return path;
  if (!path.startsWith('./') && !path.startsWith('../')) return undefined;
  const steps = stepsOf(importer).slice(0, -1);
  for (const step of path.split('/')) {
    if (step === '.' || step === '') continue;
    const last = steps.at(-1);
    if (step === '..' && last !== undefined && last !== '..' && last !== '') steps.pop();
    else steps.push(step);
  }
  return steps.join('/');
}
