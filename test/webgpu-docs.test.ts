/** docs/wgsl-plan.md against the code. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { PLAN_FORMAT, PLAN_VERSION } from '../src/webgpu/plan.js';
import { ROOT } from './helpers/cli.js';

const page = readFileSync(join(ROOT, 'docs/wgsl-plan.md'), 'utf8');

/** The fields of all interfaces and object types of plan.ts, and the texts that its types list. */
function namesOfPlan(): { fields: Set<string>; literals: Set<string> } {
  const path = join(ROOT, 'src/webgpu/plan.ts');
  const file = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.ES2022);
  const fields = new Set<string>();
  const literals = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isPropertySignature(node) && ts.isIdentifier(node.name)) fields.add(node.name.text);
    if (ts.isLiteralTypeNode(node) && ts.isStringLiteral(node.literal)) {
      literals.add(node.literal.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return { fields, literals };
}

describe('docs/wgsl-plan.md', () => {
  it('names every field and every word of the format', () => {
    const { fields, literals } = namesOfPlan();
    expect(fields.size).toBeGreaterThan(50);
    expect(literals).toContain('blocks');
    const quoted = new Set([...page.matchAll(/`([^`\n]+)`/g)].map(([, text]) => text));
    const missing = [...fields, ...literals].filter(
      (name) => !quoted.has(name) && !page.includes(`{"${name}"`),
    );
    expect(missing).toEqual([]);
  });

  it('is of this version', () => {
    expect(page).toContain(`\`${PLAN_FORMAT}\``);
    expect(page).toContain(`this page describes ${PLAN_VERSION}`);
  });
});
