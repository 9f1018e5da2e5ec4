/** Sizes of a plan as numbers, for given values of its symbols. */
import type { Size } from './plan.js';

export type SymbolValues = Readonly<Record<string, number>>;

/** Throws where a symbol has no value. */
export function sizeOf(size: Size, symbols: SymbolValues): number {
  if (typeof size === 'number') return size;
  if (typeof size === 'string') {
    const value = symbols[size];
    if (value === undefined) throw new Error(`no value for ${size}`);
    return value;
  }
  const a = sizeOf(size[1], symbols);
  const b = sizeOf(size[2], symbols);
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
