/** Compile-time values that are plain data: what an operator's parameters are made from. */
import { formatDim, type Dim } from './shape.js';

export type Constant =
  | { readonly type: 'int'; readonly value: Dim }
  | { readonly type: 'float'; readonly value: number }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'list'; readonly items: readonly Constant[] }
  | { readonly type: 'none' };

/** A constant as the user would write it. */
export function formatConstant(c: Constant): string {
  switch (c.type) {
    case 'int':
      return formatDim(c.value);
    case 'float':
      return Number.isInteger(c.value) ? c.value.toFixed(1) : String(c.value);
    case 'bool':
      return String(c.value);
    case 'string':
      return JSON.stringify(c.value);
    case 'list':
      return `[${c.items.map(formatConstant).join(', ')}]`;
    case 'none':
      return 'none';
  }
}

/** An integer with its digits grouped, as papers print it: `31,031,685`. Loads no locale data. */
export function groupDigits(value: number | bigint): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}
