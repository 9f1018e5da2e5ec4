/** Sizes of a plan as numbers, for given values of its symbols. */
import { PlanError, meant } from './error.js';
import type { PlanSymbol, Size } from './plan.js';

export type SymbolValues = Readonly<Record<string, number>>;

/** A whole number, which may be below zero. */
export function sizeOf(size: Size, symbols: SymbolValues): number {
  const value = evaluate(size, symbols);
  if (Number.isSafeInteger(value)) return value;
  throw new PlanError('invalid-plan', `${JSON.stringify(size)} is ${value}: no whole number`);
}

/** A whole number from 0. */
export function countOf(size: Size, symbols: SymbolValues): number {
  const value = sizeOf(size, symbols);
  if (value >= 0) return value;
  throw new PlanError('invalid-plan', `${JSON.stringify(size)} is ${value}, below 0`);
}

function evaluate(size: Size, symbols: SymbolValues): number {
  if (typeof size === 'number') return size;
  if (typeof size === 'string') {
    const value = symbols[size];
    if (value === undefined) throw new PlanError('unknown-size', `no value for ${size}`);
    return value;
  }
  const a = evaluate(size[1], symbols);
  const b = evaluate(size[2], symbols);
  switch (size[0]) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '//':
      return Math.floor(a / b);
    case '%':
      return a - b * Math.floor(a / b);
    case 'min':
      return Math.min(a, b);
    case 'max':
      return Math.max(a, b);
  }
}

/** A value for each symbol: the given one, else its default. Checks the facts. */
export function symbolValues(symbols: readonly PlanSymbol[], given: SymbolValues): SymbolValues {
  const names = symbols.map(({ name }) => name);
  for (const name of Object.keys(given)) {
    if (names.includes(name)) continue;
    const known = names.length === 0 ? ': all its sizes are fixed' : meant(name, names);
    throw new PlanError('unknown-size', `the model has no size '${name}'${known}`);
  }
  return Object.fromEntries(
    symbols.map((symbol) => {
      const value = given[symbol.name] ?? symbol.default;
      if (value === undefined) {
        throw new PlanError('unknown-size', `size '${symbol.name}' has no default: give one`);
      }
      checkSymbol(symbol, value);
      return [symbol.name, value];
    }),
  );
}

function checkSymbol({ name, min, max, modulus, remainder }: PlanSymbol, value: number): void {
  const wrong = (why: string): PlanError =>
    new PlanError('wrong-size', `size ${name} = ${value}: ${why}`);
  if (!Number.isSafeInteger(value)) throw wrong('it must be a whole number');
  if (value < min || value > max) throw wrong(`it must be from ${min} to ${max}`);
  const excess = (value - remainder) % modulus;
  if (excess === 0) return;
  const below = value - (excess < 0 ? excess + modulus : excess);
  const near = [below, below + modulus].filter((each) => each >= min && each <= max);
  const form = remainder === 0 ? `a multiple of ${modulus}` : `${modulus} · n + ${remainder}`;
  const hint = near.length === 0 ? '' : `, as ${near.join(' or ')}`;
  throw wrong(`it must be ${form}${hint}`);
}

export function formatShape(shape: readonly Size[]): string {
  return `[${shape.map((size) => (Array.isArray(size) ? JSON.stringify(size) : String(size))).join(', ')}]`;
}
