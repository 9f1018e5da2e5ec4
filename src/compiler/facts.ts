/** `where`: what is known of the input's sizes. */
import type { Expression } from './ast.js';
import { diagnostic, type Diagnostic } from './diagnostic.js';
import { gcd, type SizeSymbol } from './shape.js';
import type { Span } from './source.js';

/** Larger divisors of an image size say nothing useful, and would make the search below slow. */
const MAX_MODULUS = 1_000_000;

/** A fact about one symbol or two, as the shape checker can use it. */
export type Fact =
  | {
      readonly kind: 'multiple';
      readonly name: string;
      readonly modulus: number;
      readonly remainder: number;
    }
  | { readonly kind: 'equal'; readonly name: string; readonly other: string }
  | { readonly kind: 'bounds'; readonly name: string; readonly min: number; readonly max: number };

/** Reads `H % 16 == 0`, `H == W`, `H >= 32`; undefined where the checker cannot use the form. */
export function readFact(
  fact: Expression,
  isSymbol: (name: string) => boolean,
  constant: (expression: Expression) => number | undefined,
): Fact | undefined {
  if (fact.kind !== 'binary') return undefined;
  const symbol = (e: Expression): string | undefined =>
    e.kind === 'name' && isSymbol(e.name) ? e.name : undefined;
  const { operator, left, right } = fact;
  if (operator === '==') {
    if (left.kind === 'binary' && left.operator === '%') {
      const name = symbol(left.left);
      const modulus = name === undefined ? undefined : constant(left.right);
      const remainder = modulus === undefined ? undefined : constant(right);
      if (name === undefined || modulus === undefined || remainder === undefined) return undefined;
      if (!Number.isInteger(modulus) || modulus < 1 || modulus > MAX_MODULUS) return undefined;
      if (!Number.isInteger(remainder) || remainder < 0 || remainder >= modulus) {
        return undefined;
      }
      return { kind: 'multiple', name, modulus, remainder };
    }
    const [name, other] = [symbol(left), symbol(right)];
    if (name !== undefined && other !== undefined) return { kind: 'equal', name, other };
  }
  const name = symbol(left) ?? symbol(right);
  if (name === undefined) return undefined;
  const flipped = symbol(left) === undefined;
  const bound = constant(flipped ? left : right);
  if (bound === undefined) return undefined;
  const flip: Readonly<Record<string, string>> = { '<': '>', '<=': '>=', '>': '<', '>=': '<=' };
  const direction = flipped ? (flip[operator] ?? operator) : operator;
  switch (direction) {
    case '>=':
      return { kind: 'bounds', name, min: Math.ceil(bound), max: Infinity };
    case '>':
      return { kind: 'bounds', name, min: Math.floor(bound) + 1, max: Infinity };
    case '<=':
      return { kind: 'bounds', name, min: 1, max: Math.floor(bound) };
    case '<':
      return { kind: 'bounds', name, min: 1, max: Math.ceil(bound) - 1 };
    case '==':
      return { kind: 'bounds', name, min: bound, max: bound };
    default:
      return undefined;
  }
}

/** The symbols with all that the facts say of them; equal symbols become one. */
export function applyFacts(
  names: readonly string[],
  facts: readonly { readonly fact: Fact; readonly span: Span }[],
): {
  readonly symbols: ReadonlyMap<string, SizeSymbol>;
  readonly diagnostics: readonly Diagnostic[];
} {
  const diagnostics: Diagnostic[] = [];
  const home = new Map<string, string>(names.map((n) => [n, n]));
  const homeOf = (name: string): string => {
    const next = home.get(name) ?? name;
    return next === name ? name : homeOf(next);
  };
  for (const { fact } of facts) {
    if (fact.kind === 'equal') home.set(homeOf(fact.other), homeOf(fact.name));
  }
  const known = new Map<string, SizeSymbol>();
  for (const name of names) {
    const symbol = { name: homeOf(name), modulus: 1, remainder: 0, min: 1, max: Infinity };
    known.set(homeOf(name), symbol);
  }
  for (const { fact, span } of facts) {
    if (fact.kind === 'equal') continue;
    const before = known.get(homeOf(fact.name));
    if (before === undefined) continue;
    const after =
      fact.kind === 'bounds'
        ? { ...before, min: Math.max(before.min, fact.min), max: Math.min(before.max, fact.max) }
        : withMultiple(before, fact.modulus, fact.remainder);
    if (after === undefined || leastSize(after) > after.max) {
      diagnostics.push(
        diagnostic('contradiction', `no ${fact.name} satisfies this and the facts before it`, {
          span,
        }),
      );
      continue;
    }
    known.set(before.name, after);
  }
  const symbols = new Map<string, SizeSymbol>();
  for (const name of names) {
    const symbol = known.get(homeOf(name));
    if (symbol === undefined) continue;
    symbols.set(name, { ...symbol, min: leastSize(symbol) });
  }
  return { symbols, diagnostics };
}

/** The smallest size from `min` on that leaves the remainder. */
function leastSize({ modulus, remainder, min }: SizeSymbol): number {
  return Math.ceil((min - remainder) / modulus) * modulus + remainder;
}

/** Chinese remainders, by search: moduli here are small. */
function withMultiple(
  symbol: SizeSymbol,
  modulus: number,
  remainder: number,
): SizeSymbol | undefined {
  const joint = (symbol.modulus / gcd(symbol.modulus, modulus)) * modulus;
  for (let r = symbol.remainder; r < joint; r += symbol.modulus) {
    if (r % modulus === remainder) return { ...symbol, modulus: joint, remainder: r };
  }
  return undefined;
}
