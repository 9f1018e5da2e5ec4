/** Graphs of programs, for tests of what a backend makes of whole models. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { check, chooseSizes } from '../../src/compiler/check.js';
import type { Graph } from '../../src/compiler/ir.js';
import type { Host } from '../../src/compiler/modules.js';
import { parseExpression } from '../../src/compiler/parse.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

const host: Host = {
  read: (path) => ({ ok: true, text: readFileSync(root + path, 'utf8') }),
};

export interface ProgramModel {
  /** With its symbols. */
  readonly graph: Graph;
  /** With numbers in their place. */
  readonly at: (sizes?: Readonly<Record<string, number>>) => Graph;
}

/** A model of a program; `set` as `--set` has it. Fails on any error. */
export function modelOf(
  text: string,
  options: { model?: string; set?: Readonly<Record<string, string>>; path?: string } = {},
): ProgramModel {
  const overrides = Object.entries(options.set ?? {}).map(([name, written]) => {
    const source = { path: '--set', text: written };
    const { tree } = parseExpression(source);
    if (tree === undefined) throw new Error(`cannot read ${written}`);
    return { name, nameSpan: { source, start: 0, end: 0 }, value: tree };
  });
  const source = { path: options.path ?? 'models/test.arch', text };
  const checked = check(source, host, { model: options.model, overrides });
  const [model] = checked.models;
  if (model?.graph === undefined || !checked.valid) {
    throw new Error(checked.diagnostics.map((d) => d.message).join('\n') || 'no model');
  }
  const { graph } = model;
  return {
    graph,
    at(sizes = {}) {
      const sized = chooseSizes(model, { named: new Map(Object.entries(sizes)) });
      if (sized.graph === undefined) throw new Error(sized.diagnostics.map(String).join('\n'));
      return sized.graph;
    },
  };
}

/** A model of a file of the repository. */
export function modelOfFile(
  path: string,
  options: { model?: string; set?: Readonly<Record<string, string>> } = {},
): ProgramModel {
  return modelOf(readFileSync(root + path, 'utf8'), { ...options, path });
}
