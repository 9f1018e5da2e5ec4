/** Instance paths: where each node and weight stands in the expansion of blocks, and its name. */
import type { BlockInfo, Origin, Scope, Value, Weight } from './ir.js';
import type { WeightSpec } from './ops/operator.js';
import type { Span } from './source.js';

/** A scope while the model is being expanded: siblings get their numbers when all are known. */
export interface OpenScope extends Scope {
  readonly parent: OpenScope | undefined;
  readonly children: OpenScope[];
  /** Under this scope weights are named as if it stood there: the home of a `shared` block. */
  readonly weightHome: OpenScope | undefined;
  /** Nodes at or below here; scopes without any take no number. */
  occupied: boolean;
  /** The name, numbered among siblings of the same name; see `labelScopes`. */
  label: string;
  /** `e2.sdblock.sepconv_1.dwconv`, once labelled. */
  path: string;
}

/** The weights of a `shared` block: made by its first use, taken by the later ones in order. */
export interface SharedRecord {
  readonly name: string;
  readonly span: Span;
  readonly home: OpenScope;
  /** Makes or finds a weight where the block is declared: in a `shared` block, one of its. */
  readonly own: (spec: WeightSpec, scope: OpenScope, span: Span) => Value;
  readonly weights: { readonly value: Value; readonly weight: Weight }[];
  used: boolean;
}

export function rootScope(span: Span): OpenScope {
  return {
    parent: undefined,
    name: '',
    block: undefined,
    span,
    children: [],
    weightHome: undefined,
    occupied: true,
    label: '',
    path: '',
  };
}

export function childScope(
  parent: OpenScope,
  name: string,
  span: Span,
  block?: BlockInfo,
  weightHome?: OpenScope,
  doc?: string,
): OpenScope {
  const scope: OpenScope = {
    parent,
    name,
    block,
    ...(doc === undefined || doc === '' ? {} : { doc }),
    span,
    children: [],
    weightHome,
    occupied: false,
    label: name,
    path: '',
  };
  parent.children.push(scope);
  return scope;
}

/** Forgets a scope under which nothing came to stand. */
export function dropIfEmpty(scope: OpenScope): void {
  const siblings = scope.parent?.children;
  if (!scope.occupied && siblings?.at(-1) === scope) siblings.pop();
}

/** Marks that a node or weight stands at this scope. */
export function occupy(scope: OpenScope): void {
  for (let s: OpenScope | undefined = scope; s !== undefined && !s.occupied; s = s.parent) {
    s.occupied = true;
  }
}

/**
 * Numbers siblings of one name `name_1`, `name_2`, … and leaves an only one bare, in the whole tree;
 * with its label every scope has its path.
 */
function labelScopes(root: OpenScope): void {
  const open = [root];
  for (let scope = open.pop(); scope !== undefined; scope = open.pop()) {
    labelChildren(scope);
    for (const child of scope.children) {
      child.path = scope.path === '' ? child.label : `${scope.path}.${child.label}`;
      open.push(child);
    }
  }
}

function labelChildren(scope: OpenScope): void {
  const occupied = scope.children.filter((c) => c.occupied);
  if (occupied.length < 2) return;
  const usedHere = new Set(occupied.map((c) => c.weightHome));
  numberNamesakes(occupied.filter((c) => !usedHere.has(c)));
  for (const home of occupied) if (usedHere.has(home)) labelHome(home, occupied);
}

/** The home of a `shared` block has its name, beside its uses: with an only use, the very same. */
function labelHome(home: OpenScope, siblings: readonly OpenScope[]): void {
  const isUse = (c: OpenScope): boolean => c.weightHome === home;
  const isAlone = !siblings.some((c) => c !== home && c.name === home.name && !isUse(c));
  if (!isAlone) home.label = siblings.find(isUse)?.label ?? home.label;
}

function numberNamesakes(children: readonly OpenScope[]): void {
  const counts = new Map<string, number>();
  for (const { name } of children) counts.set(name, (counts.get(name) ?? 0) + 1);
  if (counts.size === children.length) return;
  const next = new Map<string, number>();
  for (const child of children) {
    if (counts.get(child.name) === 1) continue;
    let number = next.get(child.name) ?? 1;
    // A binding may be called `x_1` itself.
    while (counts.has(`${child.name}_${number}`)) number++;
    child.label = `${child.name}_${number}`;
    next.set(child.name, number + 1);
  }
}

/** The path for weights, once labelled: that of `shared` blocks leads through their homes. */
function weightPath(scope: OpenScope): string {
  if (!isInShared(scope)) return scope.path;
  const steps: string[] = [];
  for (let s = scope; s.parent !== undefined; s = s.weightHome ?? s.parent) {
    if (s.weightHome === undefined) steps.push(s.label);
  }
  return steps.reverse().join('.');
}

function isInShared(scope: OpenScope): boolean {
  for (let s: OpenScope | undefined = scope; s !== undefined; s = s.parent) {
    if (s.weightHome !== undefined) return true;
  }
  return false;
}

/** Origins and weights get their names when the expansion is complete. */
export interface PendingNames {
  readonly origins: {
    readonly origin: { -readonly [K in keyof Origin]: Origin[K] };
    readonly scope: OpenScope;
  }[];
  readonly weights: {
    readonly weight: { -readonly [K in keyof Weight]: Weight[K] };
    readonly slot: string;
    readonly scope: OpenScope;
  }[];
}

export function settleNames(root: OpenScope, pending: PendingNames): void {
  labelScopes(root);
  for (const { origin, scope } of pending.origins) origin.path = scope.path;
  for (const { weight, slot, scope } of pending.weights) {
    weight.name = `${weightPath(scope)}.${slot}`;
  }
}
